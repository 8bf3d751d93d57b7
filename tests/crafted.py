"""Part files with the right checksums and wrong content, as an attacker would make them.

A sound part is taken apart (columns, metadata of footer and row group), changed, and put together again with checksums
that fit.
"""

from __future__ import annotations

import base64
import copy
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from tests.footers import sealed, with_footer_text

from logpress.parquet.metadata import CHECKSUM_KEY, NO_CHECKSUM
from logpress.parquet.thrift import varint

Change = Callable[[Any], object]
"""Changes a JSON value, or a Thrift struct, in place."""

FIELD = tuple[int, int, Any]
STRUCT, LIST, BINARY, DOUBLE, BYTE = 12, 9, 8, 7, 3
SIZE_STATISTICS = 16


@dataclass(frozen=True)
class Sound:
    """A sound part of one row group, taken apart.

    Attributes:
        table: all columns.
        data: metadata of its footer, under `logpress`.
        packed: the packed member of that.
        head: metadata of the row group; None before format 5.
        arrays: the arrays behind the head.
    """

    table: pa.Table
    data: dict[str, Any]
    packed: dict[str, Any]
    head: dict[str, Any] | None
    arrays: bytes

    @classmethod
    def of(cls, path: Path) -> Sound:
        file = pq.ParquetFile(path)
        data = json.loads(file.metadata.metadata[b"logpress"])
        table = file.read_row_group(0)
        if "_row_group" not in table.column_names:  # format 4
            packed = json.loads(zstandard.ZstdDecompressor().decompress(base64.b85decode(data["packed"])))
            packed["row_groups"] = packed["row_groups"][:1]
            return cls(table, data, packed, None, b"")
        packed = json.loads(zstandard.ZstdDecompressor().decompress(base64.b64decode(data["packed"])))
        said = table.column("_row_group")[0].as_py()
        end = 4 + struct.unpack_from("<I", said)[0]
        return cls(table, data, packed, json.loads(said[4:end]), said[end:])

    def write(
        self,
        target: Path,
        *,
        table: pa.Table | None = None,
        said: bytes | None = None,
        head: Change | None = None,
        packed: Change | None = None,
        data: Change | None = None,
        footer: Change | None = None,
    ) -> None:
        """Write the part with changes of its table, its row group's metadata, or its footer."""
        table = self.table if table is None else table
        if self.head is not None and (head is not None or said is not None):
            if head is not None:
                changed = copy.deepcopy(self.head)
                head(changed)
                text = json.dumps(changed).encode()
                said = struct.pack("<I", len(text)) + text + self.arrays
            column = pa.array([said, *[None] * (len(table) - 1)], pa.binary())
            table = table.set_column(table.column_names.index("_row_group"), "_row_group", column)
        texts = {"logpress": "{}"} | ({} if self.head is None else {CHECKSUM_KEY: NO_CHECKSUM.decode()})
        with pq.ParquetWriter(target, table.schema, store_schema=False, compression="zstd") as writer:
            writer.write_table(table)
            writer.add_key_value_metadata(texts)
        whole = target.read_bytes()
        inner, outer = copy.deepcopy(self.packed), copy.deepcopy(self.data)
        if self.head is not None:
            inner["chunk_crc32"] = [checksums(whole, pq.read_metadata(target))]
        (packed or (lambda _: None))(inner)
        frame = zstandard.ZstdCompressor().compress(json.dumps(inner).encode())
        outer["packed"] = (base64.b85encode if self.head is None else base64.b64encode)(frame).decode()
        (data or (lambda _: None))(outer)
        if self.head is None:
            target.write_bytes(with_text(whole, json.dumps(outer)))
        else:
            target.write_bytes(with_footer_text(whole, lambda _: json.dumps(outer)))
        change_footer(target, footer or (lambda _: None), is_sealed=self.head is not None)


def checksums(whole: bytes, footer: pq.FileMetaData) -> list[int]:
    """The CRC-32 of each column chunk of the first row group."""
    found = []
    for number in range(footer.num_columns):
        column = footer.row_group(0).column(number)
        start = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
        found.append(zlib.crc32(whole[start : start + column.total_compressed_size]))
    return found


# ------------------------------------------------------------------------------------------------------------- footers


