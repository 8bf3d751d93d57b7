"""The time that a path such as `logs/2021/12/26/10/part-1.gz` says its objects are of, as Firehose writes them.

A component may carry a name, as in `year=2021/month=12/day=26/hour=10`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_NAME = r"(?:[A-Za-z_]+=)?"
_PARTS = tuple(
    re.compile(_NAME + digits)
    for digits in (r"((?:19|20)\d\d)", r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])", r"([01]\d|2[0-3])")
)


@dataclass(frozen=True, slots=True)
class Span:
    """A month, a day or an hour that a path names, in UTC.

    Attributes:
        begin: first instant.
        end: first instant after it.
        depth: components that say so, from the path's beginning up to the last of them.
    """

    begin: datetime
    end: datetime
    depth: int

    @property
    def is_hour(self) -> bool:
        """Whether an hour is named."""
        return self.end - self.begin == timedelta(hours=1)

    @property
    def is_day(self) -> bool:
        """Whether a day, with or without an hour, is named."""
        return self.end - self.begin <= timedelta(days=1)


def span_of(components: Sequence[str]) -> Span | None:
    """The time that folders name: the last year/month, year/month/day or year/month/day/hour among them."""
    for first in range(len(components) - 2, -1, -1):
        numbers = []
        for pattern, component in zip(_PARTS, components[first : first + 4], strict=False):
            found = pattern.fullmatch(component)
            if found is None:
                break
            numbers.append(int(found[1]))
        span = _span(numbers, first) if len(numbers) >= 2 else None
        if span is not None:
            return span
    return None


def _span(numbers: list[int], first: int) -> Span | None:
    depth = first + len(numbers)
    year, month = numbers[:2]
    try:
        if len(numbers) == 2:
            begin = datetime(year, month, 1, tzinfo=UTC)
            return Span(begin, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC), depth)
        begin = datetime(year, month, numbers[2], numbers[3] if len(numbers) == 4 else 0, tzinfo=UTC)
    except ValueError:  # the 30th of February
        return None
    return Span(begin, begin + (timedelta(hours=1) if len(numbers) == 4 else timedelta(days=1)), depth)


def _folders(uri: str) -> list[str]:
    return uri.split("/")[:-1]


def day_of_path(uri: str) -> date | None:
    """The day that the YYYY/MM/DD folders of a raw object's path name; None where they name none."""
    span = span_of(_folders(uri))
    return span.begin.date() if span is not None and span.is_day else None


def hour_of_path(uri: str) -> datetime | None:
    """The hour (UTC) that the YYYY/MM/DD/HH folders of a raw object's path name; None where they name none."""
    span = span_of(_folders(uri))
    return span.begin if span is not None and span.is_hour else None
