"""A row group while it fills: registers, dictionaries, counts and the digest of what was taken."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.engine.convert.block import Block
from logpress.engine.order.kernels_keys import order_texts
from logpress.engine.registers.programs import EXTRA, Registers
from logpress.engine.registers.stored_columns import stored_columns
from logpress.engine.row_group.kernels_row_group import (
    DIGIT_BITS,
    NARROW_NULL,
    append_rows,
    choose_rows,
    find_number,
    merge_entries,
    radix_order,
    rebuild_table,
    size_of_texts,
    sizes_of_entries,
)
from logpress.kernel.words import PADDING

SECONDS_A_DAY = 86_400


class Dictionary:
    """The distinct texts of one column in a row group, numbered in the order they came.

    Attributes:
        texts: uint8[...], padded; text i is texts[offsets[i]:offsets[i + 1]].
        offsets: int64[...].
        hashes: uint64[...].
        kinds: uint8[...], see `string_kind`.
        known: how many there are.
    """

    def __init__(self) -> None:
        self.table: NDArray[np.int32] = np.full(1 << 10, -1, dtype=np.int32)
        self.texts: NDArray[np.uint8] = np.zeros(1 << 14, dtype=np.uint8)
        self.offsets: NDArray[np.int64] = np.zeros((1 << 9) + 1, dtype=np.int64)
        self.hashes: NDArray[np.uint64] = np.empty(1 << 9, dtype=np.uint64)
        self.kinds: NDArray[np.uint8] = np.empty(1 << 9, dtype=np.uint8)
        self.known = 0

    @property
    def stored_bytes(self) -> int:
        """Bytes of all texts."""
        return int(self.offsets[self.known])

    def make_room(self, texts: int, size: int) -> None:
        """Make room for so many more texts of so many more bytes."""
        need = self.known + texts
        if need > len(self.hashes):
            room = 1 << need.bit_length()
            self.offsets = _grown(self.offsets, room + 1)
            self.hashes = _grown(self.hashes, room)
            self.kinds = _grown(self.kinds, room)
            self.table = np.full(2 * room, -1, dtype=np.int32)
            rebuild_table(self.table, self.hashes, self.known)
        if self.stored_bytes + size + PADDING > len(self.texts):
            self.texts = _grown(self.texts, 1 << (self.stored_bytes + size + PADDING).bit_length())

    def append(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        """Add texts that are not looked for among those there are, nor found later.

        Args:
            data: their bytes.
            offsets: int64[texts + 1], from 0.
        """
        count = len(offsets) - 1
        self.make_room(count, len(data))
        begin, first, last = self.stored_bytes, self.known, self.known + count
        self.texts[begin : begin + len(data)] = data
        self.offsets[first + 1 : last + 1] = begin + offsets[1:]
        self.kinds[first:last] = 0
        # not the texts' own, but all different: equal ones would be in each other's way in the table
        self.hashes[first:last] = np.arange(first, last)
        self.known = last

    def text(self, number: int) -> bytes:
        """One text."""
        return self.texts[self.offsets[number] : self.offsets[number + 1]].tobytes()

    def number_of(self, text: bytes) -> int:
        """The number of a text, or -1."""
        buffer = np.frombuffer(text + bytes(PADDING), dtype=np.uint8)
        return int(find_number(buffer, len(text), self.table, self.texts, self.offsets, self.hashes))

    def ranks(self) -> NDArray[np.int32]:
        """The place of each text in the order of their bytes: int32[known]."""
        words = np.empty(self.known, dtype=np.uint64)
        order, spare = np.empty(self.known, dtype=np.int32), np.empty(self.known, dtype=np.int32)
        order_texts(self.texts, self.offsets, words, order, spare)
        spare[order] = np.arange(self.known, dtype=np.int32)
        return spare

    def forget(self) -> None:
        """Let go of all texts, once a copy of them is written."""
        self.__init__()  # type: ignore[misc]


def null_of(values: NDArray[Any]) -> int:
    """What stands for no value in a register."""
    return int(NARROW_NULL if values.dtype == np.int32 else NULL)


def widened(values: NDArray[Any]) -> NDArray[np.int64]:
    """A register as int64."""
    if values.dtype == np.int64:
        return values
    return np.where(values == NARROW_NULL, NULL, values.astype(np.int64))


def sort_by(keys: Iterable[NDArray[np.int64] | NDArray[np.int32]], rows: int) -> NDArray[np.int32]:
    """The order of rows by these keys, the most significant first; equal ones as they stand. At most 2^31 rows."""
    order = np.arange(rows, dtype=np.int32)
    spare, counts = np.empty_like(order), np.empty(1 << DIGIT_BITS, dtype=np.int64)
    for key in reversed(list(keys)):
        radix_order(np.ascontiguousarray(key), order, spare, counts)
    return order


def _grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    grown = np.zeros(size, dtype=array.dtype)
    grown[: len(array)] = array
    return grown


class Store:
    """Room for the registers of one row group.

    Attributes:
        wide: int64[capacity, wide registers].
        narrow: int32[capacity, narrow registers].
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape
        wide, narrow, capacity = shape
        # a row's registers side by side: rows are put in order one by one
        self.wide = np.empty((capacity, wide), dtype=np.int64)
        self.narrow = np.empty((capacity, narrow), dtype=np.int32)

    def room_for_narrow(self, rows: int) -> NDArray[np.int32]:
        """Room for the narrow registers one after the other, int32[narrow, rows]; where it can, among the wide ones."""
        narrow = self.shape[1]
        room = self.wide.ravel().view(np.int32)
        if len(room) < narrow * rows:
            room = np.empty(narrow * rows, dtype=np.int32)
        return room[: narrow * rows].reshape(narrow, rows)


