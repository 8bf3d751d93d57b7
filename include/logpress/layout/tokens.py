"""A strict JSON reader for mining layouts: it finds the position of each value and builds no objects.

It is plain Python, because it reads only the first record of each layout, records that are not JSON, and records that
are kept whole. A kernel skips containers in which no path is wanted. It follows RFC 8259 exactly, with two additions:
blanks around the object, and a byte order mark before it, are part of the record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import MAX_DEPTH, value_end

LeafKind = Literal["string", "number", "boolean", "null", "container"]

_STRING = re.compile(rb'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_BLANKS = re.compile(rb"[ \t\r\n]*")
_WORDS: dict[int, tuple[bytes, LeafKind]] = {
    ord("t"): (b"true", "boolean"),
    ord("f"): (b"false", "boolean"),
    ord("n"): (b"null", "null"),
}
_CLOSING = (b"]", b"}")
_BOM = b"\xef\xbb\xbf"
_DECODED_BYTES = 1 << 20
_ACTION = re.compile(rb'[ \t]*\{[ \t]*"(?:index|create|update)"[ \t]*:[ \t]*\{')
_BEHIND_ACTION = re.compile(rb"[ \t\r]*\n[ \t\r\n]*(?=\{)")
_PLAIN_KEY = re.compile(r"[^.\[\]\"]+")


class NotAnObjectError(ValueError):
    """The bytes are not one JSON object. `reason` is a word for the kind of fault; the message names the position."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value: its path, its kind, and the span of its text (quotes included)."""

    path: str
    kind: LeafKind
    start: int
    end: int


def path_of(parent: str, key: str) -> str:
    """The path of a member; a key that has a dot, bracket, quote or lone surrogate is written `["..."]`."""
    is_unicode = not any("\ud800" <= c <= "\udfff" for c in key)
    if is_unicode and _PLAIN_KEY.fullmatch(key):
        return f"{parent}.{key}" if parent else key
    return f"{parent}[{json.dumps(key, ensure_ascii=not is_unicode)}]"


@dataclass(slots=True)
class _Open:
    is_object: bool
    path: str
    position: int = 0

    @property
    def closing(self) -> bytes:
        return _CLOSING[self.is_object]


