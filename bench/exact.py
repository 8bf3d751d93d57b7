"""Compare restored lines with input lines as multisets; shares no code with the measured tools."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict


class Exactness(BaseModel):
    """The comparison of restored lines with input lines, as multisets.

    Attributes:
        records: number of input lines.
        same: number of these that were restored byte for byte.
        other: number of restored lines that were not in the input.
    """

    model_config = ConfigDict(frozen=True)

    records: int
    same: int
    other: int

    @property
    def is_exact(self) -> bool:
        """Whether exactly the input lines were restored."""
        return self.same == self.records and self.other == 0


def compare(source: Iterable[Path], restored: Iterable[Path]) -> Exactness:
    """Compare the lines of files; blank lines are ignored.

    Lines are compared by 64-bit hashes. The probability that two of 1,000,000 distinct lines have the same hash is
    about 1 in 37,000,000.
    """
    put, back = hashes(source), hashes(restored)
    values, counts = np.unique(put, return_counts=True)
    others, other_counts = np.unique(back, return_counts=True)
    _, here, there = np.intersect1d(values, others, assume_unique=True, return_indices=True)
    same = int(np.minimum(counts[here], other_counts[there]).sum())
    return Exactness(records=len(put), same=same, other=len(back) - same)


def hashes(paths: Iterable[Path]) -> NDArray[np.uint64]:
    """A hash of each line that is not blank."""

    def each() -> Iterator[bytes]:
        for path in paths:
            with path.open("rb") as file:
                for line in file:
                    if not line.isspace():
                        yield hashlib.blake2b(line.removesuffix(b"\n"), digest_size=8).digest()

    return np.frombuffer(b"".join(each()), dtype=np.uint64)
