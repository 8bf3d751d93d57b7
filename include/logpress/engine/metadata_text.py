"""Bytes and numbers as text: Parquet's metadata is text.

Base85 is that of `base64.b85encode`, which takes twenty times as long.
"""

from __future__ import annotations

import numpy as np
import zstandard

from logpress.engine.rows import Ints

_ZSTD = 15  # a hundred KB take some milliseconds

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_DIGITS = np.frombuffer(_ALPHABET, dtype=np.uint8)
_POWERS = 85 ** np.arange(4, -1, -1, dtype=np.uint64)
_NO_DIGIT = 1 << 32
_VALUES = np.full(256, _NO_DIGIT, dtype=np.uint64)
_VALUES[_DIGITS] = np.arange(85)


def base85_encode(data: bytes) -> str:
    """Bytes as base85: five digits for four bytes."""
    missing = -len(data) % 4
    words = np.frombuffer(data + bytes(missing), dtype=">u4").astype(np.uint64)
    text: bytes = _DIGITS[words[:, None] // _POWERS % 85].tobytes()
    return text[: len(text) - missing].decode()


def base85_decode(text: str) -> bytes:
    """The reverse of `base85_encode`.

    Raises:
        ValueError: if the text is none of those.
    """
    missing = -len(text) % 5
    digits = _VALUES[np.frombuffer(text.encode() + _ALPHABET[-1:] * missing, dtype=np.uint8)]
    words = digits.reshape(-1, 5) @ _POWERS
    if digits.max(initial=0) >= _NO_DIGIT or words.max(initial=0) >= 1 << 32:
        raise ValueError("no base85")
    data: bytes = words.astype(">u4").tobytes()
    return data[: len(data) - missing]


def bytes_to_text(data: bytes) -> str:
    """Bytes as zstd and base85."""
    return base85_encode(zstandard.ZstdCompressor(level=_ZSTD).compress(data))


def bytes_from_text(text: str) -> bytes:
    """The reverse of `bytes_to_text`.

    Raises:
        ValueError: if the text is none of those.
    """
    try:
        return zstandard.ZstdDecompressor().decompress(base85_decode(text))
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
    planes = np.frombuffer(bytes_from_text(text), dtype=np.uint8).reshape(8, -1)
    return np.cumsum(np.ascontiguousarray(planes.T).view(np.int64).ravel())
