"""Small numbers that only restoration needs, stored as one column: a dictionary of their combinations.

Each of them alone takes few bits, which Parquet packs side by side; zstd sees bytes, and finds little in them. The
combinations that are most common are as many as a byte can number; all others stand in a second column. Both are
dictionaries of JSON arrays, so that people can read them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.engine.arrow import array_of
from logpress.engine.group import widened
from logpress.engine.kernels_store import LONGEST_NUMBER, number_combinations, write_combinations
from logpress.engine.rows import Ints
from logpress.errors import PartError
from logpress.jit import PADDING

MOST_COMMON = 256
"""Combinations that the first column holds: with so many, Parquet numbers them in eight bits."""

_FEWEST_PLACES = 1 << 13
_ROWS_AT_A_TIME = 1 << 13
"""Rows whose numbers stand side by side at a time, so that they stay in cache."""


def combine(values: Sequence[NDArray[Any]]) -> tuple[pa.Array, pa.Array]:
    """The two columns of numbers: int64[rows] or int32[rows] each, with the null of its kind where there is none.

    Returns:
        Strings as dictionaries: the rows of common combinations, and the others; each row is null in one of them.
    """
    places = _FEWEST_PLACES
    while (numbered := _numbered(values, places)) is None:
        places *= 4
    codes, combinations = numbered
    counts = np.bincount(codes, minlength=len(combinations))
    # the most common first; of equally common ones the smallest, whatever the order of rows
    order = np.lexsort((*combinations.T[::-1], -counts))
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    codes = rank[codes]
    is_rare = codes >= MOST_COMMON
    return (
        _strings(codes, is_rare, _texts(combinations, order[:MOST_COMMON])),
        _strings(codes - MOST_COMMON, ~is_rare, _texts(combinations, order[MOST_COMMON:])),
    )


def _numbered(values: Sequence[NDArray[Any]], places: int) -> tuple[NDArray[np.int32], Ints] | None:
    """Each row's combination, and int64[combinations, numbers]; None if there are more than half of the places."""
    rows = len(values[0])
    codes = np.empty(rows, dtype=np.int32)
    table = np.full(places, -1, dtype=np.int32)
    combinations = np.empty((places // 2, len(values)), dtype=np.int64)
    at_a_time = np.empty((len(values), min(rows, _ROWS_AT_A_TIME)), dtype=np.int64)
    known = 0
    for first in range(0, rows, _ROWS_AT_A_TIME):
        for numbers, place in zip(values, at_a_time, strict=True):
            some = widened(numbers[first : first + _ROWS_AT_A_TIME])
            place[: len(some)] = some
        known = int(number_combinations(at_a_time, table, codes[first : first + _ROWS_AT_A_TIME], combinations, known))
        if known < 0:
            return None
    return codes, combinations[:known]


def _texts(combinations: Ints, order: Ints) -> pa.Array:
    """JSON arrays of some rows of a matrix."""
    out = np.empty(len(order) * (combinations.shape[1] * LONGEST_NUMBER + 1) + PADDING, dtype=np.uint8)
    offsets = np.empty(len(order) + 1, dtype=np.int32)
    write_combinations(combinations, order, out, offsets)
    data = pa.py_buffer(out[: offsets[-1]].copy())
    return pa.Array.from_buffers(pa.string(), len(order), [None, pa.py_buffer(offsets), data])


def _strings(codes: NDArray[np.int32], missing: NDArray[np.bool_], texts: pa.Array) -> pa.Array:
    indices = array_of(np.where(missing, 0, codes), pa.int32(), missing)
    return pa.DictionaryArray.from_arrays(indices, texts, safe=False)


def combinations_of(entries: Sequence[str | None], numbers: int) -> Ints:
    """The combinations that a column's texts stand for: int64[numbers, texts].

    Raises:
        PartError: if a text is none.
    """
    try:
        rows = json.loads(f"[{','.join(entries)}]".replace("null", str(NULL)))  # type: ignore[arg-type]
        found = np.array(rows or np.empty((0, numbers), dtype=np.int64))
    except (ValueError, TypeError, OverflowError) as error:
        raise PartError(f"a column's texts are no combinations of {numbers} numbers: {error}") from error
    if found.shape != (len(entries), numbers) or found.dtype != np.int64:
        raise PartError(f"a column's texts are no combinations of {numbers} numbers")
    return np.ascontiguousarray(found.T)
