"""Raw objects to blocks: buffers of whole records, in input order. Lines are cut here, other forms in framing.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.kernel.words import PADDING
from logpress.records.form import Form, Head, Objects, Reader, find_form
from logpress.records.kernels_lines import all_crlf, count_lines, frame_lines, last_newline
from logpress.records.kernels_objects import LAST, MORE, TOO_LONG

BLOCK_BYTES = 4 << 20
"""[bytes] Raw bytes a block begins with; a longer record makes its block longer."""

LONGEST_RECORD_BYTES = 32 << 20
"""[bytes] A longer record is taken in pieces, each of which is a reject: memory stays bounded.

No service that logs go through takes one as long: Kinesis ends at 10 MiB.
"""

_LARGEST_KEPT = 16 << 20
"""[memory] Bytes of a buffer that is kept for what follows; longer ones are rare."""

TOO_LONG_MESSAGE = f"a piece of a record longer than {LONGEST_RECORD_BYTES >> 20} MiB"
"""What is said of such a piece."""


class Buffers:
    """Buffers that are free: those of the usual size, and a few larger ones for pages; shared by threads."""

    def __init__(self) -> None:
        self._free: list[NDArray[np.uint8]] = []
        self._large: deque[NDArray[np.uint8]] = deque(maxlen=4)

    def take(self, size: int = 0) -> NDArray[np.uint8]:
        """A buffer of at least this size, padding not counted."""
        if size > BLOCK_BYTES:  # of just this size: it says where the block ends, which nothing but the input may do
            return np.empty(size + PADDING, dtype=np.uint8)
        try:
            return self._free.pop()
        except IndexError:
            return np.empty(BLOCK_BYTES + PADDING, dtype=np.uint8)

    def take_page(self, size: int) -> NDArray[np.uint8]:
        """A buffer of at least this size, padding not counted; others of about the same size will follow."""
        if size <= BLOCK_BYTES:
            return self.take()
        try:
            if len(found := self._large.popleft()) >= size + PADDING:
                return found
        except IndexError:
            pass
        return np.empty(size + size // 8 + PADDING, dtype=np.uint8)

    def give_back(self, buffer: NDArray[np.uint8]) -> None:
        """Say that a buffer is not used any more."""
        if not buffer.flags.owndata:
            return
        if len(buffer) == BLOCK_BYTES + PADDING:
            self._free.append(buffer)
        elif BLOCK_BYTES + PADDING < len(buffer) <= _LARGEST_KEPT:
            self._large.append(buffer)


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

    def first(self) -> tuple[int, int] | None:
        """The span of the block's first record, if there is one."""
        starts, ends = np.empty(1, dtype=np.int64), np.empty(1, dtype=np.int64)
        if self.spans is not None:
            starts, ends = self.spans
            has_one = len(starts) > 0
        else:
            has_one = frame_lines(self.buffer, self.end, self.crlf, starts, ends) != 0
        return (int(starts[0]), int(ends[0])) if has_one else None

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


def read_blocks(
    reader: Reader,
    buffers: Buffers,
    longest: int = LONGEST_RECORD_BYTES,
    note_damage: Callable[[str], None] | None = None,
) -> Iterator[RawBlock]:
    """Cut one raw object into blocks, whatever form its records have.

    Args:
        reader: gives decompressed bytes.
        buffers: where buffers come from; the caller gives back those of blocks it is done with.
        longest: bytes beyond which a record is cut into pieces.
        note_damage: called with what is wrong with the object as a whole.
    """
    head = Head(reader)
    form = find_form(head)
    if form is Form.lines:
        yield from _read_lines(head, buffers, longest)
    else:
        objects = Objects(form)
        yield from _read_objects(head, buffers, objects, longest)
        if objects.is_within_array and note_damage is not None:
            note_damage("the JSON array has no end, so elements may be missing behind the last one")


def _read_lines(reader: Reader, buffers: Buffers, longest: int) -> Iterator[RawBlock]:
    """Cut one raw object of lines into blocks.

    Lines end with a newline. If every line of the first block ends with a carriage return before it, those belong to
    the separators of this object; otherwise a carriage return is part of its record, as a JSON blank.
    """
    buffer = buffers.take()
    used = searched = 0
    crlf: bool | None = None
    in_piece = ended = False
    while not ended:
        used, ended = _filled(reader, buffer, used)
        cut = used if ended else int(last_newline(buffer, searched, used)) + 1
        if cut == 0 and not ended:
            if used >= longest or in_piece:
                yield from _pieces(buffer, used)
                in_piece, used = True, 0
                buffer = buffers.take()
            else:
                buffer = _grown(buffer, used, longest)
            searched = used
            continue
        begin = 0
        if in_piece:
            begin = int(_first_newline(buffer, cut))
            yield RawBlock(_padded(buffer, 0, begin), begin, False, piece=True)
            in_piece = False
        rest = used - cut
        following = buffers.take(_room_behind(rest))
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


