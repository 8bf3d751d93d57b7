"""From part files and rejects files back to records: all of them in order, or just their digest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.engine.order.keys import Keys, TextWords, splitters
from logpress.engine.part.decode import Slice
from logpress.engine.part.kernels_columns import all_within, pack_rows, unpack_rows
from logpress.engine.part.metadata import restores_alike
from logpress.engine.part.part_reader import CHUNK_ROWS, PartReader
from logpress.engine.part.rejects import read_rejects
from logpress.engine.registers.programs import LAYOUT, RAW
from logpress.engine.registers.row_major import Packed, Space, empty_rows
from logpress.engine.registers.texts import NO_TEXTS, texts_of
from logpress.engine.render.renderer import Renderer, Sheet
from logpress.engine.restore.buckets import Buckets, Dealing
from logpress.errors import PartError
from logpress.hashing import digest as digests
from logpress.layout.model import Layout
from logpress.machine.inline import executor
from logpress.machine.memory import give_back_after, keep_freed_memory

Progress = Callable[[int, int], None]

Places = Callable[[str], Iterable[tuple[int, NDArray[np.int64] | None]]]
"""Which row groups of a part, and which of their rows (int64[n], ascending; None for all), are wanted."""


def restore(
    parts: Sequence[str],
    rejects: Sequence[str],
    write: Callable[[memoryview], object],
    *,
    threads: int = 2,
    progress: Progress | None = None,
    spill_folder: str | None = None,
    places: Places | None = None,
    memory: int | None = None,
    digest: NDArray[np.uint64] | None = None,
) -> int:
    """Write every record of these files, each followed by one newline.

    Rows come in the contract's `restore_order` over all parts, then the rejects in the order they were read. Memory
    is bounded: what does not fit goes through files in a temporary folder, a sixth as large as the raw records.

    Args:
        parts: part files, paths or fsspec URIs.
        rejects: rejects files.
        write: gets chunks of some megabytes; they are reused after the call.
        threads: row groups decoded at a time; 0: all is done in the calling thread.
        progress: called with bytes and records written so far.
        spill_folder: where the temporary folder goes; the system's default if None.
        places: says which row groups of a part, and which of their rows, are wanted; all if None.
        memory: bytes that this process may take, about; as many as are of use if None.
        digest: uint64[2], the hash of each record is added to it, taken from the very bytes that go to `write`; nothing
            is hashed if None.

    Returns:
        How many records were written.

    Raises:
        PartError: if a file is damaged.
    """
    keep_freed_memory()
    meter = _Meter(write, progress, digest)
    groups = [
        _Group(reader, group, rows)
        for reader in map(PartReader, parts)
        for group, rows in (enumerate([None] * reader.row_groups) if places is None else places(reader.path))
    ]
    if groups:
        room = Room.of(memory, threads, groups)
        with executor(room.threads if threads else 0, "restore") as pool:
            try:
                _restore_sorted(groups, meter, pool, room, spill_folder)
            except PartError as error:
                raise _of_its_file(error, groups) from error
    for path in rejects:
        for records in read_rejects(path):
            if digest is not None:
                digests.add(digest, digests.digest_records(record.data for record in records))
            for record in records:
                meter.records += 1
                meter(np.frombuffer(record.data + (b"" if record.continued else b"\n"), dtype=np.uint8))
    return meter.records


def _of_its_file(error: PartError, groups: Sequence[_Group]) -> PartError:
    """An error that names its file: rows of all files are put in order together, and only then rendered."""
    if not any(str(error).startswith(group.reader.path) for group in groups):
        for group in groups:
            try:
                for sheet, rows in group.reader.sheets(group.number):
                    for _ in sheet.rendered(rows):
                        pass
            except PartError as found:
                return found
    return error


@dataclass(frozen=True)
class _Group:
    """A row group to be restored.

    Attributes:
        chosen: which of its rows; None for all.
    """

    reader: PartReader
    number: int
    chosen: NDArray[np.int64] | None

    @property
    def rows(self) -> int:
        """How many rows are restored."""
        return self.reader.rows_by_group[self.number] if self.chosen is None else len(self.chosen)

    def rows_within(self, first: int, last: int) -> NDArray[np.int32]:
        """Which of the rows from `first` to `last` are restored, counted from `first`."""
        if self.chosen is None:
            return np.arange(last - first, dtype=np.int32)
        begin, end = np.searchsorted(self.chosen, [first, last])
        return (self.chosen[begin:end] - first).astype(np.int32)

    @property
    def text_bytes(self) -> int:
        """Bytes of their texts, about."""
        share = self.rows / max(1, self.reader.rows_by_group[self.number])
        return int(self.reader.text_bytes[self.number] * share)

    @property
    def size(self) -> int:
        """Bytes that they take while they are put in order, about."""
        return self.rows * _GUESSED_ROW_BYTES + self.text_bytes


@dataclass(frozen=True)
class Room:
    """How restoring uses its memory; what it writes is the same in any case.

    Attributes:
        threads: row groups that are dealt out at a time, and pieces rendered at a time.
        kept_bytes: what buckets keep in memory; more goes to disk.
        bucket_bytes: what a bucket should hold; up to five times that is in memory when its turn comes, as the next one
            is fetched, and each may hold half more.
    """

    threads: int
    kept_bytes: int
    bucket_bytes: int

    @classmethod
    def of(cls, memory: int | None, threads: int, groups: Sequence[_Group]) -> Room:
        """As much as is of use, within `memory` bytes where they are given and suffice."""
        if memory is None:
            return cls(threads, KEPT_BYTES, BUCKET_BYTES)
        left = memory - FIXED_BYTES
        a_group = max(
            GROUP_ROW_BYTES * group.reader.rows_by_group[group.number]
            + GROUP_TEXT_COPIES * group.reader.text_bytes[group.number]
            for group in groups
        )
        threads = max(1, min(threads, left // max(1, a_group)))
        kept = max(0, min(KEPT_BYTES, left - threads * a_group))
        return cls(threads, kept, max(SMALLEST_BUCKET_BYTES, min(BUCKET_BYTES, (left - kept) // 5)))


BUCKET_BYTES = 96 << 20
SMALLEST_BUCKET_BYTES = 4 << 20
KEPT_BYTES = 256 << 20

FIXED_BYTES = 220 << 20
"""What is imported, kernels, and buffers of records on their way."""

GROUP_ROW_BYTES = 300
GROUP_TEXT_COPIES = 4
"""Of a row group that is read and dealt out: Arrow's, and those of buckets."""


