"""Contracts of a table over time: which days were pressed under which."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from logpress.contract.columns import Column, is_stored_too
from logpress.contract.model import Contract
from logpress.engine.part.opened_part import OpenedPart
from logpress.lake import Lake

_AT_A_TIME = 8


@dataclass(frozen=True)
class Period:
    """Days that follow each other, pressed under one contract as far as its columns go.

    Attributes:
        contract: the contract.
        last: the last day; None for all days to come.
    """

    contract: Contract
    last: date | None = None


def periods_of(contracts: Sequence[tuple[date, Contract]], to_come: Contract | None = None) -> tuple[Period, ...]:
    """Periods from the contracts of days, ascending; the last one has no end.

    Args:
        contracts: the days and their contracts.
        to_come: the contract of days to come; that of the last day if None.
    """
    found: list[Period] = []
    for day, contract in [*contracts, *([(date.max, to_come)] if to_come is not None else [])]:
        if found and _columns(found[-1].contract) == _columns(contract):
            found.pop()
        found.append(Period(contract, day))
    return (*found[:-1], Period(found[-1].contract))


def contracts_of(lake: Lake, table: str) -> list[tuple[date, Contract]]:
    """The contract of each published day that has rows, ascending: that of its first part, as all are pressed alike.

    Raises:
        LakeError: if the lake cannot be read.
        PartError: if a part is gone or damaged.
    """
    paths = []
    for day in lake.days(table):
        manifest = lake.read_day(table, day)
        found = lake.files(manifest)[0] if manifest is not None else []
        if found:
            paths.append((day, found[0]))
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        contracts = pool.map(lambda found: OpenedPart.open(found[1]).metadata.contract, paths)
        return [(day, contract) for (day, _), contract in zip(paths, contracts, strict=True)]


def noted(periods: Sequence[Period]) -> str:
    """Periods as a short text: the last day of each, and a digest of what its formulas depend on."""
    return json.dumps([[period.last and period.last.isoformat(), _digest(period.contract)] for period in periods])


def is_noted(text: str, day: date, contract: Contract) -> bool:
    """Whether a text of `noted` has a day in a period of the same columns; not if it is damaged."""
    try:
        digests = [digest for last, digest in json.loads(text) if last is None or day <= date.fromisoformat(last)]
    except (ValueError, TypeError):
        return False
    return digests[:1] == [_digest(contract)]


def _digest(contract: Contract) -> str:
    said = {name: column.model_dump(mode="json") for name, column in _columns(contract).items()}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _columns(contract: Contract) -> dict[str, Column]:
    """What formulas depend on, and whether files have virtual columns, too."""
    left_out = {"path": ("any",), "description": "", "nullable": True}
    return {
        column.name: column.model_copy(update={**left_out, "storage": "stored" if is_stored_too(column) else None})
        for column in contract.columns
    }
