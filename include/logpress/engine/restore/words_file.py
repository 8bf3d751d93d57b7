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
                for sheet, rows in reader.sheets(group):
                    for words in sheet.hashes(rows):
                        self.append(words)
                give_back_after(reader.text_bytes[group])
        for records in read_rejects(rejects) if rejects is not None else ():
            found = [int(digests.digest_records([record.data]), 16) & 0xFFFF_FFFF_FFFF_FFFF for record in records]
            self.append(np.array(found, dtype=np.uint64))

    def between(self, first: int, last: int) -> Words:
        """The words from `first` to `last`, both included, ascending."""
        found = [np.empty(0, dtype=np.uint64)]
        for at in range(0, len(self), self._at_a_time):
            words = self.read(self._begin + 8 * at, min(self._at_a_time, len(self) - at), 1)[:, 0]
            found.append(words[(words >= np.uint64(first)) & (words <= np.uint64(last))])
        return np.sort(np.concatenate(found))


def pieces(first: WordsFile, second: WordsFile, at_a_time: int) -> Iterator[tuple[Words, NDArray[np.int64], Words]]:
    """Two multisets, range of words by range: distinct words of the first, how often each occurs; those of the second.

    Args:
        first: a multiset.
        second: another one.
        at_a_time: words of either in memory, about.
    """
    count = 1 + max(len(first), len(second)) // at_a_time
    bounds = [(k << 64) // count for k in range(count + 1)]
    for low, high in pairwise(bounds):
        words, counts = np.unique(first.between(low, high - 1), return_counts=True)
        yield words, counts, second.between(low, high - 1)


def common(first: WordsFile, second: WordsFile, at_a_time: int) -> int:
    """How many records two multisets have in common."""
    found = 0
    for words, counts, others in pieces(first, second, at_a_time):
        there = np.searchsorted(others, words, side="right") - np.searchsorted(others, words, side="left")
        found += int(np.minimum(counts, there).sum())
    return found
