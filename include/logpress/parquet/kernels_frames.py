"""The kernel that writes zstd frames (RFC 8878) of fixed-width numbers that stand nearly in order.

A number becomes one sequence: its low bytes, up to the highest that differs from the number before, are literals;
its other bytes are a match with the number before, whose distance is always the same. The first block has one
sequence, which makes that distance the repeated one (3.1.1.5), so that later blocks need not say it again.

Bounds: a page is read by words within its values only, and each read of "the byte before" goes back by `stride` from
at least `stride`. `out` has `room_bytes(n)` bytes: literals are written by words, up to 7 bytes too far, and a block
that turns out no smaller than its content is written before it is given up. A block has at most MOST sequences, since
each has a literal and a match of three bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from logpress.jit import highest_bit, inner_kernel, kernel, load32, load64, store32, store64

BLOCK_BYTES = 1 << 17
"""The longest content of a block (3.1.1.2.4)."""

MOST = BLOCK_BYTES // 4
"""The most sequences of a block."""

SINGLE_SEGMENT_BYTES = 8 << 20
"""A frame of more has a window of its own, since decoders may refuse a window of more than 8 MB (3.1.1.1.2)."""

SYMBOLS = 64
"""Room for the codes of one kind; there are 36 of literal lengths, 53 of match lengths."""

MOST_LOG = 9
"""The largest accuracy of either table (3.1.1.3.2.1.1)."""

_MAGIC = np.array([0x28, 0xB5, 0x2F, 0xFD], dtype=np.uint8)
_WINDOW = 10 << 3  # 1 MB (3.1.1.1.2)
_SHORTEST = 3  # match
_RAW, _COMPRESSED = 0, 2  # types of block
_RLE, _FSE = 1, 2  # modes of a table of codes
_ONE, _THREE, _SEVEN, _SIXTEEN, _THIRTY_TWO = (np.uint64(n) for n in (1, 3, 7, 16, 32))


def _codes(bits: list[int], first: int, lengths: int) -> tuple[Any, Any, Any]:
    """The extra bits and the smallest length of each code, and the codes of the lengths up to `lengths`."""
    starts = [first + sum(1 << b for b in bits[:code]) for code in range(len(bits))]
    code_of = [max((c for c, start in enumerate(starts) if start <= length), default=0) for length in range(lengths)]
    return np.array(bits, np.int64), np.array(starts, np.int64), np.array(code_of, np.uint8)


_LITERAL_BITS, _LITERAL_START, _LITERAL_CODE = _codes([0] * 16 + [1] * 4 + [2, 2, 3, 3, 4, *range(6, 17)], 0, 64)
_MATCH_BITS, _MATCH_START, _MATCH_CODE = _codes(
    [0] * 32 + [1] * 4 + [2, 2, 3, 3, 4, 4, 5, *range(7, 17)], _SHORTEST, 128 + _SHORTEST
)


# ---------------------------------------------------------------------------------------------------------- sequences


@inner_kernel
def _split_bytes(page, at, end, stride, only_one, out, to, lengths, pending):
    """Sequences of values of any size, byte by byte; see `_split`, and `pending` are the literals so far."""
    found = 0
    while at < end and not (only_one and found > 0):
        run = 0
        if pending > 0:
            while at + run < end and page[at + run] == page[at + run - stride]:
                run += 1
        if run >= _SHORTEST:
            lengths[0, found] = pending
            lengths[1, found] = run
            found += 1
            pending = 0
            at += run
        else:
            for k in range(max(run, 1)):
                out[to + k] = page[at + k]
            to += max(run, 1)
            pending += max(run, 1)
            at += max(run, 1)
    return found, at, to


@inner_kernel
def _split_words(page, at, end, stride, only_one, out, to, lengths, pending):
    """Sequences of values of 4 or 8 bytes, value by value; see `_split`, and `pending` are the literals so far."""
    found = 0
    before = np.uint64(0)
    if at + stride <= end:
        before = load64(page, at - 8) if stride == 8 else np.uint64(load32(page, at - 4))
    while at + stride <= end:
        word = load64(page, at) if stride == 8 else np.uint64(load32(page, at))
        size = (highest_bit(word ^ before) + 8) >> 3
        before = word
        at += stride
        if size == 0 and pending == 0:
            if found > 0:
                lengths[1, found - 1] += stride
                continue
            size = 1  # a repeated distance means another one in a sequence without literals
        store64(out, to, word)
        if stride - size >= _SHORTEST:
            lengths[0, found] = pending + size
            lengths[1, found] = stride - size
            found += 1
            pending = 0
            to += size
            if only_one:
                break
        else:
            to += stride
            pending += stride
    return found, at, to


@inner_kernel
def _split(page, start, at, end, stride, only_one, out, to, lengths):
    """Find the sequences of a block's content, and copy its literals.

    Args:
        page: uint8[n].
        start: where the content begins.
        at: where its first value begins that has one before it, at least `start` and `stride`; at most `end`.
        end: where the content ends.
        stride: bytes of a value.
        only_one: whether to end the content behind the first sequence, if there is one.
        out: uint8, gets the literals.
        to: where they go; end - start + 8 bytes are free.
        lengths: int32[2, MOST], gets each sequence's literal length and match length.

    Returns:
        How many sequences there are, where the content ends, and where the literals.
    """
    for k in range(at - start):
        out[to + k] = page[start + k]
    to += at - start
    if stride == 8 or stride == 4:
        found, at, to = _split_words(page, at, end, stride, only_one, out, to, lengths, at - start)
    else:
        found, at, to = _split_bytes(page, at, end, stride, only_one, out, to, lengths, at - start)
    if only_one and found > 0:
        return found, at, to
    for k in range(end - at):
        out[to + k] = page[at + k]
    return found, end, to + end - at


@inner_kernel
def _count(lengths, found, codes, counts_of_literals, counts_of_matches):
    """The codes of sequences (3.1.1.3.2.1.1): uint8[2, found], and how often each comes: int32[SYMBOLS] both."""
    counts_of_literals[:] = 0
    counts_of_matches[:] = 0
    for i in range(found):
        length = lengths[0, i]
        code = np.int64(_LITERAL_CODE[length]) if length < _LITERAL_CODE.shape[0] else highest_bit(length) + 19
        codes[0, i] = code
        counts_of_literals[code] += 1
        length = lengths[1, i]
        code = np.int64(_MATCH_CODE[length]) if length < _MATCH_CODE.shape[0] else highest_bit(length - _SHORTEST) + 36
        codes[1, i] = code
        counts_of_matches[code] += 1


# ---------------------------------------------------------------------------------------------------- tables of codes


@inner_kernel
def _share(counts, total, log, shares):
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


@inner_kernel
def _describe(shares, log, out, to):
    """Write a table's shares (4.1.1) at out[to:], less than 100 bytes; returns where they end."""
    word = np.int64(log - 5)
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


