"""One block of raw records to registers: kernels first, then plain Python for the few records that they leave.

`convert` depends on the block alone, so any thread may run it. `Settler.settle` finds new layouts; it must be called
for one block after the other, in input order, so that the same input always gives the same layouts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from logpress.engine.convert.block_arrays import Entries, Space, Spaces
from logpress.engine.convert.kernels_convert import (
    BATCH,
    FRAME_AT,
    FRAME_CRLF,
    FRAME_END,
    FRAMED,
    FRAMING_WORDS,
    press_rows,
)
from logpress.engine.registers.programs import Known
from logpress.engine.registers.registers import EXTRA, Registers
from logpress.hashing.kernels_tables import rebuild_table
from logpress.layout.kernels_json import MAX_DEPTH
from logpress.records.kernels_lines import count_lines

T = TypeVar("T")

_LOOK_BYTES = 1 << 15
"""[speed] Bytes whose lines are counted to estimate the number of lines of a block."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that is not a JSON object."""

    row: int
    reason: str
    message: str


@dataclass
class Block:
    """Consecutive records of one input, and what became of them.

    Attributes:
        buffer: uint8[n], padded.
        row_starts: int64[rows].
        row_ends: int64[rows].
        space: registers, states and dictionaries; rows behind those of the block are undefined.
    """

    buffer: NDArray[np.uint8]
    row_starts: NDArray[np.int64]
    row_ends: NDArray[np.int64]
    space: Space
    rejects: list[Reject] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Number of records in the block."""
        return len(self.row_starts)

    @property
    def regs(self) -> NDArray[np.int64]:
        """int64[registers, >= rows]."""
        return self.space.regs

    @property
    def states(self) -> NDArray[np.int64]:
        """int64[rows]: number of a program, IRREGULAR, or a negative state."""
        return self.space.states[: self.rows]

    @property
    def finished(self) -> NDArray[np.bool_]:
        """bool[rows]: whether a row has registers (see `is_finished`); the others were left by kernels, or dropped."""
        return self.states >= 0

    @property
    def masks(self) -> NDArray[np.uint64]:
        """uint64[>= rows]: for rows in the state FAILED, the slots whose codecs do not fit."""
        return self.space.masks

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """uint64[2, >= rows]: hashes of the records."""
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
    """Match and convert the records at these spans with the known layouts; at most `spaces.most_rows` of them."""
    rows = len(row_starts)
    block = Block(buffer, row_starts, row_ends, spaces.take(rows))
    convert_rows(block, block.space.numbers[:rows], registers, known)
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
    """Find, match and convert the lines of buffer[begin:end], as `convert` does.

    Args:
        buffer: uint8[n], padded.
        begin: begin of the first line.
        end: end of the last line.
        crlf: whether a carriage return belongs to the separator.
        registers: of the contract.
        known: the known layouts.
        spaces: arrays for the block.

    Returns:
        (at most `spaces.most_rows` lines as a block, begin of the next line).
    """
    look = min(end - begin, _LOOK_BYTES)
    expected = (end - begin) * (int(count_lines(buffer[begin:], look)) + 1) // look
    space = spaces.take(min(spaces.most_rows, expected + expected // 8 + BATCH))
    block = Block(buffer, space.row_starts, space.row_ends, space)
    most = min(spaces.most_rows, space.rows - 1)
    following, rows = convert_rows(block, space.numbers[:most], registers, known, (begin, end, int(crlf)))
    block.row_starts, block.row_ends = space.row_starts[:rows], space.row_ends[:rows]
    return block, following


def convert_rows(
    block: Block,
    rows: NDArray[np.int64],
    registers: Registers,
    known: Known,
    lines: tuple[int, int, int] = (0, 0, 0),
) -> tuple[int, int]:
    """Run the kernel over these rows, with more room for extras until they fit.

    Args:
        block: block of the rows.
        rows: int64[...].
        registers: of the contract.
        known: the layouts known.
        lines: if lines must be found: begin, end, and whether a carriage return belongs to their separators.

    Returns:
        (begin of the line behind those found, number of lines found).
    """
    space, entries = block.space, block.entries
    scratch = _scratch(known.trie.depth)
    while True:
        used, counts = int(space.extra_used[0]), entries.counts.copy()
        framing = np.zeros(FRAMING_WORDS, dtype=np.int64)
        framing[FRAME_AT], framing[FRAME_END], framing[FRAME_CRLF] = lines
        done = press_rows(
            block.buffer, block.row_starts, block.row_ends, framing, rows,
            known.trie.nodes, known.trie.literals, known.ops, known.programs, known.variants,
            known.extras, known.extra_texts, entries.kernel_view(),
            registers.dictionaries[EXTRA], registers[EXTRA], space.extra_texts, space.extra_used,
            space.regs, space.states, space.masks, block.hashes, *scratch,
        )  # fmt: skip
        if done:
            return int(framing[FRAME_AT]), int(framing[FRAMED])
        space.extra_used[0] = used
        entries.counts[:] = counts
        entries.tables.fill(-1)
        for number, count in enumerate(counts):
            rebuild_table(entries.tables[number], entries.hashes[number], count)
        grown = np.empty(4 * len(space.extra_texts), dtype=np.uint8)
        grown[:used] = space.extra_texts[:used]
        space.extra_texts = grown


def some_now(blocks: Iterator[T], count: int) -> Iterator[T]:
    """The same iterator, whose next `count` blocks are taken at once; this bounds what a thread converts ahead."""
    return chain(list(islice(blocks, count)), blocks)


def lines_in_cuts(rows: int, most: int) -> Iterator[tuple[int, int]]:
    """Cut a number of rows into ranges of at most `most`."""
    for first in range(0, rows, most):
        yield first, min(first + most, rows)
