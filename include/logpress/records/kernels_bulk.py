"""The kernels of `_bulk` bodies: records to pairs of an action and a document, one line each.

Bounds: every function reads `buffer[start:end]` and at most `PADDING` bytes behind `end`; callers guarantee that these
bytes exist. Bytes behind `end` never change a result.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.hashing.kernels_hash import tail_word
from logpress.kernel.ascii import (
    BRACE_CLOSE,
    BRACE_OPEN,
    CARRIAGE_RETURN,
    COLON,
    COMMA,
    NEWLINE,
    QUOTE,
    SPACE,
    TAB,
    word_of,
)
from logpress.kernel.compile import inner_kernel, kernel
from logpress.layout.kernels_json import value_end
from logpress.layout.kernels_scan import blanks_end, braces_end, is_mark, quote_at

ACTION_BYTES = 64
"""Longest action, without its values."""

NO_ACTION = 0
"""The line is not an action of `_bulk`."""

WITH_DOCUMENT = 1
"""The line is an action followed by a document: `index`, `create` or `update`."""

ALONE = 2
"""The line is an action without a document: `delete`."""

_INDEX, _CREATE, _UPDATE, _DELETE = (word_of(name) for name in (b'index"', b'create"', b'update"', b'delete"'))
_LONGEST_ACTION = 6
_NO_NAME = np.uint64(0)


@kernel
def is_action(buffer, start, end):
    """Classify the line buffer[start:end]: NO_ACTION, WITH_DOCUMENT or ALONE.

    An action is an object with one key, `index`, `create`, `update` or `delete`, whose value is an object.
    """
    i = blanks_end(buffer, start, end)
    if i >= end or buffer[i] != BRACE_OPEN:
        return NO_ACTION
    i = blanks_end(buffer, i + 1, end)
    if i >= end or buffer[i] != QUOTE:
        return NO_ACTION
    quote = quote_at(buffer, i + 1, end)
    length = quote - i - 1
    name = tail_word(buffer, i + 1, length + 1) if length <= _LONGEST_ACTION else _NO_NAME
    if name != _INDEX and name != _CREATE and name != _UPDATE and name != _DELETE:
        return NO_ACTION
    i = blanks_end(buffer, quote + 1, end)
    if i >= end or buffer[i] != COLON:
        return NO_ACTION
    i = blanks_end(buffer, i + 1, end)
    if i >= end or buffer[i] != BRACE_OPEN:
        return NO_ACTION
    i = braces_end(buffer, i, end)
    if i < 0:
        return NO_ACTION
    i = blanks_end(buffer, i, end)
    if i >= end or buffer[i] != BRACE_CLOSE or blanks_end(buffer, i + 1, end) != end:
        return NO_ACTION
    return ALONE if name == _DELETE else WITH_DOCUMENT


@kernel
def pair_lines(buffer, starts, ends, rows, pair_starts, pair_ends):
    """Spans of records in a body of `_bulk`: an action with its document, or a single line.

    Args:
        buffer: uint8[n], padded.
        starts: int64[>= rows], of lines.
        ends: int64[>= rows].
        rows: number of lines.
        pair_starts: int64[>= rows], filled.
        pair_ends: int64[>= rows], filled.

    Returns:
        (number of records, number of the last line if it is an action whose document is missing, else -1).
    """
    found = 0
    row = 0
    while row < rows:
        last = row
        if is_action(buffer, starts[row], ends[row]) == WITH_DOCUMENT:
            if row + 1 == rows:
                return found, row
            last = row + 1
        pair_starts[found] = starts[row]
        pair_ends[found] = ends[last]
        found += 1
        row = last + 1
    return found, -1


@kernel
def spans_of_objects(buffer, end, starts, ends):
    """Spans of the JSON objects of buffer[:end], each followed by a newline.

    Args:
        buffer: uint8[n], padded.
        end: bytes in use.
        starts: int64[m], filled.
        ends: int64[m], filled.

    Returns:
        Number of objects; negative if the bytes are anything else.
    """
    rows = 0
    i = 0
    while True:
        i = blanks_end(buffer, i, end)
        if is_mark(buffer, i, end):
            i += 3
            continue
        if i >= end:
            return rows
        if buffer[i] != BRACE_OPEN or rows == starts.shape[0]:
            return -1
        stop = braces_end(buffer, i, end)
        if stop < 0:
            return -1
        starts[rows] = i
        ends[rows] = stop
        rows += 1
        i = stop


@inner_kernel
def _put(buffer, start, end, out, at):
    """Copy buffer[start:end] to out[at:], with spaces in place of line breaks."""
    for i in range(start, end):
        c = buffer[i]
        out[at] = SPACE if c == NEWLINE or c == CARRIAGE_RETURN else c
        at += 1
    return at


@inner_kernel
def _is_key(buffer, start, end, name):
    """Whether the text between a key's quotes is `name`: uint8[n]."""
    if end - start != name.shape[0]:
        return False
    for k in range(name.shape[0]):
        if buffer[start + k] != name[k]:
            return False
    return True


