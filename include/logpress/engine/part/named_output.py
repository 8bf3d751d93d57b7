"""Parquet files on their way into a folder: hashed while they are written, named by their content at the end."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from logpress.manifest import ColumnStats, PartStats, file_name
from logpress.parquet.writer import FileWriter


class _HashingSink:
    """A file that hashes what is written to it."""

    def __init__(self, sink: IO[bytes]) -> None:
        self.sink = sink
        self.sha256 = hashlib.sha256()
        self.written = 0
        self.closed = False

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self.sha256.update(view)
        self.sink.write(view)
        self.written += len(view)
        return len(view)

    def tell(self) -> int:
        return self.written

    def flush(self) -> None:
        self.sink.flush()

    def close(self) -> None:
        self.closed = True
        self.sink.close()


class Output:
    """A Parquet file that gets its name, with a digest of its content, when it is complete."""

    def __init__(self, filesystem: Any, folder: str, prefix: str, slice_name: str) -> None:
        self.filesystem = filesystem
        self.folder = folder
        self.kind, self.slice = prefix, slice_name
        self.temporary = f"{folder}/_unfinished-{prefix}-{slice_name}-{os.getpid()}"
        self.hashing = _HashingSink(filesystem.open(self.temporary, "wb"))
        self.sink = cast(IO[bytes], pa.PythonFile(self.hashing, mode="w"))
        self.writer: FileWriter | pq.ParquetWriter | None = None

    def close(self) -> PartStats:
        """Finish the file and name it; replaces files of an earlier try of the slice."""
        assert self.writer is not None
        self.writer.close()
        self.sink.close()
        self.hashing.close()
        sha256 = self.hashing.sha256.hexdigest()
        name = file_name(self.kind, self.slice, sha256)
        for old in self.filesystem.glob(f"{self.folder}/{self.kind}-{self.slice}-*.parquet"):
            self.filesystem.rm(old)
        self.filesystem.mv(self.temporary, f"{self.folder}/{name}")
        with self.filesystem.open(f"{self.folder}/{name}", "rb") as file:
            metadata = pq.ParquetFile(file).metadata
        return PartStats(
            path=name,
            rows=metadata.num_rows,
            row_groups=metadata.num_row_groups,
            stored_bytes=self.hashing.written,
            sha256=sha256,
            columns=_column_stats(metadata),
        )

    def discard(self) -> None:
        """Remove the unfinished file."""
        if self.writer is not None:
            with contextlib.suppress(OSError, pa.ArrowException):
                self.writer.close()
        self.hashing.close()
        if self.filesystem.exists(self.temporary):
            self.filesystem.rm(self.temporary)


def _column_stats(metadata: pq.FileMetaData) -> tuple[ColumnStats, ...]:
    stats = []
    for number in range(metadata.num_columns):
        chunks = [metadata.row_group(group).column(number) for group in range(metadata.num_row_groups)]
        encodings = sorted({encoding for chunk in chunks for encoding in chunk.encodings})
        size = sum(chunk.total_compressed_size for chunk in chunks)
        stats.append(
            ColumnStats(name=chunks[0].path_in_schema if chunks else "", stored_bytes=size, encodings=tuple(encodings))
        )
    return tuple(stats)
