"""A scan as Polars frames: stored columns are read by Polars itself, others by logpress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, Self

import pyarrow as pa

from logpress.reading.part import Part

if TYPE_CHECKING:
    import polars as pl


class Source(Protocol):
    """What of a scan is needed here; see `Scan`."""

    @property
    def files(self) -> tuple[str, ...]:
        """The files."""

    @property
    def schema(self) -> pa.Schema:
        """The columns, as readers see them."""

    @property
    def is_chosen(self) -> bool:
        """Whether it has only some of the files' rows."""

    def parts(self) -> Iterator[Part]:
        """The files, opened."""

    def only(self, columns: Sequence[str]) -> Self:
        """The same rows with some of the columns."""

    def of_file(self, number: int) -> Self:
        """The rows of one of the files."""

    def to_arrow(self, *, categories: bool = False) -> pa.Table:
        """All rows."""


def frame_of(scan: Source) -> pl.DataFrame:
    """All rows as a frame, with plain strings.

    Polars copies Arrow's strings into another form, which takes longer than to read the files. So it reads the columns
    that are stored as readers see them, after their bytes were compared with their checksums. Columns that are derived,
    and scans with a condition, come through Arrow.

    Raises:
        PartError: if a file is gone or damaged.
    """
    import polars as pl

    direct = _direct(scan)
    if not direct:
        frame = pl.from_arrow(scan.to_arrow())
        assert isinstance(frame, pl.DataFrame)
        return frame
    types = {field.name: _polars_type(field.type) for field in scan.schema if field.name in direct}
    frames = [pl.read_parquet(path, columns=direct, hive_partitioning=False) for path in scan.files]
    found = pl.concat([frame.select(pl.col(name).cast(type_) for name, type_ in types.items()) for frame in frames])
    others = [name for name in scan.schema.names if name not in direct]
    if others:
        derived = pl.from_arrow(scan.only(others).to_arrow(categories=True))  # each string is then copied once
        assert isinstance(derived, pl.DataFrame)
        found = found.hstack(derived.cast({pl.Categorical: pl.String}))
    return found.select(scan.schema.names)


def lazy_frame_of(scan: Source) -> pl.LazyFrame:
    """A lazy frame: only the columns that a query needs are read, a file at a time, and no more than it wants."""
    from polars.io.plugins import register_io_source

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch_rows: int | None
    ) -> Iterator[pl.DataFrame]:
        wanted = scan if columns is None else scan.only(columns)
        left = rows
        for file in range(len(scan.files)):
            frame = frame_of(wanted.of_file(file))
            if predicate is not None:
                frame = frame.filter(predicate)
            if left is not None:
                frame = frame.head(left)
                left -= frame.height
            yield frame
            if left == 0:
                return

    schema = {field.name: _polars_type(field.type) for field in scan.schema}
    return register_io_source(source, schema=schema)


def _direct(scan: Source) -> list[str]:
    """The columns that Polars may read itself: stored in each file with the type that readers see."""
    if scan.is_chosen or not scan.files or any("://" in path for path in scan.files):
        return []
    names: list[str] | None = None
    for part in scan.parts():
        in_file = {field.name: field.type for field in part.footer.schema.to_arrow_schema()}
        derived = set(part.derived(scan.schema.names))
        stored = [
            field.name
            for field in scan.schema
            if field.name not in derived and in_file.get(field.name) == field.type and not _is_nested(field.type)
        ]
        names = stored if names is None else [name for name in names if name in stored]
        if not names:
            return []
        _check(part, names)
    return names or []


def _check(part: Part, names: Sequence[str]) -> None:
    for group in part.groups:
        with part.opened.group(group, names, is_described=False):
            pass  # opening it compares the bytes of its columns with their checksums


def _is_nested(type_: pa.DataType) -> bool:
    return bool(pa.types.is_nested(type_) or isinstance(type_, pa.ExtensionType))


def _polars_type(type_: pa.DataType) -> pl.DataType:
    import polars as pl

    frame = pl.from_arrow(pa.table({"column": pa.nulls(0, type_)}))
    assert isinstance(frame, pl.DataFrame)
    found: pl.DataType = frame.schema["column"]
    return found
