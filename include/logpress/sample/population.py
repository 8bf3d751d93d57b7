"""Draw games of very unequal size, and users with a game, a nickname and an instant of sign-up."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.sample import rates
from logpress.sample.plan import Plan
from logpress.sample.vocabulary import (
    KOREAN_HEADS,
    KOREAN_TAILS,
    LATIN_HEADS,
    LATIN_TAILS,
    SYMBOLS,
    VERSION_WEIGHTS,
    VERSIONS,
)

_GAMES, _USERS, _NAMES = 101, 102, 103
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Population:
    """Games and users of a sample.

    Attributes:
        games: client app ids, each a UUID and 4 digits.
        game: int32[users], index into `games`.
        version: uint8[users], index into `versions`.
        created: int64[users], instant of sign-up, epoch ms.
        names: nicknames, escaped for JSON, UTF-8, concatenated.
        name_ends: int64[users], the end of each in `names`.
        versions: SDK versions.
    """

    games: tuple[str, ...]
    game: NDArray[np.int32]
    version: NDArray[np.uint8]
    created: NDArray[np.int64]
    names: bytes
    name_ends: NDArray[np.int64]
    versions: tuple[str, ...] = VERSIONS

    def nickname(self, user: int) -> str:
        """The nickname of a user."""
        start = int(self.name_ends[user - 1]) if user else 0
        text: str = json.loads(b'"' + self.names[start : int(self.name_ends[user])] + b'"')
        return text


def weighted(
    random: np.random.Generator, weights: tuple[float, ...] | NDArray[np.floating], count: int
) -> NDArray[np.int64]:
    """`count` random indices into `weights`, int64, with these weights."""
    ends = np.cumsum(np.asarray(weights, dtype=np.float64))
    places = np.searchsorted(ends, random.random(count) * ends[-1], side="right")
    drawn: NDArray[np.int64] = np.minimum(places, len(ends) - 1)
    return drawn


def draw_population(plan: Plan, users: int) -> Population:
    """Games, which depend on the seed but not on the day, and users."""
    random = np.random.default_rng([plan.seed, _GAMES])
    games = _client_app_ids(random)
    game_version = weighted(random, VERSION_WEIGHTS, rates.GAMES).astype(np.uint8)

    random = plan.stream(_USERS)
    sizes = (np.arange(rates.GAMES) + rates.GAME_ZIPF_SHIFT) ** -rates.GAME_ZIPF
    game = weighted(random, sizes, users).astype(np.int32)
    version = game_version[game]
    other = random.random(users) < rates.OTHER_VERSION_SHARE
    version[other] = weighted(random, VERSION_WEIGHTS, int(other.sum()))
    age = np.minimum(random.exponential(120.0, users), 900.0)
    created = plan.start * 1000 - 1 - (age * _DAY_MS).astype(np.int64)
    return Population(games, game, version, created, *escaped(_nicknames(plan, users)))


def client_app_ids(seed: int) -> tuple[str, ...]:
    """The games' ids, which depend on the seed alone."""
    return _client_app_ids(np.random.default_rng([seed, _GAMES]))


def _client_app_ids(random: np.random.Generator) -> tuple[str, ...]:
    return tuple(_client_app_id(random) for _ in range(rates.GAMES))


def _client_app_id(random: np.random.Generator) -> str:
    text = random.bytes(15).hex()
    return f"{text[:8]}-{text[8:12]}-11eb-a{text[12:15]}-{text[15:27]}{random.integers(10_000):04d}"


def _nicknames(plan: Plan, users: int) -> list[str]:
    random = plan.stream(_NAMES)
    korean = random.random(users) < 0.5
    mixed = random.random(users) < 0.12
    head = random.integers(len(LATIN_HEADS), size=users)
    tail = random.integers(len(LATIN_TAILS), size=users)
    number = random.integers(10_000, size=users)
    number[random.random(users) < 0.55] = -1
    symbol = random.integers(len(SYMBOLS), size=users)
    symbol[random.random(users) < 0.95] = -1
    return spelled(korean, mixed, head, tail, number, symbol)


def spelled(
    korean: NDArray[np.bool_],
    mixed: NDArray[np.bool_],
    head: NDArray[np.int64],
    tail: NDArray[np.int64],
    number: NDArray[np.int64],
    symbol: NDArray[np.int64],
) -> list[str]:
    """Nicknames of their parts.

    Args:
        korean: whether the first part is Korean.
        mixed: whether the second part is of the other script.
        head: the first part, at least 0, modulo the number of those there are.
        tail: the second part, the same.
        number: number behind them; -1 for none.
        symbol: index of a symbol behind them; -1 for none.
    """
    heads = [*KOREAN_HEADS, *LATIN_HEADS]
    tails = [*KOREAN_TAILS, *LATIN_TAILS]
    ends_korean = korean ^ mixed
    head = head % np.where(korean, len(KOREAN_HEADS), len(LATIN_HEADS)) + np.where(korean, 0, len(KOREAN_HEADS))
    tail = tail % np.where(ends_korean, len(KOREAN_TAILS), len(LATIN_TAILS))
    tail += np.where(ends_korean, 0, len(KOREAN_TAILS))
    rows = zip(head.tolist(), tail.tolist(), number.tolist(), symbol.tolist(), strict=True)
    return [f"{heads[h]}{tails[t]}{'' if n < 0 else n}{'' if s < 0 else SYMBOLS[s]}" for h, t, n, s in rows]


def escaped(names: list[str]) -> tuple[bytes, NDArray[np.int64]]:
    """Names as `Population` has them: escaped for JSON and concatenated, and where each ends, int64[names]."""
    texts = [json.dumps(name, ensure_ascii=False)[1:-1].encode() for name in names]
    return b"".join(texts), np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)))
