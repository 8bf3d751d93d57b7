"""What the pages show, put together from the lake, the contracts and Airflow; errors stand where they belong."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from logpress.errors import LogpressError
from logpress_page import airflow_side, details, lakes, tiles
from logpress_page.calendar import Calendar, calendar
from logpress_page.states import TableDays, table_days
from logpress_page.trends import trends

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from sqlalchemy.orm import Session

    from logpress.contract.model import Contract
    from logpress.lake import Lake
    from logpress.lake.index import Index
    from logpress.lake.index_rows import DayRow
    from logpress.quality.size_report import PlaceReport
    from logpress.results import CheckResult, RejectExample
    from logpress_page.states import Day

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TableView:
    """A table.

    Attributes:
        problem: what is wrong with its contract or its index; the rest is shown all the same.
        answer: for the newest day that is due; None if none is known.
        before: for the newest day that can be read.
        gaps: due days that are not there, the newest first.
        may_trigger: whether the user may press its days.
    """

    table: str
    description: str
    lake: str | None
    days: TableDays
    answer: tiles.Answer | None
    before: tiles.Answer | None
    calendar: Calendar
    gaps: list[Day]
    notes: list[str]
    may_trigger: bool
    contract: Contract | None = None
    opened: Lake | None = None

    @property
    def trends(self) -> dict[str, Any]:
        """The lines of its days."""
        return trends(self.days)

    @property
    def dag_link(self) -> str:
        """The address of its DAG."""
        return airflow_side.dag_link(self.table)

    def run_link(self, day: Day) -> str | None:
        """The address of a day's run."""
        run_id = day.run_id
        return None if run_id is None else airflow_side.run_link(airflow_side.dag_of(self.table), run_id)


@dataclass(frozen=True)
class Overview:
    """The lake's tables that the user may see.

    Attributes:
        problem: why the lake cannot be shown; None if it can.
    """

    lake: str | None
    tables: list[TableView] = field(default_factory=list)
    problem: str | None = None


def overview(user: BaseUser, session: Session, now: datetime, only: str | None = None) -> Overview:
    """The tables of the lake.

    Args:
        user: who looks; tables that they may not see are left out.
        session: of Airflow's database.
        now: the present moment, UTC.
        only: the only table that is wanted.
    """
    known, broken = lakes.contracts()
    uri = lakes.lake_uri()
    problem, lake, index = None, None, None
    in_lake: list[str] = []
    if uri is None:
        problem = "no lake is named; set the Variable logpress_lake, or LOGPRESS_LAKE"
    else:
        try:
            with lakes.said_as_lake_error(uri):
                lake = lakes.open_lake(uri)
                in_lake = lake.tables() if lake is not None else []
                wanted = [only] if only is not None else in_lake
                index = lakes.read_rows(lake, wanted) if lake is not None and wanted else None
                rows = list(index.days) if index is not None else []
        except LogpressError as error:
            problem = str(error)
    if problem is not None:
        rows = []
    names = sorted({*known, *broken, *in_lake})
    shown = [
        _table(name, rows, index, known.get(name), broken.get(name), user, session, now, uri, lake)
        for name in names
        if only in (None, name) and airflow_side.may_read(user, name, session)
    ]
    return Overview(uri, shown, problem)


def _table(
    name: str,
    rows: list[DayRow],
    index: Index | None,
    contract: Contract | None,
    broken: str | None,
    user: BaseUser,
    session: Session,
    now: datetime,
    uri: str | None,
    lake: Lake | None,
) -> TableView:
    runs = airflow_side.runs_of(name, uri, session) if airflow_side.may_see_runs(user, name) else []
    own = [row for row in rows if row.log_table == name]
    days = table_days(name, own, runs, lakes.due_after(contract), now)
    newest, readable = days.newest_due, days.newest_published
    notes = [broken] if broken else []
    notes += [note for note in index.notes if note.startswith(f"{name}:")] if index is not None else []
    return TableView(
        table=name, description=contract.description if contract is not None else "", lake=uri, days=days,
        answer=tiles.answer(days, newest) if newest is not None else None,
        before=tiles.answer(days, readable) if readable is not None else None, calendar=calendar(days),
        gaps=[day for day in reversed(days.days) if day.state in ("late", "missing", "failed")], notes=notes,
        may_trigger=airflow_side.may_trigger(user, name), contract=contract, opened=lake,
    )  # fmt: skip


@dataclass(frozen=True)
class DayView:
    """A day in detail.

    Attributes:
        problem: why details cannot be shown.
        checks: of the publication; of the refused run if that was later.
        reasons: rejects by reason.
        examples: some rejects, of a refused run or of the publication; without their text for those who may not
            press days, because it may be personal.
    """

    table: TableView
    day: Day
    answer: tiles.Answer
    run_link: str | None
    previous: date
    next: date | None
    problem: str | None = None
    manifest: Any = None
    attempt: Any = None
    checks: tuple[CheckResult, ...] = ()
    changes: list[details.Change] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    hours: list[details.Hour] = field(default_factory=list)
    columns: list[details.ColumnLine] = field(default_factory=list)
    footers: Any = None
    slices: list[details.SliceLine] = field(default_factory=list)
    places: tuple[PlaceReport, ...] = ()
    reasons: dict[str, int] = field(default_factory=dict)
    examples: tuple[RejectExample, ...] = ()
    unknown_paths: dict[str, int] = field(default_factory=dict)
    kept_whole: tuple[int, list[str]] = (0, [])


def day_view(table: TableView, day: date, user: BaseUser) -> DayView:
    """A day in detail."""
    one = table.days.of(day)
    following = day + timedelta(days=1)
    shown: dict[str, Any] = {
        "table": table, "day": one, "answer": tiles.answer(table.days, one), "run_link": table.run_link(one),
        "previous": day - timedelta(days=1),
        "next": following if following <= table.days.now.date() else None,
    }  # fmt: skip
    if table.opened is None or table.lake is None:
        return DayView(**shown)
    try:
        with lakes.said_as_lake_error(table.lake):
            shown |= _read(table, table.opened, one)
    except LogpressError as error:
        shown["problem"] = str(error)
    return DayView(**shown)


def _read(table: TableView, lake: Lake, day: Day) -> dict[str, Any]:
    from logpress.quality.size_report import places_of

    manifest = lakes.read_manifest(lake, table.table, day.day)
    attempt = lakes.read_attempt(lake, table.table, day.day) if day.row is not None and day.row.refused_at else None
    found: dict[str, Any] = {"attempt": attempt, "manifest": manifest}
    verification = attempt.verification if attempt is not None else None
    if manifest is not None:
        before = lakes.read_manifest(lake, table.table, day.day - timedelta(days=1))
        verification = verification or manifest.verification
        found |= {
            "changes": details.changes(table.days, day),
            "changed": details.changed_columns(manifest, before),
            "hours": details.hours(manifest, before),
            "columns": details.columns(manifest, before, table.contract),
            "footers": details.footers(manifest),
            "slices": details.slices(manifest),
            "places": places_of(manifest),
            "reasons": dict(manifest.reject_reasons.most_common()),
            "unknown_paths": dict(manifest.unknown_paths.most_common()),
            "kept_whole": details.kept_whole(manifest),
        }
        if attempt is None and found["reasons"]:
            try:
                found["examples"] = lakes.reject_examples(lake, table.table, day.day)
            except LogpressError as error:
                found["problem"] = str(error)
    if attempt is not None:
        found |= {"reasons": attempt.reject_reasons, "examples": attempt.examples}
    found["checks"] = verification.checks if verification is not None else ()
    return found
