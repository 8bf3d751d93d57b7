"""Records pressed again: a part's, with or without some of its rows, or some from anywhere."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import date
from typing import Self

import numpy as np
from numpy.typing import NDArray

from logpress.contract.model import Contract
from logpress.engine.part.part_reader import PartReader
from logpress.engine.press.slice_press import SlicePress
from logpress.engine.registers.rows import Slice
from logpress.kernel.words import PADDING
from logpress.manifest import OriginStats, SliceManifest, SliceSpec
from logpress.progress import Progress
from logpress.records.raw_blocks import Buffers, RawBlock
from logpress.records.slice_input import Undated

Without = Mapping[int, NDArray[np.int64]]
"""Rows that are left out: by row group, int64[n], ascending."""


class _Input:
    """What is read by `blocks`."""

    ids = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class PartInput(_Input):
    """Reads the records of one part, in the order of its rows.

    Args:
        path: a path or fsspec URI.
        buffers: where buffers come from.
        without: rows that are left out.
    """

    def __init__(self, path: str, buffers: Buffers, without: Without | None = None) -> None:
        self._reader = PartReader(path, buffers.limits)
        self._buffers = buffers
        self._without = without or {}
        self._bytes = 0

    def blocks(self) -> Generator[tuple[int, RawBlock]]:
        """Blocks of whole records with known spans, because no separator marks the end of a record.

        Raises:
            PartError: if the part is damaged.
        """
        for group in range(self._reader.row_groups):
            for sheet, rows in self._reader.sheets(group):
                order = self._order(group, rows)
                counts, lengths = np.zeros(2, dtype=np.int64), np.empty(len(order), dtype=np.int64)
                done = 0
                for chunk in sheet.chunks(rows.regs, order, counts, lengths=lengths):
                    ends = np.cumsum(lengths[done : counts[0]])
                    starts = ends - lengths[done : counts[0]]
                    done = int(counts[0])
                    buffer = self._buffers.take(len(chunk))
                    buffer[: len(chunk)] = chunk
                    self._bytes += len(chunk)
                    yield 0, RawBlock(buffer, len(chunk), spans=(starts, ends - 1))  # a newline is behind each

    def _order(self, group: int, rows: Slice) -> NDArray[np.int32]:
        """The rows that are not left out, counted from the first of these."""
        left = np.ones(rows.count, dtype=np.bool_)
        without = self._without.get(group)
        if without is not None:
            first, last = np.searchsorted(without, [rows.first, rows.first + rows.count])
            left[without[first:last] - rows.first] = False
        return np.flatnonzero(left).astype(np.int32)

    def origins(self) -> list[OriginStats]:
        """Contents of the part; complete after the last block."""
        path, size = self._reader.path, self._reader.footer.serialized_size
        return [OriginStats(uri=path, stored_bytes=size, raw_bytes=self._bytes, compression="none", records=0)]


class ListInput(_Input):
    """Reads records that are in memory.

    Args:
        records: their bytes.
        buffers: where buffers come from.
    """

    def __init__(self, records: Sequence[bytes], buffers: Buffers) -> None:
        self._records = records
        self._buffers = buffers

    def blocks(self) -> Generator[tuple[int, RawBlock]]:
        """Blocks of whole records, whose places are known."""
        waiting: list[bytes] = []
        size = 0
        for record in self._records:
            if waiting and size + len(record) + 1 > self._buffers.limits.block_bytes:
                yield 0, self._block(waiting)
                waiting, size = [], 0
            waiting.append(record)
            size += len(record) + 1
        if waiting:
            yield 0, self._block(waiting)

    def _block(self, records: list[bytes]) -> RawBlock:
        lengths = np.array([len(record) + 1 for record in records], dtype=np.int64)
        ends = np.cumsum(lengths)
        data = np.frombuffer(b"\n".join([*records, b""]), dtype=np.uint8)
        buffer = self._buffers.take(len(data))
        buffer[: len(data)] = data
        buffer[len(data) : len(data) + PADDING] = 0
        return RawBlock(buffer, len(data), spans=(ends - lengths, ends - 1))

    def origins(self) -> list[OriginStats]:
        """Nothing that is of use to anybody."""
        return [OriginStats(uri="", stored_bytes=0, raw_bytes=0, compression="none", records=0)]


def press_part(
    contract: Contract,
    day: date,
    slice_name: str,
    path: str,
    folder: str,
    *,
    threads: int,
    progress: Progress | None,
    without: Without | None = None,
    keep_whole: NDArray[np.uint64] | None = None,
) -> SliceManifest:
    """Press the records of a part into a part of today's format. They are rows of the day, whatever their time is.

    Args:
        contract: today's contract of the table.
        day: the UTC day.
        slice_name: slice of both parts.
        path: the part, a path or fsspec URI.
        folder: folder for the new part.
        threads: threads that convert; 0: the calling thread does all work.
        progress: called with raw bytes and records done so far.
        without: rows that are left out.
        keep_whole: see `press_slice`.

    Raises:
        PartError: if the part is damaged.
    """
    press = SlicePress(
        contract, day, SliceSpec(name=slice_name, inputs=(path,)), folder, threads=threads, progress=progress,
        source=lambda buffers: PartInput(path, buffers, without), undated=[Undated.ours], keep_whole=keep_whole,
    )  # fmt: skip
    press.read()
    return press.finish()


def press_records(contract: Contract, day: date, records: Sequence[bytes], folder: str) -> SliceManifest:
    """Press records that are in memory; those without a day are of this one.

    Args:
        contract: the table.
        day: the UTC day.
        records: their bytes.
        folder: where the files go.
    """
    press = SlicePress(
        contract, day, SliceSpec(name="some", inputs=("",)), folder, threads=0,
        source=lambda buffers: ListInput(records, buffers), undated=[Undated.ours],
    )  # fmt: skip
    press.read()
    return press.finish()
