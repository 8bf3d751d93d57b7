"""From part files and rejects files back to records: all of them in order, or just their digest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from logpress.engine import digest as digests
from logpress.engine.columns import physical_columns, stored_columns
from logpress.engine.decode import GroupDecoder
from logpress.engine.group import sort_by
from logpress.engine.kernels_store import copy_records
from logpress.engine.memory import keep_freed_memory
from logpress.engine.ordering import BUCKET_BYTES, Buckets, key_bytes, sort_keys
from logpress.engine.part import PartMetadata, open_part
from logpress.engine.rejects import read_rejects
from logpress.engine.render import BUFFER_BYTES, Renderer, Sheet
from logpress.engine.rows import Rows
from logpress.errors import PartError

Progress = Callable[[int, int], None]


class PartReader:
    """Reads row groups of one part into registers."""

    def __init__(self, path: str) -> None:
        self.path = path
        with open_part(path) as file:
            self.metadata = PartMetadata.read(file)
            self.row_groups = file.num_row_groups
            self.rows_by_group = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        if len(self.metadata.row_groups) != self.row_groups:
            raise PartError(
                f"{path}: has {self.row_groups} row groups, but metadata of {len(self.metadata.row_groups)}"
            )
        self.renderer = Renderer(self.metadata.registers, self.metadata.layouts)
        contract = self.metadata.contract
        self._dictionaries = [
            c.name for c in stored_columns(contract)
            if c.encoding == "dictionary" and (pa.types.is_string(c.type) or pa.types.is_binary(c.type))
        ]  # fmt: skip

    def decoder(self, group: int, columns: Sequence[str] | None = None) -> GroupDecoder:
        """One row group's rows; all registers, or those that these file columns give."""
        try:
            handle = pa.memory_map(self.path) if "://" not in self.path else fsspec.open(self.path, "rb").open()
            with handle:
                file = pq.ParquetFile(handle, read_dictionary=self._dictionaries, page_checksum_verification=True)
                table = file.read_row_group(group, columns=columns, use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise PartError(f"{self.path}: row group {group} cannot be read: {error}") from error
        metadata = self.metadata
        return GroupDecoder(metadata.contract, table, metadata.row_groups[group], metadata.layouts_with)


def restore(
    parts: Sequence[str],
    rejects: Sequence[str],
    write: Callable[[memoryview], object],
    *,
    threads: int = 2,
    progress: Progress | None = None,
    spill_folder: str | None = None,
) -> int:
    """Write every record of these files, each followed by one newline.

    Rows come in the contract's `restore_order` over all parts, then the rejects in the order they were read. Memory
    is bounded: several row groups are sorted through files in a temporary folder, as large as the raw records.

    Args:
        parts: part files, paths or fsspec URIs.
        rejects: rejects files.
        write: gets chunks of some megabytes; they are reused after the call.
        threads: row groups decoded at a time.
        progress: called with bytes and records written so far.
        spill_folder: where the temporary folder goes; the system's default if None.

    Returns:
        How many records were written.

    Raises:
        PartError: if a file is damaged.
    """
    keep_freed_memory()
    meter = _Meter(write, progress)
    groups = [(reader, group) for reader in map(PartReader, parts) for group in range(reader.row_groups)]
    with ThreadPoolExecutor(max_workers=threads) as pool:
        if len(groups) == 1:
            reader, group = groups[0]
            sorted_rows = _SortedRows(reader, group)
            sorted_rows.write(0, len(sorted_rows.order), meter)
            meter.records += len(sorted_rows.order)
        elif groups:
            _restore_sorted(groups, meter, pool, threads, spill_folder)
    for path in rejects:
        for records in read_rejects(path):
            for record in records:
                meter.records += 1
                meter(np.frombuffer(record.data + (b"" if record.continued else b"\n"), dtype=np.uint8))
    return meter.records


class _Meter:
    """Counts what passes on to `write`."""

    def __init__(self, write: Callable[[memoryview], object], progress: Progress | None) -> None:
        self._write = write
        self._progress = progress
        self.records = 0
        self._bytes = 0

    def __call__(self, chunk: NDArray[np.uint8]) -> None:
        self._write(chunk.data)
        self._bytes += len(chunk)
        if self._progress is not None:
            self._progress(self._bytes, self.records)


def _restore_sorted(
    groups: list[tuple[PartReader, int]],
    meter: _Meter,
    pool: ThreadPoolExecutor,
    threads: int,
    spill_folder: str | None,
) -> None:
    """Restore several row groups in one order, through buckets on disk."""
    splitters = _splitters(groups)
    with Buckets(splitters, spill_folder) as buckets:
        waiting: deque[Future[_SortedRows]] = deque()
        for reader, group in groups:
            waiting.append(pool.submit(_SortedRows, reader, group))
            if len(waiting) >= threads:
                _deal(waiting.popleft().result(), buckets)
        while waiting:
            _deal(waiting.popleft().result(), buckets)
        out = np.empty(BUFFER_BYTES, dtype=np.uint8)
        for data, starts, ends in buckets.records():
            here = 0
            while here < len(starts):
                following, used = copy_records(data, starts, ends, here, out)
                if following == here:
                    meter.records += 1
                    meter(data[starts[here] : ends[here]])
                    here += 1
                    continue
                meter.records += following - here
                meter(out[:used])
                here = following


class _SortedRows:
    """One row group's rows in registers, and their order by key."""

    def __init__(self, reader: PartReader, group: int) -> None:
        decoder = reader.decoder(group)
        self._matrix = reader.renderer.matrix(decoder)
        numbers = reader.metadata.registers.numbers
        regs = {name: self._matrix[number] for name, number in numbers.items()}
        self.keys = sort_keys(Rows(decoder.count, regs, decoder.texts), reader.metadata.contract)
        self.order = sort_by(self.keys, decoder.count)
        self._sheet = Sheet(reader.renderer, decoder.texts)

    def write(self, first: int, last: int, write: Callable[[NDArray[np.uint8]], object]) -> NDArray[np.int64]:
        """Write the rows from one place in the order to another; returns the length of each."""
        lengths = np.empty(last - first, dtype=np.int64)
        counts = np.zeros(2, dtype=np.int64)
        for chunk in self._sheet.chunks(self._matrix, self.order[first:last], counts, lengths=lengths):
            write(chunk)
        return lengths


def _deal(rows: _SortedRows, buckets: Buckets) -> None:
    buckets.deal(key_bytes(rows.keys, rows.order), rows.write)


def _splitters(groups: list[tuple[PartReader, int]]) -> NDArray[np.bytes_]:
    """Keys that cut the whole into buckets of even size, from a sample of some row groups' keys."""
    contract = groups[0][0].metadata.contract
    rows = sum(reader.rows_by_group[group] for reader, group in groups)
    buckets = max(1, rows * _GUESSED_RECORD_BYTES // BUCKET_BYTES)
    columns = physical_columns(contract, contract.restore_order)
    samples = []
    for reader, group in groups[:: max(1, len(groups) // 16)]:
        sampled = reader.decoder(group, columns).rows()
        keys = sort_keys(sampled, contract)
        chosen = np.arange(0, sampled.count, max(1, sampled.count // 4096))
        samples.append(key_bytes(keys, chosen))
    sample = np.sort(np.concatenate(samples))
    return sample[np.linspace(0, len(sample), buckets + 1).astype(np.int64)[1:-1]]


_GUESSED_RECORD_BYTES = 1000


def digest_files(
    parts: Sequence[str], rejects: Sequence[str], *, threads: int = 2, progress: Progress | None = None
) -> tuple[int, int, str]:
    """What restoration would give from these files: (records, their bytes, multiset digest).

    Every record is rendered and hashed; nothing is taken from statistics.

    Args:
        parts: part files, paths or fsspec URIs.
        rejects: rejects files.
        threads: row groups done at a time.
        progress: called with bytes and records done so far.

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

    def render(reader: PartReader, decoder: GroupDecoder, first: int, last: int) -> None:
        digest = np.zeros(2, dtype=np.uint64)
        records, size = reader.renderer.render(decoder, span=(first, last), digest=digest)
        add(records, size, digests.to_text(digest))

    with ThreadPoolExecutor(max_workers=threads) as pool:
        waiting: deque[Future[None]] = deque()
        for reader in map(PartReader, parts):
            for group in range(reader.row_groups):
                decoder = reader.decoder(group)
                step = -(-decoder.count // threads)
                for first in range(0, decoder.count, max(1, step)):
                    waiting.append(pool.submit(render, reader, decoder, first, min(first + step, decoder.count)))
                while len(waiting) > 2 * threads:
                    waiting.popleft().result()
        for path in rejects:
            for records in read_rejects(path):
                data = [record.data for record in records]
                add(len(data), sum(map(len, data)), digests.digest_records(data))
        while waiting:
            waiting.popleft().result()
    return int(totals[0]), int(totals[1]), digests.combine(found)
