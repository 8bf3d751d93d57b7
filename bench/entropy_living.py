"""Compute the entropy of the living population's days, in bytes a record, as `bench/entropy.py` does of the still one.

    python -m bench.entropy_living --records 1000000

Each line is the entropy of a random choice if all choices before it are known, and what lasts is, too: traits of users
and games, and which session a call belongs to. No lossless format knows these, so none can store the sample in fewer
bytes on average; one that has to learn them needs more. Who a user is (game, instant of signing up, nickname) counts
once for each user that is seen.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from bench.entropy import (
    Entropies,
    Line,
    column_lines,
    conditional,
    entropy,
    geometric_bits,
    log2_factorial,
    lognormal_bits,
    show,
    weights_entropy,
)
from logpress.sample import World, parse_hours
from logpress.sample import rates as still
from logpress.sample.draw import Rows
from logpress.sample.kinds import DAMAGED, RARE, counts
from logpress.sample.living import LivingDay, rates
from logpress.sample.living.day import COLUMNS, columns
from logpress.sample.living.kernels_sessions import draw_calls
from logpress.sample.living.tables import FACTOR, FIRST_ERROR, SHARE, error_shares, kernel_tables
from logpress.sample.plan import Plan
from logpress.sample.sequence import Sequencer
from logpress.sample.vocabulary import KOREAN_HEADS, KOREAN_TAILS, LATIN_HEADS, LATIN_TAILS, SYMBOLS

_MS_AN_HOUR = math.log2(3_600_000)


@dataclass(frozen=True)
class Walked:
    """The calls of all sessions in the order in which they are made, those out of the plan's hours too.

    Attributes:
        kept: bool[calls], whether the record arrives in the plan's hours.
        session: int64[calls], place of the session in `visits`.
        number: int64[calls], number of the call in its session.
        call, answer: int64[calls], as in `draw.ROW`.
        sessions, people, functions, successors: what the kernel was given, as `draw_calls` says.
    """

    kept: NDArray[np.bool_]
    session: NDArray[np.int64]
    number: NDArray[np.int64]
    call: NDArray[np.int64]
    answer: NDArray[np.int64]
    sessions: tuple[NDArray[Any], ...]
    people: tuple[NDArray[Any], ...]
    functions: tuple[NDArray[Any], ...]
    successors: NDArray[np.uint16]

    @property
    def person(self) -> NDArray[np.int64]:
        """int64[calls], place of the user among `people`."""
        found: NDArray[np.int64] = self.sessions[8][self.session]
        return found


def walk(day: LivingDay) -> Walked:
    """Draw the calls of a day once more, unsorted."""
    sessions, people, functions, successors, tables, settings = day.arguments(day.visits)
    first, end = settings[:2].tolist()
    settings = settings.copy()
    settings[:2] = 0, 1 << 33
    count = np.zeros(len(day.visits), dtype=np.int64)
    out = columns(int(day.visits.calls.sum()))
    written = draw_calls(sessions, people, functions, successors, tables, settings, count, out)
    named = {name: column[:written] for (name, _), column in zip(COLUMNS, out, strict=True)}
    session = np.repeat(np.arange(len(count)), count)
    stamp = named["stamp"].astype(np.int64)
    return Walked(
        kept=(stamp >= first) & (stamp < end),
        session=session,
        number=np.arange(written) - np.repeat(np.cumsum(count) - count, count),
        call=named["call"].astype(np.int64),
        answer=named["answer"].astype(np.int64),
        sessions=sessions,
        people=people,
        functions=functions,
        successors=successors,
    )


def function_bits(walked: Walked, some: NDArray[np.int64]) -> NDArray[np.float64]:
    """Bits of the functions of some calls, none the first of a session, if the calls before are known."""
    person, before, call = walked.person[some], walked.call[some - 1], walked.call[some]
    game, _, _, _, backward, liking = walked.people
    chance = np.empty(len(some))
    for part in np.array_split(np.arange(len(some)), len(some) // 200_000 + 1):
        weights = walked.successors[game[person[part]], backward[person[part]], before[part]].astype(np.float64)
        weights *= liking[person[part]]
        chance[part] = weights[np.arange(len(part)), call[part]] / weights.sum(axis=1)
    failed = walked.answer[some - 1] >= FIRST_ERROR
    again = np.where(failed, rates.RETRY_SHARE, 0.0)
    chance = again * (call == before) + (1 - again) * chance
    chosen = walked.number[some] != walked.sessions[3][walked.session[some]]
    return np.where(chosen, -np.log2(np.where(chosen, chance, 1.0)), 0.0)


def gap_bits(walked: Walked, some: NDArray[np.int64]) -> NDArray[np.float64]:
    """Entropy of the time before some calls, bits, if it is known whether they repeat a failed one."""
    median = rates.GAP_MEDIAN_MS * walked.people[3][walked.person[some]] / FACTOR
    again = (walked.answer[some - 1] >= FIRST_ERROR) & (walked.call[some] == walked.call[some - 1])
    median = median * np.where(again, rates.RETRY_GAP, np.where(walked.number[some] < 4, rates.LOGIN_GAP, 1.0))
    median = median * walked.functions[3][walked.call[some]] / FACTOR
    bits: NDArray[np.float64] = np.log2(median * rates.GAP_SIGMA * math.sqrt(2 * math.pi * math.e))
    return bits


def answer_bits(walked: Walked, some: NDArray[np.int64]) -> NDArray[np.float64]:
    """Bits of the answers of some calls, if user and function are known."""
    session, call, answer = walked.session[some], walked.call[some], walked.answer[some]
    chance = np.minimum(walked.functions[2][call] * walked.sessions[10][session] >> 8, 60_000) / SHARE
    chance = np.where(walked.number[some] == walked.sessions[3][session], 0.0, chance)
    failed = answer >= FIRST_ERROR
    network = walked.people[1][walked.person[some]]
    which = error_shares()[network, call, np.maximum(answer - FIRST_ERROR, 0)]
    share: NDArray[np.float64] = np.where(failed, chance * np.where(failed, which, 1.0), 1 - chance)
    return -np.log2(share)


def elapsed_bits(median: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy of elapsed times with these medians, ms: log-normal, of which some are slow, in whole milliseconds."""
    grid = np.geomspace(median.min(), median.max() + 1, 48)
    found = [_elapsed_bits(float(value)) for value in grid]
    return np.interp(np.log(median), np.log(grid), found)


