"""The figures of a day that are compared with those of other days, and which days a day is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from logpress.manifest import DayManifest, SliceManifest, summed
from logpress.results import Profile

SAME_WEEKDAYS = 4
"""Weeks back of which the same weekday is compared with."""

DAYS_BEFORE = 7
"""Days before that are compared with where too few of these weekdays are published."""

MIN_DAYS = 3
"""Fewest days that a day is compared with; of two, none is the usual one."""


@dataclass(frozen=True)
class DayFigures:
    """Counts of a day, and the profile of its columns.

    Attributes:
        day: the UTC day.
        rows, irregular, rejects, duplicates: numbers of records; duplicates are rejects too.
        reject_reasons: rejects by reason.
        stored_bytes: bytes of all files.
        profile: of the columns; also of rows that were erased since.
    """

    day: date
    rows: int
    irregular: int
    rejects: int
    duplicates: int
    reject_reasons: Mapping[str, int]
    stored_bytes: int
    profile: Profile

    @classmethod
    def of(cls, manifests: Sequence[SliceManifest], profile: Profile) -> DayFigures:
        """The figures of a day's slices; of none, those of an empty day."""
        files = [part for entry in manifests for part in (entry.part, entry.rejects_part) if part is not None]
        return cls(
            day=date.fromisoformat(manifests[0].day) if manifests else date.min,
            rows=sum(manifest.rows for manifest in manifests),
            irregular=sum(manifest.irregular_rows for manifest in manifests),
            rejects=sum(manifest.rejects for manifest in manifests),
            duplicates=sum(manifest.duplicates for manifest in manifests),
            reject_reasons=summed(manifest.reject_reasons for manifest in manifests),
            stored_bytes=sum(part.stored_bytes for part in files),
            profile=profile,
        )

    @classmethod
    def of_published(cls, manifest: DayManifest) -> DayFigures | None:
        """The figures of a published day; None if it has no profile, as those that an older logpress has pressed."""
        if manifest.verification is None or manifest.verification.profile is None:
            return None
        return cls.of(manifest.slices, manifest.verification.profile)

    @property
    def records(self) -> int:
        """Rows and rejects."""
        return self.rows + self.rejects


def candidates(day: date) -> list[date]:
    """The days with which a day may be compared: the same weekdays first, then the days before."""
    return list(dict.fromkeys([*_weekdays(day), *_days_before(day)]))


def chosen(day: date, past: Sequence[DayFigures]) -> list[DayFigures]:
    """The days with which a day is compared, newest first; none if there are fewer than MIN_DAYS."""
    by_day = {figures.day: figures for figures in past}
    for days in (_weekdays(day), _days_before(day)):
        found = [by_day[one] for one in days if one in by_day]
        if len(found) >= MIN_DAYS:
            return found
    return []


def _weekdays(day: date) -> list[date]:
    return _earlier(day, [7 * week for week in range(1, SAME_WEEKDAYS + 1)])


def _days_before(day: date) -> list[date]:
    return _earlier(day, range(1, DAYS_BEFORE + 1))


def _earlier(day: date, days: Sequence[int]) -> list[date]:
    """So many days before a day, those that the calendar has."""
    return [day - timedelta(days=number) for number in days if number <= (day - date.min).days]
