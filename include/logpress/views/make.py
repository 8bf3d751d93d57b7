"""Views as text: for a dialect, over a table of a catalog or the folder of a lake."""

from __future__ import annotations

from collections.abc import Sequence

from logpress.errors import UsageError
from logpress.lake.lookups import lookups_table
from logpress.views.dialects import DIALECTS, SQL, Sql
from logpress.views.periods import Period
from logpress.views.polars_code import code
from logpress.views.view import Plan, Source, select

CATALOG_TABLES = {"spark": "logpress.logpress.{}", "trino": "lake.logpress.{}", "athena": "logpress.{}"}
"""What engines call a table, where nothing else is said: as docs/reading.md sets their catalogs up."""


def reads_files(dialect: str) -> bool:
    """Whether a dialect reads the files of a lake, not its catalog."""
    return dialect not in CATALOG_TABLES


def catalog_source(table: str, dialect: str, called: str | None = None) -> Source:
    """A table of the catalog.

    Args:
        table: its name.
        dialect: whose.
        called: what the engine calls it; as `CATALOG_TABLES` has it if None.
    """
    name = called or CATALOG_TABLES[dialect].format(table)
    return Source(name, lookups_table(name))


def folder_source(parts: str, lookups: str, dialect: str) -> Source:
    """The files of a lake.

    Args:
        parts: glob of the parts.
        lookups: glob of the lookups.
        dialect: whose.
    """
    if dialect == "polars":
        return Source(parts, lookups)
    quoted = [SQL[dialect].text(glob) for glob in (parts, lookups)]
    if dialect == "duckdb":
        same = "union_by_name = true, hive_partitioning = false"
        rows = f"read_parquet({quoted[0]}, {same}, filename = '#path', file_row_number = true)"
        return Source(rows, f"read_parquet({quoted[1]}, {same})")
    function = "file" if "://" not in parts else parts.partition("://")[0]
    return Source(*(f"{function}({glob}, 'Parquet')" for glob in quoted))


def make_view(
    periods: Sequence[Period],
    dialect: str,
    source: Source,
    name: str,
    *,
    columns: Sequence[str] | None = None,
    is_query: bool = False,
) -> str:
    """A view, as text that ends with a line break.

    Args:
        periods: of the table's contracts.
        dialect: one of `DIALECTS`.
        source: where the rows come from.
        name: of the view; of the variable for Polars.
        columns: of the contract, that it has; all if None.
        is_query: whether to give the query alone.

    Raises:
        UsageError: if there is no such dialect or column.
    """
    if dialect not in DIALECTS:
        raise UsageError(f"{dialect!r} is no dialect; there are {', '.join(DIALECTS)}")
    known = periods[-1].contract.by_name
    for column in columns or ():
        if column not in known:
            raise UsageError(f"{periods[-1].contract.table} has no column {column!r}; it has {', '.join(known)}")
    plan = Plan(periods, columns)
    if dialect == "polars":
        return code(plan, source, name)
    sql: Sql = SQL[dialect]
    query = select(plan, sql, source)
    return plan.comments("--") + (query if is_query else sql.create(name, query)) + "\n"
