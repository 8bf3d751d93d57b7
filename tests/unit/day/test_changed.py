"""Whether a publication has other content than the one before: records, counts, contract and version decide."""

from __future__ import annotations

import copy
import gzip
import os
import random
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import SEED, compact

from logpress.contract.model import Contract, Files
from logpress.day import stages
from logpress.day.changed import Publisher, is_changed, published_before, same_content
from logpress.lake import Lake
from logpress.manifest import DayManifest, SliceManifest

DAY = date(2021, 12, 26)
ONE_SLICE, A_SLICE_AN_HOUR = 1 << 30, 0


def record(number: int, hour: int) -> bytes:
    document = copy.deepcopy(SEED)
    document["_source"].update(timestamp=f"2021-12-26T{hour:02}:11:{number % 60:02}Z", response_elapsed_time=number)
    return compact(document)


def write_hours(folder: Path, hours: dict[int, list[bytes]]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for hour, records in hours.items():
        (folder / f"2021/12/26/{hour:02}").mkdir(parents=True)
        (folder / f"2021/12/26/{hour:02}/a.gz").write_bytes(gzip.compress(b"".join(line + b"\n" for line in records)))
    return folder


def usual(seed: int = 0) -> dict[int, list[bytes]]:
    """Two hours of records and a line that is none, in an order of their own."""
    hours = {hour: [*(record(number, hour) for number in range(40)), b"no record"] for hour in (10, 11)}
    for records in hours.values():
        random.Random(seed).shuffle(records)
    return hours


class Pressing:
    """Presses the day into a lake, as tasks do, and says what the asset's event would say."""

    def __init__(self, contract: Contract, folder: Path) -> None:
        self.contract, self.raw, self.lake = contract, folder / "raw", str(folder / "lake")
        self.number = 0

    def stage(self, name: str, merge_bytes: int = ONE_SLICE, threads: int = 0) -> list[SliceManifest]:
        # the day is cut otherwise by the same contract, as where an index has more shards now
        cut = self.contract.model_copy(update={"files": Files(merge_bytes=merge_bytes)})
        specs = stages.plan(cut, DAY, [str(self.raw)])
        press = [stages.press(self.contract, DAY, spec, self.lake, name, threads=threads) for spec in specs]
        stages.verify(self.contract, DAY, press, self.lake, name)
        return press

    def publish(self, name: str, manifests: list[SliceManifest], began: datetime) -> bool:
        by = Publisher(name, began)
        before = published_before(self.lake, "sdk_log", DAY, by)
        return is_changed(before, stages.publish(self.contract, DAY, manifests, self.lake, name), by)

    def run(self, merge_bytes: int = ONE_SLICE, threads: int = 0) -> bool:
        self.number += 1
        began = datetime.now(UTC)
        name = f"run-{self.number}"
        return self.publish(name, self.stage(name, merge_bytes, threads), began)

    def manifest(self) -> DayManifest:
        return Lake.open(self.lake).need_day("sdk_log", DAY)


@pytest.fixture
def pressing(sdk_log: Contract, tmp_path: Path) -> Pressing:
    found = Pressing(sdk_log, tmp_path)
    write_hours(found.raw, usual())
    return found


def test_a_first_publication_is_a_change_and_the_same_again_is_none(pressing: Pressing) -> None:
    assert pressing.run()
    assert not pressing.run()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_slices_and_times_are_no_change(pressing: Pressing, threads: int) -> None:
    assert pressing.run(ONE_SLICE)
    one = pressing.manifest()
    assert not pressing.run(A_SLICE_AN_HOUR, threads)
    assert len(pressing.manifest().slices) == 2 > len(one.slices)  # other files, which are published
    assert not pressing.run(ONE_SLICE, threads)


def test_the_order_of_records_and_the_time_of_objects_are_no_change(pressing: Pressing) -> None:
    assert pressing.run()
    files = {part.sha256 for part in pressing.manifest().parts}
    write_hours(pressing.raw, usual(seed=1))
    assert not pressing.run()
    assert {part.sha256 for part in pressing.manifest().rejects_parts} != files


def test_a_record_more_less_or_other_is_a_change(pressing: Pressing) -> None:
    assert pressing.run()
    for change in (
        lambda records: records.append(record(77, 11)),
        lambda records: records.remove(record(5, 11)),
        lambda records: records.__setitem__(3, records[3].replace(b"Success", b"Failure")),
        lambda records: records.append(b"another line"),
    ):
        hours = usual()
        change(hours[11])
        write_hours(pressing.raw, hours)
        assert pressing.run()
        assert not pressing.run(A_SLICE_AN_HOUR)


def test_a_contract_of_other_columns_is_a_change(pressing: Pressing) -> None:
    assert pressing.run()
    columns = tuple(column for column in pressing.contract.columns if column.name != "response_reason")
    pressing.contract = pressing.contract.model_copy(update={"columns": columns, "checks": ()})
    assert pressing.run()
    assert not pressing.run()


def test_another_version_that_writes_the_same_files_is_no_change_and_one_of_other_files_is(pressing: Pressing) -> None:
    assert pressing.run()
    now = pressing.manifest()
    newer = now.model_copy(
        update={"slices": tuple(one.model_copy(update={"written_by": "9.9.9"}) for one in now.slices)}
    )
    assert same_content(now, newer)
    parts = [one.part and one.part.model_copy(update={"sha256": "0" * 64}) for one in newer.slices]
    other = [one.model_copy(update={"part": part}) for one, part in zip(newer.slices, parts, strict=True)]
    assert not same_content(now, newer.model_copy(update={"slices": tuple(other)}))


def test_a_publication_without_notes_of_its_contract_is_compared_by_its_files(pressing: Pressing) -> None:
    assert pressing.run(ONE_SLICE)
    one = _without_notes(pressing.manifest())
    assert not pressing.run(A_SLICE_AN_HOUR)
    assert same_content(one, one)
    assert not same_content(one, _without_notes(pressing.manifest()))


def _without_notes(manifest: DayManifest) -> DayManifest:
    noted = {"contract_sha256": None, "written_by": None}
    return manifest.model_copy(update={"slices": tuple(one.model_copy(update=noted) for one in manifest.slices)})


def test_where_duplicates_are_rejected_slices_say_which_records_are_rows(pressing: Pressing) -> None:
    source = pressing.contract.source.model_copy(update={"duplicates": "reject"})
    pressing.contract = pressing.contract.model_copy(update={"source": source})
    twice, once = record(1, 10), record(2, 10)
    write_hours(pressing.raw, {10: [twice, twice, once], 11: [once]})
    assert pressing.run(A_SLICE_AN_HOUR)  # rows: twice, once, once
    write_hours(pressing.raw, {10: [twice, once, once], 11: [twice]})
    assert pressing.run(A_SLICE_AN_HOUR)  # rows: twice, twice, once; as many rejects, and the same records together
    assert not pressing.run(A_SLICE_AN_HOUR)


def test_a_retry_after_the_commit_tells_of_the_change_that_its_first_try_made(pressing: Pressing) -> None:
    assert pressing.run()
    hours = usual()
    hours[10].append(record(99, 10))
    write_hours(pressing.raw, hours)
    began = datetime.now(UTC)
    manifests = pressing.stage("killed")
    assert pressing.publish("killed", manifests, began)  # it was killed before Airflow heard of it
    assert pressing.publish("killed", manifests, began)
    assert not pressing.publish("killed", pressing.stage("killed"), datetime.now(UTC))  # cleared: a run of its own


def test_the_first_day_of_a_lake_is_a_change_in_a_retry_too(pressing: Pressing) -> None:
    began = datetime.now(UTC)
    manifests = pressing.stage("first")
    assert [pressing.publish("first", manifests, began) for _ in range(3)] == [True] * 3


def test_two_runs_of_a_day_at_once_tell_of_one_change(pressing: Pressing) -> None:
    began = datetime.now(UTC)
    staged = {name: pressing.stage(name) for name in ("a", "b")}
    before = {name: published_before(pressing.lake, "sdk_log", DAY, Publisher(name, began)) for name in staged}
    assert list(before.values()) == [None, None]
    told = []
    for name, manifests in staged.items():
        now = stages.publish(pressing.contract, DAY, manifests, pressing.lake, name)
        told.append(is_changed(before[name], now, Publisher(name, began)))
    assert told == [True, False]


def test_a_manifest_that_cannot_be_read_is_told_by_its_kept_copy(
    pressing: Pressing, caplog: pytest.LogCaptureFixture
) -> None:
    assert pressing.run()
    Path(Lake.open(pressing.lake).manifest_path("sdk_log", DAY)).write_bytes(b"{")
    assert not pressing.run()
    assert "a kept copy is compared with" in caplog.text


def test_a_lake_that_cannot_be_read_counts_as_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    by = Publisher("run", datetime.now(UTC) - timedelta(hours=1))
    assert published_before(str(tmp_path / "none"), "sdk_log", DAY, by) is None
    assert "is not known, so it counts as changed" in caplog.text


_PRESS = """
import sys
from datetime import date
from logpress.contract import load_contract
from logpress.day import stages
contract, day = load_contract("sdk_log"), date(2021, 12, 26)
(spec,) = stages.plan(contract, day, [sys.argv[1]])
found = stages.press(contract, day, spec, sys.argv[2], "run", threads=int(sys.argv[3]))
print(found.model_copy(update={"seconds": 0.0, "sample": None}).model_dump_json())
"""


def test_a_manifest_does_not_depend_on_the_order_of_hashes(pressing: Pressing, tmp_path: Path) -> None:
    """Python hashes texts otherwise in each process; 300 unknown paths are as frequent, and 200 are named."""
    document = copy.deepcopy(SEED)
    document["_source"].update({f"k{number}": number for number in range(300)}, timestamp="2021-12-26T10:11:12Z")
    write_hours(pressing.raw, {10: [compact(document)] * 2})
    found = set()
    for seed, threads in (("0", "0"), ("1", "2"), ("2", "0"), ("3", "2")):
        command = [sys.executable, "-c", _PRESS, str(pressing.raw), str(tmp_path / f"lake-{seed}"), threads]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        found.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(found) == 1
