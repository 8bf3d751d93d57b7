"""Columns of parts as checks and profiles see them: a row group at a time, so many columns at once as fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from logpress.codecs.arrow_arrays import array_of
from logpress.codecs.kernels_text import NULL
from logpress.codecs.registry import codecs_of
from logpress.engine.part.opened_part import OpenedPart
from logpress.engine.part.part_file import named
from logpress.engine.part.virtual import VirtualColumns
from logpress.engine.registers.stored_columns import physical_columns, register_columns

COLUMNS_BYTES = 192 << 20
"""[memory] Columns of a row group that are in memory at a time, about; those that are needed together always are."""


@dataclass(frozen=True)
class Group:
    """Some columns of a row group.

    Attributes:
        count: rows.
        arrays: by name, as readers see them: strings as dictionaries where they are stored so, instants in
            microseconds. Columns that checks cannot compare are booleans: true, or null if missing. A column that the
            part does not know is missing here.
        helpers: hidden columns of the file, by name, those that it has.
    """

    count: int
    arrays: Mapping[str, pa.Array]
    helpers: Mapping[str, pa.Array]


class PartColumns:
    """Reads columns of a part, whose bytes are compared with their checksums.

    Args:
        path: path or fsspec URI of a part file.

    Raises:
        PartError: if it is missing or damaged; with the path.
    """

    def __init__(self, path: str) -> None:
        self._opened = OpenedPart.open(path)
        self._contract = self._opened.metadata.contract
        self._codecs = codecs_of(self._contract)
        self.row_groups = self._opened.footer.num_row_groups

    def sets(self, group: int, together: Sequence[str], others: Sequence[str], always: str) -> list[list[str]]:
        """Sets of columns that fit into memory; the first one has those that are needed together.

        Args:
            group: number of the row group.
            together: columns that are needed at the same time.
            others: columns that are needed too, in any set.
            always: a column that each set has.
        """
        sets = [list(dict.fromkeys([always, *together]))]
        size = sum(self._bytes(group, name) for name in sets[0])
        for name in others:
            if name in sets[0]:
                continue
            more = self._bytes(group, name)
            if size + more > COLUMNS_BYTES:
                sets.append([always])
                size = self._bytes(group, always)
            sets[-1].append(name)
            size += more
        return sets

    def read(self, group: int, names: Sequence[str], helpers: Sequence[str] = ()) -> Group:
        """Some columns of a row group.

        Args:
            group: its number.
            names: columns of the table.
            helpers: hidden columns.

        Raises:
            PartError: if the file is gone or damaged; with the path.
        """
        opened, codecs = self._opened, self._codecs
        known = [name for name in names if name in codecs]
        derived = [name for name in known if codecs[name].is_derived or not codecs[name].is_comparable]
        columns = [name for name in known if name not in derived]
        needed = physical_columns(self._contract, columns) + register_columns(self._contract, derived)
        wanted = list(dict.fromkeys([*needed, *helpers]))
        stored = [name for name in wanted if name in opened.names]
        with named(opened.path), opened.group(group, stored, is_described=bool(derived)) as file:
            table = file.table(stored)
            arrays = {name: _whole(table, name) for name in columns}
            if derived:
                described = file.described()
                virtual = VirtualColumns(opened, described, table, [n for n in derived if codecs[n].is_comparable])
                try:
                    arrays.update(virtual.arrays(0, table.num_rows))
                finally:
                    virtual.release()
                for name in derived:
                    if not codecs[name].is_comparable:
                        made_of = table.select(register_columns(self._contract, [name]))
                        rows = opened.decoder(described, made_of).rows(0, table.num_rows)
                        missing = rows[codecs[name].registers[0].name] == NULL
                        arrays[name] = array_of(~missing, pa.bool_(), missing)
            found = {name: _whole(table, name) for name in helpers if name in stored}
        return Group(opened.rows_of(group), arrays, found)

    def _bytes(self, group: int, name: str) -> int:
        """About the memory that a column takes while it is read: its pages, a word a row, and those it is made from."""
        if name not in self._codecs:
            return 0
        needed = set(physical_columns(self._contract, [name]))
        chunks = self._opened.footer.row_group(group)
        pages = sum(
            chunks.column(number).total_uncompressed_size
            for number in range(self._opened.footer.num_columns)
            if chunks.column(number).path_in_schema in needed
        )
        return int(pages) + 8 * self._opened.rows_of(group) * (1 + len(needed))


def _whole(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return array.storage if isinstance(array, pa.ExtensionArray) else array
