"""Files of a cluster's days: `_bulk` bodies and elasticdump's lines."""

from __future__ import annotations

import json
from collections import Counter

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import DAY, SEED, compact, padded, press

from logpress.engine.press import press_slice
from logpress.engine.restore.in_order import restore
from logpress.limits import Limits
from logpress.manifest import SliceSpec
from logpress.records.bulk_pairs import paired
from logpress.records.bulk_writer import BulkWriter
from logpress.records.kernels_bulk import ALONE, NO_ACTION, WITH_DOCUMENT, is_action
from logpress.records.raw_blocks import Buffers, read_blocks

ACTION = compact({"index": {"_index": SEED["_index"], "_id": SEED["_id"]}})
SOURCE = compact(SEED["_source"])


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (ACTION, WITH_DOCUMENT),
        (b'{"create":{}}', WITH_DOCUMENT),
        (b' { "update" : { "_id" : "}" } } ', WITH_DOCUMENT),
        (b'{"delete":{"_id":"a"}}', ALONE),
        (b'{"index":{}}', WITH_DOCUMENT),
        (b'{"index":"a-name","x":1}', NO_ACTION),
        (b'{"index":{"a":1},"b":2}', NO_ACTION),
        (b'{"indeX":{}}', NO_ACTION),
        (b'{"idnex":{}}', NO_ACTION),
        *((b'{"%b":{}}' % name, NO_ACTION) for name in (b"inbox", b"crests", b"upsets", b"debits", b"index\0", b"")),
        (SOURCE, NO_ACTION),
        (b"", NO_ACTION),
        (b'{"index":{}', NO_ACTION),
    ],
)
def test_what_is_an_action(line, kind):
    assert is_action(padded(line, b"}}}}"), 0, len(line)) == kind


def restored(data: bytes, folder, contract) -> tuple[Counter[bytes], int, list[bytes]]:
    """A raw object, restored as chunks and as the body for `_bulk`."""
    source, out = folder / "raw", folder / "out"
    source.write_bytes(data)
    manifest = press_slice(contract, DAY, SliceSpec(name="s", inputs=(str(source),)), str(out))
    parts = [str(out / manifest.part.path)]
    chunks: list[bytes] = []
    restore(parts, [], lambda chunk: chunks.append(bytes(chunk)))
    body: list[bytes] = []
    restore(parts, [], BulkWriter(lambda chunk: body.append(bytes(chunk))).write)
    return Counter(b"".join(chunks).split(b"\n")[:-1]), manifest.records, b"".join(body).split(b"\n")[:-1]


def test_a_bulk_body_is_a_row_a_pair_and_comes_back_as_a_body(sdk_log, tmp_path):
    pairs = []
    for number in range(3_000):
        document = {**SEED["_source"], "response_elapsed_time": number % 500, "nickName": f"김{number % 97}"}
        name = SEED["_id"].replace("764770.0", f"{764770 + 16 * number}.0")
        pairs.append((compact({"index": {"_index": "i", "_id": name}}), compact(document)))
    data = b"".join(action + b"\n" + source + b"\n" for action, source in pairs)
    lines, records, body = restored(data, tmp_path, sdk_log)
    assert records == len(pairs)
    assert lines == Counter(line for pair in pairs for line in pair)
    assert Counter(zip(body[::2], body[1::2], strict=True)) == Counter(pairs)
    (part,) = (tmp_path / "out").glob("part-*.parquet")
    table = pq.read_table(part)
    assert table["func_name"].null_count == 0
    assert table["_id_shard"].null_count == 0 if "_id_shard" in table.column_names else True


def test_bodies_with_other_actions_and_gaps(sdk_log, tmp_path):
    data = b"\n".join(
        [ACTION, SOURCE, b'{"delete":{"_id":"x"}}', b'{"create":{"_id":"y"}}', b"", SOURCE, b"no JSON", ACTION, SOURCE]
    )
    source = tmp_path / "raw"
    source.write_bytes(data)
    pressed = press(sdk_log, data, tmp_path)
    assert pressed.manifest.records == 5
    assert pressed.manifest.rejects == 1


@given(st.lists(st.sampled_from([ACTION, SOURCE, b'{"delete":{}}', b"x", b""]), max_size=30), st.integers(0, 40))
def test_no_line_is_lost_where_a_block_ends(lines, extra):
    data = b"\n".join([ACTION, *lines]) + b"\n"

    class Reader:
        def __init__(self) -> None:
            self.at = 0

        def readinto(self, buffer: memoryview, /) -> int:
            piece = data[self.at : self.at + min(len(buffer), 300)]
            buffer[: len(piece)] = piece
            self.at += len(piece)
            return len(piece)

    found = []
    for block in paired(read_blocks(Reader(), Buffers(Limits(block_bytes=1_500 + extra)))):
        starts, ends = block.frame()
        found += [block.buffer[a:b].tobytes() for a, b in zip(starts, ends, strict=True)]
    assert [line for record in found for line in record.split(b"\n") if line] == [
        line for line in data.split(b"\n") if line
    ]
    for record in found[:-1]:
        head = record.split(b"\n")[0]
        assert (len(record.split(b"\n")) > 1) == (is_action(padded(head), 0, len(head)) == WITH_DOCUMENT)


def test_lines_of_elasticdump_are_hits(sdk_log, tmp_path):
    hit = {"_index": "i", "_id": SEED["_id"], "_score": 1, "_source": SEED["_source"]}
    data = b"".join(json.dumps(hit, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for _ in range(3))
    pressed = press(sdk_log, data, tmp_path)
    assert pressed.restored.total() == 3
    assert pressed.manifest.irregular_rows == 0
    assert pressed.manifest.unknown_paths == {}