def _elapsed_bits(median: float) -> float:
    edges = np.log((np.arange(0, int(30 * median)) + 0.5) / median)
    both = math.hypot(still.ELAPSED_SIGMA, still.SLOW_SIGMA)
    usual = np.array([NormalDist(0, still.ELAPSED_SIGMA).cdf(edge) for edge in edges.tolist()])
    slow = np.array([NormalDist(math.log(still.SLOW_MEDIAN), both).cdf(edge) for edge in edges.tolist()])
    return weights_entropy(np.diff((1 - still.SLOW_SHARE) * usual + still.SLOW_SHARE * slow))


def start_bits() -> float:
    """Entropy of the begin of a session, ms, if the user's own hour is known."""
    common = np.repeat(np.asarray(still.HOUR_WEIGHTS) / sum(still.HOUR_WEIGHTS), 60) / 60
    minutes = np.arange(24 * 60)
    bits = []
    for hour, weight in enumerate(still.HOUR_WEIGHTS):
        away = (minutes - (hour + 0.5) * 60 + 720) % 1440 - 720
        near = np.exp(-0.5 * (away / 60 / rates.OWN_HOUR_SIGMA_H) ** 2)
        share = rates.OWN_HOUR_SHARE * near / near.sum() + (1 - rates.OWN_HOUR_SHARE) * common
        bits.append(weight * weights_entropy(share))
    return sum(bits) / sum(still.HOUR_WEIGHTS) + math.log2(60_000)


def name_bits() -> float:
    """Entropy of a nickname, bits, as of the still population."""
    parts = math.log2((len(KOREAN_HEADS) + len(LATIN_HEADS)) / 2 * (len(KOREAN_TAILS) + len(LATIN_TAILS)) / 2)
    digits = weights_entropy((0.45, 0.55)) + 0.45 * math.log2(10_000)
    symbols = weights_entropy((0.05, 0.95)) + 0.05 * math.log2(len(SYMBOLS))
    return 1 + weights_entropy((0.12, 0.88)) + parts + digits + symbols


def user_bits(day: LivingDay) -> float:
    """Entropy of all who are seen: which of all users they are, in no order, and their nicknames and versions, bits."""
    seen = day.people.take(np.unique(day.visits.person))
    today = day.plan.day.toordinal()
    sizes = day.world.games.sizes(today)
    created = entropy(today - seen.cohort)[0] + weights_entropy(still.HOUR_WEIGHTS) + _MS_AN_HOUR
    population = day.population
    version = conditional(population.version.astype(np.int64), population.game.astype(np.int64))
    each = weights_entropy(sizes) + created + name_bits() + version
    return len(seen) * each - log2_factorial(len(seen))


def session_bits(day: LivingDay) -> float:
    """Entropy of how many sessions users have, when they begin and how long they are, bits a session."""
    some = day.people.take(day.visits.person)
    more = some.more_sessions()
    number = np.array([geometric_bits(1 + mean) / (1 + mean) for mean in np.unique(np.round(more, 2)).tolist()]).mean()
    length = np.mean([lognormal_bits(median, rates.SESSION_WITHIN_SIGMA) for median in some.session_calls().tolist()])
    lost = rates.HELD_SHARE * np.asarray(rates.NETWORK_LATE)[some.network]
    held = np.mean([weights_entropy((share, 1 - share)) for share in lost.tolist()])
    held += float(lost.mean()) * (math.log2(rates.CALLS_A_SESSION) + math.log2(rates.HELD_S[1] - rates.HELD_S[0]))
    return float(number + start_bits() + length + held)


