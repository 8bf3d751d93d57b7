"""The kernel that writes regular records as lines of JSON, from rows of numbers and dictionaries of texts.

Bounds: a row is begun only if `RECORD_BOUND` bytes (or the longest prepared line) and `PADDING` more are free in `out`;
the sample's texts are short enough for that. All texts carry `PADDING` readable bytes behind them. Instants lie within
the days of the table of dates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.kernel.ascii import COLON, DIGIT_0, NEWLINE, POINT
from logpress.kernel.compile import kernel
from logpress.kernel.words import PADDING, load64, store64

RECORD_BOUND = 2048
"""No regular record is longer, in bytes."""

BEGIN, END, BEGIN_AS_LABELLED, END_AS_LABELLED = 0, 1, 2, 3
FUNCTION, ADDRESS, REASON, VERSION = 4, 5, 6, 7
ELAPSED, STATUS, EPOCH = 8, 9, 10
STAMP, CLIENT_APP_ID, CREATED, NICKNAME, SEQUENCE = 11, 12, 13, 14, 15
"""Slots of a line, numbered so that those of one sort follow one another."""

CLIENT_APP_ID_BYTES = 40
CREATED_BYTES = 24

_BILLION = np.uint64(1_000_000_000)
_32 = np.uint64(32)


@kernel
def copy(source: Any, start: Any, length: Any, out: Any, at: Any) -> Any:
    """Copy bytes by words, up to 7 bytes too many on both sides; gives where they end in `out`."""
    k = 0
    while k < length:
        store64(out, at + k, load64(source, start + k))
        k += 8
    return at + length


@kernel
def text(texts: Any, offsets: Any, number: Any, out: Any, at: Any) -> Any:
    """Copy text `number`; gives where it ends in `out`."""
    start = offsets[number]
    return copy(texts, start, offsets[number + 1] - start, out, at)


@kernel
def write_seconds(out: Any, at: Any, seconds: Any, clock: Any) -> Any:
    """Write `YYYY-MM-DDTHH:MM:SS` of epoch seconds; `clock` is as `lines.digit_tables` makes it."""
    dates, first_day, minutes, digits = clock
    day = seconds // 86400
    second = seconds - day * 86400
    minute = second // 60
    store64(out, at, dates[day - first_day, 0])
    store64(out, at + 8, dates[day - first_day, 1])
    store64(out, at + 11, minutes[minute])
    store64(out, at + 16, digits[second - minute * 60])
    out[at + 16] = COLON  # before the seconds, where three digits begin
    return at + 19


@kernel
def write_milliseconds(out: Any, at: Any, milliseconds: Any, clock: Any) -> Any:
    """Write `YYYY-MM-DDTHH:MM:SS.mmm` of epoch milliseconds."""
    seconds = milliseconds // 1000
    at = write_seconds(out, at, seconds, clock)
    out[at] = POINT
    store64(out, at + 1, clock[3][milliseconds - seconds * 1000])
    return at + 4


@kernel
def write_number(out: Any, at: Any, value: Any) -> Any:
    """Write a number that is not negative."""
    length = 1
    bound = 10
    while value >= bound:
        length += 1
        bound *= 10
    end = at + length
    k = end - 1
    while k >= at:
        rest = value // 10
        out[k] = DIGIT_0 + value - rest * 10
        value = rest
        k -= 1
    return end


@kernel
def write_sequence(
    out: Any, at: Any, created: Any, counter: Any, arrival: Any, shard: Any, scratch: Any, digits: Any
) -> Any:
    """Write a Kinesis sequence number (see `sequence.py`): always 56 digits, for its highest bits are 2 of 4 bits.

    `scratch`, uint64[6], holds the number in base 2^32, which is divided by 10^9 six times over.
    """
    scratch[0] = np.uint64((shard << 4 | 2) & 0xFFFFFFFF)
    scratch[1] = np.uint64(shard >> 28 | (arrival & 0xFFFFFFF) << 4)
    scratch[2] = np.uint64(arrival >> 28 | (counter & 0xFFFF) << 16)
    scratch[3] = np.uint64(counter >> 16 & 0xFFFFFFFF)
    scratch[4] = np.uint64(counter >> 48 & 0xFFFF | (shard & 15) << 16 | (created & 0xFFF) << 20)
    scratch[5] = np.uint64(created >> 12 | 2 << 24)
    end = at + 56
    top = 5
    for group in range(6):
        rest = np.uint64(0)
        for k in range(top, -1, -1):
            value = rest << _32 | scratch[k]
            scratch[k] = value // _BILLION
            rest = value - scratch[k] * _BILLION
        if scratch[top] == 0 and top > 0:
            top -= 1
        nine = np.int64(rest)
        place = end - 9 * (group + 1)
        # Byte by byte: a word would spill over the group behind, which is written already.
        high = nine // 1_000_000
        middle = nine // 1_000 - high * 1_000
        low = nine - nine // 1_000 * 1_000
        for three in range(3):
            word = digits[high if three == 0 else (middle if three == 1 else low)]
            spot = place + 3 * three
            out[spot] = word & np.uint64(255)
            out[spot + 1] = word >> np.uint64(8) & np.uint64(255)
            out[spot + 2] = word >> np.uint64(16) & np.uint64(255)
    out[at] = DIGIT_0 + np.int64(scratch[0]) // 10
    out[at + 1] = DIGIT_0 + np.int64(scratch[0]) % 10
    return end


@kernel
def write_lines(
    out: NDArray[np.uint8],
    first: int,
    last: int,
    slots: NDArray[np.int64],
    rows: Any,
    sequences: Any,
    people: Any,
    words: Any,
    prepared: Any,
    scratch: NDArray[np.uint64],
) -> Any:
    """Write rows as lines, each followed by a newline, until `out` is full or the last row is done.

    Args:
        out: uint8[n].
        first: row to begin with.
        last: row to stop before.
        slots: int64[k], what a line consists of: text 0, slot 0, text 1, slot 1, ... text k.
        rows: arrays of the rows: begin, stamp, user, elapsed, slip, call, answer, other_url.
        sequences: int64 arrays of the rows: created, counter, arrival, shard.
        people: game and version of each user; client app ids and instants of signing up, texts of fixed width;
            nicknames, and where they end.
        words: texts, their offsets, where each dictionary begins among them, HTTP status of each answer, by how many
            milliseconds the wrong label shifts an instant, tables of digits as `lines.digit_tables` makes them.
        prepared: int64[k] rows whose lines are given, ascending; the lines, padded; int64[k + 1] offsets; bound of
            their lengths.
        scratch: uint64[6].

    Returns:
        (row to go on with, bytes written).
    """
    given, given_texts, given_offsets, bound = prepared
    begins, stamps, users, elapsed, slips, calls, answers, other_urls = rows
    created, counter, arrival, shard = sequences
    game, version, client_app_ids, sign_ups, names, name_ends = people
    texts, offsets, bases, statuses, label_ms, clock = words
    limit = len(out) - max(bound, RECORD_BOUND) - PADDING
    next_given = np.searchsorted(given, first)
    at = np.int64(0)
    row = np.int64(first)
    while row < last and at <= limit:
        if next_given < len(given) and given[next_given] == row:
            at = text(given_texts, given_offsets, next_given, out, at)
            out[at] = NEWLINE
            at += 1
            row += 1
            next_given += 1
            continue
        user = users[row]
        # One loop over slots, not one line of code a slot: compiled in a third of the time.
        for k in range(len(slots)):
            at = text(texts, offsets, k, out, at)
            slot = slots[k]
            if slot <= END_AS_LABELLED:
                instant = begins[row]
                if slot == END or slot == END_AS_LABELLED:
                    instant += np.int64(elapsed[row]) + np.int64(slips[row])
                if slot >= BEGIN_AS_LABELLED:
                    instant -= label_ms
                at = write_milliseconds(out, at, instant, clock)
            elif slot <= VERSION:
                if slot == FUNCTION:
                    place = bases[0] + calls[row]
                elif slot == ADDRESS:
                    place = bases[1 + other_urls[row]] + calls[row]
                elif slot == REASON:
                    place = bases[3] + answers[row]
                else:
                    place = bases[4] + version[user]
                at = text(texts, offsets, place, out, at)
            elif slot <= EPOCH:
                value = np.int64(stamps[row])
                if slot == ELAPSED:
                    value = np.int64(elapsed[row])
                elif slot == STATUS:
                    value = statuses[answers[row]]
                at = write_number(out, at, value)
            elif slot == STAMP:
                at = write_seconds(out, at, np.int64(stamps[row]), clock)
            elif slot == CLIENT_APP_ID:
                at = copy(client_app_ids, game[user] * CLIENT_APP_ID_BYTES, CLIENT_APP_ID_BYTES, out, at)
            elif slot == CREATED:
                at = copy(sign_ups, user * CREATED_BYTES, CREATED_BYTES, out, at)
            elif slot == NICKNAME:
                start = name_ends[user - 1] if user > 0 else 0
                at = copy(names, start, name_ends[user] - start, out, at)
            else:
                at = write_sequence(out, at, created[row], counter[row], arrival[row], shard[row], scratch, clock[3])
        at = text(texts, offsets, len(slots), out, at)
        out[at] = NEWLINE
        at += 1
        row += 1
    return row, at
