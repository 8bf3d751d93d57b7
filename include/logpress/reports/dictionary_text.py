"""A data dictionary as a table for a terminal, and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from logpress.reports.dictionary import HIDDEN, DescribedColumn, Dictionary

_TOP = 3


def render_dictionary(found: Dictionary) -> RenderableType:
    """The dictionary for a terminal: a paragraph a column, without its line of Python."""
    parts: list[RenderableType] = [Text(f"{found.table}: {found.meaning}", style="bold")]
    parts.append(Text(_of_what(found), style="dim"))
    for column in found.columns:
        marks = [name for name, is_so in (("virtual", column.is_virtual), ("personal", column.is_personal)) if is_so]
        head = Text.assemble("\n", (column.name, "bold cyan"), "  ", (column.type, "dim"))
        for mark in marks:
            head.append(f"  {mark}", style="yellow" if mark == "personal" else "dim")
        facts = Table.grid(padding=(0, 2))
        facts.add_column(style="dim", no_wrap=True)
        facts.add_column(overflow="fold")
        for name, said in facts_of(column):
            if name != "load":  # one line for all is enough on a terminal
                facts.add_row(f"  {name}", Text(said))
        parts += [head, Text(f"  {column.meaning}"), facts]
    return Group(*parts)


def _of_what(found: Dictionary) -> str:
    of = f"figures of {found.day}, {found.rows:,} rows" if found.day is not None and found.rows is not None else ""
    return f"the date (UTC) of {found.key_of_day} is a record's day; {of or 'no figures: give --lake'}"


def facts_of(column: DescribedColumn) -> Iterator[tuple[str, str]]:
    """What is known of a column: names and texts."""
    if column.paths:
        yield "from", ", ".join(column.paths) + (f"; repeated at {', '.join(column.copies)}" if column.copies else "")
    if column.formula is not None:
        yield "is", column.formula
    if column.fill is not None:
        yield "filled", f"{100 * column.fill:.2f} % of rows" + ("" if column.is_nullable else "; must be")
    if column.distinct is not None:
        bits = f", {column.entropy:.2f} bits a row" if column.entropy is not None else ""
        yield "distinct", f"{column.distinct:,} values{bits}"
    if column.is_personal:
        yield "values", HIDDEN
    else:
        if column.low is not None and column.high is not None:
            yield "range", f"{column.low} to {column.high}"
        if column.top:
            yield "often", ", ".join(f"{value} ({rows:,})" for value, rows in list(column.top.items())[:_TOP])
        elif column.example is not None:
            yield "example", column.example
    size = f", {column.bytes_a_row:.3f} bytes a row" if column.bytes_a_row is not None else ""
    encoding = f" ({column.encoding})" if column.encoding else ""
    yield "stored", f"{', '.join(column.stored_as)}{encoding}{size}"
    yield "load", column.load


def dictionary_markdown(found: Dictionary) -> str:
    """The dictionary as Markdown: a table, then what does not fit into it."""
    lines = [f"# {found.table}", "", found.meaning, "", f"{_of_what(found)[0].upper()}{_of_what(found)[1:]}.", ""]
    lines += [
        "| column | type | meaning | filled | distinct | example | bytes a row |",
        "| --- | --- | --- | ---: | ---: | --- | ---: |",
    ]
    for column in found.columns:
        marks = "".join(f" *{name}*" for name, is_so in _marks(column) if is_so)
        cells = [
            f"`{column.name}`{marks}", column.type, _cell(column.meaning),
            "" if column.fill is None else f"{100 * column.fill:.2f} %",
            "" if column.distinct is None else f"{column.distinct:,}",
            HIDDEN if column.is_personal else _code(column.example),
            "" if column.bytes_a_row is None else f"{column.bytes_a_row:.3f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    for column in found.columns:
        lines += ["", f"## {column.name}", "", _cell(column.meaning), ""]
        lines += [f"- {name}: {_code(said) if name in _AS_CODE else _cell(said)}" for name, said in facts_of(column)]
        if column.sql is not None:
            lines.append(f"- in DuckDB, microseconds since 1970: {_code(column.sql)}")
    return "\n".join(lines) + "\n"


_AS_CODE = ("load", "example")


def _marks(column: DescribedColumn) -> list[tuple[str, bool]]:
    return [("virtual", column.is_virtual), ("personal", column.is_personal)]


def _cell(text: str) -> str:
    """Text that Markdown takes as it is, also in a table."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", text)


def _code(text: str | None) -> str:
    """Text as code, also in a table."""
    if text is None:
        return ""
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{ticks}{space}{text}{space}{ticks}".replace("|", "\\|")
