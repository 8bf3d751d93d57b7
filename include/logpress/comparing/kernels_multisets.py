"""The kernel that compares two multisets of hashes.

Bounds: both arrays of hashes are indexed by row, below their own length; each array of results has as many rows.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import kernel

VALUE_1 = 0
"""Word of a print: the first one of the hash of a document's value."""

VALUE_2 = 1
"""Word of a print: the second one of the hash of a document's value."""

BYTES_1 = 2
"""Word of a print: the first one of the hash of a document's bytes."""

BYTES_2 = 3
"""Word of a print: the second one of the hash of a document's bytes."""

PRINT_WORDS = 4
"""Words of a print."""

COPIES = 4
"""Column behind a print's words: how many documents have it."""

HASH_WORDS = 5
"""A print's words, and how many documents have it."""

EQUAL_BYTES = 0
"""Column of what is told of a print: documents that the other side has byte for byte."""

EQUAL_VALUE = 1
"""Column of what is told of a print: documents that the other side has by value only."""

ONLY_HERE = 2
"""Column of what is told of a print: documents that the other side has not."""

TOLD_COLUMNS = 3
"""Columns of what is told of a print."""


@kernel
def match_prints(a, b, told_a, told_b):
    """Tell how many of each print's records the other side has too, byte for byte or by value.

    Args:
        a: uint64[n, HASH_WORDS], in ascending order, each print once.
        b: uint64[m, HASH_WORDS], the same of the other side.
        told_a: int64[n, TOLD_COLUMNS], filled: how many of each print's copies the other side has.
        told_b: int64[m, TOLD_COLUMNS], filled.

    Returns:
        (of a's records that b has not, those whose value b has, if less often; the same of b's)
    """
    more_a = more_b = 0
    i = j = 0
    while i < a.shape[0] or j < b.shape[0]:
        if i == a.shape[0]:
            one, two = b[j, VALUE_1], b[j, VALUE_2]
        elif j == b.shape[0]:
            one, two = a[i, VALUE_1], a[i, VALUE_2]
        elif a[i, VALUE_1] < b[j, VALUE_1] or (a[i, VALUE_1] == b[j, VALUE_1] and a[i, VALUE_2] <= b[j, VALUE_2]):
            one, two = a[i, VALUE_1], a[i, VALUE_2]
        else:
            one, two = b[j, VALUE_1], b[j, VALUE_2]
        i_end = i
        left_a = 0
        while i_end < a.shape[0] and a[i_end, VALUE_1] == one and a[i_end, VALUE_2] == two:
            told_a[i_end, EQUAL_BYTES] = 0
            left_a += np.int64(a[i_end, COPIES])
            i_end += 1
        j_end = j
        left_b = 0
        while j_end < b.shape[0] and b[j_end, VALUE_1] == one and b[j_end, VALUE_2] == two:
            told_b[j_end, EQUAL_BYTES] = 0
            left_b += np.int64(b[j_end, COPIES])
            j_end += 1
        has_a, has_b = left_a > 0, left_b > 0
        x, y = i, j
        while x < i_end and y < j_end:
            if a[x, BYTES_1] == b[y, BYTES_1] and a[x, BYTES_2] == b[y, BYTES_2]:
                same = min(np.int64(a[x, COPIES]), np.int64(b[y, COPIES]))
                told_a[x, EQUAL_BYTES] = same
                told_b[y, EQUAL_BYTES] = same
                left_a -= same
                left_b -= same
                x += 1
                y += 1
            elif a[x, BYTES_1] < b[y, BYTES_1] or (a[x, BYTES_1] == b[y, BYTES_1] and a[x, BYTES_2] < b[y, BYTES_2]):
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
            rest = np.int64(a[x, COPIES]) - told_a[x, EQUAL_BYTES]
            told_a[x, EQUAL_VALUE] = min(rest, give)
            told_a[x, ONLY_HERE] = rest - told_a[x, EQUAL_VALUE]
            give -= told_a[x, EQUAL_VALUE]
        give = common
        for y in range(j, j_end):
            rest = np.int64(b[y, COPIES]) - told_b[y, EQUAL_BYTES]
            told_b[y, EQUAL_VALUE] = min(rest, give)
            told_b[y, ONLY_HERE] = rest - told_b[y, EQUAL_VALUE]
            give -= told_b[y, EQUAL_VALUE]
        i, j = i_end, j_end
    return more_a, more_b
