"""`logpress tune`: other ways to store columns, measured on a sample of real records."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from logpress.cli.options import AsJson, Inputs, Quiet, Table, Threads, contract_of, day_of

EPILOG = (
    "Examples:\n\n"
    "  logpress tune sdk_log --input raw/\n\n"
    "  logpress tune my_log.yaml --input raw/ --write\n\n"
    "  logpress tune sdk_log --input raw/ --day 2021-12-26 --output contracts/sdk_log.yaml\n\n"
    "  logpress tune sdk_log --input raw/ --readers polars,duckdb --all\n\n"
    "How it chooses: --ns-a-byte says what a byte a record is worth, in nanoseconds that writing a record takes one "
    "core. At 1000, a column may take 100 ns more if it gets 0.1 bytes smaller. Of levels whose sizes differ by less "
    "than 0.5 % the lowest is taken. A change must save 0.1 % of the file, or 20 ns a record: less is noise."
)


class WholeFile(Enum):
    """What `tune` does about the whole file."""

    show = "show"
    choose = "choose"
    skip = "skip"


def tune(
    table: Table,
    inputs: Inputs = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The UTC day; what most records say by default.")
    ] = None,
    records: Annotated[
        int | None, typer.Option("--records", min=1, help="How many are taken; two row groups by default.")
    ] = None,
    readers: Annotated[
        str,
        typer.Option("--readers", metavar="NAMES", help="Who reads the files, as polars,duckdb; all by default."),
    ] = "",
    ns_a_byte: Annotated[
        float, typer.Option("--ns-a-byte", min=0.001, help="What a byte a record is worth, in ns of writing.")
    ] = 1000,
    whole_file: Annotated[
        WholeFile,
        typer.Option(
            "--whole-file", help="Orders of rows and sizes of row groups: show them, choose them too, or skip them."
        ),
    ] = WholeFile.show,
    write: Annotated[bool, typer.Option("--write", help="Write the choice into the contract.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the contract, with the choice, here.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show every candidate.")] = False,
    as_json: AsJson = False,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Measure what other encodings, levels and orders would cost on a sample of your records, and choose."""
    from logpress.contract.edit import target_of, write_contract
    from logpress.contract.load import contract_path

    source, contract = contract_path(table), contract_of(table)
    target = target_of(source, contract.table, output) if write or output else None
    when = day_of(day) if day else None
    from logpress.cli.bars import Bars
    from logpress.day.budget import default_threads
    from logpress.quality.readers import parse_readers
    from logpress.tuning import Options, tune
    from logpress.tuning.report import render

    options = Options(
        when, records, parse_readers(readers), ns_a_byte, whole_file.value, threads=threads or default_threads()
    )
    with Bars(quiet=quiet) as bars:
        tuned = tune(contract, inputs or [], options, bars)
    if as_json:
        print(tuned.report.model_dump_json(indent=1))
    else:
        from rich.console import Console

        # tables are wide, and what they are piped to has no width
        Console(width=None if sys.stdout.isatty() else 120).print(render(tuned.report, every=every))
    if target is not None and (tuned.changes or target != source):
        write_contract(source, target, contract, tuned.changes)
        count = len(tuned.changes)
        what = f"{count} other value{'s' * (count > 1)}" if count else "nothing changed"
        print(f"logpress: written to {target}, with {what}", file=sys.stderr)
    elif target is not None:
        print(f"logpress: {target} is left as it is", file=sys.stderr)
    elif tuned.changes:
        print("logpress: nothing is written without --write or --output FILE", file=sys.stderr)
