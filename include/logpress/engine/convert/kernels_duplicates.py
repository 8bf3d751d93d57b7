"""The kernels of duplicates: find the records of a block that are equal to an earlier record of the slice.

Records are compared by 96 bits of their hashes, three words of 32 bits. Among the 6.3 million records that a slice
compares at most, two different ones have the same 96 bits with a probability of 2.5e-16. Such a record would still be
kept, as a reject, and restored.

Bounds: all arrays have the lengths in the docstrings, and indices stay below them.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_text import NULL
from logpress.engine.registers.kernels_codes import DROPPED, is_finished
from logpress.kernel.compile import inner_kernel, kernel

AT_A_TIME = 32
"""[speed] Records that are looked up together, so that memory latencies overlap."""

_UPPER = np.uint64(32)


@inner_kernel
def _home(table, one):
    """The first place for a hash, by its upper bits, so that a table is nearly sorted by hash.

    (hash >> 32) * places >> 32 is the hash as a share of 2^64, of `places` (D. Lemire, "Fast Random Integer Generation
    in an Interval", 2019). It is below `places` and ascends with the hash, for tables of less than 2^32 places. In a
    table of 12 places, the home of 2^63 is place 6.
    """
    return np.int64((one >> _UPPER) * np.uint64(table.shape[0]) >> _UPPER)


@inner_kernel
def _is_free(table, at):
    """Whether a place is free: zeros, because `find_repeats` stores no hash that is zero."""
    return table[at, 0] == 0 and table[at, 1] == 0 and table[at, 2] == 0


@inner_kernel
def _first_word(table, at):
    """The first 64 bits of the hash at a place."""
    return np.uint64(table[at, 0]) << _UPPER | np.uint64(table[at, 1])


@inner_kernel
def _put(table, one, two):
    """Put a hash into the table, unless it is there; returns whether it was there."""
    places = table.shape[0]
    high = np.uint32(one >> _UPPER)
    low = np.uint32(one)
    at = _home(table, one)
    while True:
        first = table[at, 0]
        second = table[at, 1]
        third = table[at, 2]
        if first == high and second == low and third == two:
            return True
        if first | second | third == 0:
            break
        at = at + 1 if at + 1 < places else 0
    table[at, 0] = high
    table[at, 1] = low
    table[at, 2] = two
    return False


@kernel
def find_repeats(states, hashes, days, units_per_day, day, take_unknown, table, known, repeats):
    """Mark the rows of a block that are equal to an earlier row, and remember the others.

    Args:
        states: int64[rows]; set to DROPPED for repeated rows. Rows that are not finished are skipped.
        hashes: uint64[2, >= rows].
        days: int64[>= rows], register of the instant whose UTC date is the record's day.
        units_per_day: units of that register a day.
        day: days since 1970-01-01; rows of other days are left alone.
        take_unknown: whether records without a readable day are taken.
        table: uint32[n, 3], open addressing, zeros where free, with room for all rows; n is below 2^32.
        known: int64[1], number of hashes in the table; updated.
        repeats: int64[>= rows], gets the repeated rows.

    Returns:
        (number of repeated rows, a meaningless number that keeps the compiler from removing the early reads).
    """
    count = 0
    touched = np.uint32(0)
    rows = states.shape[0]
    for first in range(0, rows, AT_A_TIME):
        last = min(first + AT_A_TIME, rows)
        for row in range(first, last):
            touched ^= table[_home(table, hashes[0, row]), 0]
        for row in range(first, last):
            if not is_finished(states[row]):
                continue
            instant = days[row]
            mine = take_unknown if instant == NULL else instant // units_per_day == day
            if not mine:
                continue
            one = hashes[0, row]
            two = np.uint32(hashes[1, row])
            if one == 0 and two == 0:
                two = np.uint32(1)
            if _put(table, one, two):
                states[row] = DROPPED
                repeats[count] = row
                count += 1
            else:
                known[0] += 1
    return count, touched


@kernel
def refill(old, table):
    """Put all hashes of a table into a larger, empty one."""
    for i in range(old.shape[0]):
        if not _is_free(old, i):
            _put(table, _first_word(old, i), old[i, 2])


@kernel
def sorted_hashes(table, out):
    """The first halves of a table's hashes, ascending.

    They are nearly sorted already, because the home of a hash follows from its upper bits. A hash whose home is further
    ahead is moved past the hashes of its own cluster. Hashes that wrapped around at the end of the table come last.

    Args:
        table: uint32[n, 3], open addressing, zeros where free; at least one place is free.
        out: uint64[n], n at least the number of hashes; filled.

    Returns:
        Number of hashes.
    """
    places = table.shape[0]
    begin = 0
    while not _is_free(table, begin):
        begin += 1
    count = 0
    for i in range(begin, begin + places):
        place = i if i < places else i - places
        if _is_free(table, place):
            continue
        one = _first_word(table, place)
        at = count
        while at > 0 and out[at - 1] > one:
            out[at] = out[at - 1]
            at -= 1
        out[at] = one
        count += 1
    return count
