"""Sorting of rows by integers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from logpress.engine.order.kernels_sort import DIGIT_BITS, radix_order


def sort_by(keys: Iterable[NDArray[np.int64] | NDArray[np.int32]], rows: int) -> NDArray[np.int32]:
    """The rows sorted by keys, the most significant first; rows with equal keys keep their order. At most 2^31 rows."""
    order = np.arange(rows, dtype=np.int32)
    spare, counts = np.empty_like(order), np.empty(1 << DIGIT_BITS, dtype=np.int64)
    for key in reversed(list(keys)):
        radix_order(np.ascontiguousarray(key), order, spare, counts)
    return order
