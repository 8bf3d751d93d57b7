"""`logpress check`: a contract's checks, tried on published days."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from logpress.cli.options import (
    FIRST_DAY,
    LAST_DAY,
    AsJson,
    FirstDay,
    LakeUri,
    LastDay,
    Table,
    contract_of,
    day_of,
    period_of,
)

EPILOG = (
    "Examples:\n\n"
    "  logpress check sdk_log --lake lake\n\n"
    "  logpress check my_log.yaml --from 2021-12-01 --to 2021-12-31 --lake lake   (checks that are being written)\n\n"
    "  logpress check sdk_log --day 2021-12-26 --lake lake --json | jq '.[].checks[] | select(.ok | not)'"
)

EXIT_FAILED = 1
"""Exit code if a check of level `fail` fails on one of the days."""


def check(
    table: Table,
    lake: LakeUri,
    day: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Only this UTC day.")] = None,
    first: FirstDay = FIRST_DAY,
    last: LastDay = LAST_DAY,
    every: Annotated[bool, typer.Option("--all", help="Show checks that pass, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Try the contract's checks on published days; nothing changes. Exit code 1 if one of level fail fails."""
    contract = contract_of(table)
    begin, end = (day_of(day), day_of(day)) if day is not None else period_of(first, last)
    from logpress.day.checking import check_published

    found, has_failed = [], False
    for checked in check_published(contract, begin, end, lake):
        broken = [result for result in checked.checks if not result.ok]
        has_failed |= any(result.level == "fail" for result in broken)
        if as_json:
            checks = [result.model_dump(mode="json") for result in checked.checks]
            found.append({"day": checked.day.isoformat(), "seconds": round(checked.seconds, 3), "checks": checks})
            continue
        passed = len(checked.checks) - len(broken)
        state = "ok" if not broken else "FAILS" if any(result.level == "fail" for result in broken) else "warns"
        counts = f"{passed} of {len(checked.checks)} pass, {checked.seconds:.2f} s"
        print(f"{contract.table} {checked.day}  {state:5}  {counts}")
        for result in checked.checks:
            if every or not result.ok:
                print(f"  {'ok' if result.ok else result.level:5}  {result.check}: {result.message}")
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    if has_failed:
        raise typer.Exit(EXIT_FAILED)
