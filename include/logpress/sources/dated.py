"""The time that a path such as `logs/2021/12/26/10/part-1.gz` says its objects are of, as Firehose and Hive write them.

Year, month, day and hour are a folder each, or some of them one folder: `2021-12-26/10`, `20211226`, `2021/12/26-10`.
A folder may carry a name: `year=2021/month=12/day=26/hour=10`, `dt=2021-12-26/hour=10`. With a name that is not known
to be of a time (`user=20211226`) it is no time: what is taken for another time is not read. Times are UTC, or of a
time zone of one's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

_PREFIX: Final = r"(?i:(?:event|log|ingest|ingestion|arrival|partition|part|p|utc)_)?"
_YEAR: Final = r"((?:19|20)[0-9]{2})"
_MONTH: Final = r"(0[1-9]|1[0-2])"
_DAY: Final = r"(0[1-9]|[12][0-9]|3[01])"
_HOUR: Final = r"([01][0-9]|2[0-3])"
_DATE: Final = rf"{_YEAR}(?P<between>[-_.]?){_MONTH}(?P=between){_DAY}"


class _Form:
    """How a folder is spelt that names one or more of year, month, day and hour.

    Args:
        begins_with: which of them comes first, 0 to 3.
        names: what may stand before `=`.
        spelling: what stands behind it, or alone; a group for each that is named.
        with_name: the spelling where a name leaves no doubt what a single digit means.
    """

    def __init__(self, begins_with: int, names: str, spelling: str, with_name: str = "") -> None:
        self.begins_with = begins_with
        named = f"{_PREFIX}(?i:{names})={with_name or spelling}"
        self._patterns = (re.compile(spelling), re.compile(named))

    def numbers(self, folder: str) -> list[int]:
        """What a folder names; nothing if it is spelt otherwise."""
        for pattern in self._patterns:
            if found := pattern.fullmatch(folder):
                return [int(text) for text in found.groups() if text.isdigit()]
        return []


_FORMS: Final = (
    _Form(0, "year|yyyy|yr|y", _YEAR),
    _Form(0, "month|mon|ym", rf"{_YEAR}[-_.]{_MONTH}"),  # six digits in a row may be anything
    _Form(0, "date|day|dt|d|ds|ymd|yyyymmdd", _DATE),
    _Form(0, "date|datetime|time|dt|ts|hour|hr|dh|yyyymmddhh", rf"{_DATE}(?:[-_.T]|(?<=[0-9]{{8}})){_HOUR}"),
    _Form(1, "month|mon|mm|m", _MONTH, "(0?[1-9]|1[0-2])"),
    _Form(2, "day|dd|d", _DAY, "(0?[1-9]|[12][0-9]|3[01])"),
    _Form(2, "day|dd|d", rf"{_DAY}[-_.T]{_HOUR}"),
    _Form(3, "hour|hh|hr|h", _HOUR, "([01]?[0-9]|2[0-3])"),
)


@dataclass(frozen=True, slots=True)
class Span:
    """A month, a day or an hour that a path names, in UTC.

    Attributes:
        begin: first instant.
        end: first instant after it.
        first: folders of the path above those that say so.
        depth: folders from the path's beginning up to the last that says so.
        named: how many of year, month, day and hour are named.
    """

    begin: datetime
    end: datetime
    first: int
    depth: int
    named: int

    @property
    def is_hour(self) -> bool:
        """Whether an hour is named."""
        return self.named == 4

    @property
    def is_day(self) -> bool:
        """Whether a day, with or without an hour, is named."""
        return self.named >= 3


@lru_cache(maxsize=10_000)  # an hour's objects lie in one folder
def span_of(folder: str, zone: tzinfo = UTC) -> Span | None:
    """The time that a folder's path names: the last year and month, day or hour in it."""
    folders = folder.split("/")
    for first in range(len(folders) - 1, -1, -1):
        numbers, depth = _numbers(folders, first)
        span = _span(numbers, first, depth, zone) if len(numbers) >= 2 else None
        if span is not None:
            return span
    return None


def _numbers(folders: Sequence[str], first: int) -> tuple[list[int], int]:
    """Year, month, day and hour, as far as folders name them from the first one on; and where that ends."""
    numbers: list[int] = []
    for depth in range(first, len(folders)):
        forms = (form for form in _FORMS if form.begins_with == len(numbers))
        found = next(filter(None, (form.numbers(folders[depth]) for form in forms)), None)
        if found is None:
            return numbers, depth
        numbers += found
    return numbers, len(folders)


def _span(numbers: list[int], first: int, depth: int, zone: tzinfo) -> Span | None:
    year, month, day, hour = (*numbers, *(0, 0, 1, 0)[len(numbers) :])

    def instant(local: datetime) -> datetime:
        return local.replace(tzinfo=zone).astimezone(UTC)

    try:
        begin = datetime(year, month, day, hour)  # noqa: DTZ001 - of the zone, which `instant` gives it
    except ValueError:  # the 30th of February
        return None
    if len(numbers) == 2:
        end = instant(begin.replace(year=year + month // 12, month=month % 12 + 1))
    elif len(numbers) == 3:
        end = instant(begin + timedelta(days=1))
    else:
        twice = instant(begin.replace(fold=1))  # an hour that comes again when clocks are put back
        end = max(instant(begin), twice) + timedelta(hours=1)
    return Span(instant(begin), end, first, depth, len(numbers))


def _folder(uri: str) -> str:
    return uri.rpartition("/")[0]


def day_of_path(uri: str, zone: tzinfo = UTC) -> date | None:
    """The day that the folders of a raw object's path name, of an hour its UTC day; None if they name none."""
    span = span_of(_folder(uri), zone)
    if span is None or not span.is_day:
        return None
    return (span.begin if span.is_hour else span.begin.astimezone(zone)).date()


def folder_above(uri: str, zone: tzinfo = UTC) -> str:
    """The folder of a raw object, above the folders that name a time, as `s3://logs/sdk` of its hours' objects."""
    folder = _folder(uri)
    span = span_of(folder, zone)
    return folder if span is None else "/".join(folder.split("/")[: span.first])


def hour_of_path(uri: str, zone: tzinfo = UTC) -> datetime | None:
    """The hour (UTC) that the folders of a raw object's path name; None where they name none."""
    span = span_of(_folder(uri), zone)
    return span.begin if span is not None and span.is_hour else None
