"""Numbered texts, stored one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Texts:
    """The texts of one dictionary: text i is data[offsets[i]:offsets[i + 1]]."""

    data: NDArray[np.uint8]
    offsets: Ints

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> bytes:
        return self.data[self.offsets[number] : self.offsets[number + 1]].tobytes()

    @property
    def nbytes(self) -> int:
        """Bytes of both arrays."""
        return self.data.nbytes + self.offsets.nbytes

    def with_texts(self, places: Ints, texts: Sequence[bytes]) -> Texts:
        """A copy with other texts at some indices, which are ascending."""
        if len(places) == 0:
            return self
        lengths = np.diff(self.offsets)
        lengths[places] = [len(text) for text in texts]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        data = np.empty(int(offsets[-1]), dtype=np.uint8)
        old, new = self.data.data, data.data
        begins, ends = self.offsets[places].tolist(), self.offsets[places + 1].tolist()
        at = int(self.offsets[0])
        for text, begin, end, to in zip(texts, begins, ends, offsets[places].tolist(), strict=True):
            new[to - (begin - at) : to] = old[at:begin]
            new[to : to + len(text)] = text
            at = end
        rest = int(self.offsets[-1]) - at
        new[len(new) - rest :] = old[at : at + rest]
        return Texts(data, offsets)


NO_TEXTS = Texts(np.empty(0, dtype=np.uint8), np.zeros(1, dtype=np.int64))


def texts_of(items: list[bytes]) -> Texts:
    """A list of texts as `Texts`."""
    offsets = np.zeros(len(items) + 1, dtype=np.int64)
    np.cumsum([len(item) for item in items], out=offsets[1:])
    return Texts(np.frombuffer(b"".join(items), dtype=np.uint8), offsets)
