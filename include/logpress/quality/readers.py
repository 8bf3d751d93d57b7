"""Table of Parquet encodings, and types, that each reader can read.

Tests write and read each pair with pyarrow, fastparquet, Polars, DuckDB, Spark and Trino. The other entries are from
the projects' own documents. An encoding that only new releases read counts as not read, because managed services run
older ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import pyarrow as pa

from logpress.contract.base import Encoding, Reader
from logpress.contract.model import Contract
from logpress.errors import UsageError

Kind = Literal["boolean", "small_integer", "int32", "int64", "double", "text", "bytes", "uuid"]
"""Types that encodings distinguish: Parquet's physical types, with texts and integers of 8 and 16 bits on their own."""

READERS: tuple[Reader, ...] = get_args(Reader)

TITLES: dict[Reader, str] = {
    "pyarrow": "pyarrow",
    "pandas": "pandas",
    "fastparquet": "fastparquet",
    "polars": "Polars",
    "duckdb": "DuckDB",
    "spark": "Spark",
    "trino": "Trino",
    "athena": "Athena",
    "clickhouse": "ClickHouse",
    "iceberg": "Iceberg (vectorised)",
}

_INTEGERS: frozenset[Kind] = frozenset({"small_integer", "int32", "int64"})
_FIXED: frozenset[Kind] = _INTEGERS | {"double"}

WRITTEN: dict[Encoding, frozenset[Kind]] = {
    "plain": frozenset(get_args(Kind)),
    "dictionary": frozenset(get_args(Kind)) - {"boolean"},
    "delta": _INTEGERS | {"text"},
    "byte_stream_split": _FIXED,
}
"""Types that the writer can write in each encoding. `delta`: DELTA_BINARY_PACKED; for texts DELTA_LENGTH_BYTE_ARRAY."""


@dataclass(frozen=True, slots=True)
class Gap:
    """An entry of WRITTEN that a reader does not read.

    Attributes:
        why: what happens, or the first release that reads it.
        source: the test, document or issue that shows it.
    """

    reader: Reader
    encoding: Encoding
    kinds: frozenset[Kind]
    why: str
    source: str


GAPS: tuple[Gap, ...] = (
    Gap("fastparquet", "byte_stream_split", _FIXED, "raises NotImplementedError", "tests/unit/quality/test_readers.py"),
    Gap(
        "fastparquet", "delta", frozenset({"text"}),
        "raises NotImplementedError for DELTA_LENGTH_BYTE_ARRAY in v1 pages", "tests/unit/quality/test_readers.py",
    ),
    Gap(
        "fastparquet", "delta", frozenset({"int32", "int64"}),
        "reads other values where a block's deltas take more than 28 bits, and crashes beyond 56",
        "tests/unit/quality/test_readers.py",
    ),
    Gap("trino", "byte_stream_split", _INTEGERS, "decodes it for floats only", "trinodb/trino, pull request 12809"),
    Gap("athena", "byte_stream_split", _FIXED, "not documented; engine 3 follows Trino", "Athena engine version 3"),
    Gap("spark", "byte_stream_split", _FIXED, "its vectorised reader refuses it before 4.2", "SPARK-56894"),
    Gap("iceberg", "byte_stream_split", _FIXED, "refused before 1.11", "apache/iceberg, pull request 15373"),
    Gap("iceberg", "delta", frozenset({"text"}), "refused before 1.11", "apache/iceberg, pull request 15362"),
    Gap("iceberg", "delta", _INTEGERS, "refused before 1.10", "apache/iceberg, pull request 13391"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TypeGap:
    """A type that a reader does not read as it is, whatever the encoding.

    Attributes:
        why: what happens.
        source: the test or document that shows it.
    """

    reader: Reader
    kind: Kind
    why: str
    source: str


TYPE_GAPS: tuple[TypeGap, ...] = (
    TypeGap(
        "fastparquet", "uuid", "reads bytes, and drops the zeros at their end: 1 UUID in 256 has some",
        "tests/unit/quality/test_readers.py",
    ),
    TypeGap(
        "spark", "uuid", "refuses the whole file unless it is given a schema; by way of Iceberg it reads strings",
        "tests/integration/test_spark.py",
    ),
    TypeGap("athena", "uuid", "not documented", "Athena engine version 3"),
)  # fmt: skip


def type_gaps_of(type_: pa.DataType, readers: Iterable[Reader]) -> list[TypeGap]:
    """The gaps of those of these readers that do not read the type, in the order of READERS."""
    kind, wanted = kind_of(type_), set(readers)
    found = [gap for gap in TYPE_GAPS if gap.kind == kind and gap.reader in wanted]
    return sorted(found, key=lambda gap: READERS.index(gap.reader))


def kind_of(type_: pa.DataType) -> Kind:
    """The kind of an Arrow type.

    Raises:
        ValueError: if part files have no columns of this type.
    """
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    if pa.types.is_boolean(type_):
        return "boolean"
    if pa.types.is_string(type_):
        return "text"
    if pa.types.is_binary(type_):
        return "bytes"
    if type_ == pa.uuid():
        return "uuid"
    if pa.types.is_float64(type_):
        return "double"
    if pa.types.is_integer(type_) or pa.types.is_temporal(type_):
        return "small_integer" if type_.bit_width < 32 else "int32" if type_.bit_width == 32 else "int64"
    raise ValueError(f"part files have no columns of type {type_}")


def encodings_of(type_: pa.DataType) -> list[Encoding]:
    """The encodings that the writer can write for a type."""
    kind = kind_of(type_)
    return [encoding for encoding in get_args(Encoding) if kind in WRITTEN[encoding]]


def gaps_of(type_: pa.DataType, encoding: Encoding, readers: Iterable[Reader]) -> list[Gap]:
    """The gaps of those of these readers that do not read the encoding, in the order of READERS."""
    kind, wanted = kind_of(type_), set(readers)
    found = [gap for gap in GAPS if gap.encoding == encoding and kind in gap.kinds and gap.reader in wanted]
    return sorted(found, key=lambda gap: READERS.index(gap.reader))


def readers_of(contract: Contract) -> tuple[Reader, ...]:
    """The readers that must read a contract's files. pyarrow is always one, because logpress restores with it."""
    named = contract.files.readers or READERS
    return tuple(reader for reader in READERS if reader in named or reader == "pyarrow")


def parse_readers(text: str) -> tuple[Reader, ...]:
    """Parse a list such as `polars,duckdb`; returns readers in the order of READERS.

    Raises:
        UsageError: if one is unknown.
    """
    named = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in named:
        if name not in READERS:
            raise UsageError(f"--readers: {name!r} is unknown; give some of {', '.join(READERS)}")
    return tuple(reader for reader in READERS if reader in named)
