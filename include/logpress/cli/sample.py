"""`logpress sample`: realistic raw input."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from logpress.cli.options import Day, Quiet, day_of

EPILOG = (
    "Examples:\n\n"
    "  logpress sample --records 1000000 --day 2021-12-26 --hours 10-11 --output sample\n\n"
    "  logpress sample --records 300000 --day 2021-12-20 --days 8 --output raw --truth truth"
)


class Shape(Enum):
    """What `sample` writes."""

    hit = "hit"
    document = "document"


class Users(Enum):
    """Whose records `sample` writes."""

    living = "living"
    still = "still"


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
    days: Annotated[
        int | None, typer.Option("--days", min=1, help="How many days, from --day on; --records is of an average one.")
    ] = None,
    users: Annotated[
        Users,
        typer.Option("--users", help="living: users who live over days. still: users of each day alone."),
    ] = Users.living,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", metavar="DIR", help="Folder for the traits of living users and of games, as Parquet."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write realistic raw input: gzipped NDJSON objects under YYYY/MM/DD/HH/, in the order records arrived."""
    when = day_of(day)
    from logpress.cli.bars import Bars
    from logpress.errors import UsageError
    from logpress.sample import SampleSummary, parse_hours, records_of, series, write_days, write_sample

    span = parse_hours(hours) if hours else None
    living = users is Users.living
    if truth is not None and not living:
        raise UsageError("--truth: users of one day have no lasting traits; leave out --users still")
    written: list[SampleSummary] = []
    with Bars(quiet=quiet) as bars:
        dates = series(when, days or 1)
        total = sum(records_of(one, records) for one in dates) if living and days else records * len(dates)
        tell = bars.begin("sample", None, total)
        if living:
            written += write_days(
                output, when, records, days, seed=seed, hours=span, shape=shape.value, compression=compression.value,
                truth=truth, progress=lambda done: tell(0, done),
            )  # fmt: skip
        else:
            for number, one in enumerate(dates):
                summary = write_sample(
                    output, one, records, seed=seed, hours=span, shape=shape.value, compression=compression.value,
                    progress=lambda done, before=number * records: tell(0, before + done),  # type: ignore[misc]
                )  # fmt: skip
                written.append(summary)
        bars.end("sample")
    count, files = sum(summary.records for summary in written), sum(summary.files for summary in written)
    print(f"{count:,} records in {files} objects under {output}", file=sys.stderr)
