"""Draw the calls of all sessions as rows of numbers, in pieces, and sort them into hours of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from logpress.sample import rates
from logpress.sample.kinds import Kind, draw_kinds
from logpress.sample.plan import Plan
from logpress.sample.population import weighted
from logpress.sample.vocabulary import ANSWERS, ERRORS, FUNCTIONS, LOGINS, SUCCESS_STATUSES

ROW = np.dtype(
    [
        ("begin", np.int64),
        ("stamp", np.uint32),
        ("user", np.int32),
        ("elapsed", np.uint16),
        ("slip", np.uint16),
        ("tick", np.uint16),
        ("call", np.uint8),
        ("answer", np.uint8),
        ("behind", np.uint8),
        ("other_url", np.uint8),
        ("kind", np.uint8),
    ],
    align=True,
)
"""A record in numbers, 32 bytes: `begin` true UTC, epoch ms; `stamp` its `timestamp`, epoch s; `user` an index
into the population; `elapsed` and `slip` ms; `tick` orders arrivals within a second; `call` an index into FUNCTIONS;
`answer` an index into ANSWERS; `behind` seconds from arrival to `stamp`; `other_url` 0 or 1; `kind` a `Kind`."""

Rows = NDArray[np.void]

_SESSIONS, _CALLS, _KINDS = 1, 2, 3
_PIECE = 1 << 18
_SUCCESS = np.array([SUCCESS_STATUSES.index(function.status) for function in FUNCTIONS], dtype=np.uint8)
_MEDIAN_LOG = np.log([function.median_ms for function in FUNCTIONS])
_WEIGHTS = tuple(function.weight for function in FUNCTIONS)


@dataclass(frozen=True)
class Sessions:
    """Sessions of users, each a series of calls.

    Attributes:
        start: int64[sessions], begin of the first call, epoch ms.
        calls: int64[sessions], number of calls; the sum is the sample's number of records.
        user: int32[sessions].
        users: number of users.
    """

    start: NDArray[np.int64]
    calls: NDArray[np.int64]
    user: NDArray[np.int32]
    users: int

    def pieces(self) -> Iterator[slice]:
        """Cut the sessions into runs of about 260,000 records."""
        ends = np.cumsum(self.calls)
        cuts = np.unique(np.searchsorted(ends, np.arange(_PIECE, ends[-1], _PIECE), side="left") + 1)
        edges = [0, *cuts.tolist(), len(ends)]
        return (slice(a, b) for a, b in pairwise(edges) if b > a)


def draw_sessions(plan: Plan) -> Sessions:
    """Sessions, unordered, with exactly the plan's number of calls."""
    random = plan.stream(_SESSIONS)
    parts: list[NDArray[np.int64]] = []
    missing = plan.records
    while missing > 0:
        count = missing // 75 + 16
        drawn = random.lognormal(np.log(rates.SESSION_MEDIAN_CALLS), rates.SESSION_SIGMA, count)
        calls = np.clip(np.rint(drawn), 1, rates.SESSION_MAX_CALLS).astype(np.int64)
        kept = int(np.searchsorted(np.cumsum(calls), missing, side="left")) + 1
        calls = calls[:kept]
        missing -= int(calls.sum())
        parts.append(calls)
    calls = np.concatenate(parts)
    calls[-1] += missing
    count = len(calls)
    hour = weighted(random, rates.HOUR_WEIGHTS[plan.first_hour : plan.last_hour + 1], count)
    start = plan.start * 1000 + hour * 3_600_000 + random.integers(3_600_000, size=count)
    users = max(1, round(count * rates.USERS_PER_SESSION))
    user = np.arange(count, dtype=np.int32)
    user[users:] = random.integers(users, size=count - users)
    return Sessions(start, calls, user, users)


def draw_hours(plan: Plan, sessions: Sessions, threads: int = 2) -> Iterator[Rows]:
    """The rows that arrive in each hour of the plan, in order of arrival.

    All rows are in memory at first, 32 bytes each; an hour's rows are freed when the next hour is requested.
    """
    kinds = draw_kinds(plan.stream(_KINDS), plan.records)
    hours: list[list[Rows]] = [[] for _ in range(plan.hours)]
    firsts = np.cumsum(sessions.calls) - sessions.calls

    def draw(numbered: tuple[int, slice]) -> Rows:
        piece, cut = numbered
        random = plan.stream(_CALLS, piece)
        return _draw_piece(plan, sessions, cut, kinds, int(firsts[cut.start]), random)

    with ThreadPoolExecutor(threads) as pool:
        for rows in pool.map(draw, enumerate(sessions.pieces())):
            hour = (rows["stamp"].astype(np.int64) - plan.start) // 3600
            order = np.argsort(hour, kind="stable")
            ends = np.cumsum(np.bincount(hour, minlength=plan.hours))
            for rest, part in zip(hours, np.split(rows[order], ends[:-1]), strict=True):
                rest.append(part)
    for number in range(plan.hours):
        rows = np.concatenate(hours[number])
        hours[number] = []
        key = (arrival_seconds(rows) - plan.day_start) << 16 | rows["tick"]
        yield rows[np.argsort(key, kind="stable")]


