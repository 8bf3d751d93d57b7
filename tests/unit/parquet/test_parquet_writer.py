"""The writer of Parquet files where a case is worth a name: forms of indices, long texts, bounds, what it refuses."""

from __future__ import annotations

import io
import math
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.parquet_files import Page, footer_of, pages_of, read_struct, read_varint

from logpress.parquet import indices
from logpress.parquet.dictionaries import number
from logpress.parquet.indices import Indices, index_width
from logpress.parquet.pages import Deltas
from logpress.parquet.schema import PLAIN, FileColumn, physical_type
from logpress.parquet.thrift import Struct
from logpress.parquet.values import Scratch, frozen
from logpress.parquet.writer import FileWriter
from logpress.parquet.zstd.frames import BYTES
from logpress.quality.readable import prove_readable

_random = np.random.default_rng(11)


def column(
    type_: pa.DataType, encoding: Any = "plain", *, nullable: bool = True, statistics: bool = True
) -> FileColumn:
    return FileColumn("x", type_, nullable, encoding, 3, statistics)


def write(path: Path, one: FileColumn, *arrays: Any, **options: Any) -> list[list[Page]]:
    """The pages of each row group's only column."""
    with path.open("wb") as sink:
        writer = FileWriter(sink, [one], **options)
        for array in arrays:
            writer.write_table(pa.table({"x": array}))
        writer.close()
    return [chunks[0] for chunks in pages_of(path)]


def read(path: Path) -> list[Any]:
    return pq.ParquetFile(path, page_checksum_verification=True).read()["x"].to_pylist()


def statistics_of(path: Path) -> dict[int, Any]:
    found = footer_of(path)[4][0][1][0][3][12]
    assert isinstance(found, dict)
    return found


def texts_of(codes: np.ndarray[Any, Any], entries: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array([f"e{k}" for k in range(entries)]))


@pytest.mark.parametrize("entries", [2, 3, 17, 200, 256, 257, 3_000, 40_000])
@pytest.mark.parametrize("form", ["narrow", "whole", "ours"])
@pytest.mark.parametrize("nulls", [False, True])
def test_every_reader_reads_all_forms_of_indices(tmp_path, monkeypatch, entries, form, nulls):
    in_one_run = form != "narrow"
    width = (8 if entries <= 256 else 16) if in_one_run else index_width(entries)
    matching = BYTES if form == "ours" else None

    def chosen(codes: Any, entries: int, page_bytes: int, scratch: Scratch, compress: Any) -> tuple[Indices, int]:
        return Indices(codes, width, in_one_run, matching, page_bytes, scratch), 0

    monkeypatch.setattr(Indices, "chosen", staticmethod(chosen))
    rows = 100_003
    codes = _random.integers(0, entries, rows).astype(np.int32)
    codes[20_000:30_000] = 1
    array = texts_of(codes, entries)
    if nulls:
        array = pa.DictionaryArray.from_arrays(pa.array(codes, mask=_random.random(rows) < 0.3), array.dictionary)
    path = tmp_path / "a.parquet"
    written = write(path, column(pa.string(), "dictionary"), array)[0]
    data = [page for page in written if not page.is_dictionary]
    for page in data:
        levels = int.from_bytes(page.body[:4], "little")
        assert page.body[4 + levels] == width
        if in_one_run:
            head, end = read_varint(page.body, 5 + levels)
            assert head & 1
            assert end + (head >> 1) * width == len(page.body)
    assert_every_reader_reads(path, array)


def test_indices_take_the_form_that_compresses_better(tmp_path):
    skewed = np.minimum(_random.geometric(0.3, 60_000) - 1, 30).astype(np.int32)
    required = column(pa.string(), "dictionary", nullable=False)
    whole = write(tmp_path / "a.parquet", required, texts_of(skewed, 31))[0]
    assert {page.body[0] for page in whole[1:]} == {8}
    even = _random.integers(0, 16, 60_000).astype(np.int32)
    narrow = write(tmp_path / "b.parquet", required, texts_of(even, 16))[0]
    assert {page.body[0] for page in narrow[1:]} == {4}
    runs = np.repeat(_random.integers(0, 600, 600), 100).astype(np.int32)
    narrow = write(tmp_path / "d.parquet", required, texts_of(runs, 600))[0]
    assert {page.body[0] for page in narrow[1:]} == {10}


