"""Kernels about numbers: their bounds, their numbering, DELTA_BINARY_PACKED and BYTE_STREAM_SPLIT.

Source: apache/parquet-format, Encodings.md.

Bounds: values are read in their own range only. Tables are indexed by a value less the smallest, or by a hash modulo
their size. Words are stored up to 8 bytes behind the last written byte, for which `out` has `PADDING` bytes.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.places import GOLDEN, first_place
from logpress.kernel.words import store64
from logpress.parquet.kernels_varints import put_varint

BLOCK = 128
"""[bytes] Deltas of a block, as parquet-cpp writes them; all readers know this number."""

MINIBLOCKS = 4
"""[bytes] Miniblocks of a block, as parquet-cpp writes them; all readers know this number."""

MINIBLOCK = BLOCK // MINIBLOCKS
"""Deltas of a miniblock."""

MOST_BLOCK_BYTES = 10 + MINIBLOCKS + BLOCK * 8
"""Largest size of a block: its smallest delta, the widths, and deltas of 64 bits."""

_ONE, _HALF = np.uint64(1), np.uint64(32)


@kernel
def bounds_of_integers(values):
    """(smallest, largest) of integers; [n], n at least 1."""
    low = values[0]
    high = values[0]
    for i in range(values.shape[0]):
        low = min(low, values[i])
        high = max(high, values[i])
    return low, high


@kernel
def bounds_of_doubles(values):
    """(smallest, largest) of double[n] without NaN; (inf, -inf) if all are NaN."""
    low = np.inf
    high = -np.inf
    for i in range(values.shape[0]):
        value = values[i]
        if value < low:
            low = value
        if value > high:
            high = value
    return low, high


@kernel
def number_near(values, low, table, distinct, codes):
    """Number values of a small range in order of first occurrence; returns the number of distinct values.

    Args:
        values: int32 or int64[n].
        low: the smallest.
        table: int32[largest - smallest + 1], all -1.
        distinct: of the values' type [>= number of distinct values], filled.
        codes: int32[n], gets each value's number.
    """
    known = 0
    for i in range(values.shape[0]):
        at = np.int64(values[i]) - low
        code = table[at]
        if code < 0:
            code = known
            table[at] = code
            distinct[code] = values[i]
            known += 1
        codes[i] = code
    return known


@kernel
def number_some(values, first, table, distinct, known, codes):
    """Number values in order of first occurrence, until half of the table is filled.

    Args:
        values: int32 or int64[n].
        first: index of the first value to number.
        table: int32[2^m], m at least 1: open addressing of the numbers of distinct values, -1 where free.
        distinct: of the values' type [n], the first `known` are in the table; gets more.
        known: number of distinct values so far; less than half of the table.
        codes: int32[n], gets each value's number.

    Returns:
        (number of values that are numbered, from 0 on; number of distinct values).
    """
    mask = table.shape[0] - 1
    most = table.shape[0] // 2
    for i in range(first, values.shape[0]):
        value = values[i]
        at = first_place(value, table)
        while table[at] >= 0 and distinct[table[at]] != value:
            at = (at + 1) & mask
        code = table[at]
        if code < 0:
            if known == most:
                return i, known
            code = known
            table[at] = code
            distinct[code] = value
            known += 1
        codes[i] = code
    return values.shape[0], known


@kernel
def place_again(distinct, known, table):
    """Fill a larger table (int32[2^m], all -1, more than `known`) with the first `known` distinct values."""
    mask = table.shape[0] - 1
    for code in range(known):
        at = first_place(distinct[code], table)
        while table[at] >= 0:
            at = (at + 1) & mask
        table[at] = code


@inner_kernel
def _first_place_of_pair(one, other, table):
    """Where to look first for two numbers: the upper half of a product depends on all of the first one."""
    mixed = np.uint64(one) * GOLDEN
    return first_place((mixed ^ (mixed >> _HALF)) + np.uint64(other), table)


@kernel
def number_some_pairs(values, first, table, distinct, known, codes):
    """The same as `number_some` for pairs of numbers: `values` and `distinct` are int64[n, 2]."""
    mask = table.shape[0] - 1
    most = table.shape[0] // 2
    for i in range(first, values.shape[0]):
        one = values[i, 0]
        other = values[i, 1]
        at = _first_place_of_pair(one, other, table)
        while table[at] >= 0 and (distinct[table[at], 0] != one or distinct[table[at], 1] != other):
            at = (at + 1) & mask
        code = table[at]
        if code < 0:
            if known == most:
                return i, known
            code = known
            table[at] = code
            distinct[code, 0] = one
            distinct[code, 1] = other
            known += 1
        codes[i] = code
    return values.shape[0], known


@kernel
def place_pairs_again(distinct, known, table):
    """The same as `place_again` for pairs of numbers: `distinct` is int64[n, 2]."""
    mask = table.shape[0] - 1
    for code in range(known):
        at = _first_place_of_pair(distinct[code, 0], distinct[code, 1], table)
        while table[at] >= 0:
            at = (at + 1) & mask
        table[at] = code


@inner_kernel
def zigzag(number):
    """An int64 as the uint64 of a varint (Encodings.md): 0, -1, 1, -2 become 0, 1, 2, 3. Exact for all."""
    return np.uint64(number << 1) ^ np.uint64(number >> 63)


@inner_kernel
def _pack_words(words, first, width, out, at):
    """Bit-pack a miniblock's words of `width` bits, 1..64; returns the end. May write 8 bytes more."""
    end = at + MINIBLOCK // 8 * width
    word = np.uint64(0)
    used = 0
    for k in range(first, first + MINIBLOCK):
        value = words[k]
        word |= value << np.uint64(used)
        used += width
        if used >= 64:
            store64(out, at, word)
            at += 8
            used -= 64
            word = value >> np.uint64(width - used) if used else np.uint64(0)
    store64(out, at, word)
    return end


