"""Arrow arrays in the form of kernels: values without nulls, and the positions of nulls.

Kernels get read-only views of all arrays, whatever memory they are in, so that each kernel is compiled once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.kernel.words import PADDING
from logpress.parquet.kernels_levels import definition_levels, drop_nulls, row_after, spans_of_texts
from logpress.parquet.thrift import varint

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

_LENGTH_BYTES = 4
_NO_BITS = np.zeros(1, dtype=np.uint8)
_NO_BITS.flags.writeable = False


class Scratch:
    """Arrays that are used again. The array of each name grows to the largest size asked for."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, Any], NDArray[Any]] = {}

    def take(self, name: str, size: int, dtype: Any = np.uint8) -> NDArray[Any]:
        """An array [>= size] with undefined content; it invalidates the last one of that name and type."""
        key = name, np.dtype(dtype)
        found = self._arrays.get(key)
        if found is None or len(found) < size:
            found = self._arrays[key] = np.empty(max(size, 1), dtype=dtype)
        return found


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view."""
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, slots=True)
class Presence:
    """The rows of a column that have a value.

    Attributes:
        rows: number of rows.
        nulls: number of rows without a value.
        bitmap: Arrow's validity; undefined if there are no nulls.
        offset: bit of row 0.
    """

    rows: int
    nulls: int
    bitmap: Bytes
    offset: int

    @classmethod
    def of(cls, array: pa.Array) -> Presence:
        """The presence of an array."""
        buffer = array.buffers()[0]
        if buffer is None or not array.null_count:
            return cls(len(array), 0, _NO_BITS, 0)
        return cls(len(array), array.null_count, frozen(np.frombuffer(buffer, dtype=np.uint8)), array.offset)

    def row_after(self, row: int, values: int) -> int:
        """The row behind `values` further values, counted from a row on."""
        if not self.nulls:
            return row + values
        return int(row_after(self.bitmap, self.offset, row, self.rows, values))

    def levels(self, first: int, last: int, scratch: Scratch) -> bytes:
        """Definition levels of rows, as a v1 data page begins: their length in bytes, then the hybrid of width 1."""
        if not self.nulls:
            run = varint((last - first) << 1) + b"\1"
            return len(run).to_bytes(_LENGTH_BYTES, "little") + run
        out = scratch.take("levels", 2 * ((last - first) // 8 + 1) + 16)
        end = definition_levels(self.bitmap, self.offset, first, last, out, 0)
        return int(end).to_bytes(_LENGTH_BYTES, "little") + out[:end].tobytes()


def numbers_of(array: pa.Array, presence: Presence, scratch: Scratch) -> NDArray[Any]:
    """The numbers that are not null, as int32, int64 or double; in the array's memory, or in `scratch`."""
    type_ = array.type
    dtype = np.dtype(np.float64) if pa.types.is_floating(type_) else np.dtype(f"i{type_.bit_width // 8}")
    wide = dtype if dtype.itemsize >= 4 else np.dtype(np.int32)
    buffer = array.buffers()[1]
    if buffer is None:
        return frozen(np.empty(0, dtype=wide))
    values = np.frombuffer(buffer, dtype=dtype)[array.offset : array.offset + len(array)]
    if not presence.nulls:
        return frozen(values.astype(wide, copy=False))
    out = scratch.take("numbers", len(values), wide)
    count = drop_nulls(frozen(values), presence.bitmap, presence.offset, out)
    return frozen(out[:count])


def uuids_of(array: pa.Array, presence: Presence) -> Ints:
    """The UUIDs that are there, their bytes as two words: int64[n, 2]."""
    buffer = array.buffers()[1]
    if buffer is None:
        return frozen(np.empty((0, 2), dtype=np.int64))
    words = np.frombuffer(buffer, dtype=np.int64).reshape(-1, 2)[array.offset : array.offset + len(array)]
    return frozen(words[_bits(presence.bitmap, presence.offset, len(array))] if presence.nulls else words)


