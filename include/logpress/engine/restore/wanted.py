"""The rows of row groups to restore."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.engine.part.part_reader import PartReader

Places = Callable[[str], Iterable[tuple[int, NDArray[np.int64] | None]]]
"""Gives the wanted row groups of a part, and their wanted rows (int64[n], ascending; None for all)."""


@dataclass(frozen=True)
class WantedGroup:
    """A row group with rows to restore.

    Attributes:
        reader: reader of its part.
        number: number of the row group in its part.
        chosen: int64[n], ascending: the rows to restore; None for all.
    """

    reader: PartReader
    number: int
    chosen: NDArray[np.int64] | None

    @property
    def rows(self) -> int:
        """Number of rows to restore."""
        return self.reader.rows_by_group[self.number] if self.chosen is None else len(self.chosen)

    def rows_within(self, first: int, last: int) -> NDArray[np.int32]:
        """The rows to restore among the rows `first` to `last`, counted from `first`."""
        if self.chosen is None:
            return np.arange(last - first, dtype=np.int32)
        begin, end = np.searchsorted(self.chosen, [first, last])
        return (self.chosen[begin:end] - first).astype(np.int32)

    @property
    def text_bytes(self) -> int:
        """Estimated bytes of the texts of the rows to restore."""
        share = self.rows / max(1, self.reader.rows_by_group[self.number])
        return int(self.reader.text_bytes[self.number] * share)
