"""Kernels that read JSON text (RFC 8259) strictly: strings, numbers and whole values. They build no objects.

Bounds: every function reads `buffer[start:end]` and at most `PADDING` bytes behind `end`; callers guarantee that these
bytes exist. Bytes behind `end` never change a result.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

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
    FIRST_WIDE,
    LOWER_A,
    LOWER_B,
    LOWER_E,
    LOWER_F,
    LOWER_N,
    LOWER_R,
    LOWER_T,
    LOWER_U,
    MINUS,
    PLUS,
    POINT,
    QUOTE,
    SLASH,
    SPACE,
    UPPER_A,
    UPPER_E,
    UPPER_F,
    WORD_FALS,
    WORD_NULL,
    WORD_TRUE,
)
from logpress.kernel.compile import kernel
from logpress.kernel.words import load32, load64
from logpress.layout.kernels_scan import bare_end, blanks_end, quote_at

MAX_DEPTH = 512
"""[format] Depth of nested containers that `value_end` follows; the plain-Python reader reads deeper text."""

PLAIN = 0
"""A string's text has no escapes."""

ESCAPED = 1
"""A string's text has escapes."""

BROKEN = 2
"""A string's text is not JSON."""

SURROGATE = 3
"""A string's text is JSON but not Unicode, because it escapes a lone surrogate."""

TOO_DEEP = -2
"""Result of `value_end`: containers are nested deeper than MAX_DEPTH."""

_ONES = np.uint64(0x0101010101010101)
_HIGHS = np.uint64(0x8080808080808080)
_QUOTES = np.uint64(QUOTE * 0x0101010101010101)
_BACKSLASHES = np.uint64(BACKSLASH * 0x0101010101010101)
_SPACES = np.uint64(SPACE * 0x0101010101010101)


@kernel
def hex4(buffer, i):
    """The number of the four hexadecimal digits at i, or -1."""
    value = 0
    for k in range(4):
        c = np.int64(buffer[i + k])
        if DIGIT_0 <= c <= DIGIT_9:
            c -= DIGIT_0
        elif LOWER_A <= c <= LOWER_F:
            c -= LOWER_A - 10
        elif UPPER_A <= c <= UPPER_F:
            c -= UPPER_A - 10
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
    """Classify the text between a string's quotes: PLAIN, ESCAPED, BROKEN or SURROGATE.

    Eight bytes are skipped together if all are from 0x20 to 0x7F and none is a quote or a backslash; exactly then `odd`
    is 0 (S. Anderson, "Bit Twiddling Hacks", hasless and haszero). A byte that equals a quote is 0 after the xor. Such
    a byte, or one below 0x20, borrows in the subtraction and so sets its own high bit; only after it can a higher byte
    be borrowed from. So a false high bit only occurs above a true one.
    """
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
        if c < SPACE or c == QUOTE:
            return BROKEN
        if c >= FIRST_WIDE:
            length = _utf8_length(buffer, i, end)
            if length == 0:
                return BROKEN
            i += length
        elif c != BACKSLASH:
            i += 1
        else:
            if i + 1 >= end:
                return BROKEN
            c = buffer[i + 1]
            if c == LOWER_U:
                if i + 6 > end:
                    return BROKEN
                code = hex4(buffer, i + 2)
                if code < 0:
                    return BROKEN
                i += 6
                if kind == PLAIN:
                    kind = ESCAPED
                if 0xD800 <= code <= 0xDFFF:
                    paired = False
                    if code <= 0xDBFF and i + 6 <= end and buffer[i] == BACKSLASH and buffer[i + 1] == LOWER_U:
                        second = hex4(buffer, i + 2)
                        if 0xDC00 <= second <= 0xDFFF:
                            paired = True
                            i += 6
                    if not paired:
                        kind = SURROGATE
            elif (
                c == QUOTE or c == BACKSLASH or c == SLASH
                or c == LOWER_B or c == LOWER_F or c == LOWER_N or c == LOWER_R or c == LOWER_T
            ):  # fmt: skip
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
    if c == LOWER_T:
        return length == 4 and load32(buffer, start) == WORD_TRUE
    if c == LOWER_F:
        return length == 5 and load32(buffer, start) == WORD_FALS and buffer[start + 4] == LOWER_E
    i = start
    if c == MINUS:
        i += 1
    if i >= end or buffer[i] < DIGIT_0 or buffer[i] > DIGIT_9:
        return False
    if buffer[i] == DIGIT_0:
        i += 1
    else:
        while i < end and DIGIT_0 <= buffer[i] <= DIGIT_9:
            i += 1
    if i < end and buffer[i] == POINT:
        i += 1
        digits = i
        while i < end and DIGIT_0 <= buffer[i] <= DIGIT_9:
            i += 1
        if i == digits:
            return False
    if i < end and (buffer[i] == LOWER_E or buffer[i] == UPPER_E):
        i += 1
        if i < end and (buffer[i] == PLUS or buffer[i] == MINUS):
            i += 1
        digits = i
        while i < end and DIGIT_0 <= buffer[i] <= DIGIT_9:
            i += 1
        if i == digits:
            return False
    return i == end


