"""The kernels over one register of any codec: range checks and tests for nulls.

Bounds: every array is indexed by row, below its own length.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.codecs.kernels_text import NULL
from logpress.kernel.compile import kernel


@kernel
def all_within(values, first, last):
    """Whether all values (int64[n]) except NULL are from `first` to `last`."""
    is_within = True
    for i in range(values.shape[0]):
        value = values[i]
        is_within &= (value == NULL) | ((value >= first) & (value <= last))
    return is_within


@kernel
def any_null(values, null):
    """Whether a register, integers[n], contains `null`."""
    found = False
    for i in range(values.shape[0]):
        found |= values[i] == null
    return found
