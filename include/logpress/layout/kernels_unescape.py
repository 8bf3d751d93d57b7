"""The kernel that reads JSON strings with escapes."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import kernel


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
