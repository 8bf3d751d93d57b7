"""From part files and rejects files back to records: all of them in order, or just their digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logpress.engine import digest as digests
from logpress.engine.columns import stored_columns
from logpress.engine.part import PartMetadata
from logpress.engine.render import Renderer
from logpress.engine.store import Rows, decode_rows
from logpress.errors import PartError

Progress = Callable[[int, int], None]


@contextmanager
def open_part(path: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, local or by fsspec URI.

    Raises:
        PartError: if it is not there, or no Parquet file.
    """
    try:
        handle = pa.memory_map(path) if "://" not in path else fsspec.open(path, "rb").open()
        with handle:
            yield pq.ParquetFile(handle, read_dictionary=None, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise PartError(f"{path}: cannot be read as a part file: {error}") from error


class PartReader:
    """Reads row groups of one part into registers."""

    def __init__(self, path: str) -> None:
        self.path = path
        with open_part(path) as file:
            self.metadata = PartMetadata.read(file)
            self.row_groups = file.num_row_groups
            self.rows_by_group = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        if len(self.metadata.row_groups) != self.row_groups:
            raise PartError(f"{path}: has {self.row_groups} row groups, but metadata of {len(self.metadata.row_groups)}")
        self.renderer = Renderer(self.metadata.registers, self.metadata.layouts)
        contract = self.metadata.contract
        self._dictionaries = [
            c.name for c in stored_columns(contract)
            if c.encoding == "dictionary" and (pa.types.is_string(c.type) or pa.types.is_binary(c.type))
        ]  # fmt: skip

    def rows(self, group: int, columns: Sequence[str] | None = None) -> Rows:
        """One row group's rows; all registers, or those that these file columns give."""
        try:
            handle = pa.memory_map(self.path) if "://" not in self.path else fsspec.open(self.path, "rb").open()
            with handle:
                file = pq.ParquetFile(handle, read_dictionary=self._dictionaries, page_checksum_verification=True)
                table = file.read_row_group(group, columns=columns, use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise PartError(f"{self.path}: row group {group} cannot be read: {error}") from error
        return decode_rows(self.metadata.contract, table, self.metadata.row_groups[group], self.metadata.layouts_with)


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record of the rejects file."""

    data: bytes
    continued: bool


def read_rejects(path: str) -> Iterator[list[RejectedRecord]]:
    """The records of a rejects file, row group by row group, in their order."""
    with open_part(path) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=["record", "continued"])
            yield [
                RejectedRecord(data, continued)
                for data, continued in zip(table["record"].to_pylist(), table["continued"].to_pylist(), strict=True)
            ]


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

    def one(reader: PartReader, group: int) -> None:
        digest = np.zeros(2, dtype=np.uint64)
        records, size = reader.renderer.render(reader.rows(group), None, None, digest)
        add(records, size, digests.to_text(digest))

    with ThreadPoolExecutor(max_workers=threads) as pool:
        jobs: list[Future[None]] = []
        for path in parts:
            reader = PartReader(path)
            jobs += [pool.submit(one, reader, group) for group in range(reader.row_groups)]
        for path in rejects:
            for records in read_rejects(path):
                data = [record.data for record in records]
                add(len(data), sum(map(len, data)), digests.digest_records(data))
        for job in jobs:
            job.result()
    return int(totals[0]), int(totals[1]), digests.combine(found)
