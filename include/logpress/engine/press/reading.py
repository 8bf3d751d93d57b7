"""Reads the records of a slice: settles them in input order, and passes them on as rows or rejects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.engine.convert.block import Block
from logpress.engine.convert.duplicates import Seen, seen_path
from logpress.engine.convert.settle import Settler
from logpress.engine.part.rejects import DUPLICATE, NO_DAY, NO_DAY_MESSAGE, Rejects
from logpress.engine.press.conversion import Conversion, Converted
from logpress.engine.press.files import SliceFiles
from logpress.engine.press.pressed_day import PressedDay
from logpress.engine.press.sampled import Sample
from logpress.engine.registers.kernels_codes import DROPPED, IRREGULAR
from logpress.engine.registers.programs import Layouts
from logpress.engine.row_group.row_group import SECONDS_A_DAY
from logpress.hashing import digest as digests
from logpress.limits import Limits
from logpress.manifest import OriginStats, RecordPlace, SliceSpec
from logpress.progress import Progress
from logpress.records.ids import Ids
from logpress.records.raw_blocks import Buffers, too_long_message
from logpress.records.slice_input import BlockSource, SliceInput, Undated, undated_in

KEPT_PLACES = 10
"""Records named in a manifest, of those that were kept whole because they were not restored."""

Source = AbstractContextManager[BlockSource]


class TakesRows(Protocol):
    """A receiver of settled rows."""

    def append(self, block: Block, takes_unknown: bool) -> None:
        """Take a settled block's rows of the day, and those without a readable day if `takes_unknown`."""


