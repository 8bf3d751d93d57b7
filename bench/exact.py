"""Tells whether what was restored are the same lines, whatever their order; shares no code with what is measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict


class Exactness(BaseModel):
    """What came back, as multisets of lines.

    Attributes:
        records: lines that were put in.
        same: of these, how many came back byte for byte.
        other: lines that came back and were not put in.
    """

    model_config = ConfigDict(frozen=True)

    records: int
    same: int
    other: int

    @property
    def is_exact(self) -> bool:
        """Whether all came back, and nothing else."""
        return self.same == self.records and self.other == 0


def compare(source: Iterable[Path], restored: Iterable[Path]) -> Exactness:
    """Compare the lines of files; blank lines are none.

    Lines are told apart by hashes of 64 bits: that two of a million different ones have the same is a chance of one in
    thirty million.
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
