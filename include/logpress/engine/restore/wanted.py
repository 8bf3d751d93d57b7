"""Which rows of which row groups are to be restored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.engine.part.part_reader import PartReader

Places = Callable[[str], Iterable[tuple[int, NDArray[np.int64] | None]]]
"""Which row groups of a part, and which of their rows (int64[n], ascending; None for all), are wanted."""


@dataclass(frozen=True)
class WantedGroup:
    """A row group of which rows are to be restored.

    Attributes:
        reader: of its part.
        number: of the row group in its part.
        chosen: int64[n], ascending: which of its rows; None for all.
    """

    reader: PartReader
    number: int
    chosen: NDArray[np.int64] | None

    @property
    def rows(self) -> int:
        """How many rows are restored."""
        return self.reader.rows_by_group[self.number] if self.chosen is None else len(self.chosen)

    def rows_within(self, first: int, last: int) -> NDArray[np.int32]:
        """Which of the rows from `first` to `last` are restored, counted from `first`."""
        if self.chosen is None:
            return np.arange(last - first, dtype=np.int32)
        begin, end = np.searchsorted(self.chosen, [first, last])
        return (self.chosen[begin:end] - first).astype(np.int32)

    @property
    def text_bytes(self) -> int:
        """Bytes of the texts of the rows that are restored, about."""
        share = self.rows / max(1, self.reader.rows_by_group[self.number])
        return int(self.reader.text_bytes[self.number] * share)
