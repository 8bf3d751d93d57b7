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

_ROWS_LOOKED_AT = 16_384
"""Rows of a row group, evenly spaced, in which frequent values are looked for if a column has too many to count all."""

_FEWEST_SEEN = 8
"""Rows of those looked at from which on a value is frequent: its rows are then known to within a third or so."""

_FREQUENT = 0.005
"""Share of rows from which on a frequent value is told: it is among 16,384 rows 80 times."""

_MOST_FREQUENT = 16_384
"""[memory] Frequent values that are kept, at least; those with fewest rows leave."""

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
        self._lowest, self._highest = math.inf, -math.inf
        self._looked_at = 0
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
            self._count(hashes, flags)
            self._find_texts(array, hashes, flags)
        else:
            self._add_numbers(array, flags, arrival)

    def _add_dictionary(self, array: pa.Array, flags: NDArray[np.bool_]) -> None:
        rows = np.zeros(len(array.dictionary), dtype=np.int64)
        if count_codes(values_of(array.indices).astype(np.int32, copy=False), flags, rows):
            raise PartError(f"is damaged: column {self._name} has numbers of texts that its dictionary does not have")
        keys = np.ascontiguousarray(hashes_of(array.dictionary)[:, 0]).view(np.int64)
        self._count(keys, _NO_FLAGS, rows)
        chosen = _largest(rows)
        self._keep_texts(array.dictionary, keys[chosen], chosen)

    def _find_texts(self, array: pa.Array, hashes: NDArray[np.int64], flags: NDArray[np.bool_]) -> None:
        """Keep the texts of a column without a dictionary: all if it has few, else those of rows that are looked at."""
        if self._is_personal:
            return
        places = np.arange(0, len(array), _step(len(array)))
        places = places[~flags[places]] if len(flags) else places
        keys, firsts = np.unique(hashes[places], return_index=True)
        self._keep_texts(array, keys, places[firsts])
        if not self._state[LEVEL] and self._state[USED] <= MOST_VALUES:
            for key in self._keys[self._counts > 0].tolist():
                if key not in self._texts:
                    found = np.flatnonzero(hashes == key)[:1]
                    self._keep_texts(array, hashes[found], found)

    def _keep_texts(self, texts: pa.Array, keys: NDArray[np.int64], places: NDArray[np.int64]) -> None:
        """Keep the texts at some places, those of frequent values only if the table does not have all values."""
        if self._is_personal:
            return
        has_all = not self._state[LEVEL]
        for key, place in zip(keys.tolist(), places.tolist(), strict=True):
            if key not in self._texts and (has_all or key in self._frequent):
                self._texts[key] = _cut(texts[place].as_py())

    def _add_numbers(self, array: pa.Array, flags: NDArray[np.bool_], arrival: NDArray[np.int64] | None) -> None:
        found = values_of(array)
        if found.dtype == np.float64:
            found = found + 0.0  # so that -0.0 is 0.0
            keys = found.view(np.int64)
            there = found if not len(flags) else found[~flags]
            if len(there):
                self._lowest = min(self._lowest, float(np.fmin.reduce(there)))
                self._highest = max(self._highest, float(np.fmax.reduce(there)))
            with np.errstate(invalid="ignore", over="ignore"):
                scaled = np.clip(np.nan_to_num(found * DECIMAL_UNITS), -(2.0**62), 2.0**62)
            numbers = np.rint(scaled).astype(np.int64)
        else:
            keys = numbers = found.astype(np.int64, copy=False)
        self._count(keys, flags)
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

    def _count(self, keys: NDArray[np.int64], flags: NDArray[np.bool_], weights: NDArray[np.int64] = _NONE) -> None:
        """Count values, and look for frequent ones once the table cannot have all."""
        before = {} if self._state[LEVEL] else self._counted()
        count_values(keys, flags, weights, self._keys, self._counts, self._state, *self._spare)
        if not self._state[LEVEL]:
            return
        self._frequent.update(before)
        if len(weights):
            chosen = _largest(weights)
            found, rows = keys[chosen], weights[chosen]
        else:
            step = _step(len(keys))
            some = keys[::step]
            self._looked_at += len(some)
            scale = len(keys) / max(1, len(some))
            found, seen = np.unique(some if not len(flags) else some[~flags[::step]], return_counts=True)
            found, rows = found[seen > 1], np.rint(seen[seen > 1] * scale).astype(np.int64)
        for key, count in zip(found.tolist(), rows.tolist(), strict=True):
            self._frequent[key] += count
        if len(self._frequent) > 2 * _MOST_FREQUENT:
            self._frequent = Counter(dict(self._frequent.most_common(_MOST_FREQUENT)))
            self._texts = {key: text for key, text in self._texts.items() if key in self._frequent}

    def _counted(self) -> dict[int, int]:
        """The rows of the values in the table."""
        is_used = self._counts > 0
        return dict(zip(self._keys[is_used].tolist(), self._counts[is_used].tolist(), strict=True))

    def profile(self) -> ColumnProfile:
        """What was counted."""
        filled = self._rows - self._nulls
        counted, level = self._counted(), int(self._state[LEVEL])
        # rows of a value that the table has are exact
        known = {key: counted.get(key, rows) for key, rows in self._frequent.items()}
        least = _FEWEST_SEEN * self._rows / self._looked_at if self._looked_at else 0.0
        frequent = {key: rows for key, rows in known.items() if rows >= least}
        histogram = {int(place) - LAST_BIN: int(self._bins[place]) for place in np.flatnonzero(self._bins)}
        named = counted if level == 0 else {key: rows for key, rows in known.items() if rows >= _FREQUENT * filled}
        top: dict[str, int] = {}
        if not self._is_personal and self._tells_values:
            for key, rows in sorted(named.items(), key=lambda item: (-item[1], item[0]))[:MOST_VALUES]:
                text = self._text(key)
                if text is not None:
                    top[text] = top.get(text, 0) + rows
        if self._is_personal:  # bins of small numbers are their values
            histogram = {}
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
            others=max(0, filled - sum(top.values())),
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
        found = [(share, quantile(histogram, share)) for share in _SHARES]
        if self._type is None or not pa.types.is_integer(self._type):
            return found
        low, high = self._bounds.tolist()
        return [(share, float(min(max(low, number), high))) for share, number in found]

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
        return self._texts.get(key)

    def _bounds_as_text(self) -> tuple[str | None, str | None]:
        if self._type is None or self._bounds[LOW] > self._bounds[HIGH]:
            return None, None
        if pa.types.is_floating(self._type):
            return repr(self._lowest), repr(self._highest)
        low, high = self._bounds.tolist()
        if pa.types.is_timestamp(self._type):
            return _instant(low), _instant(high)
        return str(low), str(high)


def _instant(micros: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{micros} us"


def _largest(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places of the largest numbers of rows, at most MOST; none of 0."""
    chosen = np.flatnonzero(rows)
    if len(chosen) > MOST:
        chosen = chosen[np.argpartition(-rows[chosen], MOST)[:MOST]]
    return chosen


def _step(rows: int) -> int:
    """Of so many rows, each how many-th is looked at."""
    return max(1, rows // _ROWS_LOOKED_AT)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."


def _entropy(counted: dict[int, int], level: int, frequent: dict[int, int], rows: int) -> float | None:
    """Bits a row of the distribution of values: the mean, over all n rows, of log2(n / c), c rows with the row's value.

    A table that keeps some values only tells the mean of the rows of rare values; frequent values, of which too few or
    too many might be among them, are counted by themselves.
    """
    if rows == 0:
        return None
    known = frequent if level else counted
    share = sum(known.values()) / rows
    bits = sum(count * math.log2(rows / count) for count in known.values()) / rows / max(1.0, share)
    rare = [count for key, count in counted.items() if key not in known]
    if rare and share < 1:
        bits += (1 - share) * sum(count * math.log2(rows / count) for count in rare) / sum(rare)
    return round(min(math.log2(rows), max(0.0, bits)), 4)
