"""The kernels of comparing: hash the value of a document, independent of its spelling.

The hash of a value does not depend on the order of an object's keys (its members' hashes are added), on blanks, on how
a string is escaped (it is hashed as UTF-8), or on how a number is written (1, 1.0 and 10e-1 are one number; no digit is
rounded away). Like the hash of bytes it guards against accidents, not against an adversary.

It is one module of more than 350 lines, because all parts of a value's hash share their seeds and the stack.

Bounds: every function reads `buffer[start:end]` and at most `PADDING` bytes behind `end`; callers guarantee that these
bytes exist. Bytes behind `end` never change a result. Text that is not JSON ends the work on a document.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.comparing.kernels_documents import BY_BYTES, REPEATED_KEY
from logpress.comparing.kernels_multisets import BYTES_1, BYTES_2, VALUE_1, VALUE_2
from logpress.hashing.kernels_hash import SECRET_0, SECRET_1, SECRET_2, SECRET_3, fold
from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.ascii import (
    BACKSLASH,
    BRACE_CLOSE,
    BRACE_OPEN,
    BRACKET_CLOSE,
    BRACKET_OPEN,
    COLON,
    COMMA,
    DIGIT_0,
    DIGIT_9,
    LOWER_E,
    LOWER_F,
    LOWER_N,
    LOWER_T,
    MINUS,
    PLUS,
    POINT,
    QUOTE,
    UPPER_E,
)
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.places import GOLDEN
from logpress.kernel.words import equal32, trailing_zeros
from logpress.layout.kernels_scan import bare_end, blanks_end, quote_at
from logpress.layout.kernels_unescape import unescape_text

MOST_DEPTH = 512
"""Brackets that may be open; a deeper document is compared by its bytes alone."""

LARGEST_VALUE_BYTES = 16 << 20
"""[memory] A longer document is compared by its bytes alone."""

STACK_WORDS = 6
"""Words of a container that is open."""

SMALLEST_TABLE = 64
"""Places of the table of keys for the shortest documents: a power of two."""

_FAILED = -1
"""Result for a value that is no JSON, too deep, or has an exponent out of reach."""

_REPEATED = -2
"""Result for a value in which an object has the same key twice."""

_OUT_OF_REACH = 10**15
"""Exponents from here on are not distinguished."""

_KIND = 0
"""Word of a container: _SEED_OBJECT or _SEED_ARRAY."""

_SUM_1, _SUM_2 = 1, 2
"""Words of a container: the two words of its hash so far."""

_KEY_1, _KEY_2 = 3, 4
"""Words of an object: the two words of the hash of its last key."""

_NUMBER = 5
"""Word of an object: its number among the containers of the document, so that its keys are no other's."""

_CHUNK_DIGITS = 18
"""Digits of a number that are hashed together; at most 19 fit into a word."""

_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_TEN = np.uint64(10)

_SEED_OBJECT = np.uint64(0x2127599BF4325C37)
"""Seed of the hash of an object: the multiplier of fasthash's mixing step (Z. Tan, 2012)."""

_SEED_ARRAY = np.uint64(0x880355F21E6D1965)
"""Seed of the hash of an array: the multiplier of fasthash64 (Z. Tan, 2012)."""

_SEED_STRING = np.uint64(0x9FB21C651E98DF25)
"""Seed of the hash of a string: PRIME_MX2 of XXH3."""

_SEED_NUMBER = np.uint64(0x165667B19E3779F9)
"""Seed of the hash of a number: PRIME64_3 of XXH64."""

_SEED_WORD = np.uint64(0x27D4EB2F165667C5)
"""Seed of the hash of `true`, `false` and `null`: PRIME64_5 of XXH64."""


