"""The kernel that matches a record against the known layouts and cuts out its slots.

Bounds: reads `buffer[start:end]` and at most `PADDING` bytes behind `end`; writes one span a slot, at most
`spans.shape[-1] // 2`, which is the depth of the tree.
"""

from __future__ import annotations

import numpy as np

from logpress.jit import kernel, load64, trailing_zeros
from logpress.layout.kernels_json import bare_end, quote_at, same_bytes, value_end

_QUOTES = np.uint64(0x2222222222222222)
_LOW_BITS = np.uint64(0x0101010101010101)
_HIGH_BITS = np.uint64(0x8080808080808080)


@kernel
def slot_end(buffer, start, end, kind, length, stack):
    """End of the text of a slot that begins at `start`, or -1 if it is not of that kind."""
    if kind == 0:
        i = start
        while i < end:
            word = load64(buffer, i) ^ _QUOTES
            found = (word - _LOW_BITS) & ~word & _HIGH_BITS
            if found != 0:
                i += trailing_zeros(found) >> 3
                if i >= end:
                    return -1
                if i == start or buffer[i - 1] != 0x5C:
                    return i
                stop = quote_at(buffer, start, end)
                return stop if stop < end else -1
            i += 8
        return -1
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
        same = at + length <= end
        if same:
            # `same_bytes`, four words at a time: literals are most of a record
            mine = nodes[node, 0]
            k = 0
            while k + 32 <= length:
                differs = (load64(buffer, at + k) ^ load64(literals, mine + k)) | (
                    load64(buffer, at + k + 8) ^ load64(literals, mine + k + 8)
                )
                differs |= (load64(buffer, at + k + 16) ^ load64(literals, mine + k + 16)) | (
                    load64(buffer, at + k + 24) ^ load64(literals, mine + k + 24)
                )
                if differs != 0:
                    same = False
                    break
                k += 32
            if same:
                same = same_bytes(buffer, at + k, literals, mine + k, length - k)
        if same:
            after = at + length
            kind = nodes[node, 2]
            if kind == 6:
                if after == end:
                    return nodes[node, 6]
            else:
                stop = slot_end(buffer, after, end, kind, nodes[node, 3], stack)
                if kind == 3 and stop >= 0 and buffer[after + 10] != nodes[node, 7]:
                    stop = -1
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
