"""Records that the kernels left: layouts are mined from them, or they are kept whole or rejected."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.codecs.lenient import LenientReader
from logpress.engine.convert.block import Block, Reject, convert_rows
from logpress.engine.registers.kernels_codes import DROPPED, FAILED, IRREGULAR, MISSED, SUSPECT
from logpress.engine.registers.programs import Layouts
from logpress.engine.registers.registers import RAW, Registers
from logpress.hashing.kernels_hash import find_or_add
from logpress.kernel.ascii import BRACE_OPEN
from logpress.layout.kernels_json import MAX_DEPTH, PLAIN, SURROGATE, string_kind, value_end
from logpress.layout.mine import Mined
from logpress.layout.tokens import Leaf, NotAnObjectError

FEWEST_AHEAD = 64
"""[speed] Rows on which a new layout is tried first; the number doubles whenever all of them are settled."""


class Settler:
    """Settles the records that the known layouts left, one block after the other in input order."""

    def __init__(self, registers: Registers, layouts: Layouts) -> None:
        self.registers = registers
        self.layouts = layouts
        self.lenient = LenientReader(registers.contract)

    def settle(self, block: Block) -> None:
        """Bring every row to a layout, the state IRREGULAR, or a reject."""
        left = np.flatnonzero(~block.finished)
        mined: dict[int, Mined] = {}
        tried: set[tuple[int, int, int]] = set()
        at = tried_to = 0  # indices in `left`; rows before `tried_to` were tried with all known layouts
        ahead = FEWEST_AHEAD
        while at < len(left):
            if at == tried_to:
                # the block may have been converted before layouts that fit were found
                self._again(block, left[at : at + ahead])
                tried_to, ahead = at + ahead, 2 * ahead
            row = int(left[at])
            state = int(block.states[row])
            if state not in (MISSED, FAILED, SUSPECT):
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
            ahead = FEWEST_AHEAD  # if each record has its own layout, it is not tried on all records behind it
            tried_to = at + (1 if alone is not None and not alone.matchable else ahead)
            self._again(block, left[at:tried_to], alone)

    def keep_whole(self, block: Block, rows: NDArray[np.int64]) -> None:
        """Keep these rows of a settled block whole although layouts fit them."""
        for row in rows.tolist():
            self._keep_whole(block, row)

    def _is_minable(self, block: Block, row: int) -> bool:
        return bool(block.row_ends[row] - block.row_starts[row] <= self.layouts.limits.mined_record_bytes)

    def _again(self, block: Block, rows: NDArray[np.int64], alone: Mined | None = None) -> None:
        """Run the kernel again over rows that are left, with the newest layouts."""
        waiting = rows[(block.states[rows] == MISSED) | (block.states[rows] == FAILED)]
        if len(waiting) == 0:
            return
        if alone is not None and not alone.matchable:
            waiting = waiting[:1]
            program = self.layouts.add(alone.layout, matchable=False)
            known = self.layouts.known if program is None else self.layouts.alone(program)
        else:
            known = self.layouts.known
        convert_rows(block, waiting, self.registers, known)

    def _mine(self, block: Block, row: int) -> Mined | None:
        """Mine the layout of a row; None if the row is settled now, as a reject or kept whole."""
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
        if block.buffer[start] == BRACE_OPEN and value_end(block.buffer, start, end, stack) == end:
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
        """Keep the record's bytes in `_raw`, and fill the columns whose values can be read."""
        block.regs[:, row] = NULL
        record = block.record(row)
        start = int(block.row_starts[row])
        for name, value in self.lenient.registers(record, filling):
            if isinstance(value, tuple):
                value = self._add_entry(block, name, start + value[0], start + value[1])
                if block.entries.kinds[self.registers.dictionaries[name], value] == SURROGATE:
                    continue  # not a text for Arrow
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
            # as in the kernel: only texts between quotes have a kind; equal bytes are equal texts
            kind = string_kind(block.buffer, start, end) if name in self.registers.strings else PLAIN
            entries.kinds[number, entry] = kind
            count[0] += 1
        return entry
