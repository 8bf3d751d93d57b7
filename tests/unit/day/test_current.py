"""A published day is current until something that it was pressed from, or with, changes."""

from __future__ import annotations

import os
import shutil
from datetime import date

import pytest

from logpress.contract import load_contract
from logpress.day import current, one_machine, stages
from logpress.lake import Lake
from logpress.sample import parse_hours, write_sample

DAY = date(2021, 12, 26)


@pytest.fixture(scope="module")
def pressed(tmp_path_factory):
    """A pressed day: its raw folder and its lake."""
    folder = tmp_path_factory.mktemp("current")
    write_sample(folder / "raw", DAY, 2_000, hours=parse_hours("10-11"))
    one_machine.run_day(load_contract("sdk_log"), DAY, [str(folder / "raw")], str(folder / "lake"), threads=1)
    return folder


@pytest.fixture
def day(pressed, tmp_path):
    """A copy of the raw folder in its place in time; its lake is asked what makes the day outdated."""

    class Day:
        raw = pressed / "raw"
        lake = tmp_path / "lake"
        contract = load_contract("sdk_log")

        def outdated_by(self):
            specs = stages.plan(self.contract, DAY, [str(self.raw)])
            return current.outdated_by(self.contract, DAY, specs, str(self.lake), [str(self.raw)])

        def parts(self):
            lake = Lake.open(str(self.lake))
            return lake.files(lake.need_day("sdk_log", DAY))[0]

    shutil.copytree(pressed / "lake", tmp_path / "lake")
    return Day()


def test_a_day_is_current_if_nothing_has_changed(day):
    assert day.outdated_by() is None


def test_a_day_that_was_never_pressed_is_not_current(day):
    shutil.rmtree(day.lake / "sdk_log")
    assert day.outdated_by() == "it is not published"
    shutil.rmtree(day.lake)
    assert day.outdated_by() == "the lake does not exist yet"


def test_another_contract_makes_it_outdated(day):
    day.contract = day.contract.model_copy(update={"description": "other words"})
    assert day.outdated_by() == "its contract has changed"


def test_another_version_of_logpress_makes_it_outdated(day, monkeypatch):
    monkeypatch.setattr(current, "__version__", "9.9.9")
    assert day.outdated_by() == "logpress 0.1.0 pressed it, and this is 9.9.9"


def test_a_late_object_makes_it_outdated(day):
    first = next(path for path in sorted(day.raw.rglob("*")) if path.is_file())
    late = first.with_name("late" + first.name)
    shutil.copy(first, late)
    try:
        assert "has other inputs now" in day.outdated_by()
    finally:
        late.unlink()


def test_an_object_written_again_makes_it_outdated(day):
    first = next(path for path in sorted(day.raw.rglob("*")) if path.is_file())
    before = first.stat()
    os.utime(first, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    try:
        assert day.outdated_by() == "1 object has changed since the last run"
    finally:
        os.utime(first, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_missing_or_truncated_part_makes_it_outdated(day):
    part = day.parts()[0]
    os.truncate(part, os.path.getsize(part) - 1)
    assert day.outdated_by() == f"{part} is missing or has another size"
    os.remove(part)
    assert day.outdated_by() == f"{part} is missing or has another size"


def test_a_damaged_manifest_makes_it_outdated(day):
    with open(Lake.open(str(day.lake)).manifest_path("sdk_log", DAY), "ab") as manifest:
        manifest.write(b"?")
    assert day.outdated_by().startswith("its manifest cannot be used (")


def test_a_day_of_an_older_logpress_without_these_notes_is_outdated(day, monkeypatch):
    found = Lake.open(str(day.lake)).need_day("sdk_log", DAY)
    older = found.model_copy(
        update={"slices": tuple(s.model_copy(update={"contract_sha256": None}) for s in found.slices)}
    )
    monkeypatch.setattr(Lake, "read_day", lambda *_: older)
    assert day.outdated_by() == "its contract has changed"
