"""Robust statistics for a handful of earlier days: medians, and how far from them is still as usual."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

CONSISTENCY = 1.4826
"""Median absolute deviation times this is the standard deviation of a normal distribution: 1 / Phi^-1(3/4)."""


@dataclass(frozen=True)
class Usual:
    """What a number usually is.

    Attributes:
        median: of the earlier days.
        spread: their robust standard deviation.
    """

    median: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Usual:
        """The usual of some values, at least one."""
        middle = median(values)
        return cls(middle, CONSISTENCY * median(abs(value - middle) for value in values))


def ratio_bounds(values: Sequence[float], min_change: float, deviations: float) -> tuple[float, float]:
    """The lowest and the highest number that is as usual, by its ratio to the median.

    Ratios are compared by their logarithms, so half and double are as far away.

    Args:
        values: those of earlier days; 0 is infinitely far from all others. If the median is 0, any number is as usual.
        min_change: smallest change that counts: 0.4 for 40 % more, or as much less (1 / 1.4).
        deviations: robust standard deviations that are still as usual.
    """
    logarithms = [math.log(value) if value > 0 else -math.inf for value in values]
    if math.isinf(median(logarithms)):
        return 0.0, math.inf
    usual = Usual.of(logarithms)
    width = max(math.log1p(min_change), deviations * usual.spread)
    return math.exp(usual.median - width), math.exp(usual.median + width)


def clustering(days: Sequence[Mapping[Any, float]]) -> float:
    """How many times larger the variance of counts is than that of independent rows; 1 or more.

    Rows come in clusters, as the calls of a session, which share a game, a version, an hour. So counts vary from day to
    day as if there were fewer rows, each of which counted so many times (quasi-Poisson: Wedderburn, 1974). It is the
    median, over all values, of the variance of a value's counts divided by their mean, corrected for the skewness of
    the variance of so few days.

    Args:
        days: rows by value, for each of at least 2 days; days are scaled to the same number of rows.
    """
    sizes = [sum(day.values()) for day in days]
    scale = median(sizes)
    ratios = []
    for value in set().union(*days):
        counts = [day.get(value, 0.0) * scale / max(size, 1.0) for day, size in zip(days, sizes, strict=True)]
        mean = sum(counts) / len(counts)
        if mean >= _LEAST_MEAN:
            ratios.append(sum((count - mean) ** 2 for count in counts) / (len(counts) - 1) / mean)
    if not ratios:
        return 1.0
    freedom = len(days) - 1
    return max(1.0, median(ratios) / (1 - 2 / (9 * freedom)) ** 3)  # median of chi-squared: Wilson and Hilferty, 1931


_LEAST_MEAN = 5.0
"""Rows that a value must have on average for its variance to tell something."""


def deviations_of_count(observed: float, expected: float, clusters: float) -> float:
    """How many standard deviations a count of rows lies from the expected one; negative if it is less.

    Square roots of Poisson counts have a standard deviation of 1/2 (Anscombe, "The transformation of Poisson, binomial
    and negative-binomial data", Biometrika 35, 1948), also of small ones: 0 of 25 expected is -9 deviations.

    Args:
        observed: rows.
        expected: rows.
        clusters: see `clustering`; so many rows count as one.
    """
    return 2 * (math.sqrt(observed / clusters + 0.375) - math.sqrt(expected / clusters + 0.375))


def moderated(spread: float, days: int) -> float:
    """The standard deviation of a value's deviations, of which few days tell little: pulled towards that of all, 1.

    It weighs its own variance by its degrees of freedom, and that of all values by _PRIOR_DAYS (Smyth, "Linear models
    and empirical Bayes methods", Statistical Applications in Genetics and Molecular Biology 3, 2004); 1 or more.

    Args:
        spread: of the value's own `deviations_of_count`, robust.
        days: on which it was seen.
    """
    freedom = max(0, days - 1)
    return max(1.0, math.sqrt((freedom * spread**2 + _PRIOR_DAYS) / (freedom + _PRIOR_DAYS)))


_PRIOR_DAYS = 12
"""Days of its own that a value would need to weigh as much as all values."""


def is_new(rows: float, days: int, clusters: float) -> bool:
    """Whether a value that no earlier day had is more than one that is rare.

    If a value came as often on each day, the probability that all its n clusters fall on the last of d + 1 days is
    (d + 1)^-n; below 10^-7 it is taken for new.

    Args:
        rows: that have it today.
        days: earlier days without it.
        clusters: see `clustering`.
    """
    return rows / clusters * math.log(days + 1) >= 7 * math.log(10)


def share_bounds(shares: Sequence[float], rows: int, min_change: float, deviations: float) -> tuple[float, float]:
    """The lowest and the highest share that is as usual, by its difference from the median.

    Args:
        shares: those of earlier days.
        rows: of which the new share is one; so few of them make it noisy.
        min_change: smallest difference that counts.
        deviations: robust standard deviations that are still as usual.
    """
    usual = Usual.of(shares)
    likely = min(max(usual.median, 1 / max(rows, 1)), 0.5)
    noise = math.sqrt(likely * (1 - likely) / max(rows, 1))
    width = max(min_change, deviations * max(usual.spread, noise))
    return usual.median - width, usual.median + width


def distance(one: Mapping[Any, float], two: Mapping[Any, float]) -> float:
    """The Jensen-Shannon distance of two distributions: 0 if they are equal, 1 if they have no value in common.

    It is the square root of the Jensen-Shannon divergence in bits (Lin, "Divergence measures based on the Shannon
    entropy", IEEE Transactions on Information Theory 37, 1991), a metric (Endres and Schindelin, 2003).

    Args:
        one: rows, or any other weights, by value.
        two: the same; weights need not add up to the same.
    """
    whole_one, whole_two = sum(one.values()), sum(two.values())
    if not whole_one or not whole_two:
        return 0.0 if whole_one == whole_two else 1.0
    divergence = 0.0
    for value in one.keys() | two.keys():
        p, q = one.get(value, 0.0) / whole_one, two.get(value, 0.0) / whole_two
        middle = (p + q) / 2
        divergence += sum(share * math.log2(share / middle) for share in (p, q) if share > 0) / 2
    return math.sqrt(min(1.0, max(0.0, divergence)))


def distance_by_chance(values: int, rows_one: float, rows_two: float) -> float:
    """About the distance that two samples of one distribution have: their divergence is chi-squared in the limit.

    Twice the log-likelihood ratio of two samples of n and m rows over k values is chi-squared with k - 1 degrees of
    freedom, whose mean is k - 1 (Wilks, 1938); for n = m it is 8 ln 2 times n / 2 times the divergence.

    Args:
        values: different values, k.
        rows_one: n.
        rows_two: m.
    """
    if rows_one <= 0 or rows_two <= 0:
        return 1.0
    return math.sqrt(max(0, values - 1) * (1 / rows_one + 1 / rows_two) / (8 * math.log(2)))
