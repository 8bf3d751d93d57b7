"""The values of data pages in each encoding: the end of each page, and its bytes.

Source: apache/parquet-format, Encodings.md. A page has an approximate size before compression. Values are never cut, so
a value that is longer has a page of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from logpress.parquet.kernels_numbers import (
    BLOCK,
    MINIBLOCKS,
    MOST_BLOCK_BYTES,
    count_block_sizes,
    delta_blocks,
    split_bytes,
    whole_deltas,
)
from logpress.parquet.kernels_texts import join_texts, plain_texts
from logpress.parquet.schema import BYTE_STREAM_SPLIT, DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, PLAIN
from logpress.parquet.thrift import varint, zigzag
from logpress.parquet.values import Scratch, Texts, frozen, room
from logpress.parquet.zstd.frames import MOSTLY_BELOW_256, NEARLY_IN_ORDER, WHOLE_DELTAS, Matching
from logpress.parquet.zstd.kernels_matches import BLOCK_BYTES

FRAME_BYTES = 4 * BLOCK_BYTES - (1 << 10)
"""[bytes] Size of a page that our kernel compresses: with its prefix, mostly 4 zstd blocks. With one block a page, page
headers would take 0.2 % of a file; with more blocks, a page would not fit into readers' caches."""

WORTHWHILE = 128
"""[bytes] A form that is slower to read must save a byte for each so many values."""

_SAMPLE = 1 << 16
"""[bytes] Bytes of plain numbers of a chunk's middle that are compressed in each form."""

_SAMPLED_DELTAS = 1 << 15
"""[bytes] Deltas of a chunk's middle that are compressed in each form; among fewer, equal ones would be rare."""

_USUAL_BLOCKS = 0.9
"""[bytes] Share of blocks that determine the size of deltas; larger deltas in other blocks do not lengthen all."""

DELTA_PAGE_BYTES = 32 * BLOCK_BYTES - (1 << 10)
"""[bytes] Size of a page of whole deltas. More deltas find more equal ones: for 480,000 begin times of one hour, a
value took 2.67 bytes in pages of 1 MB, 2.61 in pages of 2 MB and 2.55 in pages of 4 MB, and reading took the same time.
"""

Compress = Callable[[bytes, Matching | None, int], bytes]
"""Compresses a page: its bytes, the matching as in `Pages`, and the number of bytes before its values."""


