"""Kernels of the codec for instants: `YYYY-MM-DD`, a separator, `HH:MM:SS` and a fraction to numbers and back.

Each `read_*` gives a value only if the matching `write_*` reproduces the text. Days are those of the proleptic
Gregorian calendar (H. Hinnant, "chrono-compatible Low-Level Date Algorithms", 2013), which explains the numbers in the
formulas: an era is 400 years, or 146,097 days; years begin in March, so that the leap day is the last; 719,468 days lie
between 0000-03-01 and 1970-01-01.

Bounds: reads stay inside the text, which has 19 bytes, or 20 + digits, plus `PADDING`. Writes go to `out[at:]`, where
the caller keeps 64 bytes free.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_text import BAD, HIGH_BITS, PAIRS, POW10, TRIPLES, to_high, write_digits
from logpress.kernel.ascii import COLON, DIGIT_0, MINUS, POINT, word_of
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import load16, load32, load64, store16, store32, store64

LATEST_S = 900
"""[bytes] Seconds by which an instant may be later than its reference, because clocks differ; see `shift_of_label`."""

_DATE, _DATE_TO_HIGH = word_of(b"0000-00-"), to_high(b"0000-00-")
_DAY, _DAY_TO_HIGH = word_of(b"00"), to_high(b"00")
_CLOCK, _CLOCK_TO_HIGH = word_of(b"00:00:00"), to_high(b"00:00:00")
_MILLIS, _MILLIS_TO_HIGH = word_of(b".000"), to_high(b".000")
_TEN, _BYTE = np.uint64(10), np.uint64(0xFF)
_TWO_HIGH_BITS, _FOUR_HIGH_BITS = np.uint64(0x8080), np.uint64(0x80808080)


@inner_kernel
def days_from_civil(year, month, day):
    """Days since 1970-01-01 of a date; any year, months 1 to 12, days 1 to 31."""
    if month <= 2:
        year -= 1
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468


@kernel
def civil_from_days(days):
    """(year, month, day) of a number of days since 1970-01-01."""
    days += 719468
    era = days // 146097
    day_of_era = days - era * 146097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    part = (5 * day_of_year + 2) // 153
    month = part + 3 if part < 10 else part - 9
    return year_of_era + era * 400 + (1 if month <= 2 else 0), month, day_of_year - (153 * part + 2) // 5 + 1


@kernel
def read_date(buffer, at):
    """Days since 1970-01-01 of `YYYY-MM-DD`, or BAD."""
    word = load64(buffer, at) ^ _DATE
    last = np.uint64(load16(buffer, at + 8)) ^ _DAY
    wrong = ((word + _DATE_TO_HIGH) | word) & HIGH_BITS
    if wrong | (((last + _DAY_TO_HIGH) | last) & _TWO_HIGH_BITS) != 0:
        return BAD
    word = word * _TEN + (word >> np.uint64(8))
    century = np.int64(word & _BYTE)
    year = np.int64((word >> np.uint64(16)) & _BYTE)
    month = np.int64((word >> np.uint64(40)) & _BYTE)
    day = np.int64((last & _BYTE) * np.uint64(10) + (last >> np.uint64(8)))
    if month < 1 or month > 12 or day < 1 or day > 31:
        return BAD
    year += century * 100
    if year < 1:
        return BAD
    if day > 28:
        leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
        longest = 31
        if month == 2:
            longest = 29 if leap else 28
        elif month == 4 or month == 6 or month == 9 or month == 11:
            longest = 30
        if day > longest:
            return BAD
    return days_from_civil(year, month, day)


@inner_kernel
def shift_of_label(wall_s, offset_min, reference_s):
    """Error of an instant's label in minutes: its whole offset, or 0 if the label may be right.

    Of the two readings of the wall clock, as labelled and as UTC, the later one that is at most LATEST_S after the
    reference counts as right, because records arrive late, but never before they are made.

    Args:
        wall_s: the wall clock, in seconds since 1970.
        offset_min: offset of the label from UTC, in minutes.
        reference_s: arrival of the record, in seconds since 1970.
    """
    limit = reference_s + LATEST_S
    if wall_s > limit:
        return np.int64(0)
    if offset_min > 0 or wall_s - offset_min * 60 > limit:
        return np.int64(offset_min)
    return np.int64(0)


@inner_kernel
def read_instant(buffer, at, separator, digits, units, dates):
    """The wall clock of `YYYY-MM-DD?HH:MM:SS[.fraction]` in units since 1970, or BAD.

    Args:
        buffer: uint8[n].
        at: begin of the text, which has 19 bytes, or 20 + digits.
        separator: the byte between date and time.
        digits: digits of the fraction, 0 to 9.
        units: units a second: 1, 1,000 or 1,000,000. Finer digits must be zeros.
        dates: int64[3], cache of the last date: its first 8 bytes, its last 2, and its day. The 10 bytes are the whole
            key; separator, clock and fraction are read each time. The first word is negative while the cache is empty.
    """
    head = np.int64(load64(buffer, at))
    tail = np.int64(load16(buffer, at + 8))
    # an empty cache is negative, as a text that is not a date may be
    if head >= 0 and head == dates[0] and tail == dates[1]:
        days = dates[2]
    else:
        days = read_date(buffer, at)
        if days == BAD:
            return BAD
        dates[0] = head
        dates[1] = tail
        dates[2] = days
    # HH:MM:SS as one word: digits become 0 to 9 and colons 0
    word = load64(buffer, at + 11) ^ _CLOCK
    if ((word + _CLOCK_TO_HIGH) | word) & HIGH_BITS != 0 or buffer[at + 10] != separator:
        return BAD
    word = word * _TEN + (word >> np.uint64(8))
    hour = np.int64(word & _BYTE)
    minute = np.int64((word >> np.uint64(24)) & _BYTE)
    second = np.int64((word >> np.uint64(48)) & _BYTE)
    if hour > 23 or minute > 59 or second > 59:
        return BAD
    value = days * 86400 + hour * 3600 + minute * 60 + second
    if digits == 0:
        return value * units
    if digits == 3 and units == 1000:
        word = np.uint64(load32(buffer, at + 19)) ^ _MILLIS
        if ((word + _MILLIS_TO_HIGH) | word) & _FOUR_HIGH_BITS != 0:
            return BAD
        hundreds = np.int64((word >> np.uint64(8)) & _BYTE)
        tens = np.int64((word >> np.uint64(16)) & _BYTE)
        return value * 1000 + hundreds * 100 + tens * 10 + np.int64(word >> np.uint64(24))
    if buffer[at + 19] != POINT:
        return BAD
    fraction = np.int64(0)
    for k in range(digits):
        digit = np.int64(buffer[at + 20 + k]) - DIGIT_0
        if digit < 0 or digit > 9:
            return BAD
        fraction = fraction * 10 + digit
    scale = POW10[digits]
    if scale <= units:
        return value * units + fraction * (units // scale)
    step = scale // units
    if fraction % step != 0:
        return BAD
    return value * units + fraction // step


@inner_kernel
def write_instant(out, at, wall, separator, digits, units, dates):
    """Write a wall clock in the format of `read_instant`; returns the end.

    Args:
        out: uint8[n].
        at: where to write.
        wall: units since 1970.
        separator: the byte between date and time.
        digits: digits of the fraction.
        units: units a second.
        dates: int64[3], scratch, filled with NULL: cache of the last minute since 1970, and its 16 bytes, because most
            consecutive instants lie in the same minute. The minute is the whole key: the bytes depend on nothing else,
            whatever the unit, so columns and layouts may share an entry. The separator is written each time.
    """
    if units == 1000:
        minute = wall // 60_000
    elif units == 1:
        minute = wall // 60
    else:
        minute = wall // 60_000_000
    rest = np.uint64(wall - minute * 60 * units)
    if minute != dates[0]:
        days = minute // 1440
        year, month, day = civil_from_days(days)
        of_day = minute - days * 1440
        write_digits(out, at, year, 4)
        out[at + 4] = MINUS
        write_digits(out, at + 5, month, 2)
        out[at + 7] = MINUS
        write_digits(out, at + 8, day, 2)
        write_digits(out, at + 11, of_day // 60, 2)
        out[at + 13] = COLON
        write_digits(out, at + 14, of_day % 60, 2)
        dates[0] = minute
        dates[1] = np.int64(load64(out, at))
        dates[2] = np.int64(load64(out, at + 8))
    else:
        store64(out, at, np.uint64(dates[1]))
        store64(out, at + 8, np.uint64(dates[2]))
    out[at + 10] = separator
    out[at + 16] = COLON
    if units == 1000:
        second = rest // np.uint64(1000)
        fraction = rest - second * np.uint64(1000)
    elif units == 1:
        second = rest
        fraction = np.uint64(0)
    else:
        second = rest // np.uint64(1_000_000)
        fraction = rest - second * np.uint64(1_000_000)
    store16(out, at + 17, PAIRS[second])
    if digits == 0:
        return at + 19
    if digits == 3 and units == 1000:
        store32(out, at + 19, TRIPLES[fraction])
        return at + 23
    out[at + 19] = POINT
    scale = POW10[digits]
    tail = np.int64(fraction)
    tail = tail * (scale // units) if scale >= units else tail // (units // scale)
    write_digits(out, at + 20, tail, digits)
    return at + 20 + digits
