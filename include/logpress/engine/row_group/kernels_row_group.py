"""The kernels of a row group: merge dictionaries, append rows, and put rows in order.

Bounds: every array is as long as its docstring says; texts carry `PADDING` bytes behind their last used byte.
"""

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_text import NULL
from logpress.engine.registers.kernels_codes import IRREGULAR
from logpress.hashing.kernels_hash import find_text, hash64
from logpress.kernel.words import inner_kernel, kernel, prefetch

DIGIT_BITS = 11

ROWS_AT_A_TIME = 64
"""Rows whose registers are copied at a time, so that both sides stay in cache."""

KEYS_AHEAD = 32
"""Keys whose loading is begun before they are needed."""

NARROW_NULL = np.int32(-(2**31))
"""Stands for no value in an int32 register."""


@inner_kernel
def add_hash(totals, one, two):
    """Add a record's hash, a 128-bit number, to totals: uint64[2] (low, high), modulo 2^128."""
    low = totals[0] + one
    totals[1] += two
    if low < totals[0]:
        totals[1] += np.uint64(1)
    totals[0] = low


@kernel
def sizes_of_entries(starts, ends, counts, sizes):
    """Bytes of all texts of each of a block's dictionaries.

    Args:
        starts: int64[d, c].
        ends: int64[d, c].
        counts: int64[d], how many texts each has.
        sizes: int64[d], filled.
    """
    for number in range(counts.shape[0]):
        size = 0
        for entry in range(counts[number]):
            size += ends[number, entry] - starts[number, entry]
        sizes[number] = size


@kernel
def size_of_texts(codes, offsets):
    """Bytes of the texts of some rows, where each row has a text of its own.

    Args:
        codes: integers[rows], the number of each row's text, negative for none.
        offsets: integers[texts + 1]; text i stands at offsets[i]:offsets[i + 1].
    """
    size = 0
    for i in range(codes.shape[0]):
        if codes[i] >= 0:
            size += offsets[codes[i] + 1] - offsets[codes[i]]
    return size


@kernel
def merge_entries(
    buffer, starts, ends, hashes, kinds, count, table, texts, offsets, all_hashes, all_kinds, known, numbers
):
    """Give a block's dictionary entries their numbers in the row group's dictionary, adding those that are new.

    Args:
        buffer: uint8[n], where the block's entries stand.
        starts: int64[>= count].
        ends: int64[>= count].
        hashes: uint64[>= count].
        kinds: uint8[>= count], see `string_kind`.
        count: how many entries the block has.
        table: int32[2^k], open addressing; the caller has made it large enough to stay at most half full.
        texts: uint8[m], the row group's texts, with room for the new ones.
        offsets: int64[c + 1]; text i is texts[offsets[i]:offsets[i + 1]].
        all_hashes: uint64[c].
        all_kinds: uint8[c].
        known: how many texts the row group knows.
        numbers: int64[>= count], filled.

    Returns:
        How many texts the row group knows now.
    """
    for entry in range(count):
        start = starts[entry]
        length = ends[entry] - start
        at = find_text(buffer, start, length, hashes[entry], table, texts, offsets, offsets[1:], all_hashes)
        if table[at] < 0:
            table[at] = known
            all_hashes[known] = hashes[entry]
            all_kinds[known] = kinds[entry]
            begin = offsets[known]
            for i in range(length):
                texts[begin + i] = buffer[start + i]
            offsets[known + 1] = begin + length
            known += 1
        numbers[entry] = table[at]
    return known


@kernel
def find_number(buffer, length, table, texts, offsets, all_hashes):
    """The number of the text buffer[:length] in a row group's dictionary, or -1; see `merge_entries`."""
    word = hash64(buffer, 0, length)
    return table[find_text(buffer, 0, length, word, table, texts, offsets, offsets[1:], all_hashes)]


@kernel
def rebuild_table(table, hashes, known):
    """Fill a larger table (int32[2^k], all -1) with the texts known so far."""
    mask = table.shape[0] - 1
    for number in range(known):
        at = np.int64(hashes[number] & np.uint64(mask))
        while table[at] >= 0:
            at = (at + 1) & mask
        table[at] = number


@kernel
def empty_tables(tables, hashes, counts):
    """Take all texts out of a block's dictionaries; most are few, in tables that have room for many.

    Args:
        tables: int32[d, 2^k], open addressing, -1 where free.
        hashes: uint64[d, c], of the texts in them.
        counts: int64[d], how many each has; becomes 0.
    """
    mask = tables.shape[1] - 1
    for number in range(tables.shape[0]):
        table = tables[number]
        for entry in range(counts[number]):
            # up to the next free place: what stood before one that was freed is reached from a place of its own
            at = np.int64(hashes[number, entry] & np.uint64(mask))
            while table[at] >= 0:
                table[at] = -1
                at = (at + 1) & mask
        counts[number] = 0


