"""The arrays for converting blocks. They are used again, because new memory costs more than filling it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.engine.registers.registers import Registers
from logpress.hashing.kernels_tables import empty_tables
from logpress.limits import DEFAULT, Limits

_MOST_KEPT_BYTES = 1 << 22
"""[memory] A space with more bytes of extra texts is not kept."""


@dataclass
class Entries:
    """The dictionaries of one block. A text is a span of the block's buffer, or of its extra texts.

    Attributes:
        tables: int32[dictionaries, places], open addressing, -1 where free.
        starts: int64[dictionaries, rows].
        ends: int64[dictionaries, rows].
        hashes: uint64[dictionaries, rows].
        kinds: uint8[dictionaries, rows], see `string_kind`.
        counts: int64[dictionaries], number of texts of each.
    """

    tables: NDArray[np.int32]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    kinds: NDArray[np.uint8]
    counts: NDArray[np.int64]

    @classmethod
    def empty(cls, dictionaries: int, rows: int) -> Entries:
        """Entries with room for `rows` new texts in each dictionary."""
        return cls(
            np.full((dictionaries, 2 * rows), -1, dtype=np.int32),
            np.empty((dictionaries, rows), dtype=np.int64),
            np.empty((dictionaries, rows), dtype=np.int64),
            np.empty((dictionaries, rows), dtype=np.uint64),
            np.empty((dictionaries, rows), dtype=np.uint8),
            np.zeros(dictionaries, dtype=np.int64),
        )

    def kernel_view(self) -> tuple[Any, ...]:
        """The argument `lookup` of `press_rows`."""
        return (self.tables, self.starts, self.ends, self.hashes, self.kinds, self.counts)


class Space:
    """The arrays of one block, which are used again for other blocks.

    Attributes:
        rows: number of rows that fit, a power of two.
        row_starts: int64[rows], begins of lines that are found while they are converted.
        row_ends: int64[rows].
        numbers: int64[rows], 0, 1, 2 and so on.
    """

    def __init__(self, registers: Registers, rows: int) -> None:
        self.rows = rows
        # registers a power of two apart would collide in the cache
        self.regs = np.empty((len(registers), rows + 8), dtype=np.int64)
        self.row_starts, self.row_ends = np.empty((2, rows), dtype=np.int64)
        self.numbers = np.arange(rows, dtype=np.int64)
        self.states = np.empty(rows, dtype=np.int64)
        self.masks = np.empty(rows, dtype=np.uint64)
        self.hashes = np.empty((2, rows), dtype=np.uint64)
        # a record that is kept whole may add two texts: one read by the kernel, one by the lenient reader
        self.entries = Entries.empty(len(registers.dictionaries), 2 * rows)
        self.extra_texts = np.empty(1 << 16, dtype=np.uint8)
        self.extra_used = np.zeros(1, dtype=np.int64)

    def clear(self) -> None:
        """Prepare for a block; the kernel fills the arrays of rows."""
        empty_tables(self.entries.tables, self.entries.hashes, self.entries.counts)
        self.extra_used.fill(0)


class Spaces:
    """Free spaces, shared by threads.

    Attributes:
        most_rows: rows converted at a time.
    """

    def __init__(self, registers: Registers, limits: Limits = DEFAULT) -> None:
        self.most_rows = limits.converted_rows
        self._registers = registers
        self._free: dict[int, list[Space]] = {}

    def take(self, rows: int) -> Space:
        """A space with room for these rows and one more, and for one entry more than rows in each dictionary."""
        size = 1 << max(8, (rows + 1).bit_length())
        try:
            space = self._free[size].pop()
        except (KeyError, IndexError):
            space = Space(self._registers, size)
        space.clear()
        return space

    def give_back(self, space: Space) -> None:
        """Return a space that is not used any more."""
        if len(space.extra_texts) <= _MOST_KEPT_BYTES:  # else one long record would occupy its memory for good
            self._free.setdefault(space.rows, []).append(space)
