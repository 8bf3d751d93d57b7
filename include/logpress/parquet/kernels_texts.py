"""Kernels about texts: PLAIN, the bytes of DELTA_LENGTH_BYTE_ARRAY, and the smallest and largest text.

A text is given by its begin and its length.

Bounds: all texts lie within the data, which the caller has checked. Bytes behind a text are not read, and bytes behind
the output are not written.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import load64, store32, store64


@inner_kernel
def _copy(data, start, length, out, at):
    """Copy a text by words. The last word overlaps the one before, so that no byte behind the text is read."""
    if length < 8:
        for k in range(length):
            out[at + k] = data[start + k]
        return
    k = 0
    while k + 8 <= length:
        store64(out, at + k, load64(data, start + k))
        k += 8
    store64(out, at + length - 8, load64(data, start + length - 8))


@kernel
def plain_texts(data, starts, lengths, first, last, out, at):
    """Write each text behind its length, a uint32; returns the end.

    Args:
        data: uint8[m].
        starts: int64[n].
        lengths: int64[n].
        first: text.
        last: text.
        out: uint8[>= at + 4 bytes a text and those of the texts].
        at: where to write.
    """
    for i in range(first, last):
        start = starts[i]
        length = lengths[i]
        store32(out, at, length)
        at += 4
        _copy(data, start, length, out, at)
        at += length
    return at


@kernel
def join_texts(data, starts, lengths, first, last, out, at):
    """Write the texts one after the other; arguments as of `plain_texts`, but `out` needs no bytes for lengths."""
    for i in range(first, last):
        start = starts[i]
        length = lengths[i]
        _copy(data, start, length, out, at)
        at += length
    return at


@kernel
def bounds_of_texts(data, starts, lengths, places):
    """Indices of the smallest and the largest text, compared as unsigned bytes.

    Args:
        data: uint8[m].
        starts: int64[n].
        lengths: int64[n].
        places: int64[p], indices of the texts to compare; p at least 1.
    """
    low = places[0]
    high = places[0]
    for p in range(1, places.shape[0]):
        i = places[p]
        for side in range(2):
            other = high if side else low
            common = min(lengths[i], lengths[other])
            k = 0
            while k + 8 <= common and load64(data, starts[i] + k) == load64(data, starts[other] + k):
                k += 8
            while k < common and data[starts[i] + k] == data[starts[other] + k]:
                k += 1
            if k < common:
                is_less = data[starts[i] + k] < data[starts[other] + k]
                is_more = not is_less
            else:
                is_less = lengths[i] < lengths[other]
                is_more = lengths[i] > lengths[other]
            if side and is_more:
                high = i
            elif not side and is_less:
                low = i
    return low, high
