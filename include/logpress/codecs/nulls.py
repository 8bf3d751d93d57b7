"""Nulls of narrow and wide registers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL

NARROW_NULL = np.int32(-(2**31))
"""Stands for null in an int32 register."""


def null_of(values: NDArray[Any]) -> int:
    """The number that stands for null in a register."""
    return int(NARROW_NULL if values.dtype == np.int32 else NULL)


def widened(values: NDArray[Any]) -> NDArray[np.int64]:
    """A register as int64."""
    if values.dtype == np.int64:
        return values
    return np.where(values == NARROW_NULL, NULL, values.astype(np.int64))
