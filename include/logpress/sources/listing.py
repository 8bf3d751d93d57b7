"""From what the user names (files, folders, globs, URIs) to the raw objects that may hold a day's records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import fsspec

from logpress.errors import SourceError, UsageError

_HOUR_FOLDER = re.compile(r"(?:^|/)(\d{4})/(\d{2})/(\d{2})/(?:(\d{2})/)?[^/]*$")
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, order=True)
class RawObject:
    """One raw object.

    Attributes:
        uri: a local path, or a URI.
        size: bytes as it lies there.
    """

    uri: str
    size: int


def _folder_time(uri: str) -> tuple[date, int | None] | None:
    match = _HOUR_FOLDER.search(uri)
    if match is None:
        return None
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
    hour = int(match[4]) if match[4] else None
    return (day, hour) if hour is None or hour < 24 else None


def day_of_path(uri: str) -> date | None:
    """The UTC day of the `YYYY/MM/DD/` or `YYYY/MM/DD/HH/` folder an object lies in, if it lies in one."""
    found = _folder_time(uri)
    return found[0] if found else None


def hour_of_path(uri: str) -> datetime | None:
    """The UTC hour of the `YYYY/MM/DD/HH/` folder an object lies in, if it lies in one."""
    found = _folder_time(uri)
    return datetime.combine(found[0], time(found[1]), UTC) if found and found[1] is not None else None


def fill_in(pattern: str, day: date) -> str:
    """An input with {day}, {year}, {month} and {day_of_month} filled in."""
    values = {"{day}": f"{day:%Y-%m-%d}", "{year}": f"{day:%Y}", "{month}": f"{day:%m}", "{day_of_month}": f"{day:%d}"}
    for key, value in values.items():
        pattern = pattern.replace(key, value)
    return pattern


def list_inputs(inputs: Sequence[str], day: date, lateness: timedelta = timedelta(0)) -> list[RawObject]:
    """The raw objects behind some inputs, each once, in the order of their names.

    Objects in folders named `YYYY/MM/DD/HH/` are taken if that hour touches the day, widened by `lateness` on both
    sides: records come late, and an object's name says when its first record came. Hidden files (`.x`, `_x`) are left out.

    Args:
        inputs: files, folders, globs or fsspec URIs.
        day: the UTC day.
        lateness: margin on both sides of the day.

    Raises:
        UsageError: if there are no inputs.
        SourceError: if an input is not there, cannot be read, or holds nothing for the day.
    """
    if not inputs:
        raise UsageError("there is no input; name files, folders or globs with --input, or in the contract's source.inputs")
    found: dict[str, RawObject] = {}
    for text in inputs:
        pattern = fill_in(text, day)
        try:
            filesystem, path = fsspec.core.url_to_fs(pattern)
            objects = list(_objects(filesystem, path, pattern))
        except (OSError, ValueError, ImportError) as error:
            raise SourceError(f"{pattern}: cannot be listed: {error}") from error
        taken = [entry for entry in objects if _touches(entry.uri, day, lateness)]
        if not taken:
            others = f"; it holds {len(objects)} objects of other days" if objects else ""
            raise SourceError(f"{pattern}: holds no raw object for {day}{others}")
        found |= {entry.uri: entry for entry in taken}
    return [found[uri] for uri in sorted(found)]


def _objects(filesystem: Any, path: str, pattern: str) -> Iterable[RawObject]:
    is_local = "file" in filesystem.protocol if isinstance(filesystem.protocol, tuple) else filesystem.protocol == "file"
    if filesystem.isfile(path):
        matches = {path: filesystem.info(path)}
    elif filesystem.isdir(path):
        matches = filesystem.find(path, detail=True)
    elif _GLOB.search(path):
        matches = {}
        for name, info in filesystem.glob(path, detail=True).items():
            matches |= filesystem.find(name, detail=True) if info["type"] == "directory" else {name: info}
    else:
        raise SourceError(f"{pattern}: there is no such file or folder")
    root = path.rstrip("/")
    for name, info in matches.items():
        inside = name[len(root) :] if name.startswith(root + "/") else ""
        if any(step.startswith((".", "_")) for step in inside.split("/")) or info["type"] != "file":
            continue
        yield RawObject(name if is_local else filesystem.unstrip_protocol(name), int(info["size"] or 0))


def _touches(uri: str, day: date, lateness: timedelta) -> bool:
    found = _folder_time(uri)
    if found is None:
        return True
    begin = datetime.combine(found[0], time(found[1] or 0), UTC)
    end = begin + (timedelta(days=1) if found[1] is None else timedelta(hours=1))
    midnight = datetime.combine(day, time(), UTC)
    return begin < midnight + timedelta(days=1) + lateness and end > midnight - lateness
