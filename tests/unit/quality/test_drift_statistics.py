"""The statistics of drift: properties that they have for all numbers, and figures that are known from elsewhere."""

from __future__ import annotations

import math
import statistics
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from logpress.quality.drift.statistics import (
    Usual,
    clustering,
    deviations_of_count,
    distance,
    distance_by_chance,
    is_new,
    moderated,
    ratio_bounds,
    share_bounds,
)

WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 10**9) | st.just(0), max_size=6)
POSITIVE = st.floats(1e-3, 1e12)
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=9)


# -- distances


@given(WEIGHTS, WEIGHTS, WEIGHTS)
def test_the_distance_is_a_metric_from_0_to_1(one: dict[str, int], two: dict[str, int], three: dict[str, int]) -> None:
    assume(all(sum(weights.values()) for weights in (one, two, three)))
    assert 0 <= distance(one, two) <= 1
    assert distance(one, two) == pytest.approx(distance(two, one), abs=1e-9)
    assert distance(one, three) <= distance(one, two) + distance(two, three) + 1e-7
    assert distance(one, {value: 3 * rows for value, rows in one.items()}) == pytest.approx(0, abs=1e-7)


@given(WEIGHTS, WEIGHTS)
def test_the_distance_is_1_without_a_common_value(one: dict[str, int], two: dict[str, int]) -> None:
    assume(sum(one.values()) and sum(two.values()))
    assert distance(one, {value.upper(): rows for value, rows in two.items()}) == pytest.approx(1)


def test_distances_that_are_known() -> None:
    """(1/2, 1/2) and (1, 0): the divergence is 3/4 log2(4/3) x ... = 0.3113 bits (Lin, 1991, by hand)."""
    divergence = 0.5 * (0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25)) + 0.5 * math.log2(1 / 0.75)
    assert distance({"a": 1, "b": 1}, {"a": 7}) == pytest.approx(math.sqrt(divergence))
    assert divergence == pytest.approx(0.31128, abs=1e-5)
    assert distance({}, {}) == distance({"a": 0}, {}) == 0
    assert distance({}, {"a": 1}) == 1


@pytest.mark.parametrize("values", [2, 10, 100])
def test_two_samples_of_a_distribution_are_as_far_apart_as_chance_has_it(values: int) -> None:
    random = np.random.default_rng(values)
    found = []
    for _ in range(200):
        one, two = (dict(enumerate(random.multinomial(size, [1 / values] * values))) for size in (20_000, 5_000))
        found.append(distance(one, two) ** 2)
    assert math.sqrt(statistics.fmean(found)) == pytest.approx(distance_by_chance(values, 20_000, 5_000), rel=0.15)
    assert distance_by_chance(values, 0, 5) == 1.0
    assert distance_by_chance(1, 5, 5) == 0.0


# -- bounds


@given(st.lists(POSITIVE, min_size=1, max_size=9), st.floats(0.001, 10), st.floats(0.1, 10))
def test_bounds_of_ratios_have_the_median_in_their_middle(
    values: list[float], min_change: float, deviations: float
) -> None:
    low, high = ratio_bounds(values, min_change, deviations)
    middle = math.exp(statistics.median(map(math.log, values)))
    assert low * (1 + min_change) <= middle * (1 + 1e-9)
    assert high >= middle * (1 + min_change) * (1 - 1e-9)
    if math.isfinite(high):
        assert low * high == pytest.approx(middle**2, rel=1e-6) or low == 0
    wider = ratio_bounds(values, 2 * min_change, 2 * deviations)
    assert wider[0] <= low
    assert wider[1] >= high


def test_a_day_without_rows_is_no_reason_to_take_any_number_for_usual() -> None:
    assert ratio_bounds([1000, 0, 1000, 1000], 0.4, 5) == pytest.approx((1000 / 1.4, 1400))
    assert ratio_bounds([0, 0, 1000], 0.4, 5) == (0.0, math.inf)
    assert ratio_bounds([0, 0, 1000, 1000], 0.4, 5) == (0.0, math.inf)


