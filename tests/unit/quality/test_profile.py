"""Profiles of columns: estimates against exact figures, each type against a plain computation, and personal columns."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.every_type import EXAMPLES, every_type, extremes, records
from tests.unit.quality.test_checks import RUN, Staged, event, staged

from logpress import open_lake
from logpress.contract import Contract
from logpress.day import one_machine as whole_day
from logpress.day.proving import staged_files
from logpress.errors import PartError
from logpress.quality import columns
from logpress.quality.checks.run import run_checks
from logpress.quality.profile import counts
from logpress.quality.profile.counts import ColumnCounts
from logpress.quality.profile.kernels_counts import MOST
from logpress.results import ColumnProfile, Profile

DAY = date(2021, 12, 26)


def profile_of(*groups: pa.Array, is_personal: bool = False) -> ColumnProfile:
    """The profile of row groups of a column."""
    counted = ColumnCounts("column", is_personal=is_personal)
    for group in groups:
        counted.add(group)
    return counted.profile()


def exact(values: Sequence[Any]) -> tuple[int, float]:
    """Distinct values, and entropy in bits."""
    found, total = Counter(values), len(values)
    return len(found), -sum(n / total * math.log2(n / total) for n in found.values())


# -- estimates


RNG = np.random.default_rng(20211226)
DISTRIBUTIONS: dict[str, Callable[[int], NDArray[np.int64]]] = {
    "all distinct": lambda rows: np.arange(rows) * 977,
    "in a row, twice": lambda rows: np.arange(rows) // 2,
    "uniform": lambda rows: RNG.integers(0, 50_000, rows),
    "multiples of a day": lambda rows: RNG.integers(0, 30_000, rows) * 86_400_000_000,
    "multiples of 2^40": lambda rows: RNG.integers(0, 60_000, rows) << 40,
    "zipf": lambda rows: RNG.choice(100_000, rows, p=(w := 1 / np.arange(1, 100_001)) / w.sum()),
    "steep zipf": lambda rows: RNG.zipf(1.5, rows) % 2**40,
    "normal": lambda rows: RNG.normal(0, 20_000, rows).astype(np.int64),
    "exponential": lambda rows: RNG.exponential(30_000, rows).astype(np.int64),
    "half one value": lambda rows: np.where(RNG.random(rows) < 0.5, -1, RNG.integers(0, 2**60, rows)),
    "nearly all one value": lambda rows: np.where(RNG.random(rows) < 0.9, 0, RNG.integers(0, 2**60, rows)),
    "ten heavy ones": lambda rows: np.where(RNG.random(rows) < 0.8, RNG.integers(0, 10, rows), RNG.permutation(rows)),
    "500 heavy ones": lambda rows: np.where(RNG.random(rows) < 0.7, RNG.integers(0, 500, rows), RNG.permutation(rows)),
    "as many as fit": lambda rows: RNG.integers(0, MOST, rows),
    "one more": lambda rows: np.arange(rows) % (MOST + 1),
}  # fmt: skip


def near(found: ColumnProfile, distinct: int, entropy: float, what: str = "") -> None:
    """A profile's estimates are near the exact figures."""
    assert found.distinct is not None
    assert found.entropy is not None
    assert abs(found.distinct - distinct) <= (0.05 * distinct if distinct > MOST else 0), what
    assert abs(found.entropy - entropy) <= (max(0.1, 0.02 * entropy) if distinct > MOST else 1e-4), what


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distinct_values_and_entropy_are_near_the_exact_ones(name: str) -> None:
    values = DISTRIBUTIONS[name](100_000)
    mixed, in_order = np.array_split(values, 3), np.array_split(np.sort(values), 3)
    texts = [pa.array(group, pa.int64()).cast(pa.string()) for group in in_order]
    columns: dict[str, list[pa.Array]] = {
        "numbers": [pa.array(group, pa.int64()) for group in mixed],
        "numbers in order": [pa.array(group, pa.int64()) for group in in_order],
        "texts in order": texts,
        "dictionaries": [array.dictionary_encode() for array in texts],
    }
    distinct, entropy = exact(values.tolist())
    for kind, groups in columns.items():
        near(profile_of(*groups), distinct, entropy, f"{name} as {kind}")


@pytest.mark.parametrize("kind", [pa.int64(), pa.string()], ids=str)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_value_that_has_all_rows_of_a_row_group_is_not_forgotten(kind: pa.DataType, is_first: bool) -> None:
    """Sorted rows have it in one row group only, before or after there are too many values to count all."""
    same, other = pa.array(np.full(100_000, 7), pa.int64()), pa.array(np.arange(100_000) + 10, pa.int64())
    groups = [same.cast(kind), other.cast(kind)]
    found = profile_of(*(groups if is_first else groups[::-1]))
    assert found.entropy == pytest.approx(0.5 + 0.5 * math.log2(200_000), abs=0.1)
    assert found.top == {"7": pytest.approx(100_000, rel=0.01)}
    assert sum(found.top.values()) + found.others == 200_000


