"""One slice of raw records to one proven-to-be part file, in bounded memory, on all cores.

A coordinator reads blocks, hands them to worker threads, takes them back in input order, and appends them to a row
group; a full row group is sorted, encoded and written by a further thread while the next one fills.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import fsspec
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.codecs.texts import Texts
from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import instant_of
from logpress.contract.model import Contract
from logpress.engine.convert.block import Block, convert, convert_lines, lines_in_cuts, some_now
from logpress.engine.convert.block_arrays import Spaces
from logpress.engine.convert.duplicates import Seen, seen_path
from logpress.engine.convert.settle import Settler
from logpress.engine.part.encode import encode_rows
from logpress.engine.part.kernels_columns import count_codes
from logpress.engine.part.metadata import METADATA_KEY, Identity, PartMetadata, open_writer
from logpress.engine.part.named_output import Output
from logpress.engine.part.rejects import DUPLICATE, NO_DAY, NO_DAY_MESSAGE, PENDING_BYTES, REJECTS_SCHEMA, Rejects
from logpress.engine.registers.kernels_codes import DROPPED, IRREGULAR
from logpress.engine.registers.programs import Layouts
from logpress.engine.registers.registers import LAYOUT, RAW, Registers
from logpress.engine.render.renderer import Renderer
from logpress.engine.row_group.row_group import SECONDS_A_DAY, RowGroup
from logpress.engine.row_group.store import Stores
from logpress.errors import BrokenOffError
from logpress.hashing import digest as digests
from logpress.machine.inline import executor
from logpress.machine.memory import give_back_after, keep_freed_memory
from logpress.manifest import OriginStats, RecordPlace, SliceManifest, SliceSpec
from logpress.parquet.writer import FileWriter
from logpress.progress import Progress
from logpress.records.ids import Ids
from logpress.records.raw_blocks import TOO_LONG_MESSAGE, Buffers, RawBlock
from logpress.records.slice_input import BlockSource, SliceInput, Undated, undated_in
from logpress.sources.restart import begun_again

MOST_LAYOUTS = 1_000
"""Layouts of one part; records that would need more are kept whole."""

MOST_UNKNOWN_PATHS = 200
"""Unknown paths that a manifest names; the most common ones, as it travels through XCom."""

TEXT_BUDGET_BYTES = 128 << 20
"""Texts that a row group may hold before it is closed early; those of columns without a dictionary count row by row."""

KEPT_PLACES = 10
"""Records that a manifest names of those that were kept whole because they did not come back."""

CONVERTED_AHEAD = 4
"""Blocks that a thread makes of a raw one before their turn: with MAX_ROWS each, enough for records of 64 bytes."""


@dataclass(frozen=True)
class _Job:
    """A raw block on its way through the workers."""

    origin: int
    raw: RawBlock
    blocks: Future[Iterator[Block]]


class SlicePress:
    """Presses one slice: `read`, then `finish`. While one slice finishes, another may read."""

    def __init__(
        self,
        contract: Contract,
        day: date,
        spec: SliceSpec,
        folder: str,
        threads: int,
        progress: Progress | None,
        keep_whole: NDArray[np.uint64] | None = None,
    ) -> None:
        keep_freed_memory()
        self.began = time.monotonic()
        self.contract = contract
        self.day = day
        self.days = (day - date(1970, 1, 1)).days
        self.spec = spec
        self.filesystem, self.folder = fsspec.core.url_to_fs(folder)
        self.progress = progress
        self.registers = Registers(contract)
        self.layouts = Layouts(contract, self.registers, MOST_LAYOUTS)
        self.settler = Settler(self.registers, self.layouts)
        self.buffers = Buffers()
        self.spaces = Spaces(self.registers)
        self.workers = executor(threads, "press")
        self.finisher = executor(2 if threads else 0, "finish")
        self.ahead = 2 * threads + 1 if threads else 0
        self.units_per_second = UNITS_PER_SECOND[instant_of(contract.by_name, contract.day).unit]
        self.stores = Stores(self.registers, contract.files.row_group_rows)
        self.group: RowGroup | None = None
        self.groups = 0  # handed to the finisher so far
        self.finishing: deque[Future[None]] = deque()
        self.rejects = Rejects()
        self.seen = (
            Seen(self.filesystem, seen_path(self.folder, spec.name), spec.raw_bytes or 0)
            if contract.source.duplicates == "reject"
            else None
        )
        self.origins: list[OriginStats] = []
        self.numbers = [0] * len(spec.inputs)  # records per origin so far
        self.undated = undated_in(contract, day, spec)
        self.totals = np.zeros(4, dtype=np.int64)
        self.group_digests: list[str] = []
        self.layout_rows: Counter[int] = Counter()
        self.part: Output | None = None
        self.rejects_out: Output | None = None
        self.raw_bytes = 0
        self.ids: Ids | None = None
        self.keep_whole = keep_whole
        self.kept_whole = 0
        self.kept_places: list[RecordPlace] = []
        self.renderer = Renderer(self.registers, ())

    # -- reading and converting

    def read(self) -> None:
        """Read and convert all input; the last row group is still being written when this returns.

        Raises:
            SourceError: if an input is not there or cannot be read.
        """
        self.filesystem.makedirs(self.folder, exist_ok=True)
        try:
            self._read_all()
            self._finish_group(others=1)
        except BaseException:
            self.discard()
            raise
        finally:
            self.workers.shutdown(cancel_futures=True)

    def finish(self) -> SliceManifest:
        """Complete the files, give them their names, and tell what is in them."""
        try:
            self._wait_for_finisher()
            return self._close()
        except BaseException:
            self.discard()
            raise
        finally:
            self.finisher.shutdown(cancel_futures=True)

    def discard(self) -> None:
        """Stop, and remove what was written."""
        self.workers.shutdown(cancel_futures=True)
        self.finisher.shutdown(cancel_futures=True)
        for output in (self.part, self.rejects_out):
            if output is not None:
                output.discard()

    def _read_all(self) -> None:
        jobs: deque[_Job] = deque()
        with self._source() as source:
            for number, raw in source.blocks():
                jobs.append(_Job(number, raw, self.workers.submit(self._convert, raw)))
                while len(jobs) > self.ahead:
                    self._take(jobs.popleft())
            while jobs:
                self._take(jobs.popleft())
            self.origins = source.origins()
            self.ids = source.ids

    def _source(self) -> AbstractContextManager[BlockSource]:
        """Where the slice's blocks come from."""
        return SliceInput(self.spec, self.contract.source, self.buffers)

    def _convert(self, raw: RawBlock) -> Iterator[Block]:
        return some_now(self._each_converted(raw), CONVERTED_AHEAD if self.ahead else 0)

    def _each_converted(self, raw: RawBlock) -> Iterator[Block]:
        if raw.piece:
            return
        if raw.spans is not None:
            starts, ends = raw.spans
            for a, b in lines_in_cuts(len(starts)):
                yield convert(raw.buffer, starts[a:b], ends[a:b], self.registers, self.layouts.known, self.spaces)
            return
        at = 0
        while at < raw.end:
            block, at = convert_lines(
                raw.buffer, at, raw.end, raw.crlf, self.registers, self.layouts.known, self.spaces
            )
            if block.rows:
                yield block
            else:
                self.spaces.give_back(block.space)

    def _take(self, job: _Job) -> None:
        """Settle a job's blocks and append their rows; jobs come in input order."""
        blocks = job.blocks.result()
        uri = self.spec.inputs[job.origin]
        undated = self.undated[job.origin]
        if job.raw.piece:
            self.numbers[job.origin] += 1
            record = job.raw.buffer[: job.raw.end].tobytes()
            self.rejects.add(
                uri,
                self.numbers[job.origin],
                "too_long",
                TOO_LONG_MESSAGE,
                record,
                job.raw.continued,
            )
        for block in blocks:
            self.settler.settle(block)
            for reject in block.rejects:
                record = block.record(reject.row)
                if undated is Undated.others:
                    self.totals[1] += 1
                else:
                    self.rejects.add(
                        uri, self.numbers[job.origin] + reject.row + 1, reject.reason, reject.message, record
                    )
            if undated is Undated.nobodys:
                self._reject_undated(block, uri, self.numbers[job.origin])
            self._reject_repeats(block, uri, self.numbers[job.origin], undated is Undated.ours)
            self._keep_whole(block, uri, self.numbers[job.origin])
            self._append(block, undated is Undated.ours)
            self.numbers[job.origin] += block.rows
            self.spaces.give_back(block.space)
            self._write_rejects(PENDING_BYTES)
        self.buffers.give_back(job.raw.buffer)
        self._write_rejects(PENDING_BYTES)
        self.raw_bytes += job.raw.end
        if self.progress is not None:
            self.progress(self.raw_bytes, sum(self.numbers))

    def _reject_undated(self, block: Block, uri: str, before: int) -> None:
        """Make rejects of the rows whose day nothing tells: each day pressed from this input meets them."""
        days = block.regs[self.registers[self.contract.day], : block.rows]
        for row in np.flatnonzero((days == NULL) & (block.states >= 0)).tolist():
            digest = digests.to_text(block.hashes[:, row])
            self.rejects.add(uri, before + row + 1, NO_DAY, NO_DAY_MESSAGE, block.record(row), digest=digest)
            block.states[row] = DROPPED

    def _reject_repeats(self, block: Block, uri: str, before: int, takes_unknown: bool) -> None:
        """Make rejects of the rows that are equal to an earlier one of the slice, where the contract says so."""
        if self.seen is None:
            return
        days = block.regs[self.registers[self.contract.day]]
        units = self.units_per_second * SECONDS_A_DAY
        for row in self.seen.repeats(block, days, units, self.days, takes_unknown).tolist():
            digest = digests.to_text(block.hashes[:, row])
            message = "equal to an earlier record of its slice"
            self.rejects.add(uri, before + row + 1, DUPLICATE, message, block.record(row), digest=digest)

    def _keep_whole(self, block: Block, uri: str, before: int) -> None:
        """Keep the rows whole that were to be, and are not."""
        if self.keep_whole is None:
            return
        words = block.hashes[0, : block.rows]
        first, last = (np.searchsorted(self.keep_whole, words, side) for side in ("left", "right"))
        rows = np.flatnonzero((first < last) & (block.states >= 0) & (block.states != IRREGULAR))
        self.settler.keep_whole(block, rows)
        self.kept_whole += len(rows)
        some = rows[: KEPT_PLACES - len(self.kept_places)].tolist()
        self.kept_places += [RecordPlace(origin=uri, record=before + row + 1) for row in some]

    def _append(self, block: Block, takes_unknown: bool) -> None:
        row = 0
        while row < block.rows:
            if self.group is None:
                capacity = self.contract.files.row_group_rows
                self.group = RowGroup(self.registers, capacity, self.days, self.stores.take())
            row = self.group.append(block, row, self.layouts.known.layout_of, self.units_per_second, takes_unknown)
            if self.group.is_full or self.group.text_bytes > TEXT_BUDGET_BYTES:
                self._finish_group()

    # -- row groups to the file

    def _finish_group(self, others: int = 0) -> None:
        """Hand the row group to the finisher, once no more than some others are with it."""
        group, self.group = self.group, None
        if group is None:
            return
        self.totals[:3] += group.totals
        self.group_digests.append(digests.to_text(group.digest))
        if group.used == 0:
            return
        self._wait_for_finisher(others)
        before = self.finishing[-1] if self.finishing else None
        number, self.groups = self.groups, self.groups + 1
        self.finishing.append(self.finisher.submit(self._write_group, group, number, tuple(self.layouts.all), before))

    def _wait_for_finisher(self, others: int = 0) -> None:
        while len(self.finishing) > others:
            self.finishing.popleft().result()

    def _write_group(self, group: RowGroup, number: int, layouts: tuple[Any, ...], before: Future[None] | None) -> None:
        """Encode a row group, and write it when the one before it is written."""

        def render(group: RowGroup, rows: NDArray[np.int64]) -> list[bytes]:
            return self._renderer_of(layouts).records(group.matrix(rows), _texts_of(group))

        room = self.stores.take_room()
        text_bytes = group.text_bytes
        table = encode_rows(group, self.days, render, room)
        counts = np.zeros(len(layouts) + 1, dtype=np.int64)
        count_codes(group.register(LAYOUT), counts)
        if before is not None:
            before.result()
        self.layout_rows.update({number - 1: count for number, count in enumerate(counts.tolist()) if count})
        if self.part is None:
            self.part = Output(self.filesystem, self.folder, "part", self.spec.name)
            self.part.writer = open_writer(self.part.sink, self.contract)
        assert self.part.writer is not None
        self.part.writer.write_table(table)
        del table  # which lies in this room, and in the store
        self.stores.give_room_back(room)
        self.stores.give_back(group.store)
        give_back_after(text_bytes)

    def _renderer_of(self, layouts: tuple[Any, ...]) -> Renderer:
        """A renderer of the layouts known so far, which are always the first ones of those known later."""
        renderer = self.renderer
        if len(renderer.layouts) != len(layouts):
            renderer = self.renderer = Renderer(self.registers, layouts)
        return renderer

    def _write_rejects(self, most_pending: int = 0) -> None:
        if self.rejects.pending_bytes <= most_pending:
            return
        if self.rejects_out is None:
            self.rejects_out = Output(self.filesystem, self.folder, "_rejects", self.spec.name)
            self.rejects_out.writer = pq.ParquetWriter(
                self.rejects_out.sink, REJECTS_SCHEMA, compression="zstd", compression_level=9,
                use_dictionary=["origin", "reason", "message"],  # a dictionary of long records would be another copy
                data_page_version="1.0", write_page_checksum=True, store_schema=False,
            )  # fmt: skip
        assert self.rejects_out.writer is not None
        self.rejects_out.writer.write_table(self.rejects.take())

    def _close(self) -> SliceManifest:
        self.stores.clear()
        self._write_rejects()
        if self.seen is not None:
            self.seen.write()
        part = rejects_part = None
        unknown: Counter[str] = Counter()
        irregular = 0
        for number, count in self.layout_rows.items():
            if number < 0:
                irregular += count
                continue
            layout = self.layouts.all[number]
            paths = {slot.path for slot in layout.slots if slot.role == "extra"}
            named = paths & self.layouts.miner.named
            irregular += count if named else 0
            unknown.update(dict.fromkeys(paths - named, count))
        if self.part is not None:
            assert self.part.writer is not None
            assert isinstance(self.part.writer, FileWriter)
            identity = Identity(
                self.contract.table, self.day.isoformat(), self.spec.name, int(self.totals[0]),
                digests.combine(self.group_digests),
            )  # fmt: skip
            checksums = tuple(map(tuple, self.part.writer.chunk_checksums))
            text = PartMetadata(
                self.contract, tuple(self.layouts.all), identity=identity, checksums=checksums
            ).to_text()
            self.part.writer.add_key_value_metadata({METADATA_KEY.decode(): text})
            part = self.part.close()
        if self.rejects_out is not None:
            rejects_part = self.rejects_out.close()
        distinct_ids = self.ids.write(self.filesystem, self.folder) if self.ids is not None else None
        origins = tuple(
            origin.model_copy(update={"records": records})
            for origin, records in zip(self.origins, self.numbers, strict=True)
        )
        return SliceManifest(
            table=self.contract.table,
            day=self.day.isoformat(),
            slice=self.spec.name,
            origins=origins,
            records=sum(self.numbers),
            rows=int(self.totals[0]),
            irregular_rows=irregular,
            rejects=self.rejects.records,
            other_day=int(self.totals[1]),
            raw_bytes=int(self.totals[2]) + self.rejects.record_bytes,
            digest=digests.combine([*self.group_digests, *self.rejects.digests]),
            part=part,
            rejects_part=rejects_part,
            unknown_paths=dict(sorted(unknown.most_common(MOST_UNKNOWN_PATHS))),
            reject_reasons=dict(sorted(self.rejects.reasons.items())),
            layouts=len(self.layouts.all),
            source=self.spec.source,
            source_records=self.spec.source_records,
            source_written=self.spec.source_written,
            taken_from=self.spec.taken_from,
            distinct_ids=distinct_ids,
            kept_whole=self.kept_whole,
            kept_whole_first=tuple(self.kept_places),
            seconds=round(time.monotonic() - self.began, 3),
        )


