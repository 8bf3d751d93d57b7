"""Files that commands write where the user says: whole or not at all, never into a lake, nor onto what they read."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import stat
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from logpress.errors import LogpressError, UsageError

LAKE_MARKER = "_logpress.json"

_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?:self|thread-self|([0-9]+)))/fd/([0-9]+)")
_MOST_LINKS = 40
_PLACES = re.compile(r"\{(?:day|year|month|day_of_month)\}")


def lake_above(path: Path) -> Path | None:
    """The lake that a path is, or is in; None if there is none."""
    return next((folder for folder in (path, *path.parents) if (folder / LAKE_MARKER).is_file()), None)


def refuse_output(path: Path, inputs: Iterable[str] = (), kind: type[LogpressError] = UsageError) -> None:
    """See that a file or folder can be written to without harm.

    Args:
        path: where it goes.
        inputs: paths, folders, globs or URIs that were read, or could be read once more; `{day}` and its like stand
            for any. What lies in another storage is passed over.
        kind: of error.

    Raises:
        LogpressError: of this kind, if it lies in a lake, is one of the inputs, or lies in a folder of them.
    """
    place = Path(os.path.realpath(path))
    for seen in {place, Path(os.path.abspath(path))}:
        lake = lake_above(seen)
        if lake is not None:
            raise kind(f"{path}: is inside the lake {lake}, where only publishing may write; give a path outside of it")
    if not place.is_file():
        return  # nothing can be lost
    for uri in inputs:
        if any(_gives(one, place) for one in _named(uri)):
            raise kind(f"{path}: is raw input of the day ({uri}), and would be lost; name another file")


def _named(uri: str) -> list[Path]:
    """The local files and folders that an input names."""
    name = uri.removeprefix("file://").removeprefix("local://")
    if "://" in name:
        return []
    pattern = _PLACES.sub("*", name)
    is_pattern = glob.has_magic(pattern) and not os.path.lexists(name)
    return [Path(one) for one in (glob.glob(pattern, recursive=True) if is_pattern else [name])]


def _gives(named: Path, place: Path) -> bool:
    """Whether a file is this one, or is input as it lies in this folder: what is hidden is none."""
    with contextlib.suppress(OSError):
        if named.samefile(place):
            return True
        folder = Path(os.path.realpath(named))
        if folder.is_dir() and place.is_relative_to(folder):
            return not any(name.startswith((".", "_")) for name in place.relative_to(folder).parts)
    return False


@contextlib.contextmanager
def written(path: Path, kind: type[LogpressError] = UsageError, *, like: Path | None = None) -> Iterator[BinaryIO]:
    """Write a file that takes its name, and the place of one that was there, when it is complete.

    It lies beside its name until then, hidden, and is removed if anything goes wrong. A file that was there leaves it
    its permissions; of a symbolic link the link stays. What is no regular file (a pipe, a device, a descriptor of this
    process such as /dev/stdout) is written to as it is.

    Args:
        path: the file.
        kind: of error.
        like: a new file gets the permissions of this one.

    Raises:
        LogpressError: of this kind, if it cannot be written, is a folder, or lies in a lake.
    """
    refuse_output(path, kind=kind)
    try:
        with _beside(Path(os.path.realpath(path)), like) if is_regular(path) else _straight(path) as file:
            yield file
    except BrokenPipeError:
        raise  # whoever was to read has gone
    except IsADirectoryError as error:
        raise kind(f"{path}: is a folder; name a file") from error
    except OSError as error:
        raise kind(f"{path}: cannot be written: {error.strerror or error}") from error


def is_regular(path: Path) -> bool:
    """Whether a file is written beside its name first, in the same folder."""
    if _own_descriptor(path) is not None:
        return False
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _own_descriptor(path: Path) -> int | None:
    """The descriptor of this process that a path stands for; None if it stands for none."""
    place = os.path.abspath(path)
    for _ in range(_MOST_LINKS):
        found = _DESCRIPTOR.fullmatch(place)
        if found is not None and found[1] in (None, str(os.getpid())):
            return int(found[2])
        if not os.path.islink(place):
            return None
        place = os.path.normpath(os.path.join(os.path.dirname(place), os.readlink(place)))
    return None


@contextlib.contextmanager
def _straight(path: Path) -> Iterator[BinaryIO]:
    descriptor = _own_descriptor(path)
    if descriptor is None:
        with path.open("wb") as file:
            yield file
        return
    # opened by its name, what a shell has opened to append to would be written over
    with os.fdopen(os.dup(descriptor), "wb") as file:
        yield file


@contextlib.contextmanager
def _beside(path: Path, like: Path | None) -> Iterator[BinaryIO]:
    before = _status(path)
    if before is not None and stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError
    if before is not None and not os.access(path, os.W_OK):
        raise PermissionError(13, "there is such a file, and it may not be written to")
    kept = before or (_status(like) if like is not None else None)
    temporary = path.with_name(f".logpress-{uuid.uuid4().hex}.unfinished")
    # nobody may read it who may not read what it replaces
    mode = 0o666 if kept is None else stat.S_IMODE(kept.st_mode) & 0o700
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if kept is not None:
                if before is not None and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    with contextlib.suppress(PermissionError):
                        os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(kept.st_mode))
            if before is not None:
                os.fsync(file.fileno())  # what it replaces is on the disk
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _status(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
