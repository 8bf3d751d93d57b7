"""A day of the living population: as many records as asked for, hour by hour, in order of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.sample.draw import ROW, Rows, arrival_seconds
from logpress.sample.kinds import Kind, draw_kinds
from logpress.sample.living import rates
from logpress.sample.living.games import release, release_name
from logpress.sample.living.kernels_sessions import draw_calls
from logpress.sample.living.people import People, alive, guests, join, nicknames
from logpress.sample.living.tables import FACTOR, kernel_functions, kernel_settings, kernel_tables
from logpress.sample.living.visits import NEVER, Visits, draw_visits, name_keys
from logpress.sample.living.world import World
from logpress.sample.plan import Plan
from logpress.sample.population import Population, escaped
from logpress.sample.unusual import MODELS
from logpress.sample.vocabulary import FUNCTIONS, LOGINS, SUCCESS_STATUSES

_KINDS = 3
_PIECE = 1 << 17
COLUMNS: tuple[tuple[str, type], ...] = (
    ("begin", np.int64), ("stamp", np.uint32), ("user", np.int32), ("elapsed", np.uint16), ("slip", np.uint16),
    ("tick", np.uint16), ("call", np.uint8), ("answer", np.uint8), ("behind", np.uint8), ("other_url", np.uint8),
)  # fmt: skip
"""Columns of rows that the kernel writes."""
_LOGIN_ANSWER = SUCCESS_STATUSES.index(FUNCTIONS[LOGINS[0]].status)


@dataclass(frozen=True)
class LivingDay:
    """What is drawn of a day of a world before its rows are.

    Attributes:
        plan: the day, its hours, and how many records arrive in them.
        world: the world.
        people: users who may play on this day or played on the day before.
        visits: sessions of both days with a record that arrives in these hours, by begin.
        inside: int64, records of each that arrive in these hours; their sum is at least that of the plan.
    """

    plan: Plan
    world: World
    people: People
    visits: Visits
    inside: NDArray[np.int64]

    @classmethod
    def draw(cls, plan: Plan, world: World, threads: int = 2) -> LivingDay:
        """Find the sessions of a day, and make them as long as it takes to have the plan's number of records."""
        day = plan.day.toordinal()
        people = alive(world, day - 1, day)
        visits = _joined([draw_visits(world, people, day - 1), draw_visits(world, people, day)])
        first, end = plan.start * 1000, (plan.start + 3600 * plan.hours) * 1000
        visits = visits.take((visits.reaches() >= first) & (visits.start < end))
        drawn = cls(plan, world, people, visits, np.zeros(0, dtype=np.int64))._counted(threads)
        return drawn._exact(threads)

    # How many records

    def _counted(self, threads: int) -> LivingDay:
        """The same with `inside`, without sessions of which nothing arrives in these hours."""
        kept, inside = self.visits, count_inside(self, threads)
        some = inside > 0
        return replace(self, visits=kept.take(some), inside=inside[some])

    def _exact(self, threads: int) -> LivingDay:
        """The same with at least as many records as the plan has, and no more if that can be."""
        closed = self.inside == self.visits.calls
        wanted = self.plan.records - int(self.inside[~closed].sum())
        have = int(self.inside[closed].sum())
        least = np.maximum(np.where(self.visits.rename >= 0, self.visits.rename + 1, 1), 1)
        calls = self.visits.calls.copy()
        if have >= wanted:
            calls[closed] = _shrunk(calls[closed], np.minimum(least, calls)[closed], max(wanted, 0))
            return replace(self, visits=replace(self.visits, calls=calls), inside=np.where(closed, calls, self.inside))
        if wanted <= 1.5 * have:
            calls[closed] += calls[closed] * (wanted - have) // have + 1
            return replace(self, visits=replace(self.visits, calls=calls))._counted(threads)._exact(threads)
        return self._with_guests(wanted - have)._counted(threads)._exact(threads)

    def _with_guests(self, missing: int) -> LivingDay:
        """The same with so many more users who sign up in these hours that the missing records will be there."""
        day, plan = self.plan.day.toordinal(), self.plan
        known = len(self.people)
        there = int((self.people.cohort == day).sum())
        more = guests(self.world, day, range(there, there + missing // 20 + 1))
        begin = (more.key % np.uint64(3_600_000 * plan.hours * 4 // 5)).astype(np.int64) + plan.start * 1000
        more = replace(more, created=begin - 500)
        calls = np.full(len(more), 24, dtype=np.int64)
        none = np.zeros(len(more), dtype=np.int64)
        visits = Visits(
            key=more.key,
            person=known + np.arange(len(more)),
            day=none + day,
            start=begin,
            calls=calls,
            rename=none + 1,
            renamed=none + NEVER,
            lasts=none + rates.SESSION_LEAST_MS + rates.SESSION_MS_A_CALL * 24,
            held=none + NEVER,
            until=none,
            bad=none > 0,
        )
        return replace(self, people=join([self.people, more]), visits=_joined([self.visits, visits]))

    @property
    def guests(self) -> People:
        """Users who are there only because the population is too small for the records."""
        day = self.plan.day.toordinal()
        return self.people.take(np.arange(len(alive(self.world, day - 1, day)), len(self.people)))

    # What is written

    @cached_property
    def population(self) -> Population:
        """The users of the rows: one for each user, day of a session, and nickname."""
        owner, day, renamed = self._persona_of
        some = self.people.take(owner)
        before = name_keys(self.world, some, day)
        chosen = np.where(renamed, day, before)
        released = release(self._built(owner, day))
        numbers, version = np.unique(released, return_inverse=True)
        names, ends = escaped(nicknames(some.key, chosen))
        return Population(
            games=self.world.game_ids,
            game=some.game.astype(np.int32),
            version=version.astype(np.uint8),
            created=some.created,
            names=names,
            name_ends=ends,
            versions=tuple(map(release_name, numbers.tolist())),
        )

    @cached_property
    def _personas(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Of each user and day with a session, in order: user, day, and whether there are two nicknames, 0 or 1."""
        pair = self.visits.person * 2 + (self.visits.day == self.plan.day.toordinal())
        pairs, place = np.unique(pair, return_inverse=True)
        two = np.zeros(len(pairs), dtype=np.int64)
        two[place[self.visits.renamed < NEVER]] = 1
        return pairs // 2, self.plan.day.toordinal() - 1 + pairs % 2, two

    @cached_property
    def _persona_of(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Of each entry of the population: user, day, and whether it has the nickname chosen on that day."""
        person, day, two = self._personas
        repeats = 1 + two
        second = np.arange(int(repeats.sum())) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        return np.repeat(person, repeats), np.repeat(day, repeats), second > 0

    def _built(self, person: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.int64]:
        """The day of the build of his game that a user has on a day."""
        some = self.people.take(person)
        return self.world.games.built(some.game, day - some.adoption_days())

    def hours(self, threads: int = 2) -> Iterator[Rows]:
        """The rows that arrive in each hour of the plan, in order of arrival.

        An hour's rows are in memory, 32 bytes each, with those that arrive later of sessions that have begun.
        """
        plan = self.plan
        places, kinds = draw_kinds(plan.stream(_KINDS), plan.records)
        order = np.argsort(self.visits.start, kind="stable")
        ends = [(plan.start + 3600 * hour) * 1000 for hour in range(1, plan.hours + 1)]
        begun = np.searchsorted(self.visits.start[order], ends)
        waiting = np.empty(0, dtype=ROW)
        drawn = done = 0
        with ThreadPoolExecutor(threads) as pool:
            for number, end in enumerate(begun.tolist()):
                some = order[drawn:end]
                drawn = end
                rows = np.concatenate([waiting, *pool.map(self._draw, self._pieces(some))])
                now = rows["stamp"] < plan.start + 3600 * (number + 1)
                key = (arrival_seconds(rows) - plan.day_start) << 16 | rows["tick"]
                arriving = np.flatnonzero(now)
                waiting, rows = rows[~now], rows[arriving[np.argsort(key[arriving], kind="stable")]]
                rows = rows[: plan.records - done]
                first, last = np.searchsorted(places, [done, done + len(rows)]).tolist()
                self._mark(rows, places[first:last] - done, kinds[first:last])
                done += len(rows)
                yield rows

    def _mark(self, rows: Rows, places: NDArray[np.int64], kinds: NDArray[np.uint8]) -> None:
        """Make some rows unusual."""
        rows["kind"][places] = kinds
        unknown = places[kinds == Kind.NO_CREATED]
        rows["call"][unknown] = LOGINS[0]
        rows["answer"][unknown] = _LOGIN_ANSWER
        with_device = places[kinds == Kind.DEVICE]
        device = self.people.device[self._persona_of[0][rows["user"][with_device]]]
        tick = rows["tick"][with_device].astype(np.int64)
        tick = np.minimum(tick, 65_534 - len(MODELS)) // len(MODELS) * len(MODELS) + device
        rows["tick"][with_device] = tick  # by which the model is chosen

    def _pieces(self, some: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Cut sessions into runs of about 130,000 records."""
        ends = np.cumsum(self.inside[some])
        cuts = np.searchsorted(ends, np.arange(_PIECE, int(self.inside[some].sum()), _PIECE)) + 1
        return (some[a:b] for a, b in pairwise([0, *np.unique(cuts).tolist(), len(some)]) if b > a)

    def _draw(self, some: NDArray[np.int64]) -> Rows:
        """The rows of some sessions that arrive in the hours."""
        visits = self.visits.take(some)
        count = int(self.inside[some].sum())
        out = columns(count)
        written = draw_calls(*self.arguments(visits), np.empty(len(visits), dtype=np.int64), out)
        assert written == count
        rows = np.zeros(count, dtype=ROW)
        for (name, _), column in zip(COLUMNS, out, strict=True):
            rows[name] = column
        return rows

    def arguments(self, visits: Visits) -> tuple[Any, ...]:
        """What the kernel is given of sessions, but for where it writes."""
        owner, place = np.unique(visits.person, return_inverse=True)
        some = self.people.take(owner)
        games, present = np.unique(some.game, return_inverse=True)
        login = np.where(some.guest(), *LOGINS).astype(np.int64)
        own = (
            present, some.network, login, _factor(some.pace()), some.backward().astype(np.int64), some.liking(),
        )  # fmt: skip
        sessions = (
            visits.key, visits.start, visits.calls, visits.rename, visits.renamed, visits.lasts, visits.held,
            visits.until, place, self._row_users(visits),
        )  # fmt: skip
        factors = self._factors(visits, some, place)
        successors = self.world.games.successors[games]
        return (
            (*sessions, *factors), own, kernel_functions(), successors, kernel_tables(), kernel_settings(self.plan),
        )  # fmt: skip

    def _row_users(self, visits: Visits) -> NDArray[np.int64]:
        """The entry of the population of each session before it changes a nickname."""
        person, day, two = self._personas
        wanted = visits.person * 2 + (visits.day == self.plan.day.toordinal())
        pairs = person * 2 + (day == self.plan.day.toordinal())
        firsts = np.cumsum(1 + two) - (1 + two)
        found: NDArray[np.int64] = firsts[np.searchsorted(pairs, wanted)]
        return found

    def _factors(self, visits: Visits, some: People, place: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Factors of failures, elapsed times and late records of sessions, int64 each, 256 for 1."""
        games, game = self.world.games, some.game[place]
        bad_build = games.bad_build(game, self._built(visits.person, visits.day))
        trouble = some.errors()[place] * games.errors[game] * np.where(bad_build, rates.BAD_BUILD_ERRORS, 1.0)
        time = some.time()[place] * games.time[game]
        late = np.asarray(rates.NETWORK_LATE)[some.network][place]
        bad = visits.bad
        return (
            _factor(trouble * np.where(bad, rates.BAD_ERRORS, 1.0)),
            _factor(time * np.where(bad, rates.BAD_TIME, 1.0)),
            _factor(late * np.where(bad, rates.BAD_LATE, 1.0)),
        )


def count_inside(day: LivingDay, threads: int = 2) -> NDArray[np.int64]:
    """int64[sessions], records of each session that arrive in the hours."""
    visits = day.visits
    inside = np.zeros(len(visits), dtype=np.int64)
    nowhere = columns(0)
    edges = np.unique(np.append(np.arange(0, len(visits), 2_000), len(visits))).tolist()

    def count(cut: slice) -> None:
        draw_calls(*day.arguments(visits.take(cut)), inside[cut], nowhere)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(count, [slice(a, b) for a, b in pairwise(edges)]):
            pass
    return inside


def columns(count: int) -> tuple[NDArray[Any], ...]:
    """Arrays for so many rows, uninitialised, as the kernel writes them."""
    return tuple(np.empty(count, dtype=kind) for _, kind in COLUMNS)


def _joined(some: list[Visits]) -> Visits:
    return Visits(*(np.concatenate(columns) for columns in zip(*(vars(one).values() for one in some), strict=True)))


def _factor(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.maximum(np.rint(FACTOR * values), 1).astype(np.int64)


def _shrunk(calls: NDArray[np.int64], least: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Numbers that add up to `total` or to the sum of `least`, each in about the same proportion to what it was."""
    kept = least.sum()
    if total <= kept:
        return least
    room = calls - least
    ends = np.cumsum(room) * (total - int(kept)) // int(room.sum())
    return least + np.diff(ends, prepend=0)
