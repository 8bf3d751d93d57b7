"""Rows of some published days as Arrow, pandas, Polars or DuckDB: only the columns and row groups that are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import fsspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

from logpress.contract.model import Contract, is_virtual
from logpress.engine.columns import arrow_type, physical_columns, stored_columns
from logpress.engine.decode import GroupDecoder
from logpress.engine.part import PartMetadata
from logpress.engine.virtual import virtual_array
from logpress.errors import PartError, UsageError
from logpress.reading.filters import Where, check_columns, parse_where

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl


class Scan:
    """Rows to be read; nothing is read before one of the `to_` methods is called.

    Attributes:
        columns: names, in order.
        files: the part files.
    """

    def __init__(self, contract: Contract, files: Sequence[str], columns: Sequence[str], where: Where) -> None:
        check_columns(contract, columns)
        self._contract = contract
        self.files = tuple(files)
        self.columns = tuple(columns)
        self._filter = parse_where(contract, where)
        wanted = [*self.columns, *sorted(self._filter.names)]
        self._physical = physical_columns(contract, wanted) or [contract.order_by[0] if contract.order_by else "day"]

    @property
    def schema(self) -> pa.Schema:
        """Names and types of what is read: strings as strings, instants in UTC."""
        types: dict[str, pa.DataType] = {column.name: column.type for column in stored_columns(self._contract)}
        types |= {column.name: arrow_type(column) for column in self._contract.columns}
        return pa.schema([pa.field(name, types[name]) for name in self.columns])

    def to_batches(self, *, categories: bool = False) -> pa.RecordBatchReader:
        """A stream of record batches, one row group after the other: memory is bounded by a row group.

        Args:
            categories: strings as dictionaries, which takes less memory.
        """
        schema = _with_categories(self.schema) if categories else self.schema
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema))

    def to_arrow(self, *, categories: bool = False) -> pa.Table:
        """All rows as an Arrow table."""
        table = self.to_batches(categories=categories).read_all()
        return table.unify_dictionaries() if categories else table

    def to_pandas(self, *, categories: bool = False) -> pd.DataFrame:
        """All rows as a pandas frame; with `categories`, strings are categoricals."""
        frame: pd.DataFrame = self.to_arrow(categories=categories).to_pandas()
        return frame

    def to_polars(self) -> pl.DataFrame:
        """All rows as a Polars frame."""
        import polars as pl

        frame = pl.from_arrow(self.to_arrow())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def to_duckdb(self, connection: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyRelation:
        """All rows as a DuckDB relation."""
        import duckdb

        return (connection or duckdb.connect()).from_arrow(self.to_arrow())

    def count(self) -> int:
        """How many rows there are."""
        narrow = Scan(self._contract, self.files, (), None)
        narrow._filter = self._filter
        narrow._physical = physical_columns(self._contract, sorted(self._filter.names)) or narrow._physical
        return sum(table.num_rows for table in narrow._tables())

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for table in self._tables():
            yield from table.select(self.columns).cast(schema).to_batches()

    def _tables(self) -> Iterator[pa.Table]:
        for path in self.files:
            yield from self._tables_of(path)

    def _tables_of(self, path: str) -> Iterator[pa.Table]:
        try:
            with fsspec.open(path, "rb") as handle:
                metadata = PartMetadata.read(pq.ParquetFile(handle))
                texts = [c.name for c in stored_columns(metadata.contract) if pa.types.is_string(c.type)]
                texts = [name for name in texts if name in self._physical and name not in ("_extra",)]
                file = pq.ParquetFile(handle, read_dictionary=texts)
                missing = set(self._physical) - set(file.schema_arrow.names)
                if missing:
                    raise UsageError(f"{path}: was written before the contract had {', '.join(sorted(missing))}")
                for group in self._row_groups(path, file):
                    table = file.read_row_group(group, columns=self._physical)
                    yield self._finish(table, metadata, group)
        except (OSError, pa.ArrowException) as error:
            raise PartError(f"{path}: cannot be read: {error}") from error

    def _row_groups(self, path: str, file: pq.ParquetFile) -> list[int]:
        """Row groups that the statistics do not rule out."""
        every = list(range(file.num_row_groups))
        if self._filter.stored is None or "://" in path:
            return every
        fragment: Any = ds.ParquetFileFormat().make_fragment(path, filesystem=LocalFileSystem())
        kept = fragment.subset(filter=self._filter.stored, schema=file.schema_arrow)
        return [group.id for group in kept.row_groups]

    def _finish(self, table: pa.Table, metadata: PartMetadata, group: int) -> pa.Table:
        """Filter a row group's rows, and add virtual columns."""
        if self._filter.stored is not None:
            table = table.filter(self._filter.stored)
        by_name = self._contract.by_name
        wanted = dict.fromkeys([*self.columns, *sorted(self._filter.names)])
        virtual = [by_name[name] for name in wanted if name in by_name and is_virtual(by_name[name])]
        if virtual:
            decoder = GroupDecoder(metadata.contract, table, metadata.row_groups[group], metadata.layouts_with)
            regs = decoder.registers(0, decoder.count)
            for column in virtual:
                table = table.append_column(column.name, virtual_array(column, decoder, regs))
        if self._filter.rest is not None:
            table = table.filter(self._filter.rest)
        return table


def _with_categories(schema: pa.Schema) -> pa.Schema:
    category = pa.dictionary(pa.int32(), pa.string())
    fields = [field.with_type(category) if pa.types.is_string(field.type) else field for field in schema]
    return pa.schema(fields)
