"""Airflow itself, and all that it tells: of a failed day, of warnings, a good day, a late one; metrics; lineage.

Everything goes to real servers: SMTP, HTTP, StatsD's UDP, and OpenLineage's HTTP endpoint.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.dags.airflow_api import wait_for
from tests.dags.receivers import Mails, Webhooks, mails, statsd, webhooks
from tests.dags.running import ROOT, Started, started

from logpress.sample import parse_hours, write_sample

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_500)]  # the first test waits for all runs

FAILED, WARNED, GOOD = "2021-12-23", "2021-12-24", "2021-12-25"
SECRET = "wJalrXUtnFEMI-K7MDENG"
RECORDS = 2_000


@dataclass
class Told:
    """A running Airflow, the servers that it tells, and its runs by name."""

    airflow: Started
    other: Path
    hook: Webhooks
    mail: Mails
    metrics: list[str]
    lineage: Webhooks
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def messages(self, **wanted: str) -> list[dict[str, Any]]:
        """What the webhook got."""
        return [told for told in (posted.json for posted in self.hook.posted) if wanted.items() <= told.items()]


def make_raw(folder: Path) -> None:
    """Three days: one of garbage, one with some garbage, and a good one."""
    for day in (WARNED, GOOD):
        write_sample(folder / day, date.fromisoformat(day), RECORDS, hours=parse_hours("10"))
    garbage = b"this is no JSON\n" * (RECORDS // 10)
    for day in (FAILED, WARNED):
        (folder / day).mkdir(exist_ok=True)
        (folder / day / "garbage.log").write_bytes(garbage)


def contract(**alerts: str) -> str:
    text = (ROOT / "include/logpress/contract/tables/sdk_log.yaml").read_text()
    text = text.replace("\n  lateness: PT1H\n", "\n  lateness: PT0S\n", 1)
    assert "lateness: PT0S" in text
    return text + (f"\nalerts: {json.dumps(alerts)}\n" if alerts else "")


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> Iterator[Told]:
    home = tmp_path_factory.mktemp("airflow")
    contracts = home / "contracts"
    contracts.mkdir()
    (contracts / "sdk_log.yaml").write_text(contract())
    make_raw(home / "raw")
    with ExitStack() as stack:
        hook, lineage = stack.enter_context(webhooks()), stack.enter_context(webhooks())
        mail = stack.enter_context(mails("robot", SECRET))
        port, lines = stack.enter_context(statsd())
        smtp = {"conn_type": "smtp", "host": "127.0.0.1", "port": mail.port, "login": "robot", "password": SECRET}
        smtp["extra"] = {"disable_ssl": True, "disable_tls": True, "from_email": "a@example.com", "to": "b@example.com"}
        web = {"conn_type": "http", "schema": "http", "host": "127.0.0.1", "port": hook.port, "password": SECRET}
        settings = {
            "AIRFLOW_CONN_MAIL_TEAM": json.dumps(smtp),
            "AIRFLOW_CONN_HOOK": json.dumps(web),
            "AIRFLOW_CONN_GONE": json.dumps({**web, "port": 9}),
            "LOGPRESS_NOTIFY": "gone, mail_team=failure+late, hook",
            "LOGPRESS_CONTRACTS": str(contracts),
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "LOGPRESS_INPUT": str(home / "raw" / "{day}"),
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(port),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "tests",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "http", "url": f"http://127.0.0.1:{lineage.port}", "endpoint": "api/v1/lineage"}
            ),
        }
        airflow = stack.enter_context(started(home, **settings))
        found = Told(airflow, home / "other", hook, mail, lines, lineage)
        airflow.api.wait_for_dags()
        # It is due in 90 s, while the runs go on, and there is no raw input of it.
        due = datetime.now(UTC) - datetime.combine(datetime.now(UTC).date(), time(), UTC) + timedelta(seconds=90)
        late = contract(due=f"PT{due.total_seconds():.0f}S").replace("table: sdk_log", "table: late_log")
        (contracts / "late_log.yaml").write_text(late)
        forms: dict[str, dict[str, Any]] = {
            "failed": {"day": FAILED},
            "warned": {"day": WARNED},
            "good": {"day": GOOD},
            "elsewhere": {"day": GOOD, "lake": str(home / "other")},
            "again": {"day": GOOD, "force": True},
        }
        for name, form in forms.items():  # one after the other: each tells of what was before
            found.runs[name] = ended(airflow, airflow.api.trigger(name, {"conf": form}))
        yield found


STATES = {"success", "failed", "skipped", "upstream_failed"}
"""States in which a task has ended."""


def ended(airflow: Started, run_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        run = airflow.api("GET", f"/api/v2/dags/sdk_log_daily/dagRuns/{run_id}")
        return run if run["state"] in ("success", "failed") else None

    return wait_for(f"the run {run_id}", look)


def logs(told: Told) -> str:
    """All logs of tasks, and of Airflow's parts."""
    folder = Path(told.airflow.environment["AIRFLOW_HOME"]) / "logs"
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*.log"))


def test_each_run_ends_as_its_day_is(told):
    assert {name: run["state"] for name, run in told.runs.items()} == {
        "failed": "failed",
        "warned": "success",
        "good": "success",
        "elsewhere": "success",
        "again": "success",
    }


def test_a_day_that_fails_is_told_once_to_all_who_want_it(told):
    (message,) = told.messages(kind="failure", table="sdk_log")
    assert message["title"] == f"sdk_log {FAILED} failed in verify"
    assert message["sentence"].startswith("CheckError: the day has 0 rows; at least 1 are expected (200 records are")
    assert "200 not_json" in message["sentence"]
    assert message["sentence"].endswith("; the log has the results of all checks")
    assert "/dags/sdk_log_daily/runs/failed/tasks/verify" in message["log_url"]
    assert message["page_url"].endswith(f"/logpress/sdk_log/{FAILED}")
    mail = next(mail for _, mail in told.mail.received if FAILED in mail["Subject"])
    assert mail["Subject"] == f"logpress: sdk_log {FAILED} failed in verify"
    assert "200 not_json" in mail.get_body().get_content()


