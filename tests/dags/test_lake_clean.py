"""The DAG that cleans the lake, run in this process."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

DAY = date(2021, 12, 26)


@pytest.fixture
def lake(airflow_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOGPRESS_LAKE", str(tmp_path / "lake"))
    return tmp_path / "lake"


@pytest.fixture
def replaced(dags: dict[str, Any], raw: Any, lake: Path) -> Path:
    """A lake with a day that was pressed, dropped, and pressed again: its first publication is superseded."""
    from logpress.lake import Lake
    from logpress.lake.rollback import drop_day

    raw(DAY)
    for _ in range(2):
        assert dags["sdk_log_daily"].test(logical_date=datetime(2021, 12, 26, tzinfo=UTC)).state == "success"
        if not list(lake.glob("sdk_log/_superseded/*")):
            drop_day(Lake.open(str(lake)), "sdk_log", DAY)
    return lake


def run(dags: dict[str, Any], **form: Any) -> Any:
    return dags["logpress_lake_clean"].test(logical_date=None, run_conf=form)


def snapshots(lake: Path) -> int:
    from logpress.lake import Lake
    from logpress.lake.catalog import open_catalog

    with open_catalog(Lake.open(str(lake))) as catalog:
        table = catalog.load("sdk_log")
        assert table is not None
        return len(table.snapshots())


def test_what_nobody_needs_is_listed_and_then_removed(dags: Any, replaced: Path, caplog: Any) -> None:
    caplog.set_level("INFO")
    assert snapshots(replaced) == 3
    assert run(dags, retention="0", dry_run=True).state == "success"
    assert "would be removed" in caplog.text
    assert snapshots(replaced) == 3
    done = run(dags, retention="0", dry_run=False)  # said, as Airflow keeps the form of the run before in this process
    assert done.state == "success"
    assert snapshots(replaced) == 1
    named = [task.rendered_map_index for task in done.get_task_instances() if task.task_id == "clean"]
    assert named == ["sdk_log"]
    assert "(of a snapshot that is forgotten)" in caplog.text


def test_the_retention_is_that_of_the_lake_unless_the_form_says_another(dags: Any, replaced: Path) -> None:
    assert run(dags).state == "success"
    assert snapshots(replaced) == 3


def test_a_lake_that_is_not_there_yet_has_nothing_to_clean(dags: Any, lake: Path) -> None:
    assert run(dags).state == "success"
    assert not lake.exists()


def test_a_retention_that_is_no_time_is_not_tried_again(dags: Any, replaced: Path) -> None:
    done = run(dags, retention="a week")
    assert done.state == "failed"
    assert [task.try_number for task in done.get_task_instances() if task.task_id == "clean"] == [1]
