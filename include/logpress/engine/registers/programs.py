"""From contract and layouts to what the kernels run: registers, operations and literals in flat arrays.

A register is one int64 a row. Between text and Parquet every value is in registers:

| codec | registers |
| --- | --- |
| category, text, json, lookup | the number of its text in a dictionary |
| integer, boolean | the value |
| decimal | the bits of the double; `#scale`, the digits after the point |
| instant | UTC in the column's unit; `#shift_min` where the label is checked: minutes by which the label lied |
| kinesis_sequence | `#shard`, `#arrival` (second), `#counter`, `#sub` |

`_layout` (register 0), `_extra` and `_raw` are the record's own. NULL is the smallest int64; where registers of a row
group are kept as int32, the smallest int32.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.lenient import INTEGER_LIMITS
from logpress.contract.model import (
    UNITS_PER_SECOND,
    Boolean,
    Contract,
    Copy,
    Decimal,
    Instant,
    Integer,
    KinesisSequence,
)
from logpress.engine.registers.kernels_codes import (
    ABSENT,
    BOOLEAN,
    COPY_EPOCH,
    COPY_INSTANT,
    DECIMAL,
    INSTANT,
    INTEGER,
    KINESIS,
    STRING,
    TYPED,
    VALUE,
)
from logpress.kernel.words import PADDING
from logpress.layout.mine import Miner
from logpress.layout.model import Kind, Layout, Slot
from logpress.layout.trie import Trie, TrieBuilder, build_trie

MOST_SLOTS = 512
"""A record with more values than this is kept whole."""

MOST_LAYOUT_BYTES = 4 << 20
"""Literals and paths of all layouts of a part: records that would need more are kept whole, too."""

LAYOUT, EXTRA, RAW = "_layout", "_extra", "_raw"


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


def operation(slot: Slot, index: int, registers: Registers) -> list[int]:
    """The operation (10 integers) of one slot that is no extra.

    0: slot, 1: code, 2: register, 3: second register or -1; then by code
    INSTANT: separator, digits, units a second, reference register or -1, label's offset in minutes, reference's units
    INTEGER: smallest, largest; STRING, VALUE: dictionary; KINESIS: registers of arrival, counter, sub
    COPY_INSTANT: as INSTANT (units of the column copied); COPY_EPOCH: column's units, copy's units
    """
    contract = registers.contract
    if slot.role == "copy":
        copy = _copy_at(contract, slot.path)
        source = registers.columns[copy.of]
        assert isinstance(source, Instant)
        units = UNITS_PER_SECOND[source.unit]
        number = registers[copy.of]
        if slot.instant is None:
            return [index, COPY_EPOCH, number, -1, units, 1000 if copy.form == "epoch_ms" else 1, 0, 0, 0, 0]
        second = registers.get(f"{copy.of}#shift_min") if copy.form == "labelled_instant" else -1
        written = [ord(slot.instant.separator), slot.instant.digits, units, -1, slot.instant.offset_min, 0]
        return [index, COPY_INSTANT, number, second, *written]
    column = registers.columns[slot.name]
    if isinstance(column, Instant):
        assert slot.instant is not None
        reference, reference_units = -1, 1
        if column.label_checked_by:
            checked_by = registers.columns[column.label_checked_by]
            assert isinstance(checked_by, Instant)
            reference, reference_units = registers[checked_by.name], UNITS_PER_SECOND[checked_by.unit]
        return [
            index, INSTANT, registers[column.name], registers.get(f"{column.name}#shift_min"),
            ord(slot.instant.separator), slot.instant.digits, UNITS_PER_SECOND[column.unit],
            reference, slot.instant.offset_min, reference_units,
        ]  # fmt: skip
    if isinstance(column, Integer):
        return [index, INTEGER, registers[column.name], -1, *INTEGER_LIMITS[column.type], 0, 0, 0, 0]
    if isinstance(column, Decimal):
        return [index, DECIMAL, registers[column.name], registers[f"{column.name}#scale"], 0, 0, 0, 0, 0, 0]
    if isinstance(column, Boolean):
        return [index, BOOLEAN, registers[column.name], -1, 0, 0, 0, 0, 0, 0]
    if isinstance(column, KinesisSequence):
        numbers = [registers[name] for name in column.registers_of(column.name)]
        return [index, KINESIS, numbers[0], -1, *numbers[1:], 0, 0, 0]
    code = VALUE if slot.kind == Kind.ANY else STRING
    return [index, code, registers[column.name], -1, registers.dictionaries[column.name], 0, 0, 0, 0, 0]


def typed(slot: Slot, index: int, registers: Registers) -> list[int] | None:
    """The operation of an extra slot whose text has a value for its column; None where none can have.

    0: slot, 1: TYPED, 2: register, 3: second register or -1, 4: code of the column's own operation; smallest, largest
    """
    column = registers.columns.get(slot.fills)
    if slot.kind != Kind.STRING or column is None:
        return None
    number, second = registers[column.name], registers.get(f"{column.name}#scale")
    if isinstance(column, Integer):
        return [index, TYPED, number, second, INTEGER, *INTEGER_LIMITS[column.type], 0, 0, 0]
    if isinstance(column, Decimal):
        return [index, TYPED, number, second, DECIMAL, 0, 0, 0, 0, 0]
    if isinstance(column, Boolean):
        return [index, TYPED, number, second, BOOLEAN, 0, 0, 0, 0, 0]
    return None


def absent(operations: Sequence[Sequence[int]], registers: int) -> list[list[int]]:
    """Operations that leave all registers without a value that none of these fills."""
    filled = {0}
    for op in operations:
        if op[1] == KINESIS:
            filled.update((op[2], *op[4:7]))
        elif op[1] not in (COPY_INSTANT, COPY_EPOCH):
            filled.update(number for number in op[2:4] if number >= 0)
    return [[0, ABSENT, number, -1, 0, 0, 0, 0, 0, 0] for number in range(registers) if number not in filled]


def _copy_at(contract: Contract, path: str) -> Copy:
    return next(copy for copy in contract.copies if copy.path == path)


def extra_prefixes(layout: Layout) -> list[tuple[int, bytes]]:
    """For each extra slot: its index, and what stands before its value in the row's `_extra`."""
    prefixes: list[tuple[int, bytes]] = []
    for index, slot in enumerate(layout.slots):
        if slot.role == "extra":
            opening = "," if prefixes else "{"
            prefixes.append((index, f"{opening}{json.dumps(slot.path, ensure_ascii=False)}:".encode()))
    return prefixes


