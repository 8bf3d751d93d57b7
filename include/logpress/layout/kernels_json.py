"""Kernels that read JSON text (RFC 8259) strictly: strings, numbers and whole values, without building anything.

Bounds: every function reads `buffer[start:end]` and at most `PADDING` bytes behind `end`, which the caller
guarantees to be there; what is read behind `end` never decides a result.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import equal32, load64, trailing_zeros

MAX_DEPTH = 512
"""How deep `value_end` follows brackets; deeper text is left to the plain-Python reader."""

PLAIN, ESCAPED, BROKEN, SURROGATE = 0, 1, 2, 3
"""What a string's text is: without escapes; with escapes; not JSON; JSON that is no Unicode (a lone surrogate)."""

TOO_DEEP = -2

_ONE = np.uint64(1)
_ONES = np.uint64(0x0101010101010101)
_HIGHS = np.uint64(0x8080808080808080)
_QUOTES = np.uint64(0x2222222222222222)
_BACKSLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)
_SPACES = np.uint64(0x2020202020202020)
_EIGHT = np.uint64(8)


@kernel
def quote_at(buffer, start, end):
    """Index of the first unescaped double quote in buffer[start:end], or `end` if there is none."""
    i = start
    while i < end:
        found = equal32(buffer, i, 0x22)
        if found == 0:
            i += 32
            continue
        i += trailing_zeros(found)
        if i >= end:
            return end
        backslashes = 0
        while i - backslashes > start and buffer[i - backslashes - 1] == 0x5C:
            backslashes += 1
        if backslashes & 1 == 0:
            return i
        i += 1
    return end


@inner_kernel
def bare_end(buffer, start, end):
    """End of a number, `true` or `false` that begins at `start`: the next comma, bracket or blank."""
    i = start
    while i < end:
        c = buffer[i]
        if c == 0x2C or c == 0x7D or c == 0x5D or c == 0x20 or c == 0x0D or c == 0x09 or c == 0x0A:
            return i
        i += 1
    return end


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
def _utf8_length(buffer, i, end):
    """Length of the well-formed UTF-8 sequence of two to four bytes at i (Unicode 15, table 3-7), or 0."""
    c = buffer[i]
    if c < 0xC2 or c > 0xF4:
        return 0
    length = 2 if c < 0xE0 else (3 if c < 0xF0 else 4)
    if i + length > end:
        return 0
    second = buffer[i + 1]
    low, high = 0x80, 0xBF
    if c == 0xE0:
        low = 0xA0
    elif c == 0xED:
        high = 0x9F
    elif c == 0xF0:
        low = 0x90
    elif c == 0xF4:
        high = 0x8F
    if second < low or second > high:
        return 0
    for k in range(2, length):
        if buffer[i + k] & 0xC0 != 0x80:
            return 0
    return length


@kernel
def string_kind(buffer, start, end):
    """What the text between a string's quotes is: PLAIN, ESCAPED, BROKEN or SURROGATE."""
    i = start
    kind = PLAIN
    while i < end:
        if i + 8 <= end:
            word = load64(buffer, i)
            slash = word ^ _BACKSLASHES
            quote = word ^ _QUOTES
            odd = (word | (word - _SPACES) | (slash - _ONES) | (quote - _ONES)) & _HIGHS
            if odd == 0:
                i += 8
                continue
        c = buffer[i]
        if c < 0x20 or c == 0x22:
            return BROKEN
        if c >= 0x80:
            length = _utf8_length(buffer, i, end)
            if length == 0:
                return BROKEN
            i += length
        elif c != 0x5C:
            i += 1
        else:
            if i + 1 >= end:
                return BROKEN
            c = buffer[i + 1]
            if c == 0x75:
                if i + 6 > end:
                    return BROKEN
                code = _hex4(buffer, i + 2)
                if code < 0:
                    return BROKEN
                i += 6
                if kind == PLAIN:
                    kind = ESCAPED
                if 0xD800 <= code <= 0xDFFF:
                    paired = False
                    if code <= 0xDBFF and i + 6 <= end and buffer[i] == 0x5C and buffer[i + 1] == 0x75:
                        second = _hex4(buffer, i + 2)
                        if 0xDC00 <= second <= 0xDFFF:
                            paired = True
                            i += 6
                    if not paired:
                        kind = SURROGATE
            elif c == 0x22 or c == 0x5C or c == 0x2F or c == 0x62 or c == 0x66 or c == 0x6E or c == 0x72 or c == 0x74:
                if kind == PLAIN:
                    kind = ESCAPED
                i += 2
            else:
                return BROKEN
    return kind


