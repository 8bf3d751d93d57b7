"""Folders with machine code: a folder for each version of a module's sources, a file for each kernel and its types.

There is no index. A file names what it holds, is written whole before it gets its name, and is checked when it is read.
So processes that write at the same time, or die while they write, leave nothing that is mistaken for something else.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pickle
import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from logpress.kernel.sources import source_digest

MOST_VERSIONS = 8
"""Versions of a module's sources whose machine code is kept, the most recently used ones."""

PATIENCE_SECONDS = 120.0
"""Longest wait for another process that compiles a kernel. No kernel takes a tenth of it."""


@cache
def _root() -> Path:
    for base in _bases():
        folder = base / "kernels"
        try:
            base.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.mkdir(exist_ok=True, mode=0o700)
            if os.access(folder, os.W_OK) and {base.stat().st_uid, folder.stat().st_uid} == {os.getuid()}:
                return folder
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix="logpress-kernels-"))


def _bases() -> list[Path]:
    environment = os.environ
    usual = environment.get("LOGPRESS_CACHE_DIR") or environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    bases = [Path(base) / "logpress" for base in (environment.get("NUMBA_CACHE_DIR"), usual) if base]
    return [*bases, Path(tempfile.gettempdir()) / f"logpress-{os.getuid()}"]


@cache
def _read_only_roots() -> list[Path]:
    """Read-only folders with machine code, as in an image.

    Their code is run, so they are used only if root or this user owns them.
    """
    found = []
    for base in _bases():
        with suppress(OSError):
            status = [path.stat() for path in (base, base / "kernels")]
            if base / "kernels" != _root() and all(
                one.st_uid in (0, os.getuid()) and not one.st_mode & 0o022 for one in status
            ):
                found.append(base / "kernels")
    return found


@cache
def version_folder(module: str) -> Path | None:
    """The folder for machine code of a module's kernels, for its sources as they are; None if none may be kept.

    The sources are read when a module's first kernel is made, so later edits belong to another version.
    """
    digest = source_digest(module)
    return None if digest is None else _root() / module / digest


@cache
def _places(folder: Path) -> list[Path]:
    """A folder of `version_folder`, and its counterparts in read-only roots."""
    root = _root()
    return [folder, *(other / folder.relative_to(root) for other in _read_only_roots() if folder.is_relative_to(root))]


def prepare(folder: Path) -> None:
    """Make a folder of `version_folder`, and remove all but the most recently used versions of its module.

    A process that still uses a removed version compiles again what it has not loaded yet.

    Raises:
        OSError: It cannot be made.
    """
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.parent.iterdir(), key=_used_last, reverse=True)[MOST_VERSIONS:]:
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)


def _used_last(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # another process has removed it
        return 0.0


@cache
def _note_use(folder: Path) -> None:
    with suppress(OSError):  # not made yet, or not ours to touch
        os.utime(folder)


def _lock(number: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.02)
        except OSError:  # the file system has no locks
            return


class Entries:
    """The machine code of one kernel, by keys: values that can be pickled and compared, with distinct `repr`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self._name = re.sub(r"[^\w.-]", "", name)

    def load(self, key: Any) -> bytes | None:
        """The bytes saved under a key, or None."""
        _note_use(self.folder)
        for path in self._paths(key):
            try:
                with path.open("rb") as file:
                    kept, checksum = pickle.load(file)
                    data = file.read()
            except FileNotFoundError:
                continue
            if kept == key and zlib.crc32(data) == checksum:
                return data
        return None

    def save(self, key: Any, data: bytes) -> None:
        """Save bytes under a key; does nothing if they cannot be written."""
        head = pickle.dumps((key, zlib.crc32(data)))
        with suppress(OSError):
            prepare(self.folder)
            number, name = tempfile.mkstemp(dir=self.folder, prefix="unfinished-")
            try:
                with open(number, "wb") as file:
                    file.write(head + data)
                os.replace(name, self._path(key))
            except OSError:
                os.unlink(name)
                raise

    def has(self, key: Any) -> bool:
        """Whether something was saved under a key."""
        return any(path.exists() for path in self._paths(key))

    def is_taken(self, key: Any) -> bool:
        """Whether another process is making the entry of a key."""
        try:
            number = os.open(self._lock_path(key), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(number)
        return False

    @contextmanager
    def turn(self, key: Any) -> Iterator[None]:
        """Within a `with` block: other processes that want to make the entry of this key wait.

        The lock is the system's, so it ends with its process. It only saves work: without write access, or after
        `PATIENCE_SECONDS`, nobody waits.
        """
        path = self._lock_path(key)
        try:
            prepare(self.folder)
            number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            yield
            return
        try:
            _lock(number)
            yield
        finally:
            with suppress(OSError):
                os.unlink(path)  # processes that wait for it find the entry
            with suppress(OSError):
                fcntl.flock(number, fcntl.LOCK_UN)  # forked processes have it open too
            os.close(number)

    def kept(self) -> Iterator[Any]:
        """The keys whose entries can be read."""
        for folder in _places(self.folder):
            names: list[str] = []
            with suppress(OSError):
                names = sorted(name for name in os.listdir(folder) if name.startswith(f"{self._name}@"))
            for name in names:
                with suppress(Exception), open(folder / name, "rb") as file:  # damaged bytes raise any error
                    yield pickle.load(file)[0]

    def _path(self, key: Any) -> Path:
        return self.folder / f"{self._name}@{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}"

    def _paths(self, key: Any) -> list[Path]:
        path = self._path(key)
        return [folder / path.name for folder in _places(self.folder)]

    def _lock_path(self, key: Any) -> Path:
        return self.folder / f"lock-{self._path(key).name}"


@dataclass(frozen=True)
class Kept:
    """The size of a cache: kernels of all versions."""

    folder: Path
    count: int
    bytes: int


def kept() -> Kept:
    """The size of the cache of this process."""
    files = [path for path in _root().rglob("*@*") if path.is_file()]
    return Kept(_root(), len(files), sum(path.stat().st_size for path in files))


class Mark:
    """Notes that all kernels of a use are cached, so that the next process need not look for each.

    Args:
        use: its name.
        digest: digest of the kernels that it needs and of their sources.
    """

    def __init__(self, use: str, digest: str) -> None:
        self._name = f"all-{use}-{digest}"

    @property
    def is_set(self) -> bool:
        """Whether the note is there."""
        return any((root / self._name).exists() for root in (_root(), *_read_only_roots()))

    def set(self) -> None:
        """Write the note, if possible, and remove all but the latest notes of this use."""
        root = _root()
        with suppress(OSError):
            (root / self._name).touch()
            use = self._name.rpartition("-")[0]
            for old in sorted(root.glob(f"{use}-*"), key=_used_last, reverse=True)[MOST_VERSIONS:]:
                old.unlink()