@given(SHARES, st.integers(0, 10**9), st.floats(1e-4, 1), st.floats(0.1, 10))
def test_bounds_of_shares_have_the_median_in_their_middle(
    shares: list[float], rows: int, min_change: float, deviations: float
) -> None:
    low, high = share_bounds(shares, rows, min_change, deviations)
    middle = statistics.median(shares)
    assert low <= middle - min_change + 1e-12
    assert high >= middle + min_change - 1e-12
    assert low + high == pytest.approx(2 * middle, abs=1e-6)
    fewer = share_bounds(shares, rows // 10, min_change, deviations)
    assert fewer[1] >= high  # fewer rows tell less


def test_one_day_that_is_far_off_does_not_widen_bounds() -> None:
    usual = [0.1, 0.1001, 0.0999, 0.1]
    assert share_bounds([*usual, 0.9], 10**6, 0.01, 5)[1] == pytest.approx(0.11, abs=0.001)
    assert ratio_bounds([*(1000 * share for share in usual), 10**6], 0.4, 5)[1] == pytest.approx(140, rel=0.01)


def test_the_robust_spread_is_the_standard_deviation_of_a_normal_distribution() -> None:
    values = np.random.default_rng(1).normal(5, 3, 20_000).tolist()
    assert Usual.of(values).median == pytest.approx(5, abs=0.1)
    assert Usual.of(values).spread == pytest.approx(3, abs=0.1)


# -- counts


@pytest.mark.parametrize("size", [1, 4, 25])
@pytest.mark.parametrize("days", [3, 4, 7])
def test_clustering_is_about_the_size_of_clusters(size: int, days: int) -> None:
    random = np.random.default_rng(100 * size + days)
    found = []
    for _ in range(20):
        past = [dict(enumerate((size * random.poisson(400, 100)).tolist())) for _ in range(days)]
        found.append(clustering(past))
    assert statistics.median(found) == pytest.approx(size, rel=0.15)


@given(st.lists(WEIGHTS, min_size=2, max_size=7))
def test_clustering_is_never_below_1(days: list[dict[str, int]]) -> None:
    assert clustering(days) >= 1
    assert clustering([{value: 10 * rows for value, rows in day.items()} for day in days]) >= 1


def test_days_of_other_sizes_are_no_clusters() -> None:
    random = np.random.default_rng(5)
    past = [dict(enumerate(random.poisson(400 * size, 200).tolist())) for size in (1, 2, 0.5, 1.3)]
    assert clustering(past) == pytest.approx(1, abs=0.35)
    assert clustering([{}, {}, {}]) == clustering([{"a": 0.0}] * 3) == 1


@pytest.mark.parametrize("clusters", [1.0, 9.0])
def test_deviations_of_counts_are_about_normal(clusters: float) -> None:
    counts = clusters * np.random.default_rng(3).poisson(50, 20_000)
    found = [deviations_of_count(float(count), 50 * clusters, clusters) for count in counts]
    assert statistics.fmean(found) == pytest.approx(0, abs=0.1)
    assert statistics.stdev(found) == pytest.approx(1, abs=0.05)
    assert deviations_of_count(0, 25, 1) == pytest.approx(-9, abs=0.2)


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(1, 1e4))
def test_more_rows_are_more_deviations(one: float, two: float, clusters: float) -> None:
    assert (deviations_of_count(one, 1000, clusters) <= deviations_of_count(two, 1000, clusters)) or one > two
    assert deviations_of_count(one, one, clusters) == 0


@given(st.floats(0, 100), st.floats(0, 100), st.integers(0, 30))
def test_moderated_lies_between_1_and_the_days_own(one: float, two: float, days: int) -> None:
    assert 1 <= moderated(one, days) <= max(1, one)
    assert (moderated(one, days) <= moderated(two, days)) or one > two
    assert moderated(50, days) <= moderated(50, days + 1)


@given(st.floats(0, 1e9), st.integers(0, 30), st.floats(1, 1e3), st.floats(1, 10))
def test_what_is_new_stays_new_with_more_rows_more_days_and_smaller_clusters(
    rows: float, days: int, clusters: float, more: float
) -> None:
    if is_new(rows, days, clusters):
        assert is_new(rows * more, days, clusters)
        assert is_new(rows, days + 1, clusters)
        assert is_new(rows, days, max(1, clusters / more))
    else:
        assert not is_new(rows / more, days, clusters)
    assert not is_new(rows, 0, clusters)


def test_rare_values_are_seldom_taken_for_new() -> None:
    """A value with 3 rows a day, on one of 5 days only: its rows of all days fell on the last one."""
    random = np.random.default_rng(9)
    found = Counter[bool]()
    for _ in range(2_000):
        counts = random.poisson(3, 5)
        if not counts[:4].any():
            found[is_new(float(counts[4]), 4, 1)] += 1
    assert found[True] == 0
    assert is_new(20, 4, 1)
    assert not is_new(20, 4, 5)
