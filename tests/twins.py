"""Plain Python that tests hold the kernels against: framing, numbers that wrap around, texts as kernels take them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLANKS = b" \t\r\n"
BOM = b"\xef\xbb\xbf"
MOST_TRIES = 64


def _refuse(text: str) -> Any:
    raise ValueError(text)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_int=str)


def sound_object_end(data: bytes, start: int) -> int | None:
    """Where the strict JSON value that begins at `start` ends, as Python reads it."""
    try:
        _, end = _DECODER.raw_decode(data.decode("latin-1"), start)
        data[start:end].decode()
    except (ValueError, RecursionError):
        return None
    return end


def sound_value_end(data: bytes, start: int) -> int | None:
    """Where a sound value ends; behind a number, `true` or `false` a comma, bracket or blank must come."""
    stop = sound_object_end(data, start)
    is_bare = data[start] in b"tf-0123456789"
    return None if stop is not None and is_bare and stop < len(data) and data[stop] not in b",}] \r\t\n" else stop


def _skip(data: bytes, at: int) -> int:
    while at < len(data) and data[at] in BLANKS:
        at += 1
    return at


def form_of(data: bytes) -> str:
    """How records stand in a raw object of less than a megabyte."""
    at = _skip(data, 3 if data.startswith(BOM) else 0)
    if data[at : at + 1] == b"[":
        inner = _skip(data, at + 1)
        is_empty = data[inner : inner + 1] == b"]" and not data[inner + 1 :].strip(BLANKS)
        return "array" if is_empty or data[inner : inner + 1] == b"{" else "lines"
    if data[at : at + 1] != b"{":
        return "lines"
    while True:
        line = data[at:].split(b"\n", 1)[0]
        end = sound_object_end(line, 0)
        if end is not None:
            return "documents" if line[end:].strip(BLANKS).startswith(b"{") else "lines"
        if sound_object_end(data, at) is not None:
            return "documents"
        at = data.find(b"\n{", at) + 1
        if at == 0:
            return "lines"


def object_end(data: bytes, start: int) -> tuple[str, int]:  # noqa: C901 - one state machine
    """("end", where), ("damaged", where) or ("unfinished", the end of the data)."""
    open_kinds: list[str] = []
    in_string = escaped = after_string = is_deep = False
    for i in range(start, len(data)):
        c = chr(data[i])
        if after_string and c not in ":,]}" and data[i] > 0x20:
            return "damaged", i
        after_string = False
        if escaped:
            escaped = False
            if c == '"':
                continue
        elif c == "\\":
            escaped = True
        elif c == '"':
            in_string = not in_string
            after_string = not in_string
            continue
        if in_string:
            if c == "\n":
                return "damaged", i
        elif c in "[{":
            before = data[start:i].rstrip(BLANKS)[-1:].decode("latin-1")
            in_object = open_kinds[-1:] == ["{"]
            if open_kinds and not is_deep and not (before == ":" if in_object else before and before in ",["):
                return "damaged", i
            open_kinds.append(c)
            is_deep = is_deep or len(open_kinds) > 64
        elif c in "]}":
            if not is_deep and open_kinds[-1] != {"]": "[", "}": "{"}[c]:
                return "damaged", i
            open_kinds.pop()
            if not open_kinds:
                return "end", i + 1
    return "unfinished", len(data)


def _next_object(data: bytes, start: int, first: int, in_array: bool, alike: bytes) -> int:
    for at in range(first, len(data)):
        if data[at : at + 1] != b"{":
            continue
        before = data[start:at].rstrip(BLANKS)
        if data[at - 1 : at] == b"\n" or before.endswith(b"}"):
            return at
        is_second = before.endswith(b",") and before[:-1].rstrip(BLANKS).endswith(b"}")
        if in_array and is_second and len(data) - at >= 8 and data[at : at + 8] == alike:
            return at
    return len(data)


_ELEMENT = re.compile(rb'("(?:[^"\\]|\\.)*"|[^",:\[\]{} \t\r\n]+)[ \t\r\n]*[,\]]', re.DOTALL)


def _other_end(data: bytes, start: int, in_array: bool, alike: bytes) -> int:
    if in_array and (found := _ELEMENT.match(data, start)):
        return found.end(1)
    return _next_object(data, start, start + 1, in_array, alike)


def objects_of(data: bytes, is_array: bool) -> list[bytes]:  # noqa: C901 - one state machine
    """The records of a raw object that holds documents, or an array of them."""
    records: list[bytes] = []
    inside = False
    tries = at = 0
    alike = bytes(8)
    while True:
        while at < len(data):
            c = data[at : at + 1]
            if is_array and not inside and c == b"[":
                inside = True
            elif is_array and inside and c == b"]":
                inside = False
            elif data[at] not in BLANKS and not (is_array and inside and c == b","):
                break
            at += 1
        if at == len(data):
            return records
        start = at
        if data[at : at + 3] == BOM:
            if is_array and not inside and data[at + 3 : at + 4] == b"[":
                at += 3
                continue
            if data[at + 3 : at + 4] == b"{":
                at += 3
        if data[at : at + 1] == b"{" or (inside and data[at : at + 1] == b"["):
            kind, place = object_end(data, at)
            if kind == "end":
                stop = place
                if data[at : at + 1] == b"{" and stop - at >= 8 and tries == 0:
                    alike = data[at : at + 8]
                tries = 0
            else:
                first = at + 1 if tries < MOST_TRIES else max(place, at + 1)
                own = data[at : at + 8] if alike == bytes(8) and len(data) - at >= 8 else alike
                stop = _next_object(data, start, first, inside, own)
                tries += 1
        else:
            stop = _other_end(data, at, inside, alike)
            tries = max(tries, 1)
        separators = BLANKS + b"," if inside else BLANKS
        records.append(data[start : start + 1] + data[start + 1 : stop].rstrip(separators))
        at = stop


def lines_of(data: bytes) -> list[bytes]:
    """The records of a raw object that holds lines."""
    lines = data.split(b"\n")
    whole = lines[:-1]
    if whole and all(line.endswith(b"\r") for line in whole):
        return [line for line in (line.removesuffix(b"\r") for line in lines) if line]
    return [line for line in lines if line not in (b"", b"\r")]


def records_of(data: bytes) -> list[bytes]:
    """The records of a raw object, as the documents define them."""
    form = form_of(data)
    return lines_of(data) if form == "lines" else objects_of(data, form == "array")


def wrapped(number: int, bits: int = 64) -> int:
    """A number as signed integers of so many bits hold it."""
    half = 1 << (bits - 1)
    return (number + half) % (2 * half) - half


def joined(texts: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Texts one after the other, padded, and where each begins and the last one ends."""
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return np.frombuffer(b"".join(texts) + bytes(64), dtype=np.uint8), offsets


