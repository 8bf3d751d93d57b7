"""Kernels about nulls: definition levels of a page, and values without nulls.

Bitmaps are Arrow's: bit k of byte j tells whether value 8 j + k is there. `offset` is the bit of row 0.

Bounds: kernels read only bytes with bits of the given rows, and write nothing behind what their docstrings say.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.parquet.kernels_varints import put_varint


@inner_kernel
def _eight(bitmap, bit):
    """Eight bits, from a bit on; all of them are within the bitmap."""
    place = bit >> 3
    shift = bit & 7
    bits = bitmap[place] >> shift
    if shift:
        bits |= bitmap[place + 1] << (8 - shift)
    return bits & 255


@inner_kernel
def _bit(bitmap, bit):
    """A bit of the bitmap."""
    return (bitmap[bit >> 3] >> (bit & 7)) & 1


@inner_kernel
def ones_of(bits):
    """Number of ones in eight bits, from the sums of two, of four and of eight neighbouring bits.

    H. Warren, "Hacker's Delight", 5-1; exact for 0 to 255. For 0b10110111 the sums are 1 2 1 2, then 3 3, then 6.
    """
    bits = (bits & 0x55) + (bits >> 1 & 0x55)
    bits = (bits & 0x33) + (bits >> 2 & 0x33)
    return (bits & 0x0F) + (bits >> 4)


@inner_kernel
def _put_bits(bitmap, offset, first, last, out, at):
    """Write one bit-packed run of these rows' bits, with zeros at the end of the last group; returns the end."""
    at = put_varint(np.uint64((last - first + 7) // 8 << 1 | 1), out, at)
    row = first
    while row + 8 <= last:
        out[at] = _eight(bitmap, offset + row)
        at += 1
        row += 8
    if row < last:
        bits = 0
        for k in range(last - row):
            bits |= _bit(bitmap, offset + row + k) << k
        out[at] = bits
        at += 1
    return at


@kernel
def definition_levels(bitmap, offset, first, last, out, at):
    """Write the levels of rows first..last - 1 as the RLE/bit-packed hybrid of width 1; returns the end.

    As in parquet-cpp, a run has at least 8 equal levels and begins at a group of 8.

    Args:
        bitmap: uint8[m], of validity.
        offset: bit of row 0.
        first: row.
        last: row, more than `first`.
        out: uint8[>= at + 2 * ceil(rows / 8) + 16].
        at: where to write.
    """
    row = first
    packed = first  # levels from here to `row` are not written yet
    while row + 8 <= last:
        bits = _eight(bitmap, offset + row)
        if bits != 0 and bits != 255:
            row += 8
            continue
        end = row + 8
        while end + 8 <= last and _eight(bitmap, offset + end) == bits:
            end += 8
        while end < last and _bit(bitmap, offset + end) == bits & 1:
            end += 1
        if packed < row:
            at = _put_bits(bitmap, offset, packed, row, out, at)
        at = put_varint(np.uint64((end - row) << 1), out, at)
        out[at] = bits & 1
        at += 1
        row = end
        packed = end
    if packed < last:
        at = _put_bits(bitmap, offset, packed, last, out, at)
    return at


@kernel
def row_after(bitmap, offset, row, rows, count):
    """The row behind the `count`-th present value, counted from `row` on; `rows` if there are fewer.

    Args:
        bitmap: uint8[m], of validity.
        offset: bit of row 0.
        row: first row to count.
        rows: number of rows.
        count: at least 1.
    """
    while row + 8 <= rows and count > 8:
        count -= ones_of(_eight(bitmap, offset + row))
        row += 8
    while row < rows and count > 0:
        count -= _bit(bitmap, offset + row)
        row += 1
    return row


@kernel
def drop_nulls(values, bitmap, offset, out):
    """Copy the values that are not null; returns their number.

    Args:
        values: [n], of any type.
        bitmap: uint8[m], of validity.
        offset: bit of value 0.
        out: [>= n], of a type that holds the values.
    """
    count = 0
    i = 0
    while i + 8 <= values.shape[0]:
        end = i
        while end + 8 <= values.shape[0] and _eight(bitmap, offset + end) == 255:
            end += 8
        if end > i:  # most values are not null
            source = values[i:end]
            target = out[count : count + end - i]
            for k in range(source.shape[0]):  # both begin at 0, so that it is compiled to vectors
                target[k] = source[k]
            count += end - i
            i = end
            continue
        bits = _eight(bitmap, offset + i)
        for k in range(8):
            out[count] = values[i + k]
            count += bits >> k & 1
        i += 8
    while i < values.shape[0]:
        out[count] = values[i]
        count += _bit(bitmap, offset + i)
        i += 1
    return count


@kernel
def spans_of_texts(offsets, bitmap, offset, starts, lengths):
    """Begin and length of the texts that are not null; returns their number.

    Args:
        offsets: int32[n + 1], ascending.
        bitmap: uint8[m], of validity.
        offset: bit of text 0.
        starts: int64[>= n].
        lengths: int64[>= n].
    """
    count = 0
    for i in range(offsets.shape[0] - 1):
        starts[count] = offsets[i]
        lengths[count] = offsets[i + 1] - offsets[i]
        count += _bit(bitmap, offset + i)
    return count
