"""Batches for training: every row once, the same order everywhere, exact resume, equal ranks, and nothing silent."""

from __future__ import annotations

import json
import pickle
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.reading.test_reading import DAYS, Sample, build, press, sdk_log_row

from logpress import open_lake
from logpress.contract import Contract
from logpress.errors import PartError, UsageError
from logpress.reading import Scan, TableReader
from logpress.reading.batches.plan import Plan, Steps, window_of
from logpress.reading.batches.randomness import shuffled, words
from logpress.reading.publications import Publications

COLUMNS = ["client_app_id", "func_name", "response_elapsed_ms", "response_status_code", "request_begin_at"]
CODES = ["client_app_id", "func_name"]
Arrays = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="session")
def calls(sdk_log: Contract, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Two days of 3,000 rows, in row groups of 1,000."""
    return build(sdk_log, tmp_path_factory.mktemp("batches"))


@pytest.fixture(scope="session")
def scan(calls: Sample) -> Scan:
    return calls.table.scan(*DAYS, columns=COLUMNS)


def equal(one: Arrays, other: Arrays) -> bool:
    return list(one) == list(other) and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name]) for name in one
    )


def all_equal(some: Iterable[Arrays], others: Iterable[Arrays]) -> bool:
    return all(equal(one, other) for one, other in zip(some, others, strict=True))


def rows_of(batches: Iterable[Arrays], *names: str) -> Counter[tuple[Any, ...]]:
    return Counter(row for batch in batches for row in zip(*(batch[name].tolist() for name in names), strict=True))


# ------------------------------------------------------------------------------------------------ values


@pytest.mark.parametrize("window_rows", [1, 2500, 10**9])
def test_an_epoch_has_every_row_once_with_its_values(calls: Sample, scan: Scan, window_rows: int) -> None:
    loader = scan.to_numpy_batches(batch_rows=100, codes=CODES, seed=3, window_rows=window_rows)
    batches = list(loader)
    assert [len(batch["func_name"]) for batch in batches] == [100] * 60
    assert loader.steps == len(loader) == 60
    games, functions = (calls.table.vocabulary(name) for name in CODES)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    expected = Counter(
        (
            int(games.encode([row["client_app_id"]])[0]),
            int(functions.encode([row["func_name"]])[0]),
            row["response_elapsed_ms"],
            row["response_status_code"] or 0,
            row["response_status_code"] is None,
            (row["request_begin_at"] - epoch).days * 86_400_000_000
            + (row["request_begin_at"] - epoch).seconds * 1_000_000
            + (row["request_begin_at"] - epoch).microseconds,
        )
        for row in calls.rows
    )
    names = [*CODES, "response_elapsed_ms", "response_status_code", "response_status_code_missing", "request_begin_at"]
    assert rows_of(batches, *names) == expected
    assert batches[0]["client_app_id"].dtype == np.int32
    assert batches[0]["request_begin_at"].dtype == np.int64
    assert batches[0]["response_status_code"].dtype == np.int16


def test_virtual_columns_and_conditions_are_those_of_a_scan(calls: Sample) -> None:
    where = [("request_end_at", ">=", "2021-12-26T12:00"), ("response_status_code", "==", 200)]
    columns = ["request_url", "ingested_at", "request_end_at", "day", "response_elapsed_ms"]
    scan = calls.table.scan(*DAYS, columns=columns, where=where)
    loader = scan.to_numpy_batches(batch_rows=64, codes=["request_url"], seed=1, drop_last=False)
    table = scan.to_arrow()
    words_ = calls.table.vocabulary("request_url")
    assert 0 < table.num_rows < 6000
    assert loader.rows == table.num_rows
    expected = Counter(
        zip(
            words_.encode(table["request_url"]).tolist(),
            table["ingested_at"].cast(pa.int64()).to_pylist(),
            table["request_end_at"].cast(pa.int64()).to_pylist(),
            table["day"].cast(pa.int32()).to_pylist(),
            table["response_elapsed_ms"].to_pylist(),
            strict=True,
        )
    )
    assert rows_of(loader, *columns) == expected
    assert "ingested_at_missing" in next(iter(loader))
    assert "day_missing" not in next(iter(loader))  # a row always has a day


def test_without_shuffling_rows_come_as_in_the_scan(scan: Scan) -> None:
    loader = scan.to_numpy_batches(batch_rows=700, codes=CODES, shuffle=False, drop_last=False)
    found = np.concatenate([batch["request_begin_at"] for batch in loader])
    assert np.array_equal(found, scan.to_arrow()["request_begin_at"].cast(pa.int64()).to_numpy())


def test_missing_values_are_told_or_filled(calls: Sample) -> None:
    scan = calls.table.scan(*DAYS, columns=["response_status_code", "nickname"])
    batch = next(iter(scan.to_numpy_batches(batch_rows=6000, codes=["nickname"])))
    missing = batch["response_status_code_missing"]
    assert missing.sum() == sum(row["response_status_code"] is None for row in calls.rows) > 0
    assert not batch["response_status_code"][missing].any()
    assert (batch["nickname"] == 0).sum() == sum(row["nickname"] is None for row in calls.rows) > 0
    filled = next(iter(scan.to_numpy_batches(batch_rows=6000, codes=["nickname"], fill={"response_status_code": -1})))
    assert list(filled) == ["response_status_code", "nickname"]
    assert (filled["response_status_code"] == -1).sum() == missing.sum()


def test_decimals_and_booleans(other_log: Contract, tmp_path: Path) -> None:
    sample = build(other_log, tmp_path)
    columns = ["celsius", "indoors", "battery", "station"]
    loader = sample.table.scan(*DAYS, columns=columns).to_numpy_batches(
        batch_rows=6000, codes=["station"], fill={"battery": 0}
    )
    batch = next(iter(loader))
    assert list(batch) == ["celsius", "indoors", "indoors_missing", "battery", "station"]
    assert batch["celsius"].dtype == np.float64
    assert np.isnan(batch["celsius"]).sum() == sum(row["celsius"] is None for row in sample.rows) > 0
    assert batch["indoors"].dtype == np.bool_
    assert batch["indoors"].sum() == sum(row["indoors"] is True for row in sample.rows)
    assert batch["indoors_missing"].sum() == sum(row["indoors"] is None for row in sample.rows) > 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "column 'client_app_id' is string, which a batch cannot hold; name it in `codes`"),
        ({"codes": "func_name"}, "`codes` is 'func_name'; give a list"),
        ({"codes": ["func"]}, "there is no column in `codes` 'func'; did you mean 'func_name'"),
        ({"codes": [*CODES, "response_elapsed_ms"]}, "only texts have a vocabulary"),
        ({"codes": CODES, "batch_rows": 0}, "batch_rows is 0"),
        ({"codes": CODES, "window_rows": 0}, "window_rows is 0"),
        ({"codes": CODES, "rank": 2, "world": 2}, "there is no rank 2 of 2"),
        ({"codes": CODES, "world": 0}, "world is 0"),
        ({"codes": CODES, "fill": {"status": 1}}, "there is no column in `fill` 'status'"),
        ({"codes": CODES, "fill": {"func_name": 1}}, "whose codes have 0 for missing values"),
        ({"codes": CODES, "fill": {"response_status_code": 40_000}}, "which holds int16"),
        ({"codes": CODES, "fill": {"response_elapsed_ms": 0.5}}, "which holds int32"),
    ],
)
def test_what_makes_no_sense_is_refused(scan: Scan, options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        scan.to_numpy_batches(**options)


def test_a_share_is_refused(scan: Scan) -> None:
    with pytest.raises(UsageError, match="this scan is a share"):
        scan.share(0, 2).to_numpy_batches(codes=CODES)


# ------------------------------------------------------------------------------------------------ the order


def test_the_order_depends_on_seed_and_epoch_alone(scan: Scan) -> None:
    def batches(seed: int, epoch: int, threads: int = 2) -> list[Arrays]:
        loader = replace(scan, _threads=threads).to_numpy_batches(
            batch_rows=256, codes=CODES, seed=seed, window_rows=2500
        )
        loader.set_epoch(epoch)
        return list(loader)

    first = batches(1, 0)
    for threads in (1, 2, 3):
        assert all_equal(first, batches(1, 0, threads))
    for other in (batches(2, 0), batches(1, 1)):
        assert not equal(first[0], other[0])


def test_random_numbers_are_the_same_everywhere() -> None:
    """By a plain Philox 4x64-10, as its authors give it: no version of NumPy may change an order."""
    mask = 2**64 - 1

    def philox(key: int, count: int) -> list[int]:
        found: list[int] = []
        counter = 0
        while len(found) < count:
            counter += 1
            x, k0, k1 = [counter & mask, counter >> 64, 0, 0], key & mask, key >> 64
            for _ in range(10):
                one, other = 0xD2E7470EE14C6C93 * x[0], 0xCA5A826395121157 * x[2]
                x = [other >> 64 ^ x[1] ^ k0, other & mask, one >> 64 ^ x[3] ^ k1, one & mask]
                k0, k1 = (k0 + 0x9E3779B97F4A7C15) & mask, (k1 + 0xBB67AE8584CAA73B) & mask
            found += x
        return found[:count]

    import hashlib

    key = int.from_bytes(hashlib.blake2b(b"(7, 'x')", digest_size=16).digest(), "little")
    expected = philox(key, 10)
    assert words(10, 7, "x").tolist() == expected
    keys = [(word << 4 & mask) | place for place, word in enumerate(expected)]
    assert shuffled(10, 7, "x").tolist() == [one & 15 for one in sorted(keys)]


@given(st.integers(0, 300), st.integers(0, 5))
def test_shuffled_is_a_permutation(count: int, seed: int) -> None:
    assert sorted(shuffled(count, seed)) == list(range(count))


def picked(plan: Plan, position: int, stage: int) -> list[int]:
    """The rows of a row group that are in a stage, in plain Python: batches depend on it for ever."""
    count, stages = plan.rows[plan.order[position]], plan.stages_of(position)
    if len(stages) == 1:
        return list(range(count))
    ways = len(stages)
    turns = words(-(-(count // ways) // 4), plan.seed, plan.epoch, "deal", position).view(np.uint16).tolist()
    turn = stage - stages.start
    rows = [place * ways + (turns[place] + turn) % ways for place in range(count // ways)]
    return rows + [count // ways * ways + turn] * (turn < count % ways)


@given(
    st.lists(st.integers(1, 40), max_size=12), st.integers(1, 15), st.integers(0, 3), st.integers(0, 3), st.booleans()
)
def test_a_plan_deals_each_row_to_one_stage(
    rows: list[int], window: int, seed: int, epoch: int, is_shuffled: bool
) -> None:
    window = min(window, max(1, len(rows))) if is_shuffled else 1
    plan = Plan(tuple(rows), window, seed, epoch, is_shuffled)
    dealt: list[tuple[int, int]] = []
    assert sorted(plan.order) == list(range(len(rows)))
    for stage in range(plan.stages):
        pieces = []
        for position in plan.positions(stage):
            order, starts = plan.dealt(position)
            place = stage - plan.stages_of(position).start
            pieces.append(order[starts[place] : starts[place + 1]])
            assert pieces[-1].tolist() == picked(plan, position, stage)
        assert len(pieces) <= window
        assert plan.counts(stage).tolist() == list(map(len, pieces))
        count = sum(map(len, pieces))
        assert plan.starts[stage + 1] - plan.starts[stage] == count
        assert sorted(plan.shuffled(stage, count)) == list(range(count))
        for position, piece in zip(plan.positions(stage), pieces, strict=True):
            dealt += [(int(plan.order[position]), row) for row in piece.tolist()]
    assert sorted(dealt) == [(group, row) for group, count in enumerate(rows) for row in range(count)]
    if rows:
        assert plan.starts[-1] == sum(rows)


def test_a_window_is_of_about_so_many_rows() -> None:
    assert window_of([], 100) == window_of([0], 100) == 1
    assert window_of([1_000_000] * 24, 4_000_000) == 4
    assert window_of([1_000_000] * 2, 4_000_000) == 2
    assert window_of([1_000_000] * 24, 1) == 1
    assert window_of([10] * 10_000, 10**9) == 1024


@given(st.integers(0, 200), st.integers(1, 12), st.integers(1, 7), st.booleans())
def test_ranks_have_equal_steps_of_equal_rows(rows: int, batch_rows: int, world: int, drop_last: bool) -> None:
    steps = Steps(rows, batch_rows, world, drop_last)
    seen: Counter[int] = Counter()
    for step in range(steps.count):
        spans = [steps.span(step, rank) for rank in range(world)]
        assert len({last - first for first, last in spans}) == 1
        assert all(0 <= first < last <= rows for first, last in spans)
        assert step == steps.count - 1 or spans[0][1] - spans[0][0] == batch_rows
        for first, last in spans:
            seen.update(range(first, last))
    if drop_last:
        assert rows - len(seen) < batch_rows * world
        assert set(seen.values()) <= {1}
    else:
        assert len(seen) == rows
        assert sum(seen.values()) - rows < world


@pytest.mark.parametrize("world", range(1, 8))
def test_ranks_share_the_batches_of_a_day_of_one_row_group(calls: Sample, world: int) -> None:
    file = calls.table.files(DAYS[0])[0]
    scan = calls.table.scan(DAYS[0], columns=COLUMNS)
    one = replace(scan, files=(file,), _told=scan._told[:1])
    whole = one.to_numpy_batches(batch_rows=64, codes=CODES, seed=5)
    loaders = [
        one.to_numpy_batches(batch_rows=64, codes=CODES, seed=5, rank=rank, world=world) for rank in range(world)
    ]
    assert {loader.steps for loader in loaders} == {whole.rows // (64 * world)}
    together = [batch for batches in zip(*loaders, strict=True) for batch in batches]
    assert all_equal(together, list(whole)[: len(together)])


def test_a_batch_has_as_many_games_as_rows_drawn_at_random(tmp_path: Path) -> None:
    """Row groups are sorted by game, so neighbours are of few: blocks of rows would not do."""
    raw, lake = tmp_path / "raw", tmp_path / "lake"
    command = [sys.executable, "-m", "logpress.cli"]
    sample = [
        "sample",
        "--records",
        "20000",
        "--day",
        "2021-12-26",
        "--hours",
        "10-13",
        "--output",
        str(raw),
        "--quiet",
    ]
    subprocess.run([*command, *sample], check=True)
    subprocess.run(
        [*command, "press", "sdk_log", "--day", "2021-12-26", "--input", str(raw), "--lake", str(lake), "--quiet"],
        check=True,
    )
    table = open_lake(lake).table("sdk_log")
    scan = table.scan(columns=["client_app_id"])
    in_order = next(iter(scan.to_numpy_batches(batch_rows=1024, codes=["client_app_id"], shuffle=False)))
    games = table.vocabulary("client_app_id").encode(scan.to_arrow()["client_app_id"])
    drawn = np.random.default_rng(1)
    uniform = np.median([len(np.unique(drawn.choice(games, 1024))) for _ in range(9)])
    loader = scan.to_numpy_batches(batch_rows=1024, codes=["client_app_id"], seed=1, window_rows=5_000)
    found = [len(np.unique(batch["client_app_id"])) for batch in loader]
    assert len(np.unique(in_order["client_app_id"])) < uniform / 4
    assert min(found) >= uniform / 2
    assert np.median(found) >= 0.8 * uniform


# ------------------------------------------------------------------------------------------------ where it is


def test_resuming_at_any_step_gives_what_would_have_come(scan: Scan) -> None:
    def make() -> Any:
        return scan.to_numpy_batches(batch_rows=100, codes=CODES, seed=9, window_rows=2500, drop_last=False)

    loader = make()
    loader.set_epoch(2)
    whole, states = [], [loader.state_dict()]
    for batch in loader:
        whole.append(batch)
        states.append(loader.state_dict())
    assert len(states) == loader.steps + 1
    for step in sorted(random.Random(4).sample(range(len(states)), 20)):
        text = json.dumps(states[step])
        assert len(text) < 1000
        resumed = make()
        resumed.load_state_dict(json.loads(text))
        assert resumed.epoch == 2
        begin = time.perf_counter()
        assert all_equal(resumed, whole[step:])
        assert time.perf_counter() - begin < 5
        resumed.set_epoch(2)
        assert all_equal(resumed, whole)  # once; then the epoch from its begin
    resumed = make()
    resumed.load_state_dict(states[7])
    resumed.set_epoch(3)
    assert not equal(next(iter(resumed)), whole[7])
    assert resumed.state_dict()["step"] == 1


def test_resuming_reads_what_the_window_holds(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    from logpress.reading.batches.source import Source

    loader = scan.to_numpy_batches(batch_rows=100, codes=CODES, seed=9, window_rows=1)
    batches = iter(loader)
    for _ in range(50):
        next(batches)
    state, read, decode = loader.state_dict(), [], Source.decode
    batches.close()  # type: ignore[attr-defined]
    monkeypatch.setattr(Source, "decode", lambda self, group, into: read.append(group) or decode(self, group, into))
    loader.load_state_dict(state)
    next(batches := iter(loader))
    batches.close()  # type: ignore[attr-defined]
    assert 1 <= len(read) <= 2  # of 8


@pytest.mark.parametrize("workers", [1, 3, 40])
def test_workers_that_leave_stages_out_keep_no_rows_of_them(
    scan: Scan, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from logpress.reading.batches.epoch import Epoch

    loader = scan.to_numpy_batches(batch_rows=50, codes=CODES, seed=9, window_rows=1500)
    wanted = list(loader)
    kept, prepare = list[tuple[int, list[int]]](), Epoch._prepare

    def watched(epoch: Epoch, stage: int) -> Any:
        found = prepare(epoch, stage)
        kept.append((stage, sorted(epoch._rows)))
        return found

    monkeypatch.setattr(Epoch, "_prepare", watched)
    for worker in range(min(workers, 3)):
        kept.clear()
        found = list(loader._batches(worker, workers))
        assert all_equal(found, wanted[worker::workers])
        assert len(kept) > 1
        assert all(number > stage for stage, numbers in kept for number in numbers)


def test_a_state_is_small_however_many_days_there_are() -> None:
    days = [date.fromordinal(738_000 + number) for number in range(1000)]
    files = [f"/lake/t/data/dt={day}/part-00-{number:012x}.parquet" for number, day in enumerate(days)]
    found = Publications.of(days, files)
    assert len(json.dumps(found.to_json())) < 600
    files[500] = files[500].replace("part-00-", "part-01-")
    with pytest.raises(UsageError, match="was published again"):
        Publications.of(days, files).check(found.to_json())
    with pytest.raises(UsageError, match=r"1000 days, and this one is of .* 999 days"):
        Publications.of(days[1:], files[1:]).check(found.to_json())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"batch_rows": 99}, "a loader with batch_rows=100, and this one has batch_rows=99"),
        ({"seed": 2}, "seed=9, and this one has seed=2"),
        ({"world": 2}, "world=1"),
        ({"window_rows": 10}, "window_rows"),
        ({"shuffle": False}, "shuffle"),
        ({"fill": {"response_status_code": -1}}, "other `columns`"),
    ],
)
def test_a_state_of_other_batches_is_refused(scan: Scan, options: dict[str, Any], says: str) -> None:
    made: dict[str, Any] = {"batch_rows": 100, "codes": CODES, "seed": 9}
    state = scan.to_numpy_batches(**made).state_dict()
    with pytest.raises(UsageError, match=says):
        scan.to_numpy_batches(**{**made, **options}).load_state_dict(state)


def test_a_state_of_another_scan_is_refused(calls: Sample, scan: Scan) -> None:
    def loader(*days: Any, **options: Any) -> Any:
        return calls.table.scan(days[0], days[-1], columns=COLUMNS, **options).to_numpy_batches(codes=CODES)

    state = scan.to_numpy_batches(codes=CODES).state_dict()
    with pytest.raises(UsageError, match="of a scan of 2021-12-26 to 2021-12-27, 2 days"):
        loader(DAYS[0]).load_state_dict(state)
    with pytest.raises(UsageError, match="other `where`"):
        loader(*DAYS, where=[("response_elapsed_ms", ">", 5)]).load_state_dict(state)
    with pytest.raises(UsageError, match="is not a state"):
        loader(*DAYS).load_state_dict({"step": 3})


def test_a_republished_day_is_a_sentence_and_not_other_data(sdk_log: Contract, tmp_path: Path) -> None:
    rng = random.Random(3)

    def publish(day: date, count: int) -> TableReader:
        records = [sdk_log_row(rng, day, number)[0] for number in range(count)]
        press(sdk_log, tmp_path / "lake", tmp_path, day, records, parts=1)
        return open_lake(tmp_path / "lake").table("sdk_log")

    publish(DAYS[0], 300)
    table = publish(DAYS[1], 300)

    def loader(found: TableReader) -> Any:
        return found.scan(*DAYS, columns=COLUMNS).to_numpy_batches(batch_rows=50, codes=CODES)

    old = loader(table)
    batches = iter(old)
    next(batches)
    state = old.state_dict()
    again = loader(open_lake(tmp_path / "lake").table("sdk_log"))
    again.load_state_dict(state)  # nothing has changed
    table = publish(DAYS[1], 301)
    with pytest.raises(UsageError, match=r"^2021-12-27 was published again since the state was saved"):
        loader(table).load_state_dict(state)
    assert len(list(batches)) == 11  # who has begun goes on: superseded files stay for the retention


def test_a_file_that_has_other_rows_than_were_counted_is_refused(calls: Sample, scan: Scan) -> None:
    loader = scan.to_numpy_batches(codes=CODES, batch_rows=10)
    loader._groups[0] = replace(loader._groups[0], rows=loader._groups[0].rows - 1)
    with pytest.raises(PartError, match=r"has not the .* rows that were counted"):
        list(loader)


def test_a_loader_can_be_pickled(scan: Scan) -> None:
    loader = scan.to_numpy_batches(batch_rows=500, codes=CODES, seed=2)
    loader.set_epoch(4)
    assert all_equal(pickle.loads(pickle.dumps(loader)), loader)


def test_a_scan_without_rows_has_no_steps(calls: Sample) -> None:
    scan = calls.table.scan(*DAYS, columns=COLUMNS, where=[("func_name", "==", "none")])
    loader = scan.to_numpy_batches(codes=CODES, drop_last=False)
    assert loader.steps == 0
    assert list(loader) == []
