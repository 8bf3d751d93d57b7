"""`logpress report`: what published days hold and saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from logpress.cli.options import (
    FIRST_DAY,
    LAST_DAY,
    AsJson,
    FirstDay,
    Html,
    LakeUri,
    LastDay,
    Table,
    contract_of,
    day_of,
    one_form,
    period_of,
    write_text,
)
from logpress.errors import UsageError

if TYPE_CHECKING:
    from logpress.contract.model import Contract
    from logpress.lake import Lake

EPILOG = """Examples:

  logpress report sdk_log --day 2021-12-26 --lake lake

  logpress report sdk_log --day 2021-12-26 --lake lake --json | jq '.fields[] | {name, ratio}'

  logpress report sdk_log --from 2021-12-01 --to 2021-12-31 --lake lake --html december.html

LOGPRESS_USD_PER_GB_MONTH (0.023) and LOGPRESS_DAYS_KEPT (365) say what storage costs. docs/report.md says what each
figure is.
"""

OneDay = Annotated[
    str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The UTC day; or give --from, --to or both.")
]


def report(
    table: Table,
    lake: LakeUri,
    day: OneDay = None,
    first: FirstDay = FIRST_DAY,
    last: LastDay = LAST_DAY,
    as_json: AsJson = False,
    html: Html = None,
) -> None:
    """Show what published days hold and saved: bytes raw and stored of each column, beside gzip, zstd and Parquet."""
    contract = contract_of(table)
    one_form(as_json, html)
    if ((first, last) != (FIRST_DAY, LAST_DAY)) == (day is not None):
        raise UsageError("give --day for one day, or --from, --to or both for a range")
    from logpress.lake import Lake

    opened = Lake.open(lake)
    if day is not None:
        _one(contract, opened, day, as_json, html)
    else:
        _range(contract, opened, first, last, as_json, html)


def _one(contract: Contract, lake: Lake, day: str, as_json: bool, html: str | None) -> None:
    from logpress.day.reports import report_day
    from logpress.quality.prices import Prices

    found = report_day(lake, contract, day_of(day), Prices.of_environment())
    if as_json:
        print(found.model_dump_json(indent=1))
    elif html is not None:
        from logpress.reports.day_page import day_page

        write_text(html, day_page(found, contract))
    else:
        from rich.console import Console

        from logpress.reports.text import render_report

        console = Console()
        console.print(render_report(found, console.width))


def _range(contract: Contract, lake: Lake, first: str, last: str, as_json: bool, html: str | None) -> None:
    from logpress.day.reports import report_days
    from logpress.quality.prices import Prices

    found = report_days(lake, contract, *period_of(first, last), Prices.of_environment())
    if as_json:
        print(found.model_dump_json(indent=1))
    elif html is not None:
        from logpress.reports.days_page import days_page

        write_text(html, days_page(found))
    else:
        from rich.console import Console

        from logpress.reports.text import render_days

        Console().print(render_days(found))
