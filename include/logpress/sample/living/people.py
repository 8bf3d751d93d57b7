"""Users: who signs up on a day, with traits for all his life, and who of all these is still there on another day."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise, starmap

import numpy as np
from numpy.typing import NDArray

from logpress.sample import rates as still
from logpress.sample.living import rates
from logpress.sample.living.chains import COUNT, GROUPS
from logpress.sample.living.chance import Keys, choice, keyed, normal, unit
from logpress.sample.living.world import World
from logpress.sample.population import spelled
from logpress.sample.vocabulary import SYMBOLS

DAY_MS = 86_400_000
EPOCH_ORDINAL = 719_163
"""Ordinal of 1970-01-01: days of this package are ordinals, `date.toordinal()`."""
MOST_LIKED = 1023

_AT_A_TIME = 200_000
"""Users who are drawn at a time, before those who have left are dropped."""

(
    _HOW_MANY, _GAME, _EAGER, _NETWORK, _DEVICE, _STAYS, _DAYS, _HOUR, _HOUR_PART, _SIGNED, _SIGNED_PART, _CALLS,
    _BREAKS, _PACE, _SPEED, _ERRORS, _BACKWARD, _GUEST, _GROUP, _FUNCTION, _ADOPTION, _NAMES, _BREAK, _PLAY, _NICKNAME,
) = range(25)  # fmt: skip


@dataclass(frozen=True)
class People:
    """Some users. Arrays have a place a user.

    Attributes:
        key: uint64, what all of him is drawn by.
        game: int64, index of his game.
        cohort: int64, day he signed up, ordinal.
        created: int64, instant of signing up, epoch ms.
        last: int64, the last day on which he may play, ordinal.
        eager: float64, standard normal: plays on more days, more often, and stays longer.
        network: int64, 0 good, 1 mobile, 2 weak.
        device: int64, index into `unusual.MODELS`.
    """

    key: Keys
    game: NDArray[np.int64]
    cohort: NDArray[np.int64]
    created: NDArray[np.int64]
    last: NDArray[np.int64]
    eager: NDArray[np.float64]
    network: NDArray[np.int64]
    device: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.key)

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_]) -> People:
        """Some of them."""
        return People(*(getattr(self, field.name)[places] for field in fields(self)))

    # Traits that are not kept but drawn again: most users are not looked at on most days.

    def play_chance(self) -> NDArray[np.float64]:
        """Chance to play on an average day without a break."""
        chance: NDArray[np.float64] = np.full(len(self), rates.PLAY_LEAST)
        chance += rates.PLAY_RANGE / (1 + np.exp(-1.1 * self.eager - 0.1))
        return chance

    def break_share(self) -> NDArray[np.float64]:
        """Share of weeks in which he takes a break."""
        return rates.BREAK_LEAST + rates.BREAK_RANGE * unit(keyed(self.key, _BREAKS)) ** 2

    def more_sessions(self) -> NDArray[np.float64]:
        """Mean number of sessions of a day he plays, above the first."""
        return rates.SESSIONS_LEAST + rates.SESSIONS_RANGE / (1 + np.exp(-self.eager))

    def session_calls(self) -> NDArray[np.float64]:
        """Median of the calls of his sessions."""
        return still.SESSION_MEDIAN_CALLS * np.exp(rates.SESSION_BETWEEN_SIGMA * normal(keyed(self.key, _CALLS)))

    def own_hour(self) -> NDArray[np.float64]:
        """Hour of the UTC day at which he likes to play, 0 to 24."""
        hour = choice(keyed(self.key, _HOUR), still.HOUR_WEIGHTS)
        return hour + unit(keyed(self.key, _HOUR_PART))

    def pace(self) -> NDArray[np.float64]:
        """Factor of the time between his calls."""
        return np.exp(rates.PACE_SIGMA * normal(keyed(self.key, _PACE)))

    def time(self) -> NDArray[np.float64]:
        """Factor of the elapsed times of his calls, by network, device and place."""
        network, device = np.asarray(rates.NETWORK_TIME), np.asarray(rates.DEVICE_TIME)
        own: NDArray[np.float64] = np.exp(rates.SPEED_SIGMA * normal(keyed(self.key, _SPEED)))
        own *= network[self.network] * device[self.device]
        return own

    def errors(self) -> NDArray[np.float64]:
        """Factor of the share of his calls that fail."""
        own = np.exp(rates.ERROR_SIGMA * (normal(keyed(self.key, _ERRORS)) - rates.ERROR_SIGMA / 2))
        factor: NDArray[np.float64] = np.asarray(rates.NETWORK_ERRORS)[self.network] * own
        return factor

    def backward(self) -> NDArray[np.bool_]:
        """Whether he goes through routines backwards."""
        return unit(keyed(self.key, _BACKWARD)) < rates.BACKWARD_SHARE

    def guest(self) -> NDArray[np.bool_]:
        """Whether he logs in as a guest."""
        return unit(keyed(self.key, _GUEST)) < rates.GUEST_SHARE

    def liking(self) -> NDArray[np.uint16]:
        """How much he likes each function, uint16[users, functions], 1 to `MOST_LIKED`; the median is 64."""
        groups = normal(keyed(self.key[:, None], _GROUP, np.arange(int(GROUPS.max()) + 1)[None, :]))
        own = normal(keyed(self.key[:, None], _FUNCTION, np.arange(COUNT)[None, :]))
        liked = 64 * np.exp(rates.HABIT_GROUP_SIGMA * groups[:, GROUPS] + rates.HABIT_FUNCTION_SIGMA * own)
        whole: NDArray[np.float64] = np.clip(np.rint(liked), 1, MOST_LIKED)
        return whole.astype(np.uint16)

    def adoption_days(self) -> NDArray[np.int64]:
        """Days until he has installed a new build of his game."""
        days = -rates.ADOPTION_MEAN_DAYS * np.log(1 - unit(keyed(self.key, _ADOPTION)))
        return np.minimum(days, rates.ADOPTION_MOST_DAYS).astype(np.int64)

    def name_change(self, block: NDArray[np.int64]) -> NDArray[np.int64]:
        """The day of a block of days on which he changes his nickname if he plays then, ordinal; -1 if on none."""
        drawn = keyed(self.key, _NAMES, block)
        day = block * rates.NAME_BLOCK_DAYS + (keyed(drawn, 0) % np.uint64(rates.NAME_BLOCK_DAYS)).astype(np.int64)
        return np.where(unit(drawn) < rates.NAME_CHANGE_SHARE, day, -1)


def sign_ups(world: World, days: range, since: int = 0) -> People:
    """The users who sign up on some days (ordinals) and may still play on the day `since` or later, oldest first."""
    luck = unit(keyed(world.key, _HOW_MANY, np.arange(days.start, days.stop)))
    count = (world.records / rates.RECORDS_A_SIGN_UP + luck).astype(np.int64)
    cohort = np.repeat(np.arange(days.start, days.stop), count)
    return _people(world, cohort, np.arange(len(cohort)) - np.repeat(np.cumsum(count) - count, count), since)


def guests(world: World, day: int, numbers: range) -> People:
    """Users who would sign up on a day, too, if the world were larger."""
    number = np.arange(numbers.start, numbers.stop)
    return _people(world, np.full(len(number), day, dtype=np.int64), number, day)


def _people(world: World, cohort: NDArray[np.int64], number: NDArray[np.int64], since: int) -> People:
    """The users with these numbers of these days, ascending, without those who have left before the day `since`."""
    key = keyed(world.key, cohort, number)
    eager = normal(keyed(key, _EAGER))
    network = choice(keyed(key, _NETWORK), rates.NETWORK_WEIGHTS)
    leaving = rates.STAY_NOT_SHARE + np.asarray(rates.NETWORK_LEAVING)[network] - 0.1 * np.clip(eager, -1, 1)
    part = rates.STAY_BY_EAGERNESS
    luck = part * eager + np.sqrt(1 - part**2) * normal(keyed(key, _DAYS))
    stays = 1 + np.minimum(rates.STAY_MEDIAN_DAYS * np.exp(rates.STAY_SIGMA * luck), rates.OLDEST_DAYS - 1)
    last = cohort + np.where(unit(keyed(key, _STAYS)) < leaving, 0, stays.astype(np.int64))
    kept = last >= since
    key, cohort = key[kept], cohort[kept]

    game = np.zeros(len(key), dtype=np.int64)
    of_games = keyed(key, _GAME)
    days, firsts = np.unique(cohort, return_index=True)
    for day, some in zip(days.tolist(), starmap(slice, pairwise([*firsts.tolist(), len(key)])), strict=True):
        game[some] = choice(of_games[some], world.games.sizes(day))
    hour = choice(keyed(key, _SIGNED), still.HOUR_WEIGHTS)
    in_hour = (unit(keyed(key, _SIGNED_PART)) * 3_600_000).astype(np.int64)
    return People(
        key=key,
        game=game,
        cohort=cohort,
        created=(cohort - EPOCH_ORDINAL) * DAY_MS + hour * 3_600_000 + in_hour,
        last=last[kept],
        eager=eager[kept],
        network=network[kept],
        device=choice(keyed(key, _DEVICE), rates.DEVICE_WEIGHTS),
    )


def alive(world: World, first: int, last: int) -> People:
    """The users who sign up by the day `last` and may still play on the day `first`, oldest first."""
    step = max(1, int(_AT_A_TIME / (1 + world.records / rates.RECORDS_A_SIGN_UP)))
    oldest = max(1, first - rates.OLDEST_DAYS)
    days = [range(day, min(day + step, last + 1)) for day in range(oldest, last + 1, step)]
    return join([sign_ups(world, some, first) for some in days])


def join(some: list[People]) -> People:
    """Several lots of users as one."""
    return People(*(np.concatenate([getattr(one, field.name) for one in some]) for field in fields(People)))


def plays(world: World, people: People, day: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether users play on days (ordinals, one a user), bool[users]."""
    week = (day + (people.key % np.uint64(7)).astype(np.int64)) // 7
    rests = unit(keyed(people.key, _BREAK, week)) < people.break_share()
    chance = people.play_chance() * world.games.playing(people.game, day)
    wants = unit(keyed(people.key, _PLAY, day)) < chance
    here = (day >= people.cohort) & (day <= people.last)
    played: NDArray[np.bool_] = here & ((day == people.cohort) | (wants & ~rests))
    return played


def nicknames(key: Keys, chosen: NDArray[np.int64]) -> list[str]:
    """The nicknames that users chose on a day each (ordinals)."""
    drawn = keyed(key, _NICKNAME, chosen)

    def number(purpose: int, count: int) -> NDArray[np.int64]:
        return (keyed(drawn, purpose) % np.uint64(count)).astype(np.int64)

    def some(purpose: int, share: float) -> NDArray[np.bool_]:
        return unit(keyed(drawn, purpose)) < share

    digits = np.where(some(4, 0.45), number(5, 10_000), -1)
    symbol = np.where(some(6, 0.05), number(7, len(SYMBOLS)), -1)
    return spelled(some(0, 0.5), some(1, 0.12), number(2, 1 << 20), number(3, 1 << 20), digits, symbol)
