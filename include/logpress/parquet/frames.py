"""zstd frames of numbers that stand nearly in order, made faster than libzstd makes them."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from logpress.parquet.kernels_frames import BLOCK_BYTES, MOST, MOST_LOG, SYMBOLS, write_frame

MOST_STRIDE = 1 << 16
_BLOCK_ROOM = 3 * BLOCK_BYTES
"""A block that is given up: at most its content, and 50 bits for every four bytes of it."""


def room_bytes(size: int) -> int:
    """How many bytes to keep free for the frame of a page of `size` bytes."""
    return size + 3 * (size // (BLOCK_BYTES - MOST_STRIDE) + 2) + _BLOCK_ROOM


class _Scratch(threading.local):
    """What a thread's calls work in; `out` stays as large as the largest page made it."""

    def __init__(self) -> None:
        self.lengths = np.zeros((2, MOST), np.int32)
        self.codes = np.zeros((2, MOST), np.uint8)
        self.symbols = np.zeros((2, 4, SYMBOLS), np.int32)
        self.cells = np.zeros((3, 1 << MOST_LOG), np.int32)
        self.out = np.empty(0, np.uint8)


_scratch = _Scratch()


def compress_numbers(page: bytes | NDArray[np.uint8], stride: int, prefix: int) -> bytes:
    """A zstd frame (RFC 8878) whose content is `page`: small if it holds numbers that stand nearly in order.

    Any content comes back, and no frame is longer than the page, 14 bytes and 3 bytes for each 128 KB.

    Args:
        page: `prefix` bytes of any kind, then little-endian numbers of `stride` bytes each; the last may be cut.
        stride: bytes of a number.
        prefix: bytes before the first number, such as a Parquet page's definition levels.

    Raises:
        ValueError: The stride is not 1 to 65,536, or the prefix longer than the page.
    """
    content = np.frombuffer(page, np.uint8)
    if not 1 <= stride <= MOST_STRIDE or not 0 <= prefix <= len(content):
        raise ValueError(f"no page of {len(content)} bytes has values of {stride} bytes behind {prefix}")
    scratch = _scratch
    room = room_bytes(len(content))
    if len(scratch.out) < room:
        scratch.out = np.empty(room, np.uint8)
    content.flags.writeable = False  # one type of array: one compiled kernel
    size = write_frame(
        content, stride, prefix, scratch.out, scratch.lengths, scratch.codes, scratch.symbols, scratch.cells
    )
    return scratch.out[:size].tobytes()
