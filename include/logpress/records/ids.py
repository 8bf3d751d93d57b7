"""Hashes of the ids of a slice's records, sorted, in a file beside its staged parts, to count distinct ids of a day.

The file: 257 offsets (int64), at which the hashes of each first byte begin; the first words of all hashes, sorted;
their second words (uint64, little-endian). Hashes have 128 bits: of 10^9 ids, two have the same hash with a probability
of 10^-21.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fsspec
import numpy as np
from numpy.typing import NDArray

FILE_NAME = "_ids"
_BINS = 256
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
        bounds = np.arange(1, _BINS, dtype=np.uint64) << np.uint64(56)
        offsets = np.zeros(_BINS + 1, dtype="<i8")
        offsets[1:-1] = np.searchsorted(hashes[0], bounds)
        offsets[-1] = hashes.shape[1]
        with filesystem.open(f"{folder}/{FILE_NAME}", "wb") as file:
            file.write(offsets.tobytes())
            file.write(hashes.astype("<u8").tobytes())
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
    files = [_IdFile(path) for path in paths]
    sizes = np.sum([np.diff(file.offsets) for file in files], axis=0)
    found = first = 0
    while first < _BINS:
        last = first + 1
        while last < _BINS and sizes[first : last + 1].sum() <= _AT_A_TIME:
            last += 1
        found += count_distinct(_sorted(np.concatenate([file.hashes(first, last) for file in files], axis=1)))
        first = last
    return found


class _IdFile:
    """The file of one slice."""

    def __init__(self, path: str) -> None:
        self._filesystem, self._path = fsspec.core.url_to_fs(path)
        self.offsets = np.frombuffer(self._read(0, 8 * (_BINS + 1)), dtype="<i8")

    def _read(self, begin: int, end: int) -> bytes:
        data: bytes = self._filesystem.cat_file(self._path, start=begin, end=end)
        if len(data) != end - begin:
            raise OSError(f"{self._path}: is too short")
        return data

    def hashes(self, first: int, last: int) -> NDArray[np.uint64]:
        """The hashes whose first byte is from `first` to `last`: uint64[2, n]."""
        count = int(self.offsets[-1])
        base = 8 * (_BINS + 1)
        begin, end = (8 * int(self.offsets[place]) for place in (first, last))
        words = [np.frombuffer(self._read(base + at + begin, base + at + end), dtype="<u8") for at in (0, 8 * count)]
        return np.stack(words).astype(np.uint64)
