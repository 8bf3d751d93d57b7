"""Reads an epoch: decodes row groups ahead, and gathers the rows of any batch of the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from logpress.reading.batches.plan import Plan
from logpress.reading.batches.source import Arrays, Group, Source


class Epoch:
    """The rows of an epoch, for batches that ask for them in ascending order; a stage is prepared ahead.

    A row group is decoded once, and its rows are dealt to their stages at once. In memory are the rows of the window
    that are still to come, those of two stages, and a row group a thread.
    """

    def __init__(self, source: Source, groups: Sequence[Group], plan: Plan) -> None:
        """Prepare; nothing is read yet."""
        self._source, self._groups, self._plan = source, groups, plan
        self._decoders = ThreadPoolExecutor(source.threads, "decode")
        self._stager = ThreadPoolExecutor(1, "stage")
        self._dealt: dict[int, Future[None]] = {}
        self._rows: dict[int, tuple[NDArray[np.void], list[int]]] = {}  # and where those of each row group begin
        self._stages: dict[int, Future[tuple[NDArray[np.void], NDArray[np.int64]]]] = {}

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End: what is still being decoded is waited for."""
        self._stager.shutdown(cancel_futures=True)
        self._decoders.shutdown(cancel_futures=True)

    def rows(self, first: int, last: int) -> Arrays:
        """The arrays of the rows from `first` to before `last`, in the order of the epoch.

        Raises:
            PartError: if a file is gone or damaged.
        """
        plan, pieces = self._plan, []
        while first < last:
            stage = plan.stage_of(first)
            start, end = int(plan.starts[stage]), min(last, int(plan.starts[stage + 1]))
            rows, order = self._stage(stage)
            pieces.append(rows.take(order[first - start : end - start]))
            first = end
        return self._source.arrays(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))

    def _stage(self, stage: int) -> tuple[NDArray[np.void], NDArray[np.int64]]:
        """The rows of a stage, and their order."""
        for number in (stage, stage + 1):
            if number < self._plan.stages and number not in self._stages:
                self._stages[number] = self._stager.submit(self._prepare, number)
        for number in [number for number in self._stages if number < stage]:
            del self._stages[number]
        return self._stages[stage].result()

    def _prepare(self, stage: int) -> tuple[NDArray[np.void], NDArray[np.int64]]:
        """In the thread of stages, one after the other; some may be left out."""
        plan, window = self._plan, self._plan.positions(stage)
        for position in [position for position in self._dealt if position not in window]:
            del self._dealt[position]
        for number in [number for number in self._rows if number < stage]:
            del self._rows[number]
        for position in window:
            if position not in self._dealt:
                stages = range(stage, plan.stages_of(position).stop)
                targets = {number: self._target(position, number) for number in stages}
                self._dealt[position] = self._decoders.submit(self._deal, position, targets)
        rows, _ = self._rows.pop(stage)
        order = plan.shuffled(stage, len(rows))
        for position in window:
            self._dealt[position].result()
        return rows, order

    def _target(self, position: int, stage: int) -> NDArray[np.void]:
        """Where the rows of a row group are among those of a stage: behind those of the row groups before it."""
        if stage not in self._rows:
            starts = [0, *np.cumsum(self._plan.counts(stage)).tolist()]
            self._rows[stage] = np.empty(starts[-1], dtype=f"V{self._source.row.itemsize}"), starts
        rows, starts = self._rows[stage]
        return rows[starts[position - stage] : starts[position - stage + 1]]

    def _deal(self, position: int, targets: Mapping[int, NDArray[np.void]]) -> None:
        """Decode a row group and deal its rows, in a thread of its own."""
        plan = self._plan
        group, stages = self._groups[plan.order[position]], plan.stages_of(position)
        if len(stages) == 1:
            self._source.decode(group, targets[stages.start])
            return
        rows, (order, starts) = self._source.decode(group), plan.dealt(position)
        for stage, target in targets.items():
            place = stage - stages.start
            # they are within the row group; "clip" writes to `out` without a copy between
            rows.take(order[starts[place] : starts[place + 1]], out=target, mode="clip")
