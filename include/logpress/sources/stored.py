"""Bytes as they are stored, front to back: of a local file as near to free as can be; remote.py has other objects.

reader.py opens either.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from typing import Any, Protocol


class ChangedError(OSError):
    """It is not what it was when it was opened."""

    def __init__(self) -> None:
        super().__init__("it changed while being read; press it once nothing writes to it any more")


class Stored(Protocol):
    """A file or object that is read front to back, and sometimes again from a place further up.

    Attributes:
        size: its bytes.
        version: what tells it from an earlier one of the same name: an ETag, or when it was last written.
    """

    size: int
    version: str

    def readinto(self, view: memoryview, /) -> int:
        """Fill a part of a buffer; 0 at the end."""

    def seek(self, offset: int, /) -> None:
        """Go on reading from another place."""

    def check(self) -> None:
        """Raise ChangedError if what was read may be of two versions."""

    def close(self) -> None:
        """Let go of it."""


def version_of(info: Mapping[str, Any]) -> str:
    """What tells an object from an earlier one of its name, of what a storage says of it; empty if nothing does."""
    for key in ("ETag", "etag", "mtime", "LastModified", "last_modified", "created"):
        if info.get(key):
            return str(info[key]).strip('"')
    return ""


def file_version(status: os.stat_result) -> str:
    """When a local file was last written, in nanoseconds since 1970."""
    return str(status.st_mtime_ns)


def is_local(uri: str) -> bool:
    """Whether a URI is a path of the local file system."""
    return "://" not in uri or uri.startswith(("file://", "local://"))


def local_path(uri: str) -> str:
    """The path of a local URI."""
    return uri.split("://", 1)[1] if "://" in uri else uri


def sentence(error: BaseException) -> str:
    """What an error of some storage says, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    return text or type(error).__name__


class LocalFile:
    """A local file, read into the caller's buffer.

    Measured: a buffer of two megabytes that is used again stays in its core's cache, and to copy into it takes two
    thirds of the time that faults take on a mapping of the file.
    """

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self._fd)
        if stat.S_ISDIR(status.st_mode):
            os.close(self._fd)
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        self.size = status.st_size
        self.version = file_version(status)
        self._offset = 0
        os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def readinto(self, view: memoryview, /) -> int:
        """Fill a part of a buffer; 0 at the end."""
        wanted = min(len(view), self.size - self._offset)
        if wanted == 0:
            return 0
        count = os.preadv(self._fd, [view[:wanted]], self._offset)
        if count == 0:
            raise OSError("it became shorter while being read; press it once nothing writes to it any more")
        self._offset += count
        return count

    def seek(self, offset: int, /) -> None:
        """Go on reading from another place."""
        self._offset = offset

    def check(self) -> None:
        """Raise ChangedError if what was read may be of two versions."""
        status = os.fstat(self._fd)
        if (status.st_size, file_version(status)) != (self.size, self.version):
            raise ChangedError

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)
