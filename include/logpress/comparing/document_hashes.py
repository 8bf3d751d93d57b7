"""A multiset of documents by their hashes, in bounded memory: what does not fit goes, in order, into a file.

The file has no name, so that nothing of it is left however the process ends. A row is five words: two of the value's
hash, two of the bytes', and how many documents there are. Rows are cut into 256 bins by the first byte of the value's
hash, so that documents of one value, however they are spelt, meet in one bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.comparing.kernels_multisets import BYTES_1, BYTES_2, COPIES, HASH_WORDS, PRINT_WORDS, VALUE_1, VALUE_2
from logpress.limits import DEFAULT
from logpress.records.hashes_on_disk import BINS, NamelessFile, cuts_of

Rows = NDArray[np.uint64]


@dataclass(frozen=True)
class _Run:
    """Rows in order, each print once; in memory, or in the file from some byte on.

    Attributes:
        cuts: int64[BINS + 1], where each bin begins.
    """

    cuts: NDArray[np.int64]
    rows: Rows | None
    begin: int = 0


class Prints:
    """The documents of one side.

    Args:
        most_rows: rows that are kept in memory.
    """

    def __init__(self, most_rows: int = DEFAULT.counted_documents) -> None:
        self._most = most_rows
        self._runs: list[_Run] = []
        self._new: list[Rows] = []
        self._count = 0
        self._file = NamelessFile("hashes of records")

    def add(self, prints: Rows) -> None:
        """Take documents: uint64[PRINT_WORDS, n].

        Raises:
            UsageError: if there is no room for the file.
        """
        rows = np.ones((prints.shape[1], HASH_WORDS), dtype=np.uint64)
        rows[:, :PRINT_WORDS] = prints.T
        self._new.append(rows)
        self._count += len(rows)
        if self._count >= self._most:
            self._end_run()

    def mark(self) -> int:
        """What `back_to` takes, to forget all that came later."""
        self._end_run()
        return len(self._runs)

    def back_to(self, mark: int) -> None:
        """Forget what was added since a mark."""
        self._new, self._count = [], 0
        del self._runs[mark:]

    def sizes(self) -> NDArray[np.int64]:
        """int64[BINS], rows of each bin, at the most."""
        self._end_run(to_file=False)
        found: NDArray[np.int64] = np.sum([np.zeros(BINS, dtype=np.int64), *(np.diff(r.cuts) for r in self._runs)], 0)
        return found

    def rows(self, first: int, last: int) -> Rows:
        """uint64[n, HASH_WORDS]: the rows of bins first to last (without the last), in order, each print once."""
        self._end_run(to_file=False)
        pieces = [self._of(run, first, last) for run in self._runs]
        return in_order(np.concatenate([np.empty((0, HASH_WORDS), dtype=np.uint64), *pieces]))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _of(self, run: _Run, first: int, last: int) -> Rows:
        begin, end = int(run.cuts[first]), int(run.cuts[last])
        if run.rows is not None:
            return run.rows[begin:end]
        return self._file.read(run.begin + 8 * HASH_WORDS * begin, end - begin, HASH_WORDS)

    def _end_run(self, to_file: bool = True) -> None:
        if not self._new:
            return
        rows = in_order(np.concatenate(self._new))
        self._new, self._count = [], 0
        cuts = cuts_of(rows[:, VALUE_1])
        is_small = 4 * sum(len(run.rows) for run in self._runs if run.rows is not None) + 4 * len(rows) < self._most
        if not to_file or is_small:
            self._runs.append(_Run(cuts, rows))
            return
        self._runs.append(_Run(cuts, None, self._file.append(rows)))


def in_order(rows: Rows) -> Rows:
    """Rows in ascending order, each print once, with the sum of its counts."""
    rows = rows[np.argsort(rows[:, VALUE_1])]
    ties = rows[1:, VALUE_1] == rows[:-1, VALUE_1]
    if not ties.any():
        return rows
    tied = np.append(ties, False) | np.append(False, ties)
    some = rows[tied]
    rows[tied] = some[np.lexsort([some[:, word] for word in (BYTES_2, BYTES_1, VALUE_2, VALUE_1)])]
    begins = np.flatnonzero(np.append(True, (rows[1:, :PRINT_WORDS] != rows[:-1, :PRINT_WORDS]).any(axis=1)))
    counts = np.add.reduceat(rows[:, COPIES], begins)
    rows = rows[begins]
    rows[:, COPIES] = counts
    return rows
