"""The earlier days of a table that a day is compared with."""

from __future__ import annotations

from datetime import date

from logpress.contract.model import Contract
from logpress.errors import LakeError
from logpress.lake import Lake
from logpress.quality.drift.figures import DayFigures, candidates


def past_of(lake: Lake, contract: Contract, day: date) -> list[DayFigures]:
    """The figures of the earlier days that checks of drift may compare a day with; none if there are no such checks.

    Days that are not published, whose manifest is damaged, or that an older logpress has pressed are left out.

    Raises:
        LakeError: if the lake cannot be read.
    """
    if all(check.kind != "drift" for check in contract.checks):
        return []
    published = set(lake.days(contract.table))
    found = []
    for one in candidates(day):
        if one not in published:
            continue
        try:
            manifest = lake.read_day(contract.table, one)
        except LakeError:
            continue
        figures = None if manifest is None else DayFigures.of_published(manifest)
        if figures is not None:
            found.append(figures)
    return found
