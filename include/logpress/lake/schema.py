"""The Iceberg schema of a table's part files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestamptzType,
    UUIDType,
)

from logpress.errors import LakeError


def iceberg_schema(schemas: Sequence[pa.Schema], descriptions: Mapping[str, str]) -> Schema:
    """One schema that all part files fit.

    Args:
        schemas: of the part files; a column may be missing in some, or narrower.
        descriptions: what columns mean, by name.

    Raises:
        LakeError: if the part files contradict each other, or a type has no like in Iceberg.
    """
    try:
        union = pa.unify_schemas(list(schemas), promote_options="permissive")
    except pa.ArrowException as error:
        raise LakeError(f"the part files of the day contradict each other: {error}; press the day again") from error
    fields = [
        NestedField(
            number, field.name, _iceberg_type(field), required=not field.nullable, doc=descriptions.get(field.name)
        )
        for number, field in enumerate(union, 1)
    ]
    return Schema(*fields)


def _iceberg_type(field: pa.Field) -> IcebergType:
    """The type whose values Iceberg stores as this column has them (specification, "Appendix A: Parquet")."""
    kind = field.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        if kind.unit != "us":
            raise LakeError(
                f"column {field.name} holds {_UNITS[kind.unit]}, and Iceberg's instants are microseconds: readers of "
                "the catalog would miss rows; press the day again"
            )
        return TimestamptzType()
    if kind == pa.uuid():
        return UUIDType()
    for holds, type_ in (
        (pa.types.is_string, StringType()),
        (pa.types.is_int64, LongType()),
        (pa.types.is_signed_integer, IntegerType()),
        (pa.types.is_date32, DateType()),
        (pa.types.is_binary, BinaryType()),
        (pa.types.is_boolean, BooleanType()),
        (pa.types.is_float64, DoubleType()),
        (pa.types.is_float32, FloatType()),
    ):
        if holds(kind):
            return type_
    raise LakeError(f"column {field.name} has type {kind}, for which the catalog has no type")


_UNITS = {"s": "seconds", "ms": "milliseconds", "ns": "nanoseconds"}