def _read_objects(reader: Reader, buffers: Buffers, objects: Objects, longest: int) -> Iterator[RawBlock]:
    """Cut one raw object whose records are no lines into blocks; kernels_frame.py says what a record is."""
    buffer = buffers.take()
    used = 0
    in_piece = ended = False
    while not ended:
        used, ended = _filled(reader, buffer, used)
        buffer[used : used + PADDING] = 0
        if in_piece:
            # the rest of a record that was too long: up to where the next one seems to begin
            cut = _next_start(buffer, used)
            in_piece = cut == used and not ended
            if in_piece and used > 1:
                cut -= 1  # two bytes tell where
            yield RawBlock(_padded(buffer, 0, cut), cut, piece=True, continued=in_piece)
            buffer[: used - cut] = buffer[cut:used].copy()
            used -= cut
            if not ended or not used:
                continue
        starts, ends, done = objects.frame(buffer, used, LAST if ended else MORE)
        if done == 0 and not ended:
            if used >= longest:
                starts, ends, done = objects.frame(buffer, used, TOO_LONG)
            if done == 0:
                if used >= longest:
                    yield from _pieces(buffer, used)
                    in_piece, used = True, 0
                    buffer = buffers.take()
                else:
                    buffer = _grown(buffer, used, longest)
                continue
        rest = used - done
        following = buffers.take(_room_behind(rest))
        following[:rest] = buffer[done:used]
        buffer[done : done + PADDING] = 0
        yield RawBlock(buffer, done, spans=(starts, ends))
        buffer, used = following, rest


def _filled(reader: Reader, buffer: NDArray[np.uint8], used: int) -> tuple[int, bool]:
    """Read until a buffer is full: the bytes in it then, and whether that is all there is.

    Where a long record has made the buffer larger, only a part of it is read: behind the record may follow millions of
    short ones, and they are to come in blocks of the usual size.
    """
    stop = min(len(buffer) - PADDING, max(BLOCK_BYTES, used + max(BLOCK_BYTES, used >> 2)))
    while used < stop:
        count = reader.readinto(buffer.data[used:stop])
        used += count
        if count == 0:
            return used, True
    return used, False


def _grown(buffer: NDArray[np.uint8], used: int, longest: int) -> NDArray[np.uint8]:
    """A buffer with room for more, once one is full."""
    room = len(buffer) - PADDING
    if used < room:
        return buffer
    grown = np.empty(min(2 * room, longest) + PADDING, dtype=np.uint8)
    grown[:used] = buffer[:used]
    return grown


def _pieces(buffer: NDArray[np.uint8], used: int) -> Iterator[RawBlock]:
    """What there is of a record that is too long and goes on."""
    for begin in range(0, used, BLOCK_BYTES):
        end = min(begin + BLOCK_BYTES, used)
        yield RawBlock(_padded(buffer, begin, end), end - begin, piece=True, continued=True)


def _next_start(buffer: NDArray[np.uint8], used: int) -> int:
    """Where, behind a record that is too long, the next one seems to begin."""
    text = buffer[:used].tobytes()
    return min((place + 1 for mark in (b"\n{", b"}{") if (place := text.find(mark)) >= 0), default=used)


def _room_behind(rest: int) -> int:
    """The size of the buffer that begins with what is left of the one before."""
    return max(BLOCK_BYTES, rest + (BLOCK_BYTES >> 1)) if rest > BLOCK_BYTES >> 1 else BLOCK_BYTES


def _padded(buffer: NDArray[np.uint8], begin: int, end: int) -> NDArray[np.uint8]:
    """A buffer of its own for some bytes."""
    padded = np.zeros(end - begin + PADDING, dtype=np.uint8)
    padded[: end - begin] = buffer[begin:end]
    return padded


def _first_newline(buffer: NDArray[np.uint8], end: int) -> int:
    found = np.flatnonzero(buffer[:end] == 0x0A)
    return int(found[0]) if len(found) else end
