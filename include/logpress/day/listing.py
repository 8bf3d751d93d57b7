"""The days of a table in figures: what is published, where days are missing, and what was published before."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from logpress.engine.part.part_reader import PartReader
from logpress.errors import LogpressError
from logpress.hashing.digest import combine
from logpress.lake import Lake
from logpress.lake.history import is_whole, publications

_AT_ONCE = 8
"""Footers that are read at a time; each takes a round trip from an object store."""


@dataclass(frozen=True)
class ListedDay:
    """A published day, or one that is missing between two.

    Attributes:
        day: the UTC day.
        is_missing: whether it is not published; the other fields are then None.
        rows: rows.
        rejects: records in the rejects files.
        raw_bytes: bytes of the records, separators not counted.
        stored_bytes: bytes of all Parquet files, rejects included.
        published_at: UTC.
        run: the run that published it; None if it is not known.
        format: format of its first part; None without rows, or if the file cannot be read.
        problem: why its manifest or a file cannot be read.
    """

    day: date
    is_missing: bool = False
    rows: int | None = None
    rejects: int | None = None
    raw_bytes: int | None = None
    stored_bytes: int | None = None
    published_at: datetime | None = None
    run: str | None = None
    format: str | None = None
    problem: str | None = None

    @property
    def bytes_a_record(self) -> float | None:
        """Stored bytes a row or reject."""
        records = (self.rows or 0) + (self.rejects or 0)
        return None if self.stored_bytes is None or not records else self.stored_bytes / records


def list_days(lake: Lake, table: str) -> list[ListedDay]:
    """The published days of a table, in order, and those missing between them.

    Raises:
        LakeError: if the lake cannot be read.
    """
    published = lake.days(table)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = {one.day: one for one in pool.map(lambda day: _listed(lake, table, day), published)}
    return [found.get(day, ListedDay(day, is_missing=True)) for day in _all_days(published)]


def _all_days(published: list[date]) -> Iterator[date]:
    if published:
        for number in range((published[-1] - published[0]).days + 1):
            yield published[0] + timedelta(days=number)


def _listed(lake: Lake, table: str, day: date) -> ListedDay:
    try:
        manifest = lake.need_day(table, day)
    except LogpressError as error:
        return ListedDay(day, problem=str(error))
    problem, formats = None, list[str]()
    try:
        formats = [PartReader(path).metadata.version for path in lake.files(manifest)[0][:1]]
    except (LogpressError, OSError) as error:
        problem = str(error)
    return ListedDay(
        day, rows=manifest.rows, rejects=manifest.rejects, raw_bytes=manifest.raw_bytes,
        stored_bytes=manifest.stored_bytes, published_at=manifest.published_at, run=manifest.run,
        format=formats[0] if formats else None, problem=problem,
    )  # fmt: skip


@dataclass(frozen=True)
class ListedPublication:
    """A publication of a day.

    Attributes:
        published_at: UTC.
        run: the run that published it; None if it is not known.
        snapshot_id: the catalog's snapshot; None if the run was killed before its commit.
        rows: rows.
        rejects: records in the rejects files.
        digest: digest of the rows and rejects.
        is_current: whether it is the day now.
        has_files: whether all of its files are there, so that the day can be rolled back to it.
    """

    published_at: datetime
    run: str | None
    snapshot_id: int | None
    rows: int
    rejects: int
    digest: str
    is_current: bool
    has_files: bool


def list_publications(lake: Lake, table: str, day: date) -> list[ListedPublication]:
    """The publications of a day that are kept, the oldest first.

    Raises:
        LakeError: if the lake cannot be read.
    """
    current = lake.read_day(table, day)
    return [
        ListedPublication(
            one.published_at, one.run, one.snapshot_id, one.rows, one.rejects,
            combine(entry.digest for entry in one.slices), one == current, is_whole(lake, one),
        )
        for one in publications(lake, table, day)
    ]  # fmt: skip
