"""Records that are equal to another: kept out of the table within a slice, counted across slices, given back always."""

from __future__ import annotations

import copy
import io
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.any_check import check_of
from tests.conftest import DAY, SEED, compact, press

from logpress.codecs.kernels_text import NULL
from logpress.contract import Contract, load_contract
from logpress.day import one_machine as whole_day
from logpress.day import published, stages
from logpress.engine.convert import duplicates as seen
from logpress.engine.convert.duplicates import Seen, count_across
from logpress.engine.convert.kernels_duplicates import find_repeats, refill, sorted_hashes
from logpress.engine.press import press_slice
from logpress.engine.registers.kernels_codes import DROPPED
from logpress.lake import Lake
from logpress.limits import Limits


@pytest.fixture(scope="module")
def strict() -> Contract:
    """The contract as it is, so duplicates are rejects; but each hour is a slice."""
    found = load_contract("sdk_log")
    return found.model_copy(update={"files": found.files.model_copy(update={"merge_bytes": 0})})


def record(number: int, day: date = DAY) -> bytes:
    document = copy.deepcopy(SEED["_source"])
    document.update(timestamp=f"{day}T15:11:{number % 60:02}Z", response_elapsed_time=number)
    return compact(document)


@given(numbers=st.lists(st.integers(0, 30), max_size=80), size=st.sampled_from([200, 2_000, 4 << 20]))
def test_the_first_of_equal_records_is_a_row_and_the_others_are_rejects(strict, tmp_path, numbers, size) -> None:
    records = [record(number) for number in numbers]
    pressed = press(strict, records, tmp_path, limits=Limits(block_bytes=size))
    manifest = pressed.manifest
    assert pressed.restored == Counter(records)
    assert manifest.rows == len(set(numbers))
    assert manifest.rejects == manifest.duplicates == len(numbers) - len(set(numbers))
    assert manifest.reject_reasons == ({"duplicate": manifest.rejects} if manifest.rejects else {})


def test_other_days_and_bad_records_are_no_duplicates(strict, tmp_path) -> None:
    other = record(1, date(2021, 12, 27))
    dayless = compact({**SEED["_source"], "timestamp": None})
    pressed = press(strict, [record(1), other, other, b"bad", b"bad", dayless, dayless], tmp_path)
    manifest = pressed.manifest
    assert (manifest.rows, manifest.other_day, manifest.rejects, manifest.duplicates) == (2, 2, 3, 1)
    assert manifest.reject_reasons == {"duplicate": 1, "not_json": 2}


def test_records_that_differ_in_spelling_are_no_duplicates(strict, tmp_path) -> None:
    one = record(1)
    pressed = press(strict, [one, one.replace(b":1,", b": 1,"), one + b" "], tmp_path)
    assert (pressed.manifest.rows, pressed.manifest.rejects) == (3, 0)


def test_equal_records_are_separate_events_where_the_contract_says_so(sdk_log, tmp_path) -> None:
    assert press(sdk_log, [record(1)] * 5, tmp_path).manifest.rows == 5


def test_duplicates_do_not_count_as_bad_input(strict, tmp_path) -> None:
    contract = strict.model_copy(update={"checks": (check_of(kind="max_reject_share", max=0.1),)})
    raw = tmp_path / "raw"
    raw.write_bytes(b"\n".join([record(n % 10) for n in range(20)]))
    report, checks = whole_day.run_day(contract, DAY, [str(raw)], str(tmp_path / "lake"))
    assert (report.rows, report.rejects, report.reject_reasons) == (10, 10, {"duplicate": 10})
    assert all(check.ok for check in checks)
    out = io.BytesIO()
    published.restore_day(contract, DAY, str(tmp_path / "lake"), out)
    assert Counter(out.getvalue().splitlines()) == Counter(raw.read_bytes().splitlines())


def test_duplicates_across_slices_are_counted_and_kept(strict, tmp_path) -> None:
    for hour, numbers in ((10, range(40)), (11, range(35, 60)), (12, [0, 59, 70])):
        path = tmp_path / f"raw/2021/12/26/{hour}/a"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\n".join(record(number) for number in numbers))
    lake = str(tmp_path / "lake")
    specs = stages.plan(strict, DAY, [str(tmp_path / "raw")])
    manifests = [stages.press(strict, DAY, spec, lake, "run") for spec in specs]
    found = {check.check: check for check in stages.verify(strict, DAY, manifests, lake, "run").checks}
    check = found["duplicates across slices"]
    assert (check.ok, check.level) == (False, "warn")
    assert check.message.startswith("7 rows equal a row of another slice")
    report, checks = whole_day.run_day(strict, DAY, [str(tmp_path / "raw")], lake)
    assert report.rows == 68
    assert any(check.message.startswith("7 rows") for check in checks)


def test_a_slice_of_many_rows_begins_anew_and_equal_rows_of_two_runs_are_counted(strict, tmp_path) -> None:
    numbers = [*range(30), *range(10), 29, *range(20, 60), 59]  # 10 to 29 come again; how near depends on the run
    limits = Limits(block_bytes=2_000, duplicate_places=43)  # a run has 32 rows
    raw = tmp_path / "raw"
    raw.write_bytes(b"\n".join(record(number) for number in numbers))
    lake = str(tmp_path / "lake")
    [spec] = stages.plan(strict, DAY, [str(raw)])
    staged = Lake.create(lake).staging_folder(strict.table, DAY, "run", spec.name)
    manifest = press_slice(strict, DAY, spec, staged, threads=0, limits=limits)
    checks = stages.verify(strict, DAY, [manifest], lake, "run").checks
    [check] = [c for c in checks if c.check == "duplicates across slices"]
    kept = manifest.rows - 60
    assert 0 < kept < len(numbers) - 60
    assert (check.ok, manifest.duplicates) == (False, len(numbers) - 60 - kept)
    assert check.message.startswith(f"{kept} rows equal a row of another slice, or one millions of rows earlier")


