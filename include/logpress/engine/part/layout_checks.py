"""Checks that layouts from a file can be rendered, because kernels use their numbers unchecked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logpress.contract.model import Contract
from logpress.layout.mine import kinds_of
from logpress.layout.model import InstantFormat, Kind, Layout, Slot

MOST_DIGITS = 9
_LABEL = re.compile(r"(Z|[+-]\d\d:?\d\d|)", re.ASCII)
_EXTRA_KINDS = frozenset({Kind.STRING, Kind.NUMBER, Kind.BOOLEAN, Kind.CONTAINER, Kind.ANY})


def check_layouts(contract: Contract, layouts: Sequence[Layout]) -> None:
    """Compare layouts with their contract.

    Raises:
        ValueError: if a slot has no column or copy in the contract, or an instant's format cannot be written.
    """
    copies = {copy.path: copy.form for copy in contract.copies}
    columns = contract.by_name
    for number, layout in enumerate(layouts):
        if len(layout.literals) != len(layout.slots) + 1:
            raise ValueError(f"layout {number} has {len(layout.slots)} slots, but {len(layout.literals)} literals")
        for slot in layout.slots:
            if not (isinstance(slot.name, str) and isinstance(slot.path, str)):
                raise ValueError(f"layout {number} has a slot without a name or a path: {slot!r}")
            slot.path.encode()  # raises for a lone surrogate
            if slot.role == "extra":
                fits = slot.kind in _EXTRA_KINDS and slot.instant is None
            elif slot.role == "copy":
                is_epoch = copies.get(slot.path, "").startswith("epoch")
                fits = slot.path in copies and (_is_number(slot) if is_epoch else _is_instant(slot))
            else:
                column = columns.get(slot.name)
                fits = slot.role == "column" and column is not None
                if fits and column is not None:
                    is_instant = column.slot == "instant"
                    fits = _is_instant(slot) if is_instant else slot.kind in kinds_of(column) and slot.instant is None
            if not fits:
                raise ValueError(f"layout {number} has a slot that its contract does not know: {slot!r}")


def _is_number(slot: Slot) -> bool:
    return slot.kind == Kind.NUMBER and slot.instant is None


def _is_instant(slot: Slot) -> bool:
    return slot.kind == Kind.FIXED and slot.instant is not None and _is_writable(slot.instant)


def _is_writable(instant: InstantFormat) -> bool:
    is_separator = isinstance(instant.separator, str) and instant.separator in ("T", " ")
    has_digits = type(instant.digits) is int and 0 <= instant.digits <= MOST_DIGITS
    return is_separator and has_digits and isinstance(instant.label, str) and bool(_LABEL.fullmatch(instant.label))
