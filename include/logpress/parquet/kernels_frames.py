"""The kernel that writes zstd frames (RFC 8878) of numbers of one, four or eight bytes.

A number of four or eight bytes becomes one sequence: its low bytes, up to the highest that differs from a number
before, are literals; its other bytes are a match with that number. Numbers that stand nearly in order are matched with
the one just before. Numbers that are mostly below 256 are so with one that stands farther back: to copy what was
written a moment ago takes decoders half as long again.

Of numbers of one byte only long runs are sequences.

The distance is always the same. The first block has one sequence, which makes that distance the repeated one (3.1.1.5),
so that later blocks need not say it again. That of bytes, one, is the repeated one from the start.

Bounds: a page is read by words within it only, and the number before goes back by a distance from at least that.
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
_SMALL = np.uint64(256)


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
def _split_words(page, at, end, stride, distance, only_one, out, to, lengths, pending):
    """Sequences of numbers of 4 or 8 bytes, one by one; see `_split`, and `pending` are the literals so far."""
    found = 0
    least = 1 if distance > stride else 0  # few are the same then, and matches of one length cost nothing
    while at + stride <= end:
        word = load64(page, at) if stride == 8 else np.uint64(load32(page, at))
        before = load64(page, at - distance) if stride == 8 else np.uint64(load32(page, at - distance))
        size = max((highest_bit(word ^ before) + 8) >> 3, least)
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
def _split(page, start, at, end, stride, distance, only_one, out, lengths):
    """Find the sequences of a block's content, and copy its literals.

    Args:
        page: uint8[n].
        start: where the content begins.
        at: where its first number begins that has others before it, at least `start` and the distance; at most `end`.
        end: where the content ends.
        stride: bytes of a number.
        distance: of matches.
        only_one: whether to end the content behind the first sequence, if there is one.
        out: uint8[BLOCK_BYTES + 8], gets the literals.
        lengths: int32[2, MOST], gets each sequence's literal length and match length.

    Returns:
        How many sequences there are, where the content ends, and how many literals there are.
    """
    to = at - start
    for k in range(to):
        out[k] = page[start + k]
    if stride == 1:
        found, at, to = _split_runs(page, at, end, out, to, lengths, to)
    else:
        found, at, to = _split_words(page, at, end, stride, distance, only_one, out, to, lengths, to)
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
def write_frame(page, stride, distance, prefix, out, literals, lengths, codes, symbols, cells, bytes_, items, is_leaf):
    """Write a page as a zstd frame.

    Args:
        page: uint8[n]; its numbers end where it ends.
        stride: bytes of a number: 1, 4 or 8.
        distance: of matches: a small multiple of the stride; 1 where that is.
        prefix: how many bytes of another kind stand before the numbers; at most n.
        out: uint8[room_bytes(n)], gets the frame.
        literals: uint8[BLOCK_BYTES + 8], scratch.
        lengths: int32[2, MOST], scratch; see `write_sequences`, as the next three.
        codes: uint8[2, MOST], scratch.
        symbols: int32[2, 4, SYMBOLS], scratch.
        cells: int32[3, 2^MOST_LOG], scratch.
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
    known = stride == 1  # whether the repeated distance is this one
    while start < size:
        end = min(start + BLOCK_BYTES, size)
        end -= (size - end) % stride
        first = max(start, distance)
        first = min(first + (size - first) % stride, end)
        if start == 0 and _LONG_PREFIX <= prefix < end:
            end = first = prefix
        found, end, count = _split(page, start, first, end, stride, distance, not known, literals, lengths)
        block_end = write_literals(literals, count, bytes_, items, is_leaf, symbols[0], cells, out, to + 3)
        block_end = write_sequences(found, 0 if known else distance, lengths, codes, symbols, cells, out, block_end)
        written = block_end - to - 3
        says = found > 0 and not known
        if written < end - start or (says and written <= min(end - start + 16, BLOCK_BYTES)):
            _put24(out, to, written << 3 | _COMPRESSED << 1 | (1 if end == size else 0))
            to = block_end
            known = known or says
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
