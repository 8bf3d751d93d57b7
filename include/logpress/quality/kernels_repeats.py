"""The kernel that hashes texts for a check of kind `unique`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.compile import kernel


@kernel
def hash_texts(buffer: NDArray[np.uint8], offsets: NDArray[np.int64], hashes: NDArray[np.uint64]) -> None:
    """Hash texts that lie one after the other.

    Bounds: every text lies within buffer[offsets[0]:offsets[n]], because the caller has checked that offsets ascend.

    Args:
        buffer: uint8[offsets[n] + PADDING], the texts.
        offsets: int64[n + 1], ascending from 0 or more: where each text begins, and the end.
        hashes: uint64[n, 2], filled: XXH3-128 of each text, as (low, high).
    """
    for i in range(hashes.shape[0]):
        one, two = hash128(buffer, offsets[i], offsets[i + 1])
        hashes[i, 0] = one
        hashes[i, 1] = two
