"""Lakes in an object store, or whatever else fsspec knows."""

from __future__ import annotations

import contextlib
import hashlib
from datetime import UTC, datetime
from typing import Any, cast

from logpress.errors import UsageError
from logpress.lake.item import Item

_HASHED_BYTES = 8 << 20


class RemoteStorage:
    """An object store, or whatever else fsspec knows: a put makes an object appear whole."""

    def __init__(self, uri: str) -> None:
        import fsspec

        try:
            self._filesystem, _ = fsspec.core.url_to_fs(uri)
        except (ValueError, ImportError) as error:
            raise UsageError(f"{uri}: no such kind of storage: {error}") from error

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        self._filesystem.invalidate_cache()
        return bool(self._filesystem.exists(path))

    def size(self, path: str) -> int | None:
        """Bytes of a file; None if there is none."""
        self._filesystem.invalidate_cache()
        try:
            return int(self._filesystem.info(path)["size"])
        except FileNotFoundError:
            return None

    def read(self, path: str) -> bytes | None:
        """A small file; None if there is none."""
        try:
            return cast(bytes, self._filesystem.cat_file(path))
        except FileNotFoundError:
            return None

    def sha256(self, path: str) -> str:
        """The SHA-256 of a file's bytes, hexadecimal."""
        digest = hashlib.sha256()
        with self._filesystem.open(path, "rb") as file:
            while chunk := file.read(_HASHED_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def write(self, path: str, data: bytes) -> None:
        """Write a small file: readers see the old one or the new one, whole."""
        self._filesystem.pipe_file(path, data)

    def create(self, path: str, data: bytes) -> bool:
        """Write a small object, unless there is one; whether it was written.

        Of two that do it at once, one does, if the store knows conditional writes. The object is read again, so that
        one of two that do it one after the other is told in any store.
        """
        try:
            self._filesystem.pipe_file(path, data, mode="create")
        except Exception:  # clients tell of a condition that does not hold in ways of their own
            found = self.read(path)
            if found is None:
                raise
            return found == data  # it was written, and the answer was lost
        return self.read(path) == data

    def list(self, folder: str) -> list[Item]:
        """What lies in a folder, by name; nothing if there is none."""
        self._filesystem.invalidate_cache()
        try:
            infos: list[dict[str, Any]] = self._filesystem.ls(folder, detail=True)
        except FileNotFoundError:
            return []
        own = folder.rstrip("/").rsplit("/", 1)[-1]
        items = [_item(info) for info in infos]
        return sorted((item for item in items if item.is_folder or item.name != own), key=lambda item: item.name)

    def move(self, source: str, target: str) -> None:
        """Move a file; readers see no target, or a whole one."""
        self._filesystem.cp_file(source, target)
        self._filesystem.rm_file(source)

    def copy(self, source: str, target: str) -> None:
        """Give a file a second name, or make a second one of it; readers see no target, or a whole one."""
        self._filesystem.cp_file(source, target)

    def can_link(self, folder: str) -> bool:
        """No object has two names."""
        return False

    def sync(self, path: str) -> None:
        """Nothing to do: what an object store has taken, it keeps."""

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all that is in it, if it is there."""
        self._filesystem.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            self._filesystem.rm(path, recursive=True)


def _item(info: dict[str, Any]) -> Item:
    modified = info.get("LastModified") or info.get("mtime") or info.get("created") or info.get("last_modified")
    if isinstance(modified, int | float):
        modified = datetime.fromtimestamp(modified, UTC)
    if isinstance(modified, datetime) and modified.tzinfo is None:
        modified = modified.replace(tzinfo=UTC)
    return Item(
        name=str(info["name"]).rstrip("/").rsplit("/", 1)[-1],
        is_folder=info["type"] == "directory",
        size=int(info.get("size") or 0),
        modified=modified if isinstance(modified, datetime) else None,
    )