def lag_bits(walked: Walked, some: NDArray[np.int64]) -> float:
    """Entropy of the seconds from end to `timestamp`, if it is known how often the user's records are late, bits."""
    usual = entropy(kernel_tables()[5].astype(np.int64))[0]
    late = np.minimum(still.LATE_SHARE * walked.sessions[12][walked.session[some]] / FACTOR, 1.0)
    kinds, occurrences = np.unique(late, return_counts=True)
    mixed = [weights_entropy((share, 1 - share)) + share * lognormal_bits(still.LATE_MEDIAN_S, still.LATE_SIGMA)
             for share in kinds.tolist()]  # fmt: skip
    return usual + float(np.average(mixed, weights=occurrences))


def generator_lines(day: LivingDay, groups: NDArray[np.int64]) -> list[Line]:
    """The entropy of each random choice, those before it and all traits known."""
    walked = walk(day)
    records = day.plan.records
    some = np.flatnonzero(walked.kept)
    following = some[walked.number[some] > 0]
    median = walked.functions[1][walked.call[some]] / 16 * walked.sessions[11][walked.session[some]] / FACTOR
    rare, damaged, blank = counts(records)
    odd_share = (rare + damaged + blank) / records
    odd = weights_entropy((odd_share, 1 - odd_share)) + odd_share * math.log2(len(RARE) + len(DAMAGED) + 1)
    games = len(np.unique(day.people.game[day.visits.person]))
    slips = still.SLIP_WEIGHTS
    slip = weights_entropy((*slips, 1 - sum(slips))) + (1 - sum(slips)) * geometric_bits(still.SLIP_TAIL_MEAN_MS)

    def once(name: str, bits: float, share: float = 1.0) -> Line:
        return Line(name, bits, bits * share / 8)

    def amortised(name: str, total_bits: float, each: float) -> Line:
        return Line(name, total_bits / each, total_bits / records / 8)

    later = len(following) / len(some)
    sessions, users = len(day.visits), len(np.unique(day.visits.person))
    return [
        once("gap to the call before, pace and function known", float(gap_bits(walked, following).mean()), later),
        once("function, game, habits and the one before known", float(function_bits(walked, following).mean()), later),
        once("elapsed, function and user known", float(elapsed_bits(median).mean())),
        once("answer, function and user known", float(answer_bits(walked, some).mean())),
        once("address, function known", weights_entropy((still.OTHER_URL_SHARE, 1 - still.OTHER_URL_SHARE))),
        once("end slip", slip),
        once("ingest lag, network known", lag_bits(walked, some)),
        once("arrival before timestamp", weights_entropy(still.BEHIND_WEIGHTS)),
        once("shard", math.log2(still.SHARDS)),
        once("counter's step", geometric_bits(still.COUNTER_STEP_MEAN)),
        once("order of arrival within shard and second", sum(map(log2_factorial, groups.tolist())) / records),
        once("what is unusual", odd),
        amortised("sessions: number, start, length", sessions * session_bits(day), sessions),
        amortised("users: who is there, nickname, version", user_bits(day), users),
        amortised("games: id", games * (108 + math.log2(10_000)), games),
    ]


@dataclass(frozen=True)
class Arrived:
    """A day's rows as they are written.

    Attributes:
        rows: the rows.
        shard: int64, shard of each.
        residual: int64, each one's counter less the smallest of its shard and second.
        behind: int64, seconds from each one's arrival to its `timestamp`.
        groups: int64, records of each shard in each second.
    """

    rows: Rows
    shard: NDArray[np.int64]
    residual: NDArray[np.int64]
    behind: NDArray[np.int64]
    groups: NDArray[np.int64]


def arrive(day: LivingDay) -> Arrived:
    """Number the rows of a day."""
    sequencer = Sequencer(day.plan)
    hours = list(day.hours())
    parts = [sequencer.take(number, rows) for number, rows in enumerate(hours)]
    rows = np.concatenate(hours)
    shard, counter, arrival = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("shard", "counter", "arrival")
    )
    _, group, groups = np.unique(arrival * still.SHARDS + shard, return_inverse=True, return_counts=True)
    smallest = np.full(len(groups), np.iinfo(np.int64).max)
    np.minimum.at(smallest, group, counter)
    return Arrived(rows, shard, counter - smallest[group], rows["stamp"].astype(np.int64) - arrival, groups)


def entropies(plan: Plan) -> Entropies:
    """Draw a day without writing it, and compute its entropies."""
    day = LivingDay.draw(plan, World.of(plan))
    arrived = arrive(day)
    columns = column_lines(arrived.rows, arrived.shard, arrived.residual, arrived.behind)
    return Entropies(generator_lines(day, arrived.groups), columns)


def main() -> None:
    """Draw a day, and print its entropies."""
    parser = argparse.ArgumentParser(description="entropy of a day of the living population, in bytes a record")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--hours", default="10-11", help="first and last hour of arrival")
    parser.add_argument("--day", type=date.fromisoformat, default=date(2021, 12, 26))
    asked = parser.parse_args()
    plan = Plan(asked.day, asked.records, asked.seed, *parse_hours(asked.hours))
    found = entropies(plan)
    console = Console(width=120)
    console.print(show(f"Entropy of {plan.records:,} records", found.choices, total=True))
    console.print(show("Order-0 entropy of columns", found.columns, total=False))


if __name__ == "__main__":
    main()
