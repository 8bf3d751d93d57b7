"""The kernels of residuals: instants less what another column predicts.

Bounds: every array is indexed by row, below the length of `values`, as which the others are at least as long.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.codecs.kernels_text import NULL
from logpress.kernel.compile import kernel

_LONGEST_US = 3 * 10**17
"""[format] Microseconds of some 9,500 years: larger values predict nothing."""


@kernel
def add_scaled(total, values, factor):
    """Do total += values * factor, int64[n] both; NULL counts as 0, and so does what is too large to be a time.

    So the sum cannot wrap around, and a difference from it is never NULL.
    """
    limit = _LONGEST_US // factor
    for i in range(values.shape[0]):
        if -limit < values[i] < limit:
            total[i] += values[i] * factor


@kernel
def less_predicted(values, predicted, divisor, sign, out):
    """Do out = values - sign * floor(predicted / divisor), int64[n] all; NULL stays NULL. `out` may be `values`."""
    if divisor == 1:
        for i in range(values.shape[0]):
            out[i] = NULL if values[i] == NULL else values[i] - sign * predicted[i]
        return
    for i in range(values.shape[0]):
        out[i] = NULL if values[i] == NULL else values[i] - sign * (predicted[i] // divisor)
