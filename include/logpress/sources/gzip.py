"""Decompress gzip (RFC 1952), streaming: every member, and of a damaged one all that can be had."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from isal import igzip_lib

from logpress.sources.input import PIECE_BYTES, Input
from logpress.sources.stored import Stored

MAGIC = b"\x1f\x8b"
_FIRST_PIECE_BYTES = 4 << 10
_MOST_GIVEN_BYTES = 256 << 10  # a larger object would come in pages fresh from the kernel, at half the speed
_RESERVED_FLAGS = 0xE0  # bits that RFC 1952 wants to be zero
_GZIP = 31  # zlib's wbits: a gzip header and trailer, and the largest window


class GzipDecoder:
    """Gives the decompressed bytes of one object.

    ISA-L does the work. Where it meets damage, the member is read once more by zlib, byte by byte near the fault, so
    that everything before the fault is given.

    Attributes:
        damage: why the end came early, once it has.
    """

    def __init__(self, stored: Stored) -> None:
        self._input = Input(stored)
        self._decompressor: igzip_lib.IgzipDecompressor | None = None
        self._member_offset = 0
        self._member_given = 0  # bytes that the current member has given
        self._piece_bytes = _FIRST_PIECE_BYTES
        self._mended: Iterator[bytes] | None = None
        self._left = b""  # of what zlib gave
        self._ended = False
        self.damage: str | None = None

    def readinto(self, view: memoryview, /) -> int:
        """Fill the beginning of a buffer with decompressed bytes; 0 at the end."""
        while not self._ended:
            if self._mended is None and self._decompressor is None and not self._begin_member():
                break
            count = self._inflate(view) if self._mended is None else self._read_mended(view)
            if count:
                self._member_given += count
                return count
        self._ended = True
        return 0

    def _begin_member(self) -> bool:
        head = bytes(self._input.look(2))
        while head.startswith(b"\0"):  # zeros that pad a file, as on tapes
            padding = bytes(self._input.look(PIECE_BYTES))
            self._input.take(len(padding) - len(padding.lstrip(b"\0")))
            head = bytes(self._input.look(2))
        if not head:
            return False
        if self._input.offset and head != MAGIC:
            self.damage = f"after a gzip member, at byte {self._input.offset}, comes something that is no gzip"
            return False
        self._decompressor = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        self._member_offset = self._input.offset
        self._member_given = 0
        self._piece_bytes = _FIRST_PIECE_BYTES
        flags = bytes(self._input.look(4))[3:]
        if flags and flags[0] & _RESERVED_FLAGS:  # which ISA-L overlooks, and then makes something of the header
            self._mended = self._read_carefully(0)
        return True

    def _inflate(self, view: memoryview) -> int:
        decompressor = self._decompressor
        assert decompressor is not None
        data: memoryview | bytes = b""
        if decompressor.needs_input:
            data = self._input.look(self._piece_bytes)
            if not data:
                self.damage = f"the file ends within the gzip member that begins at byte {self._member_offset}"
                self._ended = True
                return 0
        try:
            given = decompressor.decompress(data, min(len(view), _MOST_GIVEN_BYTES))
        except igzip_lib.error:  # type: ignore[misc]
            self._input.seek(self._member_offset)
            self._mended = self._read_carefully(self._member_given)
            return 0
        self._input.take(len(data))
        # Members may be tiny: what is left over of a piece is looked at again, so pieces begin small.
        self._piece_bytes = min(2 * self._piece_bytes, PIECE_BYTES)
        count = len(given)
        view[:count] = given
        if decompressor.eof:
            self._input.give_back(len(decompressor.unused_data))
            self._decompressor = None
        return count

    def _read_mended(self, view: memoryview) -> int:
        assert self._mended is not None
        if not self._left:
            self._left = next(self._mended, b"")
        if not self._left:
            self._mended = self._decompressor = None
            self._ended = self.damage is not None
            return 0
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _read_carefully(self, skip: int) -> Iterator[bytes]:
        """The rest of a member, after this many of its decompressed bytes, up to its end or its fault."""
        decompressor = zlib.decompressobj(_GZIP)
        while not decompressor.eof:
            data = bytes(self._input.look(_FIRST_PIECE_BYTES))
            if not data:
                self.damage = f"the file ends within the gzip member that begins at byte {self._member_offset}"
                return
            before = decompressor.copy()
            steps = [data]
            try:
                self._try(decompressor, data)
            except zlib.error:
                steps = [data[i : i + 1] for i in range(len(data))]
            decompressor = before
            for step in steps:
                try:
                    for given in _small_pieces(decompressor, step, PIECE_BYTES if len(steps) == 1 else 1):
                        cut = min(skip, len(given))
                        skip -= cut
                        if cut < len(given):
                            yield given[cut:]
                except zlib.error as error:
                    reason = str(error).rpartition(": ")[2]
                    self.damage = (
                        f"the gzip member that begins at byte {self._member_offset} is damaged "
                        f"near byte {self._input.offset}: {reason}"
                    )
                    return
                self._input.take(len(step))
        self._input.give_back(len(decompressor.unused_data))

    @staticmethod
    def _try(decompressor: zlib._Decompress, data: bytes) -> None:
        for _ in _small_pieces(decompressor, data, PIECE_BYTES):
            pass


def _small_pieces(decompressor: zlib._Decompress, data: bytes, most_bytes: int) -> Iterator[bytes]:
    """What some stored bytes give, in pieces that are not large however well they were compressed."""
    while not decompressor.eof:
        given = decompressor.decompress(data, most_bytes)
        data = decompressor.unconsumed_tail
        if given:
            yield given
        if not data and len(given) < most_bytes:
            break
