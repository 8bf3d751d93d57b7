"""The kernel that deals rows out to buckets of keys.

Bounds: keys are indexed by word and row; splitters by word and by a place from bisection, below their number.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.kernel.compile import kernel


@kernel
def choose_buckets(keys, splitters, buckets):
    """Choose the bucket of each row: the number of splitters that are at most its key.

    Args:
        keys: int64[words, n], the most significant word first.
        splitters: int64[words, m], ascending.
        buckets: int32[n], filled.
    """
    words = keys.shape[0]
    for i in range(keys.shape[1]):
        low = 0
        high = splitters.shape[1]
        while low < high:
            middle = (low + high) // 2
            word = 0
            while word < words and keys[word, i] == splitters[word, middle]:
                word += 1
            if word < words and keys[word, i] < splitters[word, middle]:
                high = middle
            else:
                low = middle + 1
        buckets[i] = low
