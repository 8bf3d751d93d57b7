"""Raw objects to blocks: buffers of whole lines, cut at newlines, in input order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from logpress.engine.kernels_press import all_crlf, count_lines, frame_lines, last_newline
from logpress.jit import PADDING

BLOCK_BYTES = 4 << 20
"""Raw bytes a block begins with; a longer record makes its block longer."""

LONGEST_RECORD_BYTES = 256 << 20
"""A longer record is taken in pieces, each of which is a reject: memory stays bounded."""


class Reader(Protocol):
    """What blocks are read from."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill a buffer with the next decompressed bytes; 0 at the end."""


class Buffers:
    """Buffers of the usual size that are free; shared by threads."""

    def __init__(self) -> None:
        self._free: list[NDArray[np.uint8]] = []

    def take(self, size: int = 0) -> NDArray[np.uint8]:
        """A buffer of at least this size, padding not counted."""
        if size > BLOCK_BYTES:
            return np.empty(size + PADDING, dtype=np.uint8)
        try:
            return self._free.pop()
        except IndexError:
            return np.empty(BLOCK_BYTES + PADDING, dtype=np.uint8)

    def give_back(self, buffer: NDArray[np.uint8]) -> None:
        """Say that a buffer is not used any more."""
        if len(buffer) == BLOCK_BYTES + PADDING:
            self._free.append(buffer)


@dataclass
class RawBlock:
    """Whole records of one origin.

    Attributes:
        buffer: uint8[n], padded.
        end: bytes in use.
        crlf: whether a carriage return belongs to the separator.
        piece: whether this is a piece of a record that is too long; `continued` if another piece follows.
        spans: int64[rows] starts and ends of the records, where they are known already; else they are lines.
    """

    buffer: NDArray[np.uint8]
    end: int
    crlf: bool = False
    piece: bool = False
    continued: bool = False
    spans: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def frame(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Spans of the block's records: int64[rows] starts and ends."""
        if self.spans is not None:
            return self.spans
        lines = self.end // 128 + 1
        starts, ends = np.empty(lines, dtype=np.int64), np.empty(lines, dtype=np.int64)
        rows = int(frame_lines(self.buffer, self.end, self.crlf, starts, ends))
        if rows < 0:  # lines are shorter than was guessed
            lines = int(count_lines(self.buffer, self.end)) + 1
            starts, ends = np.empty(lines, dtype=np.int64), np.empty(lines, dtype=np.int64)
            rows = int(frame_lines(self.buffer, self.end, self.crlf, starts, ends))
        return starts[:rows], ends[:rows]


def read_blocks(reader: Reader, buffers: Buffers, longest: int = LONGEST_RECORD_BYTES) -> Iterator[RawBlock]:
    """Cut one raw object into blocks.

    Lines end with a newline. If every line of the first block ends with a carriage return before it, those belong to
    the separators of this object; otherwise a carriage return is part of its record, as a JSON blank.

    Args:
        reader: gives decompressed bytes.
        buffers: where buffers come from; the caller gives back those of blocks it is done with.
        longest: bytes beyond which a record is cut into pieces.
    """
    buffer = buffers.take()
    used = searched = 0
    crlf: bool | None = None
    in_piece = ended = False
    while not ended:
        room = len(buffer) - PADDING
        while used < room and not ended:
            count = reader.readinto(buffer.data[used:room])
            used += count
            ended = count == 0
        cut = used if ended else int(last_newline(buffer, searched, used)) + 1
        if cut == 0 and not ended:
            if used >= longest:
                yield RawBlock(_padded(buffer, 0, used), used, False, piece=True, continued=True)
                in_piece, used = True, 0
                buffer = buffers.take()
            else:
                grown = np.empty(min(2 * room, longest) + PADDING, dtype=np.uint8)
                grown[:used] = buffer[:used]
                buffer = grown
            searched = used
            continue
        begin = 0
        if in_piece:
            begin = int(_first_newline(buffer, cut))
            yield RawBlock(_padded(buffer, 0, begin), begin, False, piece=True)
            in_piece = False
        rest = used - cut
        following = buffers.take(
            max(BLOCK_BYTES, rest + (BLOCK_BYTES >> 1)) if rest > BLOCK_BYTES >> 1 else BLOCK_BYTES
        )
        following[:rest] = buffer[cut:used]
        if begin:
            buffer = _padded(buffer, begin, cut)
        else:
            buffer[cut : cut + PADDING] = 0
        if cut > begin:
            if crlf is None:
                crlf = bool(all_crlf(buffer, cut - begin))
            yield RawBlock(buffer, cut - begin, crlf)
        buffer, used, searched = following, rest, rest


def _padded(buffer: NDArray[np.uint8], begin: int, end: int) -> NDArray[np.uint8]:
    padded = np.zeros(end - begin + PADDING, dtype=np.uint8)
    padded[: end - begin] = buffer[begin:end]
    return padded


def _first_newline(buffer: NDArray[np.uint8], end: int) -> int:
    found = np.flatnonzero(buffer[:end] == 0x0A)
    return int(found[0]) if len(found) else end
