"""Distributions of a column on several days, in terms that all of these days have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from logpress.results import ColumnProfile

_MOST_TOLD_APART = 64
"""Whole numbers with at most so many values are compared by value, others by bin."""


def shapes_of(columns: Sequence[ColumnProfile]) -> list[dict[object, float]] | None:
    """Rows of a column by value on several days, or by bin on all of them; None if profiles tell too little.

    A value that a profile does not name may have nearly as many rows as those that it does. So only values with twice
    as many rows are told apart on all days, if one of them has others.
    """
    if not all(map(tells_enough, columns)):
        return None
    filled = [column for column in columns if column.top or column.others]
    if any(column.histogram for column in filled) and not all(map(_is_told_apart, filled)):
        if not all(column.histogram for column in filled):
            return None
        return [{f"bin {place}": float(rows) for place, rows in column.histogram.items()} for column in columns]
    least = 2 * max((_smallest_share(column) for column in filled if column.others), default=0.0)
    told = {
        value
        for column in filled
        for value, rows in column.top.items()
        if rows >= least * (column.others + sum(column.top.values()))
    }
    shapes = []
    for column in columns:
        shape: dict[object, float] = {value: float(rows) for value, rows in column.top.items() if value in told}
        others = column.others + sum(rows for value, rows in column.top.items() if value not in told)
        shapes.append(shape | ({None: float(others)} if others else {}))
    return shapes


def tells_enough(column: ColumnProfile) -> bool:
    """Whether a profile has the bins of the values, or names the values of half of the rows."""
    return bool(column.histogram) or column.others <= sum(column.top.values())


def _is_told_apart(column: ColumnProfile) -> bool:
    return not column.others and len(column.top) <= _MOST_TOLD_APART


def _smallest_share(column: ColumnProfile) -> float:
    """The share of rows of the named value that has fewest."""
    return min(column.top.values()) / (column.others + sum(column.top.values()))


def pooled(shapes: Sequence[Mapping[object, float]]) -> dict[object, float]:
    """The mean of distributions, each with the same weight, as large as all together."""
    whole = sum(sum(shape.values()) for shape in shapes)
    found: Counter[object] = Counter()
    for shape in shapes:
        size = sum(shape.values())
        for value, rows in shape.items():
            found[value] += rows / size * whole / len(shapes)  # type: ignore[assignment]
    return dict(found)
