"""`logpress days`: the days of a table, and how they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from logpress.cli.options import FIRST_DAY, LAST_DAY, AsJson, FirstDay, LakeUri, LastDay, Table, contract_of, day_of

if TYPE_CHECKING:
    from logpress.day.states import DayState

EPILOG = """Examples:

  logpress days sdk_log --lake lake

  logpress days sdk_log --lake lake --from 2021-12-01 --to 2021-12-31

  logpress days sdk_log --lake lake --json | jq -r '.[] | select(.state != "published").day'

`logpress lake days` lists the days of all tables of a lake as its owner keeps them: bytes, runs, formats of files.
"""


def days(
    table: Table, lake: LakeUri, first: FirstDay = FIRST_DAY, last: LastDay = LAST_DAY, as_json: AsJson = False
) -> None:
    """List the days of a table: published, warned, refused or missing; rows, ratio, checks, rejects."""
    contract = contract_of(table)
    since = None if first == FIRST_DAY else day_of(first, "--from")
    until = None if last == LAST_DAY else day_of(last, "--to")
    from logpress.day.states import day_states
    from logpress.lake import Lake

    found = day_states(Lake.open(lake), contract.table, since, until)
    if as_json:
        print(json.dumps([one.as_dict() for one in found], indent=1))
        return
    if not found:
        print(f"no day of {contract.table} is published in {lake}")
        return
    _show(found)


def _show(found: list[DayState]) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    styles = {"published": "green", "warned": "yellow", "refused": "red", "missing": "red", "damaged": "red"}
    shown = RichTable(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("day", "state"):
        shown.add_column(name, no_wrap=True, min_width=10)
    for name in ("rows", "ratio", "a record", "irregular", "rejects"):
        shown.add_column(name, justify="right", overflow="fold")
    shown.add_column("checks", overflow="fold")
    for one in found:
        cells = [
            _number(one.rows),
            "-" if one.ratio is None else f"{one.ratio:,.1f}",
            "-" if one.bytes_a_record is None else f"{one.bytes_a_record:.2f}",
            _number(one.irregular_rows),
            _number(one.rejects),
            _checks(one),
        ]
        state = Text(one.state, style=styles[one.state])
        shown.add_row(str(one.day), state, *(() if one.state == "missing" else cells))
    console = Console()
    console.print(shown)
    for one in found:
        if one.problem is not None:
            console.print(Text(f"{one.day}{_told(one)}: {one.problem}", style="red"))


def _told(one: DayState) -> str:
    if one.state != "refused":
        return ""
    return " is refused" if one.published_at is None else " is refused; the earlier publication is still read"


def _number(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _checks(one: DayState) -> str:
    if one.checks is None:
        return "-"
    return f"broken: {', '.join(one.broken)}" if one.broken else f"{one.checks} hold"
