"""Decompress Zstandard (RFC 8878), streaming: every frame, and of a damaged one the blocks before the fault."""

from __future__ import annotations

import zstandard

from logpress.sources.input import Input
from logpress.sources.stored import Stored

MAGIC = b"\x28\xb5\x2f\xfd"
_MOST_BLOCK_BYTES = 128 << 10
_MOST_WINDOW_BYTES = 1 << 31  # what `zstd --long=31` makes
_RLE = 1


def is_zstd(head: bytes) -> bool:
    """Whether a file that begins so is Zstandard; a skippable frame may come first."""
    return head[:4] == MAGIC or _is_skippable(head)


def _is_skippable(head: bytes) -> bool:
    return len(head) >= 4 and 0x50 <= head[0] <= 0x5F and head[1:4] == b"\x2a\x4d\x18"


class _CutError(Exception):
    """The file ends where more must follow."""


class ZstdDecoder:
    """Gives the decompressed bytes of one object.

    The decompressor gets whole blocks, each of which gives 128 KiB at most: so memory stays bounded, a fault costs only
    its own block, and a file that ends within a frame is told from one that ends after it.

    Attributes:
        damage: why the end came early, once it has.
    """

    def __init__(self, stored: Stored) -> None:
        self._input = Input(stored)
        self._context = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW_BYTES)
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._frame_offset = 0
        self._has_checksum = False
        self._left = memoryview(b"")
        self._ended = False
        self.damage: str | None = None

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
        return filled

    def _next_block(self) -> bool:
        """Decompress until there is something to give; False at the end."""
        try:
            while not self._ended and not self._left:
                given = self._begin_frame() if self._frame is None else self._block()
                self._left = memoryview(given)
        except _CutError:
            self.damage = f"the file ends within the zstd frame that begins at byte {self._frame_offset}"
            self._ended = True
        except zstandard.ZstdError as error:
            reason = str(error).removeprefix("zstd decompressor error: ")
            self.damage = (
                f"the zstd frame that begins at byte {self._frame_offset} is damaged "
                f"near byte {self._input.offset}: {reason}"
            )
            self._ended = True
        return bool(self._left)

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
            self.damage = f"after a zstd frame, at byte {self._frame_offset}, comes something that is no zstd"
            self._ended = True
            return b""
        descriptor = self._need(5)[4]
        single_segment = descriptor >> 5 & 1
        self._has_checksum = bool(descriptor >> 2 & 1)
        content_size_bytes = (1 if single_segment else 0, 2, 4, 8)[descriptor >> 6]
        size = 5 + (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3] + content_size_bytes
        self._frame = self._context.decompressobj()
        return self._feed(size)

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
            if self._has_checksum and not self._check(given):
                return given
            self._frame = None
        return given

    def _check(self, given: bytes) -> bool:
        """Take the checksum after the last block; where it is missing or wrong, the block is still given."""
        try:
            self._feed(4)
            return True
        except _CutError:
            self.damage = f"the file ends within the zstd frame that begins at byte {self._frame_offset}"
        except zstandard.ZstdError:
            self.damage = f"the zstd frame that begins at byte {self._frame_offset} has a wrong checksum"
        self._ended = True
        return False

    def _feed(self, size: int) -> bytes:
        assert self._frame is not None
        given = self._frame.decompress(bytes(self._need(size)))
        self._input.take(size)
        return given
