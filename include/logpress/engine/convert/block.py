"""One block of raw records to registers: the kernels first, then plain Python for the few records they leave.

`convert` depends on the block alone and may run in any thread; `settle` finds new layouts and must be called for one
block after the other, in input order, so that the same input always gives the same layouts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.codecs.lenient import LenientReader
from logpress.contract.model import Json
from logpress.engine.convert.block_arrays import Entries, Space, Spaces
from logpress.engine.convert.kernels_convert import BATCH, count_lines, press_rows
from logpress.engine.registers.kernels_codes import DROPPED, FAILED, IRREGULAR, MISSED
from logpress.engine.registers.programs import EXTRA, RAW, Known, Layouts, Registers
from logpress.engine.row_group.kernels_row_group import rebuild_table
from logpress.hashing.kernels_hash import find_or_add
from logpress.layout.kernels_json import MAX_DEPTH, PLAIN, SURROGATE, string_kind, value_end
from logpress.layout.mine import Mined
from logpress.layout.tokens import Leaf, NotAnObjectError

T = TypeVar("T")

MAX_ROWS = 1 << 14
"""Rows converted at a time: a block with more (of very short records) is cut."""

FEWEST_AHEAD = 64
"""Rows that a new layout is tried on at once; twice as many each time that all are settled."""

MAX_MINED_BYTES = 1 << 18
"""Longer records are kept whole: a layout would hardly ever fit a second one."""

_LOOK_BYTES = 1 << 15
"""Bytes that tell about how many lines there are."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that is no JSON object."""

    row: int
    reason: str
    message: str


@dataclass
class Block:
    """Some consecutive records of one origin, and what became of them.

    Attributes:
        buffer: uint8[n], padded.
        row_starts: int64[rows].
        row_ends: int64[rows].
        space: registers, states and dictionaries; rows behind the block's own are undefined.
    """

    buffer: NDArray[np.uint8]
    row_starts: NDArray[np.int64]
    row_ends: NDArray[np.int64]
    space: Space
    rejects: list[Reject] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Records in the block."""
        return len(self.row_starts)

    @property
    def regs(self) -> NDArray[np.int64]:
        """int64[registers, >= rows]."""
        return self.space.regs

    @property
    def states(self) -> NDArray[np.int64]:
        """int64[rows]: a program's number, IRREGULAR, or below zero."""
        return self.space.states[: self.rows]

    @property
    def masks(self) -> NDArray[np.uint64]:
        """uint64[>= rows]: slots whose codecs do not fit, of rows in the state FAILED."""
        return self.space.masks

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """uint64[2, >= rows], the records' hashes."""
        return self.space.hashes

    @property
    def entries(self) -> Entries:
        """The block's dictionaries."""
        return self.space.entries

    def record(self, row: int) -> bytes:
        """A record's bytes."""
        return self.buffer[self.row_starts[row] : self.row_ends[row]].tobytes()


def _scratch(depth: int) -> tuple[NDArray[Any], ...]:
    """Scratch arrays of `press_rows`: spans, trail, stack, chosen, pending, suspects, scratch."""
    return (
        np.empty((BATCH, 2 * depth + 2), dtype=np.int64),
        np.empty(2 * depth + 2, dtype=np.int64),
        np.empty(MAX_DEPTH, dtype=np.uint8),
        np.empty(BATCH, dtype=np.int64),
        np.empty(BATCH, dtype=np.int64),
        np.empty(BATCH, dtype=np.uint8),
        np.empty(4, dtype=np.int64),
    )


def convert(
    buffer: NDArray[np.uint8],
    row_starts: NDArray[np.int64],
    row_ends: NDArray[np.int64],
    registers: Registers,
    known: Known,
    spaces: Spaces,
) -> Block:
    """Match and convert the records at these spans with the layouts known; at most MAX_ROWS of them."""
    rows = len(row_starts)
    block = Block(buffer, row_starts, row_ends, spaces.take(rows))
    _press(block, block.space.numbers[:rows], registers, known)
    return block


