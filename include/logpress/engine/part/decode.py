"""Columns of a row group's Parquet table back to registers: the reverse of `encode.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import missing_of, values_of
from logpress.codecs.counters import Sequences
from logpress.codecs.kernels_instant_columns import add_scaled, divide_exactly, less_predicted
from logpress.codecs.kernels_kinesis_columns import are_sequences, name_shards, put_above_lowest_byte
from logpress.codecs.kernels_lookup_columns import follow_lookup
from logpress.codecs.kernels_registers import all_within
from logpress.codecs.kernels_text import MOST_SCALE, NULL
from logpress.codecs.spelling import Spelling
from logpress.codecs.texts import Ints, Texts, name_is_text, texts_of
from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import Column, Decimal, Instant, KinesisSequence, Lookup
from logpress.contract.model import Contract
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.registers.predict import columns_by_dependency, residual_of
from logpress.engine.registers.rows import Rows
from logpress.engine.registers.stored_columns import (
    EXTRA,
    LAYOUT,
    RAW,
    kinesis_names,
    other_name,
    residual_name,
    scale_name,
    shift_name,
)
from logpress.errors import PartError

_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Units a second, by what Arrow calls the unit."""

Step = Callable[[pa.Table, Mapping[str, Ints], int], None]
"""Fills registers from the columns of some rows, the first of which is this row of the row group."""


