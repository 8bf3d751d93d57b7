"""What the living population is drawn with: hashes, tables, chains of functions, and the kernel beside plain Python."""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logpress.sample import rates as still
from logpress.sample.living import rates
from logpress.sample.living.chains import COUNT, KINDS, RENAME, ROUTINES, WEIGHT_SUM, chains, kind_weights
from logpress.sample.living.chance import (
    choice,
    discrete_table,
    gamma_shares,
    keyed,
    lognormal_table,
    mixed,
    normal,
    unit,
)
from logpress.sample.living.day import COLUMNS, columns
from logpress.sample.living.kernels_sessions import draw_calls, quantile
from logpress.sample.living.tables import (
    FIRST_ERROR,
    MOST_LAG_S,
    SHARE,
    error_shares,
    kernel_functions,
    kernel_settings,
    kernel_tables,
)
from logpress.sample.living.visits import NEVER
from logpress.sample.plan import Plan
from logpress.sample.vocabulary import ANSWERS, ERRORS, FUNCTIONS, LOGINS

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15
KEYS = keyed(5, np.arange(400_000))


def plain_mixed(value: int) -> int:
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31


# hashes and tables


@given(st.lists(st.integers(0, MASK), min_size=1), st.lists(st.integers(-1, 2**62), max_size=3))
def test_keys_are_those_of_plain_python(keys: list[int], parts: list[int]) -> None:
    expected = keys
    for part in parts:
        expected = [plain_mixed(key + (part + 1) * GOLDEN & MASK) for key in expected]
    assert keyed(np.array(keys, dtype=np.uint64), *parts).tolist() == expected
    assert mixed(np.array(keys, dtype=np.uint64)).tolist() == [plain_mixed(key) for key in keys]


def test_the_generator_is_splitmix64() -> None:
    # the first numbers for seed 1234567 of the reference implementation, https://prng.di.unimi.it/splitmix64.c
    state, numbers = 1234567, []
    for _ in range(3):
        state = state + GOLDEN & MASK
        numbers.append(plain_mixed(state))
    assert numbers == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_numbers_are_spread_as_they_should_be() -> None:
    uniform = unit(KEYS)
    assert 0 <= uniform.min() < uniform.max() < 1
    assert np.histogram(uniform, 20, (0, 1))[0] / len(KEYS) == pytest.approx([0.05] * 20, abs=0.002)
    drawn = normal(KEYS)
    assert (drawn.mean(), drawn.std()) == (pytest.approx(0, abs=0.005), pytest.approx(1, abs=0.005))
    assert np.mean(drawn < -1.96) == pytest.approx(0.025, abs=0.001)
    assert abs(np.corrcoef(unit(keyed(KEYS, 1)), unit(keyed(KEYS, 2)))[0, 1]) < 0.005
    assert np.bincount(choice(KEYS, (1, 0, 3))) / len(KEYS) == pytest.approx([0.25, 0, 0.75], abs=0.003)


def test_tables_have_the_shares_asked_for() -> None:
    assert np.bincount(discrete_table(np.array([1.0, 0.0, 3.0]))).tolist() == [16_384, 0, 49_152]
    table = lognormal_table(0.5, 1000)
    assert table[2048] == 1000
    assert table[round(4096 * 0.84134)] == pytest.approx(1000 * math.exp(0.5), rel=0.01)
    exponential = gamma_shares(1.0, 2.0, 60)
    assert exponential == pytest.approx([math.exp(-k / 2) - math.exp(-(k + 1) / 2) for k in range(60)], rel=1e-3)
    assert gamma_shares(still.LAG_SHAPE, still.LAG_SCALE_S, MOST_LAG_S).sum() == pytest.approx(1, abs=1e-3)


# chains


def test_backward_and_forward_call_functions_equally_often_but_in_another_order() -> None:
    successors, shares = chains(kind_weights())
    assert shares.sum(axis=1) == pytest.approx(np.ones(len(KINDS)))
    seen = []
    for way in (0, 1):
        step = successors[:, way].astype(np.float64)
        step /= step.sum(axis=2, keepdims=True)
        share = shares.copy()
        for _ in range(60):
            share = (share[:, None, :] @ step)[:, 0]
        assert share == pytest.approx(shares, abs=0.002)
        seen.append(step)
    assert np.abs(seen[0] - seen[1]).sum(axis=2).mean() > 0.5


def test_every_function_has_successors_and_every_routine_functions() -> None:
    weights = np.random.default_rng(1).exponential(size=(50, len(ROUTINES)))
    weights[weights < 0.5] = 0
    weights[:, 0] += 0.1
    successors, shares = chains(weights)
    sums = successors.sum(axis=3)
    assert sums.min() > WEIGHT_SUM - COUNT
    assert sums.max() < WEIGHT_SUM + COUNT
    missing = shares == 0
    assert missing.any()
    assert (successors[:, :, 12][np.broadcast_to(missing[:, None], (50, 2, COUNT))] <= WEIGHT_SUM).all()
    for game in range(50):
        assert not successors[game][:, ~missing[game]][:, :, missing[game]].any()
    assert all(len(set(routine)) == len(routine) >= 3 for routine in ROUTINES.values())


