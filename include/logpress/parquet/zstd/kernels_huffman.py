"""Kernels that write the literals of a block: raw, one byte repeated, or in a Huffman code (RFC 8878, 3.1.1.3.1).

Codes are optimal among those of at most 11 bits, found by package-merge (Larmore and Hirschberg, "A fast algorithm for
optimal length-limited Huffman codes", 1990). The code of each byte follows from the lengths (4.2.1).

Bounds: words of literals are read within their number. A Huffman code is written only if its size, which follows from
counts and lengths, is below that of the literals; its description, at most 129 bytes, is written before this is known.
Words are stored up to 7 bytes behind the last written byte.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import load64, store64
from logpress.parquet.zstd.kernels_fse import accuracy, build_table, describe_cells, share_cells, state_before

LONGEST = 11
"""[bytes] Longest code, in bits: Max_Number_of_Bits (4.2.1)."""

BYTES_ROWS = 11
"""Rows of `bytes_`: 8 rows of counts, whose sum goes into the first; the order; lengths; codes."""

MOST_ITEMS = 2 * 256
"""Most items of a level of package-merge."""

_COUNT_ROWS = 8
"""Rows of `bytes_` that hold counts. Neighbours are counted in different rows, so that no count waits for the one
before."""

_ORDER, _LENGTHS, _CODES = 8, 9, 10
"""Rows of `bytes_` behind the counts."""

_FEWEST = 64
"""[bytes] Fewest literals for which a Huffman code is tried."""

_ONE_STREAM = 256
"""[bytes] Below this number of literals there is one stream, because four cost more than they save time."""

_MANY = 1 << 14
"""[bytes] Number of literals from which on every _EIGHTH word is counted first, to detect noise."""

_EIGHTH = 8
"""[bytes] One word of 8 literals in so many is counted to detect noise."""

_LEAST_SAVING_BITS = 4800
"""[bytes] Estimated saving, in bits, below which literals are taken as noise, if one word in _EIGHTH is counted.

The estimate for noise is about 2,943 bits, whatever the number of literals: n counted bytes have a sum of squared
shares of about (1 + 255 / n) / 256, which `_count` takes for a saving of log2(1 + 255 / n) = 255 / (n ln 2) bits a
literal, of 8 n literals. By the standard deviation of chi-square with 255 degrees of freedom, 9 % of it, 4,800 lies 7
deviations above."""

_MOST_DIRECT = 128
"""Most weights that can be written with 4 bits each (4.2.1.1)."""

_DIRECT = 127
"""Header byte of weights of 4 bits each, less their number (4.2.1.1)."""

_MOST_DESCRIBED = 127
"""Most bytes of weights in FSE: their number is the header byte (4.2.1.1)."""

_MOST_LOG = 6
"""The largest accuracy of the table of weights (4.2.1.2)."""

_JUMPS = 6
"""Bytes of the Jump_Table: the sizes of three of four streams (3.1.1.3.1.6)."""

_RAW, _RLE, _HUFFMAN = 0, 1, 2
"""Literals_Block_Type (3.1.1.3.1.1)."""

_NEVER = 1 << 30
"""Larger than any count."""

_ONE, _THREE, _SEVEN, _EIGHT = (np.uint64(n) for n in (1, 3, 7, 8))
_BYTE = np.uint64(255)


@inner_kernel
def _count(literals, size, step, bytes_):
    """Count the literals by byte; returns the most bits that a Huffman code can save.

    The bound uses Renyi's entropy of order 2, -log2 of the sum of squared shares, which is at most Shannon's entropy.

    Args:
        literals: uint8[>= size].
        size: number of literals.
        step: one word of 8 literals in so many is counted.
        bytes_: see `write_literals`; gets the counts.
    """
    bytes_[:_COUNT_ROWS] = 0
    whole = size & ~7
    for i in range(0, whole, 8 * step):
        word = load64(literals, i)
        for k in range(8):
            bytes_[k, word & _BYTE] += 1
            word >>= _EIGHT
    for i in range(whole, size):
        bytes_[0, literals[i]] += 1
    counted = 0.0
    squares = 0.0
    for byte in range(256):
        for k in range(1, _COUNT_ROWS):
            bytes_[0, byte] += bytes_[k, byte]
        counted += bytes_[0, byte]
        squares += np.float64(bytes_[0, byte]) ** 2
    return size * (8 - np.log2(counted * counted / squares))


@inner_kernel
def _sort(counts, order):
    """Sort the bytes that occur by count, the rarest first; returns their number. Fast if small bytes are frequent."""
    found = 0
    for byte in range(255, -1, -1):
        if counts[byte] > 0:
            at = found
            while at > 0 and counts[order[at - 1]] > counts[byte]:
                order[at] = order[at - 1]
                at -= 1
            order[at] = byte
            found += 1
    return found


@inner_kernel
def find_lengths(counts, order, found, items, is_leaf, lengths):
    """Find the length of each byte's code, in bits.

    The items of a level are the bytes, and pairs of items of the level before, sorted by count. A byte's code has one
    bit for each level at which the byte is selected.

    Args:
        counts: int32[256]; their sum is at most 2^20.
        order: int32[256]; its first `found` entries are the bytes that occur, the rarest first.
        found: number of bytes that occur; at least 2.
        items: int32[2, MOST_ITEMS], scratch: the counts of two levels' items.
        is_leaf: uint8[LONGEST, MOST_ITEMS], scratch: which items are bytes.
        lengths: int32[256], filled; 0 for bytes that do not occur.
    """
    most = 2 * found - 2
    pairs = 0
    for level in range(LONGEST):
        before = items[level & 1 ^ 1]
        now = items[level & 1]
        size = min(found + pairs, most)
        byte = 0
        pair = 0
        count_of_byte = np.int64(counts[order[0]])
        count_of_pair = np.int64(before[0]) + before[1] if pairs > 0 else _NEVER
        for i in range(size):
            if count_of_byte <= count_of_pair:
                now[i] = count_of_byte
                is_leaf[level, i] = 1
                byte += 1
                count_of_byte = np.int64(counts[order[byte]]) if byte < found else _NEVER
            else:
                now[i] = count_of_pair
                is_leaf[level, i] = 0
                pair += 1
                count_of_pair = np.int64(before[2 * pair]) + before[2 * pair + 1] if pair < pairs else _NEVER
        pairs = size >> 1
    lengths[:] = 0
    needed = most
    for level in range(LONGEST - 1, -1, -1):
        leaves = 0
        for i in range(needed):
            leaves += is_leaf[level, i]
        for i in range(leaves):
            lengths[order[i]] += 1
        needed = 2 * (needed - leaves)


@inner_kernel
def _set_codes(lengths, longest, codes):
    """Set each byte's code, and its length from bit 16 on: longest first, equal lengths ascending (4.2.1)."""
    code = 0
    for length in range(longest, 0, -1):
        for byte in range(256):
            if lengths[byte] == length:
                codes[byte] = length << 16 | code
                code += 1
        code >>= 1


