"""What a codec does for one column of a contract: the protocol that every module of a codec fills."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.counters import Sequences
from logpress.codecs.kernels_codes import CODE, LAST_IF_NULL, OPERATION_FIELDS, SECOND, SLOT, TARGET
from logpress.codecs.texts import Ints, Texts
from logpress.contract.base import Encoding
from logpress.contract.columns import Column, ColumnBase, is_virtual
from logpress.kernel.words import PADDING
from logpress.layout.model import Slot
from logpress.layout.tokens import Leaf

LAYOUT = "_layout"
"""The register, and the column, of a row's layout."""

Value = int | tuple[int, int]
"""What fills a register: a number, or the span of a text in its record."""

Step = Callable[[pa.Table, Mapping[str, Ints], int], None]
"""Fills registers from the columns of some rows, the first of which is this row of the row group."""

Derive = Callable[[Mapping[str, Ints]], pa.Array]
"""Makes a column, as readers see it, of some rows from their registers."""

_FIRST_OPERAND = SECOND + 1

C = TypeVar("C", bound=ColumnBase)


class Register(NamedTuple):
    """One register of a column.

    Attributes:
        name: the column's, or `column#part`.
        is_narrow: whether row groups keep it as int32.
        texts: what the texts are that it numbers: contents of strings, whole JSON values; empty if it numbers none.
    """

    name: str
    is_narrow: bool = False
    texts: Literal["", "string", "value"] = ""


class StoredAs(NamedTuple):
    """One column of a part file.

    Attributes:
        name: the column's own, or one of its `helpers`.
        type: its Arrow type.
        encoding: the Parquet encoding where the contract says none.
        meaning: what a helper says, for people.
    """

    name: str
    type: pa.DataType
    encoding: Encoding
    meaning: str = ""


class Operation(NamedTuple):
    """What kernels do with a slot.

    Attributes:
        code: see `kernels_codes`.
        register: the first register that it fills or reads.
        second: another one, or -1.
        operands: the fields behind SECOND that `kernels_codes` names for the code, in their order.
    """

    code: int
    register: int
    second: int = -1
    operands: tuple[int, ...] = ()

    def row(self, index: int) -> list[int]:
        """The OPERATION_FIELDS integers that kernels get, whose places `kernels_codes` names."""
        row = [0] * OPERATION_FIELDS
        row[SLOT], row[CODE], row[TARGET], row[SECOND] = index, self.code, self.register, self.second
        row[_FIRST_OPERAND : _FIRST_OPERAND + len(self.operands)] = self.operands
        return row


class RegisterNumbers(Protocol):
    """The numbers of a contract's registers, and of the dictionaries of those that number texts."""

    @property
    def dictionaries(self) -> Mapping[str, int]:
        """By register name."""

    def __getitem__(self, name: str) -> int:
        """The number of a register."""


class TextsOfRowGroup(Protocol):
    """The texts that a register of a row group numbers."""

    @property
    def known(self) -> int:
        """How many there are."""

    def text(self, number: int) -> bytes:
        """One of them."""


class Allowance(Protocol):
    """What a row group may say besides its columns."""

    def takes(self, data: Any) -> bool:
        """Whether there is room for this, as JSON; it is then taken."""

    def takes_bytes(self, size: int) -> bool:
        """Whether there is room for so many bytes; it is then taken."""


class RowsToStore(Protocol):
    """A row group in its final order while its columns are made of its registers.

    Attributes:
        regs: by register name, int64[rows], or int32[rows] of narrow ones. They are used up.
        dictionaries: by register name.
        allowance: to be asked before anything is put into the row group's metadata.
        lookups: the row group's metadata: by column, what each text of its key mostly means.
        sequences: the row group's metadata: by column, shards and counters.
    """

    @property
    def regs(self) -> Mapping[str, NDArray[Any]]:
        """Registers in the final order."""

    @property
    def dictionaries(self) -> Mapping[str, TextsOfRowGroup]:
        """Texts of registers."""

    @property
    def allowance(self) -> Allowance:
        """What may be said."""

    @property
    def lookups(self) -> MutableMapping[str, Mapping[str, str]]:
        """Of lookups."""

    @property
    def sequences(self) -> MutableMapping[str, Sequences]:
        """Of sequence numbers."""

    def store(self, name: str, array: pa.Array) -> None:
        """Give a column."""

    def store_numbers(self, name: str, values: NDArray[Any], type_: pa.DataType) -> None:
        """Give a column of numbers or booleans, with a register's null; it is made when all columns were encoded."""

    def store_texts(self, name: str, register: str) -> None:
        """Give a column of the texts that a register numbers; register and texts are used up."""


