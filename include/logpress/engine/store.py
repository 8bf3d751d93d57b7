"""Registers of a row group to the columns of its Parquet table, and back.

What another column predicts is taken off here: instants become residuals, lookups their exceptions, counters
their distance from the smallest of the shard and second. What the reverse needs besides the columns goes into the
row group's metadata, which is JSON.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.contract.model import (
    UNITS_PER_SECOND,
    Boolean,
    Column,
    Contract,
    Decimal,
    Instant,
    Integer,
    KinesisSequence,
    Lookup,
    dependencies,
)
from logpress.engine.columns import (
    DAY,
    EXTRA,
    LAYOUT,
    RAW,
    arrow_type,
    kinesis_names,
    other_name,
    residual_name,
    scale_name,
    shift_name,
    stored_columns,
)
from logpress.engine.group import Dictionary, RowGroup, sort_by
from logpress.engine.kernels_store import (
    add_scaled,
    any_null,
    collect_texts,
    count_pairs,
    gather,
    less_predicted,
    mark_used,
    number_few,
    renumber,
    smallest_counters,
    subtract_counters,
)
from logpress.engine.program import Registers
from logpress.engine.spelling import Spelling, spell
from logpress.errors import PartError
from logpress.layout.kernels_json import ESCAPED

Ints = NDArray[np.int64]

_EMPTY = np.iinfo(np.int64).max
_MOST_LOOKUPS = 1 << 16


@dataclass(frozen=True)
class Texts:
    """The texts of one dictionary: text i is data[offsets[i]:offsets[i + 1]]."""

    data: NDArray[np.uint8]
    offsets: Ints

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> bytes:
        return self.data[self.offsets[number] : self.offsets[number + 1]].tobytes()


@dataclass
class Rows:
    """Rows in registers, with the texts that dictionary registers number.

    Attributes:
        regs: by register name, int64[rows]; only those that were asked for.
        texts: by register name.
    """

    count: int
    regs: dict[str, Ints]
    texts: dict[str, Texts]


# ---------------------------------------------------------------------------------------------- registers to columns


def encode_rows(group: RowGroup, day: int, render: Callable[[RowGroup, Ints], list[bytes]]) -> tuple[pa.Table, dict[str, Any]]:
    """The table of a row group in its final order, and the metadata of its restoration.

    Args:
        group: the filled row group; its registers are used up.
        day: days since 1970-01-01 that the `day` column says.
        render: gives the bytes of some of its rows; for the few whose spelling cannot be told from the value.
    """
    registers = group.registers
    spellings, values = _spell(group, render)
    order = _order(group)
    regs: dict[str, Ints] = {}
    for name, number in registers.numbers.items():
        regs[name] = np.empty(len(order), dtype=np.int64)
        gather(group.regs[number], order, regs[name])
    metadata: dict[str, Any] = {"rows": group.used, "spellings": spellings}
    columns: dict[str, pa.Array] = {}
    texts = {name: group.dictionaries[number] for name, number in registers.dictionaries.items()}
    contract = registers.contract
    lookups = {
        column.name: _take_off_lookup(regs, texts, column.name, column.key)
        for column in contract.columns
        if isinstance(column, Lookup)
    }
    kinesis: dict[str, Any] = {}
    # from here on the registers of texts are used up: `_strings` numbers them anew
    for column in contract.columns:
        name = column.name
        if isinstance(column, Lookup):
            columns[other_name(name)] = _strings(regs[name], texts[name], values.get(name))
        elif isinstance(column, KinesisSequence):
            columns |= _kinesis_columns(column, contract, regs, kinesis)
        elif isinstance(column, Instant):
            stored = regs[name]
            if column.residual_of:
                columns[residual_name(name)] = _numbers(_residual(column, contract, regs, 1, stored), pa.int64())
            else:
                stored = _scaled(stored, 1000 if column.unit == "s" else 1)
                columns[name] = _numbers(stored, pa.int64()).view(arrow_type(column))
            if column.label_checked_by:
                columns[shift_name(name)] = _numbers(regs[f"{name}#shift_min"], pa.int16())
        elif isinstance(column, Decimal):
            columns[name] = _numbers(regs[name], pa.int64()).view(pa.float64())
            columns[scale_name(name)] = _numbers(regs[f"{name}#scale"], pa.int8())
        elif isinstance(column, (Integer, Boolean)):
            columns[name] = _numbers(regs[name], arrow_type(column))
        else:
            columns[name] = _strings(regs[name], texts[name], values.get(name))
    rows = len(order)
    columns[DAY] = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(rows, dtype=np.int32)), pa.array([day], pa.int32()).view(pa.date32())
    ).cast(pa.date32())
    columns[LAYOUT] = _numbers(regs[LAYOUT], pa.int32())
    columns[EXTRA] = _strings(regs[EXTRA], texts[EXTRA], None)
    columns[RAW] = _strings(regs[RAW], texts[RAW], None, pa.binary())
    metadata |= {"lookups": lookups, "kinesis": kinesis}
    stored_order = stored_columns(contract)
    arrays = [
        columns[c.name].dictionary_decode()
        if pa.types.is_dictionary(columns[c.name].type) and c.encoding != "dictionary"
        else columns[c.name]
        for c in stored_order
    ]
    schema = pa.schema([pa.field(c.name, a.type, c.name != DAY) for c, a in zip(stored_order, arrays, strict=True)])
    return pa.Table.from_arrays(arrays, schema=schema), metadata


def _spell(group: RowGroup, render: Callable[[RowGroup, Ints], list[bytes]]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Spellings of the columns with escapes, and their values by dictionary number; ambiguous rows are kept whole."""
    spellings: dict[str, Any] = {}
    values: dict[str, list[str]] = {}
    contract = group.registers.contract
    for name, number in group.registers.dictionaries.items():
        dictionary = group.dictionaries[number]
        column = contract.by_name.get(name)
        if column is None or column.codec == "json" or not (dictionary.kinds[: dictionary.known] == ESCAPED).any():
            continue
        register = group.register(name)
        # only what rows use: a dictionary also holds texts of records that turned out to be no JSON
        is_used = np.zeros(dictionary.known, dtype=np.bool_)
        mark_used(register, is_used)
        used = np.flatnonzero(is_used)
        spelling, found, ambiguous = spell([dictionary.text(entry) for entry in used])
        values[name] = [""] * dictionary.known
        for entry, value in zip(used.tolist(), found, strict=True):
            values[name][entry] = value
        spellings[name] = spelling.to_json()
        if ambiguous:
            _keep_whole(group, np.flatnonzero(np.isin(register, used[ambiguous])), render)
    return spellings, values


