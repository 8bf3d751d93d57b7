"""The kernels that read and write UUIDs: 36 characters, and two registers.

Source: RFC 9562, section 4: 8, 4, 4, 4 and 12 hexadecimal digits, with hyphens between. The registers are the first and
the last 8 bytes, big-endian.

Bounds: `read_uuid` reads the 36 bytes of its text, and nothing of a text of another length; `write_uuid` writes 36
bytes.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_text import HIGH_BITS, NULL
from logpress.kernel.ascii import DIGIT_0, LOWER_A, LOWER_F, MINUS, UPPER_A, UPPER_F
from logpress.kernel.compile import inner_kernel
from logpress.kernel.words import load32, load64, store32, store64

UUID_BYTES = 36
"""Bytes of a UUID's text."""


def _eight(byte):
    """A byte, eight times in a word."""
    return np.uint64(byte * 0x0101010101010101)


_LOW_HALVES, _ONES = _eight(0x0F), _eight(1)
_SIX, _ZEROS = _eight(6), _eight(DIGIT_0)
_FROM_0, _BEYOND_9 = _eight(0x80 - DIGIT_0), _eight(0x7F - (DIGIT_0 + 9))
_FROM_A, _BEYOND_F = _eight(0x80 - UPPER_A), _eight(0x7F - UPPER_F)
_FROM_SMALL_A, _BEYOND_SMALL_F = _eight(0x80 - LOWER_A), _eight(0x7F - LOWER_F)
_TO_CAPITAL, _TO_SMALL = np.uint64(UPPER_A - DIGIT_0 - 10), np.uint64(LOWER_A - DIGIT_0 - 10)
_PAIRS, _FOURS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_FOUR, _SIX_BITS, _EIGHT_BITS, _SIXTEEN, _THIRTY_TWO = (np.uint64(n) for n in (4, 6, 8, 16, 32))
_NINE, _LOWER_32 = np.uint64(9), np.uint64(0xFFFFFFFF)


@inner_kernel
def _eight_hex(word):
    """The number that a word of eight hexadecimal digits writes, which digits are capitals, and which are small.

    Of bytes below 0x80, b + 0x80 - x has its highest bit just if b >= x, and no sum reaches the next byte. A digit's
    value is its lower half, and 9 more of a letter, which has bit 6: 0x61 is 1 + 9. Neighbours are joined three times:
    `1234abcd` becomes 12 34 ab cd, 1234 abcd, 1234abcd.

    Returns:
        (number, high bits of the capitals, high bits of the small letters), the number -1 where a byte is no digit.
    """
    digits = (word + _FROM_0) & ~(word + _BEYOND_9)
    capitals = (word + _FROM_A) & ~(word + _BEYOND_F) & HIGH_BITS
    small = (word + _FROM_SMALL_A) & ~(word + _BEYOND_SMALL_F) & HIGH_BITS
    if word & HIGH_BITS != 0 or (digits | capitals | small) & HIGH_BITS != HIGH_BITS:
        return np.int64(-1), capitals, small
    word = (word & _LOW_HALVES) + ((word >> _SIX_BITS) & _ONES) * _NINE
    word = ((word << _FOUR) | (word >> _EIGHT_BITS)) & _PAIRS
    word = ((word << _EIGHT_BITS) | (word >> _SIXTEEN)) & _FOURS
    return np.int64(((word << _SIXTEEN) | (word >> _THIRTY_TWO)) & _LOWER_32), capitals, small


@inner_kernel
def read_uuid(buffer, start, end, is_upper):
    """Read a UUID: whether all its letters are of the wanted case, and its first and its last 8 bytes; NULL for none.

    A UUID whose first 8 bytes are those of NULL (`80000000-0000-0000-`) is taken for none.

    Args:
        buffer: uint8[n].
        start: of the text.
        end: of the text, at most n.
        is_upper: whether letters are to be capitals.
    """
    if end - start != UUID_BYTES:
        return False, NULL, NULL
    hyphens = (buffer[start + 8] ^ MINUS) | (buffer[start + 13] ^ MINUS)
    hyphens |= (buffer[start + 18] ^ MINUS) | (buffer[start + 23] ^ MINUS)
    second = np.uint64(load32(buffer, start + 9)) | (np.uint64(load32(buffer, start + 14)) << _THIRTY_TWO)
    third = np.uint64(load32(buffer, start + 19)) | (np.uint64(load32(buffer, start + 24)) << _THIRTY_TWO)
    one, capitals, small = _eight_hex(load64(buffer, start))
    two, more_capitals, more_small = _eight_hex(second)
    capitals |= more_capitals
    small |= more_small
    three, more_capitals, more_small = _eight_hex(third)
    capitals |= more_capitals
    small |= more_small
    four, more_capitals, more_small = _eight_hex(load64(buffer, start + 28))
    capitals |= more_capitals
    small |= more_small
    high = (one << 32) | two
    if hyphens != 0 or one < 0 or two < 0 or three < 0 or four < 0 or high == NULL:
        return False, NULL, NULL
    wrong = small if is_upper else capitals
    return wrong == 0, high, (three << 32) | four


@inner_kernel
def _hex_of(number, to_letter):
    """Eight hexadecimal digits of a number below 2^32, as a word: the reverse of `_eight_hex`.

    A half plus 6 has bit 4 just if it is above 9, and then gets `to_letter` more: 10 + 0x30 + 0x27 is 0x61.
    """
    word = ((number >> _SIXTEEN) | (number << _THIRTY_TWO)) & _FOURS
    word = ((word >> _EIGHT_BITS) | (word << _SIXTEEN)) & _PAIRS
    word = ((word >> _FOUR) | (word << _EIGHT_BITS)) & _LOW_HALVES
    return word + _ZEROS + (((word + _SIX) >> _FOUR) & _ONES) * to_letter


@inner_kernel
def write_uuid(out, at, high, low, is_upper):
    """Write a UUID's text and return where it ends.

    Args:
        out: uint8[>= at + 36].
        at: where to write.
        high: its first 8 bytes, an int64.
        low: its last 8 bytes.
        is_upper: whether letters are capitals.
    """
    to_letter = _TO_CAPITAL if is_upper else _TO_SMALL
    first = np.uint64(high)
    last = np.uint64(low)
    second = _hex_of(first & _LOWER_32, to_letter)
    third = _hex_of(last >> _THIRTY_TWO, to_letter)
    store64(out, at, _hex_of(first >> _THIRTY_TWO, to_letter))
    out[at + 8] = MINUS
    store32(out, at + 9, second & _LOWER_32)
    out[at + 13] = MINUS
    store32(out, at + 14, second >> _THIRTY_TWO)
    out[at + 18] = MINUS
    store32(out, at + 19, third & _LOWER_32)
    out[at + 23] = MINUS
    store32(out, at + 24, third >> _THIRTY_TWO)
    store64(out, at + 28, _hex_of(last & _LOWER_32, to_letter))
    return at + UUID_BYTES
