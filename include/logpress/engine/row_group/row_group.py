"""A row group while it fills: registers, dictionaries, counts, and the digest of its rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.nulls import widened
from logpress.engine.convert.block import Block
from logpress.engine.registers.kernels_rows import append_rows
from logpress.engine.registers.kernels_texts import size_of_texts
from logpress.engine.registers.registers import EXTRA, Registers
from logpress.engine.registers.stored_columns import stored_columns
from logpress.engine.row_group.dictionary import Dictionary
from logpress.engine.row_group.kernels_dictionary import merge_entries, sizes_of_entries
from logpress.engine.row_group.kernels_row_group import TOTALS, choose_rows
from logpress.engine.row_group.store import Store

SECONDS_A_DAY = 86_400


def _plain_texts(registers: Registers) -> list[str]:
    """The registers whose texts are written row by row: columns of codec `text`, and values that no contract names."""
    return [
        name
        for column in stored_columns(registers.contract)
        if (name := column.of or column.name) in registers.dictionaries and column.encoding != "dictionary"
    ]


class RowGroup:
    """Rows of one row group, in input order, in registers.

    Attributes:
        store: arrays of the registers.
        used: number of rows in use.
        dictionaries: by dictionary number.
        totals: int64[TOTALS], see `kernels_row_group`.
        digest: uint64[2] (low, high): multiset digest of the rows taken.
    """

    def __init__(self, registers: Registers, capacity: int, day: int, store: Store) -> None:
        self.registers = registers
        self.capacity = capacity
        self.store = store
        self.used = 0
        self.dictionaries = [Dictionary() for _ in registers.dictionaries]
        self.totals = np.zeros(TOTALS, dtype=np.int64)
        self.digest = np.zeros(2, dtype=np.uint64)
        self._day = day
        self._plain = _plain_texts(registers)
        self._plain_bytes = {registers.dictionaries[name]: 0 for name in self._plain}

    @property
    def is_full(self) -> bool:
        """Whether no further row fits."""
        return self.used == self.capacity

    def register(self, name: str) -> NDArray[Any]:
        """One register of all rows: a view, int64[used] or int32[used]."""
        number = self.registers[name]
        matrix = self.store.narrow if self.registers.is_narrow[number] else self.store.wide
        return matrix[: self.used, self.registers.place_of[number]]

    def matrix(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """All registers of some rows: int64[registers, rows]."""
        return np.stack([widened(self.register(name)[rows]) for name in self.registers.numbers])

    @property
    def text_bytes(self) -> int:
        """Bytes of all texts. Texts that are written row by row count for each row, others once."""
        return sum(
            max(dictionary.stored_bytes, self._plain_bytes.get(number, 0))
            for number, dictionary in enumerate(self.dictionaries)
        )

    def append(
        self, block: Block, first: int, layout_of: NDArray[np.int64], units_per_second: int, take_unknown: bool
    ) -> int:
        """Append a settled block's rows from `first` on, until the group is full; returns the next row to append."""
        registers, entries = self.registers, block.entries
        numbers = np.empty((len(self.dictionaries), max(1, int(entries.counts.max()))), dtype=np.int64)
        sizes = np.empty(len(self.dictionaries), dtype=np.int64)
        sizes_of_entries(entries.starts, entries.ends, entries.counts, sizes)
        for number, (count, size) in enumerate(zip(entries.counts.tolist(), sizes.tolist(), strict=True)):
            if count == 0:
                continue
            dictionary = self.dictionaries[number]
            dictionary.make_room(count, size)
            source = block.space.extra_texts if number == registers.dictionaries[EXTRA] else block.buffer
            dictionary.known = merge_entries(
                source, entries.starts[number], entries.ends[number], entries.hashes[number], entries.kinds[number],
                count, dictionary.table, dictionary.texts, dictionary.offsets, dictionary.hashes, dictionary.kinds,
                dictionary.known, numbers[number],
            )  # fmt: skip
        places = np.empty(block.rows, dtype=np.int64)
        following, count = choose_rows(
            first, self.capacity - self.used, block.row_starts, block.row_ends, block.states, block.hashes,
            block.regs[registers[registers.contract.day]], units_per_second * SECONDS_A_DAY, self._day, take_unknown,
            self.totals, self.digest, places,
        )  # fmt: skip
        append_rows(
            block.regs, block.states, layout_of, places, count, numbers, registers.dictionary_of, registers.is_narrow,
            registers.place_of, self.store.wide, self.store.narrow, self.used,
        )  # fmt: skip
        for name in self._plain:
            number = registers.dictionaries[name]
            if entries.counts[number]:  # mostly 0: no extra values, and no record that is kept whole
                codes = self.store.narrow[self.used : self.used + count, registers.place_of[registers[name]]]
                self._plain_bytes[number] += size_of_texts(codes, self.dictionaries[number].offsets)
        self.used += count
        return int(following)
