"""Run a whole command in its own process, and measure it from outside: time, CPU time, peak memory."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict

ROOT = Path(__file__).parents[1]
LOOK_SECONDS = 0.2
"""Longest interval between two reads of memory; intervals are shorter for short commands."""


class MeasureError(Exception):
    """A measured command failed; the message has the command and the end of its output."""


class Run(BaseModel):
    """One command, from start to exit.

    Attributes:
        seconds: wall time.
        cpu_seconds: user and system time of all its processes.
        peak_mb: peak memory of all its processes together, in 1e6 bytes; shared pages count once.
    """

    model_config = ConfigDict(frozen=True)

    seconds: float
    cpu_seconds: float
    peak_mb: float


def measured(command: Sequence[str], output: Path | None = None) -> Run:
    """Run a command in the checkout's folder and measure it.

    Args:
        command: the program and its arguments.
        output: file for its standard output; discarded if None.

    Raises:
        MeasureError: if it fails.
    """
    with tempfile.TemporaryFile() as errors, open(output or os.devnull, "wb") as out:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=errors, cwd=ROOT)
        with ThreadPoolExecutor(max_workers=1) as pool:
            watched = pool.submit(peak_memory, process.pid)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            peak = watched.result()
        if process.returncode:
            errors.seek(0)
            raise _failed(command, process.returncode, errors.read().decode(errors="replace"))
    return Run(seconds=seconds, cpu_seconds=usage.ru_utime + usage.ru_stime, peak_mb=peak / 1e6)


def answered(command: Sequence[str]) -> dict[str, Any]:
    """Run a command that prints one JSON object as its last line, and return that object.

    Raises:
        MeasureError: if it fails.
    """
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise _failed(command, done.returncode, done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def published_records(lake: Path, day: str) -> int:
    """Records of a day of sdk_log in a lake, rejects included.

    Raises:
        MeasureError: if the day is not published.
    """
    command = [sys.executable, "-m", "logpress.cli", "report", "sdk_log", "--day", day, "--lake", str(lake), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _failed(command, done.returncode, done.stderr)
    report = json.loads(done.stdout)
    return int(report["rows"]) + int(report["rejects"])


def _failed(command: Sequence[str], code: int, said: str) -> MeasureError:
    end = "\n    ".join(said.strip().splitlines()[-6:])
    return MeasureError(f"{' '.join(command)[:200]} ended with exit code {code}\n    {end}")


def peak_memory(pid: int) -> int:
    """Peak memory of a process and its children together, until it ends; shared pages count once."""
    peak = 0
    began = time.monotonic()
    try:
        parent = psutil.Process(pid)
        while True:
            found = 0
            for process in [parent, *parent.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    found += process.memory_full_info().pss
            if not found:
                return peak
            peak = max(peak, found)
            time.sleep(min(LOOK_SECONDS, max(0.02, (time.monotonic() - began) / 10)))
    except psutil.NoSuchProcess:
        return peak


def median(runs: Iterable[Run], figure: Callable[[Run], float] = lambda run: run.seconds) -> float:
    """The median of a figure of some runs."""
    return statistics.median(map(figure, runs))


def files_bytes(folder: Path) -> int:
    """Size of all files in a folder, or of a file."""
    if folder.is_file():
        return folder.stat().st_size
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
