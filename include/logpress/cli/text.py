"""Columns of text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime


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
