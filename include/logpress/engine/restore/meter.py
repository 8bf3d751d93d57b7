"""Counts restored records on their way out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from logpress.progress import Progress


class Meter:
    """Counts chunks of records and passes them to `write`.

    Attributes:
        digest: uint64[2], gets the sum of the records' hashes; None if it is not wanted.
        records: number of records; the caller counts them, because chunks do not tell.
    """

    def __init__(
        self, write: Callable[[memoryview], object], progress: Progress | None, digest: NDArray[np.uint64] | None
    ) -> None:
        self._write = write
        self._progress = progress
        self.digest = digest
        self.records = 0
        self._bytes = 0

    def __call__(self, chunk: NDArray[np.uint8]) -> None:
        """Pass a chunk of records on; the chunk may be used again after the call."""
        self._write(chunk.data)
        self._bytes += len(chunk)
        if self._progress is not None:
            self._progress(self._bytes, self.records)
