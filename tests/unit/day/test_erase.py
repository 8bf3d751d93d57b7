"""Records are erased from published days: found wherever they hide, all others kept, nothing left of them."""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import SEED, compact
from tests.lake_bytes import holding
from tests.unit.day.test_stages import write

from logpress.cli.app import main
from logpress.contract import Contract, load_contract
from logpress.day import erasing, published, stages
from logpress.day import one_machine as whole_day
from logpress.day.erasing import days as erase_module
from logpress.day.erasing import records as record_tests
from logpress.day.erasing import rewrite
from logpress.day.erasing.rewrite import rewrite_slice
from logpress.day.erasing.verified import without_erased
from logpress.errors import ChangedError, LakeError, ProofError, UsageError
from logpress.lake import Lake, erasures, publish_day
from logpress.lake.attempts import write_attempt
from logpress.lake.catalog import open_catalog
from logpress.lake.check import check_lake
from logpress.lake.copying import copy_lake
from logpress.lake.forget import erase_lock
from logpress.lake.history import publications
from logpress.lake.index import read_index
from logpress.lake.index_tables import follow
from logpress.lake.locks import locked
from logpress.lake.publish import Verified
from logpress.lake.rollback import drop_day, rollback_day
from logpress.lake.staged import keep_staging
from logpress.manifest import DayManifest
from logpress.results import (
    Attempt,
    CheckResult,
    ColumnProfile,
    Profile,
    RejectExample,
    Verification,
)

DAY, NEXT_DAY = date(2021, 12, 26), date(2021, 12, 27)
TABLE = "sdk_log"
NAME = "지워질 사람/7"
WHERE = [f'nickname = "{NAME}"']


def document(number: int, name: str | None = None, day: date = DAY, **more: Any) -> dict[str, Any]:
    """The source of a hit of another user, or of the one with this name."""
    return {
        **SEED["_source"],
        "timestamp": f"{day}T{number % 24:02}:11:{number % 60:02}Z",
        "response_elapsed_time": number,
        "nickName": name if name is not None else f"user {number % 7}",
        **more,
    }


def bare(number: int, name: str | None = None, day: date = DAY, **more: Any) -> bytes:
    return compact(document(number, name, day, **more))


@pytest.fixture
def contract() -> Contract:
    return load_contract(TABLE)


@pytest.fixture
def lake_uri(tmp_path: Path) -> str:
    return str(tmp_path / "lake")


@pytest.fixture
def press(tmp_path: Path, lake_uri: str, contract: Contract) -> Callable[..., Path]:
    """Press records, hour by hour; returns the raw input."""

    def pressed(*hours: Sequence[bytes], day: date = DAY, by: Contract = contract) -> Path:
        raw = tmp_path / f"raw-{day}"
        shutil.rmtree(raw, ignore_errors=True)
        for number, records in enumerate(hours):
            write(raw / f"{day:%Y/%m/%d}/{number:02}/a.ndjson", list(records))
        whole_day.run_day(by, day, [str(raw)], lake_uri)
        return raw

    return pressed


def records(contract: Contract, lake_uri: str, day: date = DAY) -> Counter[bytes]:
    output = io.BytesIO()
    published.restore_day(contract, day, lake_uri, output)
    return Counter(output.getvalue().splitlines())


def manifest_of(lake_uri: str, day: date = DAY) -> DayManifest:
    return Lake.open(lake_uri).need_day(TABLE, day)


def other_contract(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Contract:
    """An older or later version of the contract."""
    data = load_contract(TABLE).model_dump(mode="json")
    change(data)
    names = {column["name"] for column in data["columns"]}
    data["personal"] = [name for name in data["personal"] if name in names]
    if not names.issuperset(data["entity"]):
        data |= {"entity": [], "by_user": None}
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(data))
    return load_contract(str(path))


# -- what is erased


def test_rows_are_erased_and_all_others_stay(contract, lake_uri, press) -> None:
    others = [bare(n) for n in range(300)]
    press([*others[:150], *(bare(n, NAME) for n in range(40))], others[150:], [bare(n, NAME) for n in range(40, 50)])
    found = erasing.erase(contract, lake_uri, WHERE, at_once=True)
    assert [(day.day, day.rows, day.rejects) for day in found.days] == [(DAY, 50, 0)]
    assert (found.records, found.looked_at, found.waiting) == (50, 1, ())
    assert records(contract, lake_uri) == Counter(others)
    manifest = manifest_of(lake_uri)
    assert (manifest.rows, manifest.erased, [one.records for one in manifest.erasures]) == (300, 50, [50])
    published.verify_published(contract, DAY, lake_uri)
    assert holding(Path(lake_uri), [NAME]) == []
    assert erasing.erase(contract, lake_uri, WHERE).records == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_records_are_erased_from_many_row_groups(contract, lake_uri, press, threads: int) -> None:
    files = contract.files.model_copy(update={"row_group_rows": 1000})
    others = [bare(n) for n in range(3000)]
    hidden = [bare(n, NAME).replace("지".encode(), rb"\uc9c0") for n in range(3000, 3300)]
    gone = [*hidden, *(bare(n, NAME) for n in range(3300, 3900))]
    mixed = [record for n, record in enumerate(others) for record in ([record, gone[n]] if n < len(gone) else [record])]
    press(mixed, by=contract.model_copy(update={"files": files}))
    assert manifest_of(lake_uri).parts[0].row_groups == 4
    found = erasing.erase(contract, lake_uri, WHERE, at_once=True, threads=threads)
    assert (found.records, manifest_of(lake_uri).parts[0].row_groups) == (900, 3)
    assert records(contract, lake_uri) == Counter(others)
    assert holding(Path(lake_uri), [NAME]) == []


