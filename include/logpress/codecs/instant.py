"""The codec `instant`: an ISO 8601 date and time, stored as UTC or as a residual of its prediction by others.

Kernels: `read_instant` and `write_instant` (kernels_instants), `instant_value` (kernels_typed), called by
`run_operation` of engine/convert/kernels_operations.py (INSTANT, COPY_INSTANT, COPY_EPOCH) and `render_rows` of
engine/render/kernels_render.py; between register and column, kernels_instant_columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from typing import Any

import numpy as np
import pyarrow as pa

from logpress.codecs.arrow_arrays import array_of
from logpress.codecs.base import (
    ColumnCodec,
    Derive,
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
from logpress.codecs.kernels_codes import COPY_EPOCH, COPY_INSTANT, INSTANT
from logpress.codecs.kernels_instant_columns import add_scaled, divide_exactly, less_predicted
from logpress.codecs.kernels_instants import shift_of_label
from logpress.codecs.kernels_text import BAD, NULL
from logpress.codecs.kernels_typed import instant_value, is_in_calendar
from logpress.codecs.nulls import widened
from logpress.codecs.register_arrays import fill_register, number_step, numbers_array
from logpress.codecs.texts import Ints, Texts
from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import Column, Copy, Instant, instant_of
from logpress.errors import PartError
from logpress.layout.mine import instant_format
from logpress.layout.model import Slot
from logpress.layout.tokens import Leaf

_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Units a second, by Arrow's name of the unit."""

_TYPE = pa.timestamp("us", "UTC")


