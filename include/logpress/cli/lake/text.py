"""What the verbs have in common: columns of text, days and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logpress.cli.options import day_of

if TYPE_CHECKING:
    from logpress.lake import Lake

TableName = Annotated[str, typer.Argument(metavar="TABLE", help="The table's name.")]
TableNames = Annotated[
    list[str] | None, typer.Argument(metavar="[TABLE]...", help="Only these tables; all by default.")
]
DayArgument = Annotated[str, typer.Argument(metavar="YYYY-MM-DD", help="The UTC day.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


def columns(head: Sequence[str], rows: Sequence[Sequence[object]], left: Sequence[int] = (0,)) -> str:
    """Rows of text in columns, numbers to the right."""
    texts = [list(head), *([_text(value) for value in row] for row in rows)]
    widths = [max(len(row[n]) for row in texts) for n in range(len(head))]
    lines = []
    for row in texts:
        padded = zip(row, widths, strict=True)
        cells = [text.ljust(width) if n in left else text.rjust(width) for n, (text, width) in enumerate(padded)]
        lines.append("  ".join(cells))
    return "\n".join(line.rstrip() for line in lines)


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


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