def test_slices_without_such_records_keep_their_files(contract, lake_uri, press) -> None:
    contract = contract.model_copy(update={"files": contract.files.model_copy(update={"merge_bytes": 0})})
    press([bare(1), bare(2, NAME)], [bare(3)], by=contract)
    before = manifest_of(lake_uri).slices
    erasing.erase(contract, lake_uri, WHERE)
    after = manifest_of(lake_uri).slices
    assert [one.slice for one in after] == [one.slice for one in before]
    assert after[1] == before[1]
    assert after[0].part != before[0].part
    assert (after[0].rows, after[0].erased, after[0].records) == (1, 1, 2)


def test_a_day_may_lose_all_its_records(contract, lake_uri, press) -> None:
    press([bare(1, NAME, NEXT_DAY)], day=NEXT_DAY)
    press([bare(n, NAME) for n in range(9)], [f'broken "{NAME}"'.encode()])
    assert erasing.erase(contract, lake_uri, WHERE, period=(date.min, DAY), at_once=True).records == 10
    assert records(contract, lake_uri) == Counter()
    manifest = manifest_of(lake_uri)
    assert (manifest.rows, manifest.rejects, manifest.parts, manifest.rejects_parts) == (0, 0, (), ())
    published.verify_published(contract, DAY, lake_uri)
    assert sum(records(contract, lake_uri, NEXT_DAY).values()) == 1


@pytest.mark.parametrize(
    "hidden",
    [
        bare(1, NAME).replace("지".encode(), rb"\uc9c0"),  # another spelling: kept whole
        bare(1, NAME).replace(b'"nickName":', b'"nickName" : '),  # another layout
        bare(1, NAME)[:-1] + b',"nickName":"another"}',  # of equal keys only the last fills the column
        bare(1, "another")[:-1] + f',"nickName":"{NAME}"}}'.encode(),
        bare(1, NAME, more=[[] for _ in range(600)]),  # more values than a layout has
        compact({"_source": document(1, NAME), "nickName": 7}),  # two paths of one column
        compact({"_source": {"a": 1, "nickName": 7, "nickName ": NAME, **document(1, NAME)}, "b": {"c": NAME}}),
    ],
)  # fmt: skip
def test_rows_whose_column_does_not_tell_are_found(contract, lake_uri, press, hidden: bytes) -> None:
    others = [bare(n) for n in range(60)]
    press([*others, hidden, bare(61, f"{NAME} the second"), bare(62, NAME)])
    assert erasing.erase(contract, lake_uri, WHERE, at_once=True).records == 2
    assert records(contract, lake_uri) == Counter([*others, bare(61, f"{NAME} the second")])
    others_name = Path(lake_uri)
    assert holding(others_name, [f'"{NAME}"']) == []


def test_values_of_other_paths_are_not_erased(contract, lake_uri, press) -> None:
    kept = [bare(1, friend={"nickName": NAME}), bare(2, response_reason=NAME), bare(3, nickname=NAME)]
    press([*kept, bare(4, NAME)])
    assert erasing.erase(contract, lake_uri, WHERE).records == 1
    assert records(contract, lake_uri) == Counter(kept)


def without_nickname(data: dict[str, Any]) -> None:
    data["columns"] = [column for column in data["columns"] if column["name"] != "nickname"]


def with_another_path(data: dict[str, Any]) -> None:
    next(column for column in data["columns"] if column["name"] == "nickname")["path"] = ["alias"]


def with_another_name(data: dict[str, Any]) -> None:
    next(column for column in data["columns"] if column["name"] == "nickname")["name"] = "alias"


def with_a_number(data: dict[str, Any]) -> None:
    column = next(column for column in data["columns"] if column["name"] == "nickname")
    column.update(codec="integer", type="int64")


