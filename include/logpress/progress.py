"""How long work tells of its progress."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Protocol

Progress = Callable[[int, int], None]
"""Called with the bytes and records done so far."""


class StageProgress(Protocol):
    """Hears of the progress of work that has stages."""

    def begin(self, stage: str, total_bytes: int | None) -> Progress:
        """A stage begins; returns what is called with the bytes and records done so far in it."""

    def end(self, stage: str) -> None:
        """A stage has ended."""


class CountedProgress(Protocol):
    """Hears of the progress of work that is counted in something else than bytes, too."""

    def begin(
        self, stage: str, total_bytes: int | None, total_records: int | None = None, unit: str = "records"
    ) -> Progress:
        """A stage begins; `unit` says what is counted."""

    def end(self, stage: str) -> None:
        """A stage has ended."""


class Silent:
    """Hears, and shows nothing."""

    def begin(
        self, stage: str, total_bytes: int | None, total_records: int | None = None, unit: str = "records"
    ) -> Progress:
        """Nothing is shown of a stage."""
        return lambda done_bytes, records: None

    def end(self, stage: str) -> None:
        """Nothing is shown of a stage."""


class Summed:
    """The progress of several pieces of work, which may be done at once, as that of one."""

    def __init__(self, tell: Progress | None) -> None:
        self.tell = tell
        self._lock = Lock()
        self._done: list[tuple[int, int]] = []

    def part(self) -> Progress:
        """What one piece of work calls with its own bytes and records done so far."""
        with self._lock:
            place = len(self._done)
            self._done.append((0, 0))

        def progress(done_bytes: int, records: int) -> None:
            with self._lock:
                self._done[place] = (done_bytes, records)
                if self.tell is not None:
                    self.tell(sum(size for size, _ in self._done), sum(count for _, count in self._done))

        return progress
