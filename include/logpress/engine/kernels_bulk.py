"""The kernels of `_bulk` bodies: records to pairs of an action and a document, each on one line.

Bounds: every function reads `buffer[start:end]` and at most `PADDING` bytes behind `end`, which the caller guarantees
to be there; what is read behind `end` never decides a result.
"""

from __future__ import annotations

from logpress.engine.kernels_hits import object_end
from logpress.jit import inner_kernel, kernel
from logpress.layout.kernels_json import quote_at, value_end

ACTION_BYTES = 64
"""What an action has besides the values in it, at most."""


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
    the document. Any other record is a document.

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
    for row in range(rows):
        end = ends[row]
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