@pytest.mark.parametrize("type_", [pa.int16(), pa.int32(), pa.int64()])
@pytest.mark.parametrize("nulls", [False, True])
def test_numbers_mostly_below_256_are_plain_where_that_is_smaller(tmp_path, type_, nulls):
    """Every reader reads the frames of our kernel."""
    values = np.minimum(_random.geometric(0.018, 100_003) - 1, 700)
    array = pa.array(values, type_, mask=_random.random(len(values)) < 0.3 if nulls else None)
    path = tmp_path / "a.parquet"
    written = write(path, column(type_, "dictionary"), array)[0]
    assert {page.details[2] for page in written} == {PLAIN}
    assert_every_reader_reads(path, array)
    few = pa.array(values % 200, type_)
    written = write(path, column(type_, "dictionary"), few)[0]
    assert written[0].is_dictionary
    assert_every_reader_reads(path, few)
    large = pa.array(values * 40, type_)
    written = write(path, column(type_, "dictionary"), large)[0]
    assert written[0].is_dictionary


def assert_every_reader_reads(path: Path, array: pa.Array) -> None:
    wanted = array.to_pylist()
    assert read(path) == wanted
    assert pl.read_parquet(path)["x"].to_list() == wanted
    with duckdb.connect() as connection:
        assert [row[0] for row in connection.execute(f"SELECT x FROM '{path}'").fetchall()] == wanted
    assert prove_readable(str(path)) == len(wanted)


def test_more_entries_than_two_bytes_tell_are_as_narrow_as_can_be(tmp_path):
    codes = np.arange(70_000, dtype=np.int32)
    written = write(tmp_path / "a.parquet", column(pa.string(), "dictionary", nullable=False), texts_of(codes, 70_000))
    assert {page.body[0] for page in written[0][1:]} == {17}
    assert read(tmp_path / "a.parquet") == [f"e{k}" for k in range(70_000)]


@pytest.mark.parametrize("encoding", ["plain", "dictionary", "delta"])
def test_a_text_longer_than_a_page_has_its_own(tmp_path, encoding):
    texts = ["a" * 200_000, "b", None, "c" * 131_073, "", "d" * 98_304, "e" * 98_300, "f"]
    array = pa.array(texts)
    path = tmp_path / "a.parquet"
    written = write(
        path, column(pa.string(), encoding), array.dictionary_encode() if encoding == "dictionary" else array
    )
    assert read(path) == texts
    if encoding == "plain":
        assert [page.details[1] for page in written[0]] == [1, 1, 2, 1, 1, 1, 1]
    found = statistics_of(path)
    assert found[3] == 1
    assert found[6] == b""
    assert found[5] == b"f"


@pytest.mark.parametrize("type_", [pa.int8(), pa.int16(), pa.int64()])
def test_deltas_of_no_values_are_plain(tmp_path, type_):
    """For a page of deltas without values, fastparquet reads the bytes behind it, and writes 4 GB ahead."""
    path = tmp_path / "a.parquet"
    written = write(path, column(type_, "delta"), pa.nulls(5_000, type_))
    assert [page.details[2] for page in written[0]] == [PLAIN]
    assert read(path) == [None] * 5_000
    assert prove_readable(str(path)) == 5_000


def test_not_a_number_is_no_null(tmp_path):
    path = tmp_path / "a.parquet"
    write(path, column(pa.float64()), pa.array([1.5, math.nan, None, -0.0]))
    assert prove_readable(str(path)) == 4


