"""The index of a lake: what is known of all days of its tables, in a read a table; what it lacks is read as it is.

Each table of the index has one small Parquet file a log table, which notes of every day the stamps of the manifest and
the attempts that it tells of. So what is out of date is known from a list of names, whoever was killed before the index
followed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from logpress.errors import LakeError
from logpress.lake.attempts import attempt_runs
from logpress.lake.index_build import RowsOfDay, rows_of_day, unreadable_day
from logpress.lake.index_rows import CHECKS, DAYS, SCHEMAS, SIZES, CheckRow, DayRow, SizeRow
from logpress.lake.lake import Lake
from logpress.lake.layout import day_of_manifest
from logpress.lake.storage import lake_errors

Stamps = Mapping[date, str]
"""What tells, of each day, whether its manifest or an attempt has changed."""

VERSION = 1
"""Of rows and stamps; a file of another one counts as missing."""

_KEY = b"logpress.index"
_AT_ONCE = 8
"""Manifests that are read at a time; each takes a round trip to an object store."""


class Index:
    """The index of some tables of a lake, read as its parts are asked for.

    Attributes:
        tables: the log tables.
        notes: what was not read from the index, and why; a sentence each.
    """

    def __init__(self, lake: Lake, tables: Sequence[str]) -> None:
        self.tables = tuple(tables)
        self.notes: list[str] = []
        self._lake = lake
        self._states = {table: _TableState(lake, table) for table in tables}
        for state in self._states.values():
            if state.anew:
                self.notes.append(state.note())

    @cached_property
    def days(self) -> tuple[DayRow, ...]:
        """The days that are published or were refused, by table and day."""
        return tuple(DayRow._make(row) for row in self._read(DAYS))

    @cached_property
    def checks(self) -> tuple[CheckRow, ...]:
        """Their checks, by table, day and position."""
        return tuple(CheckRow._make(row) for row in self._read(CHECKS))

    @cached_property
    def sizes(self) -> tuple[SizeRow, ...]:
        """The columns of the published days, by table and day, the largest first."""
        return tuple(SizeRow._make(row) for row in self._read(SIZES))

    def checks_of(self, table: str, day: date) -> tuple[CheckRow, ...]:
        """The checks of one day."""
        return tuple(row for row in self.checks if row.day == day and row.log_table == table)

    def sizes_of(self, table: str, day: date) -> tuple[SizeRow, ...]:
        """The columns of one day."""
        return tuple(row for row in self.sizes if row.day == day and row.log_table == table)

    def _read(self, name: str) -> Iterable[Sequence[Any]]:
        for state in self._states.values():
            found = state.table(name)
            yield from zip(*(column.to_pylist() for column in found.columns), strict=True)


class _TableState:
    """A log table: what the index has of it, and what had to be read besides."""

    def __init__(self, lake: Lake, table: str) -> None:
        self._lake, self._table = lake, table
        self._stamps = stamps_of(lake, table)
        self._days = kept(lake, DAYS, table)
        self._rows: dict[date, RowsOfDay] = {}
        self.anew = stale_days(self._days, self._stamps)

    def note(self) -> str:
        """Which days were not read from the index."""
        what = f"{self._table}: {len(self.anew):,} of {len(self._stamps):,} days are read from their manifests"
        if self._lake.folders == "together":
            return (
                f"{what}, because a lake with the folders of an older logpress has no index (`logpress lake migrate`)"
            )
        why = self._days.problem or "does not know them as they are now"
        path = self._lake.index_path(DAYS, self._table)
        return f"{what}, because {path} {why}; `logpress lake clean --yes` or the next publication mends that"

    def table(self, name: str) -> pa.Table:
        """A table of the index, with what it lacks."""
        found = self._days if name == DAYS else kept(self._lake, name, self._table)
        stale = stale_days(found, self._stamps)
        self._rows |= read_days(self._lake, self._table, stale - self._rows.keys(), self._stamps, is_shown=True)
        return merged(name, found, stale, {day: self._rows[day] for day in stale & self._stamps.keys()})


def read_index(lake: Lake, tables: Sequence[str] = ()) -> Index:
    """Read what is known of all days of some tables.

    Days that the index lacks, or has otherwise than the lake now, are read from their manifests and attempts, and
    `Index.notes` says so. A damaged manifest is a row of state `damaged`.

    Args:
        lake: the lake.
        tables: only these; all that have published or refused days if empty.

    Raises:
        LakeError: if the lake cannot be read.
    """
    return Index(lake, tables or indexed_tables(lake))


def indexed_tables(lake: Lake) -> list[str]:
    """The log tables with days that are published, were refused, or are in the index, sorted.

    Raises:
        LakeError: if the lake cannot be read.
    """
    with lake_errors(lake.uri):
        items = lake.storage.list(f"{lake.uri}/{DAYS}")
    known = [item.name.removesuffix(".parquet") for item in items if item.name.endswith(".parquet")]
    return sorted({*lake.tables(), *known})


# -- what the lake has


def stamps_of(lake: Lake, table: str) -> Stamps:
    """What tells whether days of a table have changed: of those that are published, or were refused.

    Raises:
        LakeError: if the lake cannot be read.
    """
    if lake.folders == "together":  # read only, and without an index
        return dict.fromkeys(lake.days(table), "")
    with lake_errors(lake.manifests_root(table)):
        items = lake.storage.list(lake.manifests_root(table))
    found = {day: item.stamp for item in items if (day := day_of_manifest(item.name)) is not None}
    for day, runs in attempt_runs(lake, table).items():
        if runs:
            told = " ".join(f"{run}={stamp}" for run, stamp in sorted(runs.items()))
            found[day] = f"{found.get(day, '')} {told}"  # the blank says that there are attempts
    return dict(sorted(found.items()))


def read_days(
    lake: Lake, table: str, days: Iterable[date], stamps: Stamps, *, is_shown: bool = False
) -> dict[date, RowsOfDay]:
    """Read manifests and attempts of those of some days that the lake has.

    Args:
        lake: the lake.
        table: the log table.
        days: the days.
        stamps: what the lake has.
        is_shown: whether a day that cannot be read now is a row that says so, because the others can be shown.

    Raises:
        LakeError: if one cannot be read, unless `is_shown`.
    """

    def of_day(day: date) -> RowsOfDay:
        try:
            return rows_of_day(lake, table, day, is_tried=" " in stamps[day])
        except LakeError as error:
            if not is_shown:
                raise
            return unreadable_day(table, day, str(error))

    wanted = sorted(day for day in days if day in stamps)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(of_day, wanted), strict=True))


# -- what the index has


@dataclass(frozen=True)
class Kept:
    """A table of the index, as far as it tells of a log table.

    Attributes:
        rows: its rows; None if it cannot be used.
        stamps: what it tells of.
        problem: why it cannot be used, as the end of a sentence about it.
    """

    rows: pa.Table | None = None
    stamps: Stamps = field(default_factory=dict)
    problem: str = ""


def kept(lake: Lake, name: str, table: str) -> Kept:
    """Read a table of the index; one that is damaged, or of another version, counts as missing.

    Raises:
        LakeError: if the lake cannot be read.
    """
    path = lake.index_path(name, table)
    with lake_errors(path):
        data = lake.storage.read(path)
    return Kept(problem="is missing") if data is None else from_bytes(name, data)


def stale_days(found: Kept, stamps: Stamps) -> set[date]:
    """The days of which a table of the index says something else than it should."""
    return {day for day in found.stamps.keys() | stamps.keys() if found.stamps.get(day) != stamps.get(day)}


def merged(name: str, found: Kept, stale: set[date], anew: Mapping[date, RowsOfDay]) -> pa.Table:
    """The rows of a table of the index, with those of stale days replaced, by day."""
    schema = SCHEMAS[name]
    pick: Callable[[RowsOfDay], Sequence[Sequence[Any]]] = {
        DAYS: lambda rows: rows.days, CHECKS: lambda rows: rows.checks, SIZES: lambda rows: rows.sizes,
    }[name]  # fmt: skip
    rows = [row for day in sorted(anew) for row in pick(anew[day])]
    columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
    arrays = [pa.array(list(column), one.type) for column, one in zip(columns, schema, strict=True)]
    added = pa.Table.from_arrays(arrays, schema=schema)
    if found.rows is None:
        return added
    if not stale:
        return found.rows
    import pyarrow.compute as pc

    is_stale = pc.is_in(found.rows.column("day"), value_set=pa.array(sorted(stale), pa.date32()))
    # stable, so the order within a day stays
    return pa.concat_tables([found.rows.filter(pc.invert(is_stale)), added]).sort_by("day").combine_chunks()


# -- files


def to_bytes(rows: pa.Table, stamps: Stamps) -> bytes:
    """The file of a table of the index; equal rows and stamps give equal bytes."""
    told = json.dumps({"version": VERSION, "days": {day.isoformat(): stamp for day, stamp in stamps.items()}})
    sink = pa.BufferOutputStream()
    # without Arrow's own schema, which knows types that other readers do not
    with pq.ParquetWriter(
        sink, rows.schema, compression="zstd", store_schema=False, write_page_checksum=True
    ) as writer:  # fmt: skip
        writer.write_table(rows)
        writer.add_key_value_metadata({_KEY: told.encode()})
    return bytes(sink.getvalue().to_pybytes())


def from_bytes(name: str, data: bytes) -> Kept:
    """The reverse of `to_bytes`; what cannot be read is said, not raised."""
    try:
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        told = json.loads((file.metadata.metadata or {}).get(_KEY, b"{}"))
        if told.get("version") != VERSION:
            return Kept(problem="is of another version of logpress")
        stamps = {date.fromisoformat(day): str(stamp) for day, stamp in told["days"].items()}
        rows = file.read().cast(SCHEMAS[name])
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Kept(problem=f"is damaged ({' '.join(str(error).split())[:200]})")
    return Kept(rows, stamps)
