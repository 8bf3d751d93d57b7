"""Bytes and numbers as text: Parquet's metadata is text."""

from __future__ import annotations

import base64

import numpy as np
import zstandard

from logpress.engine.rows import Ints

_ZSTD = 15  # a hundred KB take some milliseconds


def bytes_to_text(data: bytes) -> str:
    """Bytes as zstd and base85."""
    return base64.b85encode(zstandard.ZstdCompressor(level=_ZSTD).compress(data)).decode()


def bytes_from_text(text: str) -> bytes:
    """The reverse of `bytes_to_text`.

    Raises:
        ValueError: if the text is none of those.
    """
    try:
        return zstandard.ZstdDecompressor().decompress(base64.b85decode(text))
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def numbers_to_text(numbers: Ints) -> str:
    """Numbers, int64[n]: their differences, in eight planes of bytes."""
    planes = np.ascontiguousarray(np.diff(numbers, prepend=0).view(np.uint8).reshape(-1, 8).T)
    return bytes_to_text(planes.tobytes())


def numbers_from_text(text: str) -> Ints:
    """The reverse of `numbers_to_text`.

    Raises:
        ValueError: if the text is none of those.
    """
    planes = np.array(bytearray(bytes_from_text(text)), dtype=np.uint8).reshape(8, -1)
    return np.cumsum(np.ascontiguousarray(planes.T).view(np.int64).ravel())
