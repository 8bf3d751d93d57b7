"""The codec `integer`: a whole number of 8 to 64 bits.

Kernels: `read_integer` and `write_integer` (kernels_text), `integer_value` (kernels_typed), called by `run_operation`
of engine/convert/kernels_operations.py (INTEGER, TYPED) and `render_rows` of engine/render/kernels_render.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from logpress.codecs.base import (
    ColumnCodec,
    Example,
    Operation,
    Register,
    RegisterNumbers,
    RowsToStore,
    StoredAs,
    StoredRows,
    Value,
    content_span,
    padded,
)
from logpress.codecs.kernels_codes import INTEGER, TYPED
from logpress.codecs.kernels_typed import integer_value
from logpress.codecs.register_arrays import number_step
from logpress.contract.columns import Integer
from logpress.layout.model import Slot
from logpress.layout.tokens import Leaf

INTEGER_LIMITS = {f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16)}
"""Smallest and largest value of each type. The smallest value of wider types represents null."""

INTEGER_LIMITS |= {f"int{bits}": (1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1) for bits in (32, 64)}

_TYPES = {"int8": pa.int8(), "int16": pa.int16(), "int32": pa.int32(), "int64": pa.int64()}


class IntegerCodec(ColumnCodec[Integer]):
    """Whole numbers: the register is the value."""

    example = Example({"type": "int16"}, (b"0", b"-32768"), (b"1e2", b'"7"'), (b"32768", b'"x"', b"true"))

    @property
    def type(self) -> pa.DataType:
        """An integer of the contract's width."""
        return _TYPES[self.column.type]

    @property
    def registers(self) -> tuple[Register, ...]:
        """The value."""
        return (Register(self.name, self.column.type != "int64"),)

    def operation(self, slot: Slot, numbers: RegisterNumbers) -> Operation:
        """Read a number within the type's limits; write it."""
        return Operation(INTEGER, numbers[self.name], operands=INTEGER_LIMITS[self.column.type])

    def typed(self, numbers: RegisterNumbers) -> Operation:
        """Read a number between quotes."""
        return Operation(TYPED, numbers[self.name], operands=(INTEGER, *INTEGER_LIMITS[self.column.type]))

    def lenient(self, leaf: Leaf, record: bytes, found: Mapping[str, Value]) -> dict[str, Value]:
        """The number, with or without quotes."""
        if leaf.kind not in ("string", "number"):
            return {}
        start, end = content_span(leaf)
        smallest, largest = INTEGER_LIMITS[self.column.type]
        value = int(integer_value(padded(record[start:end]), 0, end - start))
        return {self.name: value} if smallest <= value <= largest else {}

    def stored(self) -> list[StoredAs]:
        """The value."""
        return [StoredAs(self.name, self.type, "dictionary")]

    def encode(self, rows: RowsToStore) -> None:
        """The register, unchanged."""
        rows.store_numbers(self.name, rows.regs[self.name], self.type)

    def decode(self, rows: StoredRows) -> None:
        """The column, unchanged."""
        if self.name in rows.names:
            rows.add(number_step(self.name, self.name), self.name)
