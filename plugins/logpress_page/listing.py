"""The list of a table's days: filtered, a page of it, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import HTTPException

from logpress.contract import parse_day
from logpress_page.states import GOOD, MEANINGS
from logpress_page.tiles import bytes_a_record, irregular_share

if TYPE_CHECKING:
    from logpress_page.states import Day, TableDays

A_PAGE = 60

SHOWN = {"": "all days", "problems": "all but published", **MEANINGS}
"""What a filter may choose, and how it is called."""


@dataclass(frozen=True)
class Filter:
    """Which days are listed.

    Attributes:
        state: a state, `problems`, or nothing.
        first: first day; any if None.
        last: last day, included; any if None.
        page: from 1.
    """

    state: str = ""
    first: date | None = None
    last: date | None = None
    page: int = 1

    @classmethod
    def of(cls, state: str = "", first: str = "", last: str = "", page: int = 1) -> Filter:
        """The filter of a request.

        Raises:
            HTTPException: if it cannot be one.
        """
        try:
            ends = [parse_day(text) if text else None for text in (first, last)]
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        if state not in SHOWN:
            raise HTTPException(422, f"there is no state {state!r}; states are {', '.join(filter(None, SHOWN))}")
        return cls(state, *ends, page=max(1, page))

    def query(self, **changed: Any) -> str:
        """The filter as the query of an address."""
        said = {"state": self.state, "first": self.first, "last": self.last, "page": self.page, **changed}
        return urlencode({key: value for key, value in said.items() if value and (key, value) != ("page", 1)})

    def has(self, day: Day) -> bool:
        """Whether a day is listed."""
        if (self.first and day.day < self.first) or (self.last and day.day > self.last):
            return False
        return day.state not in GOOD if self.state == "problems" else self.state in ("", day.state)


@dataclass(frozen=True)
class Listing:
    """A page of the list.

    Attributes:
        days: the page's days, the newest first.
        found: days that the filter chooses.
    """

    filter: Filter
    days: Sequence[Day]
    found: int
    pages: int
    choices: dict[str, str]


def chosen(days: TableDays, wanted: Filter) -> list[Day]:
    """The days that a filter chooses, the newest first; those that are not due are left out unless asked for."""
    shown = [day for day in reversed(days.days) if wanted.has(day)]
    return shown if wanted.state == "future" else [day for day in shown if day.state != "future"]


def listed(days: TableDays, wanted: Filter) -> Listing:
    """A page of the days that a filter chooses."""
    found = chosen(days, wanted)
    pages = max(1, -(-len(found) // A_PAGE))
    number = min(wanted.page, pages)
    begin = (number - 1) * A_PAGE
    shown = Filter(wanted.state, wanted.first, wanted.last, number)
    return Listing(shown, found[begin : begin + A_PAGE], len(found), pages, dict(SHOWN))


def csv_of(days: Sequence[Day]) -> str:
    """Days as CSV; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([name for name, _ in _COLUMNS])
    for day in days:
        writer.writerow([_safe(value_of(day)) for _, value_of in _COLUMNS])
    return text.getvalue()


def _of(name: str) -> Any:
    return lambda day: getattr(day.figures, name) if day.figures is not None else None


_COLUMNS: tuple[tuple[str, Any], ...] = (
    ("day", lambda day: day.day.isoformat()),
    ("state", lambda day: day.state),
    *(
        (name, _of(name))
        for name in (
            "records", "rows", "irregular_rows", "rejects", "other_day", "erased", "hours_present", "raw_bytes",
            "input_bytes", "stored_bytes", "checks", "checks_warned", "checks_failed",
        )
    ),
    ("irregular_share", lambda day: irregular_share(day.figures) if day.figures else None),
    ("bytes_a_record", lambda day: bytes_a_record(day.figures) if day.figures else None),
    ("published_at", lambda day: day.figures.published_at.isoformat() if day.figures else None),
    ("proven_at", lambda day: day.figures.proven_at.isoformat() if day.figures and day.figures.proven_at else None),
    ("run_id", lambda day: day.run_id),
    ("says", lambda day: day.says),
)  # fmt: skip


def _safe(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
