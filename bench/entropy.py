"""Compute the smallest possible size of the sample of still users: the entropy of its generator, in bytes a record.

    python bench/entropy.py --records 1000000

The first table adds up the entropy of each independent random choice, from its distribution (exactly if a formula is
known, else counted on the drawn rows). On average, no lossless format can store the sample in fewer bytes. The second
table has the order-0 entropies of the stored columns: the size that a coder without context would need.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from logpress.sample import parse_hours, rates
from logpress.sample.draw import Rows, Sessions, draw_hours, draw_sessions
from logpress.sample.kinds import DAMAGED, RARE, counts
from logpress.sample.plan import Plan
from logpress.sample.sequence import Sequencer
from logpress.sample.vocabulary import (
    ANSWERS,
    FUNCTIONS,
    KOREAN_HEADS,
    KOREAN_TAILS,
    LATIN_HEADS,
    LATIN_TAILS,
    SYMBOLS,
    VERSION_WEIGHTS,
)

TARGETS = {
    "function": 0.605,
    "elapsed": 0.938,
    "status": 0.160,
    "shard": 0.375,
    "counter above the smallest of shard and second": 0.893,
    "end slip": 0.235,
    "ingest lag": 0.489,
    "arrival": 0.129,
}
"""Order-0 entropies of earlier measurements, bytes a record, for 1,000,000 records in 2 hours."""


@dataclass(frozen=True)
class Line:
    """A line of a table: name, bits for each occurrence, bytes a record, distinct values if counted."""

    name: str
    bits: float
    bytes_a_record: float
    distinct: int | None = None


@dataclass(frozen=True)
class Entropies:
    """Entropies of a day.

    Attributes:
        choices: of each independent random choice; no lossless format is smaller, on average, than all together.
        columns: order-0, of the stored columns.
    """

    choices: list[Line]
    columns: list[Line]

    @property
    def total(self) -> float:
        """Of all choices, bytes a record."""
        return sum(line.bytes_a_record for line in self.choices)

    def of(self, name: str) -> Line:
        """The choice whose name begins so, else the column of that name.

        Raises:
            KeyError: if there is neither.
        """
        for line in self.choices:
            if line.name == name or line.name.startswith((f"{name},", f"{name}:")):
                return line
        return {line.name: line for line in self.columns}[name]


def entropy(values: NDArray[np.int64]) -> tuple[float, int]:
    """Order-0 entropy of the values, bits each, and how many are distinct."""
    _, occurrences = np.unique(values, return_counts=True)
    return weights_entropy(occurrences), len(occurrences)


def weights_entropy(weights: NDArray[np.floating] | NDArray[np.int64] | tuple[float, ...]) -> float:
    """Entropy of a choice made by weights, bits."""
    shares = np.asarray(weights, dtype=np.float64)
    shares = shares[shares > 0] / shares.sum()
    return float(-(shares * np.log2(shares)).sum())


def conditional(values: NDArray[np.int64], given: NDArray[np.int64]) -> float:
    """Conditional entropy of the values if `given` is known, bits each; `given` is at least 0."""
    joint, _ = entropy(values.astype(np.int64) * (int(given.max()) + 1) + given)
    return joint - entropy(given.astype(np.int64))[0]


def lognormal_bits(median: float, sigma: float) -> float:
    """Entropy of a log-normal distribution rounded to whole numbers, bits; its width must be much larger than 1."""
    return math.log2(median * sigma * math.sqrt(2 * math.pi * math.e))


def function_bits() -> float:
    """Entropy of a function if the one before it is known, bits."""
    shares = np.array([function.weight for function in FUNCTIONS])
    shares /= shares.sum()
    chances = (1 - rates.REPEAT_SHARE) * np.tile(shares, (len(shares), 1)) + rates.REPEAT_SHARE * np.eye(len(shares))
    return float(sum(share * weights_entropy(row) for share, row in zip(shares, chances, strict=True)))


def geometric_bits(mean: float) -> float:
    """Entropy of a geometric number of at least 1, bits."""
    return weights_entropy((1 / mean, 1 - 1 / mean)) * mean


def games_seen(users: int) -> float:
    """Expected number of games that the users play."""
    sizes = (np.arange(rates.GAMES) + rates.GAME_ZIPF_SHIFT) ** -rates.GAME_ZIPF
    return float((1 - (1 - sizes / sizes.sum()) ** users).sum())


def user_bits() -> float:
    """Entropy of a user (game, version, instant of sign-up, nickname), bits."""
    games = (np.arange(rates.GAMES) + rates.GAME_ZIPF_SHIFT) ** -rates.GAME_ZIPF
    other = rates.OTHER_VERSION_SHARE
    version = weights_entropy((other, 1 - other)) + other * weights_entropy(VERSION_WEIGHTS)
    created = math.log2(math.e * 120 * 86_400_000)
    parts = math.log2((len(KOREAN_HEADS) + len(LATIN_HEADS)) / 2 * (len(KOREAN_TAILS) + len(LATIN_TAILS)) / 2)
    name = 1 + weights_entropy((0.12, 0.88)) + parts
    name += weights_entropy((0.45, 0.55)) + 0.45 * math.log2(10_000)
    name += weights_entropy((0.05, 0.95)) + 0.05 * math.log2(len(SYMBOLS))
    return weights_entropy(games) + version + created + name


def log2_factorial(number: float) -> float:
    """Logarithm of n!, bits."""
    return math.lgamma(number + 1) / math.log(2)


def generator_lines(plan: Plan, sessions: Sessions, rows: Rows, groups: NDArray[np.int64]) -> list[Line]:
    """The entropy of each independent random choice."""
    records, count, users = plan.records, len(sessions.calls), sessions.users
    following = (records - count) / records
    call = rows["call"].astype(np.int64)
    lag = lag_seconds(rows)
    rare, damaged, blank = counts(records)
    odd_share = (rare + damaged + blank) / records
    odd = weights_entropy((odd_share, 1 - odd_share)) + odd_share * math.log2(len(RARE) + len(DAMAGED) + 1)
    hours = math.log2(3_600_000) + weights_entropy(rates.HOUR_WEIGHTS[plan.first_hour : plan.last_hour + 1])
    length = lognormal_bits(rates.SESSION_MEDIAN_CALLS, rates.SESSION_SIGMA)
    again = (count - users) * math.log2(max(users, 2))
    games = games_seen(users) * (108 + math.log2(10_000) + weights_entropy(VERSION_WEIGHTS))
    arrival_order = sum(log2_factorial(size) for size in groups.tolist()) / records

    def once(name: str, bits: float, share: float = 1.0) -> Line:
        return Line(name, bits, bits * share / 8)

    def amortised(name: str, total_bits: float, each: float) -> Line:
        return Line(name, total_bits / each, total_bits / records / 8)

    return [
        once("gap to the call before", lognormal_bits(rates.GAP_MEDIAN_MS, rates.GAP_SIGMA), following),
        once("function, the one before known", function_bits(), following),
        once("elapsed, function known", conditional(rows["elapsed"], call)),
        once("answer, function known", conditional(rows["answer"], call)),
        once("address, function known", entropy(rows["other_url"])[0]),
        once("end slip", entropy(rows["slip"])[0]),
        once("ingest lag", entropy(lag)[0]),
        once("arrival before timestamp", entropy(rows["behind"])[0]),
        once("shard", math.log2(rates.SHARDS)),
        once("counter's step", geometric_bits(rates.COUNTER_STEP_MEAN)),
        once("order of arrival within shard and second", arrival_order),
        once("what is unusual", odd),
        amortised("sessions: start, length", count * (hours + length) - log2_factorial(count), count),
        amortised("users: game, signing up, nickname", users * user_bits() + again, users),
        amortised("games: id, SDK version", games, games_seen(users)),
    ]


def lag_seconds(rows: Rows) -> NDArray[np.int64]:
    """Whole seconds from the second of the end to `timestamp`."""
    end = rows["begin"] + rows["elapsed"] + rows["slip"]
    lag: NDArray[np.int64] = rows["stamp"].astype(np.int64) - end // 1000
    return lag


def column_lines(
    rows: Rows, shard: NDArray[np.int64], residual: NDArray[np.int64], behind: NDArray[np.int64]
) -> list[Line]:
    """Order-0 entropies of the stored columns."""
    lag = lag_seconds(rows)
    together = (lag * 4096 + rows["slip"]) * 4 + behind
    statuses = np.array([answer.status for answer in ANSWERS])
    columns = {
        "function": rows["call"],
        "elapsed": rows["elapsed"],
        "status": statuses[rows["answer"]],
        "answer (status and reason)": rows["answer"],
        "shard": shard,
        "counter above the smallest of shard and second": residual,
        "end slip": rows["slip"],
        "ingest lag": lag,
        "arrival": behind,
        "slip, lag and arrival together": together,
        "begin above the begin before of the same user, exact to 16 ms": user_gaps(rows) // 16,
    }
    measured = ((name, *entropy(values.astype(np.int64))) for name, values in columns.items())
    return [Line(name, bits, bits / 8, distinct) for name, bits, distinct in measured]


def user_gaps(rows: Rows) -> NDArray[np.int64]:
    """Milliseconds from one begin to the next of the same user."""
    order = np.lexsort((rows["begin"], rows["user"]))
    user, begin = rows["user"][order], rows["begin"][order]
    gaps: NDArray[np.int64] = np.diff(begin)[np.diff(user) == 0]
    return gaps


def show(title: str, lines: list[Line], total: bool) -> Table:
    """A table of the lines."""
    table = Table(title=title, title_justify="left")
    table.add_column("total" if total else "column", footer="total" if total else "")
    table.columns[0].header = "random choice" if total else "column"
    table.add_column("bits each", justify="right")
    sum_bytes = sum(line.bytes_a_record for line in lines)
    table.add_column("bytes a record", justify="right", footer=f"{sum_bytes:.3f}" if total else "")
    if not total:
        table.add_column("distinct", justify="right")
        table.add_column("expected", justify="right")
    table.show_footer = total
    for line in lines:
        cells = [line.name, f"{line.bits:.3f}", f"{line.bytes_a_record:.3f}"]
        if not total:
            target = TARGETS.get(line.name)
            cells += ["" if line.distinct is None else f"{line.distinct:,}", "" if target is None else f"{target:.3f}"]
        table.add_row(*cells)
    return table


@dataclass(frozen=True)
class Drawn:
    """A sample as it is drawn.

    Attributes:
        plan: what was asked for.
        sessions: the users' sessions.
        rows: the random values of each record.
        groups: number of records of each shard in each second.
        shard: shard of each record.
        residual: each record's counter less the smallest of its shard and second.
        behind: seconds from each record's arrival to its `timestamp`.
    """

    plan: Plan
    sessions: Sessions
    rows: Rows
    groups: NDArray[np.int64]
    shard: NDArray[np.int64]
    residual: NDArray[np.int64]
    behind: NDArray[np.int64]


def draw(plan: Plan) -> Drawn:
    """Draw a sample's rows without writing them."""
    sessions = draw_sessions(plan)
    sequencer = Sequencer(plan)
    hours = list(draw_hours(plan, sessions))
    sequences = [sequencer.take(number, rows) for number, rows in enumerate(hours)]
    rows = np.concatenate(hours)
    shard = np.concatenate([part.shard for part in sequences])
    counter = np.concatenate([part.counter for part in sequences])
    arrival = np.concatenate([part.arrival for part in sequences])
    _, group, groups = np.unique(arrival * rates.SHARDS + shard, return_inverse=True, return_counts=True)
    smallest = np.full(len(groups), np.iinfo(np.int64).max)
    np.minimum.at(smallest, group, counter)
    return Drawn(
        plan, sessions, rows, groups, shard, counter - smallest[group], rows["stamp"].astype(np.int64) - arrival
    )


def entropies(drawn: Drawn) -> Entropies:
    """The entropies of a sample's rows."""
    columns = column_lines(drawn.rows, drawn.shard, drawn.residual, drawn.behind)
    return Entropies(generator_lines(drawn.plan, drawn.sessions, drawn.rows, drawn.groups), columns)


def main() -> None:
    """Draw a sample's rows, and print their entropies."""
    parser = argparse.ArgumentParser(description="entropy of the sample's generator, in bytes a record")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--hours", default="10-11", help="first and last hour of arrival")
    parser.add_argument("--day", type=date.fromisoformat, default=date(2021, 12, 26))
    asked = parser.parse_args()
    plan = Plan(asked.day, asked.records, asked.seed, *parse_hours(asked.hours))
    drawn = draw(plan)

    console = Console(width=120)
    found = entropies(drawn)
    console.print(show(f"Entropy of {plan.records:,} records", found.choices, total=True))
    console.print(show("Order-0 entropy of columns", found.columns, total=False))
    console.print(
        f"{len(drawn.sessions.calls):,} sessions of {drawn.sessions.users:,} users; "
        f"{np.mean(drawn.sessions.calls):.1f} calls a session"
    )


if __name__ == "__main__":
    main()
