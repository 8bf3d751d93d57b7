"""What a manifest says of a part file: its counts and the bounds of its columns.

Source: the Iceberg specification, "Field-level Metrics and Statistics" and Appendix D. pyiceberg has the same, but
takes no notice of row groups that have values and say no bounds, so that readers may leave out a file that holds what
they look for; and it cannot write moments outside of the years 1 to 9999, nor a bound whose last character is before
the surrogates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from pyiceberg.io.fileformat import DataFileStatistics
from pyiceberg.io.pyarrow import MetricModeTypes, StatsAggregator, compute_statistics_plan
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.types import BinaryType, PrimitiveType, StringType
from pyiceberg.utils.truncate import truncate_upper_bound_binary_string

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.schema import Schema
    from pyiceberg.table.metadata import TableMetadata

_SURROGATES = range(0xD800, 0xE000)


def data_file(io: FileIO, table: TableMetadata, path: str) -> DataFile:
    """A part file as a manifest has it.

    Args:
        io: reads it.
        table: whose schema has all its columns.
        path: where it lies.

    Raises:
        ValueError: if its rows belong to several partitions.
    """
    file = io.new_input(path)
    with file.open() as stream:
        footer = pq.read_metadata(stream)
    schema = table.schema()
    found = statistics_of(footer, schema, table.properties)
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=found.partition(table.spec(), schema),
        file_size_in_bytes=len(file),
        sort_order_id=None,  # row groups are sorted, a file is not
        spec_id=table.default_spec_id,
        equality_ids=None,
        key_metadata=None,
        **found.to_serialized_dict(),
    )


def statistics_of(footer: pq.FileMetaData, schema: Schema, properties: dict[str, str]) -> DataFileStatistics:
    """Counts and bounds of a file; of each column what the table's properties ask for (`write.metadata.metrics.*`)."""
    plan = compute_statistics_plan(schema, properties)
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    sizes: dict[int, int] = {}
    values: dict[int, int] = {}
    nulls: dict[int, int] = {}
    bounds: dict[int, StatsAggregator] = {}
    for place in range(footer.num_columns):
        field = schema.find_field(footer.schema.column(place).path)
        chunks = [group.column(place) for group in groups]
        sizes[field.field_id] = sum(chunk.total_compressed_size for chunk in chunks)
        mode = plan[field.field_id].mode
        if mode.type == MetricModeTypes.NONE:
            continue
        values[field.field_id] = sum(chunk.num_values for chunk in chunks)
        filled = [chunk for chunk in chunks if chunk.num_values]
        told = [chunk.statistics for chunk in filled if chunk.is_stats_set]
        if len(told) < len(filled) or not all(statistics.has_null_count for statistics in told):
            continue
        nulls[field.field_id] = sum(statistics.null_count for statistics in told)
        between = _least_and_greatest(told)
        if between is not None and mode.type != MetricModeTypes.COUNTS:
            low, high = between
            if isinstance(field.field_type, StringType):
                low, high = (bound.decode() for bound in between)
            bounds[field.field_id] = _Bounds(field.field_type, low, high, mode.length)
    return DataFileStatistics(
        record_count=footer.num_rows,
        column_sizes=sizes,
        value_counts=values,
        null_value_counts=nulls,
        nan_value_counts={},
        column_aggregates=bounds,
        split_offsets=sorted(_begin(group) for group in groups),
    )


def _least_and_greatest(told: list[pq.Statistics]) -> tuple[Any, Any] | None:
    """Bounds of all row groups, as Parquet's physical type has them; None if one has values and does not say."""
    found = []
    for statistics in told:
        if statistics.has_min_max:
            found.append((statistics.min_raw, statistics.max_raw))
        elif statistics.num_values:
            return None
    if not found:
        return None
    return min(low for low, _ in found), max(high for _, high in found)


def _begin(group: pq.RowGroupMetaData) -> int:
    """Where a row group begins in its file."""
    first = group.column(0)
    offset: int = first.data_page_offset
    return min(offset, first.dictionary_page_offset or offset)


class _Bounds(StatsAggregator):
    """Bounds of a column, in the form of the Iceberg type: microseconds, days, str, bytes."""

    def __init__(self, type_: Any, low: Any, high: Any, length: int | None) -> None:
        self.primitive_type: PrimitiveType = type_
        self.current_min, self.current_max = low, high
        self.trunc_length = length

    def max_as_bytes(self) -> bytes | None:
        """At most so long, and no less than the greatest value; None if there is no such bound."""
        high: Any = self.current_max
        if isinstance(self.primitive_type, StringType):
            high = _upper_bound(high, self.trunc_length)
        elif isinstance(self.primitive_type, BinaryType):
            high = truncate_upper_bound_binary_string(high, self.trunc_length)
        return None if high is None else self.serialize(high)


def _upper_bound(text: str, length: int | None) -> str | None:
    """A text of at most so many characters that does not come before this one, by code points."""
    if length is None or len(text) <= length:
        return text
    for last in range(length - 1, -1, -1):
        code = ord(text[last]) + 1
        if code in _SURROGATES:
            code = _SURROGATES.stop
        if code <= 0x10FFFF:
            return text[:last] + chr(code)
    return None