@kernel
def choose_rows(
    first, room, row_starts, row_ends, states, hashes, days, units_per_day, day, take_unknown, totals, digest, places
):  # fmt: skip
    """Choose which of a block's finished rows are taken, until there is no room; rows of other days are only counted.

    Args:
        first: first row of the block to look at.
        room: how many rows can be taken.
        row_starts: int64[rows].
        row_ends: int64[rows].
        states: int64[rows]: a program's number, IRREGULAR, or below zero for rows that are left out.
        hashes: uint64[2, >= rows].
        days: int64[>= rows], the register of the instant whose UTC date is the record's day.
        units_per_day: its units a day.
        day: days since 1970-01-01.
        take_unknown: whether records that name no day are taken.
        totals: int64[3]: rows taken, rows of another day, bytes taken; added to.
        digest: uint64[2], the multiset digest of what is taken; added to.
        places: int64[>= rows], gets the rows that are taken.

    Returns:
        (next row of the block, how many rows are taken)
    """
    row = first
    count = 0
    while row < states.shape[0]:
        if states[row] >= 0:
            instant = days[row]
            mine = take_unknown if instant == NULL else instant // units_per_day == day
            if not mine:
                totals[1] += 1
            else:
                if count == room:
                    break
                places[count] = row
                count += 1
                totals[0] += 1
                totals[2] += row_ends[row] - row_starts[row]
                add_hash(digest, hashes[0, row], hashes[1, row])
        row += 1
    return row, count


@kernel
def append_rows(
    regs, states, layout_of, places, count, numbers, dictionary_of, is_narrow, place_of, wide, narrow, at
):  # fmt: skip
    """Copy a block's rows to the end of a row group.

    Args:
        regs: int64[registers, >= rows], the block's.
        states: int64[rows]: a program's number, or IRREGULAR for a row that is kept whole.
        layout_of: int64[programs], the layout of each.
        places: int64[>= count], which rows.
        count: how many.
        numbers: int64[dictionaries, entries]: what the row group calls each of the block's texts.
        dictionary_of: int64[registers], or -1.
        is_narrow: bool[registers], whether the register stands in `narrow`.
        place_of: int64[registers], its column there, or in `wide`.
        wide: int64[capacity, wide registers].
        narrow: int32[capacity, narrow registers].
        at: rows in use; at + count is within the capacity.
    """
    for first in range(0, count, ROWS_AT_A_TIME):
        last = min(first + ROWS_AT_A_TIME, count)
        for k in range(first, last):
            state = states[places[k]]
            narrow[at + k, 0] = NARROW_NULL if state == IRREGULAR else layout_of[state]
        for register in range(1, regs.shape[0]):
            dictionary = dictionary_of[register]
            place = place_of[register]
            if dictionary >= 0:
                for k in range(first, last):
                    value = regs[register, places[k]]
                    narrow[at + k, place] = NARROW_NULL if value == NULL else numbers[dictionary, value]
            elif is_narrow[register]:
                for k in range(first, last):
                    value = regs[register, places[k]]
                    narrow[at + k, place] = NARROW_NULL if value == NULL else value
            else:
                for k in range(first, last):
                    wide[at + k, place] = regs[register, places[k]]


@kernel
def radix_order(keys, order, spare, counts):
    """Sort rows by keys (int64 or int32), stably: `order` holds rows in their order so far and gets their new order.

    A least-significant-digit radix sort of 11 bits a pass that leaves out digits in which all keys agree.

    Args:
        keys: int64[n], by row.
        order: int32[n], a permutation.
        spare: int32[n], scratch.
        counts: int64[2^DIGIT_BITS], scratch.
    """
    rows = order.shape[0]
    if rows == 0:
        return
    low = keys[0]
    high = keys[0]
    for i in range(rows):
        low = min(low, keys[i])
        high = max(high, keys[i])
    spread = np.uint64(high) - np.uint64(low)
    shift = np.uint64(0)
    digit_mask = np.uint64((1 << DIGIT_BITS) - 1)
    swapped = False
    while shift < np.uint64(64) and spread >> shift != 0:
        source = spare if swapped else order
        target = order if swapped else spare
        for d in range(counts.shape[0]):
            counts[d] = 0
        for i in range(rows):
            counts[np.int64(((np.uint64(keys[i]) - np.uint64(low)) >> shift) & digit_mask)] += 1
        total = 0
        for d in range(counts.shape[0]):
            count = counts[d]
            counts[d] = total
            total += count
        for i in range(rows):
            prefetch(keys, np.int64(source[min(i + KEYS_AHEAD, rows - 1)]) * keys.itemsize)
            row = source[i]
            digit = np.int64(((np.uint64(keys[row]) - np.uint64(low)) >> shift) & digit_mask)
            target[counts[digit]] = row
            counts[digit] += 1
        swapped = not swapped
        shift += np.uint64(DIGIT_BITS)
    if swapped:
        for i in range(rows):
            order[i] = spare[i]
