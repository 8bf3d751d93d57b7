"""Raw objects to raw blocks: buffers of whole records, in input order. Lines are cut here, other forms in form.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.kernel.words import PADDING
from logpress.limits import DEFAULT, Limits
from logpress.records.form import Form, Head, Objects, Reader, find_form
from logpress.records.kernels_lines import all_crlf, count_lines, frame_lines, last_newline
from logpress.records.kernels_objects import LAST, MORE, TOO_LONG


class Buffers:
    """Free buffers: those of the usual size, and a few larger ones for pages. Threads share them.

    Attributes:
        limits: sizes of blocks and records.
    """

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.limits = limits
        self._free: list[NDArray[np.uint8]] = []
        self._large: deque[NDArray[np.uint8]] = deque(maxlen=4)

    def take(self, size: int = 0) -> NDArray[np.uint8]:
        """A buffer of at least this size, without padding."""
        if size > self.limits.block_bytes:  # exact size, because it decides where blocks are cut
            return np.empty(size + PADDING, dtype=np.uint8)
        try:
            return self._free.pop()
        except IndexError:
            return np.empty(self.limits.block_bytes + PADDING, dtype=np.uint8)

    def take_page(self, size: int) -> NDArray[np.uint8]:
        """A buffer of at least this size, without padding, for one of many pages of similar size."""
        if size <= self.limits.block_bytes:
            return self.take()
        try:
            if len(found := self._large.popleft()) >= size + PADDING:
                return found
        except IndexError:
            pass
        return np.empty(size + size // 8 + PADDING, dtype=np.uint8)

    def give_back(self, buffer: NDArray[np.uint8]) -> None:
        """Return a buffer that is not used any more."""
        if not buffer.flags.owndata:
            return
        usual = self.limits.block_bytes + PADDING
        if len(buffer) == usual:
            self._free.append(buffer)
        elif usual < len(buffer) <= self.limits.kept_buffer_bytes:
            self._large.append(buffer)


@dataclass
class RawBlock:
    """Whole records of one input.

    Attributes:
        buffer: uint8[n], padded.
        end: bytes in use.
        crlf: whether a carriage return belongs to the separator.
        piece: whether this is a piece of a record that is too long; `continued` if another piece follows.
        spans: int64[rows] starts and ends of the records, if they are known; else the records are lines.
    """

    buffer: NDArray[np.uint8]
    end: int
    crlf: bool = False
    piece: bool = False
    continued: bool = False
    spans: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def first(self) -> tuple[int, int] | None:
        """The span of the block's first record, or None."""
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
        if rows < 0:  # the guessed number of lines was too small
            lines = int(count_lines(self.buffer, self.end)) + 1
            starts, ends = np.empty(lines, dtype=np.int64), np.empty(lines, dtype=np.int64)
            rows = int(frame_lines(self.buffer, self.end, self.crlf, starts, ends))
        return starts[:rows], ends[:rows]


def too_long_message(limits: Limits) -> str:
    """The message of a reject that is a piece of a record longer than `longest_record_bytes`."""
    longest = limits.longest_record_bytes
    size = f"{longest:,} bytes" if longest % (1 << 20) else f"{longest >> 20} MiB"
    return f"a piece of a record longer than {size}"


def read_blocks(
    reader: Reader, buffers: Buffers, note_damage: Callable[[str], None] | None = None
) -> Iterator[RawBlock]:
    """Cut one raw object into blocks, whatever form its records have.

    Args:
        reader: gives decompressed bytes.
        buffers: free buffers, with the limits of blocks and records; the caller returns those of finished blocks.
        note_damage: called with a fault of the object as a whole.
    """
    head = Head(reader)
    form = find_form(head, buffers.limits)
    if form is Form.lines:
        yield from _read_lines(head, buffers)
    else:
        objects = Objects(form)
        yield from _read_objects(head, buffers, objects)
        if objects.is_within_array and note_damage is not None:
            note_damage("the JSON array has no end, so elements may be missing behind the last one")


