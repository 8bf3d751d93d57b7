"""zstd frames of numbers, smaller than libzstd makes them, and made faster."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from logpress.parquet.zstd.kernels_frames import write_frame
from logpress.parquet.zstd.kernels_fse import MOST_LOG, SYMBOLS
from logpress.parquet.zstd.kernels_huffman import BYTES_ROWS, LONGEST, MOST_ITEMS
from logpress.parquet.zstd.kernels_matches import BLOCK_BYTES, CURSOR_WORDS, DELTA_PLACES, MOST

Matching = tuple[int, int]
"""Bytes of a number, and how many bytes before it stands the one whose high bytes it may share, or the nearest one."""

BYTES: Matching = (1, 1)
"""Numbers of one byte."""

NEARLY_IN_ORDER: dict[int, Matching] = {4: (4, 4), 8: (8, 8)}
"""Nearly sorted numbers, by their bytes."""

MOSTLY_BELOW_256: dict[int, Matching] = {4: (4, 32), 8: (8, 64)}
"""[bytes] Numbers that are mostly below 256, by their bytes; see `kernels_matches` for the distances."""

WHOLE_DELTAS: Matching = (0, 1)
"""Deltas in whole bytes, as `kernels_numbers.whole_deltas` makes them: the page says how many bytes they have."""

MATCHINGS = (BYTES, *NEARLY_IN_ORDER.values(), *MOSTLY_BELOW_256.values(), WHOLE_DELTAS)
_BLOCK_ROOM = 3 * BLOCK_BYTES
"""A block that is given up: at most its content, and 76 bits for every four bytes of it."""


def room_bytes(size: int) -> int:
    """How many bytes to keep free for the frame of a page of `size` bytes."""
    return size + 3 * (size // (BLOCK_BYTES - 8) + 2) + _BLOCK_ROOM


class _Scratch(threading.local):
    """What a thread's calls work in; `out` stays as large as the largest page made it."""

    def __init__(self) -> None:
        self.arrays = scratch_arrays()
        self.out = np.empty(0, np.uint8)


def scratch_arrays() -> tuple[NDArray[np.uint8] | NDArray[np.int32] | NDArray[np.int64], ...]:
    """What `write_frame` works in, in the order of its arguments."""
    return (
        np.zeros(6, np.int64),
        np.zeros(CURSOR_WORDS, np.int64),
        np.zeros(DELTA_PLACES, np.int32),
        np.zeros(BLOCK_BYTES + 8, np.uint8),
        np.zeros((3, MOST), np.int32),
        np.zeros((3, MOST), np.uint8),
        np.zeros((3, 4, SYMBOLS), np.int32),
        np.zeros((4, 1 << MOST_LOG), np.int32),
        np.zeros((BYTES_ROWS, 256), np.int32),
        np.zeros((2, MOST_ITEMS), np.int32),
        np.zeros((LONGEST, MOST_ITEMS), np.uint8),
    )


_scratch = _Scratch()


def compress_numbers(page: bytes | NDArray[np.uint8], matching: Matching, prefix: int = 0) -> bytes:
    """A zstd frame (RFC 8878) whose content is `page`.

    It is small where numbers stand nearly in order, are mostly below 256, or, being of one byte, are some more common
    than others. Any content comes back, and no frame is longer than the page, 14 bytes and 3 bytes for each 128 KB.

    Args:
        page: bytes of another kind, then little-endian numbers up to its end.
        matching: how these are taken apart.
        prefix: bytes of another kind, such as a Parquet page's definition levels; about so many.

    Raises:
        ValueError: There is no such matching, or the prefix is longer than the page.
    """
    content = np.frombuffer(page, np.uint8)
    if matching not in MATCHINGS or not 0 <= prefix <= len(content):
        raise ValueError(f"no page of {len(content)} bytes has numbers matched as {matching} behind {prefix}")
    stride, distance = matching
    scratch = _scratch
    room = room_bytes(len(content))
    if len(scratch.out) < room:
        scratch.out = np.empty(room, np.uint8)
    content.flags.writeable = False  # one type of array: one compiled kernel
    size = write_frame(content, stride, distance, prefix, scratch.out, *scratch.arrays)
    return scratch.out[:size].tobytes()
