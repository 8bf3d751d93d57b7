"""One part of a scan: which of its row groups can match, and their rows as batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import acero

from logpress.contract.columns import is_virtual
from logpress.contract.model import Contract
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.part.metadata import PartMetadata
from logpress.engine.part.opened_part import OpenedPart
from logpress.engine.part.part_file import named
from logpress.engine.registers.stored_columns import physical_columns
from logpress.errors import PartError
from logpress.reading.filters import Filter
from logpress.reading.told import Told
from logpress.reading.virtual import VirtualColumns

Array: TypeAlias = "pa.Array | pa.ChunkedArray"


@dataclass(frozen=True)
class Request:
    """What a scan wants of each part.

    Attributes:
        names: the columns it gives.
        types: of all columns of the table, as readers see them.
        filter: which rows; None for all.
    """

    names: tuple[str, ...]
    types: pa.Schema
    filter: Filter | None


@dataclass(frozen=True)
class Part:
    """An opened part.

    Attributes:
        opened: what reads it.
        groups: the row groups that can hold rows that are wanted.
    """

    opened: OpenedPart
    groups: tuple[int, ...]

    @property
    def path(self) -> str:
        """Its path or fsspec URI."""
        return self.opened.path

    @property
    def footer(self) -> pq.FileMetaData:
        """Parquet's own metadata."""
        return self.opened.footer

    @property
    def contract(self) -> Contract:
        """The contract it was written with."""
        return self.opened.metadata.contract

    @classmethod
    def open(cls, path: str, request: Request | None = None, told: Told | None = None) -> Part:
        """Read what a part says of itself.

        Args:
            path: a path or fsspec URI.
            request: which rows are wanted; all if None.
            told: what the day's manifest says of it; None where there is none.

        Raises:
            PartError: if it is gone or damaged, was not written by logpress, or is not what the manifest tells of.
        """
        with _part_errors(path):
            opened = OpenedPart.open(path)
            _check_identity(path, opened.metadata)
            if told is not None:
                told.see(opened.stored_bytes, opened.footer)
            if request is None or request.filter is None:
                return cls(opened, tuple(range(opened.footer.num_row_groups)))
            filesystem, name = _filesystem(path)
            fragment = ds.ParquetFileFormat().make_fragment(name, filesystem=filesystem)
            return cls(opened, _groups_that_match(fragment, request.filter, request.types))

    def rows(self, group: int, request: Request) -> Rows | None:
        """The rows of a row group that are wanted, as far as stored columns tell; None if there are none.

        Raises:
            PartError: if the file is gone or damaged.
        """
        with _part_errors(self.path):
            return self._rows(group, request)

    def _read(self, group: int, names: Sequence[str]) -> tuple[pa.Table, GroupMetadata | None]:
        """Stored columns of a row group, and what the part says of it where some of the names are derived from them."""
        columns, is_derived = self._stored(names), bool(self._virtual(names))
        with self.opened.group(group, columns, is_described=is_derived) as opened:
            table = opened.table(columns, use_threads=True)
            for column in table.columns:
                if not pa.types.is_primitive(column.type):
                    column.validate(full=True)  # that texts are UTF-8
            return table, opened.described() if is_derived else None

    def _rows(self, group: int, request: Request) -> Rows | None:
        count = self.opened.rows_of(group)
        left, chosen = request.filter, None
        if left is not None and left.stored is not None and not self._virtual(left.stored_columns):
            table, _ = self._read(group, left.stored_columns)
            arrays = {name: _column(table, name, count, request.types) for name in left.stored_columns}
            chosen = matching(arrays, count, left.stored)
            if len(chosen) == 0:
                return None
            if left.is_stored:
                left = None
        names = list(dict.fromkeys([*request.names, *(left.columns if left is not None else ())]))
        table, described = self._read(group, names)
        if chosen is not None and len(chosen) < count:
            table, count = _take(table, chosen), len(chosen)
        virtual = VirtualColumns(self.opened, described, table, self._virtual(names))
        return Rows(self.path, table, count, chosen, virtual, request, left)

    def _virtual(self, names: Sequence[str]) -> list[str]:
        """Which of these columns are derived in this part."""
        by_name = self.contract.by_name
        return [name for name in names if name in by_name and is_virtual(by_name[name])]

    def _stored(self, names: Sequence[str]) -> list[str]:
        """The file's columns that are needed for these; columns that this part does not know are left out."""
        in_file, known = self.opened.names, self.contract.by_name
        return physical_columns(self.contract, [name for name in names if name in in_file or name in known])