def test_errors_are_those_that_a_function_can_have() -> None:
    shares = error_shares()
    assert shares.sum(axis=2) == pytest.approx(np.ones((len(rates.NETWORK_WEIGHTS), len(FUNCTIONS))))
    nickname = next(place for place, error in enumerate(ERRORS) if error.reason.startswith("Duplicated nickname"))
    assert (shares[:, RENAME, nickname] > 0).all()
    assert np.delete(shares, RENAME, axis=1)[:, :, nickname].sum() == 0
    assert ANSWERS[FIRST_ERROR:] == ERRORS
    failing = kernel_functions()[2] / SHARE
    weights = np.array([function.weight for function in FUNCTIONS])
    assert (failing * weights).sum() / weights.sum() == pytest.approx(rates.ERROR_SHARE, rel=0.01)


# the kernel


def plain_quantile(table: Any, bits: int) -> int:
    place = bits >> 20
    low, high = int(table[place]), int(table[place + 1])
    return low + ((high - low) * (bits & 0xFFFFF) >> 20)


def plain_function(weights: Any, liking: Any, bits: int) -> int:
    ends = np.cumsum([int(a) * int(b) for a, b in zip(weights, liking, strict=True)]).tolist()
    return bisect_right(ends, bits * ends[-1] >> 32)


def plain_times(words: list[int], call: int, time: int, late: int, functions: Any, tables: Any, numbers: Any) -> Any:
    """Elapsed, slip, lag and behind of a call."""
    _, elapsed_table, slow_table, late_table, slip_table, lag_table, behind_ends = tables
    elapsed = plain_quantile(elapsed_table, words[2] & 0xFFFFFFFF) * int(functions[1][call]) * time
    if (words[2] >> 32 & 0xFFFF) < numbers[5]:
        elapsed = (elapsed >> 8) * plain_quantile(slow_table, plain_mixed(words[2]) & 0xFFFFFFFF)
    lag = int(lag_table[words[3] & 0xFFFF])
    if (words[3] >> 16 & 0xFFFF) << 8 < numbers[6] * late:
        lag += plain_quantile(late_table, plain_mixed(words[3]) & 0xFFFFFFFF)
    behind = min(bisect_right(behind_ends.tolist(), words[3] >> 48), len(behind_ends) - 1)
    return min((elapsed + (1 << 23)) >> 24, 60_000), int(slip_table[words[2] >> 48]), lag, behind


def plain_session(one: dict[str, int], who: Any, functions: Any, ways: Any, tables: Any, numbers: Any) -> list[Any]:
    """The rows of a session."""
    game, network, call, pace, backward, liking = who
    state, begin, call, failed, rows = one["key"], one["start"], int(call), False, []
    for number in range(one["calls"]):
        words = [plain_mixed(state + step * GOLDEN & MASK) for step in (1, 2, 3, 4)]
        state = state + 4 * GOLDEN & MASK
        if number > 0:
            again = failed and (words[1] & 0xFFFF) < numbers[4]
            gap = plain_quantile(tables[0], words[0] & 0xFFFFFFFF) * int(pace) >> 8
            gap = gap * (numbers[8] if again else numbers[9] if number < 4 else 256) >> 8
            if number == one["rename"]:
                call = numbers[3]
            elif not again:
                call = plain_function(ways[game, backward, call], liking, words[0] >> 32)
            begin += gap * int(functions[3][call]) >> 8
        if begin >= numbers[1] * 1000 or begin - one["start"] > one["lasts"]:
            break
        chance = min(int(functions[2][call]) * one["trouble"] >> 8, 60_000)
        failed = number != one["rename"] and (words[1] >> 16 & 0xFFFF) < chance
        ends = functions[4][network, call].tolist()
        error = numbers[2] + min(bisect_right(ends, words[1] >> 32 & 0xFFFF), len(ends) - 1)
        answer = error if failed else int(functions[0][call])
        elapsed, slip, lag, behind = plain_times(words, call, one["time"], one["late"], functions, tables, numbers)
        stamp = (begin + elapsed + slip) // 1000 + lag
        if number >= one["held"]:
            stamp = max(stamp, one["until"] + lag)
        user, other = one["persona"] + (number >= one["renamed"]), int((words[1] >> 48) < numbers[7])
        tick = words[3] >> 32 & 0xFFFF
        if numbers[0] <= stamp < numbers[1]:
            rows.append((begin, stamp, user, elapsed, slip, tick, call, answer, behind, other))
    return rows


