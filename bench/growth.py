"""Measure the growth of time and memory with the size of the day: `python -m bench.growth`.

The days have the same rate of traffic, so a larger day has more hours, up to 24. Each is pressed and restored by whole
commands; the sample of one size is removed before the next is made.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from pydantic import BaseModel
from rich.console import Console

from bench.measure import MeasureError, Run, measured, median
from bench.peers import Logpress
from bench.results import Growth, Machine, Size, save
from bench.sample import DAY, LOGPRESS, generate
from bench.tables import Table

SIZES = "100_000,1_000_000,3_000_000,10_000_000,24_000_000"
RECORDS_AN_HOUR = 1_000_000
BYTES_A_RECORD = 900
"""Disk space for a raw record and its output."""

console = Console(width=140)


class Line(BaseModel):
    """A straight line fitted to medians.

    Attributes:
        start: seconds for a day without records.
        each_million: seconds for each million records.
        fit: R²; 1 if every point is on the line.
    """

    start: float
    each_million: float
    fit: float


def fitted(sizes: list[Size], runs_of: Callable[[Size], list[Run]]) -> Line:
    """The least-squares line through the medians of the times."""
    millions = np.array([size.records / 1e6 for size in sizes])
    seconds = np.array([median(runs_of(size)) for size in sizes])
    if len(sizes) < 2:
        return Line(start=0.0, each_million=float(seconds[0] / millions[0]), fit=1.0)
    slope, start = np.polyfit(millions, seconds, 1)
    off = seconds - (start + slope * millions)
    spread = float(((seconds - seconds.mean()) ** 2).sum())
    fit = 1 - float((off**2).sum()) / spread if spread else 1.0
    return Line(start=float(start), each_million=float(slope), fit=fit)


def growth_table(grown: Growth) -> Table:
    """Size by size, and the lines."""
    most = max(len(size.presses) for size in grown.sizes)
    table = Table(
        f"Growth of a day, {grown.machine}, medians of {most}",
        ["records", "raw GB", "press, s", "raw MB/s", "press, peak MB", "bytes a record", "restore, s",
         "restore MB/s", "restore, peak MB"],
    )  # fmt: skip
    for size in grown.sizes:
        press, restore = median(size.presses), median(size.restores)
        table.rows.append(
            [
                f"{size.records:,}",
                f"{size.raw_bytes / 1e9:.2f}",
                f"{press:.2f}",
                f"{size.raw_bytes / press / 1e6:,.0f}",
                f"{median(size.presses, lambda run: run.peak_mb):,.0f}",
                f"{size.stored_bytes / size.records:.2f}",
                f"{restore:.2f}",
                f"{size.raw_bytes / restore / 1e6:,.0f}",
                f"{median(size.restores, lambda run: run.peak_mb):,.0f}",
            ]
        )
    for what, line in (
        ("Pressing", fitted(grown.sizes, lambda size: size.presses)),
        ("Restoring", fitted(grown.sizes, lambda size: size.restores)),
    ):
        table.notes.append(
            f"{what}: {line.start:.2f} s and {line.each_million:.2f} s a million records (R² {line.fit:.4f})."
        )
    return table


def measure_size(records: int, runs: int, scratch: Path | None) -> Size:
    """Make a day, press it and restore it, in turn.

    Raises:
        MeasureError: if a command fails, or the disk has too little space.
    """
    hours = min(24, max(1, -(-records // RECORDS_AN_HOUR)))
    ours = Logpress()
    with tempfile.TemporaryDirectory(prefix="logpress-bench-", dir=scratch) as name:
        folder = Path(name)
        free = shutil.disk_usage(folder).free
        if free < records * BYTES_A_RECORD:
            raise MeasureError(
                f"{records:,} records need {records * BYTES_A_RECORD / 1e9:.1f} GB; {free / 1e9:.1f} GB are free"
            )
        with console.status(f"{records:,} records: making the sample"):
            given = generate(folder / "sample", records, hours=f"0-{hours - 1}")
        lake = folder / "lake"
        presses, restores = [], []
        restoring = [LOGPRESS, "restore", "sdk_log", "--day", DAY, "--lake", str(lake), "--quiet"]
        for run in range(runs):
            with console.status(f"{records:,} records: run {run + 1} of {runs}"):
                shutil.rmtree(lake, ignore_errors=True)
                presses.append(measured(ours.press(given, lake)))
                restores.append(measured(restoring))
        return Size(
            records=records, raw_bytes=given.raw_bytes, stored_bytes=ours.stored_bytes(lake), hours=hours,
            presses=presses, restores=restores,
        )  # fmt: skip


def main(
    records: Annotated[str, typer.Option(metavar="NUMBERS", help="Sizes of days, by commas.")] = SIZES,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each size.")] = 3,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Keep the figures.")] = None,
    scratch: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to work; 900 bytes a record.")] = None,
) -> None:
    """Press and restore days of growing size, and fit lines to the times.

    Example: python -m bench.growth --records 100_000,1_000_000 --output bench/results/growth.json
    """
    try:
        asked = sorted(int(number) for number in records.split(","))
    except ValueError as error:
        raise typer.BadParameter("numbers by commas, as 100_000,1_000_000", param_hint="--records") from error
    if asked[0] < 1:
        raise typer.BadParameter("a day has at least one record", param_hint="--records")
    try:
        measure_size(min(asked[0], 100_000), 1, scratch)  # fills caches, and compiles missing kernels
        grown = Growth(machine=Machine.this(), sizes=[measure_size(number, runs, scratch) for number in asked])
    except MeasureError as error:
        typer.echo(f"WARNING: {error}", err=True)
        raise typer.Exit(1) from error
    if output is not None:
        save(grown, output)
    table = growth_table(grown)
    console.print(table.rich())
    for note in table.notes:
        console.print(note, markup=False, highlight=False)


if __name__ == "__main__":
    typer.run(main)