def test_a_long_bound_is_left_out(tmp_path):
    path = tmp_path / "a.parquet"
    write(path, column(pa.string()), pa.array(["z" * 4_097, "a" * 4_096]))
    found = statistics_of(path)
    assert 5 not in found
    assert 7 not in found
    assert found[6] == b"a" * 4_096


def test_pages_hold_as_much_as_they_should(tmp_path):
    rows = 300_000
    values = pa.array(_random.integers(0, 2**40, rows))
    for encoding in ("plain", "delta", "byte_stream_split"):
        path = tmp_path / f"{encoding}.parquet"
        written = write(path, column(pa.int64(), encoding, nullable=False), values)[0]
        sizes = [len(page.body) for page in written]
        assert min(sizes[:-1]) > 95_000
        assert max(sizes) < (524_288 if encoding == "plain" else 100_000)  # four blocks of zstd by our kernel
        assert read(path) == values.to_pylist()
    written = write(tmp_path / "b.parquet", column(pa.bool_()), pa.array(_random.random(rows) < 0.5))[0]
    assert len(written) == 1


def test_rows_without_a_value_belong_to_the_page_of_the_next_one(tmp_path):
    values = [1, None, None, 2, 3, None]
    path = tmp_path / "a.parquet"
    written = write(path, column(pa.int64()), pa.array(values, pa.int64()), page_bytes=8)[0]
    assert [page.details[1] for page in written] == [1, 3, 2]
    assert read(path) == values


def test_a_dictionary_that_would_be_too_large_gives_way_to_plain_values(tmp_path):
    codes = _random.integers(0, 500, 5_000).astype(np.int32)
    path = tmp_path / "a.parquet"
    written = write(path, column(pa.string(), "dictionary"), texts_of(codes, 500), dictionary_bytes=1_000)[0]
    assert {page.details[2] for page in written} == {0}
    assert not any(page.is_dictionary for page in written)
    assert read(path) == [f"e{code}" for code in codes.tolist()]
    numbers = pa.array(codes, pa.int64())
    written = write(path, column(pa.int64(), "dictionary"), numbers, dictionary_bytes=1_000)[0]
    assert not any(page.is_dictionary for page in written)
    assert read(path) == codes.tolist()


@pytest.mark.parametrize("dtype", ["i4", "i8", "f8"])
@pytest.mark.parametrize("spread", [1, 10**5])
def test_numbers_are_numbered_in_the_order_they_come(dtype, spread):
    values = (_random.integers(0, 9_000, 60_000) * spread - 10**6).astype(dtype)
    found = number(frozen(values), 1 << 20, Scratch())
    assert found is not None
    codes, distinct = found
    assert distinct.dtype == values.dtype
    assert distinct.tolist() == list(dict.fromkeys(values.tolist()))
    assert distinct[codes].tolist() == values.tolist()


def test_doubles_are_told_apart_by_their_bits(tmp_path):
    nans = struct.unpack("<2d", struct.pack("<2Q", 0x7FF8000000000000, 0x7FF8000000000001))
    values = np.array([0.0, -0.0, *nans, 1.0] * 100)
    path = tmp_path / "a.parquet"
    written = write(path, column(pa.float64(), "dictionary"), pa.array(values))[0]
    assert written[0].details[1] == 5
    table = pq.read_table(path)["x"].chunk(0)
    assert table.buffers()[1].to_pybytes()[: values.nbytes] == values.tobytes()


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([1.5, float("nan"), -2.0], -2.0, 1.5),
        ([0.0, 3.0], -0.0, 3.0),
        ([-3.0, -0.0], -3.0, 0.0),
        ([float("inf"), float("-inf")], float("-inf"), float("inf")),
        ([float("nan")], None, None),
    ],
)
def test_bounds_of_doubles(tmp_path, values, low, high):
    path = tmp_path / "a.parquet"
    write(path, column(pa.float64()), pa.array(values))
    found = statistics_of(path)
    assert found.get(6) == (None if low is None else struct.pack("<d", low))
    assert found.get(5) == (None if high is None else struct.pack("<d", high))


