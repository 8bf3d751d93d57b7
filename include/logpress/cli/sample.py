"""`logpress sample`: realistic raw input."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from logpress.cli.options import Day, Quiet, day_of

EPILOG = "Example:\n\n  logpress sample --records 1000000 --day 2021-12-26 --hours 10-11 --output sample"


class Shape(Enum):
    """What `sample` writes."""

    hit = "hit"
    document = "document"


class Compression(Enum):
    """How `sample` compresses."""

    gzip = "gzip"
    zstd = "zstd"
    none = "none"


def sample(
    records: Annotated[int, typer.Option("--records", min=0, help="How many.")],
    day: Day,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the raw objects.")],
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds give equal bytes.")] = 7,
    hours: Annotated[
        str | None, typer.Option("--hours", metavar="FIRST-LAST", help="UTC hours; all by default.")
    ] = None,
    shape: Annotated[
        Shape, typer.Option("--shape", help="hit: whole search hits; document: bare documents.")
    ] = Shape.hit,
    compression: Annotated[Compression, typer.Option("--compression", help="gzip, zstd or none.")] = Compression.gzip,
    quiet: Quiet = False,
) -> None:
    """Write realistic raw input: gzipped NDJSON objects under YYYY/MM/DD/HH/, in the order records arrived."""
    when = day_of(day)
    from logpress.cli.bars import Bars
    from logpress.sample import parse_hours, write_sample

    span = parse_hours(hours) if hours else None
    with Bars(quiet=quiet) as bars:
        tell = bars.begin("sample", None, records)
        summary = write_sample(
            output, when, records, seed=seed, hours=span, shape=shape.value, compression=compression.value,
            progress=lambda done: tell(0, done),
        )  # fmt: skip
        bars.end("sample")
    print(f"{records:,} records in {summary.files} objects under {output}", file=sys.stderr)
