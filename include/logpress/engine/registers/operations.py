"""Operations: rows of integers that tell kernels what to do with the slots of a layout."""

from __future__ import annotations

import json

from logpress.codecs.base import Operation
from logpress.codecs.instant import InstantCodec
from logpress.codecs.kernels_codes import ABSENT
from logpress.engine.registers.registers import Registers
from logpress.layout.model import Kind, Layout, Slot


def operation(slot: Slot, registers: Registers) -> Operation:
    """The operation of one slot that is not extra."""
    if slot.role != "copy":
        return registers.codecs[slot.name].operation(slot, registers)
    copy = next(copy for copy in registers.contract.copies if copy.path == slot.path)
    source = registers.codecs[copy.of]
    assert isinstance(source, InstantCodec)
    return source.copy_operation(copy, slot, registers)


def operations(layout: Layout, registers: Registers, *, fills_all: bool) -> list[list[int]]:
    """The operations that convert a record, in the order in which they run.

    Registers without a slot come first, then columns, each after those that it reads, then copies.

    Args:
        layout: layout of the record.
        registers: of the contract.
        fills_all: whether registers without a slot are filled with NULL.
    """
    found: list[tuple[int, list[int]]] = []
    filled = {0}
    for index, slot in enumerate(layout.slots):
        codec = registers.codecs.get(slot.name if slot.role == "column" else slot.fills)
        if slot.role != "extra":
            rank = 2 if codec is None else bool(codec.reads)
            found.append((rank, operation(slot, registers).row(index)))
        elif codec is not None and fills_all and slot.kind == Kind.STRING and (typed := codec.typed(registers)):
            found.append((0, typed.row(index)))
        else:
            continue
        if codec is not None:
            filled.update(registers[register.name] for register in codec.registers)
    if fills_all:
        found += [(-1, Operation(ABSENT, number).row(0)) for number in range(len(registers)) if number not in filled]
    return [row for _, row in sorted(found, key=lambda entry: entry[0])]


def extra_prefixes(layout: Layout) -> list[tuple[int, bytes]]:
    """(number, text before its value in the row's `_extra`) of each extra slot."""
    prefixes: list[tuple[int, bytes]] = []
    for index, slot in enumerate(layout.slots):
        if slot.role == "extra":
            opening = "," if prefixes else "{"
            prefixes.append((index, f"{opening}{json.dumps(slot.path, ensure_ascii=False)}:".encode()))
    return prefixes
