"""Decompress Zstandard (RFC 8878), streaming: every frame, and of a damaged one the blocks before the fault.

Where a frame is damaged, or something else lies between two, reading goes on at the next place where one begins that
decodes. A newline is given before it, unless one came last: what was cut is not to swallow its first record.
"""

from __future__ import annotations

import zstandard

from logpress.sources.faults import MOST_TRIES, Faults
from logpress.sources.input import PIECE_BYTES, Input
from logpress.sources.stored import Stored

MAGIC = b"\x28\xb5\x2f\xfd"
_MOST_BLOCK_BYTES = 128 << 10
_MOST_WINDOW_BYTES = 1 << 31  # what `zstd --long=31` makes
_RLE = 1
_LONGEST_BEGINNING = 18 + 3 + _MOST_BLOCK_BYTES
"""Bytes of the longest frame header, and of a block behind it."""


def is_zstd(head: bytes) -> bool:
    """Whether a file that begins so is Zstandard; a skippable frame may come first."""
    return head[:4] == MAGIC or _is_skippable(head)


def _is_skippable(head: bytes) -> bool:
    return len(head) >= 4 and 0x50 <= head[0] <= 0x5F and head[1:4] == b"\x2a\x4d\x18"


def _header_bytes(descriptor: int) -> int:
    """Bytes of a frame's header, by its descriptor (RFC 8878, 3.1.1.1)."""
    single_segment = descriptor >> 5 & 1
    content_size_bytes = (1 if single_segment else 0, 2, 4, 8)[descriptor >> 6]
    return 5 + (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3] + content_size_bytes


class _CutError(Exception):
    """The file ends where more must follow."""


class ZstdDecoder:
    """Gives the decompressed bytes of one object.

    The decompressor gets whole blocks, each of which gives 128 KiB at most: so memory stays bounded, a fault costs only
    its own block, and a file that ends within a frame is told from one that ends after it.
    """

    def __init__(self, stored: Stored) -> None:
        self._input = Input(stored)
        self._context = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW_BYTES)
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._frame_offset = 0
        self._has_checksum = False
        self._left = memoryview(b"")
        self._ended = False
        self._faults = Faults()
        self._tries = 0
        self._last = 0x0A  # the byte that was given last

    @property
    def damage(self) -> str | None:
        """What could not be read, and why; None while all could be."""
        return str(self._faults) or None

    def readinto(self, view: memoryview, /) -> int:
        """Fill the beginning of a buffer with decompressed bytes; 0 at the end."""
        filled = 0
        while filled < len(view):
            if not self._left and not self._next_block():
                break
            count = min(len(view) - filled, len(self._left))
            view[filled : filled + count] = self._left[:count]
            self._left = self._left[count:]
            filled += count
            self._last = view[filled - 1]
        return filled

    def _next_block(self) -> bool:
        """Decompress until there is something to give; False at the end."""
        while not self._ended and not self._left:
            try:
                self._left = memoryview(self._begin_frame() if self._frame is None else self._block())
            except _CutError:
                self._go_on(f"the file ends within the zstd frame that begins at byte {self._frame_offset}")
            except zstandard.ZstdError as error:
                reason = str(error).removeprefix("zstd decompressor error: ")
                self._go_on(
                    f"the zstd frame that begins at byte {self._frame_offset} is damaged "
                    f"near byte {self._input.offset}: {reason}"
                )
        return bool(self._left)

    def _go_on(self, why: str) -> None:
        """Go to the next frame behind a fault, if there is one, and note what was wrong.

        It is looked for from a block before the fault on, as a block that is cut takes what follows for its own.
        """
        self._frame = None
        self._input.seek(max(self._frame_offset + 1, self._input.offset - _MOST_BLOCK_BYTES))
        while self._tries < MOST_TRIES:
            data = bytes(self._input.look(PIECE_BYTES))
            place = data.find(MAGIC)
            if place < 0:
                if len(data) < len(MAGIC):
                    break
                self._input.take(len(data) - len(MAGIC) + 1)
                continue
            self._input.take(place)
            self._tries += 1
            if self._is_frame(bytes(self._input.look(_LONGEST_BEGINNING))):
                self._faults.add(f"{why}; reading goes on at byte {self._input.offset}")
                if self._last != 0x0A:
                    self._left = memoryview(b"\n")
                return
            self._input.take(1)
        self._faults.add(why)
        self._ended = True

    def _is_frame(self, data: bytes) -> bool:
        """Whether these stored bytes begin a frame, and its first block decodes."""
        size = _header_bytes(data[4]) if len(data) > 4 else len(data)
        header = int.from_bytes(data[size : size + 3], "little")
        kind, block_bytes = header >> 1 & 3, header >> 3
        if len(data) < size + 3 or block_bytes > _MOST_BLOCK_BYTES:
            return False
        end = size + 3 + (1 if kind == _RLE else block_bytes)
        try:
            self._context.decompressobj().decompress(data[:end])
        except zstandard.ZstdError:
            return False
        return end <= len(data)

    def _need(self, size: int) -> memoryview:
        view = self._input.look(size)
        if len(view) < size:
            raise _CutError
        return view

    def _begin_frame(self) -> bytes:
        self._frame_offset = self._input.offset
        head = bytes(self._input.look(4))
        if not head:
            self._ended = True
            return b""
        if _is_skippable(head):
            self._skip(8 + int.from_bytes(self._need(8)[4:8], "little"))
            return b""
        if head != MAGIC:
            if MAGIC.startswith(head):
                raise _CutError
            self._go_on(f"after a zstd frame, at byte {self._frame_offset}, comes something that is no zstd")
            return bytes(self._left)
        descriptor = self._need(5)[4]
        self._has_checksum = bool(descriptor >> 2 & 1)
        self._frame = self._context.decompressobj()
        return self._feed(_header_bytes(descriptor))

    def _skip(self, size: int) -> None:
        while size:
            count = len(self._need(min(size, _MOST_BLOCK_BYTES)))
            self._input.take(count)
            size -= count

    def _block(self) -> bytes:
        header = int.from_bytes(self._need(3), "little")
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        if size > _MOST_BLOCK_BYTES:
            raise zstandard.ZstdError("a block is larger than any may be")
        given = self._feed(3 + (1 if kind == _RLE else size))
        if last:
            if self._has_checksum and not self._check():
                # its length may be wrong, too: then it has taken the beginning of the next frame, or whole frames
                self._go_on(f"the zstd frame that begins at byte {self._frame_offset} has a wrong checksum")
                if given and not self._ended and given[-1] != 0x0A:
                    given += b"\n"
            self._frame = None
        return given

    def _check(self) -> bool:
        """Take the checksum after the last block; False if it is wrong.

        If it is missing or wrong, the block is still given.
        """
        try:
            self._feed(4)
        except _CutError:
            self._faults.add(f"the file ends within the zstd frame that begins at byte {self._frame_offset}")
            self._ended = True
        except zstandard.ZstdError:
            return False
        return True

    def _feed(self, size: int) -> bytes:
        assert self._frame is not None
        given = self._frame.decompress(bytes(self._need(size)))
        self._input.take(size)
        return given
