"""Known layouts as one tree of literals, in flat arrays that the matching kernel walks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.jit import PADDING
from logpress.layout.model import Kind, Layout

LITERAL_AT, LITERAL_LENGTH, KIND, LENGTH, CHILD, SIBLING, LAYOUT, SEPARATOR = range(8)
"""Columns of `Trie.nodes`."""


@dataclass(frozen=True)
class Trie:
    """Layouts that share their beginnings.

    Attributes:
        nodes: int64[n, 8]. A node is a literal (position and length in `literals`), then a slot (its kind, and its
            length and the separator of date and time if it is an instant), or the end of the record, where LAYOUT is
            the layout's number. CHILD and SIBLING
            are nodes, or -1. Node 0 is the first root, where there is any layout.
        literals: uint8[...], padded.
        depth: the largest number of slots of a layout.
    """

    nodes: NDArray[np.int64]
    literals: NDArray[np.uint8]
    depth: int


def build_trie(layouts: Sequence[tuple[int, Layout]]) -> Trie:
    """Build the tree from (number, layout) pairs, which must differ in literals or kinds."""
    arena = bytearray()
    nodes: list[list[int]] = []
    known: dict[tuple[int, bytes, int, int, int], int] = {}
    last_child: dict[int, int] = {}
    for number, layout in layouts:
        parent = -1
        for index, literal in enumerate(layout.literals):
            if index == len(layout.slots):
                kind, length, separator = Kind.END, 0, 0
            else:
                slot = layout.slots[index]
                written = slot.instant
                kind, length, separator = slot.kind, 0, 0
                if written is not None:
                    length, separator = written.length, ord(written.separator)
            key = (parent, literal, int(kind), length, separator)
            node = known.get(key)
            if node is None:
                node = len(nodes)
                layout_number = number if kind == Kind.END else -1
                nodes.append([len(arena), len(literal), int(kind), length, -1, -1, layout_number, separator])
                arena += literal
                known[key] = node
                if parent in last_child:
                    nodes[last_child[parent]][SIBLING] = node
                elif parent >= 0:
                    nodes[parent][CHILD] = node
                last_child[parent] = node
            parent = node
    return Trie(
        np.array(nodes, dtype=np.int64).reshape(-1, 8),
        np.frombuffer(bytes(arena) + bytes(PADDING), dtype=np.uint8),
        max((len(layout.slots) for _, layout in layouts), default=0),
    )