def booleans_of(array: pa.Array, presence: Presence) -> NDArray[np.bool_]:
    """The booleans that are not null: bool[n]."""
    buffer = array.buffers()[1]
    if buffer is None:
        return np.empty(0, dtype=np.bool_)
    found = _bits(np.frombuffer(buffer, dtype=np.uint8), array.offset, len(array))
    return found[_bits(presence.bitmap, presence.offset, len(array))] if presence.nulls else found


def _bits(bitmap: Bytes, offset: int, count: int) -> NDArray[np.bool_]:
    return np.unpackbits(bitmap, bitorder="little", count=offset + count)[offset:].view(np.bool_)


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts that are not null.

    Attributes:
        data: uint8[m].
        starts: int64[n], begin of each text in `data`.
        lengths: int64[n], bytes of each text.
    """

    data: Bytes
    starts: Ints
    lengths: Ints

    @classmethod
    def of(cls, array: pa.Array, presence: Presence) -> Texts:
        """The texts of a string or binary array."""
        _, places, data = array.buffers()
        bytes_ = np.empty(0, dtype=np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
        if places is None or not len(array):
            nothing = frozen(np.empty(0, dtype=np.int64))
            return cls(frozen(bytes_), nothing, nothing)
        offsets = frozen(np.frombuffer(places, dtype=np.int32)[array.offset : array.offset + len(array) + 1])
        if not presence.nulls:
            return cls(frozen(bytes_), frozen(offsets[:-1].astype(np.int64)), frozen(np.diff(offsets).astype(np.int64)))
        starts, lengths = np.empty(len(array), dtype=np.int64), np.empty(len(array), dtype=np.int64)
        count = spans_of_texts(offsets, presence.bitmap, presence.offset, starts, lengths)
        return cls(frozen(bytes_), frozen(starts[:count]), frozen(lengths[:count]))

    def __len__(self) -> int:
        return len(self.starts)

    def text(self, place: int) -> bytes:
        """One text."""
        start = int(self.starts[place])
        return self.data[start : start + int(self.lengths[place])].tobytes()

    @property
    def plain_bytes(self) -> int:
        """Their size in PLAIN."""
        return int(self.lengths.sum()) + _LENGTH_BYTES * len(self)


def one_array(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.Array:
    """A column as one array of the wanted type; dictionaries are decoded or made as needed.

    Raises:
        ValueError: if it has another type, or 2 GiB of texts.
    """
    if column.num_chunks == 0:
        array = _nothing(column.type)
    elif column.num_chunks == 1:
        array = column.chunk(0)
    else:
        array = column.unify_dictionaries().combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            raise ValueError("a row group's column holds more than 2 GiB of texts; write smaller row groups")
    is_dictionary = pa.types.is_dictionary(array.type)
    if is_dictionary and (not pa.types.is_dictionary(wanted) or array.dictionary.null_count):
        array = array.dictionary_decode()
        is_dictionary = False
    if not is_dictionary and pa.types.is_dictionary(wanted) and array.type == wanted.value_type:
        array = array.dictionary_encode()
    if array.type != wanted:
        raise ValueError(f"a column has type {array.type}, not {wanted}")
    return array


def _nothing(type_: pa.DataType) -> pa.Array:
    """An array of no rows, made of buffers, because pyarrow's own functions import pandas."""
    if pa.types.is_dictionary(type_):
        return pa.DictionaryArray.from_arrays(_nothing(type_.index_type), _nothing(type_.value_type))
    is_text = pa.types.is_string(type_) or pa.types.is_binary(type_)
    buffers = [pa.py_buffer(bytes(4)), pa.py_buffer(b"")] if is_text else [pa.py_buffer(b"")]
    return pa.Array.from_buffers(type_, 0, [None, *buffers])


def room(size: int) -> int:
    """Size of an array in which kernels may store words beyond the written bytes."""
    return size + PADDING
