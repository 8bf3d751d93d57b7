"""`logpress erase`: records taken out of published days."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from logpress.cli.options import (
    FIRST_DAY,
    LAST_DAY,
    FirstDay,
    LakeUri,
    LastDay,
    Memory,
    Quiet,
    Table,
    Threads,
    contract_of,
    memory_of,
    period_of,
)
from logpress.errors import UsageError

if TYPE_CHECKING:
    from logpress.day.erasing import ErasedDay
    from logpress.lake.erasures import ErasureEntry

EPILOG = (
    "Examples:\n\n"
    "  logpress erase sdk_log --where \"nickname = 'x'\" --lake lake --dry-run\n\n"
    "  logpress erase sdk_log --where \"nickname = 'x'\" --lake lake --note 'request 2026-118'\n\n"
    "  logpress erase sdk_log --where 'client_app_id = e085f380' --where 'user_created_at = 2021-08-22T07:51:26.636' "
    "--from 2021-12-01 --to 2021-12-31 --lake s3://game-lake/logs --now\n\n"
    "  logpress erase sdk_log --finish --lake lake\n\n"
    "  logpress erase sdk_log --log --lake lake"
)


def erase(
    table: Table,
    lake: LakeUri,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="Erase records for which it holds; of several, all must hold."),
    ] = None,
    first: FirstDay = FIRST_DAY,
    last: LastDay = LAST_DAY,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the records.")] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Remove old files and snapshots at once; readers of them fail.")
    ] = False,
    grace: Annotated[float, typer.Option("--grace", min=0, help="Hours that old files and snapshots stay.")] = 1.0,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="For the log, as the number of a request.")] = "",
    finish: Annotated[
        bool, typer.Option("--finish", help="Only remove what earlier erasures left for their grace period.")
    ] = False,
    log: Annotated[bool, typer.Option("--log", help="Only show the table's erasures.")] = False,
    threads: Threads = None,
    memory: Memory = None,
    quiet: Quiet = False,
) -> None:
    """Erase records from published days, statistics and snapshots included; that all others stay is proven."""
    contract = contract_of(table)
    begin, end = period_of(first, last)
    limit = memory_of(memory)
    if sum((bool(where), finish, log)) != 1:
        raise UsageError("give --where with the records to erase, or --finish, or --log, and only one of them")
    from logpress.cli.bars import Bars
    from logpress.day import erasing
    from logpress.lake import Lake, erasures

    if log:
        for entry in erasures.entries(Lake.open(lake), contract.table):
            print(_line(entry))
        return
    if finish:
        _tell_of_waiting(erasing.finish(contract, lake, at_once=now), contract.table, lake)
        return

    def tell(day: ErasedDay) -> None:
        verb = "match" if dry_run else "are erased"
        broken = f", {day.broken:,} of them broken records that name the value" if day.broken else ""
        print(f"{contract.table} {day.day}: {day.rows:,} rows and {day.rejects:,} rejects {verb}{broken}", flush=True)

    with Bars(quiet=quiet) as bars:
        done = erasing.erase(
            contract, lake, where or [], period=(begin, end), dry_run=dry_run, at_once=now,
            grace=timedelta(hours=grace), note=note, threads=threads, memory=limit, progress=bars,
            tell=None if dry_run else tell,
        )  # fmt: skip
    for day in done.days if dry_run else ():
        tell(day)
    verb = "match" if dry_run else "are erased"
    print(f"{contract.table}: {done.records:,} records of {len(done.days)} days, of {done.looked_at} searched, {verb}")
    _tell_of_waiting(done.waiting, contract.table, lake)


def _tell_of_waiting(waiting: list[ErasureEntry] | tuple[ErasureEntry, ...], table: str, lake: str) -> None:
    if not waiting:
        return
    latest = max(entry.remove_after or entry.begun_at for entry in waiting)
    print(
        f"logpress: old files and snapshots that have erased records stay until {latest:%Y-%m-%d %H:%M} UTC, for "
        f"readers that have begun with them; after that the next press of {table}, or `logpress erase {table} "
        f"--finish --lake {lake}`, removes them",
        file=sys.stderr,
    )


def _line(entry: ErasureEntry) -> str:
    days = f"{entry.days[0].day} to {entry.days[-1].day}" if entry.days else "no day"
    state = (
        f"all removed at {entry.removed_at:%Y-%m-%d %H:%M}"
        if entry.removed_at
        else f"old files stay until {entry.remove_after:%Y-%m-%d %H:%M}"
    )
    interrupted = "" if entry.done_at else "; interrupted, so run it again"
    note = f"; {entry.note}" if entry.note else ""
    return (
        f"{entry.begun_at:%Y-%m-%d %H:%M} UTC, by {entry.by or 'unknown'}: {entry.records:,} records of "
        f"{len(entry.days)} days ({days}), by {', '.join(entry.columns)}; {state}{interrupted}{note}"
    )
