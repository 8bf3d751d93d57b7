"""The UTC day of a run of a workflow, for those who make runs, work in them, or watch them."""

from __future__ import annotations

from datetime import UTC, date, datetime

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
