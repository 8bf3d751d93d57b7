"""Opens part files: checks a footer before it is used, and a column chunk before it is decoded."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from isal import isal_zlib

from logpress.errors import PartError
from logpress.parquet.footers import check_chunks
from logpress.parquet.metadata import CHECKSUM_KEY, MAGIC, NO_CHECKSUM, checksum_place

METADATA_KEY = b"logpress"
"""Key of a part's metadata in its footer."""

_TAIL_BYTES = 64 << 10
"""Bytes that are read first from a file's end; most footers are shorter."""


@contextmanager
def opened(path: str) -> Iterator[Any]:
    """Open a file, local (memory-mapped) or by fsspec URI."""
    handle = pa.memory_map(path) if "://" not in path else fsspec.open(path, "rb").open()
    with handle:
        yield handle


def read_footer(handle: Any) -> pq.FileMetaData:
    """A Parquet file's footer, checked against the value of CHECKSUM_KEY if it has one.

    Raises:
        PartError: if the file is not a Parquet file, is cut, or its footer is damaged.
    """
    size = handle.seek(0, 2)
    tail_size = min(size, _TAIL_BYTES)
    handle.seek(size - tail_size)
    tail = handle.read(tail_size)
    if len(tail) < 12 or tail[-4:] != MAGIC:
        raise PartError("is not a Parquet file, or it is cut: it does not end with PAR1")
    length = int.from_bytes(tail[-8:-4], "little")
    if length + 12 > size:
        raise PartError(f"is damaged: its footer of {length} bytes would begin before the file does")
    if length + 8 > len(tail):
        handle.seek(size - 8 - length)
        tail = handle.read(length + 8)
    footer = tail[-8 - length : -8]
    place = checksum_place(footer)
    is_right = False
    if place is not None:
        blank = footer[:place] + NO_CHECKSUM + footer[place + len(NO_CHECKSUM) :]
        is_right = hashlib.sha256(blank).hexdigest().encode() == footer[place : place + len(NO_CHECKSUM)]
    alone = MAGIC + footer + tail[-8:]
    try:
        found = pq.read_metadata(pa.BufferReader(alone))
        if METADATA_KEY in (found.metadata or {}):  # rejects files, written by pyarrow, and foreign files have no key
            check_chunks(footer)
    except (OSError, ValueError, pa.ArrowException) as error:  # ValueError: names of columns that are not UTF-8
        raise PartError(f"is damaged: its footer cannot be read: {error}") from error
    # the key may also occur in records; it counts only in the key-value metadata
    if not is_right and CHECKSUM_KEY.encode() in (found.metadata or {}):
        raise PartError("is damaged: its footer does not match its checksum")
    return found


