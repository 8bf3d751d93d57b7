"""One part of a scan: its row groups that may match the filter, and their rows as batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs
import pyarrow.parquet as pq
from numpy.typing import NDArray

from logpress.codecs.registry import codecs_of
from logpress.conditions.filters import Filter
from logpress.conditions.matching import matching, matching_one
from logpress.contract.model import Contract
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.part.metadata import PartMetadata
from logpress.engine.part.opened_part import OpenedPart
from logpress.engine.part.part_file import named
from logpress.engine.part.virtual import VirtualColumns
from logpress.engine.registers.stored_columns import physical_columns
from logpress.errors import PartError
from logpress.reading.opened import opened_part
from logpress.reading.told import Told

Array: TypeAlias = "pa.Array | pa.ChunkedArray"


@dataclass(frozen=True)
class Request:
    """The columns and rows that a scan reads of each part.

    Attributes:
        names: the columns of the result.
        types: the types of all columns of the table, as readers see them.
        filter: the condition on rows; None for all rows.
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
        is_alone: whether no other part is read meanwhile.
    """

    opened: OpenedPart
    groups: tuple[int, ...]
    is_alone: bool = False

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
    def open(
        cls, path: str, request: Request | None = None, told: Told | None = None, *, is_alone: bool = False
    ) -> Part:
        """Read what a part says of itself.

        Args:
            path: a path or fsspec URI.
            request: which rows are wanted; all if None.
            told: what the day's manifest says of it; None where there is none.
            is_alone: whether no other part is read meanwhile.

        Raises:
            PartError: if it is gone or damaged, was not written by logpress, or is not what the manifest tells of.
        """
        with _part_errors(path):
            opened = opened_part(path)
            _check_identity(path, opened.metadata)
            if told is not None:
                told.see(opened)
            if request is None or request.filter is None:
                return cls(opened, tuple(range(opened.footer.num_row_groups)), is_alone)
            return cls(opened, _groups_that_match(opened.fragment, request.filter, request.types), is_alone)

    def rows(self, group: int, request: Request) -> Rows | None:
        """The rows of a row group that match, as far as stored columns can decide; None if there are none.

        Raises:
            PartError: if the file is gone or damaged.
        """
        with _part_errors(self.path):
            return self._rows(group, request)

    def _read(
        self, group: int, names: Sequence[str], chosen: NDArray[np.int64] | None = None
    ) -> tuple[pa.Table, GroupMetadata | None]:
        """Stored columns of a row group's rows, or of those chosen, and its metadata if columns are derived from it."""
        columns, is_derived = self._stored(names), bool(self.derived(names))
        first_rows = None if chosen is None else int(chosen[-1]) + 1
        use_threads = self.is_alone and len(self.groups) == 1  # else row groups are read side by side
        with self.opened.group(group, columns, is_described=is_derived) as opened:
            described = opened.described() if is_derived else None
            table = opened.table(columns, first_rows=first_rows, use_threads=use_threads)
            if chosen is not None and len(chosen) < self.opened.rows_of(group):
                table = _some(table, chosen)
            for column in table.columns:
                if not pa.types.is_primitive(column.type):
                    column.validate(full=True)  # that texts are UTF-8
            return table, described

    def _rows(self, group: int, request: Request) -> Rows | None:
        count = self.opened.rows_of(group)
        left, chosen = request.filter, None
        if left is not None and left.stored is not None and not self.derived(left.stored_columns):
            chosen = self._chosen(group, left, request.types)
            if len(chosen) == 0:
                return None
            if left.is_stored:
                left = None
        names = list(dict.fromkeys([*request.names, *(left.columns if left is not None else ())]))
        table, described = self._read(group, names, chosen)
        if chosen is not None:
            count = len(chosen)
        virtual = VirtualColumns(self.opened, described, table, self.derived(names))
        return Rows(self.path, table, count, chosen, virtual, request, left)

    def _chosen(self, group: int, wanted: Filter, types: pa.Schema) -> NDArray[np.int64]:
        """Indices of the rows that match what stored columns can decide, ascending.

        Conditions on texts come first, because dictionaries are quick to read, and to decide: if no row matches them,
        no other column is read.
        """
        count = self.opened.rows_of(group)
        if not wanted.each:
            assert wanted.stored is not None
            table, _ = self._read(group, wanted.stored_columns)
            arrays = {name: _column(table, name, count, types) for name in wanted.stored_columns}
            return matching(arrays, count, wanted.stored)
        chosen: NDArray[np.int64] | None = None
        is_text = [pa.types.is_string(types.field(name).type) for name, _ in wanted.each]
        for kind in (True, False):
            conditions = [one for one, is_one in zip(wanted.each, is_text, strict=True) if is_one == kind]
            if not conditions or (chosen is not None and len(chosen) == 0):
                continue
            table, _ = self._read(group, list(dict.fromkeys(name for name, _ in conditions)), chosen)
            rows, places = count if chosen is None else len(chosen), None
            for name, expression in conditions:
                array = _column(table, name, rows, types)
                found = matching_one(name, array if places is None else _some(array, places), expression)
                places = found if places is None else places[found]
                if len(places) == 0:
                    break
            chosen = places if chosen is None else chosen[places]
        assert chosen is not None  # there is a condition
        return chosen

    def derived(self, names: Sequence[str]) -> list[str]:
        """Those of these columns that are derived in this part: virtual ones, and those of other types than stored."""
        codecs = codecs_of(self.contract)
        return [name for name in names if name in codecs and codecs[name].is_derived]

    def _stored(self, names: Sequence[str]) -> list[str]:
        """The file's columns that are needed for these; columns that this part does not know are left out."""
        in_file, known = self.opened.names, self.contract.by_name
        return physical_columns(self.contract, [name for name in names if name in in_file or name in known])


