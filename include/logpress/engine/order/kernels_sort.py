"""The kernel that sorts rows by integers, by radix.

Bounds: keys are indexed by `order`, a permutation of their rows; `counts` by digits below 2^DIGIT_BITS.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import kernel
from logpress.kernel.words import prefetch

DIGIT_BITS = 11
"""[speed] Bits of a key that a pass sorts by: counts of 2^11 digits take 16 KB, half of a core's first cache."""

KEYS_AHEAD = 32
"""[speed] Rows before a key is needed at which its loading is begun."""


@kernel
def radix_order(keys, order, spare, counts):
    """Sort rows by keys (int64 or int32), stably: `order` holds rows in their order so far and gets their new order.

    A least-significant-digit radix sort of DIGIT_BITS a pass that leaves out digits in which all keys agree.

    Args:
        keys: int64[n], by row.
        order: int32[n], a permutation.
        spare: int32[n], scratch.
        counts: int64[2^DIGIT_BITS], scratch.
    """
    rows = order.shape[0]
    if rows == 0:
        return
    low = keys[0]
    high = keys[0]
    for i in range(rows):
        low = min(low, keys[i])
        high = max(high, keys[i])
    spread = np.uint64(high) - np.uint64(low)
    shift = np.uint64(0)
    digit_mask = np.uint64((1 << DIGIT_BITS) - 1)
    swapped = False
    while shift < np.uint64(64) and spread >> shift != 0:
        source = spare if swapped else order
        target = order if swapped else spare
        for d in range(counts.shape[0]):
            counts[d] = 0
        for i in range(rows):
            counts[np.int64(((np.uint64(keys[i]) - np.uint64(low)) >> shift) & digit_mask)] += 1
        total = 0
        for d in range(counts.shape[0]):
            count = counts[d]
            counts[d] = total
            total += count
        for i in range(rows):
            prefetch(keys, np.int64(source[min(i + KEYS_AHEAD, rows - 1)]) * keys.itemsize)
            row = source[i]
            digit = np.int64(((np.uint64(keys[row]) - np.uint64(low)) >> shift) & digit_mask)
            target[counts[digit]] = row
            counts[digit] += 1
        swapped = not swapped
        shift += np.uint64(DIGIT_BITS)
    if swapped:
        for i in range(rows):
            order[i] = spare[i]