def _keep_whole(group: RowGroup, rows: Ints, render: Callable[[RowGroup, Ints], list[bytes]]) -> None:
    """Keep the bytes of these rows in `_raw`, unless they are kept already."""
    registers = group.registers
    rows = rows[group.regs[0][rows] != NULL]
    raw = group.dictionaries[registers.dictionaries[RAW]]
    for row, record in zip(rows, render(group, rows), strict=True):
        raw.make_room(1, len(record))
        begin = raw.stored_bytes
        raw.texts[begin : begin + len(record)] = np.frombuffer(record, dtype=np.uint8)
        raw.offsets[raw.known + 1] = begin + len(record)
        raw.kinds[raw.known] = 0
        raw.hashes[raw.known] = 0
        group.regs[registers[RAW]][row] = raw.known
        group.regs[registers[EXTRA]][row] = NULL
        group.regs[registers[LAYOUT]][row] = NULL
        raw.known += 1


def _order(group: RowGroup) -> Ints:
    registers = group.registers
    keys = []
    for name in registers.contract.order_by:
        key = group.register(name)
        if name in registers.dictionaries:
            dictionary = group.dictionaries[registers.dictionaries[name]]
            texts = [dictionary.text(i) for i in range(dictionary.known)]
            rank = np.empty(len(texts) + 1, dtype=np.int64)
            rank[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
            rank[-1] = -1
            key = rank[np.where(key == NULL, -1, key)]
        keys.append(key)
    return sort_by(keys, group.used)


def _numbers(values: Ints, type_: pa.DataType) -> pa.Array:
    mask = values == NULL if any_null(values) else None
    if pa.types.is_boolean(type_):
        return pa.array(values == 1, mask=mask)
    if type_ != pa.int64():
        values = values.astype(type_.to_pandas_dtype())
    return pa.array(values, type=type_, mask=mask)


def _strings(codes: Ints, dictionary: Dictionary, values: list[str] | None, type_: pa.DataType | None = None) -> pa.Array:
    """A dictionary array with just the entries in use, in the order of their first use; `codes` is used up."""
    type_ = type_ or pa.string()
    used = np.empty(dictionary.known, dtype=np.int64)
    count = renumber(codes, np.full(dictionary.known, -1, dtype=np.int64), used)
    used = used[:count]
    if values is not None:
        entries = pa.array([values[number] for number in used], type_)
    else:
        size = int((dictionary.offsets[used + 1] - dictionary.offsets[used]).sum())
        data = np.empty(size, dtype=np.uint8)
        offsets = np.empty(count + 1, dtype=np.int32)
        collect_texts(dictionary.texts, dictionary.offsets, used, data, offsets)
        entries = pa.Array.from_buffers(type_, count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    missing = codes < 0
    mask = missing if missing.any() else None
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=mask), entries, safe=False)