class Stores:
    """Stores that are free; shared by threads. Fresh memory costs more than filling it, so it is used again."""

    def __init__(self, registers: Registers, capacity: int) -> None:
        narrow = int(registers.is_narrow.sum())
        self._shape = (len(registers) - narrow, narrow, capacity)
        self._free: list[Store] = []
        self._free_rooms: list[NDArray[np.int64]] = []

    def take(self) -> Store:
        """A store for the rows of a row group."""
        return self._free.pop() if self._free else Store(self._shape)

    def give_back(self, store: Store) -> None:
        """Say that a store is not used any more."""
        self._free.append(store)

    def clear(self) -> None:
        """Give the memory back to the system."""
        self._free.clear()
        self._free_rooms.clear()

    def take_room(self) -> NDArray[np.int64]:
        """Room for a row group's wide registers once more: int64[wide * capacity]."""
        wide, _, capacity = self._shape
        return self._free_rooms.pop() if self._free_rooms else np.empty(wide * capacity, dtype=np.int64)

    def give_room_back(self, room: NDArray[np.int64]) -> None:
        """Say that a room is not used any more."""
        self._free_rooms.append(room)


def _plain_texts(registers: Registers) -> list[str]:
    """The registers whose texts are written row by row, as a text or what no contract names."""
    return [
        name
        for column in stored_columns(registers.contract)
        if (name := column.of or column.name) in registers.dictionaries and column.encoding != "dictionary"
    ]


class RowGroup:
    """Rows of one row group, in input order, in registers.

    Attributes:
        store: the registers' room.
        used: rows in use.
        dictionaries: by dictionary number.
        totals: int64[3]: rows taken, rows left to another day, bytes taken.
        digest: uint64[2] (low, high): multiset digest of the rows taken.
    """

    def __init__(self, registers: Registers, capacity: int, day: int, store: Store) -> None:
        self.registers = registers
        self.capacity = capacity
        self.store = store
        self.used = 0
        self.dictionaries = [Dictionary() for _ in registers.dictionaries]
        self.totals = np.zeros(3, dtype=np.int64)
        self.digest = np.zeros(2, dtype=np.uint64)
        self._day = day
        self._plain = _plain_texts(registers)
        self._plain_bytes = {registers.dictionaries[name]: 0 for name in self._plain}

    @property
    def is_full(self) -> bool:
        """Whether no row fits any more."""
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
        """Bytes of all texts: of all dictionaries, or those of all rows, where they will be written row by row."""
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
            if entries.counts[number]:  # most often nothing is left over, and no record is kept whole
                codes = self.store.narrow[self.used : self.used + count, registers.place_of[registers[name]]]
                self._plain_bytes[number] += size_of_texts(codes, self.dictionaries[number].offsets)
        self.used += count
        return int(following)
