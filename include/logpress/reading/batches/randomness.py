"""Random numbers that depend on their key alone: on no version of NumPy, no machine and no number of threads."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_MOST = 1 << 32
"""Positions that `shuffled` can tell apart."""


def words(count: int, *key: object) -> NDArray[np.uint64]:
    """uint64[count], random.

    They are the raw output of Philox (Salmon et al., 2011), which NumPy keeps the same in all versions, other than what
    its `Generator` makes of it.

    Args:
        count: how many.
        key: what they depend on; each of its items has an unambiguous `repr`.
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
    found: NDArray[np.uint64] = np.random.Philox(key=int.from_bytes(digest, "little")).random_raw(count)
    return found


def shuffled(count: int, *key: object) -> NDArray[np.int64]:
    """int64[count]: the numbers from 0 to before `count`, in a random order.

    Each number is written behind random bits, and these keys are sorted: they are distinct, so any algorithm sorts them
    alike.

    Args:
        count: how many, below 2^32.
        key: what the order depends on.
    """
    assert count < _MOST
    bits = max(1, (count - 1).bit_length()) if count else 1
    places = np.arange(count, dtype=np.uint64)
    keys = words(count, *key)
    keys <<= np.uint64(bits)
    keys |= places
    keys.sort()
    keys &= np.uint64((1 << bits) - 1)
    return keys.view(np.int64)