@inner_kernel
def _describe(lengths, longest, last, symbols, cells, out, to):
    """Write the weights of the bytes before the `last` one (4.2.1.1) at out[to:]; returns where they end, or 0."""
    counts, shares, weights, places = symbols[0], symbols[1], symbols[2], symbols[3]
    counts[:] = 0
    most = 0
    for byte in range(last):
        weight = longest + 1 - lengths[byte] if lengths[byte] > 0 else 0
        counts[weight] += 1
        most = max(most, counts[weight])
    end = 0
    if last > 2 and most < last:
        log = accuracy(counts, last, _MOST_LOG)
        share_cells(counts, last, log, shares)
        end = describe_cells(shares, log, out, to + 1)
        build_table(shares, log, cells[2], weights, places, cells[0])
        word = np.uint64(0)
        bits = np.uint64(0)
        other = np.uint64(0)
        state = np.uint64(0)
        for byte in range(last - 1, -1, -1):  # two states take turns
            weight = longest + 1 - lengths[byte] if lengths[byte] > 0 else 0
            if byte >= last - 2:
                state = np.uint64(state_before(weight, weights, places, cells[0]))
            else:
                some = (state + np.uint64(weights[weight])) >> np.uint64(16)
                word |= (state & ((_ONE << some) - _ONE)) << bits
                bits += some
                state = np.uint64(cells[0, (state >> some) + np.uint64(places[weight])])
                store64(out, end, word)
                end += np.int64(bits >> _THREE)
                word >>= bits & ~_SEVEN
                bits &= _SEVEN
            state, other = other, state
        mask = (_ONE << np.uint64(log)) - _ONE
        word |= (state & mask) << bits
        bits += np.uint64(log)
        word |= (other & mask | _ONE << np.uint64(log)) << bits
        bits += np.uint64(log + 1)
        store64(out, end, word)
        end += np.int64((bits + _SEVEN) >> _THREE)
        out[to] = end - to - 1
    direct = to + 1 + ((last + 1) >> 1)
    if last <= _MOST_DIRECT and (end == 0 or direct <= end):
        out[to] = _DIRECT + last
        for byte in range(0, last, 2):
            high = longest + 1 - lengths[byte] if lengths[byte] > 0 else 0
            low = longest + 1 - lengths[byte + 1] if byte + 1 < last and lengths[byte + 1] > 0 else 0
            out[to + 1 + (byte >> 1)] = high << 4 | low
        return direct
    return end if end - to - 1 <= _MOST_DESCRIBED else 0


