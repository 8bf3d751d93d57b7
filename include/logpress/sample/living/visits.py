"""The sessions of the users who play on a day: when each begins, and how many calls it has."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from logpress.sample import rates as still
from logpress.sample.living import rates
from logpress.sample.living.chance import Keys, choice, keyed, normal, unit
from logpress.sample.living.people import DAY_MS, EPOCH_ORDINAL, People, plays
from logpress.sample.living.tables import MOST_LAG_S, MOST_SLIP_MS
from logpress.sample.living.world import World

_SESSIONS, _SESSION, _LENGTH, _OWN, _NEAR, _HOUR, _PART, _BAD, _FIRST, _WHICH, _LOST, _HELD, _UNTIL = range(2000, 2013)

NEVER = 1 << 30
"""More calls than any session has."""


_LATEST_MS = still.ELAPSED_MAX_MS + (MOST_SLIP_MS + 1) + 1000 * (still.LATE_MAX_S + MOST_LAG_S + 1)


@dataclass(frozen=True)
class Visits:
    """Sessions. Arrays have a place a session.

    Attributes:
        key: uint64, what its calls are drawn by.
        person: int64, place of the user among some people.
        day: int64, day on which it begins, ordinal.
        start: int64, begin of its first call, epoch ms.
        calls: int64, how many calls it has, at most.
        rename: int64, which of its calls sets a nickname; -1 if none. A user who signs up sets his first one.
        renamed: int64, its first call with the nickname that was chosen on this day; `calls` or more if none has it.
        lasts: int64, its calls begin within so many milliseconds.
        held: int64, its first call whose record is held back; `NEVER` if none is.
        until: int64, when records that are held back arrive, epoch s; 0 if none is.
        bad: bool, whether the connection is bad.
    """

    key: Keys
    person: NDArray[np.int64]
    day: NDArray[np.int64]
    start: NDArray[np.int64]
    calls: NDArray[np.int64]
    rename: NDArray[np.int64]
    renamed: NDArray[np.int64]
    lasts: NDArray[np.int64]
    held: NDArray[np.int64]
    until: NDArray[np.int64]
    bad: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.key)

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Visits:
        """Some of them."""
        return Visits(*(getattr(self, field.name)[places] for field in fields(self)))

    def reaches(self) -> NDArray[np.int64]:
        """When the last of their records have arrived, at most, epoch ms."""
        latest: NDArray[np.int64] = np.maximum(self.start + self.lasts, self.until * 1000) + _LATEST_MS
        return latest


def draw_visits(world: World, people: People, day: int) -> Visits:
    """The sessions that begin on a day (its ordinal), users in order, each user's by their begin."""
    days = np.full(len(people), day, dtype=np.int64)
    active = np.flatnonzero(plays(world, people, days))
    some = people.take(active)
    today = keyed(some.key, _SESSIONS, day)
    more = some.more_sessions()
    count = 1 + np.floor(np.log(1 - unit(today)) / np.log(more / (1 + more))).astype(np.int64)
    count = np.minimum(count, rates.SESSIONS_MOST)
    new = some.cohort == day

    owner = np.repeat(np.arange(len(some)), count)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    key = keyed(today[owner], _SESSION, number)
    begin = _times(some.own_hour()[owner], key) + (day - EPOCH_ORDINAL) * DAY_MS
    order = np.lexsort((begin, owner))  # a session's number is its place in the day
    begin = begin[order]
    created = some.created[owner]
    signs_up = new[owner] & (number == 0)
    begin = np.where(signs_up, created + 200 + (unit(keyed(key, _FIRST)) * 2_800).astype(np.int64), begin)
    for place in range(1, rates.SESSIONS_MOST):
        later = np.flatnonzero(number == place)
        begin[later] = np.maximum(begin[later], begin[later - 1] + rates.SESSION_APART_MS)
    length = some.session_calls()[owner] * np.exp(rates.SESSION_WITHIN_SIGMA * normal(keyed(key, _LENGTH)))
    calls = np.clip(np.rint(length), 1, still.SESSION_MAX_CALLS).astype(np.int64)
    renames = _rename_today(some, day)[owner]
    calls[renames & (number == 0)] += 1
    which = 1 + (keyed(key, _WHICH) % np.maximum(calls - 1, 1).astype(np.uint64)).astype(np.int64)
    rename = np.where(renames & (number == 0), which, np.where(signs_up & (calls > 1), 1, -1))
    renamed = np.where(renames, np.where(number == 0, which + 1, 0), NEVER)
    network = some.network[owner]
    bad = unit(keyed(key, _BAD)) < np.asarray(rates.BAD_SHARE)[network]
    lasts = rates.SESSION_LEAST_MS + rates.SESSION_MS_A_CALL * calls
    lost = unit(keyed(key, _LOST)) < rates.HELD_SHARE * np.asarray(rates.NETWORK_LATE)[network]
    held = np.where(lost, (keyed(key, _HELD) % calls.astype(np.uint64)).astype(np.int64), NEVER)
    least, most = rates.HELD_S
    until = np.where(lost, begin // 1000 + least + (unit(keyed(key, _UNTIL)) * (most - least)).astype(np.int64), 0)
    visits = Visits(key, active[owner], days[active][owner], begin, calls, rename, renamed, lasts, held, until, bad)
    return visits.take(begin < (day + 1 - EPOCH_ORDINAL) * DAY_MS)


def _times(own_hour: NDArray[np.float64], key: Keys) -> NDArray[np.int64]:
    """Times of day, ms: near the user's own hour, or when all users play."""
    near = own_hour + rates.OWN_HOUR_SIGMA_H * normal(keyed(key, _NEAR))
    common = choice(keyed(key, _HOUR), still.HOUR_WEIGHTS) + unit(keyed(key, _PART))
    hour = np.where(unit(keyed(key, _OWN)) < rates.OWN_HOUR_SHARE, near, common)
    return (hour % 24 * 3_600_000).astype(np.int64)


def _rename_today(some: People, day: int) -> NDArray[np.bool_]:
    """Which of the users who play on a day change their nickname on it."""
    block = np.full(len(some), day // rates.NAME_BLOCK_DAYS, dtype=np.int64)
    renames: NDArray[np.bool_] = (some.name_change(block) == day) & (some.cohort < day)
    return renames


def name_keys(world: World, people: People, day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which nickname users have before a session of a day: the day it was chosen on, ordinal, one a user."""
    block = day // rates.NAME_BLOCK_DAYS
    chosen = people.cohort.copy()
    open_ = np.ones(len(people), dtype=bool)
    for _ in range(rates.OLDEST_DAYS // rates.NAME_BLOCK_DAYS + 2):
        change = people.name_change(block)
        counts = open_ & (change >= 0) & (change < day) & (change > people.cohort)
        places = np.flatnonzero(counts)
        if len(places):
            played = plays(world, people.take(places), change[places])
            chosen[places[played]] = change[places[played]]
            open_[places[played]] = False
        block = block - 1
    return chosen
