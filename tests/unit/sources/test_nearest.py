"""What an error says of a day that has no raw input: where it was looked for, and which days are near."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpress.contract import load_contract
from logpress.day.plan import plan_day
from logpress.errors import AbsentError
from logpress.sources import nearest as module
from logpress.sources.folders import LocalFiles
from logpress.sources.nearest import MOST_DAYS, nearest, nearest_days

DAY = date(2021, 12, 22)
NONE = "; no day near it was found there"


def make(root: Path, *folders: str) -> None:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        (root / folder / "part-1.log").write_bytes(b"{}\n")


def absent(*inputs: str | Path, **source: object) -> str:
    contract = load_contract("sdk_log")
    contract = contract.model_copy(update={"source": contract.source.model_copy(update=source)})
    with pytest.raises(AbsentError) as found:
        plan_day(contract, DAY, [str(uri) for uri in inputs])
    return str(found.value)


@given(st.sets(st.dates(date(2021, 11, 1), date(2022, 2, 1))))
def test_the_nearest_days_are_three_on_each_side(days):
    before = sorted(day for day in days if day < DAY)
    after = sorted(day for day in days if day > DAY)
    assert nearest(days, DAY) == before[-MOST_DAYS:] + after[:MOST_DAYS]


def test_folders_of_days_are_found_in_the_months_around(tmp_path):
    make(
        tmp_path, *(f"2021/11/{day:02}/05" for day in (1, 2, 28, 30)), "2021/12/20/10", "2022/03/05/00", "2019/01/01/00"
    )
    near = "the nearest days there are 2021-11-28, 2021-11-30, 2021-12-20, 2022-03-05"
    assert absent(tmp_path) == f"there is no raw input for {DAY} at {tmp_path}; {near}"


def test_an_input_with_places_is_looked_for_with_other_days_in_them(tmp_path):
    make(tmp_path, "2021-12-20", "2021-12-21", "2021-12-25", "2021-09-01")
    near = "; the nearest days there are 2021-12-20, 2021-12-21, 2021-12-25"
    assert absent(tmp_path / "{day}") == f"{tmp_path}/{DAY}: there is no such file or folder{near}"
    assert absent(tmp_path / "{day}" / "*.log").endswith(near)


def test_what_names_no_day_says_that_none_is_near(tmp_path):
    assert absent(tmp_path / "*.log").endswith(NONE)
    assert absent(tmp_path / "missing") == f"{tmp_path}/missing: there is no such file or folder{NONE}"
    make(tmp_path, "games/a")
    assert absent(tmp_path / "games/b").endswith(NONE)


def test_folders_that_the_contract_skips_are_no_days(tmp_path):
    make(tmp_path, "2021/12/20/10", "errors/2021/12/21/10")
    assert absent(tmp_path, skip=("errors/",)).endswith("; the nearest days there are 2021-12-20")


def test_of_several_places_all_are_looked_at_even_if_one_breaks(tmp_path, monkeypatch):
    for name, day in (("a", "2021-12-20"), ("b", "2021-12-21")):
        make(tmp_path / name, day)
    look = LocalFiles.look

    def breaking(self, uri):
        if "/a/2021-12-2" in uri and DAY.isoformat() not in uri:
            raise OSError("no answer")
        return look(self, uri)

    monkeypatch.setattr(LocalFiles, "look", breaking)
    assert nearest_days([str(tmp_path / "a/{day}"), str(tmp_path / "b/{day}")], DAY) == [date(2021, 12, 21)]


def test_of_inputs_that_are_tried_in_order_the_days_of_all_are_named(tmp_path):
    make(tmp_path / "hot", "2021-12-21")
    make(tmp_path / "cold", "2021/12/20/00")
    said = absent(tmp_path / "hot/{day}", tmp_path / "cold", use="first")
    assert said.startswith(f"no input has records of {DAY}: {tmp_path}/hot/{DAY}: there is no such file or folder; ")
    assert said.endswith(f"at {tmp_path}/cold; the nearest days there are 2021-12-20, 2021-12-21")


def test_large_trees_are_not_listed_whole(tmp_path, monkeypatch):
    make(tmp_path, *(f"game-{number}/{DAY + timedelta(days=1)}" for number in range(30)))
    listed = []
    entries = LocalFiles.entries
    monkeypatch.setattr(module, "_MOST_LISTED", 10)
    monkeypatch.setattr(LocalFiles, "entries", lambda self, uri: listed.append(uri) or entries(self, uri))
    assert nearest_days([str(tmp_path)], DAY) == [DAY + timedelta(days=1)]
    assert len(listed) == 10
