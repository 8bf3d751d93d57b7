"""Kernels of the codec for Amazon Kinesis sequence numbers: 56 digits, a point, and a sub-sequence number.

`read_kinesis` refuses a number whose parts are not as expected. `write_kinesis` reproduces each number that it accepts.

Bounds: reads stay inside the text plus `PADDING` bytes. Writes go to `out[at:]`, where the caller keeps 64 bytes more
free than the 76 of the longest text.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_text import BAD, eight_digits, read_integer, sixteen_digits, write_eight, write_integer
from logpress.kernel.ascii import DIGIT_0, POINT
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import mul128

SHARDS_MET = 64
"""[speed] Shards whose part of a number is cached; the lowest bits of a shard, a power of two of them, choose its
place."""

SHARD_WORDS = 8
"""Words of a cached shard: the shard, and seven groups of eight digits."""

ARRIVAL_SHIFT = 36
"""[format] Bits of a number below its arrival second."""

COUNTER_SHIFT = 80
"""[format] Bits of a number below its counter."""

SHARD_NUMBER_BITS = 20
"""[format] Bits of a shard's number; its creation second is above them."""

_TEN8 = np.uint64(10**8)
_TEN16 = np.uint64(10**16)
_ARRIVAL_0, _ARRIVAL_1 = (np.uint64(2**ARRIVAL_SHIFT // 10 ** (8 * k) % 10**8) for k in range(2))
"""2^36 = 687 * 10^8 + 19,476,736: its groups of eight digits, the lowest first."""

_COUNTER_0, _COUNTER_1, _COUNTER_2 = (np.uint64(2**COUNTER_SHIFT // 10 ** (8 * k) % 10**8) for k in range(3))
"""2^80 = 10^24 + 20,892,581 * 10^16 + 96,146,291 * 10^8 + 74,706,176: its groups but the highest, which is 1."""


@inner_kernel
def add128(low, high, addend):
    """(low, high) + addend, as (low, high), modulo 2^128."""
    total = low + addend
    if total < low:
        high += np.uint64(1)
    return total, high


@inner_kernel
def read_kinesis(buffer, start, end, parts):
    """Split a Kinesis sequence number and sub-sequence number into parts; returns whether it is one.

    The number has 186 bits, in hex digits: version `2`; creation second of the shard (9); low digit of the shard;
    counter (16); `00`; arrival second (9); shard (8); version `2`.

    Args:
        buffer: uint8[n].
        start: begin of the text: 56 digits, a point, the sub-sequence number.
        end: end of the text.
        parts: int64[4], gets the shard (creation second * 2^20 + number, numbers below 2^20), arrival second,
            counter (below 2^63) and sub-sequence number.
    """
    if end - start < 58 or end - start > 66 or buffer[start + 56] != POINT or buffer[start] == DIGIT_0:
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
    if (
        zeros != 0
        or digit != shard & np.uint64(15)
        or shard >= np.uint64(1 << SHARD_NUMBER_BITS)
        or counter >> np.uint64(63) != 0
    ):
        return False
    parts[0] = np.int64((creation << np.uint64(SHARD_NUMBER_BITS)) | shard)
    parts[1] = np.int64(arrival)
    parts[2] = np.int64(counter)
    parts[3] = sub
    return True


@kernel
def _shard_limbs(shard_key, limbs):
    """The eight-digit groups, lowest first, of a sequence number with this shard, arrival 0 and counter 0.

    Args:
        shard_key: creation second * 2^20 + shard number.
        limbs: int64[8], gets the shard, and its seven groups.
    """
    shard = np.uint64(shard_key) & np.uint64((1 << SHARD_NUMBER_BITS) - 1)
    creation = np.uint64(shard_key) >> np.uint64(SHARD_NUMBER_BITS)
    low = np.uint64(2) | (shard << np.uint64(4))
    high = (
        ((shard & np.uint64(15)) << np.uint64(16))
        | (creation << np.uint64(SHARD_NUMBER_BITS))
        | (np.uint64(2) << np.uint64(56))
    )
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
    """Write a Kinesis sequence number from its parts; returns the end.

    The number is a sum of the shard's part, arrival * 2^36 and counter * 2^80, added in groups of eight digits. A group
    is a sum of at most four products of numbers below 10^8 and one more such number, which is below 2^63; digits above
    the eighth are carried. The highest group stays below 10^8, because the number is below 3 * 2^184, and that is below
    10^56.

    Args:
        out: uint8[n].
        at: where to write.
        shard_key: creation second * 2^20 + shard number.
        arrival: second.
        counter: below 2^63.
        sub: sub-sequence number.
        shards: int64[SHARDS_MET, SHARD_WORDS], scratch, filled with NULL: cache of shards and their groups.
            `shard_key` is the whole key, because the groups depend on nothing else.
    """
    limbs = shards[shard_key & (SHARDS_MET - 1)]
    if limbs[0] != shard_key:
        _shard_limbs(shard_key, limbs)
    a1 = np.uint64(arrival) // _TEN8
    a0 = np.uint64(arrival) - a1 * _TEN8
    rest = np.uint64(counter) // _TEN8
    c0 = np.uint64(counter) - rest * _TEN8
    c2 = rest // _TEN8
    c1 = rest - c2 * _TEN8
    g0 = np.uint64(limbs[1]) + a0 * _ARRIVAL_0 + c0 * _COUNTER_0
    g1 = np.uint64(limbs[2]) + a0 * _ARRIVAL_1 + a1 * _ARRIVAL_0
    g1 += c0 * _COUNTER_1 + c1 * _COUNTER_0
    g2 = np.uint64(limbs[3]) + a1 * _ARRIVAL_1
    g2 += c0 * _COUNTER_2 + c1 * _COUNTER_1 + c2 * _COUNTER_0
    g3 = np.uint64(limbs[4]) + c0 + c1 * _COUNTER_2 + c2 * _COUNTER_1
    g4 = np.uint64(limbs[5]) + c1 + c2 * _COUNTER_2
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
    out[at + 56] = POINT
    return write_integer(out, at + 57, sub)
