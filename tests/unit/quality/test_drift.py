"""Drift: for each measure a day that drifts and one that does not, which days are compared, and what is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.any_check import check_of

from logpress.contract import Contract, load_contract
from logpress.contract.checks import Measure
from logpress.day.past import past_of
from logpress.lake import Lake
from logpress.manifest import DayManifest, SliceManifest
from logpress.quality.drift.figures import DayFigures, candidates, chosen
from logpress.quality.drift.judge import MIN_CHANGES, judge_drift
from logpress.quality.drift.shapes import shapes_of
from logpress.results import CheckResult, ColumnProfile, Profile, Verification

TODAY = date(2022, 2, 6)
ROWS = 100_000
HOURS = tuple([ROWS // 24] * 24)


def figures(days_ago: int, columns: Sequence[ColumnProfile] = (), **changes: Any) -> DayFigures:
    """A day like all others, but for some figures."""
    rows = changes.get("rows", ROWS)
    profile = Profile(
        rows=changes.pop("profile_rows", rows),
        hours=changes.pop("hours", tuple([rows // 24] * 24)),
        layouts=changes.pop("layouts", 30),
        unknown_paths=changes.pop("unknown_paths", {}),
        columns=tuple(columns),
    )
    known = {
        "day": TODAY - timedelta(days=days_ago), "rows": rows, "irregular": rows // 1000, "rejects": rows // 1000,
        "duplicates": 0, "reject_reasons": {}, "stored_bytes": 8 * rows,
    }  # fmt: skip
    return DayFigures(**{**known, **changes}, profile=profile)


def column(top: Mapping[str, int] | None = None, **changes: Any) -> ColumnProfile:
    return ColumnProfile(**{"name": "column", "nulls": 0, "top": dict(top or {}), **changes})


def noisy(seed: int, shares: Mapping[str, float], rows: int = ROWS) -> dict[str, int]:
    """Rows by value as a day draws them."""
    found = np.random.default_rng(seed).multinomial(rows, list(shares.values()))
    return {value: int(count) for value, count in zip(shares, found, strict=True) if count}


def judged(of: Measure, today: DayFigures, past: Sequence[DayFigures], **keys: Any) -> CheckResult:
    result = judge_drift(check_of(kind="drift", of=of, level="warn", **keys), today, past)
    assert result.ok or result.message
    return result


USUAL = {"a": 0.6, "b": 0.3, "c": 0.09, "d": 0.01}
WEEKS = (7, 14, 21, 28)


def columns_of(make: Callable[[int], ColumnProfile]) -> list[DayFigures]:
    return [figures(ago, [make(ago)]) for ago in WEEKS]


def of_values(shares: Mapping[str, float], **changes: Any) -> Callable[[int], ColumnProfile]:
    return lambda seed: column(noisy(seed, shares), **changes)


def of_bins(shares: Mapping[int, float]) -> Callable[[int], ColumnProfile]:
    return lambda seed: column(
        others=ROWS, quantiles={"0.5": 81.0},
        histogram={int(b): n for b, n in noisy(seed, {str(b): share for b, share in shares.items()}).items()},
    )  # fmt: skip


Case = tuple[Measure, DayFigures, DayFigures, list[DayFigures], str]


def day_cases() -> dict[str, Case]:
    """By name: the measure, a day that is as usual, one that is not, the days before, and what is told."""
    plain = [figures(ago, rows=rows) for ago, rows in zip(WEEKS, (100_000, 103_000, 98_000, 101_000), strict=True)]
    outage = (*HOURS[:13], 0, *HOURS[14:])
    paths = [figures(ago, unknown_paths={"old.path": 5_000, "rare": 10}) for ago in WEEKS]
    return {
        "fewer rows": ("rows", figures(0, rows=75_000), figures(0, rows=60_000), plain, "60,000 rows, usually 100,500"),
        "more rows": ("rows", figures(0, rows=135_000), figures(0, rows=145_000), plain, "145,000 rows, usually 100,5"),
        "no rows": ("rows", figures(0), figures(0, rows=0), plain, "0 rows, usually 100,500"),
        "an outage": (
            "hours", figures(0, hours=tuple(int(n * 1.1) for n in HOURS)), figures(0, hours=outage), plain,
            "0 rows from 13:00 to 14:00, usually 4,",
        ),
        "larger": (
            "bytes_a_record", figures(0, stored_bytes=850_000), figures(0, stored_bytes=1_000_000), plain,
            "9.99 bytes a record, usually 7.992",
        ),
        "irregular": (
            "irregular", figures(0, irregular=900), figures(0, irregular=1_200), plain,
            "1.20% of the records are irregular rows, usually 0.10%",
        ),
        "rejects": (
            "rejects", figures(0, rejects=1_000), figures(0, rejects=1_300), plain, "1.28% of the records are rejects"
        ),
        "duplicates": (
            "duplicates", figures(0, rejects=900, duplicates=900), figures(0, rejects=5_000, duplicates=5_000), plain,
            "4.76% of the records are duplicates, usually 0.00%",
        ),
        "duplicates are no rejects": (
            "rejects", figures(0, rejects=50_000, duplicates=50_000), figures(0, rejects=50_000, duplicates=40_000),
            plain, "6.67% of the records are rejects",
        ),
        "layouts": ("layouts", figures(0, layouts=55), figures(0, layouts=61), plain, "61 layouts, usually 30"),
        "a new field": (
            "fields", figures(0, unknown_paths={"old.path": 5_000, "a.new": 19}),
            figures(0, unknown_paths={"old.path": 5_000, "a.new": 500}), paths, "a new field a.new in 500 rows",
        ),
        "a field that is gone": (
            "fields", figures(0, unknown_paths={"old.path": 5}), figures(0, unknown_paths={"rare": 9}), paths,
            "the field old.path is gone, usually in 5,000 rows",
        ),
    }  # fmt: skip


def column_cases() -> dict[str, Case]:
    def case(
        of: Measure, usual: Callable[[int], ColumnProfile], same: ColumnProfile, other: ColumnProfile, told: str
    ) -> Case:
        return of, figures(0, [same]), figures(0, [other]), columns_of(usual), told

    values, bins = of_values(USUAL), of_bins({20: 0.5, 21: 0.3, 40: 0.2})
    moved = of_values({"a": 0.3, "b": 0.6, "c": 0.09, "d": 0.01})(1)
    triple = of_values({"a": 0.58, "b": 0.3, "c": 0.09, "d": 0.03})(1)
    new = {"a": 0.55, "b": 0.3, "c": 0.09, "d": 0.01, "new": 0.05}
    gone = {"a": 0.61, "b": 0.3, "c": 0.09}
    return {
        "nulls": case(
            "nulls", lambda _: column(nulls=1_000), column(nulls=1_400), column(nulls=3_000),
            "column: 3.00% null, usually 1.00%",
        ),
        "fewer nulls": case(
            "nulls", lambda _: column(nulls=50_000), column(nulls=49_900), column(nulls=0), "0.00% null, usually 50.00%"
        ),
        "labels": case(
            "corrected_labels", lambda _: column(corrected=100), column(corrected=500), column(corrected=9_000),
            "9.00% of the labels are wrong, usually 0.10%",
        ),
        "values that move": case(
            "distribution", values, values(1), moved,
            "a Jensen-Shannon distance of 0.27, usually 0.00; 'b' 30.0% -> 60.2%",
        ),
        "bins that move": case(
            "distribution", bins, bins(1), of_bins({20: 0.2, 21: 0.3, 40: 0.5})(1),
            "a Jensen-Shannon distance of 0.31, usually 0.00; the median is 81",
        ),
        "a value that triples": case("shares", values, values(1), triple, "'d' has 2.96% of the rows, usually 1.00%"),
        "a new value": case("new_values", values, values(1), column(noisy(1, new)), "a new value 'new' in "),
        "a new value that is rare": case(
            "new_values", values, column({**noisy(1, USUAL), "new": 19}), column({**noisy(1, USUAL), "new": 150}),
            "a new value 'new' in 150 rows",
        ),
        "a value that is gone": case(
            "vanished_values", values, values(1), column(noisy(1, gone)), "no 'd', usually in 1,0"
        ),
        "a field that is gone": case(
            "vanished_values", values, values(1), column(nulls=ROWS), "no 'a', usually in 6",
        ),
    }  # fmt: skip


CASES = {**day_cases(), **column_cases()}


@pytest.mark.parametrize("name", CASES)
def test_a_day_that_is_as_usual_passes_and_one_that_is_not_is_told(name: str) -> None:
    of, same, other, past, told = CASES[name]
    passed, failed = judged(of, same, past), judged(of, other, past)
    assert passed.ok, passed.message
    what = of.replace("_", " ")
    assert passed.message == f"{what}: as usual, compared with 4 earlier Sundays"
    assert not failed.ok
    assert told in failed.message
    assert failed.message.endswith(", compared with 4 earlier Sundays")
    assert failed.compared_with == tuple(sorted(day.day for day in past))
    assert failed.columns == (("column",) if other.profile.columns else ())
    if failed.observed is not None:
        assert not (failed.low or 0) <= failed.observed <= (failed.high or 0)
    if other.rows:
        assert judged(of, other, past, min_change=1e9).ok


def test_each_measure_is_tried() -> None:
    assert {case[0] for case in CASES.values()} == set(MIN_CHANGES)


@pytest.mark.parametrize("of", [of for of in MIN_CHANGES if of in {case[0] for case in column_cases().values()}])
def test_one_column_can_be_asked_of(of: Measure) -> None:
    same, other, past = next(case[1:4] for case in column_cases().values() if case[0] == of)

    def renamed(day: DayFigures, changed: bool) -> DayFigures:
        second = (other if changed else same).profile.columns[0].model_copy(update={"name": "second"})
        both = (*day.profile.columns, second)
        return DayFigures(**{**day.__dict__, "profile": day.profile.model_copy(update={"columns": both})})

    earlier = [
        DayFigures(**{**day.__dict__, "profile": day.profile.model_copy(update={"columns": (
            *day.profile.columns, day.profile.columns[0].model_copy(update={"name": "second"}),
        )})})
        for day in past
    ]  # fmt: skip
    today = renamed(same, changed=True)
    assert judged(of, today, earlier).columns == ("second",)
    assert judged(of, today, earlier, column="column").ok
    assert judged(of, today, earlier, column="second").columns == ("second",)
    assert not judged(of, today, earlier, column="second").ok


# -- which days


def test_the_same_weekdays_come_before_the_days_before() -> None:
    week = [figures(ago) for ago in range(1, 8)]
    weekdays = [figures(ago) for ago in WEEKS]
    assert [day.day for day in chosen(TODAY, week + weekdays)] == [TODAY - timedelta(days=ago) for ago in WEEKS]
    assert len(chosen(TODAY, [*week, figures(14)])) == 7
    assert chosen(TODAY, [figures(1), figures(2)]) == []
    assert chosen(TODAY, [figures(7), figures(14), figures(1)]) == []
    gaps = [figures(ago) for ago in (2, 4, 6)]
    assert chosen(TODAY, gaps) == gaps
    assert judged("rows", figures(0), gaps).message == "rows: as usual, compared with 3 days before"


@given(st.sets(st.integers(-40, 60)))
def test_a_day_is_compared_with_earlier_days_only(days: set[int]) -> None:
    found = chosen(TODAY, [figures(ago) for ago in days])
    assert all(day.day < TODAY and day.day >= TODAY - timedelta(weeks=4) for day in found)
    assert len(found) == 0 or len(found) >= 3
    assert {day.day for day in found} <= set(candidates(TODAY))
    assert [day.day for day in found] == sorted((day.day for day in found), reverse=True)


@pytest.mark.parametrize("number", [0, 1, 2, 6, 7, 8, 28, 29])
def test_days_at_the_beginning_of_the_calendar_have_fewer_before_them(number: int) -> None:
    day = date.min + timedelta(days=number)
    assert all(one < day for one in candidates(day))
    assert len(candidates(day)) == min(7, number) + sum(number >= ago for ago in (14, 21, 28))
    assert chosen(day, []) == []


@pytest.mark.parametrize("of", MIN_CHANGES)
def test_with_fewer_than_three_days_nothing_is_compared(of: Measure) -> None:
    today = next(case[2] for case in CASES.values() if case[0] == of)
    past = next(case[3] for case in CASES.values() if case[0] == of)
    result = judged(of, today, past[:2])
    assert result.ok
    assert result.message == f"{of.replace('_', ' ')}: not compared, because fewer than 3 earlier days have a profile"
    assert result.compared_with == ()
    assert not judged(of, today, past[:3]).ok


@pytest.mark.parametrize("of", MIN_CHANGES)
def test_days_without_rows_are_no_faults_but_of_rows(of: Measure) -> None:
    """Neither one that is compared, nor one that is compared with."""
    past = next(case[3] for case in CASES.values() if case[0] == of)
    nothing = [some.model_copy(update={"top": {}, "histogram": {}, "others": 0, "nulls": 0, "quantiles": {}})
               for some in past[0].profile.columns]  # fmt: skip
    empty = figures(0, nothing, rows=0, irregular=0, rejects=0, stored_bytes=0, layouts=0)
    result = judged(of, empty, past)
    assert result.ok == (of != "rows"), result.message
    same = next(case[1] for case in CASES.values() if case[0] == of)
    other = next(case[2] for case in CASES.values() if case[0] == of)
    gone = figures(7, nothing, rows=0, irregular=0, rejects=0, stored_bytes=0, layouts=0)
    assert judged(of, same, [gone, *past[1:]]).ok
    if of != "fields":  # of which a field that came on some days only is not missed
        assert not judged(of, other, [gone, *past[1:]]).ok


def test_erased_rows_of_earlier_days_change_nothing() -> None:
    """A day of which most rows were erased since has the profile of when it was pressed."""
    for name, (of, same, other, past, told) in CASES.items():
        erased = [
            DayFigures(**{**day.__dict__, "rows": day.rows // 10, "stored_bytes": day.stored_bytes // 10,
                          "irregular": day.irregular // 10, "rejects": day.rejects // 10})
            for day in past
        ]  # fmt: skip
        assert judged(of, same, erased).ok, name
        assert told.split(",")[0] in judged(of, other, erased).message, name


# -- what is told


def test_a_change_that_was_told_is_not_told_again() -> None:
    """Of distributions a change that stays is told once; of new values, too."""
    values, moved = of_values(USUAL), of_values({"a": 0.3, "b": 0.6, "c": 0.09, "new": 0.01})
    past = [*columns_of(values), figures(1, [moved(9)])]
    assert not judged("distribution", figures(0, [moved(1)]), past[:4]).ok
    assert judged("distribution", figures(0, [moved(1)]), past).ok
    assert not judged("new_values", figures(0, [moved(1)]), past[:4]).ok
    assert judged("new_values", figures(0, [moved(1)]), past).ok


def test_a_column_whose_number_of_values_is_at_the_limit_is_compared_in_one_way() -> None:
    """A profile of 64 whole numbers is compared by value, one of 65 by bin; days of both, by bin."""

    def numbers(seed: int, count: int) -> ColumnProfile:
        drawn = np.random.default_rng(seed).integers(0, 60, ROWS)
        drawn[:count] = np.arange(count)
        values, rows = np.unique(drawn, return_counts=True)
        top = {str(value): int(n) for value, n in zip(values, rows, strict=True)}
        bins = {7: ROWS // 2, 8: ROWS // 4, 9: ROWS // 4}
        return column(top, histogram=bins)

    past = [figures(ago, [numbers(ago, count)]) for ago, count in zip(WEEKS, (65, 70, 65, 66), strict=True)]
    assert judged("distribution", figures(0, [numbers(0, 62)]), past).ok
    assert judged("distribution", figures(0, [numbers(0, 66)]), [figures(7, [numbers(1, 60)]), *past[1:]]).ok


def test_values_at_the_border_of_those_that_are_named_are_no_change() -> None:
    """Of a column with too many values, profiles name those with 0.5 % of the rows; which ones of 0.5 % is chance."""
    random = np.random.default_rng(2)

    def some(seed: int) -> ColumnProfile:
        top = {f"large {number}": 10_000 + int(random.integers(0, 100)) for number in range(6)}
        top |= {
            f"border {number}": 500 + int(random.integers(0, 40)) for number in random.choice(60, 20, replace=False)
        }
        return column(dict(top), others=ROWS - sum(top.values()), distinct=20_000)

    past = [figures(ago, [some(ago)]) for ago in WEEKS]
    today = some(0)
    assert judged("distribution", figures(0, [today]), past).ok
    top = {**today.top, "large 0": 1_000, "large 9": today.top["large 0"] - 1_000}
    assert not judged("distribution", figures(0, [today.model_copy(update={"top": top})]), past).ok


def test_shapes_have_all_rows() -> None:
    columns = [column({"a": 50, "b": 30, "c": 3}, others=17), column({"a": 60, "d": 40}), column(nulls=100)]
    assert shapes_of(columns) == [{"a": 50, "b": 30, None: 20}, {"a": 60, "d": 40}, {}]
    assert shapes_of([*columns, column({"a": 1}, others=99)]) is None
    assert shapes_of([column({"1": 5}, histogram={1: 5}), column(others=9, histogram={70: 9})]) == [
        {"bin 1": 5}, {"bin 70": 9},
    ]  # fmt: skip
    assert (
        shapes_of([column({"1": 5}, histogram={1: 5}), column({"a": 5}), column(others=9, histogram={70: 9})]) is None
    )


def test_five_findings_are_named_and_long_values_are_cut() -> None:
    today = column({**noisy(1, USUAL), **{f"{number} {'x' * 100}": 1_000 for number in range(9)}})
    message = judged("new_values", figures(0, [today]), columns_of(of_values(USUAL))).message
    assert message.count("a new value") == 5
    assert "; and 4 more, compared" in message
    assert "x" * 58 + "..." in message
    assert len(message) < 700


@pytest.mark.parametrize("seed", range(12))
def test_days_drawn_from_the_same_shares_pass(seed: int) -> None:
    """By chance alone, with rows that come in clusters of 20, nothing is told."""
    shares = {f"v{number}": 2.0**-number for number in range(1, 14)} | {"v14": 2.0**-13}

    def drawn(number: int) -> ColumnProfile:
        top = {value: 20 * rows for value, rows in noisy(100 * seed + number, shares, ROWS // 20).items()}
        return column(top, nulls=20 * int(np.random.default_rng(seed + number).poisson(50)), corrected=10)

    past = [figures(ago, [drawn(ago)]) for ago in WEEKS]
    for of in ("nulls", "distribution", "shares", "new_values", "vanished_values", "corrected_labels"):
        result = judged(of, figures(0, [drawn(0)]), past)
        assert result.ok, result.message


# -- the days of a lake


@pytest.fixture
def contract() -> Contract:
    return load_contract("sdk_log")


def write_day(lake: Lake, day: date, *, has_profile: bool = True, rows: int = 5) -> None:
    """Publish a manifest of a day, as reading of earlier days sees it."""
    entry = SliceManifest(
        table="sdk_log", day=str(day), slice=f"{day}T10", origins=(), records=rows, rows=rows, irregular_rows=0,
        rejects=0, other_day=0, raw_bytes=0, digest="0" * 32, part=None,
    )  # fmt: skip
    at = datetime(2022, 3, 1, tzinfo=UTC)
    proven = Verification(
        proven_at=at, records=rows, raw_bytes=0, files=1, digest="0" * 32,
        profile=Profile(rows=rows, hours=(0,) * 24) if has_profile else None,
    )  # fmt: skip
    manifest = DayManifest(table="sdk_log", day=str(day), published_at=at, slices=(entry,), verification=proven)
    lake.write(lake.manifest_path("sdk_log", day), manifest.to_bytes())


def test_the_past_is_what_is_published_now_without_the_day_itself(tmp_path: Path, contract: Contract) -> None:
    lake = Lake.create(str(tmp_path / "lake"))
    days = {ago: TODAY - timedelta(days=ago) for ago in (0, 1, 2, 3, 7, 9, 14, 21, 28, 35, -1, -7)}
    for ago, day in days.items():
        write_day(lake, day, rows=100 + ago)
    known = {ago for ago in days if ago in (1, 2, 3, 7, 14, 21, 28)}
    found = past_of(lake, contract, TODAY)
    assert {(TODAY - figure.day).days for figure in found} == known
    assert all(figure.rows == 100 + (TODAY - figure.day).days for figure in found)

    write_day(lake, days[7], rows=9)  # pressed again, rolled back or erased: what it has now counts
    assert {figure.rows for figure in past_of(lake, contract, TODAY) if figure.day == days[7]} == {9}
    lake.remove(lake.manifest_path("sdk_log", days[14]))  # dropped
    assert {(TODAY - figure.day).days for figure in past_of(lake, contract, TODAY)} == known - {14}


def test_days_that_cannot_be_compared_with_are_left_out(tmp_path: Path, contract: Contract) -> None:
    lake = Lake.create(str(tmp_path / "lake"))
    for ago in (1, 2, 3, 4, 5):
        write_day(lake, TODAY - timedelta(days=ago), has_profile=ago != 2)
    path = lake.manifest_path("sdk_log", TODAY - timedelta(days=3))
    text = Path(path).read_bytes()
    Path(path).write_bytes(text[: len(text) // 2])
    path = lake.manifest_path("sdk_log", TODAY - timedelta(days=4))
    Path(path).write_bytes(Path(path).read_bytes().replace(b'"rows": 5', b'"rows": 6', 1))  # not what was written
    assert {(TODAY - figure.day).days for figure in past_of(lake, contract, TODAY)} == {1, 5}


def test_without_checks_of_drift_no_manifest_is_read(tmp_path: Path, contract: Contract) -> None:
    lake = Lake.create(str(tmp_path / "lake"))
    write_day(lake, TODAY - timedelta(days=1))
    assert past_of(lake, contract, TODAY)
    assert past_of(lake, contract.model_copy(update={"checks": ()}), TODAY) == []
    assert past_of(lake, contract, date.min) == []
