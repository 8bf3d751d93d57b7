"""The codec `boolean`: true or false.

Kernels: `boolean_value` (kernels_typed); the rest is in `run_operation` of engine/convert/kernels_operations.py
(BOOLEAN, TYPED) and `render_rows` of engine/render/kernels_render.py.
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
from logpress.codecs.kernels_codes import BOOLEAN, TYPED
from logpress.codecs.kernels_text import NULL
from logpress.codecs.kernels_typed import boolean_value
from logpress.codecs.register_arrays import number_step
from logpress.contract.columns import Boolean
from logpress.layout.model import Slot
from logpress.layout.tokens import Leaf


class BooleanCodec(ColumnCodec[Boolean]):
    """Booleans: the register is 0 or 1."""

    example = Example({}, (b"true", b"false"), (b'"true"',), (b"1", b'"no"'))

    @property
    def type(self) -> pa.DataType:
        """A boolean."""
        return pa.bool_()

    @property
    def registers(self) -> tuple[Register, ...]:
        """0 or 1."""
        return (Register(self.name, True),)

    def operation(self, slot: Slot, numbers: RegisterNumbers) -> Operation:
        """Read and write true or false."""
        return Operation(BOOLEAN, numbers[self.name])

    def typed(self, numbers: RegisterNumbers) -> Operation:
        """Read true or false between quotes."""
        return Operation(TYPED, numbers[self.name], operands=(BOOLEAN,))

    def lenient(self, leaf: Leaf, record: bytes, found: Mapping[str, Value]) -> dict[str, Value]:
        """True or false, with or without quotes."""
        if leaf.kind not in ("string", "boolean"):
            return {}
        start, end = content_span(leaf)
        value = int(boolean_value(padded(record[start:end]), 0, end - start))
        return {self.name: value} if value != NULL else {}

    def stored(self) -> list[StoredAs]:
        """The value."""
        return [StoredAs(self.name, pa.bool_(), "plain")]

    def encode(self, rows: RowsToStore) -> None:
        """0 and 1 to bits."""
        rows.store_numbers(self.name, rows.regs[self.name], pa.bool_())

    def decode(self, rows: StoredRows) -> None:
        """Bits to 0 and 1."""
        if self.name in rows.names:
            rows.add(number_step(self.name, self.name), self.name)