def _scaled(values: Ints, factor: int) -> Ints:
    return values if factor == 1 else np.where(values == NULL, NULL, values * factor)


def _residual(column: Instant, contract: Contract, regs: dict[str, Ints], sign: int, values: Ints) -> Ints:
    """An instant less (sign 1) or plus (sign -1) what the columns it follows say of it, in its own unit."""
    predicted = np.zeros(len(values), dtype=np.int64)  # microseconds
    for name in column.residual_of:
        other = contract.by_name[name]
        factor = 1_000_000 // UNITS_PER_SECOND[other.unit] if isinstance(other, Instant) else 1_000
        add_scaled(predicted, regs[name], factor)
    out = np.empty_like(predicted)
    less_predicted(values, predicted, 1_000_000 // UNITS_PER_SECOND[column.unit], sign, out)
    return out


def _take_off_lookup(regs: dict[str, Ints], texts: dict[str, Dictionary], name: str, key: str) -> dict[str, str]:
    """What each key's value mostly is; rows that agree and have a layout lose theirs."""
    keys, codes = regs[key], regs[name]
    pairs, counts = _count_pairs(keys, codes, texts[key].known, texts[name].known)
    best: dict[int, tuple[int, int]] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        number, code = pair >> 32, pair & 0xFFFFFFFF
        most, other = best.get(number, (0, code))
        # of values equally common, the smaller: numbers depend on how threads were scheduled, texts do not
        if count > most or (count == most and texts[name].text(code) < texts[name].text(other)):
            best[number] = (count, code)
    predicted = np.full(texts[key].known + 1, NULL, dtype=np.int64)
    for number, (_, code) in best.items():
        predicted[number] = code
    agrees = (codes == predicted[np.where(keys == NULL, -1, keys)]) & (regs[LAYOUT] != NULL)
    codes[agrees] = NULL
    pairs_of_texts = {texts[key].text(n).decode(): texts[name].text(code).decode() for n, (_, code) in best.items()}
    return dict(sorted(pairs_of_texts.items()))


def _count_pairs(keys: Ints, codes: Ints, key_count: int, code_count: int) -> tuple[Ints, Ints]:
    """The pairs (key * 2^32 + code) that occur, ascending, and how often each does."""
    if key_count > _MOST_LOOKUPS:  # so many keys would cost more in the metadata than they save
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if key_count * code_count <= 1 << 20:
        dense = np.zeros(key_count * code_count, dtype=np.int64)
        count_pairs(keys, codes, code_count, dense)
        places = np.flatnonzero(dense)
        return (places // code_count << 32) + places % code_count, dense[places]
    present = (keys != NULL) & (codes != NULL)
    return np.unique(keys[present] * (1 << 32) + codes[present], return_counts=True)


def _kinesis_columns(column: KinesisSequence, contract: Contract, regs: dict[str, Ints], metadata: dict[str, Any]) -> dict[str, pa.Array]:
    shard_keys, arrivals, counters, subs = (regs[f"{column.name}#{part}"] for part in ("shard", "arrival", "counter", "sub"))
    shards, shard_places = _number_shards(shard_keys)
    described = Counters.of(shard_places, arrivals, counters, len(shards))
    described.subtract(shard_places, arrivals, counters, 1)
    metadata[column.name] = {"shards": shards.tolist(), **described.to_json()}
    predicting = contract.by_name[column.arrival]
    assert isinstance(predicting, Instant)
    expected = np.zeros(len(arrivals), dtype=np.int64)
    add_scaled(expected, regs[column.arrival], 1)
    residuals = np.empty_like(arrivals)
    less_predicted(arrivals, expected, UNITS_PER_SECOND[predicting.unit], 1, residuals)
    names = kinesis_names(column.name)
    return {
        names[0]: _numbers(shard_places, pa.int32()),
        names[1]: _numbers(residuals, pa.int64()),
        names[2]: _numbers(counters, pa.int64()),
        names[3]: _numbers(subs, pa.int32()),
    }


def _number_shards(keys: Ints) -> tuple[Ints, Ints]:
    """The distinct shards, ascending, and each row's place among them."""
    distinct, count = np.empty(1 << 10, dtype=np.int64), np.zeros(1, dtype=np.int64)
    numbers = np.empty(len(keys), dtype=np.int64)
    if not number_few(keys, distinct, count, numbers):
        present = keys != NULL
        shards, places = np.unique(keys[present], return_inverse=True)
        numbers[:] = NULL
        numbers[present] = places
        return shards, numbers
    found = distinct[: count[0]]
    order = np.argsort(found)
    rank = np.empty(len(found) + 1, dtype=np.int64)
    rank[order] = np.arange(len(found))
    rank[-1] = NULL
    return found[order], rank[np.where(numbers == NULL, -1, numbers)]


@dataclass(frozen=True)
class Counters:
    """For each shard and second, the smallest counter: smallest[shard * seconds + second - first]; _EMPTY where none."""

    first: int
    seconds: int
    smallest: Ints

    @classmethod
    def of(cls, shards: Ints, arrivals: Ints, counters: Ints, shard_count: int) -> Counters:
        present = shards != NULL
        if not present.any():
            return cls(0, 0, np.empty(0, dtype=np.int64))
        first, last = int(arrivals[present].min()), int(arrivals[present].max())
        if (last - first + 1) * shard_count > 4 * len(shards) + (1 << 20):
            return cls(0, 0, np.empty(0, dtype=np.int64))  # seconds too far apart to be worth a table
        smallest = np.full((last - first + 1) * shard_count, _EMPTY, dtype=np.int64)
        smallest_counters(shards, arrivals, counters, first, last - first + 1, smallest)
        return cls(first, last - first + 1, smallest)

    def subtract(self, shards: Ints, arrivals: Ints, counters: Ints, sign: int) -> None:
        if self.seconds and not subtract_counters(shards, arrivals, counters, self.first, self.seconds, self.smallest, sign):
            raise PartError("a sequence number lies outside the counters that the file's metadata holds")

    def to_json(self) -> dict[str, Any]:
        """Differences from one second to the next, eight byte planes, zstd, base85."""
        filled = self.smallest != _EMPTY
        planes = np.diff(self.smallest[filled], prepend=0).view(np.uint8).reshape(-1, 8).T
        packed = np.packbits(filled).tobytes() + np.ascontiguousarray(planes).tobytes()
        text = base64.b85encode(zstandard.ZstdCompressor(level=19).compress(packed)).decode()
        return {"first_second": self.first, "seconds": self.seconds, "places": len(self.smallest), "smallest": text}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Counters:
        places = int(data["places"])
        packed = np.frombuffer(zstandard.ZstdDecompressor().decompress(base64.b85decode(data["smallest"])), dtype=np.uint8)
        bitmap = (places + 7) // 8
        filled = np.unpackbits(packed[:bitmap], count=places).astype(bool)
        planes = packed[bitmap:].reshape(8, -1)
        smallest = np.full(places, _EMPTY, dtype=np.int64)
        smallest[filled] = np.cumsum(np.ascontiguousarray(planes.T).view(np.int64).ravel())
        return cls(int(data["first_second"]), int(data["seconds"]), smallest)


# ---------------------------------------------------------------------------------------------- columns to registers


class GroupDecoder:
    """Turns columns of one row group back into registers; what all its rows share is prepared once.

    Attributes:
        texts: by register name, the texts that the register numbers.
    """

    def __init__(
        self, contract: Contract, table: pa.Table, metadata: dict[str, Any], layouts_with: Callable[[str], NDArray[np.bool_]]
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
        names = set(table.column_names)
        self._table = _one_chunk(table)
        self.count = table.num_rows
        self.texts: dict[str, Texts] = {}
        self._steps: list[Callable[[pa.Table, dict[str, Ints], int], None]] = []
        known: set[str] = set()
        for column in columns_by_dependency(contract):
            name = column.name
            if isinstance(column, Lookup):
                if other_name(name) in names and column.key in known and LAYOUT in names:
                    self._steps.append(self._lookup(column, metadata, layouts_with(name)))
                    known.add(name)
            elif isinstance(column, KinesisSequence):
                if kinesis_names(name)[0] in names and column.arrival in known:
                    self._steps.append(self._kinesis(column, metadata["kinesis"][name]))
            elif isinstance(column, Instant):
                if column.residual_of:
                    if residual_name(name) in names and all(other in known for other in column.residual_of):
                        self._steps.append(self._residual(column))
                        known.add(name)
                elif name in names:
                    self._steps.append(self._stored(name, name, 1000 if column.unit == "s" else 1))
                    known.add(name)
                if shift_name(name) in names:
                    self._steps.append(self._stored(f"{name}#shift_min", shift_name(name)))
            elif name in names:
                known.add(name)
                if name_is_text(column.codec):
                    self._steps.append(self._text(name, name, metadata["spellings"].get(name), column.codec != "json"))
                    continue
                self._steps.append(self._stored(name, name))
                if isinstance(column, Decimal) and scale_name(name) in names:
                    self._steps.append(self._stored(f"{name}#scale", scale_name(name)))
        if LAYOUT in names:
            self._steps.append(self._stored(LAYOUT, LAYOUT))
        for name in (EXTRA, RAW):
            if name in names:
                self._steps.append(self._text(name, name, None, False))

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

    def _stored(self, register: str, stored: str, divisor: int = 1) -> Callable[[pa.Table, dict[str, Ints], int], None]:
        def step(table: pa.Table, regs: dict[str, Ints], first: int) -> None:
            values = _ints(table, stored)
            regs[register] = values if divisor == 1 else np.where(values == NULL, NULL, values // divisor)

        return step

    def _text(self, register: str, stored: str, spelling: Any, escape: bool) -> Callable[[pa.Table, dict[str, Ints], int], None]:
        array = self._table.column(stored).chunk(0)
        entries = array.dictionary if pa.types.is_dictionary(array.type) else array
        self.texts[register] = _texts(entries, Spelling.from_json(spelling) if spelling else None, escape)

        def step(table: pa.Table, regs: dict[str, Ints], first: int) -> None:
            regs[register] = _codes(table.column(stored).chunk(0), first)

        return step

    def _residual(self, column: Instant) -> Callable[[pa.Table, dict[str, Ints], int], None]:
        def step(table: pa.Table, regs: dict[str, Ints], first: int) -> None:
            residual = _ints(table, residual_name(column.name))
            regs[column.name] = _residual(column, self._contract, regs, -1, residual)

        return step

    def _lookup(
        self, column: Lookup, metadata: dict[str, Any], has_slot: NDArray[np.bool_]
    ) -> Callable[[pa.Table, dict[str, Ints], int], None]:
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

    def _kinesis(self, column: KinesisSequence, metadata: dict[str, Any]) -> Callable[[pa.Table, dict[str, Ints], int], None]:
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
            counters_of.subtract(shards, arrivals, counters, -1)
            regs[f"{column.name}#shard"] = keys[np.where(present, shards, -1)]
            regs[f"{column.name}#arrival"] = arrivals
            regs[f"{column.name}#counter"] = counters
            regs[f"{column.name}#sub"] = subs

        return step


def name_is_text(codec: str) -> bool:
    """Whether a codec's register numbers texts."""
    return codec in ("category", "text", "json", "lookup")


def columns_by_dependency(contract: Contract) -> list[Column]:
    """The contract's columns, each after those that predict it."""
    done: list[Column] = []
    names: set[str] = set()
    while len(done) < len(contract.columns):
        for column in contract.columns:
            if column.name not in names and all(name in names for name in dependencies(column)):
                done.append(column)
                names.add(column.name)
    return done


def _one_chunk(table: pa.Table) -> pa.Table:
    """The table with each column in exactly one chunk."""
    table = table.combine_chunks()
    columns = [c if c.num_chunks == 1 else pa.chunked_array([_empty(c.type)]) for c in table.columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _empty(type_: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(type_):
        return pa.DictionaryArray.from_arrays(pa.array([], type_.index_type), pa.array([], type_.value_type))
    return pa.array([], type_)


def _ints(table: pa.Table, name: str) -> Ints:
    array = table.column(name).chunk(0)
    if pa.types.is_timestamp(array.type) or pa.types.is_float64(array.type):
        array = array.view(pa.int64())
    elif array.type != pa.int64():
        array = array.cast(pa.int8()) if pa.types.is_boolean(array.type) else array
        array = array.cast(pa.int64())
    if array.null_count:
        array = array.fill_null(int(NULL))
    values: Ints = array.to_numpy(zero_copy_only=False)
    return values


def _codes(array: pa.Array, first: int) -> Ints:
    """Numbers of a slice's texts: of the dictionary, or of the whole plain array, in which the slice begins at `first`."""
    if pa.types.is_dictionary(array.type):
        indices = array.indices.cast(pa.int64())
        filled = indices.fill_null(int(NULL)) if indices.null_count else indices
        codes: Ints = filled.to_numpy(zero_copy_only=False)
        return codes
    codes = np.arange(first, first + len(array), dtype=np.int64)
    if array.null_count:
        codes[array.is_null().to_numpy(zero_copy_only=False)] = NULL
    return codes


def _texts(entries: pa.Array, spelling: Spelling | None, escape: bool) -> Texts:
    """The texts of a dictionary's values, escaped as they were."""
    if pa.types.is_large_string(entries.type) or pa.types.is_large_binary(entries.type):
        entries = entries.cast(pa.binary())
    _, offsets_buffer, data_buffer = entries.buffers()
    offsets = np.frombuffer(offsets_buffer or b"", dtype=np.int32)[entries.offset : entries.offset + len(entries) + 1]
    offsets = offsets.astype(np.int64) if len(offsets) else np.zeros(1, dtype=np.int64)
    data = np.frombuffer(data_buffer, dtype=np.uint8) if data_buffer is not None else np.empty(0, dtype=np.uint8)
    if spelling is None and escape and _needs_escapes(data[offsets[0] : offsets[-1]]):
        spelling = Spelling()
    if spelling is None or not escape:
        return Texts(data, offsets)
    return texts_of([spelling.text(value) if value is not None else b"" for value in entries.to_pylist()])


def texts_of(items: list[bytes]) -> Texts:
    """Texts from a list."""
    offsets = np.zeros(len(items) + 1, dtype=np.int64)
    np.cumsum([len(item) for item in items], out=offsets[1:])
    return Texts(np.frombuffer(b"".join(items), dtype=np.uint8), offsets)


def _needs_escapes(data: NDArray[np.uint8]) -> bool:
    return bool(((data < 0x20) | (data == 0x22) | (data == 0x5C)).any())
