"""A scan as Polars frames: stored columns are read by Polars itself, others by logpress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Protocol, Self

import pyarrow as pa

from logpress.contract.columns import Instant
from logpress.engine.registers.stored_columns import physical_columns, stored_columns
from logpress.reading.part import Part
from logpress.reading.polars_instants import instant, is_told, stages_of

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
    that are stored as readers see them, after their bytes were compared with their checksums, and computes virtual
    instants itself. Other columns that are derived, and scans with a condition, come through Arrow.

    Raises:
        PartError: if a file is gone or damaged.
    """
    import polars as pl

    is_plain = bool(scan.files) and not scan.is_chosen and not any("://" in path for path in scan.files)
    parts = list(scan.parts()) if is_plain else []
    direct = _direct(scan, parts)
    if not direct:
        return _through_arrow(scan)
    types = {field.name: _polars_type(field.type) for field in scan.schema if field.name in direct}
    others = [name for name in scan.schema.names if name not in direct]
    made = [pl.col(name).cast(type_) for name, type_ in types.items()]
    frames = []
    for part in parts:
        part.opened.compare(physical_columns(part.contract, direct))
        frames.append(_lazy(part, direct).select(made))
    if not others:
        return pl.concat(pl.collect_all(frames)).select(scan.schema.names)
    with ThreadPoolExecutor(1, "polars") as pool:
        read = pool.submit(pl.collect_all, frames)
        derived = _through_arrow(scan.only(others))
        return pl.concat(read.result()).hstack(derived).select(scan.schema.names)


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


def _direct(scan: Source, parts: Sequence[Part]) -> list[str]:
    """The columns that Polars may make itself: stored in each file with the type that readers see, or told by them."""
    names: list[str] | None = None
    for part in parts:
        in_file = {field.name: field.type for field in part.opened.schema}
        stored = {column.name: column.type for column in stored_columns(part.contract)}
        derived = set(part.derived(scan.schema.names))
        made = [
            field.name
            for field in scan.schema
            if (
                _is_told(part, field.name, in_file)
                if field.name in derived
                else field.name in stored and in_file.get(field.name) == field.type and not _is_nested(field.type)
            )
        ]
        names = made if names is None else [name for name in names if name in made]
        if not names:
            return []
    return names or []


def _is_told(part: Part, name: str, in_file: Mapping[str, pa.DataType]) -> bool:
    """Whether a virtual column has an expression, and the file the columns that it is of, in today's types."""
    if not is_told(name, part.contract.by_name):
        return False
    types = {column.name: column.type for column in stored_columns(part.contract)}
    return all(in_file.get(needed) == types[needed] for needed in physical_columns(part.contract, [name]))


def _lazy(part: Part, names: Sequence[str]) -> pl.LazyFrame:
    """A part with the columns that Polars makes by itself."""
    import polars as pl

    columns = part.contract.by_name
    frame = pl.scan_parquet(part.path, hive_partitioning=False)
    for name in stages_of([name for name in names if name in columns], columns):
        column = columns[name]
        assert isinstance(column, Instant)
        frame = frame.with_columns(instant(column, columns))
    return frame


def _through_arrow(scan: Source) -> pl.DataFrame:
    """All rows; each string of few distinct values is taken from its dictionary, and so copied once."""
    import polars as pl

    table = scan.to_arrow(categories=True)
    made = []
    for field, column in zip(table.schema, table.columns, strict=True):
        if not pa.types.is_dictionary(field.type):
            made.append(pl.Series(field.name, column))
            continue
        dictionary = column.chunk(0).dictionary if column.num_chunks else pa.array([], field.type.value_type)
        indices = pa.chunked_array([chunk.indices for chunk in column.chunks], field.type.index_type)
        made.append(pl.Series(field.name, dictionary).gather(pl.Series(indices)).alias(field.name))
    return pl.DataFrame(made)


def _is_nested(type_: pa.DataType) -> bool:
    return bool(pa.types.is_nested(type_) or isinstance(type_, pa.ExtensionType))


@cache
def _polars_type(type_: pa.DataType) -> pl.DataType:
    import polars as pl

    frame = pl.from_arrow(pa.table({"column": pa.nulls(0, type_)}))
    assert isinstance(frame, pl.DataFrame)
    found: pl.DataType = frame.schema["column"]
    return found
