"""Lakes, and days that are published in them all at once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logpress.errors import LakeError, UsageError
from logpress.lake import Lake, publish_day, remove_leftovers, standing
from logpress.lake import commit as commits
from logpress.lake.catalog import check_configured, open_catalog
from logpress.lake.choice import settings
from logpress.lake.locks import locked
from logpress.lake.publish import Verified
from logpress.lake.snapshots import catalog_files
from logpress.lake.storage import LocalStorage
from logpress.manifest import PartStats, SliceManifest

DAY, NEXT_DAY = date(2021, 12, 26), date(2021, 12, 27)
TABLE = "log"


@pytest.fixture
def lake(tmp_path) -> Lake:
    found = Lake.create(str(tmp_path / "lake"))
    assert found.folders == "linked"
    return found


@pytest.fixture(params=["linked", "shared"])
def either(request, tmp_path, monkeypatch) -> Lake:
    """A lake on a file system with hard links, and one without."""
    monkeypatch.setattr(LocalStorage, "can_link", lambda *_: request.param == "linked")
    return Lake.create(str(tmp_path / "lake"))


def write(path: Path, table: pa.Table) -> PartStats:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, store_schema=False)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    name = f"{path.name}-{digest[:12]}.parquet"
    path.rename(path.parent / name)
    return PartStats(
        path=name,
        rows=table.num_rows,
        row_groups=1,
        stored_bytes=(path.parent / name).stat().st_size,
        sha256=digest,
        columns=(),
    )


def rows_of(day: date, names: list[str], **more: pa.Array) -> pa.Table:
    at = [datetime(day.year, day.month, day.day, 1, 2, 3, 4000 * n, tzinfo=UTC) for n in range(len(names))]
    columns = {
        "name": pa.array(names),
        "at": pa.array(at, pa.timestamp("us", "UTC")),
        "status": pa.array([200] * len(names), pa.int16()),
        **more,
        "day": pa.array([day] * len(names), pa.date32()),
        "_raw": pa.array([b"\xff"] * len(names), pa.binary()),
    }
    fields = [pa.field(key, value.type, nullable=key != "day") for key, value in columns.items()]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def stage(
    lake: Lake, day: date, slice_: str, names: list[str], run: str = "run", rejects: int = 0, **more: pa.Array
) -> SliceManifest:
    folder = Path(lake.staging_folder(TABLE, day, run, slice_))
    part = write(folder / f"part-{slice_}", rows_of(day, names, **more)) if names else None
    rejected = write(folder / f"_rejects-{slice_}", pa.table({"record": [b"x"] * rejects})) if rejects else None
    return SliceManifest(
        table=TABLE, day=day.isoformat(), slice=slice_, origins=(), records=len(names) + rejects, rows=len(names),
        irregular_rows=0, rejects=rejects, other_day=0, raw_bytes=100, digest="0" * 32,
        part=part, rejects_part=rejected,
    )  # fmt: skip


def publish(
    lake: Lake, day: date, *manifests: SliceManifest, run: str = "run", verification=None, run_id=None, **options
):
    return publish_day(lake, TABLE, day, manifests, run, verified=Verified(verification, run_id), **options)


def scan(lake: Lake, day: date | None = None) -> list[str]:
    """Names, as any reader of the catalog finds them."""
    with open_catalog(lake) as catalog:
        table = catalog.load(TABLE)
        found = (table.scan(f"day = '{day}'") if day else table.scan()).to_arrow()
    return sorted(found["name"].to_pylist())


def snapshots(lake: Lake) -> int:
    with open_catalog(lake) as catalog:
        return len(catalog.load(TABLE).snapshots())


def parts(lake: Lake, day: date = DAY) -> list[str]:
    """Parts and rejects files, superseded ones included."""
    folders = (lake.parts_folder(TABLE, day), lake.rejects_folder(TABLE, day))
    return sorted(path.name for folder in folders for path in Path(folder).glob("*.parquet"))


def shown(lake: Lake, day: date | None = None) -> list[str]:
    """Names, as readers of folders find them."""
    folder = Path(lake.data_root(TABLE) if day is None else lake.day_folder(TABLE, day))
    files = [path for path in folder.rglob("*") if not path.is_dir()]
    return sorted(name for path in files for name in pq.read_table(path, partitioning=None)["name"].to_pylist())


# -- lakes


def test_a_lake_is_made_in_a_new_or_empty_folder_and_found_again(tmp_path):
    for name in ("new/deep", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        made = Lake.create(str(tmp_path / name))
        assert json.loads((tmp_path / name / "_logpress.json").read_text()) == {"format": 2, "folders": "linked"}
        assert Lake.open(f"file://{tmp_path / name}/") == Lake.create(str(tmp_path / name)) == made


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "precious").write_text("x")
    with pytest.raises(UsageError, match=r"not empty \(it holds 'precious'\)"):
        Lake.create(str(tmp_path))
    with pytest.raises(UsageError, match="is a file"):
        Lake.create(str(tmp_path / "precious"))
    assert os.listdir(tmp_path) == ["precious"]


@pytest.mark.parametrize(
    ("prepare", "kind", "message"),
    [
        (lambda path: None, UsageError, "there is no such folder"),
        (lambda path: path.mkdir(), UsageError, "has no _logpress.json"),
        (lambda path: (path.mkdir(), (path / "_logpress.json").write_text('{"format": 3}')), LakeError, "format 3"),
        (lambda path: (path.mkdir(), (path / "_logpress.json").write_text('{"format": 2}')), LakeError, "is damaged"),
        (lambda path: (path.mkdir(), (path / "_logpress.json").write_text("x")), LakeError, "is damaged"),
        (lambda path: path.write_text("x"), LakeError, "Not a directory"),
    ],
)
def test_what_is_no_lake_is_refused(tmp_path, prepare, kind, message):
    prepare(tmp_path / "lake")
    with pytest.raises(kind, match=message):
        Lake.open(str(tmp_path / "lake"))


def test_names_that_would_leave_staging_are_refused(lake):
    for name in ("", "..", "a/b", "/x"):
        with pytest.raises(UsageError, match="cannot be the name"):
            lake.staging_folder(TABLE, DAY, name)


def test_a_day_that_is_not_published_is_told_from_those_that_are(lake):
    with pytest.raises(UsageError, match="no day of it is published"):
        lake.need_day(TABLE, DAY)
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    with pytest.raises(UsageError, match="published are 2021-12-26 to 2021-12-26, 1 in all"):
        lake.need_day(TABLE, NEXT_DAY)


# -- publishing


def test_a_published_day_is_what_readers_of_the_catalog_find(lake):
    manifests = [stage(lake, DAY, "h10", ["a", "b"], rejects=1), stage(lake, DAY, "h11", ["c"])]
    published = publish(lake, DAY, *manifests, descriptions={"name": "The name"})
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["d"]))
    assert scan(lake) == ["a", "b", "c", "d"]
    assert scan(lake, DAY) == ["a", "b", "c"]
    assert lake.read_day(TABLE, DAY) == published
    assert lake.days(TABLE) == [DAY, NEXT_DAY]
    found, rejects = lake.files(published)
    assert catalog_files(lake, TABLE, DAY) == sorted(found)
    assert all(os.path.getsize(path) for path in found + rejects)
    assert not os.path.exists(lake.staging_root(TABLE))
    with open_catalog(lake) as catalog:
        schema = catalog.load(TABLE).schema()
        assert str(schema.find_field("at").field_type) == "timestamptz"
        assert schema.find_field("name").doc == "The name"
        assert schema.find_field("day").required


def test_instants_come_back_right_and_filters_on_them_find_their_rows(lake):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a", "b", "c"]))
    with open_catalog(lake) as catalog:
        found = catalog.load(TABLE).scan(row_filter="at >= '2021-12-26T01:02:03.004+00:00'").to_arrow()
    assert sorted(found["name"].to_pylist()) == ["b", "c"]
    assert found["at"].type == pa.timestamp("us", "UTC")
    assert datetime(2021, 12, 26, 1, 2, 3, 8000, tzinfo=UTC) in found["at"].to_pylist()


def test_duckdb_reads_the_same(lake):
    import duckdb

    publish(lake, DAY, stage(lake, DAY, "h10", ["a", "b"], rejects=1))
    rows = duckdb.sql(f"SELECT name, day FROM read_parquet('{lake.uri}/{TABLE}/data/*/*.parquet')").fetchall()
    assert sorted(row[0] for row in rows) == ["a", "b"]


def test_a_day_is_replaced_whole_and_the_old_files_stay_for_a_while(either):
    lake = either
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]), stage(lake, DAY, "h11", ["b"], rejects=2))
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["n"]))
    before = parts(lake)
    assert shown(lake) == ["a", "b", "n"]
    publish(lake, DAY, stage(lake, DAY, "h10", ["x"]))
    assert scan(lake) == ["n", "x"]
    assert shown(lake) == (["n", "x"] if lake.folders == "linked" else ["a", "b", "n", "x"])
    assert set(before) < set(parts(lake))
    remove_leftovers(lake, TABLE)
    assert set(before) < set(parts(lake))
    remove_leftovers(lake, TABLE, grace=timedelta(0))
    assert len(parts(lake)) == 1
    assert not os.listdir(lake.superseded_root(TABLE))
    assert scan(lake) == shown(lake) == ["n", "x"]


def test_without_grace_old_files_go_at_once(either):
    lake = either
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"], rejects=1))
    published = publish(lake, DAY, stage(lake, DAY, "h10", ["x"]), grace=timedelta(0))
    assert parts(lake) == [published.slices[0].part.path]


def test_one_snapshot_replaces_a_day_without_a_gap(lake):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    publish(lake, DAY, stage(lake, DAY, "h10", ["x"]))
    assert snapshots(lake) == 2
    with open_catalog(lake) as catalog:
        table = catalog.load(TABLE)
        seen = [table.scan(snapshot_id=one.snapshot_id).to_arrow()["name"].to_pylist() for one in table.snapshots()]
    assert seen == [["a"], ["x"]]


def test_the_same_files_are_not_published_again(lake):
    first = publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    again = publish(lake, DAY, stage(lake, DAY, "h10", ["a"]).model_copy(update={"seconds": 9.0}))
    assert again == first
    assert snapshots(lake) == 1


def test_a_file_that_comes_back_within_the_grace_period_is_kept(either):
    lake = either
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    publish(lake, DAY, stage(lake, DAY, "h10", ["x"]))
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]), grace=timedelta(0))
    assert len(parts(lake)) == 1
    assert scan(lake) == ["a"]


@pytest.mark.parametrize("first", [True, False], ids=["first", "over another"])
def test_a_day_without_rows_is_published_too(either, first):
    lake = either
    if not first:
        publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
        publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["n"]))
    published = publish(lake, DAY, stage(lake, DAY, "h10", [], rejects=2), stage(lake, DAY, "h11", []))
    assert (published.rows, published.rejects) == (0, 2)
    assert lake.read_day(TABLE, DAY) == published
    assert catalog_files(lake, TABLE, DAY) == []
    remove_leftovers(lake, TABLE, grace=timedelta(0))
    if not first:
        assert scan(lake) == shown(lake) == ["n"]
    assert shown(lake, DAY) == []


def test_a_column_that_appears_is_added_and_old_days_stay_readable(lake):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["n"], level=pa.array([7], pa.int32())))
    with open_catalog(lake) as catalog:
        found = catalog.load(TABLE).scan().to_arrow()
    assert dict(zip(found["name"].to_pylist(), found["level"].to_pylist(), strict=True)) == {"a": None, "n": 7}
    wider = NEXT_DAY + timedelta(days=1)
    publish(lake, wider, stage(lake, wider, "h10", ["w"], level=pa.array([1 << 40], pa.int64())))
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["m"]))
    with open_catalog(lake) as catalog:
        found = catalog.load(TABLE).scan().to_arrow()
    assert dict(zip(found["name"].to_pylist(), found["level"].to_pylist(), strict=True)) == {
        "a": None, "m": None, "w": 1 << 40,
    }  # fmt: skip


def test_a_type_that_contradicts_the_table_is_refused_and_nothing_changes(either):
    lake = either
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"], level=pa.array([7], pa.int32())))
    with pytest.raises(LakeError, match="level"):
        publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["n"], level=pa.array(["x"])))
    assert scan(lake) == shown(lake) == ["a"]
    assert parts(lake, NEXT_DAY) == []


def test_what_a_refused_publication_moved_goes_back_and_can_be_published_again(either, monkeypatch):
    lake = either
    old = stage(lake, DAY, "h10", ["a"], rejects=1)
    publish(lake, DAY, old)
    superseded = stage(lake, DAY, "h10", ["s"])
    publish(lake, DAY, superseded)
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"], rejects=1))  # `s` is superseded, and within its grace period
    before = parts(lake)
    manifests = [stage(lake, DAY, "h10", ["a"], rejects=1), stage(lake, DAY, "h11", ["new"]), superseded]
    superseded_again = stage(lake, DAY, "h10", ["s"])
    with monkeypatch.context() as patched:
        patched.setattr(standing, "replace_day", lambda *_: (_ for _ in ()).throw(LakeError("the catalog is away")))
        with pytest.raises(LakeError, match="is away"):
            publish(lake, DAY, *manifests)
    assert parts(lake) == before
    assert scan(lake) == ["a"]
    publish(lake, DAY, manifests[0], manifests[1], grace=timedelta(0))
    assert scan(lake) == shown(lake) == ["a", "new"]
    assert superseded_again.part.path not in parts(lake)


RUN_IN_ANOTHER_PROCESS = """
import os, signal, sys
from datetime import date
from logpress.lake import Lake, publish_day
from logpress.lake import links, publish, standing, storage
from logpress.manifest import SliceManifest

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

