"""The codec `json`: any JSON value except null, stored as its exact text.

Kernels: see `strings`.
"""

from __future__ import annotations

from collections.abc import Mapping

from logpress.codecs.base import Example, Operation, Register, RegisterNumbers, StoredRows, Value
from logpress.codecs.kernels_codes import VALUE
from logpress.codecs.strings import StringCodec
from logpress.contract.columns import Json
from logpress.layout.model import Slot
from logpress.layout.tokens import Leaf


class JsonCodec(StringCodec[Json]):
    """JSON values, with their quotes: files hold the texts themselves."""

    encoding = "plain"
    example = Example({}, (b'{"a": [1]}', b'"a"', b"1.0", b"true"))

    @property
    def registers(self) -> tuple[Register, ...]:
        """The number of the text."""
        return (Register(self.name, True, "value"),)

    def operation(self, slot: Slot, numbers: RegisterNumbers) -> Operation:
        """Number the text; write it."""
        return Operation(VALUE, numbers[self.name], operands=(numbers.dictionaries[self.name],))

    def lenient(self, leaf: Leaf, record: bytes, found: Mapping[str, Value]) -> dict[str, Value]:
        """The span of the whole value."""
        return {self.name: (leaf.start, leaf.end)}

    def decode(self, rows: StoredRows) -> None:
        """Texts, unchanged."""
        if self.name in rows.names:
            rows.add(rows.text_step(self.name, self.name, is_string=False), self.name)
