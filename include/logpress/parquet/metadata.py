"""Page headers and the footer.

Source: apache/parquet-format, parquet.thrift (PageHeader, ColumnMetaData, RowGroup, FileMetaData); field numbers are
those of its structs.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from logpress.parquet.schema import PLAIN, RLE, FileColumn, physical_type, schema_element
from logpress.parquet.thrift import Struct

MAGIC = b"PAR1"
_VERSION = 2
_ZSTD = 6
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2


@dataclass(frozen=True, slots=True)
class Statistics:
    """Bounds of a column chunk's values.

    Attributes:
        least: the smallest value, as PLAIN without a length; None if all are null or it is long.
        greatest: the largest value, likewise.
        nulls: number of nulls.
    """

    least: bytes | None
    greatest: bytes | None
    nulls: int

    def to_thrift(self) -> Struct:
        """The struct in a column's metadata."""
        found = Struct().i64(3, self.nulls)
        if self.greatest is not None:
            found.binary(5, self.greatest)
        if self.least is not None:
            found.binary(6, self.least)
        if self.greatest is not None:
            found.boolean(7, True)
        if self.least is not None:
            found.boolean(8, True)
        return found


@dataclass(frozen=True, slots=True)
class Chunk:
    """A column chunk in the file.

    Attributes:
        column: the column.
        values: number of values, with nulls.
        encoding: of its data pages.
        pages: number of data pages.
        has_dictionary: whether a dictionary page comes first.
        dictionary_offset: of the first page in the file.
        data_offset: of the first data page in the file.
        plain_bytes: size of all pages before compression, with headers.
        stored_bytes: size of all pages, with headers.
        statistics: of the values; None if they are not written.
    """

    column: FileColumn
    values: int
    encoding: int
    pages: int
    has_dictionary: bool
    dictionary_offset: int
    data_offset: int
    plain_bytes: int
    stored_bytes: int
    statistics: Statistics | None

    def to_thrift(self) -> Struct:
        """The struct in a row group's metadata."""
        column = self.column
        encodings = [PLAIN, RLE] if self.has_dictionary else [RLE]
        counts = [Struct().i32(1, _DICTIONARY_PAGE).i32(2, PLAIN).i32(3, 1)] if self.has_dictionary else []
        if self.pages:
            encodings.append(self.encoding)
            counts.append(Struct().i32(1, _DATA_PAGE).i32(2, self.encoding).i32(3, self.pages))
        data = Struct().i32(1, physical_type(column.type)).enums(2, encodings).binaries(3, [column.name.encode()])
        data.i32(4, _ZSTD).i64(5, self.values).i64(6, self.plain_bytes).i64(7, self.stored_bytes)
        data.i64(9, self.data_offset)
        if self.has_dictionary:
            data.i64(11, self.dictionary_offset)
        if self.statistics is not None:
            data.struct(12, self.statistics.to_thrift())
        return Struct().i64(2, 0).struct(3, data.structs(13, counts))


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group in the file.

    Attributes:
        rows: number of rows.
        offset: of its first page in the file.
        chunks: its column chunks, in the order of the schema.
    """

    rows: int
    offset: int
    chunks: Sequence[Chunk]

    def to_thrift(self, sorted_by: Sequence[int]) -> Struct:
        """The struct in the footer."""
        group = Struct().structs(1, [chunk.to_thrift() for chunk in self.chunks])
        group.i64(2, sum(chunk.plain_bytes for chunk in self.chunks)).i64(3, self.rows)
        if sorted_by:
            order = [Struct().i32(1, place).boolean(2, False).boolean(3, True) for place in sorted_by]
            group.structs(4, order)
        return group.i64(5, self.offset).i64(6, sum(chunk.stored_bytes for chunk in self.chunks))


def _page(kind: int, plain_bytes: int, body: bytes) -> Struct:
    crc = zlib.crc32(body)
    signed = crc - (1 << 32) if crc >> 31 else crc
    return Struct().i32(1, kind).i32(2, plain_bytes).i32(3, len(body)).i32(4, signed)


def data_page_header(values: int, encoding: int, plain_bytes: int, body: bytes) -> bytes:
    """The header of a v1 data page.

    Args:
        values: number of values, with nulls.
        encoding: of its values.
        plain_bytes: size before compression.
        body: the bytes that follow the header in the file.
    """
    header = Struct().i32(1, values).i32(2, encoding).i32(3, RLE).i32(4, RLE)
    return _page(_DATA_PAGE, plain_bytes, body).struct(5, header).done()


def dictionary_page_header(entries: int, plain_bytes: int, body: bytes) -> bytes:
    """The header of a dictionary page."""
    header = Struct().i32(1, entries).i32(2, PLAIN).boolean(3, False)
    return _page(_DICTIONARY_PAGE, plain_bytes, body).struct(7, header).done()


CHECKSUM_KEY = "logpress.sha256"
"""Key of the SHA-256 of the footer, which is computed with the value NO_CHECKSUM."""

NO_CHECKSUM = b"0" * 64


def checksum_place(footer: bytes) -> int | None:
    """Position of the value of CHECKSUM_KEY in a footer's bytes; None if there is none.

    It is the last match, because equal bytes in records can only occur in statistics and texts, which stand before it.
    """
    before = CHECKSUM_KEY.encode() + Struct().binary(1, NO_CHECKSUM).done()[: -len(NO_CHECKSUM) - 1]
    place = footer.rfind(before)
    if place < 0 or place + len(before) + len(NO_CHECKSUM) > len(footer):
        return None
    return place + len(before)


def footer(
    columns: Sequence[FileColumn],
    groups: Sequence[RowGroup],
    sorted_by: Sequence[int],
    texts: Mapping[str, str],
    created_by: str,
    is_checked: bool = False,
) -> bytes:
    """The bytes behind the last row group: the file's metadata, its length, and the magic number.

    Args:
        columns: all columns, in their order.
        groups: all row groups, in their order.
        sorted_by: numbers of the columns by which each row group is sorted, ascending, nulls first.
        texts: key-value metadata.
        created_by: name of the writer.
        is_checked: whether it holds its own SHA-256, in hexadecimal, under CHECKSUM_KEY.
    """
    root = Struct().i32(3, 0).binary(4, b"schema").i32(5, len(columns))
    data = Struct().i32(1, _VERSION).structs(2, [root, *(schema_element(column) for column in columns)])
    data.i64(3, sum(group.rows for group in groups)).structs(4, [group.to_thrift(sorted_by) for group in groups])
    if is_checked:
        texts = {**texts, CHECKSUM_KEY: NO_CHECKSUM.decode()}
    if texts:
        pairs = [Struct().binary(1, key.encode()).binary(2, value.encode()) for key, value in texts.items()]
        data.structs(5, pairs)
    data.binary(6, created_by.encode()).structs(7, [Struct().struct(1, Struct()) for _ in columns])
    done = data.done()
    if is_checked:
        place = checksum_place(done)
        assert place is not None
        done = done[:place] + hashlib.sha256(done).hexdigest().encode() + done[place + len(NO_CHECKSUM) :]
    return done + len(done).to_bytes(4, "little") + MAGIC