def middle(count: int, some: int) -> tuple[int, int]:
    """First and last index of `some` values in the middle of a chunk of `count` values."""
    first = max(0, (count - some) // 2) & ~7
    return first, min(count, first + some)


class Pages(Protocol):
    """The values of a column chunk that are not null, page by page.

    Attributes:
        encoding: Parquet's number of the encoding.
        count: number of values.
        matching: for `compress_numbers`; None for libzstd.
    """

    encoding: int
    count: int
    matching: Matching | None

    def page(self, first: int) -> tuple[int, bytes]:
        """The page that begins with value `first`: (index behind its last value, its bytes)."""
        ...


class PlainNumbers:
    """Numbers in PLAIN."""

    encoding = PLAIN

    def __init__(self, values: NDArray[Any], page_bytes: int, matching: Matching | None = None) -> None:
        self.count = len(values)
        self.matching = matching
        self._values = values
        self._a_page = max(1, (FRAME_BYTES if matching else page_bytes) // values.itemsize)

    @classmethod
    def chosen(cls, values: NDArray[Any], page_bytes: int, compress: Compress) -> PlainNumbers:
        """Numbers with the compressor that makes the chunk's middle smallest."""
        size = values.itemsize
        sizes = {
            matching: cls(values, page_bytes, matching).sampled(compress, _SAMPLE // size)
            for matching in (NEARLY_IN_ORDER[size], MOSTLY_BELOW_256[size], None)
        }
        return cls(values, page_bytes, min(sizes, key=sizes.__getitem__))

    def sampled(self, compress: Compress, count: int) -> int:
        """Compressed size of `count` values of the chunk's middle."""
        first, last = middle(self.count, count)
        return len(compress(self._values[first:last].tobytes(), self.matching, 0))

    def page(self, first: int) -> tuple[int, bytes]:
        """See Pages."""
        last = min(first + self._a_page, self.count)
        return last, self._values[first:last].tobytes()


class Booleans:
    """One bit each, the lowest first."""

    encoding = PLAIN
    matching: Matching | None = None

    def __init__(self, values: NDArray[np.bool_], page_bytes: int) -> None:
        self.count = len(values)
        self._values = values
        self._a_page = page_bytes * 8

    def page(self, first: int) -> tuple[int, bytes]:
        """See Pages."""
        last = min(first + self._a_page, self.count)
        return last, np.packbits(self._values[first:last], bitorder="little").tobytes()


class SplitBytes:
    """BYTE_STREAM_SPLIT: the first bytes of all values, then the second ones, and so on."""

    encoding = BYTE_STREAM_SPLIT
    matching: Matching | None = None

    def __init__(self, values: NDArray[Any], page_bytes: int, scratch: Scratch) -> None:
        self.count = len(values)
        self._size = values.itemsize
        self._bytes = frozen(values.view(np.uint8))
        self._a_page = max(1, page_bytes // self._size)
        self._scratch = scratch

    def page(self, first: int) -> tuple[int, bytes]:
        """See Pages."""
        last = min(first + self._a_page, self.count)
        out = self._scratch.take("values", room((last - first) * self._size))
        end = split_bytes(self._bytes, self._size, first, last, out, 0)
        return last, out[:end].tobytes()


class Deltas:
    """DELTA_BINARY_PACKED: differences of neighbours, in blocks."""

    encoding = DELTA_BINARY_PACKED
    matching: Matching | None = None

    def __init__(self, values: NDArray[Any], page_bytes: int, scratch: Scratch) -> None:
        self.count = len(values)
        self._values = values
        self._page_bytes = page_bytes
        self._scratch = scratch

    def page(self, first: int, last: int | None = None) -> tuple[int, bytes]:
        """See Pages; with `last`, the page has all values up to it."""
        limit = self._page_bytes
        stop = self.count
        if last is not None:
            stop = last
            limit = (stop - first) // BLOCK * MOST_BLOCK_BYTES + MOST_BLOCK_BYTES
        head = varint(BLOCK) + varint(MINIBLOCKS)
        if first == stop:
            return stop, head + varint(0) + varint(0)
        out = self._scratch.take("values", room(limit + MOST_BLOCK_BYTES))
        words = self._scratch.take("words", BLOCK, np.uint64)
        end, size = delta_blocks(self._values, first, stop, self._values.itemsize == 4, limit, words, out, 0)
        head += varint(end - first) + varint(zigzag(int(self._values[first])))
        return int(end), head + out[:size].tobytes()


class WholeDeltas:
    """Differences of neighbours in whole bytes, which our kernel matches with the last equal one."""

    encoding = DELTA_BINARY_PACKED
    matching: Matching | None = WHOLE_DELTAS

    def __init__(self, values: NDArray[np.int64], scratch: Scratch) -> None:
        self.count = len(values)
        self._values = values
        self._scratch = scratch
        counts = np.zeros(9, dtype=np.int64)
        count_block_sizes(values, counts)
        self._size = int(np.searchsorted(np.cumsum(counts), _USUAL_BLOCKS * counts.sum()))

    def page(self, first: int) -> tuple[int, bytes]:
        """See Pages."""
        out = self._scratch.take("values", room(DELTA_PAGE_BYTES + MOST_BLOCK_BYTES))
        end, size = whole_deltas(self._values, first, self.count, self._size, DELTA_PAGE_BYTES, out, 0)
        head = varint(BLOCK) + varint(MINIBLOCKS) + varint(end - first) + varint(zigzag(int(self._values[first])))
        return int(end), head + out[:size].tobytes()


def deltas(values: NDArray[Any], page_bytes: int, compress: Compress, scratch: Scratch) -> Deltas | WholeDeltas:
    """Differences of neighbours, in the form that makes the chunk's middle smaller; at least one value."""
    narrow = Deltas(values, page_bytes, scratch)
    if values.itemsize == 4:
        return narrow
    first, last = middle(len(values), _SAMPLED_DELTAS)
    some = values[first:last]
    sampled = compress(Deltas(some, page_bytes, scratch).page(0, len(some))[1], narrow.matching, 0)
    whole = WholeDeltas(some, scratch)
    if len(sampled) <= len(compress(whole.page(0)[1], whole.matching, 0)):
        return narrow
    return WholeDeltas(values, scratch)


class PlainTexts:
    """PLAIN: each text behind its length."""

    encoding = PLAIN
    matching: Matching | None = None

    def __init__(self, texts: Texts, page_bytes: int, scratch: Scratch) -> None:
        self.count = len(texts)
        self._texts = texts
        self._ends = np.cumsum(texts.lengths + 4)
        self._page_bytes = page_bytes
        self._scratch = scratch

    def cut(self, first: int) -> tuple[int, int]:
        """(index behind the last text of the page that begins with text `first`, bytes of the page as PLAIN)."""
        if first == self.count:
            return first, 0
        before = int(self._ends[first - 1]) if first else 0
        last = int(np.searchsorted(self._ends, before + self._page_bytes, side="right"))
        last = min(max(last, first + 1), self.count)
        return last, int(self._ends[last - 1]) - before

    def page(self, first: int) -> tuple[int, bytes]:
        """See Pages."""
        last, size = self.cut(first)
        out = self._scratch.take("values", room(size))
        plain_texts(self._texts.data, self._texts.starts, self._texts.lengths, first, last, out, 0)
        return last, out[:size].tobytes()


class DeltaTexts(PlainTexts):
    """DELTA_LENGTH_BYTE_ARRAY: the lengths of all texts as deltas, then the texts."""

    encoding = DELTA_LENGTH_BYTE_ARRAY

    def __init__(self, texts: Texts, page_bytes: int, scratch: Scratch) -> None:
        super().__init__(texts, page_bytes, scratch)
        self._lengths = Deltas(frozen(texts.lengths.astype(np.int32)), page_bytes, scratch)

    def page(self, first: int) -> tuple[int, bytes]:
        """See Pages."""
        last, size = self.cut(first)
        _, lengths = self._lengths.page(first, last)
        out = self._scratch.take("values", room(size))
        end = join_texts(self._texts.data, self._texts.starts, self._texts.lengths, first, last, out, 0)
        return last, lengths + out[:end].tobytes()
