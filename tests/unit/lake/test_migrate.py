"""Lakes of format 1 laid out as lakes are today, killed at any step and done again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.unit.lake.test_lake import DAY, NEXT_DAY, TABLE, publish, scan, shown, stage

from logpress.errors import LakeError, UsageError
from logpress.lake import Lake
from logpress.lake.catalog import open_catalog
from logpress.lake.commit import replace_day
from logpress.lake.migrate import migrate
from logpress.lake.snapshots import catalog_files
from logpress.lake.storage import LocalStorage

LAST_DAY = date(2021, 12, 28)


def make_old(uri: str) -> Lake:
    """A lake of format 1: two days, one of them with rejects, a superseded file, and a file of a killed run."""
    made = Lake.create(uri)
    for day, names in ((DAY, ["a", "b"]), (NEXT_DAY, ["n"]), (LAST_DAY, [])):
        publish(made, day, stage(made, day, "h10", names, rejects=2), stage(made, day, "h11", names[:1]))
    old = Lake(uri, "together")
    for day in (DAY, NEXT_DAY, LAST_DAY):
        manifest = made.need_day(TABLE, day)
        os.makedirs(old.day_folder(TABLE, day))
        shutil.copy(made.manifest_path(TABLE, day), old.manifest_path(TABLE, day))
        for names in made.files(manifest):
            for path in names:
                shutil.copy(path, old.day_folder(TABLE, day))
        with open_catalog(old) as catalog:
            replace_day(catalog, old, TABLE, day, old.files(manifest)[0], {})
        Path(old.day_folder(TABLE, day), "part-h10-000000000000.parquet").write_bytes(b"superseded")
    for name in ("data", "files", "rejects", "manifests", "history", "_superseded"):
        shutil.rmtree(f"{uri}/{TABLE}/{name}", ignore_errors=True)
    os.makedirs(old.superseded_root(TABLE))
    Path(old.superseded_path(TABLE, DAY)).write_text(json.dumps({"part-h10-000000000000.parquet": "2021-01-01T00:00"}))
    Path(uri, "_logpress.json").write_text('{"format": 1, "more": "kept"}\n')
    return Lake.open(uri)


@pytest.fixture(params=["linked", "shared"])
def old(request, tmp_path, monkeypatch) -> Lake:
    found = make_old(str(tmp_path / "lake"))
    assert found.folders == "together"
    monkeypatch.setattr(LocalStorage, "can_link", lambda *_: request.param == "linked")
    return found


def digests(lake: Lake) -> dict[tuple[date, str], str]:
    """SHA-256 of the files that the manifests name, and of the manifests."""
    found = {}
    for day in lake.days(TABLE):
        parts, rejects = lake.files(lake.need_day(TABLE, day))
        for path in [*parts, *rejects, lake.manifest_path(TABLE, day)]:
            name = "manifest" if path.endswith(".json") else os.path.basename(path)
            found[day, name] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return found


def see_migrated(lake: Lake, before: dict[tuple[date, str], str]) -> None:
    assert lake.folders in ("linked", "shared")
    assert digests(lake) == before
    assert lake.days(TABLE) == [DAY, NEXT_DAY, LAST_DAY]
    assert scan(lake) == shown(lake) == ["a", "a", "b", "n", "n"]
    for day in lake.days(TABLE):
        assert catalog_files(lake, TABLE, day) == sorted(lake.files(lake.need_day(TABLE, day))[0])
    names = {"data", "manifests", "metadata", "rejects"} | ({"files"} if lake.folders == "linked" else set())
    assert {path.name for path in Path(lake.table_folder(TABLE)).iterdir()} - {"_superseded"} == names
    assert json.loads(Path(lake.uri, "_logpress.json").read_text())["more"] == "kept"
    assert not list(Path(lake.uri).rglob(".*"))
    assert not list(Path(lake.uri).rglob("part-h10-000000000000.parquet"))


def test_a_lake_of_format_1_is_read_and_not_pressed_into(old):
    manifest = stage(old, DAY, "h10", ["x"])
    assert scan(old) == ["a", "a", "b", "n", "n"]
    assert old.tables() == [TABLE]
    for refused in (lambda: Lake.create(old.uri), lambda: publish(old, DAY, manifest)):
        with pytest.raises(UsageError, match=f"run `logpress lake migrate --lake {old.uri}` once"):
            refused()


def test_all_days_are_there_with_the_same_bytes_and_can_be_pressed_again(old):
    before = digests(old)
    told = []
    done = migrate(old.uri, lambda *of: told.append(of))
    assert (done.days, done.left) == (3, ())
    assert told == [(TABLE, DAY), (TABLE, NEXT_DAY), (TABLE, LAST_DAY)]
    lake = Lake.open(old.uri)
    see_migrated(lake, before)
    with open_catalog(lake) as catalog:
        found = catalog.load(TABLE).scan(row_filter=f"day = '{DAY}' and name >= 'b'").to_arrow()
    assert found["name"].to_pylist() == ["b"]
    assert migrate(old.uri).days == 0
    see_migrated(lake, before)
    publish(lake, DAY, stage(lake, DAY, "h10", ["x"]))
    assert scan(lake) == ["n", "n", "x"]


def test_what_is_not_logpresss_stays(old):
    before = digests(old)
    note = Path(old.day_folder(TABLE, DAY), "note.txt")
    note.write_text("mine")
    assert migrate(old.uri).left == (str(note.parent),)
    assert note.read_text() == "mine"
    note.unlink()
    note.parent.rmdir()
    see_migrated(Lake.open(old.uri), before)


def test_a_day_with_a_damaged_manifest_keeps_its_files_and_is_mended_by_pressing(old):
    Path(old.manifest_path(TABLE, DAY)).write_text("{")
    migrate(old.uri)
    lake = Lake.open(old.uri)
    assert scan(lake) == ["a", "a", "b", "n", "n"]
    with pytest.raises(LakeError, match="is damaged"):
        lake.read_day(TABLE, DAY)
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]), grace=timedelta(0))
    assert scan(lake, DAY) == shown(lake, DAY) == ["a"]


def test_a_lost_catalog_stays_lost_and_the_days_are_there(old):
    os.unlink(f"{old.uri}/catalog.sqlite")
    before = digests(old)
    migrate(old.uri)
    lake = Lake.open(old.uri)
    assert digests(lake) == before
    assert shown(lake) == ["a", "a", "b", "n", "n"]


KILLED = """
import os, signal, sys
from logpress.lake import migrate, storage

