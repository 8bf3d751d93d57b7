"""Kernels of the codecs for instants, numbers and Kinesis sequence numbers: text to integers and back.

Each `read_*` gives a value only if the matching `write_*` gives back the same text. Reads stay inside the
span they are given plus `PADDING` bytes; writes go to `out[at:]`, where the caller keeps 64 bytes free.
"""

from __future__ import annotations

import numpy as np

from logpress.kernel.words import (
    bits_double,
    double_bits,
    inner_kernel,
    kernel,
    load16,
    load32,
    load64,
    mul128,
    store16,
    store32,
    store64,
)

NULL = np.int64(-(2**63))
"""Stands for no value in a register."""

BAD = NULL
"""What a `read_*` gives for text that it could not give back: no other number, so that all the others can be values."""

_POW10 = np.array([10**k for k in range(19)], dtype=np.int64)
MOST_SCALE = 18
"""Digits after the point that `write_decimal` can write, at most."""
_DOUBLE_POW10 = np.array([10.0**k for k in range(23)], dtype=np.float64)
_TEN8 = np.uint64(10**8)
_TEN16 = np.uint64(10**16)
_TENTH = (2**63 - 1) // 10
_PAIRS = np.array([ord(f"{n:02d}"[0]) | ord(f"{n:02d}"[1]) << 8 for n in range(100)], dtype=np.uint64)
"""The two digits of each number below 100, as a word of two bytes."""

_TRIPLES = np.array([0x2E | sum(ord(c) << 8 * k + 8 for k, c in enumerate(f"{n:03d}")) for n in range(1000)], np.uint64)
"""A point and the three digits of each number below 1,000, as a word of four bytes."""

_ZEROS = np.uint64(0x3030303030303030)
_NOT_DIGIT = np.uint64(0x8080808080808080)
_TO_HIGH = np.uint64(0x7676767676767676)
_DATE = np.uint64(0x2D30302D30303030)
_DATE_TO_HIGH = np.uint64(0x7F76767F76767676)
_TWO_ZEROS = np.uint64(0x3030)
_CLOCK = np.uint64(0x30303A30303A3030)
_CLOCK_TO_HIGH = np.uint64(0x76767F76767F7676)
_MILLIS = np.uint64(0x3030302E)
_MILLIS_TO_HIGH = np.uint64(0x7676767F)
_BYTE = np.uint64(0xFF)


@inner_kernel
def digits_of(word):
    """The number that a word of eight digits writes, or -1 (D. Lemire, "Quickly parsing eight digits", 2018)."""
    word ^= _ZEROS
    if ((word + _TO_HIGH) | word) & _NOT_DIGIT != 0:
        return np.int64(-1)
    word = word * np.uint64(10) + (word >> np.uint64(8))
    low = (word & np.uint64(0x000000FF000000FF)) * np.uint64(0x000F424000000064)
    high = ((word >> np.uint64(16)) & np.uint64(0x000000FF000000FF)) * np.uint64(0x0000271000000001)
    return np.int64((low + high) >> np.uint64(32))


@inner_kernel
def eight_digits(buffer, at):
    """The number that eight digits at a place write, or -1."""
    return digits_of(load64(buffer, at))


@inner_kernel
def sixteen_digits(buffer, at):
    """The number that sixteen digits write, or a negative number."""
    high = eight_digits(buffer, at)
    low = eight_digits(buffer, at + 8)
    if high < 0 or low < 0:
        return np.int64(-1)
    return high * 100_000_000 + low


@inner_kernel
def add128(low, high, addend):
    """(low, high) + addend, as (low, high), modulo 2^128."""
    total = low + addend
    if total < low:
        high += np.uint64(1)
    return total, high


@inner_kernel
def days_from_civil(year, month, day):
    """Days since 1970-01-01 of a date of the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible dates")."""
    if month <= 2:
        year -= 1
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468


