"""Compiles the kernels that a command needs before the command begins, one process a core, each kernel once.

`needed.txt` lists them: one line for each kernel and types of arguments, callees before their callers. The list only
saves time. A kernel that it lacks is compiled on its first call; a line that names no kernel is ignored.
scripts/list_kernels.py writes it, and tests/unit/kernel/test_ahead.py fails when it must be written anew.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

LIST = Path(__file__).with_name("needed.txt")

USES = ("sample", "press", "restore", "bulk", "compare")
"""Uses of kernels: to press (or prove) a day, to restore it, and so on."""

MOST_PROCESSES = 4
"""[speed] More processes would wait for each other, because a kernel is compiled after its callees."""

_TELL_SECONDS = 5.0
_ALONE = 10
"""[speed] Up to this many kernels are compiled in this process, because starting another one takes longer."""

Tell = Callable[[int, int], None]

log = logging.getLogger(__name__)


def _log(done: int, total: int) -> None:
    log.info("compiling kernels, once: %d of %d", done, total)


_tell: Tell = _log


@contextmanager
def told_to(tell: Tell) -> Iterator[None]:
    """Within a `with` block: report progress (kernels compiled, kernels in all) to `tell` and not to the log."""
    global _tell
    before, _tell = _tell, tell
    try:
        yield
    finally:
        _tell = before


@dataclass(frozen=True)
class Needed:
    """A line of the list: a kernel that some uses need.

    Attributes:
        uses: the uses that need it, of `USES`.
        is_callee: whether only other kernels call it.
        module: full name of its module.
        kernel: its name in the module.
        types: types of its arguments, as `written` writes them.
    """

    uses: tuple[str, ...]
    is_callee: bool
    module: str
    kernel: str
    types: tuple[str, ...]

    @classmethod
    def read(cls, line: str) -> Needed:
        """Parse a line."""
        uses, kind, place, *types = line.split()
        module, _, kernel = place.rpartition(".")
        return cls(tuple(uses.split(",")), kind == "callee", module, kernel, tuple(types))

    @property
    def line(self) -> str:
        """The entry as a line of the list."""
        kind = "callee" if self.is_callee else "python"
        return " ".join([",".join(self.uses), kind, f"{self.module}.{self.kernel}", *self.types])


def needed(use: str | None = None) -> list[Needed]:
    """The kernels that a use needs; all kernels of the list if None."""
    found = [Needed.read(line) for line in LIST.read_text().splitlines()]
    return [entry for entry in found if use is None or use in entry.uses]


def compile_ahead(use: str, processes: int | None = None) -> int:
    """Compile the kernels that a use needs and the cache lacks.

    Args:
        use: one of `USES`.
        processes: number of processes; if None, one a core, at most `MOST_PROCESSES`.

    Returns:
        Number of kernels that were missing.
    """
    from logpress.kernel.compile import processors
    from logpress.kernel.store import Mark

    entries = needed(use)
    marks = [Mark(use, _digest(entries, target)) for target in processors()]
    if not marks or any(mark.is_set for mark in marks):
        return 0
    work = _Work(entries)
    if work.missing:
        cores = len(os.sched_getaffinity(0))
        most = 1 if len(work.missing) <= _ALONE else min(processes or cores, MOST_PROCESSES)
        with _helpers(use, most - 1) as helpers:
            work.do(lambda: any(helper.poll() is None for helper in helpers))
    marks[0].set()
    return work.total


def _digest(entries: list[Needed], target: str) -> str:
    from logpress.kernel.sources import source_digest

    digest = hashlib.sha256(target.encode())
    for entry in entries:
        digest.update(f"{entry.line}\n".encode())
    for module in sorted({entry.module for entry in entries}):
        digest.update(f"{module} {source_digest(module)}\n".encode())
    return digest.hexdigest()[:32]


@contextmanager
def _helpers(use: str, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    # own process groups, so that Ctrl-C reaches this process alone; -P: no imports from the current folder
    command = [sys.executable, "-P", "-m", __name__, use, str(os.getpid())]
    helpers = [
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0
        )
        for _ in range(count)
    ]
    try:
        yield helpers
    finally:
        for helper in helpers:
            helper.kill()
            helper.wait()


class _Work:
    """Kernels to compile. Other processes may compile the same ones at any time."""

    def __init__(self, entries: list[Needed]) -> None:
        self.missing = [found for entry in entries if (found := _Kernel.of(entry)) is not None and not found.is_kept]
        self.total = len(self.missing)
        self._told = -_TELL_SECONDS

    def do(self, others_work: Callable[[], bool] = lambda: False, go_on: Callable[[], bool] = lambda: True) -> None:
        """Compile them, first those that no other process is compiling."""
        while self.missing and go_on():
            self._tell()
            free = next((kernel for kernel in self.missing if not kernel.is_taken), None)
            if free is not None:
                free.compile()
                self.missing.remove(free)
            elif others_work():
                time.sleep(0.05)
            else:  # compiled by processes that this one did not start: `compile` waits for them
                self.missing.pop(0).compile()
            self.missing = [kernel for kernel in self.missing if not kernel.is_kept]
        self._tell()

    def _tell(self) -> None:
        done = self.total - len(self.missing)
        if done in (0, self.total) or time.monotonic() - self._told >= _TELL_SECONDS:
            self._told = time.monotonic()
            _tell(done, self.total)


@dataclass
class _Kernel:
    dispatcher: Any
    signature: tuple[Any, ...]
    is_callee: bool

    @classmethod
    def of(cls, entry: Needed) -> _Kernel | None:
        """The kernel that a line names; None if there is none."""
        from logpress.kernel.types_as_text import read

        try:
            dispatcher = getattr(import_module(entry.module), entry.kernel)
            signature = tuple(map(read, entry.types))
        except (ImportError, AttributeError, ValueError):
            return None
        found = cls(dispatcher, signature, entry.is_callee)
        return found if hasattr(dispatcher, "compile_for") else None

    @property
    def is_kept(self) -> bool:
        return bool(self.dispatcher.is_kept(self.signature, self.is_callee))

    @property
    def is_taken(self) -> bool:
        """Whether another process is compiling it."""
        return bool(self.dispatcher.is_taken(self.signature, self.is_callee))

    def compile(self) -> None:
        with suppress(Exception):  # an outdated line; a call of the kernel would report the error
            self.dispatcher.compile_for(self.signature, self.is_callee)


def _help(use: str, parent: int) -> None:
    """Compile what the process `parent` compiles, as long as that runs."""
    work = _Work(needed(use))
    work.do(go_on=lambda: os.getppid() == parent)


if __name__ == "__main__":
    with told_to(lambda done, total: None):
        _help(sys.argv[1], int(sys.argv[2]))