@kernel
def _hash_string(buffer, start, end, out):
    """Hash what a string means; (False, 0, 0) if it is no JSON. For the arguments see `unescape_text`."""
    i = start
    while i < end:
        slashes = equal32(buffer, i, BACKSLASH)
        if slashes != 0 and i + trailing_zeros(slashes) < end:
            length = unescape_text(buffer, start, end, out)
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
    one = _SEED_NUMBER
    two = SECRET_2
    chunk = _ZERO
    digits = 0
    zeros = 0  # behind the last digit that is none
    scale = 0
    behind_point = False
    i = start
    negative = i < end and buffer[i] == MINUS
    if negative:
        i += 1
    seen = i
    while i < end:
        c = np.int64(buffer[i])
        if c == POINT:
            behind_point = True
        elif DIGIT_0 <= c <= DIGIT_9:
            if behind_point:
                scale += 1
            if c == DIGIT_0:
                if digits > 0:
                    zeros += 1
            else:
                while zeros > 0:
                    chunk *= _TEN
                    digits += 1
                    zeros -= 1
                    if digits % _CHUNK_DIGITS == 0:
                        one = fold(one ^ chunk, SECRET_1)
                        two = fold(two ^ chunk, SECRET_3)
                        chunk = _ZERO
                chunk = chunk * _TEN + np.uint64(c - DIGIT_0)
                digits += 1
                if digits % _CHUNK_DIGITS == 0:
                    one = fold(one ^ chunk, SECRET_1)
                    two = fold(two ^ chunk, SECRET_3)
                    chunk = _ZERO
        else:
            break
        i += 1
    if i == seen:
        return False, _ZERO, _ZERO
    power = 0
    if i < end:
        if buffer[i] != UPPER_E and buffer[i] != LOWER_E:
            return False, _ZERO, _ZERO
        i += 1
        lowers = i < end and buffer[i] == MINUS
        if i < end and (buffer[i] == MINUS or buffer[i] == PLUS):
            i += 1
        while i < end:
            c = np.int64(buffer[i])
            if c < DIGIT_0 or c > DIGIT_9:
                return False, _ZERO, _ZERO
            if power < _OUT_OF_REACH:
                power = 10 * power + (c - DIGIT_0)
            i += 1
        if digits > 0 and power >= _OUT_OF_REACH:
            return False, _ZERO, _ZERO
        if lowers:
            power = -power
    if digits == 0:  # zero, of whatever sign and power
        return True, _SEED_NUMBER, SECRET_2
    power += zeros - scale
    sign = SECRET_0 if negative else SECRET_1
    one = fold(one ^ chunk ^ sign, np.uint64(power) ^ SECRET_3)
    two = fold(two ^ chunk ^ sign, np.uint64(power) ^ _SEED_NUMBER)
    return True, one ^ np.uint64(digits), two + np.uint64(digits)


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
        stack: uint64[>= MOST_DEPTH, STACK_WORDS], scratch.
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
        i = blanks_end(buffer, i, end)
        if i >= end:
            return _FAILED
        c = buffer[i]
        one = two = _ZERO
        closes = (
            depth > 0 and first and c == (BRACE_CLOSE if stack[depth - 1, _KIND] == _SEED_OBJECT else BRACKET_CLOSE)
        )
        first = False
        if not closes:
            if depth > 0 and stack[depth - 1, _KIND] == _SEED_OBJECT:
                if c != QUOTE:
                    return _FAILED
                quote = quote_at(buffer, i + 1, end)
                if quote >= end:
                    return _FAILED
                sound, one, two = _hash_string(buffer, i + 1, quote, out)
                if not sound:
                    return _FAILED
                stack[depth - 1, _KEY_1] = one
                stack[depth - 1, _KEY_2] = two
                tag = fold(one ^ stack[depth - 1, _NUMBER] * GOLDEN, two ^ SECRET_0) | _ONE
                if not _is_new_key(table, mask, tag):
                    return _REPEATED
                i = blanks_end(buffer, quote + 1, end)
                if i >= end or buffer[i] != COLON:
                    return _FAILED
                i = blanks_end(buffer, i + 1, end)
                if i >= end:
                    return _FAILED
                c = buffer[i]
            if c == BRACE_OPEN or c == BRACKET_OPEN:
                if depth == stack.shape[0]:
                    return _FAILED
                numbered += _ONE
                stack[depth, _KIND] = _SEED_OBJECT if c == BRACE_OPEN else _SEED_ARRAY
                stack[depth, _SUM_1] = _ZERO
                stack[depth, _SUM_2] = _ZERO
                stack[depth, _NUMBER] = numbered
                depth += 1
                first = True
                i += 1
                continue
            if c == QUOTE:
                quote = quote_at(buffer, i + 1, end)
                if quote >= end:
                    return _FAILED
                sound, one, two = _hash_string(buffer, i + 1, quote, out)
                if not sound:
                    return _FAILED
                one = fold(one ^ _SEED_STRING, SECRET_1)
                two = fold(two ^ _SEED_STRING, SECRET_3)
                i = quote + 1
            else:
                stop = bare_end(buffer, i, end)
                if c == LOWER_T or c == LOWER_F or c == LOWER_N:
                    one = fold(np.uint64(c) ^ _SEED_WORD, SECRET_1)
                    two = fold(np.uint64(c) ^ _SEED_WORD, SECRET_3)
                else:
                    sound, one, two = _hash_number(buffer, i, stop)
                    if not sound:
                        return _FAILED
                i = stop
        while True:
            if closes:
                depth -= 1
                kind = stack[depth, _KIND]
                one = fold(stack[depth, _SUM_1] ^ kind, SECRET_2)
                two = fold(stack[depth, _SUM_2] ^ kind, SECRET_0)
                i += 1
                closes = False
            if depth == 0:
                found[0] = one
                found[1] = two
                return 0 if blanks_end(buffer, i, end) == end else _FAILED
            top = depth - 1
            if stack[top, _KIND] == _SEED_OBJECT:  # the order of members does not matter
                stack[top, _SUM_1] += fold(stack[top, _KEY_1] ^ SECRET_1, one ^ SECRET_2)
                stack[top, _SUM_2] += fold(stack[top, _KEY_2] ^ SECRET_3, two ^ SECRET_0)
            else:
                stack[top, _SUM_1] = fold(stack[top, _SUM_1] ^ SECRET_1, one ^ SECRET_3) + _ONE
                stack[top, _SUM_2] = fold(stack[top, _SUM_2] ^ SECRET_2, two ^ SECRET_0) + _ONE
            i = blanks_end(buffer, i, end)
            if i >= end:
                return _FAILED
            c = buffer[i]
            if c == COMMA:
                i += 1
                break
            if c != (BRACE_CLOSE if stack[top, _KIND] == _SEED_OBJECT else BRACKET_CLOSE):
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
        prints: uint64[PRINT_WORDS, >= rows], filled; see `kernels_multisets`. Where a document cannot be compared by
            value, the words of its value are those of its bytes.
        flags: uint8[>= rows], REPEATED_KEY and BY_BYTES are added.
        stack: uint64[MOST_DEPTH, STACK_WORDS], scratch.
        table: uint64[2^k], with `table_places` of the longest document that is compared by value; scratch.
        out: uint8[>= length of that document + PADDING], scratch.
    """
    found = stack[0, _SUM_1 : _SUM_2 + 1]
    for row in range(rows):
        start, end = starts[row], ends[row]
        one, two = hash128(buffer, start, end)
        prints[BYTES_1, row] = one
        prints[BYTES_2, row] = two
        state = _FAILED
        if end - start <= LARGEST_VALUE_BYTES and flags[row] & REPEATED_KEY == 0:
            places = SMALLEST_TABLE
            while places < (end - start) // 3:
                places *= 2
            for i in range(places):
                table[i] = _ZERO
            state = _hash_value(buffer, start, end, stack, table, np.uint64(places - 1), out, found)
        if state == 0:
            prints[VALUE_1, row] = found[0]
            prints[VALUE_2, row] = found[1]
            continue
        prints[VALUE_1, row] = one
        prints[VALUE_2, row] = two
        if state == _REPEATED:
            flags[row] |= REPEATED_KEY
        elif flags[row] & REPEATED_KEY == 0:
            flags[row] |= BY_BYTES
