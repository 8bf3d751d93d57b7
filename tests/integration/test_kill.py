"""Killing `logpress press` at any moment leaves the old day or the new one, and pressing again ends the same."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from tests.conftest import SEED, compact

from logpress.contract import load_contract
from logpress.day import one_machine as whole_day
from logpress.lake import Lake
from logpress.lake.snapshots import catalog_files

pytestmark = pytest.mark.long

DAY = date(2021, 12, 26)
TABLE = "sdk_log"
COMMAND = [sys.executable, "-m", "logpress.cli", "press", TABLE, "--day", str(DAY), "--quiet", "--grace", "0"]


def write_raw(folder: Path, records_an_hour: int) -> Path:
    for hour in (10, 11):
        lines = []
        for number in range(records_an_hour):
            document = copy.deepcopy(SEED)
            document["_source"]["response_elapsed_time"] = number * 7919 % 30_000
            document["_source"]["timestamp"] = f"2021-12-26T{hour}:{number // 60 % 60:02}:{number % 60:02}Z"
            lines.append(compact(document) + b"\n")
        path = folder / f"2021/12/26/{hour}/raw.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join([*lines, b"no record\n"]))
    return folder


def press(raw: Path, lake: Path) -> None:
    whole_day.run_day(load_contract(TABLE), DAY, [str(raw)], str(lake), grace=timedelta(0))


def day_files(lake: Path) -> dict[str, str]:
    """The day's Parquet files, superseded ones included, with digests of their bytes."""
    folders = [lake / TABLE / name / f"dt={DAY}" for name in ("files", "rejects")]
    paths = [path for folder in folders for path in folder.glob("*.parquet")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def shown(lake: Path) -> set[str]:
    """The files that readers of the day's folder find, all of which are whole."""
    paths = list((lake / TABLE / "data" / f"dt={DAY}").iterdir())
    assert all(pq.read_table(path, partitioning=None).num_rows for path in paths)
    return {path.name for path in paths}


def catalog_names(lake: Path) -> set[str]:
    """The files that readers of the catalog are given, all of which are whole."""
    paths = catalog_files(Lake.open(str(lake)), TABLE, DAY) or []
    assert all(pq.read_table(path).num_rows for path in paths)
    return {os.path.basename(path) for path in paths}


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> tuple[Path, Path, dict[str, str], dict[str, str]]:
    """Two inputs, and the files that each gives when nothing is killed."""
    folder = tmp_path_factory.mktemp("kill")
    old, new = write_raw(folder / "old", 300), write_raw(folder / "new", 20_000)
    found = []
    for raw in (old, new):
        press(raw, folder / f"lake-{raw.name}")
        found.append(day_files(folder / f"lake-{raw.name}"))
    return old, new, found[0], found[1]


def staged(lake: Path) -> int:
    return len(list(lake.glob(f"{TABLE}/_staging/*/*/*/part-*")))


def moved(lake: Path) -> int:
    return len(list(lake.glob(f"{TABLE}/files/dt={DAY}/part-*")))


def metadata(lake: Path) -> int:
    return len(list(lake.glob(f"{TABLE}/metadata/*.metadata.json")))


def manifests(lake: Path) -> int:
    return len(list(lake.glob(f"{TABLE}/metadata/*-m0.avro")))


def published(lake: Path) -> bool:
    return json.loads((lake / TABLE / f"manifests/dt={DAY}.json").read_text())["slices"][0]["rows"] > 1_000


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "at once": lambda lake: True,
    "while the first slice is pressed": lambda lake: bool(list(lake.glob(f"{TABLE}/_staging/*/*/*"))),
    "after the first slice": lambda lake: staged(lake) >= 1,
    "after the last slice": lambda lake: staged(lake) >= 2,
    "when the first file is moved": lambda lake: moved(lake) >= 3,
    "when all are moved": lambda lake: moved(lake) >= 4,
    "when the manifest is written": lambda lake: manifests(lake) >= 2,
    "when the metadata is written": lambda lake: metadata(lake) >= 3,
    "when the day is published": published,
}
EARLY = ("at once", "while the first slice is pressed", "after the first slice", "when the first file is moved")


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_the_day_is_the_old_or_the_new_one(expected, tmp_path, moment):
    old_raw, new_raw, old, new = expected
    lake = tmp_path / "lake"
    press(old_raw, lake)
    assert day_files(lake) == old

    command = [*COMMAND, "--input", str(new_raw), "--lake", str(lake)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and not MOMENTS[moment](lake) and time.monotonic() < deadline:
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.wait(60)

    parts = [{name for name in files if name.startswith("part-")} for files in (old, new)]
    assert catalog_names(lake) in parts
    assert shown(lake) in parts
    if moment in EARLY:
        assert catalog_names(lake) == parts[0]
    assert {name: day_files(lake).get(name) for name in old} == old or catalog_names(lake) == parts[1]

    press(new_raw, lake)
    assert day_files(lake) == new
    assert catalog_names(lake) == shown(lake) == parts[1]


def test_killed_in_its_first_press_a_lake_is_usable(expected, tmp_path):
    _, raw, _, files = expected
    lake = tmp_path / "lake"
    for delay in (0.05, 0.3, 0.6, 0.9, 1.2):
        command = [*COMMAND, "--input", str(raw), "--lake", str(lake)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    press(raw, lake)
    assert day_files(lake) == files


@pytest.mark.parametrize("stop", ["ctrl-c", "a worker is killed"])
def test_stopped_while_workers_press_nothing_is_left_behind(expected, tmp_path, stop):
    old_raw, new_raw, old, _ = expected
    lake = tmp_path / "lake"
    press(old_raw, lake)
    command = [*COMMAND, "--input", str(new_raw), "--lake", str(lake), "--threads", "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # ignored in what a shell runs behind itself
    )  # fmt: skip
    started = psutil.Process(process.pid)
    while not list(lake.glob(f"{TABLE}/_staging/*/*/*")):
        assert process.poll() is None
        time.sleep(0.0005)
    children = started.children()
    assert len(children) == 3  # two that press, and the companion
    if stop == "ctrl-c":
        process.send_signal(signal.SIGINT)
    else:
        next(child for child in children if child.cmdline() == started.cmdline()).kill()
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.count("\n")) == ((130, 1) if stop == "ctrl-c" else (1, 1)), told
    assert not any(child.is_running() for child in children)
    assert day_files(lake) == old
    assert not list(lake.glob(f"{TABLE}/_staging/**/part-*"))


@pytest.mark.parametrize("moment", ["at once", "after the last slice", "when it is mended"])
def test_killed_while_a_damaged_day_is_mended_readers_have_a_day_and_the_next_press_mends_it(
    expected, tmp_path, moment
):
    _, raw, _, files = expected
    lake = tmp_path / "lake"
    press(raw, lake)
    path = sorted((lake / TABLE / "files" / f"dt={DAY}").glob("part-*"))[0]
    sound = path.read_bytes()
    damaged = sound[:-9] + bytes([sound[-9] ^ 1]) + sound[-8:]
    path.write_bytes(damaged)
    reached = MOMENTS.get(moment, lambda _: path.read_bytes() == sound)

    command = [*COMMAND, "--input", str(raw), "--lake", str(lake)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and not reached(lake) and time.monotonic() < deadline:
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.wait(60)

    assert path.read_bytes() in (sound, damaged)
    if moment == "at once":
        assert path.read_bytes() == damaged
    if moment == "when it is mended":
        assert path.read_bytes() == sound
    assert set(day_files(lake)) == set(files)
    press(raw, lake)
    assert day_files(lake) == files
    assert catalog_names(lake) == shown(lake) == {name for name in files if name.startswith("part-")}
