"""Parquet in plain Python: what tests hold the writer's files and kernels against."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from tests.twins import varint

RLE = 3


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """ULEB128: the number, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, at


def _signed(number: int) -> int:
    return number >> 1 ^ -(number & 1)


def read_struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """A struct of Thrift's compact protocol: its fields by number, and where it ends."""
    found: dict[int, Any] = {}
    field = 0
    while data[at]:
        head = data[at]
        at += 1
        if head >> 4:
            field += head >> 4
        else:
            number, at = read_varint(data, at)
            field = _signed(number)
        found[field], at = _read_value(data, at, head & 15)
    return found, at + 1


def _read_value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (1, 2):
        return kind == 1, at
    if kind == 3:
        return struct.unpack_from("b", data, at)[0], at + 1
    if kind in (4, 5, 6):
        number, at = read_varint(data, at)
        return _signed(number), at
    if kind == 8:
        size, at = read_varint(data, at)
        return data[at : at + size], at + size
    if kind == 9:
        size, item = data[at] >> 4, data[at] & 15
        at += 1
        if size == 15:
            size, at = read_varint(data, at)
        values = []
        for _ in range(size):
            value, at = _read_value(data, at, item)
            values.append(value)
        return values, at
    assert kind == 12
    return read_struct(data, at)


@dataclass(frozen=True)
class Page:
    """A page as it lies in the file: its header's fields, its body, decompressed, and the frame it is stored as."""

    header: dict[int, Any]
    body: bytes
    frame: bytes

    @property
    def is_dictionary(self) -> bool:
        return self.header[1] == 2

    @property
    def details(self) -> dict[int, Any]:
        return self.header[7 if self.is_dictionary else 5]


def footer_of(path: Path) -> dict[int, Any]:
    """The fields of FileMetaData."""
    data = path.read_bytes()
    assert data[:4] == data[-4:] == b"PAR1"
    size = int.from_bytes(data[-8:-4], "little")
    found, end = read_struct(data, len(data) - 8 - size)
    assert end == len(data) - 8
    return found


def pages_of(path: Path) -> list[list[list[Page]]]:
    """All pages by row group and column, once all that the footer says of them is compared with what there is."""
    data = path.read_bytes()
    footer = footer_of(path)
    at = 4
    found = []
    for group in footer[4]:
        assert group[5] == at
        begin = at
        chunks = []
        for chunk in group[1]:
            pages, at = _chunk_pages(data, at, chunk)
            assert sum(page.details[1] for page in pages if not page.is_dictionary) == group[3] == chunk[3][5]
            chunks.append(pages)
        assert group[6] == at - begin
        assert group[2] == sum(chunk[3][6] for chunk in group[1])
        found.append(chunks)
    assert sum(group[3] for group in footer[4]) == footer[3]
    assert at == len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    return found


def _chunk_pages(data: bytes, begin: int, chunk: dict[int, Any]) -> tuple[list[Page], int]:
    assert chunk[2] == 0
    meta = chunk[3]
    assert begin == meta.get(11, meta[9])
    at, end = begin, begin + meta[7]
    pages: list[Page] = []
    plain = 0
    counts: dict[tuple[int, int], int] = {}
    while at < end:
        header, body = read_struct(data, at)
        assert (at == meta[9]) == (header[1] == 0 and all(page.is_dictionary for page in pages))
        stored = data[body : body + header[3]]
        assert header[4] & 0xFFFFFFFF == zlib.crc32(stored)
        page = Page(header, zstandard.ZstdDecompressor().decompress(stored), stored)
        assert len(page.body) == header[2]
        plain += body - at + header[2]
        kind = header[1], page.details[2]
        counts[kind] = counts.get(kind, 0) + 1
        assert header[1] == 0 or not pages
        pages.append(page)
        at = body + header[3]
    assert at == end
    assert meta[6] == plain
    assert [(entry[1], entry[2], entry[3]) for entry in meta[13]] == [(*kind, count) for kind, count in counts.items()]
    assert set(meta[2]) == {RLE} | {encoding for _, encoding in counts}
    return pages, end


def _packed(values: Sequence[int], width: int) -> bytes:
    groups = (len(values) + 7) // 8
    word = sum(value << k * width for k, value in enumerate(values))
    return varint(groups << 1 | 1) + word.to_bytes(groups * width, "little")


def _repeated(value: int, count: int, width: int) -> bytes:
    return varint(count << 1) + value.to_bytes((width + 7) // 8, "little")


def hybrid_twin(values: Sequence[int], width: int, *, pad_levels: bool = False) -> bytes:
    """The RLE/bit-packed hybrid as the kernels write it; definition levels have no run of fewer than eight."""
    out = b""
    packed: list[int] = []
    at = 0
    while at < len(values):
        group = values[at : at + 8]
        if len(group) == 8 and len(set(group)) == 1:
            if packed:
                out += _packed(packed, width)
                packed = []
            end = at + 8
            while end < len(values) and values[end] == group[0]:
                end += 1
            out += _repeated(group[0], end - at, width)
            at = end
        elif len(group) < 8 and len(set(group)) == 1 and not packed and not pad_levels:
            return out + _repeated(group[0], len(group), width)
        else:
            packed += group
            at += len(group)
    return out + _packed(packed, width) if packed else out


def hybrid_values(data: bytes, width: int, count: int) -> list[int]:
    """The values of a hybrid, read by the specification alone."""
    values: list[int] = []
    at = 0
    while len(values) < count:
        head, at = read_varint(data, at)
        size = (width + 7) // 8
        if head & 1:
            groups = head >> 1
            word = int.from_bytes(data[at : at + groups * width], "little")
            values += [word >> k * width & (1 << width) - 1 for k in range(groups * 8)]
            at += groups * width
        else:
            values += [int.from_bytes(data[at : at + size], "little")] * (head >> 1)
            at += size
    assert at == len(data)
    return values[:count]
