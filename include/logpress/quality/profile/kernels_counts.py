"""Kernels that count values: by value, in a table of bounded size, and by bin.

**The table of values.** A table has SLOTS places; a value lies at the first free place from that of its hash on. A
table of level k keeps the values whose hash ends in k zero bits, at most MOST, each with all its rows: a sample of
values, not of rows. A table of level 0 has all values. When one more would not fit, the level rises, and about half
of the values leave. So 2^level times the number of kept values estimates the number of distinct values (Gibbons,
"Distinct sampling for highly-accurate answers to distinct values queries and event reports", VLDB 2001), and 2^level
times a sum over kept values the sum over all. With about MOST / 2 to MOST values kept, the standard error of the number
is 1 / sqrt(MOST / 2) = 1.6 % at most.

**Bins.** The bin of a number is that of its magnitude, of which 4 lie in each power of 2: 2^e, 1.25, 1.5 and 1.75
times 2^e for e from 2 on; smaller numbers have a bin of their own. Negative numbers have the negative bins.

Bounds: places are taken modulo SLOTS, and a table always has a free place, because MOST is less than SLOTS. Bins are at
most LAST_BIN in magnitude; callers give arrays of 2 * LAST_BIN + 1 bins.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import highest_bit

SLOTS = 32_768
"""Places of a table."""

MOST = 8_192
"""Values that a table keeps at most."""

LEVEL, USED = 0, 1
"""Fields of a table's state: int64[2]."""

LOW, HIGH = 0, 1
"""Fields of what `bin_numbers` finds: int64[2], the lowest and the highest value."""

LAST_BIN = 4 * 62 - 1
"""The bin of the largest magnitudes: 7 * 2^60 to 2^63."""

_MULTIPLIER_1 = np.uint64(0xFF51AFD7ED558CCD)
"""First multiplier of the finalizer of MurmurHash3 (Austin Appleby, public domain)."""

_MULTIPLIER_2 = np.uint64(0xC4CEB9FE1A85EC53)
"""Second multiplier of it."""

_SHIFT = np.uint64(33)
_ONE = np.uint64(1)
_PLACES = np.uint64(SLOTS - 1)
_PLACE_SHIFT = np.uint64(40)
"""The place of a value is taken from other bits of its hash than its level."""


@inner_kernel
def mixed(value):
    """The finalizer of MurmurHash3: a bijection of 64-bit words, each bit of which depends on all bits of the value."""
    word = np.uint64(value)
    word ^= word >> _SHIFT
    word *= _MULTIPLIER_1
    word ^= word >> _SHIFT
    word *= _MULTIPLIER_2
    return word ^ (word >> _SHIFT)


@inner_kernel
def _place_of(hashed, value, values, rows):
    """The place that a value has, or would take."""
    place = np.int64((hashed >> _PLACE_SHIFT) & _PLACES)
    while rows[place] != 0 and values[place] != value:
        place = (place + 1) & (SLOTS - 1)
    return place


@kernel
def raise_level(
    values: NDArray[np.int64],
    rows: NDArray[np.int64],
    state: NDArray[np.int64],
    level: int,
    spare_values: NDArray[np.int64],
    spare_rows: NDArray[np.int64],
) -> None:
    """Raise a table's level to this one at least, and until at most MOST values are kept.

    Args:
        values: int64[SLOTS], the values.
        rows: int64[SLOTS], their rows; 0 in free places.
        state: int64[2], level and number of kept values.
        level: the lowest level to reach.
        spare_values: int64[MOST + 1], overwritten.
        spare_rows: int64[MOST + 1], overwritten.
    """
    if state[LEVEL] >= level and state[USED] <= MOST:
        return
    count = 0
    for place in range(SLOTS):
        if rows[place] != 0:
            spare_values[count] = values[place]
            spare_rows[count] = rows[place]
            count += 1
            rows[place] = 0
    to = max(state[LEVEL], level)
    while True:
        mask = (_ONE << np.uint64(to)) - _ONE
        kept = 0
        for i in range(count):
            if mixed(spare_values[i]) & mask == 0:
                spare_values[kept] = spare_values[i]
                spare_rows[kept] = spare_rows[i]
                kept += 1
        count = kept
        if count <= MOST:
            break
        to += 1
    for i in range(count):
        place = _place_of(mixed(spare_values[i]), spare_values[i], values, rows)
        values[place] = spare_values[i]
        rows[place] = spare_rows[i]
    state[LEVEL] = to
    state[USED] = count


