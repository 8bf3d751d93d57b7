"""A decoder of DELTA_BINARY_PACKED in NumPy, which shares no code with the writer nor with pyarrow.

Source: apache/parquet-format, Encodings.md, "Delta Encoding". `lent_to_fastparquet` makes fastparquet use this
decoder, because fastparquet 2026.9 reads wrong values from miniblocks of more than 28 bits a delta: its 64-bit buffer
overflows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LONGEST_VARINT = 10
_AT_A_TIME = 512
"""Miniblocks unpacked by one call of NumPy: enough to hide its 10 us, few enough for their indices to stay in cache."""
_lent = threading.Lock()  # because one thread could restore fastparquet's decoder while another still needs ours


def decode_deltas(data: bytes) -> NDArray[np.int64]:
    """The values of a page of DELTA_BINARY_PACKED: int64[n]; differences wrap around at 64 bits.

    Raises:
        ValueError: if the bytes end early, or their header is not valid.
    """
    block, at = _varint(data, 0)
    miniblocks, at = _varint(data, at)
    count, at = _varint(data, at)
    first, at = _varint(data, at)
    if not 0 < miniblocks <= block or block % (32 * miniblocks):
        raise ValueError(f"blocks of {block} deltas cannot have {miniblocks} miniblocks")
    if count > 1 + block * len(data):
        raise ValueError(f"{len(data)} bytes cannot have {count} deltas")
    size = block // miniblocks
    # miniblocks by width: (index of the first delta, offset in `data`, least delta)
    found: dict[int, list[tuple[int, int, int]]] = {}
    done = 1
    while done < count:
        least, at = _varint(data, at)
        widths = data[at : at + miniblocks]
        at += miniblocks
        for width in widths[: -(-(count - done) // size)]:
            if width > 64 or at + width * size // 8 > len(data):
                raise ValueError("the bytes end within a block of deltas")
            found.setdefault(width, []).append((done, at, _unzigzag(least)))
            at += width * size // 8
            done += size
        if len(widths) < miniblocks:
            raise ValueError("the bytes end within a block of deltas")
    some = min(size, -(-count // 8) * 8)  # deltas to unpack of a miniblock: no more than the page can use
    deltas = np.zeros(1 + count + some, dtype=np.uint64)
    deltas[0] = _unzigzag(first)
    octets = np.frombuffer(data, dtype=np.uint8)
    for width, miniblocks_of_width in found.items():
        for k in range(0, len(miniblocks_of_width), _AT_A_TIME):
            rows = np.array(miniblocks_of_width[k : k + _AT_A_TIME], dtype=np.uint64)
            places, begins, leasts = rows.T[:, :, np.newaxis]
            packed = octets[begins.astype(np.int64) + np.arange(width * some // 8)]
            deltas[places.astype(np.int64) + np.arange(some)] = _unpacked(packed, width, some) + leasts
    return np.cumsum(deltas, out=deltas).view(np.int64)[:count]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for k in range(_LONGEST_VARINT):
        if at + k >= len(data):
            break
        value |= (data[at + k] & 0x7F) << 7 * k
        if data[at + k] < 0x80:
            return value & (2**64 - 1), at + k + 1
    raise ValueError("the bytes end within a number")


def _unzigzag(number: int) -> int:
    """Decode a zigzag number; the result is modulo 2^64."""
    return (number >> 1 ^ -(number & 1)) & (2**64 - 1)


def _unpacked(packed: NDArray[np.uint8], width: int, count: int) -> NDArray[np.uint64]:
    """Numbers of `width` bits, the lowest bit first: uint64[rows, count], of uint8[rows, width * count // 8]."""
    if width % 8:
        bits = np.unpackbits(packed, axis=1, bitorder="little").reshape(len(packed), count, width)
        packed = np.packbits(bits, axis=2, bitorder="little")
    size = -(-width // 8)
    padded = np.zeros((len(packed), count, 8), dtype=np.uint8)
    padded[:, :, :size] = packed.reshape(len(packed), count, size)
    return padded.view("<u8")[:, :, 0]


@contextmanager
def lent_to_fastparquet() -> Iterator[None]:
    """Make fastparquet decode int64 with `decode_deltas` inside this context; one thread at a time."""
    import fastparquet.cencoding as theirs  # here, because it is slow to import

    def unpack(source: Any, target: Any, longval: int = 0) -> int:
        if not longval:
            return int(before(source, target, longval))
        values = decode_deltas(bytes(source.read())).view(np.uint8)
        np.asarray(target.read(len(values)))[:] = values  # a view of the target; its `write` writes elsewhere
        return 0

    with _lent:
        before = theirs.delta_binary_unpack
        theirs.delta_binary_unpack = unpack
        try:
            yield
        finally:
            theirs.delta_binary_unpack = before