class InstantCodec(ColumnCodec[Instant]):
    """Instants: a register has UTC in the column's unit.

    If labels are checked, another register has the error of the label in minutes.
    """

    example = Example(
        {"label_checked_by": "at"},
        (b'"2021-12-26T05:00:00.123Z"', b'"2021-12-26 05:00:00+09:00"'),
        refused=(b'"2021-13-26T05:00:00Z"', b"5"),
    )

    def __init__(self, column: Instant, columns: Mapping[str, Column]) -> None:
        super().__init__(column, columns)
        self._units = UNITS_PER_SECOND[column.unit]
        self._shift = f"{column.name}#shift_min"
        self._stored_shift = column.helper("shift_min")
        self._stored_residual = column.helper("residual")

    @property
    def type(self) -> pa.DataType:
        """Microseconds for any unit of the column, as Iceberg's specification demands."""
        return _TYPE

    @property
    def registers(self) -> tuple[Register, ...]:
        """UTC; if the label is checked, also the error of the label in minutes."""
        shift = (Register(self._shift, True),) if self.column.label_checked_by else ()
        return Register(self.name), *shift

    @property
    def reads(self) -> tuple[str, ...]:
        """The instant by which the label is checked."""
        return (self.column.label_checked_by,) if self.column.label_checked_by else ()

    def operation(self, slot: Slot, numbers: RegisterNumbers) -> Operation:
        """Read and write date and time in the slot's format."""
        assert slot.instant is not None
        second, reference, reference_units = -1, -1, 1
        if self.column.label_checked_by:
            second = numbers[self._shift]
            reference, reference_units = numbers[self.column.label_checked_by], self._reference_units()
        written = (ord(slot.instant.separator), slot.instant.digits, self._units)
        operands = (*written, reference, slot.instant.offset_min, reference_units)
        return Operation(INSTANT, numbers[self.name], second, operands)

    def copy_operation(self, copy: Copy, slot: Slot, numbers: RegisterNumbers) -> Operation:
        """Compare a copy of the column with it; write the copy."""
        number = numbers[self.name]
        if slot.instant is None:
            return Operation(COPY_EPOCH, number, operands=(self._units, 1000 if copy.form == "epoch_ms" else 1))
        is_shifted = copy.form == "labelled_instant" and self.column.label_checked_by
        written = (ord(slot.instant.separator), slot.instant.digits, self._units, -1, slot.instant.offset_min)
        return Operation(COPY_INSTANT, number, numbers[self._shift] if is_shifted else -1, written)

    def lenient(self, leaf: Leaf, record: bytes, found: Mapping[str, Value]) -> dict[str, Value]:
        """UTC of a date and time in any format of a layout. The label's error is known even if there is no UTC."""
        start, end = content_span(leaf)
        written = instant_format(record, start, end) if leaf.kind == "string" else None
        if written is None:
            return {}
        units, offset_min = self._units, written.offset_min
        text, dates = padded(record[start:end]), np.full(4, -1, dtype=np.int64)
        wall = int(instant_value(text, 0, ord(written.separator), written.digits, units, dates))
        if wall == BAD:
            return {}
        values: dict[str, Value] = {}
        shift = 0
        if self.column.label_checked_by:
            reference = found.get(self.column.label_checked_by)
            reference_s = reference // self._reference_units() if isinstance(reference, int) else None
            values[self._shift] = shift = corrected_shift_min(wall // units, offset_min, reference_s)
        value = wall - (offset_min - shift) * 60 * units
        if is_in_calendar(value, units):
            values[self.name] = value
        return values

    def stored(self) -> list[StoredAs]:
        """UTC or a residual; if the label is checked, also the error of the label in minutes."""
        if self.column.residual_of:
            meaning = f"{self.name} less the value that other columns predict, in its unit"
            stored = [StoredAs(self._stored_residual, pa.int64(), "dictionary", meaning)]
        else:
            stored = [StoredAs(self.name, _TYPE, "plain")]  # fastparquet misreads wide deltas
        if self.column.label_checked_by:
            meaning = f"Error of the record's own label of {self.name}, in minutes"
            stored.append(StoredAs(self._stored_shift, pa.int16(), "dictionary", meaning))
        return stored

    def encode(self, rows: RowsToStore) -> None:
        """Subtract the prediction, or scale to microseconds; in place, as no later column is predicted from it."""
        values = rows.regs[self.name]
        if self.column.residual_of:
            self._less_predicted(rows.regs, 1, values)
            rows.store_numbers(self._stored_residual, values, pa.int64())
        else:
            np.multiply(values, 1_000_000 // self._units, out=values, where=values != NULL)
            rows.store(self.name, numbers_array(values, pa.int64()).view(_TYPE))
        if self.column.label_checked_by:
            rows.store_numbers(self._stored_shift, rows.regs[self._shift], pa.int16())

    def decode(self, rows: StoredRows) -> None:
        """The reverse of `encode`."""
        if self.column.residual_of:
            if self._stored_residual in rows.names and set(rows.registers).issuperset(self.column.residual_of):
                rows.add(self._fill_predicted, self.name)
        elif self.name in rows.names:
            rows.add(self._fill, self.name)
        if self._stored_shift in rows.names:
            rows.add(number_step(self._shift, self._stored_shift), self._shift)

    def derive(self, texts: Mapping[str, Texts]) -> Derive:
        """Registers to microseconds."""
        return lambda regs: array_of(self._micros(regs[self.name]), pa.int64(), regs[self.name] == NULL).view(_TYPE)

    def _reference_units(self) -> int:
        assert self.column.label_checked_by is not None
        return UNITS_PER_SECOND[instant_of(self.columns, self.column.label_checked_by).unit]

    def _micros(self, values: Ints) -> Ints:
        factor = 1_000_000 // self._units
        return values if factor == 1 else np.where(values == NULL, NULL, values * factor)

    def _fill(self, table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
        array = table.column(self.name).chunk(0)
        if not pa.types.is_timestamp(array.type):
            raise PartError(f"column {self.name} has type {array.type}, not instants")
        fill_register(regs[self.name], array)
        stored_units = _UNITS[array.type.unit]
        if stored_units > self._units and not divide_exactly(regs[self.name], stored_units // self._units):
            raise PartError(f"column {self.name} has an instant that is finer than a {self.column.unit}")
        if stored_units < self._units:
            raise PartError(f"column {self.name} has type {array.type}, which is coarser than a {self.column.unit}")

    def _fill_predicted(self, table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
        fill_register(regs[self.name], table.column(self._stored_residual).chunk(0))
        self._less_predicted(regs, -1, regs[self.name])

    def _less_predicted(self, regs: Mapping[str, Any], sign: int, values: Ints) -> None:
        """Subtract (sign 1) or add (sign -1) the sum of the columns that predict it, in its own unit, in place."""
        factors = {}  # to microseconds
        for name in self.column.residual_of:
            other = self.columns[name]
            factors[name] = 1_000_000 // UNITS_PER_SECOND[other.unit] if isinstance(other, Instant) else 1_000
        divisor = 1_000_000 // self._units
        common = gcd(divisor, *factors.values())  # mostly all are milliseconds, and no division is needed
        predicted = np.zeros(len(values), dtype=np.int64)
        for name, factor in factors.items():
            add_scaled(predicted, widened(regs[name]), factor // common)
        less_predicted(values, predicted, divisor // common, sign, values)


def corrected_shift_min(wall_s: int, offset_min: int, reference_s: int | None) -> int:
    """As `shift_of_label`; 0 without a reference."""
    if reference_s is None:
        return 0
    return int(shift_of_label(wall_s, offset_min, reference_s))
