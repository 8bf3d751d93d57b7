"""The kernel that compares two multisets of hashes.

Bounds: both arrays of hashes are indexed by row, below their own length; each array of results has as many rows.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import kernel


@kernel
def match_prints(a, b, told_a, told_b):
    """Tell how many of each print's records the other side has too, byte for byte or by value.

    Args:
        a: uint64[n, 5], rows of (value, value, bytes, bytes, records), in ascending order, each print once.
        b: uint64[m, 5], the same of the other side.
        told_a: int64[n, 3], filled: records equal byte for byte, equal by value only, and those that the other side
            has not.
        told_b: int64[m, 3], filled.

    Returns:
        (of a's records that b has not, those whose value b has, if less often; the same of b's)
    """
    more_a = more_b = 0
    i = j = 0
    while i < a.shape[0] or j < b.shape[0]:
        if i == a.shape[0]:
            one, two = b[j, 0], b[j, 1]
        elif j == b.shape[0]:
            one, two = a[i, 0], a[i, 1]
        elif a[i, 0] < b[j, 0] or (a[i, 0] == b[j, 0] and a[i, 1] <= b[j, 1]):
            one, two = a[i, 0], a[i, 1]
        else:
            one, two = b[j, 0], b[j, 1]
        i_end = i
        left_a = 0
        while i_end < a.shape[0] and a[i_end, 0] == one and a[i_end, 1] == two:
            told_a[i_end, 0] = 0
            left_a += np.int64(a[i_end, 4])
            i_end += 1
        j_end = j
        left_b = 0
        while j_end < b.shape[0] and b[j_end, 0] == one and b[j_end, 1] == two:
            told_b[j_end, 0] = 0
            left_b += np.int64(b[j_end, 4])
            j_end += 1
        has_a, has_b = left_a > 0, left_b > 0
        x, y = i, j
        while x < i_end and y < j_end:
            if a[x, 2] == b[y, 2] and a[x, 3] == b[y, 3]:
                same = min(np.int64(a[x, 4]), np.int64(b[y, 4]))
                told_a[x, 0] = same
                told_b[y, 0] = same
                left_a -= same
                left_b -= same
                x += 1
                y += 1
            elif a[x, 2] < b[y, 2] or (a[x, 2] == b[y, 2] and a[x, 3] < b[y, 3]):
                x += 1
            else:
                y += 1
        common = min(left_a, left_b)
        if has_b:
            more_a += left_a - common
        if has_a:
            more_b += left_b - common
        give = common
        for x in range(i, i_end):
            rest = np.int64(a[x, 4]) - told_a[x, 0]
            told_a[x, 1] = min(rest, give)
            told_a[x, 2] = rest - told_a[x, 1]
            give -= told_a[x, 1]
        give = common
        for y in range(j, j_end):
            rest = np.int64(b[y, 4]) - told_b[y, 0]
            told_b[y, 1] = min(rest, give)
            told_b[y, 2] = rest - told_b[y, 1]
            give -= told_b[y, 1]
        i, j = i_end, j_end
    return more_a, more_b
