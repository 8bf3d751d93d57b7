"""What bounds memory: each limit in small, and that records come back whatever it does to them."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import SEED, assert_round_trip, compact

from logpress.codecs.arrow_arrays import texts_array
from logpress.contract import Contract
from logpress.engine import press as pressing
from logpress.engine.part import encode
from logpress.engine.part.metadata import PartMetadata
from logpress.engine.part.rejects import Rejects
from logpress.engine.restore import in_order as restoring
from logpress.engine.restore import memory_plan
from logpress.layout.mine import Miner
from logpress.layout.tokens import NotAnObjectError
from logpress.parquet import chunks
from logpress.parquet.schema import FileColumn
from logpress.parquet.writer import FileWriter


def record(number: int, **more: object) -> bytes:
    return compact(SEED["_source"] | {"response_elapsed_time": number} | more)


def test_rejects_count_the_objects_that_they_are_made_of() -> None:
    Rejects().add("origin", 0, "not_json", "", b"x")  # loads the kernels that hash it
    rejects = Rejects()
    tracemalloc.start()
    for number in range(10_000):
        rejects.add("origin", number, "not_json", f"byte {number} is b'x' where an object should be", b"x")
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken <= rejects.pending_bytes


@pytest.mark.parametrize("behind", [b"", b"]", b"}"])
def test_nested_brackets_take_a_byte_each(sdk_log: Contract, behind: bytes) -> None:
    depth = 30_000
    text = b'{"a":' + b"[" * depth + b"]" * depth + b"}" + behind
    tracemalloc.start()
    if behind:
        with pytest.raises(NotAnObjectError, match="more text follows"):
            Miner(sdk_log).mine(text)
    else:
        [slot] = Miner(sdk_log).mine(text).layout.slots
        assert slot.path == "a"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_text_in_each_row_closes_a_row_group(
    sdk_log: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from logpress.records import raw_blocks as blocks

    monkeypatch.setattr(blocks, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(pressing, "TEXT_BUDGET_BYTES", 50_000)
    records = [record(number, more="x" * 1_000) for number in range(400)]
    pressed = assert_round_trip(sdk_log, records, tmp_path)
    assert pressed.manifest.part is not None
    assert 5 <= pressed.manifest.part.row_groups <= 9
    short = assert_round_trip(sdk_log, [record(number, nickName="x" * 1_000) for number in range(400)], tmp_path)
    assert short.manifest.part is not None
    assert short.manifest.part.row_groups == 1  # a dictionary has it once


@pytest.mark.parametrize("room", [0, 300, 6 << 20])
def test_records_come_back_whatever_the_metadata_has_room_for(
    sdk_log: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(encode, "METADATA_BYTES", room)
    hits = [
        compact(
            SEED | {"_source": SEED["_source"] | {"response_elapsed_time": number, "nickName": f"n{number}"}}
        ).replace(b'"n', b'"\\u006e' if number % 2 else b'"n')
        for number in range(60)
    ]
    pressed = assert_round_trip(sdk_log, hits, tmp_path)
    assert pressed.part is not None
    with pq.ParquetFile(pressed.part) as file:
        metadata = PartMetadata.of(file.metadata).group(file, 0)
    assert len(metadata.to_bytes()) < 5_000 + room  # of which 4,000 are the sample of keys
    assert (metadata.lookups["request_url"] == {}) == (room == 0)
    assert set(pressed.table()["nickname"].to_pylist()) == {f"n{number}" for number in range(60)}
    assert pressed.manifest.irregular_rows == (0 if room > 300 else 30)


def test_rows_of_one_key_go_to_several_buckets(
    sdk_log: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from logpress.engine.restore import buckets as ordering

    records = [record(1, more=f"{number:0500}") for number in range(4_000)]
    pressed = assert_round_trip(sdk_log, records, tmp_path)
    monkeypatch.setattr(memory_plan, "BUCKET_BYTES", 100_000)
    filled: Counter[int] = Counter()
    add = ordering.Buckets.add

    def watched(buckets: ordering.Buckets, bucket: int, run: ordering.Run) -> None:
        filled[bucket] += run.rows
        add(buckets, bucket, run)

    monkeypatch.setattr(ordering.Buckets, "add", watched)
    out: list[bytes] = []
    restoring.restore([str(pressed.part)], [], lambda chunk: out.append(bytes(chunk)))
    assert b"".join(out).splitlines() == records
    assert len(filled) > 10
    assert max(filled.values()) < 1_000


def test_a_large_dictionary_stays_one_where_its_texts_would_be_many_times_larger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "_MOST_PLAIN_BYTES", 100_000)
    found = []
    for rows in (50, 500):
        codes = pa.array(np.arange(rows) % 20, pa.int32())
        array = pa.DictionaryArray.from_arrays(codes, texts_array([b"%01000d" % n for n in range(20)], pa.string()))
        column = FileColumn(name="a", type=pa.string(), nullable=True, encoding="dictionary", zstd=1, statistics=False)
        with (tmp_path / "file").open("wb") as sink:
            writer = FileWriter(sink, [column], dictionary_bytes=10_000)
            writer.write_table(pa.table({"a": array}))
            writer.close()
        read = pq.ParquetFile(tmp_path / "file")
        assert read.read()["a"].to_pylist() == array.to_pylist()
        found.append(read.metadata.row_group(0).column(0).has_dictionary_page)
    assert found == [False, True]
