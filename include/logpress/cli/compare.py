"""`logpress compare`: a day in two sources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from logpress.cli.options import AsJson, Day, Quiet, Table, Threads, contract_of, day_of, no_secret
from logpress.errors import LogpressError, UsageError

EPILOG = (
    "Exit code: 0 if both have the same records, 1 if they differ, 2 if they could not be compared.\n\n"
    "Examples:\n\n"
    "  logpress compare sdk_log --day 2021-12-26 --input s3://game-logs/sdk/ "
    "--with opensearch+https://search.example.com:9200\n\n"
    "  logpress compare sdk_log --day 2021-12-26 --input raw/ --lake lake\n\n"
    "  logpress compare sdk_log --day 2021-12-26 --input raw/ --with dump.ndjson --output differing --json | jq .a.only"
)


def compare(
    table: Table,
    day: Day,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="PATH",
            callback=no_secret,
            help="Side A: what press takes; the contract's inputs by default.",
        ),
    ] = None,
    other: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="PATH", callback=no_secret, help="Side B: what press takes; may be repeated."),
    ] = None,
    lake: Annotated[
        str | None,
        typer.Option("--lake", metavar="URI", callback=no_secret, help="Side B: the day as it is published in a lake."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder that gets the records that differ.")
    ] = None,
    show: Annotated[int, typer.Option("--show", min=0, help="Records shown of each kind and side.")] = 5,
    by_value: Annotated[
        bool, typer.Option("--by-value", help="Records spelt differently are no difference for the exit code.")
    ] = False,
    as_json: AsJson = False,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Compare a day in two sources: which records only one has, and which they spell differently.

    The _source of a search hit is compared to a bare document, byte for byte; where bytes differ, by value.
    """
    from logpress.cli.bars import Bars
    from logpress.comparing import Named, compare_day
    from logpress.comparing.result import render_comparison

    try:
        contract, when = contract_of(table), day_of(day)
        if bool(other) == (lake is not None):
            raise UsageError("name what to compare with: raw input (--with PATH) or a published day (--lake URI)")
        with Bars(quiet=quiet) as bars:
            found = compare_day(
                contract, when, Named(tuple(inputs or ())), Named(tuple(other or ()), lake),
                shown=show, output=output, threads=threads, progress=bars,
            )  # fmt: skip
    except LogpressError as error:
        error.exit_code = 2  # 1 says that they differ
        raise
    if as_json:
        print(found.model_dump_json(indent=1))
    else:
        from rich.console import Console

        Console().print(render_comparison(found))
    if not (found.is_same_by_value if by_value else found.is_same):
        raise typer.Exit(1)
