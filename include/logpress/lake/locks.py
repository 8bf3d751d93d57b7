"""One at a time: locks between processes on one machine, let go of however a process ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

from logpress.errors import LakeError

WAIT_SECONDS = 600.0


@contextlib.contextmanager
def locked(path: str, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold a lock file; it is there only while someone holds or waits for it.

    Args:
        path: local path of the lock file; its folder is made if missing, and removed when empty.
        wait_seconds: how long to wait for others.

    Raises:
        LakeError: if others hold it for longer.
    """
    folder = os.path.dirname(path)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            os.makedirs(folder, exist_ok=True)
        except FileExistsError:
            if os.path.lexists(folder) and not os.path.isdir(folder):
                raise
            continue  # whoever let go just now took the empty folder away while it was looked at
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            continue  # whoever let go just now took the empty folder away
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                break
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise LakeError(
                    f"{path}: another process holds this lock for more than {wait_seconds:.0f} s; "
                    "let it end, or end it, and try again"
                ) from None
            time.sleep(0.05)
        os.close(descriptor)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)  # while it is still held: whoever waits sees that its file is no longer this one
        os.close(descriptor)
        with contextlib.suppress(OSError):
            os.rmdir(folder)


@contextlib.contextmanager
def if_free(lock: AbstractContextManager[None]) -> Iterator[bool]:
    """Hold a lock that is not waited for, unless another process does; gives whether it is held."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock)
        except LakeError:
            is_free = False
        else:
            is_free = True
        yield is_free


def _is_still(path: str, descriptor: int) -> bool:
    """Whether the file that was locked is the one at this path, not one that was removed meanwhile."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