@pytest.mark.parametrize("name", ["zipf", "half one value", "uniform"])
@pytest.mark.parametrize("kind", [pa.int64(), pa.string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_row_groups_that_are_merged_are_one(name: str, kind: pa.DataType) -> None:
    """All but the frequent values that are looked for in some rows is the same however rows are cut."""
    values = DISTRIBUTIONS[name](60_000)
    array = pa.array(values, pa.int64())
    array = array if kind == pa.int64() else array.cast(pa.string())
    cuts = [array[first : first + 7_001] for first in range(0, len(array), 7_001)]
    if pa.types.is_dictionary(kind):
        array, cuts = array.dictionary_encode(), [cut.dictionary_encode() for cut in cuts]
    whole, cut = profile_of(array), profile_of(*cuts)
    assert (cut.distinct, cut.nulls, cut.low, cut.high, cut.histogram, cut.quantiles) == (
        whole.distinct, whole.nulls, whole.low, whole.high, whole.histogram, whole.quantiles,
    )  # fmt: skip
    near(whole, *exact(values.tolist()))
    near(cut, *exact(values.tolist()))


VALUES = st.lists(st.one_of(st.none(), st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1)), max_size=60)


@given(st.lists(VALUES, max_size=4), st.integers(0, 3))
def test_few_values_are_counted_exactly_however_they_are_cut(groups: list[list[int | None]], offset: int) -> None:
    found = profile_of(*(pa.array([9, 9, 9][:offset] + group, pa.int64())[offset:] for group in groups))
    rows = [value for group in groups for value in group]
    there = Counter(value for value in rows if value is not None)
    assert found.nulls == rows.count(None)
    assert found.distinct == len(there)
    assert found.top == {str(value): count for value, count in there.items()}
    assert list(found.top.values()) == sorted(there.values(), reverse=True)
    assert found.others == 0
    if there:
        assert (found.low, found.high) == (str(min(there)), str(max(there)))
        assert found.entropy == pytest.approx(exact(list(there.elements()))[1], abs=1e-4)
        ordered = sorted(there.elements())
        for share, number in found.quantiles.items():
            assert number == float(ordered[max(0, math.ceil(float(share) * len(ordered) - 1e-9) - 1)])
    else:
        assert (found.low, found.high, found.entropy, found.quantiles) == (None, None, None, {})


def test_frequent_values_and_their_texts_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "_MOST_FREQUENT", 500)
    counted = ColumnCounts("column")
    for number in range(40):
        texts = [f"{number} {row % 3_000} {'x' * 1_000}" for row in range(9_000)] + ["often"] * 1_000
        array = pa.array(texts)
        counted.add(array.dictionary_encode() if number % 2 else array)
        assert len(counted._frequent) <= 1_000
        assert len(counted._texts) <= MOST + 1_000
        assert max(map(len, counted._texts.values())) <= 203
    found = counted.profile()
    assert found.top == {"often": pytest.approx(40_000, rel=0.1)}
    assert found.distinct == pytest.approx(120_001, rel=0.05)


# -- values at the edges


def test_decimals_at_the_edges() -> None:
    found = profile_of(pa.array([0.0, -0.0, 0.1, 1e308, -1e308, 5e-324, None, math.inf, math.nan]))
    assert (found.low, found.high, found.nulls) == ("-1e+308", "inf", 1)
    assert found.top["0.0"] == 2
    assert found.distinct == 7
    assert sum(found.histogram.values()) == 8
    found = profile_of(pa.array([0.1, 0.3]))
    assert (found.low, found.high) == ("0.1", "0.3")
    assert profile_of(pa.array([1024.0] * 5)).quantiles["0.5"] == pytest.approx(1024, rel=0.125)


def test_instants_beyond_pythons_years() -> None:
    far = pa.array([-(2**62), 0, 2**62], pa.timestamp("us", "UTC"))
    counted = ColumnCounts("column")
    counted.add(far, np.array([0, np.iinfo(np.int64).min, 1_000_000], dtype=np.int64))
    found = counted.profile()
    assert (found.low, found.high) == (f"{-(2**62)} us", f"{2**62} us")
    assert sum(found.histogram.values()) == 2
    assert found.top == {}
    assert found.others == 3


def test_long_texts_are_cut_and_those_that_then_are_alike_are_one() -> None:
    texts = ["x" * 300, "x" * 300 + "y", "x" * 200]
    for array in (pa.array(texts), pa.array(texts).dictionary_encode()):
        assert profile_of(array).top == {f"{'x' * 200}...": 2, "x" * 200: 1}


