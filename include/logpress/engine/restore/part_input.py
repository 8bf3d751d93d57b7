"""The records of a part as raw blocks: so a part of an older format is pressed into one of today's."""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import Self

import numpy as np

from logpress.engine.part.part_reader import PartReader
from logpress.engine.press import SlicePress
from logpress.manifest import OriginStats
from logpress.records.raw_blocks import Buffers, RawBlock
from logpress.records.slice_input import Undated


class PartInput:
    """Reads the records of one part, in the order of its rows.

    Args:
        path: a path or fsspec URI.
        buffers: where buffers come from.
    """

    ids = None

    def __init__(self, path: str, buffers: Buffers) -> None:
        self._reader = PartReader(path)
        self._buffers = buffers
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def blocks(self) -> Generator[tuple[int, RawBlock]]:
        """Blocks of whole records, whose places are known: no separator says where one ends.

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
                    yield 0, RawBlock(buffer, len(chunk), spans=(starts, ends - 1))  # behind each is a newline

    def origins(self) -> list[OriginStats]:
        """What the part held, once all is read."""
        path, size = self._reader.path, self._reader.footer.serialized_size
        return [OriginStats(uri=path, stored_bytes=size, raw_bytes=self._bytes, compression="none", records=0)]


class PartPress(SlicePress):
    """Presses the records of a part, which are of the day whatever they say; the slice's one input is its path."""

    def _source(self) -> PartInput:
        self.undated = [Undated.ours]
        return PartInput(self.spec.inputs[0], self.buffers)
