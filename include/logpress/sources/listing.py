"""List the raw objects of a day: files, folders, globs and URIs, in a fixed order."""

from __future__ import annotations

import fnmatch
import glob
import logging
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta, tzinfo
from pathlib import Path
from typing import Any, Protocol

from logpress.errors import AbsentError, SourceError, UsageError
from logpress.outputs import LAKE_MARKER, lake_above
from logpress.sources.dated import day_of_path
from logpress.sources.refusals import error_code, source_error
from logpress.sources.stored import file_version, is_local, local_path, sentence, version_of
from logpress.sources.window import Filled, Window, filled_in
from logpress.sources.window import fill_in as fill_in
from logpress.uris import refuse_secret

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RawObject:
    """A raw object as it lies there.

    Attributes:
        uri: absolute local path, or fsspec URI.
        size: stored bytes (compressed, if it is).
        day_hint: the day that its folders name, or that was filled into the input.
        version: what tells it from an earlier one of the same name: its ETag, or when it was last written.
    """

    uri: str
    size: int
    day_hint: date | None
    version: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a path is: a folder, or a file of some size."""

    uri: str
    is_folder: bool
    size: int
    version: str = ""


class _Storage(Protocol):
    """What listing asks of a place where files lie; raises OSError.

    Attributes:
        at_a_time: folders that are listed at once.
    """

    at_a_time: int

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

    at_a_time = 1

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
        return _Entry(uri, is_folder, status.st_size, file_version(status))

    def entries(self, uri: str) -> list[_Entry]:
        found = []
        names = os.listdir(uri)
        if LAKE_MARKER in names:
            return _nothing_of_a_lake(uri)
        for name in names:
            if not _is_hidden(name):
                entry = self.look(os.path.join(uri, name))
                if entry is not None:
                    found.append(entry)
        return found

    def matches(self, pattern: str) -> list[str]:
        return glob.glob(pattern, recursive=True)

    def identity(self, uri: str) -> str:
        return os.path.realpath(uri)


def _nothing_of_a_lake(uri: str) -> list[_Entry]:
    """A lake among raw objects is no raw input: its parts would be read as records."""
    log.warning("%s: is a lake of logpress, which is left out of the input", uri)
    return []


class _Remote:
    """Any file system of fsspec."""

    at_a_time = 16

    def __init__(self, uri: str, options: Mapping[str, Any]) -> None:
        import fsspec

        try:
            self._filesystem, _ = fsspec.core.url_to_fs(uri, **options)
        except (ValueError, ImportError) as error:
            raise UsageError(f"{uri}: no such kind of storage: {error}") from error
        self._protocol = uri.split("://", 1)[0]
        self._filesystem.invalidate_cache()

    def _entry(self, info: dict[str, Any]) -> _Entry:
        path = str(info["name"]).rstrip("/")
        return _Entry(self._uri(path), info["type"] == "directory", int(info.get("size") or 0), version_of(info))

    def _uri(self, path: str) -> str:
        return path if "://" in path else f"{self._protocol}://{path}"

    def look(self, uri: str) -> _Entry | None:
        try:
            return self._entry(self._filesystem.info(uri))
        except FileNotFoundError as error:
            if "bucket" in str(error):
                raise AbsentError(f"{uri}: there is no such bucket, or nobody may know of it") from error
            return None
        except OSError as error:
            if isinstance(error, PermissionError) or error_code(error).isdigit():
                self._filesystem.ls(uri)  # whose answer has a body, which says why
            raise

    def entries(self, uri: str) -> list[_Entry]:
        found = [self._entry(info) for info in self._filesystem.ls(uri, detail=True)]
        if any(entry.uri.rsplit("/", 1)[-1] == LAKE_MARKER for entry in found):
            return _nothing_of_a_lake(uri)
        # an object store may list a folder's own empty marker among what is in it
        return [entry for entry in found if entry.uri != uri.rstrip("/")]

    def matches(self, pattern: str) -> list[str]:
        return [self._uri(path) for path in self._filesystem.glob(pattern)]

    def identity(self, uri: str) -> str:
        return uri


@dataclass(frozen=True)
class Place:
    """What a place's folders mean, and how it is reached.

    Attributes:
        zone: the time zone of folders that name a time.
        skip: globs of folders and objects that are left out; see `skips`.
        options: what fsspec's file system takes.
    """

    zone: tzinfo = UTC
    skip: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def skips(self, path: str) -> bool:
        """Whether a path below an input is left out: a glob matches it, a folder above it, or names within it."""
        patterns = (text.strip("/").removeprefix("**/").removesuffix("/**") for text in self.skip)
        return any(fnmatch.fnmatchcase(f"/{path}/", f"*/{pattern}/*") for pattern in patterns)


def list_inputs(
    inputs: Sequence[str],
    day: date | None = None,
    *,
    lateness: timedelta = timedelta(0),
    place: Place | None = None,
) -> list[RawObject]:
    """List the raw objects that inputs name.

    Files whose names begin with a point or an underscore are left out of folders and globs. In a folder that holds
    folders of months, days or hours, only those of the day and of the lateness before and after it are listed.

    Args:
        inputs: files, folders and globs, local or as fsspec URIs; `{day}`, `{year}`, `{month}` and `{day_of_month}` are
            filled in for each day of the place's zone that the day or its margins touch. Of the margins' days, what
            is not there is left out.
        day: the UTC day; None lists whatever is there.
        lateness: how long after the end of a day its records still arrive.
        place: what folders mean, and what is left out.

    Returns:
        Each object once; in the order of the inputs, and in each input by path. Empty where the folders are there, but
        hold nothing of the day.

    Raises:
        AbsentError: if a path is not there, or is a folder with nothing in it.
        SourceError: if a path cannot be read.
        UsageError: if a path has `{day}` and no day is given, its kind of storage is unknown, or it holds a secret.
    """
    place = place or Place()
    window = None if day is None else Window.around(day, lateness, place.zone)
    found: dict[str, RawObject] = {}
    for text in inputs:
        named = os.path.abspath(local_path(text)) if is_local(text) else refuse_secret(text)
        if is_local(named) and (lake := lake_above(Path(named))) is not None:
            raise UsageError(f"{named}: lies in the lake {lake}, which holds no raw input")
        for filled in filled_in(named, window):
            uri = filled.uri
            storage: _Storage = _Local() if is_local(uri) else _Remote(uri, place.options)
            try:
                for entry in _list_one(storage, filled, window, place):
                    hint = day_of_path(entry.uri, place.zone) or filled.day
                    found.setdefault(storage.identity(entry.uri), RawObject(entry.uri, entry.size, hint, entry.version))
            except AbsentError:
                if filled.is_needed:
                    raise
            except (SourceError, UsageError):
                raise
            except Exception as error:  # fsspec's file systems raise what their own clients do
                raise source_error(uri, "listed", error) from error
    return list(found.values())


def _list_one(storage: _Storage, filled: Filled, window: Window | None, place: Place) -> list[_Entry]:
    uri = filled.uri
    entry = storage.look(uri)
    if entry is not None:
        entries = [entry]
    elif glob.has_magic(uri):
        entries = [
            found
            for path in sorted(storage.matches(uri))
            if (found := _matched(storage, path, uri)) is not None and not place.skips(_below(path, uri))
        ]
        if not entries:
            raise AbsentError(f"{uri}: no file matches; see that the pattern is right and quoted from the shell")
    else:
        raise AbsentError(f"{uri}: there is no such file or folder")
    files: list[_Entry] = []
    for entry in entries:
        folder = entry.uri if entry.is_folder else entry.uri.rpartition("/")[0]
        if window is not None and filled.root is not None and window.leaves_out(folder, filled.root):
            continue
        if not entry.is_folder:
            files.append(entry)
            continue
        walk = _Walk(storage, entry.uri, window, place)
        files += sorted(walk.files(), key=lambda file: file.uri)
        if not walk.seen and not glob.has_magic(uri):
            raise AbsentError(f"{uri}: the folder has no file in it (files that begin with . or _ do not count)")
    return files


def _below(path: str, pattern: str) -> str:
    """The part of a path that a glob has found."""
    fixed = next(i for i, name in enumerate(pattern.split("/")) if glob.has_magic(name))
    return "/".join(path.split("/")[fixed:])


def _matched(storage: _Storage, path: str, pattern: str) -> _Entry | None:
    fixed = next(i for i, name in enumerate(pattern.split("/")) if glob.has_magic(name))
    if any(_is_hidden(name) for name in path.split("/")[fixed:]) and not _is_hidden(os.path.basename(pattern)):
        return None
    return storage.look(path)


class _Walk:
    """The files of a folder and of the folders in it."""

    def __init__(self, storage: _Storage, root: str, window: Window | None, place: Place) -> None:
        self._storage = storage
        self._root = root
        self._window = window
        self._place = place
        self._visited: set[str] = set()
        self.seen = False  # whether there is any file, of whatever day

    def files(self) -> Iterator[_Entry]:
        """All of them, in no order: folders of the same depth are listed at once."""
        folders = [self._root]
        with ThreadPoolExecutor(max_workers=self._storage.at_a_time, thread_name_prefix="list") as pool:
            while folders:
                new = [folder for folder in folders if self._is_new(folder)]
                folders = []
                for entries in pool.map(self._storage.entries, new):
                    for entry in entries:
                        if not self._takes(entry):
                            continue
                        if entry.is_folder:
                            folders.append(entry.uri)
                        else:
                            yield entry

    def _is_new(self, folder: str) -> bool:
        identity = self._storage.identity(folder)
        if identity in self._visited:  # a link that leads back
            return False
        self._visited.add(identity)
        return True

    def _takes(self, entry: _Entry) -> bool:
        if _is_hidden(entry.uri.rsplit("/", 1)[-1]):
            return False
        left_out = self._place.skips(entry.uri[len(self._root.rstrip("/")) + 1 :])
        if entry.is_folder and not left_out and self._window is not None:
            left_out = self._window.leaves_out(entry.uri, self._root)
        self.seen = self.seen or left_out or not entry.is_folder
        return not left_out


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))
