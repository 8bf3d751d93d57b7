"""Every byte of a lake, searched for texts: files as they are, and what is compressed in them."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import zstandard


def holding(lake: Path, texts: Sequence[str]) -> list[str]:
    """The files of a lake that hold one of these texts, in their names or anywhere in them, in any usual form."""
    forms = {form for text in texts for form in _forms(text)}
    found = []
    for root, folders, names in os.walk(lake):
        for name in (*names, *folders):
            path = Path(root) / name
            is_held = any(form in name.encode() for form in forms)
            if path.is_file():
                is_held = is_held or any(form in data for data in _contents(path) for form in forms)
            if is_held:
                found.append(str(path.relative_to(lake)))
    return sorted(found)


def _forms(text: str) -> set[bytes]:
    """A text as bytes: plain, escaped by JSON, in base64 at any place, and cut like the bounds of a column."""
    ascii_only = json.dumps(text)[1:-1]
    found = {text.encode(), ascii_only.encode(), ascii_only.replace("/", r"\/").encode(), text.encode("utf-16-le")}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode())
        found.add(encoded[(0, 2, 3)[before] : len(encoded) - 4])
    return found | {text[:16].encode()}


def _contents(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    yield data
    if path.suffix == ".avro":
        yield from _avro_blocks(data)
    if path.suffix == ".parquet":
        yield from _parquet_contents(path)


def _parquet_contents(path: Path) -> Iterator[bytes]:
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        for column in file.read_row_group(group).columns:
            if str(column.type) in ("string", "binary"):
                values = (
                    value if isinstance(value, bytes) else value.encode() for value in column.to_pylist() if value
                )
                yield b"\0".join(values)
        row_group = file.metadata.row_group(group)
        for number in range(row_group.num_columns):
            statistics = row_group.column(number).statistics
            if statistics is not None and statistics.has_min_max:
                yield b"\0".join(str(value).encode() for value in (statistics.min, statistics.max))
    text = (file.metadata.metadata or {}).get(b"logpress")
    if text is not None:
        yield zstandard.ZstdDecompressor().decompress(base64.b64decode(json.loads(text)["packed"]))


def _avro_blocks(data: bytes) -> Iterator[bytes]:
    """The blocks of an Avro object container file, decompressed (Avro 1.11, "Object Container Files")."""
    at = 4

    def number() -> int:
        nonlocal at
        shift = value = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)

    def text() -> bytes:
        nonlocal at
        length = number()
        at += length
        return data[at - length : at]

    header: dict[bytes, bytes] = {}
    while count := number():
        if count < 0:
            number()
        for _ in range(abs(count)):
            key = text()
            header[key] = text()
    at += 16
    codec = header.get(b"avro.codec", b"null")
    assert codec in (b"deflate", b"null"), codec
    while at < len(data):
        number()
        block = text()
        at += 16
        yield zlib.decompress(block, -15) if codec == b"deflate" else block