@kernel
def delta_blocks(values, first, last, is_narrow, limit, words, out, at):
    """Write blocks of DELTA_BINARY_PACKED without the header, which holds values[first].

    As in parquet-cpp, differences wrap around in the width of the physical type. Deltas of int32 are cut to 32 bits. A
    delta less the smallest of its block is then from 0 to 2^32 - 1, so it needs no mask.

    Args:
        values: int32 or int64[n].
        first: the first value of the page.
        last: end of the values; more than `first`.
        is_narrow: whether the type has 32 bits.
        limit: bytes after which no further block begins.
        words: uint64[BLOCK], scratch.
        out: uint8[>= at + limit + MOST_BLOCK_BYTES + PADDING].
        at: where to write.

    Returns:
        The value behind the last one that is written, and where the blocks end.
    """
    stop = at + limit
    i = first + 1
    while i < last and at < stop:
        count = min(BLOCK, last - i)
        least = np.int64(0)
        for k in range(count):
            delta = np.int64(values[i + k]) - np.int64(values[i + k - 1])
            if is_narrow:
                delta = np.int64(np.int32(delta))
            words[k] = np.uint64(delta)
            least = delta if k == 0 else min(least, delta)
        at = put_varint(zigzag(least), out, at)
        base = np.uint64(least)
        widths = at
        at += MINIBLOCKS
        for m in range(MINIBLOCKS):
            low = m * MINIBLOCK
            every = np.uint64(0)
            for k in range(low, low + MINIBLOCK):
                if k < count:
                    words[k] -= base
                    every |= words[k]
                else:
                    words[k] = np.uint64(0)
            width = 0
            while every:
                width += 1
                every >>= _ONE
            out[widths + m] = width
            if width:
                at = _pack_words(words, low, width, out, at)
        i += count
    return i, at


@inner_kernel
def _bytes_of_deltas(values, i, count):
    """Whole bytes, 4 to 8, that hold each of the signed deltas of values[i : i + count]; count and i are at least 1."""
    least = values[i] - values[i - 1]
    most = least
    for k in range(1, count):
        delta = values[i + k] - values[i + k - 1]
        least = min(least, delta)
        most = max(most, delta)
    size = 4
    while size < 8 and (least < -(np.int64(1) << (8 * size - 1)) or most >= np.int64(1) << (8 * size - 1)):
        size += 1
    return size


@kernel
def count_block_sizes(values, counts):
    """Count the blocks of deltas of int64[n] by the whole bytes that a delta needs, in int64[9]."""
    for i in range(1, values.shape[0], BLOCK):
        counts[_bytes_of_deltas(values, i, min(BLOCK, values.shape[0] - i))] += 1


@kernel
def whole_deltas(values, first, last, size, limit, out, at):
    """As `delta_blocks` of int64, but each delta takes whole bytes, so that equal deltas are equal bytes.

    All blocks have the same smallest delta, the smallest that `size` bytes can hold. Parquet allows a smallest delta
    that does not occur; readers add it. A block with larger deltas has the smallest delta of its own size, less a
    number that makes the low bytes equal to those of other blocks. All four miniblocks have the same width.

    Args:
        values: int64[n].
        first: the first value of the page.
        last: end of the values; more than `first`.
        size: bytes of a delta, 4 to 8; blocks that need more have more.
        limit: bytes after which no further block begins.
        out: uint8[>= at + limit + MOST_BLOCK_BYTES + PADDING].
        at: where to write.

    Returns:
        The value behind the last one that is written, and where the blocks end.
    """
    stop = at + limit
    usual = _ONE << np.uint64(8 * size - 1)
    i = first + 1
    while i < last and at < stop:
        count = min(BLOCK, last - i)
        wide = max(size, _bytes_of_deltas(values, i, count))
        lift = _ONE << np.uint64(8 * wide - 1)
        if wide > size:
            lift += usual
        base = -np.int64(lift)
        at = put_varint(zigzag(base), out, at)
        for m in range(MINIBLOCKS):
            out[at + m] = 8 * wide if MINIBLOCK * m < count else 0
        at += MINIBLOCKS
        for k in range(count):
            store64(out, at, np.uint64(values[i + k]) - np.uint64(values[i + k - 1]) + lift)
            at += wide
        for _ in range(count, (count + MINIBLOCK - 1) // MINIBLOCK * MINIBLOCK):  # fills the last miniblock
            store64(out, at, np.uint64(0))
            at += wide
        i += count
    return i, at


@kernel
def split_bytes(values, size, first, last, out, at):
    """BYTE_STREAM_SPLIT: write the first bytes of all values, then the second ones, and so on; returns the end.

    Args:
        values: uint8[n * size], little-endian.
        size: bytes of a value.
        first: value.
        last: value.
        out: uint8[>= at + (last - first) * size].
        at: where to write.
    """
    count = last - first
    for k in range(size):
        for i in range(count):
            out[at + i] = values[(first + i) * size + k]
        at += count
    return at
