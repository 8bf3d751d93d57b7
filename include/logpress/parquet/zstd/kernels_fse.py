"""Kernels for tables of codes: Finite State Entropy, which sequences and the lengths of Huffman codes are written in.

Source: RFC 8878, 4.1. A table has 2^accuracy cells; a code that is common has many, and costs few bits.

Bounds: arrays of codes are indexed by codes below SYMBOLS, arrays of cells by cells below 2^log; words are stored up to
4 bytes behind what is written.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import highest_bit, store32

SYMBOLS = 64
"""Room for the codes of one kind; there are 36 of literal lengths, 53 of match lengths, 12 of weights."""

MOST_LOG = 9
"""The largest accuracy of a table of lengths (3.1.1.3.2.1)."""

LEAST_LOG = 5
"""The least accuracy that a description can say (4.1.1)."""


@kernel
def share_cells(counts, total, log, shares):
    """Share 2^log cells of a table among the codes that occur: int32[SYMBOLS], at least one each.

    There are at most 53 codes, and fewer than cells.
    """
    left = 1 << log
    for code in range(SYMBOLS):
        shares[code] = 0
        if counts[code] > 0:
            shares[code] = max(((np.int64(counts[code]) << log) + (total >> 1)) // total, 1)
            left -= shares[code]
    while left != 0:  # whoever gains the most by one more, or loses the least by one less
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
    """Write a table's shares (4.1.1) at out[to:], less than 100 bytes; returns where they end."""
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
        if share == 1:  # no cells: how many more codes have none
            zeros = 0
            while shares[code] == 0:  # a code with cells follows, for some are left
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
    """Make the table that encodes (4.1.1, turned around).

    Args:
        shares: int32[SYMBOLS], of 2^log together.
        log: accuracy.
        code_of_cell: int32[2^log], scratch.
        weights: int32[SYMBOLS], gets what, added to a state, has the bits to write above bit 16.
        places: int32[SYMBOLS], gets what to add to the state's other bits for its place in `cells`; during the work,
            where the next cell of a code goes.
        cells: int32[2^log], gets the states.
    """
    size = 1 << log
    step = (size >> 1) + (size >> 3) + 3  # of the spread of cells (4.1.1); odd, so that it comes to each cell once
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
    """How many cells, as a power of two, a table for `found` codes should have: LEAST_LOG to `most`.

    [bytes] A quarter of the codes written, and enough for each code that occurs, as libzstd's FSE_optimalTableLog has
    it.
    """
    highest = 0
    for code in range(SYMBOLS):
        if counts[code] > 0:
            highest = code
    return max(min(highest_bit(found - 1) - 2, most), min(highest_bit(found) + 1, highest_bit(highest) + 2), LEAST_LOG)


@inner_kernel
def state_before(code, weights, places, cells):
    """The state that stands for the last code, the one that is written first and costs no bits."""
    bits = (np.int64(weights[code]) + (1 << 15)) >> 16
    return np.int64(cells[(((bits << 16) - weights[code]) >> bits) + places[code]])
