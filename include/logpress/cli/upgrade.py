"""`logpress upgrade`: published days of an older format rewritten as today's."""

from __future__ import annotations

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

EPILOG = (
    "Examples:\n\n  logpress upgrade sdk_log --from 2021-12-01 --to 2021-12-31 --lake lake\n\n"
    "  logpress upgrade sdk_log --lake s3://game-lake/logs --quiet"
)


def upgrade(
    table: Table,
    lake: LakeUri,
    first: FirstDay = FIRST_DAY,
    last: LastDay = LAST_DAY,
    threads: Threads = None,
    memory: Memory = None,
    quiet: Quiet = False,
) -> None:
    """Rewrite published days of an older format as today's: proven against the old files, published at once."""
    contract = contract_of(table)
    begin, end = period_of(first, last)
    limit = memory_of(memory)
    from logpress.cli.bars import Bars
    from logpress.day.upgrade import days_between, upgrade_day
    from logpress.engine.part.metadata import version_of

    today = version_of(contract)
    for day in days_between(lake, contract.table, begin, end):
        with Bars(quiet=quiet) as bars:
            done = upgrade_day(contract, day, lake, threads=threads, progress=bars, memory=limit)
        if done.parts:
            was = " and ".join(done.versions)
            sizes = f"{done.before:,} bytes are {done.after:,} now"
            print(f"{contract.table} {day}: {done.parts} parts of format {was} rewritten as {today}; {sizes}")
        else:
            print(f"{contract.table} {day}: has format {today} already")
