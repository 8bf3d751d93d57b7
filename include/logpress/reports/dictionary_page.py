"""A data dictionary as a page."""

from __future__ import annotations

from logpress.reports.dictionary import HIDDEN, DescribedColumn, Dictionary
from logpress.reports.markup import Child, Markup, el
from logpress.reports.page import cells, page, section, table, tiles

_SHOWN = 5
"""Most frequent values of a column."""


def dictionary_page(found: Dictionary) -> str:
    """The page of a table."""
    personal = sum(column.is_personal for column in found.columns)
    virtual = sum(column.is_virtual for column in found.columns)
    rows = f"{found.rows:,} rows on {found.day}" if found.rows is not None else "no day looked at"
    size = sum(column.bytes_a_row or 0 for column in found.columns)
    figures = [
        (f"{len(found.columns)}", "columns", f"{virtual} virtual: computed when they are read"),
        (f"{personal}", "personal", "their values are not shown"),
        (f"{size:.2f} B" if found.rows is not None else "–", "stored a row", rows),
    ]
    return page(
        found.table,
        [found.meaning, ". The date (UTC) of ", el("code", found.key_of_day), " is a record's day."],
        tiles(figures),
        _overview(found),
        [_column(column, found) for column in found.columns],
    )


def _overview(found: Dictionary) -> Markup:
    heads = [
        ("column", "name"),
        ("type", "name"),
        ("meaning", "text"),
        ("filled", "number"),
        ("bytes a row", "number"),
        ("to scale", "bar"),
    ]
    largest = max((column.bytes_a_row or 0 for column in found.columns), default=0) or 1
    rows = []
    for column in found.columns:
        size = column.bytes_a_row
        bar = el("span", el("span", style=f"width:{100 * (size or 0) / largest:.2f}%"), class_="track")
        rows.append(
            el(
                "tr",
                cells(
                    ("name", [el("a", el("code", column.name), href=f"#{column.name}"), _tags(column)]),
                    ("name quiet", column.type),
                    ("text", column.meaning),
                    ("number", _share(column.fill)),
                    ("number", "" if size is None else f"{size:.3f}"),
                    ("bar", bar if size is not None else ""),
                ),
            )
        )
    return section("Columns", table(heads, rows, "The columns of the table"))


def _tags(column: DescribedColumn) -> list[Markup | None]:
    return [
        el("span", "virtual", class_="tag") if column.is_virtual else None,
        el("span", "personal", class_="tag personal") if column.is_personal else None,
    ]


def _share(fill: float | None) -> str:
    return "" if fill is None else f"{100 * fill:.2f} %"


def _column(column: DescribedColumn, found: Dictionary) -> Markup:
    facts: list[tuple[str, Child]] = [("type", column.type + ("" if column.is_nullable else ", never null"))]
    if column.paths:
        facts.append(("from", _codes(column.paths)))
    if column.copies:
        facts.append(("repeated at", _codes(column.copies)))
    if column.formula is not None:
        facts.append(("is", el("code", column.formula) if column.sql is not None else column.formula))
    if column.sql is not None:
        facts.append(("in DuckDB", [el("code", column.sql), el("span", " microseconds since 1970", class_="quiet")]))
    if column.fill is not None:
        facts.append(("filled", f"{_share(column.fill)} of rows"))
    if column.distinct is not None:
        bits = f", {column.entropy:.2f} bits a row" if column.entropy is not None else ""
        facts.append(("distinct", f"{column.distinct:,} values{bits}"))
    if column.is_personal:
        facts.append(("values", HIDDEN))
    else:
        if column.low is not None and column.high is not None:
            facts.append(("range", [el("code", column.low), " to ", el("code", column.high)]))
        if column.top:
            facts.append(("most frequent", _top(column, found)))
        elif column.example is not None:
            facts.append(("example", el("code", column.example)))
    size = f", {column.bytes_a_row:.3f} bytes a row" if column.bytes_a_row is not None else ""
    encoding = f" ({column.encoding})" if column.encoding else ""
    facts.append(("stored", [_codes(column.stored_as), el("span", encoding + size, class_="quiet")]))
    facts.append(("load", el("code", column.load)))
    said = el("dl", [el("div", el("dt", name), el("dd", what)) for name, what in facts], class_="facts")
    head = el("h2", el("code", column.name), _tags(column), id=column.name)
    return el("section", head, el("p", column.meaning, class_="note"), said)


def _codes(names: tuple[str, ...]) -> list[Child]:
    return [child for number, name in enumerate(names) for child in (", " if number else "", el("code", name))]


def _top(column: DescribedColumn, found: Dictionary) -> Markup:
    rows = []
    shown = list(column.top.items())[:_SHOWN]
    largest = max(count for _, count in shown) or 1
    for value, count in shown:
        share = f"{100 * count / found.rows:.1f} %" if found.rows else ""
        bar = el("span", el("span", style=f"width:{100 * count / largest:.2f}%"), class_="track")
        found_cells = cells(("text", el("code", value)), ("number", f"{count:,}"), ("number", share), ("bar", bar))
        rows.append(el("tr", found_cells))
    heads = [("value", "text"), ("rows", "number"), ("share", "number"), ("to scale", "bar")]
    return table(heads, rows, f"The most frequent values of {column.name}")