lake, step = Lake.create(sys.argv[1]), sys.argv[2]
home, _, name = step.partition(".")
home = {"links": links, "publish": publish, "standing": standing, "storage": storage}[home]
owner = storage.LocalStorage if name in vars(storage.LocalStorage) else home
real, left = getattr(owner, name), [int(sys.argv[3])]

def some(*arguments, **options):
    if left[0] == 0:
        die()
    left[0] -= 1
    return real(*arguments, **options)

setattr(owner, name, some)
manifests = [SliceManifest.model_validate_json(text) for text in sys.argv[4:]]
publish_day(lake, manifests[0].table, date.fromisoformat(manifests[0].day), manifests, "killed")
"""

STEPS = [
    ("publish.note_moves", 0), ("publish._move", 0), ("publish._move", 1), ("publish._move", 2), ("storage.sync", 1),
    ("standing.replace_day", 0), ("standing._write", 0), ("publish.link_day", 0), ("links._put", 0),
    ("links._exchange", 0), ("publish.note_superseded", 0), ("publish.remove_leftovers", 0), ("storage.write", 1),
    ("storage.write", 2), ("storage.write", 3), ("storage.write", 4), ("storage.remove", 0),
]  # fmt: skip
BEFORE_COMMIT = ("publish.note_moves", "publish._move", "storage.sync", "standing.replace_day")


@pytest.mark.parametrize(("step", "number"), STEPS)
def test_what_a_killed_publication_leaves_is_mended_by_the_next_of_any_day(either, step, number):
    lake = either
    if step.startswith("links.") and lake.folders == "shared":
        pytest.skip("has no links")
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"], rejects=1))
    before, told = parts(lake), lake.read_day(TABLE, DAY)
    manifests = [stage(lake, DAY, "h10", ["x"], run="killed", rejects=2), stage(lake, DAY, "h11", ["y"], run="killed")]
    arguments = [lake.uri, step, str(number), *(manifest.model_dump_json() for manifest in manifests)]
    assert subprocess.run([sys.executable, "-c", RUN_IN_ANOTHER_PROCESS, *arguments]).returncode == -9
    published = step not in BEFORE_COMMIT and (step, number) != ("storage.write", 1)  # which keeps the manifest
    if step != "storage.write":
        assert scan(lake) == (["x", "y"] if published else ["a"])
    if lake.folders == "linked":
        assert shown(lake) in (["a"], ["x", "y"])

    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["n"]))
    if not published:
        assert parts(lake) == before
        assert shown(lake, DAY) == scan(lake, DAY) == ["a"]
        assert lake.read_day(TABLE, DAY) == told
    elif lake.read_day(TABLE, DAY) != told:  # the manifest was written
        assert shown(lake, DAY) in (["x", "y"], ["a", "x", "y"][: 3 if lake.folders == "shared" else 0])

    again = [stage(lake, DAY, "h10", ["x"], rejects=2), stage(lake, DAY, "h11", ["y"])]
    publish(lake, DAY, *again, grace=timedelta(0))
    assert scan(lake, DAY) == shown(lake, DAY) == ["x", "y"]
    assert len(parts(lake)) == 3
    made_old(lake)
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["n"]))
    assert not os.path.exists(lake.staging_root(TABLE))
    assert not os.path.exists(lake.superseded_root(TABLE)) or os.listdir(lake.superseded_root(TABLE)) == []
    assert not list(Path(lake.uri).rglob(".*"))


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.long
@pytest.mark.parametrize("folders", ["linked", "shared"])
def test_on_a_full_disk_the_day_stays_as_it_was_and_is_published_once_there_is_room(small_disk, monkeypatch, folders):
    monkeypatch.setattr(LocalStorage, "can_link", lambda *_: folders == "linked")
    lake = Lake.create(str(small_disk / "lake"))
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"], rejects=1), grace=timedelta(0))
    outcomes = []
    for left_kb in [*range(0, 72, 4), 500]:
        manifests = [stage(lake, DAY, "h10", ["x"], rejects=2), stage(lake, DAY, "h11", ["y"])]
        before = parts(lake)
        room = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize - left_kb * 1024
        (small_disk / "filler").write_bytes(bytes(max(0, room)))
        try:
            publish(lake, DAY, *manifests, grace=timedelta(0))
        except LakeError as error:
            outcomes.append(str(error))
            if scan(lake) == ["a"]:
                assert parts(lake) == before
                assert shown(lake) == ["a"]
            else:  # committed, before there was no more room
                assert scan(lake) == ["x", "y"]
                assert folders == "shared" or shown(lake) in (["a"], ["x", "y"])
        (small_disk / "filler").unlink()
        publish(lake, DAY, *manifests, grace=timedelta(0))
        assert scan(lake) == shown(lake) == ["x", "y"]
        assert len(parts(lake)) == 3
        assert not os.path.exists(lake.staging_root(TABLE))
        publish(lake, DAY, stage(lake, DAY, "h10", ["a"], rejects=1), grace=timedelta(0))
    assert len(outcomes) > 3
    assert all("no space" in text.lower() or "full" in text.lower() for text in outcomes), outcomes


def made_old(lake: Lake) -> None:
    """Let all that lies in staging, and all temporary files, be two days old."""
    old = datetime.now(UTC).timestamp() - 2 * 86400
    for folder, _, names in os.walk(lake.uri, topdown=False):
        for name in [*names, "."]:
            if "_staging" in folder or name.startswith(".tmp"):
                os.utime(os.path.join(folder, name), (old, old))


def test_temporary_files_of_killed_processes_go(lake):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    os.makedirs(lake.superseded_root(TABLE), exist_ok=True)
    places = [lake.uri, lake.manifests_root(TABLE), lake.superseded_root(TABLE)]
    for place in places:
        Path(place, ".tmp-0").write_text("x")
    remove_leftovers(lake, TABLE, grace=timedelta(0))
    assert all(Path(place, ".tmp-0").exists() for place in places)  # somebody may be writing them
    made_old(lake)
    remove_leftovers(lake, TABLE)
    assert not any(Path(place, ".tmp-0").exists() for place in places)


@pytest.mark.parametrize(("unit", "name"), [("ms", "milliseconds"), ("ns", "nanoseconds")])
def test_instants_that_are_no_microseconds_are_refused(lake, unit, name):
    """Spark finds no row by them, Trino reads none."""
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    with pytest.raises(LakeError, match=f"column seen holds {name}.*press the day again"):
        publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["n"], seen=pa.array([7], pa.timestamp(unit, "UTC"))))
    assert scan(lake) == ["a"]


def test_a_killed_publish_can_be_done_again_from_any_point(either, monkeypatch):
    lake = either
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    for name, now in (
        ("publish.note_moves", "a"), ("publish._move", "a"), ("publish._publication", "a"),
        ("standing.replace_day", "a"), ("standing._write", "x"), ("publish.link_day", "x"),
        ("publish.note_superseded", "x"), ("publish.remove_leftovers", "x"),
    ):  # fmt: skip
        manifests = [stage(lake, DAY, "h10", ["x"]), stage(lake, DAY, "h11", ["y"])]
        with monkeypatch.context() as patched:
            patched.setattr(f"logpress.lake.{name}", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                publish(lake, DAY, *manifests)
        assert now in scan(lake)
        publish(lake, DAY, *manifests, grace=timedelta(0))
        assert scan(lake) == shown(lake) == ["x", "y"]
        assert len(parts(lake)) == 2
        publish(lake, DAY, stage(lake, DAY, "h10", ["a"]), grace=timedelta(0))


def test_a_staged_file_that_is_gone_is_named(lake):
    manifest = stage(lake, DAY, "h10", ["a"])
    os.unlink(f"{lake.staging_folder(TABLE, DAY, 'run', 'h10')}/{manifest.part.path}")
    with pytest.raises(LakeError, match="is gone; press the slice again"):
        publish(lake, DAY, manifest)


def test_a_damaged_manifest_is_named_and_mended_by_pressing_again(lake):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    Path(lake.manifest_path(TABLE, DAY)).write_text("{")
    with pytest.raises(LakeError, match=r"dt=2021-12-26\.json: is damaged"):
        lake.read_day(TABLE, DAY)
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    assert lake.read_day(TABLE, DAY).rows == 1


def test_staging_of_killed_runs_goes_after_a_day(lake):
    stage(lake, DAY, "h10", ["a"], run="killed")
    remove_leftovers(lake, TABLE)
    assert os.path.exists(lake.staging_folder(TABLE, DAY, "killed"))
    old = datetime.now(UTC).timestamp() - 2 * 86400
    for folder, _, names in os.walk(lake.staging_root(TABLE), topdown=False):
        for name in [*names, "."]:
            os.utime(os.path.join(folder, name), (old, old))
    remove_leftovers(lake, TABLE)
    assert not os.path.exists(lake.staging_root(TABLE))


# -- links, and names that lead elsewhere


def test_a_note_without_a_time_zone_means_utc(lake):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    publish(lake, DAY, stage(lake, DAY, "h10", ["x"]))
    note = Path(lake.superseded_path(TABLE, DAY))
    (name,) = json.loads(note.read_text())
    note.write_text(json.dumps({name: "2020-01-01T00:00:00"}))
    remove_leftovers(lake, TABLE, grace=timedelta(0))
    assert len(parts(lake)) == 1
    assert not note.exists()


LINKS = {
    "the staging": lambda lake: lake.staging_root(TABLE),
    "a day's staging": lambda lake: f"{lake.staging_root(TABLE)}/dt={DAY}",
    "a day": lambda lake: lake.day_folder(TABLE, DAY),
    "a day's parts": lambda lake: lake.parts_folder(TABLE, DAY),
    "a day's rejects": lambda lake: lake.rejects_folder(TABLE, DAY),
    "the data": lambda lake: lake.data_root(TABLE),
    "the manifests": lambda lake: lake.manifests_root(TABLE),
    "the notes": lambda lake: lake.superseded_root(TABLE),
    "the table": lambda lake: lake.table_folder(TABLE),
    "the locks": lambda lake: f"{lake.uri}/_locks",
}


@pytest.mark.parametrize("link", LINKS)
def test_nothing_is_written_or_removed_through_a_link_out_of_the_lake(lake, tmp_path, link):
    manifest = stage(lake, DAY, "h10", ["a"])
    outside = tmp_path / "outside"
    place = Path(LINKS[link](lake))
    if place.exists():
        place.rename(outside)
    outside.mkdir(exist_ok=True)
    for name in ("log-2021-12-26", "empty"):
        (outside / name).mkdir()
    before = sorted(path.relative_to(outside) for path in outside.rglob("*"))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(outside)
    with pytest.raises(LakeError, match="a symbolic link leads out of the lake"):
        publish(lake, DAY, manifest)
    assert sorted(path.relative_to(outside) for path in outside.rglob("*")) == before


def test_abandoned_staging_that_is_a_link_goes_without_what_it_leads_to(lake, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    folder = Path(lake.staging_root(TABLE)) / f"dt={DAY}"
    folder.mkdir(parents=True)
    (folder / "run").symlink_to(outside)  # to what is written to again and again
    old = datetime.now(UTC).timestamp() - 2 * 86400
    os.utime(folder / "run", (old, old), follow_symlinks=False)
    remove_leftovers(lake, TABLE)
    assert (outside / "precious").exists()
    assert not folder.exists()


def test_only_what_lies_in_the_lake_can_be_removed(lake, tmp_path):
    for path in (lake.uri, str(tmp_path), f"{lake.uri}/../x", f"{lake.uri}//x", f"{lake.uri}x/y"):
        with pytest.raises(LakeError, match="is not removed"):
            lake.remove(path)
    for sign in "*?[":
        with pytest.raises(UsageError, match="cannot have"):
            Lake.create(f"memory://lakes/a{sign}b")


def test_a_catalog_that_names_metadata_outside_of_the_lake_removes_nothing(lake, tmp_path):
    for n in range(2):
        publish(lake, DAY, stage(lake, DAY, "h10", [f"n{n}"]))
    with open_catalog(lake) as catalog:
        path = Path(catalog.load(TABLE).metadata_location.removeprefix("file://"))
    precious = tmp_path / "precious"
    precious.write_text("x")
    told = json.loads(path.read_text())
    told["metadata-log"][0]["metadata-file"] = str(precious)
    told["properties"]["write.metadata.previous-versions-max"] = "1"
    path.write_text(json.dumps(told))
    with pytest.raises(LakeError, match="lies outside of"):
        publish(lake, DAY, stage(lake, DAY, "h10", ["x"]))
    assert precious.exists()


# -- several at once

PUBLISH_IN_ANOTHER_PROCESS = """
import sys
from datetime import date
from logpress.lake import Lake, publish_day
from logpress.manifest import SliceManifest
lake = Lake.create(sys.argv[1])
for argument in sys.argv[3:]:
    manifest = SliceManifest.model_validate_json(argument)
    publish_day(lake, manifest.table, date.fromisoformat(manifest.day), [manifest], sys.argv[2])
