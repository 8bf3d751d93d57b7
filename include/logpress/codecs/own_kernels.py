"""What codecs of strings share whose values kernels of their own read and write."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa

from logpress.codecs.arrow_arrays import validity
from logpress.codecs.base import (
    C,
    ColumnCodec,
    Derive,
    Operation,
    Register,
    RegisterNumbers,
    Value,
    content_span,
    padded,
)
from logpress.codecs.kernels_codes import LONGEST_SLOT
from logpress.codecs.kernels_dispatch import read_own, write_own_texts
from logpress.codecs.kernels_text import NULL
from logpress.codecs.texts import Ints, Texts
from logpress.layout.model import Slot
from logpress.layout.tokens import Leaf


class OwnKernelsCodec(ColumnCodec[C]):
    """Strings of at most `LONGEST_SLOT` bytes, whose value has one or two registers. Readers see strings.

    Attributes:
        code: of `kernels_dispatch`.
    """

    code: ClassVar[int]

    @property
    def option(self) -> int:
        """An integer for the kernels, from the column's keys."""
        return 0

    @property
    def readers_option(self) -> int:
        """The same for the texts that readers see."""
        return self.option

    @property
    def type(self) -> pa.DataType:
        """Strings."""
        return pa.string()

    @property
    def is_derived(self) -> bool:
        """Readers see strings."""
        return True

    @property
    @abstractmethod
    def registers(self) -> tuple[Register, ...]:
        """One, or two."""

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

    def derive(self, texts: Mapping[str, Texts]) -> Derive:
        """The texts of values."""
        names = [register.name for register in self.registers]
        return lambda regs: self._texts(regs[names[0]], regs[names[-1]])

    def _texts(self, first: Ints, second: Ints) -> pa.Array:
        out = np.empty(len(first) * LONGEST_SLOT, dtype=np.uint8)
        offsets = np.empty(len(first) + 1, dtype=np.int32)
        used = write_own_texts(self.code, first, second, self.readers_option, out, offsets)
        buffers = [validity(first == NULL), pa.py_buffer(offsets), pa.py_buffer(out[:used])]
        return pa.Array.from_buffers(pa.string(), len(first), buffers)
