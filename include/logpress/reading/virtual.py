"""Virtual columns: what a part file does not hold under its own name, derived from what it holds."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from logpress.codecs.registry import codecs_of
from logpress.engine.part.decode import GroupDecoder
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.part.metadata import PartMetadata
from logpress.engine.registers.stored_columns import physical_columns
from logpress.errors import PartError

CHUNK_ROWS = 1 << 16
"""Rows that are derived at a time: bounds the memory, and keeps texts within Arrow's 32-bit offsets."""


class VirtualColumns:
    """Derives virtual columns for rows of one row group; what all rows share is prepared once."""

    def __init__(
        self, metadata: PartMetadata, group: GroupMetadata | None, table: pa.Table, names: Sequence[str]
    ) -> None:
        """Prepare.

        Args:
            metadata: of the part.
            group: what the part says of the row group; None will do where there are no names.
            table: all of its rows or any of them, in any order: the columns that `physical_columns` names, or more.
            names: virtual columns of the contract.

        Raises:
            PartError: if the file lacks a column that is needed.
        """
        contract = metadata.contract
        codecs = codecs_of(contract)
        needed = physical_columns(contract, names)
        missing = sorted(set(needed) - set(table.column_names))
        if missing:
            raise PartError(f"the file has no column {missing[0]}, which {', '.join(names)} need")
        self.count = table.num_rows
        group = group or GroupMetadata(table.num_rows)
        self._decoder = GroupDecoder(contract, table.select(needed), group, metadata.layouts_with)
        try:
            self._derive = {name: codecs[name].derive(self._decoder.texts) for name in names}
        except ValueError as error:
            raise PartError(f"is damaged: a text is no part of a JSON string: {error}") from error

    def arrays(self, first: int, last: int) -> dict[str, pa.Array]:
        """The columns of the rows from `first` to `last`, by name.

        Instants are timestamps (UTC, in us), lookups dictionaries of distinct strings, sequence numbers strings.

        Raises:
            PartError: if columns and metadata contradict each other.
        """
        if not self._derive:
            return {}
        regs = self._decoder.rows(first, last)
        return {name: derive(regs) for name, derive in self._derive.items()}

    def release(self) -> None:
        """Let go of the rows, of which no more columns will be asked.

        A decoder's steps refer to the decoder, so Python would keep the row group until it next looks for such circles:
        several of them, when they are read one after the other.
        """
        self._derive.clear()
        vars(self._decoder).clear()