class _Reader:
    """The state of one pass over one record."""

    def __init__(self, record: bytes, descend: Callable[[str], bool], wanted: Callable[[str], bool] | None) -> None:
        self.record = record
        self.descend = descend
        self.wanted = wanted
        self.leaves: list[Leaf] = []
        self.open: list[_Open] = []
        self.buffer: NDArray[np.uint8] | None = None

    def fail(self, at: int, expected: str) -> NotAnObjectError:
        if at >= len(self.record):
            return NotAnObjectError("truncated", f"ends at byte {at} where {expected} should be")
        return NotAnObjectError("not_json", f"byte {at} is {self.record[at : at + 1]!r} where {expected} should be")

    def cut(self, at: int) -> int:
        """Position to report for a faulty string: the end of the record if the string is truncated."""
        is_cut = self.record[at : at + 1] == b'"' and b'"' not in self.record[at + 1 :]
        return len(self.record) if is_cut else at

    def blanks(self, at: int) -> int:
        match = _BLANKS.match(self.record, at)
        return match.end() if match else at

    def check_utf8(self) -> None:
        """Check that the record is UTF-8, in pieces, because a decoded text takes up to 4 times its bytes."""
        begin = 0
        while begin < len(self.record):
            end = min(begin + _DECODED_BYTES, len(self.record))
            for _ in range(3):  # moves the cut to the end of a character
                if end < len(self.record) and self.record[end] & 0xC0 == 0x80:
                    end -= 1
            try:
                self.record[begin:end].decode()
            except UnicodeDecodeError as error:
                at = begin + error.start
                raise NotAnObjectError("invalid_utf8", f"byte {at} is not UTF-8: {error.reason}") from error
            begin = end

    def read(self) -> list[Leaf]:
        self.check_utf8()
        at = self.blanks(3 if self.record.startswith(_BOM) else 0)
        if self.record[at : at + 1] != b"{":
            if at < len(self.record) and self.record[at] in b'["-0123456789':
                raise NotAnObjectError("not_an_object", f"begins with {self.record[at : at + 1]!r}, not with an object")
            raise self.fail(at, "an object")
        at = self.value(at, "")
        while self.open:
            at = self.after_value(at)
        if _ACTION.match(self.record) and (behind := _BEHIND_ACTION.match(self.record, at)):
            at = self.value(behind.end(), "")  # a `_bulk` pair: the document follows its action
            while self.open:
                at = self.after_value(at)
        at = self.blanks(at)
        if at != len(self.record):
            raise NotAnObjectError("not_json", f"more text follows the object, from byte {at}")
        return self.leaves

    def value(self, at: int, path: str) -> int:
        """Read a scalar, or open a container and read up to its first value."""
        while at < len(self.record) and self.record[at] in b"{[":
            if path and not self.descend(path):
                end = self.skip(at)
                self.found(Leaf(path, "container", at, end))
                return end
            top = _Open(self.record[at] == 0x7B, path)
            self.open.append(top)
            at = self.blanks(at + 1)
            if self.record[at : at + 1] == top.closing:
                self.open.pop()
                return at + 1
            at, path = self.member(at, top)
        end, kind = self.scalar(at)
        self.found(Leaf(path, kind, at, end))
        return end

    def found(self, leaf: Leaf) -> None:
        if self.wanted is None or self.wanted(leaf.path):
            self.leaves.append(leaf)

    def scalar(self, at: int) -> tuple[int, LeafKind]:
        first = self.record[at] if at < len(self.record) else 0
        kind: LeafKind
        if first == 0x22:
            match, kind = _STRING.match(self.record, at), "string"
        elif first in _WORDS:
            word, kind = _WORDS[first]
            match = re.compile(word).match(self.record, at)
        else:
            match, kind = _NUMBER.match(self.record, at), "number"
        if match is None:
            raise self.fail(self.cut(at), "a value")
        return match.end(), kind

    def key(self, at: int) -> tuple[int, bytes]:
        """Read a key and its colon. Returns (position of the value, the key with its quotes)."""
        match = _STRING.match(self.record, at)
        if match is None:
            raise self.fail(self.cut(at), "a key in quotes")
        at = self.blanks(match.end())
        if self.record[at : at + 1] != b":":
            raise self.fail(at, "a colon")
        return self.blanks(at + 1), match.group()

    def member(self, at: int, top: _Open) -> tuple[int, str]:
        """(Position of the value, its path) of a member or element."""
        if not top.is_object:
            return at, f"{top.path}[{top.position}]"
        at, key = self.key(at)
        return at, path_of(top.path, json.loads(key))

    def after_value(self, at: int) -> int:
        top = self.open[-1]
        at = self.blanks(at)
        if self.record[at : at + 1] == b",":
            top.position += 1
            return self.value(*self.member(self.blanks(at + 1), top))
        if self.record[at : at + 1] == top.closing:
            self.open.pop()
            return at + 1
        raise self.neither(at, top.is_object)

    def neither(self, at: int, is_object: bool) -> NotAnObjectError:
        return self.fail(at, f"a comma or the end of the {'object' if is_object else 'array'}")

    def skip(self, at: int) -> int:
        """The end of the container that begins here, of any depth. Its content is not kept."""
        if self.buffer is None:
            self.buffer = np.frombuffer(self.record + bytes(PADDING), dtype=np.uint8)
        end = int(value_end(self.buffer, at, len(self.record), np.empty(MAX_DEPTH, dtype=np.uint8)))
        return end if end > 0 else self.skip_deep(at)

    def skip_deep(self, at: int) -> int:
        """The same for a container that has a fault or is deeper than the kernel's limit; raises at the fault."""
        record = self.record
        inside = bytearray()  # for each open container, whether it is an object
        while True:
            if record[at : at + 1] in (b"{", b"["):
                inside.append(record[at] == 0x7B)
                at = self.blanks(at + 1)
                if record[at : at + 1] != _CLOSING[inside[-1]]:
                    at = self.key(at)[0] if inside[-1] else at
                    continue
                inside.pop()
                at += 1
            else:
                at = self.scalar(at)[0]
            while inside:
                at = self.blanks(at)
                if record[at : at + 1] == b",":
                    at = self.blanks(at + 1)
                    at = self.key(at)[0] if inside[-1] else at
                    break
                if record[at : at + 1] != _CLOSING[inside[-1]]:
                    raise self.neither(at, bool(inside[-1]))
                inside.pop()
                at += 1
            if not inside:
                return at


def read_leaves(
    record: bytes, descend: Callable[[str], bool], wanted: Callable[[str], bool] | None = None
) -> list[Leaf]:
    """The values of a record, in its order.

    Args:
        record: the record's bytes.
        descend: whether to read inside the container at a path; otherwise it is one leaf of kind `container`. Empty
            containers are leaves only if they are not read inside.
        wanted: whether to return the value at a path; all are returned if None.

    Raises:
        NotAnObjectError: if the bytes are not exactly one JSON object, or one after a `_bulk` action line.
    """
    return _Reader(record, descend, wanted).read()