@pytest.mark.parametrize("change", [without_nickname, with_another_path, with_another_name, with_a_number])
def test_days_of_older_contracts_are_searched_too(contract, lake_uri, press, tmp_path, change) -> None:
    older = other_contract(tmp_path, change)
    others = [bare(n) for n in range(50)]
    press([*others, *(bare(n, NAME) for n in range(50, 60))], by=older)
    columns = manifest_of(lake_uri).slices[0].part.columns
    assert erasing.erase(contract, lake_uri, WHERE, at_once=True).records == 10
    assert records(contract, lake_uri) == Counter(others)
    assert [column.name for column in manifest_of(lake_uri).slices[0].part.columns] == [c.name for c in columns]
    assert holding(Path(lake_uri), [NAME]) == []


def test_a_virtual_column_is_found_where_an_older_contract_does_not_have_it(
    contract, lake_uri, press, tmp_path
) -> None:
    def without_url(data: dict[str, Any]) -> None:
        data["columns"] = [column for column in data["columns"] if column["name"] != "request_url"]

    url = "https://api.example/of/one/user"
    others = [bare(n) for n in range(50)]
    press([*others, bare(51, request_url=url)], by=other_contract(tmp_path, without_url))
    press([bare(n, day=NEXT_DAY) for n in range(9)] + [bare(51, day=NEXT_DAY, request_url=url)], day=NEXT_DAY)
    found = erasing.erase(contract, lake_uri, [f"request_url = '{url}'"], at_once=True)
    assert [(day.day, day.rows) for day in found.days] == [(DAY, 1), (NEXT_DAY, 1)]
    assert holding(Path(lake_uri), [url]) == []


def test_instants_of_older_contracts_are_compared_as_today(contract, lake_uri, press, tmp_path) -> None:
    def without_users(data: dict[str, Any]) -> None:
        data["columns"] = [column for column in data["columns"] if column["name"] != "user_created_at"]
        data["order_by"].remove("user_created_at")
        data["copies"] = [copy for copy in data["copies"] if copy["of"] != "user_created_at"]

    older = other_contract(tmp_path, without_users)
    others = [bare(n) for n in range(50)]
    press([*others, bare(51, user_inDate="2020-01-01T09:00:00.000+09:00")], by=older)
    found = erasing.erase(contract, lake_uri, ["user_created_at = 2020-01-01T00:00:00", "func_name != nothing"])
    assert found.records == 1
    assert records(contract, lake_uri) == Counter(others)


def test_all_conditions_must_hold(contract, lake_uri, press) -> None:
    hidden = [bare(n, NAME).replace("지".encode(), rb"\uc9c0") for n in (4, 5)]
    press([bare(1), bare(2, NAME), bare(3, NAME), *hidden])
    where = [*WHERE, "response_elapsed_ms in 3, 5", "response_status_code > 200"]
    assert erasing.erase(contract, lake_uri, where).records == 2
    assert records(contract, lake_uri) == Counter([bare(1), bare(2, NAME), hidden[0]])


def test_conditions_are_written_as_sql_writes_them(contract, lake_uri, press) -> None:
    press([bare(1, "o'hara"), bare(2, "x"), bare(3)])
    assert erasing.erase(contract, lake_uri, ["nickname = 'o''hara'"]).records == 1
    assert erasing.erase(contract, lake_uri, ["nickname in 'x', 'y'"]).records == 1


# -- rejects


def test_rejects_that_are_records_are_tested_like_rows(contract, lake_uri, press, tmp_path) -> None:
    undated = {key: value for key, value in document(1, NAME).items() if key != "timestamp"}
    other = {**undated, "nickName": "another"}
    raw = write(
        tmp_path / "of no day.ndjson", [bare(2, NAME), bare(2, NAME), bare(3), bare(3), *map(compact, (undated, other))]
    )
    whole_day.run_day(contract, DAY, [str(raw)], lake_uri)
    assert manifest_of(lake_uri).slices[0].reject_reasons == {"duplicate": 2, "no_day": 2}
    found = erasing.erase(contract, lake_uri, WHERE, at_once=True)
    assert [(day.rows, day.rejects, day.broken) for day in found.days] == [(1, 2, 0)]
    assert manifest_of(lake_uri).slices[0].reject_reasons == {"duplicate": 1, "no_day": 1}
    assert records(contract, lake_uri) == Counter([bare(3), bare(3), compact(other)])
    assert holding(Path(lake_uri), [NAME]) == []


def test_broken_records_are_searched_for_the_values(contract, lake_uri, press) -> None:
    escaped = json.dumps(NAME).encode()
    gone = [
        bare(1, NAME)[:-9], b"x" + escaped, json.dumps(json.dumps({"n": NAME})).encode() + b"x",
        f'["{NAME}"]'.encode(), b"\xff" + f'"{NAME}"'.encode(), b'"' + NAME.replace("/", r"\/").encode() + b'"x',
    ]  # fmt: skip
    kept = [bare(1)[:-9], b"\xff", b"x", f'"{NAME} the second"x'.encode(), f'{NAME} "'.encode(), b"\\"]
    press([bare(1), *gone, *kept])
    found = erasing.erase(contract, lake_uri, WHERE)
    assert [(day.rows, day.rejects, day.broken) for day in found.days] == [(0, 6, 6)]
    assert records(contract, lake_uri) == Counter([bare(1), *kept])


