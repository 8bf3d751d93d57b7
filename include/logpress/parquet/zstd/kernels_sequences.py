"""Kernels that write the sequences of a block (RFC 8878, 3.1.1.3.2): pairs of literals and a match.

Lengths and offsets are written as codes. Each kind has a table in the block, or none if all its codes are the same.
Offset values are those of the format (3.1.1.5): 1 to 3 are the repeated offsets, others are the offset plus 3.

Bounds: `out` has 10 bytes a sequence and 400 more. Words are stored up to 7 bytes behind the last written byte.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from typing import Any

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import highest_bit, store32, store64
from logpress.parquet.zstd.kernels_fse import (
    MOST_LOG,
    SYMBOLS,
    accuracy,
    build_table,
    describe_cells,
    share_cells,
    state_before,
)

SHORTEST = 3
"""Shortest match, in bytes (3.1.1.3.2.1.1)."""

SINGLE_SEGMENT_BYTES = 8 << 20
"""[bytes] A larger frame has a window of its own, because decoders may refuse a window of more than 8 MB (3.1.1.1.2).
"""

MOST_BACK = 1 << 20
"""Largest offset in a frame with a window. In a single segment, offsets may reach its begin."""

REFUSED = 1 << 20
"""Added to the end of sequences that must not be used."""

_MOST_OFFSET_LOG = 8
"""The largest accuracy of a table of offsets (3.1.1.3.2.1)."""

_LITERALS, _MATCHES, _OFFSETS = 0, 1, 2
"""Kinds of codes: rows of `lengths`, `codes` and `symbols`."""

_COUNTS, _SHARES, _WEIGHTS, _PLACES = range(4)
"""Rows of a kind's `symbols`: counts of codes (two rows while counting), then see `build_table`."""

_RLE, _FSE = 1, 2
"""Symbol_Compression_Modes: RLE_Mode, FSE_Compressed_Mode (3.1.1.3.2.1)."""

_SHORT_COUNT, _LONG_COUNT = 128, 0x7F00
"""Numbers of sequences from which on their number takes two bytes, and three (3.1.1.3.2.1)."""

_FIRST_LITERAL_BITS, _FIRST_MATCH_BITS = 16, 32
"""First codes of literal and match lengths that have extra bits (3.1.1.3.2.1.1)."""

_LITERAL_LOG = 19
"""Code of a literal length from 64 on, less the number of its highest bit: 64 has bit 6 and code 25 (3.1.1.3.2.1.1)."""

_MATCH_LOG = 36
"""Code of a match length less SHORTEST, from 128 on, less the number of its highest bit: 128 has bit 7 and code 43
(3.1.1.3.2.1.1)."""

_ONE, _THREE, _SEVEN, _SIXTEEN, _THIRTY_TWO = (np.uint64(n) for n in (1, 3, 7, 16, 32))


def _codes(bits: list[int], first: int, lengths: int) -> tuple[Any, Any, Any]:
    """Extra bits and smallest length of each code (3.1.1.3.2.1.1), and the codes of lengths below `lengths`."""
    starts = [first + sum(1 << b for b in bits[:code]) for code in range(len(bits))]
    code_of = [max((c for c, start in enumerate(starts) if start <= length), default=0) for length in range(lengths)]
    return np.array(bits, np.int64), np.array(starts, np.int64), np.array(code_of, np.uint8)


_LITERAL_BITS, _LITERAL_START, _LITERAL_CODE = _codes([0] * 16 + [1] * 4 + [2, 2, 3, 3, 4, *range(6, 17)], 0, 64)
_MATCH_BITS, _MATCH_START, _MATCH_CODE = _codes(
    [0] * 32 + [1] * 4 + [2, 2, 3, 3, 4, 4, 5, *range(7, 17)], SHORTEST, 128 + SHORTEST
)


