"""What all days of a sample share: the seed, the size, the games."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from logpress.errors import UsageError
from logpress.sample import rates as still
from logpress.sample.living import rates
from logpress.sample.living.chance import keyed
from logpress.sample.living.games import Games, draw_games
from logpress.sample.plan import Plan
from logpress.sample.population import client_app_ids

_WORLD = 0x6C697665


@dataclass(frozen=True)
class World:
    """A population of users and games, on all days of the calendar.

    A larger world of the same seed has the users of a smaller one, and more.

    Attributes:
        seed: seed of all that is drawn.
        records: records of an average day; there are as many users as make these.
    """

    seed: int
    records: float

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError(f"the seed {self.seed} is negative; give 0 or more")

    @classmethod
    def of(cls, plan: Plan) -> World:
        """The world in which about as many records arrive in a plan's hours on an average day as the plan has."""
        share = float(hour_shares()[plan.first_hour : plan.last_hour + 1].sum())
        return cls(plan.seed, plan.records / share)

    @cached_property
    def key(self) -> np.uint64:
        """What all keys are made from."""
        low, high = self.seed & 0xFFFFFFFF, self.seed >> 32
        return np.uint64(keyed(_WORLD, low, high & 0xFFFFFFFF)[0])

    @cached_property
    def games(self) -> Games:
        """All games."""
        return draw_games(self.key)

    @cached_property
    def game_ids(self) -> tuple[str, ...]:
        """Client app ids of the games: those of the still population."""
        return client_app_ids(self.seed)


def hour_shares() -> NDArray[np.float64]:
    """float64[24], shares of the UTC hours in the begins of sessions: those near users' own hours are spread."""
    common = np.asarray(still.HOUR_WEIGHTS) / sum(still.HOUR_WEIGHTS)
    away = np.minimum(np.arange(24), 24 - np.arange(24))
    spread = np.exp(-0.5 * (away / rates.OWN_HOUR_SIGMA_H) ** 2)
    places = (np.arange(24)[:, None] - np.arange(24)[None, :]) % 24
    near = (spread / spread.sum())[places] @ common
    shares: NDArray[np.float64] = rates.OWN_HOUR_SHARE * near + (1 - rates.OWN_HOUR_SHARE) * common
    return shares
