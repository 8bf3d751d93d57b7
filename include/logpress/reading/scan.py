"""A scan: the rows of some days, as Arrow, pandas, Polars or DuckDB objects."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.conditions.filters import compile_filter
from logpress.conditions.names import no_such
from logpress.errors import UsageError
from logpress.reading.ahead import ahead_of
from logpress.reading.part import Part, Request, Rows
from logpress.reading.told import Told

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow.compute as pc

    from logpress.reading.batches.loader import NumpyLoader
    from logpress.reading.batches.torch_loader import TorchLoader
    from logpress.reading.vocabulary import DayFiles, Vocabularies, Vocabulary

BATCH_ROWS = 1 << 16
"""[memory] Rows of a batch, unless asked otherwise."""

_PARTS_AHEAD = 4

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Scan:
    """Rows of some days of a table. Nothing is read until a method is called; each call reads again.

    A scan keeps the list of files that were published when it was made, so all rows of a day are of one publication.
    It can be pickled, and used by several threads. Any function that takes an Arrow stream takes a scan.

    Attributes:
        days: the published days that it covers.
        files: their part files.
        rows: the number of rows in these files, before any condition or share.
        schema: the schema of the result: instants UTC, strings plain.
    """

    days: tuple[date, ...]
    files: tuple[str, ...]
    rows: int
    schema: pa.Schema
    _told: tuple[Told | None, ...]
    _request: Request
    _repeating: frozenset[str]
    _threads: int
    _share: tuple[int, int] = (0, 1)
    _vocabularies: Vocabularies | None = None
    _derived: frozenset[str] = frozenset()

    @property
    def condition(self) -> str | None:
        """The condition on its rows, as text; None if all are wanted."""
        return None if self._request.filter is None else str(self._request.filter.expression)

    def share(self, index: int, count: int) -> Scan:
        """One of `count` scans that together return each row of this one once, for workers that read in parallel.

        Row groups are assigned in turn, so shares are even if there are many row groups.

        Args:
            index: number of the share, from 0.
            count: number of shares.

        Raises:
            UsageError: if `index` is out of range, or this scan is a share already.
        """
        if self._share != (0, 1):
            raise UsageError("this scan is a share already; call `share` on the whole scan")
        if not 0 <= index < count:
            raise UsageError(f"there is no share {index} of {count}; the first is 0, the last {count - 1}")
        return replace(self, _share=(index, count))

    def to_batches(self, *, batch_rows: int = BATCH_ROWS, categories: bool = False) -> pa.RecordBatchReader:
        """Stream the rows. Memory is bounded by a few row groups, however many days there are.

        Args:
            batch_rows: largest number of rows of a batch.
            categories: return strings of few distinct values as dictionaries; each row group has its own.

        Raises:
            UsageError: if `batch_rows` is below 1.
            PartError: while reading, if a file is gone or damaged.
        """
        if batch_rows < 1:
            raise UsageError(f"batch_rows is {batch_rows}; give a number of rows, 1 or more")
        schema = self._schema(categories)
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema, batch_rows))

    def to_arrow(self, *, categories: bool = False) -> pa.Table:
        """All rows as a table.

        Args:
            categories: return strings of few distinct values as dictionaries.

        Raises:
            PartError: if a file is gone or damaged.
        """
        schema = self._schema(categories)

        def convert(rows: Rows | None) -> list[pa.RecordBatch]:
            return [] if rows is None else list(rows.batches(schema, BATCH_ROWS))

        batches = [batch for found in self._read(convert) for batch in found]
        table = pa.Table.from_batches(batches, schema)
        return table.unify_dictionaries() if categories else table

    def to_pandas(self, *, categories: bool = False) -> pd.DataFrame:
        """All rows as a pandas frame: strings `str`, instants `datetime64[ms, UTC]`.

        Integers and booleans with missing values become pandas' nullable types, so that no digit is lost.

        Args:
            categories: return strings of few distinct values as categoricals.

        Raises:
            PartError: if a file is gone or damaged.
        """
        import pandas as pd

        table = self.to_arrow(categories=categories)
        exact: list[tuple[int, str, Any]] = []
        for place, field in enumerate(table.schema):
            dtype: Any = _PANDAS_NULLABLE.get(str(field.type))
            if dtype is not None and table.column(place).null_count:
                exact.append((place, field.name, getattr(pd, dtype)().__from_arrow__(table.column(place))))
        table = table.drop_columns([name for _, name, _ in exact])
        frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
        for place, name, values in exact:
            frame.insert(place, name, values)
        return frame

    @overload
    def to_polars(self, *, categories: bool = False, lazy: Literal[False] = False) -> pl.DataFrame: ...

    @overload
    def to_polars(self, *, categories: bool = False, lazy: Literal[True]) -> pl.LazyFrame: ...

    def to_polars(self, *, categories: bool = False, lazy: bool = False) -> pl.DataFrame | pl.LazyFrame:
        """All rows as a Polars frame.

        Args:
            categories: return strings of few distinct values as categoricals; not with `lazy`.
            lazy: return a LazyFrame, which reads only the columns and rows that a query needs, when it is collected.

        Raises:
            UsageError: if both are asked for.
            PartError: if a file is gone or damaged.
        """
        from logpress.reading.to_polars import frame_of, lazy_frame_of

        if lazy:
            if categories:
                raise UsageError("a lazy frame has no categories; leave out one of `lazy` and `categories`")
            return lazy_frame_of(self)
        if not categories:
            return frame_of(self)
        import polars as pl

        frame = pl.from_arrow(self.to_arrow(categories=True))
        assert isinstance(frame, pl.DataFrame)
        return frame

    @property
    def is_chosen(self) -> bool:
        """Whether it has only some of the files' rows: by a condition, or as a share."""
        return self._request.filter is not None or self._share != (0, 1)

    def only(self, columns: Sequence[str]) -> Scan:
        """The same rows with some of the columns."""
        schema = pa.schema([self.schema.field(name) for name in columns])
        return replace(self, schema=schema, _request=replace(self._request, names=tuple(columns)))

    def narrowed(self, expression: pc.Expression) -> Scan:
        """Those of the rows for which a pyarrow expression is true.

        Raises:
            UsageError: if it names an unknown column, or does not fit its type.
        """
        also = compile_filter(expression, self._request.types, self._derived)
        assert also is not None
        before = self._request.filter
        return replace(self, _request=replace(self._request, filter=also if before is None else before.and_also(also)))

    def of_file(self, number: int) -> Scan:
        """The rows of one of the files; `days` stay those of all."""
        told = self._told[number]
        rows = self.rows if told is None else told.rows
        return replace(self, files=(self.files[number],), rows=rows, _told=(told,))

    def parts(self) -> Iterator[Part]:
        """The files, opened and compared with what their days' manifests tell of them.

        Raises:
            PartError: if one is gone or damaged.
        """
        for path, told in zip(self.files, self._told, strict=True):
            yield Part.open(path, self._request, told)

    def to_duckdb(self, connection: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyRelation:
        """A DuckDB relation that reads the scan in bounded memory, anew for each query: its columns and rows only.

        Args:
            connection: the connection of the relation; DuckDB's default connection if None.
        """
        import duckdb

        from logpress.reading.to_duckdb import PushedDown

        return (connection or duckdb.default_connection()).from_arrow(PushedDown(self))

    def to_numpy_batches(
        self,
        *,
        batch_rows: int = 4096,
        codes: Sequence[str] | Mapping[str, Vocabulary] = (),
        fill: Mapping[str, Any] | None = None,
        seed: int = 0,
        shuffle: bool = True,
        window_rows: int | None = None,
        rank: int = 0,
        world: int = 1,
        drop_last: bool = True,
    ) -> NumpyLoader:
        """Batches for training: dicts of NumPy arrays, in a seeded order, the same wherever and however they are read.

        The columns are those of the scan, by name: codes int32, numbers and booleans as they are, instants int64 in
        microseconds since 1970 UTC, days int32 since 1970. A missing value is 0, and `<column>_missing` (bool) says
        where; in a column of decimals it is NaN, and among codes 0.

        Args:
            batch_rows: rows of a batch.
            codes: columns of texts that become codes, by the vocabularies of the lake, to which words of the scan's
                days are added first; or vocabularies by column.
            fill: what stands for a missing value instead, by column.
            seed: of the order.
            shuffle: whether rows are shuffled.
            window_rows: about how many rows are decoded at a time, so that they come in any order; 2 million if None.
            rank: this process, of those that train together.
            world: how many processes train together.
            drop_last: whether rows that do not fill a batch of each rank are left out. Else the last batches are
                shorter, and of equal rows at each rank.

        Raises:
            UsageError: if an argument makes no sense, a column of texts is not in `codes`, or the scan is a share.
            LakeError: if a vocabulary cannot be read, or lacks words and cannot be written.
            PartError: if a file is gone or damaged.
        """
        from logpress.reading.batches.columns import numbers_of
        from logpress.reading.batches.loader import WINDOW_ROWS, NumpyLoader, Settings
        from logpress.reading.batches.source import Source
        from logpress.reading.publications import Publications

        if self._share != (0, 1):
            raise UsageError("this scan is a share; make batches of the whole scan, with `rank` and `world`")
        window = WINDOW_ROWS if window_rows is None else window_rows
        settings = Settings(batch_rows, seed, shuffle, window, rank, world, drop_last)
        columns = numbers_of(self.schema, self.coded(codes), fill)
        source = Source(self.files, self._told, self._request, columns, self._threads)
        return NumpyLoader(source, Publications.of(self.days, self.files), settings)

    def to_torch(self, **options: Any) -> TorchLoader:
        """As `to_numpy_batches`, with tensors; codes are int64. It is an IterableDataset of batches for a DataLoader.

        Args:
            **options: those of `to_numpy_batches`.

        Raises:
            ImportError: if PyTorch is not installed: `pip install '.[torch]'`.
            UsageError: if an option makes no sense, a column of texts is not in `codes`, or the scan is a share.
            LakeError: if a vocabulary cannot be read, or lacks words and cannot be written.
            PartError: if a file is gone or damaged.
        """
        from logpress.reading.batches.torch_loader import TorchLoader

        return TorchLoader(*self.to_numpy_batches(**options).made_of)

    def count(self) -> int:
        """The number of rows; without a condition or share, it is taken from the manifests.

        Raises:
            PartError: if a file is gone or damaged.
        """
        if self._request.filter is None and self._share == (0, 1):
            return self.rows
        nothing = Request((), self._request.types, self._request.filter)
        return sum(self._read(lambda rows: 0 if rows is None else rows.matches(BATCH_ROWS), nothing))

    def places(self, file: str) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Positions of the rows in one of the files: (row group, indices in it, ascending) where there are any.

        Raises:
            PartError: if the file is gone or damaged.
        """
        nothing = Request((), self._request.types, self._request.filter)
        part = Part.open(file, nothing, self._told[self.files.index(file)])
        for group in part.groups:
            rows = part.rows(group, nothing)
            found = rows.places(BATCH_ROWS) if rows is not None else ()
            if len(found):
                yield group, np.asarray(found)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow C stream (the Arrow PyCapsule interface)."""
        return self.to_batches().__arrow_c_stream__(requested_schema)

    def coded(self, codes: Sequence[str] | Mapping[str, Vocabulary]) -> dict[str, Vocabulary]:
        """The vocabularies of these columns, with the words of the scan's days.

        Raises:
            UsageError: if a column is not one of the scan's, or not of texts.
            LakeError: if a vocabulary cannot be read, or lacks words and cannot be written.
            PartError: if a file is gone or damaged.
        """
        if isinstance(codes, Mapping):
            return dict(codes)
        if isinstance(codes, str):
            raise UsageError(f"`codes` is {codes!r}; give a list of columns")
        for name in codes:
            if name not in self.schema.names:
                raise no_such("column in `codes`", name, self.schema.names)
        days, types = self.day_files(), self._request.types
        assert self._vocabularies is not None
        return {name: self._vocabularies.extended(name, days, types, self._threads) for name in codes}

    def day_files(self) -> list[DayFiles]:
        """The files of each day."""
        from logpress.reading.publications import Publications
        from logpress.reading.vocabulary import DayFiles

        found = []
        for day in self.days:
            places = [place for place, path in enumerate(self.files) if path.rsplit("/", 2)[1] == f"dt={day}"]
            files = tuple(self.files[place] for place in places)
            told = tuple(self._told[place] for place in places)
            found.append(DayFiles(Publications.of([day], files), files, told))
        return found

    def _schema(self, categories: bool) -> pa.Schema:
        if not categories:
            return self.schema
        coded = pa.dictionary(pa.int32(), pa.string())
        return pa.schema([field.with_type(coded) if field.name in self._repeating else field for field in self.schema])

    def _batches(self, schema: pa.Schema, batch_rows: int) -> Iterator[pa.RecordBatch]:
        for rows in self._read(lambda rows: rows):
            if rows is not None:
                yield from rows.batches(schema, batch_rows)

    def _read(self, convert: Callable[[Rows | None], Out], request: Request | None = None) -> Iterator[Out]:
        """The converted row groups, in order; a few parts and row groups are read ahead."""
        request = request or self._request
        is_alone = len(self.files) == 1
        with ThreadPoolExecutor(self._threads, "scan") as pool:
            files = zip(self.files, self._told, strict=True)
            parts = ahead_of(
                pool, lambda one: Part.open(one[0], request, one[1], is_alone=is_alone), files, _PARTS_AHEAD
            )
            groups = self._groups(parts)
            yield from ahead_of(pool, lambda job: convert(job[0].rows(job[1], request)), groups, self._threads)

    def _groups(self, parts: Iterable[Part]) -> Iterator[tuple[Part, int]]:
        """The row groups of this share that may match."""
        index, count = self._share
        before = 0
        for part in parts:
            for group in part.groups:
                if (before + group) % count == index:
                    yield part, group
            before += part.footer.num_row_groups


_PANDAS_NULLABLE = {
    "int8": "Int8Dtype", "int16": "Int16Dtype", "int32": "Int32Dtype", "int64": "Int64Dtype", "bool": "BooleanDtype",
}  # fmt: skip


def default_threads() -> int:
    """The number of cores that this process may use, at most 8, because each thread holds a row group in memory."""
    return min(8, max(1, len(os.sched_getaffinity(0))))
