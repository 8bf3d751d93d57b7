"""The kernels for search responses: find their hits, and hash the ids of hits.

Bounds: every function reads `buffer[start:end]` and at most `PADDING` bytes behind `end`; callers guarantee that these
bytes exist. Bytes behind `end` never change a result.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.hashing.kernels_hash import hash64, tail_word
from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.ascii import BRACE_OPEN, BRACKET_CLOSE, COLON, COMMA, QUOTE, word_of
from logpress.kernel.compile import kernel
from logpress.kernel.places import GOLDEN
from logpress.layout.kernels_json import value_end
from logpress.layout.kernels_scan import blanks_end, braces_end, quote_at

BROKEN = -1
"""In place of a number of hits: the array does not end, or has an element that is not an object."""

TOO_MANY = -2
"""In place of a number of hits: there are more than spans."""

_ID, _INDEX, _SOURCE = word_of(b'_id"'), word_of(b'_index"'), word_of(b'_source"')
_ROUTING = word_of(b"_routing")
_LONGEST_KEY = 8
"""Bytes of `_routing`. A shorter key is compared with its closing quote, so that it equals no longer key's begin."""

_ZERO = np.uint64(0)


@kernel
def frame_hits(buffer, begin, end, starts, ends):
    """Spans of the objects of a JSON array.

    Args:
        buffer: uint8[n], padded.
        begin: index behind the array's opening bracket.
        end: end of the text.
        starts: int64[m], filled.
        ends: int64[m], filled.

    Returns:
        (number of objects, index behind the array); (BROKEN, index of the fault) if the array does not end, or has an
        element that is not an object; (TOO_MANY, index) if there are more than m.
    """
    rows = 0
    i = blanks_end(buffer, begin, end)
    if i < end and buffer[i] == BRACKET_CLOSE:
        return 0, i + 1
    while i < end:
        if buffer[i] != BRACE_OPEN:
            return BROKEN, i
        if rows == starts.shape[0]:
            return TOO_MANY, i
        stop = braces_end(buffer, i, end)
        if stop < 0:
            return BROKEN, i
        starts[rows] = i
        ends[rows] = stop
        rows += 1
        i = blanks_end(buffer, stop, end)
        if i >= end:
            break
        if buffer[i] == BRACKET_CLOSE:
            return rows, i + 1
        if buffer[i] != COMMA:
            return BROKEN, i
        i = blanks_end(buffer, i + 1, end)
    return BROKEN, end


@kernel
def hash_ids(buffer, starts, ends, rows, hashes, stack):
    """Hash the identity of hits: `_index`, `_id` and, if present, `_routing`, which stand before `_source`.

    Args:
        buffer: uint8[n], padded.
        starts: int64[>= rows].
        ends: int64[>= rows].
        rows: number of hits.
        hashes: uint64[2, >= rows], filled.
        stack: uint8[>= MAX_DEPTH], scratch.

    Returns:
        -1, or the row of the first hit without an `_id`.
    """
    for row in range(rows):
        end = ends[row]
        i = blanks_end(buffer, starts[row] + 1, end)
        index = _ZERO
        found = False
        while i < end and buffer[i] == QUOTE:
            quote = quote_at(buffer, i + 1, end)
            length = quote - i - 1
            name = tail_word(buffer, i + 1, length + 1) if length <= _LONGEST_KEY else _ZERO
            if name == _SOURCE:
                break
            i = blanks_end(buffer, quote + 1, end)
            if i >= end or buffer[i] != COLON:
                return row
            i = blanks_end(buffer, i + 1, end)
            if i >= end:
                return row
            if buffer[i] == QUOTE:
                stop = quote_at(buffer, i + 1, end) + 1
            else:
                stop = value_end(buffer, i, end, stack)
            if stop < 0 or stop > end:
                return row
            if name == _ID:
                one, two = hash128(buffer, i, stop)
                hashes[0, row] = one
                hashes[1, row] = two
                found = True
            elif name == _INDEX:
                index ^= hash64(buffer, i, stop)
            elif name == _ROUTING:
                index ^= hash64(buffer, i, stop) * GOLDEN
            i = blanks_end(buffer, stop, end)
            if i < end and buffer[i] == COMMA:
                i = blanks_end(buffer, i + 1, end)
        if not found:
            return row
        hashes[0, row] ^= index
        hashes[1, row] ^= index * GOLDEN
    return -1
