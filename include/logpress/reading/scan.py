"""A scan: the rows of some days, as Arrow, pandas, Polars or DuckDB want them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.errors import UsageError
from logpress.reading.part import Part, Request, Rows
from logpress.reading.told import Told

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl

BATCH_ROWS = 1 << 16
"""[memory] Rows of a batch, unless asked otherwise."""

_PARTS_AHEAD = 4

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Scan:
    """Rows of some days of a table; nothing is read until one of the methods is called, and then each time anew.

    It holds on to the files that were published when it was made, so all that is read of a day is of one publication.
    It can be pickled, and be used by several threads. Anything that takes an Arrow stream takes a scan.

    Attributes:
        days: the published days it covers.
        files: their part files.
        rows: how many rows these have, before any condition or share.
        schema: of what it gives: instants UTC, strings plain.
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

    def share(self, index: int, count: int) -> Scan:
        """One of `count` scans that together give each row of this one once: for workers that read side by side.

        Row groups are dealt out in turn, so shares are even where there are many of them.

        Args:
            index: which of them, from 0.
            count: how many.

        Raises:
            UsageError: if there is no such share, or this is one already.
        """
        if self._share != (0, 1):
            raise UsageError("a share cannot be shared out again; share out the whole scan")
        if not 0 <= index < count:
            raise UsageError(f"there is no share {index} of {count}; they are numbered from 0")
        return replace(self, _share=(index, count))

    def to_batches(self, *, batch_rows: int = BATCH_ROWS, categories: bool = False) -> pa.RecordBatchReader:
        """Stream the rows in bounded memory: that of some row groups, however many days there are.

        Args:
            batch_rows: the most rows of a batch.
            categories: give strings of few distinct values as dictionaries; each row group has its own.

        Raises:
            UsageError: if `batch_rows` is below 1.
            PartError: while reading, if a file is gone or damaged.
        """
        if batch_rows < 1:
            raise UsageError(f"batch_rows is {batch_rows}; it takes a number of rows")
        schema = self._schema(categories)
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema, batch_rows))

    def to_arrow(self, *, categories: bool = False) -> pa.Table:
        """All rows as a table.

        Args:
            categories: give strings of few distinct values as dictionaries.

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
            categories: give strings of few distinct values as categoricals.

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

    def to_polars(self, *, categories: bool = False) -> pl.DataFrame:
        """All rows as a Polars frame.

        Args:
            categories: give strings of few distinct values as categoricals.

        Raises:
            PartError: if a file is gone or damaged.
        """
        import polars as pl

        frame = pl.from_arrow(self.to_arrow(categories=categories))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def to_duckdb(self, connection: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyRelation:
        """A DuckDB relation that reads the scan, in bounded memory, each time it is run.

        Args:
            connection: the connection it belongs to; DuckDB's default one if None.
        """
        import duckdb

        return (connection or duckdb.default_connection()).from_arrow(self)

    def count(self) -> int:
        """How many rows there are; of a whole scan without a condition, from the manifests alone.

        Raises:
            PartError: if a file is gone or damaged.
        """
        if self._request.filter is None and self._share == (0, 1):
            return self.rows
        nothing = Request((), self._request.types, self._request.filter)
        return sum(self._read(lambda rows: 0 if rows is None else rows.matches(BATCH_ROWS), nothing))

    def places(self, file: str) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Where the rows are: the row groups of one of the files that hold any, and which of their rows, ascending.

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
        """What becomes of each row group, in order; a few parts and row groups are under way at a time."""
        request = request or self._request
        with ThreadPoolExecutor(self._threads, "scan") as pool:
            files = zip(self.files, self._told, strict=True)
            parts = _ahead(pool, lambda one: Part.open(one[0], request, one[1]), files, _PARTS_AHEAD)
            groups = self._groups(parts)
            yield from _ahead(pool, lambda job: convert(job[0].rows(job[1], request)), groups, self._threads)

    def _groups(self, parts: Iterable[Part]) -> Iterator[tuple[Part, int]]:
        """The row groups of this share that can match."""
        index, count = self._share
        before = 0
        for part in parts:
            for group in part.groups:
                if (before + group) % count == index:
                    yield part, group
            before += part.footer.num_row_groups


def _ahead(pool: ThreadPoolExecutor, function: Callable[[In], Out], items: Iterable[In], ahead: int) -> Iterator[Out]:
    """Apply a function in a pool, in order, to at most `ahead` items before they are asked for."""
    waiting: deque[Future[Out]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


_PANDAS_NULLABLE = {
    "int8": "Int8Dtype", "int16": "Int16Dtype", "int32": "Int32Dtype", "int64": "Int64Dtype", "bool": "BooleanDtype",
}  # fmt: skip


def default_threads() -> int:
    """As many threads as this process may use cores, at most 8: beyond that the memory of row groups counts."""
    return min(8, max(1, len(os.sched_getaffinity(0))))
