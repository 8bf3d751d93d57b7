"""Column chunks: one column of a row group, as pages for the file and metadata for the footer."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard
from numpy.typing import NDArray

from logpress.parquet.dictionaries import number
from logpress.parquet.indices import MOST_OF_A_BYTE, SAMPLE, Indices
from logpress.parquet.kernels_indices import mark_entries
from logpress.parquet.kernels_numbers import bounds_of_doubles, bounds_of_integers
from logpress.parquet.kernels_texts import bounds_of_texts
from logpress.parquet.metadata import Chunk, Statistics, data_page_header, dictionary_page_header
from logpress.parquet.pages import (
    WORTHWHILE,
    Booleans,
    Compress,
    DeltaTexts,
    Pages,
    PlainNumbers,
    PlainTexts,
    SplitBytes,
    deltas,
)
from logpress.parquet.schema import BOOLEAN, BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY, UUID_BYTES, FileColumn, physical_type
from logpress.parquet.values import Presence, Scratch, Texts, booleans_of, frozen, numbers_of, uuids_of
from logpress.parquet.zstd.frames import MOSTLY_BELOW_256, Matching, compress_numbers

_MOST_PLAIN_BYTES = 256 << 20
"""[memory] [bytes] An oversized dictionary is replaced by plain texts only if these stay below this size. (A few long
texts, repeated a million times, would not.)"""

_LONGEST_BOUND = 4096
"""[bytes] Longest text in statistics; longer ones are left out, as parquet-cpp does."""


class Compressor:
    """Compresses the bodies of pages at one level. One thread at a time."""

    def __init__(self, level: int) -> None:
        self._zstd = zstandard.ZstdCompressor(level=level, write_checksum=False, write_content_size=True)

    def compress(self, page: bytes, matching: Matching | None = None, prefix: int = 0) -> bytes:
        """Compress the body of a page as one zstd frame: with libzstd, or given a matching, with `compress_numbers`."""
        return self._zstd.compress(page) if matching is None else compress_numbers(page, matching, prefix)


class ChunkWriter:
    """Encodes columns. Its buffers are used again for each column.

    Args:
        page_bytes: approximate size of a data page before compression.
        dictionary_bytes: largest size of a dictionary.
    """

    def __init__(self, page_bytes: int, dictionary_bytes: int) -> None:
        self._page_bytes = page_bytes
        self._dictionary_bytes = dictionary_bytes
        self._scratch = Scratch()
        self._compressors: dict[int, Compressor] = {}

    def encode(self, column: FileColumn, array: pa.Array, position: int) -> tuple[list[bytes], Chunk]:
        """Encode a column chunk: (its bytes in pieces, its metadata for the footer).

        Args:
            column: the column.
            array: values, of the column's `arrow_type`.
            position: of the chunk in the file.

        Raises:
            ValueError: if a column that is not nullable has nulls, or an index is beyond the dictionary.
        """
        if column.zstd not in self._compressors:
            self._compressors[column.zstd] = Compressor(column.zstd)
        compressor = self._compressors[column.zstd]
        presence = Presence.of(array)
        if presence.nulls and not column.nullable:
            raise ValueError(f"column {column.name!r} must not have nulls, and has {presence.nulls}")
        pages, dictionary, statistics = self._encoded(column, array, presence, compressor.compress)
        pieces: list[bytes] = []
        plain_bytes = 0
        if dictionary is not None:
            entries, plain = dictionary
            body = compressor.compress(plain)
            header = dictionary_page_header(entries, len(plain), body)
            pieces += header, body
            plain_bytes = len(header) + len(plain)
        data_offset = position + sum(map(len, pieces))
        value = row = count = 0
        while row < presence.rows:
            last, values = pages.page(value)
            end = presence.rows if last == pages.count else presence.row_after(row, last - value)
            levels = presence.levels(row, end, self._scratch) if column.nullable else b""
            page = levels + values
            body = compressor.compress(page, pages.matching, len(levels))
            header = data_page_header(end - row, pages.encoding, len(page), body)
            pieces += header, body
            plain_bytes += len(header) + len(page)
            value, row, count = last, end, count + 1
        chunk = Chunk(
            column=column,
            values=presence.rows,
            encoding=pages.encoding,
            pages=count,
            has_dictionary=dictionary is not None,
            dictionary_offset=position,
            data_offset=data_offset,
            plain_bytes=plain_bytes,
            stored_bytes=sum(map(len, pieces)),
            statistics=statistics if presence.rows and column.statistics else None,
        )
        return pieces, chunk

    def _encoded(
        self, column: FileColumn, array: pa.Array, presence: Presence, compress: Compress
    ) -> tuple[Pages, tuple[int, bytes] | None, Statistics | None]:
        """(data pages, entries and bytes of a dictionary page, statistics if the column has them)."""
        physical = physical_type(column.type)
        if physical == BYTE_ARRAY:
            return self._texts(column, array, presence, compress)
        if physical == BOOLEAN:
            booleans = booleans_of(array, presence)
            return Booleans(booleans, self._page_bytes), None, _of_booleans(booleans, presence.nulls)
        if physical == FIXED_LEN_BYTE_ARRAY:
            return self._uuids(column, uuids_of(array, presence), presence.nulls, compress)
        values = numbers_of(array, presence, self._scratch)
        statistics = _of_numbers(values, presence.nulls) if column.statistics else None
        if column.encoding == "dictionary":
            found = number(values, self._dictionary_bytes, self._scratch)
            if found is not None:
                codes, distinct = found
                indices, size = Indices.chosen(codes, len(distinct), self._page_bytes, self._scratch, compress)
                small = PlainNumbers(values, self._page_bytes, MOSTLY_BELOW_256[values.itemsize])
                if len(distinct) <= MOST_OF_A_BYTE or small.sampled(compress, SAMPLE) + SAMPLE // WORTHWHILE > size:
                    return indices, (len(distinct), distinct.tobytes()), statistics
                return small, None, statistics
        return self._numbers(column, values, compress), None, statistics

    def _uuids(
        self, column: FileColumn, values: NDArray[np.int64], nulls: int, compress: Compress
    ) -> tuple[Pages, tuple[int, bytes] | None, Statistics | None]:
        # no bounds: Iceberg's Java library compares them as signed numbers, and passes over files that have the value
        statistics = Statistics(None, None, nulls) if column.statistics else None
        found = number(values, self._dictionary_bytes, self._scratch) if column.encoding == "dictionary" else None
        if found is None:
            return PlainNumbers(values.view(f"V{UUID_BYTES}").ravel(), self._page_bytes), None, statistics
        codes, distinct = found
        indices, _ = Indices.chosen(codes, len(distinct), self._page_bytes, self._scratch, compress)
        return indices, (len(distinct), distinct.tobytes()), statistics

    def _numbers(self, column: FileColumn, values: NDArray[Any], compress: Compress) -> Pages:
        if column.encoding == "delta" and len(values):  # without values, fastparquet reads and writes out of bounds
            return deltas(values, self._page_bytes, compress, self._scratch)
        if column.encoding == "byte_stream_split":
            return SplitBytes(values, self._page_bytes, self._scratch)
        return PlainNumbers.chosen(values, self._page_bytes, compress)

    def _texts(
        self, column: FileColumn, array: pa.Array, presence: Presence, compress: Compress
    ) -> tuple[Pages, tuple[int, bytes] | None, Statistics | None]:
        if column.encoding == "dictionary":
            entries = Texts.of(array.dictionary, Presence.of(array.dictionary))
            used = np.zeros(len(entries), dtype=np.bool_)
            codes = numbers_of(array.indices, presence, self._scratch)
            if not mark_entries(codes, used):
                raise ValueError(f"column {column.name!r} has indices beyond its {len(entries)} entries")
            if entries.plain_bytes <= self._dictionary_bytes or int(entries.lengths[codes].sum()) > _MOST_PLAIN_BYTES:
                statistics = _of_texts(entries, np.flatnonzero(used), presence.nulls) if column.statistics else None
                indices, _ = Indices.chosen(codes, len(entries), self._page_bytes, self._scratch, compress)
                _, plain = PlainTexts(entries, entries.plain_bytes, self._scratch).page(0)
                return indices, (len(entries), plain), statistics
            array = array.dictionary_decode()
            presence = Presence.of(array)
        texts = Texts.of(array, presence)
        statistics = _of_texts(texts, np.arange(len(texts)), presence.nulls) if column.statistics else None
        pages = (DeltaTexts if column.encoding == "delta" else PlainTexts)(texts, self._page_bytes, self._scratch)
        return pages, None, statistics


def _of_booleans(values: NDArray[np.bool_], nulls: int) -> Statistics:
    if not len(values):
        return Statistics(None, None, nulls)
    return Statistics(bytes([bool(values.all())]), bytes([bool(values.any())]), nulls)


def _of_numbers(values: NDArray[Any], nulls: int) -> Statistics:
    """Statistics without NaN. A smallest zero is the negative zero, a largest one the positive (parquet.thrift)."""
    if not len(values):
        return Statistics(None, None, nulls)
    if values.dtype == np.float64:
        low, high = bounds_of_doubles(values)
        if low > high:
            return Statistics(None, None, nulls)
        return Statistics(struct.pack("<d", low or -0.0), struct.pack("<d", high or 0.0), nulls)
    low, high = (int(bound).to_bytes(values.itemsize, "little", signed=True) for bound in bounds_of_integers(values))
    return Statistics(low, high, nulls)


def _of_texts(texts: Texts, places: NDArray[np.int64], nulls: int) -> Statistics:
    if not len(places):
        return Statistics(None, None, nulls)
    bounds = bounds_of_texts(texts.data, texts.starts, texts.lengths, frozen(places))
    low, high = (text if len(text) <= _LONGEST_BOUND else None for text in map(texts.text, bounds))
    return Statistics(low, high, nulls)
