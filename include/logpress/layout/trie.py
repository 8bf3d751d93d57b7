"""A trie of the literals of all known layouts, in flat arrays for the matching kernel."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.kernel.words import PADDING
from logpress.layout.model import Kind, Layout

LITERAL_AT, LITERAL_LENGTH, KIND, LENGTH, CHILD, SIBLING, LAYOUT, SEPARATOR = range(8)
"""Columns of `Trie.nodes`."""

_FIELDS = 8


@dataclass(frozen=True)
class Trie:
    """A trie of layouts, in which common prefixes are shared.

    Attributes:
        nodes: int64[n, 8]. A node is a literal (position and length in `literals`), followed by a slot (kind; length
            and separator of date and time if it is an instant) or by the end of the record, where LAYOUT is the
            layout's number. CHILD and SIBLING are nodes, or -1. Node 0 is the first root, if there are layouts.
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
                node = self._known[key] = len(self._nodes) // _FIELDS
                layout_number = number if kind == Kind.END else -1
                self._nodes.extend(
                    (len(self._arena), len(literal), int(kind), length, -1, -1, layout_number, separator)
                )
                self._arena += literal
                if parent in self._last_child:
                    self._nodes[_FIELDS * self._last_child[parent] + SIBLING] = node
                elif parent >= 0:
                    self._nodes[_FIELDS * parent + CHILD] = node
                self._last_child[parent] = node
            parent = node
        self._depth = max(self._depth, len(layout.slots))

    def trie(self) -> Trie:
        """The trie of the layouts added so far; it does not change when more are added."""
        return Trie(
            np.array(self._nodes, dtype=np.int64).reshape(-1, _FIELDS),
            np.frombuffer(bytes(self._arena) + bytes(PADDING), dtype=np.uint8),
            self._depth,
        )


def build_trie(layouts: Sequence[tuple[int, Layout]]) -> Trie:
    """The trie of (number, layout) pairs, which must differ in literals or kinds."""
    builder = TrieBuilder()
    for number, layout in layouts:
        builder.add(number, layout)
    return builder.trie()
