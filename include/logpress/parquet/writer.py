"""The writer: tables in, row groups out, a footer at the end."""

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
"""[bytes] Bytes of a page that libzstd compresses: small ones keep it in the cache, which takes a third less time than
pages of 1 MB at the same size of file."""

DICTIONARY_BYTES = 64 << 20
"""[bytes] Bytes of a dictionary, at most, because readers hold it whole; a larger one gives way to plain values."""


class Sink(Protocol):
    """Where bytes go, one after the other."""

    def write(self, data: bytes, /) -> Any:
        """Take bytes."""
        ...


class FileWriter:
    """Writes a Parquet file: v1 pages with CRC-32, zstd, dictionaries first, statistics where they are wanted.

    Args:
        sink: where the file goes; it is not closed.
        columns: what the file has.
        sorted_by: names of columns by which each row group is sorted, ascending, nulls first.
        created_by: what the footer says of the writer.
        page_bytes: size of a data page before compression, about.
        dictionary_bytes: a dictionary that would be larger gives way to plain values.
        is_checked: whether the footer says its own SHA-256.

    Attributes:
        columns: what the file has.
        schema: what tables are to have; texts with a dictionary come as dictionaries, which are not hashed again.
        chunk_checksums: of each row group so far, the CRC-32 of each column chunk's bytes.
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
        """Say more in the footer; a key that is there already gets the new value."""
        self._texts.update(texts)

    def close(self) -> None:
        """Write the footer; without effect if it is written already. The sink stays open."""
        if not self._closed:
            self._closed = True
            texts, by = self._texts, self._created_by
            self._write(footer(self.columns, self._groups, self._sorted_by, texts, by, self._is_checked))

    def _write(self, data: bytes) -> None:
        self._sink.write(data)
        self._position += len(data)
