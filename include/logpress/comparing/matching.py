"""Documents of two sides matched by their hashes, in bounded memory: how many both have, and how many only one has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.comparing.document_hashes import Prints
from logpress.comparing.kernels_multisets import (
    BYTES_1,
    BYTES_2,
    EQUAL_BYTES,
    EQUAL_VALUE,
    ONLY_HERE,
    TOLD_COLUMNS,
    match_prints,
)
from logpress.comparing.result import Kind
from logpress.records.hashes_on_disk import BINS

KIND_COLUMNS: tuple[tuple[int, Kind], ...] = ((EQUAL_VALUE, "spelling"), (ONLY_HERE, "only"))
"""Columns of what is told of a print, and the kind of difference that each counts; see `match_prints`."""


class Wanted:
    """Documents to be found.

    Args:
        rows: uint64[n, HASH_WORDS], as `Prints` has them.
        told: int64[n, TOLD_COLUMNS], see `match_prints`.
    """

    def __init__(self, rows: NDArray[np.uint64], told: NDArray[np.int64]) -> None:
        order = np.argsort(rows[:, BYTES_1])
        self.keys = np.ascontiguousarray(rows[order, BYTES_1 : BYTES_2 + 1])
        self.left = told[order]

    def kind_of(self, one: int, two: int, at: int) -> Kind | None:
        """What the next document with these hashes is: in excess, spelt differently, or neither.

        Args:
            one: the first word of its bytes' hash.
            two: the second.
            at: the first place with the first word.
        """
        while int(self.keys[at, 1]) != two:  # two documents that share half a hash
            at += 1
            if at == len(self.keys) or int(self.keys[at, 0]) != one:
                return None
        left = self.left[at]
        if left[EQUAL_BYTES]:
            left[EQUAL_BYTES] -= 1
            return None
        for place, kind in KIND_COLUMNS:
            if left[place]:
                left[place] -= 1
                return kind
        return None


@dataclass(frozen=True)
class Matched:
    """Documents of some bins of both sides, and how many of each the other side has.

    Attributes:
        rows: uint64[n, HASH_WORDS] and uint64[m, HASH_WORDS], as `Prints` has them.
        told: int64[n, TOLD_COLUMNS] and int64[m, TOLD_COLUMNS], see `match_prints`.
        more_copies: of each side, those that are not matched though the other side has their value.
    """

    rows: tuple[NDArray[np.uint64], NDArray[np.uint64]]
    told: tuple[NDArray[np.int64], NDArray[np.int64]]
    more_copies: tuple[int, int]

    def wanted(self, place: int) -> Wanted:
        """Those of one side that are not equal byte for byte."""
        differ = self.told[place][:, EQUAL_VALUE:].any(axis=1)
        return Wanted(self.rows[place][differ], self.told[place][differ])


def match_sides(a: Prints, b: Prints, most: int) -> Iterator[Matched]:
    """Match both sides, as many bins at a time as have at most so many documents."""
    sizes = a.sizes() + b.sizes()
    first = 0
    while first < BINS:
        last = first + 1
        while last < BINS and sizes[first : last + 1].sum() <= most:
            last += 1
        rows = a.rows(first, last), b.rows(first, last)
        told = np.empty((len(rows[0]), TOLD_COLUMNS), np.int64), np.empty((len(rows[1]), TOLD_COLUMNS), np.int64)
        more_a, more_b = match_prints(*rows, *told)
        yield Matched(rows, told, (int(more_a), int(more_b)))
        first = last


class Totals:
    """What the bins add up to.

    Attributes:
        equal_bytes: documents of the first side that the second has too, byte for byte.
        equal_value: those that it has too, but spelt differently.
        only: of each side, documents that the other has not, or has less often.
        more_copies: of these, those whose value the other side has, but less often.
    """

    def __init__(self) -> None:
        self.equal_bytes = self.equal_value = 0
        self.only = [0, 0]
        self.more_copies = [0, 0]

    def add(self, matched: Matched) -> None:
        """Add what was matched in some bins."""
        self.equal_bytes += int(matched.told[0][:, EQUAL_BYTES].sum())
        self.equal_value += int(matched.told[0][:, EQUAL_VALUE].sum())
        for place in (0, 1):
            self.only[place] += int(matched.told[place][:, ONLY_HERE].sum())
            self.more_copies[place] += matched.more_copies[place]

    @property
    def differ(self) -> bool:
        """Whether anything but equal bytes was found."""
        return bool(self.equal_value or any(self.only))
