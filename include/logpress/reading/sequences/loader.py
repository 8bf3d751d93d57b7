"""Batches of sequences: padded arrays of entities in a seeded order, with negatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.conditions.names import no_such
from logpress.errors import UsageError
from logpress.reading.batches.columns import CodesOf, Numbers, numbers_of
from logpress.reading.batches.loader import Loader, Reader, Settings
from logpress.reading.batches.plan import Plan
from logpress.reading.batches.randomness import words
from logpress.reading.batches.source import Arrays, joined
from logpress.reading.publications import Publications
from logpress.reading.sequences.filled import Filled
from logpress.reading.sequences.users import Users, padded

if TYPE_CHECKING:
    from logpress.reading.vocabulary import Vocabulary

LENGTHS = "lengths"
NEGATIVES = "_negatives"
_FLATTER = 0.75


@dataclass(frozen=True)
class Padding:
    """How sequences become arrays.

    Attributes:
        columns: as numbers.
        length: of each.
        negatives: a column of codes, and how many negatives a record has; None if there are none.
    """

    columns: tuple[Numbers, ...]
    length: int
    negatives: tuple[str, int] | None

    @classmethod
    def of(
        cls,
        types: pa.Schema,
        names: tuple[str, ...],
        codes: Mapping[str, Vocabulary],
        length: int,
        negatives: tuple[str, int] | None,
    ) -> Padding:
        """Check what is asked for.

        Raises:
            UsageError: if a column cannot be numbers, or a number makes no sense.
        """
        if length < 1:
            raise UsageError(f"length is {length}; give a number of records, 1 or more")
        if negatives is not None and negatives[0] not in codes:
            raise no_such("column of codes for negatives", negatives[0], codes)
        if negatives is not None and negatives[1] < 1:
            raise UsageError(f"negatives asks for {negatives[1]} codes; give a number, 1 or more")
        if LENGTHS in names:
            raise UsageError(f"a column is named {LENGTHS!r}, as the array of lengths is; leave it out")
        schema = pa.schema([types.field(name) for name in names])
        return cls(numbers_of(schema, codes), length, None if negatives is None else (negatives[0], int(negatives[1])))

    def numbers(self, records: pa.Table) -> dict[str, NDArray[Any]]:
        """The columns of records as arrays; a missing value is 0."""
        found = {}
        for column in self.columns:
            array = records.column(column.name).combine_chunks()
            if column.words is not None:
                found[column.name] = array.to_numpy()
            else:
                values = column.convert(array, CodesOf())[0]
                found[column.name] = np.nan_to_num(values, copy=False) if column.dtype.kind == "f" else values
        return found


class SequenceLoader(Loader):
    """Batches of sequences as dicts of NumPy arrays. Make one with `Sequences.to_numpy_batches`.

    The first iteration, or `steps`, reads all records. They stay in memory, or in files of their own if they are many.
    """

    def __init__(
        self,
        fill: Callable[[], Filled],
        padding: Padding,
        asked: dict[str, str],
        publications: Publications,
        settings: Settings,
    ) -> None:
        """Prepare; nothing is read yet."""
        super().__init__(publications, settings)
        self._fill, self._padding, self._digests = fill, padding, asked

    @property
    def made_of(self) -> tuple[Callable[[], Filled], Padding, dict[str, str], Publications, Settings]:
        """What another loader of the same batches is made of."""
        return self._fill, self._padding, self._digests, self._publications, self._options

    def __getstate__(self) -> dict[str, Any]:
        """Without what was read, which another process reads again."""
        return {name: value for name, value in vars(self).items() if name not in ("_filled", "_counted")}

    @cached_property
    def _filled(self) -> Filled:
        return self._fill()

    @cached_property
    def _counted(self) -> tuple[list[int], NDArray[np.int64]]:
        """Entities of each bucket, and how many records have each code of the column of negatives."""
        sizes, counts = [], np.zeros(0, dtype=np.int64)
        for bucket in range(self._filled.buckets.count):
            users = self._filled.users(bucket)
            sizes.append(0 if users is None else len(users))
            if users is not None and self._padding.negatives is not None:
                codes = users.records.column(self._padding.negatives[0]).combine_chunks().to_numpy()
                more = np.bincount(codes, minlength=len(counts))
                more[: len(counts)] += counts
                counts = more
        return sizes, counts

    @property
    def _sizes(self) -> list[int]:
        return self._counted[0]

    @property
    def _coded(self) -> Mapping[str, Vocabulary]:
        return {column.name: column.words for column in self._padding.columns if column.words is not None}

    @property
    def _code_arrays(self) -> frozenset[str]:
        negatives = self._padding.negatives
        return frozenset([*self._coded, *([] if negatives is None else [f"{negatives[0]}{NEGATIVES}"])])

    def _asked(self) -> dict[str, str | None]:
        return dict(self._digests)

    def _reader(self, plan: Plan) -> AbstractContextManager[Reader]:
        return _Epoch(self._filled, self._padding, self._counted[1], plan)


class _Epoch:
    """Gives entities of an epoch, a bucket after the other."""

    def __init__(self, filled: Filled, padding: Padding, counts: NDArray[np.int64], plan: Plan) -> None:
        self._filled, self._padding, self._plan = filled, padding, plan
        self._stage: tuple[int, Users, dict[str, NDArray[Any]], dict[str, NDArray[np.bool_]]] | None = None
        weights = counts.astype(np.float64)
        weights[:2] = 0  # no value, and unknown words, are no negatives
        self._drawn = np.cumsum(weights**_FLATTER)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stage = None

    def rows(self, first: int, last: int) -> Arrays:
        """The arrays of entities from `first` to before `last`."""
        pieces, begin = [], first
        while begin < last:
            stage = self._plan.stage_of(begin)
            start, end = int(self._plan.starts[stage]), min(last, int(self._plan.starts[stage + 1]))
            pieces.append(self._of(stage, begin - start, end - start))
            begin = end
        found = joined(pieces)
        if self._padding.negatives is not None:
            name, number = self._padding.negatives
            found[f"{name}{NEGATIVES}"] = self._negatives((last - first, self._padding.length, number), first)
        return found

    def _of(self, stage: int, first: int, last: int) -> Arrays:
        if self._stage is None or self._stage[0] != stage:
            self._stage = None  # before the next one is sorted
            users = self._filled.users(int(self._plan.order[stage]))
            assert users is not None
            self._stage = (stage, users, self._padding.numbers(users.records), self._filled.labels(users))
            self._order = self._plan.shuffled(stage, len(users))
        _, users, numbers, labels = self._stage
        chosen = self._order[first:last]
        starts, ends, length = users.starts[chosen], users.starts[chosen + 1], self._padding.length
        found = {name: padded(values, starts, ends, length) for name, values in numbers.items()}
        found[LENGTHS] = np.minimum(ends - starts, length)
        return {**found, **{name: values[chosen] for name, values in labels.items()}}

    def _negatives(self, shape: tuple[int, ...], first: int) -> NDArray[np.int32]:
        """Codes drawn by their number of records to the power of 0.75; 0 where there are none."""
        if not len(self._drawn) or not self._drawn[-1]:
            return np.zeros(shape, dtype=np.int32)
        count = int(np.prod(shape))
        random = (words(count, self._plan.seed, self._plan.epoch, "negatives", first) >> np.uint64(11)) * 2.0**-53
        codes = np.searchsorted(self._drawn, random * self._drawn[-1], "right")
        found: NDArray[np.int32] = np.minimum(codes, len(self._drawn) - 1).astype(np.int32).reshape(shape)
        return found
