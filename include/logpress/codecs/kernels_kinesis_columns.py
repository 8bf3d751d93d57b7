"""The kernels between the registers of sequence numbers and their columns: shards, counters and their windows.

Bounds: arrays are indexed by row, or by a number in another array of the same call. Each docstring gives the allowed
numbers, or says that the kernel checks them.
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
"""[format] Upper bound of shards: a creation second of 36 bits and a number of 20; see `read_kinesis`."""

_SECONDS = 1 << 36
"""[format] Upper bound of arrival seconds, which have 36 bits."""


@kernel
def number_few(values, table, distinct, count, numbers):
    """Number the distinct values of a register in order of first occurrence, if they are few.

    Args:
        values: int64[n], or NULL.
        table: int64[2^k], filled with -1, k at least 1; more than twice as long as `distinct`.
        distinct: int64[m], gets the distinct values.
        count: int64[1], gets their number.
        numbers: int32[n], gets each row's number, or -1.

    Returns:
        False if there are more than m distinct values.
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
    """Split numbers into the lowest byte and the rest; NULL becomes null in both.

    Args:
        values: int64[n], or NULL; set to the rest.
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
        values: int64[n], the lowest bytes, or NULL; set to the numbers.
        high: int64[n], the rest; ignored where the lowest byte is NULL.
    """
    for i in range(values.shape[0]):
        if values[i] != NULL:
            values[i] += high[i] << 8


@kernel
def name_shards(shards, keys, places):
    """Replace indices of shards by the shards.

    Args:
        shards: int64[n], an index or NULL; set to the shard, or NULL.
        keys: int64[k], the shards.
        places: int32[n], gets the index, or -1.

    Returns:
        False if an index is out of range.
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
    """Whether `write_kinesis` can write each row's sequence number; int64[n] all. Rows without a shard have none.

    NULL is negative, and so is refused as a part of a number.
    """
    are_sound = True
    for i in range(shards.shape[0]):
        is_sound = (shards[i] >= 0) & (shards[i] < _SHARDS) & (arrivals[i] >= 0) & (arrivals[i] < _SECONDS)
        are_sound &= (shards[i] == NULL) | (is_sound & (counters[i] >= 0) & (subs[i] >= 0))
    return are_sound


@kernel
def smallest_counters(shards, arrivals, counters, first, shift, windows, smallest):
    """Find the smallest counter of each shard and window of 2^shift seconds.

    Args:
        shards: int32[n], index of the shard, or -1; below the number of shards.
        arrivals: int64[n], seconds.
        counters: int64[n].
        first: begin of the first window; no arrival is before it.
        shift: a window has 2^shift seconds.
        windows: number of windows; no arrival is behind them.
        smallest: int64[shards * windows], at shard * windows + window; the caller fills it with the largest int64.
    """
    for i in range(shards.shape[0]):
        if shards[i] >= 0:
            place = np.int64(shards[i]) * windows + ((arrivals[i] - first) >> shift)
            smallest[place] = min(smallest[place], counters[i])


@kernel
def subtract_counters(shards, arrivals, counters, first, shift, windows, smallest, sign):
    """Subtract sign * the smallest counter of its shard and window from each counter; False if one is out of range.

    The arguments are those of `smallest_counters`, but shards, arrivals and counters may be any numbers.
    """
    for i in range(shards.shape[0]):
        if shards[i] >= 0:
            window = (arrivals[i] - first) >> shift
            place = np.int64(shards[i]) * windows + window
            if window < 0 or window >= windows or place >= smallest.shape[0]:
                return False
            counters[i] -= sign * smallest[place]
    return True