def braces_end(data: bytes, start: int, end: int) -> int:
    """Where the object that begins at `start` ends by its braces and quotes alone, or -1."""
    depth = 0
    in_string = escaped = False
    for i in range(start, end):
        c = data[i : i + 1]
        if c == b'"' and not escaped:
            in_string = not in_string
        elif c in b"{}" and not in_string:
            depth += 1 if c == b"{" else -1
            if c == b"}" and depth == 0:
                return i + 1
        escaped = c == b"\\" and not escaped
    return -1


def quote_at(data: bytes, start: int, end: int) -> int:
    """Where the first double quote stands that no backslash behind `start` escapes, or `end`."""
    while start < end and data[start] != 0x22:
        start += 2 if data[start] == 0x5C else 1
    return min(start, end)


def blanks_end(data: bytes, start: int, end: int) -> int:
    """Where the blanks end that begin at `start`."""
    while start < end and data[start] in BLANKS:
        start += 1
    return start


def varint(number: int) -> bytes:
    """ULEB128."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


_INSTANT = re.compile(rb"(\d{4})-(\d\d)-(\d\d)(.)(\d\d):(\d\d):(\d\d)(?:\.(\d+))?", re.DOTALL)


def read_instant(text: bytes, separator: int, digits: int, units: int) -> int | None:
    """What a text says, in units since the epoch; None if it could not be written from that in the same way."""
    match = _INSTANT.fullmatch(text)
    if match is None or match[4][0] != separator or len(match[8] or b"") != digits:
        return None
    try:
        year, month, day, hour, minute, second = (int(match[k]) for k in (1, 2, 3, 5, 6, 7))
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    scaled = int(match[8] or b"0") * units
    if scaled % 10**digits:
        return None
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * units + scaled // 10**digits
