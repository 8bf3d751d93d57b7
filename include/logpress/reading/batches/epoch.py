"""Reads an epoch: decodes row groups ahead, and gathers the rows of any batch of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from logpress.reading.batches.plan import Plan
from logpress.reading.batches.source import Arrays, Group, Source


class Epoch:
    """The rows of an epoch, for batches that ask for them in ascending order; a stage is prepared ahead.

    In memory are the row groups of the window, and the rows of two stages.
    """

    def __init__(self, source: Source, groups: Sequence[Group], plan: Plan) -> None:
        """Prepare; nothing is read yet."""
        self._source, self._groups, self._plan = source, groups, plan
        self._decoders = ThreadPoolExecutor(source.threads, "decode")
        self._stager = ThreadPoolExecutor(1, "stage")
        self._decoded: dict[int, Future[NDArray[np.void]]] = {}
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
        """In the thread of stages, one after the other."""
        plan, window = self._plan, self._plan.positions(stage)
        for position in [position for position in self._decoded if position not in window]:
            del self._decoded[position]
        counts = [plan.count(position, stage) for position in window]
        ends = np.cumsum(counts).tolist()
        found = np.empty(sum(counts), dtype=f"V{self._source.row.itemsize}")
        targets = {
            position: found[end - count : end] for position, count, end in zip(window, counts, ends, strict=True)
        }
        for position, target in targets.items():
            if position not in self._decoded:
                into = target if plan.is_whole(position) else None  # no other stage has rows of it
                group = self._groups[plan.order[position]]
                self._decoded[position] = self._decoders.submit(self._source.decode, group, into)
        picked = {position: plan.picked(position, stage) for position in window if not plan.is_whole(position)}
        order = plan.shuffled(stage, len(found))
        for position, target in targets.items():
            rows = self._decoded[position].result()
            if position in picked:
                # they are within the row group; "clip" writes to `out` without a copy between
                rows.take(picked[position], out=target, mode="clip")
        return found, order
