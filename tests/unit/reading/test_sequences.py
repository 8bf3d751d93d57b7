"""Sequences of users over days and parts, against DuckDB; labels that do not leak; padded batches and negatives."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from tests.unit.reading.test_batches import all_equal
from tests.unit.reading.test_reading import DAYS, Sample, build, press, sdk_log_row

from logpress import open_lake
from logpress.contract import Contract
from logpress.errors import UsageError
from logpress.reading import TableReader

COLUMNS = ["func_name", "response_elapsed_ms", "request_begin_at", "response_status_code"]
KEYS = ["client_app_id", "user_created_at"]


@pytest.fixture(scope="session")
def calls(sdk_log: Contract, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return build(sdk_log, tmp_path_factory.mktemp("sequences"))


def by_duckdb(table: TableReader, last: int) -> dict[Any, list[Any]]:
    """The same by a query of DuckDB: the last records of each user, in the order of time."""
    rows = table.scan(*DAYS, columns=[*KEYS, *COLUMNS]).to_arrow()  # noqa: F841  # DuckDB finds it
    fields = ", ".join(f"'{name}': {name}" for name in COLUMNS)
    query = (
        f"SELECT client_app_id, user_created_at, list({{{fields}}} ORDER BY request_begin_at) AS calls FROM rows "
        "WHERE client_app_id IS NOT NULL AND user_created_at IS NOT NULL AND request_begin_at IS NOT NULL GROUP BY ALL"
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.sql(query).to_arrow_table().to_pylist()
    return {(row["client_app_id"], row["user_created_at"]): row["calls"][-last:] for row in found}


def as_rows(table: pa.Table) -> dict[Any, list[Any]]:
    """A sequence a user, as DuckDB has it."""
    found = {}
    for row in table.to_pylist():
        lists = [row[name] for name in COLUMNS]
        key = row["client_app_id"], row["user_created_at"]
        assert key not in found  # once
        found[key] = [dict(zip(COLUMNS, values, strict=True)) for values in zip(*lists, strict=True)]
    return found


def in_any_order_of_equal_times(rows: dict[Any, list[Any]]) -> dict[Any, list[Any]]:
    return {key: sorted(calls, key=lambda call: (call["request_begin_at"], str(call))) for key, calls in rows.items()}


@pytest.mark.parametrize("last", [1, 3, 512])
@pytest.mark.parametrize("bucket_rows", [10**6, 500])
def test_sequences_are_those_of_a_query_of_duckdb(calls: Sample, last: int, bucket_rows: int) -> None:
    sequences = replace(calls.table.sequences(*DAYS, columns=COLUMNS, last=last), _bucket_rows=bucket_rows)
    table = sequences.to_arrow()
    table.validate(full=True)
    assert table.schema == sequences.schema
    assert in_any_order_of_equal_times(as_rows(table)) == in_any_order_of_equal_times(by_duckdb(calls.table, last))


def test_many_buckets_are_in_files_that_go(calls: Sample, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sequences = replace(calls.table.sequences(*DAYS, columns=COLUMNS), _bucket_rows=500)
    batches = iter(sequences.to_batches(users=10))
    first = next(batches)
    assert first.num_rows <= 10
    folders = list(tmp_path.iterdir())
    assert len(list(folders[0].iterdir())) == 12
    list(batches)
    del batches
    assert list(tmp_path.iterdir()) == []


def test_codes_are_those_of_the_vocabulary(calls: Sample) -> None:
    sequences = calls.table.sequences(*DAYS, columns=COLUMNS, codes=["func_name"])
    coded, plain = sequences.to_arrow(), calls.table.sequences(*DAYS, columns=COLUMNS).to_arrow()
    assert coded.schema.field("func_name").type == pa.list_(pa.int32())
    words = calls.table.vocabulary("func_name")
    for one, other in zip(coded["func_name"].to_pylist(), plain["func_name"].to_pylist(), strict=True):
        assert words.decode(one).to_pylist() == other


def test_a_condition_selects_records(calls: Sample) -> None:
    where = [("response_status_code", "==", 200), ("request_end_at", ">=", "2021-12-26T06:00")]
    table = calls.table.sequences(*DAYS, columns=["response_status_code"], where=where).to_arrow()
    values = table["response_status_code"].combine_chunks().flatten()
    assert set(values.to_pylist()) == {200}
    assert len(values) == calls.table.scan(*DAYS, where=where).count()


# ------------------------------------------------------------------------------------------------ labels


def made(sdk_log: Contract, home: Path) -> TableReader:
    """Three days: of user 1 a record arrives late on the second day, user 2 comes back, user 3 later still."""
    rng = random.Random(1)

    def record(user: int, begin: datetime, arrival: datetime, number: int) -> bytes:
        document = json.loads(sdk_log_row(rng, DAYS[0], number)[0])
        source = document["_source"]

        def text(moment: datetime) -> str:
            return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

        source["client_app_id"] = "game"
        source["user_inDate"] = text(datetime(2021, 1, user, tzinfo=UTC))
        source["request_begin_timestamp"] = text(begin)
        source["request_end_timestamp"] = text(begin)
        source["timestamp"] = text(arrival)[:19] + "Z"
        document.pop("_id", None)
        return json.dumps(document).encode()

    night = datetime(2021, 12, 27, tzinfo=UTC)
    moments: dict[int, list[tuple[datetime, datetime]]] = {
        1: [(night - timedelta(hours=1),) * 2, (night - timedelta(milliseconds=1), night + timedelta(seconds=2))],
        2: [(night - timedelta(hours=2),) * 2, (night,) * 2],
        3: [(night - timedelta(hours=3),) * 2, (night + timedelta(days=1),) * 2],
        4: [(night + timedelta(hours=1),) * 2],
    }
    by_day: dict[Any, list[bytes]] = defaultdict(list)
    for user, pairs in moments.items():
        for number, (begin, arrival) in enumerate(pairs):
            by_day[arrival.date()].append(record(user, begin, arrival, user * 10 + number))
    for day, records in sorted(by_day.items()):
        press(sdk_log, home / "lake", home, day, records, parts=1)
    return open_lake(home / "lake").table("sdk_log")


def test_a_late_arrival_is_no_return(sdk_log: Contract, tmp_path: Path) -> None:
    table = made(sdk_log, tmp_path)
    sequences = table.sequences("2021-12-26", columns=["func_name"]).with_label("back")
    labelled = sequences.with_label("soon", days=2).with_label("odd", where=[("func_name", "==", "none")])
    assert sequences.as_of == datetime(2021, 12, 27, tzinfo=UTC)
    rows = labelled.to_arrow().to_pylist()
    found = {row["user_created_at"].day: (row["back"], row["soon"], row["odd"]) for row in rows}
    assert found == {1: (False, False, False), 2: (True, True, False), 3: (False, True, False)}
    by_partition = {row["user_created_at"].day for row in table.scan("2021-12-27").to_arrow().to_pylist()}
    assert 1 in by_partition  # what a look at the next day's records would have told


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda table: table.sequences(DAYS[1]).with_label("back"), "needs the day 2021-12-28, which is not published"),
        (lambda table: table.sequences(DAYS[0]).with_label("back", days=2), "needs the day 2021-12-28"),
        (lambda table: table.sequences(DAYS[0]).with_label("back", days=0), "days is 0"),
        (lambda table: table.sequences(DAYS[0]).with_label("func_name"), "there is a column 'func_name' already"),
        (lambda table: table.sequences(DAYS[0], last=0), "last is 0"),
        (lambda table: table.sequences(DAYS[0], entity="nickname"), "give a list of columns"),
        (lambda table: table.sequences(DAYS[0], entity=["nick"]), "there is no column 'nick'"),
        (lambda table: table.sequences(DAYS[0], time="func_name"), "name an instant"),
        (lambda table: table.sequences(DAYS[0]).to_batches(users=0), "users is 0"),
        (lambda table: table.sequences(DAYS[0]).to_numpy_batches(), "is string, which a batch cannot hold"),
        (lambda table: of_numbers(table).to_numpy_batches(users=0), "users is 0"),
        (lambda table: of_numbers(table).to_numpy_batches(length=0), "length is 0"),
        (lambda table: of_numbers(table).to_numpy_batches(negatives=("func_name", 1)), "no column of codes for negat"),
    ],
)
def test_what_makes_no_sense_is_refused(calls: Sample, ask: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ask(calls.table)


def of_numbers(table: TableReader) -> Any:
    return table.sequences(DAYS[0], columns=["response_elapsed_ms"])


def test_a_table_whose_contract_says_nothing_must_be_told(other_log: Contract, tmp_path: Path) -> None:
    table = build(other_log, tmp_path).table
    with pytest.raises(UsageError, match="nothing says whose a record of other_log is"):
        table.sequences(*DAYS, columns=["celsius"])
    told = table.sequences(*DAYS, columns=["celsius"], entity=["station"], time="measured_at").to_arrow()
    assert sorted(told["station"].to_pylist()) == sorted({f"KR-{number}" for number in range(20)})
    assert sum(map(len, told["celsius"].to_pylist())) == 6000


# ------------------------------------------------------------------------------------------------ batches


@pytest.mark.parametrize("bucket_rows", [10**6, 500])
def test_batches_are_padded_sequences(calls: Sample, bucket_rows: int) -> None:
    sequences = replace(
        calls.table.sequences(DAYS[0], columns=COLUMNS, codes=["func_name"]).with_label("back"),
        _bucket_rows=bucket_rows,
    )
    loader = sequences.to_numpy_batches(users=16, length=8, seed=1)
    batches = list(loader)
    users = sequences.to_arrow().to_pylist()
    assert loader.rows == len(users) == sum(len(batch["lengths"]) for batch in batches)
    assert loader.steps == len(batches) == -(-len(users) // 16)
    expected = sorted(
        (
            user["func_name"][-8:],
            [value or 0 for value in user["response_status_code"][-8:]],
            [round(value.timestamp() * 1000) * 1000 for value in user["request_begin_at"][-8:]],
            user["back"],
        )
        for user in users
    )
    found = []
    for batch in batches:
        assert batch["func_name"].shape == (len(batch["lengths"]), 8)
        assert batch["func_name"].dtype == np.int32
        for number, length in enumerate(batch["lengths"].tolist()):
            assert not batch["func_name"][number, length:].any()
            values = [batch[name][number, :length].tolist() for name in ("func_name", "response_status_code")]
            found.append((*values, batch["request_begin_at"][number, :length].tolist(), bool(batch["back"][number])))
    assert sorted(found) == expected
    assert any(back for *_, back in found)
    assert not all(back for *_, back in found)


def test_the_order_of_users_is_seeded_and_can_be_resumed(calls: Sample) -> None:
    sequences = replace(calls.table.sequences(*DAYS, columns=COLUMNS, codes=["func_name"]), _bucket_rows=900)

    def make(seed: int = 1, **options: Any) -> Any:
        return sequences.to_numpy_batches(users=10, length=8, seed=seed, negatives=("func_name", 3), **options)

    loader, whole, states = make(), [], []
    for batch in loader:
        whole.append(batch)
        states.append(loader.state_dict())
    assert all_equal(make(), whole)
    assert not np.array_equal(next(iter(make(seed=2)))["func_name"], whole[0]["func_name"])
    for step in (0, 3, len(whole) - 1):
        assert len(json.dumps(states[step])) < 1000
        resumed = make()
        resumed.load_state_dict(json.loads(json.dumps(states[step])))
        assert all_equal(resumed, whole[step + 1 :])
    ranks = [make(rank=rank, world=2, drop_last=True) for rank in range(2)]
    together = [batch for pair in zip(*ranks, strict=True) for batch in pair]
    assert len({rank.steps for rank in ranks}) == 1
    assert all_equal(together, whole[: len(together)])
    with pytest.raises(UsageError, match="other `columns`"):
        sequences.to_numpy_batches(users=10, length=9, seed=1).load_state_dict(states[0])


def test_negatives_are_drawn_by_count(calls: Sample) -> None:
    sequences = calls.table.sequences(*DAYS, columns=["func_name"], codes=["func_name"])
    loader = sequences.to_numpy_batches(users=10_000, length=64, negatives=("func_name", 4), seed=1)
    batch = next(iter(loader))
    negatives = batch["func_name_negatives"]
    assert negatives.shape == (*batch["func_name"].shape, 4)
    codes = sequences.to_arrow()["func_name"].combine_chunks().flatten().to_numpy()
    counts = np.bincount(codes).astype(float)
    counts[:2] = 0
    shares = np.bincount(negatives.ravel(), minlength=len(counts)) / negatives.size
    assert np.allclose(shares, counts**0.75 / (counts**0.75).sum(), atol=0.01)
    again = next(iter(sequences.to_numpy_batches(users=10_000, length=64, negatives=("func_name", 4), seed=1)))
    assert np.array_equal(negatives, again["func_name_negatives"])