def test_bounds_are_of_entries_that_rows_have(tmp_path):
    entries = pa.array(["m", "a", "é", "z", "b"])
    array = pa.DictionaryArray.from_arrays(pa.array([4, 2, None, 0], pa.int32()), entries)
    path = tmp_path / "a.parquet"
    write(path, column(pa.string(), "dictionary"), array)
    found = statistics_of(path)
    assert (found[6], found[5], found[3]) == (b"b", "é".encode(), 1)


def test_chunks_with_dictionaries_of_their_own_become_one(tmp_path):
    parts = [pa.array(["a", "b", None]).dictionary_encode(), pa.array(["c", "a"]).dictionary_encode()]
    path = tmp_path / "a.parquet"
    write(path, column(pa.string(), "dictionary"), pa.chunked_array(parts))
    assert read(path) == ["a", "b", None, "c", "a"]


def test_a_null_entry_of_a_dictionary_is_a_null(tmp_path):
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int32()), pa.array(["a", None]))
    path = tmp_path / "a.parquet"
    write(path, column(pa.string(), "dictionary"), array)
    assert read(path) == ["a", None, "a"]


def test_differences_wrap_around(tmp_path):
    for type_, bits in ((pa.int32(), 32), (pa.int64(), 64)):
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        values = [low, high, low, 0, high, high, -1, low] * 40
        path = tmp_path / "a.parquet"
        write(path, column(type_, "delta"), pa.array(values, type_))
        assert read(path) == values
        assert pl.read_parquet(path)["x"].to_list() == values


def test_pages_of_deltas_without_values():
    _, body = Deltas(frozen(np.empty(0, dtype=np.int64)), 96 << 10, Scratch()).page(0)
    assert body == bytes([0x80, 1, 4, 0, 0])


def test_the_footer_says_what_it_should(tmp_path):
    path = tmp_path / "a.parquet"
    columns = [
        FileColumn("b", pa.int64(), True, "plain", 3, True),
        FileColumn("a", pa.int64(), False, "plain", 3, False),
    ]
    with path.open("wb") as sink:
        writer = FileWriter(sink, columns, sorted_by=["a", "b"], created_by="me")
        writer.add_key_value_metadata({"k": "1"})
        writer.write_table(pa.table({"b": pa.array([1, None]), "a": pa.array([3, 4])}))
        writer.add_key_value_metadata({"k": "2", "l": "3"})
        writer.close()
        writer.close()
    metadata = pq.read_metadata(path)
    assert metadata.created_by == "me"
    assert metadata.format_version == "2.6"
    assert metadata.metadata == {b"k": b"2", b"l": b"3"}
    group = metadata.row_group(0)
    assert [(sort.column_index, sort.descending, sort.nulls_first) for sort in group.sorting_columns] == [
        (1, False, True),
        (0, False, True),
    ]
    assert group.column(0).statistics.max == 1
    assert group.column(1).statistics is None
    assert footer_of(path)[7] == [{1: {}}, {1: {}}]


def test_a_file_without_row_groups_has_a_schema(tmp_path):
    path = tmp_path / "a.parquet"
    assert write(path, column(pa.string(), "dictionary")) == []
    assert pq.read_table(path).num_rows == 0
    assert pl.read_parquet(path).columns == ["x"]


def test_the_file_begins_where_the_sink_stands(tmp_path):
    sink = io.BytesIO()
    sink.write(b"before")
    writer = FileWriter(sink, [column(pa.int64())])
    writer.write_table(pa.table({"x": [1, 2]}))
    writer.close()
    assert pq.read_table(pa.BufferReader(sink.getvalue()[6:]))["x"].to_pylist() == [1, 2]


