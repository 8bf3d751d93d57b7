"""Counters of Kinesis sequence numbers: the shards, and the smallest counter of each shard by time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_kinesis_columns import number_few, smallest_counters, subtract_counters
from logpress.codecs.kernels_text import NULL
from logpress.codecs.texts import Ints
from logpress.errors import PartError

_EMPTY = np.iinfo(np.int64).max
"""In place of a smallest counter: the window has none."""

_ROWS_A_WINDOW = 3
"""[bytes] Approximate rows of a shard and a window that share a smallest counter."""


def number_shards(keys: Ints) -> tuple[Ints, NDArray[np.int32]]:
    """(distinct shards in ascending order, each row's index among them or -1)."""
    distinct, count = np.empty(1 << 12, dtype=np.int64), np.zeros(1, dtype=np.int64)
    numbers = np.empty(len(keys), dtype=np.int32)
    if not number_few(keys, np.full(1 << 14, -1, dtype=np.int64), distinct, count, numbers):
        present = keys != NULL
        shards, places = np.unique(keys[present], return_inverse=True)
        numbers[:] = -1
        numbers[present] = places
        return shards, numbers
    found = distinct[: count[0]]
    order = np.argsort(found)
    rank = np.empty(len(found) + 1, dtype=np.int32)
    rank[order] = np.arange(len(found))
    rank[-1] = -1
    return found[order], rank[numbers]


@dataclass(frozen=True)
class Counters:
    """The smallest counter of each shard and window of time.

    Attributes:
        first: second at which the first window begins.
        shift: a window has 2^shift seconds.
        windows: number of windows.
        smallest: int64[shards * windows], at shard * windows + window; _EMPTY if there is none.
    """

    first: int
    shift: int
    windows: int
    smallest: Ints

    @classmethod
    def none(cls) -> Counters:
        """No counters: nothing is subtracted."""
        return cls(0, 0, 0, np.empty(0, dtype=np.int64))

    @classmethod
    def of(cls, shards: NDArray[np.int32], arrivals: Ints, counters: Ints, shard_count: int) -> Counters:
        """The counters of these rows; none if the seconds span too many windows for a table.

        Windows are long enough for several rows to share each, because a counter costs more than it saves for one row.
        """
        present = shards >= 0
        if not present.any():
            return cls.none()
        told = arrivals if present.all() else arrivals[present]
        first, last = int(told.min()), int(told.max())
        if (last - first + 1) * shard_count > 4 * len(shards) + (1 << 20):
            return cls.none()
        shift = 0
        while (last - first + 1) * shard_count * _ROWS_A_WINDOW > len(told) << shift:
            shift += 1
        windows = ((last - first) >> shift) + 1
        smallest = np.full(windows * shard_count, _EMPTY, dtype=np.int64)
        smallest_counters(shards, arrivals, counters, first, shift, windows, smallest)
        return cls(first, shift, windows, smallest)

    def subtract(self, shards: NDArray[np.int32], arrivals: Ints, counters: Ints, sign: int) -> None:
        """Subtract (sign 1) or add (sign -1) the smallest counter of each row's shard and window, in place."""
        if self.windows and not subtract_counters(
            shards, arrivals, counters, self.first, self.shift, self.windows, self.smallest, sign
        ):
            raise PartError("a sequence number lies outside the counters that the row group's metadata holds")

    @property
    def is_filled(self) -> NDArray[np.bool_]:
        """bool[shards * windows]: whether a shard and window has a counter."""
        found: NDArray[np.bool_] = self.smallest != _EMPTY
        return found

    @classmethod
    def filled(
        cls, shards: int, first: int, shift: int, windows: int, is_filled: NDArray[np.bool_], smallest: Ints
    ) -> Counters:
        """Counters of so many shards and windows, from the existing counters in their order.

        Raises:
            ValueError: if the number of counters differs from `is_filled`, or that from shards and windows.
        """
        if np.count_nonzero(is_filled) != len(smallest):
            raise ValueError(f"{np.count_nonzero(is_filled)} shards and windows have {len(smallest)} counters")
        if windows < 0 or len(is_filled) != windows * shards:
            raise ValueError(f"{shards} shards and {windows} windows have {len(is_filled)} counters")
        found = np.full(len(is_filled), _EMPTY, dtype=np.int64)
        found[is_filled] = smallest
        return cls(first, shift, windows, found)


@dataclass(frozen=True)
class Sequences:
    """The numbers that a column's sequence numbers are relative to.

    Attributes:
        shards: int64[k], ascending; rows have indices of these.
        counters: the smallest counter of each shard and window of time.
    """

    shards: Ints
    counters: Counters
