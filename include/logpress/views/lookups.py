"""Lookups as rows: what a part's metadata say of virtual strings, in a form that any engine can join.

A row says one of two things of a part and a column. With `layout`: whether records of that layout have a place for the
value. With `key`: what value the key means in the rows from `first_row` to before `end_row` of the file.

A part's rows depend on the part alone, and are found by its name, which holds its digest. So they are right for whoever
still reads the part, whatever was published since; and rows of parts that nobody reads any more do no harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from logpress.codecs.spelling import Spelling, unescape
from logpress.contract.columns import Lookup
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.part.opened_part import OpenedPart


def lookups_of(path: str, name: str, day: date) -> list[dict[str, Any]]:
    """The lookups of a part.

    Args:
        path: a path or fsspec URI.
        name: the part's name, where it is published.
        day: its UTC day.

    Returns:
        Rows of `lake.lookups.SCHEMA`; none where the part has no column of codec `lookup`.

    Raises:
        PartError: if the part is gone or damaged.
    """
    part = OpenedPart.open(path)
    columns = [column for column in part.metadata.contract.columns if isinstance(column, Lookup)]
    rows: list[dict[str, Any]] = []
    if columns and part.footer.num_rows:
        groups = []
        for number in range(part.footer.num_row_groups):
            with part.group(number, [], is_described=True) as opened:
                groups.append(opened.described())
        for column in columns:
            same = {"day": day, "file": name, "column_name": column.name}
            for layout, has_value in enumerate(part.metadata.layouts_with(column.name).tolist()):
                rows.append({**same, "layout": layout, "has_value": has_value})
            rows += ({**same, **row} for row in _meanings(column, groups))
    return rows


def _meanings(column: Lookup, groups: list[GroupMetadata]) -> Iterator[dict[str, Any]]:
    """What each key means, in ranges of rows that together are the whole file."""
    total = sum(group.rows for group in groups)
    ranges: dict[str, list[tuple[int, str]]] = {}
    first = 0
    for group in groups:
        for key, value in _values(column, group).items():
            known = ranges.setdefault(key, [])
            if not known or known[-1][1] != value:
                known.append((first if known else 0, value))  # before a key is met, it may mean anything
        first += group.rows
    for key, known in sorted(ranges.items()):
        ends = [begin for begin, _ in known[1:]] + [total]
        for (begin, value), end in zip(known, ends, strict=True):
            yield {"key": key, "value": value, "first_row": begin, "end_row": end, "is_whole": len(known) == 1}


def _values(column: Lookup, group: GroupMetadata) -> Mapping[str, str]:
    """By value of the key, the value that it means in a row group, which knows both as texts.

    Two texts of a key may have one value. Rows that are not kept whole have that which the key column's spelling
    writes.
    """
    spelling = group.spellings.get(column.key, Spelling())
    found = {}
    for text, meant in group.lookups.get(column.name, {}).items():
        key = unescape(text.encode())
        if spelling.text(key) == text.encode():
            found[key] = unescape(meant.encode())
    return found
