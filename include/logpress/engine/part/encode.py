"""Registers of a filled row group to the columns of its Parquet table.

Codecs make the columns. Data that decoding needs besides the columns goes into the row group's metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from logpress.engine.part.encode_stored_too import stored_too_arrays
from logpress.engine.part.encode_texts import plain_texts, string_column
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.part.kernels_columns import map_codes
from logpress.engine.part.sorted_registers import SortedRegisters
from logpress.engine.registers.row_major import used_texts
from logpress.engine.registers.stored_columns import DAY, EXTRA, LAYOUT, RAW, ROW_GROUP, stored_columns, stored_too
from logpress.engine.row_group.row_group import RowGroup
from logpress.layout.model import Layout


def encode_rows(group: RowGroup, day: int, spelled: Spelled, room: Ints, layouts: Sequence[Layout]) -> pa.Table:
    """The sorted table of a row group; its first row holds the row group's metadata.

    Args:
        group: the filled row group, after `keep_whole`; its registers are overwritten.
        day: value of the `day` column, in days since 1970-01-01.
        spelled: spellings of its strings; its values are consumed.
        room: int64[wide registers * capacity], scratch; the table's columns may lie in it, and in the group's store.
        layouts: all that the rows have, by number.
    """
    registers = group.registers
    spellings, values, allowance = spelled.spellings, spelled.values, spelled.allowance
    order = _order(group)
    sample = _sample(group, order)
    regs = SortedRegisters(group, order, room)
    store = _Columns(regs, group, values, allowance)
    for codec in registers.codecs.values():
        codec.prepare(store)
    # overwrites registers: texts get new numbers, instants become residuals
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
    too = stored_too(registers.contract)
    arrays = []
    for stored in stored_order:
        if stored.name in too:
            continue
        array = columns.pop(stored.name)  # so that the dictionary is freed when its texts are copied
        is_plain = pa.types.is_dictionary(array.type) and stored.encoding != "dictionary"
        arrays.append(plain_texts(array) if is_plain else array)
        del array
    own = [c for c in stored_order if c.name not in too]
    schema = pa.schema([pa.field(c.name, a.type, c.name != DAY) for c, a in zip(own, arrays, strict=True)])
    table = pa.Table.from_arrays(arrays, schema=schema)
    made = stored_too_arrays(registers.contract, table, metadata, layouts)
    for place, stored in enumerate(stored_order):
        if stored.name in too:
            array = made.pop(stored.name)
            if pa.types.is_dictionary(array.type) and stored.encoding != "dictionary":
                array = plain_texts(array)
            elif pa.types.is_string(array.type) and stored.encoding == "dictionary":
                array = array.dictionary_encode()
            table = table.add_column(place, pa.field(stored.name, array.type), array)
    return table


class _Columns:
    """The columns of a row group while they are made; implements `RowsToStore` for codecs.

    Args:
        regs: the registers in their final order.
        group: the row group.
        values: by register, the values that differ from their texts, by number of the text.
        allowance: bytes left for metadata.
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
        """Add a column."""
        self._columns[name] = array

    def store_numbers(self, name: str, values: NDArray[Any], type_: pa.DataType) -> None:
        """Add a column of numbers or booleans; it is made after the dictionaries are freed."""
        self._numbers[name] = values, type_

    def store_texts(self, name: str, register: str, type_: pa.DataType | None = None) -> None:
        """Add a column of the texts that a register numbers; register and texts are consumed."""
        dictionary = self.dictionaries.pop(register)
        self._columns[name] = string_column(self.regs[register], dictionary, self._values.get(register), type_)

    def columns(self) -> dict[str, pa.Array]:
        """All columns, by name."""
        return self._columns | {name: numbers_array(*given) for name, given in self._numbers.items()}


def _in_first_row(data: bytes, rows: int) -> pa.Array:
    """A binary column with a value in its first row only."""
    offsets = np.full(rows + 1, len(data), dtype=np.int32)
    offsets[0] = 0
    missing = np.ones(rows, dtype=np.bool_)
    missing[0] = False
    return pa.Array.from_buffers(pa.binary(), rows, [validity(missing), pa.py_buffer(offsets), pa.py_buffer(data)])


def _sample(group: RowGroup, order: NDArray[np.int32]) -> Ints:
    """A sample of the rows' keys, with which restoring chooses buckets before it reads rows."""
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