@kernel
def is_bare(buffer, start, end):
    """Whether buffer[start:end] is a JSON number, `true` or `false`."""
    length = end - start
    if length <= 0:
        return False
    c = buffer[start]
    if c == 0x74:
        return length == 4 and buffer[start + 1] == 0x72 and buffer[start + 2] == 0x75 and buffer[start + 3] == 0x65
    if c == 0x66:
        return (
            length == 5
            and buffer[start + 1] == 0x61
            and buffer[start + 2] == 0x6C
            and buffer[start + 3] == 0x73
            and buffer[start + 4] == 0x65
        )
    i = start
    if c == 0x2D:
        i += 1
    if i >= end or buffer[i] < 48 or buffer[i] > 57:
        return False
    if buffer[i] == 48:
        i += 1
    else:
        while i < end and 48 <= buffer[i] <= 57:
            i += 1
    if i < end and buffer[i] == 0x2E:
        i += 1
        digits = i
        while i < end and 48 <= buffer[i] <= 57:
            i += 1
        if i == digits:
            return False
    if i < end and (buffer[i] == 0x65 or buffer[i] == 0x45):
        i += 1
        if i < end and (buffer[i] == 0x2B or buffer[i] == 0x2D):
            i += 1
        digits = i
        while i < end and 48 <= buffer[i] <= 57:
            i += 1
        if i == digits:
            return False
    return i == end


@kernel
def _skip_blanks(buffer, i, end):
    while i < end and (buffer[i] == 0x20 or buffer[i] == 0x0A or buffer[i] == 0x0D or buffer[i] == 0x09):
        i += 1
    return i


@kernel
def _scalar_end(buffer, i, end):
    """End of the string, number or word at i, or -1."""
    c = buffer[i]
    if c == 0x22:
        quote = quote_at(buffer, i + 1, end)
        if quote >= end or string_kind(buffer, i + 1, quote) == BROKEN:
            return -1
        return quote + 1
    if c == 0x6E:
        if i + 4 <= end and buffer[i + 1] == 0x75 and buffer[i + 2] == 0x6C and buffer[i + 3] == 0x6C:
            return i + 4
        return -1
    stop = bare_end(buffer, i, end)
    if not is_bare(buffer, i, stop):
        return -1
    return stop


@kernel
def value_end(buffer, start, end, stack):
    """End of the JSON value that begins at `start`, or -1 if there is none, or TOO_DEEP.

    Args:
        buffer: uint8[n]; reads at most 8 bytes behind `end`.
        start: where the value begins (no blanks before it).
        end: the value must end at or before it.
        stack: uint8[>= MAX_DEPTH], scratch.
    """
    depth = 0
    i = start
    want_key = False  # inside an object, before a key
    first = False  # right after an opening bracket: a closing one may follow
    while True:
        i = _skip_blanks(buffer, i, end) if depth > 0 else i
        if i >= end:
            return -1
        c = buffer[i]
        closed = False
        if first and ((c == 0x7D and stack[depth - 1] == 1) or (c == 0x5D and stack[depth - 1] == 0)):
            i += 1
            depth -= 1
            closed = True
        first = False
        if not closed:
            if want_key:
                if c != 0x22:
                    return -1
                i = _scalar_end(buffer, i, end)
                if i < 0:
                    return -1
                i = _skip_blanks(buffer, i, end)
                if i >= end or buffer[i] != 0x3A:
                    return -1
                i = _skip_blanks(buffer, i + 1, end)
                if i >= end:
                    return -1
                c = buffer[i]
            if c == 0x7B or c == 0x5B:
                if depth >= MAX_DEPTH:
                    return TOO_DEEP
                stack[depth] = 1 if c == 0x7B else 0
                depth += 1
                i += 1
                want_key = c == 0x7B
                first = True
                continue
            i = _scalar_end(buffer, i, end)
            if i < 0:
                return -1
        while depth > 0:
            i = _skip_blanks(buffer, i, end)
            if i >= end:
                return -1
            c = buffer[i]
            if c == 0x2C:
                i += 1
                want_key = stack[depth - 1] == 1
                break
            if (c == 0x7D and stack[depth - 1] == 1) or (c == 0x5D and stack[depth - 1] == 0):
                i += 1
                depth -= 1
            else:
                return -1
        if depth == 0:
            return i


@inner_kernel
def _blanks_end(buffer, i, end):
    while i < end and (buffer[i] == 0x20 or buffer[i] == 0x0A or buffer[i] == 0x0D or buffer[i] == 0x09):
        i += 1
    return i
