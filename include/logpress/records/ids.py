"""Hashes of the ids of a slice's records, sorted, in a file beside its staged parts, to count distinct ids of a day.

Hashes have 128 bits: of 10^9 ids, two have the same hash with a probability of 10^-21.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.records.hashes_on_disk import sorted_pieces, write_sorted

FILE_NAME = "_ids"
_AT_A_TIME = 16_000_000
"""[memory] Hashes that are compared at a time: 256 MB, and as much again for sorting."""


class Ids:
    """The ids of one slice."""

    def __init__(self) -> None:
        self._hashes: list[NDArray[np.uint64]] = []

    def add(self, hashes: NDArray[np.uint64]) -> None:
        """Add hashes: uint64[2, n]."""
        self._hashes.append(hashes)

    def write(self, filesystem: Any, folder: str) -> int:
        """Write the file; returns the number of distinct ids."""
        hashes = _sorted(np.concatenate([np.empty((2, 0), dtype=np.uint64), *self._hashes], axis=1))
        self._hashes = [hashes]
        write_sorted(filesystem, f"{folder}/{FILE_NAME}", hashes)
        return count_distinct(hashes)


def _sorted(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    found = np.ascontiguousarray(hashes[:, np.argsort(hashes[0])])
    if (found[0, 1:] == found[0, :-1]).any():  # where first words are equal, second words must be sorted too
        found = np.ascontiguousarray(hashes[:, np.lexsort((hashes[1], hashes[0]))])
    return found


def count_distinct(hashes: NDArray[np.uint64]) -> int:
    """Number of distinct hashes among sorted ones."""
    if hashes.shape[1] == 0:
        return 0
    return 1 + int(np.count_nonzero((hashes[:, 1:] != hashes[:, :-1]).any(axis=0)))


def distinct_in(paths: Sequence[str]) -> int:
    """Number of distinct ids in the files of several slices together, in bounded memory.

    Raises:
        OSError: if a file cannot be read.
    """
    return sum(count_distinct(_sorted(hashes)) for hashes in sorted_pieces(paths, 2, _AT_A_TIME))
