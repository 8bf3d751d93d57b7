"""The kernels between a lookup's register and its column.

Bounds: arrays are indexed by row, or by a number in another array of the same call. Each docstring gives the allowed
numbers, or says that the kernel checks them.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_text import NULL
from logpress.kernel.compile import kernel


@kernel
def count_pairs(keys, values, value_count, counts):
    """Add 1 to counts[key * value_count + value] for each row that has both.

    Args:
        keys: int32[n], below the length of `counts` / `value_count`, or negative for none.
        values: int32[n], below `value_count`, or negative for none.
        value_count: number of values.
        counts: int64[keys * value_count].
    """
    for i in range(keys.shape[0]):
        if keys[i] >= 0 and values[i] >= 0:
            counts[np.int64(keys[i]) * value_count + values[i]] += 1


@kernel
def follow_lookup(codes, keys, layouts, has_slot, predicted):
    """Give rows without a text of their own the usual text of their key, if their layout has a slot for it.

    Args:
        codes: int64[n], the number of each row's text, or NULL; changed.
        keys: int64[n], the number of each row's key, or NULL.
        layouts: int64[n], each row's layout, or NULL.
        has_slot: bool[m], whether a layout has a slot for the column.
        predicted: int64[k], the number of each key's usual text, or NULL.

    Returns:
        False if a key or a layout is out of range.
    """
    for i in range(codes.shape[0]):
        if codes[i] != NULL or layouts[i] == NULL or keys[i] == NULL:
            continue
        if not (0 <= layouts[i] < has_slot.shape[0] and 0 <= keys[i] < predicted.shape[0]):
            return False
        if has_slot[layouts[i]]:
            codes[i] = predicted[keys[i]]
    return True
