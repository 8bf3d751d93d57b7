"""The writer of Parquet files: tables in, row groups out, then a footer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa
from isal import isal_zlib

from logpress.parquet.chunks import ChunkWriter
from logpress.parquet.metadata import MAGIC, RowGroup, footer
from logpress.parquet.schema import FileColumn
from logpress.parquet.values import one_array

PAGE_BYTES = 96 << 10
"""[bytes] Size of a page that libzstd compresses. Small pages stay in the cache: 96 KB takes a third less time than 1
MB, at the same size of file."""

DICTIONARY_BYTES = 64 << 20
"""[bytes] Largest dictionary, because readers hold it whole; if it would be larger, values are plain."""


class Sink(Protocol):
    """Takes bytes, one after the other."""

    def write(self, data: bytes, /) -> Any:
        """Take bytes."""
        ...


class FileWriter:
    """Writes a Parquet file: v1 pages with CRC-32, zstd, dictionary pages first, statistics where columns have them.

    Args:
        sink: takes the file; it is not closed.
        columns: of the file.
        sorted_by: names of columns by which each row group is sorted, ascending, nulls first.
        created_by: name of the writer in the footer.
        page_bytes: approximate size of a data page before compression.
        dictionary_bytes: largest dictionary; if it would be larger, values are plain.
        is_checked: whether the footer holds its own SHA-256.

    Attributes:
        columns: of the file.
        schema: of the tables; texts with encoding `dictionary` are dictionary arrays, which are not hashed again.
        chunk_checksums: for each row group so far, the CRC-32 of each column chunk's bytes.
    """

    def __init__(
        self,
        sink: Sink,
        columns: Sequence[FileColumn],
        *,
        sorted_by: Sequence[str] = (),
        created_by: str = "logpress",
        page_bytes: int = PAGE_BYTES,
        dictionary_bytes: int = DICTIONARY_BYTES,
        is_checked: bool = False,
    ) -> None:
        self.columns = tuple(columns)
        self.schema = pa.schema([pa.field(column.name, column.arrow_type, column.nullable) for column in columns])
        names = [column.name for column in columns]
        self._sorted_by = [names.index(name) for name in sorted_by]
        self._created_by = created_by
        self._chunks = ChunkWriter(page_bytes, dictionary_bytes)
        self._groups: list[RowGroup] = []
        self._texts: dict[str, str] = {}
        self._sink = sink
        self._position = 0
        self._closed = False
        self._is_checked = is_checked
        self.chunk_checksums: list[list[int]] = []
        self._write(MAGIC)

    def write_table(self, table: pa.Table) -> None:
        """Write a table as one row group.

        Raises:
            ValueError: if its columns are not the file's.
        """
        if self._closed:
            raise ValueError("the file is closed")
        if table.column_names != self.schema.names:
            raise ValueError(f"the table has columns {table.column_names}, the file {self.schema.names}")
        begin = self._position
        chunks = []
        checksums = []
        for column, values in zip(self.columns, table.columns, strict=True):
            pieces, chunk = self._chunks.encode(column, one_array(values, column.arrow_type), self._position)
            checksum = 0
            for piece in pieces:
                checksum = isal_zlib.crc32(piece, checksum)
                self._write(piece)
            chunks.append(chunk)
            checksums.append(checksum)
        self.chunk_checksums.append(checksums)
        self._groups.append(RowGroup(table.num_rows, begin, chunks))

    def add_key_value_metadata(self, texts: Mapping[str, str]) -> None:
        """Add key-value metadata to the footer; a key that exists gets the new value."""
        self._texts.update(texts)

    def close(self) -> None:
        """Write the footer; no effect if it is written. The sink stays open."""
        if not self._closed:
            self._closed = True
            texts, by = self._texts, self._created_by
            self._write(footer(self.columns, self._groups, self._sorted_by, texts, by, self._is_checked))

    def _write(self, data: bytes) -> None:
        self._sink.write(data)
        self._position += len(data)
