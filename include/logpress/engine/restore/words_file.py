"""Multisets of records as the first words of their hashes, on disk, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from logpress.engine.part.part_reader import PartReader
from logpress.engine.part.rejects import read_rejects
from logpress.hashing import digest as digests
from logpress.limits import DEFAULT, Limits
from logpress.machine.memory import give_back_after
from logpress.records.hashes_on_disk import NamelessFile

Words = NDArray[np.uint64]
"""uint64[n]: the first words of records' hashes."""


class WordsFile(NamelessFile):
    """Words on disk, 8 bytes a record; `close` it.

    Args:
        words_at_a_time: words that are read at a time.
    """

    def __init__(self, words_at_a_time: int) -> None:
        super().__init__("hashes of records")
        self._at_a_time = words_at_a_time
        self._begin = 0

    def __len__(self) -> int:
        return (self.size - self._begin) // 8

    def clear(self) -> None:
        """Forget all words."""
        self._begin = self.size

    def add_files(self, part: str | None, rejects: str | None, limits: Limits = DEFAULT) -> None:
        """Add the words of the records of a part and of a rejects file.

        Raises:
            PartError: if a file is damaged.
            UsageError: if TMPDIR has no room for hashes.
        """
        if part is not None:
            reader = PartReader(part, limits)
            for group in range(reader.row_groups):
                self.add_group(reader, group)
        for records in read_rejects(rejects) if rejects is not None else ():
            found = [int(digests.digest_records([record.data]), 16) & 0xFFFF_FFFF_FFFF_FFFF for record in records]
            self.append(np.array(found, dtype=np.uint64))

    def add_group(self, reader: PartReader, group: int) -> None:
        """Add the words of the records of a row group.

        Raises:
            PartError: if it is damaged; words of records before the damage may be added.
            UsageError: if TMPDIR has no room for hashes.
        """
        try:
            for sheet, rows in reader.sheets(group):
                for words in sheet.hashes(rows):
                    self.append(words)
        finally:
            give_back_after(reader.text_bytes[group])

    def between(self, first: int, last: int) -> Words:
        """The words from `first` to `last`, both included, ascending."""
        found = [np.empty(0, dtype=np.uint64)]
        for at in range(0, len(self), self._at_a_time):
            words = self.read(self._begin + 8 * at, min(self._at_a_time, len(self) - at), 1)[:, 0]
            found.append(words[(words >= np.uint64(first)) & (words <= np.uint64(last))])
        return np.sort(np.concatenate(found))


Counts = NDArray[np.int64]


def pieces(first: WordsFile, second: WordsFile, at_a_time: int) -> Iterator[tuple[Words, Counts, Counts]]:
    """Two multisets, range of words by range: distinct words of the first, and how often each occurs in both.

    Args:
        first: a multiset.
        second: another one.
        at_a_time: words of either in memory, about.
    """
    count = 1 + max(len(first), len(second)) // at_a_time
    bounds = [(k << 64) // count for k in range(count + 1)]
    for low, high in pairwise(bounds):
        words, counts = np.unique(first.between(low, high - 1), return_counts=True)
        others = second.between(low, high - 1)
        there = np.searchsorted(others, words, side="right") - np.searchsorted(others, words, side="left")
        yield words, counts, there


def common(first: WordsFile, second: WordsFile, at_a_time: int) -> int:
    """How many records two multisets have in common."""
    return sum(int(np.minimum(counts, there).sum()) for _, counts, there in pieces(first, second, at_a_time))
