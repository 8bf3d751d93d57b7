"""Virtual instants as expressions of Polars: docs/format.md, "From columns to texts"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import Column, Instant, Integer, is_predicted, is_stored_too

if TYPE_CHECKING:
    import polars as pl

_NARROW = ("int8", "int16", "int32")
"""Integers of which each counts as milliseconds, and the sum of some with instants fits 64 bits."""


def stages_of(names: Sequence[str], columns: Mapping[str, Column]) -> list[str]:
    """These columns, and those virtual ones that predict them, each behind those that it needs.

    Args:
        names: columns that `is_told` is true for; those that are stored are left out.
        columns: all of the contract's, by name.
    """
    made = [columns[name] for name in names if not is_stored_too(columns[name])]
    return list(dict.fromkeys(stage for column in made for stage in _chain(column, columns)))


def is_told(name: str, columns: Mapping[str, Column]) -> bool:
    """Whether there is an expression for a column: a virtual instant that instants and narrow integers predict."""
    column = columns.get(name)
    if not isinstance(column, Instant) or not column.residual_of:
        return False
    return all(_predicts(columns[other], columns) for other in column.residual_of)


def instant(column: Instant, columns: Mapping[str, Column]) -> pl.Expr:
    """A virtual instant, from the stored columns and the virtual instants that predict it.

    A stored residual is the instant less the sum of the columns that predict it, rounded down to its unit; a missing
    one of these counts as 0.

    Args:
        column: for which `is_told` is true.
        columns: all of the contract's, by name.
    """
    import polars as pl

    unit = 1_000_000 // UNITS_PER_SECOND[column.unit]
    residual = pl.col(column.helper("residual"))
    others = [columns[name] for name in column.residual_of]
    predicted = [_micros(other) for other in others]
    total = predicted[0]
    for one in predicted[1:]:
        total = total + one
    if all(_micros_a_unit(other) % unit == 0 for other in others):  # then nothing is rounded
        micros = residual * unit + total
    else:
        micros = (residual + total // unit) * unit
    return micros.cast(pl.Datetime("us", "UTC")).alias(column.name)


def _chain(column: Column, columns: Mapping[str, Column]) -> Iterator[str]:
    if isinstance(column, Instant) and column.residual_of:
        for name in column.residual_of:
            yield from _chain(columns[name], columns)
        yield column.name


def _predicts(column: Column, columns: Mapping[str, Column]) -> bool:
    if is_predicted(column):
        return is_told(column.name, columns)
    return isinstance(column, Instant) or (isinstance(column, Integer) and column.type in _NARROW)


def _micros_a_unit(column: Column) -> int:
    return 1_000_000 // UNITS_PER_SECOND[column.unit] if isinstance(column, Instant) else 1_000


def _micros(column: Column) -> pl.Expr:
    """Microseconds that a column adds; stored instants are in microseconds, whatever their unit."""
    import polars as pl

    if isinstance(column, Instant):
        return pl.col(column.name).to_physical().fill_null(0)
    return pl.col(column.name).cast(pl.Int64).fill_null(0) * 1_000
