"""Every kind of check: a day that passes and one that breaks just that, what the result says, and days at the edges."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.any_check import check_of
from tests.every_type import every_type, records, sequence
from tests.unit.quality.test_checks import DAY, RUN, Staged, staged

from logpress.contract import Contract
from logpress.contract.checks import KINDS, MinRows, name_of
from logpress.day import stages
from logpress.day.proving import staged_files
from logpress.errors import CheckError, ContractError
from logpress.quality import columns
from logpress.quality.checks import rows
from logpress.quality.checks.run import raise_if_failed, run_checks
from logpress.quality.columns import Group
from logpress.results import CheckResult

AT = "2021-12-26T10:00:00.000000Z"


def line(number: int, **values: Any) -> bytes:
    return json.dumps({"number": number, "received": AT, **values}).encode()


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    """A day in two slices, a row each hour, that no check below finds wrong."""
    good = [
        json.dumps(
            {
                "number": number, "received": f"2021-12-26T{number % 24:02}:00:00.000000Z", "tiny": number,
                "ratio": 0.5,
                "kind": "login" if number % 2 else "chat", "note": f"note {number}", "flag": True, "small": number + 1,
                "device": "00000000-0000-0000-0000-000000000001", "request": "00000000-0000-0000-0000-000000000002",
                "payload": 7, "label": "a", "elapsed": 5, "_id": id_of(number),
                "seen": {
                    name: f"2021-12-26T{number % 24:02}:00:0{ending}Z"
                    for name, ending in (("s", "0"), ("ms", "1.000"), ("us", "2.000000"))
                },
            }
        ).encode()
        for number in range(48)
    ]  # fmt: skip
    return staged(every_type(), tmp_path_factory.mktemp("clean"), [good[:30], good[30:]])


def id_of(number: int) -> str:
    """The `_id` of a record of the clean day."""
    second = int(datetime(2021, 12, 26, number % 24, tzinfo=UTC).timestamp())
    return sequence(number % 3, 1_636_376_426, 1_000 * second + number, second, 0)


BROKEN: list[tuple[dict[str, Any], list[bytes], str]] = [
    # a check that the clean day passes, records that break it when they are added, and what is said
    (
        {"kind": "min_rows", "min": 3},
        [],
        "the day has 2 rows; at least 3 are expected",
    ),
    ({"kind": "max_rows", "max": 48}, [line(100)], "the day has 49 rows; at most 48 are expected"),
    (
        {"kind": "max_irregular_share", "max": 0},
        [line(100, tiny=300)],
        "1 of 49 records are irregular rows (2.041%); at most 0.000% are allowed",
    ),
    (
        {"kind": "max_reject_share", "max": 0.01},
        [b"no record"],
        "1 of 49 records are rejects (2.041%); at most 1.000% are allowed (1 record is a reject: 1 not_json)",
    ),
    (
        {"kind": "max_duplicate_share", "max": 0.01},
        [line(100), line(100)],
        "1 of 50 records are duplicates (2.000%); at most 1.000% are allowed",
    ),
    (
        {"kind": "hours", "min_rows": 2},
        [],
        "1 of 24 hours have 2 rows or more; at least 24 are expected; fewer than 2 rows between 00:00 and 10:00, 11:00 "
        "and 24:00 UTC",
    ),
    (
        {"kind": "not_null", "column": "note"},
        [line(100, tiny=1)],
        "1 of 49 values of note are null (2.041%); at most 0.000% may",
    ),
    (
        {"kind": "not_null", "column": "_id", "max_share": 0.5},
        [],
        "2 of 2 values of _id are null (100.000%); at most 50.000% may",
    ),
    ({"kind": "filled", "column": "note"}, [], "0 of 2 values of note are there (0.000%); at least one is expected"),
    ({"kind": "filled", "column": "_id"}, [], "0 of 2 values of _id are there (0.000%); at least one is expected"),
    (
        {"kind": "filled", "column": "_id", "min_share": 1},
        [line(100)],
        "48 of 49 values of _id are there (97.959%); at least 100.000% are expected",
    ),
    (
        {"kind": "filled", "column": "tiny", "min_share": 1},
        [line(100)],
        "48 of 49 values of tiny are there (97.959%); at least 100.000% are expected",
    ),
    (
        {"kind": "range", "column": "tiny", "min": 0, "max": 47},
        [line(100, tiny=-1), line(101, tiny=48)],
        "2 of 50 values of tiny are outside 0 to 47 (4.000%); at most 0.000% may; for example -1, 48",
    ),
    (
        {"kind": "range", "column": "ratio", "max": 0.5},
        [line(100, ratio=0.75)],
        "1 of 49 values of ratio are outside any to 0.5 (2.041%); at most 0.000% may; for example 0.75",
    ),
    (
        {"kind": "range", "column": "seen_us", "min": 1_640_476_800},
        [line(100, seen={"us": "0001-01-01T00:00:00Z"})],
        "1 of 49 values of seen_us are outside 1640476800 to any (2.041%); at most 0.000% may; for example "
        "0001-01-01T00:00:00Z",
    ),
    (
        {"kind": "values", "column": "kind", "values": ["login", "chat"]},
        [line(100, kind="gacha")],
        "1 of 49 values of kind are not among login, chat (2.041%); at most 0.000% may; for example 'gacha'",
    ),
    (
        {"kind": "values", "column": "payload", "values": ["7"]},
        [line(100, payload={"a": 7})],
        """1 of 49 values of payload are not among 7 (2.041%); at most 0.000% may; for example '{"a": 7}'""",
    ),
    (
        {"kind": "values", "column": "label", "values": ["a"]},
        [line(100, kind="chat", label="b")],
        "1 of 49 values of label are not among a (2.041%); at most 0.000% may; for example 'b'",
    ),
    (
        {"kind": "pattern", "column": "note", "pattern": "note [0-9]+"},
        [line(100, note="a note 5"), line(101, note="note 5\n"), line(102, note="note")],
        "3 of 51 values of note do not match note [0-9]+ (5.882%); at most 0.000% may; for example 'a note 5', "
        r"'note 5\n', 'note'",
    ),
    (
        {"kind": "unique", "column": "number"},
        [line(47, tiny=1)],
        "1 of 49 rows repeat number of another row (2.041%); at most 0.000% may; for example 47",
    ),
    (
        {"kind": "unique", "columns": ["_id", "tiny"]},
        [line(100, tiny=47, _id=id_of(47))],
        "1 of 49 rows repeat _id, tiny of another row (2.041%); at most 0.000% may; for example "
        f"('{id_of(47)}', 47)",
    ),
    (
        {"kind": "compare", "columns": ["tiny", "small"], "operator": "<"},
        [line(100, tiny=5, small=5)],
        "1 of 49 rows break tiny < small (2.041%); at most 0.000% may; for example (5, 5)",
    ),
    (
        {"kind": "compare", "columns": ["tiny", "ratio"], "operator": "!="},
        [line(100, tiny=1, ratio=1)],
        "1 of 49 rows break tiny != ratio (2.041%); at most 0.000% may; for example (1, 1.0)",
    ),
    (
        {"kind": "compare", "columns": ["kind", "label"], "operator": ">="},
        [line(100, kind="a", label="b")],
        "1 of 49 rows break kind >= label (2.041%); at most 0.000% may; for example ('a', 'b')",
    ),
    (
        {"kind": "compare", "columns": ["device", "request"], "operator": "<="},
        [line(100, device="f0000000-0000-0000-0000-000000000000", request="00000000-0000-0000-0000-000000000003")],
        "1 of 49 rows break device <= request (2.041%); at most 0.000% may; for example "
        "('f0000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000003')",
    ),
    (
        {"kind": "compare", "columns": ["flag", "flag"], "operator": "<="},
        [],
        "",  # no two rows can break it, but booleans are compared
    ),
    (
        {"kind": "compare", "columns": ["seen_s", "seen_ms"], "operator": "<="},
        [line(100, seen={"s": "2021-12-26T10:00:01Z", "ms": "2021-12-26T10:00:00.000Z"})],
        "1 of 49 rows break seen_s <= seen_ms (2.041%); at most 0.000% may; for example (2021-12-26T10:00:01Z, "
        "2021-12-26T10:00:00Z)",
    ),
    (
        {"kind": "order", "columns": ["seen_s", "seen_ms", "seen_us"], "tolerance": "PT1S"},
        [
            line(100, seen={"s": "2021-12-26T10:00:02Z", "ms": None, "us": "2021-12-26T10:00:00.500000Z"}),
            line(101, seen={"s": "2021-12-26T10:00:02Z", "ms": None, "us": "2021-12-26T10:00:01.000000Z"}),
        ],
        "1 of 50 rows have seen_s, seen_ms, seen_us in another order by more than 0:00:01 (2.000%); at most 0.000% may"
        "; for example (2021-12-26T10:00:02Z, null, 2021-12-26T10:00:00.500000Z)",
    ),
    (
        {"kind": "where", "conditions": ["kind = chat", "tiny > 47"]},
        [line(100, kind="chat", tiny=48), line(101, kind="login", tiny=48)],
        "1 of 50 rows have kind = chat and tiny > 47 (2.000%); at most 0.000% may; for example tiny 48, kind 'chat'",
    ),
    (
        {"kind": "lateness", "column": "received_at", "since": "seen_s", "quantile": 0.99, "max": "PT1M"},
        [line(100, seen={"s": "2021-12-24T09:58:59Z"})],
        "1 of 49 rows have received_at more than 0:01:00 after seen_s (2.041%); at most 1.000% may; for example "
        "2 days, 0:01:01",
    ),
    (
        {"kind": "corrected_labels", "column": "labelled_at", "max_share": 0.01},
        [line(100, labelled="2021-12-26T10:00:00.000000+09:00")],
        "1 of 49 values of labelled_at had a wrong label (2.041%); at most 1.000% may",
    ),
]  # fmt: skip


def named(value: object) -> str:
    return name_of(check_of(**value)) if isinstance(value, dict) else ""


@pytest.mark.parametrize(("check", "lines", "message"), BROKEN, ids=named)
def test_a_clean_day_passes_and_one_that_breaks_just_that_is_refused(
    clean: Staged, tmp_path: Path, check: dict[str, Any], lines: list[bytes], message: str
) -> None:
    one = check_of(**check)
    others = [check_of(**other) for other, _, _ in BROKEN if other["kind"] != "hours" and other != check]
    (passed, *_) = clean.check(one, *others)
    assert passed.ok, passed.message
    assert (passed.check, passed.kind, passed.columns) == (name_of(one), one.kind, one.named)
    if not message:
        return
    broken = added(clean, tmp_path, lines)
    (result,) = results_of(broken, clean, one.model_copy(update={"level": "warn"}))
    assert not result.ok
    assert result.message == message
    assert result.observed is not None
    low, high = 0.0 if result.low is None else result.low, float("inf") if result.high is None else result.high
    assert not low <= result.observed <= high or one.kind == "filled"
    with pytest.raises(CheckError) as refused:
        results_of(broken, clean, one)
    assert str(refused.value) == message
    assert refused.value.results[0].level == "fail"


def added(clean: Staged, folder: Path, lines: list[bytes]) -> list[Staged]:
    """The clean day and one more slice; without lines, two records only, which have hardly any value."""
    if not lines:
        return [staged(clean.contract, folder, [[line(1), line(2)]])]
    return [clean, staged(clean.contract, folder, [lines])]


def results_of(days: list[Staged], clean: Staged, *checks: Any) -> list[CheckResult]:
    contract = clean.contract.model_copy(update={"checks": checks})
    manifests = [manifest for day in days for manifest in day.manifests]
    parts = [part for day in days for part in staged_files(day.lake, DAY, day.manifests, RUN)[0]]
    results = list(run_checks(contract, manifests, parts).checks)
    raise_if_failed(results)
    return results


def test_every_kind_is_tried() -> None:
    assert {check["kind"] for check, _, _ in BROKEN} | {"drift"} == set(KINDS)


# -- rows that are looked at


@pytest.mark.parametrize(
    ("check", "broken", "looked_at"),
    [
        ({"kind": "not_null", "column": "note", "where": "kind = chat"}, 1, 2),
        ({"kind": "range", "column": "tiny", "max": 5, "where": ["kind = chat", "tiny != 7"]}, 0, 1),
        ({"kind": "values", "column": "kind", "values": ["x"], "where": "tiny in 7, 1"}, 2, 2),
        ({"kind": "pattern", "column": "note", "pattern": "x", "where": "flag = true"}, 1, 1),
        ({"kind": "compare", "columns": ["tiny", "small"], "operator": ">", "where": "small = 9"}, 1, 2),
        ({"kind": "order", "columns": ["received_at", "seen_s"], "where": "seen_s < 2021-12-26T00:00:00Z"}, 1, 1),
        ({"kind": "where", "conditions": "tiny > 0", "where": "note = null"}, 2, 3),
        ({"kind": "not_null", "column": "_id", "where": "label = a"}, 1, 1),
        ({"kind": "not_null", "column": "note", "where": "kind = nobody"}, 0, 0),
        ({"kind": "not_null", "column": "tiny", "where": "device = 00000000-0000-0000-0000-000000000001"}, 1, 1),
    ],
    ids=named,
)
def test_only_rows_for_which_its_conditions_hold_are_looked_at(
    tmp_path: Path, check: dict[str, Any], broken: int, looked_at: int
) -> None:
    lines = [
        line(1, kind="chat", tiny=7, small=9),
        line(2, kind="chat", note="a", tiny=1, flag=True, seen={"s": "2021-12-25T10:00:00Z"}),
        line(3, small=9, tiny=10, kind="login"),
        line(4, label="a", kind="login", device="00000000-0000-0000-0000-000000000001"),
    ]
    pressed = staged(every_type(), tmp_path, [lines[:2], lines[2:]])
    (result,) = pressed.check(check_of(**check, level="warn"))
    assert result.message.startswith(f"{broken} of {looked_at} ")
    assert result.ok == (broken == 0)
    where = check["where"] if isinstance(check["where"], str) else " and ".join(check["where"])
    assert f"; looked at are rows where {where}" in result.message
    assert result.check.endswith(f" where {where}")


# -- days at the edges

SOME = [check for check, _, _ in BROKEN]


@pytest.mark.parametrize("lines", [[b"no record"], []], ids=["rejects only", "no record"])
def test_a_day_without_rows_passes_all_but_what_asks_for_rows(
    tmp_path: Path, clean: Staged, lines: list[bytes]
) -> None:
    days = [staged(clean.contract, tmp_path, [lines])] if lines else []
    contract = clean.contract.model_copy(
        update={"checks": tuple(check_of(**{**check, "level": "warn"}) for check in SOME)}
    )
    manifests = [manifest for day in days for manifest in day.manifests]
    parts = [part for day in days for part in staged_files(day.lake, DAY, day.manifests, RUN)[0]]
    found = run_checks(contract, manifests, parts)
    failed = {result.kind for result in found.checks if not result.ok}
    assert failed == ({"min_rows", "hours", "max_reject_share"} if lines else {"min_rows", "hours"})
    assert found.profile.rows == 0
    assert json.loads(found.profile.model_dump_json())["hours"] == [0] * 24


def test_columns_without_a_value_pass_all_but_what_asks_for_values(tmp_path: Path, clean: Staged) -> None:
    pressed = staged(clean.contract, tmp_path, [[line(number) for number in range(48)]])
    checks = [check_of(**{**check, "level": "warn"}) for check in SOME]
    failed = {result.check for result in pressed.check(*checks) if not result.ok}
    assert failed == {
        "hours", "not_null note", "not_null _id", "filled note", "filled _id", "filled _id (2)", "filled tiny",
    }  # fmt: skip


def test_a_part_that_is_older_than_a_column_has_nulls_in_it(tmp_path: Path, clean: Staged) -> None:
    gone = ("note", "tiny", "kind", "label", "seen_s", "device", "_id", "labelled_at")
    older = clean.contract.model_copy(
        update={
            "columns": tuple(column for column in clean.contract.columns if column.name not in gone),
            "order_by": (),
        }
    )
    old = staged(older, tmp_path, [[line(number) for number in range(2)]])
    checks = [check_of(**{**check, "level": "warn"}) for check in SOME if check["kind"] != "unique"]
    nulls = [
        check_of(kind="where", conditions=("tiny = null", "kind = null"), level="warn"),
        check_of(kind="not_null", column="small", where=("note = null",), level="warn"),
        check_of(kind="where", conditions=("tiny < 5",), where=("kind != chat",), level="warn"),
    ]
    found = {result.check: result for result in results_of([old], clean, *checks, *nulls)}
    assert {name for name, result in found.items() if not result.ok} == {
        "min_rows", "hours", "not_null note", "not_null _id", "filled note", "filled _id", "filled _id (2)",
        "filled tiny", "where tiny = null and kind = null", "not_null small where note = null",
    }  # fmt: skip
    both = {result.check: result for result in results_of([clean, old], clean, *checks, *nulls)}
    assert both["not_null note"].message.startswith("2 of 50 values")
    assert both["filled _id (2)"].message.startswith("48 of 50 values")


@pytest.mark.parametrize("size", [1, 30_000])
def test_results_are_the_same_if_columns_do_not_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: Staged, size: int
) -> None:
    lines = records(DAY, 2_200)
    pressed = staged(every_type(), tmp_path, [lines[:1_300], lines[1_300:]])
    checks = [check_of(**{**check, "level": "warn"}) for check in SOME]
    whole = pressed.check(*checks)
    assert sum(not result.ok for result in whole) > 15
    monkeypatch.setattr(columns, "COLUMNS_BYTES", size)
    assert pressed.check(*checks) == whole


def test_results_do_not_depend_on_how_the_day_is_cut(tmp_path: Path) -> None:
    lines = records(DAY, 2_200)
    one = staged(every_type(), tmp_path / "1", [lines])
    other = staged(every_type(), tmp_path / "2", [lines[1_500:], lines[:40], lines[40:1_500]])
    checks = [check_of(**{**check, "level": "warn"}) for check in SOME]
    found = [
        {(result.check, result.ok, result.observed, result.message.partition("; for example")[0]) for result in results}
        for results in (one.check(*checks), other.check(*checks))
    ]
    assert found[0] == found[1]


# -- what cannot be used


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ({"kind": "pattern", "column": "note", "pattern": "("}, r"does not know: '\(': .*missing \): .*; correct it$"),
        ({"kind": "pattern", "column": "note", "pattern": "a)|(b"}, r"does not know: 'a\)\|\(b': .*unexpected \)"),
        ({"kind": "pattern", "column": "note", "pattern": "(?<!a)b"}, r"does not know: .*invalid perl operator"),
        ({"kind": "pattern", "column": "note", "pattern": r"(a)\1"}, r"does not know: .*invalid escape sequence"),
        ({"kind": "pattern", "column": "note", "pattern": "((a{100}){100}){100}"}, r"does not know: .*repetition"),
        (
            {"kind": "where", "conditions": "tinny > 1"},
            r"every_type has the conditions \['tinny > 1'\]: there is no column 'tinny'; did you mean 'tiny'",
        ),
        (
            {"kind": "not_null", "column": "note", "where": "_id = 5"},
            r"has the conditions \['_id = 5'\]: values of _id are not compared, because its codec is kinesis_sequence; "
            "checks of kind not_null, filled and unique apply to it",
        ),
        ({"kind": "where", "conditions": "tiny ~ 1"}, "cannot be parsed: write column, operator and value"),
        ({"kind": "where", "conditions": "tiny > five"}, "compares with 'five', which is not of type int8"),
        ({"kind": "where", "conditions": "seen_s > noon"}, "compares with 'noon', but seen_s is timestamp"),
        ({"kind": "where", "conditions": "large > 99999999999999999999"}, "large"),
        ({"kind": "where", "conditions": "tiny > null"}, "compares with a missing value"),
    ],
    ids=named,
)
def test_conditions_and_patterns_that_cannot_be_used_are_told_before_a_day_is_pressed(
    tmp_path: Path, check: dict[str, Any], sentence: str
) -> None:
    contract = every_type().model_copy(update={"checks": (check_of(**check),)})
    with pytest.raises(ContractError, match=sentence):
        stages.plan(contract, DAY, [str(tmp_path)])


def test_the_longest_durations_can_be_used(clean: Staged) -> None:
    (order, late) = clean.check(
        check_of(kind="order", columns=("seen_us", "seen_s"), tolerance="P999999999D"),
        check_of(kind="lateness", column="received_at", since="seen_s", max="P999999999D"),
    )
    assert order.ok
    assert late.ok


# -- numbers and instants at the edges


def group(count: int, **arrays: pa.Array) -> Group:
    return Group(count, arrays, {})


def broken_of(contract: Contract, found: Group, **keys: Any) -> tuple[int, tuple[str, ...]]:
    counted = rows.counted(contract, check_of(**keys), frozenset())
    assert counted is not None
    counted.add(found)
    return counted.broken, counted.examples


def test_instants_beyond_pythons_years_are_shown_as_microseconds() -> None:
    far = pa.array([-(2**62), 0, 2**62, None], pa.timestamp("us", "UTC"))
    at = pa.array([0, 0, 0, 0], pa.timestamp("us", "UTC"))
    contract = every_type()
    assert broken_of(contract, group(4, seen_s=far), kind="range", column="seen_s", min=0, max=1) == (
        2, (f"{-(2**62)} us", f"{2**62} us"),
    )  # fmt: skip
    order = {"kind": "order", "columns": ("received_at", "seen_s")}
    assert broken_of(contract, group(4, seen_s=far, received_at=at), **order) == (
        1, (f"(1970-01-01T00:00:00Z, {-(2**62)} us)",),
    )  # fmt: skip
    late = {"kind": "lateness", "column": "received_at", "since": "seen_s", "max": "PT1S"}
    assert broken_of(contract, group(4, seen_s=far, received_at=at), **late)[0] == 1
    where = {"kind": "where", "conditions": "seen_s < 0001-01-01T00:00:00Z"}
    assert broken_of(contract, group(4, seen_s=far), **where) == (1, (f"seen_s {-(2**62)} us",))


def test_decimals_that_are_no_number_are_outside_of_all_ranges() -> None:
    ratio = pa.array([float("nan"), float("inf"), float("-inf"), 0.0, None, 1e308])
    contract = every_type()
    assert broken_of(contract, group(6, ratio=ratio), kind="range", column="ratio", min=-5)[0] == 2
    assert broken_of(contract, group(6, ratio=ratio), kind="range", column="ratio", max=1e300)[0] == 3


@pytest.mark.parametrize(("bound", "broken"), [(2.0**63, 0), (2.0**62, 1), (-(2.0**63), 3), (-(2.0**62), 2)])
def test_ranges_of_the_largest_numbers(bound: float, broken: int) -> None:
    large = pa.array([-(2**63), 0, 2**63 - 1, None], pa.int64())
    found = broken_of(every_type(), group(4, large=large), kind="range", column="large", max=bound)
    assert found[0] == (broken if bound > 0 else broken - (bound == -(2.0**63)))


def test_examples_are_the_most_frequent_values_and_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_KEPT_VALUES", 3_000)
    random = np.random.default_rng(4)
    counted = rows.counted(every_type(), check_of(kind="range", column="large", max=-1), frozenset())
    assert counted is not None
    for number in range(9):
        values = np.arange(20_000) + 20_000 * number
        values[random.random(20_000) < 0.25] = 5
        counted.add(group(20_000, large=pa.array(values)))
        assert len(counted._found) <= 3_000
    assert counted.broken == 180_000
    assert counted.examples[0] == "5"
    assert len(counted.examples) == 5


def test_two_checks_of_a_name_are_told_apart(clean: Staged) -> None:
    found = clean.check(*(MinRows(kind="min_rows", min=number, level="warn") for number in (1, 2, 99)))
    assert [(result.check, result.ok) for result in found] == [
        ("min_rows", True), ("min_rows (2)", True), ("min_rows (3)", False),
    ]  # fmt: skip
