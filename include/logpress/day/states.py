"""The days of a table as an operator asks for them: which are there, how they are, and which are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from logpress.errors import UsageError
from logpress.lake import Lake
from logpress.lake.index import read_index
from logpress.lake.index_rows import CheckRow, DayRow

State = Literal["published", "warned", "refused", "missing", "damaged"]


@dataclass(frozen=True)
class DayState:
    """A day.

    Attributes:
        day: the UTC day.
        state: `warned` if checks of a published day are broken; `refused` if the newest run that tried it was refused,
            whether an earlier publication is still read or not; `damaged` if its manifest cannot be read.
        rows: rows, like all figures those of the publication; of a day without one, of the refused run.
        ratio: raw bytes by stored bytes.
        bytes_a_record: stored bytes a row or reject.
        irregular_rows: rows of which some or all bytes are kept as text.
        rejects: records in the rejects files.
        erased: records that were erased since.
        checks: checks that were made; None if that was not kept.
        broken: those that are broken; if the day is refused, those of the refused run.
        published_at: UTC; None if nothing is published.
        proven_at: UTC; None if that was not kept.
        problem: why it is damaged or refused.
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
        first: first day; the first that is published or was refused if None.
        last: last day, included; the last that is published or was refused if None.

    Raises:
        UsageError: if the first day is after the last.
        LakeError: if the lake cannot be read.
    """
    index = read_index(lake, [table])
    known = {row.day: row for row in index.days}
    first, last = first or min(known, default=last), last or max(known, default=first)
    if first is None or last is None:
        return []
    if first > last:
        raise UsageError(f"the first day, {first}, is after the last, {last}")
    checks: dict[date, list[CheckRow]] = {}
    for check in index.checks:
        checks.setdefault(check.day, []).append(check)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [_state(known[day], checks.get(day, ())) if day in known else DayState(day, "missing") for day in days]


def _state(row: DayRow, checks: Sequence[CheckRow]) -> DayState:
    is_refused = row.state == "refused" or (row.state == "published" and row.refused_at is not None)
    broken = tuple(check.check_name for check in checks if not check.ok and check.is_refused == is_refused)
    state: State = "warned" if row.state == "published" and broken else row.state
    records = None if row.rows is None or row.rejects is None else row.rows + row.rejects
    stored, raw = row.stored_bytes, row.raw_bytes
    return DayState(
        row.day,
        "refused" if is_refused else state,
        rows=row.rows,
        ratio=raw / stored if raw is not None and stored else None,
        bytes_a_record=stored / records if stored is not None and records else None,
        irregular_rows=row.irregular_rows,
        rejects=row.rejects,
        erased=row.erased,
        checks=row.checks,
        broken=broken,
        published_at=row.published_at,
        proven_at=row.proven_at,
        problem=row.refused_because if is_refused else row.problem,
    )