DEALT_BUCKET_ROWS = 2048
MOST_DEALT_ROWS = 1 << 18
"""Rows of a row group that are dealt out at a time: some for each bucket, as each takes a while; but no more."""


class _Meter:
    """Counts what passes on to `write`.

    Attributes:
        digest: uint64[2], gets the records' hashes; None where they are not wanted.
    """

    def __init__(
        self, write: Callable[[memoryview], object], progress: Progress | None, digest: NDArray[np.uint64] | None
    ) -> None:
        self._write = write
        self._progress = progress
        self.digest = digest
        self.records = 0
        self._bytes = 0

    def __call__(self, chunk: NDArray[np.uint8]) -> None:
        self._write(chunk.data)
        self._bytes += len(chunk)
        if self._progress is not None:
            self._progress(self._bytes, self.records)


def _restore_sorted(
    groups: list[_Group],
    meter: _Meter,
    pool: Executor,
    room: Room,
    spill_folder: str | None,
) -> None:
    """Restore row groups in one order: deal their rows out to buckets, then render one bucket after the other."""
    threads = room.threads
    packer = _Packer([group.reader for group in groups])
    wanted = sum(group.size for group in groups) // room.bucket_bytes
    found = splitters(packer.samples(groups), max(1, min(wanted, sum(group.rows for group in groups))))
    space = Space(packer.registers, most=2)
    with Buckets(packer.keys, found, room.kept_bytes, spill_folder, space) as buckets:
        waiting: deque[Future[None]] = deque()
        try:
            for number, group in enumerate(groups):
                waiting.append(pool.submit(packer.deal, group, number, buckets))
                if len(waiting) > threads:
                    waiting.popleft().result()
            while waiting:
                waiting.popleft().result()
        finally:
            wait([job for job in waiting if not job.cancel()])
        in_order = _sorted_rows(packer, buckets, room.bucket_bytes)
        following = pool.submit(next, in_order, None)
        try:
            while (rows := following.result()) is not None:
                following = pool.submit(next, in_order, None)
                rows.write(meter, pool, threads)
                give_back_after(rows.text_bytes)
                space.give_back(rows.packed.wide, rows.packed.narrow)
                del rows
        finally:
            wait([following])
            in_order.close()