"""


def test_two_processes_publish_days_of_one_new_table_at_once(lake):
    days = [DAY + timedelta(days=n) for n in range(6)]
    manifests = [stage(lake, day, "h10", [f"n{n}"]).model_dump_json() for n, day in enumerate(days)]
    running = [
        subprocess.Popen([sys.executable, "-c", PUBLISH_IN_ANOTHER_PROCESS, lake.uri, "run", *manifests[n::2]])
        for n in range(2)
    ]
    assert [process.wait(120) for process in running] == [0, 0]
    assert scan(lake) == [f"n{n}" for n in range(6)]
    assert lake.days(TABLE) == days


def test_a_namespace_that_another_process_makes_meanwhile_is_used(lake, monkeypatch):
    from pyiceberg.catalog.sql import SqlCatalog

    create = SqlCatalog.create_namespace

    def another_is_first(self, *arguments):
        create(self, *arguments)
        raise RuntimeError("UNIQUE constraint failed: iceberg_namespace_properties")

    monkeypatch.setattr(SqlCatalog, "create_namespace", another_is_first)
    publish(lake, DAY, stage(lake, DAY, "h10", ["one"]))
    assert scan(lake) == ["one"]


def test_of_two_who_publish_the_same_day_the_last_wins_whole(lake):
    publish(lake, DAY, stage(lake, DAY, "h10", ["old"]))
    errors = []

    def one(run: str) -> None:
        try:
            for turn in range(3):
                names = [f"{run}{turn}"]
                manifests = [stage(lake, DAY, slice_, names, run=run) for slice_ in ("h10", "h11")]
                publish(lake, DAY, *manifests, run=run)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(run,)) for run in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert scan(lake) in (["a2", "a2"], ["b2", "b2"])
    assert catalog_files(lake, TABLE, DAY) == sorted(lake.files(lake.read_day(TABLE, DAY))[0])


def test_a_commit_in_between_is_seen_and_its_day_kept(lake, monkeypatch):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    real = commits.evolve
    calls: list[int] = []

    def with_company(*arguments):
        real(*arguments)
        if not calls:
            calls.append(1)
            publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["n"], run="other"), run="other")

    monkeypatch.setattr(commits, "evolve", with_company)
    monkeypatch.setattr(commits, "_one_at_a_time", lambda *_: nullcontext())  # as if it were on another machine
    publish(lake, DAY, stage(lake, DAY, "h10", ["x"]))
    assert scan(lake) == ["n", "x"]


def test_who_loses_every_time_says_so(lake, monkeypatch):
    from pyiceberg.exceptions import CommitFailedException

    def lose(*_):
        raise CommitFailedException("changed")

    monkeypatch.setattr(commits, "_try", lose)
    monkeypatch.setenv("LOGPRESS_CATALOG_DEADLINE", "0.5")
    with pytest.raises(LakeError, match=r"others changed it at each of \d tries to publish log 2021-12-26, in [01] s"):
        publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))


def test_a_lock_is_let_go_of_and_leaves_nothing(tmp_path):
    path = str(tmp_path / "locks/a")
    with locked(path), pytest.raises(LakeError, match="holds this lock"), locked(path, wait_seconds=0):
        pass
    assert os.listdir(tmp_path) == []
    with locked(path):
        assert os.path.exists(path)


# -- other catalogs and storages


def test_a_lake_that_was_copied_does_not_touch_the_first(lake, tmp_path):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    shutil.copytree(lake.uri, tmp_path / "copy")
    copy = Lake.open(str(tmp_path / "copy"))
    with pytest.raises(LakeError, match=r"was copied or moved: .*`logpress lake register"):
        publish(copy, DAY, stage(copy, DAY, "h10", ["x"]))
    assert scan(lake) == ["a"]


def test_the_environment_names_another_catalog(lake, tmp_path, monkeypatch):
    monkeypatch.setenv("LOGPRESS_CATALOG_URI", f"sqlite:///{tmp_path}/own.sqlite")
    monkeypatch.setenv("LOGPRESS_CATALOG_NAMESPACE", "games")
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    assert scan(lake) == ["a"]
    assert (tmp_path / "own.sqlite").exists()
    assert not os.path.exists(f"{lake.uri}/catalog.sqlite")
    assert settings({"LOGPRESS_CATALOG_S3__ACCESS_KEY_ID": "x", "LOGPRESS_CATALOG_TYPE": "", "HOME": "/"}) == {
        "s3.access-key-id": "x"
    }


def test_an_object_store_needs_a_catalog():
    lake = Lake.create("memory://lakes/one")
    assert Lake.open("memory://lakes/one/") == lake
    with pytest.raises(UsageError, match="LOGPRESS_CATALOG_TYPE=glue"):
        check_configured(lake)


def test_a_catalog_that_is_no_database_is_named(lake):
    Path(lake.uri, "catalog.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(LakeError, match="not a database"):
        publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
