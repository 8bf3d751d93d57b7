"""The digest of a multiset of records: the sum of their XXH3-128 hashes modulo 2^128.

The order of records does not change it, a repeated record does. Digests of parts add up to the digest of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_MODULUS = 1 << 128
_WORD = (1 << 64) - 1


def to_text(digest: NDArray[np.uint64]) -> str:
    """32 hexadecimal digits of uint64[2] (low, high)."""
    return f"{(int(digest[1]) << 64) | int(digest[0]):032x}"


def add(digest: NDArray[np.uint64], text: str) -> None:
    """Add a digest, as `to_text` gives it, to uint64[2] (low, high)."""
    total = (int(to_text(digest), 16) + int(text, 16)) % _MODULUS
    digest[:] = total & _WORD, total >> 64


def combine(digests: Iterable[str]) -> str:
    """The digest of the union of multisets."""
    return f"{sum(int(digest, 16) for digest in digests) % _MODULUS:032x}"


def digest_records(records: Iterable[bytes]) -> str:
    """The digest of some records."""
    # here, because kernels are slow to import, and digests are added up where nothing is hashed
    from logpress.hashing.kernels_xxh3 import hash128
    from logpress.kernel.words import PADDING

    total = 0
    for record in records:
        low, high = hash128(np.frombuffer(record + bytes(PADDING), dtype=np.uint8), 0, len(record))
        total += (int(high) << 64) | int(low)
    return f"{total % _MODULUS:032x}"