class SliceReading:
    """Reads a slice with `read`.

    Attributes:
        layouts: layouts found so far.
        rejects: records that are no row of the day and belong to no other day.
        numbers: records of each input so far.
        origins: contents of each input, after reading.
        ids: hashes of the ids of hits, after reading; None if there are none.
        raw_bytes: bytes read so far.
        others: bad records of inputs of other days, which are left to those days.
        kept_whole: rows that were kept whole because of `keep_whole`.
        kept_places: places of the first of these.
        sample: the first rows of the day; None if they are not read from raw input.
    """

    def __init__(
        self,
        spec: SliceSpec,
        layouts: Layouts,
        day: PressedDay,
        rows: TakesRows,
        files: SliceFiles,
        *,
        threads: int,
        limits: Limits,
        progress: Progress | None = None,
        keep_whole: NDArray[np.uint64] | None = None,
        source: Callable[[Buffers], Source] | None = None,
        undated: Sequence[Undated] | None = None,
    ) -> None:
        """Prepare.

        Args:
            spec: the slice.
            layouts: empty; filled while reading.
            day: the day whose records are taken.
            rows: gets settled blocks in input order.
            files: get rejects when there are many.
            threads: threads that convert; 0: all is done in the calling thread.
            limits: of blocks, records, and rejects in memory.
            progress: called with raw bytes and records done so far.
            keep_whole: see `press_slice`.
            source: opens the source of blocks; the slice's inputs if None.
            undated: treatment of records without a readable day, for each input; by the inputs' names if None.
        """
        contract = layouts.registers.contract
        self.layouts = layouts
        self.rejects = Rejects()
        self.numbers = [0] * len(spec.inputs)
        self.origins: list[OriginStats] = []
        self.ids: Ids | None = None
        self.raw_bytes = self.others = self.kept_whole = 0
        self.kept_places: list[RecordPlace] = []
        self._spec = spec
        self._day = day
        self._rows = rows
        self._files = files
        self._limits = limits
        self._progress = progress
        self._to_keep_whole = keep_whole
        self._undated = undated_in(contract, day.day, spec) if undated is None else undated
        self._conversion = Conversion(layouts, threads, limits)
        self.sample = Sample(layouts, day) if source is None else None
        self._settler = Settler(layouts.registers, layouts)
        self._source = source or (lambda buffers: SliceInput(spec, contract.source, buffers))
        self._seen = (
            Seen(files.filesystem, seen_path(files.folder, spec.name), spec.raw_bytes or 0, limits)
            if contract.source.duplicates == "reject"
            else None
        )

    def read(self) -> None:
        """Read and settle all records.

        Raises:
            SourceError: if an input is missing or cannot be read.
        """
        self._files.make_folder()
        try:
            with self._source(self._conversion.buffers) as source:
                for converted in self._conversion.in_order(source.blocks()):
                    self._take(converted)
                self.origins = source.origins()
                self.ids = source.ids
        finally:
            self._conversion.stop()

    def write_seen(self) -> None:
        """Write the hashes that find duplicates across slices, if the contract wants that."""
        if self._seen is not None:
            self._seen.write()

    def _take(self, converted: Converted) -> None:
        """Settle the blocks of a raw block, and pass their rows on."""
        origin, raw = converted.origin, converted.raw
        if raw.piece:
            self.numbers[origin] += 1
            record, message = raw.buffer[: raw.end].tobytes(), too_long_message(self._limits)
            self.rejects.add(
                self._spec.inputs[origin], self.numbers[origin], "too_long", message, record, raw.continued
            )
        for block in converted.blocks:
            self._settle(block, origin)
            if self.sample is not None and not self.sample.is_full:
                self.sample.add(block, self._undated[origin] is Undated.ours)
            self._rows.append(block, self._undated[origin] is Undated.ours)
            self.numbers[origin] += block.rows
            self._files.write_rejects(self.rejects, self._limits.pending_reject_bytes)
        self._files.write_rejects(self.rejects, self._limits.pending_reject_bytes)
        self.raw_bytes += raw.end
        if self._progress is not None:
            self._progress(self.raw_bytes, sum(self.numbers))

    def _settle(self, block: Block, origin: int) -> None:
        """Bring every row of a block to a layout, the whole record, or a reject."""
        self._settler.settle(block)
        undated = self._undated[origin]
        if undated is Undated.others:
            self.others += len(block.rejects)
        else:
            for reject in block.rejects:
                self._reject(block, reject.row, origin, reject.reason, reject.message)
        if undated is Undated.nobodys:
            self._reject_undated(block, origin)
        self._reject_repeats(block, origin, undated is Undated.ours)
        self._keep_whole(block, origin)

    def _reject(
        self, block: Block, row: int, origin: int, reason: str, message: str, digest: str | None = None
    ) -> None:
        number = self.numbers[origin] + row + 1
        self.rejects.add(self._spec.inputs[origin], number, reason, message, block.record(row), digest=digest)

    def _reject_undated(self, block: Block, origin: int) -> None:
        """Reject rows without a day, if the input may be of any day. Each day pressed from this input rejects them."""
        days = block.regs[self.layouts.registers[self._day.register], : block.rows]
        for row in np.flatnonzero((days == NULL) & block.finished).tolist():
            digest = digests.to_text(block.hashes[:, row])
            self._reject(block, row, origin, NO_DAY, NO_DAY_MESSAGE, digest)
            block.states[row] = DROPPED

    def _reject_repeats(self, block: Block, origin: int, takes_unknown: bool) -> None:
        """Reject rows that are equal to an earlier one of the slice, if the contract says so."""
        if self._seen is None:
            return
        days = block.regs[self.layouts.registers[self._day.register]]
        units = self._day.units_per_second * SECONDS_A_DAY
        for row in self._seen.repeats(block, days, units, self._day.number, takes_unknown).tolist():
            digest = digests.to_text(block.hashes[:, row])
            self._reject(block, row, origin, DUPLICATE, "equal to an earlier record of its slice", digest)

    def _keep_whole(self, block: Block, origin: int) -> None:
        """Keep the rows of `keep_whole` whole that have a layout."""
        if self._to_keep_whole is None:
            return
        words = block.hashes[0, : block.rows]
        first, last = (np.searchsorted(self._to_keep_whole, words, side) for side in ("left", "right"))
        rows = np.flatnonzero((first < last) & block.finished & (block.states != IRREGULAR))
        self._settler.keep_whole(block, rows)
        self.kept_whole += len(rows)
        some = rows[: KEPT_PLACES - len(self.kept_places)].tolist()
        uri, before = self._spec.inputs[origin], self.numbers[origin]
        self.kept_places += [RecordPlace(origin=uri, record=before + row + 1) for row in some]
