"""Reading a lake: every value against records made here, by every reader and under any condition."""

from __future__ import annotations

import gc
import io
import itertools
import json
import pickle
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import fastparquet
import fsspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpress import open_lake
from logpress.codecs.kernels_kinesis import SHARD_WORDS, SHARDS_MET
from logpress.codecs.kernels_kinesis_texts import SEQUENCE_BYTES, write_sequence_texts
from logpress.codecs.kernels_text import NULL
from logpress.contract import Contract
from logpress.contract.columns import is_virtual
from logpress.day import one_machine as whole_day
from logpress.engine.part.decode import GroupDecoder
from logpress.engine.part.opened_part import OpenedGroup, OpenedPart
from logpress.engine.part.virtual import VirtualColumns
from logpress.errors import PartError, UsageError
from logpress.reading import Scan, TableReader
from logpress.reading.part import Part

DAYS = (date(2021, 12, 26), date(2021, 12, 27))
Row = dict[str, Any]


def sequence(shard: int, created: int, counter: int, arrival: int, sub: int) -> str:
    """A Kinesis sequence number from its parts, in plain Python."""
    digits = f"2{created:09x}{shard & 15:x}{counter:016x}00{arrival:09x}{shard:08x}2"
    return f"{int(digits, 16)}.{sub}"


