"""A person is gone from every byte of a lake, whatever happens meanwhile: kills, others, a full disk."""

from __future__ import annotations

import io
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.conftest import SEED, compact
from tests.integration.test_s3 import BUCKET, s3, server  # noqa: F401 (fixtures)
from tests.lake_bytes import holding

from logpress.contract import load_contract
from logpress.day import erasing, published, stages
from logpress.day import one_machine as whole_day
from logpress.lake import Lake, erasures
from logpress.lake.catalog import open_catalog
from logpress.lake.snapshots import catalog_files

pytestmark = pytest.mark.long

TABLE = "sdk_log"
NAME = "AAA 지워질사람"  # before all others in the alphabet, so that it is a bound of its column
FIRST = date(2021, 12, 1)
COMMAND = [sys.executable, "-m", "logpress.cli", "erase", TABLE, "--where", f"nickname = '{NAME}'", "--quiet"]


def day_records(day: date, others: int, mine: int) -> tuple[list[bytes], list[bytes]]:
    """Records of other users, and of the one; both with broken ones and with some whose layout hides the name."""
    found: tuple[list[bytes], list[bytes]] = ([], [])
    for number in range(others + mine):
        is_mine = number >= others
        source = {
            **SEED["_source"],
            "timestamp": f"{day}T{number % 24:02}:{number % 60:02}:{number * 7 % 60:02}Z",
            "nickName": NAME if is_mine else f"user {number % 50}",
            "response_elapsed_time": number,
        }
        record = compact({**SEED, "_id": f"{49623735927354776182646864847313121695850829503304564770 + number}.0",
                          "_source": source, "sort": [number]})  # fmt: skip
        if number % 10 == 3:
            record = record.replace(b'"nickName":', b'"nickName":"","nickName":')
        if number % 10 == 4:
            record = compact(source)
        if number % 10 == 5:
            record = record[:-40]
        found[is_mine].append(record)
    return found


def press(folder: Path, days: int, others: int, mine: int) -> dict[date, Counter[bytes]]:
    """Press days into a lake; returns what is to be left of each."""
    left = {}
    for day in (FIRST + timedelta(days=k) for k in range(days)):
        kept, gone = day_records(day, others, mine)
        raw = folder / f"raw/{day:%Y/%m/%d}/a.ndjson"
        raw.parent.mkdir(parents=True)
        mixed = [record for pair in zip(kept, gone, strict=False) for record in pair] + kept[mine:]
        raw.write_bytes(b"".join(record + b"\n" for record in mixed))
        contract, lake = load_contract(TABLE), str(folder / "lake")
        specs = stages.plan(contract, day, [str(raw)])
        pressed = [stages.press(contract, day, spec, lake, "run") for spec in specs]  # in this process: 30 days of it
        stages.publish(contract, day, pressed, lake, "run")
        left[day] = Counter(kept)
    return left


def restored(lake: Path, day: date) -> Counter[bytes]:
    output = io.BytesIO()
    published.restore_day(load_contract(TABLE), day, str(lake), output)
    return Counter(output.getvalue().splitlines())


def see_all_gone(lake: Path, left: dict[date, Counter[bytes]]) -> None:
    """Nothing of the person is left, and all else is as it was."""
    assert holding(lake, [NAME]) == []
    opened = Lake.open(str(lake))
    for day, records in left.items():
        assert restored(lake, day) == records
        manifest = opened.need_day(TABLE, day)
        assert catalog_files(opened, TABLE, day) == sorted(opened.files(manifest)[0])
        published.verify_published(load_contract(TABLE), day, str(lake))
    with open_catalog(opened) as catalog:
        table = catalog.load(TABLE)
        assert table is not None
        rows = sum(opened.need_day(TABLE, day).rows for day in left)
        assert table.scan().to_arrow().num_rows == rows
        assert len(table.snapshots()) == 1
    assert not list(lake.glob(f"{TABLE}/_staging/*/*"))


