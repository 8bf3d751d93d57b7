"""Registers of a filled row group to the columns of its Parquet table.

Each column's own is made by its codec. What the reverse needs besides the columns goes into the row group's metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import array_of, validity
from logpress.codecs.counters import Sequences
from logpress.codecs.register_arrays import numbers_array
from logpress.codecs.registry import in_order_of_dependency
from logpress.codecs.texts import Ints, Texts
from logpress.engine.order.keys import SAMPLED_ROWS, Keys
from logpress.engine.order.sort import sort_by
from logpress.engine.part.encode_spelling import Allowance, Spelled
from logpress.engine.part.encode_texts import plain_texts, string_column
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.part.kernels_columns import map_codes
from logpress.engine.part.sorted_registers import SortedRegisters
from logpress.engine.registers.row_major import used_texts
from logpress.engine.registers.stored_columns import DAY, EXTRA, LAYOUT, RAW, ROW_GROUP, stored_columns
from logpress.engine.row_group.row_group import RowGroup


def encode_rows(group: RowGroup, day: int, spelled: Spelled, room: Ints) -> pa.Table:
    """The table of a row group in its final order; its first row holds what its restoration needs besides the columns.

    Args:
        group: the filled row group, in which rows of no spelling are kept whole; its registers are used up.
        day: days since 1970-01-01 that the `day` column says.
        spelled: how its strings are spelt; its values are used up.
        room: int64[wide registers * capacity], scratch; the table's columns may lie in it, and in the group's store.
    """
    registers = group.registers
    spellings, values, allowance = spelled.spellings, spelled.values, spelled.allowance
    order = _order(group)
    sample = _sample(group, order)
    regs = SortedRegisters(group, order, room)
    store = _Columns(regs, group, values, allowance)
    for codec in registers.codecs.values():
        codec.prepare(store)
    # from here on registers are used up: texts are numbered anew, residuals take the place of instants
    for codec in reversed(in_order_of_dependency(registers.codecs)):
        codec.encode(store)
    rows = group.used
    store.store(DAY, array_of(np.full(rows, day, dtype=np.int32), pa.date32()))
    store.store_numbers(LAYOUT, regs[LAYOUT], pa.int32())
    store.store_texts(EXTRA, EXTRA)
    store.store_texts(RAW, RAW, pa.binary())
    columns = store.columns()
    metadata = GroupMetadata(rows, spellings, store.lookups, store.sequences, sample)
    columns[ROW_GROUP] = _in_first_row(metadata.to_bytes(), rows)
    stored_order = stored_columns(registers.contract)
    arrays = []
    for stored in stored_order:
        array = columns.pop(stored.name)  # so that the dictionary goes once its texts are there
        is_plain = pa.types.is_dictionary(array.type) and stored.encoding != "dictionary"
        arrays.append(plain_texts(array) if is_plain else array)
        del array
    schema = pa.schema([pa.field(c.name, a.type, c.name != DAY) for c, a in zip(stored_order, arrays, strict=True)])
    return pa.Table.from_arrays(arrays, schema=schema)


class _Columns:
    """The columns of a row group as they come to be: `RowsToStore`, for codecs.

    Args:
        regs: the registers in their final order.
        group: what they are of.
        values: by register, those texts that are not their own values, by number.
        allowance: what may be said besides the columns.
    """

    def __init__(
        self, regs: SortedRegisters, group: RowGroup, values: dict[str, dict[int, str]], allowance: Allowance
    ) -> None:
        self.regs = regs
        self.dictionaries = {name: group.dictionaries[number] for name, number in group.registers.dictionaries.items()}
        self.allowance = allowance
        self.lookups: dict[str, Mapping[str, str]] = {}
        self.sequences: dict[str, Sequences] = {}
        self._values = values
        self._columns: dict[str, pa.Array] = {}
        self._numbers: dict[str, tuple[NDArray[Any], pa.DataType]] = {}

    def store(self, name: str, array: pa.Array) -> None:
        """Give a column."""
        self._columns[name] = array

    def store_numbers(self, name: str, values: NDArray[Any], type_: pa.DataType) -> None:
        """Give a column of numbers or booleans: it takes memory when the dictionaries have gone."""
        self._numbers[name] = values, type_

    def store_texts(self, name: str, register: str, type_: pa.DataType | None = None) -> None:
        """Give a column of the texts that a register numbers; register and texts are used up."""
        dictionary = self.dictionaries.pop(register)
        self._columns[name] = string_column(self.regs[register], dictionary, self._values.get(register), type_)

    def columns(self) -> dict[str, pa.Array]:
        """All of them, by name."""
        return self._columns | {name: numbers_array(*given) for name, given in self._numbers.items()}


def _in_first_row(data: bytes, rows: int) -> pa.Array:
    """A binary column that has a value in its first row only."""
    offsets = np.full(rows + 1, len(data), dtype=np.int32)
    offsets[0] = 0
    missing = np.ones(rows, dtype=np.bool_)
    missing[0] = False
    return pa.Array.from_buffers(pa.binary(), rows, [validity(missing), pa.py_buffer(offsets), pa.py_buffer(data)])


def _sample(group: RowGroup, order: NDArray[np.int32]) -> Ints:
    """A sample of the rows' keys, so that restoring knows where to cut before it has read them."""
    step = max(1, len(order) // SAMPLED_ROWS)
    registers = group.registers
    keys = Keys(registers)
    wide, narrow = group.store.wide[order[::step]], group.store.narrow[order[::step]]
    texts: dict[str, Texts] = {}
    for name in keys.texts:
        found = group.dictionaries[registers.dictionaries[name]]
        all_texts = Texts(found.texts, found.offsets[: found.known + 1])
        codes = narrow[:, registers.place_of[registers[name]]]
        texts[name] = used_texts([codes], all_texts, np.full(len(all_texts), -1, dtype=np.int64))
    sample = keys.sample(wide, narrow, texts)
    sample[-1] *= step
    return sample


def _order(group: RowGroup) -> NDArray[np.int32]:
    registers = group.registers
    keys: list[NDArray[Any]] = []
    for name in registers.contract.order_by:
        regs = {register: group.register(register) for register in registers.of_column(name)}
        for register in registers.dictionaries.keys() & regs:
            ranks = np.empty(group.used, dtype=np.int32)
            map_codes(regs[register], group.dictionaries[registers.dictionaries[register]].ranks(), ranks)
            regs[register] = ranks
        keys += map(np.ascontiguousarray, registers.codecs[name].order_keys(regs))
    return sort_by(keys, group.used)
