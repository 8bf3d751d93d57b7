"""The view of a table that the lake's catalog keeps: its columns, its query in each dialect, what is noted of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from logpress.contract.columns import Lookup
from logpress.contract.model import Contract
from logpress.engine.registers.stored_columns import DAY, EXTRA, RAW, stored_columns
from logpress.errors import UsageError
from logpress.lake import Lake
from logpress.lake.catalog import open_catalog
from logpress.lake.catalog_views import KeptView, catalog_views, no_views, put_view, view_name
from logpress.lake.schema import iceberg_schema
from logpress.views.make import catalog_source, make_view
from logpress.views.periods import Period, contracts_of, is_noted, noted, periods_of
from logpress.views.view import Plan

TRINO_CATALOG = "lake"
"""What Trino calls the catalog, as docs/reading.md sets it up: a view for Trino names it."""


@dataclass(frozen=True)
class MadeView:
    """What was done.

    Attributes:
        name: the view's.
        dialects: for which the catalog has its query.
        columns: names of its columns.
        is_changed: whether it was made or changed now.
    """

    name: str
    dialects: tuple[str, ...]
    columns: tuple[str, ...]
    is_changed: bool


def keep_view(
    lake: Lake,
    table: str,
    *,
    to_come: Contract | None = None,
    columns: Sequence[str] | None = None,
    trino_catalog: str | None = None,
) -> MadeView:
    """Make a table's view in the lake's catalog, or make it what it should be.

    Args:
        lake: the lake.
        table: the table.
        to_come: the contract of days to come; that of the last published day if None.
        columns: the contract's columns that it has; if None, as the view has them now, or all.
        trino_catalog: what Trino calls the catalog; if None, as the view has it now, or `TRINO_CATALOG`.

    Raises:
        UsageError: if the catalog keeps no views, a column is unknown, or no day is published and no contract given.
        LakeError: if the lake or its catalog refuses.
    """
    name = view_name(table)
    with open_catalog(lake) as catalog:
        views = catalog_views(catalog)
        if views is None:
            raise no_views(catalog)
        dialects, before = views.dialects, views.notes(name)
        namespace = catalog.identifier("")[:-1]
    days = contracts_of(lake, table)
    if not days and to_come is None:
        raise UsageError(f"{lake.uri}: {table} has no published rows, so its columns are unknown; give --contract")
    settings = dict(before or {})
    if columns is not None:
        settings["columns"] = ",".join(columns)
    if trino_catalog is not None:
        settings["trino-catalog"] = trino_catalog
    view = _view(lake, table, namespace, dialects, periods_of(days, to_come), settings)
    is_changed = before != view.notes
    if is_changed:
        put_view(lake, view)
    return MadeView(name, dialects, tuple(name for name, _ in view.columns), is_changed)


def changed_view(lake: Lake, table: str, notes: Mapping[str, str], day: date, contract: Contract) -> KeptView | None:
    """The view that is right once a day is of a contract; None if the present one is.

    Args:
        lake: the lake.
        table: the table.
        notes: what logpress has noted of the present view.
        day: the UTC day.
        contract: its contract.

    Raises:
        LakeError: if the lake cannot be read.
        PartError: if a part of another day is gone or damaged.
        KeyError: if the notes are not whole.
    """
    if is_noted(notes["periods"], day, contract):
        return None
    others = [(other, known) for other, known in contracts_of(lake, table) if other != day]
    periods = periods_of(sorted([*others, (day, contract)], key=lambda found: found[0]))
    return _view(lake, table, tuple(notes["namespace"].split(".")), tuple(notes["dialects"].split(",")), periods, notes)


def _view(
    lake: Lake,
    table: str,
    namespace: tuple[str, ...],
    dialects: tuple[str, ...],
    periods: tuple[Period, ...],
    settings: Mapping[str, str],
) -> KeptView:
    wanted = [name for name in settings.get("columns", "").split(",") if name] or None
    trino_catalog = settings.get("trino-catalog", TRINO_CATALOG)
    within = ".".join(namespace)
    called = {
        "spark": table,  # found in the view's own catalog and namespace
        "trino": f'{trino_catalog}."{within}".{table}',
        "athena": f'"{within}".{table}',
    }
    name = view_name(table)
    sql = {
        dialect: make_view(
            periods, dialect, catalog_source(table, dialect, called[dialect]), name, columns=wanted, is_query=True
        )
        for dialect in dialects
    }
    notes = {
        "lake": lake.uri,
        "columns": ",".join(wanted or ()),
        "trino-catalog": trino_catalog,
        "namespace": within,
        "dialects": ",".join(dialects),
        "periods": noted(periods),
        "query": hashlib.sha256(json.dumps(sql, sort_keys=True).encode()).hexdigest(),
    }
    return KeptView(name, _columns(Plan(periods, wanted), periods), sql, notes)


def _columns(plan: Plan, periods: Sequence[Period]) -> tuple[tuple[str, str], ...]:
    """Names and types of a view's columns: stored ones as the table has them, virtual ones by their codec."""
    stored = iceberg_schema([_stored_schema(period.contract) for period in periods], {})
    types = {field.name: str(field.field_type) for field in stored.fields}
    for column in plan.columns:
        if plan.is_computed(column):
            types[column.name] = "timestamptz"
        elif plan.is_lookup(column) or isinstance(column, Lookup):
            types[column.name] = "string"
    return tuple((name, types[name]) for name in (DAY, *(column.name for column in plan.columns), EXTRA, RAW))


def _stored_schema(contract: Contract) -> pa.Schema:
    return pa.schema([pa.field(column.name, column.type) for column in stored_columns(contract)])