@dataclass(frozen=True)
class Rows:
    """Rows of one row group, strings still as dictionaries.

    Attributes:
        path: of the part.
        table: stored columns.
        count: how many rows.
        chosen: int64[count], their places in the row group; None for all of it.
        virtual: gives the virtual columns.
        request: what is wanted of them.
        filter: what is still to be applied; None for nothing.
    """

    path: str
    table: pa.Table
    count: int
    chosen: NDArray[np.int64] | None
    virtual: VirtualColumns
    request: Request
    filter: Filter | None

    def batches(self, schema: pa.Schema, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows in batches, none of them empty; they can be taken once.

        Args:
            schema: of the batches: strings plain or as dictionaries.
            batch_rows: the most rows of a batch.
        """
        try:
            for first in range(0, self.count, batch_rows):
                rows = min(batch_rows, self.count - first)
                columns = self._columns(schema.names, first, rows)
                arrays = [columns[name] for name in schema.names]
                if self.filter is not None:
                    chosen = matching(columns, rows, self.filter.expression)
                    if len(chosen) == 0:
                        continue
                    if len(chosen) < rows:
                        arrays = [array.take(pa.array(chosen)) for array in arrays]
                with _part_errors(self.path):
                    fitted = [_fitted(array, field) for array, field in zip(arrays, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(fitted, schema=schema)
        finally:
            self.virtual.release()

    def matches(self, batch_rows: int) -> int:
        """How many rows are wanted; `batch_rows` are looked at a time. They can be counted once."""
        return self.count if self.filter is None else len(self.places(batch_rows))

    def places(self, batch_rows: int) -> NDArray[np.int64]:
        """Which rows of the row group are wanted, ascending; can be asked once. `batch_rows` are looked at a time."""
        try:
            found = [np.arange(self.count)] if self.filter is None else [np.empty(0, dtype=np.int64)]
            for first in range(0, self.count if self.filter is not None else 0, batch_rows):
                rows = min(batch_rows, self.count - first)
                assert self.filter is not None
                found.append(first + matching(self._columns([], first, rows), rows, self.filter.expression))
            places = np.concatenate(found)
            return places if self.chosen is None else self.chosen[places]
        finally:
            self.virtual.release()

    def _columns(self, names: Sequence[str], first: int, count: int) -> dict[str, Array]:
        """These columns, and those of the filter, of some of the rows."""
        table = self.table.slice(first, count)
        with _part_errors(self.path):
            derived = self.virtual.arrays(first, first + count)
        wanted = names if self.filter is None else [*names, *self.filter.columns]
        types = self.request.types
        return {name: derived[name] if name in derived else _column(table, name, count, types) for name in wanted}


def matching(columns: Mapping[str, Array], count: int, expression: pc.Expression) -> NDArray[np.int64]:
    """The places of the rows for which an expression is true, ascending.

    Args:
        columns: at least those that the expression needs, by name, `count` rows each; strings plain or as dictionaries.
        count: how many rows.
        expression: true, false or null for each row.
    """
    plain = [_plain(array) for array in columns.values()]
    table = pa.Table.from_arrays([*plain, pa.nulls(count, pa.bool_())], names=[*columns, ""])  # never without a column
    # On one thread: with several, Arrow does not promise to keep the order.
    answer = acero.Declaration.from_sequence(
        [
            acero.Declaration("table_source", acero.TableSourceNodeOptions(table)),
            acero.Declaration("project", acero.ProjectNodeOptions([expression], ["answer"])),
        ]
    ).to_table(use_threads=False)
    mask = answer.column("answer").fill_null(False).to_numpy()
    places: NDArray[np.int64] = np.flatnonzero(mask)
    return places


def _check_identity(path: str, metadata: PartMetadata) -> None:
    """Look whether a part lies where it belongs: its folders say table and day, its name the slice.

    Raises:
        PartError: if it is another one's.
    """
    table, folder, name = ("", "", *path.split("/"))[-3:]
    identity = metadata.identity
    if identity is None or not folder.startswith("dt="):
        return
    here = table, folder.removeprefix("dt="), name.rpartition("-")[0].removeprefix("part-")
    if here != (identity.table, identity.day, identity.slice):
        whose = f"{identity.table} {identity.day}, slice {identity.slice}"
        raise PartError(f"is the part of {whose}, and not of where it lies")


def _groups_that_match(fragment: ds.ParquetFileFragment, wanted: Filter, types: pa.Schema) -> tuple[int, ...]:
    """The row groups whose statistics do not rule an expression out; those that they prove too are not told apart."""
    physical = fragment.physical_schema
    # Columns that are not in the file say nothing; they only have to be known.
    others = [field for field in types if field.name not in physical.names]
    schema = pa.schema([*physical, *others])
    try:
        return tuple(group.id for group in fragment.subset(wanted.expression, schema=schema).row_groups)
    except pa.ArrowException:  # the column had another type when this part was written
        return tuple(group.id for group in fragment.row_groups)


def _take(table: pa.Table, places: NDArray[np.int64]) -> pa.Table:
    """Rows of a table; without a copy where they lie side by side, as those of one key do."""
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 == len(places):
        return table.slice(first, len(places))
    return table.take(pa.array(places))


def _column(table: pa.Table, name: str, count: int, types: pa.Schema) -> Array:
    """A column of a part; nulls where the part was written before there was such a column."""
    if name in table.column_names:
        return table.column(name)
    return pa.nulls(count, types.field(name).type)


def _plain(array: Array) -> Array:
    return array.cast(array.type.value_type) if pa.types.is_dictionary(array.type) else array


def _fitted(array: Array, field: pa.Field) -> pa.Array:
    """An array in a field's type, in one chunk."""
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
    if array.type == field.type:
        return array
    try:
        if pa.types.is_dictionary(field.type):
            return array.dictionary_encode().cast(field.type)
        return array.cast(field.type)
    except pa.ArrowException as error:
        raise PartError(
            f"column {field.name} is {array.type} in one of the files, not {field.type}: {error}"
        ) from error


def _filesystem(path: str) -> tuple[pa.fs.FileSystem, str]:
    """Arrow's view of where a path or fsspec URI lies."""
    if "://" not in path:
        return pa.fs.LocalFileSystem(), path
    filesystem, name = fsspec.core.url_to_fs(path)
    return pa.fs.PyFileSystem(pa.fs.FSSpecHandler(filesystem)), name


@contextmanager
def _part_errors(path: str) -> Iterator[None]:
    """Say which part it is.

    Raises:
        PartError: in place of Arrow's errors, and those of the storage.
    """
    with named(path):
        try:
            yield
        except (FileNotFoundError, PartError) as error:
            if isinstance(error, PartError) and not isinstance(error.__cause__, FileNotFoundError):
                raise
            raise PartError(
                "is gone; its day was published again since this scan was made, so make the scan anew"
            ) from error