def _sorted_rows(packer: _Packer, buckets: Buckets, bucket_bytes: int) -> Generator[_SortedRows, None, None]:
    """The rows of all buckets, in order."""
    for bucket in range(len(buckets)):
        again = buckets.dealt_again(bucket, bucket_bytes)
        if again is not None:
            with again:
                yield from _sorted_rows(packer, again, bucket_bytes)
        elif (rows := buckets.rows(bucket)) is not None:
            yield _SortedRows(packer, rows)
            del rows


class _Packer:
    """Packs row groups of parts that may know other layouts, or be of another version of the contract.

    Attributes:
        registers: of the rows.
        keys: how they are put in order.
        renderer: renders them.
    """

    def __init__(self, readers: Sequence[PartReader]) -> None:
        self.registers = readers[0].metadata.registers
        self.keys = Keys(self.registers)
        numbers: dict[Layout, int] = {}
        self._layouts: dict[str, NDArray[np.int64]] = {}  # by path, of what renders alike: common numbers of layouts
        for reader in readers:
            if reader.path not in self._layouts and restores_alike(reader.metadata.contract, self.registers.contract):
                found = [numbers.setdefault(layout, len(numbers)) for layout in reader.metadata.layouts]
                self._layouts[reader.path] = np.array([*found, NULL], dtype=np.int64)
        self.renderer = Renderer(self.registers, tuple(numbers))

    def samples(self, groups: Sequence[_Group]) -> list[tuple[int, NDArray[np.int64]]]:
        """Of each row group, how large it is and a sample of its keys, as far as it has those that count here."""
        found = []
        for number, group in enumerate(groups):
            if group.reader.path in self._layouts:
                sample = group.reader.sample(group.number, self.keys.count)
                sample[-1] += number << 32
                found.append((group.size, sample))
        return found

    def deal(self, group: _Group, number: int, buckets: Buckets) -> None:
        """Deal out the rows of one row group, the n-th."""
        registers = self.registers
        dealing = Dealing(buckets, number, group.rows)
        most = max(CHUNK_ROWS, min(MOST_DEALT_ROWS, DEALT_BUCKET_ROWS * len(buckets)))
        wide, narrow = empty_rows(registers, min(most, group.reader.rows_by_group[group.number]) + CHUNK_ROWS)
        texts = dict.fromkeys(registers.dictionaries, NO_TEXTS)
        words: TextWords | None = None
        first = last = 0
        for some in self._slices(group.reader, group.number):
            texts.update(some.texts)
            words = words or self.keys.text_words(texts)
            pack_rows(some.regs, some.count, registers.is_narrow, registers.place_of, wide, narrow, last - first)
            last = some.first + some.count
            if last - first >= most:
                dealing.add(wide, narrow, group.rows_within(first, last), first, words)
                first = last
        if words is not None:
            dealing.add(wide, narrow, group.rows_within(first, last), first, words)
        dealing.finish(texts)

    def _slices(self, reader: PartReader, group: int) -> Iterator[Slice]:
        """The rows of a row group, some at a time, with the common numbers of their layouts."""
        layouts = self._layouts.get(reader.path)
        if layouts is None:
            yield from self._whole_slices(reader, group)
            return
        for some in reader.slices(group):
            numbers = some.regs[self.registers[LAYOUT], : some.count]
            if not all_within(numbers, 0, len(layouts) - 2):
                raise PartError(f"{reader.path}: row group {group} has a layout that the file's metadata does not hold")
            numbers[:] = layouts[np.where(numbers == NULL, -1, numbers)]
            yield some

    def _whole_slices(self, reader: PartReader, group: int) -> Iterator[Slice]:
        """Rows of another version of the contract: their key, and each record whole; all texts come last."""
        records: list[bytes] = []
        theirs = reader.metadata.registers
        wanted = {name for column in self.registers.contract.restore_order for name in self.registers.of_column(column)}
        wanted &= theirs.numbers.keys() - self.registers.dictionaries.keys()
        for sheet, some in reader.sheets(group):
            lengths = np.zeros(some.count, dtype=np.int64)
            text = b"".join(chunk.tobytes() for chunk in sheet.rendered(some, lengths=lengths))
            # not by newlines: a record of a file that somebody made on purpose may hold one
            records += [text[begin : end - 1] for begin, end in pairwise([0, *np.cumsum(lengths).tolist()])]
            regs = np.full((len(self.registers), some.count), NULL, dtype=np.int64)
            for name in wanted:
                regs[self.registers[name]] = some.regs[theirs[name], : some.count]
            regs[self.registers[RAW]] = np.arange(some.first, len(records))
            yield Slice(some.first, some.count, regs, {})
        nothing = np.empty((len(self.registers), 0), dtype=np.int64)
        yield Slice(len(records), 0, nothing, {RAW: texts_of(records)})


