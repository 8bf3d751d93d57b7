"""Limits of memory: each one small, and records are restored whatever it does to them."""

from __future__ import annotations

import ast
import re
import tracemalloc
from collections import Counter
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import SEED, assert_round_trip, compact, press

import logpress.limits
from logpress.codecs.arrow_arrays import texts_array
from logpress.contract import Contract
from logpress.day.budget import Budget, press_bytes
from logpress.engine.part.metadata import PartMetadata
from logpress.engine.part.part_reader import PartReader
from logpress.engine.part.rejects import Rejects
from logpress.engine.restore import in_order as restoring
from logpress.engine.restore.memory_plan import MemoryPlan
from logpress.engine.restore.wanted import WantedGroup
from logpress.layout.mine import Miner
from logpress.layout.tokens import NotAnObjectError
from logpress.limits import DEFAULT, Limits
from logpress.parquet import chunks
from logpress.parquet.schema import FileColumn
from logpress.parquet.writer import FileWriter

ROOT = Path(__file__).parents[2]


def tags() -> dict[str, str]:
    """The tag of each limit, which its docstring begins with."""
    tree = ast.parse(Path(logpress.limits.__file__).read_text())
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
    found = {}
    for field, behind in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            told = behind.value.value if isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant) else ""
            tag = re.match(r"\[(format|bytes|memory|speed)\] \S", str(told))
            found[field.target.id] = tag.group(1) if tag else ""
    return found


def test_each_limit_says_what_it_changes() -> None:
    assert tags().keys() == asdict(DEFAULT).keys()
    assert set(tags().values()) == {"bytes", "memory", "speed"}


def _tiny(limits: dict[str, int]) -> Limits:
    """A millionth of bytes, and 3 of what is counted."""
    return Limits(**{name: max(1, n >> 20) if name.endswith("_bytes") else min(n, 3) for name, n in limits.items()})


def test_limits_of_memory_and_speed_change_no_byte(sdk_log: Contract, tmp_path: Path) -> None:
    """All limits with these tags are changed at once."""
    others = {name: n for name, n in asdict(DEFAULT).items() if tags()[name] in ("memory", "speed")}
    records = [record(number, nickName=f"n{number % 50}", **{f"k{number % 7}": number}) for number in range(600)]
    records[::20] = [b"no record"] * 30
    limits = replace(_tiny(others), block_bytes=50_000)
    files = [
        assert_round_trip(sdk_log, records, tmp_path, limits=some, threads=threads).files()
        for some in (Limits(block_bytes=50_000), limits)
        for threads in (0, 2)
    ]
    assert files[0] == files[1] == files[2] == files[3]
    part = next(tmp_path.rglob("part-*"))
    restored: list[bytes] = []
    for some in (DEFAULT, limits):
        chunks: list[bytes] = []
        restoring.restore([str(part)], [], lambda chunk: chunks.append(bytes(chunk)), limits=some)  # noqa: B023 - called at once
        restored.append(b"".join(chunks))
    assert restored[0] == restored[1]


@pytest.mark.parametrize("name", [name for name, tag in tags().items() if tag == "bytes"])
def test_records_come_back_whatever_a_limit_is(name: str, sdk_log: Contract, tmp_path: Path) -> None:
    changed: dict[str, Any] = {name: 1}
    if name == "longest_record_bytes":
        changed = {name: 1_000, "block_bytes": 300}
    records = [record(number, nickName="\ud55c", **{f"k{number % 40}": "x" * number}) for number in range(200)]
    records += [records[0].replace(b'"\xed\x95\x9c"', rb'"\ud55c"'), b"no record", b"{" * 5_000]
    pressed = press(sdk_log, records, tmp_path, limits=Limits(**changed), threads=0)
    assert pressed.restored == Counter(records)


def test_the_table_of_limits_in_the_documents_is_right() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    found = re.findall(r"^\| [^|]+ \| ([^|]+) \| `([a-z_]+)` \| [^|]+ \|$", text, re.MULTILINE)
    assert len(found) == 10
    for figure, name in found:
        value, unit = getattr(DEFAULT, name), ""
        if name.endswith("_bytes"):
            value, unit = (value >> 20, " MiB") if value % (1 << 20) == 0 else (value >> 10, " KiB")
        assert re.match(rf"{value:,}{unit}(,|$)", figure), name
        assert tags()[name] == "bytes"


def test_both_models_of_memory_take_their_numbers_from_the_limits(sdk_log: Contract, tmp_path: Path) -> None:
    small = Limits(row_group_text_bytes=1 << 20, longest_record_bytes=1 << 20)
    assert press_bytes(sdk_log, limits=small) == press_bytes(sdk_log) - 3 * (127 << 20) - 3 * (31 << 20)
    less = replace(DEFAULT, imported_bytes=DEFAULT.imported_bytes - (50 << 20))
    memory = DEFAULT.imported_bytes + DEFAULT.companion_bytes + 2 * press_bytes(sdk_log) - (50 << 20)
    assert (Budget(memory).processes(sdk_log), Budget(memory, less).processes(sdk_log)) == (1, 2)
    group = WantedGroup(PartReader(str(press(sdk_log, [record(1)], tmp_path).part)), 0, None)
    memory = DEFAULT.imported_bytes + DEFAULT.restoring_bytes
    kept = [MemoryPlan.of(memory, 1, [group], limits).kept_bytes for limits in (DEFAULT, less)]
    assert kept[0] == 0
    assert (49 << 20) < kept[1] < (50 << 20)


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


def test_a_text_in_each_row_closes_a_row_group(sdk_log: Contract, tmp_path: Path) -> None:
    limits = Limits(block_bytes=20_000, row_group_text_bytes=50_000)
    records = [record(number, more="x" * 1_000) for number in range(400)]
    pressed = assert_round_trip(sdk_log, records, tmp_path, limits=limits)
    assert pressed.manifest.part is not None
    assert 5 <= pressed.manifest.part.row_groups <= 9
    records = [record(number, nickName="x" * 1_000) for number in range(400)]
    short = assert_round_trip(sdk_log, records, tmp_path, limits=limits)
    assert short.manifest.part is not None
    assert short.manifest.part.row_groups == 1  # a dictionary has it once


@pytest.mark.parametrize("room", [0, 300, 6 << 20])
def test_records_come_back_whatever_the_metadata_has_room_for(sdk_log: Contract, tmp_path: Path, room: int) -> None:
    hits = [
        compact(
            SEED | {"_source": SEED["_source"] | {"response_elapsed_time": number, "nickName": f"n{number}"}}
        ).replace(b'"n', b'"\\u006e' if number % 2 else b'"n')
        for number in range(60)
    ]
    pressed = assert_round_trip(sdk_log, hits, tmp_path, limits=Limits(row_group_metadata_bytes=room))
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
    limits = Limits(bucket_bytes=100_000)
    filled: Counter[int] = Counter()
    add = ordering.Buckets.add

    def watched(buckets: ordering.Buckets, bucket: int, run: ordering.Run) -> None:
        filled[bucket] += run.rows
        add(buckets, bucket, run)

    monkeypatch.setattr(ordering.Buckets, "add", watched)
    out: list[bytes] = []
    restoring.restore([str(pressed.part)], [], lambda chunk: out.append(bytes(chunk)), limits=limits)
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
