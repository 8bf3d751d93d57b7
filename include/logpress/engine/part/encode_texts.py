"""Texts of a row group to Arrow dictionaries."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import array_of, missing_of, validity, values_of
from logpress.codecs.texts import Ints, Texts
from logpress.engine.part.kernels_columns import (
    map_codes,
)
from logpress.engine.registers.kernels_texts import collect_texts, renumber, size_of_texts
from logpress.engine.row_group.dictionary import Dictionary


def string_column(
    codes: NDArray[np.int32], dictionary: Dictionary, values: dict[int, str] | None, type_: pa.DataType | None = None
) -> pa.Array:
    """A dictionary array of the entries in use, in order of first use; both arguments are consumed."""
    type_ = type_ or pa.string()
    if values:
        _share(codes, dictionary, values)
    used = np.empty(dictionary.known, dtype=np.int64)
    count = renumber(codes, np.full(dictionary.known, -1, dtype=np.int64), used, 0, np.int32(-1))
    used = used[:count]
    entries = _entries(dictionary, used, type_)
    dictionary.forget()
    if values:
        changed = np.flatnonzero(np.isin(used, list(values)))
        entries = _with_texts(entries, changed, [values.pop(number).encode() for number in used[changed].tolist()])
    return pa.DictionaryArray.from_arrays(array_of(codes, pa.int32(), codes < 0), entries, safe=False)


def used_entries(indices: pa.Array, entries: pa.Array) -> pa.DictionaryArray:
    """A dictionary array of the entries in use, in order of first use.

    Args:
        indices: int32[rows], of entries.
        entries: distinct strings without nulls.
    """
    missing = missing_of(indices)
    codes = np.array(values_of(indices), dtype=np.int32)
    if missing is not None:
        codes[missing] = -1
    used = np.empty(len(entries), dtype=np.int64)
    count = renumber(codes, np.full(len(entries), -1, dtype=np.int64), used, 0, np.int32(-1))
    used = used[:count]
    bounds = np.frombuffer(entries.buffers()[1], dtype=np.int32)[entries.offset : entries.offset + len(entries) + 1]
    # of the types that `_entries` has, so that no kernel is compiled for others
    bounds, texts = bounds.astype(np.int64), np.frombuffer(entries.buffers()[2] or b"", dtype=np.uint8).copy()
    data = np.empty(size_of_texts(used, bounds), dtype=np.uint8)
    offsets = np.empty(len(used) + 1, dtype=np.int32)
    collect_texts(texts, bounds, used, data, offsets)
    found = pa.Array.from_buffers(entries.type, len(used), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    return pa.DictionaryArray.from_arrays(array_of(codes, pa.int32(), codes < 0), found, safe=False)


def _share(codes: NDArray[np.int32], dictionary: Dictionary, values: dict[int, str]) -> None:
    """Give texts with the same value the same number, because Arrow requires distinct dictionary entries.

    A text of a row that is kept whole may be the value of another text, which has escapes.
    """
    shared: dict[int, int] = {}
    first: dict[str, int] = {}
    for number, value in values.items():
        twin = dictionary.number_of(value.encode())
        other = first.setdefault(value, number if twin < 0 or twin in values else twin)
        if other != number:
            shared[number] = other
    if shared:
        numbers = np.arange(dictionary.known, dtype=np.int32)
        numbers[list(shared)] = list(shared.values())
        map_codes(codes, numbers, codes)


def _entries(dictionary: Dictionary, places: Ints, type_: pa.DataType) -> pa.Array:
    """Some texts of a dictionary as an Arrow array."""
    data = np.empty(size_of_texts(places, dictionary.offsets), dtype=np.uint8)
    offsets = np.empty(len(places) + 1, dtype=np.int32)
    collect_texts(dictionary.texts, dictionary.offsets, places, data, offsets)
    return pa.Array.from_buffers(type_, len(places), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _with_texts(entries: pa.Array, places: Ints, texts: list[bytes]) -> pa.Array:
    """An Arrow array of texts with other texts at some indices."""
    _, offsets, data = entries.buffers()
    found = Texts(np.frombuffer(data, dtype=np.uint8), np.frombuffer(offsets, dtype=np.int32).astype(np.int64))
    found = found.with_texts(places, texts)
    buffers = [None, pa.py_buffer(found.offsets.astype(np.int32)), pa.py_buffer(found.data)]
    return pa.Array.from_buffers(entries.type, len(entries), buffers)


def plain_texts(array: pa.DictionaryArray) -> pa.Array:
    """The texts of a dictionary array, one a row, as `dictionary_decode` gives them."""
    missing = missing_of(array.indices)
    codes = values_of(array.indices)
    if missing is not None:
        codes = np.where(missing, np.int32(-1), codes)
    entries = array.dictionary
    bounds = np.frombuffer(entries.buffers()[1], dtype=np.int32)[entries.offset : entries.offset + len(entries) + 1]
    texts = np.frombuffer(entries.buffers()[2] or b"", dtype=np.uint8)
    data = np.empty(size_of_texts(codes, bounds), dtype=np.uint8)
    offsets = np.empty(len(codes) + 1, dtype=np.int32)
    collect_texts(texts, bounds, codes, data, offsets)
    buffers = [validity(missing), pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(entries.type, len(codes), buffers)
