"""The kernel that writes zstd frames (RFC 8878) of numbers of one, four or eight bytes.

A number of four or eight bytes becomes one sequence. Numbers that stand nearly in order are matched with the one just
before: their low bytes, up to the highest that differs, are literals. The first block has one sequence, which makes
that distance the repeated one (3.1.1.5), so that later blocks need not say it again.

Of numbers that are mostly below 256 the lowest byte is a literal, and the others are a match with any number before
that has the same ones: at one of the three distances used last, if there is one, else where such a number came last. If
there is none, two bytes are literals, or all.
None is nearer than a given distance: to copy what was written a moment ago takes decoders half as long again.

Of numbers of one byte only long runs are sequences. Their distance, one, is the repeated one from the start.

Bounds: a page is read by words within it only, and the number before goes back by a distance from at least that.
Other distances are looked at only where they do not go back beyond the page's beginning.
`out` has `room_bytes(n)` bytes: a block that turns out no smaller than its content is written before it is given up.
`literals` has eight bytes more than a block: they are written by words, up to 7 bytes too far. A block has at most
MOST sequences, since each has a literal and a match of three bytes.
"""

from __future__ import annotations

import numpy as np

from logpress.jit import highest_bit, inner_kernel, kernel, load32, load64, store32, store64
from logpress.parquet.kernels_huffman import write_literals
from logpress.parquet.kernels_sequences import SHORTEST, write_sequences

BLOCK_BYTES = 1 << 17
"""The longest content of a block (3.1.1.2.4)."""

MOST = BLOCK_BYTES // 4
"""The most sequences of a block."""

SINGLE_SEGMENT_BYTES = 8 << 20
"""A frame of more has a window of its own, since decoders may refuse a window of more than 8 MB (3.1.1.1.2)."""

_MAGIC = np.array([0x28, 0xB5, 0x2F, 0xFD], dtype=np.uint8)
_WINDOW = 10 << 3  # 1 MB (3.1.1.1.2)
_LONG_RUN = 12  # of bytes: shorter ones cost less as literals
_LONG_PREFIX = 512  # bytes that are worth a block with a code of their own
_RAW, _COMPRESSED = 0, 2  # types of block
_EIGHT, _SIXTEEN = np.uint64(8), np.uint64(16)
_MIXING = np.uint64(0x9E3779B97F4A7C15)

PLACES = 256
"""Numbers by their high bytes that are remembered."""

_MOST_BACK = 1 << 20
"""The farthest distance: within the window of any frame."""


@inner_kernel
def _split_runs(page, at, end, out, to, lengths, pending):
    """Sequences of bytes: runs that are long; see `_split`, and `pending` are the literals so far."""
    found = 0
    copied = at
    least = at + (1 if pending == 0 else 0)  # a repeated distance means another one in a sequence without literals
    while at + 8 <= end:
        if load64(page, at) != load64(page, at - 1):
            at += 8
            continue
        first = max(at, least)
        while first > least and page[first - 1] == page[first - 2]:
            first -= 1
        at += 8
        while at + 8 <= end and load64(page, at) == load64(page, at - 1):
            at += 8
        while at < end and page[at] == page[at - 1]:
            at += 1
        if at - first >= _LONG_RUN:
            for k in range(first - copied):
                out[to + k] = page[copied + k]
            to += first - copied
            lengths[0, found] = pending + first - copied
            lengths[1, found] = at - first
            found += 1
            pending = 0
            copied = at
            least = at
    return found, copied, to


@inner_kernel
def _number(page, at, stride):
    """A number of 4 or 8 bytes."""
    return load64(page, at) if stride == 8 else np.uint64(load32(page, at))


@inner_kernel
def _split_words(page, at, end, stride, only_one, out, to, lengths, pending):
    """Sequences of numbers of 4 or 8 bytes, one by one; see `_split`, and `pending` are the literals so far."""
    found = 0
    while at + stride <= end:
        word = _number(page, at, stride)
        size = (highest_bit(word ^ _number(page, at - stride, stride)) + 8) >> 3
        at += stride
        if size == 0 and pending == 0:
            if found > 0:
                lengths[1, found - 1] += stride
                continue
            size = 1  # a repeated distance means another one in a sequence without literals
        store64(out, to, word)
        if stride - size >= SHORTEST:
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
def _offset_of(page, at, stride, nearest, recent, places):
    """Find a number before that has the same high bytes, not at the last distance; keep in mind where this one is.

    Returns:
        Its distance as the format has it (3.1.1.5); 0 if none is known.
    """
    high = _number(page, at, stride) >> _EIGHT
    for k in range(1, 3):
        back = recent[k]
        if nearest <= back <= at and _number(page, at - back, stride) >> _EIGHT == high:
            recent[k] = recent[1]
            recent[1] = recent[0]
            recent[0] = back
            return k + 1
    place = np.int64((high * _MIXING) >> np.uint64(56))
    back = at - places[place]
    places[place] = at
    if _number(page, at - nearest, stride) >> _EIGHT == high:
        back = nearest
    elif not (nearest <= back <= min(at, _MOST_BACK) and _number(page, at - back, stride) >> _EIGHT == high):
        return 0
    recent[2] = recent[1]
    recent[1] = recent[0]
    recent[0] = back
    return back + 3


