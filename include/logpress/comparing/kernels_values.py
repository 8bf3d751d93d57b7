"""The kernels of comparing: find the document in a record, and hash what it means, however it is spelt.

The hash of a value does not depend on the order of an object's keys (its members' hashes are added), on blanks, on how
a string is escaped (it is taken as UTF-8), or on how a number is written (1, 1.0 and 10e-1 are one number; no digit is
rounded away). Like the hash of bytes it guards against accidents, not against an adversary.

Bounds: every function reads `buffer[start:end]` and at most `PADDING` bytes behind `end`, which the caller guarantees
to be there; what is read behind `end` never decides a result. Text that is no JSON is given up, never followed.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.comparing.kernels_documents import BY_BYTES, REPEATED_KEY
from logpress.hashing.kernels_hash import fold
from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import equal32, trailing_zeros
from logpress.layout.kernels_json import _blanks_end, bare_end, quote_at
from logpress.layout.kernels_unescape import unescape

MOST_DEPTH = 512
"""Brackets that may be open."""

LARGEST_VALUE_BYTES = 16 << 20
"""A longer document is compared by its bytes alone."""

SMALLEST_TABLE = 64

_FAILED = -1
_REPEATED = -2
_OUT_OF_REACH = 10**15

_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_S0 = np.uint64(0xA0761D6478BD642F)
_S1 = np.uint64(0xE7037ED1A0B428DB)
_S2 = np.uint64(0x8EBC6AF09C88C6E3)
_S3 = np.uint64(0x589965CC75374CC3)
_OBJECT = np.uint64(0x2127599BF4325C37)
_ARRAY = np.uint64(0x880355F21E6D1965)
_STRING = np.uint64(0x9FB21C651E98DF25)
_NUMBER = np.uint64(0x165667B19E3779F9)
_WORD = np.uint64(0x27D4EB2F165667C5)


# -- strings and numbers


@kernel
def _hash_string(buffer, start, end, out):
    """Hash what a string means; (False, ...) if it is no JSON. For the arguments see `unescape`."""
    i = start
    while i < end:
        slashes = equal32(buffer, i, 0x5C)
        if slashes != 0 and i + trailing_zeros(slashes) < end:
            length = unescape(buffer, start, end, out)
            if length < 0:
                return False, _ZERO, _ZERO
            one, two = hash128(out, 0, length)
            return True, one, two
        i += 32
    one, two = hash128(buffer, start, end)
    return True, one, two


@kernel
def _hash_number(buffer, start, end):
    """Hash a number's value: its sign, its digits without zeros at both ends, and its power of ten."""
    one = _NUMBER
    two = _S2
    chunk = _ZERO
    digits = 0
    zeros = 0  # behind the last digit that is none
    scale = 0
    behind_point = False
    i = start
    negative = i < end and buffer[i] == 0x2D
    if negative:
        i += 1
    seen = i
    while i < end:
        c = np.int64(buffer[i])
        if c == 0x2E:
            behind_point = True
        elif 48 <= c <= 57:
            if behind_point:
                scale += 1
            if c == 48:
                if digits > 0:
                    zeros += 1
            else:
                while zeros > 0:
                    chunk *= np.uint64(10)
                    digits += 1
                    zeros -= 1
                    if digits % 18 == 0:
                        one = fold(one ^ chunk, _S1)
                        two = fold(two ^ chunk, _S3)
                        chunk = _ZERO
                chunk = chunk * np.uint64(10) + np.uint64(c - 48)
                digits += 1
                if digits % 18 == 0:
                    one = fold(one ^ chunk, _S1)
                    two = fold(two ^ chunk, _S3)
                    chunk = _ZERO
        else:
            break
        i += 1
    if i == seen:
        return False, _ZERO, _ZERO
    power = 0
    if i < end:
        if buffer[i] != 0x45 and buffer[i] != 0x65:
            return False, _ZERO, _ZERO
        i += 1
        lowers = i < end and buffer[i] == 0x2D
        if i < end and (buffer[i] == 0x2D or buffer[i] == 0x2B):
            i += 1
        while i < end:
            c = np.int64(buffer[i])
            if c < 48 or c > 57:
                return False, _ZERO, _ZERO
            if power < _OUT_OF_REACH:
                power = 10 * power + (c - 48)
            i += 1
        if digits > 0 and power >= _OUT_OF_REACH:
            return False, _ZERO, _ZERO
        if lowers:
            power = -power
    if digits == 0:  # zero, of whatever sign and power
        return True, _NUMBER, _S2
    power += zeros - scale
    sign = _S0 if negative else _S1
    one = fold(one ^ chunk ^ sign, np.uint64(power) ^ _S3)
    two = fold(two ^ chunk ^ sign, np.uint64(power) ^ _NUMBER)
    return True, one ^ np.uint64(digits), two + np.uint64(digits)


# -- the document


# -- its value


@inner_kernel
def _is_new_key(table, mask, tag):
    """Remember a key of an object; False if it was there."""
    at = np.int64(tag & mask)
    while table[at] != 0:
        if table[at] == tag:
            return False
        at = np.int64(np.uint64(at + 1) & mask)
    table[at] = tag
    return True


