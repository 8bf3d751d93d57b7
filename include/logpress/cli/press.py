"""`logpress press`: all stages of a day."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import timedelta
from typing import Annotated

import typer

from logpress.cli.options import Day, Inputs, LakeUri, Memory, Quiet, Table, Threads, contract_of, day_of, memory_of

EPILOG = (
    "Examples:\n\n"
    "  logpress press sdk_log --day 2021-12-26 --input raw/ --lake lake\n\n"
    "  logpress press sdk_log --day 2021-12-26 --input 'raw/2021/12/26/*/*.gz' --input late.ndjson --lake lake\n\n"
    "  logpress press sdk_log --day 2021-12-26 --input opensearch+https://search.example.com:9200 --lake lake"
)


def press(
    context: typer.Context,
    table: Table,
    day: Day,
    lake: LakeUri,
    inputs: Inputs = None,
    grace: Annotated[float, typer.Option("--grace", min=0, help="Hours that superseded files stay.")] = 1.0,
    despite_erasures: Annotated[
        bool, typer.Option("--despite-erasures", help="Press a day again from which records were erased.")
    ] = False,
    threads: Threads = None,
    memory: Memory = None,
    quiet: Quiet = False,
) -> None:
    """Press a day: stage, verify, publish, report. A day that was published before is replaced, all at once."""
    from logpress.machine.companion import Companion

    with closing(context.obj or Companion()) as companion:
        contract, when = contract_of(table), day_of(day)
        limit = memory_of(memory)
        from rich.console import Console

        from logpress.cli.bars import Bars
        from logpress.day import one_machine as whole_day
        from logpress.day import stages
        from logpress.day.budget import Budget
        from logpress.quality.size_report import render_report

        warning = Budget.of(limit).warning(contract)
        if warning is not None:
            print(f"logpress: warning: {warning}", file=sys.stderr)
        changes = stages.changes(contract, when, lake, inputs or [])
        if changes is not None and not quiet:
            print(f"logpress: {changes}", file=sys.stderr)
        with Bars(quiet=quiet) as bars:
            report, checks = whole_day.run_day(
                contract, when, inputs or [], lake, threads=threads, grace=timedelta(hours=grace), progress=bars,
                companion=companion, memory=limit, despite_erasures=despite_erasures,
            )  # fmt: skip
    console = Console()
    console.print(render_report(report))
    for check in checks:
        if not check.ok:
            print(f"logpress: warning: {check.message}", file=sys.stderr)
