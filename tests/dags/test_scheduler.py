"""Airflow itself, started as `make up` starts it: every way to start a day, a backfill, and who follows it."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote

import psutil
import pytest
from tests.dags.airflow_api import Api, wait_for
from tests.dags.running import Started, started

pytestmark = pytest.mark.long

BACKFILLED = ["2021-12-25", "2021-12-26", "2021-12-27"]
BY_HAND = "2021-12-28"

# What a run by hand is triggered with, and the day it is (None: it is refused).
WAYS: dict[str, tuple[dict[str, Any], str | None]] = {
    "partition key": ({"partition_key": BY_HAND}, BY_HAND),
    "form": ({"conf": {"day": BY_HAND}}, BY_HAND),
    "key and form disagree": ({"partition_key": BY_HAND, "conf": {"day": "2021-12-26"}}, None),
    "nothing": ({}, None),
    "a key that is no day as we write it": ({"partition_key": "2021-12-6"}, None),
}
PUBLISHED = [*BACKFILLED, *(day for _, day in WAYS.values() if day)]


@pytest.fixture(scope="module")
def airflow(tmp_path_factory, raw) -> Iterator[Started]:
    for day in (*BACKFILLED, BY_HAND):
        raw(date.fromisoformat(day))
    with started(tmp_path_factory.mktemp("airflow")) as running:
        yield running


@pytest.fixture(scope="module")
def finished(airflow: Started) -> dict[str, Any]:
    """All runs, finished: a backfill, and one run for each way to start it by hand."""
    api = airflow.api
    api.wait_for_dags()
    backfill = {
        "dag_id": "sdk_log_daily",
        "from_date": f"{BACKFILLED[0]}T00:00:00Z",
        "to_date": f"{BACKFILLED[-1]}T00:00:00Z",
        "max_active_runs": 2,
    }
    api.begin("/api/v2/backfills", backfill)
    by_hand = {way: api.trigger(f"by_hand_{number}", body) for number, (way, (body, _)) in enumerate(WAYS.items())}

    def states(dag_id: str) -> list[tuple[str, str | None, str]]:
        return [(run["dag_run_id"], run["partition_key"], run["state"]) for run in api.runs(dag_id)]

    def ended(dag_id: str) -> list[dict[str, Any]]:
        runs = api.runs(dag_id)
        return runs if all(run["state"] in ("success", "failed") for run in runs) else []

    def all_pressed() -> list[dict[str, Any]]:
        runs = ended("sdk_log_daily")
        return runs if len(runs) == len(WAYS) + len(BACKFILLED) else []

    def all_followed() -> list[dict[str, Any]]:
        runs = ended("sdk_log_training_example")
        return runs if {run["partition_key"] for run in runs} >= set(PUBLISHED) else []

    all_runs = wait_for("the runs", all_pressed, lambda: states("sdk_log_daily"))
    runs = {run["dag_run_id"]: run for run in all_runs}
    examples = wait_for("the example to follow", all_followed, lambda: states("sdk_log_training_example"))

    def all_events() -> list[dict[str, Any]]:
        try:
            found = api("GET", "/api/v2/assets/events?limit=100")["asset_events"]
        except HTTPError as error:  # so Airflow 3.3 answers while a run that an event has started is still queued
            if error.code != 500:
                raise
            return []
        return found if len(found) >= len(PUBLISHED) else []

    events = wait_for("the events", all_events)
    return {"runs": runs, "by_hand": by_hand, "events": events, "examples": examples}


def test_a_backfill_runs_each_day_of_its_range_once(finished):
    backfilled = [run for run in finished["runs"].values() if run["run_type"] == "backfill"]
    assert sorted(run["partition_key"] for run in backfilled) == BACKFILLED
    assert {run["state"] for run in backfilled} == {"success"}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_start_a_day(finished, way):
    run = finished["runs"][finished["by_hand"][way]]
    assert run["state"] == ("failed" if WAYS[way][1] is None else "success")


def test_a_key_that_is_no_day_is_refused_when_triggered(airflow):
    body = {"logical_date": None, "partition_key": "Sunday"}
    assert airflow.api.status("POST", "/api/v2/dags/sdk_log_daily/dagRuns", body) == 400


def test_each_published_day_is_an_event_with_its_key_and_figures(finished):
    assert sorted(event["partition_key"] for event in finished["events"]) == sorted(PUBLISHED)
    assert all(event["extra"]["rows"] > 0 and event["extra"]["ratio"] > 1 for event in finished["events"])


def test_a_run_by_hand_shows_its_day_as_scheduled_runs_do(finished):
    keys = {way: finished["runs"][run_id]["partition_key"] for way, run_id in finished["by_hand"].items()}
    assert keys == {
        "partition key": BY_HAND,
        "form": BY_HAND,
        "key and form disagree": BY_HAND,
        "nothing": None,
        "a key that is no day as we write it": "2021-12-6",
    }


def test_the_example_follows_each_published_day(finished):
    # One run for two events of a day where the scheduler had not yet answered the first: Airflow joins them.
    followed = Counter(run["partition_key"] for run in finished["examples"])
    published = Counter(PUBLISHED)
    assert set(followed) == set(published)
    assert followed <= published
    assert {run["state"] for run in finished["examples"]} == {"success"}


def test_the_lake_holds_the_days_and_no_staging(airflow, finished):
    days = {path.parent.name for path in airflow.lake.glob("sdk_log/data/dt=*/*.parquet")}
    assert days == {f"dt={day}" for day in (*BACKFILLED, BY_HAND)}
    assert not [path for path in airflow.lake.glob("*/_staging/**/*") if path.is_file()]


def test_the_page_of_published_days_is_for_users_only(airflow, finished):
    assert Api(airflow.api.base).status("GET", "/logpress/") == 401
    assert Api(airflow.api.base).status("GET", f"/logpress/sdk_log/{BY_HAND}") == 401
    page = airflow.api("GET", "/logpress/sdk_log?state=published")
    assert all(day in page for day in (*BACKFILLED, BY_HAND))
    assert "func_name" in airflow.api("GET", f"/logpress/sdk_log/{BY_HAND}")


def test_clearing_publish_presses_and_proves_again(airflow, finished):
    run = quote(finished["by_hand"]["form"])
    path = f"/api/v2/dags/sdk_log_daily/dagRuns/{run}"

    def tries() -> dict[str, int]:
        tasks = airflow.api("GET", f"{path}/taskInstances")["task_instances"]
        return {task["task_id"]: task["try_number"] for task in tasks}

    before = tries()
    clear = {"dag_run_id": unquote(run), "task_ids": ["publish"], "include_downstream": True}
    clear |= {"only_failed": False, "dry_run": False, "reset_dag_runs": True}
    airflow.api("POST", "/api/v2/dags/sdk_log_daily/clearTaskInstances", clear)
    wait_for("the cleared run", lambda: airflow.api("GET", path)["state"] == "success")
    again = {"open_staging", "press", "verify", "publish", "report", "clean"}
    assert tries() == {task: count + (task in again) for task, count in before.items()}


def test_nothing_listens_beyond_this_machine(airflow):
    family = [
        airflow.process.pid,
        *(child.pid for child in psutil.Process(airflow.process.pid).children(recursive=True)),
    ]
    listening = [
        connection.laddr.ip
        for connection in psutil.net_connections("inet")
        if connection.pid in family and connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}


def test_ctrl_c_stops_everything(airflow, finished):
    family = psutil.Process(airflow.process.pid).children(recursive=True)
    airflow.process.send_signal(signal.SIGINT)
    assert airflow.process.wait(90) == 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
