"""Metrics of a day: their values, and that a real OpenTelemetry endpoint gets them."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime

import pytest
from tests.dags.receivers import statsd, webhooks

from logpress.manifest import DayManifest, PartStats, SliceManifest
from logpress.results import CheckResult
from logpress_dags import metrics

DAY = date(2021, 12, 26)
CHECKS = [
    CheckResult(check="min_rows", level="fail", ok=False, message="few"),
    CheckResult(check="range x", level="warn", ok=False, message="far"),
    CheckResult(check="range y", level="warn", ok=False, message="far"),
    CheckResult(check="range z", level="warn", ok=True, message="near"),
]


def manifest() -> DayManifest:
    part = PartStats(path="part-a-00.parquet", rows=90, row_groups=1, stored_bytes=500, sha256="00", columns=())
    slices = [
        SliceManifest(
            table="sdk_log", day=DAY.isoformat(), slice=name, origins=(), records=100, rows=90, irregular_rows=7,
            rejects=10, other_day=0, raw_bytes=60_000, digest="00", part=part, seconds=2.5,
        )
        for name in ("a", "b")
    ]  # fmt: skip
    return DayManifest(
        table="sdk_log", day=DAY.isoformat(), published_at=datetime(2021, 12, 27, tzinfo=UTC), slices=slices
    )


def test_the_figures_are_those_of_the_manifest():
    assert metrics.figures(manifest(), CHECKS, datetime(2021, 12, 27, 3, 0, 1, tzinfo=UTC)) == {
        "records": 200,
        "rows": 180,
        "raw_bytes": 120_000,
        "stored_bytes": 1_000,
        "ratio": 120.0,
        "irregular": 14,
        "rejects": 20,
        "checks_warned": 2,
        "checks_failed": 1,
        "age_seconds": 10_801,
    }
    assert set(metrics.figures(manifest(), (), datetime.now(UTC))) == set(metrics.DAY)


SEND = """
from datetime import date
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
from logpress_dags import metrics
from tests.dags.test_metrics import CHECKS, DAY, manifest
stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
with metrics.timed("sdk_log", "plan"):
    pass
metrics.day_published(manifest(), CHECKS, [DAY, date.fromisoformat({newest!r})])
"""


def send(newest: str, **settings: str) -> None:
    """Send what a task sends, from a process of its own, as a task is one."""
    environment = {**os.environ, **{f"AIRFLOW__METRICS__{name}": value for name, value in settings.items()}}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    subprocess.run([sys.executable, "-c", SEND.format(newest=newest)], env=environment, check=True, timeout=60)


@pytest.mark.parametrize(("newest", "is_sent"), [("2021-12-26", True), ("2021-12-27", False)])
def test_statsd_gets_the_figures_of_the_newest_day_only(airflow_home, newest, is_sent):
    with statsd() as (port, lines):
        send(newest, STATSD_ON="True", STATSD_HOST="127.0.0.1", STATSD_PORT=str(port), STATSD_INFLUXDB_ENABLED="True")
    assert "airflow.logpress.day.seconds,table=sdk_log,stage=press:5.0|g" in lines
    assert ("airflow.logpress.day.rows,table=sdk_log:180|g" in lines) == is_sent
    sent = [line for line in lines if line.startswith("airflow.logpress.day.") and "stage=" not in line]
    assert len(sent) == (len(metrics.DAY) if is_sent else 0)


def test_opentelemetry_gets_them_with_their_tags(airflow_home):
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    with webhooks() as server:
        send("2021-12-26", OTEL_ON="True", OTEL_HOST="127.0.0.1", OTEL_PORT=str(server.port))
    found = {}
    for posted in server.posted:
        assert posted.path == "/v1/metrics"
        for resource in ExportMetricsServiceRequest.FromString(posted.body).resource_metrics:
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                for point in metric.gauge.data_points:
                    tags = {tag.key: tag.value.string_value for tag in point.attributes}
                    found[metric.name, tags["table"], tags.get("stage")] = point.as_double or point.as_int
    assert found["airflow.logpress.day.rows", "sdk_log", None] == 180
    assert found["airflow.logpress.day.seconds", "sdk_log", "press"] == 5.0
    assert {name for name, _, stage in found if stage is None} == {
        f"airflow.logpress.day.{name}" for name in metrics.DAY
    }