class StoredRows(Protocol):
    """Columns of a row group while the steps are found that fill its registers from them.

    Attributes:
        names: the columns that are there.
        registers: the registers that the steps so far fill.
        texts: by register name, the texts that it numbers.
        lookups: the row group's metadata: by column, what each text of its key mostly means.
        sequences: the row group's metadata: by column, shards and counters.
    """

    @property
    def names(self) -> Collection[str]:
        """Columns."""

    @property
    def registers(self) -> Collection[str]:
        """Filled so far."""

    @property
    def texts(self) -> MutableMapping[str, Texts]:
        """Of registers so far."""

    @property
    def lookups(self) -> Mapping[str, Mapping[str, str]]:
        """Of lookups."""

    @property
    def sequences(self) -> Mapping[str, Sequences]:
        """Of sequence numbers."""

    def layouts_with(self, name: str) -> NDArray[np.bool_]:
        """Which layouts (bool[layouts]) have a slot for a column."""

    def text_step(self, register: str, stored: str, *, is_string: bool = True) -> Step:
        """The step that numbers the texts of a column; puts these into `texts`, strings escaped as they were."""

    def add(self, step: Step, *registers: str) -> None:
        """Add a step, which fills these registers from those before it. It must not refer to these rows."""


class ColumnCodec(ABC, Generic[C]):
    """A codec, for one column of a contract.

    Attributes:
        column: the column.
        name: its name.
        columns: all of the contract's, by name.
        repeats: whether values are strings of which there are few distinct ones.
        is_comparable: whether checks may compare values, not just ask whether there is one.
        needs: columns of the record's own (as `_layout`) without which a virtual column cannot be told.
        since: minor version of format 5 that brought the codec; a file with it says this version, or a later one.
    """

    repeats: ClassVar[bool] = False
    is_comparable: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ()
    since: ClassVar[int] = 0

    def __init__(self, column: C, columns: Mapping[str, Column]) -> None:
        self.column = column
        self.name = column.name
        self.columns = columns

    @property
    @abstractmethod
    def type(self) -> pa.DataType:
        """The type that readers see."""

    @property
    def registers(self) -> tuple[Register, ...]:
        """The registers of a row's value; the first is NULL where there is none."""
        return (Register(self.name),)

    @property
    def is_derived(self) -> bool:
        """Whether readers see what `derive` makes, not the stored column: of virtual columns, and of other types."""
        return is_virtual(self.column)

    @property
    def is_text(self) -> bool:
        """Whether the register numbers texts."""
        return bool(self.registers[0].texts)

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns whose registers must be filled before a text of this one is read; they read none themselves."""
        return ()

    @abstractmethod
    def operation(self, slot: Slot, numbers: RegisterNumbers) -> Operation:
        """What kernels do with a slot that a layout has for the column, both ways."""

    def typed(self, numbers: RegisterNumbers) -> Operation | None:
        """What kernels do with a string that does not fit the column, but may have a value for it; None for nothing.

        Its text is kept as `_extra`; only the registers are filled.
        """
        return None

    @abstractmethod
    def lenient(self, leaf: Leaf, record: bytes, found: Mapping[str, Value]) -> dict[str, Value]:
        """By register, the value that fills it in a record that is kept whole; nothing where there is none.

        It is the plain-Python twin of the kernels: a value is the same as in a record that has a layout.

        Args:
            leaf: the value.
            record: what it is in.
            found: by register, those of the columns that this one `reads`.
        """

    @abstractmethod
    def stored(self) -> list[StoredAs]:
        """The columns of a part file; those with other names than the column's are its `helpers`."""

    def prepare(self, rows: RowsToStore) -> None:
        """Change registers before any column is made of them."""
        return

    @abstractmethod
    def encode(self, rows: RowsToStore) -> None:
        """Make the stored columns, after those of all columns that are predicted by this one."""

    @abstractmethod
    def decode(self, rows: StoredRows) -> None:
        """Add the steps that fill the registers, if all is there that they need: the reverse of `encode`.

        Files are hostile: a step sees that kernels get no number that they cannot take.

        Raises:
            PartError: if columns and metadata contradict each other.
        """

    def derive(self, texts: Mapping[str, Texts]) -> Derive:
        """What makes a column that `is_derived` from the registers that `decode` filled, and their texts.

        Raises:
            ValueError: if a text is none.
        """
        raise NotImplementedError(f"a column of codec {type(self).__name__} is stored")

    def order_keys(self, regs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """What the contract's `order_by` sorts by, ascending, the most significant first: as Parquet orders values.

        What has no value comes first. Of registers that number texts, `regs` has the ranks of the texts.

        Args:
            regs: by register name, the column's registers: integers[rows].
        """
        return [regs[self.name]]

    def sort_words(self) -> list[tuple[str, int]]:
        """The words that rows are sorted by, the most significant first: register, and how it is one."""
        return [(self.name, LAST_IF_NULL)]


def content_span(leaf: Leaf) -> tuple[int, int]:
    """Where a value's text stands in its record; of a string, what is between the quotes."""
    return (leaf.start + 1, leaf.end - 1) if leaf.kind == "string" else (leaf.start, leaf.end)


def padded(text: bytes) -> NDArray[np.uint8]:
    """A text as kernels read one: uint8[length + PADDING]."""
    return np.frombuffer(text + bytes(PADDING), dtype=np.uint8)
