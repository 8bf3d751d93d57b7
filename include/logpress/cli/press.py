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
    "  logpress press sdk_log --day 2021-12-26 --input raw/ --lake lake --skip-current\n\n"
    "  logpress press sdk_log --day 2021-12-26 --input opensearch+https://search.example.com:9200 --lake lake"
)


def press(
    context: typer.Context,
    table: Table,
    day: Day,
    lake: LakeUri,
    inputs: Inputs = None,
    grace: Annotated[
        float | None,
        typer.Option("--grace", min=0, help="Hours that superseded files and snapshots stay; LOGPRESS_RETENTION's."),
    ] = None,
    skip_current: Annotated[
        bool,
        typer.Option(
            "--skip-current", help="Do nothing if the day is current: same raw input, contract and version of logpress."
        ),
    ] = False,
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
        from logpress.day import current, stages
        from logpress.day import one_machine as whole_day
        from logpress.day.budget import Budget
        from logpress.reports.text import render_report

        warning = Budget.of(limit).warning(contract)
        if warning is not None:
            print(f"logpress: warning: {warning}", file=sys.stderr)
        if skip_current:
            specs = stages.plan(contract, when, inputs or [], wait=contract.source.wait)
            outdated_by = current.outdated_by(contract, when, specs, lake, inputs or [])
            if outdated_by is None:
                if not quiet:
                    print(f"logpress: {contract.table} {when} is current; nothing is pressed", file=sys.stderr)
                return
            if not quiet:
                print(f"logpress: {contract.table} {when} is pressed: {outdated_by}", file=sys.stderr)
        elif not quiet:
            changes = stages.changes(contract, when, lake, inputs or [])
            if changes is not None:
                print(f"logpress: {changes}", file=sys.stderr)
        with Bars(quiet=quiet) as bars:
            report, checks = whole_day.run_day(
                contract, when, inputs or [], lake, threads=threads, progress=bars, companion=companion, memory=limit,
                grace=None if grace is None else timedelta(hours=grace), despite_erasures=despite_erasures,
            )  # fmt: skip
    console = Console()
    console.print(render_report(report, console.width, with_checks=False))  # standard error has them
    for check in checks:
        if not check.ok:
            print(f"logpress: warning: {check.message}", file=sys.stderr)
