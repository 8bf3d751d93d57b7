"""Vocabularies: numbers for the texts of a column that stay the same for ever, whatever days come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.errors import LakeError, UsageError
from logpress.lake import Lake, vocabularies
from logpress.lake.vocabularies import Words
from logpress.reading.part import Part, Request
from logpress.reading.publications import Publications, digest
from logpress.reading.told import Told

MISSING_CODE, UNKNOWN_CODE, FIRST_CODE = 0, 1, 2
"""The codes of no value, of a text that is not in the vocabulary, and of its first word."""

_VERSION_DIGITS = 16
_AT_ONCE = 1 << 17
_TRIES = 20


@dataclass(frozen=True)
class Vocabulary:
    """The codes of a column's texts. Make one with `TableReader.vocabulary`.

    A code never stands for another text: words are only added. 0 stands for no value, 1 for a text that is not in the
    vocabulary, 2 and more for words.

    Attributes:
        column: the column.
        words: the words in the order of their codes, from 2 on; None for one that was erased.
        counts: int64[words]: rows that each word had on the day when it had most.
        min_count: words with fewer have the code 1.
    """

    column: str
    words: tuple[str | None, ...]
    counts: NDArray[np.int64]
    min_count: int
    _grown: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, stored: Words, min_count: int) -> Vocabulary:
        """The vocabulary that a lake holds."""
        grown = tuple((one.size, one.id) for one in stored.grown)
        return cls(stored.column, stored.words, np.array(stored.counts, dtype=np.int64), min_count, grown)

    def __len__(self) -> int:
        """All codes are below it: the rows of an embedding."""
        known = np.flatnonzero(self._is_known)
        return FIRST_CODE + (int(known[-1]) + 1 if len(known) else 0)

    @property
    def size(self) -> int:
        """As `len`."""
        return len(self)

    @cached_property
    def version(self) -> str:
        """16 hexadecimal digits that are others when words have come."""
        return self._version(len(self._grown))

    def has_been(self, version: str) -> bool:
        """Whether a version, or how it begins, is one that this vocabulary was before it grew, or is."""
        earlier = range(len(self._grown) + 1) if self.min_count == 1 else (len(self._grown),)
        return any(self._version(count).startswith(version) for count in earlier)

    def encode(self, values: Any) -> NDArray[np.int32]:
        """int32[n]: the codes of texts.

        Args:
            values: an Arrow, pandas, Polars or NumPy array, or a list, of texts and missing values.
        """
        array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, from_pandas=True)
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if not pa.types.is_dictionary(array.type):
            array = array.cast(pa.string()).dictionary_encode()
        lookup = self._lookup
        found = [
            MISSING_CODE if word is None else lookup.get(word, UNKNOWN_CODE) for word in array.dictionary.to_pylist()
        ]
        # one more, for indices that are null
        codes = np.array([*found, MISSING_CODE], dtype=np.int32)
        result: NDArray[np.int32] = codes[array.indices.cast(pa.int64()).fill_null(len(found)).to_numpy()]
        return result

    def decode(self, codes: Any) -> pa.Array:
        """The texts of codes; null for no value, an unknown or an erased word, and what is no code."""
        places = np.asarray(codes, dtype=np.int64).ravel() - FIRST_CODE
        is_word = (places >= 0) & (places < len(self.words))
        return pa.array(self.words, pa.string()).take(pa.array(places, mask=~is_word))

    @cached_property
    def _is_known(self) -> NDArray[np.bool_]:
        present = np.fromiter((word is not None for word in self.words), dtype=np.bool_, count=len(self.words))
        known: NDArray[np.bool_] = present & (self.counts >= self.min_count)
        return known

    @cached_property
    def _lookup(self) -> dict[str, int]:
        known = self._is_known
        return {word: FIRST_CODE + place for place, word in enumerate(self.words) if known[place] and word is not None}

    def _version(self, count: int) -> str:
        """The version after it had grown so many times."""
        ids = [id_ for _, id_ in self._grown[:count]]
        rest = () if self.min_count == 1 else (self.min_count, self._is_known.tobytes())
        return digest(self.column, ids, *rest)[:_VERSION_DIGITS]


@dataclass(frozen=True)
class DayFiles:
    """A published day, for its words.

    Attributes:
        publications: the day.
        files: its part files.
        told: what its manifest says of them.
    """

    publications: Publications
    files: tuple[str, ...]
    told: tuple[Told | None, ...]

    @property
    def digest(self) -> str:
        """Of what is published."""
        return self.publications.digests[0]


@dataclass(frozen=True)
class Vocabularies:
    """The vocabularies of a table of a lake.

    Attributes:
        lake: the lake.
        table: the table.
    """

    lake: Lake
    table: str

    def extended(
        self, column: str, days: Sequence[DayFiles], types: pa.Schema, threads: int, *, min_count: int = 1
    ) -> Vocabulary:
        """The vocabulary of a column, once the words of these days are in it.

        Days that are in it already are not read. The others are taken in their order, and the words of each by their
        number of rows, so the same days give the same codes.

        Args:
            column: the column.
            days: published days.
            types: the types of the columns on these days.
            threads: row groups that are read at a time.
            min_count: words with fewer rows on each of the days have the code 1.

        Raises:
            UsageError: if the column is not of texts, or `min_count` is below 1.
            LakeError: if the lake cannot be read, or words are missing and it cannot be written.
            PartError: if a file is gone or damaged.
        """
        if min_count < 1:
            raise UsageError(f"min_count is {min_count}; give a number of rows, 1 or more")
        if not pa.types.is_string(types.field(column).type):
            raise UsageError(f"column {column!r} is {types.field(column).type}; only texts have a vocabulary")
        counted: dict[str, dict[str, int]] = {}
        for _ in range(_TRIES):
            found = vocabularies.read(self.lake, self.table, column)
            words = found.words
            for day in sorted(days, key=lambda one: one.publications.days):
                if words.days.get(day.publications.days[0]) != day.digest:
                    if day.digest not in counted:
                        counted[day.digest] = word_counts(day.files, day.told, types, column, threads)
                    words = _with_day(words, day, counted[day.digest])
            if words is found.words or vocabularies.publish(self.lake, self.table, found, words):
                return Vocabulary.of(words, min_count)
        raise LakeError(f"{self.table}: others write the vocabulary of {column} again and again; try again later")

    def forget(self, column: str, days: Sequence[DayFiles], types: pa.Schema, threads: int) -> int:
        """Erase words that no row has any more; their codes stay reserved.

        Args:
            column: the column.
            days: all published days that have it.
            types: the types of the columns on these days.
            threads: row groups that are read at a time.

        Returns:
            How many words were erased.

        Raises:
            LakeError: if the lake cannot be read or written.
            PartError: if a file is gone or damaged.
        """
        left: set[str] = set()
        for day in days:
            left.update(word_counts(day.files, day.told, types, column, threads))
        for _ in range(_TRIES):
            found = vocabularies.read(self.lake, self.table, column)
            pairs = list(zip(found.words.words, found.words.counts, strict=True))
            kept = [(word, count) if word in left else (None, 0) for word, count in pairs]
            erased = sum(word is not None for word, _ in pairs) - sum(word is not None for word, _ in kept)
            words = found.words.model_copy(
                update={"words": tuple(word for word, _ in kept), "counts": tuple(count for _, count in kept)}
            )
            if not erased or vocabularies.publish(self.lake, self.table, found, words, keep_earlier=False):
                return erased
        raise LakeError(f"{self.table}: others write the vocabulary of {column} again and again; try again later")


def word_counts(
    files: Iterable[str], told: Iterable[Told | None], types: pa.Schema, column: str, threads: int
) -> dict[str, int]:
    """The texts of a column in some part files, and how many rows have each.

    Raises:
        PartError: if a file is gone or damaged.
    """
    request = Request((column,), types, None)
    schema = pa.schema([pa.field(column, pa.dictionary(pa.int32(), pa.string()))])
    parts = [Part.open(file, request, one) for file, one in zip(files, told, strict=True)]

    def of_group(job: tuple[Part, int]) -> dict[str, int]:
        rows = job[0].rows(job[1], request)
        found: dict[str, int] = {}
        for batch in rows.batches(schema, _AT_ONCE) if rows is not None else ():
            array = batch.column(0)
            counts = np.bincount(array.indices.drop_null().to_numpy(), minlength=len(array.dictionary))
            used = np.flatnonzero(counts)
            texts = array.dictionary.take(pa.array(used)).to_pylist()
            for text, count in zip(texts, counts[used].tolist(), strict=True):
                found[text] = found.get(text, 0) + count
        return found

    total: dict[str, int] = {}
    with ThreadPoolExecutor(threads, "words") as pool:
        for some in pool.map(of_group, [(part, group) for part in parts for group in part.groups]):
            for text, count in some.items():
                total[text] = total.get(text, 0) + count
    total.pop(None, None)  # type: ignore[call-overload]  # a dictionary may hold a null
    return total


def _with_day(words: Words, day: DayFiles, counts: dict[str, int]) -> Words:
    """A vocabulary with the words of a day."""
    has = set(words.words)
    new = sorted((word for word in counts if word not in has), key=lambda word: (-counts[word], word))
    pairs = zip(words.words, words.counts, strict=True)
    known = [count if word is None else max(count, counts.get(word, 0)) for word, count in pairs]
    return words.with_more(new, (*known, *(counts[word] for word in new)), {day.publications.days[0]: day.digest})
