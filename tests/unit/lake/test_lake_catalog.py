"""A lake knows its catalog: it is recorded, another one is refused, a lost one is made anew from the manifests."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.lake.test_lake import DAY, NEXT_DAY, TABLE, publish, scan, snapshots, stage

from logpress import open_lake
from logpress.errors import LakeError, UsageError
from logpress.lake import Lake
from logpress.lake.catalog import open_catalog, see_catalog
from logpress.lake.choice import CatalogChoice, configured, recorded
from logpress.lake.register import register
from logpress.lake.snapshots import catalog_files
from logpress.uris import without_secret

ANOTHER = "sqlite:///{}/own.sqlite"


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake.create(str(tmp_path / "lake"))


@pytest.fixture
def another(tmp_path, monkeypatch):
    """Name another catalog in the environment from now on."""

    def name(namespace: str = "", file: str = "own.sqlite") -> None:
        monkeypatch.setenv("LOGPRESS_CATALOG_URI", f"sqlite:///{tmp_path}/{file}")
        monkeypatch.setenv("LOGPRESS_CATALOG_NAMESPACE", namespace)

    return name


def marker(lake: Lake) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(lake.uri, "_logpress.json").read_text())
    return found


def unrecorded(lake: Lake) -> None:
    """Make it a lake of an earlier logpress."""
    said = marker(lake)
    del said["catalog"]
    Path(lake.uri, "_logpress.json").write_text(json.dumps(said))


def names_of(lake: Lake) -> list[list[str]]:
    return [sorted(open_lake(lake.uri).table(TABLE).files(day)) for day in lake.days(TABLE)]


def known(lake: Lake) -> list[list[str]]:
    return [catalog_files(lake, TABLE, day) or [] for day in lake.days(TABLE)]


# -- the record


def test_the_first_publication_records_the_catalog(lake):
    assert recorded(lake) is None
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    assert marker(lake)["catalog"] == {
        "kind": "embedded", "namespace": "logpress", "name": "logpress", "lake": lake.uri
    }  # fmt: skip
    assert recorded(lake) == CatalogChoice("embedded")


def test_no_secret_is_recorded(lake, tmp_path, monkeypatch):
    monkeypatch.setenv(
        "LOGPRESS_CATALOG_URI", "postgresql+psycopg2://ann:s3cr3t@db:5432/lakes?sslmode=require&password=s3"
    )
    monkeypatch.setenv("LOGPRESS_CATALOG_S3__SECRET_ACCESS_KEY", "s3cr3t")
    found = configured()
    assert found.entry == {
        "kind": "sql", "uri": "postgresql+psycopg2://db:5432/lakes?sslmode=require", "namespace": "logpress",
        "name": "logpress",
    }  # fmt: skip
    assert "s3" not in json.dumps(found.entry) + str(found) + repr(found)


@pytest.mark.parametrize(
    ("uri", "bare"),
    [
        ("sqlite:////tmp/a@b/c.sqlite", "sqlite:////tmp/a@b/c.sqlite"),
        ("https://u:p@host/x?token=1&w=2", "https://host/x?w=2"),
        ("https://host:8181/a@b", "https://host:8181/a@b"),
        ("postgresql://u:p/w@host/db", "postgresql://host/db"),
        ("postgresql://u:p@q/w@host/db", "postgresql://host/db"),
        ("https://host/x#access_key=1", "https://host/x"),
        ("plain", "plain"),
    ],
)
def test_secrets_are_taken_out_of_uris(uri, bare):
    assert without_secret(uri) == bare


def test_a_lake_with_its_own_catalog_keeps_it_whatever_the_environment_names(lake, tmp_path, another):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    another("games")
    see_catalog(lake, TABLE)
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["b"]))
    assert scan(lake) == ["a", "b"]
    assert not (tmp_path / "own.sqlite").exists()


def test_an_older_lake_keeps_its_own_catalog_too(lake, tmp_path, another):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    unrecorded(lake)
    another()
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["b"]))
    assert scan(lake) == ["a", "b"]
    assert recorded(lake) == CatalogChoice("embedded")
    assert not (tmp_path / "own.sqlite").exists()


def test_another_catalog_than_the_recorded_one_is_refused_and_both_are_named(lake, tmp_path, another, monkeypatch):
    another()
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    for change, message in (
        (lambda: another("games"), r"namespace 'games', but .*namespace 'logpress'"),
        (lambda: another("", "third.sqlite"), r"third\.sqlite.*, but the lake's catalog is .*own\.sqlite.*--move`"),
        (lambda: monkeypatch.setenv("LOGPRESS_CATALOG_TYPE", "glue"), "the glue catalog"),
    ):
        change()
        for act in (lambda: see_catalog(lake, TABLE), lambda: publish(lake, DAY, stage(lake, DAY, "h10", ["x"]))):
            with pytest.raises(LakeError, match=message):
                act()
    assert open_lake(lake.uri).table(TABLE).days() == [DAY]  # reading needs no catalog


def test_without_a_setting_the_recorded_catalog_is_used(lake, another, monkeypatch):
    another("games")
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    for name in ("URI", "NAMESPACE"):
        monkeypatch.delenv(f"LOGPRESS_CATALOG_{name}")
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["b"]))
    assert scan(lake) == ["a", "b"]
    assert not os.path.exists(f"{lake.uri}/catalog.sqlite")
    monkeypatch.setenv("LOGPRESS_CATALOG_NAMESPACE", "other")
    with pytest.raises(LakeError, match=r"'other', but"):
        see_catalog(lake, TABLE)


def test_an_older_lake_takes_the_configured_catalog_only_if_it_knows_the_days(lake, another, tmp_path):
    another()
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["b"]))
    unrecorded(lake)
    another(file="empty.sqlite")
    with pytest.raises(LakeError, match=r"does not know log, of which 2 days are published; if that is the wrong"):
        see_catalog(lake, TABLE)
    another()
    see_catalog(lake, TABLE)
    assert recorded(lake) == configured()


def test_an_older_lake_of_which_a_catalog_knows_some_days_is_told(lake, another):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    unrecorded(lake)
    os.rename(f"{lake.uri}/catalog.sqlite", f"{lake.uri}/aside")
    another()
    register(lake)
    unrecorded(lake)
    os.rename(f"{lake.uri}/aside", f"{lake.uri}/catalog.sqlite")
    publish_with_another(lake)
    with pytest.raises(LakeError, match=r"its own catalog.* does not know 1 published days of log, 2021-12-27 for one"):
        see_catalog(lake, TABLE)
    with pytest.raises(LakeError, match="does not know 1 published days"):
        publish(lake, DAY, stage(lake, DAY, "h10", ["x"]))
    register(lake)
    see_catalog(lake, TABLE)
    assert scan(lake) == ["a", "b"]


def publish_with_another(lake: Lake) -> None:
    """As an earlier logpress did, that took whatever the environment named."""
    os.rename(f"{lake.uri}/catalog.sqlite", f"{lake.uri}/aside")
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["b"]))
    unrecorded(lake)
    os.rename(f"{lake.uri}/aside", f"{lake.uri}/catalog.sqlite")


# -- lost


LOSSES = {
    "the file": lambda path: path.unlink(),
    "its tables": lambda path: path.write_bytes(b""),
    "its entry": lambda path: rows_gone(path),
}


def rows_gone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM iceberg_tables")
        connection.commit()


@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_catalog_is_refused_before_the_work_and_made_from_the_manifests(lake, loss):
    for day, names in ((DAY, ["a", "b"]), (NEXT_DAY, ["n"])):
        publish(lake, day, stage(lake, day, "h10", names, rejects=1))
    files = names_of(lake)
    LOSSES[loss](Path(lake.uri, "catalog.sqlite"))
    for act in (lambda: see_catalog(lake, TABLE), lambda: publish(lake, DAY, stage(lake, DAY, "h10", ["x"]))):
        with pytest.raises(LakeError, match=r"does not know log, of which 2 days are published; `logpress lake regis"):
            act()
    assert names_of(lake) == files
    (done,) = register(lake, verify=True)
    assert (done.days, done.added, done.removed) == (2, (DAY, NEXT_DAY), ())
    assert known(lake) == files
    assert scan(lake) == ["a", "b", "n"]
    publish(lake, DAY, stage(lake, DAY, "h10", ["x"]))
    assert scan(lake) == ["n", "x"]


def test_days_without_rows_need_no_catalog(lake):
    publish(lake, DAY, stage(lake, DAY, "h10", [], rejects=1))
    see_catalog(lake, TABLE)
    assert register(lake)[0].days == 0


def test_registering_twice_does_nothing(lake):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    before = snapshots(lake)
    (done,) = register(lake)
    assert (done.days, done.added, done.removed) == (1, (), ())
    assert snapshots(lake) == before


def test_registering_goes_on_where_it_was_killed(lake, monkeypatch):
    days = [DAY + timedelta(days=n) for n in range(5)]
    for n, day in enumerate(days):
        publish(lake, day, stage(lake, day, "h10", [f"n{n}"]))
    os.unlink(f"{lake.uri}/catalog.sqlite")
    monkeypatch.setattr("logpress.lake.register.DAYS_A_COMMIT", 2)

    def killed(table: str, done: int, days: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        register(lake, progress=killed)
    assert scan(lake) == ["n0", "n1"]
    assert register(lake)[0].added == tuple(days[2:])
    assert scan(lake) == [f"n{n}" for n in range(5)]


def test_what_the_lake_does_not_have_is_taken_out(lake):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["b"]))
    lake.remove(lake.manifest_path(TABLE, NEXT_DAY))
    assert register(lake)[0].removed == (NEXT_DAY,)
    assert scan(lake) == ["a"]


@pytest.mark.parametrize("harm", ["missing", "shorter", "changed"])
def test_files_that_are_not_those_of_the_manifest_are_not_registered(lake, harm):
    manifest = publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    os.unlink(f"{lake.uri}/catalog.sqlite")
    path = Path(lake.files(manifest)[0][0])
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if harm == "shorter" else data)
    with pytest.raises(LakeError, match=r"part-h10.*(is missing|has [\d,]+ bytes, and not|is damaged).*2021-12-26"):
        register(lake, verify=harm == "changed")


def test_a_catalog_whose_metadata_are_gone_is_made_anew(lake):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    shutil.rmtree(lake.metadata_folder(TABLE))
    register(lake)
    assert scan(lake) == ["a"]


def test_a_table_that_is_not_there_is_refused(lake):
    with pytest.raises(UsageError, match="has no table other; it has none"):
        register(lake, ["other"])


# -- moved, copied, two in one catalog


def test_a_lake_moves_to_another_catalog_and_back(lake, another, monkeypatch):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    another("games")
    register(lake, move=True)
    assert recorded(lake) == configured()
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["b"]))
    assert scan(lake) == ["a", "b"]
    for name in ("URI", "NAMESPACE"):
        monkeypatch.delenv(f"LOGPRESS_CATALOG_{name}")
    register(lake, move=True)
    assert recorded(lake) == CatalogChoice("embedded")
    assert scan(lake) == ["a", "b"]


def test_a_copied_lake_gets_a_catalog_of_its_own(lake, tmp_path):
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    shutil.copytree(lake.uri, tmp_path / "copy")
    copy = Lake.open(str(tmp_path / "copy"))
    with pytest.raises(LakeError, match=r"copy: was copied or moved: .*`logpress lake register --lake .*copy`"):
        see_catalog(copy, TABLE)
    register(copy, verify=True)
    publish(copy, NEXT_DAY, stage(copy, NEXT_DAY, "h10", ["b"]))
    assert (scan(lake), scan(copy)) == (["a"], ["a", "b"])


def test_a_second_lake_in_one_namespace_is_told_so(lake, tmp_path, another):
    another()
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    second = Lake.create(str(tmp_path / "second"))
    message = rf"second: the namespace 'logpress' of .*own\.sqlite.* is taken: there log is .* lake {lake.uri}; set LOG"
    with pytest.raises(LakeError, match=message):
        see_catalog(second, TABLE)
    with pytest.raises(LakeError, match=message):
        publish(second, DAY, stage(second, DAY, "h10", ["x"]))
    another("second")
    publish(second, DAY, stage(second, DAY, "h10", ["x"]))
    assert scan(second) == ["x"]
    another()
    assert scan(lake) == ["a"]


def test_a_copy_does_not_take_the_table_from_a_lake_in_use_and_a_moved_one_does(lake, tmp_path, another):
    another()
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    shutil.copytree(lake.uri, tmp_path / "copy")
    copy = Lake.open(str(tmp_path / "copy"))
    with pytest.raises(LakeError, match=r"was copied or moved.*in a namespace of its own if"):
        register(copy)
    assert scan(lake) == ["a"]
    shutil.rmtree(lake.uri)  # it was moved, not copied
    register(copy)
    assert scan(copy) == ["a"]
    with open_catalog(copy) as catalog:
        assert catalog.load(TABLE).location() == copy.table_folder(TABLE)
