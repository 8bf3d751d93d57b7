"""The kernel that sorts rows by integers: radix sort.

Bounds: `order` is a permutation of the rows of the keys. `counts` is indexed by digits below 2^DIGIT_BITS.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import kernel
from logpress.kernel.words import prefetch

DIGIT_BITS = 11
"""[speed] Bits of a key that a pass sorts by: 2^11 counts take 16 KB, half of a core's first cache."""

KEYS_AHEAD = 32
"""[speed] Loading a key begins this many rows before it is needed."""


@kernel
def radix_order(keys, order, spare, counts):
    """Stable sort of rows by keys (int64 or int32): `order` is the order so far, and gets the new one.

    A least-significant-digit radix sort with DIGIT_BITS a pass, which skips digits in which all keys agree.

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