class GroupDecoder:
    """Turns columns of one row group back into registers; what all its rows share is prepared once.

    Attributes:
        table: each column in one chunk.
        count: rows of the table.
        registers: the names of the registers that it fills.
        texts: by register name, the texts that the register numbers.
    """

    def __init__(
        self,
        contract: Contract,
        table: pa.Table,
        metadata: GroupMetadata,
        layouts_with: Callable[[str], NDArray[np.bool_]],
        texts: pa.Table | None = None,
    ) -> None:
        """Prepare.

        Args:
            contract: the contract the file was written with.
            table: columns of the row group, or of some of its rows; strings plain or as dictionaries.
            metadata: the row group's metadata.
            layouts_with: for a column, which layouts (bool[layouts]) have a slot for it.
            texts: further columns of the row group: strings of all rows, where the table has just some rows.

        Raises:
            PartError: if columns and metadata contradict each other.
        """
        self._contract = contract
        self.table = _one_chunk(table)
        self._whole = {} if texts is None else dict(zip(texts.column_names, _one_chunk(texts).columns, strict=True))
        names = {*table.column_names, *self._whole}
        self.count = table.num_rows
        self.texts: dict[str, Texts] = {}
        self.registers: list[str] = []
        self._steps: list[Step] = []
        if LAYOUT in names:
            self._add(self._stored(LAYOUT, LAYOUT), LAYOUT)
        try:
            for column in columns_by_dependency(contract):
                self._prepare(column, names, metadata, layouts_with)
            for name in (EXTRA, RAW):
                if name in names:
                    self._add(self._text(name, name, None, False), name)
        except UnicodeError as error:
            raise PartError(f"is damaged: a text is no UTF-8: {error}") from error

    def _prepare(
        self,
        column: Column,
        names: set[str],
        metadata: GroupMetadata,
        layouts_with: Callable[[str], NDArray[np.bool_]],
    ) -> None:
        """Add the steps that give a column's registers, if the table has what they need."""
        name = column.name
        if isinstance(column, Lookup):
            if other_name(name) in names and {column.key, LAYOUT} <= set(self.registers):
                self._add(self._lookup(column, metadata, layouts_with(name)), name)
        elif isinstance(column, KinesisSequence):
            if kinesis_names(name).shard in names and column.arrival in self.registers:
                if name not in metadata.sequences:
                    raise PartError(f"the row group does not say what the sequence numbers of {name} are relative to")
                self._add(self._kinesis(column, metadata.sequences[name]), *column.registers_of(name))
        elif isinstance(column, Instant):
            self._prepare_instant(column, names)
        elif name in names:
            if name_is_text(column.codec):
                self._add(self._text(name, name, metadata.spellings.get(name), column.codec != "json"), name)
                return
            self._add(self._stored(name, name), name)
            if isinstance(column, Decimal) and scale_name(name) in names:
                self._add(self._scale(f"{name}#scale", scale_name(name)), f"{name}#scale")

    def _prepare_instant(self, column: Instant, names: set[str]) -> None:
        name = column.name
        if column.residual_of:
            if residual_name(name) in names and set(self.registers).issuperset(column.residual_of):
                self._add(self._residual(column), name)
        elif name in names:
            self._add(self._instant(column), name)
        if shift_name(name) in names:
            self._add(self._stored(f"{name}#shift_min", shift_name(name)), f"{name}#shift_min")

    def _add(self, step: Step, *registers: str) -> None:
        self._steps.append(step)
        self.registers += registers

    def rows(self, first: int, last: int) -> dict[str, Ints]:
        """The registers of the rows from `first` to `last`: int64[last - first] by register name."""
        regs = {name: np.empty(last - first, dtype=np.int64) for name in self.registers}
        self.fill(regs, self.table.slice(first, last - first), first)
        return regs

    def fill(self, regs: Mapping[str, Ints], table: pa.Table, first: int) -> None:
        """Fill registers, int64[rows] by register name, from a table of the rows from `first` on.

        Its dictionaries are those of the table that this was made for.
        """
        for step in self._steps:
            step(table, regs, first)

    def all_rows(self) -> Rows:
        """All rows."""
        return Rows(self.count, self.rows(0, self.count), self.texts)

    def _stored(self, register: str, stored: str) -> Step:
        def step(table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
            _fill(regs[register], table.column(stored).chunk(0))

        return step

    def _scale(self, register: str, stored: str) -> Step:
        def step(table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
            _fill(regs[register], table.column(stored).chunk(0))
            if not all_within(regs[register], 0, MOST_SCALE):
                raise PartError(f"column {stored} has digits after a point that no decimal has")

        return step

    def _instant(self, column: Instant) -> Step:
        name, units = column.name, UNITS_PER_SECOND[column.unit]

        def step(table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
            array = table.column(name).chunk(0)
            if not pa.types.is_timestamp(array.type):
                raise PartError(f"column {name} has type {array.type}, not instants")
            _fill(regs[name], array)
            stored_units = _UNITS[array.type.unit]
            if stored_units > units and not divide_exactly(regs[name], stored_units // units):
                raise PartError(f"column {name} has an instant that is finer than a {column.unit}")
            if stored_units < units:
                raise PartError(f"column {name} has type {array.type}, which is coarser than a {column.unit}")

        return step

    def _text(self, register: str, stored: str, how: Spelling | None, escape: bool) -> Step:
        whole = self._whole.get(stored)
        array = (self.table.column(stored) if whole is None else whole).chunk(0)
        if pa.types.is_dictionary(array.type):
            self.texts[register] = _texts(array.dictionary, how, escape)
            count = len(array.dictionary)

            def numbers(table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
                column = table.column(stored) if whole is None else whole.slice(first, table.num_rows)
                entries = column.chunk(0)
                _fill(regs[register], entries.indices)
                if len(entries.dictionary) != count or not all_within(regs[register], 0, count - 1):
                    raise PartError(f"column {stored} has a text that its dictionary does not hold")

            return numbers
        texts = _texts(array, how, escape)
        missing = missing_of(array)
        if missing is None:
            missing = np.zeros(len(array), dtype=np.bool_)
        present = np.flatnonzero(~missing)
        if np.diff(texts.offsets)[missing].any():
            raise PartError(f"column {stored} has text where it has no value")
        # most rows have none of what is written row by row: `_extra`, `_raw`
        self.texts[register] = Texts(texts.data, np.append(texts.offsets[present], texts.offsets[-1]))

        def step(table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
            begin, end = np.searchsorted(present, [first, first + table.num_rows])
            regs[register][:] = NULL
            regs[register][present[begin:end] - first] = np.arange(begin, end)

        return step

    def _residual(self, column: Instant) -> Step:
        contract = self._contract  # not self, which would keep the row group alive

        def step(table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
            out = regs[column.name]
            _fill(out, table.column(residual_name(column.name)).chunk(0))
            residual_of(column, contract, regs, -1, out, out)

        return step

    def _lookup(self, column: Lookup, metadata: GroupMetadata, has_slot: NDArray[np.bool_]) -> Step:
        name = column.name
        others_step = self._text(name, other_name(name), metadata.spellings.get(name), True)
        others, keys = self.texts[name], self.texts[column.key]
        lookup = metadata.lookups.get(name, {})
        texts = [others[number] for number in range(len(others))]
        predicted = np.full(len(keys), NULL, dtype=np.int64)
        places: dict[str, int] = {}
        for number in range(len(keys)):
            value = lookup.get(keys[number].decode())
            if value is not None:
                predicted[number] = places.setdefault(value, len(texts) + len(places))
        self.texts[name] = texts_of(texts + [value.encode() for value in places])

        def step(table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
            others_step(table, regs, first)
            if not follow_lookup(regs[name], regs[column.key], regs[LAYOUT], has_slot, predicted):
                raise PartError(f"a row has a layout or a {column.key} that the file does not hold")

        return step

    def _kinesis(self, column: KinesisSequence, relative_to: Sequences) -> Step:
        names, registers = kinesis_names(column.name), column.registers_of(column.name)
        counters_of, keys = relative_to.counters, relative_to.shards
        predicting = self._contract.by_name[column.arrival]
        assert isinstance(predicting, Instant)
        units = UNITS_PER_SECOND[predicting.unit]

        def step(table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
            shards, arrivals, counters, subs = (regs[name] for name in registers)
            high = np.empty_like(counters)
            for out, stored in zip((shards, arrivals, counters, high, subs), names, strict=True):
                _fill(out, table.column(stored).chunk(0))
            put_above_lowest_byte(counters, high)
            expected = np.zeros(len(arrivals), dtype=np.int64)
            add_scaled(expected, regs[column.arrival], 1)
            less_predicted(arrivals, expected, units, -1, arrivals)
            places = np.empty(len(shards), dtype=np.int32)
            if not name_shards(shards, keys, places):
                raise PartError("a row names a shard that the file's metadata does not hold")
            counters_of.subtract(places, arrivals, counters, -1)
            if not are_sequences(shards, arrivals, counters, subs):
                raise PartError(f"a row has a sequence number of {column.name} that nobody could write")

        return step


def _one_chunk(table: pa.Table) -> pa.Table:
    """The table with each column in exactly one chunk."""
    table = table.combine_chunks()
    columns = [c if c.num_chunks == 1 else pa.chunked_array([_empty(c.type)]) for c in table.columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _empty(type_: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(type_):
        return pa.DictionaryArray.from_arrays(pa.nulls(0, type_.index_type), pa.nulls(0, type_.value_type))
    return pa.nulls(0, type_)


def _fill(out: Ints, array: pa.Array) -> None:
    """Fill a register from a column of numbers, or of instants in its unit."""
    if pa.types.is_timestamp(array.type) or pa.types.is_float64(array.type):
        array = array.view(pa.int64())
    out[:] = values_of(array)
    missing = missing_of(array)
    if missing is not None:
        np.copyto(out, NULL, where=missing)


def _texts(entries: pa.Array, spelling: Spelling | None, escape: bool) -> Texts:
    """The texts of a dictionary's values, escaped as they were."""
    if pa.types.is_large_string(entries.type) or pa.types.is_large_binary(entries.type):
        entries = entries.cast(pa.binary())
    _, offsets_buffer, data_buffer = entries.buffers()
    offsets = np.frombuffer(offsets_buffer or b"", dtype=np.int32)[entries.offset : entries.offset + len(entries) + 1]
    wide = offsets.astype(np.int64) if len(offsets) else np.zeros(1, dtype=np.int64)
    data = np.frombuffer(data_buffer, dtype=np.uint8) if data_buffer is not None else np.empty(0, dtype=np.uint8)
    spelling = spelling or Spelling()
    if not escape:
        return Texts(data, wide)
    if spelling.style == "plain" and not spelling.odd:
        # only these values are not their own texts
        used = data[wide[0] : wide[-1]]
        special = np.flatnonzero((used < 0x20) | (used == 0x22) | (used == 0x5C)) + wide[0]
        changed = np.unique(np.searchsorted(wide, special, side="right") - 1)
        return Texts(data, wide).with_texts(changed, [spelling.text(entries[int(place)].as_py()) for place in changed])
    return texts_of([spelling.text(value) if value is not None else b"" for value in entries.to_pylist()])
