"""The registers of a contract: integers by which a row is known."""

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
    """Which register holds what, for one contract.

    Attributes:
        contract: the contract.
        columns: its columns, by name.
        codecs: by column.
        numbers: by register name.
        dictionaries: the number of its dictionary, by name of a register that numbers texts.
        strings: those of them whose texts stood between quotes.
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
        """int64[registers]: the dictionary a register's numbers belong to, or -1."""
        of = np.full(len(self), -1, dtype=np.int64)
        for name, number in self.dictionaries.items():
            of[self.numbers[name]] = number
        return of

    @cached_property
    def is_narrow(self) -> NDArray[np.bool_]:
        """bool[registers]: which registers a row group keeps as int32: numbers of texts and layouts, and small ones."""
        return np.array([register.is_narrow for register in self._all])

    @cached_property
    def place_of(self) -> NDArray[np.int64]:
        """int64[registers]: each register's row in the matrix of the narrow, or of the wide ones."""
        narrow = self.is_narrow
        return np.where(narrow, np.cumsum(narrow), np.cumsum(~narrow)) - 1
