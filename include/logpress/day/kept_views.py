"""A table's view in the lake's catalog, with all columns: made on demand, and kept as contracts change."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from logpress.contract.columns import Lookup
from logpress.contract.model import Contract
from logpress.engine.part.opened_part import OpenedPart
from logpress.engine.registers.stored_columns import DAY, EXTRA, RAW, stored_columns
from logpress.errors import LogpressError, UsageError
from logpress.lake import Lake
from logpress.lake.catalog import open_catalog
from logpress.lake.catalog_views import KeptView, catalog_views, no_views, noted_view, put_view
from logpress.views.make import catalog_source, make_view
from logpress.views.periods import Period, contracts_of, is_noted, noted, periods_of
from logpress.views.view import Plan

log = logging.getLogger(__name__)

TRINO_CATALOG = "lake"
"""What Trino calls the catalog, as docs/reading.md sets it up: a view for Trino names it."""

Call = Callable[..., Any]
"""Calls a function with arguments, here or in another process."""

PressedWith = Callable[[], Contract | None]
"""Gives the contract of a day; None if it has no rows."""


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


def view_name(table: str) -> str:
    """What the view of a table is called, in a catalog as elsewhere."""
    return f"{table}_all"


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


@contextlib.contextmanager
def kept_view(lake: Lake, table: str, day: date, pressed_with: PressedWith, call: Call | None = None) -> Iterator[None]:
    """Publish a day within this, and a kept view follows its contract.

    Of a new day the view knows before it is there, of another day once that is replaced: until then the old formulas
    are the right ones.

    Args:
        lake: the lake.
        table: the table.
        day: the UTC day.
        pressed_with: gives the contract that the day is pressed with; only called if a view is kept.
        call: makes calls that need the catalog; in this process if None.
    """
    is_there = day in lake.days(table)
    if not is_there:
        follow_contract(lake, table, day, pressed_with, call)
    yield
    if is_there:
        follow_contract(lake, table, day, pressed_with, call)


def follow_contract(lake: Lake, table: str, day: date, pressed_with: PressedWith, call: Call | None = None) -> None:
    """Make a kept view know of which contract a day is, or is about to be; does nothing where no view is kept.

    A view that cannot be kept is no reason not to publish: that is told as a warning. For the arguments see
    `kept_view`.
    """
    call = call or (lambda function, *args: function(*args))
    name = view_name(table)
    try:
        before = call(noted_view, lake, name)
        contract = pressed_with() if before else None
        if contract is None or is_noted(before["periods"], day, contract):
            return
        others = [(other, known) for other, known in contracts_of(lake, table) if other != day]
        periods = periods_of(sorted([*others, (day, contract)], key=lambda found: found[0]))
        dialects = tuple(before["dialects"].split(","))
        call(put_view, lake, _view(lake, table, tuple(before["namespace"].split(".")), dialects, periods, before))
        log.info("%s: the view %s follows the contract of %s %s", lake.uri, name, table, day)
    except (LogpressError, KeyError) as error:
        log.warning(
            "%s: the view %s in the catalog cannot follow the contract of %s %s (%s); run `logpress lake views %s "
            "--lake %s`", lake.uri, name, table, day, error, table, lake.uri,
        )  # fmt: skip


def _view(
    lake: Lake,
    table: str,
    namespace: tuple[str, ...],
    dialects: tuple[str, ...],
    periods: tuple[Period, ...],
    settings: dict[str, str],
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
    from logpress.lake.schema import iceberg_schema  # imports pyiceberg, which a process that presses need not

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


def contract_of_part(path: str) -> Contract:
    """The contract that a part was pressed with.

    Raises:
        PartError: if it is gone or damaged.
    """
    return OpenedPart.open(path).metadata.contract


def published_contract(lake: Lake, table: str, day: date) -> Contract | None:
    """The contract that a published day was pressed with: that of its first part; None if it has no rows.

    Raises:
        LakeError: if the lake cannot be read.
        PartError: if the part is gone or damaged.
    """
    manifest = lake.read_day(table, day)
    parts = lake.files(manifest)[0] if manifest is not None else []
    return contract_of_part(parts[0]) if parts else None
