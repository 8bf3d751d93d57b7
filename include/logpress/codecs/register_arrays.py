"""Registers to Arrow arrays of numbers, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import array_of, missing_of, values_of
from logpress.codecs.base import Step
from logpress.codecs.kernels_registers import any_null
from logpress.codecs.kernels_text import NULL
from logpress.codecs.nulls import null_of
from logpress.codecs.texts import Ints


def numbers_array(values: NDArray[Any], type_: pa.DataType) -> pa.Array:
    """A register as a column of numbers or booleans; both share their memory if the widths are equal."""
    null = null_of(values)
    missing = values == null if any_null(values, null) else None
    if pa.types.is_boolean(type_):
        return array_of(values == 1, type_, missing)
    return array_of(values.astype(f"i{type_.bit_width // 8}", copy=False), type_, missing)


def fill_register(out: Ints, array: pa.Array) -> None:
    """Fill a register from a column of numbers, or of instants in its unit."""
    if pa.types.is_timestamp(array.type) or pa.types.is_float64(array.type):
        array = array.view(pa.int64())
    out[:] = values_of(array)
    missing = missing_of(array)
    if missing is not None:
        np.copyto(out, NULL, where=missing)


def number_step(register: str, stored: str) -> Step:
    """The step that fills a register with the numbers of a column."""

    def step(table: pa.Table, regs: Any, first: int) -> None:
        fill_register(regs[register], table.column(stored).chunk(0))

    return step
