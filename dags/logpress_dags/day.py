"""The UTC day of a DAG run, the time at which that day is complete, and the name of the run's staging."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime, time, timedelta

from logpress.contract.model import parse_day
from logpress.errors import UsageError


def day_of_run(partition_key: str | None, form_day: str | None, logical_date: datetime | None) -> date:
    """The day of a run.

    It is the partition key (scheduled runs, backfills, runs triggered with a key), else the form's `day`, else the
    UTC date of the logical date (`airflow dags test`). The data interval is never used, because it is empty in some
    kinds of run, and off by one day in others.

    Args:
        partition_key: the run's partition key, YYYY-MM-DD.
        form_day: the `day` of the run's form or configuration, YYYY-MM-DD.
        logical_date: the run's logical date, with a time zone.

    Raises:
        UsageError: if none of the three is given, one is not a day, or two of them disagree.
    """
    days: dict[str, date] = {}
    for source, text in (("partition key", partition_key), ("form's day", form_day)):
        if text:
            try:
                days[source] = parse_day(text)
            except ValueError as error:
                raise UsageError(f"the {source} is wrong: {error}") from error
    if logical_date is not None:
        days["logical date"] = logical_date.astimezone(UTC).date()
    if not days:
        raise UsageError(
            "this run has no day; trigger it with a partition key (under Advanced Options), or with `day` in its form, "
            "such as 2021-12-26"
        )
    if len(set(days.values())) > 1:
        named = ", ".join(f"the {source} {day}" for source, day in days.items())
        raise UsageError(f"this run has two days ({named}); trigger it again with one of them")
    return next(iter(days.values()))


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
