"""How much memory restoring takes, and what it does with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.engine.part.part_reader import PartReader

BUCKET_BYTES = 96 << 20

SMALLEST_BUCKET_BYTES = 4 << 20

KEPT_BYTES = 256 << 20

FIXED_BYTES = 220 << 20
"""What is imported, kernels, and buffers of records on their way."""

GROUP_ROW_BYTES = 300

GROUP_TEXT_COPIES = 4
"""Of a row group that is read and dealt out: Arrow's, and those of buckets."""

_GUESSED_ROW_BYTES = 192


@dataclass(frozen=True)
class _Group:
    """A row group to be restored.

    Attributes:
        chosen: which of its rows; None for all.
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
        """Bytes of their texts, about."""
        share = self.rows / max(1, self.reader.rows_by_group[self.number])
        return int(self.reader.text_bytes[self.number] * share)

    @property
    def size(self) -> int:
        """Bytes that they take while they are put in order, about."""
        return self.rows * _GUESSED_ROW_BYTES + self.text_bytes


@dataclass(frozen=True)
class Room:
    """How restoring uses its memory; what it writes is the same in any case.

    Attributes:
        threads: row groups that are dealt out at a time, and pieces rendered at a time.
        kept_bytes: what buckets keep in memory; more goes to disk.
        bucket_bytes: what a bucket should hold; up to five times that is in memory when its turn comes, as the next one
            is fetched, and each may hold half more.
    """

    threads: int
    kept_bytes: int
    bucket_bytes: int

    @classmethod
    def of(cls, memory: int | None, threads: int, groups: Sequence[_Group]) -> Room:
        """As much as is of use, within `memory` bytes where they are given and suffice."""
        if memory is None:
            return cls(threads, KEPT_BYTES, BUCKET_BYTES)
        left = memory - FIXED_BYTES
        a_group = max(
            GROUP_ROW_BYTES * group.reader.rows_by_group[group.number]
            + GROUP_TEXT_COPIES * group.reader.text_bytes[group.number]
            for group in groups
        )
        threads = max(1, min(threads, left // max(1, a_group)))
        kept = max(0, min(KEPT_BYTES, left - threads * a_group))
        return cls(threads, kept, max(SMALLEST_BUCKET_BYTES, min(BUCKET_BYTES, (left - kept) // 5)))
