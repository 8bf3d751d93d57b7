"""The time that a path such as `logs/2021/12/26/10/part-1.gz` says its objects are of, as Firehose writes them.

A component may carry a name, as in `year=2021/month=12/day=26/hour=10`. Firehose writes UTC,
or a time zone of one's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

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
        return self.end - self.begin < timedelta(days=2)  # one whose clocks are put back has 25 hours


def span_of(components: Sequence[str], zone: tzinfo = UTC) -> Span | None:
    """The time that folders name: the last year/month, year/month/day or year/month/day/hour among them."""
    for first in range(len(components) - 2, -1, -1):
        numbers = []
        for pattern, component in zip(_PARTS, components[first : first + 4], strict=False):
            found = pattern.fullmatch(component)
            if found is None:
                break
            numbers.append(int(found[1]))
        span = _span(numbers, first, zone) if len(numbers) >= 2 else None
        if span is not None:
            return span
    return None


def _span(numbers: list[int], first: int, zone: tzinfo) -> Span | None:
    depth = first + len(numbers)
    year, month = numbers[:2]

    def instant(local: datetime) -> datetime:
        return local.replace(tzinfo=zone).astimezone(UTC)

    try:
        if len(numbers) == 2:
            begin = datetime(year, month, 1)  # noqa: DTZ001 - of the zone, which `instant` gives it
            return Span(instant(begin), instant(begin.replace(year=year + month // 12, month=month % 12 + 1)), depth)
        begin = datetime(year, month, numbers[2], numbers[3] if len(numbers) == 4 else 0)  # noqa: DTZ001
    except ValueError:  # the 30th of February
        return None
    if len(numbers) == 4:
        return Span(instant(begin), instant(begin) + timedelta(hours=1), depth)
    return Span(instant(begin), instant(begin + timedelta(days=1)), depth)


def _folders(uri: str) -> list[str]:
    return uri.split("/")[:-1]


def day_of_path(uri: str, zone: tzinfo = UTC) -> date | None:
    """The day that the YYYY/MM/DD folders of a raw object's path name, of an hour its UTC day; None if none."""
    span = span_of(_folders(uri), zone)
    if span is None or not span.is_day:
        return None
    return (span.begin if span.is_hour else span.begin.astimezone(zone)).date()


def folder_above(uri: str, zone: tzinfo = UTC) -> str:
    """The folder of a raw object, above the folders that name a time, as `s3://logs/sdk` of its hours' objects."""
    folders = _folders(uri)
    span = span_of(folders, zone)
    if span is not None:
        folders = folders[: span.depth - (4 if span.is_hour else 3 if span.is_day else 2)]
    return "/".join(folders)


def hour_of_path(uri: str, zone: tzinfo = UTC) -> datetime | None:
    """The hour (UTC) that the YYYY/MM/DD/HH folders of a raw object's path name; None where they name none."""
    span = span_of(_folders(uri), zone)
    return span.begin if span is not None and span.is_hour else None
