"""Columns of a row group's Parquet table back to registers: the reverse of `encode.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import missing_of
from logpress.codecs.base import Step
from logpress.codecs.kernels_registers import all_within
from logpress.codecs.kernels_text import NULL
from logpress.codecs.register_arrays import fill_register, number_step
from logpress.codecs.registry import codecs_of, in_order_of_dependency
from logpress.codecs.spelling import Spelling
from logpress.codecs.texts import Ints, Texts, texts_of
from logpress.contract.model import Contract
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.registers.rows import Rows
from logpress.engine.registers.stored_columns import EXTRA, LAYOUT, RAW
from logpress.errors import PartError


class GroupDecoder:
    """Turns columns of one row group back into registers; the work that is common to all rows is done once.

    It implements `StoredRows` for codecs.

    Attributes:
        table: each column in one chunk.
        count: rows of the table.
        names: the columns of the table.
        registers: names of the registers that it fills.
        texts: by register name, the texts of the register's numbers.
        lookups: by lookup column, the usual text for each text of its key.
        sequences: by Kinesis column, shards and counters.
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
            layouts_with: bool[layouts] for a column: whether a layout has a slot for it.
            texts: string columns of all rows, if the table has only some rows.

        Raises:
            PartError: if columns and metadata contradict each other.
        """
        self.table = _one_chunk(table)
        self._whole = {} if texts is None else dict(zip(texts.column_names, _one_chunk(texts).columns, strict=True))
        self.names = frozenset({*table.column_names, *self._whole})
        self.count = table.num_rows
        self.texts: dict[str, Texts] = {}
        self.registers: list[str] = []
        self.lookups, self.sequences = metadata.lookups, metadata.sequences
        self._spellings, self._layouts_with = metadata.spellings, layouts_with
        self._steps: list[Step] = []
        if LAYOUT in self.names:
            self.add(number_step(LAYOUT, LAYOUT), LAYOUT)
        try:
            for codec in in_order_of_dependency(codecs_of(contract)):
                codec.decode(self)
            for name in (EXTRA, RAW):
                if name in self.names:
                    self.add(self.text_step(name, name, is_string=False), name)
        except UnicodeError as error:
            raise PartError(f"is damaged: a text is not UTF-8: {error}") from error

    def layouts_with(self, name: str) -> NDArray[np.bool_]:
        """bool[layouts]: whether a layout has a slot for the column."""
        return self._layouts_with(name)

    def add(self, step: Step, *registers: str) -> None:
        """Add a step that fills these registers from those before it. It must not hold a reference to the row group."""
        self._steps.append(step)
        self.registers += registers

    def rows(self, first: int, last: int) -> dict[str, Ints]:
        """Registers of the rows `first` to `last`: int64[last - first] by register name."""
        regs = {name: np.empty(last - first, dtype=np.int64) for name in self.registers}
        self.fill(regs, self.table.slice(first, last - first), first)
        return regs

    def fill(self, regs: Mapping[str, Ints], table: pa.Table, first: int) -> None:
        """Fill registers, int64[rows] by register name, from a table whose first row is row `first`.

        The table's dictionaries must be those of the table that this decoder was made for.
        """
        for step in self._steps:
            step(table, regs, first)

    def all_rows(self) -> Rows:
        """Registers of all rows."""
        return Rows(self.count, self.rows(0, self.count), self.texts)

    def text_step(self, register: str, stored: str, *, is_string: bool = True) -> Step:
        """The step that numbers the texts of a column; adds them to `texts`, strings escaped as in the records.

        Raises:
            PartError: if rows have text that must not have any.
        """
        how = self._spellings.get(register)
        whole = self._whole.get(stored)
        array = (self.table.column(stored) if whole is None else whole).chunk(0)
        if pa.types.is_dictionary(array.type):
            self.texts[register] = _texts(array.dictionary, how, is_string)
            count = len(array.dictionary)

            def numbers(table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
                column = table.column(stored) if whole is None else whole.slice(first, table.num_rows)
                entries = column.chunk(0)
                fill_register(regs[register], entries.indices)
                if len(entries.dictionary) != count or not all_within(regs[register], 0, count - 1):
                    raise PartError(f"column {stored} has a text that its dictionary does not hold")

            return numbers
        texts = _texts(array, how, is_string)
        missing = missing_of(array)
        if missing is None:
            missing = np.zeros(len(array), dtype=np.bool_)
        present = np.flatnonzero(~missing)
        if np.diff(texts.offsets)[missing].any():
            raise PartError(f"column {stored} has text in a row without a value")
        # most rows have no text of columns that are written row by row: `_extra`, `_raw`
        self.texts[register] = Texts(texts.data, np.append(texts.offsets[present], texts.offsets[-1]))

        def step(table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
            begin, end = np.searchsorted(present, [first, first + table.num_rows])
            regs[register][:] = NULL
            regs[register][present[begin:end] - first] = np.arange(begin, end)

        return step


def _one_chunk(table: pa.Table) -> pa.Table:
    """The table with exactly one chunk a column."""
    table = table.combine_chunks()
    columns = [c if c.num_chunks == 1 else pa.chunked_array([_empty(c.type)]) for c in table.columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _empty(type_: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(type_):
        return pa.DictionaryArray.from_arrays(pa.nulls(0, type_.index_type), pa.nulls(0, type_.value_type))
    return pa.nulls(0, type_)


def _texts(entries: pa.Array, spelling: Spelling | None, escape: bool) -> Texts:
    """The texts of a dictionary's values, escaped as in the records."""
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
        # only these values differ from their texts
        used = data[wide[0] : wide[-1]]
        special = np.flatnonzero((used < 0x20) | (used == 0x22) | (used == 0x5C)) + wide[0]
        changed = np.unique(np.searchsorted(wide, special, side="right") - 1)
        return Texts(data, wide).with_texts(changed, [spelling.text(entries[int(place)].as_py()) for place in changed])
    return texts_of([spelling.text(value) if value is not None else b"" for value in entries.to_pylist()])