@inner_kernel
def _write_stream(literals, first, last, codes, out, to):
    """Write the codes of literals[first:last], from the last to the first (4.2.2), at out[to:]; returns the end."""
    word = _ONE & np.uint64(0)
    bits = np.uint64(0)
    at = last
    while at - first >= 4:
        for k in range(1, 5):
            entry = np.uint64(codes[literals[at - k]])
            word |= (entry & np.uint64(0xFFFF)) << bits
            bits += entry >> np.uint64(16)
        at -= 4
        store64(out, to, word)
        to += np.int64(bits >> _THREE)
        word >>= bits & ~_SEVEN
        bits &= _SEVEN
    while at > first:
        at -= 1
        entry = np.uint64(codes[literals[at]])
        word |= (entry & np.uint64(0xFFFF)) << bits
        bits += entry >> np.uint64(16)
    word |= _ONE << bits
    store64(out, to, word)
    return to + np.int64((bits + _EIGHT) >> _THREE)


@inner_kernel
def _write_huffman(literals, size, bytes_, items, is_leaf, symbols, cells, out, to):
    """Write literals in a Huffman code; returns the end, or 0 if that is not smaller."""
    order, lengths, codes = bytes_[_ORDER], bytes_[_LENGTHS], bytes_[_CODES]
    counts = bytes_[0]
    found = _sort(counts, order)
    find_lengths(counts, order, found, items, is_leaf, lengths)
    longest = np.int64(lengths[order[0]])
    last = 0
    bits = 0
    for byte in range(256):
        if lengths[byte] > 0:
            last = byte
            bits += np.int64(counts[byte]) * lengths[byte]
    streams = 1 if size < _ONE_STREAM else 4
    begin = to + (3 if size < 1 << 10 else 4 if size < 1 << 14 else 5)
    end = _describe(lengths, longest, last, symbols, cells, out, begin)
    if end == 0 or end - to + (_JUMPS if streams == 4 else 0) + (bits >> 3) + streams >= size + 3:
        return 0
    _set_codes(lengths, longest, codes)
    if streams == 1:
        end = _write_stream(literals, 0, size, codes, out, end)
    else:
        jumps = end
        end += _JUMPS
        a_stream = (size + 3) >> 2
        for k in range(4):
            stream = end
            end = _write_stream(literals, k * a_stream, min((k + 1) * a_stream, size), codes, out, stream)
            if k < 3:
                out[jumps + 2 * k] = (end - stream) & 255
                out[jumps + 2 * k + 1] = (end - stream) >> 8
    width = 10 if size < 1 << 10 else 14 if size < 1 << 14 else 18
    form = 0 if streams == 1 else (width - 6) >> 2
    head = np.int64(end - begin) << (4 + width) | size << 4 | form << 2 | _HUFFMAN
    for k in range(begin - to):
        out[to + k] = head >> 8 * k & 255
    return end


@kernel
def write_literals(literals, size, bytes_, items, is_leaf, symbols, cells, out, to):
    """Write the literals section of a block at out[to:].

    Args:
        literals: uint8[m].
        size: number of literals, at most 2^17.
        bytes_: int32[BYTES_ROWS, 256], scratch.
        items: int32[2, MOST_ITEMS], scratch.
        is_leaf: uint8[LONGEST, MOST_ITEMS], scratch.
        symbols: int32[4, SYMBOLS], scratch.
        cells: int32[3, 2^MOST_LOG], scratch.
        out: uint8; size + 150 bytes are free.
        to: where to write.

    Returns:
        The end of the section.
    """
    kind = _RAW
    if size >= _FEWEST and (size < _MANY or _count(literals, size, _EIGHTH, bytes_) >= _LEAST_SAVING_BITS):
        _count(literals, size, 1, bytes_)
        if bytes_[0, literals[0]] == size:
            kind = _RLE
        else:
            end = _write_huffman(literals, size, bytes_, items, is_leaf, symbols, cells, out, to)
            if end > 0:
                return end
    head = size << 4 | 3 << 2 | kind
    out[to] = head & 255
    out[to + 1] = head >> 8 & 255
    out[to + 2] = head >> 16
    to += 3
    if kind == _RLE:
        out[to] = literals[0]
        return to + 1
    for k in range(size):
        out[to + k] = literals[k]
    return to + size
