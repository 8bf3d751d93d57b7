"""NumPy arrays to Arrow arrays and back, through buffers.

pyarrow's `pa.array`, `to_numpy` and `fill_null` check for pandas, and so import it, which takes nearly 1 s in each
process that presses. `cast`, `take` and `dictionary_decode` import `pyarrow.compute`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def array_of(values: NDArray[Any], type_: pa.DataType, missing: NDArray[np.bool_] | None = None) -> pa.Array:
    """Numbers as an Arrow array that shares their memory.

    Args:
        values: [n], of the width of the type; bool for booleans, which are copied.
        type_: of fixed width.
        missing: bool[n], which values are null; None for none.
    """
    count = len(values)
    if pa.types.is_boolean(type_):
        values = np.packbits(values, bitorder="little")
    return pa.Array.from_buffers(type_, count, [validity(missing), pa.py_buffer(np.ascontiguousarray(values))])


def validity(missing: NDArray[np.bool_] | None) -> pa.Buffer | None:
    """The bitmap of values that are not null; None if no value is null."""
    if missing is None or not missing.any():
        return None
    return pa.py_buffer(np.packbits(~missing, bitorder="little"))


def texts_array(texts: Sequence[bytes], type_: pa.DataType) -> pa.Array:
    """Texts as a string or binary array."""
    offsets = np.zeros(len(texts) + 1, dtype=np.int32)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return pa.Array.from_buffers(type_, len(texts), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))])


def values_of(array: pa.Array) -> NDArray[Any]:
    """The numbers of an array, in its memory; undefined for nulls. Booleans are copied."""
    buffer = array.buffers()[1]
    if pa.types.is_boolean(array.type):
        return _bits(buffer, array)
    dtype = np.dtype(f"i{array.type.bit_width // 8}") if not pa.types.is_floating(array.type) else np.dtype(np.float64)
    if buffer is None:
        return np.empty(0, dtype=dtype)
    return np.frombuffer(buffer, dtype=dtype)[array.offset : array.offset + len(array)]


def missing_of(array: pa.Array) -> NDArray[np.bool_] | None:
    """bool[n]: which values of an array are null; None if no value is null."""
    buffer = array.buffers()[0]
    if buffer is None or not array.null_count:
        return None
    return ~_bits(buffer, array)


def _bits(buffer: pa.Buffer | None, array: pa.Array) -> NDArray[np.bool_]:
    if buffer is None:
        return np.empty(0, dtype=np.bool_)
    used = np.frombuffer(buffer, dtype=np.uint8)[array.offset >> 3 :]  # slices share the buffer of the whole array
    first = array.offset & 7
    return np.unpackbits(used, bitorder="little", count=first + len(array))[first:].view(np.bool_)
