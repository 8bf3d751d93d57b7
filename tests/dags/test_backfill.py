"""A backfill of ten days of which one cannot be pressed, and then another one over the same days."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.dags.airflow_api import wait_for
from tests.dags.running import Started, started

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

DAYS = [date(2022, 3, 1) + timedelta(days=number) for number in range(10)]
FAILING = DAYS[6]
SECONDS = 1200
TASKS = ("plan", "press", "verify", "publish")


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory, raw: Callable[..., Path]) -> Iterator[Started]:
    for day in DAYS:
        raw(day, 200)
    folder = raw(FAILING)
    shutil.move(folder, folder.with_suffix(".late"))
    with started(tmp_path_factory.mktemp("airflow")) as found:
        yield found


def backfills(airflow: Started) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = airflow.api("GET", "/api/v2/backfills?dag_id=sdk_log_daily")["backfills"]
    return found


def backfill(airflow: Started, reprocess: str) -> tuple[dict[str, dict[str, Any]], float]:
    """Run one to its end: its runs by day, and how long it took in seconds."""
    airflow.api.wait_for_dags()
    # Airflow refuses another one before
    wait_for("the backfill before", lambda: all(one["completed_at"] for one in backfills(airflow)))
    known = {run["dag_run_id"]: run["end_date"] for run in airflow.api.runs("sdk_log_daily")}
    begin = time.monotonic()
    asked = {
        "dag_id": "sdk_log_daily", "from_date": f"{DAYS[0]}T00:00:00Z", "to_date": f"{DAYS[-1]}T00:00:00Z",
        "max_active_runs": 4, "reprocess_behavior": reprocess,
    }  # fmt: skip
    airflow.api.begin("/api/v2/backfills", asked)

    def ended() -> dict[str, dict[str, Any]] | None:
        runs = airflow.api.runs("sdk_log_daily")
        again = [run for run in runs if run["end_date"] and run["end_date"] != known.get(run["dag_run_id"])]
        wanted = {"none": 10, "failed": 1, "completed": 10}[reprocess]
        done = len(again) >= wanted and all(run["state"] in ("success", "failed") for run in runs)
        return {run["partition_key"]: run for run in runs} if done else None

    def states() -> list[tuple[str, str]]:
        return [(run["partition_key"], run["state"]) for run in airflow.api.runs("sdk_log_daily")]

    return wait_for("the backfill", ended, states, SECONDS), time.monotonic() - begin


def tasks_of(airflow: Started, run: dict[str, Any]) -> dict[str, str]:
    path = f"/api/v2/dags/sdk_log_daily/dagRuns/{run['dag_run_id'].replace('+', '%2B')}/taskInstances"
    return {task["task_id"]: task["state"] for task in airflow.api("GET", path)["task_instances"]}


def published(airflow: Started) -> dict[str, int]:
    """The published days, and when their manifests were written."""
    paths = airflow.lake.glob("sdk_log/manifests/dt=*.json")
    return {path.stem.removeprefix("dt="): path.stat().st_mtime_ns for path in paths}


def test_nine_days_are_published_and_the_tenth_alone_fails_and_is_retried(
    airflow: Started, raw: Callable[..., Path]
) -> None:
    runs, first_seconds = backfill(airflow, "none")
    assert {day for day, run in runs.items() if run["state"] == "success"} == {str(d) for d in DAYS if d != FAILING}
    assert runs[str(FAILING)]["state"] == "failed"
    assert tasks_of(airflow, runs[str(FAILING)])["plan"] == "failed"
    before = published(airflow)
    assert set(before) == {str(day) for day in DAYS if day != FAILING}

    late = raw(DAYS[0]).parent / f"{FAILING}.late"  # its raw records arrive
    shutil.move(late, late.with_suffix(""))
    runs, _ = backfill(airflow, "failed")
    assert {run["state"] for run in runs.values()} == {"success"}
    after = published(airflow)
    assert set(after) == {str(day) for day in DAYS}
    assert {day: after[day] for day in before} == before

    runs, again_seconds = backfill(airflow, "completed")
    assert {run["state"] for run in runs.values()} == {"success"}
    for run in runs.values():  # each is current: nothing is pressed
        states = tasks_of(airflow, run)
        assert {states[task] for task in TASKS} == {"skipped"}
    assert published(airflow) == after
    print(f"10 days: {first_seconds:.0f} s; again, all current: {again_seconds:.0f} s")
    assert again_seconds < first_seconds
