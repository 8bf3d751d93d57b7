"""Figures as words: counts, sizes, shares, changes and times, as the page writes them."""

from __future__ import annotations

import shlex
from datetime import date, datetime, timedelta

NONE = "–"
"""What stands where nothing is known."""


def count(number: float | None) -> str:
    """A number of things, such as 1,234."""
    return NONE if number is None else f"{number:,.0f}"


def size(number: float | None) -> str:
    """Bytes with a decimal unit, such as 1.5 MB."""
    if number is None:
        return NONE
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def share(part: float | None, whole: float | None = 1.0) -> str:
    """A share in percent; what is not 0 is not written as 0."""
    if part is None or not whole:
        return NONE
    percent = 100 * part / whole
    if 0 < percent < 0.005:
        return "< 0.01 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.2f} %" if percent < 10 else f"{percent:.1f} %"


def times(ratio: float | None) -> str:
    """How many times smaller, such as 123×."""
    return NONE if ratio is None else f"{ratio:,.0f}×" if ratio >= 100 else f"{ratio:.1f}×"


def change(now: float | None, before: float | None) -> str:
    """The relative change, such as +4.2 %."""
    if now is None or before is None:
        return NONE
    if before == 0:
        return "±0 %" if now == 0 else "new"
    percent = 100 * (now - before) / before
    if abs(percent) < 0.05:
        return "±0 %"
    return f"{percent:+,.0f} %" if abs(percent) >= 10 else f"{percent:+.1f} %"


def points(now: float | None, before: float | None) -> str:
    """The change of a share, in percentage points."""
    if now is None or before is None:
        return NONE
    difference = 100 * (now - before)
    return "±0" if abs(difference) < 0.005 else f"{difference:+.2f} points"


def moment(instant: datetime | None) -> str:
    """An instant, such as 2021-12-27 01:12."""
    return NONE if instant is None else f"{instant:%Y-%m-%d %H:%M}"


def weekday(day: date) -> str:
    """A day with its weekday, such as Sun 2021-12-26."""
    return f"{day:%a} {day.isoformat()}"


def long_day(day: date) -> str:
    """A day as a sentence has it, such as Sunday 2021-12-26."""
    return f"{day:%A} {day.isoformat()}"


def duration(span: timedelta | float | None) -> str:
    """A span of time in its two largest units."""
    if span is None:
        return NONE
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86_400
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{days:.0f} days"


def counted(number: int, what: str) -> str:
    """A number and what it counts, in the plural if it must be."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def listed(words: list[str], last: str = "and") -> str:
    """Words in a row: a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""


FILTERS = {
    "count": count,
    "size": size,
    "share": share,
    "times": times,
    "moment": moment,
    "weekday": weekday,
    "long_day": long_day,
    "duration": duration,
    "python": repr,
    "shell": shlex.quote,
}
"""What templates may use as filters."""
