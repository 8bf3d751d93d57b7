"""The days nearest to one that has no raw objects, to tell a wrong path from a late delivery."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta

from logpress.sources.dated import day_of_path, span_of
from logpress.sources.folders import LocalFiles, RemoteFiles, Storage
from logpress.sources.listing import Place
from logpress.sources.stored import is_local, local_path
from logpress.sources.window import Window, fill_in, filled_in, has_places

MOST_DAYS = 3
"""Days before, and days after, that are named."""

_MOST_APART = 31
"""Days before and after that are looked for where the input has places for a day."""

_MOST_LISTED = 200
"""Folders that are listed at most where folders name the days."""

_MOST_SPANS = 4
"""Folders of months on each side of the day that are looked into."""


def nearest(days: Iterable[date], day: date) -> list[date]:
    """At most MOST_DAYS days before a day, and as many after it, in order."""
    found = sorted(set(days) - {day})
    before, after = [other for other in found if other < day], [other for other in found if other > day]
    return [*before[-MOST_DAYS:], *after[:MOST_DAYS]]


def near_days(days: Sequence[date]) -> str:
    """The end of an error's message that names them; empty if there are none."""
    return f"; the nearest days there are {', '.join(map(str, days))}" if days else ""


def places_of(inputs: Sequence[str], day: date, place: Place | None = None) -> list[str]:
    """Where a day is looked for: the inputs, with the day filled in where they have places for one."""
    window = Window.around(day, timedelta(0), (place or Place()).zone)
    named = (os.path.abspath(local_path(text)) if is_local(text) else text for text in inputs)
    return [filled.uri for text in named for filled in filled_in(text, window)]


def nearest_days(inputs: Sequence[str], day: date, place: Place | None = None) -> list[date]:
    """The days nearest to one that inputs have raw objects of; empty if there are none, or they cannot be listed.

    Args:
        inputs: files, folders and globs, local or as fsspec URIs; not of clusters.
        day: the day that has none.
        place: what folders mean, and how they are reached.
    """
    place = place or Place()
    found: set[date] = set()
    for text in inputs:
        with contextlib.suppress(Exception):  # it only makes an error say more, whose cause may be just this
            found |= set(_days_at(text, day, place))
    return nearest(found, day)


def _days_at(text: str, day: date, place: Place) -> Iterator[date]:
    named = os.path.abspath(local_path(text)) if is_local(text) else text
    storage: Storage = LocalFiles() if is_local(named) else RemoteFiles(fill_in(named, day), place.options)
    if has_places(named):
        yield from _filled_days(storage, named, day)
    elif not glob.has_magic(named):  # which matches nothing, or all days
        yield from _days_below(storage, named, day, place)


def _filled_days(storage: Storage, text: str, day: date) -> list[date]:
    """Days for which something is there if they are filled in."""

    def is_there(other: date) -> bool:
        uri = fill_in(text, other)
        return storage.look(uri) is not None or (glob.has_magic(uri) and bool(storage.matches(uri)))

    others = [day + timedelta(days=apart) for apart in range(-_MOST_APART, _MOST_APART + 1) if apart]
    with ThreadPoolExecutor(storage.at_a_time, thread_name_prefix="near") as pool:
        return [other for other, there in zip(others, pool.map(is_there, others), strict=True) if there]


def _days_below(storage: Storage, root: str, day: date, place: Place) -> list[date]:
    """Days that folders below a folder name; of folders of months, only the nearest are looked into."""
    found: list[date] = []
    folders, listed = [root], 0
    while folders and listed < _MOST_LISTED:
        folders = folders[: _MOST_LISTED - listed]
        listed += len(folders)
        below = []
        for folder in folders:
            below += [entry.uri for entry in storage.entries(folder) or () if entry.is_folder]
        spans = {uri: span_of(uri, place.zone) for uri in below if not place.skips(uri[len(root.rstrip("/")) + 1 :])}
        named = (day_of_path(f"{uri}/", place.zone) for uri in spans)
        found += [other for other in named if other is not None]
        undated = [uri for uri, span in spans.items() if span is None]
        months = sorted((span.begin, uri) for uri, span in spans.items() if span is not None and not span.is_day)
        middle = datetime.combine(day, time(), UTC)
        before = [uri for begin, uri in months if begin <= middle]
        after = [uri for begin, uri in months if begin > middle]
        folders = [*undated, *before[-_MOST_SPANS:], *after[:_MOST_SPANS]]
    return found
