"""The values of one column while a day's row groups are counted."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import missing_of, values_of
from logpress.errors import PartError
from logpress.quality.profile.bins import DECIMAL_UNITS, LAG_UNITS, quantile
from logpress.quality.profile.kernels_counts import (
    HIGH,
    LAST_BIN,
    LEVEL,
    LOW,
    MOST,
    SLOTS,
    USED,
    bin_numbers,
    count_codes,
    count_values,
)
from logpress.quality.unique import hashes_of
from logpress.results import ColumnProfile

MOST_VALUES = 256
"""Values that a profile names with their rows."""

_SHARES = (0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999)
"""Quantiles that a profile has."""

_ROWS_LOOKED_AT = 4_096
"""Rows of a row group, evenly spaced, in which frequent values are looked for if a column has too many to count all."""

_FREQUENT = 0.005
"""Share of rows from which on a value is frequent: it is among some 4,096 rows 20 times."""

_MOST_CHARACTERS = 200
"""Characters of a text that a profile shows."""

_NONE = np.empty(0, dtype=np.int64)
_NO_FLAGS = np.empty(0, dtype=np.bool_)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ColumnCounts:
    """Counts the values of a column.

    Args:
        name: the column.
        is_personal: whether no value of it may be told.
    """

    def __init__(self, name: str, *, is_personal: bool = False) -> None:
        self._name = name
        self._is_personal = is_personal
        self._type: pa.DataType | None = None
        self._rows = 0
        self._nulls = 0
        self._corrected: int | None = None
        self._keys = np.zeros(SLOTS, dtype=np.int64)
        self._counts = np.zeros(SLOTS, dtype=np.int64)
        self._state = np.zeros(2, dtype=np.int64)
        self._spare = np.empty(MOST + 1, dtype=np.int64), np.empty(MOST + 1, dtype=np.int64)
        self._bins = np.zeros(2 * LAST_BIN + 1, dtype=np.int64)
        self._bounds = np.array([np.iinfo(np.int64).max, np.iinfo(np.int64).min], dtype=np.int64)
        self._frequent: Counter[int] = Counter()
        self._texts: dict[int, str] = {}

    def add_nulls(self, rows: int) -> None:
        """Add rows of a part that does not know the column."""
        self._rows += rows
        self._nulls += rows

    def add_corrected(self, shifts: pa.Array) -> None:
        """Add what labels were off, in minutes."""
        numbers = values_of(shifts)
        missing = missing_of(shifts)
        is_off = numbers != 0 if missing is None else (numbers != 0) & ~missing
        self._corrected = (self._corrected or 0) + int(np.count_nonzero(is_off))

    def add(self, array: pa.Array, arrival: NDArray[np.int64] | None = None) -> None:
        """Add the values of a row group.

        Args:
            array: as readers see them.
            arrival: int64[rows], the table's `day` column in microseconds, the lowest int64 for null; for the lag of
                instants.

        Raises:
            PartError: if numbers of a dictionary have no text.
        """
        self._type = array.type
        self._rows += len(array)
        self._nulls += array.null_count
        missing = missing_of(array)
        flags = _NO_FLAGS if missing is None else missing
        if pa.types.is_dictionary(array.type):
            self._add_dictionary(array, flags)
        elif pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            hashes = np.ascontiguousarray(hashes_of(array)[:, 0]).view(np.int64)
            self._count(hashes, flags, _NONE)
            self._find_texts(array, hashes)
        elif pa.types.is_fixed_size_binary(array.type):
            data = np.frombuffer(array.buffers()[1], dtype=np.int64).reshape(-1, array.type.byte_width // 8)
            self._count(np.ascontiguousarray(data[array.offset : array.offset + len(array), 0]), flags, _NONE)
        else:
            self._add_numbers(array, flags, arrival)

    def _add_dictionary(self, array: pa.Array, flags: NDArray[np.bool_]) -> None:
        rows = np.zeros(len(array.dictionary), dtype=np.int64)
        if count_codes(values_of(array.indices).astype(np.int32, copy=False), flags, rows):
            raise PartError(f"is damaged: column {self._name} has numbers of texts that its dictionary does not have")
        keys = np.ascontiguousarray(hashes_of(array.dictionary)[:, 0]).view(np.int64)
        self._count(keys, _NO_FLAGS, rows)
        if self._is_personal:
            return
        chosen = np.flatnonzero(rows)
        if len(chosen) > MOST:
            chosen = chosen[np.argpartition(-rows[chosen], MOST_VALUES)[:MOST_VALUES]]
        for place, key, count in zip(chosen.tolist(), keys[chosen].tolist(), rows[chosen].tolist(), strict=True):
            self._frequent[key] += count
            if key not in self._texts:
                self._texts[key] = array.dictionary[place].as_py()

    def _find_texts(self, array: pa.Array, hashes: NDArray[np.int64]) -> None:
        """Keep the texts of a column without a dictionary, if it has few."""
        if self._is_personal or self._state[LEVEL] or self._state[USED] > MOST_VALUES:
            return
        for key in self._keys[self._counts > 0].tolist():
            if key not in self._texts:
                places = np.flatnonzero(hashes == key)
                if len(places):
                    self._texts[key] = array[int(places[0])].as_py()

    def _add_numbers(self, array: pa.Array, flags: NDArray[np.bool_], arrival: NDArray[np.int64] | None) -> None:
        found = values_of(array)
        if found.dtype == np.float64:
            keys = found.view(np.int64)
            with np.errstate(invalid="ignore", over="ignore"):
                scaled = np.clip(np.nan_to_num(found * DECIMAL_UNITS), -(2.0**62), 2.0**62)
            numbers = np.rint(scaled).astype(np.int64)
        else:
            keys = numbers = found.astype(np.int64, copy=False)
        self._count(keys, flags, _NONE)
        if self._state[LEVEL]:
            step = max(1, len(keys) // _ROWS_LOOKED_AT)
            some = keys[::step] if not len(flags) else keys[::step][~flags[::step]]
            for key, count in zip(*(part.tolist() for part in np.unique(some, return_counts=True)), strict=True):
                if count > 1:
                    self._frequent[key] += count * step
        if pa.types.is_boolean(array.type):
            return
        is_instant = pa.types.is_timestamp(array.type)
        behind = _NONE if arrival is None or not is_instant else arrival
        if is_instant and arrival is None:  # the arrival itself
            low_high = numbers if not len(flags) else numbers[~flags]
            if len(low_high):
                self._bounds[LOW] = min(self._bounds[LOW], low_high.min())
                self._bounds[HIGH] = max(self._bounds[HIGH], low_high.max())
            return
        bin_numbers(numbers, flags, behind, self._bins, self._bounds)

    def _count(self, keys: NDArray[np.int64], flags: NDArray[np.bool_], weights: NDArray[np.int64]) -> None:
        count_values(keys, flags, weights, self._keys, self._counts, self._state, *self._spare)

    def profile(self) -> ColumnProfile:
        """What was counted."""
        filled = self._rows - self._nulls
        is_used = self._counts > 0
        counted = dict(zip(self._keys[is_used].tolist(), self._counts[is_used].tolist(), strict=True))
        level = int(self._state[LEVEL])
        frequent = {} if level == 0 else {k: n for k, n in self._frequent.items() if n >= _FREQUENT * filled}
        histogram = {int(place) - LAST_BIN: int(self._bins[place]) for place in np.flatnonzero(self._bins)}
        named = counted if level == 0 else frequent
        top: dict[str, int] = {}
        if not self._is_personal and self._tells_values:
            for key, rows in sorted(named.items(), key=lambda item: (-item[1], item[0]))[:MOST_VALUES]:
                text = self._text(key)
                if text is not None:
                    top[text] = top.get(text, 0) + rows
        low, high = self._bounds_as_text() if not self._is_personal else (None, None)
        return ColumnProfile(
            name=self._name,
            nulls=self._nulls,
            distinct=len(counted) << level,
            entropy=_entropy(counted, level, frequent, filled),
            low=low,
            high=high,
            quantiles={
                str(share): round(number / self._units, 6) for share, number in self._quantiles(counted, histogram)
            },
            top=top,
            others=filled - sum(top.values()),
            histogram=histogram,
            corrected=self._corrected,
        )

    def _quantiles(self, counted: dict[int, int], histogram: dict[int, int]) -> list[tuple[float, float]]:
        """Exact for whole numbers if the table has all of them."""
        if not histogram:
            return []
        if self._state[LEVEL] == 0 and self._type is not None and pa.types.is_integer(self._type):
            values = sorted(counted)
            ends = np.cumsum([counted[value] for value in values])
            places = [int(np.searchsorted(ends, share * ends[-1])) for share in _SHARES]
            return [(share, float(values[place])) for share, place in zip(_SHARES, places, strict=True)]
        return [(share, quantile(histogram, share)) for share in _SHARES]

    @property
    def _tells_values(self) -> bool:
        """Instants are as good as distinct, so their values tell nothing."""
        return self._type is not None and not pa.types.is_timestamp(self._type)

    @property
    def _units(self) -> int:
        if self._type is not None and pa.types.is_timestamp(self._type):
            return LAG_UNITS
        return DECIMAL_UNITS if self._type is not None and pa.types.is_floating(self._type) else 1

    def _text(self, key: int) -> str | None:
        assert self._type is not None
        if pa.types.is_floating(self._type):
            return repr(float(np.int64(key).view(np.float64)))
        if pa.types.is_boolean(self._type):
            return "true" if key else "false"
        if pa.types.is_integer(self._type):
            return str(key)
        text = self._texts.get(key)
        return text if text is None or len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."

    def _bounds_as_text(self) -> tuple[str | None, str | None]:
        if self._type is None or self._bounds[LOW] > self._bounds[HIGH]:
            return None, None
        low, high = int(self._bounds[LOW]), int(self._bounds[HIGH])
        if pa.types.is_timestamp(self._type):
            return _instant(low), _instant(high)
        if pa.types.is_floating(self._type):
            return f"{low / DECIMAL_UNITS:.9g}", f"{high / DECIMAL_UNITS:.9g}"
        return str(low), str(high)


def _instant(micros: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{micros} us"


def _entropy(counted: dict[int, int], level: int, frequent: dict[int, int], rows: int) -> float | None:
    """Bits a row of the distribution of values: log2(n) - (sum of c log2 c) / n, n rows, c of each value.

    Of a table that keeps some values only, their sum is scaled; frequent values, of which too few would be among them,
    are counted by themselves.
    """
    if rows == 0:
        return None
    rare = sum(count * math.log2(count) for key, count in counted.items() if key not in frequent) * (1 << level)
    whole = rare + sum(count * math.log2(count) for count in frequent.values())
    return round(min(math.log2(rows), max(0.0, math.log2(rows) - whole / rows)), 4)
