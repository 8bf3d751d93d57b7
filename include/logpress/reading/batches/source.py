"""The rows of a scan as row groups: how many rows of each are wanted, and their columns as arrays of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.errors import PartError
from logpress.reading.batches.columns import CodesOf, Numbers
from logpress.reading.part import Part, Request
from logpress.reading.told import Told

Arrays: TypeAlias = "dict[str, NDArray[Any]]"

_MOST_OPENED = 1024
"""[memory] Parts whose metadata are kept."""
_AT_ONCE = 1 << 17
"""[memory] Rows that are derived and filtered at a time."""


@dataclass(frozen=True)
class Group:
    """A row group.

    Attributes:
        file: number of its file in the scan.
        number: its number in the file.
        rows: how many of its rows are wanted.
    """

    file: int
    number: int
    rows: int


@dataclass(frozen=True)
class Source:
    """What a scan reads, for batches.

    Attributes:
        files: the part files.
        told: what the days' manifests say of them.
        request: the columns and rows.
        columns: the columns as numbers.
        threads: row groups that are decoded at a time.
    """

    files: tuple[str, ...]
    told: tuple[Told | None, ...]
    request: Request
    columns: tuple[Numbers, ...]
    threads: int
    _opened: dict[int, Part] = field(default_factory=dict, repr=False, compare=False)

    def __reduce__(self) -> tuple[type[Source], tuple[Any, ...]]:
        """Without opened files."""
        return Source, (self.files, self.told, self.request, self.columns, self.threads)

    def groups(self) -> list[Group]:
        """The row groups that have rows which are wanted, in the order of the scan.

        With a condition, the columns that it needs are read once, to count.

        Raises:
            PartError: if a file is gone or damaged.
        """
        nothing = Request((), self.request.types, self.request.filter)

        def of_file(file: int) -> list[Group]:
            part = self._open(file)
            if nothing.filter is None:
                counts = [(number, part.opened.rows_of(number)) for number in part.groups]
            else:
                found = [(number, part.rows(number, nothing)) for number in part.groups]
                counts = [(number, 0 if rows is None else rows.matches(_AT_ONCE)) for number, rows in found]
            return [Group(file, number, count) for number, count in counts if count]

        with ThreadPoolExecutor(self.threads, "count") as pool:
            return [group for groups in pool.map(of_file, range(len(self.files))) for group in groups]

    @cached_property
    def row(self) -> np.dtype[Any]:
        """A row with a field for each array: rows are shuffled whole, because one copy is quicker than one a column."""
        fields = [field for column in self.columns for field in column.arrays]
        fields.sort(key=lambda field: -field[1].itemsize)
        ends = np.cumsum([dtype.itemsize for _, dtype in fields]).tolist()
        size = next((size for size in (1, 2, 4, 8, 16, 32) if size >= ends[-1]), -(-ends[-1] // 8) * 8)
        offsets = [end - dtype.itemsize for end, (_, dtype) in zip(ends, fields, strict=True)]
        names, formats = [name for name, _ in fields], [dtype for _, dtype in fields]
        return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})

    def arrays(self, rows: NDArray[np.void]) -> Arrays:
        """The fields of rows as arrays, in the order of the columns."""
        fields = rows.view(self.row)
        return {name: np.ascontiguousarray(fields[name]) for column in self.columns for name, _ in column.arrays}

    def decode(self, group: Group, into: NDArray[np.void] | None = None) -> NDArray[np.void]:
        """The rows of a row group, as bytes; `arrays` takes them apart.

        Args:
            group: the row group.
            into: what they are written to, of as many rows; a new array if None.

        Raises:
            PartError: if the file is gone or damaged, or has other rows than were counted.
        """
        rows = self._open(group.file).rows(group.number, self.request)
        schema, names = self._schema(), [column.name for column in self.columns]
        arrays = np.empty(group.rows, self.row) if into is None else into.view(self.row)
        codes, first = CodesOf(), 0
        for batch in rows.batches(schema, _AT_ONCE) if rows is not None else ():
            last = first + batch.num_rows
            if last > group.rows:
                break
            for column, name in zip(self.columns, names, strict=True):
                values = column.convert(batch.column(name), codes)
                for (target, _), found in zip(column.arrays, values, strict=True):
                    arrays[target][first:last] = found
            first = last
        if first != group.rows:
            raise PartError(
                f"{self.files[group.file]}: row group {group.number} has not the {group.rows} rows that were counted; "
                "its day was published again: make a new scan"
            )
        return arrays.view(f"V{self.row.itemsize}")

    def _open(self, file: int) -> Part:
        """A part, opened once for its rows: what a part says of itself does not change."""
        if file not in self._opened:
            if len(self._opened) >= _MOST_OPENED:
                self._opened.clear()
            self._opened[file] = Part.open(self.files[file], self.request, self.told[file])
        return self._opened[file]

    def _schema(self) -> pa.Schema:
        types = self.request.types
        return pa.schema([pa.field(one.name, one.field() or types.field(one.name).type) for one in self.columns])


def joined(pieces: Sequence[Arrays]) -> Arrays:
    """Arrays one after the other."""
    if len(pieces) == 1:
        return pieces[0]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