@kernel
def _hash_value(buffer, start, end, stack, table, mask, out, found):
    """Hash the JSON value buffer[start:end] into found: uint64[2]; returns 0, _FAILED or _REPEATED.

    Args:
        buffer: uint8[n], padded.
        start: its first byte.
        end: where it ends; blanks may stand before.
        stack: uint64[>= MOST_DEPTH, 6], scratch: what it is, two sums, two hashes of a key, and the object's number.
        table: uint64[> mask], all zeros, with more places than the value can have keys.
        mask: its places less one.
        out: uint8[>= end - start], scratch.
        found: uint64[2].
    """
    depth = 0
    numbered = _ZERO
    i = start
    first = False  # behind an opening bracket: a closing one may follow
    while True:
        i = _blanks_end(buffer, i, end)
        if i >= end:
            return _FAILED
        c = buffer[i]
        one = two = _ZERO
        closes = depth > 0 and first and c == (0x7D if stack[depth - 1, 0] == _OBJECT else 0x5D)
        first = False
        if not closes:
            if depth > 0 and stack[depth - 1, 0] == _OBJECT:
                if c != 0x22:
                    return _FAILED
                quote = quote_at(buffer, i + 1, end)
                if quote >= end:
                    return _FAILED
                sound, one, two = _hash_string(buffer, i + 1, quote, out)
                if not sound:
                    return _FAILED
                stack[depth - 1, 3] = one
                stack[depth - 1, 4] = two
                tag = fold(one ^ stack[depth - 1, 5] * _SPREAD, two ^ _S0) | _ONE
                if not _is_new_key(table, mask, tag):
                    return _REPEATED
                i = _blanks_end(buffer, quote + 1, end)
                if i >= end or buffer[i] != 0x3A:
                    return _FAILED
                i = _blanks_end(buffer, i + 1, end)
                if i >= end:
                    return _FAILED
                c = buffer[i]
            if c == 0x7B or c == 0x5B:
                if depth == stack.shape[0]:
                    return _FAILED
                numbered += _ONE
                stack[depth, 0] = _OBJECT if c == 0x7B else _ARRAY
                stack[depth, 1] = _ZERO
                stack[depth, 2] = _ZERO
                stack[depth, 5] = numbered
                depth += 1
                first = True
                i += 1
                continue
            if c == 0x22:
                quote = quote_at(buffer, i + 1, end)
                if quote >= end:
                    return _FAILED
                sound, one, two = _hash_string(buffer, i + 1, quote, out)
                if not sound:
                    return _FAILED
                one = fold(one ^ _STRING, _S1)
                two = fold(two ^ _STRING, _S3)
                i = quote + 1
            else:
                stop = bare_end(buffer, i, end)
                if c == 0x74 or c == 0x66 or c == 0x6E:
                    one = fold(np.uint64(c) ^ _WORD, _S1)
                    two = fold(np.uint64(c) ^ _WORD, _S3)
                else:
                    sound, one, two = _hash_number(buffer, i, stop)
                    if not sound:
                        return _FAILED
                i = stop
        while True:
            if closes:
                depth -= 1
                kind = stack[depth, 0]
                one = fold(stack[depth, 1] ^ kind, _S2)
                two = fold(stack[depth, 2] ^ kind, _S0)
                i += 1
                closes = False
            if depth == 0:
                found[0] = one
                found[1] = two
                return 0 if _blanks_end(buffer, i, end) == end else _FAILED
            top = depth - 1
            if stack[top, 0] == _OBJECT:  # the order of members does not matter
                stack[top, 1] += fold(stack[top, 3] ^ _S1, one ^ _S2)
                stack[top, 2] += fold(stack[top, 4] ^ _S3, two ^ _S0)
            else:
                stack[top, 1] = fold(stack[top, 1] ^ _S1, one ^ _S3) + _ONE
                stack[top, 2] = fold(stack[top, 2] ^ _S2, two ^ _S0) + _ONE
            i = _blanks_end(buffer, i, end)
            if i >= end:
                return _FAILED
            c = buffer[i]
            if c == 0x2C:
                i += 1
                break
            if c != (0x7D if stack[top, 0] == _OBJECT else 0x5D):
                return _FAILED
            closes = True


@kernel
def hash_documents(buffer, starts, ends, rows, prints, flags, stack, table, out):
    """Hash documents by value and by bytes.

    Args:
        buffer: uint8[n], padded.
        starts: int64[>= rows], of documents.
        ends: int64[>= rows].
        rows: how many.
        prints: uint64[4, >= rows], filled: two words of the value's hash, two of the bytes'. Where a document cannot
            be compared by value, the first two are those of the bytes.
        flags: uint8[>= rows], REPEATED_KEY and BY_BYTES are added.
        stack: uint64[MOST_DEPTH, 6], scratch.
        table: uint64[2^k], with `table_places` of the longest document that is compared by value; scratch.
        out: uint8[>= length of that document + PADDING], scratch.
    """
    found = stack[0, 1:3]
    for row in range(rows):
        start, end = starts[row], ends[row]
        one, two = hash128(buffer, start, end)
        prints[2, row] = one
        prints[3, row] = two
        state = _FAILED
        if end - start <= LARGEST_VALUE_BYTES and flags[row] & REPEATED_KEY == 0:
            places = SMALLEST_TABLE
            while places < (end - start) // 3:
                places *= 2
            for i in range(places):
                table[i] = _ZERO
            state = _hash_value(buffer, start, end, stack, table, np.uint64(places - 1), out, found)
        if state == 0:
            prints[0, row] = found[0]
            prints[1, row] = found[1]
            continue
        prints[0, row] = one
        prints[1, row] = two
        if state == _REPEATED:
            flags[row] |= REPEATED_KEY
        elif flags[row] & REPEATED_KEY == 0:
            flags[row] |= BY_BYTES


# -- two multisets
