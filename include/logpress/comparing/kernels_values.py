"""The kernels of comparing: find the document in a record, and hash what it means, however it is spelt.

The hash of a value does not depend on the order of an object's keys (its members' hashes are added), on blanks, on how
a string is escaped (it is taken as UTF-8), or on how a number is written (1, 1.0 and 10e-1 are one number; no digit is
rounded away). Like the hash of bytes it guards against accidents, not against an adversary.

Bounds: every function reads `buffer[start:end]` and at most `PADDING` bytes behind `end`, which the caller guarantees
to be there; what is read behind `end` never decides a result. Text that is no JSON is given up, never followed.
"""

from __future__ import annotations

import numpy as np

from logpress.hashing.kernels_hash import fold
from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.words import equal32, inner_kernel, kernel, trailing_zeros
from logpress.layout.kernels_json import bare_end, quote_at
from logpress.records.kernels_hits import object_end

HIT, REPEATED_KEY, BY_BYTES = 1, 2, 4
"""What is said of a document: it is a hit's `_source`; an object in it, or its hit, names a key twice; it is too deep,
too long or has a number too large to be compared by value. Those of the last two kinds are hashed by their bytes."""

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


@inner_kernel
def _blanks_end(buffer, i, end):
    while i < end and (buffer[i] == 0x20 or buffer[i] == 0x0A or buffer[i] == 0x0D or buffer[i] == 0x09):
        i += 1
    return i


@inner_kernel
def _first_end(buffer, i, end):
    """Where the text begins behind blanks and a byte order mark."""
    if i + 3 <= end and buffer[i] == 0xEF and buffer[i + 1] == 0xBB and buffer[i + 2] == 0xBF:
        i += 3
    return _blanks_end(buffer, i, end)


# -- strings and numbers


@kernel
def _hex4(buffer, i):
    value = 0
    for k in range(4):
        c = np.int64(buffer[i + k])
        if 48 <= c <= 57:
            c -= 48
        elif 97 <= c <= 102:
            c -= 87
        elif 65 <= c <= 70:
            c -= 55
        else:
            return -1
        value = value * 16 + c
    return value


