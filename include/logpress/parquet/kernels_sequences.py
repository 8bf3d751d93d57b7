"""Kernels that write the sequences of a block (RFC 8878, 3.1.1.3.2): literals, then a match, again and again.

Lengths are numbered by codes, with a table of the block's own for each of both kinds, or none where all are the same.
All matches of a block have the same distance.

Bounds: `out` has 8 bytes a sequence and 300 more; words are stored up to 7 bytes behind what is written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from logpress.jit import highest_bit, inner_kernel, kernel, store32, store64
from logpress.parquet.kernels_fse import (
    MOST_LOG,
    SYMBOLS,
    accuracy,
    build_table,
    describe_cells,
    share_cells,
    state_before,
)

SHORTEST = 3
"""Bytes of a match, at least."""

REFUSED = 1 << 20
"""Added to the end of sequences that must not be used."""

_LITERALS, _MATCHES = 0, 1  # kinds of lengths
_RLE, _FSE = 1, 2  # modes of a table of codes
_ONE, _THREE, _SEVEN, _SIXTEEN, _THIRTY_TWO = (np.uint64(n) for n in (1, 3, 7, 16, 32))


def _codes(bits: list[int], first: int, lengths: int) -> tuple[Any, Any, Any]:
    """The extra bits and the smallest length of each code, and the codes of the lengths up to `lengths`."""
    starts = [first + sum(1 << b for b in bits[:code]) for code in range(len(bits))]
    code_of = [max((c for c, start in enumerate(starts) if start <= length), default=0) for length in range(lengths)]
    return np.array(bits, np.int64), np.array(starts, np.int64), np.array(code_of, np.uint8)


_LITERAL_BITS, _LITERAL_START, _LITERAL_CODE = _codes([0] * 16 + [1] * 4 + [2, 2, 3, 3, 4, *range(6, 17)], 0, 64)
_MATCH_BITS, _MATCH_START, _MATCH_CODE = _codes(
    [0] * 32 + [1] * 4 + [2, 2, 3, 3, 4, 4, 5, *range(7, 17)], SHORTEST, 128 + SHORTEST
)


@inner_kernel
def _count(found, lengths, codes, symbols):
    """Find the codes of lengths, and how often each comes: neighbours in different rows, so that none need wait."""
    for kind in range(2):
        symbols[kind, 0] = 0
        symbols[kind, 1] = 0
    for i in range(found):
        length = lengths[_LITERALS, i]
        code = np.int64(_LITERAL_CODE[length]) if length < _LITERAL_CODE.shape[0] else highest_bit(length) + 19
        codes[_LITERALS, i] = code
        symbols[_LITERALS, i & 1, code] += 1
        length = lengths[_MATCHES, i]
        code = np.int64(_MATCH_CODE[length]) if length < _MATCH_CODE.shape[0] else highest_bit(length - SHORTEST) + 36
        codes[_MATCHES, i] = code
        symbols[_MATCHES, i & 1, code] += 1
    for kind in range(2):
        for code in range(SYMBOLS):
            symbols[kind, 0, code] += symbols[kind, 1, code]


@inner_kernel
def _table(found, last, symbols, cells, code_of_cell, out, to):
    """Choose a table for codes of one kind, describe it at out[to:], and make it ready; `last` is the last one.

    Returns:
        Its mode, its accuracy, the state before the last sequence, and where its description ends.
    """
    counts, shares, weights, places = symbols[0], symbols[1], symbols[2], symbols[3]
    if counts[last] == found:  # one code only: its state has no bits
        weights[last] = 0
        places[last] = 0
        cells[0] = 0
        out[to] = last
        return _RLE, 0, np.int64(0), to + 1
    log = accuracy(counts, found, MOST_LOG)
    share_cells(counts, found, log, shares)
    to = describe_cells(shares, log, out, to)
    build_table(shares, log, code_of_cell, weights, places, cells)
    return _FSE, log, state_before(last, weights, places, cells), to


@kernel
def write_sequences(found, distance, lengths, codes, symbols, cells, out, to):
    """Write a block's sequences at out[to:].

    Args:
        found: how many there are.
        distance: of their matches; only a single sequence says it. Zero: it is the repeated one (3.1.1.5).
        lengths: int32[2, >= found], the literal length and the match length of each.
        codes: uint8[2, >= found], scratch: their codes.
        symbols: int32[2, 4, SYMBOLS], scratch: per code its count, cells, and what the encoder adds to its state.
        cells: int32[3, 2^MOST_LOG], scratch: the two tables, and the code of each cell.
        out: uint8.
        to: where they go.

    Returns:
        Where they end; with REFUSED added if they must not be used.
    """
    if found < 128:
        out[to] = found
        to += 1
    elif found < 0x7F00:
        out[to] = (found >> 8) + 128
        out[to + 1] = found & 255
        to += 2
    else:
        store32(out, to, 255 | (found - 0x7F00) << 8)
        to += 3
    if found == 0:
        return to
    _count(found, lengths, codes, symbols)
    codes_l, weights_l, places_l, cells_l = codes[_LITERALS], symbols[_LITERALS, 2], symbols[_LITERALS, 3], cells[0]
    codes_m, weights_m, places_m, cells_m = codes[_MATCHES], symbols[_MATCHES, 2], symbols[_MATCHES, 3], cells[1]
    modes = to
    last = found - 1
    mode_l, log_l, state_l, to = _table(
        found, np.int64(codes_l[last]), symbols[_LITERALS], cells_l, cells[2], out, to + 1
    )
    offset_bits = highest_bit(distance + 3) if distance > 0 else 0
    out[to] = offset_bits
    mode_m, log_m, state_m, to = _table(
        found, np.int64(codes_m[last]), symbols[_MATCHES], cells_m, cells[2], out, to + 1
    )
    out[modes] = mode_l << 6 | _RLE << 4 | mode_m << 2

    # Unsigned, since Numba would look whether an index is negative: the next state would have to wait for that.
    next_l = np.uint64(state_l)
    next_m = np.uint64(state_m)
    word = np.uint64(0)  # what is to be read last is written first
    bits = np.uint64(0)
    for i in range(last, -1, -1):
        code_l = codes_l[i]
        code_m = codes_m[i]
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
        has_more = code_l >= 16 or code_m >= 32
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
    store64(out, to, word)
    to += np.int64(bits >> _THREE)
    rest = np.int64(word >> (bits & ~_SEVEN))
    used = np.int64(bits & _SEVEN)
    if distance > 0:
        rest |= (distance + 3 - (1 << offset_bits)) << used
        used += offset_bits
    rest |= (np.int64(next_m) & ((1 << log_m) - 1)) << used
    used += log_m
    rest |= (np.int64(next_l) & ((1 << log_l) - 1)) << used
    used += log_l
    rest |= 1 << used
    store64(out, to, rest)
    to += (used >> 3) + 1
    if (mode_l == _FSE or mode_m == _FSE) and to - modes < 8:
        return to + REFUSED  # libzstd before 1.3.5 refuses tables and sequences of less than four bytes
    return to
