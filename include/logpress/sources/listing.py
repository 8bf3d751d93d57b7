"""List the raw objects of a day: files, folders, globs and URIs, in a fixed order."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol

from logpress.errors import SourceError, UsageError
from logpress.sources.dated import day_of_path, span_of
from logpress.sources.stored import is_local, local_path, sentence


@dataclass(frozen=True, slots=True)
class RawObject:
    """A raw object as it lies there.

    Attributes:
        uri: absolute local path, or fsspec URI.
        size: stored bytes (compressed, if it is).
        day_hint: the day that its YYYY/MM/DD folders name.
    """

    uri: str
    size: int
    day_hint: date | None


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a path is: a folder, or a file of some size."""

    uri: str
    is_folder: bool
    size: int


class _Storage(Protocol):
    """What listing asks of a place where files lie; raises OSError."""

    def look(self, uri: str) -> _Entry | None:
        """What lies at a path; None if nothing does."""

    def entries(self, uri: str) -> list[_Entry]:
        """What lies in a folder."""

    def matches(self, pattern: str) -> list[str]:
        """The paths that a glob matches."""

    def identity(self, uri: str) -> str:
        """The same for two names of one file or folder."""


class _Local:
    """The local file system."""

    def look(self, uri: str) -> _Entry | None:
        try:
            status = os.stat(uri)
        except (FileNotFoundError, NotADirectoryError):
            if os.path.islink(uri):
                raise SourceError(f"{uri}: is a link to {os.readlink(uri)}, which is not there") from None
            return None
        except OSError as error:
            raise SourceError(f"{uri}: cannot be read: {sentence(error)}") from error
        is_folder = stat.S_ISDIR(status.st_mode)
        if not is_folder and not stat.S_ISREG(status.st_mode):
            raise SourceError(
                f"{uri}: is neither a file nor a folder; write what it gives to a file, which can be read again"
            )
        if not os.access(uri, os.R_OK | (os.X_OK if is_folder else 0)):
            raise SourceError(f"{uri}: cannot be read: Permission denied")
        return _Entry(uri, is_folder, status.st_size)

    def entries(self, uri: str) -> list[_Entry]:
        found = []
        for name in os.listdir(uri):
            if not _is_hidden(name):
                entry = self.look(os.path.join(uri, name))
                if entry is not None:
                    found.append(entry)
        return found

    def matches(self, pattern: str) -> list[str]:
        return glob.glob(pattern, recursive=True)

    def identity(self, uri: str) -> str:
        return os.path.realpath(uri)


class _Remote:
    """Any file system of fsspec."""

    def __init__(self, uri: str) -> None:
        import fsspec

        try:
            self._filesystem, _ = fsspec.core.url_to_fs(uri)
        except (ValueError, ImportError) as error:
            raise UsageError(f"{uri}: no such kind of storage: {error}") from error
        self._protocol = uri.split("://", 1)[0]
        self._filesystem.invalidate_cache()

    def _entry(self, info: dict[str, Any]) -> _Entry:
        path = str(info["name"]).rstrip("/")
        return _Entry(self._uri(path), info["type"] == "directory", int(info.get("size") or 0))

    def _uri(self, path: str) -> str:
        return path if "://" in path else f"{self._protocol}://{path}"

    def look(self, uri: str) -> _Entry | None:
        try:
            return self._entry(self._filesystem.info(uri))
        except FileNotFoundError:
            return None

    def entries(self, uri: str) -> list[_Entry]:
        found = [self._entry(info) for info in self._filesystem.ls(uri, detail=True)]
        # an object store may list a folder's own empty marker among what is in it
        return [entry for entry in found if entry.uri != uri.rstrip("/")]

    def matches(self, pattern: str) -> list[str]:
        return [self._uri(path) for path in self._filesystem.glob(pattern)]

    def identity(self, uri: str) -> str:
        return uri


@dataclass(frozen=True, slots=True)
class _Window:
    """The instants whose folders are listed."""

    begin: datetime
    end: datetime

    @classmethod
    def around(cls, day: date, lateness: timedelta) -> _Window:
        midnight = datetime.combine(day, time.min, UTC)
        return cls(midnight - lateness, midnight + timedelta(days=1) + lateness)

    def leaves_out(self, folder: str, root: str) -> bool:
        """Whether a folder below the root names a time that lies outside."""
        components = folder.split("/")
        span = span_of(components)
        if span is None or span.depth <= len(root.rstrip("/").split("/")):
            return False
        return span.end <= self.begin or span.begin > self.end


