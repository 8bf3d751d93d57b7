"""A scan for DuckDB, which asks for the columns and rows of each query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds


class Source(Protocol):
    """What of a scan is needed here; see `Scan`."""

    def only(self, columns: Sequence[str]) -> Self:
        """The same rows with some of the columns."""

    def narrowed(self, expression: pc.Expression) -> Self:
        """Those of the rows for which an expression is true."""

    def to_batches(self, *, categories: bool = False) -> pa.RecordBatchReader:
        """Stream the rows."""


class Stream(NamedTuple):
    """What DuckDB takes for a scanner of Arrow's: it calls `to_reader` alone. Arrow's would hand batches on twice."""

    batches: pa.RecordBatchReader

    def to_reader(self) -> pa.RecordBatchReader:
        """The rows."""
        return self.batches


class PushedDown(ds.Dataset):  # type: ignore[misc]
    """A scan as DuckDB takes it: strings of few distinct values are dictionaries, which it groups 4 times as fast.

    DuckDB gives the columns and conditions of a query to Arrow's datasets alone, and knows them by their class. It
    calls `scanner` and `schema`. Other methods are refused, because there is no dataset of Arrow's behind it.
    """

    def __new__(cls, scan: Source) -> PushedDown:
        """Make it without Arrow's constructor, which refuses to be called."""
        made: PushedDown = ds.Dataset.__new__(cls)
        return made

    def __init__(self, scan: Source) -> None:
        """Keep the scan."""
        self._scan = scan

    def __getattribute__(self, name: str) -> Any:
        """Refuse what Arrow's datasets can do besides."""
        if name in ("schema", "scanner") or name.startswith("_"):
            return super().__getattribute__(name)
        raise AttributeError(f"a scan that DuckDB reads has no {name!r}; use the scan itself")

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        return self._scan.to_batches(categories=True).schema

    def scanner(self, columns: Sequence[str] | None = None, filter: pc.Expression | None = None, **_: Any) -> Stream:
        """What reads the rows of one query.

        Args:
            columns: the columns that it needs; all if None.
            filter: a condition that all of its rows meet, and which DuckDB does not apply again.
        """
        scan = self._scan if filter is None else self._scan.narrowed(filter)
        if columns:
            scan = scan.only(columns)
        return Stream(scan.to_batches(categories=True))