def test_numbers_in_broken_records_stand_alone(contract, lake_uri, press) -> None:
    press([bare(1), b"x 123", b"x 1234", b"x 0123", b"x -123", b"x 123.5", b'{"a":123'])
    assert erasing.erase(contract, lake_uri, ["response_elapsed_ms = 123"]).records == 2


def test_broken_records_stay_if_no_condition_names_a_value(contract, lake_uri, press) -> None:
    press([bare(1), bare(9), b"broken"])
    assert erasing.erase(contract, lake_uri, ["response_elapsed_ms > 5"]).records == 1
    assert records(contract, lake_uri) == Counter([bare(1), b"broken"])


def test_a_value_may_lie_across_the_pieces_of_a_record() -> None:
    from logpress.day.erasing.matches import _Pieces

    literals = record_tests.literals_of([("nickname", "=", NAME)], load_contract(TABLE))
    whole = b"x" * 100 + json.dumps(NAME).encode() + b"y" * 100
    for cut in range(len(whole)):
        pieces = _Pieces(literals)
        assert pieces.add(5, b"other", goes_on=False) == range(0)
        assert pieces.add(6, whole[:cut], goes_on=True) == range(0)
        assert list(pieces.add(7, whole[cut:], goes_on=False)) == [6, 7]
        assert pieces.add(8, b"other", goes_on=False) == range(0)


# -- what is refused, and what stays as it is


def test_nothing_is_changed_by_a_dry_run(contract, lake_uri, press) -> None:
    press([bare(1), bare(2, NAME)])
    before = {path: path.read_bytes() for path in Path(lake_uri).rglob("*") if path.is_file()}
    assert erasing.erase(contract, lake_uri, WHERE, dry_run=True).records == 1
    assert {path: path.read_bytes() for path in Path(lake_uri).rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ([], "no condition is given"),
        (["nickName = x"], "nickName"),
        (["_layout = 1"], "_layout"),
        (["response_elapsed_ms = x"], "not of type int32"),
        (["nickname"], "cannot be parsed"),
    ],
)
def test_wrong_conditions_are_refused(contract, lake_uri, press, where, message) -> None:
    press([bare(1)])
    with pytest.raises(UsageError, match=message):
        erasing.erase(contract, lake_uri, where)


def test_days_outside_of_the_range_stay(contract, lake_uri, press) -> None:
    press([bare(1, NAME), bare(2)])
    press([bare(1, NAME, NEXT_DAY), bare(2, None, NEXT_DAY)], day=NEXT_DAY)
    assert erasing.erase(contract, lake_uri, WHERE, period=(NEXT_DAY, date.max)).records == 1
    assert sum(records(contract, lake_uri).values()) == 2
    with pytest.raises(UsageError, match="no published day from 2022"):
        erasing.erase(contract, lake_uri, WHERE, period=(date(2022, 1, 1), date.max))


def test_a_day_whose_other_records_are_not_proven_stays(contract, lake_uri, press, monkeypatch) -> None:
    press([bare(1), bare(2, NAME)])
    before = records(contract, lake_uri)
    monkeypatch.setattr(rewrite, "digest_files", lambda *args, **options: (1, 2, "0" * 32))
    with pytest.raises(ProofError, match="written again, 1 are left with digest 0000"):
        erasing.erase(contract, lake_uri, WHERE)
    assert records(contract, lake_uri) == before
    assert not list(Path(lake_uri).glob("*/_staging/*"))


def test_rows_kept_whole_by_the_proof_are_kept_whole_again(contract, lake_uri, press, monkeypatch) -> None:
    """What the layouts did not give back then, they would not give back now."""
    from logpress.engine.press.slice_press import SlicePress

    press([bare(n) for n in range(20)] + [bare(21, NAME), bare(22).replace(b"user", rb"\u0075ser")])
    lake = Lake.open(lake_uri)
    manifest = lake.need_day(TABLE, DAY)
    slices = [manifest.slices[0].model_copy(update={"kept_whole": 1})]
    lake.write(lake.manifest_path(TABLE, DAY), manifest.model_copy(update={"slices": tuple(slices)}).to_bytes())
    given: list[Any] = []

    def press_slice(*args: Any, **options: Any) -> Any:
        given.append(options.get("keep_whole"))
        return SlicePress(*args, **options)

    monkeypatch.setattr("logpress.engine.restore.part_input.SlicePress", press_slice)
    erasing.erase(contract, lake_uri, WHERE)
    assert [len(words) for words in given if words is not None] == [1]
    published.verify_published(contract, DAY, lake_uri)


# -- what goes back to before, or to another lake


