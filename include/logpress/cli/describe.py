"""`logpress describe`: the data dictionary of a table."""

from __future__ import annotations

from typing import Annotated

import typer

from logpress.cli.options import AsJson, Html, Table, contract_of, day_of, no_secret, one_form, write_text
from logpress.errors import UsageError

EPILOG = """Examples:

  logpress describe sdk_log --lake lake

  logpress describe sdk_log func_name ingested_at

  logpress describe sdk_log --lake lake --day 2021-12-26 --html sdk_log.html

  logpress describe sdk_log --lake lake --json | jq '.columns[] | {name, fill, distinct}'

Without a lake it tells what the contract says. `logpress schema` lists names, types and meanings only.
"""


def describe(
    table: Table,
    columns: Annotated[
        list[str] | None, typer.Argument(metavar="[COLUMN]...", help="Only these columns; all by default.")
    ] = None,
    day: Annotated[
        str | None,
        typer.Option(
            "--day", metavar="YYYY-MM-DD", help="The UTC day whose figures are told; the newest published one."
        ),
    ] = None,
    lake: Annotated[
        str | None,
        typer.Option(
            "--lake", metavar="URI", envvar="LOGPRESS_LAKE", callback=no_secret, help="The lake: a folder or URI."
        ),
    ] = None,
    as_json: AsJson = False,
    html: Html = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="As Markdown, for a wiki or a repository.")] = False,
) -> None:
    """Describe each column: meaning, source, fill, values, formula, size, how to load it; no personal values."""
    contract = contract_of(table)
    one_form(as_json, html, markdown)
    if day is not None and lake is None:
        raise UsageError("--day: the figures of a day are in a lake; give --lake")
    from logpress.lake import Lake
    from logpress.reports.dictionary import describe as described

    when = day_of(day) if day is not None else None
    found = described(contract, Lake.open(lake) if lake is not None else None, when)
    if columns:
        found = found.only(columns)
    if as_json:
        print(found.model_dump_json(indent=1))
    elif html is not None:
        from logpress.reports.dictionary_page import dictionary_page

        write_text(html, dictionary_page(found))
    elif markdown:
        from logpress.reports.dictionary_text import dictionary_markdown

        print(dictionary_markdown(found), end="")
    else:
        from rich.console import Console

        from logpress.reports.dictionary_text import render_dictionary

        Console().print(render_dictionary(found))
        print(f"\nto load: {found.load}")  # in one line, to copy