def test_a_part_that_does_not_know_a_column_has_nulls() -> None:
    counted = ColumnCounts("column")
    counted.add_nulls(3)
    found = counted.profile()
    assert (found.nulls, found.distinct, found.entropy, found.top, found.others) == (3, 0, None, {}, 0)
    counted.add(pa.array(["a", None]))
    assert counted.profile().nulls == 4


@pytest.mark.parametrize("code", [-1, 2])
def test_a_damaged_dictionary_is_an_error(code: int) -> None:
    array = pa.DictionaryArray.from_buffers(
        pa.dictionary(pa.int32(), pa.string()),
        1,
        [None, pa.py_buffer(np.array([code], np.int32))],
        pa.array(["a", "b"]),
    )
    with pytest.raises(PartError, match="column has numbers of texts that its dictionary does not have"):
        profile_of(array)


# -- each type of the contract


class Checked(NamedTuple):
    """A day of `every_type`: staged in slices of several row groups, and the same as readers see it."""

    pressed: Staged
    table: pa.Table


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    folder = tmp_path_factory.mktemp("every")
    slices = [records(DAY, 2_500) + extremes(DAY, 5_000), records(DAY, 900, seed=8), [event(1), event(2)]]
    pressed = staged(every_type(), folder, slices)
    whole_day.run_day(pressed.contract, DAY, [str(folder / "raw")], str(folder / "other"))
    names = [column.name for column in pressed.contract.columns]
    table = open_lake(str(folder / "other")).table("every_type").scan(str(DAY), columns=names).to_arrow()
    return Checked(pressed, table)


