"""`logpress restore`: the records of a published day, byte for byte."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from logpress.cli.options import Day, LakeUri, Memory, Quiet, Table, Threads, contract_of, day_of, memory_of

EPILOG = (
    "Examples:\n\n"
    "  logpress restore sdk_log --day 2021-12-26 --lake lake --output day.ndjson\n\n"
    "  logpress restore sdk_log --day 2021-12-26 --lake lake | head -1 | jq .\n\n"
    "  logpress restore sdk_log --day 2021-12-26 --lake lake --where 'response_status_code >= 500'\n\n"
    "  logpress restore sdk_log --day 2021-12-26 --lake lake --as bulk --output day.bulk"
)


class Form(Enum):
    """How `restore` writes records."""

    records = "records"
    bulk = "bulk"


def restore(
    table: Table,
    day: Day,
    lake: LakeUri,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="- is stdout, as by default.")
    ] = None,
    form: Annotated[
        Form, typer.Option("--as", help="records: their own bytes; bulk: what _bulk of a search server takes.")
    ] = Form.records,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="Rows for which it holds, as 'func_name = Login'; may be repeated."),
    ] = None,
    threads: Threads = None,
    memory: Memory = None,
    quiet: Quiet = False,
) -> None:
    """Give back a day's records byte for byte, one a line, in _id order, or by ingest and begin time; then rejects."""
    contract, when = contract_of(table), day_of(day)
    from logpress.cli.bars import Bars
    from logpress.day import published
    from logpress.lake import Lake

    if output == Path("-"):
        output = None
    with Bars(quiet=quiet or (output is None and sys.stdout.isatty())) as bars:
        tell = bars.begin("restore", None if where else Lake.open(lake).need_day(contract.table, when).raw_bytes)
        options: dict[str, Any] = {
            "threads": threads, "progress": tell, "bulk": form is Form.bulk, "where": where or (),
            "memory": memory_of(memory),
        }  # fmt: skip
        if output is None:
            published.restore_day(contract, when, lake, sys.stdout.buffer, **options)
            sys.stdout.buffer.flush()
        else:
            published.restore_to_file(contract, when, lake, output, **options)
        bars.end("restore")
