"""Tables of all types and encodings through the writer: readers give them back, and pyarrow says the same of them."""

from __future__ import annotations

import math
import struct
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.parquet_files import hybrid_twin, hybrid_values, pages_of

from logpress.kernel.words import PADDING
from logpress.parquet.kernels_indices import hybrid, pack_run
from logpress.parquet.kernels_levels import definition_levels, drop_nulls, row_after
from logpress.parquet.schema import FileColumn
from logpress.parquet.writer import FileWriter
from logpress.quality.readers import encodings_of, gaps_of

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_SMALL = st.integers(-3, 3)


def _ints(bits: int) -> st.SearchStrategy[int]:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return st.one_of(st.integers(low, high), st.integers(max(low, -300), min(high, 300)), st.sampled_from([low, high]))


# timestamps that Python, and so pandas and Polars, can say
_INSTANTS = st.integers(-(10**14), 10**14)
TYPES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    pa.int8(): _ints(8),
    pa.int16(): _ints(16),
    pa.int32(): _ints(32),
    pa.int64(): _ints(64),
    pa.float64(): st.floats() | st.sampled_from([0.0, -0.0, 1.5]),
    pa.date32(): st.integers(-20_000, 40_000),
    pa.timestamp("ms", "UTC"): _INSTANTS.map(lambda value: value // 1000),
    pa.timestamp("us", "UTC"): _INSTANTS,
    pa.timestamp("ms"): _INSTANTS.map(lambda value: value // 1000),
    pa.timestamp("us"): _INSTANTS,
    pa.string(): _TEXT,
    pa.binary(): st.binary(max_size=12),
    pa.uuid(): st.uuids() | st.integers(0, 3).map(lambda number: UUID(int=number << 64 | number << 126)),
}
WRITTEN = {
    "plain": "PLAIN",
    "dictionary": "RLE_DICTIONARY",
    "delta": "DELTA_BINARY_PACKED",
    "byte_stream_split": "BYTE_STREAM_SPLIT",
}


def _raw(values: list[Any], type_: pa.DataType) -> pa.Array:
    """Values, of instants and dates as numbers."""
    if pa.types.is_temporal(type_):
        return pa.array(values, pa.int32() if type_.bit_width == 32 else pa.int64()).view(type_)
    return pa.array(values, type_)


@st.composite
def arrays(draw: st.DrawFn, type_: pa.DataType, rows: int, nullable: bool) -> pa.Array:
    """An array of few or of many distinct values, in runs or mixed, maybe a slice of a larger one."""
    pool = draw(st.lists(TYPES[type_], min_size=1, max_size=draw(st.sampled_from([1, 2, 20, 300]))))
    if draw(st.booleans()) and type_ in (pa.int32(), pa.int64()):
        pool += range(draw(st.sampled_from([10, 700, 5_000])))
    if type_ == pa.string() and draw(st.booleans()):
        pool += [f"text {number}" for number in range(draw(st.sampled_from([10, 700])))]
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    before = draw(st.integers(0, 9))
    places = random.integers(0, len(pool), rows + before)
    if draw(st.booleans()):
        places = np.repeat(places, random.integers(1, 40, rows + before))[: rows + before]
    values = [pool[place] for place in places]
    if nullable and draw(st.booleans()):
        share = draw(st.sampled_from([0.02, 0.5, 0.98, 1.0]))
        missing = np.repeat(random.random(rows + before) < share, draw(st.sampled_from([1, 13])))[: rows + before]
        values = [None if is_missing else value for value, is_missing in zip(values, missing, strict=True)]
    return _raw(values, type_)[before:]


@st.composite
def tables(draw: st.DrawFn, most_rows: int = 5_000) -> tuple[list[FileColumn], list[pa.Table]]:
    """A file's columns, and its row groups."""
    kinds = draw(st.lists(st.sampled_from(list(TYPES)), min_size=1, max_size=4))
    columns = [
        FileColumn(
            name=f"{'_' if draw(st.booleans()) else ''}c{number}",
            type=type_,
            nullable=draw(st.booleans()),
            encoding=draw(st.sampled_from(encodings_of(type_))),
            zstd=draw(st.sampled_from([1, 3, 9])),
            statistics=draw(st.booleans()),
        )
        for number, type_ in enumerate(kinds)
    ]
    groups = []
    for _ in range(draw(st.integers(0, 3))):
        rows = draw(st.integers(0, 40) | st.integers(0, most_rows))
        found: list[pa.ChunkedArray] = []
        for column in columns:
            array = draw(arrays(column.type, rows, column.nullable))
            if pa.types.is_dictionary(column.arrow_type):
                array = array.dictionary_encode()
            cut = draw(st.integers(0, rows)) if draw(st.booleans()) else None
            parts = [array] if cut is None else [array[:cut], array[cut:]]
            found.append(pa.chunked_array(parts, column.arrow_type))
        schema = pa.schema([pa.field(c.name, c.arrow_type, c.nullable) for c in columns])
        groups.append(pa.Table.from_arrays(found, schema=schema))
    return columns, groups


def write(path: Path, columns: list[FileColumn], groups: list[pa.Table], page_bytes: int = 96 << 10) -> None:
    with path.open("wb") as sink:
        writer = FileWriter(sink, columns, page_bytes=page_bytes, sorted_by=[columns[0].name])
        for group in groups:
            writer.write_table(group)
        writer.add_key_value_metadata({"a": "ä"})
        writer.close()


def write_with_pyarrow(path: Path, columns: list[FileColumn], groups: list[pa.Table], page_bytes: int) -> None:
    schema = pa.schema([pa.field(c.name, c.arrow_type, c.nullable) for c in columns])
    encodings = {
        c.name: "DELTA_LENGTH_BYTE_ARRAY" if c.encoding == "delta" and c.type == pa.string() else WRITTEN[c.encoding]
        for c in columns
        if c.encoding != "dictionary"
    }
    with pq.ParquetWriter(
        path, schema, version="2.6", data_page_version="1.0", compression="zstd", data_page_size=page_bytes,
        use_dictionary=[c.name for c in columns if c.encoding == "dictionary"], column_encoding=encodings,
        store_schema=False, write_statistics=[c.name for c in columns if c.statistics],
        sorting_columns=[pq.SortingColumn(0, nulls_first=True)],
    ) as writer:  # fmt: skip
        for group in groups:
            writer.write_table(group, row_group_size=max(1, group.num_rows))


def same(left: Any, right: Any) -> bool:
    """Equality by bits, for doubles; NaN equals NaN."""
    if isinstance(left, float) and isinstance(right, float):
        return struct.pack("<d", left) == struct.pack("<d", right) or (math.isnan(left) and math.isnan(right))
    return bool(left == right)


def assert_same(found: list[Any], wanted: list[Any]) -> None:
    assert len(found) == len(wanted)
    assert all(map(same, found, wanted))


def plain(table: pa.Table, name: str) -> list[Any]:
    return table[name].to_pylist()


def wanted_of(groups: list[pa.Table], name: str) -> list[Any]:
    return [value for group in groups for value in plain(group, name)]


@settings(max_examples=120)
@given(tables(), st.sampled_from([64, 1_000, 96 << 10]))
def test_pyarrow_reads_what_is_written_and_writes_the_same(drawn, page_bytes):
    columns, groups = drawn
    with tempfile.TemporaryDirectory() as folder:
        path, other = Path(folder) / "a.parquet", Path(folder) / "b.parquet"
        write(path, columns, groups, page_bytes)
        write_with_pyarrow(other, columns, groups, page_bytes)
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
            metadata = file.metadata
            schema = file.schema
        for column in columns:
            assert_same(plain(table, column.name), wanted_of(groups, column.name))
        texts = [c.name for c in columns if pa.types.is_dictionary(c.arrow_type)]
        with pq.ParquetFile(path, read_dictionary=texts, page_checksum_verification=True) as file:
            for column in columns:
                assert_same(plain(file.read(), column.name), wanted_of(groups, column.name))
        pages_of(path)
        theirs = pq.ParquetFile(other)
        assert schema.equals(theirs.schema)
        assert str(schema).splitlines()[1:] == str(theirs.schema).splitlines()[1:]  # the first line has an address
        assert metadata.metadata == {b"a": "ä".encode()}
        assert metadata.num_row_groups == theirs.metadata.num_row_groups == len(groups)
        for number, group in enumerate(groups):
            ours, expected = metadata.row_group(number), theirs.metadata.row_group(number)
            assert ours.num_rows == expected.num_rows == group.num_rows
            assert ours.sorting_columns == expected.sorting_columns
            for place, column in enumerate(columns):
                compare_chunks(column, group[column.name], ours.column(place), expected.column(place))


def compare_chunks(column: FileColumn, values: pa.ChunkedArray, ours: Any, expected: Any) -> None:
    assert ours.num_values == expected.num_values
    assert ours.physical_type == expected.physical_type
    assert ours.compression == "ZSTD"
    assert ours.is_stats_set == expected.is_stats_set
    if ours.is_stats_set:
        assert ours.statistics.null_count == expected.statistics.null_count
        assert ours.statistics.has_min_max == (expected.statistics.has_min_max and column.type != pa.uuid())
        if ours.statistics.has_min_max:
            assert same(ours.statistics.min_raw, expected.statistics.min_raw)
            assert same(ours.statistics.max_raw, expected.statistics.max_raw)
    if column.encoding == "dictionary" and not pa.types.is_dictionary(column.arrow_type):
        present = values.drop_null()
        size = max(4, column.type.bit_width // 8)
        raw = present.combine_chunks()
        raw = raw.storage if size == 16 else raw.view(pa.int64() if size == 8 else present.type)
        entries = len(raw.unique())
        width = 1 if entries == 1 else max(0, entries - 1).bit_length()
        does_not_pay = entries * size + (len(raw) * width + 7) // 8 > len(raw) * size
        if does_not_pay or (entries > 256 and not ours.has_dictionary_page):
            assert set(ours.encodings) == {"RLE", "PLAIN"}
            return
    if column.encoding == "delta" and column.type != pa.string() and 0 < len(values) == values.null_count:
        assert set(ours.encodings) == {"RLE", "PLAIN"}
        return
    assert ours.encodings == expected.encodings
    assert ours.has_dictionary_page == expected.has_dictionary_page


def utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


@settings(max_examples=25)
@given(tables(1_500).filter(lambda drawn: bool(drawn[1])), st.sampled_from([500, 96 << 10]))
def test_polars_and_duckdb_read_what_is_written(drawn, page_bytes):
    columns, groups = drawn
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        write(path, columns, groups, page_bytes)
        frame = pl.read_parquet(path)
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for column in columns:
                wanted = list(map(utc, wanted_of(groups, column.name)))
                bytes_of = [value.bytes if isinstance(value, UUID) else value for value in wanted]  # as Polars has them
                assert_same(list(map(utc, frame[column.name].to_list())), bytes_of)
                rows = connection.execute(f"SELECT {column.name} FROM '{path}'").fetchall()
                assert_same([utc(row[0]) for row in rows], wanted)


@settings(max_examples=25)
@given(tables(1_500).filter(lambda drawn: any(group.num_rows for group in drawn[1])), st.sampled_from([500, 96 << 10]))
def test_fastparquet_reads_what_is_written(drawn, page_bytes):
    from logpress.quality.readable import prove_readable

    columns, groups = drawn
    kept = [place for place, column in enumerate(columns) if not gaps_of(column.type, column.encoding, ["fastparquet"])]
    groups = [group.select(kept) for group in groups if group.num_rows]
    columns = [columns[place] for place in kept]
    if not columns:
        return
    with tempfile.TemporaryDirectory() as folder:
        for number, group in enumerate(groups):
            path = Path(folder) / f"{number}.parquet"
            write(path, columns, [group], page_bytes)
            assert prove_readable(str(path)) == group.num_rows * len(columns)


RUNS = st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 700) | st.integers(1, 20)), max_size=60)


