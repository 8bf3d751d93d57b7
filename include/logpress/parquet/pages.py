"""The values of data pages in each encoding: where a page ends, and its bytes.

Source: apache/parquet-format, Encodings.md. A page holds about so many bytes before compression; values are never cut,
so one that is longer has a page of its own.
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
"""[bytes] Bytes of a page that our kernel compresses: with what stands before them, mostly four blocks of zstd. With
one block a page, page headers would take 0.2 % of a file; with more blocks, readers' caches would have to hold more."""

WORTHWHILE = 128
"""[bytes] Values for which a form that is slower to read must save a byte."""

_SAMPLE = 1 << 16
"""[bytes] Bytes of plain numbers of a chunk's middle that are compressed in each way."""

_SAMPLED_DELTAS = 1 << 15
"""[bytes] Deltas of a chunk's middle that are compressed in each way; fewer would hardly meet an equal one."""

_USUAL_BLOCKS = 0.9
"""[bytes] Share of blocks whose deltas have the usual size; larger ones in the others do not make all longer."""

DELTA_PAGE_BYTES = 32 * BLOCK_BYTES - (1 << 10)
"""[bytes] Bytes of a page of whole deltas. The more there are, the more find an equal one: of one hour's 480,000 begin
times a value took 2.67 bytes in pages of 1 MB, 2.61 in pages of 2 MB and 2.55 in pages of 4 MB, read in the same
time."""

Compress = Callable[[bytes, Matching | None, int], bytes]
"""Compresses a page: its bytes, the matching as in `Pages`, and how many bytes stand before its values."""


def middle(count: int, some: int) -> tuple[int, int]:
    """The first and last of so many values of a chunk's middle."""
    first = max(0, (count - some) // 2) & ~7
    return first, min(count, first + some)


class Pages(Protocol):
    """The values of a column chunk that are there, page by page.

    Attributes:
        encoding: of the pages, as Parquet numbers it.
        count: how many values there are.
        matching: of `compress_numbers`, if pages are to be compressed by that; None for libzstd.
    """

    encoding: int
    count: int
    matching: Matching | None

    def page(self, first: int) -> tuple[int, bytes]:
        """The page that begins with a value: the value behind its last one, and its bytes."""
        ...


class PlainNumbers:
    """Numbers as they are."""

    encoding = PLAIN

    def __init__(self, values: NDArray[Any], page_bytes: int, matching: Matching | None = None) -> None:
        self.count = len(values)
        self.matching = matching
        self._values = values
        self._a_page = max(1, (FRAME_BYTES if matching else page_bytes) // values.itemsize)

    @classmethod
    def chosen(cls, values: NDArray[Any], page_bytes: int, compress: Compress) -> PlainNumbers:
        """With the compressor that makes least of the chunk's middle."""
        size = values.itemsize
        sizes = {
            matching: cls(values, page_bytes, matching).sampled(compress, _SAMPLE // size)
            for matching in (NEARLY_IN_ORDER[size], MOSTLY_BELOW_256[size], None)
        }
        return cls(values, page_bytes, min(sizes, key=sizes.__getitem__))

    def sampled(self, compress: Compress, count: int) -> int:
        """How many bytes so many values of the chunk's middle take."""
        first, last = middle(self.count, count)
        return len(compress(self._values[first:last].tobytes(), self.matching, 0))

    def page(self, first: int) -> tuple[int, bytes]:
        """See Pages."""
        last = min(first + self._a_page, self.count)
        return last, self._values[first:last].tobytes()


class Booleans:
    """A bit each, the lowest first."""

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
    """First bytes, second bytes and so on side by side."""

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
    """Differences of neighbours, in blocks."""

    encoding = DELTA_BINARY_PACKED
    matching: Matching | None = None

    def __init__(self, values: NDArray[Any], page_bytes: int, scratch: Scratch) -> None:
        self.count = len(values)
        self._values = values
        self._page_bytes = page_bytes
        self._scratch = scratch

    def page(self, first: int, last: int | None = None) -> tuple[int, bytes]:
        """See Pages; with `last`, all values up to there."""
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
    """Differences of neighbours, in the form that makes less of the chunk's middle; there is at least one value."""
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
    """Each text after its length."""

    encoding = PLAIN
    matching: Matching | None = None

    def __init__(self, texts: Texts, page_bytes: int, scratch: Scratch) -> None:
        self.count = len(texts)
        self._texts = texts
        self._ends = np.cumsum(texts.lengths + 4)
        self._page_bytes = page_bytes
        self._scratch = scratch

    def cut(self, first: int) -> tuple[int, int]:
        """Where the page that begins with a text ends, and its bytes as PLAIN."""
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
    """The lengths of all texts as deltas, then the texts."""

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
