"""The columns of a part file: those stored for each column of a contract, and their encodings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from logpress.codecs.base import LAYOUT as LAYOUT
from logpress.codecs.base import StoredAs
from logpress.codecs.registry import codecs_of
from logpress.contract.base import Encoding
from logpress.contract.columns import Storage, is_predicted, is_stored_too
from logpress.contract.model import Contract
from logpress.contract.once import once_per_contract

DAY, EXTRA, RAW, ROW_GROUP = "day", "_extra", "_raw", "_row_group"
_ROW_GROUP_ZSTD = 15  # 100 KB take some milliseconds


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One column of the file.

    Attributes:
        name: name in the file.
        type: Arrow type.
        of: the contract's column it belongs to; empty for columns of the record itself (`day`, `_layout`, `_extra`,
            `_raw`), and for `_row_group`.
        encoding: Parquet encoding.
        zstd: compression level.
        meaning: its meaning, if the contract does not describe it.
    """

    name: str
    type: pa.DataType
    of: str
    encoding: Encoding
    zstd: int
    meaning: str = ""


_OWN = (
    StoredAs(DAY, pa.date32(), "dictionary", "UTC day of the record"),
    StoredAs(
        LAYOUT, pa.int32(), "dictionary",
        "Number of the record's layout in the file's metadata; null if the record is kept whole in _raw",
    ),
    StoredAs(
        EXTRA, pa.string(), "plain",
        "JSON object {path: value} of values that the contract does not name; null if there are none",
    ),
    StoredAs(RAW, pa.binary(), "plain", "Bytes of the record, if no layout or codec could reproduce them; else null"),
)  # fmt: skip


@once_per_contract
def stored_columns(contract: Contract) -> tuple[StoredColumn, ...]:
    """All columns of a part file, in their order: first those for readers, then those for restoring."""
    found: list[StoredColumn] = []

    def add(stored: StoredAs, of: str, storage: Storage) -> None:
        encoding, level = storage.encoding or stored.encoding, storage.zstd or contract.files.zstd
        found.append(StoredColumn(stored.name, stored.type, of, encoding, level, stored.meaning))

    default = Storage()
    for codec in codecs_of(contract).values():
        own = codec.column.storage
        if is_stored_too(codec.column):
            add(StoredAs(codec.name, codec.type, codec.encoding), codec.name, contract.storage.get(codec.name, default))
        for stored in codec.stored():
            is_its_own = stored.name == codec.name and isinstance(own, Storage)
            add(stored, codec.name, own if is_its_own else contract.storage.get(stored.name, default))
    for stored in _OWN:
        add(stored, "", contract.storage.get(stored.name, default))
    meaning = "In the first row of a row group, further data that restoring needs; else null"
    found.append(StoredColumn(ROW_GROUP, pa.binary(), "", "plain", _ROW_GROUP_ZSTD, meaning))
    readable = [column for column in found if not column.name.startswith("_")]
    return (*readable, *(column for column in found if column.name.startswith("_")))


def physical_columns(contract: Contract, names: Sequence[str]) -> list[str]:
    """The file's columns that readers need for these columns, stored or virtual, in the file's order.

    Raises:
        KeyError: if the table has no such column.
    """
    columns = contract.by_name
    own = {name for name in names if name in columns and is_stored_too(columns[name])}
    needed = own.union(register_columns(contract, [name for name in names if name not in own]))
    return [column.name for column in stored_columns(contract) if column.name in needed]


def stored_too(contract: Contract) -> list[str]:
    """The contract's columns that files have for readers only: no record is restored from them."""
    return [column.name for column in contract.columns if is_stored_too(column)]


def register_columns(contract: Contract, names: Sequence[str]) -> list[str]:
    """The file's columns that the registers of these columns are decoded from, in the file's order.

    Raises:
        KeyError: if the table has no such column.
    """
    codecs = codecs_of(contract)
    stored = stored_columns(contract)
    known = {column.name for column in stored}
    needed: set[str] = set()

    def need(name: str) -> None:
        codec = codecs.get(name)
        if codec is None:
            if name not in known:
                raise KeyError(name)
            needed.add(name)
            return
        if not is_predicted(codec.column):
            needed.add(name)
            return
        needed.update(codec.column.helpers)
        needed.update(codec.needs)
        for other in codec.column.dependencies:
            need(other)

    for name in names:
        need(name)
    return [column.name for column in stored if column.name in needed]
