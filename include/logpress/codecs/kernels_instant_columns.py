"""The kernels between the register of an instant and its column: units, and residuals.

Bounds: arrays are indexed by row, below the length of `values`; the others are at least as long.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_text import NULL
from logpress.kernel.compile import kernel

_MOST = np.iinfo(np.int64).max

_LONGEST_US = 3 * 10**17
"""[format] Microseconds of about 9,500 years: larger values predict nothing."""


@kernel
def add_scaled(total, values, factor):
    """Add values * factor to total, int64[n] both; NULL, and values too large for a time, count as 0.

    So the sum cannot wrap around, and a difference from it is never NULL.
    """
    limit = _LONGEST_US // factor
    for i in range(values.shape[0]):
        if -limit < values[i] < limit:
            total[i] += values[i] * factor


@kernel
def less_predicted(values, predicted, divisor, sign, out):
    """Compute out = values - sign * floor(predicted / divisor), int64[n] all.

    NULL stays NULL. `out` may be `values`.
    """
    if divisor == 1:
        for i in range(values.shape[0]):
            out[i] = NULL if values[i] == NULL else values[i] - sign * predicted[i]
        return
    for i in range(values.shape[0]):
        out[i] = NULL if values[i] == NULL else values[i] - sign * (predicted[i] // divisor)


@kernel
def divide_exactly(values, divisor):
    """Divide int64[n] in place, except NULL; False if there is a remainder, which leaves the values undefined.

    With d = 2^s * odd, x / d of a multiple x is (x >> s) * odd^-1 modulo 2^64 (H. Warren, "Hacker's Delight", 10-16:
    exact division), which takes 5 % of a division's time. Newton's iteration doubles the right bits of the inverse.
    `odd` itself has three, because the square of any odd number is 1 modulo 8, so 5 iterations give 96 >= 64 bits. For
    84 / 12: s = 2, odd = 3, odd^-1 = 0xAAAAAAAAAAAAAAAB, and 21 * odd^-1 = 7 modulo 2^64.

    Args:
        values: int64[n].
        divisor: above 0.
    """
    shift = 0
    odd = np.int64(divisor)
    while odd & 1 == 0:
        odd >>= 1
        shift += 1
    inverse = odd
    for _ in range(5):
        inverse *= 2 - odd * inverse
    is_exact = True
    for i in range(values.shape[0]):
        value = values[i]
        if value != NULL:
            quotient = (value >> shift) * inverse
            # if a remainder is left, the product may be any number; the quotient of a multiple is at most this
            is_exact &= quotient * divisor == value and abs(quotient) <= _MOST // divisor
            values[i] = quotient
    return is_exact