def profile(pressed: Staged, contract: Contract | None = None) -> Profile:
    parts, _ = staged_files(pressed.lake, DAY, pressed.manifests, RUN)
    return run_checks(contract or pressed.contract, pressed.manifests, parts).profile


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value + 0.0) if isinstance(value, float) else str(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


@pytest.mark.parametrize("name", [column.name for column in every_type().columns if column.name != "_id"])
def test_each_type_is_as_a_plain_computation_on_the_scan_of_the_day(every: Checked, name: str) -> None:
    column = every.table.column(name)
    found = profile(every.pressed).by_name[name]
    is_instant = pa.types.is_timestamp(column.type)
    if is_instant:
        column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    values = [value for value in column.to_pylist() if value is not None]
    assert found.nulls == column.null_count
    near(found, *exact([value + 0.0 if isinstance(value, float) else value for value in values]))
    assert sum(found.top.values()) + found.others == len(values)
    if is_instant:
        arrival = every.table.column("received_at").cast(pa.int64()).to_pylist()
        lags = [a - b for a, b in zip(arrival, column.to_pylist(), strict=True) if b is not None]
        numbers = [] if name == "received_at" else sorted(lag / 1e6 for lag in lags)
        bounds = (np.datetime64(at, "us") for at in (min(values), max(values)))
        low, high = (
            f"{at.astype('datetime64[s]')}Z" if int(at.astype("i8")) % 10**6 == 0 else f"{at}Z" for at in bounds
        )
        assert (found.low, found.high) == (low, high)
        assert found.top == {}
    else:
        most = Counter(map(as_text, values)).most_common(256)
        assert list(found.top.values()) == [count for _, count in most]
        border = most[-1][1]
        assert {text for text, count in most if count > border} <= found.top.keys()
        numbers = sorted(values) if not isinstance(values[0], bool | str) else []
        if numbers:
            assert (found.low, found.high) == (as_text(numbers[0]), as_text(numbers[-1]))
    assert bool(found.quantiles) == bool(numbers)
    for share, number in found.quantiles.items():
        true = numbers[max(0, math.ceil(float(share) * len(numbers) - 1e-9) - 1)]
        assert abs(number - true) <= 0.126 * abs(true) + 1e-6, share
    assert (found.corrected is None) == (name != "labelled_at")


def test_hours_and_rows_of_the_day(every: Checked) -> None:
    found = profile(every.pressed)
    hours = Counter(at.hour for at in every.table.column("received_at").to_pylist())
    assert found.rows == every.table.num_rows
    assert found.hours == tuple(hours[hour] for hour in range(24))
    assert found.layouts > 1
    assert found.unknown_paths["more"] > 0


@pytest.mark.parametrize("size", [1, 60_000])
def test_columns_that_do_not_fit_into_memory_are_read_in_sets(
    every: Checked, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    whole = profile(every.pressed)
    reads = Counter[int]()
    read = columns.PartColumns.read

    def counted(self: columns.PartColumns, group: int, names: Sequence[str], helpers: Sequence[str] = ()) -> Any:
        reads[group] += 1
        return read(self, group, names, helpers)

    monkeypatch.setattr(columns, "COLUMNS_BYTES", size)
    monkeypatch.setattr(columns.PartColumns, "read", counted)
    assert profile(every.pressed) == whole
    assert reads[0] > 3


DAY_WITH_A_LABEL = """\
table: labels
day: at
columns:
  - {name: truth, path: truth, codec: instant}
  - {name: at, path: at, codec: instant, label_checked_by: truth}
  - {name: one, path: one, codec: integer}
  - {name: two, path: two, codec: integer}
"""


def test_corrected_labels_of_the_day_itself_are_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from logpress.contract.load import parse_contract

    line = '{{"truth":"2021-12-26T10:00:00.000Z","at":"2021-12-26T10:00:00.000{}","one":{},"two":2}}'
    lines = [line.format(label, one).encode() for one, label in enumerate(("+09:00", "+09:00", "Z"))]
    pressed = staged(parse_contract(DAY_WITH_A_LABEL, Path("labels.yaml")), tmp_path, [lines])
    assert profile(pressed).by_name["at"].corrected == 2
    monkeypatch.setattr(columns, "COLUMNS_BYTES", 1)
    assert profile(pressed).by_name["at"].corrected == 2


# -- personal columns


def test_personal_columns_tell_no_value(tmp_path: Path) -> None:
    """A secret of each type, rare and frequent; none of it is in the profile or in the results of any check."""
    secrets: dict[str, Any] = {
        "number": 7_340_033, "tiny": 77, "small": 7_919, "medium": 7_340_041, "large": 7_340_047_123,
        "ratio": 7_340.125,
        "kind": "SECRET kind", "note": "SECRET note", "payload": {"SECRET": "payload"}, "label": "SECRET label",
        "device": "7e57ab1e-5ec2-4e70-8000-7e57ab1e5ec2", "request": "7e57ab1e-5ec2-4e70-8000-7e57ab1e5ec2",
        "elapsed": 7_340_081, "labelled": "1977-07-07T07:07:07.000000+09:00",
        "seen": {"s": "1977-07-07T07:07:07Z", "ms": "1977-07-07T07:07:07.077Z", "us": "1977-07-07T07:07:07.000077Z"},
        "ended": "1977-07-07T07:07:07.077Z",
        "_id": "49623735927354776182646864847313121695850829503304564770.0", "flag": True,
        **{name: values[0] for name, values in EXAMPLES.items()},
    }  # fmt: skip
    lines = [
        json.dumps({"received": f"2021-12-26T10:00:00.0000{second:02}Z", **secrets}).encode() for second in range(30)
    ] + [event(number) for number in range(9)]
    pressed = staged(every_type(), tmp_path, [lines, lines[:5]])
    names = [column.name for column in pressed.contract.columns if column.name != "received_at"]
    from tests.any_check import check_of

    some: list[Any] = [check_of(kind="not_null", column=name, level="warn") for name in names]
    some += [check_of(kind="unique", column=name, level="warn") for name in names]
    some += [
        check_of(kind="range", column=name, max=-1e30, level="warn")
        for name in ("number", "tiny", "small", "medium", "large", "ratio", "elapsed_ms", "seen_s", "seen_ms")
    ]
    for name in ("kind", "note", "payload", "label"):
        some.append(check_of(kind="values", column=name, values=("other",), level="warn"))
        some.append(check_of(kind="pattern", column=name, pattern="other", level="warn"))
    some += [
        check_of(kind="compare", columns=("kind", "note"), operator=">", level="warn"),
        check_of(kind="compare", columns=("number", "tiny"), operator="<", level="warn"),
        check_of(kind="order", columns=("received_at", "seen_s"), level="warn"),
        check_of(kind="lateness", column="received_at", since="seen_s", max="PT1S", quantile=1, level="warn"),
        check_of(kind="where", conditions=("tiny >= 5",), level="warn"),
        check_of(kind="range", column="received_at", max=0, where=("kind != other",), level="warn"),
    ]
    contract = pressed.contract.model_copy(update={"checks": tuple(some), "personal": tuple(names)})
    parts, _ = staged_files(pressed.lake, DAY, pressed.manifests, RUN)
    found = run_checks(contract, pressed.manifests, parts)
    assert sum(not result.ok for result in found.checks) > 30
    told = json.dumps([found.profile.model_dump(mode="json"), [r.model_dump(mode="json") for r in found.checks]])
    for secret in ("SECRET", "7340", "7919", '"77"', "77.0", "7e57ab1e", "1977-", "4962373592", '"true"'):
        assert secret not in told, secret
    for name in names:
        column = found.profile.by_name.get(name)
        if column is not None:
            assert (column.low, column.high, column.top, column.quantiles, column.histogram) == (None, None, {}, {}, {})
            assert column.nulls < found.profile.rows
            assert column.distinct
