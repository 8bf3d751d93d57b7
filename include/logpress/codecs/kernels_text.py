"""Kernels of the codecs for instants, numbers and Kinesis sequence numbers: text to integers and back.

Each `read_*` gives a value only if the matching `write_*` gives back the same text. Reads stay inside the
span they are given plus `PADDING` bytes; writes go to `out[at:]`, where the caller keeps 64 bytes free.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import bits_double, double_bits, load64, store16, store32, store64

NULL = np.int64(-(2**63))
"""Stands for no value in a register."""

BAD = NULL
"""What a `read_*` gives for text that it could not give back: no other number, so that all the others can be values."""

_POW10 = np.array([10**k for k in range(19)], dtype=np.int64)
MOST_SCALE = 18
"""Digits after the point that `write_decimal` can write, at most."""
_DOUBLE_POW10 = np.array([10.0**k for k in range(23)], dtype=np.float64)
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
