"""Figures of a day and seconds of its stages, through Airflow's own metrics: StatsD or OpenTelemetry, as configured."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk.observability import stats

from logpress_dags.day import complete_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from logpress.manifest import DayManifest
    from logpress.results import CheckResult

PREFIX = "logpress.day"
SECONDS = f"{PREFIX}.seconds"
"""Seconds that a stage took, by the tags `table` and `stage`; of `press`, the sum of its slices."""

STAGES = ("plan", "press", "verify", "publish", "report")

DAY = (
    "records",
    "rows",
    "raw_bytes",
    "stored_bytes",
    "ratio",
    "irregular",
    "rejects",
    "checks_warned",
    "checks_failed",
    "age_seconds",
)
"""Gauges of the newest published day, by the tag `table`."""


@contextlib.contextmanager
def timed(table: str, stage: str) -> Iterator[None]:
    """Send how long the content of this context took, unless it raises."""
    began = time.monotonic()
    yield
    took(table, stage, time.monotonic() - began)


def took(table: str, stage: str, seconds: float) -> None:
    """Send how long a stage took."""
    stats.gauge(SECONDS, round(seconds, 3), tags={"table": table, "stage": stage})


def day_published(manifest: DayManifest, checks: Sequence[CheckResult], days: Sequence[date]) -> None:
    """Send the figures of a published day, if it is the newest of its table: a backfill must not look like today.

    Args:
        manifest: of the day.
        checks: the results of its checks, as far as they are known.
        days: all published days of the table.
    """
    table, day = manifest.table, date.fromisoformat(manifest.day)
    took(table, "press", sum(slice_.seconds for slice_ in manifest.slices))
    if _is_newest(day, days):
        _send(table, figures(manifest, checks, datetime.now(UTC)))


def day_refused(table: str, day: date, checks: Sequence[CheckResult], days: Sequence[date]) -> None:
    """Send how many checks a day has broken that is refused for it; for `days` see `day_published`."""
    if _is_newest(day, days):
        _send(table, _broken(checks))


def figures(manifest: DayManifest, checks: Sequence[CheckResult], now: datetime) -> dict[str, float]:
    """The values of the gauges DAY; `age_seconds` is the time between the end of the day and its publication."""
    slices = manifest.slices
    end = complete_at(date.fromisoformat(manifest.day), timedelta(0))
    return {
        "records": sum(slice_.records for slice_ in slices),
        "rows": manifest.rows,
        "raw_bytes": manifest.raw_bytes,
        "stored_bytes": manifest.stored_bytes,
        "ratio": round(manifest.raw_bytes / manifest.stored_bytes, 2) if manifest.stored_bytes else 0.0,
        "irregular": sum(slice_.irregular_rows for slice_ in slices),
        "rejects": manifest.rejects,
        **_broken(checks),
        "age_seconds": round((now - end).total_seconds()),
    }


def _broken(checks: Sequence[CheckResult]) -> dict[str, int]:
    """The number of broken checks, by level."""
    levels = {"checks_warned": "warn", "checks_failed": "fail"}
    return {name: sum(not check.ok and check.level == level for check in checks) for name, level in levels.items()}


def _is_newest(day: date, days: Sequence[date]) -> bool:
    return all(other <= day for other in days)


def _send(table: str, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        stats.gauge(f"{PREFIX}.{name}", value, tags={"table": table})
