"""`logpress lake init`: an empty lake with its catalog."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.lake.test_lake import DAY, publish, scan, stage
from typer.testing import CliRunner

from logpress.cli.app import app
from logpress.errors import LakeError, UsageError
from logpress.lake import Lake
from logpress.lake.begin import begin_lake
from logpress.lake.catalog import open_catalog
from logpress.lake.choice import recorded


def said(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["lake", "init", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_lake_is_made_with_its_catalog_and_told(tmp_path: Path) -> None:
    uri = str(tmp_path / "deep" / "lake")
    first = said("--lake", uri)
    assert f"{uri}: an empty lake is made" in first
    assert "folders: linked" in first
    assert "its own catalog, namespace 'logpress', made now" in first
    lake = Lake.open(uri)
    assert recorded(lake) is not None
    with open_catalog(lake) as catalog:
        assert catalog.catalog.namespace_exists("logpress")
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    again = said("--lake", uri)
    assert "is a lake already, and is left as it is" in again
    assert "made now" not in again
    assert scan(lake) == ["a"]


def test_the_catalog_that_the_environment_names_is_made_ready_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGPRESS_CATALOG_URI", f"sqlite:///{tmp_path / 'catalog.db'}")
    monkeypatch.setenv("LOGPRESS_CATALOG_NAMESPACE", "games")
    begun = begin_lake(str(tmp_path / "lake"))
    assert (begun.is_new, begun.has_made_namespace, begun.choice.namespace) == (True, True, "games")
    again = begin_lake(str(tmp_path / "lake"))
    assert (again.is_new, again.has_made_namespace) == (False, False)
    monkeypatch.setenv("LOGPRESS_CATALOG_NAMESPACE", "others")
    with pytest.raises(LakeError, match="but the lake's catalog is"):
        begin_lake(str(tmp_path / "lake"))


def test_an_object_store_without_a_catalog_is_refused_before_anything_is_written() -> None:
    import fsspec

    with pytest.raises(UsageError, match="an object store has no catalog of its own"):
        begin_lake("memory://lakes/new")
    assert not fsspec.filesystem("memory").exists("/lakes/new")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        begin_lake(str(tmp_path))


def test_a_lake_whose_catalog_is_lost_is_told(tmp_path: Path) -> None:
    lake = begin_lake(str(tmp_path / "lake")).lake
    publish(lake, DAY, stage(lake, DAY, "h10", ["a"]))
    (tmp_path / "lake" / "catalog.sqlite").unlink()
    with pytest.raises(LakeError, match="register"):
        begin_lake(lake.uri)
