"""The columns of a part file: what is stored for each column of a contract, and how it is encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from logpress.contract.base import Encoding
from logpress.contract.columns import (
    Boolean,
    Column,
    Decimal,
    Instant,
    Integer,
    KinesisSequence,
    Lookup,
    Storage,
    dependencies,
    is_virtual,
)
from logpress.contract.model import Contract

DAY, LAYOUT, EXTRA, RAW, ROW_GROUP = "day", "_layout", "_extra", "_raw", "_row_group"
_ROW_GROUP_ZSTD = 15  # a hundred KB take some milliseconds


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One column of the file.

    Attributes:
        name: as in the file.
        type: its Arrow type.
        of: the contract's column it belongs to; empty for the record's own (`day`, `_layout`, `_extra`, `_raw`), and
            for `_row_group`.
        encoding: Parquet encoding.
        zstd: compression level.
    """

    name: str
    type: pa.DataType
    of: str
    encoding: Encoding
    zstd: int


def _bare(name: str) -> str:
    return name.lstrip("_")


def scale_name(name: str) -> str:
    """Digits after the point of a decimal column."""
    return f"_{_bare(name)}_scale"


def shift_name(name: str) -> str:
    """Minutes by which the label of an instant lied."""
    return f"_{_bare(name)}_shift_min"


def residual_name(name: str) -> str:
    """An instant less what other columns predict, in its unit."""
    return f"_{_bare(name)}_residual"


def other_name(name: str) -> str:
    """The text of a lookup where it is not what its key says."""
    return f"_{_bare(name)}_other"


class KinesisNames(NamedTuple):
    """The columns of a Kinesis sequence number.

    Attributes:
        shard: a place in the row group's list.
        arrival: the residual, in seconds.
        counter: the residual's lowest byte.
        counter_high: what is above that byte. Apart, the two have codes of their own: one is noise, the other small.
        sub: the sub-sequence number.
    """

    shard: str
    arrival: str
    counter: str
    counter_high: str
    sub: str


def kinesis_names(name: str) -> KinesisNames:
    """What the columns of a sequence number are called."""
    return KinesisNames(*(f"_{_bare(name)}_{part}" for part in KinesisNames._fields))


def arrow_type(column: Column) -> pa.DataType:
    """The type that readers see. Instants are microseconds whatever their unit, as Iceberg's specification demands."""
    if isinstance(column, Instant):
        return pa.timestamp("us", "UTC")
    if isinstance(column, Integer):
        return {"int8": pa.int8(), "int16": pa.int16(), "int32": pa.int32(), "int64": pa.int64()}[column.type]
    if isinstance(column, Decimal):
        return pa.float64()
    if isinstance(column, Boolean):
        return pa.bool_()
    return pa.string()


def _stored_types(column: Column) -> list[tuple[str, pa.DataType, Encoding]]:
    """Names, types and default encodings of what is stored for a column."""
    name = column.name
    if isinstance(column, Instant):
        stored: list[tuple[str, pa.DataType, Encoding]]
        if column.residual_of:
            stored = [(residual_name(name), pa.int64(), "dictionary")]
        else:
            stored = [(name, arrow_type(column), "plain")]  # fastparquet misreads wide deltas
        if column.label_checked_by:
            stored.append((shift_name(name), pa.int16(), "dictionary"))
        return stored
    if isinstance(column, Decimal):
        return [(name, pa.float64(), "plain"), (scale_name(name), pa.int8(), "dictionary")]
    if isinstance(column, Lookup):
        return [(other_name(name), pa.string(), "dictionary")]
    if isinstance(column, KinesisSequence):
        types = (pa.int32(), pa.int64(), pa.int16(), pa.int64(), pa.int32())
        return [(stored, type_, "dictionary") for stored, type_ in zip(kinesis_names(name), types, strict=True)]
    if isinstance(column, Boolean):
        return [(name, pa.bool_(), "plain")]
    encoding: Encoding = "plain" if column.codec in ("text", "json") else "dictionary"
    return [(name, arrow_type(column), encoding)]


def stored_columns(contract: Contract) -> list[StoredColumn]:
    """All columns of a part file, in their order: those that people read first, then those of restoration."""
    found: list[StoredColumn] = []
    default = Storage()
    for column in contract.columns:
        for name, type_, encoding in _stored_types(column):
            storage = column.storage if name == column.name else contract.storage.get(name, default)
            level = storage.zstd or contract.files.zstd
            found.append(StoredColumn(name, type_, column.name, storage.encoding or encoding, level))
    own: list[tuple[str, pa.DataType, Encoding]] = [
        (DAY, pa.date32(), "dictionary"),
        (LAYOUT, pa.int32(), "dictionary"),
        (EXTRA, pa.string(), "plain"),
        (RAW, pa.binary(), "plain"),
    ]
    for name, type_, encoding in own:
        storage = contract.storage.get(name, default)
        found.append(StoredColumn(name, type_, "", storage.encoding or encoding, storage.zstd or contract.files.zstd))
    found.append(StoredColumn(ROW_GROUP, pa.binary(), "", "plain", _ROW_GROUP_ZSTD))
    readable = [column for column in found if not column.name.startswith("_")]
    return readable + [column for column in found if column.name.startswith("_")]


def physical_columns(contract: Contract, names: Sequence[str]) -> list[str]:
    """The file's columns that are needed to give these columns, stored or virtual, in the file's order.

    Raises:
        KeyError: if the table has no such column.
    """
    by_name = contract.by_name
    stored = stored_columns(contract)
    known = {column.name for column in stored}
    needed: set[str] = set()

    def need(name: str) -> None:
        column = by_name.get(name)
        if column is None:
            if name not in known:
                raise KeyError(name)
            needed.add(name)
            return
        if not is_virtual(column):
            needed.add(name)
            return
        needed.update(c.name for c in stored if c.of == name)
        if isinstance(column, Lookup):
            needed.add(LAYOUT)
        for other in dependencies(column):
            need(other)

    for name in names:
        need(name)
    return [column.name for column in stored if column.name in needed]
