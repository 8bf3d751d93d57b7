"""Numbers to a dictionary and indices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.parquet.indices import index_width
from logpress.parquet.kernels_numbers import (
    bounds_of_integers,
    number_near,
    number_some,
    number_some_pairs,
    place_again,
    place_pairs_again,
)
from logpress.parquet.values import Scratch, frozen

_FEWEST_PLACES = 1 << 12
"""[speed] Places of the first table of distinct values, a power of two. Each further table is 4 times as large."""

_NEAR = 1 << 16
"""[speed] Values whose range is below this, and below twice their count, are numbered by a plain table."""


def number(values: NDArray[Any], most_bytes: int, scratch: Scratch) -> tuple[NDArray[np.int32], NDArray[Any]] | None:
    """Number the distinct values in order of first occurrence.

    Doubles are distinguished by their bits.

    Args:
        values: int32, int64 or double[n]; int64[n, 2] of pairs.
        most_bytes: largest size of a dictionary.
        scratch: holds the result.

    Returns:
        (number of each value, distinct values); None if the distinct values take more than `most_bytes`, or together
        with the indices more than the values.
    """
    if values.dtype == np.float64:
        found = number(frozen(values.view(np.int64)), most_bytes, scratch)
        return found and (found[0], found[1].view(np.float64))
    count = len(values)
    codes = scratch.take("codes", count, np.int32)[:count]
    distinct = scratch.take("distinct", values.size, values.dtype)[: values.size].reshape(values.shape)
    known = 0
    if values.ndim == 2:
        known = _number_far(values, most_bytes, distinct, codes, number_some_pairs, place_pairs_again)
    elif count:
        low, high = map(int, bounds_of_integers(values))
        if high - low < 2 * count + _NEAR:
            table = scratch.take("near", high - low + 1, np.int32)
            table[: high - low + 1] = -1
            known = int(number_near(values, low, table, distinct, codes))
        else:
            known = _number_far(values, most_bytes, distinct, codes, number_some, place_again)
    if not _pays(known, values, most_bytes):
        return None
    return frozen(codes), frozen(distinct[:known])


def _number_far(
    values: NDArray[Any],
    most_bytes: int,
    distinct: NDArray[Any],
    codes: NDArray[np.int32],
    number_some: Callable[..., Any],
    place_again: Callable[..., Any],
) -> int:
    """Number of distinct values, or a number so large that a dictionary does not pay."""
    places, at, known = _FEWEST_PLACES, 0, 0
    table = np.full(places, -1, dtype=np.int32)
    while True:
        at, known = map(int, number_some(values, at, table, distinct, known, codes))
        if at == len(values) or not _pays(known, values, most_bytes):
            return known
        places *= 4
        table = np.full(places, -1, dtype=np.int32)
        place_again(frozen(distinct), known, table)


def _pays(known: int, values: NDArray[Any], most_bytes: int) -> bool:
    count = len(values)
    dictionary = known * (values.nbytes // max(count, 1))
    return dictionary <= most_bytes and dictionary + (count * index_width(known) + 7) // 8 <= values.nbytes