def test_runs_of_an_earlier_try_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    path = str(tmp_path / "_seen-x")
    for tries in (3, 1):
        one = Seen(fsspec.filesystem("file"), path)
        for _ in range(tries):
            one.write()
        assert len(seen.run_paths(path)) == tries


# ----------------------------------------------------------------------------------------------------------- the kernel


@given(
    words=st.lists(
        st.tuples(st.sampled_from([0, 1, 2, 1 << 32, 1 << 63]), st.sampled_from([0, 1, (1 << 32) - 1])), max_size=120
    ),
    states=st.lists(st.sampled_from([0, 1, 1 << 40, DROPPED]), min_size=120, max_size=120),
    days=st.lists(st.sampled_from([NULL, 0, 86_399, 86_400, -1]), min_size=120, max_size=120),
    take_unknown=st.booleans(),
)
def test_the_kernel_finds_what_a_set_finds(words, states, days, take_unknown) -> None:
    rows = len(words)
    hashes = np.array(words, dtype=np.uint64).reshape(rows, 2).T.copy()
    table, known = np.zeros((256, 3), dtype=np.uint32), np.zeros(1, dtype=np.int64)
    found, repeats = np.array(states[:rows], dtype=np.int64), np.zeros(rows, dtype=np.int64)
    count, _ = find_repeats(found, hashes, np.array(days), 86_400, 0, take_unknown, table, known, repeats)
    expected, before = [], set()
    for row, (word, state, day) in enumerate(zip(words, states, days, strict=False)):
        if state >= 0 and (take_unknown if day == NULL else 0 <= day < 86_400):
            word = (0, 1) if word == (0, 0) else word
            expected += [row] if word in before else []
            before.add(word)
    assert repeats[:count].tolist() == expected
    assert known[0] == len(before)
    assert np.flatnonzero(found != np.array(states[:rows])).tolist() == [r for r in expected if states[r] != DROPPED]


def test_records_are_compared_by_three_words_of_their_hashes() -> None:
    """As the kernel's docstring says: the fourth word is not kept, each of the others distinguishes records."""
    words = [(1 << 40, 5), (1 << 40, 5 | 1 << 40), (1 << 40 | 1, 5), (1 << 41, 5), (1 << 40, 6)]
    table, known = np.zeros((256, 3), dtype=np.uint32), np.zeros(1, dtype=np.int64)
    hashes = np.array(words, dtype=np.uint64).T.copy()
    states, days, repeats = (np.zeros(len(words), dtype=np.int64) for _ in range(3))
    count, _ = find_repeats(states, hashes, days, 86_400, 0, False, table, known, repeats)
    assert repeats[:count].tolist() == [1]
    larger = np.zeros((1024, 3), dtype=np.uint32)
    refill(table, larger)
    states[:] = 0
    count, _ = find_repeats(states, hashes, days, 86_400, 0, False, larger, known, repeats)
    assert count == len(words)


@given(
    st.lists(st.sampled_from([0, 1, 2**63, 2**64 - 1, 2**64 - 2, 2**62]) | st.integers(0, 2**64 - 1), max_size=60),
    st.integers(0, 30),
)
def test_hashes_come_in_order(words: list[int], spare: int) -> None:
    words = list(dict.fromkeys(words))
    table = np.zeros((len(words) + 1 + spare, 3), dtype=np.uint32)
    for word in words:  # by its upper bits, then the next free place, and from the end to the beginning
        place = (word >> 32) * len(table) >> 32
        while table[place].any():
            place = (place + 1) % len(table)
        table[place] = word >> 32, word & 0xFFFFFFFF, 7
    out = np.zeros(len(words), dtype=np.uint64)
    assert sorted_hashes(table, out) == len(words)
    assert out.tolist() == sorted(words)


@pytest.mark.parametrize("at_a_time", [1, 64, 1 << 20])
def test_what_slices_have_seen_is_counted_in_bounded_memory(tmp_path: Path, at_a_time: int) -> None:
    import fsspec

    limits = Limits(counted_hash_bytes=at_a_time)
    chance = np.random.default_rng(1)
    drawn = [chance.integers(1, 2**64 - 1, 1_000, dtype=np.uint64) for _ in range(3)]
    drawn[1][:10], drawn[2][:5] = drawn[0][:10], drawn[0][3:8]
    paths = []
    for number, words in enumerate(drawn):
        paths.append(str(tmp_path / str(number)))
        one = Seen(fsspec.filesystem("file"), paths[-1])
        refill(np.stack([words >> 32, words & 0xFFFFFFFF, words >> 32], axis=1).astype(np.uint32), one._table)
        one._known[0] = len(words)
        one.write()
    assert count_across(paths, limits) == 15
    assert count_across(paths[:2], limits) == 10
    assert count_across(paths[:1], limits) == 0
