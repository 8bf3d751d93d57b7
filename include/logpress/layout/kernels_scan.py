"""Kernels that scan JSON text for blanks, quotes, backslashes and brackets. They do not check that the text is JSON.

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
    CARRIAGE_RETURN,
    COMMA,
    NEWLINE,
    QUOTE,
    SPACE,
    TAB,
)
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import equal32, trailing_zeros

_ZERO, _ONE, _THREE = np.uint64(0), np.uint64(1), np.uint64(3)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_HALF, _LAST = np.uint64(32), np.uint64(63)


@inner_kernel
def is_blank(c):
    """Whether a byte is one of JSON's four blanks."""
    return c == SPACE or c == NEWLINE or c == CARRIAGE_RETURN or c == TAB


@inner_kernel
def blanks_end(buffer, i, end):
    """End of the blanks that begin at i: index of the first other byte, or `end`."""
    while i < end and is_blank(buffer[i]):
        i += 1
    return i


@inner_kernel
def is_mark(buffer, i, end):
    """Whether a byte order mark (U+FEFF in UTF-8) begins at i and ends at or before `end`."""
    return i + 3 <= end and buffer[i] == 0xEF and buffer[i + 1] == 0xBB and buffer[i + 2] == 0xBF


@inner_kernel
def escaped_bytes(slashes, carried, last):
    """Bits of the bytes that are escaped by a backslash before them.

    Args:
        slashes: uint64, a bit for each byte that is a backslash.
        carried: whether the byte before the first one is a backslash that escapes it.
        last: uint64, number of the last byte's bit; no bit above it is set.

    Returns:
        (the bits, whether the byte behind the last one is escaped).
    """
    found = _ZERO
    if carried:
        found = _ONE
        slashes &= ~_ONE
    carried = False
    while slashes != 0:
        at = np.uint64(trailing_zeros(slashes))
        if at == last:
            carried = True
            break
        found |= _ONE << (at + _ONE)
        slashes &= ~(_THREE << at)  # an escaped backslash escapes nothing
    return found, carried


@inner_kernel
def inside_quotes(quotes):
    """Bits of the bytes from each opening quote up to its closing quote: bit k is the parity of quotes' bits 0 to k.

    It is a prefix sum modulo 2, as in Langdale and Lemire, "Parsing gigabytes of JSON per second" (2019), section
    3.1.1. For quotes at bits 1 and 4 (0b10010) it is 0b01110.
    """
    quotes ^= quotes << _ONE
    quotes ^= quotes << np.uint64(2)
    quotes ^= quotes << np.uint64(4)
    quotes ^= quotes << np.uint64(8)
    quotes ^= quotes << np.uint64(16)
    quotes ^= quotes << np.uint64(32)
    return quotes


@kernel
def quote_at(buffer, start, end):
    """Index of the first unescaped double quote in buffer[start:end], or `end` if there is none."""
    i = start
    while i < end:
        found = equal32(buffer, i, QUOTE)
        if found == 0:
            i += 32
            continue
        i += trailing_zeros(found)
        if i >= end:
            return end
        backslashes = 0
        while i - backslashes > start and buffer[i - backslashes - 1] == BACKSLASH:
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
        if c == COMMA or c == BRACE_CLOSE or c == BRACKET_CLOSE or is_blank(c):
            return i
        i += 1
    return end


@inner_kernel
def _equal64(buffer, i, byte):
    """Which of the 64 bytes of buffer[i:] are `byte`."""
    return equal32(buffer, i, byte) | equal32(buffer, i + 32, byte) << _HALF


@kernel
def braces_end(buffer, start, end):
    """End of the JSON object that begins at `start`, found by braces and quotes alone; -1 if it does not end.

    Square brackets are ignored and nothing is checked; `records.kernels_objects.object_end` is for bytes that may be
    damaged.

    Args:
        buffer: uint8[n].
        start: index of its opening brace.
        end: end of the text.
    """
    depth = 0
    inside = _ZERO  # all ones inside a string, else zero
    carried = False
    i = start
    while i < end:
        valid = _ALL
        if end - i < 64:
            valid = (_ONE << np.uint64(end - i)) - _ONE
        slashes = _equal64(buffer, i, BACKSLASH) & valid
        quotes = _equal64(buffer, i, QUOTE) & valid
        if slashes != 0 or carried:
            escaped, carried = escaped_bytes(slashes, carried, _LAST)
            quotes &= ~escaped
        strings = inside_quotes(quotes) ^ inside
        opening = _equal64(buffer, i, BRACE_OPEN) & valid & ~strings
        closing = _equal64(buffer, i, BRACE_CLOSE) & valid & ~strings
        braces = opening | closing
        while braces != 0:
            bit = braces & (~braces + _ONE)
            if opening & bit != 0:
                depth += 1
            else:
                depth -= 1
                if depth == 0:
                    return i + trailing_zeros(bit) + 1
            braces ^= bit
        inside = _ALL if strings >> _LAST != 0 else _ZERO
        i += 64
    return -1


@kernel
def brackets_end(buffer, i, end):
    """End of the object or array at i, found by brackets, braces and quotes alone; -1 if it does not end."""
    depth = 0
    while i < end:
        c = buffer[i]
        if c == QUOTE:
            i = quote_at(buffer, i + 1, end)
        elif c == BRACE_OPEN or c == BRACKET_OPEN:
            depth += 1
        elif c == BRACE_CLOSE or c == BRACKET_CLOSE:
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return -1
