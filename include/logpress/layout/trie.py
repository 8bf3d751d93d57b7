"""A trie of the literals of all known layouts, in flat arrays for the matching kernel."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.kernel.words import PADDING
from logpress.layout.kernels_tree import (
    NODE_CHILD,
    NODE_FIELDS,
    NODE_KIND,
    NODE_LAYOUT,
    NODE_LENGTH,
    NODE_LITERAL_AT,
    NODE_LITERAL_LENGTH,
    NODE_SEPARATOR,
    NODE_SIBLING,
)
from logpress.layout.model import Kind, Layout


@dataclass(frozen=True)
class Trie:
    """A trie of layouts; layouts share their common prefixes.

    Attributes:
        nodes: int64[n, NODE_FIELDS]. A node is a literal, then a slot or the end of the record; its columns are the
            NODE_ constants of `kernels_tree`. Node 0 is the first root, where there is any layout.
        literals: uint8[...], padded.
        depth: the largest number of slots of a layout.
    """

    nodes: NDArray[np.int64]
    literals: NDArray[np.uint8]
    depth: int


class TrieBuilder:
    """Builds a trie. Layouts are added one by one, and must differ in literals or kinds."""

    def __init__(self) -> None:
        self._arena = bytearray()
        self._nodes = array("q")
        self._known: dict[tuple[int, bytes, int, int, int], int] = {}
        self._last_child: dict[int, int] = {}
        self._depth = 0

    def add(self, number: int, layout: Layout) -> None:
        """Add a layout, under this number in `Trie.nodes`."""
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
            node = self._known.get(key)
            if node is None:
                node = self._known[key] = len(self._nodes) // NODE_FIELDS
                made = [-1] * NODE_FIELDS
                made[NODE_LITERAL_AT], made[NODE_LITERAL_LENGTH] = len(self._arena), len(literal)
                made[NODE_KIND], made[NODE_LENGTH], made[NODE_SEPARATOR] = int(kind), length, separator
                made[NODE_LAYOUT] = number if kind == Kind.END else -1
                self._nodes.extend(made)
                self._arena += literal
                if parent in self._last_child:
                    self._nodes[NODE_FIELDS * self._last_child[parent] + NODE_SIBLING] = node
                elif parent >= 0:
                    self._nodes[NODE_FIELDS * parent + NODE_CHILD] = node
                self._last_child[parent] = node
            parent = node
        self._depth = max(self._depth, len(layout.slots))

    def trie(self) -> Trie:
        """The trie of the layouts added so far; it does not change when more are added."""
        return Trie(
            np.array(self._nodes, dtype=np.int64).reshape(-1, NODE_FIELDS),
            np.frombuffer(bytes(self._arena) + bytes(PADDING), dtype=np.uint8),
            self._depth,
        )


def build_trie(layouts: Sequence[tuple[int, Layout]]) -> Trie:
    """The trie of (number, layout) pairs, which must differ in literals or kinds."""
    builder = TrieBuilder()
    for number, layout in layouts:
        builder.add(number, layout)
    return builder.trie()
