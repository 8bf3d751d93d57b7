"""The columns of a table, from the contracts that its parts were written with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from logpress.codecs.registry import codecs_of
from logpress.contract.columns import is_virtual
from logpress.contract.model import Contract
from logpress.engine.registers.stored_columns import DAY, stored_columns
from logpress.errors import UsageError


@dataclass(frozen=True)
class ColumnInfo:
    """A column that a scan can return.

    Attributes:
        name: its name.
        type: its Arrow type; instants are UTC.
        description: its meaning and unit.
        virtual: whether it is derived when read, and is not in the files.
        derived: whether it is derived when read: virtual, or of another type in the files.
        default: whether a scan returns it if no columns are named.
        repeats: whether it is a string of few distinct values, which `categories=True` returns as a category.
    """

    name: str
    type: pa.DataType
    description: str
    virtual: bool
    default: bool
    repeats: bool = False
    derived: bool = False


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
            found[column.name] = (
                column
                if known is None
                else replace(known, type=_common(known, column), derived=known.derived or column.derived)
            )
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
    codecs = codecs_of(contract)
    for name, codec in codecs.items():
        yield ColumnInfo(
            name,
            codec.type,
            codec.column.description,
            is_virtual(codec.column),
            not name.startswith("_"),
            codec.repeats,
            codec.is_derived,
        )
    for stored in stored_columns(contract):
        if stored.name not in codecs:
            yield ColumnInfo(stored.name, stored.type, stored.meaning, False, False)
