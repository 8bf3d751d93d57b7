"""Checks of a footer for contents on which pyarrow's getters end the process.

Source: the Parquet format (apache/parquet-format, src/main/thrift/parquet.thrift): FileMetaData, RowGroup, ColumnChunk.
"""

from __future__ import annotations

from collections.abc import Iterator

_I8, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 3, 7, 8, 9, 10, 12
_MOST_DEPTH = 16

_ROW_GROUPS, _CHUNKS, _METADATA = 4, 1, 3
_ENCRYPTED = {8: "encryption", 9: "encryption"}
"""Fields of ColumnChunk."""
_TYPE, _BOUNDS, _OTHER = 1, 12, {16: "size statistics", 17: "geospatial statistics"}
"""Fields of ColumnMetaData."""
_WIDTHS = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8}
"""Bytes of a value, by physical types of fixed width."""
_BOUND_FIELDS = (1, 2, 5, 6)
"""Fields of Statistics: smallest and largest value, in the deprecated and the current form."""


def check_chunks(footer: bytes) -> None:
    """Check that column chunks have no fields that logpress never writes and that readers may crash on.

    Args:
        footer: FileMetaData in Thrift's compact protocol.

    Raises:
        ValueError: if one has, or if the bytes are not such a struct.
    """
    try:
        for field, kind, at in _fields(footer, 0, 0):
            if field == _ROW_GROUPS:
                for group in _structs(footer, at, kind):
                    for field_of_group, kind_of_group, inner in _fields(footer, group, 2):
                        if field_of_group == _CHUNKS:
                            for chunk in _structs(footer, inner, kind_of_group):
                                _check_chunk(footer, chunk)
    except IndexError as error:
        raise ValueError("the footer ends within a field") from error


def _check_chunk(data: bytes, at: int) -> None:
    for field, kind, inner in _fields(data, at, 4):
        if field in _ENCRYPTED:
            raise ValueError(f"a column chunk has {_ENCRYPTED[field]}, which logpress never writes")
        if field == _METADATA and kind == _STRUCT:
            width = None
            for field_of_metadata, kind_of_metadata, value in _fields(data, inner, 6):
                if field_of_metadata in _OTHER:
                    raise ValueError(f"a column chunk has {_OTHER[field_of_metadata]}, which logpress never writes")
                if field_of_metadata == _TYPE:
                    width = _WIDTHS.get(_varint(data, value)[0] >> 1)
                elif field_of_metadata == _BOUNDS and kind_of_metadata == _STRUCT and width is not None:
                    _check_bounds(data, value, width)


def _check_bounds(data: bytes, at: int, width: int) -> None:
    for field, kind, value in _fields(data, at, 8):
        if field in _BOUND_FIELDS and kind == _BINARY and _varint(data, value)[0] != width:
            raise ValueError(f"statistics of a column chunk do not have {width} bytes, as its values do")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(a number, its end)."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number, at
        shift += 7


def _fields(data: bytes, at: int, depth: int) -> Iterator[tuple[int, int, int]]:
    """(number, kind, begin of the value) of each field of a struct."""
    number = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            raw, at = _varint(data, at)
            number = raw >> 1 ^ -(raw & 1)
        yield number, head & 15, at
        at = _behind(data, at, head & 15, depth)


def _structs(data: bytes, at: int, kind: int) -> Iterator[int]:
    """The begin of each struct of a list."""
    if kind != _LIST or data[at] & 15 != _STRUCT:
        return
    count, at = _count(data, at)
    for _ in range(count):
        yield at
        at = _behind(data, at, _STRUCT, 1)


def _count(data: bytes, at: int) -> tuple[int, int]:
    """(number of items of a list, begin of the first one)."""
    return _varint(data, at + 1) if data[at] >> 4 == 15 else (data[at] >> 4, at + 1)


def _behind(data: bytes, at: int, kind: int, depth: int) -> int:
    """The end of a value."""
    if depth > _MOST_DEPTH:
        raise ValueError("its fields are nested too deep")
    if kind <= 2:  # a boolean: its value is in the kind
        return at
    if kind == _BINARY:
        size, at = _varint(data, at)
        return at + size
    if kind < _DOUBLE and kind != _I8:
        while data[at] >= 0x80:
            at += 1
        return at + 1
    if kind == _STRUCT:
        while head := data[at]:
            at += 1
            if not head >> 4:
                _, at = _varint(data, at)
            at = _behind(data, at, head & 15, depth + 1)
        return at + 1
    if kind in (_LIST, _SET):
        item = data[at] & 15
        count, at = _count(data, at)
        for _ in range(count):
            at = _behind(data, at, item, depth + 1) if item > 2 else at + 1
        return at
    if kind in (_I8, _DOUBLE):
        return at + (1 if kind == _I8 else 8)
    raise ValueError(f"a field has the unknown kind {kind}")
