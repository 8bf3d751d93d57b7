"""The bins of a profile's histograms: which numbers each has, and quantiles of what was counted so."""

from __future__ import annotations

from collections.abc import Mapping

LAG_UNITS = 1_000_000
"""Lags of instants are counted in microseconds, and told in seconds."""

DECIMAL_UNITS = 1 << 20
"""Decimals are counted in 2^-20, rounded to the nearest; those beyond 2^42, or 4.4 * 10^12, as if they were that."""


def bin_bounds(number: int) -> tuple[float, float]:
    """The lowest number of a bin, and the one where the next begins, of magnitudes; of a negative bin both negative.

    It is the reverse of `kernels_counts.bin_of`: bins 0 to 3 have one number each; from 4 on, bin b has those from
    (4 + b % 4) * 2^(b // 4 - 1) on. So bin 7 is 7, bin 8 is 8 and 9, bin 11 is 14 and 15.
    """
    magnitude = abs(number)
    if magnitude < 4:
        low, high = float(magnitude), float(magnitude + 1)
    else:
        low, high = (float((4 + b % 4) * 2 ** (b // 4 - 1)) for b in (magnitude, magnitude + 1))
    return (low, high) if number >= 0 else (-low, -high)


def quantile(histogram: Mapping[int, int], share: float) -> float:
    """The number that a share of what was counted does not exceed: the middle of its bin, so to within 12.5 %.

    Args:
        histogram: how many numbers each bin has; at least one.
        share: from 0 to 1.
    """
    wanted = share * sum(histogram.values())
    seen = 0
    for number in sorted(histogram):
        seen += histogram[number]
        if seen >= wanted:
            break
    low, high = bin_bounds(number)
    return low if abs(high - low) <= 1.0 else (low + high) / 2
