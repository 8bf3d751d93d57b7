"""`logpress history`: days sorted by user, and the last calls of a user from them."""

from __future__ import annotations

import sys
from datetime import date
from typing import Annotated

import typer

from logpress.cli.options import (
    FIRST_DAY,
    LAST_DAY,
    AsJson,
    FirstDay,
    LakeUri,
    LastDay,
    Quiet,
    Table,
    contract_of,
    period_of,
)

EPILOG = (
    "Examples:\n\n  logpress history build sdk_log --lake lake\n\n"
    "  logpress history last sdk_log a47d422a-d790-11eb-a22b-3fc2917eeda81479 2021-11-24T15:01:24.052Z --lake lake"
)

group = typer.Typer(
    name="history",
    help="Keep the newest days sorted by user, and look up the last calls of a user in milliseconds.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@group.command(epilog="Example:\n\n  logpress history build sdk_log --from 2021-12-20 --lake lake")
def build(
    table: Table, lake: LakeUri, first: FirstDay = FIRST_DAY, last: LastDay = LAST_DAY, quiet: Quiet = False
) -> None:
    """Sort published days by user: the newest that the contract keeps (`by_user`). Current ones are skipped."""
    contract, (begin, end) = contract_of(table), period_of(first, last)
    from logpress.cli.bars import Bars
    from logpress.errors import UsageError
    from logpress.lake import Lake
    from logpress.serving.build import build_by_user, kept_days

    found = Lake.open(lake)
    days = [day for day in kept_days(found, contract) if begin <= day <= end]
    if not days:
        raise UsageError(f"{found.uri}: no day of {contract.table} that is kept is published from {begin} to {end}")
    with Bars(quiet=quiet) as bars:
        for day in days:
            rows = found.need_day(contract.table, day).rows
            tell = bars.begin(str(day), None, rows)
            made, is_made = build_by_user(contract, day, lake, progress=tell)
            bars.end(str(day))
            size = sum(file.stored_bytes for file in made.files)
            what = f"{made.rows:,} rows, {size:,} bytes in {len(made.files)} files" if is_made else "is current"
            print(f"{contract.table} {day}: {what}", file=sys.stderr)


@group.command(epilog=EPILOG)
def last(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table's name.")],
    user: Annotated[list[str], typer.Argument(metavar="USER...", help="A value for each column of `entity`.")],
    lake: LakeUri,
    calls: Annotated[int, typer.Option("--calls", min=1, help="How many.")] = 20,
    days: Annotated[int, typer.Option("--days", min=1, help="Newest days that are looked at.")] = 7,
    before: Annotated[
        str | None, typer.Option("--before", metavar="INSTANT", help="Only earlier calls: 2021-12-26T11:00:00Z.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the last calls of a user, the newest last."""
    import json

    from logpress.reading import open_lake

    found = open_lake(lake).table(table).history(days=days).last(*user, calls=calls, before=before)
    if as_json:
        for row in found.to_pylist():
            print(json.dumps({name: _json(value) for name, value in row.items()}, ensure_ascii=False))
        return
    from logpress.cli.text import columns

    if not found.num_rows:
        print("no call of this user in these days", file=sys.stderr)
        return
    names = [name for name in found.column_names if len(set(found.column(name).to_pylist())) > 1]
    rows = [[_json(row[name]) for name in names] for row in found.to_pylist()]
    print(columns(names, rows, left=range(len(names))))


def _json(value: object) -> object:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, date) else value
