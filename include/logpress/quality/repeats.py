"""Which of many hashes there are more than once, in bounded memory: what does not fit goes, in order, into a file.

The file has no name, so that nothing of it is left however the process ends. It holds runs: hashes in ascending order,
each once, 16 bytes each. Runs are merged a piece at a time. A piece ends at a hash, and not at a first byte, because
then no choice of hashes makes it larger: not one value in all rows, and not hashes that begin alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from logpress.limits import DEFAULT, Limits
from logpress.records.hashes_on_disk import NamelessFile

Hashes = NDArray[np.uint64]
"""uint64[n, 2]: hashes of 128 bits."""

FEWEST_READ = 1 << 10
"""[memory] Hashes that are read of a run at a time, however many runs there are: 16 KB."""

HASH_BYTES = 16
"""Bytes of a hash, in memory and in the file."""


class Repeats:
    """Counts the hashes that were there before."""

    def __init__(self, shown: int, limits: Limits = DEFAULT) -> None:
        """Prepare.

        Args:
            shown: how many of the repeated hashes are told.
            limits: how many hashes are in memory.
        """
        self._shown = shown
        self._run_hashes = limits.unique_hashes
        self._merged_hashes = limits.merged_hashes
        self._new: list[Hashes] = []
        self._new_count = 0
        self._runs: list[_Run] = []
        self._file = NamelessFile("hashes of a check of kind unique (16 bytes a row of the day)")
        self._repeats = 0
        self._repeated = _NONE

    def add(self, hashes: Hashes) -> None:
        """Take some more.

        Raises:
            UsageError: if there is no room for the file.
        """
        self._new.append(hashes)
        self._new_count += len(hashes)
        if self._new_count >= self._run_hashes:
            self._write(self._distinct_new())

    def found(self) -> tuple[int, Hashes]:
        """How many hashes were there before, and the smallest ones that were, each once. Nothing is added after it.

        Raises:
            UsageError: if there is no room for the file.
        """
        last = self._distinct_new()
        if self._runs:
            self._write(last)
            for merged in _merged(self._runs, max(FEWEST_READ, self._merged_hashes // len(self._runs))):
                self._distinct(merged)
        return self._repeats, self._repeated

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _distinct_new(self) -> Hashes:
        hashes = np.concatenate([_NONE, *self._new])
        self._new, self._new_count = [], 0
        return self._distinct(hashes)

    def _distinct(self, hashes: Hashes) -> Hashes:
        """The hashes in ascending order, each once. Notes those that are there more than once."""
        ordered = _in_order(hashes)
        is_repeat = (ordered[1:] == ordered[:-1]).all(axis=1)
        count = int(is_repeat.sum())
        if not count:
            return ordered
        self._repeats += count
        self._repeated = np.unique(np.concatenate([self._repeated, self._first_of(ordered[1:][is_repeat])]), axis=0)
        self._repeated = self._repeated[: self._shown]
        distinct: Hashes = ordered[np.append(True, ~is_repeat)]
        return distinct

    def _first_of(self, ordered: Hashes) -> Hashes:
        """The first different ones, as many as are told."""
        is_new = np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1))
        first: Hashes = ordered[np.flatnonzero(is_new)[: self._shown]]
        return first

    def _write(self, hashes: Hashes) -> None:
        self._runs.append(_Run(self._file, self._file.append(hashes), len(hashes)))


_NONE: Hashes = np.empty((0, 2), dtype=np.uint64)


class _Run:
    """A run of the file, as it is merged.

    Attributes:
        held: hashes that were read and not taken, in ascending order.
    """

    def __init__(self, file: NamelessFile, begin: int, count: int) -> None:
        self._file = file
        self._at = begin
        self._left = count
        self.held = _NONE

    @property
    def has_more(self) -> bool:
        """Whether some are not read yet."""
        return self._left > 0

    def read(self, count: int) -> None:
        """Hold so many more, or as many as are left."""
        found = self._file.read(self._at, min(count, self._left), 2)
        self._at += found.nbytes
        self._left -= len(found)
        self.held = np.concatenate([self.held, found])

    def take(self, bound: np.uint64 | None) -> Hashes:
        """Those held whose first word is below the bound, or all; they are not held any more."""
        count = len(self.held) if bound is None else int(np.searchsorted(self.held[:, 0], bound))
        taken, self.held = self.held[:count], self.held[count:]
        return taken


def _merged(runs: list[_Run], count: int) -> Iterator[Hashes]:
    """The hashes of all runs in pieces; equal ones are in the same piece. `count` of each run are read at a time."""
    while any(run.has_more or len(run.held) for run in runs):
        for run in runs:
            if run.has_more and len(run.held) < count:
                run.read(count)
        # what is not read yet is no smaller than what its run holds
        bound = min((run.held[-1, 0] for run in runs if run.has_more), default=None)
        taken = [run.take(bound) for run in runs]
        if not any(len(hashes) for hashes in taken):  # all that a run holds begins with the same word
            for run in runs:
                if run.has_more and run.held[-1, 0] == bound:
                    run.read(count)
            continue
        yield np.concatenate(taken)


def _in_order(hashes: Hashes) -> Hashes:
    """Hashes in ascending order."""
    ordered = hashes[np.argsort(hashes[:, 0])]
    ties = ordered[1:, 0] == ordered[:-1, 0]
    if (ties & (ordered[1:, 1] != ordered[:-1, 1])).any():  # hardly ever: half of two hashes is equal, the other not
        ordered = hashes[np.lexsort((hashes[:, 1], hashes[:, 0]))]
    return ordered
