"""Rows side by side, as a row group keeps them while it fills and as restoring puts them in order, and their texts."""

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
    """Room for so many rows."""
    narrow = int(registers.is_narrow.sum())
    return np.empty((rows, len(registers) - narrow), dtype=np.int64), np.empty((rows, narrow), dtype=np.int32)


class Space:
    """Memory for rows side by side that is used again: arrays of this size come from the system each time, cleared.

    Args:
        registers: of the rows.
        most: how many pairs of arrays are kept while nobody uses them.
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
        wide, narrow = empty_rows(self._registers, rows + rows // 8)  # the next one may have a few more
        return wide[:rows], narrow[:rows]

    def give_back(self, wide: Ints, narrow: NDArray[np.int32]) -> None:
        """Let others have what `take` gave."""
        if len(self._free) < self._most:
            self._free.append((_owner(wide), _owner(narrow)))


def _owner(array: NDArray[Any]) -> NDArray[Any]:
    """The whole of what `take` gave a part of."""
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
    """Just the texts that some rows use.

    Args:
        codes: int32[...] each, the number of each row's text; gets the new number.
        texts: what is numbered.
        numbers: int64[texts], scratch, filled with -1, and so again behind the call.
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
    """The rows of several runs as one.

    Args:
        registers: of the rows.
        wide: int64[rows, wide registers], gets them.
        narrow: int32[rows, narrow registers].
    """

    def __init__(self, registers: Registers, wide: Ints, narrow: NDArray[np.int32]) -> None:
        self._wide = wide
        self._narrow = narrow
        self._names = list(registers.dictionaries)
        self._places = np.array([registers.place_of[registers[name]] for name in self._names], dtype=np.int64)
        self._bases = np.zeros(len(self._names), dtype=np.int64)  # by dictionary: how many texts there are so far
        self._texts: list[Mapping[str, Texts]] = []
        self._first = self._last = 0

    def room(self, rows: int) -> Pair:
        """Where the registers of the next run go."""
        self._first, self._last = self._last, self._last + rows
        return self._wide[self._first : self._last], self._narrow[self._first : self._last]

    def add_texts(self, texts: Mapping[str, Texts]) -> None:
        """Add the texts of the run whose registers are there now."""
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