@contextmanager
def open_file(path: str, dictionaries: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, local or by fsspec URI; string columns in `dictionaries` are read as dictionaries.

    Raises:
        PartError: if its footer is damaged.
    """
    with opened(path) as handle:
        yield _parquet_file(handle, read_footer(handle), dictionaries)


@contextmanager
def open_part(path: str, dictionaries: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """Open a part file; see `open_file`.

    Raises:
        PartError: if it is missing or damaged; with the path.
    """
    with named(path), open_file(path, dictionaries) as file:
        yield file


class Chunk(NamedTuple):
    """Place of a column chunk in its file.

    Attributes:
        column: number of its column.
        start: where it begins, in bytes.
        size: its bytes.
    """

    column: int
    start: int
    size: int


def chunks_of(footer: pq.FileMetaData, group: int) -> dict[str, Chunk]:
    """The column chunks of a row group, by name."""
    row_group = footer.row_group(group)
    columns = map(row_group.column, range(footer.num_columns))
    return {column.path_in_schema: Chunk(number, *_span(column)) for number, column in enumerate(columns)}


@contextmanager
def open_group(
    path: str,
    footer: pq.FileMetaData,
    group: int,
    chunks: Mapping[str, Chunk],
    checksums: Sequence[int] | None,
    dictionaries: Sequence[str] = (),
) -> Iterator[pq.ParquetFile]:
    """Open a part to read columns of one row group, after comparing their bytes with their checksums.

    Of a remote file only these columns are fetched, all at once.

    Args:
        path: a path or fsspec URI.
        footer: footer of the file.
        group: number of the row group.
        chunks: the column chunks to read, by name.
        checksums: CRC-32 of each column chunk of the row group; None if the file has none, but in its pages.
        dictionaries: columns that are read as dictionaries.

    Raises:
        PartError: if the file is gone, or bytes of a column are damaged; with the path.
    """
    with _compared(path, group, chunks, checksums) as handle:
        # pages need no further comparison where their chunk was compared
        yield _parquet_file(handle, footer, dictionaries, verify=checksums is None)


def compare_group(path: str, group: int, chunks: Mapping[str, Chunk], checksums: Sequence[int] | None) -> None:
    """Compare the bytes of column chunks with their checksums; see `open_group`.

    Raises:
        PartError: if the file is gone, or bytes of a column are damaged; with the path.
    """
    with _compared(path, group, chunks, checksums):
        pass


@contextmanager
def _compared(path: str, group: int, chunks: Mapping[str, Chunk], checksums: Sequence[int] | None) -> Iterator[Any]:
    """A handle that has the bytes of some column chunks, which are those that were written."""
    with named(path):
        if "://" in path:
            filesystem, name = fsspec.core.url_to_fs(path)
            starts = [chunk.start for chunk in chunks.values()]
            ends = [chunk.start + chunk.size for chunk in chunks.values()]
            found = filesystem.cat_ranges([name] * len(chunks), starts, ends, on_error="raise")
            handle: Any = pa.PythonFile(_Ranges(starts, found, filesystem.size(name)), mode="r")
        else:
            handle = pa.memory_map(path)
            found = [_mapped(handle, chunk.start, chunk.size) for chunk in chunks.values()]
        with handle:
            for (name, (column, start, size)), data in zip(chunks.items(), found, strict=True):
                if len(data) != size or (checksums is not None and isal_zlib.crc32(data) != checksums[column]):
                    raise PartError(
                        f"is damaged: column {name} of row group {group}, {size} bytes at {start}, is not what was "
                        "written"
                    )
            yield handle


def _parquet_file(
    handle: Any, footer: pq.FileMetaData, dictionaries: Sequence[str], *, verify: bool = True
) -> pq.ParquetFile:
    return pq.ParquetFile(
        handle, metadata=footer, read_dictionary=list(dictionaries) or None, page_checksum_verification=verify
    )


def _span(column: pq.ColumnChunkMetaData) -> tuple[int, int]:
    """(begin, size) of a column chunk, in bytes."""
    start = column.data_page_offset
    if column.has_dictionary_page:
        start = min(start, column.dictionary_page_offset)
    return int(start), int(column.total_compressed_size)


def _mapped(handle: pa.MemoryMappedFile, start: int, size: int) -> pa.Buffer:
    if start < 0 or size < 0 or start + size > handle.size():
        return pa.py_buffer(b"")
    handle.seek(start)
    return handle.read_buffer(size)


class _Ranges(io.RawIOBase):
    """Some ranges of a file as if it were the whole file. Arrow reads over the small gaps, which are zeros here."""

    def __init__(self, starts: Sequence[int], data: Sequence[bytes], size: int) -> None:
        super().__init__()
        self._ranges = sorted(zip(starts, data, strict=True))
        self._size = size
        self._at = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        begin = self._at
        end = self._size if size < 0 else min(begin + size, self._size)
        found = bytearray(max(end - begin, 0))
        for start, data in self._ranges:
            first, last = max(start, begin), min(start + len(data), end)
            if first < last:
                found[first - begin : last - begin] = data[first - start : last - start]
        self._at = max(end, begin)
        return bytes(found)


@contextmanager
def named(path: str) -> Iterator[None]:
    """Within a `with` block: add the path to errors.

    Raises:
        PartError: in place of errors of Arrow and of the storage.
    """
    try:
        yield
    except PartError as error:
        if str(error).startswith(path):
            raise
        raise PartError(f"{path}: {one_line(error)}") from error
    except (OSError, pa.ArrowException, UnicodeError) as error:
        raise PartError(f"{path}: cannot be read as a part file: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """The message of an error in one line, because it may quote the file."""
    return " ".join(str(error).split())
