"""Virtual columns that a contract stores, too: made from a row group's other columns as readers derive them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from logpress.codecs.registry import codecs_of
from logpress.contract.model import Contract
from logpress.engine.part.decode import GroupDecoder
from logpress.engine.part.encode_texts import used_entries
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.registers.stored_columns import register_columns, stored_too
from logpress.layout.model import Layout, layouts_with

ROWS_AT_A_TIME = 1 << 16
"""[memory] Rows whose registers are in memory at a time."""


def stored_too_arrays(
    contract: Contract, table: pa.Table, metadata: GroupMetadata, layouts: Sequence[Layout]
) -> dict[str, pa.Array]:
    """The columns of `stored_too`, by name, of all rows of a row group.

    They are decoded from the columns that are written, so that they are what a scan of the file derives.

    Args:
        contract: the table.
        table: the row group's other columns, as they are written.
        metadata: of the row group.
        layouts: all that its rows have, by number.
    """
    names = stored_too(contract)
    if not names:
        return {}
    needed = table.select(register_columns(contract, names))
    decoder = GroupDecoder(contract, needed, metadata, lambda column: layouts_with(layouts, column))
    codecs = codecs_of(contract)
    derive = {name: codecs[name].derive(decoder.texts) for name in names}
    pieces: dict[str, list[pa.Array]] = {name: [] for name in names}
    for first in range(0, table.num_rows, ROWS_AT_A_TIME):
        regs = decoder.rows(first, min(first + ROWS_AT_A_TIME, table.num_rows))
        for name in names:
            pieces[name].append(derive[name](regs))
    return {name: _whole(pieces.pop(name)) for name in names}


def _whole(pieces: Sequence[pa.Array]) -> pa.Array:
    """The pieces as one array; of a dictionary only the entries in use, in order of first use."""
    if not pa.types.is_dictionary(pieces[0].type):
        return pa.concat_arrays(pieces)
    indices = pa.concat_arrays([piece.indices for piece in pieces])
    return used_entries(indices, pieces[0].dictionary)