@inner_kernel
def _build(shares, log, code_of_cell, weights, places, cells):
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
    step = (size >> 1) + (size >> 3) + 3
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
def _table(counts, shares, weights, places, cells, code_of_cell, found, last, out, to):
    """Choose a table for codes, describe it at out[to:], and make it ready; `last` is the last sequence's code.

    Returns:
        Its mode, its accuracy, the state before the last sequence, and where its description ends.
    """
    if counts[last] == found:  # one code only: its state has no bits
        weights[last] = 0
        places[last] = 0
        cells[0] = 0
        out[to] = last
        return _RLE, 0, np.int64(0), to + 1
    highest = 0
    for code in range(SYMBOLS):
        if counts[code] > 0:
            highest = code
    log = max(min(highest_bit(found - 1) - 2, MOST_LOG), min(highest_bit(found) + 1, highest_bit(highest) + 2), 5)
    _share(counts, found, log, shares)
    to = _describe(shares, log, out, to)
    _build(shares, log, code_of_cell, weights, places, cells)
    bits = (np.int64(weights[last]) + (1 << 15)) >> 16
    state = np.int64(cells[(((bits << 16) - weights[last]) >> bits) + places[last]])
    return _FSE, log, state, to


# -------------------------------------------------------------------------------------------------------------- blocks


