"""The parameters of a sample, checked, and the random streams that depend on them alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal

import numpy as np

from logpress.errors import UsageError

Shape = Literal["hit", "document"]

MAX_RECORDS = 2**31 - 1


@dataclass(frozen=True)
class Plan:
    """The number of records, the hours in which they arrive, and the seed.

    Attributes:
        day: UTC day of every record's `timestamp`.
        records: number of lines that are not blank, damaged ones included.
        seed: seed of all random numbers, together with the other attributes.
        first_hour: first UTC hour of arrival, 0 to 23.
        last_hour: last UTC hour of arrival, inclusive.
    """

    day: date
    records: int
    seed: int = 7
    first_hour: int = 0
    last_hour: int = 23

    def __post_init__(self) -> None:
        if not 1 <= self.records <= MAX_RECORDS:
            raise UsageError(f"a sample cannot have {self.records:,} records; give 1 to {MAX_RECORDS:,}")
        if self.seed < 0:
            raise UsageError(f"the seed {self.seed} is negative; give 0 or more")
        if not 0 <= self.first_hour <= self.last_hour <= 23:
            raise UsageError(f"hours {self.first_hour}-{self.last_hour} are not hours of a day; write them as 10-12")
        if not 1971 <= self.day.year <= 2105:
            raise UsageError(f"the year {self.day.year} does not fit into a Kinesis sequence number; give 1971 to 2105")

    @property
    def hours(self) -> int:
        """Number of hours."""
        return self.last_hour - self.first_hour + 1

    @property
    def day_start(self) -> int:
        """Midnight UTC of the day, epoch seconds."""
        return int(datetime.combine(self.day, time(), UTC).timestamp())

    @property
    def start(self) -> int:
        """Begin of the first hour, epoch seconds."""
        return self.day_start + 3600 * self.first_hour

    def stream(self, *purpose: int) -> np.random.Generator:
        """A random generator for one purpose, so that parts can be drawn in any order."""
        key = [self.seed, self.day.toordinal(), self.records, self.first_hour, self.last_hour, *purpose]
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence(key)))


def parse_hours(text: str) -> tuple[int, int]:
    """First and last hour of a day, inclusive, from `10-12` or `10`.

    Raises:
        UsageError: if the text is not a range of hours.
    """
    match = re.fullmatch(r"\s*(\d{1,2})\s*(?:-\s*(\d{1,2})\s*)?", text)
    if not match:
        raise UsageError(f"{text!r} is not a range of hours; write the first and the last, such as 10-12, or one hour")
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    if not first <= last <= 23:
        raise UsageError(
            f"{text!r} is not a range of hours of one day; the first must not be after the last, the last at most 23"
        )
    return first, last
