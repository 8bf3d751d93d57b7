"""Rows side by side and their texts: the form of a row group while it fills, and of rows sorted for restoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.nulls import NARROW_NULL
from logpress.codecs.texts import Ints, Texts
from logpress.engine.registers.kernels_rows import shift_codes
from logpress.engine.registers.kernels_texts import collect_texts, renumber
from logpress.engine.registers.registers import Registers

Pair = tuple[Ints, NDArray[np.int32]]
"""The registers of some rows: int64[rows, wide registers], int32[rows, narrow registers]."""


def empty_rows(registers: Registers, rows: int) -> Pair:
    """Uninitialised arrays for so many rows."""
    narrow = int(registers.is_narrow.sum())
    return np.empty((rows, len(registers) - narrow), dtype=np.int64), np.empty((rows, narrow), dtype=np.int32)


class Space:
    """Arrays for rows side by side that are used again, because the system clears new arrays of this size.

    Args:
        registers: of the rows.
        most: largest number of unused pairs of arrays that are kept.
    """

    def __init__(self, registers: Registers, most: int) -> None:
        self._registers = registers
        self._most = most
        self._free: list[Pair] = []

    def take(self, rows: int) -> Pair:
        """int64[rows, wide] and int32[rows, narrow] registers."""
        try:
            wide, narrow = self._free.pop()
            if len(wide) >= rows:
                return wide[:rows], narrow[:rows]
        except IndexError:
            pass
        wide, narrow = empty_rows(self._registers, rows + rows // 8)  # the next request may be slightly larger
        return wide[:rows], narrow[:rows]

    def give_back(self, wide: Ints, narrow: NDArray[np.int32]) -> None:
        """Return arrays of `take` that are not used any more."""
        if len(self._free) < self._most:
            self._free.append((_owner(wide), _owner(narrow)))


def _owner(array: NDArray[Any]) -> NDArray[Any]:
    """The whole array of which `take` returned a part."""
    return array if array.base is None else array.base


@dataclass
class Packed:
    """Rows side by side, with the texts that their registers number.

    Attributes:
        wide: int64[rows, wide registers].
        narrow: int32[rows, narrow registers].
        texts: by register name.
    """

    wide: Ints
    narrow: NDArray[np.int32]
    texts: dict[str, Texts]


def used_texts(codes: Sequence[NDArray[np.int32]], texts: Texts, numbers: Ints) -> Texts:
    """The texts that some rows use.

    Args:
        codes: int32[...] each, number of each row's text; set to its new number.
        texts: the numbered texts.
        numbers: int64[texts], scratch, filled with -1 before and after the call.
    """
    used = np.empty(min(len(texts), sum(map(len, codes))), dtype=np.int64)
    count = 0
    for some in codes:
        count = renumber(some, numbers, used, count, NARROW_NULL)
    used = used[:count]
    numbers[used] = -1
    offsets = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(texts.offsets[used + 1] - texts.offsets[used], out=offsets[1:])
    data = np.empty(int(offsets[-1]), dtype=np.uint8)
    collect_texts(texts.data, texts.offsets, used, data, np.empty(count + 1, dtype=np.int64))
    return Texts(data, offsets)


class Merged:
    """The rows of several runs, joined.

    Args:
        registers: of the rows.
        wide: int64[rows, wide registers], filled.
        narrow: int32[rows, narrow registers].
    """

    def __init__(self, registers: Registers, wide: Ints, narrow: NDArray[np.int32]) -> None:
        self._wide = wide
        self._narrow = narrow
        self._names = list(registers.dictionaries)
        self._places = np.array([registers.place_of[registers[name]] for name in self._names], dtype=np.int64)
        self._bases = np.zeros(len(self._names), dtype=np.int64)  # by dictionary: number of texts so far
        self._texts: list[Mapping[str, Texts]] = []
        self._first = self._last = 0

    def room(self, rows: int) -> Pair:
        """The arrays for the registers of the next run."""
        self._first, self._last = self._last, self._last + rows
        return self._wide[self._first : self._last], self._narrow[self._first : self._last]

    def add_texts(self, texts: Mapping[str, Texts]) -> None:
        """Add the texts of the run whose registers were written last."""
        shift_codes(self._narrow, self._first, self._last, self._places, self._bases)
        self._bases += [len(texts[name]) for name in self._names]
        self._texts.append(texts)

    def packed(self) -> Packed:
        """All rows; to be called once."""
        texts = {name: _joined([found[name] for found in self._texts]) for name in self._names}
        return Packed(self._wide, self._narrow, texts)


def _joined(texts: Sequence[Texts]) -> Texts:
    data = [found.data[found.offsets[0] : found.offsets[-1]] for found in texts]
    starts = np.cumsum([0, *map(len, data)])
    offsets = [found.offsets[:-1] + (start - found.offsets[0]) for found, start in zip(texts, starts[:-1], strict=True)]
    return Texts(np.concatenate(data), np.concatenate([*offsets, starts[-1:]]))
