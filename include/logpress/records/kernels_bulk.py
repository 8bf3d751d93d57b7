"""The kernels of `_bulk` bodies: records to pairs of an action and a document, each on one line.

Bounds: every function reads `buffer[start:end]` and at most `PADDING` bytes behind `end`, which the caller guarantees
to be there; what is read behind `end` never decides a result.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.kernel.compile import inner_kernel, kernel
from logpress.layout.kernels_json import quote_at, value_end
from logpress.records.kernels_hits import object_end

ACTION_BYTES = 64
"""What an action has besides the values in it, at most."""


@inner_kernel
def _blanks_end(buffer, i, end):
    while i < end and (buffer[i] == 0x20 or buffer[i] == 0x0A or buffer[i] == 0x0D or buffer[i] == 0x09):
        i += 1
    return i


@kernel
def is_action(buffer, start, end):
    """What the line buffer[start:end] is to `_bulk`: 0 no action; 1 one that a document follows; 2 `delete`.

    An action is an object with one key, `index`, `create`, `update` or `delete`, whose value is an object.
    """
    i = _blanks_end(buffer, start, end)
    if i >= end or buffer[i] != 0x7B:
        return 0
    i = _blanks_end(buffer, i + 1, end)
    if i + 8 >= end or buffer[i] != 0x22:
        return 0
    quote = quote_at(buffer, i + 1, end)
    a, b, c = buffer[i + 1], buffer[i + 2], buffer[i + 5]
    length = quote - i - 1
    is_index = length == 5 and a == 0x69 and b == 0x6E and c == 0x78
    is_create = length == 6 and a == 0x63 and b == 0x72 and c == 0x74
    is_update = length == 6 and a == 0x75 and b == 0x70 and c == 0x74
    is_delete = length == 6 and a == 0x64 and b == 0x65 and c == 0x74
    if not (is_index or is_create or is_update or is_delete):
        return 0
    i = _blanks_end(buffer, quote + 1, end)
    if i >= end or buffer[i] != 0x3A:
        return 0
    i = _blanks_end(buffer, i + 1, end)
    if i >= end or buffer[i] != 0x7B:
        return 0
    i = object_end(buffer, i, end)
    if i < 0:
        return 0
    i = _blanks_end(buffer, i, end)
    if i >= end or buffer[i] != 0x7D or _blanks_end(buffer, i + 1, end) != end:
        return 0
    return 2 if is_delete else 1


@kernel
def pair_lines(buffer, starts, ends, rows, pair_starts, pair_ends):
    """Spans of records in a body of `_bulk`: an action with its document, or one line.

    Args:
        buffer: uint8[n], padded.
        starts: int64[>= rows], of lines.
        ends: int64[>= rows].
        rows: how many lines.
        pair_starts: int64[>= rows], filled.
        pair_ends: int64[>= rows], filled.

    Returns:
        (how many there are, the last line if it is an action without a document, else -1).
    """
    found = 0
    row = 0
    while row < rows:
        last = row
        if is_action(buffer, starts[row], ends[row]) == 1:
            if row + 1 == rows:
                return found, row
            last = row + 1
        pair_starts[found] = starts[row]
        pair_ends[found] = ends[last]
        found += 1
        row = last + 1
    return found, -1


@kernel
def frame_objects(buffer, end, starts, ends):
    """Spans of the JSON objects of buffer[:end], each of which a newline follows.

    Args:
        buffer: uint8[n], padded.
        end: bytes in use.
        starts: int64[m], filled.
        ends: int64[m], filled.

    Returns:
        How many there are; below zero if something else stands there.
    """
    rows = 0
    i = 0
    while True:
        while i < end and (buffer[i] == 0x20 or buffer[i] == 0x0A or buffer[i] == 0x0D or buffer[i] == 0x09):
            i += 1
        if i + 2 < end and buffer[i] == 0xEF and buffer[i + 1] == 0xBB and buffer[i + 2] == 0xBF:
            i += 3
            continue
        if i >= end:
            return rows
        if buffer[i] != 0x7B or rows == starts.shape[0]:
            return -1
        stop = object_end(buffer, i, end)
        if stop < 0:
            return -1
        starts[rows] = i
        ends[rows] = stop
        rows += 1
        i = stop


@inner_kernel
def _put(buffer, start, end, out, at):
    """Copy, with a space in the place of each line break."""
    for i in range(start, end):
        c = buffer[i]
        out[at] = 0x20 if c == 0x0A or c == 0x0D else c
        at += 1
    return at


@inner_kernel
def _is_key(buffer, start, end, name):
    if end - start != name.shape[0]:
        return False
    for k in range(name.shape[0]):
        if buffer[start + k] != name[k]:
            return False
    return True


@kernel
def write_pairs(buffer, starts, ends, rows, names, out, values, stack):
    """Write records as `_bulk` takes them.

    A record with an object `_source` is a hit: its `_index`, `_id` and `_routing` go into the action, its `_source` is
    the document. An action, and the object behind it, stay what they are. Any other record is a document.

    Args:
        buffer: uint8[n], padded.
        starts: int64[>= rows], of JSON objects.
        ends: int64[>= rows].
        rows: how many.
        names: the keys `_index`, `_id`, `_routing`, `_source` as uint8 arrays, and `{"index":{`.
        out: uint8[m], with room for all records and ACTION_BYTES for each.
        values: int64[4, 2], scratch.
        stack: uint8[>= MAX_DEPTH], scratch.

    Returns:
        Bytes written.
    """
    index_name, id_name, routing_name, source_name, head = names
    at = 0
    alone = False  # the object is the document of an action that is written already
    for row in range(rows):
        end = ends[row]
        action = 0 if alone else is_action(buffer, starts[row], end)
        if alone or action != 0:
            at = _put(buffer, starts[row], end, out, at)
            out[at] = 0x0A
            at += 1
            alone = action == 1
            continue
        values[:, :] = 0
        i = starts[row] + 1
        while i < end:
            while i < end and buffer[i] != 0x22 and buffer[i] != 0x7D:
                i += 1
            if i >= end or buffer[i] == 0x7D:
                break
            key, quote = i + 1, quote_at(buffer, i + 1, end)
            i = quote + 1
            while i < end and (buffer[i] == 0x3A or buffer[i] == 0x20 or 0x09 <= buffer[i] <= 0x0D):
                i += 1
            if i >= end:
                break
            c = buffer[i]
            if c == 0x22:
                stop = quote_at(buffer, i + 1, end) + 1
            elif c == 0x7B:
                stop = object_end(buffer, i, end)
            else:
                stop = value_end(buffer, i, end, stack)
            if stop < 0 or stop > end:
                break
            if c == 0x22 and _is_key(buffer, key, quote, index_name):
                values[0, 0], values[0, 1] = i, stop
            elif c == 0x22 and _is_key(buffer, key, quote, id_name):
                values[1, 0], values[1, 1] = i, stop
            elif c == 0x22 and _is_key(buffer, key, quote, routing_name):
                values[2, 0], values[2, 1] = i, stop
            elif c == 0x7B and _is_key(buffer, key, quote, source_name):
                values[3, 0], values[3, 1] = i, stop
            i = stop
        is_hit = values[3, 1] != 0
        at = _put(head, 0, head.shape[0], out, at)
        first = True
        for k in range(3):
            if is_hit and values[k, 1] != 0:
                if not first:
                    out[at] = 0x2C
                    at += 1
                first = False
                out[at] = 0x22
                name = index_name if k == 0 else (id_name if k == 1 else routing_name)
                at = _put(name, 0, name.shape[0], out, at + 1)
                out[at] = 0x22
                out[at + 1] = 0x3A
                at = _put(buffer, values[k, 0], values[k, 1], out, at + 2)
        out[at] = 0x7D
        out[at + 1] = 0x7D
        out[at + 2] = 0x0A
        at += 3
        if is_hit:
            at = _put(buffer, values[3, 0], values[3, 1], out, at)
        else:
            at = _put(buffer, starts[row], end, out, at)
        out[at] = 0x0A
        at += 1
    return at
