"""What kernels do with a slot of a layout: operations, as rows of integers."""

from __future__ import annotations

import json
from collections.abc import Sequence

from logpress.codecs.kernels_codes import (
    ABSENT,
    BOOLEAN,
    COPY_EPOCH,
    COPY_INSTANT,
    DECIMAL,
    INSTANT,
    INTEGER,
    KINESIS,
    STRING,
    TYPED,
    VALUE,
)
from logpress.codecs.lenient import INTEGER_LIMITS
from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import Boolean, Copy, Decimal, Instant, Integer, KinesisSequence
from logpress.contract.model import Contract
from logpress.engine.registers.registers import Registers
from logpress.layout.model import Kind, Layout, Slot


def operation(slot: Slot, index: int, registers: Registers) -> list[int]:
    """The operation (10 integers) of one slot that is no extra.

    0: slot, 1: code, 2: register, 3: second register or -1; then by code
    INSTANT: separator, digits, units a second, reference register or -1, label's offset in minutes, reference's units
    INTEGER: smallest, largest; STRING, VALUE: dictionary; KINESIS: registers of arrival, counter, sub
    COPY_INSTANT: as INSTANT (units of the column copied); COPY_EPOCH: column's units, copy's units
    """
    contract = registers.contract
    if slot.role == "copy":
        copy = _copy_at(contract, slot.path)
        source = registers.columns[copy.of]
        assert isinstance(source, Instant)
        units = UNITS_PER_SECOND[source.unit]
        number = registers[copy.of]
        if slot.instant is None:
            return [index, COPY_EPOCH, number, -1, units, 1000 if copy.form == "epoch_ms" else 1, 0, 0, 0, 0]
        second = registers.get(f"{copy.of}#shift_min") if copy.form == "labelled_instant" else -1
        written = [ord(slot.instant.separator), slot.instant.digits, units, -1, slot.instant.offset_min, 0]
        return [index, COPY_INSTANT, number, second, *written]
    column = registers.columns[slot.name]
    if isinstance(column, Instant):
        assert slot.instant is not None
        reference, reference_units = -1, 1
        if column.label_checked_by:
            checked_by = registers.columns[column.label_checked_by]
            assert isinstance(checked_by, Instant)
            reference, reference_units = registers[checked_by.name], UNITS_PER_SECOND[checked_by.unit]
        return [
            index, INSTANT, registers[column.name], registers.get(f"{column.name}#shift_min"),
            ord(slot.instant.separator), slot.instant.digits, UNITS_PER_SECOND[column.unit],
            reference, slot.instant.offset_min, reference_units,
        ]  # fmt: skip
    if isinstance(column, Integer):
        return [index, INTEGER, registers[column.name], -1, *INTEGER_LIMITS[column.type], 0, 0, 0, 0]
    if isinstance(column, Decimal):
        return [index, DECIMAL, registers[column.name], registers[f"{column.name}#scale"], 0, 0, 0, 0, 0, 0]
    if isinstance(column, Boolean):
        return [index, BOOLEAN, registers[column.name], -1, 0, 0, 0, 0, 0, 0]
    if isinstance(column, KinesisSequence):
        numbers = [registers[name] for name in column.registers_of(column.name)]
        return [index, KINESIS, numbers[0], -1, *numbers[1:], 0, 0, 0]
    code = VALUE if slot.kind == Kind.ANY else STRING
    return [index, code, registers[column.name], -1, registers.dictionaries[column.name], 0, 0, 0, 0, 0]


def typed(slot: Slot, index: int, registers: Registers) -> list[int] | None:
    """The operation of an extra slot whose text has a value for its column; None where none can have.

    0: slot, 1: TYPED, 2: register, 3: second register or -1, 4: code of the column's own operation; smallest, largest
    """
    column = registers.columns.get(slot.fills)
    if slot.kind != Kind.STRING or column is None:
        return None
    number, second = registers[column.name], registers.get(f"{column.name}#scale")
    if isinstance(column, Integer):
        return [index, TYPED, number, second, INTEGER, *INTEGER_LIMITS[column.type], 0, 0, 0]
    if isinstance(column, Decimal):
        return [index, TYPED, number, second, DECIMAL, 0, 0, 0, 0, 0]
    if isinstance(column, Boolean):
        return [index, TYPED, number, second, BOOLEAN, 0, 0, 0, 0, 0]
    return None


def absent(operations: Sequence[Sequence[int]], registers: int) -> list[list[int]]:
    """Operations that leave all registers without a value that none of these fills."""
    filled = {0}
    for op in operations:
        if op[1] == KINESIS:
            filled.update((op[2], *op[4:7]))
        elif op[1] not in (COPY_INSTANT, COPY_EPOCH):
            filled.update(number for number in op[2:4] if number >= 0)
    return [[0, ABSENT, number, -1, 0, 0, 0, 0, 0, 0] for number in range(registers) if number not in filled]


def _copy_at(contract: Contract, path: str) -> Copy:
    return next(copy for copy in contract.copies if copy.path == path)


def extra_prefixes(layout: Layout) -> list[tuple[int, bytes]]:
    """For each extra slot: its index, and what stands before its value in the row's `_extra`."""
    prefixes: list[tuple[int, bytes]] = []
    for index, slot in enumerate(layout.slots):
        if slot.role == "extra":
            opening = "," if prefixes else "{"
            prefixes.append((index, f"{opening}{json.dumps(slot.path, ensure_ascii=False)}:".encode()))
    return prefixes


def _precedence(op: Sequence[int]) -> tuple[int, int]:
    """Instants that check others come before those, copies after all columns, and what is absent before all."""
    if op[1] == ABSENT:
        return (-1, op[2])
    if op[1] == INSTANT:
        return (0 if op[7] < 0 else 1, op[0])
    return (2 if op[1] in (COPY_INSTANT, COPY_EPOCH) else 1, op[0])