def convert_lines(
    buffer: NDArray[np.uint8],
    begin: int,
    end: int,
    crlf: bool,
    registers: Registers,
    known: Known,
    spaces: Spaces,
) -> tuple[Block, int]:
    """Match and convert the lines of buffer[begin:end] as `convert` does, where nobody knows yet where they are.

    Args:
        buffer: uint8[n], padded.
        begin: where a line begins.
        end: where the last one ends.
        crlf: whether a carriage return belongs to the separator.
        registers: of the contract.
        known: the layouts known.
        spaces: where the block's arrays come from.

    Returns:
        At most MAX_ROWS of them, and where the next one begins.
    """
    look = min(end - begin, _LOOK_BYTES)
    expected = (end - begin) * (int(count_lines(buffer[begin:], look)) + 1) // look
    space = spaces.take(min(MAX_ROWS, expected + expected // 8 + BATCH))
    block = Block(buffer, space.row_starts, space.row_ends, space)
    most = min(MAX_ROWS, space.rows - 1)
    following, rows = _press(block, space.numbers[:most], registers, known, (begin, end, int(crlf)))
    block.row_starts, block.row_ends = space.row_starts[:rows], space.row_ends[:rows]
    return block, following


def _press(
    block: Block,
    rows: NDArray[np.int64],
    registers: Registers,
    known: Known,
    lines: tuple[int, int, int] = (0, 0, 0),
) -> tuple[int, int]:
    """Run the kernel over these rows; grows the room for extras until they fit.

    Args:
        block: whose.
        rows: int64[...].
        registers: of the contract.
        known: the layouts known.
        lines: where to find lines from, up to where, and whether a carriage return belongs to their separators; if they
            are to be found.

    Returns:
        Where the line behind those found begins, and how many were found.
    """
    space, entries = block.space, block.entries
    scratch = _scratch(known.trie.depth)
    while True:
        used, counts = int(space.extra_used[0]), entries.counts.copy()
        framing = np.array([*lines, 0], dtype=np.int64)
        done = press_rows(
            block.buffer, block.row_starts, block.row_ends, framing, rows,
            known.trie.nodes, known.trie.literals, known.ops, known.programs, known.variants,
            known.extras, known.extra_texts, entries.kernel_view(),
            registers.dictionaries[EXTRA], registers[EXTRA], space.extra_texts, space.extra_used,
            space.regs, space.states, space.masks, block.hashes, *scratch,
        )  # fmt: skip
        if done:
            return int(framing[0]), int(framing[3])
        space.extra_used[0] = used
        entries.counts[:] = counts
        entries.tables.fill(-1)
        for number, count in enumerate(counts):
            rebuild_table(entries.tables[number], entries.hashes[number], count)
        grown = np.empty(4 * len(space.extra_texts), dtype=np.uint8)
        grown[:used] = space.extra_texts[:used]
        space.extra_texts = grown


class Settler:
    """Deals with the records that the known layouts left, one block after the other in input order."""

    def __init__(self, registers: Registers, layouts: Layouts) -> None:
        self.registers = registers
        self.layouts = layouts
        self.lenient = LenientReader(registers.contract)

    def settle(self, block: Block) -> None:
        """Bring every row to a layout, to irregular, or to a reject."""
        left = np.flatnonzero(block.states < 0)
        mined: dict[int, Mined] = {}
        tried: set[tuple[int, int, int]] = set()
        at = tried_to = 0  # places in `left`; those before `tried_to` were tried with all layouts that are known
        ahead = FEWEST_AHEAD
        while at < len(left):
            if at == tried_to:
                # a block may have been converted before layouts were found that fit
                self._again(block, left[at : at + ahead])
                tried_to, ahead = at + ahead, 2 * ahead
            row = int(left[at])
            state = int(block.states[row])
            if not DROPPED < state <= MISSED:
                at += 1
                continue
            failure = (row, int(block.regs[0, row]), int(block.masks[row]))
            alone: Mined | None = None
            if state == FAILED and failure not in tried and self.layouts.add_variant(*failure[1:]):
                tried.add(failure)
                alone = mined.get(row)
            elif state == MISSED and row not in mined and self._is_minable(block, row):
                alone = self._mine(block, row)
                if alone is None:
                    continue
                mined[row] = alone
            else:
                self._keep_or_reject(block, row)
                continue
            ahead = FEWEST_AHEAD  # where each record brings a layout, it is not tried for all that follow
            tried_to = at + (1 if alone is not None and not alone.matchable else ahead)
            self._again(block, left[at:tried_to], alone)

    def keep_whole(self, block: Block, rows: NDArray[np.int64]) -> None:
        """Keep these rows of a settled block whole, though layouts fit them."""
        for row in rows.tolist():
            self._keep_whole(block, row)

    def _is_minable(self, block: Block, row: int) -> bool:
        return bool(block.row_ends[row] - block.row_starts[row] <= MAX_MINED_BYTES)

    def _again(self, block: Block, rows: NDArray[np.int64], alone: Mined | None = None) -> None:
        """Run the kernel once more over rows that are left, with the newest layouts."""
        waiting = rows[(block.states[rows] == MISSED) | (block.states[rows] == FAILED)]
        if len(waiting) == 0:
            return
        if alone is not None and not alone.matchable:
            waiting = waiting[:1]
            program = self.layouts.add(alone.layout, matchable=False)
            known = self.layouts.known if program is None else self.layouts.alone(program)
        else:
            known = self.layouts.known
        _press(block, waiting, self.registers, known)

    def _mine(self, block: Block, row: int) -> Mined | None:
        """Find a row's layout; None if it is settled by that, being no object, or kept whole."""
        try:
            found = self.layouts.miner.mine(block.record(row))
        except NotAnObjectError as error:
            self._reject(block, row, error)
            return None
        if self.layouts.add(found.layout, found.matchable) is None:
            self._keep_whole(block, row, found.filling)
            return None
        return found

    def _keep_or_reject(self, block: Block, row: int) -> None:
        stack = np.empty(MAX_DEPTH, dtype=np.uint8)
        start, end = int(block.row_starts[row]), int(block.row_ends[row])
        if block.buffer[start] == 0x7B and value_end(block.buffer, start, end, stack) == end:
            self._keep_whole(block, row)
            return
        try:
            self.layouts.miner.check(block.record(row))
        except NotAnObjectError as error:
            self._reject(block, row, error)
        else:
            self._keep_whole(block, row)

    def _reject(self, block: Block, row: int, error: NotAnObjectError) -> None:
        block.rejects.append(Reject(row, error.reason, str(error)))
        block.states[row] = DROPPED

    def _keep_whole(self, block: Block, row: int, filling: Mapping[str, Leaf] | None = None) -> None:
        """Keep the record's bytes in `_raw`, and fill the columns as far as its values go."""
        block.regs[:, row] = NULL
        record = block.record(row)
        start = int(block.row_starts[row])
        for name, value in self.lenient.registers(record, filling):
            if isinstance(value, tuple):
                value = self._add_entry(block, name, start + value[0], start + value[1])
                if block.entries.kinds[self.registers.dictionaries[name], value] == SURROGATE:
                    continue  # no text that Arrow could hold
            block.regs[self.registers[name], row] = value
        block.regs[self.registers[RAW], row] = self._add_entry(block, RAW, start, start + len(record))
        block.states[row] = IRREGULAR

    def _add_entry(self, block: Block, name: str, start: int, end: int) -> int:
        number = self.registers.dictionaries[name]
        entries = block.entries
        count = entries.counts[number : number + 1]
        entry = int(
            find_or_add(
                block.buffer, start, end, entries.tables[number], block.buffer,
                entries.starts[number], entries.ends[number], entries.hashes[number], count,
            )
        )  # fmt: skip
        if entry == count[0]:
            entries.starts[number, entry], entries.ends[number, entry] = start, end
            # as the kernel has it: only what stands between quotes has a kind, and a text is looked up by itself alone
            is_string = name != RAW and not isinstance(self.registers.columns[name], Json)
            kind = string_kind(block.buffer, start, end) if is_string else PLAIN
            entries.kinds[number, entry] = kind
            count[0] += 1
        return entry


def some_now(blocks: Iterator[T], count: int) -> Iterator[T]:
    """The same, of which so many are there already: so what a thread converts ahead is bounded."""
    return chain(list(islice(blocks, count)), blocks)


def lines_in_cuts(rows: int) -> Iterator[tuple[int, int]]:
    """Cut a number of rows into ranges of at most MAX_ROWS."""
    for first in range(0, rows, MAX_ROWS):
        yield first, min(first + MAX_ROWS, rows)