@inner_kernel
def _write_sequences(found, distance, lengths, codes, symbols, cells, out, to):
    """Write a block's sequences (3.1.1.3.2) at out[to:].

    Args:
        found: how many, at least one.
        distance: of the matches; only a block of one sequence says it. Zero: it is the repeated one.
        lengths: int32[2, MOST], their literal lengths and match lengths.
        codes: see `write_frame`, as the others.
        symbols: scratch.
        cells: scratch.
        out: uint8; 7 bytes a sequence and 300 more are free.
        to: where they go.

    Returns:
        Where they end; far behind the block if they must not be used.
    """
    counts_l, shares_l, weights_l, places_l = symbols[0, 0], symbols[0, 1], symbols[0, 2], symbols[0, 3]
    counts_m, shares_m, weights_m, places_m = symbols[1, 0], symbols[1, 1], symbols[1, 2], symbols[1, 3]
    cells_l, cells_m = cells[0], cells[1]
    codes_l, codes_m = codes[0], codes[1]
    _count(lengths, found, codes, counts_l, counts_m)
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
    modes = to
    last = found - 1
    mode_l, log_l, state_l, to = _table(
        counts_l, shares_l, weights_l, places_l, cells_l, cells[2], found, np.int64(codes_l[last]), out, to + 1
    )
    offset_bits = highest_bit(distance + 3) if distance > 0 else 0
    out[to] = offset_bits
    mode_m, log_m, state_m, to = _table(
        counts_m, shares_m, weights_m, places_m, cells_m, cells[2], found, np.int64(codes_m[last]), out, to + 1
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
            some_m = (next_m + np.uint64(weights_m[code_m])) >> _SIXTEEN
            some_l = (next_l + np.uint64(weights_l[code_l])) >> _SIXTEEN
            both = (next_m & ((_ONE << some_m) - _ONE)) | (next_l & ((_ONE << some_l) - _ONE)) << some_m
            next_m = np.uint64(cells_m[(next_m >> some_m) + np.uint64(places_m[code_m])])
            next_l = np.uint64(cells_l[(next_l >> some_l) + np.uint64(places_l[code_l])])
            word |= both << bits
            bits += some_m + some_l
        extra = code_l >= 16 or code_m >= 32
        if bits >= _THIRTY_TWO or extra:
            store64(out, to, word)
            to += np.int64(bits >> _THREE)
            word >>= bits & ~_SEVEN
            bits &= _SEVEN
        if extra:
            word |= np.uint64(lengths[0, i] - _LITERAL_START[code_l]) << bits
            bits += np.uint64(_LITERAL_BITS[code_l])
            word |= np.uint64(lengths[1, i] - _MATCH_START[code_m]) << bits
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
        return to + 2 * BLOCK_BYTES  # libzstd before 1.3.5 refuses tables and sequences of less than four bytes
    return to


@inner_kernel
def _write_header(size, out):
    """Write the header of a frame (3.1.1.1) of `size` bytes; returns where it ends."""
    for k in range(4):
        out[k] = _MAGIC[k]
    if size > SINGLE_SEGMENT_BYTES:
        wide = size >> 32 != 0
        out[4] = 3 << 6 if wide else 2 << 6
        out[5] = _WINDOW
        store64(out, 6, size)
        return 14 if wide else 10
    if size < 256:
        out[4] = 1 << 5
        out[5] = size
        return 6
    if size < 256 + (1 << 16):
        out[4] = 1 << 6 | 1 << 5
        store32(out, 5, size - 256)
        return 7
    out[4] = 2 << 6 | 1 << 5
    store32(out, 5, size)
    return 9


@inner_kernel
def _put24(out, to, number):
    """Write a number of three bytes."""
    out[to] = number & 255
    out[to + 1] = number >> 8 & 255
    out[to + 2] = number >> 16


@inner_kernel
def _write_raw(page, start, end, out, to):
    """Write a raw block of page[start:end] at out[to:]; returns where it ends."""
    _put24(out, to, (end - start) << 3 | _RAW << 1 | (1 if end == page.shape[0] else 0))
    for k in range(end - start):
        out[to + 3 + k] = page[start + k]
    return to + 3 + end - start


@kernel
def write_frame(page, stride, prefix, out, lengths, codes, symbols, cells):
    """Write a page as a zstd frame.

    Args:
        page: uint8[n].
        stride: bytes of a value, 1 to 2^16.
        prefix: how many bytes stand before the first value, at most n.
        out: uint8[room_bytes(n)], gets the frame.
        lengths: int32[2, MOST], scratch: the literal length and the match length of a sequence.
        codes: uint8[2, MOST], scratch: their codes.
        symbols: int32[2, 4, SYMBOLS], scratch: per code its count, cells, and what the encoder adds to its state.
        cells: int32[3, 2^MOST_LOG], scratch: the two tables, and the code of each cell.

    Returns:
        How many bytes the frame has.
    """
    size = page.shape[0]
    begin = _write_header(size, out)
    to = begin
    start = 0
    known = False  # whether the repeated distance is the stride
    while start < size:
        end = min(start + BLOCK_BYTES, size)
        if prefix < end < size:
            end -= (end - prefix) % stride
        first = min(max(start, prefix + stride), end)
        found, end, literals_end = _split(page, start, first, end, stride, not known, out, to + 6, lengths)
        block_end = to + 3 + BLOCK_BYTES + 1
        if found > 0:
            distance = 0 if known else stride
            block_end = _write_sequences(found, distance, lengths, codes, symbols, cells, out, literals_end)
        written = block_end - to - 3
        if written < end - start or (not known and written <= min(end - start + 16, BLOCK_BYTES)):
            literals = literals_end - to - 6
            _put24(out, to + 3, literals << 4 | 3 << 2)
            _put24(out, to, written << 3 | _COMPRESSED << 1 | (1 if end == size else 0))
            to = block_end
            known = True
        else:
            to = _write_raw(page, start, end, out, to)
        start = end
    blocks = max((size + BLOCK_BYTES - 1) // BLOCK_BYTES, 1)
    if size == 0 or to - begin > size + 3 * blocks:
        to = begin
        for block in range(blocks):
            start = block * BLOCK_BYTES
            to = _write_raw(page, start, min(start + BLOCK_BYTES, size), out, to)
    return to
