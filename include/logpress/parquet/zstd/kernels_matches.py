"""Kernels that split numbers into the sequences of a zstd block (RFC 8878, 3.1.1.3.2): literals, then a match.

- Nearly sorted numbers: the low bytes, up to the highest byte that differs from the number before, are literals; the
  bytes above match that number. The first block has a single sequence, which makes this offset the repeated one
  (3.1.1.5), so that later blocks need not state it.
- Numbers mostly below 256: the lowest byte is a literal; the bytes above match those of an earlier number, at one of
  the three repeated offsets if possible, else the latest such number. If there is none, two bytes or all are literals.
- Numbers of one byte: runs of at least 12 bytes are matches. Their offset, 1, is a repeated one from the start.
- Deltas in whole bytes: see `kernels_deltas`.

Offsets of the second kind are at least 32 bytes (int32) or 64 bytes (int64), because decoders stall when they copy
bytes that they have just written: 9.5 ns a value at one number back, 5.7 ns at 64 bytes (ADR 12).

Bounds: words are read within the page only. The number before is read at a distance of at least that offset from the
begin; other offsets are used only if they stay within the page. `literals` has 8 bytes more than a block, because words
are stored up to 7 bytes too far. A block has at most MOST sequences: each has a match of at least three bytes, and a
literal or a fourth byte of its delta or header.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel
from logpress.kernel.places import GOLDEN
from logpress.kernel.words import highest_bit, load32, load64, store64
from logpress.parquet.zstd.kernels_deltas import SIZE, UNKNOWN, split_deltas
from logpress.parquet.zstd.kernels_sequences import MOST_BACK, SHORTEST

BLOCK_BYTES = 1 << 17
"""Largest content of a block: 128 KB (3.1.1.2.4)."""

MOST = BLOCK_BYTES // 4
"""The most sequences of a block."""

PLACE_BITS = 8
"""[bytes] Bits of the hash of a number's high bytes: the upper ones of a product with GOLDEN."""

PLACES = 1 << PLACE_BITS
"""Places of the table of numbers by their high bytes."""

_LONG_RUN = 12
"""[bytes] Shortest run that becomes a match; shorter ones cost less as literals."""

_EIGHT, _SIXTEEN = np.uint64(8), np.uint64(16)
_PLACE_SHIFT = np.uint64(64 - PLACE_BITS)


@inner_kernel
def _split_runs(page, at, end, out, to, lengths, pending):
    """Split bytes: long runs become matches; see `find_sequences`. `pending` is the number of literals so far."""
    found = 0
    copied = at
    least = at + (1 if pending == 0 else 0)  # without literals, a repeated offset has another meaning (3.1.1.5)
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
    """Split numbers of 4 or 8 bytes one by one; see `find_sequences`. `pending` is the number of literals so far."""
    found = 0
    while at + stride <= end:
        word = _number(page, at, stride)
        size = (highest_bit(word ^ _number(page, at - stride, stride)) + 8) >> 3
        at += stride
        if size == 0 and pending == 0:
            if found > 0:
                lengths[1, found - 1] += stride
                continue
            size = 1  # without literals, a repeated offset has another meaning (3.1.1.5)
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
    """Find an earlier number with the same high bytes, not at the last offset; remember the position of this one.

    Returns:
        Its offset value (3.1.1.5); 0 if there is none.
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
    elif not (nearest <= back <= min(at, MOST_BACK) and _number(page, at - back, stride) >> _EIGHT == high):
        return 0
    recent[2] = recent[1]
    recent[1] = recent[0]
    recent[0] = back
    return back + 3


@inner_kernel
def _split_small(page, at, end, stride, nearest, recent, places, out, to, lengths, pending):
    """Split numbers that are mostly below 256; see `find_sequences`. `pending` is the number of literals so far."""
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
def find_sequences(page, start, at, end, stride, distance, only_one, recent, cursor, places, out, lengths):
    """Find the sequences of a block's content, and copy its literals.

    Args:
        page: uint8[n].
        start: begin of the content.
        at: begin of its first number with numbers before it: at least `start` and the distance, at most `end`.
        end: end of the content.
        stride: bytes of a number.
        distance: of matches; if it is more than the stride, the smallest one.
        only_one: whether the content ends behind the first sequence, if there is one.
        recent: int64[3], the repeated offsets.
        cursor: int64[CURSOR_WORDS], see `split_deltas`.
        places: int32[DELTA_PLACES], latest positions of numbers by high bytes, or of deltas by low bytes.
        out: uint8[BLOCK_BYTES + 8], gets the literals.
        lengths: int32[3, MOST], gets the literal length, match length and, if offsets vary, offset value of each.

    Returns:
        (number of sequences, end of the content, number of literals).
    """
    to = at - start
    for k in range(to):
        out[k] = page[start + k]
    if stride == 1:
        found, at, to = _split_runs(page, at, end, out, to, lengths, to)
    elif stride == 0:
        found, at, to = split_deltas(page, at, end, cursor, places, out, to, lengths, to)
        if cursor[SIZE] != UNKNOWN and at < end < page.shape[0]:
            return found, at, to  # so that the next zstd block begins with a whole delta
    elif distance > stride:
        found, at, to = _split_small(page, at, end, stride, distance, recent, places, out, to, lengths, to)
    else:
        found, at, to = _split_words(page, at, end, stride, only_one, out, to, lengths, to)
    if only_one and found > 0:
        return found, at, to
    for k in range(end - at):
        out[to + k] = page[at + k]
    return found, end, to + end - at