def _texts_of(group: RowGroup) -> dict[str, Texts]:
    """A row group's dictionaries, as the renderer takes them for rows that have a layout."""
    texts = {}
    for name, number in group.registers.dictionaries.items():
        if name == RAW:  # which grows meanwhile, and such rows have none of it
            continue
        dictionary = group.dictionaries[number]
        texts[name] = Texts(dictionary.texts, dictionary.offsets[: dictionary.known + 1])
    return texts


def press_slice(
    contract: Contract,
    day: date,
    spec: SliceSpec,
    folder: str,
    *,
    threads: int = 2,
    progress: Progress | None = None,
    keep_whole: NDArray[np.uint64] | None = None,
) -> SliceManifest:
    """Press one slice into a part file, and a rejects file where there are rejects.

    The same inputs give the same files, byte for byte, whatever the number of threads. Files of an earlier try of the
    same slice are replaced. Where a cluster breaks off, the slice begins again.

    Args:
        contract: the table.
        day: the UTC day whose records are taken; others are counted.
        spec: the slice.
        folder: where the files go, a path or fsspec URI; made if missing.
        threads: threads that convert; 0: all is done in the calling thread, which is best for one core.
        progress: called with raw bytes and records done so far.
        keep_whole: the first words of hashes, uint64[n], ascending, of records that are to be kept whole though a
            layout fits them, because it does not give them back.

    Returns:
        What was read and written.

    Raises:
        SourceError: if an input is not there or cannot be read.
    """
    return read_slice(
        lambda some: SlicePress(contract, day, some, folder, threads, progress, keep_whole), spec, contract
    ).finish()


P = TypeVar("P", bound=SlicePress)


def read_slice(make: Callable[[SliceSpec], P], spec: SliceSpec, contract: Contract) -> P:
    """Read a slice with what `make` makes for it; again, with another one, where a cluster breaks off.

    Raises:
        SourceError: if an input is not there or cannot be read.
    """

    def read() -> P:
        nonlocal spec
        press = make(spec)
        try:
            press.read()
        except BrokenOffError as error:
            spec = spec.after(error)
            raise
        return press

    return begun_again(read, contract.source.restarts, f"slice {spec.name}")
