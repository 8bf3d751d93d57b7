"""When the day of a DAG run is complete, and the name of the run's staging."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime, time, timedelta

from logpress.errors import UsageError


def complete_at(day: date, lateness: timedelta) -> datetime:
    """The UTC instant at which a day counts as complete: its end plus the lateness of its records."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC) + lateness


def is_complete(day: date, lateness: timedelta, now: datetime) -> bool:
    """Whether all records of a day should have arrived.

    Raises:
        UsageError: if the day has not begun.
    """
    now = now.astimezone(UTC)
    if day > now.date():
        raise UsageError(f"{day} has not begun yet (it is {now:%Y-%m-%d %H:%M} UTC); give an earlier day")
    return now >= complete_at(day, lateness)


def staging_name(run_id: str) -> str:
    """The name of a run's staging: safe in a path, equal in all tries of the run, and different for other runs."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", run_id).strip("-")[:60]
    return f"{readable}-{hashlib.sha256(run_id.encode()).hexdigest()[:12]}"