def test_neither_a_rollback_nor_a_copy_brings_records_back(contract, lake_uri, press, tmp_path) -> None:
    press([bare(1), bare(2, NAME)])
    press([bare(1), bare(2, NAME), bare(3)])
    lake = Lake.open(lake_uri)
    before = lake.need_day(TABLE, DAY)
    erasing.erase(contract, lake_uri, WHERE)
    erased = lake.need_day(TABLE, DAY)
    assert [erasure.records for erasure in erased.erasures] == [1]
    for to in ("previous", str(before.snapshot_id)):
        with pytest.raises(UsageError, match="were erased since the publication of"):
            rollback_day(lake, TABLE, DAY, to)
    drop_day(lake, TABLE, DAY)
    with pytest.raises(UsageError, match="were erased since the publication of"):
        rollback_day(lake, TABLE, DAY, str(before.snapshot_id))
    assert lake.days(TABLE) == []
    rollback_day(lake, TABLE, DAY, str(erased.snapshot_id))
    assert lake.need_day(TABLE, DAY).erasures == erased.erasures
    assert records(contract, lake_uri) == Counter([bare(1), bare(3)])

    copied = str(tmp_path / "copy")
    for _ in range(2):
        list(copy_lake(lake, copied))
        assert Lake.open(copied).need_day(TABLE, DAY).erasures == erased.erasures
    with pytest.raises(UsageError, match="brings back"):
        stages.see_nothing_erased(contract, DAY, copied)
    assert holding(Path(copied), [NAME]) == []

    erasing.finish(contract, lake_uri, at_once=True)
    assert holding(Path(lake_uri), [NAME]) == []
    assert [one.erasures for one in publications(lake, TABLE, DAY)] == [erased.erasures] * 2
    assert [str(found) for found in check_lake(lake, [TABLE], hash_files=True)] == []


# -- with others at the same time


def test_a_day_that_is_published_meanwhile_is_looked_through_again(contract, lake_uri, press, monkeypatch) -> None:
    press([bare(1), bare(2, NAME)])
    again = [[bare(1), bare(2, NAME), bare(3, NAME), bare(4)]]

    def rewritten(*args: Any, **options: Any) -> Any:
        if again:
            press(again.pop())
        return rewrite_slice(*args, **options)

    monkeypatch.setattr("logpress.day.erasing.days.rewrite_slice", rewritten)
    assert erasing.erase(contract, lake_uri, WHERE, at_once=True).records == 2
    assert records(contract, lake_uri) == Counter([bare(1), bare(4)])
    assert holding(Path(lake_uri), [NAME]) == []
    (entry,) = erasures.entries(Lake.open(lake_uri), TABLE)
    assert [(count.day, count.rows) for count in entry.days] == [(DAY, 2)]


def test_a_day_that_is_published_again_and_again_is_left(contract, lake_uri, press, monkeypatch) -> None:
    press([bare(1), bare(2, NAME)])
    times = iter(range(100))

    def rewritten(*args: Any, **options: Any) -> Any:
        press([bare(next(times) + 10), bare(2, NAME)])
        return rewrite_slice(*args, **options)

    monkeypatch.setattr("logpress.day.erasing.days.rewrite_slice", rewritten)
    with pytest.raises(ChangedError, match="another process published"):
        erasing.erase(contract, lake_uri, WHERE)
    assert next(times) == erase_module.TRIES


def test_one_erases_at_a_time_on_a_local_lake(contract, lake_uri, press, monkeypatch) -> None:
    press([bare(1), bare(2, NAME)])
    monkeypatch.setattr(
        "logpress.day.erasing.days.erase_lock", lambda lake, table: erase_lock(lake, table, wait_seconds=0)
    )
    with locked(f"{lake_uri}/_locks/{TABLE}-erase"), pytest.raises(LakeError, match="another process holds this lock"):
        erasing.erase(contract, lake_uri, WHERE)
    assert erasing.erase(contract, lake_uri, WHERE).records == 1


# -- pressing again


def test_a_day_is_not_pressed_again_unawares(contract, lake_uri, press) -> None:
    raw = press([bare(1), bare(2, NAME)])
    erasing.erase(contract, lake_uri, WHERE)
    for work in (
        lambda: whole_day.run_day(contract, DAY, [str(raw)], lake_uri),
        lambda: stages.see_nothing_erased(contract, DAY, lake_uri),
    ):
        with pytest.raises(UsageError, match=r"1 records of sdk_log 2021-12-26 were erased.*--despite-erasures"):
            work()
    specs = stages.plan(contract, DAY, [str(raw)])
    manifests = [stages.press(contract, DAY, spec, lake_uri, "run") for spec in specs]
    with pytest.raises(UsageError, match="were erased"):  # by who began before the erasure
        stages.publish(contract, DAY, manifests, lake_uri, "run")
    assert records(contract, lake_uri) == Counter([bare(1)])
    whole_day.run_day(contract, DAY, [str(raw)], lake_uri, despite_erasures=True)
    assert records(contract, lake_uri) == Counter([bare(1), bare(2, NAME)])
    assert manifest_of(lake_uri).erasures == ()
    stages.see_nothing_erased(contract, DAY, lake_uri)
    stages.see_nothing_erased(contract, DAY, f"{lake_uri}-new")


