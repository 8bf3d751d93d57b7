"""Kernels for tables of Finite State Entropy, which encodes sequences and the lengths of Huffman codes.

Source: RFC 8878, 4.1. A table has 2^accuracy cells. A frequent code has many cells, and takes few bits.

Bounds: arrays of codes are indexed by codes below SYMBOLS, arrays of cells by cells below 2^log. Words are stored up to
4 bytes behind the last written byte.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import highest_bit, store32

SYMBOLS = 64
"""Length of arrays of codes of one kind: 36 codes of literal lengths, 53 of match lengths, 12 of weights."""

MOST_LOG = 9
"""The largest accuracy of a table of lengths (3.1.1.3.2.1)."""

LEAST_LOG = 5
"""The smallest accuracy that a description can hold (4.1.1)."""


@kernel
def share_cells(counts, total, log, shares):
    """Distribute 2^log cells of a table among the codes that occur: int32[SYMBOLS], at least one cell each.

    There are at most 53 codes, and fewer codes than cells.
    """
    left = 1 << log
    for code in range(SYMBOLS):
        shares[code] = 0
        if counts[code] > 0:
            shares[code] = max(((np.int64(counts[code]) << log) + (total >> 1)) // total, 1)
            left -= shares[code]
    while left != 0:  # to the code that gains most by one more, or from the one that loses least by one less
        best = 0
        value = -1.0
        for code in range(SYMBOLS):
            if left > 0 and shares[code] > 0 and counts[code] / shares[code] > value:
                best = code
                value = counts[code] / shares[code]
            elif left < 0 and shares[code] > 1 and (value < 0 or counts[code] / (shares[code] - 1) < value):
                best = code
                value = counts[code] / (shares[code] - 1)
        step = 1 if left > 0 else -1
        shares[best] += step
        left -= step


@kernel
def describe_cells(shares, log, out, to):
    """Write the shares of a table (4.1.1) at out[to:], in less than 100 bytes; returns the end."""
    word = np.int64(log - LEAST_LOG)
    bits = 4
    left = (1 << log) + 1
    threshold = 1 << log
    width = log + 1
    code = 0
    while left > 1:
        share = np.int64(shares[code])
        code += 1
        limit = 2 * threshold - 1 - left
        left -= share
        share += 1
        if share >= threshold:
            share += limit
        word |= share << bits
        bits += width - (1 if share < limit else 0)
        while left < threshold:
            width -= 1
            threshold >>= 1
        if share == 1:  # no cells: the number of further codes without cells follows
            zeros = 0
            while shares[code] == 0:  # ends, because a code with cells follows while cells are left
                zeros += 1
                code += 1
            while zeros >= 3:
                word |= np.int64(3) << bits
                bits += 2
                zeros -= 3
                store32(out, to, word)
                to += bits >> 3
                word >>= bits & -8
                bits &= 7
            word |= np.int64(zeros) << bits
            bits += 2
        store32(out, to, word)
        to += bits >> 3
        word >>= bits & -8
        bits &= 7
    return to + ((bits + 7) >> 3)


@kernel
def build_table(shares, log, code_of_cell, weights, places, cells):
    """Build the table for encoding (4.1.1, inverted).

    Args:
        shares: int32[SYMBOLS], cells of each code; their sum is 2^log.
        log: accuracy.
        code_of_cell: int32[2^log], scratch.
        weights: int32[SYMBOLS], filled: (state + weight) >> 16 is the number of bits to write.
        places: int32[SYMBOLS], gets the offset from the state's other bits to its index in `cells`; until then, the
            index of a code's next cell.
        cells: int32[2^log], gets the states.
    """
    size = 1 << log
    step = (size >> 1) + (size >> 3) + 3  # step of the spread of cells (4.1.1); odd, so that it visits each cell once
    at = 0
    total = 0
    for code in range(SYMBOLS):
        places[code] = total
        total += shares[code]
        for _ in range(shares[code]):
            code_of_cell[at] = code
            at = (at + step) & (size - 1)
    for cell in range(size):
        code = code_of_cell[cell]
        cells[places[code]] = size + cell
        places[code] += 1
    for code in range(SYMBOLS):
        share = np.int64(shares[code])
        if share > 0:
            most = log - (highest_bit(share - 1) if share > 1 else 0)
            weights[code] = (most << 16) - (share << most)
            places[code] -= 2 * share


@inner_kernel
def accuracy(counts, found, most):
    """Accuracy of a table for `found` codes: LEAST_LOG to `most`.

    [bytes] About a quarter as many cells as codes are written, and enough for each code that occurs, as in libzstd's
    FSE_optimalTableLog.
    """
    highest = 0
    for code in range(SYMBOLS):
        if counts[code] > 0:
            highest = code
    return max(min(highest_bit(found - 1) - 2, most), min(highest_bit(found) + 1, highest_bit(highest) + 2), LEAST_LOG)


@inner_kernel
def state_before(code, weights, places, cells):
    """The state of the last code, which is written first and takes no bits."""
    bits = (np.int64(weights[code]) + (1 << 15)) >> 16
    return np.int64(cells[(((bits << 16) - weights[code]) >> bits) + places[code]])
