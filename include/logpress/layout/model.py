"""The model of a layout: literal bytes, and slots between them with the meaning of their texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.layout.kernels_tree import (
    KIND_ANY,
    KIND_BOOLEAN,
    KIND_CONTAINER,
    KIND_END,
    KIND_FIXED,
    KIND_NUMBER,
    KIND_STRING,
)


class Kind(IntEnum):
    """How the end of a slot's text is found. [format] Files hold these numbers; docs/format.md lists them."""

    STRING = KIND_STRING
    NUMBER = KIND_NUMBER
    BOOLEAN = KIND_BOOLEAN
    FIXED = KIND_FIXED
    CONTAINER = KIND_CONTAINER
    ANY = KIND_ANY
    END = KIND_END


@dataclass(frozen=True, slots=True)
class InstantFormat:
    """Format of an instant: `YYYY-MM-DD`, a separator, `HH:MM:SS`, digits of a fraction, a label.

    The slot's text ends with the fraction. The label (`Z`, `+09:00` or nothing) is part of the literal behind it.
    """

    separator: str
    digits: int
    label: str

    @property
    def length(self) -> int:
        """Bytes of the slot's text."""
        return 19 + (self.digits + 1 if self.digits else 0)

    @property
    def offset_min(self) -> int:
        """Offset of the label from UTC, in minutes; 0 without a label."""
        if self.label in ("", "Z"):
            return 0
        minutes = int(self.label[1:3]) * 60 + int(self.label[-2:])
        return -minutes if self.label[0] == "-" else minutes


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one value in a layout.

    Attributes:
        kind: how the end of its text is found.
        role: `column`, `copy` or `extra` (the contract does not name the value, or its text does not fit the codec).
        name: the column's name; empty for copies and extras.
        path: the value's path in the record.
        instant: the format, if the kind is FIXED.
        fills: for an extra slot of a mined record, the column that its text may still have a value for. It is neither
            compared nor stored, because it follows from the paths and literals of the layout.
    """

    kind: Kind
    role: str
    name: str
    path: str
    instant: InstantFormat | None = None
    fills: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Layout:
    """The exact byte skeleton of a record.

    Attributes:
        literals: one more than slots; a record is literals[0] slot[0] literals[1] ... literals[-1].
        slots: the slots, in the order of the record.
    """

    literals: tuple[bytes, ...]
    slots: tuple[Slot, ...]

    @property
    def size(self) -> int:
        """Approximate size of its literals and paths, in bytes."""
        return sum(map(len, self.literals)) + sum(len(slot.path) for slot in self.slots)

    def without_codecs(self, failed: frozenset[int]) -> Layout:
        """The variant for records in which the codecs of these slots do not fit; the slots become extra."""
        literals = list(self.literals)
        slots = list(self.slots)
        for index in failed:
            slot = slots[index]
            kind = slot.kind
            if slot.instant is not None:
                kind = Kind.STRING
                literals[index + 1] = literals[index + 1][len(slot.instant.label) :]
            slots[index] = replace(slot, kind=kind, role="extra", name="", instant=None)
        return Layout(tuple(literals), tuple(slots))

    def to_json(self) -> dict[str, Any]:
        """JSON for the part file's metadata; literals are UTF-8."""
        slots = []
        for slot in self.slots:
            entry: list[Any] = [int(slot.kind), slot.role, slot.name, slot.path]
            if slot.instant is not None:
                entry += [slot.instant.separator, slot.instant.digits, slot.instant.label]
            slots.append(entry)
        return {"literals": [literal.decode() for literal in self.literals], "slots": slots}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Layout:
        """The reverse of `to_json`."""
        slots = []
        for kind, role, name, path, *instant in data["slots"]:
            slots.append(Slot(Kind(kind), role, name, path, InstantFormat(*instant) if instant else None))
        return cls(tuple(literal.encode() for literal in data["literals"]), tuple(slots))


def layouts_with(layouts: Sequence[Layout], column: str) -> NDArray[np.bool_]:
    """bool[layouts]: whether a layout has a slot for the column."""
    has = [any(slot.role == "column" and slot.name == column for slot in layout.slots) for layout in layouts]
    return np.array(has, dtype=bool)
