"""The formulas of virtual columns, one function a codec: docs/format.md, "From columns to texts", as expressions.

A view has a helper column for each virtual instant, `NAME#us`: its microseconds since 1970, of whatever unit it is.
So no formula of another column depends on that unit, and each is as long as its own arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import Column, Instant, Integer, is_virtual
from logpress.views.dialects import Terms

_LONGEST_US = 3 * 10**17
"""[format] Larger numbers of microseconds predict nothing."""


def micros_name(name: str) -> str:
    """The helper column of a virtual instant; no contract can have a column of such a name."""
    return f"{name}#us"


def instant_micros(column: Instant, columns: Mapping[str, Column], terms: Terms) -> str:
    """Microseconds of an instant since 1970; of one with `residual_of` the residual and what it is less.

    Residuals are in the unit of their column. All stored instants are microseconds, whatever their unit.

    Args:
        column: the instant.
        columns: all of its contract's, by name.
        terms: how the engine writes operations.
    """
    if not column.residual_of:
        return terms.micros(column.name)
    unit = _micros_a_unit(column)
    others = [columns[name] for name in column.residual_of]
    # microseconds of 64-bit integers, of which each counts as milliseconds, may need more than 64 bits
    common = gcd(unit, *map(_micros_a_unit, others)) if any(map(_is_wide, others)) else 1
    predicted = terms.plus(*(_summand(other, common, terms) for other in others))
    if unit > common:
        predicted = terms.floor_divided(predicted, unit // common)
    return terms.times(terms.plus(terms.whole(column.helper("residual")), predicted), unit)


def _micros_a_unit(column: Column) -> int:
    return 1_000_000 // UNITS_PER_SECOND[column.unit] if isinstance(column, Instant) else 1_000


def _summand(column: Column, common: int, terms: Terms) -> str:
    """What a column adds to a prediction that counts `common` microseconds; nothing if it has no value."""
    if isinstance(column, Instant):  # in the calendar, and so never too large
        micros = terms.column(micros_name(column.name)) if is_virtual(column) else terms.micros(column.name)
        micros = terms.or_zero(micros)
        return micros if common == 1 else terms.divided(micros, common)
    factor = 1_000 // common
    number = terms.whole(column.name)
    number = terms.or_zero_beyond(number, _LONGEST_US // factor) if _is_wide(column) else terms.or_zero(number)
    return terms.times(number, factor)


def _is_wide(column: Column) -> bool:
    """Whether a column's numbers may be so large that they are no times."""
    return isinstance(column, Integer) and column.type == "int64"


LEFT_OUT = {
    "kinesis_sequence": (
        "a sequence number is relative to counters in each row group's metadata, one for each shard and second. "
        "Read it with logpress: logpress.open_lake(LAKE).table(TABLE).scan(DAY, columns=[...]) in Python."
    )
}
"""Codecs whose virtual columns no dialect can tell, and why."""
