"""What columns a table has: those of the contracts that its parts were written with, the newest first."""

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
    """One column that can be asked for.

    Attributes:
        name: its name.
        type: its Arrow type; instants are UTC.
        description: what it means, with its unit.
        virtual: whether it is derived when read, and so not to be found in the files.
        default: whether a scan gives it without being asked.
        repeats: whether it is a string of few distinct values, which `categories=True` gives as a category.
    """

    name: str
    type: pa.DataType
    description: str
    virtual: bool
    default: bool
    repeats: bool = False


_OWN = {
    DAY: "The UTC day the record belongs to",
    LAYOUT: "Number of the record's layout in the file's metadata; null where the record is kept whole in _raw",
    EXTRA: "JSON object {path: value} of what the contract does not name; null where there is nothing",
    RAW: "The record's bytes, where no layout or codec could reproduce them; else null",
    ROW_GROUP: "In the first row of a row group, what its restoration needs besides the columns; else null",
}


def columns_of(contracts: Sequence[Contract]) -> list[ColumnInfo]:
    """All columns of parts written with these contracts.

    Those a reader gets without asking come first, in the order of the newest contract; `day` and the underscore follow.

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
            f"column {newer.name} is {newer.type} on some of these days and {older.type} on others; "
            "scan them one by one, or leave it out"
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
    """What a column says that only restoration needs."""
    of = stored.of
    names = kinesis_names(of)
    return _OWN.get(stored.name) or {
        scale_name(of): f"Digits after the point of {of}",
        shift_name(of): f"Minutes that the record's own label of {of} was off",
        residual_name(of): f"What the columns that predict {of} leave, in its unit",
        other_name(of): f"The text of {of} where its key does not tell it",
        names.shard: f"Shard of {of}, by its place in the file's metadata",
        names.arrival: f"Arrival second of {of} less what predicts it",
        names.counter: f"Counter of {of} less the smallest of its shard and second: the lowest byte",
        names.counter_high: "What is above that byte, divided by 256",
        names.sub: f"Sub-sequence number of {of}",
    }.get(stored.name, "")
