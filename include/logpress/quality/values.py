"""The values of one column of a part, stored or virtual, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from logpress.codecs.arrow_arrays import array_of
from logpress.codecs.kernels_text import NULL
from logpress.codecs.registry import codecs_of
from logpress.contract.model import Contract
from logpress.engine.part.part_file import open_part
from logpress.engine.part.part_reader import PartReader
from logpress.engine.registers.rows import Rows
from logpress.engine.registers.stored_columns import register_columns


def column_values(contract: Contract, name: str, path: str) -> Iterator[pa.Array]:
    """Read a column.

    Args:
        contract: the table.
        name: a column of it.
        path: path or fsspec URI of a part file.

    Returns:
        One array a row group, strings as dictionaries. Columns that checks cannot compare are booleans: true, or null
        if missing.

    Raises:
        PartError: if the file is damaged.
    """
    if codecs_of(contract)[name].is_derived or not codecs_of(contract)[name].is_comparable:
        yield from _derived(contract, name, path)
        return
    with open_part(path, [name] if codecs_of(contract)[name].is_text else []) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=[name], use_threads=False).column(0).combine_chunks()


def register_values(contract: Contract, name: str, path: str) -> Iterator[Rows]:
    """Read the registers of a column, a row group at a time.

    Args:
        contract: the table.
        name: a column of it.
        path: path or fsspec URI of a part file.

    Raises:
        PartError: if the file is damaged.
    """
    needed = register_columns(contract, [name])
    reader = PartReader(path)
    for group in range(reader.row_groups):
        yield reader.decoder(group, needed).all_rows()


def _derived(contract: Contract, name: str, path: str) -> Iterator[pa.Array]:
    codec = codecs_of(contract)[name]
    for rows in register_values(contract, name, path):
        if codec.is_comparable:
            yield codec.derive(rows.texts)(rows.regs)
        else:
            missing = rows.regs[codec.registers[0].name] == NULL
            yield array_of(~missing, pa.bool_(), missing)
