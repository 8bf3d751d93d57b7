"""The kernels between the registers of sequence numbers and their columns: shards, counters and their windows.

Bounds: every array is indexed by row, or by a number that another array of the same call holds; each docstring says
which numbers those may be, or that the kernel checks them.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_kinesis import SHARD_NUMBER_BITS
from logpress.codecs.kernels_text import NULL
from logpress.codecs.nulls import NARROW_NULL
from logpress.kernel.compile import kernel
from logpress.kernel.places import first_place

_SHARDS = 1 << (36 + SHARD_NUMBER_BITS)
"""[format] A shard is a creation second of 36 bits and a number of 20; see `read_kinesis`."""

_SECONDS = 1 << 36
"""[format] An arrival second has 36 bits."""


@kernel
def number_few(values, table, distinct, count, numbers):
    """Number the few distinct values of a register in the order they come.

    Args:
        values: int64[n], or NULL.
        table: int64[2^k], filled with -1, k at least 1; more than twice as long as `distinct`.
        distinct: int64[m], gets the distinct values.
        count: int64[1], gets how many there are.
        numbers: int32[n], gets each row's number, or -1.

    Returns:
        False if there are more than m.
    """
    mask = table.shape[0] - 1
    count[0] = 0
    for i in range(values.shape[0]):
        value = values[i]
        if value == NULL:
            numbers[i] = -1
            continue
        at = first_place(value, table)
        while table[at] >= 0 and distinct[table[at]] != value:
            at = (at + 1) & mask
        if table[at] < 0:
            if count[0] == distinct.shape[0]:
                return False
            table[at] = count[0]
            distinct[count[0]] = value
            count[0] += 1
        numbers[i] = table[at]
    return True


@kernel
def take_lowest_byte(values, low):
    """Part numbers into the lowest byte and what is above it; NULL stays in both.

    Args:
        values: int64[n], or NULL; become what is above.
        low: int32[n], gets the bytes, or NARROW_NULL.
    """
    for i in range(values.shape[0]):
        if values[i] == NULL:
            low[i] = NARROW_NULL
        else:
            low[i] = values[i] & 255
            values[i] >>= 8


@kernel
def put_above_lowest_byte(values, high):
    """The reverse of `take_lowest_byte`.

    Args:
        values: int64[n], the lowest bytes, or NULL; become the numbers.
        high: int64[n], what is above; of no meaning where there is no lowest byte.
    """
    for i in range(values.shape[0]):
        if values[i] != NULL:
            values[i] += high[i] << 8


@kernel
def name_shards(shards, keys, places):
    """Put shards for their places among a file's shards.

    Args:
        shards: int64[n], a place or NULL; gets the shard, or NULL.
        keys: int64[k], the shards.
        places: int32[n], gets the place, or -1.

    Returns:
        False if there is a place that is none.
    """
    for i in range(shards.shape[0]):
        place = shards[i]
        if place == NULL:
            places[i] = -1
            continue
        if not 0 <= place < keys.shape[0]:
            return False
        shards[i] = keys[place]
        places[i] = place
    return True


@kernel
def are_sequences(shards, arrivals, counters, subs):
    """Whether `write_kinesis` can write each row's sequence number; int64[n] all. A row without a shard has none.

    What is NULL is negative, and so is no part of a number.
    """
    are_sound = True
    for i in range(shards.shape[0]):
        is_sound = (shards[i] >= 0) & (shards[i] < _SHARDS) & (arrivals[i] >= 0) & (arrivals[i] < _SECONDS)
        are_sound &= (shards[i] == NULL) | (is_sound & (counters[i] >= 0) & (subs[i] >= 0))
    return are_sound


@kernel
def smallest_counters(shards, arrivals, counters, first, shift, windows, smallest):
    """For each shard and window of 2^shift seconds, the smallest counter: smallest[shard * windows + window].

    Args:
        shards: int32[n], place in the list of shards, or -1; below the rows of `smallest`.
        arrivals: int64[n], seconds.
        counters: int64[n].
        first: first second, no arrival is before it.
        shift: of a second behind `first`, to its window.
        windows: how many windows; no arrival is behind them.
        smallest: int64[shards * windows], filled with the largest int64 by the caller.
    """
    for i in range(shards.shape[0]):
        if shards[i] >= 0:
            place = np.int64(shards[i]) * windows + ((arrivals[i] - first) >> shift)
            smallest[place] = min(smallest[place], counters[i])


@kernel
def subtract_counters(shards, arrivals, counters, first, shift, windows, smallest, sign):
    """counters[i] -= sign * the smallest counter of its shard and window; False if that is none.

    The arguments are those of `smallest_counters`; shards, arrivals and counters may be any.
    """
    for i in range(shards.shape[0]):
        if shards[i] >= 0:
            window = (arrivals[i] - first) >> shift
            place = np.int64(shards[i]) * windows + window
            if window < 0 or window >= windows or place >= smallest.shape[0]:
                return False
            counters[i] -= sign * smallest[place]
    return True
