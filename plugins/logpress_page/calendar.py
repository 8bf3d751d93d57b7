"""Thirteen months of days as a calendar: a column a week, a row a weekday."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logpress_page.states import Day, State, TableDays

MONTHS = 13
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Calendar:
    """A calendar.

    Attributes:
        months: (name, number of weeks) of each, in order.
        weekdays: for each weekday its days, one a week; None before the first that is known, and outside the months.
        states: how many of its days are in which state.
    """

    months: tuple[tuple[str, int], ...]
    weekdays: tuple[tuple[str, tuple[Day | None, ...]], ...]
    states: dict[State, int]


def calendar(days: TableDays) -> Calendar:
    """The months up to the present one."""
    today = days.now.date()
    month = today.year * 12 + today.month - 1 - (MONTHS - 1)
    first = date(month // 12, month % 12 + 1, 1)
    monday = first - timedelta(days=first.weekday())
    weeks = ((today - monday).days // 7) + 1
    mondays = [monday + timedelta(weeks=number) for number in range(weeks)]
    names = Counter((max(one, first)).strftime("%Y-%m") for one in mondays)
    months = tuple((date.fromisoformat(f"{name}-01").strftime("%b %Y"), number) for name, number in names.items())

    def shown(day: date) -> Day | None:
        if not days.days or day < max(first, days.days[0].day):
            return None
        return days.of(day)

    rows = tuple(
        (name, tuple(shown(one + timedelta(days=number)) for one in mondays)) for number, name in enumerate(WEEKDAYS)
    )
    states = Counter(one.state for _, row in rows for one in row if one is not None)
    return Calendar(months, rows, dict(states))
