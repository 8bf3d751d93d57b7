"""The check of kind `unique`: repeats over all slices, of each type, against plain Python; its memory and its file."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.any_check import check_of
from tests.every_type import every_type, records
from tests.twins import joined
from xxhash import xxh3_128_intdigest

from logpress import open_lake
from logpress.contract import Contract
from logpress.day import one_machine as whole_day
from logpress.day import stages
from logpress.errors import CheckError, UsageError
from logpress.lake import Lake
from logpress.limits import Limits
from logpress.manifest import SliceManifest
from logpress.quality import repeats, unique
from logpress.quality.kernels_repeats import hash_texts
from logpress.quality.repeats import Hashes, Repeats
from logpress.results import CheckResult

DAY = date(2021, 12, 26)
RUN = "run"


class Staged(NamedTuple):
    """A day that is pressed and not yet checked."""

    contract: Contract
    lake: Lake
    manifests: list[SliceManifest]

    def check(self, *checks: Any) -> list[CheckResult]:
        contract = self.contract.model_copy(update={"checks": checks})
        return list(stages.check(contract, DAY, self.manifests, self.lake, RUN).checks[: len(checks)])


def staged(contract: Contract, folder: Path, slices: Sequence[Sequence[bytes]]) -> Staged:
    """Press some records an hour, each hour as a slice."""
    for hour, lines in enumerate(slices):
        path = folder / f"raw/2021/12/26/{hour + 10}/a"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\n".join(lines))
    lake = str(folder / "lake")
    specs = stages.plan(contract, DAY, [str(folder / "raw")])
    assert len(specs) == len(slices)
    manifests = [stages.press(contract, DAY, spec, lake, RUN) for spec in specs]
    return Staged(contract, Lake.open(lake), manifests)


def event(number: int, **values: Any) -> bytes:
    """A record of `every_type` with hardly any value."""
    return json.dumps({"number": number, "received": "2021-12-26T10:00:00.000000Z", **values}).encode()


def told(check: Any, days: Staged) -> tuple[int, int, list[str]]:
    """The rows that break a check, all rows, and the examples in its message."""
    (result,) = days.check(check.model_copy(update={"level": "warn"}))
    first, _, examples = result.message.partition("; for example ")
    words = first.replace(",", "").split()
    assert result.ok == (int(words[0]) <= check.max_share * int(words[2]))
    return int(words[0]), int(words[2]), examples.split(", ") if examples else []


# -- what it counts


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> tuple[Staged, pa.Table]:
    """Three slices of several row groups: repeats in a row group, in two of them, and in two slices; and all values."""
    lines = records(DAY, 4_000)
    again = [line.replace(b'"flag":true', b'"flag":false') for line in lines[:1_500] if b'"flag":true' in line]
    folder = tmp_path_factory.mktemp("every")
    pressed = staged(every_type(), folder, [lines[:2_500] + again, lines[2_000:], [*lines[:300], *again[-50:]]])
    whole_day.run_day(pressed.contract, DAY, [str(folder / "raw")], str(folder / "other"))
    names = [column.name for column in pressed.contract.columns]
    return pressed, open_lake(str(folder / "other")).table("every_type").scan(str(DAY), columns=names).to_arrow()


@pytest.mark.parametrize(
    "columns",
    [
        *([column.name] for column in every_type().columns),
        ["kind", "flag"],
        ["number", "label", "_id"],
        ["_id", "ended_at"],
        ["tiny", "ratio", "seen_s"],
    ],
    ids=" ".join,
)
def test_rows_are_counted_that_repeat_what_another_row_has(
    every: tuple[Staged, pa.Table], columns: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed, table = every
    # dates beyond Python's are integers
    flat = [c.cast(pa.int64()) if pa.types.is_timestamp(c.type) else c for c in table.select(columns).columns]
    values = Counter(row for row in zip(*(c.to_pylist() for c in flat), strict=True) if None not in row)
    assert pressed.manifests[0].part is not None
    assert pressed.manifests[0].part.row_groups > 2
    expected = values.total() - len(values)
    broken, rows, examples = told(check_of(kind="unique", columns=tuple(columns)), pressed)
    assert (broken, rows) == (expected, table.num_rows)
    assert expected
    assert bool(examples)
    monkeypatch.setattr(repeats, "FEWEST_READ", 16)  # the same through the file, in many runs and pieces
    monkeypatch.setattr(unique, "PIECE_ROWS", 100)
    monkeypatch.setattr(Repeats.__init__, "__defaults__", (Limits(unique_hashes=300, merged_hashes=64),))
    assert told(check_of(kind="unique", columns=tuple(columns)), pressed) == (broken, rows, examples)


def test_examples_are_repeated_values_as_they_read(tmp_path: Path) -> None:
    slices = [
        [
            event(1, kind="로그인\n", tiny=-3, ratio=0.5, flag=True, seen={"s": "1823-01-02T03:04:05Z"}),
            event(2, note="x" * 1_000, _id="49623735927354776182646864847313121695850829503304564770.0"),
            event(3, label="rare", elapsed=7, ended="2021-12-26T10:00:00.007Z"),
        ],
        [
            event(4, kind="로그인\n", tiny=-3, ratio=0.5, flag=True, seen={"s": "1823-01-02T03:04:05Z"}),
            event(5, note="x" * 1_000, _id="49623735927354776182646864847313121695850829503304564770.0"),
            event(6, label="rare", elapsed=7, ended="2021-12-26T10:00:00.007Z"),
        ],
    ]
    pressed = staged(every_type(), tmp_path, slices)
    texts = {
        "kind": r"'로그인\n'",
        "tiny": "-3",
        "ratio": "0.5",
        "flag": "True",
        "seen_s": "1823-01-02T03:04:05Z",
        "note": f"'{'x' * 60}...'",
        "label": "'rare'",
        "ended_at": "2021-12-26T10:00:00.007Z",
        "_id": "'49623735927354776182646864847313121695850829503304564770.0'",
    }
    for name, text in texts.items():
        assert told(check_of(kind="unique", column=name), pressed) == (1, 6, [text]), name
    assert told(check_of(kind="unique", column="number"), pressed) == (0, 6, [])
    (result,) = pressed.check(check_of(kind="unique", columns=("tiny", "kind"), level="warn"))
    assert result.message == (
        r"1 of 6 rows repeat tiny, kind of another row (16.667%); at most 0.000% may; for example (-3, '로그인\n')"
    )
    assert result.check == "unique tiny, kind"


def test_three_examples_are_named_and_are_the_same_however_the_day_is_cut(tmp_path: Path) -> None:
    lines = [event(number, tiny=number % 8) for number in range(40)]
    first = staged(every_type(), tmp_path / "1", [lines])
    other = staged(every_type(), tmp_path / "2", [lines[30:], lines[:7], lines[7:30]])
    broken, rows, examples = told(check_of(kind="unique", column="tiny"), first)
    assert (broken, rows, len(set(examples))) == (32, 40, 3)
    assert told(check_of(kind="unique", column="tiny"), other) == (broken, rows, examples)


def test_a_row_with_a_null_is_not_counted(tmp_path: Path) -> None:
    lines = [event(1), event(2), event(3, tiny=1), event(4, tiny=1), event(5, tiny=1, kind="a")]
    pressed = staged(every_type(), tmp_path, [lines])
    assert told(check_of(kind="unique", column="tiny"), pressed)[:2] == (2, 5)
    assert told(check_of(kind="unique", columns=("tiny", "kind")), pressed)[:2] == (0, 5)
    assert told(check_of(kind="unique", column="note"), pressed)[:2] == (0, 5)


def test_columns_are_not_taken_for_each_other(tmp_path: Path) -> None:
    lines = [event(1, kind="ab", note="c"), event(2, kind="a", note="bc"), event(3, kind="c", note="ab")]
    pressed = staged(every_type(), tmp_path, [lines])
    assert told(check_of(kind="unique", columns=("kind", "note")), pressed)[0] == 0


# -- what it does


def test_a_day_that_breaks_it_is_not_published(tmp_path: Path) -> None:
    pressed = staged(every_type(), tmp_path, [[event(1), event(2)], [event(2, tiny=3), event(4)]])
    check = check_of(kind="unique", column="number", max_share=0.2)
    message = r"1 of 4 rows repeat number of another row \(25.000%\); at most 20.000% may; for example 2"
    with pytest.raises(CheckError, match=f"{message}$"):
        pressed.check(check)
    strict = pressed.contract.model_copy(update={"checks": (check,)})
    with pytest.raises(CheckError, match=f"{message}; all results and some rejects stay in "):
        whole_day.run_day(strict, DAY, [str(tmp_path / "raw")], str(tmp_path / "other"))
    assert not (tmp_path / "other/every_type/dt=2021-12-26").exists()
    (warned,) = pressed.check(check.model_copy(update={"level": "warn"}))
    assert (warned.ok, warned.level) == (False, "warn")
    (passed,) = pressed.check(check.model_copy(update={"max_share": 0.25}))
    assert passed.ok


@pytest.mark.parametrize("lines", [[b"no record"], [event(1)]], ids=["none", "one"])
def test_a_day_without_rows_to_compare_passes(tmp_path: Path, lines: list[bytes]) -> None:
    pressed = staged(every_type(), tmp_path, [lines])
    results = pressed.check(check_of(kind="unique", column="number"), check_of(kind="unique", columns=("kind", "_id")))
    assert all(result.ok for result in results)
    assert results[0].message.startswith(f"0 of {len(lines) - (lines == [b'no record'])} rows")


# -- hashes


HASHES = st.lists(st.tuples(st.integers(0, 3) | st.sampled_from([2**64 - 1, 1 << 63]), st.integers(0, 3)), max_size=60)


@given(HASHES, st.integers(1, 9), st.integers(0, 4), st.integers(1, 9))
def test_repeats_are_counted_in_whatever_runs(pairs: list[tuple[int, int]], size: int, shown: int, run: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "FEWEST_READ", 1)
        counting = Repeats(shown, Limits(unique_hashes=run, merged_hashes=1))
        for first in range(0, len(pairs), size):
            counting.add(np.array(pairs[first : first + size], dtype=np.uint64))
        count, found = counting.found()
        counting.close()
    counts = Counter(pairs)
    assert count == counts.total() - len(counts)
    assert [tuple(map(int, pair)) for pair in found] == sorted(pair for pair in counts if counts[pair] > 1)[:shown]


@pytest.mark.parametrize("kind", ["distinct", "all the same", "alike at their beginning"])
def test_no_more_hashes_are_in_memory_than_may_be(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    rng, largest = np.random.default_rng(1), 0
    sort = repeats._in_order

    def in_order(hashes: Hashes) -> Hashes:
        nonlocal largest
        largest = max(largest, len(hashes))
        return sort(hashes)

    monkeypatch.setattr(repeats, "_in_order", in_order)
    monkeypatch.setattr(repeats, "FEWEST_READ", 16)
    counting = Repeats(3, Limits(unique_hashes=4_000, merged_hashes=2_000))
    for _ in range(100):
        hashes = rng.integers(0, 2**64, (1_000, 2), dtype=np.uint64)
        if kind == "all the same":
            hashes[:] = 7
        if kind == "alike at their beginning":
            hashes[:, 0] >>= np.uint64(32)
        counting.add(hashes)
    assert counting.found()[0] == (99_999 if kind == "all the same" else 0)
    assert largest == 4_000
    assert counting._file.size == 16 * (25 if kind == "all the same" else 100_000)
    counting.close()


def test_a_folder_without_room_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    counting = Repeats(3, Limits(unique_hashes=1))
    with pytest.raises(UsageError, match=rf"{tmp_path}/none: hashes .* cannot be written there: No such file"):
        counting.add(np.zeros((1, 2), dtype=np.uint64))


@given(st.lists(st.binary(max_size=300), max_size=9))
def test_hash_texts(texts: list[bytes]) -> None:
    hashes = np.zeros((len(texts), 2), dtype=np.uint64)
    hash_texts(*joined(texts), hashes)
    assert [int(low) | int(high) << 64 for low, high in hashes] == [xxh3_128_intdigest(text) for text in texts]
