"""The kernel that matches a record against the known layouts and cuts out its slots.

Bounds: reads `buffer[start:end]` and at most `PADDING` bytes behind `end`; writes one span a slot, at most
`spans.shape[-1] // 2`, which is the depth of the tree.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.hashing.kernels_hash import same_bytes
from logpress.kernel.ascii import (
    BACKSLASH,
    BRACE_OPEN,
    BRACKET_OPEN,
    DIGIT_0,
    DIGIT_9,
    LOWER_F,
    LOWER_N,
    LOWER_T,
    MINUS,
    QUOTE,
)
from logpress.kernel.compile import kernel
from logpress.kernel.words import equal32, trailing_zeros
from logpress.layout.kernels_json import value_end
from logpress.layout.kernels_scan import bare_end, quote_at
from logpress.layout.kernels_tree import (
    KIND_BOOLEAN,
    KIND_CONTAINER,
    KIND_END,
    KIND_FIXED,
    KIND_NUMBER,
    KIND_STRING,
    NODE_CHILD,
    NODE_KIND,
    NODE_LAYOUT,
    NODE_LENGTH,
    NODE_LITERAL_AT,
    NODE_LITERAL_LENGTH,
    NODE_SEPARATOR,
    NODE_SIBLING,
    SEPARATOR_AT,
)

_NONE = np.uint64(0)
_ONE = np.uint64(1)


@kernel
def slot_end(buffer, start, end, kind, length, stack):
    """End of the text of a slot that begins at `start`, or -1 if the text is not of the slot's kind.

    Args:
        buffer: uint8[n].
        start: begin of the text.
        end: end of the record.
        kind: KIND_STRING to KIND_ANY.
        length: bytes of the text, if the kind is KIND_FIXED.
        stack: uint8[MAX_DEPTH], scratch.
    """
    if kind == KIND_STRING:
        stop = quote_at(buffer, start, end)
        return stop if stop < end else -1
    if start >= end:
        return -1
    c = buffer[start]
    if kind == KIND_NUMBER:
        if c == MINUS or (DIGIT_0 <= c <= DIGIT_9):
            return bare_end(buffer, start, end)
        return -1
    if kind == KIND_FIXED:
        return start + length if start + length < end else -1
    if kind == KIND_BOOLEAN:
        if c == LOWER_T or c == LOWER_F:
            return bare_end(buffer, start, end)
        return -1
    if kind == KIND_CONTAINER:
        if c != BRACE_OPEN and c != BRACKET_OPEN:
            return -1
        return value_end(buffer, start, end, stack)
    if c == LOWER_N:
        return -1
    return value_end(buffer, start, end, stack)


@kernel
def match_record(buffer, start, end, nodes, literals, spans, trail, stack):
    """The number of the layout that fits buffer[start:end], or -1; writes the spans of its slots to `spans`.

    Args:
        buffer: uint8[n].
        start: first byte of the record.
        end: index behind its last byte.
        nodes: int64[n, NODE_FIELDS], see `Trie`.
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
        length = nodes[node, NODE_LITERAL_LENGTH]
        follow = False
        same = at + length <= end and same_bytes(buffer, at, literals, nodes[node, NODE_LITERAL_AT], length)
        if same:
            after = at + length
            kind = nodes[node, NODE_KIND]
            if kind == KIND_END:
                if after == end:
                    return nodes[node, NODE_LAYOUT]
            else:
                # the most frequent cases of `slot_end`, inline, which saves the call
                stop = -1
                found = equal32(buffer, after, QUOTE) if kind == KIND_STRING else _NONE
                if found != 0 and ((found & _ONE) != 0 or buffer[after + trailing_zeros(found) - 1] != BACKSLASH):
                    stop = after + trailing_zeros(found)
                    if stop >= end:
                        stop = -1
                elif kind == KIND_FIXED:
                    stop = after + nodes[node, NODE_LENGTH]
                    if stop >= end or buffer[after + SEPARATOR_AT] != nodes[node, NODE_SEPARATOR]:
                        stop = -1
                elif kind == KIND_NUMBER:
                    c = buffer[after]
                    if after < end and (c == MINUS or (DIGIT_0 <= c <= DIGIT_9)):
                        stop = bare_end(buffer, after, end)
                else:
                    stop = slot_end(buffer, after, end, kind, nodes[node, NODE_LENGTH], stack)
                if stop >= 0:
                    spans[2 * depth] = after
                    spans[2 * depth + 1] = stop
                    trail[2 * depth] = node
                    trail[2 * depth + 1] = at
                    depth += 1
                    node = nodes[node, NODE_CHILD]
                    at = stop
                    follow = node >= 0
        if not follow:
            if node >= 0:
                node = nodes[node, NODE_SIBLING]
            while node < 0:
                if depth == 0:
                    return -1
                depth -= 1
                at = trail[2 * depth + 1]
                node = nodes[trail[2 * depth], NODE_SIBLING]
