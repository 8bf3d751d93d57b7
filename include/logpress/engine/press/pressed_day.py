"""The day whose records are taken, as numbers for kernels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import instant_of
from logpress.contract.model import Contract


@dataclass(frozen=True)
class PressedDay:
    """A UTC day.

    Attributes:
        day: the day.
        number: days since 1970-01-01.
        register: register of the instant whose UTC date is a record's day.
        units_per_second: units of this register a second.
    """

    day: date
    number: int
    register: str
    units_per_second: int

    @classmethod
    def of(cls, contract: Contract, day: date) -> Self:
        """The day for a contract's table."""
        column = instant_of(contract.by_name, contract.day)
        return cls(day, (day - date(1970, 1, 1)).days, column.name, UNITS_PER_SECOND[column.unit])
