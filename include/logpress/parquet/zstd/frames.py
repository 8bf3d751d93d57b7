"""zstd frames of numbers, smaller than those of libzstd, and made faster."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from logpress.parquet.zstd.kernels_deltas import CURSOR_WORDS, DELTA_PLACES
from logpress.parquet.zstd.kernels_frames import write_frame
from logpress.parquet.zstd.kernels_fse import MOST_LOG, SYMBOLS
from logpress.parquet.zstd.kernels_huffman import BYTES_ROWS, LONGEST, MOST_ITEMS
from logpress.parquet.zstd.kernels_matches import BLOCK_BYTES, MOST

Matching = tuple[int, int]
"""(bytes of a number, distance in bytes to the number whose high bytes it may match; the smallest such distance)."""

BYTES: Matching = (1, 1)
"""Numbers of one byte."""

NEARLY_IN_ORDER: dict[int, Matching] = {4: (4, 4), 8: (8, 8)}
"""Matchings of nearly sorted numbers, by their bytes."""

MOSTLY_BELOW_256: dict[int, Matching] = {4: (4, 32), 8: (8, 64)}
"""[bytes] Matchings of numbers that are mostly below 256, by their bytes; `kernels_matches` explains the distances."""

WHOLE_DELTAS: Matching = (0, 1)
"""Matching of deltas in whole bytes, as `kernels_numbers.whole_deltas` makes them; the page tells their size."""

MATCHINGS = (BYTES, *NEARLY_IN_ORDER.values(), *MOSTLY_BELOW_256.values(), WHOLE_DELTAS)
_BLOCK_ROOM = 3 * BLOCK_BYTES
"""Bytes for a block that is given up: at most its content, and 76 bits for every 4 bytes of it."""


def room_bytes(size: int) -> int:
    """Size of the buffer for the frame of a page of `size` bytes."""
    return size + 3 * (size // (BLOCK_BYTES - 8) + 2) + _BLOCK_ROOM


class _Scratch(threading.local):
    """The buffers of a thread's calls; `out` keeps the size of the largest page."""

    def __init__(self) -> None:
        self.arrays = scratch_arrays()
        self.out = np.empty(0, np.uint8)


def scratch_arrays() -> tuple[NDArray[np.uint8] | NDArray[np.int32] | NDArray[np.int64], ...]:
    """The scratch arrays of `write_frame`, in the order of its arguments."""
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

    It is small if numbers are nearly sorted, or mostly below 256, or if they have one byte and some are more frequent
    than others. It is exact for any content, and no frame is longer than the page, 14 bytes, and 3 bytes for each 128
    KB.

    Args:
        page: a prefix, then little-endian numbers up to its end.
        matching: how the numbers are split into sequences.
        prefix: approximate length of the prefix, such as the definition levels of a Parquet page.

    Raises:
        ValueError: if the matching is unknown, or the prefix is longer than the page.
    """
    content = np.frombuffer(page, np.uint8)
    if matching not in MATCHINGS or not 0 <= prefix <= len(content):
        raise ValueError(f"a page of {len(content)} bytes cannot have matching {matching} and prefix {prefix}")
    stride, distance = matching
    scratch = _scratch
    room = room_bytes(len(content))
    if len(scratch.out) < room:
        scratch.out = np.empty(room, np.uint8)
    content.flags.writeable = False  # one type of array: one compiled kernel
    size = write_frame(content, stride, distance, prefix, scratch.out, *scratch.arrays)
    return scratch.out[:size].tobytes()
