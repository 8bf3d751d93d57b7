"""`logpress view`: SQL, or Python for Polars, of a table with its virtual columns, for engines that read the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from logpress.cli.options import contract_of, no_secret
from logpress.errors import UsageError

if TYPE_CHECKING:
    from logpress.lake import Lake
    from logpress.views.periods import Period
    from logpress.views.view import Source

EPILOG = """Examples:

  logpress view sdk_log --dialect duckdb --lake lake | duckdb logs.db

  logpress view sdk_log --dialect trino --lake s3://bucket/lake --from lake.logpress.sdk_log

  logpress view sdk_log --dialect spark --contract sdk_log --columns request_end_at,ingested_at

Without --columns a view has all columns. Each lookup column costs two joins with a small table, in many engines even
for queries that do not use the column.
"""

Dialect = Annotated[
    str, typer.Option("--dialect", metavar="NAME", help="spark, trino, athena, duckdb, clickhouse or polars.")
]
OptionalLake = Annotated[
    str | None,
    typer.Option(
        "--lake",
        metavar="URI",
        envvar="LOGPRESS_LAKE",
        callback=no_secret,
        help="The lake, which knows the contract of each day; duckdb, clickhouse and polars read its files.",
    ),
]
OfContract = Annotated[
    str | None,
    typer.Option(
        "--contract",
        metavar="NAME",
        help="A contract's name or YAML file: of the days to come, or, without --lake, of all days.",
    ),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="NAME", help="What the engine calls the table; by default as the documentation sets it up."
    ),
]
Called = Annotated[str | None, typer.Option("--name", metavar="NAME", help="The view's name; TABLE_all by default.")]
Columns = Annotated[
    str | None, typer.Option("--columns", metavar="A,B,...", help="The contract's columns that the view has; all.")
]
Query = Annotated[bool, typer.Option("--query", help="Only the query, without CREATE VIEW.")]

Lookups = Annotated[
    bool,
    typer.Option(
        "--make-lookups",
        help="Make lookups of days of --lake that have none, because an older logpress published them.",
    ),
]


def view(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table.")],
    dialect: Dialect,
    lake: OptionalLake = None,
    contract: OfContract = None,
    from_: From = None,
    name: Called = None,
    columns: Columns = None,
    query: Query = False,
    make_lookups: Lookups = False,
) -> None:
    """Print the SQL of a view that has a table's virtual columns too; for Polars, Python that makes a lazy frame."""
    from logpress.lake import Lake
    from logpress.views.dialects import DIALECTS
    from logpress.views.make import make_view

    if dialect not in DIALECTS:
        raise UsageError(f"--dialect {dialect!r}: there are {', '.join(DIALECTS)}")
    opened = Lake.open(lake) if lake is not None else None
    periods = _periods(table, opened, contract)
    if make_lookups:
        _make_lookups(periods[-1].contract.table, opened)
    source = _source(periods[-1].contract.table, dialect, opened, from_)
    wanted = None if columns is None else [column.strip() for column in columns.split(",")]
    named = name or f"{periods[-1].contract.table}_all"
    print(make_view(periods, dialect, source, named, columns=wanted, is_query=query), end="")


def _periods(table: str, lake: Lake | None, contract: str | None) -> tuple[Period, ...]:
    from logpress.views.periods import contracts_of, periods_of

    to_come = contract_of(contract) if contract is not None else None
    if lake is None:
        return periods_of([], to_come or contract_of(table))
    days = contracts_of(lake, to_come.table if to_come is not None else table)
    if not days and to_come is None:
        raise UsageError(f"{lake.uri}: {table} has no published rows, so its columns are unknown; give --contract")
    return periods_of(days, to_come)


def _make_lookups(table: str, lake: Lake | None) -> None:
    from logpress.day.lookups import keep_all_lookups

    if lake is None:
        raise UsageError("--make-lookups: lookups are made in a lake; give --lake")
    keep_all_lookups(lake, table)


def _source(table: str, dialect: str, lake: Lake | None, called: str | None) -> Source:
    from logpress.views.make import catalog_source, folder_source, reads_files

    if not reads_files(dialect):
        return catalog_source(table, dialect, called)
    if lake is None:
        raise UsageError(f"--dialect {dialect} reads the files of a lake; give --lake")
    if called is not None:
        raise UsageError(f"--from: --dialect {dialect} reads the files of --lake, not a table of a catalog")
    return folder_source(lake.parts_glob(table), lake.lookups_glob(table), dialect)
