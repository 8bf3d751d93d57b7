"""Entities and their records, sorted by entity and time: of one bucket, which fits into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.reading.sequences.entity import Keys, ranked


@dataclass(frozen=True)
class Users:
    """Entities of a bucket, in the order of their keys.

    Attributes:
        keys: of each.
        starts: int64[users + 1]: the first record of each, and the number of all.
        records: the columns, in the order of time for each; `last` of them at most.
    """

    keys: Keys
    starts: NDArray[np.int64]
    records: pa.Table

    def __len__(self) -> int:
        """How many there are."""
        return len(self.starts) - 1


def sorted_users(keys: Keys, times: NDArray[np.int64], records: pa.Table, last: int) -> Users:
    """Sort records by entity and time; of equal times, in the order in which they are.

    Args:
        keys: of each record.
        times: of each record.
        records: the columns.
        last: how many of the last records of an entity are kept.
    """
    count = len(times)
    if not count:
        return Users(keys, np.zeros(1, dtype=np.int64), records)
    # files are sorted by entity, mostly, so keys are compared run by run
    is_first = np.ones(count, dtype=np.bool_)
    is_first[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in keys])
    begins = np.flatnonzero(is_first)
    of_run = ranked([column[begins] for column in keys])
    users = np.repeat(of_run, np.diff(begins, append=count))
    order = _order(users, times)
    firsts = np.flatnonzero(np.diff(users[order], prepend=-1))
    ends = np.append(firsts[1:], count)
    kept = np.minimum(ends - firsts, last)
    if int(kept.max()) == last and int(kept.sum()) < count:
        from_end = np.repeat(ends, ends - firsts) - np.arange(count)
        order = order[from_end <= last]
    starts = np.concatenate([[0], np.cumsum(kept)])
    found = [column[order[starts[:-1]]] for column in keys]
    return Users(found, starts, records.take(pa.array(order)).combine_chunks())


def _order(users: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """The stable order by user and time; one sort of runs if both fit into one word."""
    since = times - times.min()
    bits = int(since.max()).bit_length()
    if bits + int(users.max()).bit_length() < 64:
        return np.argsort(users << bits | since, kind="stable")
    return np.lexsort((times, users))


def lists(users: Users, chosen: slice) -> list[pa.Array]:
    """The columns of some entities as lists, one of each."""
    starts = users.starts[chosen.start : chosen.stop + 1]
    records = users.records.slice(int(starts[0]), int(starts[-1] - starts[0]))
    offsets = pa.array((starts - starts[0]).astype(np.int32))
    return [pa.ListArray.from_arrays(offsets, _plain(column)) for column in records.columns]


def _plain(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def padded(values: NDArray[Any], starts: NDArray[np.int64], ends: NDArray[np.int64], length: int) -> NDArray[Any]:
    """values[users, length]: the last values of each from its first to before its end, then zeros."""
    begins = np.maximum(starts, ends - length)
    places = begins[:, None] + np.arange(length)
    is_there = places < ends[:, None]
    if not len(values):
        return np.zeros(places.shape, values.dtype)
    found = values.take(np.where(is_there, places, 0))
    found[~is_there] = 0
    return found


def members(keys: Keys, others: Sequence[NDArray[np.int64]]) -> NDArray[np.bool_]:
    """bool[n]: whether each key is one of others."""
    count = len(keys[0])
    numbers = ranked([np.concatenate([one, other]) for one, other in zip(keys, others, strict=True)])
    return np.isin(numbers[:count], numbers[count:])
