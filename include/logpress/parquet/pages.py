"""The values of data pages in each encoding: where a page ends, and its bytes.

Source: apache/parquet-format, Encodings.md. A page holds about so many bytes before compression; values are never cut,
so one that is longer has a page of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from logpress.parquet.kernels_indices import hybrid, pack_run
from logpress.parquet.kernels_numbers import BLOCK, MINIBLOCKS, MOST_BLOCK_BYTES, delta_blocks, split_bytes
from logpress.parquet.kernels_texts import join_texts, plain_texts
from logpress.parquet.schema import (
    BYTE_STREAM_SPLIT,
    DELTA_BINARY_PACKED,
    DELTA_LENGTH_BYTE_ARRAY,
    PLAIN,
    RLE_DICTIONARY,
)
from logpress.parquet.thrift import varint, zigzag
from logpress.parquet.values import Scratch, Texts, frozen, room

_SAMPLE = 1 << 15
"""Indices of a chunk's middle that are compressed in both forms: as many as tell, few beside those of a row group."""

_WORTHWHILE = 128
"""Values for which whole bytes must save a byte: readers are quicker over runs."""

Compress = Callable[[bytes], bytes]


class Pages(Protocol):
    """The values of a column chunk that are there, page by page.

    Attributes:
        encoding: of the pages, as Parquet numbers it.
        count: how many values there are.
    """

    encoding: int
    count: int

    def page(self, first: int) -> tuple[int, bytes]:
        """The page that begins with a value: the value behind its last one, and its bytes."""
        ...


class PlainNumbers:
    """Numbers as they are.

    Attributes:
        size: bytes of each.
    """

    encoding = PLAIN

    def __init__(self, values: NDArray[Any], page_bytes: int) -> None:
        self.count = len(values)
        self.size = values.itemsize
        self._values = values
        self._a_page = max(1, page_bytes // values.itemsize)

    def page(self, first: int) -> tuple[int, bytes]:
        """See Pages."""
        last = min(first + self._a_page, self.count)
        return last, self._values[first:last].tobytes()


class Booleans:
    """A bit each, the lowest first."""

    encoding = PLAIN

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


class PlainTexts:
    """Each text after its length."""

    encoding = PLAIN

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


class Indices:
    """Numbers of a dictionary's entries.

    They are as narrow as can be, repeated ones as runs; or, if that compresses better, whole bytes one after the other:
    zstd sees bytes, and where bits of several values share one, it finds little in them.
    """

    encoding = RLE_DICTIONARY

    def __init__(
        self, codes: NDArray[np.int32], width: int, in_one_run: bool, page_bytes: int, scratch: Scratch
    ) -> None:
        self.count = len(codes)
        self._codes = codes
        self._width = width
        self._in_one_run = in_one_run
        self._a_page = max(1, page_bytes // max(width, 1)) * 8
        self._scratch = scratch

    @classmethod
    def chosen(
        cls, codes: NDArray[np.int32], entries: int, page_bytes: int, scratch: Scratch, compress: Compress
    ) -> Indices:
        """The narrow form, unless the chunk's middle compresses clearly better in whole bytes.

        Args:
            codes: int32[n], each less than `entries`.
            entries: of the dictionary.
            page_bytes: of a page, about.
            scratch: for the pages.
            compress: what the pages will be compressed with.
        """
        narrow = cls(codes, index_width(entries), False, page_bytes, scratch)
        if entries < 2 or entries > 1 << 16:
            return narrow
        whole = cls(codes, 8 if entries <= 1 << 8 else 16, True, page_bytes, scratch)
        first = max(0, (len(codes) - _SAMPLE) // 2) & ~7
        last = min(len(codes), first + _SAMPLE)
        saved = len(compress(narrow.values(first, last))) - len(compress(whole.values(first, last)))
        return whole if saved * _WORTHWHILE > last - first else narrow

    def values(self, first: int, last: int) -> bytes:
        """The indices first..last - 1, after their width."""
        groups = (last - first + 7) // 8
        out = self._scratch.take("values", room(16 + groups * (self._width + 1)))
        out[0] = self._width
        end = 1
        if last > first and self._in_one_run:
            end = pack_run(self._codes, first, last, self._width, out, 1)
        elif last > first:
            end = hybrid(self._codes, first, last, self._width, out, 1)
        return out[:end].tobytes()

    def page(self, first: int) -> tuple[int, bytes]:
        """See Pages."""
        last = min(first + self._a_page, self.count)
        return last, self.values(first, last)


def index_width(entries: int) -> int:
    """The bits of the largest index; one where there is one entry, as parquet-cpp has it."""
    return 1 if entries == 1 else max(0, entries - 1).bit_length()
