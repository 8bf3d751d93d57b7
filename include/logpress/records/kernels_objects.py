"""The kernels that find records which are not lines: objects one after the other, with any separators between them.

Only quotes, backslashes, brackets and their neighbours are looked at, because they tell where an object ends. The
engine checks later whether the bytes are JSON. 32 bytes are looked at together, one bit each, as in Langdale and
Lemire, "Parsing gigabytes of JSON per second" (2019), section 3.1.1.

Bounds: every function reads `buffer[:end]` and at most 39 bytes behind `end`; callers guarantee that these bytes exist
(`PADDING`). Bytes behind `end` never change a result.
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
    NEWLINE,
    QUOTE,
    SPACE,
)
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import below32, equal32, like32, load64, trailing_zeros
from logpress.layout.kernels_scan import escaped_bytes, inside_quotes, is_blank, is_mark, quote_at

UNFINISHED = -1
"""In place of an object's end: the object ends behind the bytes that were read."""

DAMAGED = -2
"""In place of an object's end: no object begins with these bytes."""

MORE = 0
"""More bytes follow."""

LAST = 1
"""No bytes follow."""

TOO_LONG = 2
"""More bytes follow, but an object that does not end within these is given up."""

USED = 0
"""Index in the state of `frame_objects`: number of bytes that are done with."""

INSIDE = 1
"""Index in the state of `frame_objects`: 1 within an array, else 0."""

TRIES = 2
"""Index in the state of `frame_objects`: damaged objects since the last sound one."""

ALIKE = 3
"""Index in the state of `frame_objects`: the first 8 bytes of the last sound object, 0 before the first one."""

STATE_WORDS = 4
"""Length of the state of `frame_objects`."""

MOST_TRIES = 64
"""[bytes] Damaged objects in a row after which the search continues behind the damage. Until then it continues behind
the first byte, which takes time with the square of their number."""

_BRACE_BIT = BRACE_OPEN ^ BRACKET_OPEN
"""0x20: the one bit in which a brace differs from the square bracket of the same side."""

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_ALL = np.uint64(0xFFFFFFFF)
_LAST = np.uint64(31)
_MARK = 0xEF
"""First byte of a byte order mark (U+FEFF in UTF-8)."""


@inner_kernel
def _is_sign(c):
    """Whether a byte is one of the signs of JSON around values."""
    return (
        c == QUOTE or c == COMMA or c == COLON
        or c == BRACKET_OPEN or c == BRACKET_CLOSE or c == BRACE_OPEN or c == BRACE_CLOSE
    )  # fmt: skip


@inner_kernel
def _may_open(buffer, start, at, in_object):
    """Whether a bracket at `at`, in a value that begins at `start`, follows a byte that may precede it."""
    i = at - 1
    while i > start and is_blank(buffer[i]):
        i -= 1
    c = buffer[i]
    if c == COLON:
        return in_object
    return not in_object and (c == COMMA or c == BRACKET_OPEN)


@kernel
def object_end(buffer, start, end):
    """Find the end of the object or array that begins at `start`.

    Args:
        buffer: uint8[n].
        start: its opening bracket.
        end: bytes there are.

    Returns:
        (the end, UNFINISHED, or DAMAGED if no object or array begins with these bytes; index of the damage).
    """
    depth = 0
    kinds = _ZERO  # one bit for each open bracket, the innermost lowest: 1 for a brace
    is_deep = False  # more than 64 are open, so the kinds of the outer ones are lost
    in_string = _ZERO
    is_escaped = False
    after_string = _ZERO
    i = start
    while i < end:
        there = _ALL if end - i >= 32 else (_ONE << np.uint64(end - i)) - _ONE
        quotes = equal32(buffer, i, QUOTE)
        slashes = equal32(buffer, i, BACKSLASH)
        if slashes != 0 or is_escaped:
            escaped, is_escaped = escaped_bytes(slashes, is_escaped, _LAST)
            quotes &= ~escaped
        inside = (inside_quotes(quotes) ^ in_string) & _ALL
        opening = like32(buffer, i, _BRACE_BIT, BRACE_OPEN)
        closing = like32(buffer, i, _BRACE_BIT, BRACE_CLOSE)
        ended = quotes & ~inside
        behind = ((ended << _ONE) | after_string) & _ALL
        may_follow = closing | equal32(buffer, i, COMMA) | equal32(buffer, i, COLON) | below32(buffer, i, SPACE + 1)
        wrong = ((equal32(buffer, i, NEWLINE) & inside) | (behind & ~may_follow)) & there
        events = (opening | closing) & ~inside & there
        first_wrong = trailing_zeros(wrong) if wrong != 0 else np.int64(32)
        while events != 0:
            k = trailing_zeros(events)
            if k >= first_wrong:
                return DAMAGED, i + first_wrong
            c = buffer[i + k]
            if c | _BRACE_BIT == BRACE_OPEN:
                if depth > 0 and not is_deep and not _may_open(buffer, start, i + k, kinds & _ONE == 1):
                    return DAMAGED, i + k
                kinds = (kinds << _ONE) | (_ONE if c == BRACE_OPEN else _ZERO)
                depth += 1
                is_deep = is_deep or depth > 64
            else:
                if not is_deep and (kinds & _ONE == 1) != (c == BRACE_CLOSE):
                    return DAMAGED, i + k
                kinds >>= _ONE
                depth -= 1
                if depth == 0:
                    return i + k + 1, i
            events &= events - _ONE
        if wrong != 0:
            return DAMAGED, i + first_wrong
        in_string = _ALL if inside >> _LAST & _ONE else _ZERO
        after_string = ended >> _LAST & _ONE
        i += 32
    return UNFINISHED, end


