"""Measures logpress beside DuckDB on the same records in the same run: `make bench`, or `python -m bench --help`.

Whole commands are timed from outside, in turn, so that a drifting machine slows both; medians are what counts.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

LOOK_SECONDS = 0.2
DAY = "2021-12-26"
COPY = """
import duckdb, sys
source, target = sys.argv[1:]
duckdb.sql(f"COPY (SELECT * FROM read_json('{source}', format='newline_delimited', ignore_errors=true)) "
           f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
"""
"""The peer: every column that DuckDB finds, to zstd Parquet. Records that it cannot read are dropped."""


@dataclass(frozen=True)
class Run:
    """One command, from start to exit."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    stored_bytes: int


def timed(command: list[str], stored: Path) -> Run:
    """Run a command and look at what it left."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with ThreadPoolExecutor(max_workers=1) as pool:
        watched = pool.submit(peak_memory, process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        peak = watched.result()
    if status:
        sys.exit(f"{' '.join(command)} failed")
    files = [stored] if stored.is_file() else sorted(stored.rglob("dt=*/*.parquet"))
    size = sum(path.stat().st_size for path in files)
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak / 1e6, size)


def peak_memory(pid: int) -> int:
    """The most memory that a process and its children have at a time, until it ends; shared pages count once."""
    peak = 0
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
            time.sleep(LOOK_SECONDS)
    except psutil.NoSuchProcess:
        return peak


def main(
    records: Annotated[int, typer.Option(help="How many records.")] = 3_000_000,
    runs: Annotated[int, typer.Option(help="Counted runs of each, after one that is not counted.")] = 3,
) -> None:
    """Press a generated sample with logpress and with DuckDB, in turn, and print medians."""
    logpress = str(Path(sys.executable).with_name("logpress"))
    with tempfile.TemporaryDirectory(prefix="logpress-bench-") as name:
        folder = Path(name)
        sample, lake, copy = folder / "sample", folder / "lake", folder / "copy.parquet"
        hours = ["--hours", "10-11"]
        subprocess.run(
            [logpress, "sample", "--records", str(records), "--day", DAY, *hours, "--compression", "none",
             "--output", str(sample)],
            check=True,
        )  # fmt: skip
        raw_bytes = sum(path.stat().st_size for path in sample.rglob("*") if path.is_file())
        found: dict[str, list[Run]] = {"logpress press (proof, publication)": [], "DuckDB COPY to zstd Parquet": []}
        commands = {
            "logpress press (proof, publication)": (
                [logpress, "press", "sdk_log", "--day", DAY, "--input", str(sample), "--lake", str(lake), "--quiet"],
                lake,
            ),
            "DuckDB COPY to zstd Parquet": (
                [sys.executable, "-c", COPY, f"{sample}/*/*/*/*/*.ndjson", str(copy)],
                copy,
            ),
        }
        for number in range(runs + 1):
            for what, (command, stored) in commands.items():
                shutil.rmtree(lake, ignore_errors=True)
                run = timed(command, stored)
                if number:
                    found[what].append(run)
    print_table(found, records, raw_bytes)


def print_table(found: dict[str, list[Run]], records: int, raw_bytes: int) -> None:
    """Medians side by side, and the ratio run by run."""
    table = Table(
        title=f"{records:,} records, {raw_bytes / 1e6:,.0f} MB raw, {os.cpu_count()} cores, medians", box=None
    )
    for heading in ("", "seconds", "raw MB/s", "CPU seconds", "peak MB", "bytes a record"):
        table.add_column(heading, justify="left" if not heading else "right")
    for what, runs in found.items():
        seconds = statistics.median(run.seconds for run in runs)
        table.add_row(
            what,
            f"{seconds:.2f}",
            f"{raw_bytes / seconds / 1e6:,.0f}",
            f"{statistics.median(run.cpu_seconds for run in runs):.1f}",
            f"{statistics.median(run.peak_mb for run in runs):,.0f}",
            f"{statistics.median(run.stored_bytes for run in runs) / records:.2f}",
        )
    ours, theirs = found.values()
    ratios = sorted(b.seconds / a.seconds for a, b in zip(ours, theirs, strict=True))
    console = Console()
    console.print(table)
    console.print(
        f"times faster, pair by pair: median {statistics.median(ratios):.2f}, {ratios[0]:.2f} to {ratios[-1]:.2f}"
    )


if __name__ == "__main__":
    typer.run(main)