@inner_kernel
def _split_small(page, at, end, stride, nearest, recent, places, out, to, lengths, pending):
    """Sequences of numbers that are mostly below 256; see `_split`, and `pending` are the literals so far."""
    found = 0
    while at + stride <= end:
        word = _number(page, at, stride)
        back = recent[0]
        if nearest <= back <= at and (word ^ _number(page, at - back, stride)) >> _EIGHT == 0:
            offset = 1
        else:
            offset = _offset_of(page, at, stride, nearest, recent, places)
        size = 1
        if offset == 0:
            back = recent[0]
            same = nearest <= back <= at and (word ^ _number(page, at - back, stride)) >> _SIXTEEN == 0
            size = 2 if same and stride - 2 >= SHORTEST else stride
            offset = 1
        store64(out, to, word)
        at += stride
        to += size
        pending += size
        if size < stride:
            lengths[0, found] = pending
            lengths[1, found] = stride - size
            lengths[2, found] = offset
            found += 1
            pending = 0
    return found, at, to


@inner_kernel
def _split(page, start, at, end, stride, distance, only_one, recent, places, out, lengths):
    """Find the sequences of a block's content, and copy its literals.

    Args:
        page: uint8[n].
        start: where the content begins.
        at: where its first number begins that has others before it, at least `start` and the distance; at most `end`.
        end: where the content ends.
        stride: bytes of a number.
        distance: of matches; that of the nearest, where it is more than the stride.
        only_one: whether to end the content behind the first sequence, if there is one.
        recent: int64[3], the distances used last.
        places: int64[PLACES], where numbers of some high bytes came last, if they did.
        out: uint8[BLOCK_BYTES + 8], gets the literals.
        lengths: int32[3, MOST], gets each sequence's literal length, match length and, of several, distance.

    Returns:
        How many sequences there are, where the content ends, and how many literals there are.
    """
    to = at - start
    for k in range(to):
        out[k] = page[start + k]
    if stride == 1:
        found, at, to = _split_runs(page, at, end, out, to, lengths, to)
    elif distance > stride:
        found, at, to = _split_small(page, at, end, stride, distance, recent, places, out, to, lengths, to)
    else:
        found, at, to = _split_words(page, at, end, stride, only_one, out, to, lengths, to)
    if only_one and found > 0:
        return found, at, to
    for k in range(end - at):
        out[to + k] = page[at + k]
    return found, end, to + end - at


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
def write_frame(
    page, stride, distance, prefix, out,
    recent, places, literals, lengths, codes, symbols, cells, bytes_, items, is_leaf,
):  # fmt: skip
    """Write a page as a zstd frame.

    Args:
        page: uint8[n]; its numbers end where it ends.
        stride: bytes of a number: 1, 4 or 8.
        distance: of matches: the stride, or a small multiple of it that is the nearest.
        prefix: how many bytes of another kind stand before the numbers; at most n.
        out: uint8[room_bytes(n)], gets the frame.
        recent: int64[6], scratch: the distances used last, and those used before a block.
        places: int64[PLACES], scratch.
        literals: uint8[BLOCK_BYTES + 8], scratch.
        lengths: int32[3, MOST], scratch; see `write_sequences`, as the next three.
        codes: uint8[3, MOST], scratch.
        symbols: int32[3, 4, SYMBOLS], scratch.
        cells: int32[4, 2^MOST_LOG], scratch.
        bytes_: int32[BYTES_ROWS, 256], scratch; see `write_literals`, as the last two.
        items: int32[2, MOST_ITEMS], scratch.
        is_leaf: uint8[LONGEST, MOST_ITEMS], scratch.

    Returns:
        How many bytes the frame has.
    """
    size = page.shape[0]
    begin = _write_header(size, out)
    to = begin
    start = 0
    varies = distance > stride
    known = stride == 1 or varies  # whether the repeated distance is this one
    places[:] = -1
    recent[0], recent[1], recent[2] = 1, 4, 8
    while start < size:
        end = min(start + BLOCK_BYTES, size)
        end -= (size - end) % stride
        first = max(start, distance)
        first = min(first + (size - first) % stride, end)
        if start == 0 and _LONG_PREFIX <= prefix < end:
            end = first = prefix
        for k in range(3):
            recent[3 + k] = recent[k]
        found, end, count = _split(
            page, start, first, end, stride, distance, not known, recent, places, literals, lengths
        )
        block_end = write_literals(literals, count, bytes_, items, is_leaf, symbols[0], cells, out, to + 3)
        offset = 0 if varies else 1 if known else distance + 3
        block_end = write_sequences(found, offset, lengths, codes, symbols, cells, out, block_end)
        written = block_end - to - 3
        says = found > 0 and not known
        if written < end - start or (says and written <= min(end - start + 16, BLOCK_BYTES)):
            _put24(out, to, written << 3 | _COMPRESSED << 1 | (1 if end == size else 0))
            to = block_end
            known = known or says
        else:
            to = _write_raw(page, start, end, out, to)
            for k in range(3):  # what a block uses that is given up is not used
                recent[k] = recent[3 + k]
        start = end
    blocks = max((size + BLOCK_BYTES - 1) // BLOCK_BYTES, 1)
    if size == 0 or to - begin > size + 3 * blocks:
        to = begin
        for block in range(blocks):
            start = block * BLOCK_BYTES
            to = _write_raw(page, start, min(start + BLOCK_BYTES, size), out, to)
    return to
