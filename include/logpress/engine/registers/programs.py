"""From contract and layouts to what kernels run: registers, operations and literals in flat arrays.

A register is one int64 a row. Between text and Parquet, every value is in registers; the `registers` of a codec say in
which ones.

`_layout` (register 0), `_extra` and `_raw` belong to the record itself. NULL is the smallest int64, or the smallest
int32 in registers that a row group keeps as int32.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_codes import OPERATION_FIELDS
from logpress.contract.model import Contract
from logpress.engine.registers.kernels_codes import (
    END_OF_EXTRAS,
    END_OF_OPERATIONS,
    EXTRA_FIELDS,
    EXTRA_KIND,
    EXTRA_LABEL_LENGTH,
    EXTRA_PREFIX_AT,
    EXTRA_PREFIX_LENGTH,
    EXTRA_SLOT,
    FIRST_EXTRA,
    FIRST_OPERATION,
    FIRST_VARIANT,
    NEXT_VARIANT,
    PROGRAM_FIELDS,
    VARIANT_FIELDS,
    VARIANT_PROGRAM,
    VARIANT_SLOTS,
)
from logpress.engine.registers.operations import extra_prefixes, operations
from logpress.engine.registers.registers import Registers
from logpress.kernel.words import PADDING
from logpress.layout.mine import Miner
from logpress.layout.model import Layout
from logpress.layout.trie import Trie, TrieBuilder, build_trie
from logpress.limits import DEFAULT, Limits


@dataclass(frozen=True)
class Known:
    """The known layouts in the form of kernels; a new one is made when a layout is found.

    Attributes:
        trie: the matchable layouts.
        ops: int64[m, OPERATION_FIELDS]; `kernels_codes` names the columns of this and the next arrays.
        programs: int64[n, PROGRAM_FIELDS].
        layout_of: int64[n], layout of each program.
        variants: int64[v, VARIANT_FIELDS].
        extras: int64[e, EXTRA_FIELDS].
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
    """The conversion of rows of one layout.

    Attributes:
        layout: number of the layout that is stored with the row.
        matched: layout whose slots the matcher cuts; it differs from `layout` in variants only.
    """

    layout: int
    matched: int


class Layouts:
    """The layouts of one part, in the order of discovery, and the programs that convert their rows.

    Attributes:
        all: the layouts.
        programs: convert rows; several may have the same layout.
        known: both in the form of kernels.
        limits: largest number and size of layouts.
    """

    def __init__(self, contract: Contract, registers: Registers, limits: Limits = DEFAULT) -> None:
        self.registers = registers
        self.miner = Miner(contract)
        self.limits = limits
        self.all: list[Layout] = []
        self.bytes = 0
        self.programs: list[Program] = []
        self._numbers: dict[Layout, int] = {}
        self._places: dict[Program, int] = {}
        self._variants_known: set[tuple[int, int]] = set()  # (program, mask)
        # the contents of `Known`, while they grow
        self._trie = TrieBuilder()
        self._ops, self._rows, self._variants, self._extras = (array("q") for _ in range(4))
        self._texts = bytearray()
        self.known = self._compile()

    def add(self, layout: Layout, matchable: bool) -> int | None:
        """The number of the layout's program, which is made if necessary; None if there are too many layouts."""
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
        """Make a variant of the program `base` in which these slots are extra; False if there are too many programs."""
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
        first = PROGRAM_FIELDS * base + FIRST_VARIANT
        variant = [0] * VARIANT_FIELDS
        variant[VARIANT_SLOTS], variant[VARIANT_PROGRAM] = signed, len(self.programs)
        variant[NEXT_VARIANT] = self._rows[first]
        self._rows[first] = len(self._variants) // VARIANT_FIELDS
        self._variants.extend(variant)
        self._add_program(Program(number, matched))
        self.known = self._compile()
        return True

    def alone(self, program: int) -> Known:
        """`Known` with this program alone, for a record whose layout must not match others."""
        return replace(self.known, trie=build_trie([(program, self.all[self.programs[program].matched])]))

    def _number(self, layout: Layout) -> int | None:
        number = self._numbers.get(layout)
        limits = self.limits
        if number is None and len(self.all) < limits.layouts and len(layout.slots) <= limits.layout_slots:
            size = layout.size
            if self.bytes + size <= limits.layout_bytes:
                self.bytes += size
                number = self._numbers[layout] = len(self.all)
                self.all.append(layout)
        return number

    def _add_program(self, program: Program) -> None:
        layout, matched = self.all[program.layout], self.all[program.matched]
        row = [-1] * PROGRAM_FIELDS
        row[FIRST_OPERATION] = len(self._ops) // OPERATION_FIELDS
        row[FIRST_EXTRA] = len(self._extras) // EXTRA_FIELDS
        # of a variant, the program of the matched layout has filled all registers
        for op in operations(layout, self.registers, fills_all=program.layout == program.matched):
            self._ops.extend(op)
        for index, prefix in extra_prefixes(layout):
            # the matcher cuts an instant before its label, which is part of an extra value
            cut, is_instant = matched.slots[index].instant, layout.slots[index].instant
            label = len(cut.label) if cut is not None and is_instant is None else 0
            extra = [0] * EXTRA_FIELDS
            extra[EXTRA_SLOT], extra[EXTRA_KIND], extra[EXTRA_LABEL_LENGTH] = (
                index,
                int(layout.slots[index].kind),
                label,
            )
            extra[EXTRA_PREFIX_AT], extra[EXTRA_PREFIX_LENGTH] = len(self._texts), len(prefix)
            self._extras.extend(extra)
            self._texts += prefix
        row[END_OF_OPERATIONS] = len(self._ops) // OPERATION_FIELDS
        row[END_OF_EXTRAS] = len(self._extras) // EXTRA_FIELDS
        self._rows.extend(row)
        self._places.setdefault(program, len(self.programs))
        self.programs.append(program)

    def _compile(self) -> Known:
        """The current `Known`: copies, because a block may be converted with it while layouts are added."""
        return Known(
            self._trie.trie(),
            np.array(self._ops, dtype=np.int64).reshape(-1, OPERATION_FIELDS),
            np.array(self._rows, dtype=np.int64).reshape(-1, PROGRAM_FIELDS),
            np.array([program.layout for program in self.programs], dtype=np.int64),
            np.array(self._variants, dtype=np.int64).reshape(-1, VARIANT_FIELDS),
            np.array(self._extras, dtype=np.int64).reshape(-1, EXTRA_FIELDS),
            np.frombuffer(bytes(self._texts) + bytes(PADDING), dtype=np.uint8),
        )
