"""The registers of a contract: integers that represent a row."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.base import LAYOUT as LAYOUT
from logpress.codecs.base import Register
from logpress.codecs.registry import codecs_of
from logpress.contract.model import Contract
from logpress.engine.registers.stored_columns import EXTRA as EXTRA
from logpress.engine.registers.stored_columns import RAW as RAW


class Registers:
    """The registers of one contract, and their contents.

    Attributes:
        contract: the contract.
        columns: its columns, by name.
        codecs: codecs by column.
        numbers: register numbers by register name.
        dictionaries: dictionary numbers by name of registers that number texts.
        strings: names of those whose texts are contents of strings.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.columns = contract.by_name
        self.codecs = codecs_of(contract)
        of_columns = [register for codec in self.codecs.values() for register in codec.registers]
        self._all = [Register(LAYOUT, True), *of_columns, Register(EXTRA, True, "value"), Register(RAW, True, "value")]
        self.numbers = {register.name: number for number, register in enumerate(self._all)}
        with_texts = [register for register in self._all if register.texts]
        self.dictionaries = {register.name: number for number, register in enumerate(with_texts)}
        self.strings = frozenset(register.name for register in with_texts if register.texts == "string")

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, name: str) -> int:
        return self.numbers[name]

    def of_column(self, column: str) -> list[str]:
        """The names of a column's registers."""
        return [register.name for register in self.codecs[column].registers]

    @cached_property
    def dictionary_of(self) -> NDArray[np.int64]:
        """int64[registers]: the dictionary of a register's numbers, or -1."""
        of = np.full(len(self), -1, dtype=np.int64)
        for name, number in self.dictionaries.items():
            of[self.numbers[name]] = number
        return of

    @cached_property
    def is_narrow(self) -> NDArray[np.bool_]:
        """bool[registers]: whether row groups keep it as int32, as numbers of texts and layouts, and small numbers."""
        return np.array([register.is_narrow for register in self._all])

    @cached_property
    def place_of(self) -> NDArray[np.int64]:
        """int64[registers]: each register's row in the matrix of narrow or wide registers."""
        narrow = self.is_narrow
        return np.where(narrow, np.cumsum(narrow), np.cumsum(~narrow)) - 1
