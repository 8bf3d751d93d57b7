"""The kernel that writes zstd frames (RFC 8878) of numbers of one, four or eight bytes.

`kernels_matches` finds the sequences of a block; `kernels_sequences` and `kernels_huffman` write them and their
literals.

Bounds: `out` has `room_bytes(n)` bytes, because a block that is not smaller than its content is written before it is
given up. Reads stay inside the page.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import store32, store64
from logpress.parquet.zstd.kernels_deltas import HEADER_AT, open_deltas
from logpress.parquet.zstd.kernels_huffman import write_literals
from logpress.parquet.zstd.kernels_matches import BLOCK_BYTES, PLACES, find_sequences
from logpress.parquet.zstd.kernels_sequences import SINGLE_SEGMENT_BYTES, write_sequences

_MAGIC = np.array([0x28, 0xB5, 0x2F, 0xFD], dtype=np.uint8)
"""Magic_Number 0xFD2FB528, the lowest byte first (3.1.1)."""

_WINDOW = 10 << 3
"""Window_Descriptor: exponent 10, mantissa 0, which is 2^(10 + 10) bytes (3.1.1.1.2)."""

_LONG_PREFIX = 512
"""[bytes] Smallest prefix that gets a block, and so a Huffman code, of its own."""

_SINGLE_SEGMENT = 1 << 5
"""Single_Segment_Flag of the Frame_Header_Descriptor (3.1.1.1.1)."""

_CONTENT_OF_2, _CONTENT_OF_4, _CONTENT_OF_8 = 1 << 6, 2 << 6, 3 << 6
"""Frame_Content_Size_Flag, by bytes of the content size; without a flag, 1 byte in a single segment (3.1.1.1.1)."""

_RAW, _COMPRESSED = 0, 2
"""Block_Type (3.1.1.2.2)."""

_FIRST_OFFSETS = 1, 4, 8
"""The repeated offsets at the begin of a frame (3.1.1.5)."""


@inner_kernel
def _write_header(size, out):
    """Write the header of a frame (3.1.1.1) of `size` bytes; returns the end."""
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
    """Write a number as three bytes."""
    out[to] = number & 255
    out[to + 1] = number >> 8 & 255
    out[to + 2] = number >> 16


@inner_kernel
def _write_raw(page, start, end, out, to):
    """Write page[start:end] as a raw block at out[to:], with its header (3.1.1.2); returns the end."""
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
        page: uint8[n]; its numbers reach to its end.
        stride: bytes of a number: 1, 4 or 8; 0 for deltas in whole bytes.
        distance: smallest distance of matches: the stride or a small multiple of it.
        prefix: number of bytes before the numbers; at most n.
        out: uint8[room_bytes(n)], gets the frame.
        recent: int64[6], scratch: the repeated offsets, and those before the current block.
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
        Size of the frame.
    """
    size = page.shape[0]
    begin = _write_header(size, out)
    to = begin
    start = 0
    varies = distance > stride
    known = stride == 1 or varies  # whether `distance` is the repeated offset
    if stride == 0:
        places[:] = -1
        open_deltas(page, prefix, cursor)
    else:
        places[:PLACES] = -1
    recent[0], recent[1], recent[2] = _FIRST_OFFSETS
    while start < size:
        end = min(start + BLOCK_BYTES, size)
        if stride == 0:
            first = min(max(start, cursor[HEADER_AT]), end)
        else:
            end -= (size - end) % stride
            first = max(start, distance)
            first = min(first + (size - first) % stride, end)
        if start == 0 and _LONG_PREFIX <= prefix < end:
            end = first = prefix
        for k in range(3):
            recent[3 + k] = recent[k]
        found, end, count = find_sequences(
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
            for k in range(3):  # offsets of a block that is given up do not count
                recent[k] = recent[3 + k]
        start = end
    blocks = max((size + BLOCK_BYTES - 1) // BLOCK_BYTES, 1)
    if size == 0 or to - begin > size + 3 * blocks:
        to = begin
        for block in range(blocks):
            start = block * BLOCK_BYTES
            to = _write_raw(page, start, min(start + BLOCK_BYTES, size), out, to)
    return to
