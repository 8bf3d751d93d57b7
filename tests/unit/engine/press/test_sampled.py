"""What pressing measures of a slice's first rows: in other formats, and value by value."""

from __future__ import annotations

import gzip
import json
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import DAY, READING, SEED, PressBytes, compact
from tests.every_type import every_type, record

from logpress.contract import Contract
from logpress.engine.press import sampled
from logpress.layout.mine import Miner
from logpress.layout.tokens import read_leaves
from logpress.manifest import SliceSample


def changed(document: dict[str, Any], **values: Any) -> bytes:
    """A record of sdk_log with other values in its source."""
    return compact({**document, "_source": {**document["_source"], **values}})


def many(count: int) -> list[bytes]:
    return [changed(SEED, response_elapsed_time=number, nickName=f"user {number % 50}") for number in range(count)]


def sample_of(found: SliceSample | None) -> SliceSample:
    assert found is not None
    return found


def test_the_first_rows_are_measured_as_gzip_and_zstd_write_them(
    sdk_log: Contract, tmp_path: Path, press_bytes: PressBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = many(900)
    monkeypatch.setattr(sampled, "SAMPLE_BYTES", sum(map(len, records[:500])) + 500)
    found = sample_of(press_bytes(sdk_log, records, tmp_path).manifest.sample)
    lines = b"".join(record + b"\n" for record in records[:500])
    assert (found.rows, found.raw_bytes) == (500, len(lines))
    assert found.gzip_bytes == len(gzip.compress(lines, 6))
    assert found.zstd_bytes == len(zstandard.ZstdCompressor(level=3).compress(lines))
    assert found.reject_bytes == 0


@pytest.mark.parametrize("threads", [0, 2])
def test_rows_of_the_day_are_measured_and_nothing_else(
    sdk_log: Contract, tmp_path: Path, press_bytes: PressBytes, threads: int
) -> None:
    other = compact(SEED).replace(b"2021-12-26T15:11:04", b"2021-12-25T15:11:04")
    records = [other, b"no record", *many(7), b'{"half":', other]
    manifest = press_bytes(sdk_log, records, tmp_path, threads=threads).manifest
    found = sample_of(manifest.sample)
    assert (found.rows, found.field_rows) == (7, 7)
    assert found.reject_bytes == len(b"no record") + len(b'{"half":')
    assert sum(found.field_bytes.values()) + found.reject_bytes == manifest.raw_bytes


@pytest.mark.parametrize("records", [[], [b"no record"], [compact(SEED).replace(b"2021-12-26T15", b"2021-12-24T15")]])
def test_without_rows_there_is_no_sample(
    sdk_log: Contract, tmp_path: Path, press_bytes: PressBytes, records: list[bytes]
) -> None:
    assert press_bytes(sdk_log, records, tmp_path).manifest.sample is None


def test_bytes_are_told_apart_by_column(sdk_log: Contract, tmp_path: Path, press_bytes: PressBytes) -> None:
    document = {**SEED, "_source": {**SEED["_source"], "trace": 'a "b" \\ c'}}
    found = sample_of(press_bytes(sdk_log, [compact(document)], tmp_path).manifest.sample)
    source = SEED["_source"]
    assert found.field_bytes["client_app_id"] == len(source["client_app_id"])
    assert found.field_bytes["nickname"] == len(source["nickName"].encode())
    assert found.field_bytes["response_elapsed_ms"] == 2
    labelled = [source["request_begin_timestamp"], *SEED["fields"]["request_begin_timestamp"]]
    assert found.field_bytes["request_begin_at"] == sum(map(len, labelled))  # with their labels, and with the copy
    copies = [source["timestamp"], *SEED["fields"]["timestamp"], str(SEED["sort"][0])]
    assert found.field_bytes["ingested_at"] == sum(map(len, copies))
    assert found.field_bytes["_extra"] == len(json.dumps(document["_source"]["trace"])) - 2
    assert sum(found.field_bytes.values()) == len(compact(document))


def test_rows_that_are_kept_whole_are_raw(sdk_log: Contract, tmp_path: Path, press_bytes: PressBytes) -> None:
    wide = changed(SEED, more={})[:-1] + b"," + b",".join(b'"k%d":%d' % (n, n) for n in range(600)) + b"}"
    found = sample_of(press_bytes(sdk_log, [wide], tmp_path).manifest.sample)
    assert found.field_bytes == {"_raw": len(wide)}


def values_apart(contract: Contract, row: bytes) -> int:
    """Bytes of a record's values, by a reader of all of JSON: of strings between the quotes."""
    miner = Miner(contract)
    return sum(
        leaf.end - leaf.start - (2 if leaf.kind == "string" and contract_slot(contract, leaf.path) == "content" else 0)
        for leaf in read_leaves(row, miner.descend)
        if leaf.kind != "null" and leaf.path not in contract.literals
    )


def contract_slot(contract: Contract, path: str) -> str:
    slots = {path: column.slot for column in contract.columns for path in column.path}
    return "value" if slots.get(path) == "value" else "content"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ['","y":"', '"}', '\\"', '\\\\","note":"', "}}", "[[", 'a","']
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(nick=TEXTS, extra=st.dictionaries(st.sampled_from(["x", "y", "note", "}"]), VALUES, max_size=4))
def test_sizes_of_values_are_those_of_a_reader_of_json(
    sdk_log: Contract, tmp_path: Path, press_bytes: PressBytes, nick: str, extra: dict[str, Any]
) -> None:
    row = changed(SEED, nickName=nick, **extra)
    found = sample_of(press_bytes(sdk_log, [row], tmp_path).manifest.sample)
    assert sum(found.field_bytes.values()) == len(row)
    if "_raw" not in found.field_bytes:
        assert len(row) - found.field_bytes["_layout"] == values_apart(sdk_log, row)
        assert found.field_bytes["nickname"] == len(json.dumps(nick, ensure_ascii=False).encode()) - 2


def test_every_codec_is_measured(tmp_path: Path, press_bytes: PressBytes) -> None:
    rng = random.Random(3)
    records = [record(rng, DAY, number) for number in range(200)]
    manifest = press_bytes(every_type(), records, tmp_path).manifest
    found = sample_of(manifest.sample)
    assert found.field_rows == manifest.rows
    assert sum(found.field_bytes.values()) == manifest.raw_bytes - found.reject_bytes
    assert {"flag", "ratio", "kind", "payload", "device", "_id", "_layout"} <= set(found.field_bytes)


def test_plain_parquet_is_of_the_size_that_a_large_file_has(tmp_path: Path) -> None:
    rng = random.Random(9)
    rows = [compact({"a": rng.choice(["one", "two", "three"]), "b": {"c": rng.randrange(10**6)}}) for _ in range(9_000)]

    def size(count: int) -> float:
        lines = b"".join(row + b"\n" for row in rows[:count])
        found = sampled._plain_parquet(rows[:count], lines, rows[:1])
        assert found is not None
        return found / len(lines)

    whole = sampled._column_bytes(sampled._flat(b"".join(row + b"\n" for row in rows))) / sum(len(r) + 1 for r in rows)
    assert size(1_000) == pytest.approx(whole, rel=0.35)
    assert sampled._flat(rows[0]).column_names == ["a", "b.c"]


@pytest.mark.parametrize(
    "odd",
    [
        [b'{"a":1}', b'{"a":"text"}'],
        [b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"],
        [b'{"a":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}"],
        [b'{"a":{}}', b'{"a":[{}]}'],
        [b'{"key %d":1}' % number for number in range(3_000)],
        [b'{"key %d":{"key %d":1}}' % (number % 60, number // 60) for number in range(3_000)],
        [b'{"a":' + b"[" * 200 + b"1" + b"]" * 200 + b"}"],
        [b'{"a":1,"a":"twice"}'],
        [b'{"a":"\\ud800"}'],
    ],
    ids=[
        "two types",
        "deep array",
        "deep object",
        "empty",
        "keys are data",
        "pairs of keys are data",
        "200 levels",
        "equal keys",
        "half a character",
    ],
)
def test_records_that_plain_parquet_cannot_have_are_left_alone(odd: list[bytes]) -> None:
    """An array of 100,000 levels ends a process that lets pyarrow read it."""
    found = sampled._plain_parquet(odd, b"".join(row + b"\n" for row in odd), odd)
    assert found is None or found > 0


ODD: list[Any] = [1, "text", {}, [{}], [[[1]]]]


@pytest.mark.parametrize("where", ["x", "fields", ""], ids=["below a key", "below a key of the contract", "at the top"])
def test_keys_that_are_data_take_no_memory(
    sdk_log: Contract, tmp_path: Path, press_bytes: PressBytes, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A column of each key, with as many rows as the sample has, would take gigabytes."""
    monkeypatch.setattr(sampled, "_flat", lambda lines: pytest.fail("pyarrow reads them"))
    records = []
    for number in range(700):
        keys = {f"user {number}": 1, f"and {number}": 2}
        records.append(compact({**SEED, **({where: {**SEED.get(where, {}), **keys}} if where else keys)}))
    assert sample_of(press_bytes(sdk_log, records, tmp_path).manifest.sample).parquet_bytes is None


def test_odd_records_end_no_slice(other_log: Contract, tmp_path: Path, press_bytes: PressBytes) -> None:
    records = [compact({**READING, "x": value}) for value in ODD]
    records.append(compact(READING)[:-1] + b',"deep":' + b"[" * 3_000 + b"]" * 3_000 + b"}")
    found = sample_of(press_bytes(other_log, records, tmp_path).manifest.sample)
    assert found.rows == len(records)
    assert found.parquet_bytes is None
    assert sum(found.field_bytes.values()) == sum(map(len, records))


def test_a_first_row_that_is_longer_than_a_sample_is_none(
    sdk_log: Contract, tmp_path: Path, press_bytes: PressBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampled, "SAMPLE_BYTES", 100)
    assert press_bytes(sdk_log, many(2), tmp_path).manifest.sample is None


def test_short_rows_are_limited_in_number(
    sdk_log: Contract, tmp_path: Path, press_bytes: PressBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampled, "MOST_ROWS", 300)
    monkeypatch.setattr(sampled, "FIELD_ROWS", 100)
    found = sample_of(press_bytes(sdk_log, many(900), tmp_path).manifest.sample)
    assert (found.rows, found.field_rows) == (300, 100)


def test_the_day_of_an_input_takes_undated_rows(sdk_log: Contract, tmp_path: Path, press_bytes: PressBytes) -> None:
    undated = changed(SEED, timestamp=None)
    assert sample_of(press_bytes(sdk_log, [undated], tmp_path).manifest.sample).rows == 1
    other: date = DAY + timedelta(days=1)
    assert sample_of(press_bytes(sdk_log, [undated], tmp_path, day=other).manifest.sample).rows == 1
