"""Where a day's raw objects may lie: the instants around it, the folders outside of them, the days of a pattern."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from logpress.errors import UsageError
from logpress.sources.dated import span_of

_FORMS = {
    "{day}": "%Y-%m-%d",
    "{year}": "%Y",
    "{month}": "%m",
    "{day_of_month}": "%d",
}


@dataclass(frozen=True, slots=True)
class Window:
    """The instants whose folders are listed.

    Attributes:
        midnight: when the day begins, UTC.
        lateness: how long before and after the day its records may lie.
        zone: the time zone of folders that name a time.
    """

    midnight: datetime
    lateness: timedelta
    zone: tzinfo

    @classmethod
    def around(cls, day: date, lateness: timedelta, zone: tzinfo) -> Window:
        """The window of a UTC day."""
        return cls(datetime.combine(day, time.min, UTC), lateness, zone)

    def leaves_out(self, folder: str, root: str) -> bool:
        """Whether a folder below the root names a time that lies outside."""
        span = span_of(folder, self.zone)
        if span is None or span.depth <= len(root.rstrip("/").split("/")):
            return False
        begin, end = self.midnight - self.lateness, self.midnight + timedelta(days=1) + self.lateness
        return span.end <= begin or span.begin > end

    def days(self) -> dict[date, bool]:
        """The days of the zone that the window touches, in order, and whether the UTC day itself does."""
        own = self._days(timedelta(0))
        return {day: day in own for day in self._days(self.lateness)}

    def _days(self, margin: timedelta) -> list[date]:
        end = self.midnight + timedelta(days=1) + margin - timedelta.resolution
        first, last = (instant.astimezone(self.zone).date() for instant in (self.midnight - margin, end))
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@dataclass(frozen=True, slots=True)
class Filled:
    """An input, with a day in the places for it.

    Attributes:
        uri: of it.
        day: the day that was filled in; None where the input has no place for a whole day.
        is_needed: whether the input must be there: it has no places, or the UTC day touches the day.
        root: the folder above all places; None where there is no place.
    """

    uri: str
    day: date | None = None
    is_needed: bool = True
    root: str | None = None


def filled_in(text: str, window: Window | None) -> Iterator[Filled]:
    """An input for every day that it has to be read of, each once.

    Raises:
        UsageError: if there are places, and no day to put there.
    """
    if window is None or not has_places(text):
        yield Filled(fill_in(text, None))
        return
    names_days = "{day}" in text or "{day_of_month}" in text
    root = text[: min(text.index(place) for place in _FORMS if place in text)].rpartition("/")[0]
    found: dict[str, Filled] = {}
    for day, is_needed in window.days().items():
        uri = fill_in(text, day)
        is_needed = is_needed or (uri in found and found[uri].is_needed)  # as a month of several days
        found[uri] = Filled(uri, day if names_days else None, is_needed, root)
    yield from found.values()


def has_places(text: str) -> bool:
    """Whether a day can be filled into an input."""
    return any(place in text for place in _FORMS)


def fill_in(text: str, day: date | None) -> str:
    """Put a day into `{day}`, `{year}`, `{month}` and `{day_of_month}`.

    Raises:
        UsageError: if there is no day to put there.
    """
    for place, form in _FORMS.items():
        if place in text:
            if day is None:
                raise UsageError(f"{text}: has {place} in it, but no day is given; write out the path")
            text = text.replace(place, day.strftime(form))
    return text
