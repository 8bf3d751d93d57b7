"""The kernels of pulling: find the hits of a search response, and hash their ids.

Bounds: every function reads `buffer[start:end]` and at most `PADDING` bytes behind `end`, which the caller guarantees
to be there; what is read behind `end` never decides a result.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.hashing.kernels_hash import hash64
from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import equal32, trailing_zeros
from logpress.layout.kernels_json import quote_at, value_end

BROKEN, TOO_MANY = -1, -2
"""What `frame_hits` gives in place of a number: the array is not whole; there are more hits than places."""

_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_HALF = np.uint64(32)
_LAST = np.uint64(63)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@inner_kernel
def _blanks_end(buffer, i, end):
    while i < end and (buffer[i] == 0x20 or buffer[i] == 0x0A or buffer[i] == 0x0D or buffer[i] == 0x09):
        i += 1
    return i


@inner_kernel
def _escaped(slashes, carried):
    """Which of 64 characters are escaped, and whether the one behind them is, from those that are backslashes."""
    found = _ZERO
    if carried:
        found = _ONE
        slashes &= ~_ONE
    carried = False
    while slashes != 0:
        at = np.uint64(trailing_zeros(slashes))
        if at == _LAST:
            carried = True
            break
        found |= _ONE << (at + _ONE)
        slashes &= ~((_ONE << at) | (_ONE << (at + _ONE)))
    return found, carried


@inner_kernel
def _equal64(buffer, i, byte):
    """Which of the 64 bytes of buffer[i:] are `byte`."""
    return equal32(buffer, i, byte) | equal32(buffer, i + 32, byte) << _HALF


@kernel
def object_end(buffer, start, end):
    """End of the JSON object that begins at `start`, by its braces and quotes alone; -1 if it does not end.

    Args:
        buffer: uint8[n].
        start: where its brace stands.
        end: where the text ends.
    """
    depth = 0
    inside = _ZERO  # all ones while a string goes on
    carried = False
    i = start
    while i < end:
        valid = _ALL
        if end - i < 64:
            valid = (_ONE << np.uint64(end - i)) - _ONE
        slashes = _equal64(buffer, i, 0x5C) & valid
        quotes = _equal64(buffer, i, 0x22) & valid
        if slashes != 0 or carried:
            escaped, carried = _escaped(slashes, carried)
            quotes &= ~escaped
        strings = quotes
        strings ^= strings << _ONE
        strings ^= strings << np.uint64(2)
        strings ^= strings << np.uint64(4)
        strings ^= strings << np.uint64(8)
        strings ^= strings << np.uint64(16)
        strings ^= strings << _HALF
        strings ^= inside
        opening = _equal64(buffer, i, 0x7B) & valid & ~strings
        closing = _equal64(buffer, i, 0x7D) & valid & ~strings
        braces = opening | closing
        while braces != 0:
            bit = braces & (~braces + _ONE)
            if opening & bit != 0:
                depth += 1
            else:
                depth -= 1
                if depth == 0:
                    return i + trailing_zeros(bit) + 1
            braces ^= bit
        inside = _ALL if strings >> _LAST != 0 else _ZERO
        i += 64
    return -1


@kernel
def frame_hits(buffer, begin, end, starts, ends):
    """Spans of the objects of a JSON array.

    Args:
        buffer: uint8[n], padded.
        begin: right behind the array's bracket.
        end: end of the text.
        starts: int64[m], filled.
        ends: int64[m], filled.

    Returns:
        (how many there are, index right behind the array's end); (BROKEN, index where it is) if the array does not
        end, or has something else than objects; (TOO_MANY, index) if there are more than m.
    """
    rows = 0
    i = _blanks_end(buffer, begin, end)
    if i < end and buffer[i] == 0x5D:
        return 0, i + 1
    while i < end:
        if buffer[i] != 0x7B:
            return BROKEN, i
        if rows == starts.shape[0]:
            return TOO_MANY, i
        stop = object_end(buffer, i, end)
        if stop < 0:
            return BROKEN, i
        starts[rows] = i
        ends[rows] = stop
        rows += 1
        i = _blanks_end(buffer, stop, end)
        if i >= end:
            break
        if buffer[i] == 0x5D:
            return rows, i + 1
        if buffer[i] != 0x2C:
            return BROKEN, i
        i = _blanks_end(buffer, i + 1, end)
    return BROKEN, min(i, end)


@kernel
def hash_ids(buffer, starts, ends, rows, hashes, stack):
    """Hash what names a hit: `_index`, `_id` and, where it has one, `_routing`, which stand before its `_source`.

    Args:
        buffer: uint8[n], padded.
        starts: int64[>= rows].
        ends: int64[>= rows].
        rows: how many hits.
        hashes: uint64[2, >= rows], filled.
        stack: uint8[>= MAX_DEPTH], scratch.

    Returns:
        -1, or the row of the first hit that has none.
    """
    for row in range(rows):
        end = ends[row]
        i = _blanks_end(buffer, starts[row] + 1, end)
        index = _ZERO
        found = False
        while i < end and buffer[i] == 0x22:
            quote = quote_at(buffer, i + 1, end)
            length = quote - i - 1
            c = buffer[i + 2]
            is_id = length == 3 and buffer[i + 1] == 0x5F and c == 0x69 and buffer[i + 3] == 0x64
            is_routing = length == 8 and buffer[i + 1] == 0x5F and c == 0x72
            if length == 7 and buffer[i + 1] == 0x5F and c == 0x73 and buffer[i + 3] == 0x6F:  # _source
                break
            is_index = length == 6 and buffer[i + 1] == 0x5F and c == 0x69 and buffer[i + 3] == 0x6E
            i = _blanks_end(buffer, quote + 1, end)
            if i >= end or buffer[i] != 0x3A:
                return row
            i = _blanks_end(buffer, i + 1, end)
            if i >= end:
                return row
            if buffer[i] == 0x22:
                stop = quote_at(buffer, i + 1, end) + 1
            else:
                stop = value_end(buffer, i, end, stack)
            if stop < 0 or stop > end:
                return row
            if is_id:
                one, two = hash128(buffer, i, stop)
                hashes[0, row] = one
                hashes[1, row] = two
                found = True
            elif is_index:
                index ^= hash64(buffer, i, stop)
            elif is_routing:
                index ^= hash64(buffer, i, stop) * _SPREAD
            i = _blanks_end(buffer, stop, end)
            if i < end and buffer[i] == 0x2C:
                i = _blanks_end(buffer, i + 1, end)
        if not found:
            return row
        hashes[0, row] ^= index
        hashes[1, row] ^= index * _SPREAD
    return -1
