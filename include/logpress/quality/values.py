"""The values of one column of a part, stored or virtual, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from logpress.codecs.arrow_arrays import array_of, missing_of, values_of
from logpress.codecs.kernels_text import NULL
from logpress.codecs.registry import codecs_of
from logpress.contract.columns import is_virtual
from logpress.contract.model import Contract
from logpress.engine.part.part_file import open_part
from logpress.engine.part.part_reader import PartReader
from logpress.engine.registers.rows import Rows
from logpress.engine.registers.stored_columns import physical_columns


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
    if codecs_of(contract)[name].is_derived:
        yield from _derived(contract, name, path)
        return
    with open_part(path, [name] if codecs_of(contract)[name].is_text else []) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=[name], use_threads=False).column(0).combine_chunks()


def column_statistics(contract: Contract, name: str, path: str) -> list[pq.Statistics | None]:
    """Statistics of a column in a part's footer, by row group; an empty list for a virtual column.

    Raises:
        PartError: if the file is damaged.
    """
    if is_virtual(contract.by_name[name]):
        return []
    with open_part(path) as file:
        place = file.schema_arrow.get_field_index(name)
        return [file.metadata.row_group(group).column(place).statistics for group in range(file.num_row_groups)]


def register_values(contract: Contract, name: str, path: str) -> Iterator[Rows]:
    """Read the registers of a column, a row group at a time.

    Args:
        contract: the table.
        name: a column of it.
        path: path or fsspec URI of a part file.

    Raises:
        PartError: if the file is damaged.
    """
    needed = physical_columns(contract, [name])
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


def seconds_of(array: pa.Array) -> pa.Array:
    """Instants as seconds since 1970, the unit of a check's bounds; numbers unchanged."""
    if not pa.types.is_timestamp(array.type):
        return array
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[array.type.unit]
    return array_of(values_of(array.view(pa.int64())) / per_second, pa.float64(), missing_of(array))
