"""The page of published days."""

import importlib.util
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import HTTPException

from logpress.lake import Lake
from logpress.manifest import ColumnStats, DayManifest, PartStats, SliceManifest


@pytest.fixture
def plugin(airflow_home, monkeypatch, tmp_path):
    """The plugin's module, with a lake of its own."""
    spec = importlib.util.spec_from_file_location("pressed_days", Path(__file__).parents[2] / "plugins/pressed_days.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "pressed_days", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "lake_uri", lambda: str(tmp_path))
    return module


def publish(lake: Path, day: str, table: str = "sdk_log", column: str = "func_name") -> None:
    """Puts a manifest of two slices into a lake."""
    Lake.create(str(lake))

    def slice_of(name: str, sizes: dict[str, int]) -> SliceManifest:
        columns = [ColumnStats(name=name, stored_bytes=size, encodings=("PLAIN",)) for name, size in sizes.items()]
        path = f"part-{name}-00.parquet"
        part = PartStats(path=path, rows=50, row_groups=1, stored_bytes=600, sha256="00", columns=tuple(columns))
        counts = {"records": 50, "rows": 50, "irregular_rows": 0, "rejects": 0, "other_day": 0, "raw_bytes": 60_000}
        return SliceManifest(table=table, day=day, slice=name, origins=(), digest="00", part=part, **counts)

    slices = (slice_of("a", {column: 100, "_id": 400}), slice_of("b", {column: 150, "_id": 350}))
    manifest = DayManifest(table=table, day=day, published_at=datetime(2021, 12, 27, 1, tzinfo=UTC), slices=slices)
    folder = lake / table / "manifests"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"dt={day}.json").write_text(manifest.model_dump_json())


def test_the_newest_days_come_first_and_no_more_than_asked_for(plugin, tmp_path):
    for day in ("2021-12-25", "2021-12-26", "2021-12-27"):
        publish(tmp_path, day)
    assert [report.day for report in plugin.newest_days(str(tmp_path), limit=2)] == ["2021-12-27", "2021-12-26"]


def test_the_pages_show_what_the_manifests_say(plugin, tmp_path):
    publish(tmp_path, "2021-12-26")
    assert "<td>100</td><td>0</td>" in plugin.days_page().replace("\n  ", "")
    page = plugin.day_page("sdk_log", "2021-12-26")
    assert "100 rows and 0 rejects:\n120.0 kB raw in 1.2 kB of Parquet, 100.0 times smaller" in page
    assert page.index("<code>_id") < page.index("<code>func_name")
    assert "20.8 %" in page


def test_what_is_shown_is_text_not_html(plugin, tmp_path):
    publish(tmp_path, "2021-12-26", column="<b>")
    page = plugin.day_page("sdk_log", "2021-12-26")
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_an_empty_lake_and_no_lake_say_what_to_do(plugin, monkeypatch):
    assert "trigger a" in plugin.days_page()
    monkeypatch.setattr(plugin, "lake_uri", lambda: None)
    assert "set the Variable" in plugin.days_page()


@pytest.mark.parametrize(("table", "day"), [("sdk_log", "2021-12-20"), ("sdk_log", "../.."), ("..", "2021-12-26")])
def test_what_is_not_published_is_not_found(plugin, tmp_path, table, day):
    publish(tmp_path, "2021-12-26")
    with pytest.raises(HTTPException) as refusal:
        plugin.day_page(table, day)
    assert refusal.value.status_code == 404
