"""Sort keys of rows: words that compare like the values of `restore_order`.

Instants and integers are one word each. Sequence numbers compare by shard, counter and arrival, which is the order of
their texts. Texts compare by their first 48 bytes. Nulls come last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_codes import TEXT
from logpress.codecs.texts import Ints, Texts
from logpress.engine.order.kernels_keys import find_ties, write_keys, write_text_words
from logpress.engine.order.sort import sort_by
from logpress.engine.registers.registers import Registers
from logpress.errors import PartError

_TEXT_WORDS = 6
"""[format] Words of a text in a key: its first 48 bytes."""

_LEADING = 2
"""[speed] Words that are sorted by first. They nearly always differ; rows in which they are equal are sorted by the
rest."""

SAMPLED_ROWS = 4096
"""[bytes] Fewest rows whose keys are looked at for a sample, in row groups that have as many."""

_SAMPLE_KEYS = 64
"""[bytes] Fewest keys of a row group's sample, in row groups that have as many rows."""


@dataclass(frozen=True)
class TextWords:
    """The words of all texts that are part of keys.

    Attributes:
        words: int64[n, 6]; for each register a row for null, then one for each of its texts.
        first: by register, the row of its null.
    """

    words: Ints
    first: Mapping[str, int]


class Keys:
    """Makes the keys of rows from their registers.

    Attributes:
        registers: of the rows.
        count: words of a key.
        texts: the registers whose texts are part of keys.
    """

    def __init__(self, registers: Registers) -> None:
        self.registers = registers
        words: list[tuple[str, int, int]] = []  # register, operation, number of a word of a text
        for name in registers.contract.restore_order:
            for register, operation in registers.codecs[name].sort_words():
                words += [(register, operation, word) for word in range(_TEXT_WORDS if operation == TEXT else 1)]
        self.count = len(words)
        self._sources = [register for register, _, _ in words]
        numbers = [registers[register] for register in self._sources]
        self._is_narrow = registers.is_narrow[numbers]
        self._places = np.array([registers.place_of[number] for number in numbers], dtype=np.int64)
        self._operations = np.array([operation for _, operation, _ in words], dtype=np.int64)
        self._text_word = np.array([word for _, _, word in words], dtype=np.int64)
        self.texts = sorted({register for register, operation, _ in words if operation == TEXT})

    def text_words(self, texts: Mapping[str, Texts]) -> TextWords:
        """The words of these texts, by register, if they are part of keys."""
        first: dict[str, int] = {}
        total = 0
        for name in self.texts:
            first[name] = total
            total += len(texts[name]) + 1
        words = np.empty((total, _TEXT_WORDS), dtype=np.int64)
        for name, at in first.items():
            words[at] = np.iinfo(np.int64).max
            found = texts[name]
            write_text_words(found.data, found.offsets, words[at + 1 : at + 1 + len(found)])
        return TextWords(words, first)

    def of(
        self, wide: Ints, narrow: NDArray[np.int32], rows: NDArray[np.int32], texts: TextWords, words: range
    ) -> Ints:
        """Words of the keys of some rows: int64[words, rows], the most significant first.

        Args:
            wide: int64[n, wide registers].
            narrow: int32[n, narrow registers].
            rows: int32[rows].
            texts: words of their texts.
            words: consecutive numbers of words.

        Raises:
            PartError: if a row has the number of no text.
        """
        keys = np.empty((len(words), len(rows)), dtype=np.int64)
        self._write(wide, narrow, rows, texts, words, keys)
        return keys

    def _write(
        self,
        wide: Ints,
        narrow: NDArray[np.int32],
        rows: NDArray[np.int32],
        texts: TextWords,
        words: range,
        keys: Ints,
    ) -> None:
        some = slice(words.start, words.stop)
        bases = np.array([texts.first.get(register, 0) for register in self._sources[some]], dtype=np.int64)
        if not write_keys(
            wide, narrow, rows, self._is_narrow[some], self._places[some], self._operations[some], texts.words, bases,
            self._text_word[some], keys,
        ):  # fmt: skip
            raise PartError("a row has a text that the file does not hold")

    def with_positions(
        self, wide: Ints, narrow: NDArray[np.int32], rows: NDArray[np.int32], texts: TextWords, position: int
    ) -> Ints:
        """The keys of some rows, with their position as last word: int64[words + 1, rows].

        Positions keep rows with equal keys distinct and in their order. `position` is that of row 0.
        """
        keys = np.empty((self.count + 1, len(rows)), dtype=np.int64)
        self._write(wide, narrow, rows, texts, range(self.count), keys[:-1])
        keys[-1] = rows
        keys[-1] += position
        return keys

    def order(self, wide: Ints, narrow: NDArray[np.int32], texts: Mapping[str, Texts]) -> NDArray[np.int32]:
        """The rows sorted by their keys; rows with equal keys keep their order."""
        text_words = self.text_words(texts)
        leading = min(_LEADING, self.count)
        rows = np.arange(len(wide), dtype=np.int32)
        keys = self.of(wide, narrow, rows, text_words, range(leading))
        order = sort_by(keys, len(rows))
        if leading < self.count:
            tied, run = rows, np.empty_like(order)
            count = find_ties(keys, order, tied, run)
            del keys
            tied, run = tied[:count], run[:count]
            some = order[tied]
            rest = self.of(wide, narrow, some, text_words, range(leading, self.count))
            order[tied] = some[sort_by([run, *rest], count)]
        return order

    def sample(self, wide: Ints, narrow: NDArray[np.int32], texts: Mapping[str, Texts], group: int = 0) -> Ints:
        """Keys and positions that cut rows into shares of similar size: int64[words + 1, keys], ascending."""
        step = max(1, len(wide) // SAMPLED_ROWS)
        rows = np.arange(step // 2, len(wide), step, dtype=np.int32)
        keys = self.with_positions(wide, narrow, rows, self.text_words(texts), group << 32)
        step = max(1, len(rows) // _SAMPLE_KEYS)
        return np.ascontiguousarray(keys[:, sort_by(keys, len(rows))[step // 2 :: step]])


def splitters(samples: Sequence[tuple[int, Ints]], buckets: int) -> Ints:
    """Keys and positions that cut all rows into buckets of similar size: int64[words + 1, buckets - 1].

    Args:
        samples: for each row group its size, and the sample of its keys.
        buckets: number of buckets.
    """
    keys = np.concatenate([sample for _, sample in samples], axis=1)
    sizes = np.concatenate([np.full(sample.shape[1], size / max(1, sample.shape[1])) for size, sample in samples])
    if keys.shape[1] == 0:
        return keys
    order = np.lexsort(keys[::-1])
    reached = np.cumsum(sizes[order])
    middles = reached - sizes[order] / 2
    places = np.searchsorted(middles, np.arange(1, buckets) / buckets * sizes.sum())
    # never the first key, so that each bucket except the last has less than all rows
    return np.ascontiguousarray(keys[:, order[np.clip(places, min(1, len(order) - 1), len(order) - 1)]])
