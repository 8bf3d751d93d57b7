"""The columns of a part file: those stored for each column of a contract, and their encodings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from logpress.codecs.base import LAYOUT as LAYOUT
from logpress.codecs.base import StoredAs
from logpress.codecs.registry import codecs_of
from logpress.contract.base import Encoding
from logpress.contract.columns import Storage, is_virtual
from logpress.contract.model import Contract

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


def stored_columns(contract: Contract) -> list[StoredColumn]:
    """All columns of a part file, in their order: first those for readers, then those for restoring."""
    found: list[StoredColumn] = []

    def add(stored: StoredAs, of: str, storage: Storage) -> None:
        encoding, level = storage.encoding or stored.encoding, storage.zstd or contract.files.zstd
        found.append(StoredColumn(stored.name, stored.type, of, encoding, level, stored.meaning))

    default = Storage()
    for codec in codecs_of(contract).values():
        for stored in codec.stored():
            is_its_own = stored.name == codec.name
            add(stored, codec.name, codec.column.storage if is_its_own else contract.storage.get(stored.name, default))
    for stored in _OWN:
        add(stored, "", contract.storage.get(stored.name, default))
    meaning = "In the first row of a row group, further data that restoring needs; else null"
    found.append(StoredColumn(ROW_GROUP, pa.binary(), "", "plain", _ROW_GROUP_ZSTD, meaning))
    readable = [column for column in found if not column.name.startswith("_")]
    return readable + [column for column in found if column.name.startswith("_")]


def physical_columns(contract: Contract, names: Sequence[str]) -> list[str]:
    """The file's columns that are needed for these columns, stored or virtual, in the file's order.

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
        if not is_virtual(codec.column):
            needed.add(name)
            return
        needed.update(c.name for c in stored if c.of == name)
        needed.update(codec.needs)
        for other in codec.column.dependencies:
            need(other)

    for name in names:
        need(name)
    return [column.name for column in stored if column.name in needed]
