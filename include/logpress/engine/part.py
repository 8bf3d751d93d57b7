"""A part file: a Parquet file that holds, in its key-value metadata, all that its restoration needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from logpress.contract.model import Contract
from logpress.engine.columns import DAY, StoredColumn, stored_columns
from logpress.engine.metadata_text import bytes_from_text, bytes_to_text
from logpress.engine.program import Registers
from logpress.errors import PartError
from logpress.layout.model import Layout
from logpress.parquet.schema import FileColumn
from logpress.parquet.writer import FileWriter, Sink
from logpress.version import __version__

METADATA_KEY = b"logpress"
CREATED_BY = "logpress version "
"""How a part's footer begins to say who wrote it."""

FORMAT = 4
"""1 could have small numbers of several columns in one; 2 had counters of sequence numbers in one column; 3 no
sample of keys."""

PAGE_BYTES = 96 << 10
"""Small pages keep zstd in the cache: at the same size, measured, a third less time than pages of 1 MB."""

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
                raise PartError(
                    f"the file has format {data['format']}; this logpress reads format {FORMAT}: restore it with the "
                    "logpress that wrote it, or press the day again"
                )
            packed = json.loads(bytes_from_text(data["packed"]))
            layouts = tuple(Layout.from_json(layout) for layout in packed["layouts"])
            return cls(Contract.model_validate(data["contract"]), layouts, tuple(packed["row_groups"]))
        except (ValueError, KeyError, TypeError) as error:
            raise PartError(f"the file's logpress metadata is damaged: {error}") from error

    def to_text(self) -> str:
        """The form in the file: JSON, in which layouts and row groups are JSON, zstd and base85; they are long."""
        packed = {"layouts": [layout.to_json() for layout in self.layouts], "row_groups": self.row_groups}
        text = _json(packed).encode()
        return _json(
            {
                "format": FORMAT,
                "contract": self.contract.model_dump(mode="json", exclude_defaults=True),
                "packed": bytes_to_text(text),
            }
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


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def open_writer(sink: Sink, contract: Contract, columns: Sequence[StoredColumn] | None = None) -> FileWriter:
    """A Parquet writer with the contract's encodings: v1 pages of 96 KB, checksums, statistics, zstd.

    Args:
        sink: where the file goes.
        contract: the table.
        columns: what the file has; all that the contract stores if None.
    """
    columns = stored_columns(contract) if columns is None else columns
    names = [column.name for column in columns]
    return FileWriter(
        sink,
        [
            FileColumn(
                name=column.name,
                type=column.type,
                nullable=column.name != DAY,
                encoding=column.encoding,
                zstd=column.zstd,
                statistics=_has_statistics(column),
            )
            for column in columns
        ],
        sorted_by=[name for name in contract.order_by if name in names],
        created_by=CREATED_BY + __version__,
        page_bytes=PAGE_BYTES,
        dictionary_bytes=DICTIONARY_BYTES,
    )


def _has_statistics(column: StoredColumn) -> bool:
    """Statistics serve readers' filters; of what only restoration reads they would be dead weight."""
    return not column.name.startswith("_")


@contextmanager
def open_file(path: str, dictionaries: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, local or by fsspec URI; these columns are read as dictionaries, where they are strings."""
    handle = pa.memory_map(path) if "://" not in path else fsspec.open(path, "rb").open()
    with handle:
        yield pq.ParquetFile(handle, read_dictionary=list(dictionaries) or None, page_checksum_verification=True)


@contextmanager
def open_part(path: str, dictionaries: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """Open a part file; see `open_file`.

    Raises:
        PartError: if it is not there, or no Parquet file.
    """
    try:
        with open_file(path, dictionaries) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise PartError(f"{path}: cannot be read as a part file: {error}") from error