def list_inputs(
    inputs: Sequence[str], day: date | None = None, *, lateness: timedelta = timedelta(0)
) -> list[RawObject]:
    """List the raw objects that inputs name.

    Files whose names begin with a point or an underscore are left out of folders and globs. In a folder that holds
    YYYY/MM/DD or YYYY/MM/DD/HH folders, only those of the day and of the lateness before and after it are listed.

    Args:
        inputs: files, folders and globs, local or as fsspec URIs; `{day}`, `{year}`, `{month}` and `{day_of_month}` are
            filled in.
        day: the UTC day; None lists whatever is there.
        lateness: how long after the end of a day its records still arrive.

    Returns:
        Each object once; in the order of the inputs, and in each input by path. Empty where the folders are there, but
        hold nothing of the day.

    Raises:
        SourceError: if a path is not there, cannot be read, or is a folder with nothing in it.
        UsageError: if a path has `{day}` and no day is given, or its kind of storage is unknown.
    """
    window = None if day is None else _Window.around(day, lateness)
    found: dict[str, RawObject] = {}
    for text in inputs:
        uri = fill_in(text, day)
        storage: _Storage
        if is_local(uri):
            uri = os.path.abspath(local_path(uri))
            storage = _Local()
        else:
            storage = _Remote(uri)
        try:
            for entry in _list_one(storage, uri, window):
                found.setdefault(storage.identity(entry.uri), RawObject(entry.uri, entry.size, day_of_path(entry.uri)))
        except (SourceError, UsageError):
            raise
        except Exception as error:  # fsspec's file systems raise what their own clients do
            raise SourceError(f"{uri}: cannot be listed: {sentence(error)}") from error
    return list(found.values())


def _list_one(storage: _Storage, uri: str, window: _Window | None) -> list[_Entry]:
    entry = storage.look(uri)
    if entry is not None:
        entries = [entry]
    elif glob.has_magic(uri):
        entries = [
            found for path in sorted(storage.matches(uri)) if (found := _matched(storage, path, uri)) is not None
        ]
        if not entries:
            raise SourceError(f"{uri}: no file matches; see that the pattern is right and quoted from the shell")
    else:
        raise SourceError(f"{uri}: there is no such file or folder")
    files: list[_Entry] = []
    for entry in entries:
        if not entry.is_folder:
            files.append(entry)
            continue
        walk = _Walk(storage, entry.uri, window)
        files += sorted(walk.files(entry.uri), key=lambda file: file.uri)
        if not walk.seen and not glob.has_magic(uri):
            raise SourceError(f"{uri}: the folder has no file in it (files that begin with . or _ do not count)")
    return files


def _matched(storage: _Storage, path: str, pattern: str) -> _Entry | None:
    fixed = next(i for i, name in enumerate(pattern.split("/")) if glob.has_magic(name))
    if any(_is_hidden(name) for name in path.split("/")[fixed:]) and not _is_hidden(os.path.basename(pattern)):
        return None
    return storage.look(path)


class _Walk:
    """The files of a folder and of the folders in it."""

    def __init__(self, storage: _Storage, root: str, window: _Window | None) -> None:
        self._storage = storage
        self._root = root
        self._window = window
        self._visited: set[str] = set()
        self.seen = False  # whether there is any file, of whatever day

    def files(self, folder: str) -> Iterator[_Entry]:
        identity = self._storage.identity(folder)
        if identity in self._visited:  # a link that leads back
            return
        self._visited.add(identity)
        for entry in self._storage.entries(folder):
            if _is_hidden(entry.uri.rsplit("/", 1)[-1]):
                continue
            if not entry.is_folder:
                self.seen = True
                yield entry
            elif self._window is not None and self._window.leaves_out(entry.uri, self._root):
                self.seen = True
            else:
                yield from self.files(entry.uri)


def fill_in(text: str, day: date | None) -> str:
    """Put a day into `{day}`, `{year}`, `{month}` and `{day_of_month}`.

    Raises:
        UsageError: if there is no day to put there.
    """
    values = {
        "{day}": "%Y-%m-%d",
        "{year}": "%Y",
        "{month}": "%m",
        "{day_of_month}": "%d",
    }
    for place, form in values.items():
        if place in text:
            if day is None:
                raise UsageError(f"{text}: has {place} in it, but no day is given; write out the path")
            text = text.replace(place, day.strftime(form))
    return text


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))