PLAN = Plan(date(2021, 12, 26), 1, 7, 10, 11)
START = PLAN.start * 1000

NAMES = (
    "key", "start", "calls", "rename", "renamed", "lasts", "held", "until", "person", "persona", "trouble", "time",
    "late",
)  # fmt: skip
SESSION = st.fixed_dictionaries(
    {
        "key": st.integers(0, MASK),
        "start": st.integers(START - 4 * 3_600_000, START + 2 * 3_600_000 + 5_000),
        "calls": st.integers(0, 60),
        "rename": st.just(-1) | st.integers(0, 60),
        "renamed": st.just(NEVER) | st.integers(0, 60),
        "lasts": st.just(10**9) | st.integers(0, 600_000),
        "held": st.just(NEVER) | st.integers(0, 60),
        "until": st.just(0) | st.integers(PLAN.start - 100, PLAN.start + 7_300),
        "person": st.integers(0, 5),
        "persona": st.integers(0, 1000),
        "trouble": st.integers(1, 20_000),
        "time": st.integers(1, 3_000),
        "late": st.integers(1, 20_000),
    }
)


@given(st.lists(st.integers(0, 2**40), min_size=2, max_size=2), st.integers(0, 2**32 - 1))
def test_between_quantiles_every_bit_counts(two: list[int], bits: int) -> None:
    table = np.sort(np.array(two)).repeat(2048)
    table = np.append(table, table[-1] + 2**40)
    assert quantile(table, bits) == plain_quantile(table, bits)
    bits = 2047 << 20 | bits & 0xFFFFF  # where the table rises
    assert quantile(table, bits) == plain_quantile(table, bits)


@settings(deadline=None, max_examples=60)
@given(drawn=st.lists(SESSION, min_size=1, max_size=8), seed=st.integers(0, 2**32), room=st.integers(0, 400))
def test_the_kernel_draws_what_plain_python_draws(drawn: list[dict[str, int]], seed: int, room: int) -> None:
    random = np.random.default_rng(seed)
    games = chains(random.exponential(size=(3, len(ROUTINES))))[0]
    functions, tables, likes = kernel_functions(), kernel_tables(), 1024
    if seed % 2:  # few ways to go on, so that borders are met; ends of shares that leave some for the last place
        games, likes = random.integers(3, size=games.shape).astype(np.uint16), 2
        games[..., seed % COUNT] += 1
        tables = (*tables[:-1], np.array([20_000, 30_000, 40_000]))
        # the first call's own bits are the border between failure and success
        bits = plain_mixed(drawn[0]["key"] + 2 * GOLDEN & MASK) >> 16 & 0xFFFF
        drawn[0]["trouble"] = 256
        functions = (*functions[:2], np.full(COUNT, bits), functions[3], functions[4] // 2)
    kinds = {"key": np.uint64}
    sessions = tuple(np.array([one[name] for one in drawn], dtype=kinds.get(name, np.int64)) for name in NAMES)
    people = (
        random.integers(3, size=6),
        random.integers(len(rates.NETWORK_WEIGHTS), size=6),
        np.asarray(LOGINS)[random.integers(2, size=6)],
        random.integers(1, 1000, size=6),
        random.integers(2, size=6),
        random.integers(1, likes, size=(6, COUNT)).astype(np.uint16),
    )
    fixed = (functions, games, tables, kernel_settings(PLAN))
    arguments = (sessions, people, *fixed)
    numbers = fixed[-1].tolist()
    plain = [plain_session(one, [column[one["person"]] for column in people], *fixed[:-1], numbers) for one in drawn]
    expected, rows = list(map(len, plain)), [row for part in plain for row in part]
    inside = np.full(len(drawn) + 1, -7, dtype=np.int64)
    out = columns(room + 1)
    for column in out:
        column[:] = 77
    assert draw_calls(*arguments, inside[:-1], tuple(column[:room] for column in out)) == len(rows)
    assert inside.tolist() == [*expected, -7]
    written = min(room, len(rows))
    for (name, kind), column, values in zip(COLUMNS, out, zip(*rows, strict=True) if rows else [()] * 10, strict=True):
        assert column[:written].tolist() == list(values[:written]), (name, kind)
        assert (column[written:] == 77).all()


def test_the_greatest_numbers_fit() -> None:
    table = kernel_tables()
    functions = kernel_functions()
    longest = int(table[1].max()) * int(functions[1].max()) * 256 * 40
    assert longest < 2**62
    assert (longest >> 8) * int(table[2].max()) < 2**62
    assert (WEIGHT_SUM + COUNT) * 1023 * 2**32 < 2**63
    assert int(table[3].max()) <= still.LATE_MAX_S
    assert int(table[3].min()) >= 60