def test_what_cannot_be_written_is_refused():
    writer = FileWriter(io.BytesIO(), [column(pa.int64(), nullable=False)])
    with pytest.raises(ValueError, match="must not have nulls, and has 1"):
        writer.write_table(pa.table({"x": pa.array([1, None])}))
    with pytest.raises(ValueError, match="the table has columns"):
        writer.write_table(pa.table({"y": [1]}))
    with pytest.raises(ValueError, match="has type string, not int64"):
        writer.write_table(pa.table({"x": ["a"]}))
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write_table(pa.table({"x": [1]}))
    texts = FileWriter(io.BytesIO(), [column(pa.string(), "dictionary")])
    wrong = pa.DictionaryArray.from_arrays(pa.array([0, 7], pa.int32()), pa.array(["a"]), safe=False)
    with pytest.raises(ValueError, match="beyond its 1 entries"):
        texts.write_table(pa.table({"x": wrong}))
    for type_, encoding in ((pa.bool_(), "dictionary"), (pa.float64(), "delta"), (pa.binary(), "delta")):
        with pytest.raises(ValueError, match="cannot be written as"):
            column(type_, encoding)
    with pytest.raises(ValueError, match=r"columns of type list.* cannot be written"):
        physical_type(pa.list_(pa.int8()))


def test_structs_are_read_as_they_are_written():
    inner = Struct().binary(1, b"\0x").boolean(2, False)
    data = Struct().i8(1, -3).i32(3, -(2**31)).i64(4, 2**63 - 1).boolean(5, True).struct(9, inner)
    data.enums(10, list(range(40))).binaries(11, [b"a"] * 14).structs(12, [inner] * 15)
    wanted = {1: b"\0x", 2: False}
    assert read_struct(data.done(), 0)[0] == {
        1: -3, 3: -(2**31), 4: 2**63 - 1, 5: True, 9: wanted, 10: list(range(40)), 11: [b"a"] * 14, 12: [wanted] * 15,
    }  # fmt: skip
    with pytest.raises(ValueError, match="fields ascend"):
        data.i32(12, 1)


def test_writing_imports_no_pandas():
    code = """
import io, sys
import numpy as np, pyarrow as pa
from logpress.parquet.schema import FileColumn
from logpress.parquet.writer import FileWriter
kinds = [("s", pa.string(), "dictionary"), ("n", pa.int64(), "delta")]
columns = [FileColumn(name, type_, True, encoding, 3, True) for name, type_, encoding in kinds]
writer = FileWriter(io.BytesIO(), columns)
codes = pa.Array.from_buffers(pa.int32(), 3, [pa.py_buffer(b"\\x05"), pa.py_buffer(np.zeros(3, "i4"))])
texts = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], "i4")), pa.py_buffer(b"a")])
numbers = pa.Array.from_buffers(pa.int64(), 3, [None, pa.py_buffer(np.arange(3))])
writer.write_table(pa.Table.from_arrays([pa.DictionaryArray.from_arrays(codes, texts), numbers], names=["s", "n"]))
array = pa.DictionaryArray.from_arrays(codes, texts)
for chunks in ([], [(array, numbers)] * 2):
    columns = [pa.chunked_array([chunk[k] for chunk in chunks], (array, numbers)[k].type) for k in range(2)]
    writer.write_table(pa.Table.from_arrays(columns, names=["s", "n"]))
writer.close()
sys.exit("pandas" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_the_sample_is_of_the_middle(monkeypatch):
    monkeypatch.setattr(indices, "SAMPLE", 64)
    codes = np.zeros(1_000, dtype=np.int32)
    codes[468:532] = np.arange(64)
    seen: list[bytes] = []

    def compress(page: bytes, matching: Any, prefix: int) -> bytes:
        seen.append(page)
        return page

    Indices.chosen(frozen(codes), 64, 96 << 10, Scratch(), compress)
    narrow, own, whole = seen
    assert narrow[:2] == bytes([6, 8 << 1 | 1])
    assert whole[:2] == own[:2] == bytes([8, 8 << 1 | 1])
    assert len(set(whole[2:])) > 50
