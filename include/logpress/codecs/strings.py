"""The common part of the codecs of strings: a register that numbers the texts of a dictionary.

Kernels: `run_operation` and `_intern` of engine/convert/kernels_operations.py (STRING, VALUE); the last branch of
`render_rows` in engine/render/kernels_render.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

import pyarrow as pa

from logpress.codecs.base import (
    ColumnCodec,
    Operation,
    Register,
    RegisterNumbers,
    RowsToStore,
    StoredAs,
    StoredRows,
    Value,
    content_span,
)
from logpress.codecs.kernels_codes import STRING, TEXT
from logpress.contract.base import Encoding
from logpress.contract.columns import ColumnBase
from logpress.layout.model import Slot
from logpress.layout.tokens import Leaf

C = TypeVar("C", bound=ColumnBase)


class StringCodec(ColumnCodec[C]):
    """Strings: a register numbers their texts, as they are between the quotes; files hold their values."""

    encoding: ClassVar[Encoding] = "dictionary"

    @property
    def type(self) -> pa.DataType:
        """Strings."""
        return pa.string()

    @property
    def registers(self) -> tuple[Register, ...]:
        """The number of the text."""
        return (Register(self.name, True, "string"),)

    def operation(self, slot: Slot, numbers: RegisterNumbers) -> Operation:
        """Number the text; write it."""
        return Operation(STRING, numbers[self.name], operands=(numbers.dictionaries[self.name],))

    def lenient(self, leaf: Leaf, record: bytes, found: Mapping[str, Value]) -> dict[str, Value]:
        """The span between the quotes, for strings only."""
        return {self.name: content_span(leaf)} if leaf.kind == "string" else {}

    def stored(self) -> list[StoredAs]:
        """The values."""
        return [StoredAs(self.name, pa.string(), self.encoding)]

    def encode(self, rows: RowsToStore) -> None:
        """Texts to values."""
        rows.store_texts(self.name, self.name)

    def decode(self, rows: StoredRows) -> None:
        """Values to texts."""
        if self.name in rows.names:
            rows.add(rows.text_step(self.name, self.name), self.name)

    def sort_words(self) -> list[tuple[str, int]]:
        """By the first bytes of the text."""
        return [(self.name, TEXT)]
