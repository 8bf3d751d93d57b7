"""Kernels that read the value of a text that its codec cannot reproduce; the text is kept besides.

The same functions fill the columns of records with a layout and of those that are kept whole, so a value does not
depend on how its record is stored.

Bounds: reads stay inside `buffer[start:end]`, those of instants inside 20 + digits bytes.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_instants import read_instant
from logpress.codecs.kernels_text import BAD, NULL
from logpress.kernel.ascii import DIGIT_0, DIGIT_9, LOWER_E, MINUS, PLUS, POINT, UPPER_E, WORD_FALS, WORD_TRUE
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import highest_bit, load32, mul128

_MOST_DIGITS = 19
"""Most digits that always fit into a word of 64 bits."""

FIRST_SECOND = -62_135_596_800
"""[format] First second of the year 1 in UTC, since 1970."""

END_SECOND = 253_402_300_800
"""[format] First second behind the year 9999 in UTC, since 1970."""

_FARTHEST = 100_000_000
"""Exponents further from zero are treated as this one."""

SMALLEST_POWER = -342
"""Below this power of ten, any 19 digits are nearest to 0."""

LARGEST_POWER = 308
"""Above this power of ten, numbers are larger than any double."""

_LARGEST = np.uint64(2**63 - 1)
_POWERS_OF_TEN = np.array([10**k for k in range(20)], dtype=np.uint64)
_ZERO, _ONE, _THREE = np.uint64(0), np.uint64(1), np.uint64(3)
_BELOW_55_BITS = np.uint64((1 << 9) - 1)
"""The bits of a product's upper word below the 55 that rounding to a double needs."""

_FRACTION = np.uint64((1 << 52) - 1)
"""The bits of a double's fraction (IEEE 754, binary64)."""

_BIAS = 1023
"""The exponent field of doubles from 1 to less than 2."""

_NO_NUMBER = 0x7FF
"""The exponent field of infinities and NaN."""

LOG2_10 = 217_706
"""floor(log2(10^p)) == LOG2_10 * p >> 16, exact for -342 <= p <= 308 (D. Lemire, "Number Parsing at a Gigabyte per
Second", 2021); log2(10) * 2^16 = 217,705.88, and of p = 3 it is 653,118 >> 16 = 9."""


def _power_of_five(power: int) -> int:
    """The first 128 bits of 5^power: rounded up for a negative power, else cut off."""
    if power >= 0:
        number = int(5**power)
        bits = number.bit_length()
        return number << 128 - bits if bits <= 128 else number >> bits - 128
    number = int(5**-power)
    bits = number.bit_length()
    found = (1 << (bits + 127 if power >= -27 else 2 * bits + 128)) // number + 1
    return found >> max(0, found.bit_length() - 128)


_FIVES = np.array(
    [[power >> 64, power & (1 << 64) - 1] for power in map(_power_of_five, range(SMALLEST_POWER, LARGEST_POWER + 1))],
    dtype=np.uint64,
)
"""uint64[powers, 2]: upper and lower word of the first 128 bits of each power of five."""


@inner_kernel
def _parts(buffer, start, end):
    """Split a number's text: an optional minus, digits, a fraction, an exponent; leading zeros are allowed.

    Returns:
        (whether it is a number, its first 19 significant digits as uint64, their power of ten, whether another digit
        than zero follows them).
    """
    at = start
    if at < end and buffer[at] == MINUS:
        at += 1
    digits = _ZERO
    count = 0
    power = np.int64(0)
    follows = False
    point = np.int64(-1)
    last = np.int64(-1)  # the last digit before the exponent
    while at < end:
        c = np.int64(buffer[at])
        if c == POINT:
            if point >= 0 or last < 0 or last != at - 1:
                return False, _ZERO, power, False
            point = at
        elif DIGIT_0 <= c <= DIGIT_9:
            last = at
            if count < _MOST_DIGITS:
                if count > 0 or c != DIGIT_0:
                    digits = digits * np.uint64(10) + np.uint64(c - DIGIT_0)
                    count += 1
                if point >= 0:
                    power -= 1
            else:
                follows = follows or c != DIGIT_0
                if point < 0:
                    power += 1
        else:
            break
        at += 1
    if last < 0 or last != at - 1:
        return False, _ZERO, power, False
    if at < end:
        if buffer[at] != LOWER_E and buffer[at] != UPPER_E:
            return False, _ZERO, power, False
        at += 1
        is_below = at < end and buffer[at] == MINUS
        if at < end and (buffer[at] == MINUS or buffer[at] == PLUS):
            at += 1
        if at >= end:
            return False, _ZERO, power, False
        exponent = np.int64(0)
        while at < end:
            c = np.int64(buffer[at])
            if c < DIGIT_0 or c > DIGIT_9:
                return False, _ZERO, power, False
            exponent = min(exponent * 10 + (c - DIGIT_0), _FARTHEST)
            at += 1
        power += -exponent if is_below else exponent
    return True, digits, power, follows