@kernel
def _put_utf8(out, at, code):
    """Write a code point as UTF-8; a lone surrogate gets the three bytes that UTF-8 would have for it."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | (code >> 6)
        out[at + 1] = 0x80 | (code & 0x3F)
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | (code >> 12)
        out[at + 1] = 0x80 | ((code >> 6) & 0x3F)
        out[at + 2] = 0x80 | (code & 0x3F)
        return at + 3
    out[at] = 0xF0 | (code >> 18)
    out[at + 1] = 0x80 | ((code >> 12) & 0x3F)
    out[at + 2] = 0x80 | ((code >> 6) & 0x3F)
    out[at + 3] = 0x80 | (code & 0x3F)
    return at + 4


@kernel
def unescape(buffer, start, end, out):
    """Write what the text between a string's quotes means, as UTF-8; returns its length, or -1 if it is no JSON.

    Args:
        buffer: uint8[n].
        start: behind the opening quote.
        end: where the closing one stands.
        out: uint8[>= end - start]: an escape is never shorter than what it stands for.
    """
    at = 0
    i = start
    while i < end:
        c = np.int64(buffer[i])
        if c != 0x5C:
            out[at] = c
            at += 1
            i += 1
            continue
        if i + 2 > end:
            return -1
        c = np.int64(buffer[i + 1])
        i += 2
        if c == 0x75:
            if i + 4 > end:
                return -1
            code = _hex4(buffer, i)
            if code < 0:
                return -1
            i += 4
            if 0xD800 <= code <= 0xDBFF and i + 6 <= end and buffer[i] == 0x5C and buffer[i + 1] == 0x75:
                second = _hex4(buffer, i + 2)
                if 0xDC00 <= second <= 0xDFFF:
                    code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00)
                    i += 6
            at = _put_utf8(out, at, code)
            continue
        if c == 0x62:
            c = 0x08
        elif c == 0x66:
            c = 0x0C
        elif c == 0x6E:
            c = 0x0A
        elif c == 0x72:
            c = 0x0D
        elif c == 0x74:
            c = 0x09
        elif c != 0x22 and c != 0x5C and c != 0x2F:
            return -1
        out[at] = c
        at += 1
    return at


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


@kernel
def _nest_end(buffer, i, end):
    """End of the object or array at i, by its brackets and quotes alone; -1 if it does not end."""
    depth = 0
    while i < end:
        c = buffer[i]
        if c == 0x22:
            i = quote_at(buffer, i + 1, end)
        elif c == 0x7B or c == 0x5B:
            depth += 1
        elif c == 0x7D or c == 0x5D:
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return -1


@kernel
def _is_source(buffer, start, end, out):
    """Whether the text between the quotes of a key means `_source`."""
    length = end - start
    text = buffer
    at = start
    if length != 7:
        if length < 8 or length > 42:
            return False
        length = unescape(buffer, start, end, out)
        text = out
        at = 0
        if length != 7:
            return False
    return (
        text[at] == 0x5F
        and text[at + 1] == 0x73
        and text[at + 2] == 0x6F
        and text[at + 3] == 0x75
        and text[at + 4] == 0x72
        and text[at + 5] == 0x63
        and text[at + 6] == 0x65
    )


@kernel
def find_documents(buffer, starts, ends, rows, doc_starts, doc_ends, flags, out):
    """Find the document of each record: a hit's `_source`, what follows an action of `_bulk`, else the record's object.

    A record with an object `_source` at its top level is a hit; where it has several, the last one counts, as for most
    readers, and it is flagged. A document is taken from brace to brace, without what stands around it.

    Args:
        buffer: uint8[n], padded.
        starts: int64[>= rows], of records that are JSON objects; of others, the whole record is taken.
        ends: int64[>= rows].
        rows: how many.
        doc_starts: int64[>= rows], filled.
        doc_ends: int64[>= rows], filled.
        flags: uint8[>= rows], filled: HIT, REPEATED_KEY.
        out: uint8[>= 42], scratch.
    """
    for row in range(rows):
        end = ends[row]
        start = _first_end(buffer, starts[row], end)
        doc_starts[row], doc_ends[row], flags[row] = starts[row], end, 0
        if start >= end or buffer[start] != 0x7B:
            continue
        sources = 0
        source_start = source_end = 0
        i = start + 1
        stop = -1  # where the object ends
        while i < end:
            i = _blanks_end(buffer, i, end)
            if i >= end:
                break
            c = buffer[i]
            if c == 0x7D:
                stop = i + 1
                break
            if c == 0x2C:
                i += 1
                continue
            if c != 0x22:
                break
            key, quote = i + 1, quote_at(buffer, i + 1, end)
            i = _blanks_end(buffer, quote + 1, end)
            if i >= end or buffer[i] != 0x3A:
                break
            i = _blanks_end(buffer, i + 1, end)
            if i >= end:
                break
            c = buffer[i]
            begin = i
            if c == 0x22:
                i = quote_at(buffer, i + 1, end) + 1
            elif c == 0x7B:
                i = object_end(buffer, i, end)
            elif c == 0x5B:
                i = _nest_end(buffer, i, end)
            else:
                i = bare_end(buffer, i, end)
            if i < 0:
                break
            if _is_source(buffer, key, quote, out):
                sources += 1
                if c == 0x7B:
                    source_start, source_end = begin, i
        if stop < 0:
            continue
        doc_starts[row], doc_ends[row] = start, stop
        if source_end > 0:
            doc_starts[row], doc_ends[row] = source_start, source_end
            flags[row] = HIT | (REPEATED_KEY if sources > 1 else 0)
            continue
        i = _blanks_end(buffer, stop, end)
        if i < end and buffer[i] == 0x7B:
            stop = object_end(buffer, i, end)
            if stop > 0:
                doc_starts[row], doc_ends[row] = i, stop


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


@kernel
def match_prints(a, b, told_a, told_b):
    """Tell how many of each print's records the other side has too, byte for byte or by value.

    Args:
        a: uint64[n, 5], rows of (value, value, bytes, bytes, records), in ascending order, each print once.
        b: uint64[m, 5], the same of the other side.
        told_a: int64[n, 3], filled: records equal byte for byte, equal by value only, and those that the other side
            has not.
        told_b: int64[m, 3], filled.

    Returns:
        (of a's records that b has not, those whose value b has, if less often; the same of b's)
    """
    more_a = more_b = 0
    i = j = 0
    while i < a.shape[0] or j < b.shape[0]:
        if i == a.shape[0]:
            one, two = b[j, 0], b[j, 1]
        elif j == b.shape[0]:
            one, two = a[i, 0], a[i, 1]
        elif a[i, 0] < b[j, 0] or (a[i, 0] == b[j, 0] and a[i, 1] <= b[j, 1]):
            one, two = a[i, 0], a[i, 1]
        else:
            one, two = b[j, 0], b[j, 1]
        i_end = i
        left_a = 0
        while i_end < a.shape[0] and a[i_end, 0] == one and a[i_end, 1] == two:
            told_a[i_end, 0] = 0
            left_a += np.int64(a[i_end, 4])
            i_end += 1
        j_end = j
        left_b = 0
        while j_end < b.shape[0] and b[j_end, 0] == one and b[j_end, 1] == two:
            told_b[j_end, 0] = 0
            left_b += np.int64(b[j_end, 4])
            j_end += 1
        has_a, has_b = left_a > 0, left_b > 0
        x, y = i, j
        while x < i_end and y < j_end:
            if a[x, 2] == b[y, 2] and a[x, 3] == b[y, 3]:
                same = min(np.int64(a[x, 4]), np.int64(b[y, 4]))
                told_a[x, 0] = same
                told_b[y, 0] = same
                left_a -= same
                left_b -= same
                x += 1
                y += 1
            elif a[x, 2] < b[y, 2] or (a[x, 2] == b[y, 2] and a[x, 3] < b[y, 3]):
                x += 1
            else:
                y += 1
        common = min(left_a, left_b)
        if has_b:
            more_a += left_a - common
        if has_a:
            more_b += left_b - common
        give = common
        for x in range(i, i_end):
            rest = np.int64(a[x, 4]) - told_a[x, 0]
            told_a[x, 1] = min(rest, give)
            told_a[x, 2] = rest - told_a[x, 1]
            give -= told_a[x, 1]
        give = common
        for y in range(j, j_end):
            rest = np.int64(b[y, 4]) - told_b[y, 0]
            told_b[y, 1] = min(rest, give)
            told_b[y, 2] = rest - told_b[y, 1]
            give -= told_b[y, 1]
        i, j = i_end, j_end
    return more_a, more_b
