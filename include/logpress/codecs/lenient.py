"""Read the column values of a record that is kept whole; they equal those of a record with a layout."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_instants import shift_of_label
from logpress.codecs.kernels_kinesis import read_kinesis
from logpress.codecs.kernels_text import BAD, NULL
from logpress.codecs.kernels_typed import boolean_value, decimal_value, instant_value, integer_value, is_in_calendar
from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import Boolean, Column, Decimal, Instant, Integer, Json, KinesisSequence
from logpress.contract.model import Contract
from logpress.kernel.words import PADDING
from logpress.layout.mine import Miner, instant_format
from logpress.layout.tokens import Leaf, NotAnObjectError

Value = int | tuple[int, int]

INTEGER_LIMITS = {f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16)}
"""Smallest and largest value of each type. The smallest value of wider types represents null."""

INTEGER_LIMITS |= {f"int{bits}": (1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1) for bits in (32, 64)}


def corrected_shift_min(wall_s: int, offset_min: int, reference_s: int | None) -> int:
    """As `shift_of_label`; 0 if there is no reference."""
    if reference_s is None:
        return 0
    return int(shift_of_label(wall_s, offset_min, reference_s))


class LenientReader:
    """Reads as many of a record's columns as it can; never raises."""

    def __init__(self, contract: Contract) -> None:
        self._columns: list[Column] = sorted(
            contract.columns, key=lambda column: isinstance(column, Instant) and bool(column.label_checked_by)
        )
        self._by_name = contract.by_name
        self._miner = Miner(contract)

    def registers(self, record: bytes, filling: Mapping[str, Leaf] | None = None) -> list[tuple[str, Value]]:
        """(register, value) pairs; for a text, the value is the span of its JSON text in the record.

        Args:
            record: its bytes.
            filling: the value that fills each column, if already known.
        """
        if filling is None:
            try:
                filling = self._miner.filling(record)
            except NotAnObjectError:
                return []
        found: dict[str, Value] = {}
        for column in self._columns:
            leaf = filling.get(column.name)
            if leaf is not None:
                self._fill(column, leaf, record, found)
        return list(found.items())

    def _fill(self, column: Column, leaf: Leaf, record: bytes, found: dict[str, Value]) -> None:
        name = column.name
        if isinstance(column, Json):
            found[name] = (leaf.start, leaf.end)
            return
        is_string = leaf.kind == "string"
        start, end = (leaf.start + 1, leaf.end - 1) if is_string else (leaf.start, leaf.end)
        if isinstance(column, (Integer, Decimal, Boolean)):
            value = _typed(column, leaf, record[start:end])
            if value != NULL:
                found[name] = value
        elif not is_string:
            return
        elif isinstance(column, Instant):
            self._fill_instant(column, record, start, end, found)
        elif isinstance(column, KinesisSequence):
            parts = np.zeros(4, dtype=np.int64)
            if read_kinesis(_padded(record[start:end]), 0, end - start, parts):
                found.update(zip(KinesisSequence.registers_of(name), parts.tolist(), strict=True))
        else:
            found[name] = (start, end)

    def _fill_instant(self, column: Instant, record: bytes, start: int, end: int, found: dict[str, Value]) -> None:
        written = instant_format(record, start, end)
        if written is None:
            return
        units, offset_min = UNITS_PER_SECOND[column.unit], written.offset_min
        text, dates = _padded(record[start:end]), np.full(4, -1, dtype=np.int64)
        wall = int(instant_value(text, 0, ord(written.separator), written.digits, units, dates))
        if wall == BAD:
            return
        shift = 0
        if column.label_checked_by:
            reference = found.get(column.label_checked_by)
            checked_by = self._by_name[column.label_checked_by]
            assert isinstance(checked_by, Instant)
            reference_s = reference // UNITS_PER_SECOND[checked_by.unit] if isinstance(reference, int) else None
            shift = corrected_shift_min(wall // units, offset_min, reference_s)
            found[f"{column.name}#shift_min"] = shift
        value = wall - (offset_min - shift) * 60 * units
        if is_in_calendar(value, units):
            found[column.name] = value


def _typed(column: Integer | Decimal | Boolean, leaf: Leaf, text: bytes) -> int:
    """The value of a number or boolean, with or without quotes; NULL if there is none."""
    buffer = _padded(text)
    if isinstance(column, Boolean):
        return int(boolean_value(buffer, 0, len(text))) if leaf.kind in ("string", "boolean") else int(NULL)
    if leaf.kind not in ("string", "number"):
        return int(NULL)
    if isinstance(column, Decimal):
        return int(decimal_value(buffer, 0, len(text)))
    smallest, largest = INTEGER_LIMITS[column.type]
    value = int(integer_value(buffer, 0, len(text)))
    return value if smallest <= value <= largest else int(NULL)


def _padded(text: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(text + bytes(PADDING), dtype=np.uint8)