def test_verify_tells_raw_input_that_still_has_them(contract, lake_uri, press, tmp_path) -> None:
    raw = press([bare(1), bare(2, NAME), bare(3), b"broken", bare(3)])
    erasing.erase(contract, lake_uri, WHERE)
    assert published.verify_published(contract, DAY, lake_uri, [str(raw)]).erased_in_raw == 1
    cleaned = [bare(1), bare(3), b"broken", bare(3)]
    write(raw / "2021/12/26/00/a.ndjson", cleaned)
    assert published.verify_published(contract, DAY, lake_uri, [str(raw)]).erased_in_raw == 0
    for wrong in ([*cleaned[1:], bare(2, NAME), bare(5)], [*cleaned, bare(2, NAME), bare(5)], cleaned[1:]):
        write(raw / "2021/12/26/00/a.ndjson", wrong)
        with pytest.raises(ProofError, match="are published, after 1 were erased"):
            published.verify_published(contract, DAY, lake_uri, [str(raw)])


# -- the log, and what is removed when


def test_the_log_says_nothing_of_what_was_erased(contract, lake_uri, press, monkeypatch) -> None:
    monkeypatch.setenv("LOGPRESS_USER", "the officer")
    press([bare(1), bare(2, NAME)])
    press([bare(1, None, NEXT_DAY), bare(2, NAME, NEXT_DAY)], day=NEXT_DAY)
    erasing.erase(contract, lake_uri, WHERE, note="request 17")
    (entry,) = erasures.entries(Lake.open(lake_uri), TABLE)
    assert (entry.by, entry.columns, entry.note, entry.records) == ("the officer", ("nickname",), "request 17", 2)
    assert [(count.day, count.rows, count.rejects) for count in entry.days] == [(DAY, 1, 0), (NEXT_DAY, 1, 0)]
    assert entry.done_at is not None
    assert entry.removed_at is None
    assert manifest_of(lake_uri).erasures[0].id == entry.id
    with pytest.raises(UsageError, match="--note"):
        erasing.erase(contract, lake_uri, WHERE, note=f"of {NAME}")
    assert erasing.erase(contract, lake_uri, WHERE).records == 0
    assert len(erasures.entries(Lake.open(lake_uri), TABLE)) == 1


def test_old_files_and_snapshots_stay_for_the_grace_period(contract, lake_uri, press) -> None:
    press([bare(1), bare(2, NAME)])
    old = Lake.open(lake_uri).files(manifest_of(lake_uri))[0]
    with open_catalog(Lake.open(lake_uri)) as catalog:
        snapshot = catalog.load(TABLE).current_snapshot().snapshot_id
    found = erasing.erase(contract, lake_uri, WHERE)
    assert len(found.waiting) == 1
    with open_catalog(Lake.open(lake_uri)) as catalog:
        assert catalog.load(TABLE).scan(snapshot_id=snapshot).to_arrow().num_rows == 2
    assert len(erasing.finish(contract, lake_uri)) == 1
    assert all(map(os_exists, old))
    assert erasing.finish(contract, lake_uri, at_once=True) == []
    assert not any(map(os_exists, old))
    with open_catalog(Lake.open(lake_uri)) as catalog:
        table = catalog.load(TABLE)
        assert len(table.snapshots()) == 1
        assert table.scan().to_arrow().num_rows == 1
    assert holding(Path(lake_uri), [NAME]) == []
    (entry,) = erasures.entries(Lake.open(lake_uri), TABLE)
    assert entry.removed_at is not None


def os_exists(path: str) -> bool:
    return Path(path).exists()


def test_a_later_press_removes_what_is_due(contract, lake_uri, press) -> None:
    press([bare(1), bare(2, NAME)])
    erasing.erase(contract, lake_uri, WHERE, grace=timedelta(microseconds=1))
    assert holding(Path(lake_uri), [NAME]) == []
    press([bare(3, None, NEXT_DAY)], day=NEXT_DAY)
    assert all(entry.removed_at for entry in erasures.entries(Lake.open(lake_uri), TABLE))


def test_staging_of_other_runs_of_the_day_is_removed(contract, lake_uri, press, tmp_path) -> None:
    raw = press([bare(1), bare(2, NAME)])
    for spec in stages.plan(contract, DAY, [str(raw)]):
        stages.press(contract, DAY, spec, lake_uri, "killed")
    assert len(holding(Path(lake_uri), [NAME])) > 1
    erasing.erase(contract, lake_uri, WHERE, at_once=True)
    assert holding(Path(lake_uri), [NAME]) == []


