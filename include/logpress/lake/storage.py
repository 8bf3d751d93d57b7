"""Files of a lake, on a local disk or in any storage of fsspec: small whole reads, atomic writes, moves."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from logpress.errors import LakeError, LogpressError, UsageError
from logpress.lake.item import Item
from logpress.lake.remote import RemoteStorage
from logpress.uris import refuse_secret

TEMPORARY_PREFIX = ".tmp-"
NO_LINKS = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EXDEV, errno.EMLINK})
"""Errors of file systems, and of their mounts, that have no hard links."""


class Storage(Protocol):
    """What a lake asks of the place it lies in. Paths are whole paths or URIs; errors are the client's own."""

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""

    def size(self, path: str) -> int | None:
        """Bytes of a file; None if there is none."""

    def read(self, path: str) -> bytes | None:
        """A small file; None if there is none."""

    def sha256(self, path: str) -> str:
        """The SHA-256 of a file's bytes, hexadecimal."""

    def write(self, path: str, data: bytes) -> None:
        """Write a small file: readers see the old one or the new one, whole."""

    def create(self, path: str, data: bytes) -> bool:
        """Write a small file, whole, unless there is one; whether it was written. Of two that do it at once, one does.

        On a disk without hard links a lock must keep others away.
        """

    def list(self, folder: str) -> list[Item]:
        """What lies in a folder, by name; nothing if there is none."""

    def move(self, source: str, target: str) -> None:
        """Move a file; readers see no target, or a whole one."""

    def copy(self, source: str, target: str) -> None:
        """Give a file a second name, or make a second one of it; readers see no target, or a whole one."""

    def can_link(self, folder: str) -> bool:
        """Whether a file in this folder can have a second name; the folder is made if missing."""

    def sync(self, path: str) -> None:
        """Make sure that a file, and its name, outlive a loss of power."""

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all that is in it, if it is there."""


def normal_uri(uri: str) -> str:
    """The one way to write a lake's place: an absolute local path, or a URI without a slash at its end.

    Raises:
        UsageError: if it is empty, or holds a secret.
    """
    refuse_secret(uri)
    if not uri.strip():
        raise UsageError("the lake's name is empty; give a folder or a URI such as s3://bucket/lake")
    protocol, _, path = uri.partition("://")
    if not path:
        return os.path.abspath(uri)
    if protocol in ("file", "local"):
        return os.path.abspath(path)
    if any(sign in path for sign in "*?[#"):  # a storage would remove all that matches
        raise UsageError(f"{uri}: a lake's URI cannot have *, ?, [ or # in it")
    return uri.rstrip("/")


def storage_of(uri: str) -> Storage:
    """The storage a normal URI lies in.

    Raises:
        UsageError: if its kind is unknown.
    """
    return LocalStorage() if "://" not in uri else RemoteStorage(uri)


@contextlib.contextmanager
def lake_errors(place: str) -> Iterator[None]:
    """Say what a storage or a catalog refused in a sentence that names the place.

    Raises:
        LakeError: in the place of any other error but logpress's own.
    """
    try:
        yield
    except LogpressError:
        raise
    except (AssertionError, AttributeError, NameError, TypeError):
        raise  # a defect
    except Exception as error:  # storages and catalogs raise what their own clients do
        text = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        if isinstance(error, OSError) and error.filename:
            text = f"{text}: {error.filename}"
        raise LakeError(f"{place}: {text or type(error).__name__}") from error


class LocalStorage:
    """A folder on a disk."""

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        return os.path.lexists(path)

    def size(self, path: str) -> int | None:
        """Bytes of a file; None if there is none."""
        try:
            return os.stat(path).st_size
        except FileNotFoundError:
            return None

    def read(self, path: str) -> bytes | None:
        """A small file; None if there is none."""
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def sha256(self, path: str) -> str:
        """The SHA-256 of a file's bytes, hexadecimal."""
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def write(self, path: str, data: bytes) -> None:
        """Write a small file: readers see the old one or the new one, whole."""
        with _written(path, data) as temporary:
            os.replace(temporary, path)
        sync_folder(os.path.dirname(path))

    def create(self, path: str, data: bytes) -> bool:
        """Write a small file, whole, unless there is one; whether it was written. Of two that do it at once, one does.

        On a disk without hard links a lock must keep others away.
        """
        with _written(path, data) as temporary:
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                if os.path.lexists(path):
                    return False
                os.replace(temporary, path)
        sync_folder(os.path.dirname(path))
        return True

    def list(self, folder: str) -> list[Item]:
        """What lies in a folder, by name; nothing if there is none."""
        found = []
        try:
            for entry in os.scandir(folder):
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat()
                    modified = datetime.fromtimestamp(status.st_mtime, UTC)
                    found.append(Item(entry.name, entry.is_dir(), 0 if entry.is_dir() else status.st_size, modified))
        except FileNotFoundError:
            return []
        return sorted(found, key=lambda item: item.name)

    def move(self, source: str, target: str) -> None:
        """Move a file; readers see no target, or a whole one."""
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(source, target)

    def copy(self, source: str, target: str) -> None:
        """Give a file a second name, or make a second one of it; readers see no target, or a whole one."""
        folder = os.path.dirname(target)
        os.makedirs(folder, exist_ok=True)
        temporary = os.path.join(folder, f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}")
        try:
            try:
                os.link(source, temporary)
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                shutil.copyfile(source, temporary)
                self.sync(temporary)
            os.replace(temporary, target)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # there still if it failed, or the target was this file already
        sync_folder(folder)

    def can_link(self, folder: str) -> bool:
        """Whether a file in this folder can have a second name; the folder is made if missing."""
        os.makedirs(folder, exist_ok=True)
        one, other = (os.path.join(folder, f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}") for _ in range(2))
        try:
            with open(one, "xb"):
                pass
            os.link(one, other)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            return False
        finally:
            for path in (one, other):
                with contextlib.suppress(OSError):
                    os.unlink(path)
        return True

    def sync(self, path: str) -> None:
        """Make sure that a file, and its name, outlive a loss of power."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(os.path.dirname(path))

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all that is in it, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)


@contextlib.contextmanager
def _written(path: str, data: bytes) -> Iterator[str]:
    """A temporary file with these bytes beside a path; gone in the end."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # there still if it was not renamed


def sync_folder(folder: str) -> None:
    """Make sure that the names in a local folder outlive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