def moment(value: datetime, label: str = "Z", digits: int = 3) -> str:
    text = value.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{value.microsecond // 1000:03d}{label}" if digits else f"{text}{label}"


def sdk_log_row(rng: random.Random, day: date, number: int) -> tuple[bytes, Row]:
    """A record and what its columns should be."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(milliseconds=rng.randrange(86_000_000))
    elapsed = rng.choice([0, 12, 81, 450, 30_001])
    end = begin + timedelta(milliseconds=elapsed + rng.choice([0, 0, 1, 2]))
    arrival = (end + timedelta(seconds=rng.randrange(5))).replace(microsecond=0)
    function = rng.choice(["Login", "Data.Get", "Chat.Send", "Gacha/Draw"])
    url = f"https://api.example.io/{function.lower()}"
    if rng.random() < 0.02:
        url = rng.choice(["https://api.example.io/login", "https://other.example.io/" + "x" * 300, 'odd "url" \\'])
    user = rng.randrange(40)
    row: Row = {
        "client_app_id": f"game-{int(rng.expovariate(0.4)):02d}",
        "user_created_at": datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=user, milliseconds=user),
        "nickname": [f"호랑이{user}", 'a "quoted" \\ one', "tab\there", "ascii"][user % 4] if user != 7 else None,
        "func_name": function,
        "request_begin_at": begin,
        "response_elapsed_ms": elapsed,
        "response_status_code": rng.choice([200, 200, 200, 204, 400, 503]) if rng.random() > 0.03 else None,
        "response_reason": rng.choice(["Success", "없는 유저입니다", "timed out"]),
        "sdk_version": rng.choice(["5.4.5", "5.5.0"]),
        "request_end_at": end,
        "ingested_at": arrival,
        "request_url": url,
        "day": day,
    }
    second = int(arrival.timestamp())
    shard = rng.randrange(3)
    row["_id"] = sequence(shard, 1_636_376_426 + shard, second * 1000 + number, second + rng.choice([0, 0, -1]), 0)
    source = {
        "client_app_id": row["client_app_id"],
        "func_name": function,
        "nickName": row["nickname"],
        "request_begin_timestamp": moment(begin, "+09:00"),
        "request_end_timestamp": moment(end, "+09:00"),
        "request_url": url,
        "response_elapsed_time": elapsed,
        "response_reason": row["response_reason"],
        "response_status_code": row["response_status_code"],
        "sdk_version": row["sdk_version"],
        "timestamp": moment(arrival, digits=0),
        "user_inDate": moment(row["user_created_at"]),
    }
    if rng.random() < 0.02:
        source["region"] = "kr"
        row["_extra"] = {"_source.region": "kr"}
    document: dict[str, Any] = {"_id": row["_id"], "_source": source}
    if rng.random() < 0.1:
        del document["_id"]
        row["_id"] = None
    return json.dumps(document, ensure_ascii=rng.random() < 0.1, separators=(",", ":")).encode(), row


def other_log_row(rng: random.Random, day: date, number: int) -> tuple[bytes, Row]:
    station = f"KR-{rng.randrange(20)}"
    model = "Davis/6250" if rng.random() < 0.95 else f"rare {rng.randrange(3)}"
    received = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(microseconds=rng.randrange(10**9))
    drift = rng.choice([-2001, 0, 7])
    measured = received + timedelta(milliseconds=drift, microseconds=rng.choice([0, -3]))
    notes = rng.choice([{"by": "자동", "flags": [1, None]}, None, "text", 1.50])
    row: Row = {
        "station": station,
        "reading_id": f"r-{number:06d}",
        "model": model,
        "celsius": rng.choice([-3.5, 21.25, None]),
        "hectopascal": 1013.25,
        "battery": rng.choice([97, 98, None]),
        "offset_ms": drift,
        "indoors": rng.choice([True, False, None]),
        "received_at": received,
        "measured_at": measured,
        "installed_at": datetime(2014, 3, 1, tzinfo=UTC),  # by the rule of labels: the later reading that has passed
        "notes": None if notes is None else json.dumps(notes, ensure_ascii=False, separators=(",", ":")),
        "day": day,
    }
    document = {
        "schema": 3,
        "id": row["reading_id"],
        "station": {
            "code": station,
            "model": model,
            "indoors": row["indoors"],
            "since": "2014-03-01T00:00:00+09:00",
        },
        "received": received.isoformat(timespec="microseconds"),
        "measured": (measured + timedelta(hours=9)).replace(tzinfo=None).isoformat(timespec="microseconds") + "+09:00",
        "drift": drift,
        "values": {"temperature": row["celsius"], "pressure": 1013.25, "cells": [4, row["battery"]]},
        "notes": notes,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), row


MAKERS: dict[str, Callable[[random.Random, date, int], tuple[bytes, Row]]] = {
    "sdk_log": sdk_log_row,
    "other_log": other_log_row,
}
KEYS = {"sdk_log": ("request_begin_at", "client_app_id", "user_created_at"), "other_log": ("reading_id",)}


@dataclass(frozen=True)
class Sample:
    """A lake with two days of a table, and what their rows should be."""

    lake: str
    contract: Contract
    rows: list[Row]

    @property
    def table(self) -> TableReader:
        return open_lake(self.lake).table(self.contract.table)

    @property
    def default(self) -> list[str]:
        return [column.name for column in self.contract.columns if not column.name.startswith("_")]

    def key(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in KEYS[self.contract.table])


def press(contract: Contract, lake: Path, home: Path, day: date, records: list[bytes], parts: int = 2) -> None:
    """Publish a day from raw objects that become as many parts."""
    raw = home / f"raw-{contract.table}" / day.isoformat()
    for number in range(parts):
        folder = raw / f"{day:%Y/%m/%d}" / f"{number:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "records.ndjson").write_bytes(b"".join(line + b"\n" for line in records[number::parts]))
    whole_day.run_day(contract, day, [str(raw)], str(lake))


def build(contract: Contract, home: Path) -> Sample:
    small = Contract.model_validate(
        {
            **(plain := contract.model_dump(mode="json")),
            "files": {**plain["files"], "row_group_rows": 1000},
            # fastparquet misreads wide instants that are delta-coded, so days with them are not published
            "columns": [
                {**column, "storage": {"encoding": "plain"}} if column["codec"] == "instant" else column
                for column in plain["columns"]
            ],
        }
    )
    rng, rows = random.Random(7), []
    for day in DAYS:
        made = [MAKERS[contract.table](rng, day, number) for number in range(3000)]
        press(small, home / "lake", home, day, [record for record, _ in made])
        rows += [row for _, row in made]
    return Sample(str(home / "lake"), small, rows)


@pytest.fixture(scope="session")
def sample(contract: Contract, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Each table in turn."""
    return build(contract, tmp_path_factory.mktemp("reading"))


@pytest.fixture(scope="session")
def calls(sdk_log: Contract, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A lake of sdk_log."""
    return build(sdk_log, tmp_path_factory.mktemp("reading"))


def sort(sample: Sample, rows: list[Row]) -> list[Row]:
    return sorted(rows, key=sample.key)


def expected(sample: Sample, names: list[str]) -> list[Row]:
    return [{name: row.get(name) for name in names} for row in sort(sample, sample.rows)]


def opened(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The row groups that reading a scan looks into."""
    seen: list[tuple[str, int]] = []
    rows = Part.rows

    def watched(part: Part, group: int, request: Any) -> Any:
        seen.append((part.path, group))
        return rows(part, group, request)

    with monkeypatch.context() as patch:
        patch.setattr(Part, "rows", watched)
        scan.to_arrow()
    return seen


# ------------------------------------------------------------------------------------------------ lakes and tables


def test_a_lake_tells_its_tables_days_and_files(sample: Sample) -> None:
    lake = open_lake(Path(sample.lake))
    assert lake.tables() == [sample.contract.table]
    table = lake.table(sample.contract.table)
    assert table.days() == list(DAYS)
    assert len(table.files()) == 4
    assert table.files("2021-12-27") == table.files(DAYS[1], DAYS[1]) == table.files()[2:]
    assert all(Path(path).is_file() and f"dt={DAYS[0]}" in path for path in table.files(DAYS[0]))


def test_columns_tell_types_and_meaning(calls: Sample) -> None:
    columns = {column.name: column for column in calls.table.columns}
    assert [name for name, column in columns.items() if column.default] == calls.default
    assert columns["request_end_at"].virtual
    assert columns["request_end_at"].type == pa.timestamp("us", "UTC")
    assert not columns["func_name"].virtual
    assert columns["func_name"].description == "The function called"
    assert columns["_id"].type == pa.string()
    assert list(columns)[len(calls.default)] == "day"
    assert {"_layout", "_extra", "_raw", "_id_counter"} <= set(columns)
    assert all(column.description for column in columns.values())


def scan_of(lake: str, *args: Any, **options: Any) -> Scan:
    return open_lake(lake).table("sdk_log").scan(*args, **options)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda lake: open_lake(f"{lake}/nowhere"), "is no lake"),
        (lambda lake: open_lake(lake).table("sdk_logs"), "did you mean 'sdk_log'"),
        (lambda lake: open_lake(lake).table(""), "there is no table ''"),
        (lambda lake: scan_of(lake, "2021-12-28"), "published are 2021-12-26 to 2021-12-27"),
        (lambda lake: scan_of(lake, "2022-01-01", "2022-02-01"), "has no day from 2022-01-01"),
        (lambda lake: scan_of(lake, "26.12.2021"), "is not a day; write it as YYYY-MM-DD"),
        (lambda lake: scan_of(lake, datetime(2021, 12, 26, tzinfo=UTC)), "is not a day"),
        (lambda lake: scan_of(lake, "2021-12-27", "2021-12-26"), "is after the last"),
        (lambda lake: scan_of(lake, columns=["func"]), "did you mean 'func_name'"),
        (lambda lake: scan_of(lake, columns="func_name"), "give a list of one or more names"),
        (lambda lake: scan_of(lake, columns=[]), "give a list of one or more names"),
        (lambda lake: scan_of(lake, columns=["day", "day"]), "names 'day' twice"),
        (lambda lake: scan_of(lake).to_batches(batch_rows=0), "batch_rows is 0"),
        (lambda lake: scan_of(lake).share(2, 2), "there is no share 2 of 2"),
        (lambda lake: scan_of(lake).share(0, 2).share(0, 2), "is a share already"),
    ],
)
def test_what_makes_no_sense_is_refused(calls: Sample, ask: Callable[[str], Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ask(calls.lake)


# ------------------------------------------------------------------------------------------------ values


def test_all_values_are_what_the_records_say(sample: Sample) -> None:
    table = sample.table.scan(*DAYS).to_arrow()
    table.validate(full=True)
    assert table.column_names == sample.default
    assert sort(sample, table.to_pylist()) == expected(sample, sample.default)


def test_the_days_are_cut_at_both_ends(sample: Sample) -> None:
    table = sample.table
    assert table.scan(DAYS[0]).days == table.scan(end=DAYS[0]).days == (DAYS[0],)
    assert table.scan("2021-12-27", "2022-01-05").days == (DAYS[1],)
    assert table.scan().days == table.scan(*DAYS).days == DAYS
    assert set(table.scan("2021-12-26", columns=["day"]).to_arrow()["day"].to_pylist()) == {DAYS[0]}
    assert table.scan("2021-12-26").count() == table.scan("2021-12-26").to_arrow().num_rows == 3000


def test_columns_for_the_asking(calls: Sample) -> None:
    names = ["_id", "day", "request_url", "_extra", "request_begin_at", "client_app_id", "user_created_at"]
    rows = sort(calls, calls.table.scan(columns=[*names, "_raw"]).to_arrow().to_pylist())
    whole = [row["_raw"] is not None for row in rows]
    assert 0 < sum(whole) < 1000  # one of two spellings of a value is kept whole: without _extra, but with its values
    for row, wanted in zip(rows, expected(calls, names), strict=True):
        raw = row.pop("_raw")
        if raw is not None:
            assert json.loads(raw).get("_id") == row["_id"]
            row["_extra"] = wanted["_extra"]
        elif row["_extra"] is not None:
            row["_extra"] = json.loads(row["_extra"])
        assert row == wanted


def test_a_row_group_is_in_the_tables_order(calls: Sample) -> None:
    by = list(calls.contract.order_by)
    with pq.ParquetFile(calls.table.files()[0]) as file:
        for group in range(file.num_row_groups):
            found = file.read_row_group(group, columns=by).to_pylist()
            assert found == sorted(found, key=lambda row: tuple(row[name] for name in by))


def test_every_way_out_gives_the_same(sample: Sample) -> None:
    scan = sample.table.scan(*DAYS)
    table = scan.to_arrow()
    assert table.schema == scan.schema
    assert scan.to_batches(batch_rows=77).read_all() == table
    assert max(batch.num_rows for batch in scan.to_batches(batch_rows=77)) == 77
    assert pa.table(scan) == table
    assert pl.DataFrame(table).equals(scan.to_polars())
    frame = scan.to_pandas()
    assert pa.Table.from_pandas(frame, schema=table.schema, preserve_index=False).equals(table)
    relation = scan.to_duckdb()
    for _ in range(2):  # a relation can be run again
        assert relation.to_arrow_table().cast(table.schema).equals(table)
    assert scan.to_duckdb(duckdb.connect()).aggregate("count(*)").fetchall() == [(6000,)]


def test_categories_change_the_form_only(sample: Sample) -> None:
    scan = sample.table.scan(*DAYS)
    plain, coded = scan.to_arrow(), scan.to_arrow(categories=True)
    coded.validate(full=True)
    repeating = {name for name, column in sample.contract.by_name.items() if column.codec in ("category", "lookup")}
    assert {f.name for f in coded.schema if pa.types.is_dictionary(f.type)} == repeating.intersection(sample.default)
    assert coded.cast(plain.schema) == plain
    assert scan.to_batches(categories=True).read_all().cast(plain.schema) == plain
    frame = scan.to_pandas(categories=True)
    for name in repeating:
        assert isinstance(frame[name].dtype, pd.CategoricalDtype)
        assert frame[name].astype(object).where(frame[name].notna(), None).tolist() == plain[name].to_pylist()
    assert scan.to_polars(categories=True).shape == (6000, len(plain.column_names))


def test_pandas_keeps_integers_with_gaps_exact(calls: Sample) -> None:
    frame = calls.table.scan(columns=["response_status_code", "response_elapsed_ms"]).to_pandas()
    assert [str(dtype) for dtype in frame.dtypes] == ["Int16", "int32"]
    assert frame["response_status_code"].isna().sum() == sum(r["response_status_code"] is None for r in calls.rows)


def test_virtual_columns_of_any_rows_of_a_row_group(sample: Sample) -> None:
    names = [column.name for column in sample.contract.columns if is_virtual(column)]
    part = OpenedPart.open(sample.table.files()[0])
    with pq.ParquetFile(part.path) as file:
        whole, group = file.read_row_group(1), part.metadata.group(file, 1)

    def derived(table: pa.Table) -> pa.Table:
        return pa.table(VirtualColumns(part, group, table, names).arrays(0, table.num_rows))

    every = derived(whole)
    places = pa.array(np.random.default_rng(1).permutation(whole.num_rows)[:100])
    assert derived(whole.take(places)).to_pylist() == every.take(places).to_pylist()
    none = derived(whole.slice(0, 0))
    assert (none.num_rows, none.column_names) == (0, names)


_numbers = st.tuples(
    st.integers(0, 2**20 - 1), st.integers(2**31, 2**32), st.integers(0, 2**63 - 1), st.integers(0, 2**36 - 1),
    st.integers(0, 2**31 - 1),
)  # fmt: skip


@given(st.lists(st.none() | _numbers, max_size=20))
def test_sequence_numbers_are_written_as_plain_python_writes_them(parts: list[tuple[int, ...] | None]) -> None:
    wide = [(NULL,) * 4 if p is None else (p[1] << 20 | p[0], p[3], p[2], p[4]) for p in parts]
    shards, arrivals, counters, subs = np.array(wide, dtype=np.int64).reshape(-1, 4).T.copy()
    out, offsets = np.empty(len(parts) * SEQUENCE_BYTES, dtype=np.uint8), np.empty(len(parts) + 1, dtype=np.int32)
    used = write_sequence_texts(
        shards, arrivals, counters, subs, out, offsets, np.full((SHARDS_MET, SHARD_WORDS), NULL, dtype=np.int64)
    )
    texts = [out[a:b].tobytes().decode() for a, b in itertools.pairwise(offsets)]
    assert texts == ["" if p is None else sequence(*p) for p in parts]
    assert used == sum(map(len, texts))


# ------------------------------------------------------------------------------------------------ conditions

_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "client_app_id": st.sampled_from([*(f"game-{n:02d}" for n in range(8)), "game-", "zzz", "A", ""]),
    "func_name": st.sampled_from(["Login", "Data.Get", "none"]),
    "nickname": st.sampled_from(["호랑이4", 'a "quoted" \\ one', "ascii", None]),
    "response_status_code": st.sampled_from([200, 204, 503, None, 199.5, 40_000, np.int64(400)]),
    "response_elapsed_ms": st.sampled_from([0, 81, 10**15]),
    "request_begin_at": st.integers(0, 86400 * 3).map(lambda s: datetime(2021, 12, 25, tzinfo=UTC) + timedelta(0, s)),
    "ingested_at": st.sampled_from([datetime(2021, 12, 26, 12, tzinfo=UTC), datetime(2021, 12, 27, tzinfo=UTC)]),
    "request_url": st.sampled_from(["https://api.example.io/login", 'odd "url" \\', "x"]),
    "_id": st.sampled_from([None, "5", "49"]),
    "day": st.sampled_from(DAYS),
}
Condition = tuple[str, str, Any]


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    name = draw(st.sampled_from(sorted(_VALUES)))
    if draw(st.integers(0, 3)) == 0:
        return name, draw(st.sampled_from(["in", "not in"])), draw(st.lists(_VALUES[name], max_size=3))
    value = draw(_VALUES[name])
    ordering = [] if value is None else ["<", "<=", ">", ">="]
    return name, draw(st.sampled_from(["=", "==", "!=", *ordering])), value


def holds(row: Row, condition: Condition) -> bool:
    """The meaning of a condition, in plain Python."""
    name, operator, value = condition
    found = row.get(name)
    if operator in ("in", "not in"):
        return (found in value) == (operator == "in")
    if value is None:
        return (found is None) == (operator != "!=")
    if found is None:
        return False
    return {
        "=": lambda: found == value, "==": lambda: found == value, "!=": lambda: found != value,
        "<": lambda: found < value, "<=": lambda: found <= value,
        ">": lambda: found > value, ">=": lambda: found >= value,
    }[operator]()  # fmt: skip


@given(ways=st.lists(st.lists(conditions(), min_size=1, max_size=3), min_size=1, max_size=3))
def test_conditions_mean_what_they_say(calls: Sample, ways: list[list[Condition]]) -> None:
    names = ["func_name", *KEYS["sdk_log"], "ingested_at"]
    scan = calls.table.scan(columns=names, where=ways[0] if len(ways) == 1 else ways)
    wanted = [row for row in calls.rows if any(all(holds(row, item) for item in way) for way in ways)]
    found = scan.to_arrow().to_pylist()
    assert sort(calls, found) == [{name: row[name] for name in names} for row in sort(calls, wanted)]
    assert scan.count() == len(wanted)


@pytest.mark.parametrize(
    "where",
    [
        (pc.field("client_app_id") == "game-01") & (pc.field("response_elapsed_ms") > 50),
        pc.match_substring(pc.field("nickname"), "호랑이") | pc.field("response_status_code").is_null(),
        pc.starts_with(pc.field("request_url"), "https://other") & (pc.field("func_name") != "Login"),
        pc.field("ingested_at") - pc.field("request_end_at") > pa.scalar(timedelta(seconds=3)),
        pc.field("_id").is_null(),
        pc.scalar(True),
        pc.scalar(False),
    ],
    ids=str,
)
def test_expressions_are_what_arrow_makes_of_them(calls: Sample, where: pc.Expression) -> None:
    names = [*calls.default, "_id"]
    wanted = calls.table.scan(columns=names).to_arrow().filter(where)
    scan = calls.table.scan(columns=names, where=where)
    assert sort(calls, scan.to_arrow().to_pylist()) == sort(calls, wanted.to_pylist())
    assert scan.count() == wanted.num_rows


@pytest.mark.parametrize(
    ("where", "same"),
    [
        ([("request_begin_at", ">=", "2021-12-26T12:00")], [("request_begin_at", ">=", "2021-12-26T12:00:00Z")]),
        ([("request_begin_at", ">=", date(2021, 12, 27))], [("request_begin_at", ">=", "2021-12-27")]),
        (
            [("request_begin_at", "<", "2021-12-26T12:00+09:00")],
            [("request_begin_at", "<", pd.Timestamp("2021-12-26T03:00Z"))],
        ),
        ([("request_begin_at", "<", np.datetime64("2021-12-26T03:00"))], [("request_begin_at", "<", "2021-12-26T03")]),
        ([("day", "==", "2021-12-27")], [("day", ">", DAYS[0])]),
        (
            [("func_name", "in", ("Login", "Chat.Send"))],
            [[("func_name", "=", "Login")], [("func_name", "=", "Chat.Send")]],
        ),
        ([("func_name", "IN", {"Login"})], [("func_name", "==", pa.scalar("Login"))]),
        ([], None),
    ],
)  # fmt: skip
def test_ways_to_say_the_same(calls: Sample, where: Any, same: Any) -> None:
    found = calls.table.scan(where=where).to_arrow()
    assert found == calls.table.scan(where=same).to_arrow()
    assert found.num_rows > 0


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ([("client_app", "==", "x")], "there is no column 'client_app'; did you mean 'client_app_id'"),
        (pc.field("client_app") == "x", "there is no column 'client_app'; did you mean 'client_app_id'"),
        ([("func_name", "like", "x")], "has the operator 'like'; use =="),
        ([("func_name", "==", 3)], "compares with 3, but func_name is string"),
        ([("response_status_code", "==", "200")], "compares with '200', but response_status_code is int16"),
        ([("response_status_code", "==", 10**30)], "but response_status_code is int16"),
        ([("request_begin_at", ">", "noon")], "compares with 'noon', but request_begin_at is timestamp"),
        ([("request_begin_at", ">", 5)], "but request_begin_at is timestamp"),
        ([("request_begin_at", ">", pd.Timestamp(1, unit="ns"))], "finer than a microsecond"),
        ([("day", "==", "yesterday")], "but day is date32"),
        ([("func_name", "<", None)], "compares with a missing value"),
        ([("func_name", "in", "Login")], "give a list of values"),
        ([("func_name", "==")], "write each condition as"),
        ("func_name == 'x'", '`where` is "func_name'),
        ([[]], "write each condition as"),
        (pc.field("func_name") == 5, "cannot be applied"),
        (pc.field("func_name"), "cannot be applied"),
        (pc.field(0) == "x", "refers to a column by its number"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(calls: Sample, where: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        calls.table.scan(where=where)


def test_row_groups_that_cannot_match_are_not_read(calls: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    table = calls.table
    assert len(opened(table.scan(), monkeypatch)) == 8
    nobody = [("client_app_id", "==", "game-99"), ("request_url", "!=", "x")]
    assert opened(table.scan(where=nobody), monkeypatch) == []
    assert opened(table.scan(where=pc.field("client_app_id").isin(["game-98", "game-99"])), monkeypatch) == []
    second = opened(table.scan(where=[("day", "==", DAYS[1])]), monkeypatch)
    assert {path for path, _ in second} == set(table.files(DAYS[1]))


@pytest.mark.parametrize("place", [0, 1, 100, -2, -1])
def test_rows_behind_the_last_that_matches_are_not_read(
    calls: Sample, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a row group that is sorted by game and user, a user's rows are read up to his last one."""
    table = calls.table
    part = next(table.scan(DAYS[0]).parts())
    keys = ["client_app_id", "user_created_at"]
    stored = pq.read_table(part.path, columns=keys)
    chosen = stored.slice(range(stored.num_rows)[place], 1).to_pylist()[0]
    where = [(name, "==", value) for name, value in chosen.items() if value is not None]
    mine = np.ones(stored.num_rows, dtype=bool)
    for name, _, value in where:
        mine &= pc.fill_null(pc.equal(stored.column(name), pa.scalar(value, stored.schema.field(name).type)), False)
    size = part.opened.rows_of(0)
    ends = {int(place) // size: int(place) % size + 1 for place in np.flatnonzero(mine)}
    seen: dict[int, int] = {}
    read = OpenedGroup.table

    def watched(group: OpenedGroup, columns: Any, **options: Any) -> pa.Table:
        found = read(group, columns, **options)
        if group.part.path == part.path and "func_name" in columns:
            seen[group.number] = found.num_rows
        return found

    monkeypatch.setattr(OpenedGroup, "table", watched)
    names = [column.name for column in table.columns if column.default]
    rows = table.scan(DAYS[0], columns=names, where=where).to_arrow()
    assert seen == ends
    monkeypatch.undo()
    wanted = table.scan(DAYS[0], columns=names).to_arrow()
    for name, _, value in where:
        wanted = wanted.filter(pc.equal(wanted.column(name), pa.scalar(value, wanted.schema.field(name).type)))
    assert rows.equals(wanted)


# ------------------------------------------------------------------------------------------------ files that change


def test_a_scan_reads_what_was_published_when_it_was_made(sdk_log: Contract, tmp_path: Path) -> None:
    day, rng = DAYS[0], random.Random(1)
    made = [sdk_log_row(rng, day, number) for number in range(60)]
    lake = tmp_path / "lake"
    press(sdk_log, lake, tmp_path, day, [record for record, _ in made], parts=1)
    table = open_lake(lake).table("sdk_log")
    before = table.scan(day)
    press(sdk_log, lake, tmp_path, day, [record for record, _ in made[:20]], parts=1)
    after = table.scan(day)
    assert (before.to_arrow().num_rows, after.to_arrow().num_rows) == (60, 20)
    for path in before.files:
        Path(path).unlink()
    with pytest.raises(PartError, match=r"part-.*is gone, because its day was published again"):
        before.to_arrow()
    part = Path(after.files[0])
    pq.write_table(pq.read_table(part).replace_schema_metadata(None), part)
    with pytest.raises(PartError, match=r"part-.* has no logpress metadata"):
        after.to_arrow()
    part.write_bytes(b"PAR1 no more")
    with pytest.raises(PartError, match=r"part-.* is not a Parquet file, or it is cut"):
        table.scan(day)


def test_days_of_several_contracts_read_as_one_table(sdk_log: Contract, tmp_path: Path) -> None:
    """A column that is new is null before; one that became virtual, or wider, reads the same on all days."""
    older_columns = []
    for column in sdk_log.model_dump(mode="json")["columns"]:
        if column["name"] == "sdk_version":
            continue
        if column["name"] == "request_url":
            column = {**column, "codec": "category"}
            del column["key"]
        older_columns.append({**column, "type": "int16"} if column["name"] == "response_elapsed_ms" else column)
    older = Contract.model_validate({**sdk_log.model_dump(mode="json"), "columns": older_columns})
    rng, rows = random.Random(2), []
    for contract, day in ((older, DAYS[0]), (sdk_log, DAYS[1])):
        made = [sdk_log_row(rng, day, number) for number in range(200)]
        press(contract, tmp_path / "lake", tmp_path, day, [record for record, _ in made], parts=1)
        rows += [{**row, "sdk_version": None} if contract is older else row for _, row in made]
    both = Sample(str(tmp_path / "lake"), sdk_log, rows)
    scan = both.table.scan(*DAYS)
    assert scan.schema.field("response_elapsed_ms").type == pa.int32()
    assert sort(both, scan.to_arrow().to_pylist()) == expected(both, both.default)
    assert scan.to_arrow(categories=True).cast(scan.schema) == scan.to_arrow()
    for where in (
        [("request_url", "==", "https://api.example.io/login")],
        [("sdk_version", "==", None), ("response_elapsed_ms", "<", 40_000)],
        [("sdk_version", "==", "5.5.0")],
        [("response_elapsed_ms", "==", 30_001)],
    ):
        wanted = [row for row in rows if all(holds(row, condition) for condition in where)]
        assert wanted
        assert both.table.scan(where=where).count() == len(wanted)
    assert "sdk_version" not in open_lake(both.lake).table("sdk_log").scan(DAYS[0]).schema.names


def test_a_day_without_rows_reads_as_none(sdk_log: Contract, tmp_path: Path) -> None:
    unchecked = sdk_log.model_copy(update={"checks": ()})
    press(unchecked, tmp_path / "lake", tmp_path, DAYS[0], [b"no record"], parts=1)
    table = open_lake(tmp_path / "lake").table("sdk_log")
    assert table.days() == [DAYS[0]]
    assert table.files(DAYS[0]) == []
    with pytest.raises(UsageError, match="sdk_log has no published rows yet"):
        table.scan(DAYS[0])
    press(sdk_log, tmp_path / "lake", tmp_path, DAYS[1], [sdk_log_row(random.Random(3), DAYS[1], 1)[0]], parts=1)
    assert table.scan(DAYS[0]).to_pandas().shape == (0, 12)
    assert table.scan(*DAYS).to_polars().height == 1


# ------------------------------------------------------------------------------------------------ streams


def test_a_stream_reads_no_further_than_it_is_read(calls: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    rows = Part.rows
    monkeypatch.setattr(Part, "rows", lambda part, group, request: seen.append(group) or rows(part, group, request))
    threads = threading.active_count()
    reader = calls.table.scan(threads=1).to_batches()
    assert seen == []
    reader.read_next_batch()
    assert len(seen) <= 2
    del reader
    assert threading.active_count() == threads


def test_a_stream_lets_go_of_what_it_has_given(sample: Sample) -> None:
    def decoders() -> int:
        # not isinstance, which would make some packages' lazy objects import what is not there
        return sum(type(thing) is GroupDecoder and bool(vars(thing)) for thing in gc.get_objects())

    scan = sample.table.scan(threads=1)
    gc.collect()
    gc.disable()
    try:
        before = decoders()  # a failure's traceback elsewhere may still hold some
        alive = [decoders() - before for _ in scan.to_batches()]
    finally:
        gc.enable()
    assert max(alive) <= 2


def test_a_scan_can_be_pickled_and_shared(calls: Sample) -> None:
    where = (pc.field("client_app_id") == "game-01") & (pc.field("response_elapsed_ms") > 50)
    for condition in (None, where, [("request_url", "==", "x")]):
        scan = calls.table.scan(where=condition)
        assert pickle.loads(pickle.dumps(scan)).to_arrow() == scan.to_arrow()
    scan, found = calls.table.scan(), []
    workers = [threading.Thread(target=lambda: found.append(scan.to_arrow())) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [table == found[0] for table in found] == [True] * 4


def test_a_lake_in_another_storage_reads_the_same(calls: Sample) -> None:
    storage = fsspec.filesystem("memory")
    storage.put(f"{calls.lake}/", "/reading-lake/", recursive=True)
    try:
        table = open_lake("memory://reading-lake").table("sdk_log")
        where = [("client_app_id", "<", "game-02"), ("request_url", "!=", "x")]
        scan = table.scan(where=where)
        assert scan.files[0].startswith("memory://reading-lake/sdk_log/files/dt=")
        assert scan.to_arrow() == calls.table.scan(where=where).to_arrow()
        storage.rm(scan.files[0])
        with pytest.raises(PartError, match=r"memory://.*part-.* is gone"):
            scan.to_arrow()
    finally:
        storage.rm("/reading-lake", recursive=True)


@pytest.mark.parametrize("where", [None, [("client_app_id", "<", "game-02"), ("request_url", "!=", "x")]])
def test_shares_give_each_row_once(calls: Sample, where: Any) -> None:
    scan = calls.table.scan(columns=["client_app_id", "_id"], where=where)
    shares = [scan.share(index, 3) for index in range(3)]
    assert [share.count() for share in shares] == [share.to_arrow().num_rows for share in shares]
    assert sum(share.count() for share in shares) == scan.count() > 0
    by = [("client_app_id", "ascending"), ("_id", "ascending")]
    together = pa.concat_tables([share.to_arrow() for share in shares])
    assert together.sort_by(by) == scan.to_arrow().sort_by(by)


# ------------------------------------------------------------------------------------------------ other readers


def by_pandas(folder: str, names: list[str]) -> pa.Table:
    frame = pd.read_parquet(folder, columns=names)
    return pa.Table.from_pandas(frame, preserve_index=False)


def by_dataset(folder: str, names: list[str]) -> pa.Table:
    return ds.dataset(folder, format="parquet", partitioning="hive").to_table(columns=names)


def by_duckdb(folder: str, names: list[str]) -> pa.Table:
    found = duckdb.read_parquet(f"{folder}/part-*.parquet", hive_partitioning=True)
    return found.project(", ".join(f'"{name}"' for name in names)).to_arrow_table()


def by_polars(folder: str, names: list[str]) -> pa.Table:
    return pl.scan_parquet(f"{folder}/part-*.parquet").select(names).collect().to_arrow()


def by_fastparquet(folder: str, names: list[str]) -> pa.Table:
    files = [io.BytesIO(path.read_bytes()) for path in sorted(Path(folder).glob("part-*"))]
    frames = [fastparquet.ParquetFile(file).to_pandas(columns=names) for file in files]
    return pa.concat_tables([pa.Table.from_pandas(frame, preserve_index=False) for frame in frames])


@pytest.mark.parametrize("read", [by_pandas, by_dataset, by_duckdb, by_polars, by_fastparquet])
def test_every_reader_of_parquet_reads_the_stored_columns(sample: Sample, read: Callable[..., pa.Table]) -> None:
    stored = [column.name for column in sample.table.columns if column.default and not column.virtual]
    names = [*stored, "day"]
    api = sample.table.scan(DAYS[0], columns=names).to_arrow()
    found = read(f"{sample.lake}/{sample.contract.table}/data/dt={DAYS[0]}", names)
    assert set(found.column_names) == set(names)
    same = pa.Table.from_arrays([_alike(found[name], api[name].type) for name in names], schema=api.schema)
    assert sort_table(sample, same) == sort_table(sample, api)


def _alike(array: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """The same values in another reader's types."""
    if pa.types.is_floating(array.type) and not pa.types.is_floating(type_):
        array = array.cast(pa.int64())  # fastparquet gives integers with gaps as floats
    if pa.types.is_string(type_) and pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    return array.cast(type_)


def sort_table(sample: Sample, table: pa.Table) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in KEYS[sample.contract.table]]).combine_chunks()


def test_the_catalog_has_the_same_rows(sample: Sample) -> None:
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("logpress", uri=f"sqlite:///{sample.lake}/catalog.sqlite", warehouse=sample.lake)
    try:
        found = catalog.load_table(("logpress", sample.contract.table)).scan().to_arrow()
    finally:
        catalog.close()
    assert found.num_rows == 6000
    name = KEYS[sample.contract.table][0]
    assert sorted(found[name].to_pylist()) == sorted(sample.table.scan(columns=[name]).to_arrow()[name].to_pylist())
