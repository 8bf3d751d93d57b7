"""Decompress gzip (RFC 1952), streaming: every member, and of a damaged one all that can be had.

Where a member is damaged, or something else lies between two, reading goes on at the next place where one begins that
decodes. A newline is given before it, unless one came last: what was cut is not to swallow its first record.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from isal import igzip_lib

from logpress.sources.faults import MOST_TRIES, Faults
from logpress.sources.input import PIECE_BYTES, Input
from logpress.sources.stored import Stored

MAGIC = b"\x1f\x8b"
_BEGINNING = MAGIC + b"\x08"  # and the method, of which there is one
_LOOKED_BACK_BYTES = 64 << 10  # before a fault: a decoder may run into the next member before it meets one
_TRIED_BYTES = 1 << 20  # decompressed of what may be a member
_FIRST_PIECE_BYTES = 4 << 10
_MOST_GIVEN_BYTES = 256 << 10  # a larger object would come in pages fresh from the kernel, at half the speed
_RESERVED_FLAGS = 0xE0  # bits that RFC 1952 wants to be zero
_GZIP = 31  # zlib's wbits: a gzip header and trailer, and the largest window


class GzipDecoder:
    """Gives the decompressed bytes of one object.

    ISA-L does the work. Where it meets damage, the member is read once more by zlib, byte by byte near the fault, so
    that everything before the fault is given.

    """

    def __init__(self, stored: Stored) -> None:
        self._input = Input(stored)
        self._faults = Faults()
        self._fault: tuple[int, str] | None = None  # from where to look for a member, and why
        self._tries = 0
        self._last = 0x0A  # the byte that was given last
        self._decompressor: igzip_lib.IgzipDecompressor | None = None
        self._member_offset = 0
        self._member_given = 0  # bytes that the current member has given
        self._piece_bytes = _FIRST_PIECE_BYTES
        self._mended: Iterator[bytes] | None = None
        self._left = b""  # of what zlib gave
        self._ended = False

    @property
    def damage(self) -> str | None:
        """What could not be read, and why; None while all could be."""
        return str(self._faults) or None

    def readinto(self, view: memoryview, /) -> int:
        """Fill the beginning of a buffer with decompressed bytes; 0 at the end."""
        while not self._ended:
            if self._fault is not None:
                self._go_on(*self._fault)
                if self._last != 0x0A and not self._ended:
                    view[0] = self._last = 0x0A
                    return 1
            elif self._mended is None and self._decompressor is None and not self._begin_member():
                self._ended = self._fault is None
            else:
                count = self._inflate(view) if self._mended is None else self._read_mended(view)
                if count:
                    self._member_given += count
                    self._last = view[count - 1]
                    return count
        return 0

    def _go_on(self, begin: int, why: str) -> None:
        """Go to the next member from a place on, if there is one, and note what was wrong."""
        self._fault = self._mended = self._decompressor = None
        self._input.seek(begin)
        while self._tries < MOST_TRIES:
            data = bytes(self._input.look(PIECE_BYTES))
            place = data.find(_BEGINNING)
            if place < 0:
                if len(data) < len(_BEGINNING):
                    break
                self._input.take(len(data) - len(_BEGINNING) + 1)
                continue
            self._input.take(place)
            self._tries += 1
            if _is_member(bytes(self._input.look(PIECE_BYTES))):
                self._faults.add(f"{why}; reading goes on at byte {self._input.offset}")
                return
            self._input.take(1)
        self._faults.add(why)
        self._ended = True

    def _begin_member(self) -> bool:
        head = bytes(self._input.look(2))
        while head.startswith(b"\0"):  # zeros that pad a file, as on tapes
            padding = bytes(self._input.look(PIECE_BYTES))
            self._input.take(len(padding) - len(padding.lstrip(b"\0")))
            head = bytes(self._input.look(2))
        if not head:
            return False
        if self._input.offset and head != MAGIC:
            self._fault = (
                self._input.offset,
                f"after a gzip member, at byte {self._input.offset}, comes something that is no gzip",
            )
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
                self._break_off(f"the file ends within the gzip member that begins at byte {self._member_offset}")
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
                self._break_off(f"the file ends within the gzip member that begins at byte {self._member_offset}")
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
                    self._break_off(
                        f"the gzip member that begins at byte {self._member_offset} is damaged "
                        f"near byte {self._input.offset}: {reason}"
                    )
                    return
                self._input.take(len(step))
        self._input.give_back(len(decompressor.unused_data))

    def _break_off(self, why: str) -> None:
        """Say that a member ends early, here."""
        self._fault = max(self._member_offset + 1, self._input.offset - _LOOKED_BACK_BYTES), why

    @staticmethod
    def _try(decompressor: zlib._Decompress, data: bytes) -> None:
        for _ in _small_pieces(decompressor, data, PIECE_BYTES):
            pass


def _is_member(data: bytes) -> bool:
    """Whether these stored bytes begin a member: they decode as far as they go, or as far as is looked at."""
    if data[3:4] and data[3] & _RESERVED_FLAGS:
        return False
    decompressor = zlib.decompressobj(_GZIP)
    try:
        return bool(decompressor.decompress(data, _TRIED_BYTES)) or decompressor.eof
    except zlib.error:
        return False


def _small_pieces(decompressor: zlib._Decompress, data: bytes, most_bytes: int) -> Iterator[bytes]:
    """What some stored bytes give, in pieces that are not large however well they were compressed."""
    while not decompressor.eof:
        given = decompressor.decompress(data, most_bytes)
        data = decompressor.unconsumed_tail
        if given:
            yield given
        if not data and len(given) < most_bytes:
            break
