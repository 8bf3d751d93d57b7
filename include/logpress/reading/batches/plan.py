"""The order of an epoch: which rows of which row groups are in which batch, without reading any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from logpress.reading.batches.randomness import shuffled, words

_MOST_GROUPS = 1024


@dataclass(frozen=True)
class Steps:
    """How rows become steps of some ranks: each has as many steps as the others, and as many rows in each step.

    Step s of rank r is batch s * world + r of the epoch.

    Attributes:
        rows: of the epoch.
        batch_rows: of a batch.
        world: number of ranks.
        drop_last: whether rows that do not fill a batch of each rank are left out. Else they are the last step, shared
            out evenly; if their number is not a multiple of `world`, up to `world - 1` rows are in two batches.
    """

    rows: int
    batch_rows: int
    world: int
    drop_last: bool

    @property
    def count(self) -> int:
        """Steps of each rank."""
        rows = self.batch_rows * self.world
        return self.rows // rows if self.drop_last else -(-self.rows // rows)

    def span(self, step: int, rank: int) -> tuple[int, int]:
        """The rows of a step of a rank: from the first to before the last, in the order of the epoch."""
        before = step * self.batch_rows * self.world
        rows = min(self.batch_rows, -(-(self.rows - before) // self.world))
        first = min(before + rank * rows, self.rows - rows)
        return first, first + rows


@dataclass(frozen=True)
class Plan:
    """The order of an epoch.

    Row groups are put in a random order, and a window of some of them moves over it, one row group a stage. The rows of
    each row group are dealt at random to the stages in which it is in the window, and the rows of a stage are shuffled.
    So each row group is decoded once an epoch, and a batch has rows of all row groups in the window.

    Attributes:
        rows: number of rows of each row group.
        window: how many row groups are decoded at a time.
        seed: of the order.
        epoch: of the order.
        is_shuffled: whether there is an order other than the scan's; else the window is 1.
    """

    rows: tuple[int, ...]
    window: int
    seed: int
    epoch: int
    is_shuffled: bool = True

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """int64[row groups]: the row group at each position."""
        if not self.is_shuffled:
            return np.arange(len(self.rows))
        return shuffled(len(self.rows), self.seed, self.epoch, "row groups")

    @cached_property
    def _ordered(self) -> NDArray[np.int64]:
        """int64[row groups]: the number of rows of the row group at each position."""
        return np.asarray(self.rows, dtype=np.int64)[self.order]

    @property
    def stages(self) -> int:
        """Number of stages."""
        return max(1, len(self.rows) - self.window + 1) if self.rows else 0

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """int64[stages + 1]: the first row of each stage in the epoch, and the number of all rows."""
        counts = [int(self.counts(stage).sum()) for stage in range(self.stages)]
        return np.cumsum([0, *counts], dtype=np.int64)

    def positions(self, stage: int) -> range:
        """The positions that are in the window in a stage."""
        return range(stage, min(stage + self.window, len(self.rows)))

    def stage_of(self, row: int) -> int:
        """The stage of a row of the epoch."""
        return int(np.searchsorted(self.starts, row, "right")) - 1

    def counts(self, stage: int) -> NDArray[np.int64]:
        """int64[positions]: how many rows of the row group at each position of the window are in a stage."""
        window = self.positions(stage)
        first, ways = (found[window.start : window.stop] for found in self._spans)
        each, more = np.divmod(self._ordered[window.start : window.stop], ways)
        counts: NDArray[np.int64] = each + (stage - first < more)
        return counts

    def dealt(self, position: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows of the row group at a position by stage: int64[rows], and int64[stages + 1], where each begins.

        Of each `stages` rows in a row, one is in each stage; which one is random.
        """
        count, ways = int(self._ordered[position]), len(self.stages_of(position))
        whole, more = divmod(count, ways)
        starts = np.arange(ways + 1) * whole + np.minimum(np.arange(ways + 1), more)
        turns = words(-(-whole // 4), self.seed, self.epoch, "deal", position).view(np.uint16)[:whole] % np.uint16(ways)
        shifted = turns + np.arange(ways, dtype=np.uint16)[:, None]  # `ways` is at most 1,024
        shifted -= np.where(shifted >= ways, np.uint16(ways), np.uint16(0))
        found = np.empty(count, dtype=np.int64)
        longer = found[: more * (whole + 1)].reshape(more, whole + 1)
        shorter = found[more * (whole + 1) :].reshape(ways - more, whole)
        base = np.arange(0, whole * ways, ways)
        np.add(base, shifted[:more], out=longer[:, :whole])
        np.add(base, shifted[more:], out=shorter)
        longer[:, whole] = whole * ways + np.arange(more)
        return found, starts

    def shuffled(self, stage: int, count: int) -> NDArray[np.int64]:
        """int64[count]: the order of the rows of a stage, of those of the first row group in the window first."""
        if not self.is_shuffled:
            return np.arange(count)
        return shuffled(count, self.seed, self.epoch, "stage", stage)

    def stages_of(self, position: int) -> range:
        """The stages that have rows of the row group at a position."""
        first, count = (int(found[position]) for found in self._spans)
        return range(first, first + count)

    @cached_property
    def _spans(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """int64[row groups] each, by position: the first stage that has rows of it, and how many have."""
        places = np.arange(len(self.rows))
        first = np.maximum(0, places - self.window + 1)
        return first, np.minimum(places, self.stages - 1) + 1 - first


def window_of(rows: Sequence[int], window_rows: int) -> int:
    """How many row groups of these sizes make up a window of so many rows; at least 1, at most 1,024."""
    mean = sum(rows) / len(rows) if rows else 0
    return max(1, min(len(rows), _MOST_GROUPS, round(window_rows / mean))) if mean else 1
