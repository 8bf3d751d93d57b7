"""The kernel that writes zstd frames (RFC 8878) of numbers of one, four or eight bytes.

A number of 4 or 8 bytes becomes one sequence: some literals, then a match.

- Nearly sorted numbers: the low bytes, up to the highest that differs from the number just before, are literals; the
  bytes above match that number. The first block has one sequence, which makes this offset the repeated one (3.1.1.5),
  so that later blocks need not say it again.
- Numbers mostly below 256: the lowest byte is a literal; the bytes above match those of a number before, at one of
  the three repeated offsets if there is one, else of the last such number. If there is none, two bytes are literals,
  or all.
- Numbers of one byte: runs of 12 bytes and more are matches. Their offset, 1, is the repeated one from the start.
- Deltas in whole bytes: at least the low three bytes match those of the last delta that has the same, anywhere in the
  page; the bytes that differ are literals.

Offsets of the second kind are at least 32 bytes (int32) or 64 bytes (int64), because decoders stall when they copy
bytes that they have just written: 9.5 ns a value at one number back, 5.7 ns at 64 bytes (ADR 12).

Deltas (DELTA_BINARY_PACKED, see `kernels_numbers.whole_deltas`) are matched as wholes because of instants in
microseconds whose text has milliseconds: only each thousandth value occurs, which no code of single bytes can say, but
an offset can. The page itself says where its blocks begin and how many bytes a delta has.

Bounds: a page is read by words within it only, and the number before goes back by a distance from at least that.
Other distances are looked at only where they do not go back beyond the page's beginning.
`out` has `room_bytes(n)` bytes: a block that turns out no smaller than its content is written before it is given up.
`literals` has eight bytes more than a block: they are written by words, up to 7 bytes too far. A block has at most
MOST sequences: each has a match of at least three bytes, and a literal or a fourth byte of its delta or header.
Where blocks of deltas begin is checked against the page's end before it is used.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.places import GOLDEN
from logpress.kernel.words import highest_bit, load32, load64, store32, store64
from logpress.parquet.zstd.kernels_huffman import write_literals
from logpress.parquet.zstd.kernels_sequences import SHORTEST, write_sequences

BLOCK_BYTES = 1 << 17
"""The longest content of a block: 128 KB (3.1.1.2.4)."""

MOST = BLOCK_BYTES // 4
"""The most sequences of a block."""

SINGLE_SEGMENT_BYTES = 8 << 20
"""[bytes] A longer frame has a window of its own, because decoders may refuse a window of more than 8 MB
(3.1.1.1.2)."""

PLACE_BITS = 8
"""[bytes] Bits of a hash of a number's high bytes: the upper ones of a product with GOLDEN."""

PLACES = 1 << PLACE_BITS
"""Numbers by their high bytes that are remembered."""

DELTA_BITS = 17
"""[bytes] Bits of a hash of a delta's low bytes: the upper ones of a product with GOLDEN."""

DELTA_PLACES = 1 << DELTA_BITS
"""Deltas by their low bytes that are remembered: some more than a page of a megabyte has different ones."""

_MAGIC = np.array([0x28, 0xB5, 0x2F, 0xFD], dtype=np.uint8)
"""Magic_Number 0xFD2FB528, the lowest byte first (3.1.1)."""

_WINDOW = 10 << 3
"""Window_Descriptor: exponent 10, mantissa 0, which is 2^(10 + 10) bytes (3.1.1.1.2)."""

_MOST_BACK = 1 << 20
"""The largest offset in any frame: the window of a large one. A single segment may go back to its beginning."""

_LONG_RUN = 12
"""[bytes] Bytes of a run from which on it is a sequence: shorter ones cost less as literals."""

_LONG_PREFIX = 512
"""[bytes] Bytes of a prefix that are worth a block with a code of their own."""

_SINGLE_SEGMENT = 1 << 5
"""Single_Segment_Flag of the Frame_Header_Descriptor (3.1.1.1.1)."""

_CONTENT_OF_2, _CONTENT_OF_4, _CONTENT_OF_8 = 1 << 6, 2 << 6, 3 << 6
"""Frame_Content_Size_Flag: bytes of the content's size; without it, 1 where there is a single segment (3.1.1.1.1)."""

_RAW, _COMPRESSED = 0, 2
"""Block_Type (3.1.1.2.2)."""

_FIRST_OFFSETS = 1, 4, 8
"""The repeated offsets with which a frame begins (3.1.1.5)."""

_BLOCK_DELTAS = 128
"""Deltas of a block of DELTA_BINARY_PACKED: `kernels_numbers.BLOCK`, in four miniblocks."""

CURSOR_WORDS = 4
"""Words of a cursor, which says where the blocks of deltas are."""

_SIZE = 0
"""Word of a cursor: bytes of a delta of this block, or _UNKNOWN."""

_DONE = 1
"""Word of a cursor: deltas of this block that are done."""

_HEADER_AT = 2
"""Word of a cursor: where this block's header begins."""

_HEADER_SIZE = 3
"""Word of a cursor: bytes of this block's header."""

_UNKNOWN = -1
"""In place of bytes a delta: the deltas do not stand in whole bytes."""

_LOW_THREE = np.uint64(0xFFFFFF)
_EIGHT, _SIXTEEN = np.uint64(8), np.uint64(16)
_PLACE_SHIFT, _DELTA_SHIFT = np.uint64(64 - PLACE_BITS), np.uint64(64 - DELTA_BITS)


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
    place = np.int64((high * GOLDEN) >> _PLACE_SHIFT)
    back = at - np.int64(places[place])
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
def _after_varint(page, at):
    """Behind the varint at `at`, or the page's end."""
    while at < page.shape[0] and page[at] > 127:
        at += 1
    return min(at + 1, page.shape[0])


