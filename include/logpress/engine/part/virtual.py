"""Derived columns: those that part files do not have (virtual), or have in a type that readers do not see."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from logpress.codecs.base import Derive
from logpress.codecs.registry import codecs_of
from logpress.engine.part.decode import GroupDecoder
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.part.opened_part import OpenedPart
from logpress.engine.registers.stored_columns import register_columns
from logpress.errors import PartError


class VirtualColumns:
    """Derives columns for rows of one row group; data common to all rows are prepared once."""

    def __init__(self, part: OpenedPart, group: GroupMetadata | None, table: pa.Table, names: Sequence[str]) -> None:
        """Prepare.

        Args:
            part: whose rows.
            group: what the part says of the row group; None will do where there are no names.
            table: all of its rows or any of them, in any order: the columns that `register_columns` names, or more.
            names: derived columns of the contract.

        Raises:
            PartError: if the file lacks a column that is needed.
        """
        self._derive: dict[str, Derive] = {}
        self._decoder: GroupDecoder | None = None
        if not names:
            return
        contract = part.metadata.contract
        codecs = codecs_of(contract)
        needed = register_columns(contract, names)
        missing = sorted(set(needed) - set(table.column_names))
        if missing:
            raise PartError(f"the file lacks the column {missing[0]}, which is needed for {', '.join(names)}")
        group = group or GroupMetadata(table.num_rows)
        self._decoder = part.decoder(group, table.select(needed))
        try:
            self._derive = {name: codecs[name].derive(self._decoder.texts) for name in names}
        except ValueError as error:
            raise PartError(f"is damaged: a text is not valid inside a JSON string: {error}") from error

    def arrays(self, first: int, last: int) -> dict[str, pa.Array]:
        """The derived columns of the rows from `first` to before `last`, by name.

        Instants are timestamps (UTC, in us), lookups dictionaries of distinct strings; sequence numbers and UUIDs are
        strings.

        Raises:
            PartError: if columns and metadata contradict each other.
        """
        if self._decoder is None:
            return {}
        regs = self._decoder.rows(first, last)
        return {name: derive(regs) for name, derive in self._derive.items()}

    def release(self) -> None:
        """Free the rows; no more columns can be derived.

        A decoder's steps refer to the decoder. Without this call, such reference cycles would keep several row groups
        in memory until Python's next garbage collection.
        """
        self._derive.clear()
        if self._decoder is not None:
            vars(self._decoder).clear()
