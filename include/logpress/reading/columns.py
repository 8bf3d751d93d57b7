"""The columns of a table, from the contracts that its parts were written with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from logpress.contract.columns import is_virtual
from logpress.contract.model import Contract
from logpress.engine.registers.stored_columns import (
    DAY,
    EXTRA,
    LAYOUT,
    RAW,
    ROW_GROUP,
    StoredColumn,
    arrow_type,
    kinesis_names,
    other_name,
    residual_name,
    scale_name,
    shift_name,
    stored_columns,
)
from logpress.errors import UsageError


@dataclass(frozen=True)
class ColumnInfo:
    """A column that a scan can return.

    Attributes:
        name: its name.
        type: its Arrow type; instants are UTC.
        description: its meaning and unit.
        virtual: whether it is derived when read, and is not in the files.
        default: whether a scan returns it if no columns are named.
        repeats: whether it is a string of few distinct values, which `categories=True` returns as a category.
    """

    name: str
    type: pa.DataType
    description: str
    virtual: bool
    default: bool
    repeats: bool = False


_OWN = {
    DAY: "UTC day of the record",
    LAYOUT: "Number of the record's layout in the file's metadata; null if the record is kept whole in _raw",
    EXTRA: "JSON object {path: value} of values that the contract does not name; null if there are none",
    RAW: "Bytes of the record, if no layout or codec could reproduce them; else null",
    ROW_GROUP: "In the first row of a row group, further data that restoring needs; else null",
}


def columns_of(contracts: Sequence[Contract]) -> list[ColumnInfo]:
    """All columns of parts written with these contracts.

    Default columns come first, in the order of the newest contract; then `day`, then hidden columns.

    Args:
        contracts: the newest first.

    Raises:
        UsageError: if a column's types cannot be reconciled.
    """
    found: dict[str, ColumnInfo] = {}
    for contract in contracts:
        for column in _columns(contract):
            known = found.get(column.name)
            found[column.name] = column if known is None else replace(known, type=_common(known, column))
    return sorted(found.values(), key=lambda column: (not column.default, column.name != DAY))


def _common(newer: ColumnInfo, older: ColumnInfo) -> pa.DataType:
    if newer.type == older.type:
        return newer.type
    fields = [pa.schema([pa.field(column.name, column.type)]) for column in (newer, older)]
    try:
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except pa.ArrowException as error:
        raise UsageError(
            f"column {newer.name} is {newer.type} on some of these days and {older.type} on others, and these types "
            "cannot be combined; scan the days one by one, or leave the column out of `columns`"
        ) from error


def _columns(contract: Contract) -> Iterable[ColumnInfo]:
    for column in contract.columns:
        yield ColumnInfo(
            column.name, arrow_type(column), column.description, is_virtual(column),
            not column.name.startswith("_"), column.codec in ("category", "lookup"),
        )  # fmt: skip
    named = contract.by_name
    for stored in stored_columns(contract):
        if stored.name not in named:
            yield ColumnInfo(stored.name, stored.type, _meaning(stored), False, False)


def _meaning(stored: StoredColumn) -> str:
    """The description of a column that is not in the contract."""
    of = stored.of
    names = kinesis_names(of)
    return _OWN.get(stored.name) or {
        scale_name(of): f"Digits after the point of {of}",
        shift_name(of): f"Error of the record's own label of {of}, in minutes",
        residual_name(of): f"{of} less the value that other columns predict, in its unit",
        other_name(of): f"The text of {of} if its key does not determine it; else null",
        names.shard: f"Shard of {of}, as an index into a list in the file's metadata",
        names.arrival: f"Arrival second of {of} less its predicted value",
        names.counter: f"Counter of {of} less the smallest of its shard and second: the lowest byte",
        names.counter_high: f"The same difference of {of}, divided by 256",
        names.sub: f"Sub-sequence number of {of}",
    }.get(stored.name, "")