def change_footer(path: Path, change: Change, *, is_sealed: bool) -> None:
    """Change a footer's Thrift struct; the writer stays logpress, because files of others are read otherwise."""
    whole = path.read_bytes()
    length = int.from_bytes(whole[-8:-4], "little")
    fields, _ = read_struct(whole, len(whole) - 8 - length)
    set_field(fields, 6, BINARY, b"logpress version 0.1.0")
    for column in columns_of(fields):
        column[:] = [entry for entry in column if entry[0] != SIZE_STATISTICS]  # logpress writes none
    change(fields)
    done = write_struct(fields)
    tail = sealed(done) if is_sealed else done + len(done).to_bytes(4, "little") + b"PAR1"
    path.write_bytes(whole[: len(whole) - 8 - length] + tail)


def columns_of(fields: list[FIELD]) -> list[list[FIELD]]:
    """The metadata of all column chunks."""
    return [field(chunk, 3) for group in field(fields, 4)[1] for chunk in field(group, 1)[1]]


def with_text(part: bytes, text: str) -> bytes:
    """A part without a checksum, with another text under `logpress`."""
    length = int.from_bytes(part[-8:-4], "little")
    fields, _ = read_struct(part, len(part) - 8 - length)
    for entry in field(fields, 5)[1]:
        if field(entry, 1) == b"logpress":
            set_field(entry, 2, BINARY, text.encode())
    done = write_struct(fields)
    return part[: len(part) - 8 - length] + done + len(done).to_bytes(4, "little") + b"PAR1"


def field(fields: list[FIELD], number: int) -> Any:
    return next(value for found, _, value in fields if found == number)


def set_field(fields: list[FIELD], number: int, kind: int, value: Any) -> None:
    """Set a field, or add it."""
    fields[:] = sorted([entry for entry in fields if entry[0] != number] + [(number, kind, value)])


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return number, at


def read_struct(data: bytes, at: int) -> tuple[list[FIELD], int]:
    """A struct of Thrift's compact protocol: ((number, kind, value) of each field, its end)."""
    fields: list[FIELD] = []
    number = 0
    while data[at]:
        kind, step = data[at] & 15, data[at] >> 4
        at += 1
        if step:
            number += step
        else:
            raw, at = _varint_at(data, at)
            number = raw >> 1 ^ -(raw & 1)
        value, at = _read(data, at, kind)
        fields.append((number, kind, value))
    return fields, at + 1


def _read(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (1, 2):
        return None, at
    if kind in (BYTE, DOUBLE):
        size = 1 if kind == BYTE else 8
        return data[at : at + size], at + size
    if kind == BINARY:
        size, at = _varint_at(data, at)
        return data[at : at + size], at + size
    if kind == LIST:
        item, size = data[at] & 15, data[at] >> 4
        at += 1
        if size == 15:
            size, at = _varint_at(data, at)
        values = []
        for _ in range(size):
            value, at = _read(data, at, item)
            values.append(value)
        return (item, values), at
    if kind == STRUCT:
        return read_struct(data, at)
    raw, at = _varint_at(data, at)
    return raw >> 1 ^ -(raw & 1), at


def write_struct(fields: list[FIELD]) -> bytes:
    """The reverse of `read_struct`."""
    out, before = b"", 0
    for number, kind, value in fields:
        step = number - before
        out += bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + varint(number << 1)
        out += _written(kind, value)
        before = number
    return out + b"\0"


def _written(kind: int, value: Any) -> bytes:
    if kind in (1, 2):
        return b""
    if kind in (BYTE, DOUBLE):
        return bytes(value)
    if kind == BINARY:
        return varint(len(value)) + value
    if kind == LIST:
        item, values = value
        head = bytes([len(values) << 4 | item]) if len(values) < 15 else bytes([240 | item]) + varint(len(values))
        return head + b"".join(_written(item, inner) for inner in values)
    if kind == STRUCT:
        return write_struct(value)
    return varint((value << 1 ^ value >> 63) & (1 << 64) - 1)


def numbers_of(fields: list[FIELD], at: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], list[FIELD], FIELD]]:
    """All whole numbers of a struct, with those of structs within: their path, the struct they stand in, the field."""
    for entry in fields:
        number, kind, value = entry
        if kind in (4, 5, 6):
            yield (*at, number), fields, entry
        elif kind == STRUCT:
            yield from numbers_of(value, (*at, number))
        elif kind == LIST and value[0] == STRUCT:
            for place, inner in enumerate(value[1]):
                yield from numbers_of(inner, (*at, number, place))
