"""Registers of a filled row group to the columns of its Parquet table.

What another column predicts is taken off: instants become residuals, lookups their exceptions, counters their distance
from the smallest of the shard and second. What the reverse needs besides the columns goes into the row group's
metadata.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.contract.model import (
    UNITS_PER_SECOND,
    Boolean,
    Contract,
    Decimal,
    Instant,
    Integer,
    KinesisSequence,
    Lookup,
)
from logpress.engine.order.keys import SAMPLED_ROWS, Keys
from logpress.engine.part.arrow_arrays import array_of, missing_of, validity, values_of
from logpress.engine.part.counters import Counters, number_shards
from logpress.engine.part.group_metadata import GroupMetadata, Sequences
from logpress.engine.part.kernels_columns import (
    add_scaled,
    any_null,
    collect_texts,
    count_pairs,
    count_unusual,
    find_rows,
    gather,
    less_predicted,
    map_codes,
    mark_used,
    renumber,
    take_lowest_byte,
)
from logpress.engine.part.spelling import Spelling, Style, best_style, spell, unescape
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
from logpress.engine.registers.texts import Ints, Texts, columns_by_dependency, residual_of, texts_of
from logpress.engine.row_group.kernels_row_group import NARROW_NULL, size_of_texts
from logpress.engine.row_group.row_group import Dictionary, RowGroup, null_of, sort_by
from logpress.layout.kernels_json import ESCAPED, SURROGATE

_MOST_LOOKUPS = 1 << 16
METADATA_BYTES = 6 << 20
"""What a row group may say besides its columns."""

_RENDERED_ROWS = 1 << 15


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


class _Allowance:
    """What a row group may say besides its columns."""

    def __init__(self, size: int) -> None:
        self._left = size

    def is_below(self, size: int) -> bool:
        """Whether something of at least this size has no room, so that it need not be made."""
        return self._left < size

    def takes(self, data: Any) -> bool:
        """Whether there is room for this, as JSON; it is then taken."""
        return self.takes_bytes(len(json.dumps(data, ensure_ascii=False).encode()))

    def takes_bytes(self, size: int) -> bool:
        """Whether there is room for so many bytes; it is then taken."""
        if size > self._left:
            return False
        self._left -= size
        return True


class _Sorted(dict[str, Any]):
    """The registers of a row group in their final order, each a contiguous array."""

    def __init__(self, group: RowGroup, order: NDArray[np.int32], room: Ints) -> None:
        super().__init__()
        registers, rows = group.registers, len(order)
        wide = room[: group.store.wide.shape[1] * rows].reshape(-1, rows)
        gather(group.store.wide, order, wide)
        narrow = group.store.room_for_narrow(rows)
        gather(group.store.narrow, order, narrow)
        for name, number in registers.numbers.items():
            columns = narrow if registers.is_narrow[number] else wide
            self[name] = columns[registers.place_of[number]]


def _spell(
    group: RowGroup, render: Callable[[RowGroup, Ints], list[bytes]], allowance: _Allowance
) -> tuple[dict[str, Spelling], dict[str, dict[int, str]]]:
    """Spellings of the columns with escapes, and the values that differ from their texts, by dictionary number.

    Rows whose spelling cannot be told from the value are kept whole, and so are those with odd spellings where these
    would be too many for the metadata.
    """
    spellings: dict[str, Spelling] = {}
    values: dict[str, dict[int, str]] = {}
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
        is_used &= dictionary.kinds[: dictionary.known] != SURROGATE  # which only rows have that are kept whole
        used, style = _told_by(dictionary, np.flatnonzero(is_used))
        values[name], odd, ambiguous = spell(used.tolist(), dictionary.text, style)
        spelling = _listed(dictionary, odd, style, allowance)
        if spelling is None:
            spelling, ambiguous = Spelling(style), [*ambiguous, *odd]
        spellings[name] = spelling
        if ambiguous:
            is_ambiguous = np.zeros(dictionary.known, dtype=np.bool_)
            is_ambiguous[ambiguous] = True
            rows = np.empty(group.used, dtype=np.int64)
            _keep_whole(group, rows[: find_rows(register, is_ambiguous, rows)], render)
    return spellings, values


def _told_by(dictionary: Dictionary, used: Ints) -> tuple[Ints, Style]:
    """The texts in use that tell how a column is spelt, of these, and its style.

    If that is `plain`, as it nearly always is, no texts without escapes count but those that are the value of one.
    """
    is_escaped = dictionary.kinds[used] == ESCAPED
    escaped, others = used[is_escaped], used[~is_escaped]
    twins: set[int] = set()

    def texts_and_values() -> Iterator[tuple[bytes, str]]:
        for number in escaped.tolist():
            text = dictionary.text(number)
            value = unescape(text)
            twins.add(dictionary.number_of(value.encode()))
            yield text, value

    style = best_style(texts_and_values(), *count_unusual(dictionary.texts, dictionary.offsets, others))
    if style != "plain":
        return used, style
    return np.union1d(escaped, np.intersect1d(others, np.array(sorted(twins), dtype=np.int64))), style


def _listed(dictionary: Dictionary, odd: list[int], style: Style, allowance: _Allowance) -> Spelling | None:
    """A spelling that lists the texts which its style would spell otherwise; None if there is no room for it."""
    if allowance.is_below(sum(len(dictionary.text(number)) for number in odd)):
        return None
    texts = [dictionary.text(number) for number in odd]
    spelling = Spelling(style, {unescape(text): text for text in texts})
    return spelling if allowance.takes(spelling.to_json()) else None


def _keep_whole(group: RowGroup, rows: Ints, render: Callable[[RowGroup, Ints], list[bytes]]) -> None:
    """Keep the bytes of these rows in `_raw`, unless they are kept already."""
    rows = rows[group.register(LAYOUT)[rows] >= 0]
    for first in range(0, len(rows), _RENDERED_ROWS):
        some = rows[first : first + _RENDERED_ROWS]
        _put_whole(group, some, render(group, some))


def _put_whole(group: RowGroup, rows: Ints, records: list[bytes]) -> None:
    registers = group.registers
    raw = group.dictionaries[registers.dictionaries[RAW]]
    texts = texts_of(records)
    raw.append(texts.data, texts.offsets)
    group.register(RAW)[rows] = np.arange(raw.known - len(texts), raw.known)
    group.register(EXTRA)[rows] = NARROW_NULL
    group.register(LAYOUT)[rows] = NARROW_NULL


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


def _strings(
    codes: NDArray[np.int32], dictionary: Dictionary, values: dict[int, str] | None, type_: pa.DataType | None = None
) -> pa.Array:
    """A dictionary array with just the entries in use, in the order of their first use; both arguments are used up."""
    type_ = type_ or pa.string()
    if values:
        _share(codes, dictionary, values)
    used = np.empty(dictionary.known, dtype=np.int64)
    count = renumber(codes, np.full(dictionary.known, -1, dtype=np.int64), used, 0, np.int32(-1))
    used = used[:count]
    entries = _entries(dictionary, used, type_)
    dictionary.forget()
    if values:
        changed = np.flatnonzero(np.isin(used, list(values)))
        entries = _with_texts(entries, changed, [values.pop(number).encode() for number in used[changed].tolist()])
    return pa.DictionaryArray.from_arrays(array_of(codes, pa.int32(), codes < 0), entries, safe=False)


def _share(codes: NDArray[np.int32], dictionary: Dictionary, values: dict[int, str]) -> None:
    """Let the spellings of one value share a number: Arrow writes a dictionary with equal entries wrongly.

    A text of a row that is kept whole may be the value of another one, which has escapes.
    """
    shared: dict[int, int] = {}
    first: dict[str, int] = {}
    for number, value in values.items():
        twin = dictionary.number_of(value.encode())
        other = first.setdefault(value, number if twin < 0 or twin in values else twin)
        if other != number:
            shared[number] = other
    if shared:
        numbers = np.arange(dictionary.known, dtype=np.int32)
        numbers[list(shared)] = list(shared.values())
        map_codes(codes, numbers, codes)


def _entries(dictionary: Dictionary, places: Ints, type_: pa.DataType) -> pa.Array:
    """Some texts of a dictionary, as Arrow has them."""
    data = np.empty(size_of_texts(places, dictionary.offsets), dtype=np.uint8)
    offsets = np.empty(len(places) + 1, dtype=np.int32)
    collect_texts(dictionary.texts, dictionary.offsets, places, data, offsets)
    return pa.Array.from_buffers(type_, len(places), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _with_texts(entries: pa.Array, places: Ints, texts: list[bytes]) -> pa.Array:
    """Texts as Arrow has them, with others at some places."""
    _, offsets, data = entries.buffers()
    found = Texts(np.frombuffer(data, dtype=np.uint8), np.frombuffer(offsets, dtype=np.int32).astype(np.int64))
    found = found.with_texts(places, texts)
    buffers = [None, pa.py_buffer(found.offsets.astype(np.int32)), pa.py_buffer(found.data)]
    return pa.Array.from_buffers(entries.type, len(entries), buffers)


def plain_texts(array: pa.DictionaryArray) -> pa.Array:
    """The texts of a dictionary array, each at its row, as `dictionary_decode` gives them."""
    missing = missing_of(array.indices)
    codes = values_of(array.indices)
    if missing is not None:
        codes = np.where(missing, np.int32(-1), codes)
    entries = array.dictionary
    bounds = np.frombuffer(entries.buffers()[1], dtype=np.int32)[entries.offset : entries.offset + len(entries) + 1]
    texts = np.frombuffer(entries.buffers()[2] or b"", dtype=np.uint8)
    data = np.empty(size_of_texts(codes, bounds), dtype=np.uint8)
    offsets = np.empty(len(codes) + 1, dtype=np.int32)
    collect_texts(texts, bounds, codes, data, offsets)
    buffers = [validity(missing), pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(entries.type, len(codes), buffers)


def _scaled(values: Ints, factor: int) -> Ints:
    return values if factor == 1 else np.where(values == NULL, NULL, values * factor)


def _take_off_lookup(
    regs: _Sorted, texts: dict[str, Dictionary], name: str, key: str, allowance: _Allowance
) -> dict[str, str]:
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
    predicted = np.full(texts[key].known + 1, NARROW_NULL, dtype=np.int32)
    for number, (_, code) in best.items():
        predicted[number] = code
    pairs_of_texts = {texts[key].text(n).decode(): texts[name].text(code).decode() for n, (_, code) in best.items()}
    if not allowance.takes(pairs_of_texts):
        return {}
    agrees = (codes == predicted[np.maximum(keys, -1)]) & (regs[LAYOUT] >= 0)
    codes[agrees] = NARROW_NULL
    return dict(sorted(pairs_of_texts.items()))


def _count_pairs(
    keys: NDArray[np.int32], codes: NDArray[np.int32], key_count: int, code_count: int
) -> tuple[Ints, Ints]:
    """The pairs (key * 2^32 + code) that occur, ascending, and how often each does."""
    if key_count > _MOST_LOOKUPS:  # so many keys would cost more in the metadata than they save
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if key_count * code_count <= 1 << 20:
        dense = np.zeros(key_count * code_count, dtype=np.int64)
        count_pairs(keys, codes, code_count, dense)
        places = np.flatnonzero(dense)
        return (places // code_count << 32) + places % code_count, dense[places]
    present = (keys >= 0) & (codes >= 0)
    return np.unique(keys[present].astype(np.int64) * (1 << 32) + codes[present], return_counts=True)


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
