"""The codec `uuid`: a UUID in its canonical form, stored as 16 bytes.

Kernels: `read_uuid` and `write_uuid` (kernels_uuid), by kernels_dispatch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import missing_of, validity
from logpress.codecs.base import Example, Register, RowsToStore, StoredAs, StoredRows
from logpress.codecs.kernels_codes import UNSIGNED, UNSIGNED_LAST_IF_NULL
from logpress.codecs.kernels_dispatch import UUID
from logpress.codecs.kernels_text import NULL
from logpress.codecs.own_kernels import OwnKernelsCodec
from logpress.codecs.texts import Ints
from logpress.contract.columns import Column, Uuid
from logpress.errors import PartError

_BYTES, _WORDS = 16, np.dtype(">i8")


class UuidCodec(OwnKernelsCodec[Uuid]):
    """UUIDs: a register has the first 8 bytes, another one the last 8.

    Readers see strings in small letters, as they do before a column's codec becomes `uuid`: Arrow's type of UUIDs can
    be neither compared nor sorted, pandas has objects for it, and Polars bytes.
    """

    since = 1
    code = UUID
    example = Example(
        {"letters": "upper"},
        (b'"9F1C8A52-0000-4000-8000-0000000000FF"', b'"00000000-0000-0000-0000-000000000000"'),
        (b'"9f1c8a52-0000-4000-8000-0000000000ff"', b'"ffFFffFF-ffff-ffff-ffff-ffffffffffff"'),
        (
            b'"9F1C8A52-0000-4000-8000-0000000000F"',
            b'"9F1C8A5200004000800000000000000000FF"',
            b'"x"',
            b"1",
            b'"80000000-0000-0000-0000-000000000001"',
            b'"9\\u00461C8A-0000-4000-8000-0000000000FF"',
        ),
    )

    def __init__(self, column: Uuid, columns: Mapping[str, Column]) -> None:
        super().__init__(column, columns)
        self._low = f"{column.name}#low"

    @property
    def registers(self) -> tuple[Register, ...]:
        """The first and the last 8 bytes."""
        return Register(self.name), Register(self._low)

    @property
    def option(self) -> int:
        """Whether letters are capitals."""
        return int(self.column.letters == "upper")

    @property
    def readers_option(self) -> int:
        """Readers see small letters."""
        return 0

    def stored(self) -> list[StoredAs]:
        """The 16 bytes."""
        return [StoredAs(self.name, pa.uuid(), "dictionary")]

    def encode(self, rows: RowsToStore) -> None:
        """The bytes of both, the first ones first."""
        high, low = rows.regs[self.name], rows.regs[self._low]
        words = np.empty((len(high), 2), dtype=_WORDS)
        words[:, 0], words[:, 1] = high, low
        buffers = [validity(high == NULL), pa.py_buffer(words)]
        storage = pa.Array.from_buffers(pa.binary(_BYTES), len(high), buffers)
        rows.store(self.name, pa.ExtensionArray.from_storage(pa.uuid(), storage))

    def decode(self, rows: StoredRows) -> None:
        """The reverse."""
        if self.name in rows.names:
            rows.add(self._fill, self.name, self._low)

    def order_keys(self, regs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Whether there is one, and its bytes."""
        high, low = regs[self.name], regs[self._low]
        return [(high != NULL).astype(np.int32), high ^ NULL, low ^ NULL]  # NULL is the highest bit

    def sort_words(self) -> list[tuple[str, int]]:
        """Its bytes."""
        return [(self.name, UNSIGNED_LAST_IF_NULL), (self._low, UNSIGNED)]

    def _fill(self, table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
        array = table.column(self.name).chunk(0)
        data, missing = array.buffers()[1], missing_of(array)
        if data is None:
            regs[self.name][:] = regs[self._low][:] = NULL
            return
        words = np.frombuffer(data, dtype=_WORDS).reshape(-1, 2)[array.offset : array.offset + len(array)]
        regs[self.name][:], regs[self._low][:] = words[:, 0], words[:, 1]
        if missing is not None:
            regs[self.name][missing] = regs[self._low][missing] = NULL
        if np.count_nonzero(regs[self.name] == NULL) != array.null_count:
            raise PartError(f"column {self.name} has a UUID that nobody could write")