@dataclass(frozen=True)
class Known:
    """The layouts known so far, as the kernels want them; a new one is made when a layout is found.

    Attributes:
        trie: the matchable layouts.
        ops: int64[m, 10].
        programs: int64[n, 5]: first and last operation, first and last extra, first variant or -1.
        layout_of: int64[n], the layout of each program.
        variants: int64[v, 3].
        extras: int64[e, 5].
        extra_texts: uint8[...].
    """

    trie: Trie
    ops: NDArray[np.int64]
    programs: NDArray[np.int64]
    layout_of: NDArray[np.int64]
    variants: NDArray[np.int64]
    extras: NDArray[np.int64]
    extra_texts: NDArray[np.uint8]


@dataclass(frozen=True)
class Program:
    """How rows of one layout are converted.

    Attributes:
        layout: the layout's number: what is stored with the row.
        matched: the layout whose slots the matcher cuts; another one only where codecs did not fit.
    """

    layout: int
    matched: int


class Layouts:
    """The layouts of one part, in the order of discovery, and the programs that convert their rows.

    Attributes:
        all: the layouts.
        programs: what converts their rows; several may end in one layout.
        known: all of it, as the kernels want it.
    """

    def __init__(self, contract: Contract, registers: Registers, limit: int) -> None:
        self.registers = registers
        self.miner = Miner(contract)
        self.limit = limit
        self.all: list[Layout] = []
        self.bytes = 0
        self.programs: list[Program] = []
        self._numbers: dict[Layout, int] = {}
        self._places: dict[Program, int] = {}
        self._variants_known: set[tuple[int, int]] = set()  # (program, mask)
        # what `Known` has, as it grows
        self._trie = TrieBuilder()
        self._ops, self._rows, self._variants, self._extras = (array("q") for _ in range(4))
        self._texts = bytearray()
        self.known = self._compile()

    def add(self, layout: Layout, matchable: bool) -> int | None:
        """The number of the layout's own program, new if need be; None if there are too many layouts."""
        number = self._number(layout)
        if number is None:
            return None
        program = Program(number, number)
        if program not in self._places:
            self._add_program(program)
            if matchable:
                self._trie.add(self._places[program], layout)
            self.known = self._compile()
        return self._places[program]

    def add_variant(self, base: int, mask: int) -> bool:
        """Make a program for rows of a program in which the codecs of these slots do not fit; False if too many."""
        if (base, mask) in self._variants_known:
            return True
        matched = self.programs[base].matched
        layout = self.all[self.programs[base].layout]
        failed = frozenset(
            index for index, slot in enumerate(layout.slots) if mask >> min(index, 63) & 1 and slot.role != "extra"
        )
        number = self._number(layout.without_codecs(failed))
        if number is None or not failed:
            return False
        self._variants_known.add((base, mask))
        signed = mask - (1 << 64) if mask >> 63 else mask
        first = _PROGRAM_FIELDS * base + _PROGRAM_FIELDS - 1  # where the base says its first variant
        self._variants.extend((signed, len(self.programs), self._rows[first]))
        self._rows[first] = len(self._variants) // _VARIANT_FIELDS - 1
        self._add_program(Program(number, matched))
        self.known = self._compile()
        return True

    def alone(self, program: int) -> Known:
        """Only this program can be matched: for a record whose layout must not be matched by others."""
        return replace(self.known, trie=build_trie([(program, self.all[self.programs[program].matched])]))

    def _number(self, layout: Layout) -> int | None:
        number = self._numbers.get(layout)
        if number is None and len(self.all) < self.limit and len(layout.slots) <= MOST_SLOTS:
            size = layout.size
            if self.bytes + size <= MOST_LAYOUT_BYTES:
                self.bytes += size
                number = self._numbers[layout] = len(self.all)
                self.all.append(layout)
        return number

    def _add_program(self, program: Program) -> None:
        layout, matched = self.all[program.layout], self.all[program.matched]
        first_op, first_extra = len(self._ops) // _OP_FIELDS, len(self._extras) // _EXTRA_FIELDS
        wanted = [operation(s, i, self.registers) for i, s in enumerate(layout.slots) if s.role != "extra"]
        if program.layout == program.matched:  # else that of the layout that was matched has filled all registers
            extras = (typed(s, i, self.registers) for i, s in enumerate(layout.slots) if s.role == "extra")
            wanted += filter(None, extras)
            wanted += absent(wanted, len(self.registers))
        for op in sorted(wanted, key=_precedence):
            self._ops.extend(op)
        for index, prefix in extra_prefixes(layout):
            # the matcher cuts an instant before its label; as an extra, the label is part of the value
            cut, is_instant = matched.slots[index].instant, layout.slots[index].instant
            label = len(cut.label) if cut is not None and is_instant is None else 0
            self._extras.extend((index, len(self._texts), len(prefix), int(layout.slots[index].kind), label))
            self._texts += prefix
        last_op, last_extra = len(self._ops) // _OP_FIELDS, len(self._extras) // _EXTRA_FIELDS
        self._rows.extend((first_op, last_op, first_extra, last_extra, -1))
        self._places.setdefault(program, len(self.programs))
        self.programs.append(program)

    def _compile(self) -> Known:
        """What is known now: copies, as a block may be converted with it while more becomes known."""
        return Known(
            self._trie.trie(),
            np.array(self._ops, dtype=np.int64).reshape(-1, _OP_FIELDS),
            np.array(self._rows, dtype=np.int64).reshape(-1, _PROGRAM_FIELDS),
            np.array([program.layout for program in self.programs], dtype=np.int64),
            np.array(self._variants, dtype=np.int64).reshape(-1, _VARIANT_FIELDS),
            np.array(self._extras, dtype=np.int64).reshape(-1, _EXTRA_FIELDS),
            np.frombuffer(bytes(self._texts) + bytes(PADDING), dtype=np.uint8),
        )


_OP_FIELDS, _PROGRAM_FIELDS, _VARIANT_FIELDS, _EXTRA_FIELDS = 10, 5, 3, 5


def _precedence(op: Sequence[int]) -> tuple[int, int]:
    """Instants that check others come before those, copies after all columns, and what is absent before all."""
    if op[1] == ABSENT:
        return (-1, op[2])
    if op[1] == INSTANT:
        return (0 if op[7] < 0 else 1, op[0])
    return (2 if op[1] in (COPY_INSTANT, COPY_EPOCH) else 1, op[0])
