"""Rows to row groups: one fills while others are sorted, encoded and written."""

from __future__ import annotations

from collections import Counter, deque
from concurrent.futures import Future

import numpy as np

from logpress.engine.convert.block import Block
from logpress.engine.part.encode import encode_rows
from logpress.engine.part.encode_spelling import Allowance, choose_spellings
from logpress.engine.part.kernels_columns import count_codes
from logpress.engine.press.files import SliceFiles
from logpress.engine.press.pressed_day import PressedDay
from logpress.engine.press.whole_rows import keep_whole
from logpress.engine.registers.programs import Layouts
from logpress.engine.registers.registers import LAYOUT
from logpress.engine.render.renderer import Renderer
from logpress.engine.row_group.row_group import RowGroup
from logpress.engine.row_group.store import Stores
from logpress.hashing import digest as digests
from logpress.layout.model import Layout
from logpress.limits import Limits
from logpress.machine.inline import executor
from logpress.machine.memory import give_back_after


class RowGroups:
    """Gathers settled rows into row groups of the part: call `append`, then `end`, then `wait`, and `stop` at last.

    One of two further threads encodes a full row group, and writes it after the one before. At most one waits while
    another is written and a third fills.

    Attributes:
        totals: int64[3], of the full row groups: rows taken, rows of other days, bytes taken.
        digests: digest of the rows of each full row group.
        layout_rows: by layout, rows of the written row groups; -1 for rows that are kept whole.
    """

    def __init__(self, layouts: Layouts, day: PressedDay, files: SliceFiles, threads: int, limits: Limits) -> None:
        self.totals = np.zeros(3, dtype=np.int64)
        self.digests: list[str] = []
        self.layout_rows: Counter[int] = Counter()
        self._layouts = layouts
        self._registers = layouts.registers
        self._day = day
        self._files = files
        self._limits = limits
        self._capacity = layouts.registers.contract.files.row_group_rows
        self._stores = Stores(layouts.registers, self._capacity)
        self._filling: RowGroup | None = None
        self._threads = executor(2 if threads else 0, "finish")
        self._writing: deque[Future[None]] = deque()
        self._renderer = Renderer(layouts.registers, ())

    def append(self, block: Block, takes_unknown: bool) -> None:
        """Append a settled block's rows of the day, and count the others.

        Args:
            block: the block.
            takes_unknown: whether records without a readable day are taken.
        """
        row = 0
        while row < block.rows:
            if self._filling is None:
                self._filling = RowGroup(self._registers, self._capacity, self._day.number, self._stores.take())
            group = self._filling
            row = group.append(block, row, self._layouts.known.layout_of, self._day.units_per_second, takes_unknown)
            if group.is_full or group.text_bytes > self._limits.row_group_text_bytes:
                self._hand_over(others=0)

    def end(self) -> None:
        """Hand over the last row group, which may still be being written when this returns."""
        self._hand_over(others=1)

    def wait(self) -> None:
        """Wait until all row groups are written, and release their memory."""
        self._wait()
        self._stores.clear()

    def stop(self) -> None:
        """End the threads after their current work."""
        self._threads.shutdown(cancel_futures=True)

    def _hand_over(self, others: int) -> None:
        """Hand the row group over to be written, when at most `others` others are being written."""
        group, self._filling = self._filling, None
        if group is None:
            return
        self.totals += group.totals
        self.digests.append(digests.to_text(group.digest))
        if group.used == 0:
            return
        self._wait(others)
        before = self._writing[-1] if self._writing else None
        self._writing.append(self._threads.submit(self._write, group, tuple(self._layouts.all), before))

    def _wait(self, others: int = 0) -> None:
        while len(self._writing) > others:
            self._writing.popleft().result()

    def _write(self, group: RowGroup, layouts: tuple[Layout, ...], before: Future[None] | None) -> None:
        """Encode a row group, and write it after the one before."""
        room = self._stores.take_room()
        text_bytes = group.text_bytes
        spelled = choose_spellings(group, Allowance(self._limits.row_group_metadata_bytes))
        keep_whole(group, spelled.untold_rows, self._renderer_of(layouts))
        table = encode_rows(group, self._day.number, spelled, room, layouts)
        del spelled
        counts = np.zeros(len(layouts) + 1, dtype=np.int64)
        count_codes(group.register(LAYOUT), counts)
        if before is not None:
            before.result()
        self.layout_rows.update({number - 1: count for number, count in enumerate(counts.tolist()) if count})
        self._files.write_rows(table)
        del table  # its columns lie in this room, and in the store
        self._stores.give_room_back(room)
        self._stores.give_back(group.store)
        give_back_after(text_bytes)

    def _renderer_of(self, layouts: tuple[Layout, ...]) -> Renderer:
        """A renderer of the known layouts, which are always the first of the layouts known later."""
        renderer = self._renderer
        if len(renderer.layouts) != len(layouts):
            renderer = self._renderer = Renderer(self._registers, layouts)
        return renderer
