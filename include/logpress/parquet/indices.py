"""Indices of a dictionary's entries: the forms they can have, and which of them is the smallest.

Source: apache/parquet-format, Encodings.md: the hybrid of runs and packed values, of any width up to 32 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.parquet.kernels_frames import BLOCK_BYTES
from logpress.parquet.kernels_indices import count_codes, hybrid, pack_run, replace_codes
from logpress.parquet.schema import RLE_DICTIONARY
from logpress.parquet.values import Scratch, frozen, room

_SAMPLE = 1 << 15
"""Indices of a chunk's middle that are compressed in each form: as many as tell, few beside those of a row group."""

_WORTHWHILE = 128
"""Values for which whole bytes must save a byte: readers are quicker over runs."""

_MOST_RANKED = 1 << 16
_RUN_BYTES = BLOCK_BYTES - (1 << 10)
"""Bytes of a page in one run: with what stands before them, mostly a block of zstd."""

Compress = Callable[[bytes, int, int], bytes]
"""Compresses a page: its bytes, its stride as in `Pages`, and how many bytes stand before its values."""


class Indices:
    """Numbers of a dictionary's entries, in one of three forms.

    - As narrow as can be, repeated ones as runs.
    - Whole bytes one after the other, in one run: zstd sees bytes, and where bits of several values share one, it finds
      little in them.
    - The same, compressed by our kernel: one byte each, or four where there are more than 256 entries. Then the most
      common come first, so that three bytes are mostly zero, which costs next to nothing.
    """

    encoding = RLE_DICTIONARY

    def __init__(
        self, codes: NDArray[np.int32], width: int, in_one_run: bool, stride: int, page_bytes: int, scratch: Scratch
    ) -> None:
        self.count = len(codes)
        self.stride = stride
        self._codes = codes
        self._width = width
        self._in_one_run = in_one_run
        self._a_page = max(1, (_RUN_BYTES if stride else page_bytes) // max(width, 1)) * 8
        self._scratch = scratch

    @classmethod
    def chosen(
        cls, codes: NDArray[np.int32], entries: int, page_bytes: int, scratch: Scratch, compress: Compress
    ) -> tuple[Indices, NDArray[np.int64] | None]:
        """The narrow form, unless the chunk's middle compresses clearly better in another one.

        Args:
            codes: int32[n], each less than `entries`.
            entries: of the dictionary.
            page_bytes: of a page, about.
            scratch: for the pages.
            compress: what the pages will be compressed with.

        Returns:
            The indices, and int64[entries], the order in which they number the entries; None for that which these have.
        """
        first = max(0, (len(codes) - _SAMPLE) // 2) & ~7
        sample = codes[first : first + _SAMPLE]

        def size(codes: NDArray[np.int32], *form: Any) -> int:
            tried = cls(codes, *form, page_bytes, scratch)
            return len(compress(tried.values(0, len(codes)), tried.stride, 0))

        narrow = index_width(entries), False, 0
        if entries < 2 or entries > _MOST_RANKED:
            return cls(codes, *narrow, page_bytes, scratch), None
        is_small = entries <= 1 << 8
        whole = 8 if is_small else 16, True, 0
        own = (8, True, 1) if is_small else (32, True, 4)
        sizes = {
            own: size(sample if is_small else ranked(sample, entries, scratch)[0], *own),
            whole: size(sample, *whole),
            narrow: size(sample, *narrow) - len(sample) // _WORTHWHILE,
        }
        best = min(sizes, key=sizes.__getitem__)
        order = None
        if best == own and not is_small:
            codes, order = ranked(codes, entries, scratch)
        return cls(codes, *best, page_bytes, scratch), order

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


def ranked(
    codes: NDArray[np.int32], entries: int, scratch: Scratch
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number entries anew, the most common first; of equally common ones that with the smaller number.

    Returns:
        int32[n] in `scratch`, the new number of each, and int64[entries], the order of the entries.
    """
    counts = np.zeros(entries, dtype=np.int64)
    count_codes(codes, counts)
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(entries, dtype=np.int32)
    rank[order] = np.arange(entries, dtype=np.int32)
    out = scratch.take("ranked", len(codes), np.int32)[: len(codes)]
    replace_codes(codes, rank, out)
    return frozen(out), order


def index_width(entries: int) -> int:
    """The bits of the largest index; one where there is one entry, as parquet-cpp has it."""
    return 1 if entries == 1 else max(0, entries - 1).bit_length()
