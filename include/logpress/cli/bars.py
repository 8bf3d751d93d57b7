"""Progress bars with rates on stderr, one a stage; a line now and then where stderr is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from logpress.kernel.ahead import told_to

LINE_SECONDS = 30.0
"""How often a line is printed where no bar can be shown, as in the log of a scheduler."""


class Bars:
    """What a long command shows while it works."""

    def __init__(self, quiet: bool = False) -> None:
        self._shown = not quiet and sys.stderr.isatty()
        self._lines = not quiet and not self._shown
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<9}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=not self._shown,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        self._hearing = told_to(self._tell_of_kernels)
        self._hearing.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hearing.__exit__(kind, error, trace)
        self._progress.stop()

    def _tell_of_kernels(self, done: int, total: int) -> None:
        if self._shown or self._lines:
            self._progress.console.print(f"logpress: compiling kernels, once: {done} of {total}", highlight=False)

    def begin(
        self, stage: str, total_bytes: int | None, total_records: int | None = None, unit: str = "records"
    ) -> Callable[[int, int], None]:
        """Show a stage; returns what takes the bytes and records (or what `unit` says) done so far."""
        total = total_records if total_records is not None else total_bytes
        task = self._tasks[stage] = self._progress.add_task(stage, total=total, figures="")
        began = time.monotonic()
        shown = began if self._lines else 0.0
        pause = LINE_SECONDS if self._lines else 0.1

        def tell(done_bytes: int, done_records: int) -> None:
            nonlocal shown
            now = time.monotonic()
            if not (self._shown or self._lines) or now - shown < pause:
                return
            shown = now
            seconds = max(now - began, 1e-3)
            counted = f"{_short(done_records / seconds)} {unit}/s"
            rate = f"{done_bytes / seconds / 1e6:,.0f} MB/s" if done_bytes else counted
            if self._lines:
                print(f"logpress: {stage}: {done_records:,} {unit}, {rate}", file=sys.stderr)
                return
            done = done_records if total_records is not None else done_bytes
            # compressed input: its decompressed size is not known beforehand, so the bar only fills as far as is known
            self._progress.update(
                task, completed=min(done, total) if total else done, figures=f"{done_records:,} {unit}  {rate}"
            )

        return tell

    def end(self, stage: str) -> None:
        """Fill a stage's bar."""
        task = self._tasks[stage]
        self._progress.update(task, total=1, completed=1)


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"
