"""Registers of a filled row group to the columns of its Parquet table.

What another column predicts is taken off: instants become residuals, lookups their exceptions, counters their distance
from the smallest of the shard and second. What the reverse needs besides the columns goes into the row group's
metadata.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import array_of, validity
from logpress.codecs.counters import Counters, Sequences, number_shards
from logpress.codecs.kernels_instant_columns import add_scaled, less_predicted
from logpress.codecs.kernels_kinesis_columns import take_lowest_byte
from logpress.codecs.kernels_registers import any_null
from logpress.codecs.kernels_text import NULL
from logpress.codecs.nulls import NARROW_NULL, null_of
from logpress.codecs.texts import Ints, Texts
from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import Boolean, Decimal, Instant, Integer, KinesisSequence, Lookup
from logpress.contract.model import Contract
from logpress.engine.order.keys import SAMPLED_ROWS, Keys
from logpress.engine.order.sort import sort_by
from logpress.engine.part.encode_lookups import _take_off_lookup
from logpress.engine.part.encode_spelling import _Allowance, _spell
from logpress.engine.part.encode_texts import _strings, plain_texts
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.part.kernels_columns import map_codes
from logpress.engine.part.sorted_registers import _Sorted
from logpress.engine.registers.predict import columns_by_dependency, residual_of
from logpress.engine.registers.row_major import used_texts
from logpress.engine.registers.stored_columns import (
    DAY,
    EXTRA,
    LAYOUT,
    RAW,
    ROW_GROUP,
    arrow_type,
    kinesis_names,
    other_name,
    residual_name,
    scale_name,
    shift_name,
    stored_columns,
)
from logpress.engine.row_group.row_group import RowGroup

METADATA_BYTES = 6 << 20
"""What a row group may say besides its columns."""


def encode_rows(group: RowGroup, day: int, render: Callable[[RowGroup, Ints], list[bytes]], room: Ints) -> pa.Table:
    """The table of a row group in its final order; its first row holds what its restoration needs besides the columns.

    Args:
        group: the filled row group; its registers are used up.
        day: days since 1970-01-01 that the `day` column says.
        render: gives the bytes of some of its rows; for the few whose spelling cannot be told from the value.
        room: int64[wide registers * capacity], scratch; the table's columns may lie in it, and in the group's store.
    """
    registers = group.registers
    allowance = _Allowance(METADATA_BYTES)
    spellings, values = _spell(group, render, allowance)
    order = _order(group)
    sample = _sample(group, order)
    regs = _Sorted(group, order, room)
    columns: dict[str, pa.Array] = {}
    numbers: dict[str, tuple[NDArray[Any], pa.DataType]] = {}
    texts = {name: group.dictionaries[number] for name, number in registers.dictionaries.items()}
    contract = registers.contract
    lookups = {
        column.name: _take_off_lookup(regs, texts, column.name, column.key, allowance)
        for column in contract.columns
        if isinstance(column, Lookup)
    }
    sequences: dict[str, Sequences] = {}
    # from here on registers are used up: `_strings` numbers texts anew, residuals take the place of instants
    for column in reversed(columns_by_dependency(contract)):
        name = column.name
        if isinstance(column, Lookup):
            columns[other_name(name)] = _strings(regs[name], texts.pop(name), values.get(name))
        elif isinstance(column, KinesisSequence):
            numbers |= _kinesis_numbers(column, contract, regs, sequences, allowance)
        elif isinstance(column, Instant):
            stored = regs[name]
            if column.residual_of:
                numbers[residual_name(name)] = residual_of(column, contract, regs, 1, stored, stored), pa.int64()
            else:
                stored = _scaled(stored, 1_000_000 // UNITS_PER_SECOND[column.unit])
                columns[name] = _numbers(stored, pa.int64()).view(arrow_type(column))
            if column.label_checked_by:
                numbers[shift_name(name)] = regs[f"{name}#shift_min"], pa.int16()
        elif isinstance(column, Decimal):
            columns[name] = _numbers(regs[name], pa.int64()).view(pa.float64())
            numbers[scale_name(name)] = regs[f"{name}#scale"], pa.int8()
        elif isinstance(column, (Integer, Boolean)):
            numbers[name] = regs[name], arrow_type(column)
        else:
            columns[name] = _strings(regs[name], texts.pop(name), values.get(name))
    rows = group.used
    columns[DAY] = array_of(np.full(rows, day, dtype=np.int32), pa.date32())
    numbers[LAYOUT] = regs[LAYOUT], pa.int32()
    columns[EXTRA] = _strings(regs[EXTRA], texts.pop(EXTRA), None)
    columns[RAW] = _strings(regs[RAW], texts.pop(RAW), None, pa.binary())
    columns |= {name: _numbers(values, type_) for name, (values, type_) in numbers.items()}
    metadata = GroupMetadata(rows, spellings, lookups, sequences, sample)
    columns[ROW_GROUP] = _in_first_row(metadata.to_bytes(), rows)
    stored_order = stored_columns(contract)
    arrays = []
    for stored in stored_order:
        array = columns.pop(stored.name)  # so that the dictionary goes once its texts are there
        is_plain = pa.types.is_dictionary(array.type) and stored.encoding != "dictionary"
        arrays.append(plain_texts(array) if is_plain else array)
        del array
    schema = pa.schema([pa.field(c.name, a.type, c.name != DAY) for c, a in zip(stored_order, arrays, strict=True)])
    return pa.Table.from_arrays(arrays, schema=schema)


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
    keys = []
    for name in registers.contract.order_by:
        key = group.register(name)
        if name in registers.dictionaries:
            ranks = np.empty(group.used, dtype=np.int32)
            map_codes(key, group.dictionaries[registers.dictionaries[name]].ranks(), ranks)
            key = ranks
        keys.append(np.ascontiguousarray(key))
    return sort_by(keys, group.used)


def _numbers(values: NDArray[Any], type_: pa.DataType) -> pa.Array:
    null = null_of(values)
    missing = values == null if any_null(values, null) else None
    if pa.types.is_boolean(type_):
        return array_of(values == 1, type_, missing)
    return array_of(values.astype(f"i{type_.bit_width // 8}", copy=False), type_, missing)


def _scaled(values: Ints, factor: int) -> Ints:
    return values if factor == 1 else np.where(values == NULL, NULL, values * factor)


def _kinesis_numbers(
    column: KinesisSequence, contract: Contract, regs: _Sorted, found: dict[str, Sequences], allowance: _Allowance
) -> dict[str, tuple[NDArray[Any], pa.DataType]]:
    shard_keys, arrivals, counters, subs = (regs[name] for name in column.registers_of(column.name))
    shards, shard_places = number_shards(shard_keys)
    described = Counters.of(shard_places, arrivals, counters, len(shards))
    if not allowance.takes_bytes(shards.nbytes + described.smallest.nbytes):
        described = Counters.none()
    described.subtract(shard_places, arrivals, counters, 1)
    found[column.name] = Sequences(shards, described)
    predicting = contract.by_name[column.arrival]
    assert isinstance(predicting, Instant)
    expected = np.zeros(len(arrivals), dtype=np.int64)
    add_scaled(expected, regs[column.arrival], 1)
    less_predicted(arrivals, expected, UNITS_PER_SECOND[predicting.unit], 1, arrivals)
    low = np.empty(len(counters), dtype=np.int32)
    take_lowest_byte(counters, low)
    names = kinesis_names(column.name)
    return {
        names.shard: (np.where(shard_places < 0, NARROW_NULL, shard_places), pa.int32()),
        names.arrival: (arrivals, pa.int64()),
        names.counter: (low, pa.int16()),
        names.counter_high: (counters, pa.int64()),
        names.sub: (subs, pa.int32()),
    }
