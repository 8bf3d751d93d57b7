"""Indices of a dictionary's entries: their forms, and the choice of the smallest one.

Source: apache/parquet-format, Encodings.md: the hybrid of runs and bit-packed values. Widths may be larger than
necessary, but at most 24 bits, because fastparquet misreads wider ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logpress.parquet.kernels_indices import hybrid, pack_run
from logpress.parquet.pages import FRAME_BYTES, WORTHWHILE, Compress, middle
from logpress.parquet.schema import RLE_DICTIONARY
from logpress.parquet.values import Scratch, room
from logpress.parquet.zstd.frames import BYTES, Matching

SAMPLE = 1 << 14
"""[bytes] Indices of a chunk's middle that are compressed in each form: enough to tell, few compared with a row group.
"""

MOST_OF_A_BYTE = 1 << 8
"""[bytes] Most entries of a dictionary whose index fits into a byte."""

_MOST_IN_A_BYTE = 1 << 4
"""[bytes] Most entries of a dictionary of which two indices fit into a byte."""


class Indices:
    """Indices of a dictionary's entries, in one of four forms.

    - Narrowest width, with runs of repeated indices.
    - Whole bytes in one run: zstd compares bytes, and finds few matches if bits of several indices share one.
    - One byte each, compressed by our kernel.
    - Two, four or eight in a byte, compressed by our kernel: a code takes whole bits, and so costs less if it stands
      for several.
    """

    encoding = RLE_DICTIONARY

    def __init__(
        self,
        codes: NDArray[np.int32],
        width: int,
        in_one_run: bool,
        matching: Matching | None,
        page_bytes: int,
        scratch: Scratch,
    ) -> None:
        self.count = len(codes)
        self.matching = matching
        self._codes = codes
        self._width = width
        self._in_one_run = in_one_run
        self._a_page = max(1, (FRAME_BYTES if matching else page_bytes) // max(width, 1)) * 8
        self._scratch = scratch

    @classmethod
    def chosen(
        cls, codes: NDArray[np.int32], entries: int, page_bytes: int, scratch: Scratch, compress: Compress
    ) -> tuple[Indices, int]:
        """The form that makes the chunk's middle smallest.

        Args:
            codes: int32[n], each less than `entries`.
            entries: number of entries of the dictionary.
            page_bytes: approximate size of a page.
            scratch: buffers for the pages.
            compress: compresses the pages.

        Returns:
            (indices, bytes that those of the middle take).
        """
        first, last = middle(len(codes), SAMPLE)
        narrow = index_width(entries), False, None
        forms: list[tuple[int, bool, Matching | None]] = [narrow]
        if 2 <= entries <= MOST_OF_A_BYTE:
            forms += (8, True, BYTES), (8, True, None)
            if entries <= _MOST_IN_A_BYTE:
                forms.append((1 << (narrow[0] - 1).bit_length(), True, BYTES))
        elif 2 <= entries <= 1 << 16:
            forms.append((16, True, None))
        sizes = {}
        for form in forms:
            tried = cls(codes, *form, page_bytes, scratch)
            sizes[form] = len(compress(tried.values(first, last), tried.matching, 0))
            if form != narrow and tried.matching is None:
                sizes[form] += (last - first) // WORTHWHILE  # readers are faster over runs
        best = min(sizes, key=sizes.__getitem__)
        return cls(codes, *best, page_bytes, scratch), sizes[best]

    def values(self, first: int, last: int) -> bytes:
        """The indices first..last - 1, with their width before them."""
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
    """Bits of the largest index; 1 for a single entry, as in parquet-cpp."""
    return 1 if entries == 1 else max(0, entries - 1).bit_length()
