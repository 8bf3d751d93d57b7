"""Kernels of the codecs for numbers, and the kernels for digits that codecs for instants and sequence numbers share.

Each `read_*` gives a value only if the matching `write_*` reproduces the text.

Bounds: reads stay inside the given span plus `PADDING` bytes. Writes go to `out[at:]`, where the caller keeps 64 bytes
free. Tables of digits are indexed by numbers below their length, which are remainders or counts of digits.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.ascii import DIGIT_0, DIGIT_9, MINUS, POINT, word_of
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import bits_double, double_bits, load64, store16, store32, store64

NULL = np.int64(-(2**63))
"""[format] Stands for null in a register."""

BAD = NULL
"""Result of a `read_*` for a text that it cannot reproduce; equal to NULL, so it is no value."""

MOST_SCALE = 18
"""[format] Most digits behind the point that `write_decimal` can write."""

MOST_MANTISSA_DIGITS = 15
"""[bytes] Most digits of a decimal: so many digits determine a double and are determined by it."""

POW10 = np.array([10**k for k in range(19)], dtype=np.int64)
"""int64[19]: the powers of ten that fit."""

_DOUBLE_POW10 = np.array([10.0**k for k in range(23)], dtype=np.float64)
"""float64[23]: powers of ten that are exact as doubles (10^22 = 2^22 * 5^22, and 5^22 < 2^53)."""

_TENTH = (2**63 - 1) // 10
"""Largest number to which a digit can be appended in 63 bits: digits up to 7, because 2^63 - 1 ends in 7. To smaller
numbers, any digit can be appended."""

PAIRS = np.array([word_of(f"{n:02d}".encode()) for n in range(100)], dtype=np.uint64)
"""The two digits of each number below 100, as a word of two bytes."""

TRIPLES = np.array([word_of(f".{n:03d}".encode()) for n in range(1000)], dtype=np.uint64)
"""A point and the three digits of each number below 1,000, as a word of four bytes."""

HIGH_BITS = np.uint64(0x8080808080808080)
"""The high bit of each of eight bytes."""

HUNDREDTH, HUNDREDTH_SHIFT, HUNDREDTH_END = np.uint64(10_486), np.uint64(20), 43_699
"""x // 100 == x * HUNDREDTH >> HUNDREDTH_SHIFT for 0 <= x < HUNDREDTH_END: see `write_eight`."""

TENTH, TENTH_SHIFT, TENTH_END = np.uint64(103), np.uint64(10), 179
"""x // 10 == x * TENTH >> TENTH_SHIFT for 0 <= x < TENTH_END: see `write_eight`."""


def to_high(pattern: bytes) -> np.uint64:
    """The addend that sets high bits in (word ^ pattern) unless the word is like the pattern.

    A `0` in the pattern stands for any digit, another byte for itself. A digit ^ `0` is 0 to 9, and is below 0x80 after
    0x76 is added; another byte ^ itself is 0, and is below 0x80 after 0x7F is added. Any other byte has its high bit
    set then, or had it before. So ((word ^ pattern) + to_high | (word ^ pattern)) & HIGH_BITS is 0 exactly if all bytes
    are alike. Carries do not matter, because only a byte that is not alike can carry into the one above.
    """
    return word_of(bytes(0x76 if byte == DIGIT_0 else 0x7F for byte in pattern))


_ZEROS = word_of(b"00000000")
_ZEROS_TO_HIGH = to_high(b"00000000")
_TEN, _EIGHT, _SIXTEEN, _THIRTY_TWO = (np.uint64(n) for n in (10, 8, 16, 32))


@inner_kernel
def digits_of(word):
    """The number of a word of eight digits, or -1 (D. Lemire, "Quickly parsing eight digits", 2018).

    `to_high` checks that all are digits. Then neighbours are joined to pairs below 100 in every second byte. A product
    with 100 + (10^6 << 32) and one with 1 + (10^4 << 32) are added in their upper halves. For `12345678` the pairs are
    12, 34, 56 and 78: 12 * 10^6 + 56 * 100 from the first product, 34 * 10^4 + 78 from the second. Exact for all words.
    """
    word ^= _ZEROS
    if ((word + _ZEROS_TO_HIGH) | word) & HIGH_BITS != 0:
        return np.int64(-1)
    word = word * _TEN + (word >> _EIGHT)
    low = (word & np.uint64(0x000000FF000000FF)) * np.uint64(100 + (10**6 << 32))
    high = ((word >> _SIXTEEN) & np.uint64(0x000000FF000000FF)) * np.uint64(1 + (10**4 << 32))
    return np.int64((low + high) >> _THIRTY_TWO)


@inner_kernel
def eight_digits(buffer, at):
    """The number of the eight digits at a place, or -1."""
    return digits_of(load64(buffer, at))


@inner_kernel
def sixteen_digits(buffer, at):
    """The number of the sixteen digits at a place, or a negative number."""
    high = eight_digits(buffer, at)
    low = eight_digits(buffer, at + 8)
    if high < 0 or low < 0:
        return np.int64(-1)
    return high * 100_000_000 + low


