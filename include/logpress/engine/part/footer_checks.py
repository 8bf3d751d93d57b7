"""Checks that a part's footer matches its contract: the columns, types and sizes that decoding relies on."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from logpress.contract.model import MOST_ROW_GROUP_ROWS, Contract
from logpress.engine.registers.stored_columns import ROW_GROUP, stored_columns
from logpress.errors import PartError

_MOST_TEXT_BYTES = 1 << 40


def check_footer(contract: Contract, footer: pq.FileMetaData, *, has_row_group: bool, may_have_more: bool) -> None:
    """Compare a footer with a contract.

    Args:
        contract: of the part.
        footer: of the part.
        has_row_group: whether the column ROW_GROUP is required, as from format 5 on.
        may_have_more: whether columns that the contract does not store are allowed, as in files of a later minor
            version.

    Raises:
        PartError: if a column is missing, occurs twice, has another type, or is not one of the contract.
        ValueError: if a row group's sizes are impossible.
    """
    fields = {field.name: field.type for field in footer.schema.to_arrow_schema()}
    paths = [footer.schema.column(number).path for number in range(footer.num_columns)]
    wanted = [column for column in stored_columns(contract) if has_row_group or column.name != ROW_GROUP]
    places: list[int] = []
    for column in wanted:
        count = paths.count(column.name)
        if count != 1:
            what = f"is there {count} times" if count else "is not there"
            raise PartError(f"is damaged or was changed by another tool: column {column.name} {what}")
        if not _is_alike(fields[column.name], column.type):
            raise PartError(
                f"is damaged or was changed by another tool: column {column.name} has type {fields[column.name]}, not "
                f"{column.type}"
            )
        places.append(paths.index(column.name))
    if len(places) < len(paths) and not may_have_more:
        other = next(path for number, path in enumerate(paths) if number not in places)
        raise PartError(f"is damaged or was changed by another tool: its contract knows no column {other!r}")
    types = [footer.schema.column(number).physical_type for number in range(footer.num_columns)]
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        # if these differ, Arrow's filters by statistics end the process
        if [group.column(place).physical_type for place in range(footer.num_columns)] != types:
            raise ValueError(f"row group {number} has columns of other types than the file")
        _check_row_group(group, number, places)


_ALSO = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary(), pa.uuid(): pa.binary(16)}
"""Other types that pyarrow may have for a stored type: of UUIDs, a footer's schema has just the bytes."""


def _is_alike(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a type is read like another; instants may have any unit, which is compared with the column's later."""
    if pa.types.is_timestamp(wanted):
        return bool(pa.types.is_timestamp(found) and found.tz == wanted.tz)
    return bool(found in (wanted, _ALSO.get(wanted)))


def _check_row_group(group: pq.RowGroupMetaData, number: int, places: list[int]) -> None:
    """Check a row group's size, and that each of its columns has one value a row and a position."""
    rows = group.num_rows
    if not 0 <= rows <= MOST_ROW_GROUP_ROWS:
        raise ValueError(f"row group {number} has {rows} rows")
    for place in places:
        column = group.column(place)
        if column.num_values != rows:
            raise ValueError(
                f"row group {number} has {rows} rows, but {column.num_values} of column {column.path_in_schema}"
            )
        start = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
        if not 0 < start <= column.data_page_offset or column.total_compressed_size < 0:
            raise ValueError(f"row group {number} has no place for column {column.path_in_schema}")
        if not 0 <= column.total_uncompressed_size <= _MOST_TEXT_BYTES:
            raise ValueError(f"column {column.path_in_schema} of row group {number} has no size")
