"""Games that last: their size, which rises and falls; their functions; their builds, each with the SDK of its day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from logpress.sample import rates as still
from logpress.sample.living import chains, rates
from logpress.sample.living.chance import choice, keyed, normal, unit

_KIND, _ROUTINE, _LEFT_OUT, _WAVE, _PERIOD, _PHASE, _WEEKEND, _TIME, _ERRORS, _BUILD, _BUILD_PHASE, _BAD = range(12)
_PATCH = 12
_FIRST_RELEASE = date(2015, 8, 5).toordinal()
_ANCHOR = 0x67616D65


@dataclass(frozen=True)
class Games:
    """All games of a world. Arrays have a place a game.

    Attributes:
        kind: int64, index into `chains.KINDS`.
        size: float64, relative number of sign-ups a day, on average.
        wave: float64, amplitude of the logarithm of sign-ups.
        period: float64, days from one crest to the next.
        phase: float64, 0 to 1, where in the period day 0 of the calendar lies.
        weekend: float64, logarithm of how much more it is played on Saturdays and Sundays.
        time: float64, factor of elapsed times.
        errors: float64, factor of the share of calls that fail.
        build_days: int64, days between two builds.
        build_phase: int64, days since 0001-01-01 of a build, modulo `build_days`.
        successors: uint16[games, 2, functions, functions], as `chains.chains` makes it.
        shares: float64[games, functions], how often functions are called by one without habits of his own.
        key: uint64, what all this was drawn by.
    """

    kind: NDArray[np.int64]
    size: NDArray[np.float64]
    wave: NDArray[np.float64]
    period: NDArray[np.float64]
    phase: NDArray[np.float64]
    weekend: NDArray[np.float64]
    time: NDArray[np.float64]
    errors: NDArray[np.float64]
    build_days: NDArray[np.int64]
    build_phase: NDArray[np.int64]
    successors: NDArray[np.uint16]
    shares: NDArray[np.float64]
    key: NDArray[np.uint64]

    def sizes(self, day: int) -> NDArray[np.float64]:
        """Relative number of sign-ups of each game on a day (its ordinal)."""
        turns: NDArray[np.float64] = 2 * np.pi * (day / self.period + self.phase)
        return self.size * np.exp(self.wave * np.sin(turns))

    def playing(self, game: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.float64]:
        """Factor of the chance to play a game on a day, float64: weekday, season and the game's own weekends."""
        weekend = np.where((day - 1) % 7 >= 5, 1.0, -0.4)
        return volume(day) * np.exp(self.weekend[game] * weekend)

    def built(self, game: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.int64]:
        """The day of the newest build of a game on a day, ordinal."""
        days = self.build_days[game]
        return day - (day - self.build_phase[game]) % days

    def bad_build(self, game: NDArray[np.int64], built: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether more calls fail in the build of that day."""
        return unit(keyed(self.key[game], _BAD, built)) < rates.BAD_BUILD_SHARE


def draw_games(key: np.uint64) -> Games:
    """All games of a world."""
    count = still.GAMES
    keys = keyed(key, _ANCHOR, np.arange(count))
    kind = choice(keyed(keys, _KIND), chains.KIND_WEIGHTS)
    routines = np.arange(len(chains.ROUTINES))
    by_routine = keyed(keys[:, None], _ROUTINE, routines[None, :])
    weights = chains.kind_weights()[kind] * np.exp(rates.ROUTINE_SIGMA * normal(by_routine))
    minor = np.array([name in chains.MINOR for name in chains.ROUTINES])
    left_out = unit(keyed(keys[:, None], _LEFT_OUT, routines[None, :])) < rates.ROUTINE_LEFT_OUT
    weights[left_out & minor] = 0.0
    successors, shares = chains.chains(weights)
    low, high = rates.SIZE_WAVE_DAYS
    first, last = rates.BUILD_DAYS
    build_days = first + (unit(keyed(keys, _BUILD)) ** 2 * (last - first)).astype(np.int64)
    return Games(
        kind=kind,
        size=(np.arange(count, dtype=np.float64) + still.GAME_ZIPF_SHIFT) ** -still.GAME_ZIPF,
        wave=rates.SIZE_WAVE * unit(keyed(keys, _WAVE)),
        period=low + (high - low) * unit(keyed(keys, _PERIOD)),
        phase=unit(keyed(keys, _PHASE)),
        weekend=rates.WEEKEND_SIGMA * normal(keyed(keys, _WEEKEND)),
        time=np.exp(rates.GAME_TIME_SIGMA * normal(keyed(keys, _TIME))),
        errors=np.exp(rates.GAME_ERROR_SIGMA * (normal(keyed(keys, _ERRORS)) - rates.GAME_ERROR_SIGMA / 2)),
        build_days=build_days,
        build_phase=(unit(keyed(keys, _BUILD_PHASE)) * build_days).astype(np.int64),
        successors=successors,
        shares=shares,
        key=keys,
    )


def volume(day: NDArray[np.int64]) -> NDArray[np.float64]:
    """Traffic of days (ordinals) over that of an average day: weekday and season."""
    weekday = np.asarray(rates.WEEKDAYS)[(day - 1) % 7]
    factor: NDArray[np.float64] = weekday * (1 + rates.SEASON * np.sin(2 * np.pi * day / rates.SEASON_DAYS))
    return factor


def release(day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the SDK's newest release on days (ordinals)."""
    return np.maximum((day - _FIRST_RELEASE) // rates.RELEASE_DAYS, 0)


def release_name(number: int) -> str:
    """The version of a release, such as 5.4.3."""
    patch = int(keyed(_PATCH, number)[0] % np.uint64(7))
    return f"{1 + number // 12}.{number % 12}.{patch}"
