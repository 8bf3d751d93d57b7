"""The state of each day of a table: what the lake's index and Airflow's runs say of it together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from logpress_page import words

if TYPE_CHECKING:
    from logpress.lake.index_rows import DayRow

State = Literal["published", "warned", "refused", "damaged", "failed", "running", "late", "missing", "future"]

MEANINGS: dict[State, str] = {
    "published": "published, every check holds",
    "warned": "published, a check warns",
    "refused": "refused by the proof or a check",
    "damaged": "its manifest cannot be read",
    "failed": "its run failed",
    "running": "a run is at work",
    "late": "due, and not there",
    "missing": "not there",
    "future": "not due yet",
}
"""The states, in the order of the legend."""

GOOD: tuple[State, ...] = ("published", "future")
"""States that nobody needs to look at."""

STILL_LATE = timedelta(days=2)
"""How long after it was due a day is late; then it is missing."""

_ACTIVE = ("queued", "running")


@dataclass(frozen=True)
class Run:
    """A run of Airflow for a day.

    Attributes:
        began_at: when it began, or is to begin, UTC.
    """

    dag_id: str
    run_id: str
    day: date
    state: str
    began_at: datetime | None
    ended_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is at work, or will be."""
        return self.state in _ACTIVE


@dataclass(frozen=True)
class Day:
    """A day of a table.

    Attributes:
        due_at: when it is to be published, UTC.
        row: what the lake has of it; None if nothing.
        run: its newest run; None if Airflow knows of none.
        says: its state as a sentence, without the day.
    """

    table: str
    day: date
    state: State
    due_at: datetime
    row: DayRow | None
    run: Run | None
    says: str

    @property
    def briefly(self) -> str:
        """Its state as a sentence, without what errors say."""
        if self.state == "damaged":
            return "cannot be read"
        if self.row is not None and self.state == "refused":
            still = "; the earlier publication is still read" if self.figures is not None else ""
            by = self.row.refused_stage or "its run"
            return f"was refused by {by} at {words.moment(self.row.refused_at)} UTC{still}"
        return self.says

    @property
    def figures(self) -> DayRow | None:
        """The figures of the published day; None if none can be read."""
        return self.row if self.row is not None and self.row.state == "published" else None

    @property
    def run_id(self) -> str | None:
        """Airflow's run that published it, or that was refused; its newest run if that was not noted."""
        if self.row is not None and self.state == "refused":
            return self.row.refused_run_id
        if self.run is not None and (self.run.is_active or self.figures is None):
            return self.run.run_id
        published_by = self.row.run_id if self.row is not None else None
        return published_by or (self.run.run_id if self.run is not None else None)


@dataclass(frozen=True)
class TableDays:
    """The days of a table without gaps, from the first that is known to the newest that has begun.

    Attributes:
        now: the moment of which all this is said, UTC.
        due: how long after its end a day is to be published.
    """

    table: str
    days: tuple[Day, ...]
    now: datetime
    due: timedelta

    @cached_property
    def by_day(self) -> Mapping[date, Day]:
        """The days by date."""
        return {one.day: one for one in self.days}

    @property
    def newest_due(self) -> Day | None:
        """The newest day that is due; None if none is."""
        return next((one for one in reversed(self.days) if one.due_at <= self.now), None)

    def of(self, day: date) -> Day:
        """A day, known or not."""
        return self.by_day.get(day) or day_of(self.table, day, None, None, self.due, self.now)

    def week_before(self, day: Day) -> DayRow | None:
        """The published day a week before a day."""
        return self.of(day.day - timedelta(days=7)).figures

    @property
    def newest_published(self) -> Day | None:
        """The newest day that can be read; None if none can."""
        return next((one for one in reversed(self.days) if one.figures is not None), None)

    def usual(self, day: date, days: int = 28) -> list[DayRow]:
        """The published days among so many before a day."""
        before = (self.by_day.get(day - timedelta(days=number)) for number in range(1, days + 1))
        return [one.figures for one in before if one is not None and one.figures is not None]


def table_days(table: str, rows: Sequence[DayRow], runs: Sequence[Run], due: timedelta, now: datetime) -> TableDays:
    """The days of a table.

    Args:
        table: the table.
        rows: what the lake's index has of it.
        runs: Airflow's runs for its days, in any order.
        due: how long after its end a day is to be published.
        now: the present moment, UTC.
    """
    known = {row.day: row for row in rows}
    newest: dict[date, Run] = {}
    for run in sorted(runs, key=lambda run: (run.is_active, run.began_at or datetime.min.replace(tzinfo=UTC))):
        newest[run.day] = run
    if not known and not newest:
        return TableDays(table, (), now, due)
    first, last = min([*known, *newest]), max([*known, *newest, now.date()])
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return TableDays(
        table, tuple(day_of(table, day, known.get(day), newest.get(day), due, now) for day in days), now, due
    )


def day_of(table: str, day: date, row: DayRow | None, run: Run | None, due: timedelta, now: datetime) -> Day:
    """A day, with its state and a sentence about it."""
    due_at = datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC) + due
    state = _state(row, run, due_at, now)
    return Day(table, day, state, due_at, row, run, _sentence(state, row, run, due_at, now))


def _state(row: DayRow | None, run: Run | None, due_at: datetime, now: datetime) -> State:
    if run is not None and run.is_active:
        return "running"
    if row is not None:
        if row.state == "damaged":
            return "damaged"
        if row.refused_at is not None or row.state == "refused":
            return "refused"
        return "warned" if row.checks_warned or row.checks_failed else "published"
    if run is not None and run.state == "failed":
        return "failed"
    if now < due_at:
        return "future"
    return "late" if now < due_at + STILL_LATE else "missing"


def _sentence(state: State, row: DayRow | None, run: Run | None, due_at: datetime, now: datetime) -> str:
    if state == "running" and run is not None:
        at_work = "is queued" if run.state == "queued" else "is being pressed"
        since = f" since {words.moment(run.began_at)} UTC" if run.began_at else ""
        before = "; until then the earlier publication is read" if row and row.state == "published" else ""
        return f"{at_work}{since}{before}"
    if row is not None and state == "damaged":
        return f"cannot be read: {row.problem}"
    if row is not None and state == "refused":
        before = "; the earlier publication is still read" if row.state == "published" else ""
        return f"was refused by {row.refused_stage or 'its run'}: {row.refused_because}{before}"
    if row is not None:
        broken = (row.checks_warned or 0) + (row.checks_failed or 0)
        warns = f", {words.counted(broken, 'check')} broken" if broken else ""
        return f"was published at {words.moment(row.published_at)} UTC with {words.count(row.rows)} rows{warns}"
    if state == "failed" and run is not None:
        return f"is not there, because its run failed at {words.moment(run.ended_at)} UTC; its log says why"
    if state == "future":
        return f"is due at {words.moment(due_at)} UTC"
    late = words.duration(now - due_at)
    return f"is {state}: it was due at {words.moment(due_at)} UTC, {late} ago, and no run is at work"