@inner_kernel
def _delta_block(page, at):
    """Where the deltas of the block begin whose header stands at `at`, and the bytes of each.

    The bytes are _UNKNOWN where the four widths are not the same whole bytes, 4 to 8, or the page ends before.
    """
    widths = _after_varint(page, at)
    if widths + 4 > page.shape[0]:
        return page.shape[0], _UNKNOWN
    width = np.int64(page[widths])
    same = page[widths + 1] == width and page[widths + 2] == width and page[widths + 3] == width
    if same and width % 8 == 0 and 32 <= width <= 64:
        return widths + 4, width >> 3
    return widths + 4, _UNKNOWN


@inner_kernel
def _open_deltas(page, prefix, cursor):
    """Go to the first block of a page of deltas: behind its prefix and the four numbers of its header."""
    at = prefix
    for _ in range(4):
        at = _after_varint(page, at)
    cursor[_SIZE] = 8  # of a block before the first
    cursor[_DONE] = _BLOCK_DELTAS
    cursor[_HEADER_AT] = at  # where splitting begins; no header stands before it
    cursor[_HEADER_SIZE] = 0


@inner_kernel
def _split_deltas(page, at, end, cursor, places, out, to, lengths, pending):
    """Sequences of deltas in whole bytes; see `_split`, and `pending` are the literals so far.

    `cursor` is int64[CURSOR_WORDS]: how far the page's blocks of deltas are done with.
    """
    most_back = page.shape[0] if page.shape[0] <= SINGLE_SEGMENT_BYTES else _MOST_BACK
    found = 0
    matched_to = -1  # where the last match ends, and its distance
    distance = 0
    while at < end and cursor[_SIZE] != _UNKNOWN:
        size = cursor[_SIZE]
        if cursor[_DONE] == _BLOCK_DELTAS:
            begin, size = _delta_block(page, at)
            if size == _UNKNOWN:
                cursor[_SIZE] = _UNKNOWN
                break
            if begin > end:
                break
            # mostly the same as the last one
            header, before = begin - at, cursor[_HEADER_AT]
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
            cursor[_SIZE] = size
            cursor[_DONE] = 0
            cursor[_HEADER_AT] = at
            cursor[_HEADER_SIZE] = header
            at = begin
            continue
        if at + size > end:
            break
        word = np.uint64(load32(page, at))
        low = word & _LOW_THREE
        place = np.int64((low * GOLDEN) >> _DELTA_SHIFT)
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


@inner_kernel
def _split(page, start, at, end, stride, distance, only_one, recent, cursor, places, out, lengths):
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
        cursor: int64[CURSOR_WORDS], where the blocks of deltas are; see `_split_deltas`.
        places: int32[DELTA_PLACES], where numbers of some high bytes, or deltas of some low bytes, came last, if any.
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
    elif stride == 0:
        found, at, to = _split_deltas(page, at, end, cursor, places, out, to, lengths, to)
        if cursor[_SIZE] != _UNKNOWN and at < end < page.shape[0]:
            return found, at, to  # the next block of zstd begins with a whole delta
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
        out[4] = _CONTENT_OF_8 if wide else _CONTENT_OF_4
        out[5] = _WINDOW
        store64(out, 6, size)
        return 14 if wide else 10
    if size < 256:
        out[4] = _SINGLE_SEGMENT
        out[5] = size
        return 6
    if size < 256 + (1 << 16):
        out[4] = _CONTENT_OF_2 | _SINGLE_SEGMENT
        store32(out, 5, size - 256)
        return 7
    out[4] = _CONTENT_OF_4 | _SINGLE_SEGMENT
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
    """Write a raw block of page[start:end] at out[to:], behind its header (3.1.1.2); returns where it ends."""
    _put24(out, to, (end - start) << 3 | _RAW << 1 | (1 if end == page.shape[0] else 0))
    for k in range(end - start):
        out[to + 3 + k] = page[start + k]
    return to + 3 + end - start


@kernel
def write_frame(
    page, stride, distance, prefix, out,
    recent, cursor, places, literals, lengths, codes, symbols, cells, bytes_, items, is_leaf,
):  # fmt: skip
    """Write a page as a zstd frame.

    Args:
        page: uint8[n]; its numbers end where it ends.
        stride: bytes of a number: 1, 4 or 8; 0 for deltas in whole bytes.
        distance: of matches: the stride, or a small multiple of it that is the nearest.
        prefix: how many bytes of another kind stand before the numbers; at most n.
        out: uint8[room_bytes(n)], gets the frame.
        recent: int64[6], scratch: the distances used last, and those used before a block.
        cursor: int64[CURSOR_WORDS], scratch.
        places: int32[DELTA_PLACES], scratch.
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
    if stride == 0:
        places[:] = -1
        _open_deltas(page, prefix, cursor)
    else:
        places[:PLACES] = -1
    recent[0], recent[1], recent[2] = _FIRST_OFFSETS
    while start < size:
        end = min(start + BLOCK_BYTES, size)
        if stride == 0:
            first = min(max(start, cursor[_HEADER_AT]), end)
        else:
            end -= (size - end) % stride
            first = max(start, distance)
            first = min(first + (size - first) % stride, end)
        if start == 0 and _LONG_PREFIX <= prefix < end:
            end = first = prefix
        for k in range(3):
            recent[3 + k] = recent[k]
        found, end, count = _split(
            page, start, first, end, stride, distance, not known, recent, cursor, places, literals, lengths
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
