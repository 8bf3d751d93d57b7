"""Presses a part again: its records as raw blocks, so that a part of an older format becomes one of today's."""

from __future__ import annotations

from collections.abc import Generator
from datetime import date
from typing import Self

import numpy as np

from logpress.contract.model import Contract
from logpress.engine.part.part_reader import PartReader
from logpress.engine.press.slice_press import SlicePress
from logpress.manifest import OriginStats, SliceManifest, SliceSpec
from logpress.progress import Progress
from logpress.records.raw_blocks import Buffers, RawBlock
from logpress.records.slice_input import Undated


class PartInput:
    """Reads the records of one part, in the order of its rows.

    Args:
        path: a path or fsspec URI.
        buffers: buffers for the blocks.
    """

    ids = None

    def __init__(self, path: str, buffers: Buffers) -> None:
        self._reader = PartReader(path, buffers.limits)
        self._buffers = buffers
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def blocks(self) -> Generator[tuple[int, RawBlock]]:
        """Blocks of whole records with known spans, because no separator marks the end of a record.

        Raises:
            PartError: if the part is damaged.
        """
        for group in range(self._reader.row_groups):
            for sheet, rows in self._reader.sheets(group):
                counts, lengths = np.zeros(2, dtype=np.int64), np.empty(rows.count, dtype=np.int64)
                done = 0
                for chunk in sheet.rendered(rows, counts, lengths=lengths):
                    ends = np.cumsum(lengths[done : counts[0]])
                    starts = ends - lengths[done : counts[0]]
                    done = int(counts[0])
                    buffer = self._buffers.take(len(chunk))
                    buffer[: len(chunk)] = chunk
                    self._bytes += len(chunk)
                    yield 0, RawBlock(buffer, len(chunk), spans=(starts, ends - 1))  # a newline is behind each

    def origins(self) -> list[OriginStats]:
        """Contents of the part; complete after the last block."""
        path, size = self._reader.path, self._reader.footer.serialized_size
        return [OriginStats(uri=path, stored_bytes=size, raw_bytes=self._bytes, compression="none", records=0)]


def press_part(
    contract: Contract, day: date, slice_name: str, path: str, folder: str, *, threads: int, progress: Progress | None
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

    Raises:
        PartError: if the part is damaged.
    """
    press = SlicePress(
        contract, day, SliceSpec(name=slice_name, inputs=(path,)), folder, threads=threads, progress=progress,
        source=lambda buffers: PartInput(path, buffers), undated=[Undated.ours],
    )  # fmt: skip
    press.read()
    return press.finish()
