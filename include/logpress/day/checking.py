"""Try a contract's checks on published days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from logpress.contract.model import Contract
from logpress.day.past import past_of
from logpress.errors import UsageError
from logpress.lake import Lake
from logpress.quality.checks.run import input_warnings, kept_whole, run_checks
from logpress.quality.drift.figures import DayFigures
from logpress.results import CheckResult, Profile


@dataclass(frozen=True)
class CheckedDay:
    """The results of checks of a published day.

    Attributes:
        seconds: time that the checks took, reading included.
    """

    day: date
    checks: tuple[CheckResult, ...]
    profile: Profile
    seconds: float


def check_published(contract: Contract, first: date, last: date, lake_uri: str) -> Iterator[CheckedDay]:
    """Run the checks that a contract has now on published days, one after the other; nothing in the lake changes.

    Days that an older logpress has pressed have no profile; if they are checked here, later days are compared with the
    profile that is made here.

    Args:
        contract: the table.
        first: the first UTC day.
        last: the last one.
        lake_uri: the lake.

    Raises:
        UsageError: if the lake does not exist, or no day is published.
        ContractError: if a check's condition or pattern cannot be used.
        LakeError: if the lake cannot be read.
        PartError: if a part is damaged.
    """
    lake = Lake.open(lake_uri)
    days = [day for day in lake.days(contract.table) if first <= day <= last]
    if not days:
        raise UsageError(f"{lake.uri}: no day of {contract.table} is published from {first} to {last}")
    made: dict[date, DayFigures] = {}
    for day in days:
        manifest = lake.need_day(contract.table, day)
        past = {figures.day: figures for figures in past_of(lake, contract, day)}
        past.update({one: figures for one, figures in made.items() if one not in past})
        findings = run_checks(contract, manifest.slices, lake.files(manifest)[0], list(past.values()))
        made[day] = DayFigures.of(manifest.slices, findings.profile)
        results = (*findings.checks, *input_warnings(manifest.slices), *kept_whole(manifest.slices))
        yield CheckedDay(day, results, findings.profile, findings.seconds)