@kernel
def write_pairs(buffer, starts, ends, rows, names, out, values, stack):
    """Write records as `_bulk` takes them.

    - A record with an object `_source` is a hit: its `_index`, `_id` and `_routing` go into the action, its `_source`
      is the document.
    - An action, and the object that follows it, are copied.
    - Any other record is a document.

    Args:
        buffer: uint8[n], padded.
        starts: int64[>= rows], of JSON objects.
        ends: int64[>= rows].
        rows: number of records.
        names: uint8 arrays: the keys `_index`, `_id`, `_routing`, `_source`, and `{"index":{`.
        out: uint8[m], with room for all records and ACTION_BYTES for each.
        values: int64[4, 2], scratch.
        stack: uint8[>= MAX_DEPTH], scratch.

    Returns:
        Bytes written.
    """
    index_name, id_name, routing_name, source_name, head = names
    at = 0
    alone = False  # the object is the document of the action written before
    for row in range(rows):
        end = ends[row]
        action = NO_ACTION if alone else is_action(buffer, starts[row], end)
        if alone or action != NO_ACTION:
            at = _put(buffer, starts[row], end, out, at)
            out[at] = NEWLINE
            at += 1
            alone = action == WITH_DOCUMENT
            continue
        values[:, :] = 0
        i = starts[row] + 1
        while i < end:
            while i < end and buffer[i] != QUOTE and buffer[i] != BRACE_CLOSE:
                i += 1
            if i >= end or buffer[i] == BRACE_CLOSE:
                break
            key, quote = i + 1, quote_at(buffer, i + 1, end)
            i = quote + 1
            while i < end and (buffer[i] == COLON or buffer[i] == SPACE or TAB <= buffer[i] <= CARRIAGE_RETURN):
                i += 1
            if i >= end:
                break
            c = buffer[i]
            if c == QUOTE:
                stop = quote_at(buffer, i + 1, end) + 1
            elif c == BRACE_OPEN:
                stop = braces_end(buffer, i, end)
            else:
                stop = value_end(buffer, i, end, stack)
            if stop < 0 or stop > end:
                break
            if c == QUOTE and _is_key(buffer, key, quote, index_name):
                values[0, 0], values[0, 1] = i, stop
            elif c == QUOTE and _is_key(buffer, key, quote, id_name):
                values[1, 0], values[1, 1] = i, stop
            elif c == QUOTE and _is_key(buffer, key, quote, routing_name):
                values[2, 0], values[2, 1] = i, stop
            elif c == BRACE_OPEN and _is_key(buffer, key, quote, source_name):
                values[3, 0], values[3, 1] = i, stop
            i = stop
        is_hit = values[3, 1] != 0
        at = _put(head, 0, head.shape[0], out, at)
        first = True
        for k in range(3):
            if is_hit and values[k, 1] != 0:
                if not first:
                    out[at] = COMMA
                    at += 1
                first = False
                out[at] = QUOTE
                name = index_name if k == 0 else (id_name if k == 1 else routing_name)
                at = _put(name, 0, name.shape[0], out, at + 1)
                out[at] = QUOTE
                out[at + 1] = COLON
                at = _put(buffer, values[k, 0], values[k, 1], out, at + 2)
        out[at] = BRACE_CLOSE
        out[at + 1] = BRACE_CLOSE
        out[at + 2] = NEWLINE
        at += 3
        if is_hit:
            at = _put(buffer, values[3, 0], values[3, 1], out, at)
        else:
            at = _put(buffer, starts[row], end, out, at)
        out[at] = NEWLINE
        at += 1
    return at