class _SortedRows:
    """The rows of one bucket in order, ready to be rendered.

    Attributes:
        packed: the rows as they came.
    """

    def __init__(self, packer: _Packer, rows: Packed) -> None:
        self.packed = rows
        self._registers = packer.registers
        self._order = packer.keys.order(rows.wide, rows.narrow, rows.texts)
        self._sheet = Sheet(packer.renderer, rows.texts)
        self._lengths = {name: np.diff(found.offsets) for name, found in rows.texts.items()}
        rows.texts.clear()  # the sheet has a copy

    @property
    def _longest(self) -> int:
        """Bytes of a row's texts, at most."""
        return sum(int(lengths.max(initial=0)) for lengths in self._lengths.values())

    @property
    def text_bytes(self) -> int:
        """Bytes of their texts."""
        return sum(int(lengths.sum()) for lengths in self._lengths.values())

    def write(self, meter: _Meter, pool: Executor, threads: int) -> None:
        """Write all rows in order; several threads render."""
        waiting: deque[tuple[int, Future[_Rendered]]] = deque()
        free: list[NDArray[np.uint8]] = []
        ahead = threads + 1 if self._longest <= _LONG_BYTES else 0
        for first, last in self._spans():
            order = self._order[first:last]
            waiting.append((len(order), pool.submit(self._render, order, free, meter.digest is not None)))
            if len(waiting) > ahead:
                self._pass_on(*waiting.popleft(), meter, free)
        while waiting:
            self._pass_on(*waiting.popleft(), meter, free)

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Rows that are rendered at a time: fewer where their texts are long."""
        if self._longest * _ROWS_AT_A_TIME <= _LONG_BYTES:
            yield from ((first, first + _ROWS_AT_A_TIME) for first in range(0, len(self._order), _ROWS_AT_A_TIME))
            return
        sizes = np.zeros(len(self._order), dtype=np.int64)
        for name, lengths in self._lengths.items():
            codes = self.packed.narrow[:, self._registers.place_of[self._registers[name]]]
            sizes += np.append(lengths, 0)[np.maximum(codes, -1)]
        ends = np.cumsum(sizes[self._order])
        first = 0
        while first < len(ends):
            before = int(ends[first - 1]) if first else 0
            last = int(np.searchsorted(ends, before + _LONG_BYTES, side="right"))
            last = min(max(last, first + 1), first + _ROWS_AT_A_TIME)
            yield first, last
            first = last

    @staticmethod
    def _pass_on(records: int, job: Future[_Rendered], meter: _Meter, free: list[NDArray[np.uint8]]) -> None:
        meter.records += records
        chunks, digest = job.result()
        if meter.digest is not None:
            digests.add(meter.digest, digests.to_text(digest))
        for chunk in chunks:
            meter(chunk)
        if chunks and isinstance(chunks[-1].base, np.ndarray):
            free.append(chunks[-1].base)  # a chunk is a view of its buffer

    def _render(self, order: NDArray[np.int32], free: list[NDArray[np.uint8]], hashing: bool) -> _Rendered:
        """Render some rows; the last chunk lies in a buffer that may be used again."""
        try:
            sheet = self._sheet.twin(free.pop())
        except IndexError:
            sheet = self._sheet.twin()
        registers = self._registers
        matrix = np.empty((len(registers), _ROWS_AT_A_TIME + 8), dtype=np.int64)
        unpack_rows(self.packed.wide, self.packed.narrow, order, registers.is_narrow, registers.place_of, matrix)
        counts = np.zeros(2, dtype=np.int64)
        digest = np.zeros(2, dtype=np.uint64)
        chunks: list[NDArray[np.uint8]] = []
        rows = np.arange(len(order), dtype=np.int32)
        for chunk in sheet.chunks(matrix, rows, counts, digest=digest if hashing else None):
            is_last = counts[0] == len(order)
            chunks.append(chunk if is_last else chunk.copy())  # the next one is written to the same buffer
        return chunks, digest


_Rendered = tuple[list[NDArray[np.uint8]], NDArray[np.uint64]]
"""Chunks of records, and the sum of their hashes: zeros where these are not wanted."""


_ROWS_AT_A_TIME = 2048
"""Rows rendered at a time: some two megabytes of usual records."""

_LONG_BYTES = 8 << 20
"""Texts of rows rendered at a time."""

_GUESSED_ROW_BYTES = 192


def digest_files(
    parts: Sequence[str],
    rejects: Sequence[str],
    *,
    threads: int = 2,
    progress: Progress | None = None,
    groups: range | None = None,
    share: tuple[int, int] = (0, 1),
) -> tuple[int, int, str]:
    """What restoration would give from these files: (records, their bytes, multiset digest).

    Every record is rendered and hashed; nothing is taken from statistics.

    Args:
        parts: part files, paths or fsspec URIs.
        rejects: rejects files.
        threads: row groups done at a time; 0: all is done in the calling thread.
        progress: called with bytes and records done so far.
        groups: which row groups of the parts; all if None.
        share: (k, n): only the rows of each row group that are the k-th of n shares of it.

    Raises:
        PartError: if a file is damaged.
    """
    keep_freed_memory()
    totals = np.zeros(2, dtype=np.int64)
    found: list[str] = []
    lock = Lock()

    def add(records: int, size: int, digest: str) -> None:
        with lock:
            totals[0] += records
            totals[1] += size
            found.append(digest)
            if progress is not None:
                progress(int(totals[1]), int(totals[0]))

    def hash_rows(sheet: Sheet, rows: Slice) -> None:
        digest = np.zeros(2, dtype=np.uint64)
        counts = np.zeros(2, dtype=np.int64)
        for _ in sheet.twin().rendered(rows, counts, digest=digest):
            pass
        add(int(counts[0]), int(counts[1]), digests.to_text(digest))

    with executor(threads, "render") as pool:
        waiting: deque[Future[None]] = deque()
        for sheet, rows in _sheets(parts, groups, share):
            waiting.append(pool.submit(hash_rows, sheet, rows))
            del sheet, rows  # the next row group would come before its texts go
            while len(waiting) > 2 * threads:
                waiting.popleft().result()
        for path in rejects:
            for records in read_rejects(path):
                data = [record.data for record in records]
                add(len(data), sum(map(len, data)), digests.digest_records(data))
        while waiting:
            waiting.popleft().result()
    return int(totals[0]), int(totals[1]), digests.combine(found)


def _sheets(parts: Sequence[str], groups: range | None, share: tuple[int, int]) -> Iterator[tuple[Sheet, Slice]]:
    """The rows that `digest_files` looks at."""
    for reader in map(PartReader, parts):
        for group in range(reader.row_groups) if groups is None else groups:
            first, last = (reader.rows_by_group[group] * (share[0] + k) // share[1] for k in (0, 1))
            yield from reader.sheets(group, first, last)
            give_back_after(reader.text_bytes[group])
