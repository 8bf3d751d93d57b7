"""Columns of a file, and their types in Parquet.

Source: apache/parquet-format, LogicalTypes.md and parquet.thrift (Type, ConvertedType, LogicalType, SchemaElement).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from logpress.parquet.thrift import Struct

Encoding = Literal["plain", "dictionary", "delta", "byte_stream_split"]

BOOLEAN, INT32, INT64, DOUBLE, BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY = 0, 1, 2, 5, 6, 7

UUID_BYTES = 16
"""Bytes of a UUID: the only columns of fixed length."""

PLAIN, RLE, DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, RLE_DICTIONARY, BYTE_STREAM_SPLIT = 0, 3, 5, 6, 8, 9

_REQUIRED, _OPTIONAL = 0, 1
_CONVERTED_UTF8, _CONVERTED_DATE = 0, 6
_CONVERTED_TIMESTAMP = {"ms": 9, "us": 10}
_CONVERTED_INTEGER = {8: 15, 16: 16}
_TIME_UNIT = {"ms": 1, "us": 2}


@dataclass(frozen=True, slots=True)
class FileColumn:
    """One column of a file.

    Attributes:
        name: name in the file.
        type: Arrow type of its values; of a dictionary, of its entries.
        nullable: whether it may have nulls.
        encoding: of its pages. If a dictionary does not pay, values are plain.
        zstd: compression level.
        statistics: whether the smallest and largest value are written.
    """

    name: str
    type: pa.DataType
    nullable: bool
    encoding: Encoding
    zstd: int
    statistics: bool

    def __post_init__(self) -> None:
        physical = physical_type(self.type)
        if self.encoding not in _ENCODINGS[physical] or (self.encoding == "delta" and pa.types.is_binary(self.type)):
            raise ValueError(f"column {self.name!r} of type {self.type} cannot be written as {self.encoding}")

    @property
    def arrow_type(self) -> pa.DataType:
        """Type of the arrays to write: texts with encoding `dictionary` are dictionary arrays."""
        is_text = physical_type(self.type) == BYTE_ARRAY
        return pa.dictionary(pa.int32(), self.type) if is_text and self.encoding == "dictionary" else self.type


_ENCODINGS: dict[int, tuple[Encoding, ...]] = {
    BOOLEAN: ("plain",),
    INT32: ("plain", "dictionary", "delta", "byte_stream_split"),
    INT64: ("plain", "dictionary", "delta", "byte_stream_split"),
    DOUBLE: ("plain", "dictionary", "byte_stream_split"),
    BYTE_ARRAY: ("plain", "dictionary", "delta"),
    FIXED_LEN_BYTE_ARRAY: ("plain", "dictionary"),
}


def physical_type(type_: pa.DataType) -> int:
    """Parquet's physical type of values.

    Raises:
        ValueError: if this writer does not support the type.
    """
    if pa.types.is_boolean(type_):
        return BOOLEAN
    if pa.types.is_float64(type_):
        return DOUBLE
    if pa.types.is_string(type_) or pa.types.is_binary(type_):
        return BYTE_ARRAY
    if pa.types.is_date32(type_) or (pa.types.is_signed_integer(type_) and type_.bit_width <= 32):
        return INT32
    if pa.types.is_int64(type_) or (pa.types.is_timestamp(type_) and type_.unit in _TIME_UNIT):
        return INT64
    if type_ == pa.uuid():
        return FIXED_LEN_BYTE_ARRAY
    raise ValueError(f"columns of type {type_} cannot be written")


def schema_element(column: FileColumn) -> Struct:
    """A column's place in the footer's schema."""
    type_ = column.type
    element = Struct().i32(1, physical_type(type_))
    if type_ == pa.uuid():
        element.i32(2, UUID_BYTES)
    element.i32(3, _OPTIONAL if column.nullable else _REQUIRED).binary(4, column.name.encode())
    if pa.types.is_string(type_):
        return element.i32(6, _CONVERTED_UTF8).struct(10, Struct().struct(1, Struct()))
    if pa.types.is_date32(type_):
        return element.i32(6, _CONVERTED_DATE).struct(10, Struct().struct(6, Struct()))
    if pa.types.is_timestamp(type_):
        unit = Struct().struct(_TIME_UNIT[type_.unit], Struct())
        logical = Struct().boolean(1, type_.tz is not None).struct(2, unit)
        return element.i32(6, _CONVERTED_TIMESTAMP[type_.unit]).struct(10, Struct().struct(8, logical))
    if pa.types.is_integer(type_) and type_.bit_width in _CONVERTED_INTEGER:
        logical = Struct().i8(1, type_.bit_width).boolean(2, True)
        return element.i32(6, _CONVERTED_INTEGER[type_.bit_width]).struct(10, Struct().struct(10, logical))
    if type_ == pa.uuid():
        return element.struct(10, Struct().struct(14, Struct()))
    return element
