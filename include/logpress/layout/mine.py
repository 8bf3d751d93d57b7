"""Derive the layout of one record: its literal bytes, its values, and the column that each value fills."""

from __future__ import annotations

import re
from dataclasses import dataclass

from logpress.contract.columns import Column
from logpress.contract.model import Contract
from logpress.layout.model import InstantFormat, Kind, Layout, Slot
from logpress.layout.tokens import Leaf, read_leaves

_INSTANT = re.compile(rb"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d|)")

_KINDS = {
    "string": Kind.STRING,
    "number": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
    "container": Kind.CONTAINER,
}


def kinds_of(column: Column) -> frozenset[Kind]:
    """The kinds of slots that can fill a column, for columns other than instants."""
    return frozenset(_kind_of(column, kind) for kind in column.takes)


def _kind_of(column: Column, leaf_kind: str) -> Kind:
    return Kind.ANY if column.slot == "value" else _KINDS[leaf_kind]


@dataclass(frozen=True, slots=True)
class Mined:
    """A record's layout, and whether other records may be matched against it.

    A layout in which the text for an instant is not an instant is used for this record only. It would match instants of
    every format, and hide layouts that fit better.

    Attributes:
        layout: the record's layout.
        matchable: whether other records may be matched against it.
        filling: the value that fills each column.
    """

    layout: Layout
    matchable: bool
    filling: dict[str, Leaf]


def instant_format(record: bytes, start: int, end: int) -> InstantFormat | None:
    """The format of the instant record[start:end]; None if it is no instant, or its offset is a day or more."""
    match = _INSTANT.fullmatch(record, start, end)
    if match is None:
        return None
    return InstantFormat(match.group(1).decode(), len(match.group(2) or b""), match.group(3).decode())


class Miner:
    """Mines layouts for one contract. It is pure: the same record always has the same layout."""

    def __init__(self, contract: Contract) -> None:
        self._columns = {path: column for column in contract.columns for path in column.path}
        self._copies = {copy.path: copy for copy in contract.copies}
        self._literals = frozenset(contract.literals)
        self._whole = {path for path, column in self._columns.items() if column.slot == "value"}
        named = [*self._columns, *self._copies, *self._literals]
        self.named = frozenset(named)
        self._prefixes = {path[:at] for path in named for at, c in enumerate(path) if c in ".["}

    def descend(self, path: str) -> bool:
        """Whether to read inside the container at this path, which is so if the contract names a path in it."""
        return path in self._prefixes and path not in self._whole

    def check(self, record: bytes) -> None:
        """Check that a record is exactly one JSON object, in memory that does not grow with the record.

        Raises:
            NotAnObjectError: if it is not.
        """
        read_leaves(record, self.descend, lambda path: False)

    def mine(self, record: bytes) -> Mined:
        """The layout of one record.

        Raises:
            NotAnObjectError: if the record is not exactly one JSON object.
        """
        leaves = read_leaves(record, self.descend)
        chosen = self._choose(leaves)
        literals: list[bytes] = []
        slots: list[Slot] = []
        matchable = True
        done = 0
        for index, leaf in enumerate(leaves):
            if leaf.kind == "null" or leaf.path in self._literals:
                continue
            slot, start, end = self._slot(leaf, record, chosen.get(leaf.path) == index)
            if slot.role == "extra" and chosen.get(leaf.path) == index and self._expects_instant(leaf):
                matchable = False
            literals.append(record[done:start])
            slots.append(slot)
            done = end
        literals.append(record[done:])
        return Mined(Layout(tuple(literals), tuple(slots)), matchable, self._by_column(leaves, chosen))

    def filling(self, record: bytes) -> dict[str, Leaf]:
        """The value that fills each column, as `mine` chooses it, for a record of any length.

        Raises:
            NotAnObjectError: if the record is not exactly one JSON object.
        """
        leaves = read_leaves(record, self.descend, self._columns.__contains__)
        return self._by_column(leaves, self._choose(leaves))

    def _by_column(self, leaves: list[Leaf], chosen: dict[str, int]) -> dict[str, Leaf]:
        return {self._columns[path].name: leaves[index] for path, index in chosen.items() if path in self._columns}

    def _expects_instant(self, leaf: Leaf) -> bool:
        column = self._columns.get(leaf.path)
        copy = self._copies.get(leaf.path)
        wanted = (column is not None and column.slot == "instant") or (
            copy is not None and copy.form in ("instant", "labelled_instant")
        )
        return wanted and leaf.kind == "string"

    def _choose(self, leaves: list[Leaf]) -> dict[str, int]:
        """The leaf that fills each named path; one path a column.

        Of equal keys in an object the last one counts, as in other readers.
        """
        last = {leaf.path: index for index, leaf in enumerate(leaves)}
        chosen = {path: index for path, index in last.items() if path in self._copies}
        filled: set[str] = set()
        for path, column in self._columns.items():
            if path in last and leaves[last[path]].kind != "null" and column.name not in filled:
                filled.add(column.name)
                chosen[path] = last[path]
        return chosen

    def _slot(self, leaf: Leaf, record: bytes, is_chosen: bool) -> tuple[Slot, int, int]:
        inside = (leaf.start + 1, leaf.end - 1) if leaf.kind == "string" else (leaf.start, leaf.end)
        if is_chosen and (fitting := self._fitting(leaf, record, inside)) is not None:
            return fitting
        fills = self._columns[leaf.path].name if is_chosen and leaf.path in self._columns else ""
        return Slot(_KINDS[leaf.kind], "extra", "", leaf.path, fills=fills), *inside

    def _fitting(self, leaf: Leaf, record: bytes, inside: tuple[int, int]) -> tuple[Slot, int, int] | None:
        column = self._columns.get(leaf.path)
        copy = self._copies.get(leaf.path)
        role, name = ("column", column.name) if column is not None else ("copy", "")
        if copy is not None and copy.form.startswith("epoch"):
            return (Slot(Kind.NUMBER, role, name, leaf.path), *inside) if leaf.kind == "number" else None
        if self._expects_instant(leaf):
            written = instant_format(record, *inside)
            if written is None:
                return None
            return Slot(Kind.FIXED, role, name, leaf.path, written), inside[0], inside[0] + written.length
        if column is None or column.slot == "instant" or leaf.kind not in column.takes:
            return None
        kind = _kind_of(column, leaf.kind)
        span = (leaf.start, leaf.end) if kind == Kind.ANY else inside
        return Slot(kind, role, name, leaf.path), *span
