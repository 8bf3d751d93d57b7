"""Structs in Thrift's compact protocol, for page headers and footers of Parquet.

Source: the Thrift compact protocol (apache/thrift, doc/specs/thrift-compact-protocol.md). A field begins with a byte: 4
bits for the difference of its number from that of the field before, and 4 bits for its type. Integers are zigzag
varints (ULEB128).
"""

from __future__ import annotations

from collections.abc import Sequence

_TRUE, _FALSE, _I8, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 2, 3, 5, 6, 8, 9, 12
_LONG_LIST = 15


def varint(number: int) -> bytes:
    """A non-negative number, 7 bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def zigzag(number: int) -> int:
    """Signed to unsigned, so that numbers near zero are short: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return number << 1 if number >= 0 else (-number << 1) - 1


class Struct:
    """A struct that is being written; fields must be added in ascending order."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._last = 0

    def i8(self, field: int, value: int) -> Struct:
        """An 8-bit number."""
        return self._field(field, _I8, value.to_bytes(1, "little", signed=True))

    def i32(self, field: int, value: int) -> Struct:
        """A 32-bit number or enum."""
        return self._field(field, _I32, varint(zigzag(value)))

    def i64(self, field: int, value: int) -> Struct:
        """A 64-bit number."""
        return self._field(field, _I64, varint(zigzag(value)))

    def boolean(self, field: int, value: bool) -> Struct:
        """A boolean, whose value is in the type of the field."""
        return self._field(field, _TRUE if value else _FALSE, b"")

    def binary(self, field: int, value: bytes) -> Struct:
        """Bytes, or a string in UTF-8."""
        return self._field(field, _BINARY, varint(len(value)) + value)

    def struct(self, field: int, value: Struct) -> Struct:
        """A nested struct."""
        return self._field(field, _STRUCT, value.done())

    def structs(self, field: int, values: Sequence[Struct]) -> Struct:
        """A list of structs."""
        return self._list(field, _STRUCT, [value.done() for value in values])

    def enums(self, field: int, values: Sequence[int]) -> Struct:
        """A list of 32-bit numbers."""
        return self._list(field, _I32, [varint(zigzag(value)) for value in values])

    def binaries(self, field: int, values: Sequence[bytes]) -> Struct:
        """A list of strings."""
        return self._list(field, _BINARY, [varint(len(value)) + value for value in values])

    def done(self) -> bytes:
        """The struct's bytes, with the stop byte."""
        return bytes(self._out) + b"\0"

    def _list(self, field: int, kind: int, items: Sequence[bytes]) -> Struct:
        count = len(items)
        head = bytes([count << 4 | kind]) if count < _LONG_LIST else bytes([_LONG_LIST << 4 | kind]) + varint(count)
        return self._field(field, _LIST, head + b"".join(items))

    def _field(self, field: int, kind: int, value: bytes) -> Struct:
        step = field - self._last
        if not 0 < step <= 15:
            raise ValueError(f"field {field} comes after field {self._last}; fields ascend by at most 15")
        self._last = field
        self._out.append(step << 4 | kind)
        self._out += value
        return self