@dataclass(frozen=True)
class Rows:
    """Rows of one row group, with strings still as dictionaries. They can be read once, by one of the methods.

    Attributes:
        path: the part's path.
        table: the stored columns.
        count: the number of rows.
        chosen: int64[count], indices of the rows in the row group; None for all rows.
        virtual: derives the virtual columns.
        request: the columns and rows to return.
        filter: the condition that is still to be applied; None if there is none.
    """

    path: str
    table: pa.Table
    count: int
    chosen: NDArray[np.int64] | None
    virtual: VirtualColumns
    request: Request
    filter: Filter | None

    def batches(self, schema: pa.Schema, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows in batches, none of them empty.

        Args:
            schema: the batches' schema, with strings plain or as dictionaries.
            batch_rows: largest number of rows of a batch.
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
        """The number of rows that match; the condition is applied to `batch_rows` rows at a time."""
        return self.count if self.filter is None else len(self.places(batch_rows))

    def places(self, batch_rows: int) -> NDArray[np.int64]:
        """Indices in the row group of the rows that match, ascending; `batch_rows` rows are filtered at a time."""
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
        """These columns, and those that the filter needs, for some of the rows."""
        table = self.table.slice(first, count)
        with _part_errors(self.path):
            derived = self.virtual.arrays(first, first + count)
        wanted = names if self.filter is None else [*names, *self.filter.columns]
        types = self.request.types
        return {name: derived[name] if name in derived else _column(table, name, count, types) for name in wanted}


def types_in_file(path: str) -> tuple[str, ...] | None:
    """The types that a file's columns have in Parquet, in its order; None if it is gone or damaged."""
    try:
        return tuple(str(type_) for type_ in opened_part(path).schema.types)
    except (OSError, pa.ArrowException, PartError):
        return None


def _check_identity(path: str, metadata: PartMetadata) -> None:
    """Check that a part's metadata name the same table, day and slice as its path.

    Raises:
        PartError: if they do not.
    """
    above, folder_above, folder, name = ("", "", "", *path.split("/"))[-4:]
    identity = metadata.identity
    if identity is None or not folder.startswith("dt="):
        return
    tables = {folder_above} if folder_above not in ("data", "files") else {folder_above, above}
    here = folder.removeprefix("dt="), name.rpartition("-")[0].removeprefix("part-")
    if identity.table not in tables or here != (identity.day, identity.slice):
        whose = f"{identity.table} {identity.day}, slice {identity.slice}"
        raise PartError(f"is the part of {whose}, but its path is that of another; publish the day again")


def _groups_that_match(fragment: ds.ParquetFileFragment, wanted: Filter, types: pa.Schema) -> tuple[int, ...]:
    """The row groups whose statistics do not exclude the expression."""
    physical = fragment.physical_schema
    # Columns that are not in the file exclude nothing, but must be in the schema.
    others = [field for field in types if field.name not in physical.names]
    schema = pa.schema([*physical, *others])
    try:
        expression = wanted.expression if wanted.stored is None else wanted.stored
        return tuple(group.id for group in fragment.subset(expression, schema=schema).row_groups)
    except pa.ArrowException:  # the column has another type in this part
        return tuple(group.id for group in fragment.row_groups)


def _some(rows: Any, places: NDArray[np.int64]) -> Any:
    """Some rows of a table or column; without a copy if they are consecutive, as rows with the same key are."""
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 == len(places):
        return rows.slice(first, len(places))
    return rows.take(pa.array(places))


def _column(table: pa.Table, name: str, count: int, types: pa.Schema) -> Array:
    """A column of a part; nulls if the part is older than the column."""
    if name in table.column_names:
        return table.column(name)
    return pa.nulls(count, types.field(name).type)


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


@contextmanager
def _part_errors(path: str) -> Iterator[None]:
    """Turn errors of Arrow and of the storage into errors that name the part.

    Raises:
        PartError: in place of these errors.
    """
    with named(path):
        try:
            yield
        except (FileNotFoundError, PartError) as error:
            if isinstance(error, PartError) and not isinstance(error.__cause__, FileNotFoundError):
                raise
            raise PartError(
                "is gone, because its day was published again since this scan was made; make a new scan"
            ) from error
