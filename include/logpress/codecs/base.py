"""The protocol of a codec: its work for one column of a contract. Each codec's module implements it."""

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
"""Name of the register, and of the column, of a row's layout."""

Value = int | tuple[int, int]
"""A value of a register: a number, or the span of a text in its record."""

Step = Callable[[pa.Table, Mapping[str, Ints], int], None]
"""Fills registers from the columns of some rows; the last argument is the number of the first row in its row group."""

Derive = Callable[[Mapping[str, Ints]], pa.Array]
"""Makes a column, as readers see it, of some rows from their registers."""

_FIRST_OPERAND = SECOND + 1

C = TypeVar("C", bound=ColumnBase)


class Register(NamedTuple):
    """One register of a column.

    Attributes:
        name: the column's, or `column#part`.
        is_narrow: whether row groups keep it as int32.
        texts: kind of the texts that it numbers: contents of strings, or whole JSON values; empty for none.
    """

    name: str
    is_narrow: bool = False
    texts: Literal["", "string", "value"] = ""


class StoredAs(NamedTuple):
    """One column of a part file.

    Attributes:
        name: the column's own, or one of its `helpers`.
        type: its Arrow type.
        encoding: the Parquet encoding if the contract gives none.
        meaning: meaning of a helper, for people.
    """

    name: str
    type: pa.DataType
    encoding: Encoding
    meaning: str = ""


class Example(NamedTuple):
    """An example of a codec, by which it is tested and its kernels are compiled ahead.

    Attributes:
        keys: of its column in a contract, beside name, path and codec; other columns that they may name are `at`, an
            instant, and `kind`, a category.
        fits: texts in JSON that come back from the value alone.
        has_value: texts that are kept beside their value.
        refused: texts without a value, also of other kinds of JSON.
    """

    keys: Mapping[str, str]
    fits: tuple[bytes, ...]
    has_value: tuple[bytes, ...] = ()
    refused: tuple[bytes, ...] = ()

    @property
    def texts(self) -> tuple[bytes, ...]:
        """All of them."""
        return self.fits + self.has_value + self.refused


class Operation(NamedTuple):
    """The work of kernels on a slot.

    Attributes:
        code: see `kernels_codes`.
        register: the first register that it fills or reads.
        second: a second register, or -1.
        operands: fields behind SECOND, in the order in which `kernels_codes` names them for the code.
    """

    code: int
    register: int
    second: int = -1
    operands: tuple[int, ...] = ()

    def row(self, index: int) -> list[int]:
        """The OPERATION_FIELDS integers for kernels, whose places `kernels_codes` names."""
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
    """The texts of a register of a row group."""

    @property
    def known(self) -> int:
        """Number of texts."""

    def text(self, number: int) -> bytes:
        """One text."""


class Allowance(Protocol):
    """The bytes left for a row group's metadata."""

    def takes(self, data: Any) -> bool:
        """Whether data fit as JSON; if so, their size is taken off."""

    def takes_bytes(self, size: int) -> bool:
        """Whether so many bytes fit; if so, they are taken off."""


class RowsToStore(Protocol):
    """A sorted row group while its columns are made from its registers."""

    @property
    def regs(self) -> Mapping[str, NDArray[Any]]:
        """By register name, int64[rows], or int32[rows] of narrow registers. They are overwritten."""

    @property
    def dictionaries(self) -> Mapping[str, TextsOfRowGroup]:
        """Texts by register name."""

    @property
    def allowance(self) -> Allowance:
        """To be asked before anything is added to the row group's metadata."""

    @property
    def lookups(self) -> MutableMapping[str, Mapping[str, str]]:
        """Metadata of the row group: by column, the usual text for each text of its key."""

    @property
    def sequences(self) -> MutableMapping[str, Sequences]:
        """Metadata of the row group: by column, shards and counters."""

    def store(self, name: str, array: pa.Array) -> None:
        """Add a column."""

    def store_numbers(self, name: str, values: NDArray[Any], type_: pa.DataType) -> None:
        """Add a column of numbers or booleans, with a register's null; it is made after all columns are encoded."""

    def store_texts(self, name: str, register: str) -> None:
        """Add a column of the texts that a register numbers; register and texts are consumed."""


