"""Measure what can be learned from days of the sample: who comes back, habits of users and games, order of calls.

    python -m bench.learning --records 300000 --days 8

It prints the same figures of the living and of the still population (`--users` of `logpress sample`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from logpress.sample import World, records_of, series
from logpress.sample.draw import Rows, draw_hours, draw_sessions
from logpress.sample.living import LivingDay
from logpress.sample.plan import Plan
from logpress.sample.population import Population, draw_population
from logpress.sample.vocabulary import ANSWERS, FUNCTIONS

FUNCTION_COUNT = len(FUNCTIONS)
PAUSE_MS = 30 * 60_000
"""Two calls of a user that are further apart are of two sessions."""
DAY_MS = 86_400_000
LEAST_CALLS = 40
"""Calls of a half of the day from which a user's habits are judged."""
LEAST_USERS = 30
"""New users from whom a share who come back is worked out."""

_STATUS = np.array([answer.status for answer in ANSWERS])


@dataclass(frozen=True)
class Calls:
    """Calls of some days, by user and begin. Arrays have a place a call.

    Attributes:
        user: int64, number of the user: his game and instant of signing up.
        game: int64, number of the game.
        created: int64, when the user signed up, epoch ms.
        begin: int64, epoch ms.
        arrived: int64, day of arrival, in days since 1970.
        function: int64, index into `FUNCTIONS`.
        failed: bool.
        name: int64, number of the nickname.
        version: int64, number of the SDK version.
    """

    user: NDArray[np.int64]
    game: NDArray[np.int64]
    created: NDArray[np.int64]
    begin: NDArray[np.int64]
    arrived: NDArray[np.int64]
    function: NDArray[np.int64]
    failed: NDArray[np.bool_]
    name: NDArray[np.int64]
    version: NDArray[np.int64]

    @property
    def begun(self) -> NDArray[np.int64]:
        """Day of begin, in days since 1970."""
        return self.begin // DAY_MS


def living_days(days: Iterable[date], records: int, seed: int) -> Iterator[tuple[Rows, Population]]:
    """Rows and users of days of the living population, with so many records on an average day."""
    dates = list(days)
    world = World.of(Plan(dates[0], records, seed))
    for day in dates:
        drawn = LivingDay.draw(Plan(day, records_of(day, records), seed), world)
        yield np.concatenate(list(drawn.hours())), drawn.population


def still_days(days: Iterable[date], records: int, seed: int) -> Iterator[tuple[Rows, Population]]:
    """Rows and users of days of the still population."""
    for day in days:
        plan = Plan(day, records, seed)
        sessions = draw_sessions(plan)
        yield np.concatenate(list(draw_hours(plan, sessions))), draw_population(plan, sessions.users)


def calls_of(days: Iterable[tuple[Rows, Population]]) -> Calls:
    """The calls of some days."""
    names: dict[str, int] = {}
    versions: dict[str, int] = {}
    parts: list[list[NDArray[np.int64]]] = []
    for rows, population in days:
        of_users = [names.setdefault(population.nickname(user), len(names)) for user in range(len(population.game))]
        of_versions = [versions.setdefault(version, len(versions)) for version in population.versions]
        user = rows["user"]
        parts.append(
            [
                population.game[user].astype(np.int64),
                population.created[user],
                rows["begin"].copy(),
                rows["stamp"].astype(np.int64) // 86_400,
                rows["call"].astype(np.int64),
                (_STATUS[rows["answer"]] >= 400).astype(np.int64),
                np.array(of_users, dtype=np.int64)[user],
                np.array(of_versions, dtype=np.int64)[population.version[user]],
            ]
        )
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.lexsort((columns[2], columns[1], columns[0]))
    game, created, begin, arrived, function, failed, name, version = (column[order] for column in columns)
    new = np.ones(len(game), dtype=bool)
    new[1:] = (np.diff(game) != 0) | (np.diff(created) != 0)
    return Calls(np.cumsum(new) - 1, game, created, begin, arrived, function, failed > 0, name, version)


@dataclass(frozen=True)
class Learned:
    """What can be learned of some days.

    Attributes:
        users: how many were seen.
        seen_again: share of them with calls that began on more than one day.
        retention: of those who were seen on the day they signed up, the share with calls 1, 2, ... days later, as
            far as the days go; empty if there are fewer than 30 of them.
        return_next_day: of users with calls on a day, the share with calls on the next one.
        function_bits: entropy of the function of a call.
        game_bits: what the game says of it (mutual information), less what it says if games are shuffled.
        habit_nats: by how much better the first half of a user's day predicts a call of the second half than his game.
        habit_correlation: of users' shares of functions, less those of their games, in both halves of a day.
        unigram_nats: cross entropy of the next function on the last day, by the shares of the days before.
        bigram_nats: the same, the function before known.
        order_nats: by how much better a user's own bigrams of earlier days predict than those of all users.
        names_changed: share of users seen on more than one day with more than one nickname.
        error_dispersion: variance of users' failed calls over what it would be if all failed alike.
        versions: SDK versions seen.
    """

    users: int
    seen_again: float
    retention: tuple[float, ...]
    return_next_day: float
    function_bits: float
    game_bits: float
    habit_nats: float
    habit_correlation: float
    unigram_nats: float
    bigram_nats: float
    order_nats: float
    names_changed: float
    error_dispersion: float
    versions: int


