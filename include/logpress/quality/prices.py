"""What storage costs: settings of size reports."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

from logpress.errors import UsageError

USD_PER_GB_MONTH = "LOGPRESS_USD_PER_GB_MONTH"
"""The environment's setting: dollars for a GB (2^30 bytes, as S3 counts) that is stored for a month."""

DAYS_KEPT = "LOGPRESS_DAYS_KEPT"
"""The environment's setting: how many days the lake keeps."""

_S3_STANDARD = 0.023
"""Of the first 50 TB in us-east-1 (aws.amazon.com/s3/pricing)."""

_GB = 1 << 30


@dataclass(frozen=True)
class Prices:
    """What a lake is reckoned with.

    Attributes:
        usd_per_gb_month: dollars for 2^30 bytes that are stored for a month.
        days_kept: days that are stored at a time.
    """

    usd_per_gb_month: float = _S3_STANDARD
    days_kept: int = 365

    @classmethod
    def of_environment(cls) -> Self:
        """As the environment sets them.

        Raises:
            UsageError: if it says no number.
        """
        price = _number(USD_PER_GB_MONTH, str(_S3_STANDARD), "dollars, such as 0.023")
        days = _number(DAYS_KEPT, "365", "days, such as 365")
        return cls(price, max(1, int(days)))

    def usd_a_month(self, day_bytes: float) -> float:
        """Dollars a month for `days_kept` days of so many bytes each."""
        return day_bytes * self.days_kept / _GB * self.usd_per_gb_month


DEFAULT = Prices()
"""What is reckoned with where nothing is set."""


def _number(name: str, default: str, what: str) -> float:
    text = os.environ.get(name, "") or default
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < 1e9:  # also not if it is none
        raise UsageError(f"{name} is {text!r}; it should be a number of {what}")
    return found
