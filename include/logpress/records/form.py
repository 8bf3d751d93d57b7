"""Detects how records are separated in a raw object, by its first bytes; finds records that are not lines."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import MAX_DEPTH, TOO_DEEP, value_end
from logpress.limits import DEFAULT, Limits
from logpress.records.kernels_objects import INSIDE, STATE_WORDS, UNFINISHED, USED, frame_objects, object_end

MOST_LINES_TRIED = 1_000
"""[bytes] Lines that are tried as the begin of a sound record before the search is given up."""

_BLANKS = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class Reader(Protocol):
    """A source of decompressed bytes."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill a buffer with the next decompressed bytes; 0 at the end."""


class Form(Enum):
    """How records are separated in a raw object."""

    lines = "lines"
    documents = "documents"
    array = "array"


class Head:
    """A reader that can look ahead: it gives the bytes it has looked at again, and then the rest."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.buffer: NDArray[np.uint8] = np.zeros(PADDING, dtype=np.uint8)
        self.used = self._given = 0
        self.ended = False

    def look(self, size: int) -> None:
        """Read ahead until `buffer` has `size` bytes, or the object ends."""
        if size + PADDING > len(self.buffer):
            grown = np.zeros(size + PADDING, dtype=np.uint8)
            grown[: self.used] = self.buffer[: self.used]
            self.buffer = grown
        while self.used < size and not self.ended:
            count = self._reader.readinto(self.buffer.data[self.used : size])
            self.used += count
            self.ended = count == 0

    def readinto(self, view: memoryview, /) -> int:
        """Fill a part of a buffer; 0 at the end."""
        count = min(len(view), self.used - self._given)
        if count == 0:
            return 0 if self.ended else self._reader.readinto(view)
        view[:count] = self.buffer[self._given : self._given + count].data
        self._given += count
        return count


def find_form(head: Head, limits: Limits = DEFAULT) -> Form:
    """Detect how records are separated in a raw object.

    - Array: it begins with a bracket and a brace, or is an array without elements.
    - Documents: the first sound JSON object at the begin of the object or of a line contains a line break, or another
      object follows it on its line.
    - Lines: all others.
    """
    head.look(limits.form_bytes)
    form = _form(head, limits.longest_form_bytes)
    if form is None:
        head.look(limits.longest_form_bytes)
        form = _form(head, limits.longest_form_bytes)
    assert form is not None
    return form


def _form(head: Head, most: int) -> Form | None:
    """The form that the bytes in `buffer` prove; None if more bytes are needed."""
    text = head.buffer[: head.used].tobytes()
    unsure = None if head.used < most and not head.ended else Form.lines
    at = _skip(text, len(_BOM) if text.startswith(_BOM) else 0)
    if at == len(text):
        return unsure
    if text[at] == ord("["):
        inner = _skip(text, at + 1)
        if inner == len(text):
            return unsure
        if text[inner] == ord("]") and _skip(text, inner + 1) == len(text):
            return Form.array if head.ended else unsure
        return Form.array if text[inner] == ord("{") else Form.lines
    return _form_of_objects(head, text, at, unsure) if text[at] == ord("{") else Form.lines


def _form_of_objects(head: Head, text: bytes, begin: int, unsure: Form | None) -> Form | None:
    at = begin
    for _ in range(MOST_LINES_TRIED):
        line_end = text.find(b"\n", at)
        line_end = len(text) if line_end < 0 else line_end
        stop = _sound_end(head.buffer, at, line_end)
        if stop >= 0:
            following = _skip(text, stop)
            if following < line_end:
                return Form.documents if text[following] == ord("{") else Form.lines
            return Form.lines if line_end < len(text) or head.ended else unsure
        if unsure is None:
            return None
        if _sound_end(head.buffer, at, len(text)) >= 0:
            return Form.documents
        at = text.find(b"\n{", at) + 1
        if at == 0:
            break
    if not head.ended and object_end(head.buffer, begin, head.used)[0] == UNFINISHED:
        return Form.documents  # the first one is longer than the bytes that were read
    return Form.lines


def _sound_end(buffer: NDArray[np.uint8], start: int, end: int) -> int:
    """End of the JSON object that begins at `start`; negative if there is none."""
    stop = int(value_end(buffer, start, end, np.empty(MAX_DEPTH, dtype=np.uint8)))
    return int(object_end(buffer, start, end)[0]) if stop == TOO_DEEP else stop


def _skip(text: bytes, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at


class Objects:
    """Finds the objects of one raw object, one buffer after the other."""

    def __init__(self, form: Form) -> None:
        self._is_array = form is Form.array
        self._state = np.zeros(STATE_WORDS, dtype=np.int64)

    @property
    def is_within_array(self) -> bool:
        """Whether an array is open."""
        return bool(self._state[INSIDE])

    def frame(
        self, buffer: NDArray[np.uint8], end: int, what_follows: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        """Spans of the objects of buffer[:end], and the number of bytes that are done with."""
        room = end // 128 + 1
        while True:
            starts, ends = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
            state = self._state.copy()
            rows = int(frame_objects(buffer, end, what_follows, self._is_array, state, starts, ends))
            if rows >= 0:
                self._state = state
                return starts[:rows], ends[:rows], int(state[USED])
            room *= 8
