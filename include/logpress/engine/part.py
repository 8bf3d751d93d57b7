"""A part file: a Parquet file that holds, in its key-value metadata, all that its restoration needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from logpress.contract.model import Contract
from logpress.engine.columns import StoredColumn, stored_columns
from logpress.engine.program import Registers
from logpress.errors import PartError
from logpress.layout.model import Layout

METADATA_KEY = b"logpress"
FORMAT = 1
PAGE_BYTES = 96 << 10
"""Small pages keep zstd in the cache: at the same size, measured, a third less time than pages of 1 MB."""

BATCH_ROWS = 1 << 12
DICTIONARY_BYTES = 64 << 20


@dataclass(frozen=True)
class PartMetadata:
    """What a part file says of itself.

    Attributes:
        contract: the contract it was written with.
        layouts: the skeletons of its records, by number.
        row_groups: per row group: spellings, lookups, counters; see `encode.py`.
    """

    contract: Contract
    layouts: tuple[Layout, ...]
    row_groups: tuple[dict[str, Any], ...]

    @classmethod
    def read(cls, file: pq.ParquetFile) -> PartMetadata:
        """The metadata of an open file.

        Raises:
            PartError: if the file was not written by logpress, or by a later one.
        """
        text = (file.metadata.metadata or {}).get(METADATA_KEY)
        if text is None:
            raise PartError(
                "the file has no logpress metadata; it was not written by logpress, or was rewritten by another tool"
            )
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise PartError(f"the file has format {data['format']}; this logpress reads format {FORMAT}")
            layouts = tuple(Layout.from_json(layout) for layout in data["layouts"])
            return cls(Contract.model_validate(data["contract"]), layouts, tuple(data["row_groups"]))
        except (ValueError, KeyError, TypeError) as error:
            raise PartError(f"the file's logpress metadata is damaged: {error}") from error

    def to_text(self) -> str:
        """The form in the file."""
        return json.dumps(
            {
                "format": FORMAT,
                "contract": self.contract.model_dump(mode="json", exclude_defaults=True),
                "layouts": [layout.to_json() for layout in self.layouts],
                "row_groups": self.row_groups,
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    @cached_property
    def registers(self) -> Registers:
        """The registers of the contract."""
        return Registers(self.contract)

    def layouts_with(self, column: str) -> NDArray[np.bool_]:
        """Which layouts have a slot for a column: bool[layouts]."""
        return np.array(
            [any(slot.role == "column" and slot.name == column for slot in layout.slots) for layout in self.layouts],
            dtype=bool,
        )


def writer_schema(columns: Sequence[StoredColumn]) -> pa.Schema:
    """The schema handed to the writer: dictionary columns come as dictionaries, so that nothing is hashed again."""
    fields = []
    for column in columns:
        type_ = column.type
        if column.encoding == "dictionary" and (pa.types.is_string(type_) or pa.types.is_binary(type_)):
            type_ = pa.dictionary(pa.int32(), type_)
        fields.append(pa.field(column.name, type_, nullable=column.name != "day"))
    return pa.schema(fields)


def open_writer(sink: IO[bytes], contract: Contract, columns: Sequence[StoredColumn] | None = None) -> pq.ParquetWriter:
    """A Parquet writer with the contract's encodings: v1 pages of 96 KB, checksums, statistics, zstd.

    Args:
        sink: where the file goes.
        contract: the table.
        columns: what the file has; all that the contract stores if None.
    """
    columns = stored_columns(contract) if columns is None else columns
    schema = writer_schema(columns)
    order = [pq.SortingColumn(schema.get_field_index(name)) for name in contract.order_by if name in schema.names]
    return pq.ParquetWriter(
        sink,
        schema,
        version="2.6",
        data_page_version="1.0",
        use_dictionary=[column.name for column in columns if column.encoding == "dictionary"],
        column_encoding={c.name: name for c in columns if (name := parquet_encoding(c)) is not None},
        compression=dict.fromkeys((column.name for column in columns), "zstd"),
        compression_level={column.name: column.zstd for column in columns},
        data_page_size=PAGE_BYTES,
        max_rows_per_page=2**31 - 1,
        write_batch_size=BATCH_ROWS,
        dictionary_pagesize_limit=DICTIONARY_BYTES,
        write_page_checksum=True,
        store_schema=False,
        sorting_columns=order or None,
        write_statistics=[column.name for column in columns if _has_statistics(column)],
    )


_PARQUET_NAMES = {"plain": "PLAIN", "byte_stream_split": "BYTE_STREAM_SPLIT"}


def _has_statistics(column: StoredColumn) -> bool:
    """Statistics serve readers' filters; of what only restoration reads they would be dead weight."""
    return not column.name.startswith("_")


def parquet_encoding(column: StoredColumn) -> str | None:
    """The name Parquet gives the column's encoding; None for dictionaries."""
    if column.encoding == "delta":
        return "DELTA_LENGTH_BYTE_ARRAY" if pa.types.is_string(column.type) else "DELTA_BINARY_PACKED"
    return _PARQUET_NAMES.get(column.encoding)


@contextmanager
def open_part(path: str, dictionaries: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, local or by fsspec URI; these columns are read as dictionaries, where they are strings.

    Raises:
        PartError: if it is not there, or no Parquet file.
    """
    try:
        handle = pa.memory_map(path) if "://" not in path else fsspec.open(path, "rb").open()
        with handle:
            yield pq.ParquetFile(handle, read_dictionary=list(dictionaries) or None, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise PartError(f"{path}: cannot be read as a part file: {error}") from error
