"""A bucket of rows, sorted and rendered."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future

import numpy as np
from numpy.typing import NDArray

from logpress.engine.registers.kernels_rows import unpack_rows
from logpress.engine.registers.row_major import Packed
from logpress.engine.render.renderer import Sheet
from logpress.engine.restore.deal import Packer
from logpress.engine.restore.meter import Meter
from logpress.hashing import digest as digests
from logpress.limits import Limits

Rendered = tuple[list[NDArray[np.uint8]], NDArray[np.uint64]]
"""Chunks of records, and the sum of their hashes, uint64[2], which is zero if it is not wanted."""


class SortedRows:
    """The sorted rows of one bucket, ready to be rendered.

    Args:
        packer: packed the rows.
        rows: the rows, unsorted.
        limits: number of rows, and bytes of their texts, rendered at a time.

    Attributes:
        packed: the rows, unsorted.
    """

    def __init__(self, packer: Packer, rows: Packed, limits: Limits) -> None:
        self.packed = rows
        self._limits = limits
        self._registers = packer.registers
        self._order = packer.keys.order(rows.wide, rows.narrow, rows.texts)
        self._sheet = Sheet(packer.renderer, rows.texts, limits=limits)
        self._lengths = {name: np.diff(found.offsets) for name, found in rows.texts.items()}
        rows.texts.clear()  # the sheet has a copy

    @property
    def _longest(self) -> int:
        """Upper bound of the bytes of a row's texts."""
        return sum(int(lengths.max(initial=0)) for lengths in self._lengths.values())

    @property
    def text_bytes(self) -> int:
        """Bytes of the rows' texts."""
        return sum(int(lengths.sum()) for lengths in self._lengths.values())

    def write(self, meter: Meter, pool: Executor, threads: int) -> None:
        """Write all rows in order; several threads render."""
        waiting: deque[tuple[int, Future[Rendered]]] = deque()
        free: list[NDArray[np.uint8]] = []
        ahead = threads + 1 if self._longest <= self._limits.rendered_text_bytes else 0
        for first, last in self._spans():
            order = self._order[first:last]
            waiting.append((len(order), pool.submit(self._render, order, free, meter.digest is not None)))
            if len(waiting) > ahead:
                self._pass_on(*waiting.popleft(), meter, free)
        while waiting:
            self._pass_on(*waiting.popleft(), meter, free)

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Ranges of rows that are rendered together; shorter if texts are long."""
        most, most_bytes = self._limits.rendered_rows, self._limits.rendered_text_bytes
        if self._longest * most <= most_bytes:
            yield from ((first, first + most) for first in range(0, len(self._order), most))
            return
        sizes = np.zeros(len(self._order), dtype=np.int64)
        for name, lengths in self._lengths.items():
            codes = self.packed.narrow[:, self._registers.place_of[self._registers[name]]]
            sizes += np.append(lengths, 0)[np.maximum(codes, -1)]
        ends = np.cumsum(sizes[self._order])
        first = 0
        while first < len(ends):
            before = int(ends[first - 1]) if first else 0
            last = int(np.searchsorted(ends, before + most_bytes, side="right"))
            last = min(max(last, first + 1), first + most)
            yield first, last
            first = last

    @staticmethod
    def _pass_on(records: int, job: Future[Rendered], meter: Meter, free: list[NDArray[np.uint8]]) -> None:
        meter.records += records
        chunks, digest = job.result()
        if meter.digest is not None:
            digests.add(meter.digest, digests.to_text(digest))
        for chunk in chunks:
            meter(chunk)
        if chunks and isinstance(chunks[-1].base, np.ndarray):
            free.append(chunks[-1].base)  # a chunk is a view of its buffer

    def _render(self, order: NDArray[np.int32], free: list[NDArray[np.uint8]], hashing: bool) -> Rendered:
        """Render some rows; the last chunk lies in a buffer that is used again."""
        try:
            sheet = self._sheet.twin(free.pop())
        except IndexError:
            sheet = self._sheet.twin()
        registers = self._registers
        matrix = np.empty((len(registers), self._limits.rendered_rows + 8), dtype=np.int64)
        unpack_rows(self.packed.wide, self.packed.narrow, order, registers.is_narrow, registers.place_of, matrix)
        counts = np.zeros(2, dtype=np.int64)
        digest = np.zeros(2, dtype=np.uint64)
        chunks: list[NDArray[np.uint8]] = []
        rows = np.arange(len(order), dtype=np.int32)
        for chunk in sheet.chunks(matrix, rows, counts, digest=digest if hashing else None):
            is_last = counts[0] == len(order)
            chunks.append(chunk if is_last else chunk.copy())  # the next chunk is written to the same buffer
        return chunks, digest