@kernel
def civil_from_days(days):
    """Year, month and day of a number of days since 1970-01-01."""
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
    last = np.uint64(load16(buffer, at + 8)) ^ _TWO_ZEROS
    wrong = ((word + _DATE_TO_HIGH) | word) & _NOT_DIGIT
    if wrong | (((last + _TO_HIGH) | last) & np.uint64(0x8080)) != 0:
        return BAD
    word = word * np.uint64(10) + (word >> np.uint64(8))
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
def read_instant(buffer, at, separator, digits, units, dates):
    """The wall clock of `YYYY-MM-DD?HH:MM:SS[.fraction]` in units since 1970, or BAD.

    Args:
        buffer: uint8[n].
        at: where the text begins; it has 19 bytes, or 20 + digits.
        separator: the byte between date and time.
        digits: digits of the fraction, 0 to 9.
        units: units a second: 1, 1,000 or 1,000,000. Finer digits must be zeros.
        dates: int64[3], what the last date's bytes were (8, then 2) and its day; spares reading it again. Its ten bytes
            are the whole key: separator, clock and fraction are read each time. The first is negative before there is
            one.
    """
    head = np.int64(load64(buffer, at))
    tail = np.int64(load16(buffer, at + 8))
    # what stands in `dates` before the first date is negative, and so may text be that is no date
    if head >= 0 and head == dates[0] and tail == dates[1]:
        days = dates[2]
    else:
        days = read_date(buffer, at)
        if days == BAD:
            return BAD
        dates[0] = head
        dates[1] = tail
        dates[2] = days
    # HH:MM:SS as one word: digits become 0 to 9 and colons 0, anything else is above
    word = load64(buffer, at + 11) ^ _CLOCK
    if ((word + _CLOCK_TO_HIGH) | word) & _NOT_DIGIT != 0 or buffer[at + 10] != separator:
        return BAD
    word = word * np.uint64(10) + (word >> np.uint64(8))
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
        if ((word + _MILLIS_TO_HIGH) | word) & np.uint64(0x80808080) != 0:
            return BAD
        hundreds = np.int64((word >> np.uint64(8)) & _BYTE)
        tens = np.int64((word >> np.uint64(16)) & _BYTE)
        return value * 1000 + hundreds * 100 + tens * 10 + np.int64(word >> np.uint64(24))
    if buffer[at + 19] != 0x2E:
        return BAD
    fraction = np.int64(0)
    for k in range(digits):
        digit = np.int64(buffer[at + 20 + k]) - 48
        if digit < 0 or digit > 9:
            return BAD
        fraction = fraction * 10 + digit
    scale = _POW10[digits]
    if scale <= units:
        return value * units + fraction * (units // scale)
    step = scale // units
    if fraction % step != 0:
        return BAD
    return value * units + fraction // step


@inner_kernel
def write_eight(out, at, value):
    """Write a number below 10^8 with eight digits: two halves, four pairs, eight digits in one word each time."""
    upper = value // np.uint64(10_000)
    word = upper | ((value - upper * np.uint64(10_000)) << np.uint64(32))
    upper = ((word * np.uint64(10486)) >> np.uint64(20)) & np.uint64(0x0000007F0000007F)
    word = upper | ((word - upper * np.uint64(100)) << np.uint64(16))
    upper = ((word * np.uint64(103)) >> np.uint64(10)) & np.uint64(0x000F000F000F000F)
    word = upper | ((word - upper * np.uint64(10)) << np.uint64(8))
    store64(out, at, word | _ZEROS)


@inner_kernel
def write_digits(out, at, value, count):
    """Write a non-negative number with exactly `count` digits."""
    k = count
    while k >= 2:
        rest = value // 100
        k -= 2
        store16(out, at + k, _PAIRS[value - rest * 100])
        value = rest
    if k == 1:
        out[at] = 48 + value % 10


@inner_kernel
def write_instant(out, at, wall, separator, digits, units, dates):
    """Write a wall clock as `read_instant` reads it; returns the end.

    Args:
        out: uint8[n].
        at: where to write.
        wall: units since 1970.
        separator: the byte between date and time.
        digits: digits of the fraction.
        units: units a second.
        dates: int64[3], scratch, filled with NULL: the minute since 1970 that was written last, and its sixteen bytes;
            spares writing them anew, as most instants that follow each other lie in the same minute. The minute is the
            whole key: these bytes depend on nothing else, whatever the unit, so that columns and layouts may share an
            entry. The separator, which stands among them, is written each time.
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
        out[at + 4] = 0x2D
        write_digits(out, at + 5, month, 2)
        out[at + 7] = 0x2D
        write_digits(out, at + 8, day, 2)
        write_digits(out, at + 11, of_day // 60, 2)
        out[at + 13] = 0x3A
        write_digits(out, at + 14, of_day % 60, 2)
        dates[0] = minute
        dates[1] = np.int64(load64(out, at))
        dates[2] = np.int64(load64(out, at + 8))
    else:
        store64(out, at, np.uint64(dates[1]))
        store64(out, at + 8, np.uint64(dates[2]))
    out[at + 10] = separator
    out[at + 16] = 0x3A
    if units == 1000:
        second = rest // np.uint64(1000)
        fraction = rest - second * np.uint64(1000)
    elif units == 1:
        second = rest
        fraction = np.uint64(0)
    else:
        second = rest // np.uint64(1_000_000)
        fraction = rest - second * np.uint64(1_000_000)
    store16(out, at + 17, _PAIRS[second])
    if digits == 0:
        return at + 19
    if digits == 3 and units == 1000:
        store32(out, at + 19, _TRIPLES[fraction])
        return at + 23
    out[at + 19] = 0x2E
    scale = _POW10[digits]
    tail = np.int64(fraction)
    tail = tail * (scale // units) if scale >= units else tail // (units // scale)
    write_digits(out, at + 20, tail, digits)
    return at + 20 + digits


@inner_kernel
def read_integer(buffer, start, end):
    """The number that digits write without leading zeros, from -2^63 + 1 to 2^63 - 1, or BAD."""
    at = start
    negative = buffer[at] == 0x2D
    if negative:
        at += 1
    length = end - at
    if length < 1 or length > 19:
        return BAD
    if buffer[at] == 48 and (length > 1 or negative):
        return BAD
    if length <= 8:
        # the digits at the upper end of a word, zeros before them
        shift = np.uint64(64 - 8 * length)
        word = load64(buffer, at) << shift | (_ZEROS ^ (_ZEROS << shift))
        value = digits_of(word)
        if value < 0:
            return BAD
        return -value if negative else value
    value = np.int64(0)
    for k in range(at, at + min(length, 18)):
        digit = np.int64(buffer[k]) - 48
        if digit < 0 or digit > 9:
            return BAD
        value = value * 10 + digit
    if length == 19:
        digit = np.int64(buffer[end - 1]) - 48
        if digit < 0 or digit > 9 or value > _TENTH or (value == _TENTH and digit > 7):
            return BAD
        value = value * 10 + digit
    return -value if negative else value


@inner_kernel
def write_integer(out, at, value):
    """Write a number, at most 20 bytes; returns the end. The smallest, which no codec gives, becomes -0."""
    if value < 0:
        out[at] = 0x2D
        at += 1
        value = max(-value, 0)  # the smallest stays negative, and is no place in a table
    count = 1
    if value < 1000:
        # the upper bytes of a point and three digits
        count = 1 + (value >= 10) + (value >= 100)
        store32(out, at, _TRIPLES[value] >> np.uint64(8 * (4 - count)))
        return at + count
    while count < 19 and value >= _POW10[count]:
        count += 1
    write_digits(out, at, value, count)
    return at + count


@kernel
def read_decimal(buffer, start, end):
    """(bits of the double, digits after the point) of a number without exponent, or (BAD, 0).

    At most 15 digits, so that digits and double determine each other (IEEE 754: 10^k is exact up to k = 22). Negative
    zero is left out: its bits are those of NULL.
    """
    at = start
    negative = buffer[at] == 0x2D
    if negative:
        at += 1
    if at >= end:
        return BAD, np.int64(0)
    if buffer[at] == 48 and at + 1 < end and buffer[at + 1] != 0x2E:
        return BAD, np.int64(0)
    mantissa = np.int64(0)
    count = 0
    point = -1
    for k in range(at, end):
        c = np.int64(buffer[k])
        if c == 0x2E and point < 0 and k > at:
            point = k
            continue
        if c < 48 or c > 57:
            return BAD, np.int64(0)
        mantissa = mantissa * 10 + (c - 48)
        count += 1
        if count > 15:
            return BAD, np.int64(0)
    if negative and mantissa == 0:
        return BAD, np.int64(0)
    scale = np.int64(0)
    if point >= 0:
        scale = np.int64(end - point - 1)
        if scale == 0:
            return BAD, np.int64(0)
    value = np.float64(mantissa) / _DOUBLE_POW10[scale]
    if np.int64(np.rint(value * _DOUBLE_POW10[scale])) != mantissa:
        return BAD, np.int64(0)
    return double_bits(-value if negative else value), scale


@kernel
def write_decimal(out, at, bits, scale):
    """Write a double with `scale` digits after the point; returns the end."""
    if bits < 0:
        out[at] = 0x2D
        at += 1
    value = abs(bits_double(bits))
    mantissa = np.int64(np.rint(value * _DOUBLE_POW10[scale]))
    whole = mantissa // _POW10[scale] if scale < 19 else np.int64(0)
    at = write_integer(out, at, whole)
    if scale > 0:
        out[at] = 0x2E
        write_digits(out, at + 1, mantissa - whole * _POW10[scale], scale)
        at += 1 + scale
    return at


@inner_kernel
def read_kinesis(buffer, start, end, parts):
    """Take a Kinesis sequence number and sub-sequence number apart; whether it could be.

    The number has 186 bits, in hex digits: version `2`; creation second of the shard (9); low digit of the shard;
    counter (16); `00`; arrival second (9); shard (8); version `2`.

    Args:
        buffer: uint8[n].
        start: where the text begins: 56 digits, a point, the sub-sequence number.
        end: where it ends.
        parts: int64[4], gets the shard (creation second * 2^20 + number, numbers below 2^20), arrival second,
            counter (below 2^63) and sub-sequence number.
    """
    if end - start < 58 or end - start > 66 or buffer[start + 56] != 0x2E or buffer[start] == 48:
        return False
    sub = read_integer(buffer, start + 57, end)
    if sub == BAD or sub < 0:
        return False
    head = eight_digits(buffer, start)
    one = sixteen_digits(buffer, start + 8)
    two = sixteen_digits(buffer, start + 24)
    three = sixteen_digits(buffer, start + 40)
    if head < 0 or one < 0 or two < 0 or three < 0:
        return False
    # (high, middle, low) = ((head * 10^16 + one) * 10^16 + two) * 10^16 + three
    low, middle = mul128(np.uint64(head), _TEN16)
    low, middle = add128(low, middle, np.uint64(one))
    low, carry = mul128(low, _TEN16)
    middle, high = mul128(middle, _TEN16)
    middle, high = add128(middle, high, carry)
    low, carry = add128(low, np.uint64(0), np.uint64(two))
    middle, high = add128(middle, high, carry)
    low, carry = mul128(low, _TEN16)
    low, carry = add128(low, carry, np.uint64(three))
    middle, upper = mul128(middle, _TEN16)
    high = high * _TEN16 + upper
    middle, high = add128(middle, high, carry)
    # bits: version 184-187, creation 148-183, digit 144-147, counter 80-143, zeros 72-79, arrival 36-71, shard 4-35,
    # version 0-3
    if low & np.uint64(15) != 2 or high >> np.uint64(56) != 2:
        return False
    shard = (low >> np.uint64(4)) & np.uint64(0xFFFFFFFF)
    arrival = ((low >> np.uint64(36)) | (middle << np.uint64(28))) & np.uint64(0xFFFFFFFFF)
    zeros = (middle >> np.uint64(8)) & np.uint64(0xFF)
    counter = (middle >> np.uint64(16)) | (high << np.uint64(48))
    digit = (high >> np.uint64(16)) & np.uint64(15)
    creation = (high >> np.uint64(20)) & np.uint64(0xFFFFFFFFF)
    if zeros != 0 or digit != shard & np.uint64(15) or shard >= np.uint64(1 << 20) or counter >> np.uint64(63) != 0:
        return False
    parts[0] = np.int64((creation << np.uint64(20)) | shard)
    parts[1] = np.int64(arrival)
    parts[2] = np.int64(counter)
    parts[3] = sub
    return True


@kernel
def _shard_limbs(shard_key, limbs):
    """The eight-digit groups, lowest first, of a sequence number with this shard and no arrival and counter.

    Args:
        shard_key: creation second * 2^20 + shard number.
        limbs: int64[8]: the shard, and its seven groups.
    """
    shard = np.uint64(shard_key) & np.uint64((1 << 20) - 1)
    creation = np.uint64(shard_key) >> np.uint64(20)
    low = np.uint64(2) | (shard << np.uint64(4))
    high = ((shard & np.uint64(15)) << np.uint64(16)) | (creation << np.uint64(20)) | (np.uint64(2) << np.uint64(56))
    middle = np.uint64(0)
    mask = np.uint64(0xFFFFFFFF)
    limbs[0] = shard_key
    for k in range(7):
        # one long division of the six 32-bit words by 10^8; the two in the middle begin as zero
        rest = high >> np.uint64(32)
        quotient = rest // _TEN8
        rest = ((rest - quotient * _TEN8) << np.uint64(32)) | (high & mask)
        upper = rest // _TEN8
        high = (quotient << np.uint64(32)) | upper
        rest -= upper * _TEN8
        rest = (rest << np.uint64(32)) | (middle >> np.uint64(32))
        quotient = rest // _TEN8
        rest = ((rest - quotient * _TEN8) << np.uint64(32)) | (middle & mask)
        upper = rest // _TEN8
        middle = (quotient << np.uint64(32)) | upper
        rest -= upper * _TEN8
        rest = (rest << np.uint64(32)) | (low >> np.uint64(32))
        quotient = rest // _TEN8
        rest = ((rest - quotient * _TEN8) << np.uint64(32)) | (low & mask)
        upper = rest // _TEN8
        low = (quotient << np.uint64(32)) | upper
        limbs[k + 1] = np.int64(rest - upper * _TEN8)


@inner_kernel
def write_kinesis(out, at, shard_key, arrival, counter, sub, shards):
    """Put a Kinesis sequence number together and write it; returns the end.

    The number is a sum: what its shard says, arrival * 2^36, counter * 2^80. Each is added in groups of eight digits.

    Args:
        out: uint8[n].
        at: where to write.
        shard_key: creation second * 2^20 + shard number.
        arrival: second.
        counter: below 2^63.
        sub: sub-sequence number.
        shards: int64[64, 8], scratch, filled with NULL: groups of the shards met, each behind its shard. `shard_key` is
            the whole key, as they are the sum's part that depends on it alone.
    """
    limbs = shards[shard_key & 63]
    if limbs[0] != shard_key:
        _shard_limbs(shard_key, limbs)
    # 2^36 and 2^80 in groups of eight digits
    a1 = np.uint64(arrival) // _TEN8
    a0 = np.uint64(arrival) - a1 * _TEN8
    rest = np.uint64(counter) // _TEN8
    c0 = np.uint64(counter) - rest * _TEN8
    c2 = rest // _TEN8
    c1 = rest - c2 * _TEN8
    g0 = np.uint64(limbs[1]) + a0 * np.uint64(19476736) + c0 * np.uint64(74706176)
    g1 = np.uint64(limbs[2]) + a0 * np.uint64(687) + a1 * np.uint64(19476736)
    g1 += c0 * np.uint64(96146291) + c1 * np.uint64(74706176)
    g2 = np.uint64(limbs[3]) + a1 * np.uint64(687)
    g2 += c0 * np.uint64(20892581) + c1 * np.uint64(96146291) + c2 * np.uint64(74706176)
    g3 = np.uint64(limbs[4]) + c0 + c1 * np.uint64(20892581) + c2 * np.uint64(96146291)
    g4 = np.uint64(limbs[5]) + c1 + c2 * np.uint64(20892581)
    g5 = np.uint64(limbs[6]) + c2
    carry = g0 // _TEN8
    write_eight(out, at + 48, g0 - carry * _TEN8)
    g1 += carry
    carry = g1 // _TEN8
    write_eight(out, at + 40, g1 - carry * _TEN8)
    g2 += carry
    carry = g2 // _TEN8
    write_eight(out, at + 32, g2 - carry * _TEN8)
    g3 += carry
    carry = g3 // _TEN8
    write_eight(out, at + 24, g3 - carry * _TEN8)
    g4 += carry
    carry = g4 // _TEN8
    write_eight(out, at + 16, g4 - carry * _TEN8)
    g5 += carry
    carry = g5 // _TEN8
    write_eight(out, at + 8, g5 - carry * _TEN8)
    write_eight(out, at, np.uint64(limbs[7]) + carry)
    out[at + 56] = 0x2E
    return write_integer(out, at + 57, sub)
