"""Hashes on disk, so that memory is bounded: sorted ones in files that are kept, and rows in a file without a name.

A file of sorted hashes: BINS + 1 offsets (int64), where the hashes of each first byte begin, and the end; the first
words of all hashes, ascending; their second words, if they have any (uint64; all little-endian).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import fsspec
import numpy as np
from numpy.typing import NDArray

from logpress.errors import UsageError

BINS = 256
"""Bins of sorted hashes, by their first byte."""

_HEAD_BYTES = 8 * (BINS + 1)

Words = NDArray[np.uint64]
"""uint64[words, n]: hashes, word by word."""


def cuts_of(first_words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """int64[BINS + 1]: where each bin of ascending words begins, and the end."""
    bounds = np.arange(1, BINS, dtype=np.uint64) << np.uint64(56)
    return np.array([0, *np.searchsorted(first_words, bounds), len(first_words)], dtype=np.int64)


def write_sorted(filesystem: Any, path: str, hashes: Words) -> None:
    """Write hashes that are in order; `filesystem` is fsspec's."""
    with filesystem.open(path, "wb") as file:
        file.write(cuts_of(hashes[0]).astype("<i8").data)
        file.write(np.ascontiguousarray(hashes, dtype="<u8").data)


class _SortedFile:
    def __init__(self, path: str) -> None:
        self._filesystem, self._path = fsspec.core.url_to_fs(path)
        self.cuts = np.frombuffer(self._read(0, _HEAD_BYTES), dtype="<i8")

    def between(self, first: int, last: int, words: int) -> Words:
        """The hashes of the bins from `first` on, without the last."""
        begin, end, count = (int(self.cuts[place]) for place in (first, last, BINS))
        places = [_HEAD_BYTES + 8 * count * word for word in range(words)]
        data = [self._read(at + 8 * begin, at + 8 * end) for at in places if end > begin]
        return np.frombuffer(b"".join(data), dtype="<u8").reshape(words, -1)

    def _read(self, begin: int, end: int) -> bytes:
        data: bytes = self._filesystem.cat_file(self._path, start=begin, end=end)
        if len(data) != end - begin:
            raise OSError(f"{self._path}: is too short")
        return data


def sorted_pieces(paths: Sequence[str], words: int, most: int) -> Iterator[Words]:
    """The hashes of several files of sorted ones, in pieces that have all equal ones; file by file in each.

    Args:
        paths: of the files; paths or fsspec URIs.
        words: of a hash.
        most: hashes of a piece, unless those of one bin are more.

    Raises:
        OSError: if a file cannot be read.
    """
    files = [_SortedFile(path) for path in paths]
    sizes = np.sum([np.zeros(BINS, dtype=np.int64), *(np.diff(file.cuts) for file in files)], axis=0)
    first = 0
    while first < BINS:
        last = first + 1
        while last < BINS and sizes[first : last + 1].sum() <= most:
            last += 1
        if sizes[first:last].any():
            yield np.concatenate([file.between(first, last, words) for file in files], axis=1)
        first = last


class NamelessFile:
    """Rows of words in a temporary file without a name, so that nothing of it is left however the process ends.

    Args:
        what: is written there, for errors.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._file: BinaryIO | None = None
        self.size = 0

    def append(self, rows: NDArray[np.uint64]) -> int:
        """Write rows; returns the byte that they begin at.

        Raises:
            UsageError: if there is no room for them.
        """
        begin = self.size
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="logpress-", buffering=0)  # noqa: SIM115 - see `close`
            view = np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data
            while self.size - begin < len(view):
                self.size += self._file.write(view[self.size - begin :])
        except OSError as error:
            raise UsageError(
                f"{tempfile.gettempdir()}: {self._what} cannot be written there: {error.strerror}; name a folder with "
                "room in TMPDIR"
            ) from error
        return begin

    def read(self, begin: int, count: int, words: int) -> NDArray[np.uint64]:
        """uint64[count, words]: rows that begin at a byte."""
        assert self._file is not None
        found = np.empty((count, words), dtype=np.uint64)
        view = found.reshape(-1).view(np.uint8).data
        done = 0
        while done < len(view):
            size = os.preadv(self._file.fileno(), [view[done:]], begin + done)
            if size == 0:
                raise OSError("the file of hashes became shorter")
            done += size
        return found

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