def test_the_command_says_what_it_did(contract, lake_uri, press, capsys, monkeypatch) -> None:
    press([bare(1), bare(2, NAME), f'"{NAME}"x'.encode()])

    def run(*arguments: str) -> tuple[str, str]:
        monkeypatch.setattr("sys.argv", ["logpress", "erase", TABLE, "--lake", lake_uri, "--quiet", *arguments])
        main()
        told = capsys.readouterr()
        return told.out, told.err

    out, _ = run("--where", WHERE[0], "--dry-run")
    assert "1 rows and 1 rejects match, 1 of them broken records that name the value" in out
    out, err = run("--where", WHERE[0], "--note", "request 17")
    assert "sdk_log: 2 records of 1 days, of 1 searched, are erased" in out
    assert "stay until" in err
    out, _ = run("--log")
    assert "2 records of 1 days (2021-12-26 to 2021-12-26), by nickname; old files stay until" in out
    assert "request 17" in out
    run("--finish", "--now")
    out, _ = run("--log")
    assert "all removed at" in out
    for arguments in ((), ("--finish", "--log"), ("--where", WHERE[0], "--log")):
        with pytest.raises(SystemExit) as ended:
            run(*arguments)
        assert ended.value.code == 2
        assert "only one of them" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["logpress", "verify", TABLE, "--lake", lake_uri, "--day", str(DAY), "--quiet"])
    main()
    assert "2 records were erased since the day was pressed" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["logpress", "report", TABLE, "--lake", lake_uri, "--day", str(DAY)])
    main()
    assert "2 since the day was pressed" in " ".join(capsys.readouterr().out.split())


def test_an_entry_that_was_being_ended_is_one(contract, lake_uri, press) -> None:
    press([bare(1), bare(2, NAME)])
    erasing.erase(contract, lake_uri, WHERE)
    lake = Lake.open(lake_uri)
    (entry,) = erasures.entries(lake, TABLE)
    path = Path(lake.erasure_path(TABLE, entry.id))
    data = path.read_bytes()
    erasing.finish(contract, lake_uri, at_once=True)
    path.write_bytes(data)  # killed before this was removed
    assert [one.removed_at is not None for one in erasures.entries(lake, TABLE)] == [True]
    assert erasures.entries(lake, TABLE, only_open=True) == []
    path.with_suffix(".ended.json").write_text("{}")
    with pytest.raises(LakeError, match="is damaged, or of a newer logpress"):
        erasures.entries(lake, TABLE)


def test_records_of_days_of_format_4_are_erased(tmp_path, monkeypatch) -> None:
    """What is left of them is rewritten in today's format."""
    from tests.unit.day.test_upgrade import FROZEN, register_as_then

    from logpress.engine.part.part_reader import PartReader
    from logpress.lake.migrate import migrate

    lake = tmp_path / "lake"
    shutil.copytree(FROZEN / "lake", lake)
    migrate(str(lake))
    register_as_then(str(lake), monkeypatch)
    contract = load_contract(TABLE)
    before = records(contract, str(lake))
    gone = {
        record
        for record in before
        if record.startswith(b"{") and '"nickName":"a/b"' in record.decode(errors="replace").replace(r"\/", "/")
    }
    assert len(gone) > 1
    found = erasing.erase(contract, str(lake), ["nickname = a/b"])
    assert found.records == sum(before[record] for record in gone)
    assert records(contract, str(lake)) == Counter({one: n for one, n in before.items() if one not in gone})
    manifest = manifest_of(str(lake))
    versions = {PartReader(path).metadata.version for path in Lake.open(str(lake)).files(manifest)[0]}
    assert "5.0" in versions


# -- tests of single records


@given(st.text(), st.booleans(), st.booleans())
def test_escapes_are_undone(text: str, ascii_only: bool, slashes: bool) -> None:
    text = text.encode(errors="replace").decode()
    escaped = json.dumps(text, ensure_ascii=ascii_only)
    escaped = escaped.replace("/", r"\/") if slashes else escaped
    assert record_tests.without_escapes(escaped.encode()).decode() == f'"{text}"'


@given(st.binary())
def test_any_bytes_can_be_searched(data: bytes) -> None:
    literals = record_tests.literals_of([("nickname", "in", ["x", "y"])], load_contract(TABLE))
    found = literals[0].in_bytes(record_tests.unescaped(data))
    assert found or not any(part in data for part in (b'"x"', b'"y"'))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b'{"nickName":"x"}', True),
        (b'{"nickName":"y","nickName":"x","nickName":"z"}', True),
        (b'{"_source":{"nickName":"x"},"_source":1}', True),
        (b'{"_source":{"nickName":"y"}}', False),
        (b'{"_source":["nickName","x"]}', False),
        (b'{"nickName":["x"]}', False),
        (b'{"a":{"nickName":"x"}}', False),
    ],
)
def test_any_of_equal_keys_counts(record: bytes, expected: bool) -> None:
    (literal,) = record_tests.literals_of([("nickname", "=", "x")], load_contract(TABLE))
    assert literal.in_document(record_tests.parsed(record)) is expected


