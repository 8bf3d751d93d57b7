"""`logpress rejects`: examples of a day's rejects."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from logpress.cli.options import AsJson, Day, LakeUri, Table, contract_of, day_of
from logpress.errors import UsageError

EPILOG = """Examples:

  logpress rejects sdk_log --day 2021-12-26 --lake lake

  logpress rejects sdk_log --day 2021-12-26 --lake lake --reason not_json --limit 20 --json

The texts are raw records, cut after 200 characters, and may tell of persons. `logpress restore` gives rejects back
whole, behind the rows.
"""


def rejects(
    table: Table,
    day: Day,
    lake: LakeUri,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="NAME", help="Only rejects with this reason.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Examples of a reason at most.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show examples of a day's rejects by reason: origin, number of the record in it, and the record's beginning."""
    contract, when = contract_of(table), day_of(day)
    from logpress.day.rejects import rejects_of
    from logpress.lake import Lake
    from logpress.quality.printable import printable
    from logpress.reports.words import counted

    counts, examples = rejects_of(Lake.open(lake), contract.table, when, limit, reason)
    if reason is not None and reason not in counts:
        known = f"there are {', '.join(counts)}" if counts else "there are no rejects"
        raise UsageError(f"{contract.table} {when} has no rejects of reason {reason!r}; {known}")
    found = list(examples)
    if as_json:
        print(json.dumps({"counts": counts, "examples": [one.model_dump() for one in found]}, indent=1))
        return
    if not counts:
        print(f"{contract.table} {when} has no rejects")
    for name in [reason] if reason is not None else counts:
        of_it = [one for one in found if one.reason == name]
        more = f", the first {len(of_it):,}" if len(of_it) < counts[name] else ""
        print(f"{name}: {counted(counts[name], 'reject')}{more}")
        for one in of_it:
            print(f"  {printable(one.origin, 2_000)} record {one.record:,}\n    {one.text}")