class StoredRows(Protocol):
    """Columns of a row group while steps are added that fill its registers from them."""

    @property
    def names(self) -> Collection[str]:
        """Names of the columns."""

    @property
    def registers(self) -> Collection[str]:
        """Names of the registers that the steps so far fill."""

    @property
    def texts(self) -> MutableMapping[str, Texts]:
        """By register name, the texts of its numbers."""

    @property
    def lookups(self) -> Mapping[str, Mapping[str, str]]:
        """Metadata of the row group: by column, the usual text for each text of its key."""

    @property
    def sequences(self) -> Mapping[str, Sequences]:
        """Metadata of the row group: by column, shards and counters."""

    def layouts_with(self, name: str) -> NDArray[np.bool_]:
        """bool[layouts]: whether a layout has a slot for the column."""

    def text_step(self, register: str, stored: str, *, is_string: bool = True) -> Step:
        """The step that numbers the texts of a column; adds them to `texts`, strings escaped as in the records."""

    def add(self, step: Step, *registers: str) -> None:
        """Add a step that fills these registers from those before it. It must not hold a reference to these rows."""


class ColumnCodec(ABC, Generic[C]):
    """A codec for one column of a contract.

    Attributes:
        column: the column.
        name: its name.
        columns: all columns of the contract, by name.
        repeats: whether values are strings with few distinct ones.
        is_comparable: whether checks may compare values, or only test for null.
        needs: columns of the record itself (as `_layout`) that a virtual column is derived from.
        encoding: of a virtual column, its encoding where it is stored too, if the contract gives none.
        since: minor version of format 5 that added the codec; a file with it has this version, or a later one.
        example: a column of the codec, and texts of it.
    """

    repeats: ClassVar[bool] = False
    is_comparable: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ()
    encoding: ClassVar[Encoding] = "plain"
    since: ClassVar[int] = 0
    example: ClassVar[Example]

    def __init__(self, column: C, columns: Mapping[str, Column]) -> None:
        self.column = column
        self.name = column.name
        self.columns = columns

    @property
    @abstractmethod
    def type(self) -> pa.DataType:
        """The type for readers."""

    @property
    def registers(self) -> tuple[Register, ...]:
        """The registers of a value; the first one is NULL if there is no value."""
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
        """Columns whose registers must be filled before a text of this column is read; they read none themselves."""
        return ()

    @abstractmethod
    def operation(self, slot: Slot, numbers: RegisterNumbers) -> Operation:
        """The operation of a slot of the column, for reading and writing."""

    def typed(self, numbers: RegisterNumbers) -> Operation | None:
        """The operation of a string that does not fit the column but may have a value for it; None if there is none.

        Its text is kept in `_extra`; the operation fills the registers only.
        """
        return None

    @abstractmethod
    def lenient(self, leaf: Leaf, record: bytes, found: Mapping[str, Value]) -> dict[str, Value]:
        """By register, the value of the column in a record that is kept whole; empty if there is no value.

        It is the plain-Python twin of the kernels: it gives the same values as a record with a layout has.

        Args:
            leaf: the value.
            record: the record.
            found: by register, the values of the columns that this one `reads`.
        """

    @abstractmethod
    def stored(self) -> list[StoredAs]:
        """The columns of a part file; those with a name other than the column's are its `helpers`."""

    def prepare(self, rows: RowsToStore) -> None:
        """Change registers before any column is made from them."""
        return

    @abstractmethod
    def encode(self, rows: RowsToStore) -> None:
        """Make the stored columns; called after all columns that this one predicts."""

    @abstractmethod
    def decode(self, rows: StoredRows) -> None:
        """Add the steps that fill the registers, if all their columns are there: the reverse of `encode`.

        Files are hostile: a step checks that kernels get no number that they cannot take.

        Raises:
            PartError: if columns and metadata contradict each other.
        """

    def derive(self, texts: Mapping[str, Texts]) -> Derive:
        """Make a function that derives a column (see `is_derived`) from the registers of `decode`, and their texts.

        Raises:
            ValueError: if a text is not valid.
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
        """The words of a row's sort key, the most significant first: (register, how it becomes a word)."""
        return [(self.name, LAST_IF_NULL)]


def content_span(leaf: Leaf) -> tuple[int, int]:
    """Span of a value's text in its record; for a string, without the quotes."""
    return (leaf.start + 1, leaf.end - 1) if leaf.kind == "string" else (leaf.start, leaf.end)


def padded(text: bytes) -> NDArray[np.uint8]:
    """A text in the form of kernels: uint8[length + PADDING]."""
    return np.frombuffer(text + bytes(PADDING), dtype=np.uint8)