@inner_kernel
def _count(found, lengths, codes, symbols):
    """Find the codes of lengths and count them; neighbours are counted in different rows, so that no count waits."""
    for kind in range(2):
        symbols[kind, 0] = 0
        symbols[kind, 1] = 0
    for i in range(found):
        length = lengths[_LITERALS, i]
        code = (
            np.int64(_LITERAL_CODE[length]) if length < _LITERAL_CODE.shape[0] else highest_bit(length) + _LITERAL_LOG
        )
        codes[_LITERALS, i] = code
        symbols[_LITERALS, i & 1, code] += 1
        length = lengths[_MATCHES, i]
        code = (
            np.int64(_MATCH_CODE[length])
            if length < _MATCH_CODE.shape[0]
            else highest_bit(length - SHORTEST) + _MATCH_LOG
        )
        codes[_MATCHES, i] = code
        symbols[_MATCHES, i & 1, code] += 1
    for kind in range(2):
        for code in range(SYMBOLS):
            symbols[kind, 0, code] += symbols[kind, 1, code]


@inner_kernel
def _count_offsets(found, offset, offsets, codes, symbols):
    """The same for offsets; `offset` is that of all sequences, or 0."""
    symbols[0] = 0
    if offset > 0:
        codes[found - 1] = highest_bit(offset)
        symbols[0, highest_bit(offset)] = found
        return
    for i in range(found):
        code = highest_bit(np.int64(offsets[i]))
        codes[i] = code
        symbols[0, code] += 1


@inner_kernel
def _table(found, last, most, symbols, cells, code_of_cell, out, to):
    """Choose a table for the codes of one kind, describe it at out[to:], and build it; `last` is the last code.

    Returns:
        (mode, accuracy, state before the last sequence, end of the description).
    """
    counts, shares, weights, places = symbols[_COUNTS], symbols[_SHARES], symbols[_WEIGHTS], symbols[_PLACES]
    if counts[last] == found:  # a single code: its state has no bits
        weights[last] = 0
        places[last] = 0
        cells[0] = 0
        out[to] = last
        return _RLE, 0, np.int64(0), to + 1
    log = accuracy(counts, found, most)
    share_cells(counts, found, log, shares)
    to = describe_cells(shares, log, out, to)
    build_table(shares, log, code_of_cell, weights, places, cells)
    return _FSE, log, state_before(last, weights, places, cells), to


