"""Columns of a row group's Parquet table back to registers: the reverse of `encode.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.contract.model import (
    UNITS_PER_SECOND,
    Column,
    Contract,
    Decimal,
    Instant,
    KinesisSequence,
    Lookup,
)
from logpress.engine.arrow import missing_of, values_of
from logpress.engine.columns import (
    EXTRA,
    LAYOUT,
    RAW,
    kinesis_names,
    other_name,
    residual_name,
    scale_name,
    shift_name,
)
from logpress.engine.counters import Counters
from logpress.engine.kernels_store import add_scaled, less_predicted
from logpress.engine.rows import Ints, Rows, Texts, columns_by_dependency, name_is_text, residual_of, texts_of
from logpress.engine.spelling import Spelling
from logpress.errors import PartError

Step = Callable[[pa.Table, dict[str, Ints], int], None]
"""Fills registers from a slice of the table that begins at a row of the row group."""


class GroupDecoder:
    """Turns columns of one row group back into registers; what all its rows share is prepared once.

    Attributes:
        texts: by register name, the texts that the register numbers.
    """

    def __init__(
        self,
        contract: Contract,
        table: pa.Table,
        metadata: dict[str, Any],
        layouts_with: Callable[[str], NDArray[np.bool_]],
    ) -> None:
        """Prepare.

        Args:
            contract: the contract the file was written with.
            table: columns of the row group, or of some of its rows; strings plain or as dictionaries.
            metadata: the row group's metadata.
            layouts_with: for a column, which layouts (bool[layouts]) have a slot for it.

        Raises:
            PartError: if columns and metadata contradict each other.
        """
        self._contract = contract
        self._table = _one_chunk(table)
        names = set(table.column_names)
        self.count = table.num_rows
        self.texts: dict[str, Texts] = {}
        self._steps: list[Step] = []
        self._known: set[str] = set()
        for column in columns_by_dependency(contract):
            self._prepare(column, names, metadata, layouts_with)
        if LAYOUT in names:
            self._steps.append(self._stored(LAYOUT, LAYOUT))
        for name in (EXTRA, RAW):
            if name in names:
                self._steps.append(self._text(name, name, None, False))

    def _prepare(
        self,
        column: Column,
        names: set[str],
        metadata: dict[str, Any],
        layouts_with: Callable[[str], NDArray[np.bool_]],
    ) -> None:
        """Add the steps that give a column's registers, if the table has what they need."""
        name = column.name
        if isinstance(column, Lookup):
            if other_name(name) in names and column.key in self._known and LAYOUT in names:
                self._add(name, self._lookup(column, metadata, layouts_with(name)))
        elif isinstance(column, KinesisSequence):
            if kinesis_names(name)[0] in names and column.arrival in self._known:
                self._add(name, self._kinesis(column, metadata["kinesis"][name]))
        elif isinstance(column, Instant):
            self._prepare_instant(column, names)
        elif name in names:
            if name_is_text(column.codec):
                self._add(name, self._text(name, name, metadata["spellings"].get(name), column.codec != "json"))
                return
            self._add(name, self._stored(name, name))
            if isinstance(column, Decimal) and scale_name(name) in names:
                self._steps.append(self._stored(f"{name}#scale", scale_name(name)))

    def _prepare_instant(self, column: Instant, names: set[str]) -> None:
        name = column.name
        if column.residual_of:
            if residual_name(name) in names and self._known.issuperset(column.residual_of):
                self._add(name, self._residual(column))
        elif name in names:
            self._add(name, self._stored(name, name, 1000 if column.unit == "s" else 1))
        if shift_name(name) in names:
            self._steps.append(self._stored(f"{name}#shift_min", shift_name(name)))

    def _add(self, name: str, step: Step) -> None:
        self._steps.append(step)
        self._known.add(name)

    def registers(self, first: int, last: int) -> dict[str, Ints]:
        """The registers of the rows from `first` to `last`: int64[last - first] by register name."""
        table = self._table.slice(first, last - first)
        regs: dict[str, Ints] = {}
        for step in self._steps:
            step(table, regs, first)
        return regs

    def rows(self) -> Rows:
        """All rows."""
        return Rows(self.count, self.registers(0, self.count), self.texts)

    def _stored(self, register: str, stored: str, divisor: int = 1) -> Step:
        def step(table: pa.Table, regs: dict[str, Ints], first: int) -> None:
            values = _ints(table, stored)
            regs[register] = values if divisor == 1 else np.where(values == NULL, NULL, values // divisor)

        return step

    def _text(self, register: str, stored: str, spelling: Any, escape: bool) -> Step:
        array = self._table.column(stored).chunk(0)
        entries = array.dictionary if pa.types.is_dictionary(array.type) else array
        self.texts[register] = _texts(entries, Spelling.from_json(spelling) if spelling else None, escape)

        def step(table: pa.Table, regs: dict[str, Ints], first: int) -> None:
            regs[register] = _codes(table.column(stored).chunk(0), first)

        return step

    def _residual(self, column: Instant) -> Step:
        contract = self._contract  # not self, which would keep the row group alive

        def step(table: pa.Table, regs: dict[str, Ints], first: int) -> None:
            residual = _ints(table, residual_name(column.name))
            regs[column.name] = residual_of(column, contract, regs, -1, residual, np.empty_like(residual))

        return step

    def _lookup(self, column: Lookup, metadata: dict[str, Any], has_slot: NDArray[np.bool_]) -> Step:
        name = column.name
        others_step = self._text(name, other_name(name), metadata["spellings"].get(name), True)
        others, keys = self.texts[name], self.texts[column.key]
        lookup: dict[str, str] = metadata["lookups"][name]
        texts = [others[number] for number in range(len(others))]
        predicted = np.full(len(keys) + 1, NULL, dtype=np.int64)
        places: dict[str, int] = {}
        for number in range(len(keys)):
            value = lookup.get(keys[number].decode())
            if value is not None:
                predicted[number] = places.setdefault(value, len(texts) + len(places))
        self.texts[name] = texts_of(texts + [value.encode() for value in places])
        with_none = np.append(has_slot, False)

        def step(table: pa.Table, regs: dict[str, Ints], first: int) -> None:
            others_step(table, regs, first)
            codes, layouts = regs[name], _ints(table, LAYOUT)
            following = (codes == NULL) & with_none[np.where(layouts == NULL, -1, layouts)]
            key_codes = regs[column.key]
            regs[name] = np.where(following, predicted[np.where(key_codes == NULL, -1, key_codes)], codes)

        return step

    def _kinesis(self, column: KinesisSequence, metadata: dict[str, Any]) -> Step:
        names = kinesis_names(column.name)
        counters_of = Counters.from_json(metadata)
        keys = np.array([*metadata["shards"], NULL], dtype=np.int64)
        predicting = self._contract.by_name[column.arrival]
        assert isinstance(predicting, Instant)
        units = UNITS_PER_SECOND[predicting.unit]

        def step(table: pa.Table, regs: dict[str, Ints], first: int) -> None:
            shards, residuals, counters, subs = (_ints(table, name) for name in names)
            base = np.zeros(len(residuals), dtype=np.int64)
            add_scaled(base, regs[column.arrival], 1)
            arrivals = np.empty_like(base)
            less_predicted(residuals, base, units, -1, arrivals)
            present = shards != NULL
            if ((shards < 0) & present).any() or shards.max(initial=-1) >= len(keys) - 1:
                raise PartError("a row names a shard that the file's metadata does not hold")
            counters = counters.copy()
            counters_of.subtract(np.where(present, shards, -1).astype(np.int32), arrivals, counters, -1)
            regs[f"{column.name}#shard"] = keys[np.where(present, shards, -1)]
            regs[f"{column.name}#arrival"] = arrivals
            regs[f"{column.name}#counter"] = counters
            regs[f"{column.name}#sub"] = subs

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


def _ints(table: pa.Table, name: str) -> Ints:
    array = table.column(name).chunk(0)
    if pa.types.is_timestamp(array.type) or pa.types.is_float64(array.type):
        array = array.view(pa.int64())
    return _filled(array)


def _codes(array: pa.Array, first: int) -> Ints:
    """Numbers of a slice's texts: in the dictionary, or in the whole plain array, where the slice begins at `first`."""
    if pa.types.is_dictionary(array.type):
        return _filled(array.indices)
    codes = np.arange(first, first + len(array), dtype=np.int64)
    missing = missing_of(array)
    if missing is not None:
        codes[missing] = NULL
    return codes


def _filled(array: pa.Array) -> Ints:
    missing = missing_of(array)
    values: Ints = values_of(array).astype(np.int64, copy=False)
    return values if missing is None else np.where(missing, NULL, values)


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