@inner_kernel
def _next_object(buffer, start, first, end, is_array, alike, what_follows):
    """Find the likely begin of an object behind damage: a brace at a line's begin, or behind a closing brace.

    Within an array, commas separate elements as they separate members of an object. So an element behind a comma must
    begin with the same 8 bytes as the last sound one.
    """
    i = first
    while i < end:
        found = equal32(buffer, i, BRACE_OPEN)
        if end - i < 32:
            found &= (_ONE << np.uint64(end - i)) - _ONE
        while found != 0:
            at = i + trailing_zeros(found)
            j = at - 1
            if buffer[j] == NEWLINE:
                return at
            while j > start and is_blank(buffer[j]):
                j -= 1
            if buffer[j] == BRACE_CLOSE:
                return at
            if is_array and buffer[j] == COMMA and j > start:
                j -= 1
                while j > start and is_blank(buffer[j]):
                    j -= 1
                if buffer[j] == BRACE_CLOSE:
                    if at + 8 <= end:
                        if load64(buffer, at) == alike:
                            return at
                    elif what_follows == MORE:
                        return -1
            found &= found - _ONE
        i += 32
    return -1


@inner_kernel
def _other_end(buffer, start, end, in_array, alike, what_follows):
    """End of bytes that are not an object: an array's element of another kind, or all before the next likely object."""
    if in_array:
        i = start
        if buffer[i] == QUOTE:
            i = quote_at(buffer, i + 1, end) + 1
        else:
            while i < end and not is_blank(buffer[i]) and not _is_sign(buffer[i]):
                i += 1
        j = i
        while j < end and is_blank(buffer[j]):
            j += 1
        if j >= end and what_follows != LAST:
            return -1
        if i > start and j < end and (buffer[j] == COMMA or buffer[j] == BRACKET_CLOSE):
            return i
    return _next_object(buffer, start, start + 1, end, in_array, alike, what_follows)


@inner_kernel
def _trimmed(buffer, start, end, is_array):
    """The end of some bytes, without the separators behind them."""
    while end > start + 1 and (is_blank(buffer[end - 1]) or (is_array and buffer[end - 1] == COMMA)):
        end -= 1
    return end


@kernel
def frame_objects(buffer, end, what_follows, is_array, state, row_starts, row_ends):
    """Spans of the objects of buffer[:end], and of the bytes between them that are no separators.

    Args:
        buffer: uint8[n]; begins with the first byte that the last call did not use.
        end: bytes there are.
        what_follows: MORE, LAST or TOO_LONG.
        is_array: whether brackets and commas around objects are separators, as blanks are.
        state: int64[STATE_WORDS], all 0 before the first call; USED is set to the number of bytes that are done with.
        row_starts: int64[n], filled.
        row_ends: int64[n], filled.

    Returns:
        Number of spans, or -1 if there are more than n; then the caller must reset `state` before it tries again.
    """
    rows = 0
    at = 0
    while True:
        while at < end:
            c = buffer[at]
            if not is_blank(c):
                if not is_array:
                    break
                if state[INSIDE] == 0:
                    if c != BRACKET_OPEN:
                        break
                    state[INSIDE] = 1
                elif c == BRACKET_CLOSE:
                    state[INSIDE] = 0
                elif c != COMMA:
                    break
            at += 1
        state[USED] = at
        if at >= end:
            return rows
        start = at
        if buffer[at] == _MARK:  # a byte order mark is part of the object behind it, but not of an array
            if end - at < 4 and what_follows == MORE:
                return rows
            if end - at >= 4 and is_mark(buffer, at, end):
                if is_array and state[INSIDE] == 0 and buffer[at + 3] == BRACKET_OPEN:
                    at += 3
                    continue
                if buffer[at + 3] == BRACE_OPEN:
                    at += 3
        if rows == row_starts.shape[0]:
            return -1
        if buffer[at] == BRACE_OPEN or (buffer[at] == BRACKET_OPEN and state[INSIDE] == 1):
            stop, place = object_end(buffer, at, end)
            if stop > 0:
                if buffer[at] == BRACE_OPEN and stop - at >= 8 and state[TRIES] == 0:
                    state[ALIKE] = np.int64(load64(buffer, at))
                state[TRIES] = 0
            elif stop == UNFINISHED and what_follows == MORE:
                return rows
            else:
                first = at + 1 if state[TRIES] < MOST_TRIES else max(place, at + 1)
                alike = np.uint64(state[ALIKE])
                if alike == 0:  # no sound element yet: this one's first bytes are the best guess
                    if at + 8 <= end:
                        alike = load64(buffer, at)
                    elif what_follows == MORE:
                        return rows
                stop = _next_object(buffer, start, first, end, state[INSIDE] == 1, alike, what_follows)
                if stop < 0:
                    if what_follows != LAST:
                        return rows
                    stop = end
                state[TRIES] += 1
        else:
            alike = np.uint64(state[ALIKE])
            stop = _other_end(buffer, at, end, state[INSIDE] == 1, alike, what_follows)
            if stop < 0:
                if what_follows != LAST:
                    return rows
                stop = end
            state[TRIES] = max(state[TRIES], 1)
        row_starts[rows] = start
        row_ends[rows] = _trimmed(buffer, start, stop, state[INSIDE] == 1)
        rows += 1
        at = stop
