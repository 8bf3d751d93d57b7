"""The kernel that reads JSON strings with escapes.

Bounds: reads stay inside `buffer[start:end]`; it writes at most as many bytes as it reads.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.ascii import (
    BACKSLASH,
    BACKSPACE,
    CARRIAGE_RETURN,
    FIRST_WIDE,
    FORM_FEED,
    LOWER_B,
    LOWER_F,
    LOWER_N,
    LOWER_R,
    LOWER_T,
    LOWER_U,
    NEWLINE,
    QUOTE,
    SLASH,
    TAB,
)
from logpress.kernel.compile import kernel
from logpress.layout.kernels_json import hex4


@kernel
def _put_utf8(out, at, code):
    """Write a code point as UTF-8 (RFC 3629, section 3); returns the end.

    A lone surrogate is written as the three bytes that the scheme of UTF-8 gives it.
    """
    if code < FIRST_WIDE:
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
def unescape_text(buffer, start, end, out):
    """Write the value of the text between a string's quotes as UTF-8; returns its length, or -1 if it is not JSON.

    Args:
        buffer: uint8[n].
        start: index behind the opening quote.
        end: index of the closing quote.
        out: uint8[>= end - start], filled. This is enough, because no escape is shorter than its character in UTF-8.
    """
    at = 0
    i = start
    while i < end:
        c = np.int64(buffer[i])
        if c != BACKSLASH:
            out[at] = c
            at += 1
            i += 1
            continue
        if i + 2 > end:
            return -1
        c = np.int64(buffer[i + 1])
        i += 2
        if c == LOWER_U:
            if i + 4 > end:
                return -1
            code = hex4(buffer, i)
            if code < 0:
                return -1
            i += 4
            if 0xD800 <= code <= 0xDBFF and i + 6 <= end and buffer[i] == BACKSLASH and buffer[i + 1] == LOWER_U:
                second = hex4(buffer, i + 2)
                if 0xDC00 <= second <= 0xDFFF:
                    code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00)
                    i += 6
            at = _put_utf8(out, at, code)
            continue
        if c == LOWER_B:
            c = BACKSPACE
        elif c == LOWER_F:
            c = FORM_FEED
        elif c == LOWER_N:
            c = NEWLINE
        elif c == LOWER_R:
            c = CARRIAGE_RETURN
        elif c == LOWER_T:
            c = TAB
        elif c != QUOTE and c != BACKSLASH and c != SLASH:
            return -1
        out[at] = c
        at += 1
    return at