def arrival_seconds(rows: Rows) -> NDArray[np.int64]:
    """Arrival of the records in the stream, epoch seconds; always in the same hour as `stamp`."""
    stamp = rows["stamp"].astype(np.int64)
    arrival: NDArray[np.int64] = np.maximum(stamp - rows["behind"], stamp // 3600 * 3600)
    return arrival


def _draw_piece(
    plan: Plan,
    sessions: Sessions,
    cut: slice,
    kinds: tuple[NDArray[np.int64], NDArray[np.uint8]],
    first: int,
    random: np.random.Generator,
) -> Rows:
    """The rows of some sessions; their first record is number `first` of the sample."""
    calls = sessions.calls[cut]
    count = int(calls.sum())
    opening = np.cumsum(calls) - calls
    rows = np.zeros(count, dtype=ROW)
    places, kind = kinds
    some = slice(*np.searchsorted(places, [first, first + count]))
    rows["kind"][places[some] - first] = kind[some]
    rows["user"] = np.repeat(sessions.user[cut], calls)
    rows["call"] = call = _draw_calls(opening, rows["kind"], random)
    rows["elapsed"] = _draw_elapsed(call, random)
    rows["answer"] = _SUCCESS[call]
    failed = np.flatnonzero(random.random(count) < rates.ERROR_SHARE)
    weights = tuple(error.weight for error in ERRORS)
    rows["answer"][failed] = len(ANSWERS) - len(ERRORS) + weighted(random, weights, len(failed))
    rows["other_url"] = random.random(count) < rates.OTHER_URL_SHARE
    rows["slip"] = _draw_slips(count, random)
    rows["behind"] = weighted(random, rates.BEHIND_WEIGHTS, count)
    rows["tick"] = random.integers(1 << 16, size=count, dtype=np.uint16)

    gaps = np.rint(random.lognormal(np.log(rates.GAP_MEDIAN_MS), rates.GAP_SIGMA, count)).astype(np.int64)
    gaps[opening] = 0
    since = np.cumsum(gaps)
    begin = since + np.repeat(sessions.start[cut] - since[opening], calls)
    stamp = (begin + rows["elapsed"] + rows["slip"]) // 1000 + _draw_lags(count, random)
    # Calls after the last hour are moved to before the first, so that traffic is steady at both ends.
    turns = (stamp - plan.start) // (3600 * plan.hours) * plan.hours
    rows["begin"] = begin - turns * 3_600_000
    rows["stamp"] = stamp - turns * 3600
    return rows


def _draw_calls(opening: NDArray[np.int64], kinds: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Functions, uint8: a session opens with a login, and some calls repeat the one before."""
    count = len(kinds)
    fresh = random.random(count) >= rates.REPEAT_SHARE
    call = weighted(random, _WEIGHTS, count)
    fresh[opening] = True
    call[opening] = np.asarray(LOGINS)[random.integers(len(LOGINS), size=len(opening))]
    call = call[np.maximum.accumulate(np.where(fresh, np.arange(count), 0))]
    call[kinds == Kind.NO_CREATED] = LOGINS[0]
    return call.astype(np.uint8)


def _draw_elapsed(call: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.float64]:
    """Duration of the calls in whole milliseconds, float64."""
    elapsed = np.exp(_MEDIAN_LOG[call] + rates.ELAPSED_SIGMA * random.standard_normal(len(call)))
    slow = np.flatnonzero(random.random(len(call)) < rates.SLOW_SHARE)
    elapsed[slow] *= random.lognormal(np.log(rates.SLOW_MEDIAN), rates.SLOW_SIGMA, len(slow))
    return np.minimum(np.rint(elapsed), rates.ELAPSED_MAX_MS)


def _draw_slips(count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Milliseconds from begin + elapsed to end, int64."""
    ordinary = len(rates.SLIP_WEIGHTS)
    slip = weighted(random, (*rates.SLIP_WEIGHTS, 1.0 - sum(rates.SLIP_WEIGHTS)), count)
    long = np.flatnonzero(slip == ordinary)
    slip[long] += random.geometric(1.0 / rates.SLIP_TAIL_MEAN_MS, len(long)) - 1
    return np.minimum(slip, rates.SLIP_MAX_MS)


def _draw_lags(count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Whole seconds from end to `timestamp`, int64."""
    lag = random.gamma(rates.LAG_SHAPE, rates.LAG_SCALE_S, count).astype(np.int64)
    luck = random.random(count)
    late = np.flatnonzero(luck < rates.LATE_SHARE)
    minutes = random.lognormal(np.log(rates.LATE_MEDIAN_S), rates.LATE_SIGMA, len(late))
    lag[late] += np.clip(minutes, 60, rates.LATE_MAX_S).astype(np.int64)
    very_late = np.flatnonzero(luck < rates.VERY_LATE_SHARE)
    lag[very_late] += random.integers(*rates.VERY_LATE_S, size=len(very_late))
    return lag