@kernel
def integer_value(buffer, start, end):
    """The whole number of a text in any notation (`-0`, `7.0`, `1e3`, `007`), or NULL.

    Numbers outside -2^63 + 1 to 2^63 - 1 give NULL too.
    """
    is_number, digits, power, follows = _parts(buffer, start, end)
    if not is_number or follows:
        return NULL
    if digits == _ZERO:
        return np.int64(0)
    if power < 0:
        if power <= -_MOST_DIGITS:
            return NULL
        scale = _POWERS_OF_TEN[-power]
        if digits % scale != _ZERO:
            return NULL
        digits //= scale
    elif power > 0:
        if power >= _MOST_DIGITS or digits > _LARGEST // _POWERS_OF_TEN[power]:
            return NULL
        digits *= _POWERS_OF_TEN[power]
    if digits > _LARGEST:
        return NULL
    return -np.int64(digits) if buffer[start] == MINUS else np.int64(digits)


@kernel
def _nearest_double(digits, power):
    """Bits of the double nearest to digits * 10^power, or BAD if it is larger than any double.

    The algorithm of Eisel and Lemire (D. Lemire, "Number Parsing at a Gigabyte per Second", 2021), which needs no
    fallback (N. Mushtak, D. Lemire, "Fast Number Parsing Without Fallback", 2022).
    """
    if digits == _ZERO or power < SMALLEST_POWER:
        return np.int64(0)
    if power > LARGEST_POWER:
        return BAD
    zeros = 63 - np.int64(highest_bit(digits))
    word = digits << np.uint64(zeros)
    place = power - SMALLEST_POWER
    low, high = mul128(word, _FIVES[place, 0])
    if high & _BELOW_55_BITS == _BELOW_55_BITS:
        _, more = mul128(word, _FIVES[place, 1])
        low += more
        if more > low:
            high += _ONE
    upper = np.int64(high >> np.uint64(63))
    shift = np.uint64(upper + 9)
    fraction = high >> shift
    exponent = ((LOG2_10 * power) >> 16) + 63 + upper - zeros + _BIAS
    if exponent <= 0:  # subnormal, or zero
        if -exponent + 1 >= 64:
            return np.int64(0)
        fraction >>= np.uint64(-exponent + 1)
        fraction += fraction & _ONE
        return np.int64(fraction >> _ONE)  # the carry into bit 52 is the exponent
    if low <= _ONE and -4 <= power <= 23 and fraction & _THREE == _ONE and fraction << shift == high:
        fraction &= ~_ONE  # halfway between two doubles: the even one
    fraction += fraction & _ONE
    fraction >>= _ONE
    if fraction >> np.uint64(53) != _ZERO:
        fraction >>= _ONE
        exponent += 1
    if exponent >= _NO_NUMBER:
        return BAD
    return np.int64(fraction & _FRACTION) | exponent << 52


@kernel
def decimal_value(buffer, start, end):
    """Bits of the double nearest to the number of a text in any notation, or NULL.

    Negative zero becomes zero, because its bits are those of NULL. Numbers larger than any double give NULL, and those
    for which more than 19 digits decide between two doubles.
    """
    is_number, digits, power, follows = _parts(buffer, start, end)
    if not is_number:
        return NULL
    bits = _nearest_double(digits, power)
    if bits == BAD or (follows and _nearest_double(digits + _ONE, power) != bits):
        return NULL
    return bits | NULL if buffer[start] == MINUS and bits != 0 else bits


@kernel
def boolean_value(buffer, start, end):
    """1 for the text `true`, 0 for `false`, else NULL."""
    length = end - start
    if length == 4 and load32(buffer, start) == WORD_TRUE:
        return np.int64(1)
    if length == 5 and load32(buffer, start) == WORD_FALS and buffer[start + 4] == LOWER_E:
        return np.int64(0)
    return NULL


@inner_kernel
def is_in_calendar(value, units):
    """Whether an instant, in units since 1970, is in the years 1 to 9999 of UTC, which catalogs accept."""
    return FIRST_SECOND * units <= value < END_SECOND * units


@kernel
def instant_value(buffer, at, separator, digits, units, dates):
    """As `read_instant`, but digits finer than the unit are cut off; BAD if they are not digits."""
    kept = 0
    if units == 1_000:
        kept = 3
    elif units == 1_000_000:
        kept = 6
    if digits <= kept:
        return read_instant(buffer, at, separator, digits, units, dates)
    if buffer[at + 19] != POINT:
        return BAD
    for k in range(kept, digits):
        if buffer[at + 20 + k] < DIGIT_0 or buffer[at + 20 + k] > DIGIT_9:
            return BAD
    return read_instant(buffer, at, separator, kept, units, dates)
