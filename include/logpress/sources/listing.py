"""List the raw objects of a day: files, folders, globs and URIs, in a fixed order."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta, tzinfo
from typing import Any

from logpress.errors import AbsentError, SourceError, UsageError
from logpress.sources.dated import day_of_path
from logpress.sources.folders import Entry, LocalFiles, RemoteFiles, Storage, is_hidden, leads_into_lake
from logpress.sources.lakes import below_glob, lake_error, refuse_lake, tell_of_lake
from logpress.sources.refusals import source_error
from logpress.sources.stored import is_local, local_path
from logpress.sources.window import Filled, Window, filled_in
from logpress.sources.window import fill_in as fill_in
from logpress.uris import refuse_secret


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

    Files whose names begin with a point or an underscore are left out of folders and globs, and so are lakes and links
    into them: what was pressed is no raw input. In a folder that holds folders of months, days or hours, only those of
    the day and of the lateness before and after it are listed.

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
        UsageError: if a path has `{day}` and no day is given, its kind of storage is unknown, it holds a secret, or it
            is a lake or lies in one.
    """
    place = place or Place()
    window = None if day is None else Window.around(day, lateness, place.zone)
    found: dict[str, RawObject] = {}
    for text in inputs:
        named = os.path.abspath(local_path(text)) if is_local(text) else refuse_secret(text)
        for filled in filled_in(named, window):
            uri = filled.uri
            storage: Storage = LocalFiles() if is_local(uri) else RemoteFiles(uri, place.options)
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


def _list_one(storage: Storage, filled: Filled, window: Window | None, place: Place) -> list[Entry]:
    uri = filled.uri
    refuse_lake(uri)
    entry = storage.look(uri)
    if entry is not None:
        entries = [entry]
    elif glob.has_magic(uri):
        entries = [
            found
            for path in sorted(storage.matches(uri))
            if (found := _matched(storage, path, uri)) is not None
            and not place.skips(below_glob(path, uri))
            and not _is_left_out(storage, found, uri)
        ]
        if not entries:
            raise AbsentError(f"{uri}: no file matches; see that the pattern is right and quoted from the shell")
    else:
        raise AbsentError(f"{uri}: there is no such file or folder")
    files: list[Entry] = []
    for entry in entries:
        folder = entry.uri if entry.is_folder else entry.uri.rpartition("/")[0]
        if window is not None and filled.root is not None and window.leaves_out(folder, filled.root):
            continue
        if not entry.is_folder:
            files.append(entry)
            continue
        walk = _Walk(storage, entry.uri, window, place)
        files += sorted(walk.files(), key=lambda file: file.uri)
        if walk.is_lake and not glob.has_magic(uri):
            raise lake_error(uri, uri)
        if walk.is_lake:
            tell_of_lake(entry.uri)
        if not walk.seen and not glob.has_magic(uri):
            raise AbsentError(f"{uri}: the folder has no file in it (files that begin with . or _ do not count)")
    return files


def _is_left_out(storage: Storage, entry: Entry, pattern: str) -> bool:
    """Whether what a glob has found lies in a lake that the glob has found, or where it begins, or links into one."""
    if is_local(entry.uri) and _is_linked_to_lake(entry.uri, pattern):
        return True
    names = entry.uri.rstrip("/").split("/")
    fixed = len(names) - len(below_glob(entry.uri.rstrip("/"), pattern).split("/"))
    for depth in range(max(1, fixed), len(names)):
        folder = "/".join(names[:depth])
        if storage.is_lake(folder, names[depth:], entry.is_folder):
            tell_of_lake(folder)
            return True
    return False


def _is_linked_to_lake(uri: str, pattern: str) -> bool:
    """Whether a link among the names that a glob has found leads into a lake."""
    names = uri.rstrip("/").split("/")
    fixed = len(names) - len(below_glob(uri.rstrip("/"), pattern).split("/"))
    folders = ("/".join(names[: depth + 1]) for depth in range(max(1, fixed), len(names)))
    return any(os.path.islink(folder) and leads_into_lake(folder) for folder in folders)


def _matched(storage: Storage, path: str, pattern: str) -> Entry | None:
    fixed = next(i for i, name in enumerate(pattern.split("/")) if glob.has_magic(name))
    if any(is_hidden(name) for name in path.split("/")[fixed:]) and not is_hidden(os.path.basename(pattern)):
        return None
    return storage.look(path)


class _Walk:
    """The files of a folder and of the folders in it."""

    def __init__(self, storage: Storage, root: str, window: Window | None, place: Place) -> None:
        self._storage = storage
        self._root = root
        self._window = window
        self._place = place
        self._visited: set[str] = set()
        self.seen = False  # whether there is any file, of whatever day
        self.is_lake = False  # whether the root is one

    def files(self) -> Iterator[Entry]:
        """All of them, in no order: folders of the same depth are listed at once."""
        folders = [self._root]
        with ThreadPoolExecutor(max_workers=self._storage.at_a_time, thread_name_prefix="list") as pool:
            while folders:
                new = [folder for folder in folders if self._is_new(folder)]
                folders = []
                for folder, entries in zip(new, pool.map(self._storage.entries, new), strict=True):
                    if entries is None:
                        if folder == self._root:
                            self.is_lake = True
                        else:
                            tell_of_lake(folder)
                        continue
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

    def _takes(self, entry: Entry) -> bool:
        if is_hidden(entry.uri.rsplit("/", 1)[-1]):
            return False
        left_out = self._place.skips(entry.uri[len(self._root.rstrip("/")) + 1 :])
        if entry.is_folder and not left_out and self._window is not None:
            left_out = self._window.leaves_out(entry.uri, self._root)
        self.seen = self.seen or left_out or not entry.is_folder
        return not left_out
