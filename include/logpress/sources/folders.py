"""Where raw objects lie, as listing asks of it: local folders, and any storage of fsspec."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from logpress.errors import AbsentError, SourceError, UsageError
from logpress.outputs import LAKE_MARKER
from logpress.sources.lakes import lake_around, tell_of_lake
from logpress.sources.refusals import error_code
from logpress.sources.stored import file_version, sentence, version_of


@dataclass(frozen=True, slots=True)
class Entry:
    """What a path is: a folder, or a file of some size."""

    uri: str
    is_folder: bool
    size: int
    version: str = ""


class Storage(Protocol):
    """What listing asks of a place where files lie; raises OSError.

    Attributes:
        at_a_time: folders that are listed at once.
    """

    at_a_time: int

    def look(self, uri: str) -> Entry | None:
        """What lies at a path; None if nothing does."""

    def entries(self, uri: str) -> list[Entry] | None:
        """What lies in a folder; None if it is a lake, or a link into one."""

    def is_lake(self, folder: str, below: Sequence[str], is_folder: bool) -> bool:
        """Whether a folder is a lake, in which a file or folder has this path."""

    def matches(self, pattern: str) -> list[str]:
        """The paths that a glob matches."""

    def identity(self, uri: str) -> str:
        """The same for two names of one file or folder."""


class LocalFiles:
    """The local file system."""

    at_a_time = 1

    def look(self, uri: str) -> Entry | None:
        """What lies at a path; None if nothing does."""
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
        return Entry(uri, is_folder, status.st_size, file_version(status))

    def entries(self, uri: str) -> list[Entry] | None:
        """What lies in a folder; None if it is a lake, or a link into one."""
        found = []
        names = os.listdir(uri)
        if LAKE_MARKER in names or (os.path.islink(uri) and lake_around(uri) is not None):
            return None
        for name in names:
            if not is_hidden(name):
                path = os.path.join(uri, name)
                entry = self.look(path)
                if entry is not None and not (os.path.islink(path) and not entry.is_folder and leads_into_lake(path)):
                    found.append(entry)
        return found

    def is_lake(self, folder: str, below: Sequence[str], is_folder: bool) -> bool:
        """Whether a folder is a lake."""
        return os.path.lexists(os.path.join(folder, LAKE_MARKER))

    def matches(self, pattern: str) -> list[str]:
        """The paths that a glob matches."""
        return glob.glob(pattern, recursive=True)

    def identity(self, uri: str) -> str:
        """The same for two names of one file or folder."""
        return os.path.realpath(uri)


def leads_into_lake(link: str) -> bool:
    """Whether a link leads into a lake, which is said then."""
    lake = lake_around(link)
    if lake is not None:
        tell_of_lake(str(lake))
    return lake is not None


class RemoteFiles:
    """Any file system of fsspec."""

    at_a_time = 16

    def __init__(self, uri: str, options: Mapping[str, Any]) -> None:
        import fsspec

        try:
            self._filesystem, _ = fsspec.core.url_to_fs(uri, **options)
        except (ValueError, ImportError) as error:
            raise UsageError(f"{uri}: no such kind of storage: {error}") from error
        self._protocol = uri.split("://", 1)[0]
        self._lakes: dict[str, bool] = {}
        self._found_all = False
        self._filesystem.invalidate_cache()

    def _entry(self, info: dict[str, Any]) -> Entry:
        path = str(info["name"]).rstrip("/")
        return Entry(self._uri(path), info["type"] == "directory", int(info.get("size") or 0), version_of(info))

    def _uri(self, path: str) -> str:
        return path if "://" in path else f"{self._protocol}://{path}"

    def look(self, uri: str) -> Entry | None:
        """What lies at a path; None if nothing does."""
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

    def entries(self, uri: str) -> list[Entry] | None:
        """What lies in a folder; None if it is a lake, or a link into one."""
        found = [self._entry(info) for info in self._filesystem.ls(uri, detail=True)]
        if any(entry.uri.rsplit("/", 1)[-1] == LAKE_MARKER for entry in found):
            return None
        # an object store may list a folder's own empty marker among what is in it
        return [entry for entry in found if entry.uri != uri.rstrip("/")]

    def is_lake(self, folder: str, below: Sequence[str], is_folder: bool) -> bool:
        """Whether a folder is a lake; asked for only where the path below can be a lake's, as it costs a request."""
        if folder not in self._lakes:
            if not _can_be_of_lake(below) and (not is_folder or self._found_all):
                return False  # to look costs a request
            self._lakes[folder] = bool(self._filesystem.exists(f"{folder}/{LAKE_MARKER}"))
        return self._lakes[folder]

    def matches(self, pattern: str) -> list[str]:
        """The paths that a glob matches."""
        found = [self._uri(path) for path in self._filesystem.glob(pattern)]
        self._found_all = pattern.endswith("**")  # markers too
        self._lakes |= {path.rpartition("/")[0]: True for path in found if path.endswith(f"/{LAKE_MARKER}")}
        return found

    def identity(self, uri: str) -> str:
        """The same for two names of one file or folder."""
        return uri


def _can_be_of_lake(below: Sequence[str]) -> bool:
    """Whether a file of a lake can have this path in it: of today's folders, or of those of format 1."""
    if len(below) == 3:
        return below[1] in ("metadata", "manifests") or below[1].startswith("dt=")
    if len(below) == 4:
        return below[1] in ("data", "files", "rejects") and below[2].startswith("dt=")
    return list(below) == ["catalog.sqlite"]


def is_hidden(name: str) -> bool:
    """Whether a name is left out of folders and globs."""
    return name.startswith((".", "_"))