@kernel
def _scalar_end(buffer, i, end):
    """End of the string, number or word at i, or -1."""
    c = buffer[i]
    if c == QUOTE:
        quote = quote_at(buffer, i + 1, end)
        if quote >= end or string_kind(buffer, i + 1, quote) == BROKEN:
            return -1
        return quote + 1
    if c == LOWER_N:
        return i + 4 if i + 4 <= end and load32(buffer, i) == WORD_NULL else -1
    stop = bare_end(buffer, i, end)
    if not is_bare(buffer, i, stop):
        return -1
    return stop


@kernel
def value_end(buffer, start, end, stack):
    """End of the JSON value that begins at `start`, or -1 if there is none, or TOO_DEEP.

    Args:
        buffer: uint8[n]; reads at most 8 bytes behind `end`.
        start: begin of the value (no blanks before it).
        end: the value must end at or before it.
        stack: uint8[>= MAX_DEPTH], scratch.
    """
    depth = 0
    i = start
    want_key = False  # inside an object, before a key
    first = False  # right after an opening bracket: a closing one may follow
    while True:
        i = blanks_end(buffer, i, end) if depth > 0 else i
        if i >= end:
            return -1
        c = buffer[i]
        closed = False
        if first and ((c == BRACE_CLOSE and stack[depth - 1] == 1) or (c == BRACKET_CLOSE and stack[depth - 1] == 0)):
            i += 1
            depth -= 1
            closed = True
        first = False
        if not closed:
            if want_key:
                if c != QUOTE:
                    return -1
                i = _scalar_end(buffer, i, end)
                if i < 0:
                    return -1
                i = blanks_end(buffer, i, end)
                if i >= end or buffer[i] != COLON:
                    return -1
                i = blanks_end(buffer, i + 1, end)
                if i >= end:
                    return -1
                c = buffer[i]
            if c == BRACE_OPEN or c == BRACKET_OPEN:
                if depth >= MAX_DEPTH:
                    return TOO_DEEP
                stack[depth] = 1 if c == BRACE_OPEN else 0
                depth += 1
                i += 1
                want_key = c == BRACE_OPEN
                first = True
                continue
            i = _scalar_end(buffer, i, end)
            if i < 0:
                return -1
        while depth > 0:
            i = blanks_end(buffer, i, end)
            if i >= end:
                return -1
            c = buffer[i]
            if c == COMMA:
                i += 1
                want_key = stack[depth - 1] == 1
                break
            if (c == BRACE_CLOSE and stack[depth - 1] == 1) or (c == BRACKET_CLOSE and stack[depth - 1] == 0):
                i += 1
                depth -= 1
            else:
                return -1
        if depth == 0:
            return i
