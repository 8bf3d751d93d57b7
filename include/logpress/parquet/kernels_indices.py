"""Kernels that write indices of dictionaries: Parquet's RLE/bit-packed hybrid.

Source: "Run Length Encoding / Bit-Packing Hybrid (RLE = 3)" in apache/parquet-format, Encodings.md. As in parquet-cpp,
a run has at least 8 equal values and begins at a group of 8.

Bounds: values are read in their own range only. Words are stored up to 7 bytes behind the last written byte, for which
`out` has `PADDING` bytes.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import store16, store32, store64
from logpress.parquet.kernels_varints import put_varint

_THIRTY_TWO = np.uint64(32)


@inner_kernel
def _pack(values, first, last, width, out, at):
    """Bit-pack values, with zeros at the end of the last group of 8; returns the end."""
    end = at + (last - first + 7) // 8 * width
    if width == 8:
        source = values[first:last]
        target = out[at : at + last - first]
        for i in range(source.shape[0]):  # both begin at 0, so that it is compiled to vectors
            target[i] = source[i]
        at += last - first
    elif width == 16:
        for i in range(last - first):
            store16(out, at + 2 * i, values[first + i])
        at += 2 * (last - first)
    else:
        i = first
        if width < 8:
            step = np.uint64(width)
            while i + 8 <= last:
                word = np.uint64(values[i + 7])
                for k in range(6, -1, -1):
                    word = (word << step) | np.uint64(values[i + k])
                store64(out, at, word)
                at += width
                i += 8
        word = np.uint64(0)
        used = 0
        while i < last:
            word |= np.uint64(values[i]) << np.uint64(used)
            used += width
            if used >= 32:
                store32(out, at, word)
                at += 4
                word >>= _THIRTY_TWO
                used -= 32
            i += 1
        while used > 0:
            out[at] = word & np.uint64(255)
            word >>= np.uint64(8)
            at += 1
            used -= 8
    while at < end:
        out[at] = 0
        at += 1
    return end


@kernel
def pack_run(values, first, last, width, out, at):
    """Write one bit-packed run of all values; returns the end.

    Args:
        values: int32[n], each of 0..2^width - 1.
        first: value.
        last: value, more than `first`.
        width: bits a value, 1..32.
        out: uint8[>= at + 5 + ceil(values / 8) * width + PADDING].
        at: where to write.
    """
    at = put_varint(np.uint64((last - first + 7) // 8 << 1 | 1), out, at)
    return _pack(values, first, last, width, out, at)


@inner_kernel
def _put_repeated(value, count, width, out, at):
    at = put_varint(np.uint64(count << 1), out, at)
    for k in range((width + 7) // 8):
        out[at] = value >> 8 * k & 255
        at += 1
    return at


@kernel
def hybrid(values, first, last, width, out, at):
    """Write runs of repeated values and bit-packed runs of others; returns the end.

    Args:
        values: int32[n], each of 0..2^width - 1.
        first: value.
        last: value, not less than `first`.
        width: bits a value, 1..32.
        out: uint8[>= at + 16 + ceil(values / 8) * (width + 1) + PADDING].
        at: where to write.
    """
    i = first
    packed = first  # values from here to i are not written yet
    while i + 8 <= last:
        value = values[i]
        differing = value ^ values[i + 1]
        for k in range(2, 8):
            differing |= value ^ values[i + k]
        if differing != 0:
            i += 8
            continue
        end = i + 8
        while end < last and values[end] == value:
            end += 1
        if packed < i:
            at = pack_run(values, packed, i, width, out, at)
        at = _put_repeated(value, end - i, width, out, at)
        i = end
        packed = end
    if packed < last:
        same = packed == i
        for k in range(i + 1, last):
            same &= values[k] == values[i]
        if same:
            at = _put_repeated(values[i], last - i, width, out, at)
        else:
            at = pack_run(values, packed, last, width, out, at)
    return at


@kernel
def mark_entries(codes, used):
    """Set used[code] to True for each code, int32[n]; False if a code is beyond the entries, bool[entries]."""
    entries = used.shape[0]
    for i in range(codes.shape[0]):
        code = codes[i]
        if code < 0 or code >= entries:
            return False
        used[code] = True
    return True
