"""The kernel that matches a record against the known layouts and cuts out its slots.

Bounds: reads `buffer[start:end]` and at most `PADDING` bytes behind `end`; writes one span a slot, at most
`spans.shape[-1] // 2`, which is the depth of the tree.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.hashing.kernels_hash import same_bytes
from logpress.kernel.compile import kernel
from logpress.kernel.words import equal32, trailing_zeros
from logpress.layout.kernels_json import bare_end, quote_at, value_end

_NONE = np.uint64(0)
_ONE = np.uint64(1)


@kernel
def slot_end(buffer, start, end, kind, length, stack):
    """End of the text of a slot that begins at `start`, or -1 if it is not of that kind."""
    if kind == 0:
        stop = quote_at(buffer, start, end)
        return stop if stop < end else -1
    if start >= end:
        return -1
    c = buffer[start]
    if kind == 1:
        if c == 0x2D or (48 <= c <= 57):
            return bare_end(buffer, start, end)
        return -1
    if kind == 3:
        return start + length if start + length < end else -1
    if kind == 2:
        if c == 0x74 or c == 0x66:
            return bare_end(buffer, start, end)
        return -1
    if kind == 4:
        if c != 0x7B and c != 0x5B:
            return -1
        return value_end(buffer, start, end, stack)
    if c == 0x6E:
        return -1
    return value_end(buffer, start, end, stack)


@kernel
def match_record(buffer, start, end, nodes, literals, spans, trail, stack):
    """The number of the layout that fits buffer[start:end], or -1; its slots' spans are left in `spans`.

    Args:
        buffer: uint8[n].
        start: first byte of the record.
        end: behind its last byte.
        nodes: int64[n, 8], see `Trie`.
        literals: uint8[m], see `Trie`.
        spans: int64[>= 2 * depth], filled with start and end of each slot.
        trail: int64[>= 2 * depth + 2], scratch.
        stack: uint8[MAX_DEPTH], scratch.
    """
    if nodes.shape[0] == 0:
        return -1
    node = 0
    at = start
    depth = 0
    while True:
        length = nodes[node, 1]
        follow = False
        same = at + length <= end and same_bytes(buffer, at, literals, nodes[node, 0], length)
        if same:
            after = at + length
            kind = nodes[node, 2]
            if kind == 6:
                if after == end:
                    return nodes[node, 6]
            else:
                # the common cases of `slot_end`, without the cost of a call
                stop = -1
                found = equal32(buffer, after, 0x22) if kind == 0 else _NONE
                if found != 0 and ((found & _ONE) != 0 or buffer[after + trailing_zeros(found) - 1] != 0x5C):
                    stop = after + trailing_zeros(found)
                    if stop >= end:
                        stop = -1
                elif kind == 3:
                    stop = after + nodes[node, 3]
                    if stop >= end or buffer[after + 10] != nodes[node, 7]:
                        stop = -1
                elif kind == 1:
                    c = buffer[after]
                    if after < end and (c == 0x2D or (48 <= c <= 57)):
                        stop = bare_end(buffer, after, end)
                else:
                    stop = slot_end(buffer, after, end, kind, nodes[node, 3], stack)
                if stop >= 0:
                    spans[2 * depth] = after
                    spans[2 * depth + 1] = stop
                    trail[2 * depth] = node
                    trail[2 * depth + 1] = at
                    depth += 1
                    node = nodes[node, 4]
                    at = stop
                    follow = node >= 0
        if not follow:
            if node >= 0:
                node = nodes[node, 5]
            while node < 0:
                if depth == 0:
                    return -1
                depth -= 1
                at = trail[2 * depth + 1]
                node = nodes[trail[2 * depth], 5]
