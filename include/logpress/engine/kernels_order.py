"""The kernel that puts texts in order: half a million of them as Python objects would take a hundred megabytes.

Bounds: every array is as long as its docstring says; nothing is read behind a text's last byte.
"""

from __future__ import annotations

import numpy as np

from logpress.jit import inner_kernel, kernel

_WORD = 8


@inner_kernel
def _is_less(texts, offsets, words, one, other):
    """Whether text `one` comes before text `other`."""
    if words[one] != words[other]:
        return words[one] < words[other]
    size = offsets[one + 1] - offsets[one]
    other_size = offsets[other + 1] - offsets[other]
    for k in range(_WORD, min(size, other_size)):
        left = texts[offsets[one] + k]
        right = texts[offsets[other] + k]
        if left != right:
            return left < right
    return size < other_size


@kernel
def order_texts(texts, offsets, words, order, spare):
    """Sort texts by their bytes, by merging: order[0] is the number of the smallest.

    Args:
        texts: uint8[m]; text i is texts[offsets[i]:offsets[i + 1]].
        offsets: int64[n + 1].
        words: uint64[n], filled: the first eight bytes of each, the first one on top.
        order: int32[n], filled.
        spare: int32[n], scratch.
    """
    count = order.shape[0]
    for i in range(count):
        size = offsets[i + 1] - offsets[i]
        word = np.uint64(0)
        for k in range(_WORD):
            word <<= np.uint64(8)
            if k < size:
                word |= np.uint64(texts[offsets[i] + k])
        words[i] = word
        order[i] = i
    width = 1
    while width < count:
        for first in range(0, count, 2 * width):
            middle = min(first + width, count)
            last = min(middle + width, count)
            left = first
            right = middle
            for at in range(first, last):
                takes_right = right < last
                if takes_right and left < middle:
                    takes_right = _is_less(texts, offsets, words, order[right], order[left])
                if takes_right:
                    spare[at] = order[right]
                    right += 1
                else:
                    spare[at] = order[left]
                    left += 1
        for at in range(count):
            order[at] = spare[at]
        width *= 2
