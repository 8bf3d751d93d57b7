"""What codecs of strings share whose values kernels of their own read and write."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from logpress.codecs.base import C, ColumnCodec, Operation, Register, RegisterNumbers, Value, content_span, padded
from logpress.codecs.kernels_codes import LONGEST_SLOT
from logpress.codecs.kernels_dispatch import read_own
from logpress.codecs.kernels_text import NULL
from logpress.layout.model import Slot
from logpress.layout.tokens import Leaf


class OwnKernelsCodec(ColumnCodec[C]):
    """Strings of at most `LONGEST_SLOT` bytes, whose value has one or two registers.

    Attributes:
        code: of `kernels_dispatch`.
    """

    code: ClassVar[int]

    @property
    def option(self) -> int:
        """An integer for the kernels, from the column's keys."""
        return 0

    def operation(self, slot: Slot, numbers: RegisterNumbers) -> Operation:
        """Read a value; write it."""
        first, *second = (numbers[register.name] for register in self.registers)
        return Operation(self.code, first, second[0] if second else -1, (self.option,))

    def lenient(self, leaf: Leaf, record: bytes, found: Mapping[str, Value]) -> dict[str, Value]:
        """The value of a string, whether or not its text fits."""
        start, end = content_span(leaf)
        if leaf.kind != "string" or end - start > LONGEST_SLOT:
            return {}
        _, *values = read_own(self.code, padded(record[start:end]), 0, end - start, self.option)
        names = (register.name for register in self.registers)
        return {} if values[0] == NULL else {name: int(value) for name, value in zip(names, values, strict=False)}

    @property
    @abstractmethod
    def registers(self) -> tuple[Register, ...]:
        """One, or two."""