def learn(calls: Calls) -> Learned:
    """Measure what can be learned of calls."""
    pairs = np.unique(calls.user * 100_000 + calls.begun)
    days_seen = np.bincount(pairs // 100_000)
    first = int(calls.begun.min())
    last = int(calls.arrived.max())
    again = days_seen > 1
    habit, correlation = habits(calls)
    unigram, bigram, order = chains(calls)
    return Learned(
        users=len(days_seen),
        seen_again=float(again.mean()),
        retention=retention(calls, pairs, last),
        return_next_day=returning(pairs, first, last),
        function_bits=entropy_bits(calls.function),
        game_bits=information(calls.game, calls.function),
        habit_nats=habit,
        habit_correlation=correlation,
        unigram_nats=unigram,
        bigram_nats=bigram,
        order_nats=order,
        names_changed=names_changed(calls, again),
        error_dispersion=dispersion(calls),
        versions=len(np.unique(calls.version)),
    )


def retention(calls: Calls, pairs: NDArray[np.int64], last: int) -> tuple[float, ...]:
    """Of users who signed up on a day, the share who have calls some days later: 1, 2, ... up to the last day."""
    users, firsts = np.unique(calls.user, return_index=True)
    signed = calls.created[firsts] // DAY_MS
    seen = np.isin(users * 100_000 + signed, pairs)
    users, signed = users[seen], signed[seen]
    shares = []
    for later in range(1, last - int(calls.arrived.min()) + 1):
        new = (signed >= calls.arrived.min()) & (signed + later <= last)
        if new.sum() < LEAST_USERS:
            break
        shares.append(float(np.isin(users[new] * 100_000 + signed[new] + later, pairs).mean()))
    return tuple(shares)


def returning(pairs: NDArray[np.int64], first: int, last: int) -> float:
    """Of users with calls on a day but the last, the share with calls on the next day."""
    day = pairs % 100_000
    before = pairs[(day >= first) & (day < last)]
    return float(np.isin(before + 1, pairs).mean()) if len(before) else float("nan")


def entropy_bits(values: NDArray[np.int64]) -> float:
    """Order-0 entropy, bits."""
    _, counts = np.unique(values, return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def information(game: NDArray[np.int64], function: NDArray[np.int64], seed: int = 1) -> float:
    """Mutual information, bits, less that of shuffled games, which is what finite samples show of none."""
    shuffled = np.random.default_rng(seed).permutation(game)
    return entropy_bits(shuffled * FUNCTION_COUNT + function) - entropy_bits(game * FUNCTION_COUNT + function)


def habits(calls: Calls) -> tuple[float, float]:
    """How well the first half of users' calls of a day predicts the second, against their games: nats, correlation.

    A user's shares are smoothed by those of his game, which are of all other users' first halves.
    """
    group = calls.user * 100_000 + calls.begun
    _, begins, count = np.unique(group, return_index=True, return_counts=True)
    place = np.arange(len(group)) - np.repeat(begins, count)
    second = place >= np.repeat(count // 2, count)
    kept = np.flatnonzero(count // 2 >= LEAST_CALLS)
    number = np.full(len(count), -1)
    number[kept] = np.arange(len(kept))
    of_day = np.repeat(number, count)
    halves = []
    for half in (~second, second):
        some = half & (of_day >= 0)
        cell = of_day[some] * FUNCTION_COUNT + calls.function[some]
        halves.append(np.bincount(cell, minlength=len(kept) * FUNCTION_COUNT).reshape(-1, FUNCTION_COUNT))
    one, two = (half.astype(np.float64) for half in halves)
    games, game = np.unique(calls.game[begins[kept]], return_inverse=True)
    of_game = np.zeros((len(games), FUNCTION_COUNT))
    np.add.at(of_game, game, one)
    every = of_game.sum(axis=0) / of_game.sum()
    others = _smoothed(of_game[game] - one, every, 20.0)
    own = _smoothed(one, others, 20.0)
    nats = float((two * np.log(own / others)).sum() / two.sum())
    apart = [half / half.sum(axis=1, keepdims=True) - others for half in (one, two)]
    return nats, float(np.corrcoef(apart[0].ravel(), apart[1].ravel())[0, 1])


def chains(calls: Calls) -> tuple[float, float, float]:
    """Cross entropy of the next function on the last day by unigrams and by bigrams, and the gain by own ones, nats."""
    follows = (np.diff(calls.user) == 0) & (np.diff(calls.begin) < PAUSE_MS)
    before, after, user = calls.function[:-1][follows], calls.function[1:][follows], calls.user[1:][follows]
    late = calls.begun[1:][follows] == calls.begun.max()
    single = np.bincount(after[~late], minlength=FUNCTION_COUNT) + 0.1
    pairs = np.bincount(before[~late] * FUNCTION_COUNT + after[~late], minlength=FUNCTION_COUNT**2)
    share = single / single.sum()
    known = _smoothed(pairs.reshape(FUNCTION_COUNT, FUNCTION_COUNT).astype(np.float64), share[None, :], 5.0)
    unigram = -float(np.log(share[after[late]]).mean())
    by_pair = np.log(known[before[late], after[late]])
    own_cells, own_counts = np.unique(
        (user[~late] * FUNCTION_COUNT + before[~late]) * FUNCTION_COUNT + after[~late], return_counts=True
    )
    own_rows, row_counts = np.unique(user[~late] * FUNCTION_COUNT + before[~late], return_counts=True)
    row = user[late] * FUNCTION_COUNT + before[late]
    count, total = _found(own_cells, own_counts, row * FUNCTION_COUNT + after[late]), _found(own_rows, row_counts, row)
    own = (count + 8.0 * np.exp(by_pair)) / (total + 8.0)
    return unigram, -float(by_pair.mean()), float((np.log(own) - by_pair).mean())


def names_changed(calls: Calls, again: NDArray[np.bool_]) -> float:
    """Of users seen on more than one day, the share with more than one nickname."""
    named = np.unique(calls.user * (int(calls.name.max()) + 1) + calls.name) // (int(calls.name.max()) + 1)
    return float((np.bincount(named)[again] > 1).mean()) if again.any() else float("nan")


def dispersion(calls: Calls) -> float:
    """Variance of users' failed calls over that of a binomial with the common share (1: all fail alike)."""
    count = np.bincount(calls.user)
    failed = np.bincount(calls.user, weights=calls.failed)
    share = failed.sum() / count.sum()
    return float(((failed - count * share) ** 2 / (count * share * (1 - share))).mean())


def _smoothed(counts: NDArray[np.float64], prior: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = (counts + weight * prior) / (counts.sum(axis=-1, keepdims=True) + weight)
    return shares


def _found(keys: NDArray[np.int64], counts: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, counts[place], 0)


def table_of(found: dict[str, Learned]) -> Table:
    """A table with a column for each population."""
    table = Table("", *found)

    def row(name: str, text: str, values: Iterable[float]) -> None:
        table.add_row(name, *("none" if np.isnan(value) else format(value, text) for value in values))

    every = list(found.values())
    row("users", ",", (one.users for one in every))
    row("seen on more than one day", ".1%", (one.seen_again for one in every))
    for later in range(max(len(one.retention) for one in every)):
        shares = (one.retention[later] if later < len(one.retention) else float("nan") for one in every)
        row(f"of new users, {later + 1} days later", ".1%", shares)
    row("of active users, on the next day", ".1%", (one.return_next_day for one in every))
    row("function, bits", ".3f", (one.function_bits for one in every))
    row("of these, the game says", ".3f", (one.game_bits for one in every))
    row("first half of the day over the game, nats a call", ".3f", (one.habit_nats for one in every))
    row("habits of both halves, correlation", ".3f", (one.habit_correlation for one in every))
    row("next function by unigrams, nats", ".3f", (one.unigram_nats for one in every))
    row("by bigrams, nats", ".3f", (one.bigram_nats for one in every))
    row("by the user's own bigrams, nats less", ".3f", (one.order_nats for one in every))
    row("nickname changed", ".1%", (one.names_changed for one in every))
    row("failed calls of users, variance over binomial", ".2f", (one.error_dispersion for one in every))
    row("SDK versions", ",", (one.versions for one in every))
    return table


def main() -> None:
    """Draw days of both populations, and print what can be learned of them."""
    parser = argparse.ArgumentParser(description="what can be learned from days of the sample")
    parser.add_argument("--records", type=int, default=300_000, help="of an average day")
    parser.add_argument("--days", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--day", type=date.fromisoformat, default=date(2021, 12, 20), help="the first day")
    asked = parser.parse_args()
    days = series(asked.day, asked.days)
    found = {
        "living": learn(calls_of(living_days(days, asked.records, asked.seed))),
        "still": learn(calls_of(still_days(days, asked.records, asked.seed))),
    }
    Console(width=120).print(table_of(found))


if __name__ == "__main__":
    main()
