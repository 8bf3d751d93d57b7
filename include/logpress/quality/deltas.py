"""A decoder of DELTA_BINARY_PACKED in NumPy, which shares no code with the writer nor with pyarrow.

Source: apache/parquet-format, Encodings.md, "Delta Encoding". fastparquet 2026.9 reads wrong values where a miniblock
has more than 28 bits a delta (its buffer of 64 bits overflows), so `lent_to_fastparquet` gives it this one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LONGEST_VARINT = 10
_lent = threading.Lock()  # or a thread could put back what another has lent


def decode_deltas(data: bytes) -> NDArray[np.int64]:
    """The values of a page of DELTA_BINARY_PACKED: int64[n]; differences wrap around at 64 bits.

    Raises:
        ValueError: if the bytes end early, or their header is none.
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
    deltas = np.zeros(max(count, 1), dtype=np.uint64)
    deltas[0] = _unzigzag(first)
    done = 1
    while done < count:
        least, at = _varint(data, at)
        widths = data[at : at + miniblocks]
        at += miniblocks
        for width in widths[: -(-(count - done) // size)]:
            packed = data[at : at + width * size // 8]
            at += len(packed)
            if width > 64 or len(packed) < width * size // 8:
                raise ValueError("the bytes end within a block of deltas")
            some = min(size, count - done)
            deltas[done : done + some] = _unpacked(packed, width, size)[:some] + np.uint64(_unzigzag(least))
            done += some
        if len(widths) < miniblocks:
            raise ValueError("the bytes end within a block of deltas")
    return np.cumsum(deltas, dtype=np.uint64).view(np.int64)[:count]


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
    """As 64 bits without a sign."""
    return (number >> 1 ^ -(number & 1)) & (2**64 - 1)


def _unpacked(packed: bytes, width: int, count: int) -> NDArray[np.uint64]:
    """Numbers of `width` bits, the lowest bit first: uint64[count]."""
    if width == 0:
        return np.zeros(count, dtype=np.uint64)
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), bitorder="little").reshape(count, width)
    padded = np.zeros((count, 64), dtype=np.uint8)
    padded[:, :width] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").ravel()


@contextmanager
def lent_to_fastparquet() -> Iterator[None]:
    """Let fastparquet read int64 with `decode_deltas` meanwhile, in this process; one thread at a time."""
    import fastparquet.cencoding as theirs  # slow to import, and needed here only

    def unpack(source: Any, target: Any, longval: int = 0) -> int:
        if not longval:
            return int(before(source, target, longval))
        for half in decode_deltas(bytes(source.read())).view(np.int32).tolist():  # all that it lets others write
            target.write_int(half)
        return 0

    with _lent:
        before = theirs.delta_binary_unpack
        theirs.delta_binary_unpack = unpack
        try:
            yield
        finally:
            theirs.delta_binary_unpack = before
