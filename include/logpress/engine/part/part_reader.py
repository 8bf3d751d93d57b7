"""Reads part files: the rows of a row group as registers, some at a time, and the sheets that render them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.engine.part.compare_stored_too import Comparison
from logpress.engine.part.decode import GroupDecoder
from logpress.engine.part.opened_part import OpenedPart
from logpress.engine.registers.rows import Slice
from logpress.engine.registers.stored_columns import ROW_GROUP, stored_columns, stored_too
from logpress.engine.render.renderer import Renderer, Sheet
from logpress.errors import PartError
from logpress.limits import DEFAULT, Limits

DICTIONARIES_BYTES = 2 << 20
"""[speed] For each so many bytes of a row group's dictionaries, batches get `decoded_rows` more rows, because Arrow
copies all dictionaries into every batch."""


class PartReader:
    """Reads row groups of one part into registers.

    Args:
        path: a path or fsspec URI.
        limits: number of rows decoded at a time, and size of buffers of records.
        compares: whether `slices` and `sheets` also compare the columns of `stored_too` with what readers derive.
    """

    def __init__(self, path: str, limits: Limits = DEFAULT, *, compares: bool = False) -> None:
        self.path = path
        self._limits = limits
        self._part = part = OpenedPart.open(path)
        self.footer = footer = part.footer
        self.metadata = part.metadata
        self.row_groups = footer.num_row_groups
        self.rows_by_group = [part.rows_of(i) for i in range(footer.num_row_groups)]
        self.text_bytes = [_text_bytes(footer.row_group(i)) for i in range(footer.num_row_groups)]
        contract = self.metadata.contract
        too = stored_too(contract)
        known = [column.name for column in stored_columns(contract) if column.name not in (ROW_GROUP, *too)]
        self._stored = [name for name in footer.schema.to_arrow_schema().names if name in known]
        self._compared = too if compares else []
        self.renderer = Renderer(self.metadata.registers, self.metadata.layouts)

    def decoder(self, group: int, columns: Sequence[str] | None = None) -> GroupDecoder:
        """One row group in memory: all registers, or those of these columns of the file."""
        names = [name for name in self._stored if columns is None or name in columns]
        with self._part.group(group, names, is_described=True) as opened:
            table = opened.table(names)
            return self._part.decoder(opened.described(), table)

    def sample(self, group: int, words: int) -> NDArray[np.int64]:
        """A sample of a row group's keys and positions, see `Keys.sample`: int64[words + 1, keys].

        Raises:
            PartError: if the file is damaged.
        """
        with self._part.group(group, [], is_described=True) as opened:
            sample = opened.described().sample
        if sample.size % (words + 1):
            raise PartError(f"{self.path}: the sample of keys of row group {group} does not have {words} words")
        return sample.reshape(words + 1, -1)

    def slices(self, group: int, first: int = 0, last: int | None = None) -> Iterator[Slice]:
        """The rows `first` to `last` of a row group, some at a time; only these are in memory.

        Raises:
            PartError: if the file is damaged.
        """
        last = self.rows_by_group[group] if last is None else last
        if first >= last:
            return
        part = self._part
        read = [*self._stored, *self._compared]
        with part.group(group, read, is_described=True) as opened:
            chunks = [self.footer.row_group(group).column(number) for number in range(self.footer.num_columns)]
            chunks = [chunk for chunk in chunks if chunk.path_in_schema in read]
            # reading in pieces needs a dictionary that does not grow from page to page
            whole = [
                c.path_in_schema for c in chunks
                if c.physical_type == "BYTE_ARRAY" and not (part.is_ours and c.has_dictionary_page)
            ]  # fmt: skip
            others = [c.path_in_schema for c in chunks if c.path_in_schema not in whole]
            texts = opened.table(whole)
            # first, because it reads a batch of one row, and pyarrow keeps the size of batches of the last call
            described = opened.described()
            found: GroupDecoder | None = None
            comparison: Comparison | None = None
            at = 0
            most = self._limits.decoded_rows
            for batch in opened.batches(others, most * (1 + self.text_bytes[group] // DICTIONARIES_BYTES)):
                end = min(last, at + batch.num_rows)
                for begin in range(max(first, at), end, most):
                    table = pa.Table.from_batches([batch]).slice(begin - at, min(most, end - begin))
                    found = found or part.decoder(described, table, texts)
                    rows = self._slice(found, table, begin)
                    if self._compared:
                        where = f"{self.path}: row group {group}"
                        comparison = comparison or Comparison(self.metadata.contract, self._compared, found, where)
                        comparison.compare(rows, self.metadata.registers.numbers, table, texts)
                    yield rows
                at += batch.num_rows
                if at >= last:
                    return
        raise PartError(f"{self.path}: row group {group} ends before row {last}")

    def _slice(self, decoder: GroupDecoder, table: pa.Table, first: int) -> Slice:
        numbers, rows = self.metadata.registers.numbers, table.num_rows
        # registers a power of two apart would collide in the cache
        matrix = np.empty((len(numbers), rows + 8), dtype=np.int64)
        decoder.fill({name: matrix[numbers[name], :rows] for name in decoder.registers}, table, first)
        for name in numbers.keys() - decoder.registers:
            matrix[numbers[name]] = NULL
        return Slice(first, rows, matrix, decoder.texts)

    def sheets(self, group: int, first: int = 0, last: int | None = None) -> Iterator[tuple[Sheet, Slice]]:
        """As `slices`, each with the sheet that renders it."""
        sheet = None
        for rows in self.slices(group, first, last):
            sheet = sheet or Sheet(self.renderer, rows.texts, f"{self.path}: row group {group}", self._limits)
            yield sheet, rows


def _text_bytes(group: pq.RowGroupMetaData) -> int:
    """Estimated bytes of a row group's texts: dictionaries count once, and are assumed to be compressed to a third."""
    size = 0
    for number in range(group.num_columns):
        column = group.column(number)
        if column.physical_type == "BYTE_ARRAY":
            if column.has_dictionary_page:
                size += 3 * (column.data_page_offset - column.dictionary_page_offset)
            else:
                size += column.total_uncompressed_size
    return int(size)