@inner_kernel
def write_eight(out, at, value):
    """Write a number below 10^8 with eight digits: in one word, two halves become four pairs, then eight digits.

    x // 100 == x * 10,486 >> 20 for 0 <= x < 43,699, and x // 10 == x * 103 >> 10 for 0 <= x < 179 (T. Granlund, P.
    Montgomery, "Division by Invariant Integers using Multiplication", 1994; tests try every x). Halves are below 10,000
    and pairs below 100. No product reaches the next number in the word: 9,999 * 10,486 < 2^32 and 99 * 103 < 2^16;
    masks remove the bits that the shift brings down from it. 1,234 * 10,486 >> 20 = 12, and 34 * 103 >> 10 = 3.
    """
    upper = value // np.uint64(10_000)
    word = upper | ((value - upper * np.uint64(10_000)) << _THIRTY_TWO)
    upper = ((word * HUNDREDTH) >> HUNDREDTH_SHIFT) & np.uint64(0x0000007F0000007F)
    word = upper | ((word - upper * np.uint64(100)) << _SIXTEEN)
    upper = ((word * TENTH) >> TENTH_SHIFT) & np.uint64(0x000F000F000F000F)
    word = upper | ((word - upper * _TEN) << _EIGHT)
    store64(out, at, word | _ZEROS)


@inner_kernel
def write_digits(out, at, value, count):
    """Write a non-negative number with exactly `count` digits."""
    k = count
    while k >= 2:
        rest = value // 100
        k -= 2
        store16(out, at + k, PAIRS[value - rest * 100])
        value = rest
    if k == 1:
        out[at] = DIGIT_0 + value % 10


@inner_kernel
def read_integer(buffer, start, end):
    """The number of digits without leading zeros, from -2^63 + 1 to 2^63 - 1, or BAD."""
    at = start
    negative = buffer[at] == MINUS
    if negative:
        at += 1
    length = end - at
    if length < 1 or length > 19:
        return BAD
    if buffer[at] == DIGIT_0 and (length > 1 or negative):
        return BAD
    if length <= 8:
        # the digits in the upper bytes of a word, zeros before them
        shift = np.uint64(64 - 8 * length)
        word = load64(buffer, at) << shift | (_ZEROS ^ (_ZEROS << shift))
        value = digits_of(word)
        if value < 0:
            return BAD
        return -value if negative else value
    value = np.int64(0)
    for k in range(at, at + min(length, 18)):
        digit = np.int64(buffer[k]) - DIGIT_0
        if digit < 0 or digit > 9:
            return BAD
        value = value * 10 + digit
    if length == 19:
        digit = np.int64(buffer[end - 1]) - DIGIT_0
        if digit < 0 or digit > 9 or value > _TENTH or (value == _TENTH and digit > 7):
            return BAD
        value = value * 10 + digit
    return -value if negative else value


@inner_kernel
def write_integer(out, at, value):
    """Write a number, at most 20 bytes; returns the end. The smallest int64, which no codec gives, becomes -0."""
    if value < 0:
        out[at] = MINUS
        at += 1
        value = max(-value, 0)  # the smallest int64 stays negative, and must not index a table
    count = 1
    if value < 1000:
        # the upper bytes of a point and three digits
        count = 1 + (value >= 10) + (value >= 100)
        store32(out, at, TRIPLES[value] >> np.uint64(8 * (4 - count)))
        return at + count
    while count < 19 and value >= POW10[count]:
        count += 1
    write_digits(out, at, value, count)
    return at + count


@kernel
def read_decimal(buffer, start, end):
    """(bits of the double, digits after the point) of a number without exponent, or (BAD, 0).

    It accepts at most 15 digits, so that digits and double determine each other (IEEE 754: 10^k is exact up to k = 22).
    Negative zero is refused, because its bits are those of NULL.
    """
    at = start
    negative = buffer[at] == MINUS
    if negative:
        at += 1
    if at >= end:
        return BAD, np.int64(0)
    if buffer[at] == DIGIT_0 and at + 1 < end and buffer[at + 1] != POINT:
        return BAD, np.int64(0)
    mantissa = np.int64(0)
    count = 0
    point = -1
    for k in range(at, end):
        c = np.int64(buffer[k])
        if c == POINT and point < 0 and k > at:
            point = k
            continue
        if c < DIGIT_0 or c > DIGIT_9:
            return BAD, np.int64(0)
        mantissa = mantissa * 10 + (c - DIGIT_0)
        count += 1
        if count > MOST_MANTISSA_DIGITS:
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
        out[at] = MINUS
        at += 1
    value = abs(bits_double(bits))
    mantissa = np.int64(np.rint(value * _DOUBLE_POW10[scale]))
    whole = mantissa // POW10[scale] if scale < 19 else np.int64(0)
    at = write_integer(out, at, whole)
    if scale > 0:
        out[at] = POINT
        write_digits(out, at + 1, mantissa - whole * POW10[scale], scale)
        at += 1 + scale
    return at
