"""Virtual columns: what a part file does not hold under its own name, derived from what it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from logpress.codecs.arrow_arrays import array_of, texts_array, validity
from logpress.codecs.kernels_kinesis_texts import SEQUENCE_BYTES, write_sequences
from logpress.codecs.kernels_text import NULL
from logpress.codecs.spelling import unescape
from logpress.codecs.texts import Ints, Texts
from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import Column, Instant, KinesisSequence
from logpress.engine.part.decode import GroupDecoder
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.part.metadata import PartMetadata
from logpress.engine.registers.stored_columns import arrow_type, physical_columns
from logpress.errors import PartError

CHUNK_ROWS = 1 << 16
"""Rows that are derived at a time: bounds the memory, and keeps texts within Arrow's 32-bit offsets."""

Derive = Callable[[dict[str, Ints]], pa.Array]


class VirtualColumns:
    """Derives virtual columns for rows of one row group; what all rows share is prepared once."""

    def __init__(
        self, metadata: PartMetadata, group: GroupMetadata | None, table: pa.Table, names: Sequence[str]
    ) -> None:
        """Prepare.

        Args:
            metadata: of the part.
            group: what the part says of the row group; None will do where there are no names.
            table: all of its rows or any of them, in any order: the columns that `physical_columns` names, or more.
            names: virtual columns of the contract.

        Raises:
            PartError: if the file lacks a column that is needed.
        """
        contract = metadata.contract
        needed = physical_columns(contract, names)
        missing = sorted(set(needed) - set(table.column_names))
        if missing:
            raise PartError(f"the file has no column {missing[0]}, which {', '.join(names)} need")
        self.count = table.num_rows
        group = group or GroupMetadata(table.num_rows)
        self._decoder = GroupDecoder(contract, table.select(needed), group, metadata.layouts_with)
        try:
            self._derive = {name: self._derivation(contract.by_name[name]) for name in names}
        except ValueError as error:
            raise PartError(f"is damaged: a text is no part of a JSON string: {error}") from error

    def arrays(self, first: int, last: int) -> dict[str, pa.Array]:
        """The columns of the rows from `first` to `last`, by name.

        Instants are timestamps (UTC, in us), lookups dictionaries of distinct strings, sequence numbers strings.

        Raises:
            PartError: if columns and metadata contradict each other.
        """
        if not self._derive:
            return {}
        regs = self._decoder.rows(first, last)
        return {name: derive(regs) for name, derive in self._derive.items()}

    def release(self) -> None:
        """Let go of the rows, of which no more columns will be asked.

        A decoder's steps refer to the decoder, so Python would keep the row group until it next looks for such circles:
        several of them, when they are read one after the other.
        """
        self._derive.clear()
        vars(self._decoder).clear()

    def _derivation(self, column: Column) -> Derive:
        if isinstance(column, Instant):
            return lambda regs: _instants(column, regs[column.name])
        if isinstance(column, KinesisSequence):
            return lambda regs: _sequences(*(regs[name] for name in column.registers_of(column.name)))
        entries, places = _values(self._decoder.texts[column.name])
        return lambda regs: _strings(regs[column.name], entries, places)


def _instants(column: Instant, values: Ints) -> pa.Array:
    missing = values == NULL
    micros = values * (1_000_000 // UNITS_PER_SECOND[column.unit])
    return array_of(micros, pa.int64(), missing).view(arrow_type(column))


def _sequences(shards: Ints, arrivals: Ints, counters: Ints, subs: Ints) -> pa.Array:
    rows = len(shards)
    out = np.empty(rows * SEQUENCE_BYTES, dtype=np.uint8)
    offsets = np.empty(rows + 1, dtype=np.int32)
    used = write_sequences(shards, arrivals, counters, subs, out, offsets, np.full((64, 8), NULL, dtype=np.int64))
    data = out[:used].copy()  # the texts are seldom as long as they may be
    return pa.Array.from_buffers(
        pa.string(), rows, [validity(shards == NULL), pa.py_buffer(offsets), pa.py_buffer(data)]
    )


def _values(texts: Texts) -> tuple[pa.Array, Ints]:
    """The distinct values of texts between quotes, and each text's place among them; the place behind stands for none.

    Two texts may have one value: as an exception of one key and the rule of another, or with other escapes. Arrow wants
    the entries of a dictionary distinct.
    """
    places: dict[str, int] = {}
    found = [places.setdefault(unescape(texts[number]), len(places)) for number in range(len(texts))]
    return texts_array([value.encode() for value in places], pa.string()), np.array([*found, -1], dtype=np.int64)


def _strings(codes: Ints, entries: pa.Array, places: Ints) -> pa.Array:
    missing = codes == NULL
    indices = places[np.where(missing, -1, codes)].astype(np.int32)
    return pa.DictionaryArray.from_arrays(array_of(indices, pa.int32(), missing), entries)
