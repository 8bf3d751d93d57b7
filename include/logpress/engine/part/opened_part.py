"""Opens parts: their checked metadata, and their row groups for reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import fsspec
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq

from logpress.engine.part.decode import GroupDecoder
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.part.metadata import CREATED_BY, PartMetadata
from logpress.engine.part.part_file import Chunk, chunks_of, compare_group, named, open_group, opened, read_footer
from logpress.engine.registers.stored_columns import ROW_GROUP, stored_columns
from logpress.errors import PartError


@dataclass(frozen=True)
class OpenedPart:
    """A part whose footer is read and checked.

    Attributes:
        path: a path or fsspec URI.
        stored_bytes: size of the file.
        footer: Parquet's own metadata.
        metadata: logpress's.
        is_ours: whether logpress wrote the file. In files of others, dictionaries may grow from page to page.
    """

    path: str
    stored_bytes: int
    footer: pq.FileMetaData
    metadata: PartMetadata
    is_ours: bool

    @classmethod
    def open(cls, path: str) -> Self:
        """Read the metadata of a part.

        Raises:
            PartError: if it is missing, damaged, or not written by logpress; with the path.
        """
        with named(path):
            with opened(path) as handle:
                footer, size = read_footer(handle), handle.seek(0, 2)
            return cls(path, size, footer, PartMetadata.of(footer), footer.created_by.startswith(CREATED_BY))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the file's columns, in its order."""
        return tuple(self.footer.schema.column(number).path for number in range(self.footer.num_columns))

    @cached_property
    def schema(self) -> pa.Schema:
        """The file's columns, without metadata."""
        return self.footer.schema.to_arrow_schema().remove_metadata()

    @property
    def fragment(self) -> Any:
        """The file as a `pyarrow.dataset.ParquetFileFragment`, which knows by its statistics what row groups hold.

        Threads may make it twice; `cached_property` of Python 3.11 would let one part at a time read its footer.
        """
        if "_fragment" not in vars(self):
            vars(self)["_fragment"] = self._made_fragment()
        return vars(self)["_fragment"]

    def _made_fragment(self) -> Any:
        import pyarrow.dataset as ds

        filesystem, name = pa.fs.LocalFileSystem(), self.path
        if "://" in self.path:
            remote, name = fsspec.core.url_to_fs(self.path)
            filesystem = pa.fs.PyFileSystem(pa.fs.FSSpecHandler(remote))
        fragment = ds.ParquetFileFormat().make_fragment(name, filesystem=filesystem)
        fragment.ensure_complete_metadata()
        return fragment

    @cached_property
    def _dictionaries(self) -> list[str]:
        """Columns that are stored, and so read, as dictionaries."""
        return [
            column.name
            for column in stored_columns(self.metadata.contract)
            if column.encoding == "dictionary" and (pa.types.is_string(column.type) or pa.types.is_binary(column.type))
        ]

    def rows_of(self, group: int) -> int:
        """Number of rows of a row group."""
        return int(self.footer.row_group(group).num_rows)

    @contextmanager
    def group(self, number: int, columns: Sequence[str], *, is_described: bool) -> Iterator[OpenedGroup]:
        """Open a row group to read these columns, after comparing their bytes with their checksums.

        Args:
            number: number of the row group.
            columns: names of columns of the file.
            is_described: whether the row group's metadata will be read too.

        Raises:
            PartError: if the file is gone, or bytes of a column are damaged; with the path.
        """
        chunks = self._chunks(number, [*columns, ROW_GROUP] if is_described else columns)
        checksums = self.metadata.checksums_of(number)
        with open_group(self.path, self.footer, number, chunks, checksums, self._dictionaries) as file:
            yield OpenedGroup(self, number, file)

    def compare(self, columns: Sequence[str]) -> None:
        """Compare the bytes of these columns, in all row groups, with their checksums.

        Raises:
            PartError: if the file is gone, or bytes of a column are damaged; with the path.
        """
        for number in range(self.footer.num_row_groups):
            compare_group(self.path, number, self._chunks(number, columns), self.metadata.checksums_of(number))

    def _chunks(self, group: int, columns: Sequence[str]) -> dict[str, Chunk]:
        if group not in self._known_chunks:
            self._known_chunks[group] = chunks_of(self.footer, group)
        known = self._known_chunks[group]
        return {name: known[name] for name in columns if name in known}

    @cached_property
    def _known_chunks(self) -> dict[int, dict[str, Chunk]]:
        """Of the row groups that were opened: Parquet's footer takes 10 times as long to ask."""
        return {}

    def decoder(self, described: GroupMetadata, table: pa.Table, texts: pa.Table | None = None) -> GroupDecoder:
        """A decoder of columns of a row group into registers; see `GroupDecoder`."""
        metadata = self.metadata
        return GroupDecoder(metadata.contract, table, described, metadata.layouts_with, texts)


@dataclass(frozen=True)
class OpenedGroup:
    """A row group whose columns can be read while its file is open."""

    part: OpenedPart
    number: int
    file: pq.ParquetFile

    def described(self) -> GroupMetadata:
        """The row group's metadata; must be read before batches, because it reads a batch of one row.

        Raises:
            PartError: if it is damaged.
        """
        return self.part.metadata.group(self.file, self.number)

    def table(self, columns: Sequence[str], *, first_rows: int | None = None, use_threads: bool = False) -> pa.Table:
        """Some columns: all rows, or the first ones.

        Args:
            columns: their names.
            first_rows: number of rows to read, at least 1; all if None.
            use_threads: whether columns are read by several threads.

        Raises:
            PartError: if the number of a column's values differs from that of the rows.
        """
        rows = self.part.rows_of(self.number)
        wanted = rows if first_rows is None else min(first_rows, rows)
        # a damaged page header is seen by the number of all values alone, unless bytes have a checksum
        if wanted < rows and columns and self.part.metadata.checksums_of(self.number) is not None:
            batch, rows = next(self.batches(columns, wanted), None), wanted
            table = None if batch is None else pa.Table.from_batches([batch])
        else:
            table = self.file.read_row_group(self.number, columns=list(columns), use_threads=use_threads)
        if table is None or (columns and table.num_rows != rows):
            raise PartError(f"is damaged: row group {self.number} has a column with another number of values than rows")
        return table.slice(0, wanted)

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        """All rows of some columns, `rows` at a time."""
        yield from self.file.iter_batches(rows, row_groups=[self.number], columns=list(columns), use_threads=False)