step, left = sys.argv[2], [int(sys.argv[3])]
owner = storage.LocalStorage if hasattr(storage.LocalStorage, step) else migrate
real = getattr(owner, step)

def some(*arguments, **options):
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return real(*arguments, **options)

setattr(owner, step, some)
if sys.argv[4] == "shared":
    storage.LocalStorage.can_link = lambda *_: False
migrate.migrate(sys.argv[1])
"""

STEPS = [
    ("_second_names", 0), ("copy", 0), ("copy", 3), ("move_files", 0), ("_show", 0), ("link_day", 0), ("link_day", 1),
    ("_show", 2), ("write", 0), ("write", 1), ("write", 4), ("_clear", 0), ("remove", 1), ("remove", 2),
]  # fmt: skip


@pytest.mark.parametrize("folders", ["linked", "shared"])
@pytest.mark.parametrize(("step", "number"), STEPS)
def test_killed_anywhere_and_done_again_a_migration_ends_the_same(tmp_path, step, number, folders):
    old = make_old(str(tmp_path / "lake"))
    before = digests(old)
    ran = subprocess.run([sys.executable, "-c", KILLED, old.uri, step, str(number), folders])
    assert ran.returncode == -9
    assert digests(Lake.open(old.uri)) == before  # as the old one or as the new one
    assert scan(Lake.open(old.uri)) == ["a", "a", "b", "n", "n"]
    migrate(old.uri)
    see_migrated(Lake.open(old.uri), before)


def test_two_at_once_end_as_one(tmp_path):
    old = make_old(str(tmp_path / "lake"))
    before = digests(old)
    command = [sys.executable, "-m", "logpress.cli", "lake", "migrate", "--lake", old.uri]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.PIPE) for _ in range(3)]
    told = sorted(process.communicate(timeout=120)[0].partition(": ")[2] for process in running)
    assert [process.returncode for process in running] == [0, 0, 0]
    assert told == ["3 days moved to today's folders\n", "has today's folders\n", "has today's folders\n"]
    see_migrated(Lake.open(old.uri), before)