@pytest.mark.parametrize(
    ("text", "expected"), [("7", True), ("7.0", True), ('"7"', True), ("true", False), ("8", False)]
)
def test_numbers_are_compared_as_numbers(text: str, expected: bool) -> None:
    (literal,) = record_tests.literals_of([("response_elapsed_ms", "=", 7)], load_contract(TABLE))
    record = f'{{"response_elapsed_time":{text}}}'.encode()
    assert literal.in_document(record_tests.parsed(record)) is expected


def test_records_that_python_cannot_parse_are_searched_as_text() -> None:
    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b',"nickName":"x"}'
    assert record_tests.parsed(deep) is None
    assert record_tests.parsed(b'{"a":' + b"9" * 10_000 + b"}") is not None


def test_an_erasure_killed_before_it_has_noted_old_files_removes_them_when_run_again(
    contract, lake_uri, press, monkeypatch
) -> None:
    class KilledError(BaseException):
        pass

    def killed(*_: object) -> None:
        raise KilledError

    press([bare(1), bare(2, NAME)])
    with monkeypatch.context() as patched:
        patched.setattr("logpress.lake.publish.note_superseded", killed)
        with pytest.raises(KilledError):
            erasing.erase(contract, lake_uri, WHERE, at_once=True)
    erasing.erase(contract, lake_uri, WHERE, at_once=True)
    lake = Lake.open(lake_uri)
    manifest = lake.need_day(TABLE, DAY)
    assert sum(slice_.erased for slice_ in manifest.slices) == 1
    left = {path.name for path in Path(lake.parts_folder(TABLE, DAY)).iterdir()}
    assert left == {part.path for part in manifest.parts}


# -- what verify found


def test_nothing_that_verify_or_a_refused_run_told_of_the_records_stays(contract, lake_uri, press) -> None:
    others = [bare(n) for n in range(30)]
    press([*others, *(bare(n, NAME) for n in range(5))])
    lake, before = Lake.open(lake_uri), manifest_of(lake_uri)
    assert before.verification is not None
    told = ColumnProfile(
        name="nickname", nulls=0, low=NAME, high=NAME, others=2,
        top={"user 1": 6, NAME: 5},
    )  # fmt: skip
    unique = CheckResult(
        check="unique nickname", kind="unique", columns=("nickname",), level="warn", ok=False, observed=0.5,
        message=f"3 of 35 rows repeat nickname; for example {NAME!r}", examples=(NAME,),
    )  # fmt: skip
    verified = before.verification.model_copy(
        update={"profile": Profile(rows=35, hours=(1,) * 24, columns=(told,)), "checks": (unique,)}
    )
    publish_day(lake, TABLE, DAY, before.slices, "again", verified=Verified(verified))
    example = RejectExample(reason="not_json", origin="a", record=1, text=f"broken {NAME}")
    write_attempt(lake, Attempt(
        table=TABLE, day=DAY.isoformat(), run="refused", refused_at=datetime.now(UTC), stage="verify", error="no",
        examples=(example,), verification=verified,
    ))  # fmt: skip
    kept = Path(keep_staging(lake, TABLE, DAY, "refused", "no"))
    (kept / "raw.ndjson").write_bytes(bare(1, NAME))
    follow(lake, TABLE)
    assert NAME in read_index(lake).checks[0].message
    assert len(holding(Path(lake_uri), [NAME])) > 5
    erasing.erase(contract, lake_uri, WHERE, at_once=True)
    assert holding(Path(lake_uri), [NAME]) == []
    found = manifest_of(lake_uri).verification
    assert found is not None
    assert found.profile is not None
    (column,) = found.profile.columns
    assert (column.top, column.others, column.low, column.high) == ({"user 1": 6}, 7, None, None)
    (check,) = found.checks
    assert (check.check, check.ok, check.observed, check.examples) == ("unique nickname", False, 0.5, ())
    assert read_index(lake).checks == read_index(lake).checks_of(TABLE, DAY) != ()
    assert [str(one) for one in check_lake(lake, [TABLE])] == []


def test_values_that_may_have_gone_go_with_each_erasure(contract, lake_uri, press) -> None:
    top = {str(rows): rows for rows in (4, 3, 2, 1)}
    profile = Profile(rows=11, hours=(11, *[0] * 23), columns=(ColumnProfile(name="a", nulls=0, top=top, others=1),))
    verified = Verification(
        proven_at=datetime.now(UTC), records=11, raw_bytes=9, files=1, digest="0" * 32, profile=profile
    )
    found = without_erased(verified, 2)
    assert found is not None
    assert found.profile is not None
    assert (list(found.profile.columns[0].top.values()), found.profile.columns[0].others) == ([4, 3], 4)
    assert without_erased(None, 2) is None