def _read_lines(reader: Reader, buffers: Buffers) -> Iterator[RawBlock]:
    """Cut one raw object of lines into blocks.

    Lines end with a newline. If a carriage return stands before every newline of the first block, carriage returns
    before newlines belong to the separators of this object. Otherwise a carriage return is part of its record, as a
    JSON blank.
    """
    longest, block = buffers.limits.longest_record_bytes, buffers.limits.block_bytes
    buffer = buffers.take()
    used = searched = 0
    crlf: bool | None = None
    in_piece = ended = False
    while not ended:
        used, ended = _filled(reader, buffer, used, block)
        cut = used if ended else int(last_newline(buffer, searched, used)) + 1
        if cut == 0 and not ended:
            if used >= longest or in_piece:
                yield from _pieces(buffer, used, block)
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
        following = buffers.take(_room_behind(rest, block))
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


def _read_objects(reader: Reader, buffers: Buffers, objects: Objects) -> Iterator[RawBlock]:
    """Cut one raw object whose records are not lines into blocks; kernels_objects.py defines their records."""
    longest, block = buffers.limits.longest_record_bytes, buffers.limits.block_bytes
    buffer = buffers.take()
    used = 0
    in_piece = ended = False
    while not ended:
        used, ended = _filled(reader, buffer, used, block)
        buffer[used : used + PADDING] = 0
        if in_piece:
            # the rest of a record that was too long, up to the likely begin of the next one
            cut = _next_start(buffer, used)
            in_piece = cut == used and not ended
            if in_piece and used > 1:
                cut -= 1  # a begin is recognised by two bytes
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
                    yield from _pieces(buffer, used, block)
                    in_piece, used = True, 0
                    buffer = buffers.take()
                else:
                    buffer = _grown(buffer, used, longest)
                continue
        rest = used - done
        following = buffers.take(_room_behind(rest, block))
        following[:rest] = buffer[done:used]
        buffer[done : done + PADDING] = 0
        yield RawBlock(buffer, done, spans=(starts, ends))
        buffer, used = following, rest


def _filled(reader: Reader, buffer: NDArray[np.uint8], used: int, block: int) -> tuple[int, bool]:
    """Read until a buffer is full: (bytes in it, whether the object has ended).

    If a long record has enlarged the buffer, only a part is filled. Millions of short records may follow, and their
    blocks should have the usual size.
    """
    stop = min(len(buffer) - PADDING, max(block, used + max(block, used >> 2)))
    while used < stop:
        count = reader.readinto(buffer.data[used:stop])
        used += count
        if count == 0:
            return used, True
    return used, False


def _grown(buffer: NDArray[np.uint8], used: int, longest: int) -> NDArray[np.uint8]:
    """A larger copy of a full buffer."""
    room = len(buffer) - PADDING
    if used < room:
        return buffer
    grown = np.empty(min(2 * room, longest) + PADDING, dtype=np.uint8)
    grown[:used] = buffer[:used]
    return grown


def _pieces(buffer: NDArray[np.uint8], used: int, block: int) -> Iterator[RawBlock]:
    """The bytes read so far of a record that is too long and goes on, in pieces."""
    for begin in range(0, used, block):
        end = min(begin + block, used)
        yield RawBlock(_padded(buffer, begin, end), end - begin, piece=True, continued=True)


def _next_start(buffer: NDArray[np.uint8], used: int) -> int:
    """Where the record behind one that is too long seems to begin."""
    text = buffer[:used].tobytes()
    return min((place + 1 for mark in (b"\n{", b"}{") if (place := text.find(mark)) >= 0), default=used)


def _room_behind(rest: int, block: int) -> int:
    """Size of a buffer that begins with the rest of the one before."""
    return max(block, rest + (block >> 1)) if rest > block >> 1 else block


def _padded(buffer: NDArray[np.uint8], begin: int, end: int) -> NDArray[np.uint8]:
    """A copy of some bytes in a buffer of its own."""
    padded = np.zeros(end - begin + PADDING, dtype=np.uint8)
    padded[: end - begin] = buffer[begin:end]
    return padded


def _first_newline(buffer: NDArray[np.uint8], end: int) -> int:
    found = np.flatnonzero(buffer[:end] == 0x0A)
    return int(found[0]) if len(found) else end
