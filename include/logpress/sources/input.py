"""The stored bytes of a compressed object, looked at a piece at a time."""

from __future__ import annotations

from logpress.sources.stored import Stored

PIECE_BYTES = 64 << 10
"""Stored bytes taken at a time: small enough that what a decompressor copies of them stays in the cache."""

_BUFFER_BYTES = 8 * PIECE_BYTES


class Input:
    """A buffer over stored bytes that grows to what is asked of it."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._buffer = bytearray(_BUFFER_BYTES)
        self._begin = self._end = 0
        self.offset = 0  # of the first byte that was not taken yet

    def look(self, size: int) -> memoryview:
        """The next bytes, as many as asked for; fewer only at the end. Valid until the next call."""
        while self._end - self._begin < size:
            if self._begin and len(self._buffer) - self._end < PIECE_BYTES:
                rest = self._buffer[self._begin : self._end]
                self._buffer[: len(rest)] = rest
                self._begin, self._end = 0, len(rest)
            if self._begin + size > len(self._buffer):
                self._buffer = self._buffer + bytearray(size)
            with memoryview(self._buffer) as view:
                count = self._stored.readinto(view[self._end :])
            if count == 0:
                break
            self._end += count
        return memoryview(self._buffer)[self._begin : min(self._begin + size, self._end)]

    def take(self, size: int) -> None:
        """Say that this many bytes of those looked at are done with."""
        self._begin += size
        self.offset += size

    def seek(self, offset: int) -> None:
        """Go on from another place."""
        self._stored.seek(offset)
        self._begin = self._end = 0
        self.offset = offset

    def give_back(self, size: int) -> None:
        """Say that this many bytes, of those just taken, are not done with after all."""
        self._begin -= size
        self.offset -= size
