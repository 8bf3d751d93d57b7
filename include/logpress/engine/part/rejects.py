"""Rejects: records that are no row of the day and belong to no other day either, with their origin and the reason.

They are kept in a Parquet file of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logpress.codecs.arrow_arrays import array_of, texts_array
from logpress.engine.part.part_file import open_part
from logpress.errors import PartError
from logpress.hashing import digest as digests

DUPLICATE = "duplicate"
"""Reason: the record is equal to an earlier one of its slice; it may be sound."""

NO_DAY = "no_day"
"""Reason: the record has no readable day, and its input may be of any day; it is a sound JSON object."""

NO_DAY_MESSAGE = "its day cannot be read, and its input may be of any day"

REJECTS_SCHEMA = pa.schema(
    [
        pa.field("origin", pa.string(), nullable=False),
        pa.field("record_number", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("message", pa.string(), nullable=False),
        pa.field("continued", pa.bool_(), nullable=False),
        pa.field("record", pa.binary(), nullable=False),
    ]
)


_OBJECT_BYTES = 512
"""Memory of a reject besides its record: six objects, and its digest."""


@dataclass
class Rejects:
    """Rejected records on their way to the rejects file.

    Attributes:
        pending_bytes: memory of the rejects since the last `take`.
    """

    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in REJECTS_SCHEMA.names})
    records: int = 0
    record_bytes: int = 0
    pending_bytes: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    digests: list[str] = field(default_factory=list)

    def add(
        self,
        origin: str,
        number: int,
        reason: str,
        message: str,
        record: bytes,
        continued: bool = False,
        digest: str | None = None,
    ) -> None:
        """Add a record. `continued`: it is a piece, and another follows. `digest`: its digest, if known."""
        for name, value in zip(REJECTS_SCHEMA.names, (origin, number, reason, message, continued, record), strict=True):
            self.columns[name].append(value)
        self.records += 1
        self.record_bytes += len(record)
        self.pending_bytes += len(record) + _OBJECT_BYTES
        self.reasons[reason] += 1
        self.digests.append(digest or digests.digest_records([record]))

    def take(self) -> pa.Table:
        """The rejects since the last call, as a table to write."""
        arrays = [_array(self.columns.pop(field.name), field.type) for field in REJECTS_SCHEMA]
        table = pa.Table.from_arrays(arrays, schema=REJECTS_SCHEMA)
        self.columns = {name: [] for name in REJECTS_SCHEMA.names}
        self.pending_bytes = 0
        self.digests = [digests.combine(self.digests)]
        return table


def _array(values: list[Any], type_: pa.DataType) -> pa.Array:
    if pa.types.is_string(type_):
        return texts_array([value.encode(errors="replace") for value in values], type_)
    if pa.types.is_binary(type_):
        return texts_array(values, type_)
    return array_of(np.array(values, dtype=np.bool_ if pa.types.is_boolean(type_) else np.int64), type_)


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record of the rejects file."""

    data: bytes
    continued: bool


@contextmanager
def open_rejects(path: str) -> Iterator[pq.ParquetFile]:
    """Open a rejects file. It has the columns of REJECTS_SCHEMA, without nulls.

    Raises:
        PartError: if it is missing or damaged; with the path.
    """
    with open_part(path) as file:
        if not file.schema_arrow.equals(REJECTS_SCHEMA):
            raise PartError(f"is not a rejects file: its columns are {', '.join(file.schema_arrow.names)}")
        yield file


def read_rejects(path: str) -> Iterator[list[RejectedRecord]]:
    """The records of a rejects file, by row group, in their order.

    Raises:
        PartError: if it is damaged.
    """
    with open_rejects(path) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=["record", "continued"])
            yield [
                RejectedRecord(data, continued)
                for data, continued in zip(table["record"].to_pylist(), table["continued"].to_pylist(), strict=True)
            ]