def test_a_day_with_warnings_is_told_and_then_the_first_good_one(told):
    (warning,) = told.messages(kind="warning")
    assert warning["title"] == f"sdk_log {WARNED} is published with warnings"
    assert "of 2,200 records are rejects (9." in warning["sentence"]
    (recovery,) = told.messages(kind="recovery")
    assert recovery["title"] == f"sdk_log {GOOD} is good again"
    assert recovery["sentence"].endswith(f"the first good day after the warning of {WARNED}.")
    assert not [mail for _, mail in told.mail.received if WARNED in mail["Subject"]]


def test_a_channel_that_is_gone_fails_no_task_and_no_secret_is_in_a_log(told):
    written = logs(told)
    assert f"gone cannot be told that sdk_log {WARNED} is published with warnings: NewConnectionError" in written
    assert "told hook that" in written
    assert SECRET not in written


def test_a_day_that_is_not_published_in_time_is_told_as_late(told):
    yesterday = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    wait_for("the late day", lambda: told.messages(kind="late"), lambda: logs(told)[-3_000:])
    (message,) = told.messages(kind="late")
    assert message["title"] == f"late_log {yesterday} is late"
    assert "is not published" in message["sentence"]
    assert "/dags/late_log_daily/runs/scheduled__" in message["log_url"]
    assert any(f"late_log {yesterday} is late" in mail["Subject"] for _, mail in told.mail.received)


def test_a_run_into_another_lake_updates_no_asset(told):
    events = told.airflow.api("GET", "/api/v2/assets/events?limit=100")["asset_events"]
    assert sorted((event["partition_key"], event["extra"]["changed"]) for event in events) == [
        (WARNED, True),
        (GOOD, False),
        (GOOD, True),
    ]
    assert {event["extra"]["lake"] for event in events} == {str(told.airflow.lake)}
    assert (told.other / "sdk_log").is_dir()


def test_what_follows_a_day_is_skipped_where_nothing_has_changed(told):
    def follow() -> list[str]:
        runs = told.airflow.api.runs("sdk_log_training_example")
        states = []
        for run in runs:
            path = f"/api/v2/dags/sdk_log_training_example/dagRuns/{run['dag_run_id']}/taskInstances"
            tasks = told.airflow.api("GET", path)["task_instances"]
            states += [f"{run['partition_key']} {task['state']}" for task in tasks if task["state"] in STATES]
        return sorted(states) if len(states) == 3 else []

    assert wait_for("the example", follow) == [f"{WARNED} success", f"{GOOD} skipped", f"{GOOD} success"]


def test_runs_by_hand_are_found_by_their_day(told):
    keys = {run["dag_run_id"]: run["partition_key"] for run in told.airflow.api.runs("sdk_log_daily")}
    assert keys == {"failed": FAILED, "warned": WARNED, "good": GOOD, "elsewhere": GOOD, "again": GOOD}
    command = ["airflow", "dags", "clear", "--partition-key", FAILED, "--yes", "sdk_log_daily"]  # as docs/operations.md
    found = subprocess.run(
        [ROOT / "scripts/with-airflow", *command],
        env=told.airflow.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "across 1 Dag run(s)" in found


def test_statsd_gets_the_figures_of_the_newest_day_and_seconds_of_stages(told):
    from logpress_dags import metrics

    sent = {line.split(":")[0]: line.split(":")[1] for line in told.metrics if "logpress" in line}
    for name in metrics.DAY:
        assert f"airflow.{metrics.PREFIX}.{name},table=sdk_log" in sent, sent
    for stage in metrics.STAGES:
        assert {f"airflow.{metrics.SECONDS},table=sdk_log,stage={stage}"} & sent.keys(), sent
    assert sent[f"airflow.{metrics.PREFIX}.records,table=sdk_log"] == f"{RECORDS}|g"
    assert sent[f"airflow.{metrics.PREFIX}.checks_failed,table=sdk_log"] == "0|g"


def test_openlineage_gets_the_table_its_size_and_its_checks(told):
    events = [posted.json for posted in told.lineage.posted]

    def of(task: str, kind: str) -> list[dict[str, Any]]:
        name = f"sdk_log_daily.{task}"
        return [event for event in events if event["job"]["name"] == name and event["eventType"] == kind]

    table = {"namespace": "file", "name": f"{told.airflow.lake}/sdk_log"}
    published = [event for event in of("publish", "RUNNING") if GOOD in json.dumps(event["outputs"])]
    published = [event for event in published if table.items() <= event["outputs"][0].items()]
    assert len(published) == 2  # the good run, and the one again
    (output,) = published[0]["outputs"]
    size = output["outputFacets"]["outputStatistics"]
    assert size["rowCount"] > 0
    assert size["size"] > 0
    assert published[0]["inputs"][0]["name"].endswith("/raw/{day}")
    assertions = [
        assertion
        for event in of("verify", "RUNNING")
        for dataset in event["inputs"]
        for assertion in dataset["inputFacets"]["dataQualityAssertions"]["assertions"]
    ]
    broken = {(found["assertion"], found["severity"]) for found in assertions if not found["success"]}
    assert {("min_rows", "error"), ("max_reject_share", "warn")} <= broken
    assert ("not_null", "func_name") in {(found["assertion"], found.get("column")) for found in assertions}
