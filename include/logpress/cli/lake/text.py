"""What the verbs have in common: days and tables."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logpress.cli.options import day_of
from logpress.cli.text import columns as columns

if TYPE_CHECKING:
    from logpress.lake import Lake

TableName = Annotated[str, typer.Argument(metavar="TABLE", help="The table's name.")]
TableNames = Annotated[
    list[str] | None, typer.Argument(metavar="[TABLE]...", help="Only these tables; all by default.")
]
DayArgument = Annotated[str, typer.Argument(metavar="YYYY-MM-DD", help="The UTC day.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


def as_dict(found: Any, **more: object) -> dict[str, Any]:
    """A dataclass as JSON has it."""
    said = {**asdict(found), **more}
    return {key: value.isoformat() if isinstance(value, date) else value for key, value in said.items()}


def known_table(lake: Lake, table: str) -> str:
    """Give a table's name back if the lake has it.

    Raises:
        UsageError: if it does not.
    """
    from logpress.reading import open_lake

    return open_lake(lake.uri).table(table).name


def descriptions_of(lake: Lake, table: str) -> dict[str, str]:
    """What a table's columns mean, as its newest part says; nothing if that cannot be read."""
    from logpress.errors import LogpressError
    from logpress.reading import open_lake

    try:
        return {column.name: column.description for column in open_lake(lake.uri).table(table).columns}
    except LogpressError:  # no such table, no rows, or a file that whoever needs it will name
        return {}


def day_argument(text: str) -> date:
    """The day that an argument says.

    Raises:
        UsageError: if it says none.
    """
    return day_of(text, "the day")
