"""The kernels that split deltas in whole bytes into the sequences of a zstd block: literals, then a match.

At least the low three bytes of a delta match those of the latest delta with the same three, anywhere in the page; the
bytes that differ are literals.

Deltas (DELTA_BINARY_PACKED, see `parquet.kernels_numbers.whole_deltas`) are matched as wholes because of instants in
microseconds whose text has milliseconds. Only every thousandth value occurs, which an offset can exploit, but a code of
single bytes cannot. The page itself tells where its blocks begin and how many bytes a delta has.

Bounds: reads stay within the page. The begin of each block of deltas is checked against the page's end. See
`kernels_matches` for the bounds of what is written.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel
from logpress.kernel.places import GOLDEN
from logpress.kernel.words import load32
from logpress.parquet.zstd.kernels_sequences import MOST_BACK, SINGLE_SEGMENT_BYTES

DELTA_BITS = 17
"""[bytes] Bits of the hash of a delta's low bytes: the upper ones of a product with GOLDEN."""

DELTA_PLACES = 1 << DELTA_BITS
"""Places of the table of deltas by their low bytes: slightly more than the distinct deltas of a page of 1 MB."""

_BLOCK_DELTAS = 128
"""Deltas of a block of DELTA_BINARY_PACKED: `kernels_numbers.BLOCK`, in four miniblocks."""

CURSOR_WORDS = 4
"""Words of a cursor, the position among the blocks of deltas."""

SIZE = 0
"""Word of a cursor: bytes of a delta in this block, or UNKNOWN."""

_DONE = 1
"""Word of a cursor: deltas of this block that are split."""

HEADER_AT = 2
"""Word of a cursor: begin of this block's header."""

_HEADER_SIZE = 3
"""Word of a cursor: bytes of this block's header."""

UNKNOWN = -1
"""In place of the bytes of a delta: the deltas are not in whole bytes."""

_LOW_THREE = np.uint64(0xFFFFFF)
_SHIFT = np.uint64(64 - DELTA_BITS)


@inner_kernel
def _after_varint(page, at):
    """Index behind the varint at `at`, or the page's end."""
    while at < page.shape[0] and page[at] > 127:
        at += 1
    return min(at + 1, page.shape[0])


@inner_kernel
def _delta_block(page, at):
    """(begin of the deltas of the block whose header is at `at`, bytes of each delta).

    The bytes are UNKNOWN unless the four widths are the same whole bytes, 4 to 8, within the page.
    """
    widths = _after_varint(page, at)
    if widths + 4 > page.shape[0]:
        return page.shape[0], UNKNOWN
    width = np.int64(page[widths])
    same = page[widths + 1] == width and page[widths + 2] == width and page[widths + 3] == width
    if same and width % 8 == 0 and 32 <= width <= 64:
        return widths + 4, width >> 3
    return widths + 4, UNKNOWN


@inner_kernel
def open_deltas(page, prefix, cursor):
    """Move the cursor to the first block of a page of deltas: behind its prefix and the four numbers of its header."""
    at = prefix
    for _ in range(4):
        at = _after_varint(page, at)
    cursor[SIZE] = 8  # as of a block before the first one
    cursor[_DONE] = _BLOCK_DELTAS
    cursor[HEADER_AT] = at  # where splitting begins, with an empty header before it
    cursor[_HEADER_SIZE] = 0


@inner_kernel
def split_deltas(page, at, end, cursor, places, out, to, lengths, pending):
    """Split deltas in whole bytes; see `find_sequences`. `pending` is the number of literals so far.

    `cursor` is int64[CURSOR_WORDS], the position among the page's blocks of deltas.
    """
    most_back = page.shape[0] if page.shape[0] <= SINGLE_SEGMENT_BYTES else MOST_BACK
    found = 0
    matched_to = -1  # end of the last match; its offset is `distance`
    distance = 0
    while at < end and cursor[SIZE] != UNKNOWN:
        size = cursor[SIZE]
        if cursor[_DONE] == _BLOCK_DELTAS:
            begin, size = _delta_block(page, at)
            if size == UNKNOWN:
                cursor[SIZE] = UNKNOWN
                break
            if begin > end:
                break
            # a header is mostly equal to the last one
            header, before = begin - at, cursor[HEADER_AT]
            same = header == cursor[_HEADER_SIZE]
            for k in range(header):
                same = same and page[at + k] == page[before + k]
            if same:
                lengths[0, found] = pending
                lengths[1, found] = header
                lengths[2, found] = at - before + 3
                found += 1
                pending = 0
                matched_to = -1
            else:
                for k in range(header):
                    out[to + k] = page[at + k]
                to += header
                pending += header
            cursor[SIZE] = size
            cursor[_DONE] = 0
            cursor[HEADER_AT] = at
            cursor[_HEADER_SIZE] = header
            at = begin
            continue
        if at + size > end:
            break
        word = np.uint64(load32(page, at))
        low = word & _LOW_THREE
        place = np.int64((low * GOLDEN) >> _SHIFT)
        last = np.int64(places[place])
        places[place] = at
        cursor[_DONE] += 1
        if last >= 0 and at - last <= most_back and np.uint64(load32(page, last)) & _LOW_THREE == low:
            equal = 3
            while equal < size and page[at + equal] == page[last + equal]:
                equal += 1
            if matched_to == at and distance == at - last:
                lengths[1, found - 1] += equal
            else:
                distance = at - last
                lengths[0, found] = pending
                lengths[1, found] = equal
                lengths[2, found] = distance + 3
                found += 1
                pending = 0
            matched_to = at + equal
            for k in range(equal, size):
                out[to] = page[at + k]
                to += 1
                pending += 1
        else:
            for k in range(size):
                out[to + k] = page[at + k]
            to += size
            pending += size
        at += size
    return found, at, to
