"""Write what is true of games and users and cannot be read in the records: for judging what was learned from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logpress.errors import LogpressError
from logpress.outputs import written
from logpress.sample.living import chains
from logpress.sample.living.day import LivingDay
from logpress.sample.living.people import EPOCH_ORDINAL, People, alive, join
from logpress.sample.living.world import World
from logpress.sample.plan import Plan
from logpress.sample.unusual import MODELS

NETWORKS = ("good", "mobile", "weak")
USERS, GAMES = "users.parquet", "games.parquet"


def write_truth(folder: Path, world: World, plans: Sequence[Plan]) -> tuple[Path, Path]:
    """Write `users.parquet` and `games.parquet`: every user who may play on one of the plans' days, and every game.

    Users have the columns `client_app_id` and `user_created_at` (epoch milliseconds, UTC), by which records name them.

    Raises:
        LogpressError: if a file cannot be written.
    """
    days = [plan.day.toordinal() for plan in plans]
    people = [alive(world, min(days) - 1, max(days)), *(LivingDay.draw(plan, world).guests for plan in plans)]
    tables = {USERS: users_table(world, join(people)), GAMES: games_table(world)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogpressError(f"{folder}: cannot be written: {error.strerror}; choose another folder") from error
    for name, table in tables.items():
        with written(folder / name, LogpressError) as file:
            pq.write_table(table, file, compression="zstd")
    return folder / USERS, folder / GAMES


def users_table(world: World, people: People) -> pa.Table:
    """The users, a row each."""
    liking = people.liking()
    return pa.table(
        {
            "client_app_id": _words(people.game, world.game_ids),
            "user_created_at": pa.array(people.created, pa.timestamp("ms", "UTC")),
            "last_day": _dates(people.last),
            "eagerness": people.eager,
            "play_chance": people.play_chance(),
            "break_share": people.break_share(),
            "more_sessions": people.more_sessions(),
            "session_calls": people.session_calls(),
            "own_hour": people.own_hour(),
            "pace": people.pace(),
            "elapsed_factor": people.time(),
            "error_factor": people.errors(),
            "network": _words(people.network, NETWORKS),
            "device": _words(people.device, MODELS),
            "backward": people.backward(),
            "guest": people.guest(),
            "adoption_days": people.adoption_days().astype(np.int16),
            "liking": pa.FixedSizeListArray.from_arrays(pa.array(liking.reshape(-1)), liking.shape[1]),
        }
    )


def games_table(world: World) -> pa.Table:
    """The games, a row each."""
    games = world.games
    return pa.table(
        {
            "client_app_id": world.game_ids,
            "kind": _words(games.kind, tuple(chains.KINDS)),
            "size": games.size,
            "wave": games.wave,
            "wave_days": games.period,
            "wave_phase": games.phase,
            "weekend": games.weekend,
            "elapsed_factor": games.time,
            "error_factor": games.errors,
            "build_days": games.build_days.astype(np.int16),
            "functions": pa.FixedSizeListArray.from_arrays(pa.array(games.shares.reshape(-1)), games.shares.shape[1]),
        }
    )


def _words(numbers: np.ndarray, words: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32)), pa.array(words))


def _dates(ordinals: np.ndarray) -> pa.Array:
    return pa.array((ordinals - EPOCH_ORDINAL).astype(np.int32), pa.date32())