@kernel
def count_values(
    new: NDArray[np.int64],
    missing: NDArray[np.bool_],
    weights: NDArray[np.int64],
    values: NDArray[np.int64],
    rows: NDArray[np.int64],
    state: NDArray[np.int64],
    spare_values: NDArray[np.int64],
    spare_rows: NDArray[np.int64],
) -> None:
    """Add values to a table.

    Args:
        new: int64[n], the values.
        missing: bool[n], which of them are null; bool[0] if none is.
        weights: int64[n], the rows that have each, 0 for none; int64[0]: one each.
        values: the table's values, see `raise_level`.
        rows: the table's rows.
        state: the table's level and number of values.
        spare_values: int64[MOST + 1], overwritten.
        spare_rows: int64[MOST + 1], overwritten.
    """
    has_missing, has_weights = missing.shape[0] > 0, weights.shape[0] > 0
    mask = (_ONE << np.uint64(state[LEVEL])) - _ONE
    last, last_place = np.int64(0), -1
    for i in range(new.shape[0]):
        if has_missing and missing[i]:
            continue
        weight = weights[i] if has_weights else 1
        if weight == 0:
            continue
        value = new[i]
        if last_place >= 0 and value == last:
            rows[last_place] += weight
            continue
        hashed = mixed(value)
        if hashed & mask != 0:
            continue
        place = _place_of(hashed, value, values, rows)
        if rows[place] == 0:
            values[place] = value
            state[USED] += 1
        rows[place] += weight
        last, last_place = value, place
        if state[USED] > MOST:
            raise_level(values, rows, state, state[LEVEL] + 1, spare_values, spare_rows)
            mask = (_ONE << np.uint64(state[LEVEL])) - _ONE
            last_place = -1


@kernel
def count_codes(codes: NDArray[np.int32], missing: NDArray[np.bool_], rows: NDArray[np.int64]) -> int:
    """Count the rows of each number of a dictionary.

    Bounds: a number that is not below the length of `rows` is not counted, and said.

    Args:
        codes: int32[n], the numbers.
        missing: bool[n], which of them are null; bool[0] if none is.
        rows: int64[dictionary], added to.

    Returns:
        How many numbers the dictionary does not have.
    """
    has_missing, known, bad = missing.shape[0] > 0, rows.shape[0], 0
    for i in range(codes.shape[0]):
        if has_missing and missing[i]:
            continue
        code = codes[i]
        if 0 <= code < known:
            rows[code] += 1
        else:
            bad += 1
    return bad


@inner_kernel
def bin_of(value):
    """The bin of a number, from -LAST_BIN to LAST_BIN."""
    if value < 0:
        magnitude = np.uint64(0) - np.uint64(value)
    else:
        magnitude = np.uint64(value)
    if magnitude < np.uint64(4):
        found = np.int64(magnitude)
    else:
        exponent = highest_bit(magnitude)
        quarter = np.int64((magnitude >> np.uint64(exponent - 2)) & np.uint64(3))
        found = min(4 * (exponent - 1) + quarter, LAST_BIN)
    return -found if value < 0 else found


@kernel
def bin_numbers(
    numbers: NDArray[np.int64],
    missing: NDArray[np.bool_],
    subtract_from: NDArray[np.int64],
    bins: NDArray[np.int64],
    found: NDArray[np.int64],
) -> None:
    """Count numbers by bin, and find the lowest and highest one.

    Args:
        numbers: int64[n].
        missing: bool[n], which of them are null; bool[0] if none is.
        subtract_from: int64[n]: not the numbers, but how far they lie below these, are counted, modulo 2^64; int64[0]
            for the numbers themselves. Rows in which these are the lowest int64 are left out.
        bins: int64[2 * LAST_BIN + 1], added to; bin b at b + LAST_BIN.
        found: int64[2], LOW and HIGH of the numbers; updated.
    """
    has_missing, is_lag = missing.shape[0] > 0, subtract_from.shape[0] > 0
    low, high = found[LOW], found[HIGH]
    for i in range(numbers.shape[0]):
        if has_missing and missing[i]:
            continue
        number = numbers[i]
        low, high = min(low, number), max(high, number)
        if is_lag:
            if subtract_from[i] == np.int64(-0x8000000000000000):
                continue
            number = np.int64(np.uint64(subtract_from[i]) - np.uint64(number))  # signed overflow is undefined
        bins[bin_of(number) + LAST_BIN] += 1
    found[LOW], found[HIGH] = low, high


@kernel
def count_hours(instants: NDArray[np.int64], missing: NDArray[np.bool_], hours: NDArray[np.int64]) -> None:
    """Count instants by the hour of their day, UTC.

    Args:
        instants: int64[n], microseconds since 1970.
        missing: bool[n], which of them are null; bool[0] if none is.
        hours: int64[24], added to.
    """
    has_missing = missing.shape[0] > 0
    for i in range(instants.shape[0]):
        if has_missing and missing[i]:
            continue
        hours[(instants[i] // 3_600_000_000) % 24] += 1
