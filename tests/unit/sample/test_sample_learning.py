"""What can be learned from days of the living population, and cannot from those of the still one."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from bench.entropy_living import answer_bits, arrive, function_bits, generator_lines, walk
from bench.learning import Calls, Learned, calls_of, learn, living_days, still_days, table_of
from rich.console import Console

from logpress.sample import World, series
from logpress.sample.living import LivingDay
from logpress.sample.living.tables import FIRST_ERROR
from logpress.sample.plan import Plan

DAYS = series(date(2021, 12, 20), 8)


@pytest.fixture(scope="module")
def calls() -> Calls:
    return calls_of(living_days(DAYS, 300_000, 7))


@pytest.fixture(scope="module")
def living(calls: Calls) -> Learned:
    return learn(calls)


@pytest.fixture(scope="module")
def still() -> Learned:
    return learn(calls_of(still_days(DAYS[:4], 100_000, 7)))


def test_users_come_back_or_leave(living: Learned, still: Learned) -> None:
    assert 0.65 < living.seen_again < 0.9
    assert still.seen_again < 0.05
    assert len(living.retention) == 7
    assert 0.2 < living.retention[0] < 0.45
    assert 0.08 < living.retention[6] < 0.75 * living.retention[0] + 0.05
    assert 0.5 < living.return_next_day < 0.8
    assert still.retention == ()


def test_games_have_functions_of_their_own(living: Learned, still: Learned) -> None:
    assert 4 < living.function_bits < 4.7
    assert 0.4 < living.game_bits < 1.5
    assert abs(still.game_bits) < 0.05


def test_users_have_habits_beyond_those_of_their_games(living: Learned, still: Learned) -> None:
    assert 0.05 < living.habit_nats < 0.5
    assert 0.4 < living.habit_correlation < 0.9
    assert still.habit_nats < 0
    assert still.habit_correlation < 0.2


def test_calls_go_in_chains(living: Learned, still: Learned) -> None:
    assert living.unigram_nats - living.bigram_nats > 0.8
    assert living.order_nats > 0.2
    assert still.unigram_nats - still.bigram_nats < 0.15
    assert still.order_nats < 0.05


def test_nicknames_change_rarely_and_errors_are_not_shared_evenly(living: Learned, still: Learned) -> None:
    assert 0.001 < living.names_changed < 0.03
    assert living.error_dispersion > 5
    assert still.error_dispersion == pytest.approx(1, abs=0.15)
    assert living.versions > 5


def test_games_grow_and_weekdays_differ(calls: Calls) -> None:
    volume = np.bincount(calls.arrived - calls.arrived.min())
    assert volume[5:7].mean() > 1.1 * volume[:4].mean()  # Saturday and Sunday, Monday to Thursday
    world = World(7, 1.0)
    first, later = (world.games.sizes(day.toordinal()) for day in (DAYS[0], DAYS[-1]))
    assert 0.02 < np.abs(np.log(later / first)).mean() < 0.5


def test_traits_decide_who_goes_backwards(calls: Calls) -> None:
    # of two users of a game with the same functions, the order alone tells
    day = LivingDay.draw(Plan(DAYS[0], 200_000), World(7, 200_000))
    walked = walk(day)
    some = np.flatnonzero(walked.number > 0)
    own = function_bits(walked, some)
    game, network, login, pace, backward, liking = walked.people
    turned = type(walked)(**{**vars(walked), "people": (game, network, login, pace, 1 - backward, liking)})
    with np.errstate(divide="ignore"):  # a function that does not follow the other way round
        assert np.minimum(function_bits(turned, some), 12).mean() > own.mean() + 0.5


def test_the_entropy_is_that_of_the_drawn_calls() -> None:
    day = LivingDay.draw(Plan(DAYS[0], 200_000), World(7, 200_000))
    walked = walk(day)
    assert walked.kept.sum() == 200_000
    some = np.flatnonzero(walked.kept & (walked.number > 0))
    # were the chances others than those of the kernel, the first calls would have more bits than the entropy of the law
    person, before = walked.person[some], walked.call[some - 1]
    weights = walked.successors[walked.people[0][person], walked.people[4][person], before].astype(np.float64)
    weights *= walked.people[5][person]
    weights /= weights.sum(axis=1, keepdims=True)
    law = -np.where(weights > 0, weights * np.log2(np.where(weights > 0, weights, 1)), 0).sum(axis=1)
    plain = (walked.answer[some - 1] < FIRST_ERROR) & (walked.number[some] > 1)
    assert function_bits(walked, some)[plain].mean() == pytest.approx(law[plain].mean(), rel=0.01)
    assert 0.1 < answer_bits(walked, some).mean() < 0.4
    lines = generator_lines(day, arrive(day).groups)
    assert sum(line.bytes_a_record for line in lines) == pytest.approx(4.75, abs=0.25)
    assert all(line.bits >= 0 for line in lines)


def test_figures_are_shown_side_by_side(living: Learned, still: Learned) -> None:
    console = Console(width=120)
    with console.capture() as shown:
        console.print(table_of({"living": living, "still": still}))
    assert "of new users, 7 days later" in shown.get()
