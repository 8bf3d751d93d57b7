"""The registers of a contract: integers by which a row is known."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from logpress.contract.columns import Boolean, Decimal, Instant, Integer, KinesisSequence
from logpress.contract.model import Contract
from logpress.engine.registers.stored_columns import EXTRA as EXTRA
from logpress.engine.registers.stored_columns import LAYOUT as LAYOUT
from logpress.engine.registers.stored_columns import RAW as RAW


class Registers:
    """Which register holds what, for one contract."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.columns = contract.by_name
        self.numbers: dict[str, int] = {LAYOUT: 0}
        self.dictionaries: dict[str, int] = {}
        for column in contract.columns:
            names = [column.name]
            if isinstance(column, Decimal):
                names.append(f"{column.name}#scale")
            elif isinstance(column, Instant) and column.label_checked_by:
                names.append(f"{column.name}#shift_min")
            elif isinstance(column, KinesisSequence):
                names = list(column.registers_of(column.name))
            elif column.codec in ("category", "text", "json", "lookup"):
                self.dictionaries[column.name] = len(self.dictionaries)
            for name in names:
                self.numbers[name] = len(self.numbers)
        for name in (EXTRA, RAW):
            self.numbers[name] = len(self.numbers)
            self.dictionaries[name] = len(self.dictionaries)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, name: str) -> int:
        return self.numbers[name]

    def get(self, name: str) -> int:
        """The register's number, or -1 if the contract has no such register."""
        return self.numbers.get(name, -1)

    def of_column(self, column: str) -> list[str]:
        """The names of a column's registers."""
        return [name for name in self.numbers if name == column or name.startswith(f"{column}#")]

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
        narrow = self.dictionary_of >= 0
        narrow[0] = True
        for name, number in self.numbers.items():
            column = self.columns.get(name)
            is_small = isinstance(column, Boolean) or (isinstance(column, Integer) and column.type != "int64")
            if is_small or name.endswith(("#shift_min", "#scale", "#sub")):
                narrow[number] = True
        return narrow

    @cached_property
    def place_of(self) -> NDArray[np.int64]:
        """int64[registers]: each register's row in the matrix of the narrow, or of the wide ones."""
        narrow = self.is_narrow
        return np.where(narrow, np.cumsum(narrow), np.cumsum(~narrow)) - 1