@kernel
def write_sequences(found, offset, lengths, codes, symbols, cells, out, to):
    """Write a block's sequences at out[to:].

    Args:
        found: number of sequences.
        offset: offset value of all matches; 0 if `lengths` has one for each.
        lengths: int32[3, >= found], literal length, match length and offset value of each.
        codes: uint8[3, >= found], scratch: their codes.
        symbols: int32[3, 4, SYMBOLS], scratch: count, cells, weight and place of each code; see `build_table`.
        cells: int32[4, 2^MOST_LOG], scratch: three tables, and the code of each cell.
        out: uint8.
        to: where to write.

    Returns:
        The end; REFUSED is added if the sequences must not be used.
    """
    if found < _SHORT_COUNT:
        out[to] = found
        to += 1
    elif found < _LONG_COUNT:
        out[to] = (found >> 8) + _SHORT_COUNT
        out[to + 1] = found & 255
        to += 2
    else:
        store32(out, to, 255 | (found - _LONG_COUNT) << 8)
        to += 3
    if found == 0:
        return to
    _count(found, lengths, codes, symbols)
    _count_offsets(found, offset, lengths[_OFFSETS], codes[_OFFSETS], symbols[_OFFSETS])
    codes_l, weights_l, places_l = codes[_LITERALS], symbols[_LITERALS, _WEIGHTS], symbols[_LITERALS, _PLACES]
    codes_m, weights_m, places_m = codes[_MATCHES], symbols[_MATCHES, _WEIGHTS], symbols[_MATCHES, _PLACES]
    codes_o, weights_o, places_o = codes[_OFFSETS], symbols[_OFFSETS, _WEIGHTS], symbols[_OFFSETS, _PLACES]
    cells_l, cells_m, cells_o = cells[_LITERALS], cells[_MATCHES], cells[_OFFSETS]
    modes = to
    last = found - 1
    mode_l, log_l, state_l, to = _table(
        found, np.int64(codes_l[last]), MOST_LOG, symbols[_LITERALS], cells_l, cells[3], out, to + 1
    )
    mode_o, log_o, state_o, to = _table(
        found, np.int64(codes_o[last]), _MOST_OFFSET_LOG, symbols[_OFFSETS], cells_o, cells[3], out, to
    )
    mode_m, log_m, state_m, to = _table(
        found, np.int64(codes_m[last]), MOST_LOG, symbols[_MATCHES], cells_m, cells[3], out, to
    )
    out[modes] = mode_l << 6 | mode_o << 4 | mode_m << 2

    # Unsigned, since Numba would look whether an index is negative: the next state would have to wait for that.
    next_l = np.uint64(state_l)
    next_m = np.uint64(state_m)
    next_o = np.uint64(state_o)
    code_o = np.int64(codes_o[last])  # the code of all, if there is a single one
    word = np.uint64(0)  # written first, read last
    bits = np.uint64(0)
    for i in range(last, -1, -1):
        code_l = codes_l[i]
        code_m = codes_m[i]
        if mode_o == _FSE:
            code_o = np.int64(codes_o[i])
            if i < last:
                some_o = (next_o + np.uint64(weights_o[code_o])) >> _SIXTEEN
                word |= (next_o & ((_ONE << some_o) - _ONE)) << bits
                bits += some_o
                next_o = np.uint64(cells_o[(next_o >> some_o) + np.uint64(places_o[code_o])])
        if i < last:
            some_l = (next_l + np.uint64(weights_l[code_l])) >> _SIXTEEN
            both = next_l & ((_ONE << some_l) - _ONE)
            next_l = np.uint64(cells_l[(next_l >> some_l) + np.uint64(places_l[code_l])])
            if mode_m == _FSE:
                some_m = (next_m + np.uint64(weights_m[code_m])) >> _SIXTEEN
                both = both << some_m | (next_m & ((_ONE << some_m) - _ONE))
                next_m = np.uint64(cells_m[(next_m >> some_m) + np.uint64(places_m[code_m])])
                bits += some_m
                word |= both << (bits - some_m)
            else:
                word |= both << bits
            bits += some_l
        has_more = code_l >= _FIRST_LITERAL_BITS or code_m >= _FIRST_MATCH_BITS or code_o > 0
        if bits >= _THIRTY_TWO or has_more:
            store64(out, to, word)
            to += np.int64(bits >> _THREE)
            word >>= bits & ~_SEVEN
            bits &= _SEVEN
        if has_more:
            word |= np.uint64(lengths[_LITERALS, i] - _LITERAL_START[code_l]) << bits
            bits += np.uint64(_LITERAL_BITS[code_l])
            word |= np.uint64(lengths[_MATCHES, i] - _MATCH_START[code_m]) << bits
            bits += np.uint64(_MATCH_BITS[code_m])
            told = offset if offset > 0 else np.int64(lengths[_OFFSETS, i])
            word |= np.uint64(told - (1 << code_o)) << bits
            bits += np.uint64(code_o)
            store64(out, to, word)  # up to 59 bits, and the next states have 26
            to += np.int64(bits >> _THREE)
            word >>= bits & ~_SEVEN
            bits &= _SEVEN
    store64(out, to, word)
    to += np.int64(bits >> _THREE)
    rest = np.int64(word >> (bits & ~_SEVEN))
    used = np.int64(bits & _SEVEN)
    rest |= (np.int64(next_m) & ((1 << log_m) - 1)) << used
    used += log_m
    rest |= (np.int64(next_o) & ((1 << log_o) - 1)) << used
    used += log_o
    rest |= (np.int64(next_l) & ((1 << log_l) - 1)) << used
    used += log_l
    rest |= 1 << used
    store64(out, to, rest)
    to += (used >> 3) + 1
    if (mode_l == _FSE or mode_o == _FSE or mode_m == _FSE) and to - modes < 8:
        return to + REFUSED  # libzstd before 1.3.5 refuses tables and sequences of less than four bytes
    return to
