"""How long work reports its progress."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Protocol

Progress = Callable[[int, int], None]
"""Called with the bytes and records done so far."""


class StageProgress(Protocol):
    """Receives the progress of work that has stages."""

    def begin(self, stage: str, total_bytes: int | None) -> Progress:
        """Begin a stage; returns a function to call with the bytes and records done so far in it."""

    def end(self, stage: str) -> None:
        """End a stage."""


class CountedProgress(Protocol):
    """Receives the progress of work that is counted in bytes, records or another unit."""

    def begin(
        self, stage: str, total_bytes: int | None, total_records: int | None = None, unit: str = "records"
    ) -> Progress:
        """Begin a stage; `unit` is the name of what is counted in place of records."""

    def end(self, stage: str) -> None:
        """End a stage."""


class Silent:
    """Ignores all progress."""

    def begin(
        self, stage: str, total_bytes: int | None, total_records: int | None = None, unit: str = "records"
    ) -> Progress:
        """Do nothing."""
        return lambda done_bytes, records: None

    def end(self, stage: str) -> None:
        """Do nothing."""


class Summed:
    """Adds up the progress of several pieces of work, which may run at once."""

    def __init__(self, tell: Progress | None) -> None:
        self.tell = tell
        self._lock = Lock()
        self._done: list[tuple[int, int]] = []

    def part(self) -> Progress:
        """A function for one piece of work to call with its own bytes and records done so far."""
        with self._lock:
            place = len(self._done)
            self._done.append((0, 0))

        def progress(done_bytes: int, records: int) -> None:
            with self._lock:
                self._done[place] = (done_bytes, records)
                if self.tell is not None:
                    self.tell(sum(size for size, _ in self._done), sum(count for _, count in self._done))

        return progress
