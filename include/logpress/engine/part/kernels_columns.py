"""The kernels between registers and stored columns: number few values, check ranges, group counters, follow lookups.

Bounds: every array is indexed by row, or by a number that another array of the same call holds; each docstring says
which numbers those may be, or that the kernel checks them.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_kinesis import SHARD_NUMBER_BITS
from logpress.codecs.kernels_text import NULL
from logpress.engine.registers.kernels_rows import NARROW_NULL
from logpress.kernel.ascii import FIRST_WIDE, SLASH
from logpress.kernel.compile import kernel
from logpress.kernel.places import first_place

_MOST = np.iinfo(np.int64).max
_SHARDS = 1 << (36 + SHARD_NUMBER_BITS)
"""[format] A shard is a creation second of 36 bits and a number of 20; see `read_kinesis`."""

_SECONDS = 1 << 36
"""[format] An arrival second has 36 bits."""


@kernel
def divide_exactly(values, divisor):
    """Divide int64[n] in place, NULL left out; whether no rest is left. If one is, the values are undefined.

    With d = 2^s * odd, x / d of a multiple x is (x >> s) * odd^-1 modulo 2^64 (H. Warren, "Hacker's Delight", 10-16:
    exact division), which takes 5 % of a division's time. Newton's iteration doubles the right bits of the inverse;
    `odd` itself has three, because any odd number's square is 1 modulo 8, so 5 iterations give 96 >= 64 bits. 84 / 12:
    s = 2, odd = 3, odd^-1 = 0xAAAAAAAAAAAAAAAB, and 21 * odd^-1 = 7 modulo 2^64.

    Args:
        values: int64[n].
        divisor: above 0.
    """
    shift = 0
    odd = np.int64(divisor)
    while odd & 1 == 0:
        odd >>= 1
        shift += 1
    inverse = odd
    for _ in range(5):
        inverse *= 2 - odd * inverse
    is_exact = True
    for i in range(values.shape[0]):
        value = values[i]
        if value != NULL:
            quotient = (value >> shift) * inverse
            # the product may wrap around where a rest is left: the quotient of a multiple is no larger than that
            is_exact &= quotient * divisor == value and abs(quotient) <= _MOST // divisor
            values[i] = quotient
    return is_exact


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
def all_within(values, first, last):
    """Whether all values (int64[n]) but NULL lie from `first` to `last`."""
    is_within = True
    for i in range(values.shape[0]):
        value = values[i]
        is_within &= (value == NULL) | ((value >= first) & (value <= last))
    return is_within


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
def follow_lookup(codes, keys, layouts, has_slot, predicted):
    """Give the rows without a text of their own that of their key, where their layout has a place for it.

    Args:
        codes: int64[n], the number of each row's text, or NULL; changed.
        keys: int64[n], the number of each row's key, or NULL.
        layouts: int64[n], each row's layout, or NULL.
        has_slot: bool[m], which layouts have the place.
        predicted: int64[k], the number of each key's text, or NULL.

    Returns:
        False if there is a key or a layout that is none.
    """
    for i in range(codes.shape[0]):
        if codes[i] != NULL or layouts[i] == NULL or keys[i] == NULL:
            continue
        if not (0 <= layouts[i] < has_slot.shape[0] and 0 <= keys[i] < predicted.shape[0]):
            return False
        if has_slot[layouts[i]]:
            codes[i] = predicted[keys[i]]
    return True


@kernel
def map_codes(codes, numbers, out):
    """Do out[i] = numbers[codes[i]], or -1 where there is no code.

    Args:
        codes: int32[n], below the length of `numbers`, or negative for none.
        numbers: integers[entries].
        out: int32[n]; may be `codes`.
    """
    for i in range(codes.shape[0]):
        code = codes[i]
        out[i] = numbers[code] if code >= 0 else -1


@kernel
def count_codes(codes, counts):
    """Do counts[code + 1] += 1 for each code, and counts[0] += 1 where there is none.

    Args:
        codes: int32[n], below `entries`, or negative for none.
        counts: int64[entries + 1].
    """
    for i in range(codes.shape[0]):
        counts[max(codes[i], -1) + 1] += 1


@kernel
def find_rows(codes, marked, rows):
    """Find the rows whose code is marked; returns how many.

    Args:
        codes: int32[n], below `entries`, or negative for none.
        marked: bool[entries].
        rows: int64[n], gets them.
    """
    count = 0
    for i in range(codes.shape[0]):
        if codes[i] >= 0 and marked[codes[i]]:
            rows[count] = i
            count += 1
    return count


@kernel
def any_null(values, null):
    """Whether a register, integers[n], has a value that is `null`."""
    found = False
    for i in range(values.shape[0]):
        found |= values[i] == null
    return found


@kernel
def count_unusual(texts, offsets, used):
    """How many texts have a slash, how many are not ASCII, and how many are one of both.

    Args:
        texts: uint8[m].
        offsets: int64[entries + 1].
        used: int64[count], entries, of which there are as many as `offsets` says.
    """
    slashes = wide = both = 0
    for k in range(used.shape[0]):
        has_slash = is_wide = False
        for i in range(offsets[used[k]], offsets[used[k] + 1]):
            has_slash |= texts[i] == SLASH
            is_wide |= texts[i] >= FIRST_WIDE
        slashes += has_slash
        wide += is_wide
        both += has_slash or is_wide
    return slashes, wide, both


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


@kernel
def count_pairs(keys, values, value_count, counts):
    """Do counts[key * value_count + value] += 1 for each row that has both.

    Args:
        keys: int32[n], below the length of `counts` by `value_count`, or negative for none.
        values: int32[n], below `value_count`, or negative for none.
        value_count: how many values there are.
        counts: int64[keys * value_count].
    """
    for i in range(keys.shape[0]):
        if keys[i] >= 0 and values[i] >= 0:
            counts[np.int64(keys[i]) * value_count + values[i]] += 1
