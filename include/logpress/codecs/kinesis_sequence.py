"""The codec `kinesis_sequence`: a Kinesis sequence number, stored as shard and as residuals of arrival and counter.

Kernels: `read_kinesis` and `write_kinesis` (kernels_kinesis), called by `run_operation` of
engine/convert/kernels_operations.py (KINESIS) and `render_rows` of engine/render/kernels_render.py; between registers
and columns, kernels_kinesis_columns and kernels_instant_columns; for readers, kernels_kinesis_texts.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from logpress.codecs.arrow_arrays import validity
from logpress.codecs.base import (
    ColumnCodec,
    Derive,
    Example,
    Operation,
    Register,
    RegisterNumbers,
    RowsToStore,
    Step,
    StoredAs,
    StoredRows,
    Value,
    content_span,
    padded,
)
from logpress.codecs.counters import Counters, Sequences, number_shards
from logpress.codecs.kernels_codes import AS_IT_IS, HEAD, KINESIS
from logpress.codecs.kernels_instant_columns import add_scaled, less_predicted
from logpress.codecs.kernels_kinesis import SHARD_WORDS, SHARDS_MET, read_kinesis
from logpress.codecs.kernels_kinesis_columns import (
    are_sequences,
    name_shards,
    put_above_lowest_byte,
    take_lowest_byte,
)
from logpress.codecs.kernels_kinesis_texts import SEQUENCE_BYTES, write_sequence_texts
from logpress.codecs.kernels_text import NULL
from logpress.codecs.nulls import NARROW_NULL
from logpress.codecs.register_arrays import fill_register
from logpress.codecs.texts import Ints, Texts
from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import Column, KinesisSequence, instant_of
from logpress.errors import PartError
from logpress.layout.model import Slot
from logpress.layout.tokens import Leaf

_TYPES = (pa.int32(), pa.int64(), pa.int16(), pa.int64(), pa.int32())


class KinesisSequenceCodec(ColumnCodec[KinesisSequence]):
    """Sequence numbers: registers have shard, arrival second, counter and sub-sequence number.

    Columns are: the index of the shard in the row group's list; the arrival less its prediction by an instant; the
    counter less the smallest of its shard and window, as lowest byte and the rest; the sub-sequence number. The lowest
    byte is a column of its own, because it is noise, and the rest is small.
    """

    is_comparable = False  # because a text has 56 digits
    example = Example(
        {"arrival": "at"},
        (b'"49623735927354776182646864847313121695850829503304564770.0"',),
        refused=(b'"496"', b"1"),
    )

    def __init__(self, column: KinesisSequence, columns: Mapping[str, Column]) -> None:
        super().__init__(column, columns)
        self._names = tuple(f"{column.name}#{part}" for part in ("shard", "arrival", "counter", "sub"))

    @property
    def type(self) -> pa.DataType:
        """Strings."""
        return pa.string()

    @property
    def registers(self) -> tuple[Register, ...]:
        """Shard, arrival second, counter, sub-sequence number."""
        shard, arrival, counter, sub = self._names
        return Register(shard), Register(arrival), Register(counter), Register(sub, True)

    def operation(self, slot: Slot, numbers: RegisterNumbers) -> Operation:
        """Read and write the four parts."""
        shard, *others = (numbers[name] for name in self._names)
        return Operation(KINESIS, shard, operands=tuple(others))

    def lenient(self, leaf: Leaf, record: bytes, found: Mapping[str, Value]) -> dict[str, Value]:
        """The four parts of a string."""
        start, end = content_span(leaf)
        parts = np.zeros(4, dtype=np.int64)
        if leaf.kind == "string" and read_kinesis(padded(record[start:end]), 0, end - start, parts):
            return dict(zip(self._names, parts.tolist(), strict=True))
        return {}

    def stored(self) -> list[StoredAs]:
        """The five helpers."""
        meanings = (
            f"Shard of {self.name}, as an index into a list in the file's metadata",
            f"Arrival second of {self.name} less its predicted value",
            f"Counter of {self.name} less the smallest of its shard and second: the lowest byte",
            f"The same difference of {self.name}, divided by 256",
            f"Sub-sequence number of {self.name}",
        )
        described = zip(self.column.helpers, _TYPES, meanings, strict=True)
        return [StoredAs(name, type_, "dictionary", meaning) for name, type_, meaning in described]

    def encode(self, rows: RowsToStore) -> None:
        """Subtract the prediction of the arrival, and the smallest counters."""
        shard_keys, arrivals, counters, subs = (rows.regs[name] for name in self._names)
        shards, shard_places = number_shards(shard_keys)
        described = Counters.of(shard_places, arrivals, counters, len(shards))
        if not rows.allowance.takes_bytes(shards.nbytes + described.smallest.nbytes):
            described = Counters.none()
        described.subtract(shard_places, arrivals, counters, 1)
        rows.sequences[self.name] = Sequences(shards, described)
        self._less_predicted(arrivals, rows.regs[self.column.arrival], 1)
        low = np.empty(len(counters), dtype=np.int32)
        take_lowest_byte(counters, low)
        places = np.where(shard_places < 0, NARROW_NULL, shard_places)
        stored = (places, arrivals, low, counters, subs)
        for name, values, type_ in zip(self.column.helpers, stored, _TYPES, strict=True):
            rows.store_numbers(name, values, type_)

    def decode(self, rows: StoredRows) -> None:
        """The reverse of `encode`."""
        if self.column.helpers[0] not in rows.names or self.column.arrival not in rows.registers:
            return
        if self.name not in rows.sequences:
            raise PartError(f"the row group has no metadata of the sequence numbers of {self.name}")
        rows.add(self._step(rows.sequences[self.name]), *self._names)

    def derive(self, texts: Mapping[str, Texts]) -> Derive:
        """Strings."""
        return lambda regs: _texts(*(regs[name] for name in self._names))

    def sort_words(self) -> list[tuple[str, int]]:
        """As in the number: creation second, low digit of the shard, counter, arrival, shard."""
        shard, arrival, counter, sub = self._names
        return [(shard, HEAD), *((register, AS_IT_IS) for register in (counter, arrival, shard, sub))]

    def _less_predicted(self, arrivals: Ints, predicting: Ints, sign: int) -> None:
        """Subtract (sign 1) or add (sign -1) the second of the instant that predicts the arrival, in place."""
        expected = np.zeros(len(arrivals), dtype=np.int64)
        add_scaled(expected, predicting, 1)
        units = UNITS_PER_SECOND[instant_of(self.columns, self.column.arrival).unit]
        less_predicted(arrivals, expected, units, sign, arrivals)

    def _step(self, relative_to: Sequences) -> Step:
        def step(table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
            shards, arrivals, counters, subs = (regs[name] for name in self._names)
            high = np.empty_like(counters)
            for out, stored in zip((shards, arrivals, counters, high, subs), self.column.helpers, strict=True):
                fill_register(out, table.column(stored).chunk(0))
            put_above_lowest_byte(counters, high)
            self._less_predicted(arrivals, regs[self.column.arrival], -1)
            places = np.empty(len(shards), dtype=np.int32)
            if not name_shards(shards, relative_to.shards, places):
                raise PartError("a row names a shard that the file's metadata does not hold")
            relative_to.counters.subtract(places, arrivals, counters, -1)
            if not are_sequences(shards, arrivals, counters, subs):
                raise PartError(f"a row has a sequence number of {self.name} that cannot be written")

        return step


def _texts(shards: Ints, arrivals: Ints, counters: Ints, subs: Ints) -> pa.Array:
    rows = len(shards)
    out = np.empty(rows * SEQUENCE_BYTES, dtype=np.uint8)
    offsets = np.empty(rows + 1, dtype=np.int32)
    used = write_sequence_texts(
        shards, arrivals, counters, subs, out, offsets, np.full((SHARDS_MET, SHARD_WORDS), NULL, dtype=np.int64)
    )
    data = out[:used].copy()  # frees the unused rest
    return pa.Array.from_buffers(
        pa.string(), rows, [validity(shards == NULL), pa.py_buffer(offsets), pa.py_buffer(data)]
    )
