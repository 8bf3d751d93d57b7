"""The days of a table as an operator asks for them: which are there, how they are, and which are missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from logpress.errors import LogpressError, UsageError
from logpress.lake import Lake
from logpress.manifest import DayManifest
from logpress.quality.size_report import bytes_a_record

State = Literal["published", "warned", "missing", "unreadable"]

_AT_ONCE = 8
"""Manifests that are read at a time; each takes a round trip from an object store."""


@dataclass(frozen=True)
class DayState:
    """A day.

    Attributes:
        day: the UTC day.
        state: `warned` if checks of a published day are broken; `unreadable` if its manifest cannot be read.
        rows: rows.
        ratio: raw bytes by stored bytes.
        bytes_a_record: stored bytes a row or reject.
        irregular_rows: rows of which some or all bytes are kept as text.
        rejects: records in the rejects files.
        erased: records that were erased since.
        checks: checks that were made; None if that was not kept.
        broken: those that are broken.
        published_at: UTC.
        proven_at: UTC; None if that was not kept.
        problem: why it is unreadable.
    """

    day: date
    state: State
    rows: int | None = None
    ratio: float | None = None
    bytes_a_record: float | None = None
    irregular_rows: int | None = None
    rejects: int | None = None
    erased: int | None = None
    checks: int | None = None
    broken: tuple[str, ...] = ()
    published_at: datetime | None = None
    proven_at: datetime | None = None
    problem: str | None = None

    def as_dict(self) -> dict[str, object]:
        """As JSON has it; days and times in ISO 8601."""
        return {key: value.isoformat() if isinstance(value, date) else value for key, value in asdict(self).items()}


def day_states(lake: Lake, table: str, first: date | None = None, last: date | None = None) -> list[DayState]:
    """The days of a table, in order, those without a publication included.

    Args:
        lake: the lake.
        table: the table.
        first: first day; the first published one if None.
        last: last day, included; the last published one if None.

    Raises:
        UsageError: if the first day is after the last.
        LakeError: if the lake cannot be read.
    """
    published = lake.days(table)
    first, last = first or (published[0] if published else last), last or (published[-1] if published else first)
    if first is None or last is None:
        return []
    if first > last:
        raise UsageError(f"the first day, {first}, is after the last, {last}")
    known = set(published)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda day: _state(lake, table, day) if day in known else DayState(day, "missing"), days))


def _state(lake: Lake, table: str, day: date) -> DayState:
    try:
        manifest = lake.need_day(table, day)
    except LogpressError as error:
        return DayState(day, "unreadable", problem=str(error))
    return _published(day, manifest)


def _published(day: date, manifest: DayManifest) -> DayState:
    found = manifest.verification
    broken = tuple(check.check for check in found.checks if not check.ok) if found else ()
    return DayState(
        day,
        "warned" if broken else "published",
        rows=manifest.rows,
        ratio=manifest.raw_bytes / manifest.stored_bytes if manifest.stored_bytes else None,
        bytes_a_record=bytes_a_record(manifest),
        irregular_rows=sum(entry.irregular_rows for entry in manifest.slices),
        rejects=manifest.rejects,
        erased=manifest.erased,
        checks=len(found.checks) if found else None,
        broken=broken,
        published_at=manifest.published_at,
        proven_at=found.proven_at if found else None,
    )