def test_a_user_of_1000_records_is_gone_from_30_days(tmp_path: Path) -> None:
    left = press(tmp_path, 30, 300, 34)
    lake = tmp_path / "lake"
    before = holding(lake, [NAME])
    assert sum(name.endswith(".avro") for name in before) >= 30  # as a bound
    assert sum(name.endswith(".parquet") for name in before) >= 60
    found = erasing.erase(load_contract(TABLE), str(lake), [f"nickname = '{NAME}'"], at_once=True)
    # a broken record that is cut before its name cannot be told
    assert (found.looked_at, len(found.days), found.records) == (30, 30, 30 * 34)
    see_all_gone(lake, left)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[date, Counter[bytes]]]:
    """A lake of 2 days, and what is to be left of each; copies of it lie where it lay."""
    folder = tmp_path_factory.mktemp("erase")
    left = press(folder, 2, 3000, 300)
    shutil.move(folder / "lake", folder / "whole")
    return folder, left


@pytest.fixture
def lake(base: tuple[Path, dict[date, Counter[bytes]]]) -> Path:
    folder, _ = base
    shutil.rmtree(folder / "lake", ignore_errors=True)
    shutil.copytree(folder / "whole", folder / "lake")
    return folder / "lake"


def count(lake: Path, pattern: str) -> int:
    return len(list(lake.glob(f"{TABLE}/{pattern}")))


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "in the log": lambda lake: count(lake, "_erasures/*") > 0,
    "staged": lambda lake: count(lake, "_staging/*/*/*/part-*") > 0,
    "rejects staged": lambda lake: count(lake, "_staging/*/*/*/_rejects-*") > 0,
    "moved": lambda lake: len(list(lake.rglob("part-*.parquet"))) - count(lake, "_staging/*/*/*/part-*") > 2,
    "metadata": lambda lake: count(lake, "metadata/*.metadata.json") > 3,
    "superseded": lambda lake: count(lake, "_superseded/*") > 0,
    "second day": lambda lake: count(lake, f"_staging/dt={FIRST + timedelta(days=1)}/*") > 0,
    "both superseded": lambda lake: count(lake, "_superseded/*") > 1,
    "expired": lambda lake: count(lake, "metadata/snap-*.avro") > 4,
    "old files gone": lambda lake: count(lake, "_superseded/*") == 1 and count(lake, "metadata/snap-*.avro") > 4,
}


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill a process and its children; whether it was still running."""
    was_running = process.poll() is None
    if was_running:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.send_signal(signal.SIGKILL)
    process.wait()
    return was_running


@pytest.mark.parametrize("moment", MOMENTS)
def test_whoever_is_killed_and_run_again_ends_erased(base, lake: Path, moment: str) -> None:
    _, left = base
    before = {day: restored(lake, day) for day in left}
    with subprocess.Popen([*COMMAND, "--lake", str(lake), "--now"], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not MOMENTS[moment](lake):
            time.sleep(0.002)
        kill(process)
    for day in left:  # the old day or the new one, whole
        assert restored(lake, day) in (before[day], left[day])
    subprocess.run([*COMMAND, "--lake", str(lake), "--now"], check=True, stdout=subprocess.DEVNULL)
    see_all_gone(lake, left)
    entries = erasures.entries(Lake.open(str(lake)), TABLE)
    assert all(entry.removed_at for entry in entries)
    assert sum(entry.done_at is not None for entry in entries) <= 1


@pytest.mark.parametrize("seconds", [0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.4, 2.7, 3.0])
def test_whoever_is_killed_at_any_time_and_run_again_ends_erased(base, lake: Path, seconds: float) -> None:
    _, left = base
    with subprocess.Popen([*COMMAND, "--lake", str(lake), "--now"], stdout=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        kill(process)
    subprocess.run([*COMMAND, "--lake", str(lake), "--now"], check=True, stdout=subprocess.DEVNULL)
    see_all_gone(lake, left)


def test_two_at_once_end_erased(base, lake: Path) -> None:
    _, left = base
    processes = [
        subprocess.Popen([*COMMAND, "--lake", str(lake), "--now"], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted("records of 2 days" in text for text in told) == [False, True]
    see_all_gone(lake, left)


def test_a_press_of_the_same_day_at_the_same_time_brings_nothing_back(base, lake: Path) -> None:
    """Whoever publishes first: the press is searched, too; or it is refused, because records were erased meanwhile."""
    folder, left = base
    raw = str(folder / f"raw/{FIRST:%Y/%m/%d}")
    pressing = [sys.executable, "-m", "logpress.cli", "press", TABLE, "--day", str(FIRST), "--input", raw, "--quiet"]
    with (
        subprocess.Popen([*pressing, "--lake", str(lake)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as other,
        subprocess.Popen([*COMMAND, "--lake", str(lake)], stdout=subprocess.DEVNULL) as process,
    ):
        _, error = other.communicate()
        assert process.wait() == 0
    assert other.returncode in (0, 2)
    assert other.returncode == 0 or b"were erased" in error
    erasing.finish(load_contract(TABLE), str(lake), at_once=True)
    see_all_gone(lake, left)


@pytest.mark.parametrize("limit", [100, 2_000, 8_000, 16_000, 24_000])
def test_a_disk_that_is_full_leaves_whole_days(base, lake: Path, limit: int) -> None:
    """A limit of the size of files stands for it: a write fails at the log, in the middle of a part, or of metadata."""
    _, left = base
    before = {day: restored(lake, day) for day in left}

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*COMMAND, "--lake", str(lake)], preexec_fn=limited, capture_output=True, env=environment, check=False
    )
    assert done.returncode == 1 if limit < 8_000 else done.returncode in (0, 1), done
    assert done.returncode == 0 or b"too large" in done.stderr, done
    assert b"Traceback" not in done.stderr
    for day in left:
        assert restored(lake, day) in ((before[day],) if limit < 8_000 else (before[day], left[day]))
    assert not list(lake.glob(f"{TABLE}/_staging/*/*"))
    subprocess.run([*COMMAND, "--lake", str(lake), "--now"], check=True, stdout=subprocess.DEVNULL)
    see_all_gone(lake, left)


def test_who_reads_meanwhile_sees_whole_days(base, lake: Path) -> None:
    _, left = base
    before = {day: restored(lake, day) for day in left}
    with subprocess.Popen([*COMMAND, "--lake", str(lake)], stdout=subprocess.DEVNULL) as process:
        seen = 0
        while process.poll() is None:
            for day in left:
                assert restored(lake, day) in (before[day], left[day])
                seen += 1
        assert process.returncode == 0
    assert seen > 0


def test_a_lake_in_an_object_store(
    tmp_path: Path,
    s3: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its catalog lies elsewhere, and no lock tells whether another run has ended."""
    monkeypatch.setenv("LOGPRESS_CATALOG_URI", f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    contract, lake = load_contract(TABLE), f"s3://{BUCKET}/lake"
    kept, gone = day_records(FIRST, 300, 60)
    raw = tmp_path / f"raw/{FIRST:%Y/%m/%d}/a.ndjson"
    raw.parent.mkdir(parents=True)
    raw.write_bytes(b"".join(record + b"\n" for record in [*gone, *kept]))
    whole_day.run_day(contract, FIRST, [str(raw)], lake)

    def held() -> list[str]:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        s3.get(f"{BUCKET}/lake", str(copy), recursive=True)
        return holding(copy, [NAME])

    assert len(held()) == 3
    found = erasing.erase(contract, lake, [f"nickname = '{NAME}'"])
    assert (found.records, len(found.waiting)) == (60, 1)
    assert len(held()) > 3
    assert erasing.finish(contract, lake, at_once=True) == []
    assert held() == []
    output = io.BytesIO()
    published.restore_day(contract, FIRST, lake, output)
    assert Counter(output.getvalue().splitlines()) == Counter(kept)
    published.verify_published(contract, FIRST, lake)
    assert published.verify_published(contract, FIRST, lake, [str(raw)]).erased_in_raw == 60
