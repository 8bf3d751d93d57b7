"""Size reports of published days: one day, or a range of them with totals."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

from logpress.contract.model import Contract
from logpress.errors import LogpressError, UsageError
from logpress.lake import Lake
from logpress.manifest import DayManifest
from logpress.quality.days_report import DaysReport
from logpress.quality.prices import DEFAULT, Prices
from logpress.quality.size_report import MEDIAN_DAYS, DayReport, bytes_a_record

_AT_ONCE = 8
"""Manifests that are read at a time; each takes a round trip from an object store."""


def report_day(lake: Lake, contract: Contract, day: date, prices: Prices = DEFAULT) -> DayReport:
    """The report of a published day.

    Raises:
        LakeError: if the day is not published, or its manifest cannot be read.
    """
    manifest = lake.need_day(contract.table, day)
    found, _ = _read(lake, contract.table, _before(lake.days(contract.table), day, day))
    return _report(manifest, contract, found, prices)


def report_days(lake: Lake, contract: Contract, first: date, last: date, prices: Prices = DEFAULT) -> DaysReport:
    """The reports of the published days of a range, and their totals.

    Args:
        lake: the lake.
        contract: the table.
        first: first day.
        last: last day, included; both are moved to the first and last published ones that they span.
        prices: what storage costs.

    Raises:
        UsageError: if the first day is after the last, or none of them is published.
        LakeError: if the lake cannot be read.
    """
    if first > last:
        raise UsageError(f"--from {first} is after --to {last}; swap them")
    published = lake.days(contract.table)
    wanted = [day for day in published if first <= day <= last]
    if not wanted:
        known = f"its published days are {published[0]} to {published[-1]}" if published else "no day is published"
        raise UsageError(f"{lake.uri}: {contract.table} has no day from {first} to {last}; {known}")
    found, problems = _read(lake, contract.table, {*wanted, *_before(published, wanted[0], wanted[-1])})
    reports = [_report(found[day], contract, found, prices) for day in wanted if day in found]
    unreadable = {day.isoformat(): text for day, text in problems.items() if day in wanted}
    return DaysReport.of(contract.table, wanted[0], wanted[-1], reports, unreadable, prices)


def _before(published: Iterable[date], first: date, last: date) -> list[date]:
    """The published days whose figures the days from `first` to `last` are compared with, beside themselves."""
    return [day for day in published if first - timedelta(days=MEDIAN_DAYS) <= day < last]


def _read(lake: Lake, table: str, days: Iterable[date]) -> tuple[dict[date, DayManifest], dict[date, str]]:
    """(The manifests of days, why others cannot be read)."""

    def read(day: date) -> DayManifest | str:
        try:
            return lake.need_day(table, day)
        except LogpressError as error:
            return str(error)

    wanted = sorted(days)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip(wanted, pool.map(read, wanted), strict=True))
    return (
        {day: one for day, one in found.items() if isinstance(one, DayManifest)},
        {day: one for day, one in found.items() if isinstance(one, str)},
    )


def _report(manifest: DayManifest, contract: Contract, known: dict[date, DayManifest], prices: Prices) -> DayReport:
    day = date.fromisoformat(manifest.day)
    earlier = [
        size
        for number in range(1, MEDIAN_DAYS + 1)
        if (before := known.get(day - timedelta(days=number))) and (size := bytes_a_record(before)) is not None
    ]
    return DayReport.of(manifest, contract, earlier=earlier, prices=prices)
