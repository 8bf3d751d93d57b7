"""The kernels of texts that registers number."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import prefetch

_AHEAD = 16
"""[speed] Texts whose loading is begun before they are copied, because each lies in a place of its own."""


@kernel
def size_of_texts(codes, offsets):
    """Bytes of the texts of some rows, where each row has a text of its own.

    Args:
        codes: integers[rows], the number of each row's text, negative for none.
        offsets: integers[texts + 1]; text i stands at offsets[i]:offsets[i + 1].
    """
    size = 0
    for i in range(codes.shape[0]):
        if codes[i] >= 0:
            size += offsets[codes[i] + 1] - offsets[codes[i]]
    return size


@inner_kernel
def _begin_to_load(rows, order, i):
    """Begin to load the row that is needed _AHEAD places behind place i of `order`."""
    size = rows.shape[1] * rows.itemsize
    following = np.int64(order[min(i + _AHEAD, order.shape[0] - 1)]) * size
    prefetch(rows, following)
    prefetch(rows, following + size - 1)


@kernel
def mark_used(codes, used):
    """used[code] = True for each code (int32) that is not null; bool[entries]."""
    for i in range(codes.shape[0]):
        if codes[i] >= 0:
            used[codes[i]] = True


@kernel
def renumber(codes, numbers, used, count, null):
    """Number dictionary entries anew, in the order in which rows use them.

    Args:
        codes: int32[n], entry of each row, or null (negative); replaced by the new number, or `null`.
        numbers: int64[entries], filled with -1 by the caller; gets each entry's new number.
        used: int64[entries], gets the entries in their new order.
        count: how many were numbered before, with other rows.
        null: what replaces no entry.

    Returns:
        How many entries are used.
    """
    for i in range(codes.shape[0]):
        code = codes[i]
        if code < 0:
            codes[i] = null
            continue
        number = numbers[code]
        if number < 0:
            number = count
            numbers[code] = number
            used[number] = code
            count += 1
        codes[i] = number
    return count


@kernel
def collect_texts(texts, offsets, used, out, out_offsets):
    """Copy texts one after the other; returns the bytes written.

    Args:
        texts: uint8[m].
        offsets: integers[entries + 1]; entry i is texts[offsets[i]:offsets[i + 1]].
        used: integers[count], entries; negative for no text, which takes no bytes.
        out: uint8[>= bytes of these texts, see `size_of_texts`].
        out_offsets: integers[count + 1], gets where each begins, and where the last one ends.
    """
    at = 0
    out_offsets[0] = 0
    for k in range(used.shape[0]):
        if used[k] >= 0:
            start = offsets[used[k]]
            end = offsets[used[k] + 1]
            for i in range(end - start):
                out[at + i] = texts[start + i]
            at += end - start
        out_offsets[k + 1] = at
    return at