@given(RUNS, st.integers(1, 31), st.integers(0, 3), st.integers(0, 3))
def test_hybrid_is_that_of_its_twin(runs, width, before, after):
    values = [value & (1 << width) - 1 for value, count in runs for _ in range(count)]
    codes = np.array([0] * before + values + [0] * after, dtype=np.int32)
    out = np.full(16 + (len(values) + 7) // 8 * (width + 1) + PADDING, 255, dtype=np.uint8)
    end = hybrid(codes, before, before + len(values), width, out, 0)
    assert end <= len(out) - PADDING
    assert out[:end].tobytes() == hybrid_twin(values, width)
    assert hybrid_values(out[:end].tobytes(), width, len(values)) == values
    if values:
        end = pack_run(codes, before, before + len(values), width, out, 0)
        assert hybrid_values(out[:end].tobytes(), width, len(values)) == values
        assert end == len(out[:end].tobytes())


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 90)), min_size=1, max_size=40), st.integers(0, 20), st.data())
def test_levels_are_those_of_their_twin(runs, before, data):
    is_there = [value for value, count in runs for _ in range(count)]
    bits = np.array([False] * before + is_there)
    bitmap = np.packbits(bits, bitorder="little")
    first = data.draw(st.integers(0, len(is_there) - 1))
    last = data.draw(st.integers(first + 1, len(is_there)))
    out = np.zeros(2 * ((last - first) // 8 + 1) + 16, dtype=np.uint8)
    end = definition_levels(bitmap, before, first, last, out, 0)
    wanted = [int(value) for value in is_there[first:last]]
    assert out[:end].tobytes() == hybrid_twin(wanted, 1, pad_levels=True)
    assert hybrid_values(out[:end].tobytes(), 1, last - first) == wanted
    count = data.draw(st.integers(1, 60))
    row = row_after(bitmap, before, first, len(is_there), count)
    there = [place for place in range(first, len(is_there)) if is_there[place]]
    assert row == (there[count - 1] + 1 if len(there) >= count else len(is_there))
    numbers = np.arange(len(is_there), dtype=np.int32)
    dense = np.empty(len(is_there), dtype=np.int32)
    assert dense[: drop_nulls(numbers, bitmap, before, dense)].tolist() == [
        place for place, value in enumerate(is_there) if value
    ]
