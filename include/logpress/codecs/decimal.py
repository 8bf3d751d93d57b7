"""The codec `decimal`: a number with a fraction, stored as a double and its digits after the point.

Kernels: `read_decimal` and `write_decimal` (kernels_text), `decimal_value` (kernels_typed), called by `run_operation`
of engine/convert/kernels_operations.py (DECIMAL, TYPED) and `render_rows` of engine/render/kernels_render.py.
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
from logpress.codecs.kernels_codes import DECIMAL, TYPED
from logpress.codecs.kernels_registers import all_within
from logpress.codecs.kernels_text import MOST_SCALE, NULL
from logpress.codecs.kernels_typed import decimal_value
from logpress.codecs.register_arrays import fill_register, number_step, numbers_array
from logpress.codecs.texts import Ints
from logpress.contract.columns import Column, Decimal
from logpress.errors import PartError
from logpress.layout.model import Slot
from logpress.layout.tokens import Leaf


class DecimalCodec(ColumnCodec[Decimal]):
    """Numbers with a fraction: one register has the double's bits, another one the number of digits after the point."""

    example = Example({}, (b"1.50", b"-0.25"), (b"1.5e3", b'"2.5"'), (b'"x"', b"true"))

    def __init__(self, column: Decimal, columns: Mapping[str, Column]) -> None:
        super().__init__(column, columns)
        self._scale = f"{column.name}#scale"
        self._stored_scale = column.helper("scale")

    @property
    def type(self) -> pa.DataType:
        """A double."""
        return pa.float64()

    @property
    def registers(self) -> tuple[Register, ...]:
        """The double's bits, and the digits after the point."""
        return Register(self.name), Register(self._scale, True)

    def operation(self, slot: Slot, numbers: RegisterNumbers) -> Operation:
        """Read and write both."""
        return Operation(DECIMAL, numbers[self.name], numbers[self._scale])

    def typed(self, numbers: RegisterNumbers) -> Operation:
        """Read a number between quotes: the nearest double, and no digits."""
        return Operation(TYPED, numbers[self.name], numbers[self._scale], (DECIMAL,))

    def lenient(self, leaf: Leaf, record: bytes, found: Mapping[str, Value]) -> dict[str, Value]:
        """The double nearest to a number, with or without quotes."""
        if leaf.kind not in ("string", "number"):
            return {}
        start, end = content_span(leaf)
        value = int(decimal_value(padded(record[start:end]), 0, end - start))
        return {self.name: value} if value != NULL else {}

    def stored(self) -> list[StoredAs]:
        """The double, and the digits after the point."""
        meaning = f"Digits after the point of {self.name}"
        return [
            StoredAs(self.name, pa.float64(), "plain"),
            StoredAs(self._stored_scale, pa.int8(), "dictionary", meaning),
        ]

    def encode(self, rows: RowsToStore) -> None:
        """Both registers, unchanged."""
        rows.store(self.name, numbers_array(rows.regs[self.name], pa.int64()).view(pa.float64()))
        rows.store_numbers(self._stored_scale, rows.regs[self._scale], pa.int8())

    def decode(self, rows: StoredRows) -> None:
        """Both columns, unchanged."""
        if self.name in rows.names:
            rows.add(number_step(self.name, self.name), self.name)
            if self._stored_scale in rows.names:
                rows.add(self._fill_scale, self._scale)

    def _fill_scale(self, table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
        fill_register(regs[self._scale], table.column(self._stored_scale).chunk(0))
        if not all_within(regs[self._scale], 0, MOST_SCALE):
            raise PartError(f"column {self._stored_scale} has digits after a point that no decimal has")
