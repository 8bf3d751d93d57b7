"""The texts of a dictionary column of a row group while it fills, numbered by a hash table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.engine.order.kernels_keys import order_texts
from logpress.engine.row_group.kernels_dictionary import find_number
from logpress.hashing.kernels_tables import rebuild_table
from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import PLAIN


class Dictionary:
    """The distinct texts of one column in a row group, numbered in the order they came.

    Attributes:
        texts: uint8[...], padded; text i is texts[offsets[i]:offsets[i + 1]].
        offsets: int64[...].
        hashes: uint64[...].
        kinds: uint8[...], see `string_kind`.
        known: number of texts.
    """

    def __init__(self) -> None:
        self.table: NDArray[np.int32] = np.full(1 << 10, -1, dtype=np.int32)
        self.texts: NDArray[np.uint8] = np.zeros(1 << 14, dtype=np.uint8)
        self.offsets: NDArray[np.int64] = np.zeros((1 << 9) + 1, dtype=np.int64)
        self.hashes: NDArray[np.uint64] = np.empty(1 << 9, dtype=np.uint64)
        self.kinds: NDArray[np.uint8] = np.empty(1 << 9, dtype=np.uint8)
        self.known = 0

    @property
    def stored_bytes(self) -> int:
        """Bytes of all texts."""
        return int(self.offsets[self.known])

    def make_room(self, texts: int, size: int) -> None:
        """Make room for `texts` more texts of `size` more bytes in all."""
        need = self.known + texts
        if need > len(self.hashes):
            room = 1 << need.bit_length()
            self.offsets = _grown(self.offsets, room + 1)
            self.hashes = _grown(self.hashes, room)
            self.kinds = _grown(self.kinds, room)
            self.table = np.full(2 * room, -1, dtype=np.int32)
            rebuild_table(self.table, self.hashes, self.known)
        if self.stored_bytes + size + PADDING > len(self.texts):
            self.texts = _grown(self.texts, 1 << (self.stored_bytes + size + PADDING).bit_length())

    def append(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        """Append texts without deduplication; `number_of` will not find them.

        Args:
            data: their bytes.
            offsets: int64[texts + 1], from 0.
        """
        count = len(offsets) - 1
        self.make_room(count, len(data))
        begin, first, last = self.stored_bytes, self.known, self.known + count
        self.texts[begin : begin + len(data)] = data
        self.offsets[first + 1 : last + 1] = begin + offsets[1:]
        self.kinds[first:last] = PLAIN
        # placeholders, all different: `make_room` rehashes every text, and equal hashes would collide
        self.hashes[first:last] = np.arange(first, last)
        self.known = last

    def text(self, number: int) -> bytes:
        """One text."""
        return self.texts[self.offsets[number] : self.offsets[number + 1]].tobytes()

    def number_of(self, text: bytes) -> int:
        """The number of a text, or -1."""
        buffer = np.frombuffer(text + bytes(PADDING), dtype=np.uint8)
        return int(find_number(buffer, len(text), self.table, self.texts, self.offsets, self.hashes))

    def ranks(self) -> NDArray[np.int32]:
        """int32[known]: rank of each text in the order of their bytes."""
        words = np.empty(self.known, dtype=np.uint64)
        order, spare = np.empty(self.known, dtype=np.int32), np.empty(self.known, dtype=np.int32)
        order_texts(self.texts, self.offsets, words, order, spare)
        spare[order] = np.arange(self.known, dtype=np.int32)
        return spare

    def forget(self) -> None:
        """Release all texts, after they are copied."""
        self.__init__()  # type: ignore[misc]


def _grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    grown = np.zeros(size, dtype=array.dtype)
    grown[: len(array)] = array
    return grown
