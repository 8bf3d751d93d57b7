"""The first rows of a slice as other formats store them, and where their bytes are: what size reports compare with."""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.json as pa_json
import pyarrow.parquet as pq
import zstandard

from logpress.codecs.kernels_text import NULL
from logpress.engine.convert.block import Block
from logpress.engine.press.pressed_day import PressedDay
from logpress.engine.registers.kernels_codes import IRREGULAR
from logpress.engine.registers.programs import Layouts
from logpress.engine.registers.registers import EXTRA, LAYOUT, RAW
from logpress.engine.row_group.row_group import SECONDS_A_DAY
from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import MAX_DEPTH, value_end
from logpress.layout.model import Kind, Layout, Slot
from logpress.manifest import SliceSample

SAMPLE_BYTES = 1 << 20
"""Bytes of rows that are compressed, in 25 ms. Of two days of `sdk_log`, ratios were within 6 % of the whole."""

MOST_ROWS = 8_192
"""Rows of a sample, even if they are short, because each is copied by itself."""

FIELD_ROWS = 256
"""Rows of the sample, evenly spaced, whose values are measured."""

GZIP_LEVEL = 6
ZSTD_LEVEL = 3

_STRING_CONTENT = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)

_GZIP_WINDOW = 31
"""zlib's number for its largest window, with the header of gzip."""

_MOST_BRACKETS = 500
"""Brackets of a record that pyarrow reads: it calls itself for each level, and at 100,000 levels the stack ends."""

_MOST_COLUMNS = 1_000
"""[memory] Columns of plain Parquet. Records whose keys are data would make one of each key, of as many rows each."""


class Sample:
    """Collects the first rows of the day with `add`, and measures them with `measured`.

    Attributes:
        is_full: whether there are enough rows.
    """

    def __init__(self, layouts: Layouts, day: PressedDay) -> None:
        """Prepare.

        Args:
            layouts: of the slice.
            day: the day whose rows are taken.
        """
        self.is_full = False
        self._layouts = layouts
        self._day = day
        self._records: list[bytes] = []
        self._states: list[int] = []
        self._bytes = 0

    def add(self, block: Block, takes_unknown: bool) -> None:
        """Take a settled block's rows of the day, and those without a readable day if `takes_unknown`."""
        days = block.regs[self._layouts.registers[self._day.register], : block.rows]
        wanted = days // (self._day.units_per_second * SECONDS_A_DAY) == self._day.number
        if takes_unknown:
            wanted |= days == NULL
        rows = np.flatnonzero(wanted & block.finished)[: MOST_ROWS - len(self._records)]
        ends = self._bytes + np.cumsum(block.row_ends[rows] - block.row_starts[rows] + 1)
        rows = rows[ends <= SAMPLE_BYTES]
        self._records += map(block.record, rows.tolist())
        self._states += block.states[rows].tolist()
        self._bytes = int(ends[len(rows) - 1]) if len(rows) else self._bytes
        self.is_full = len(self._records) == MOST_ROWS or len(rows) < len(ends)

    def measured(self, reject_bytes: int) -> SliceSample | None:
        """The figures; None without rows.

        Args:
            reject_bytes: bytes of the slice's rejects.
        """
        if not self._records:
            return None
        lines = b"\n".join([*self._records, b""])
        measured = range(0, len(self._records), -(-len(self._records) // FIELD_ROWS))
        return SliceSample(
            rows=len(self._records),
            raw_bytes=len(lines),
            gzip_bytes=len(zlib.compress(lines, GZIP_LEVEL, _GZIP_WINDOW)),
            zstd_bytes=len(zstandard.ZstdCompressor(ZSTD_LEVEL).compress(lines)),
            parquet_bytes=_plain_parquet(self._records, lines, self._shapes()),
            field_rows=len(measured),
            field_bytes=self._fields([(self._records[row], self._states[row]) for row in measured]),
            reject_bytes=reject_bytes,
        )

    def _shapes(self) -> Iterator[bytes]:
        """Rows that have all keys: the first of each layout, and all with keys that their layout does not tell."""
        seen: set[int] = set()
        for record, state in zip(self._records, self._states, strict=True):
            if state != IRREGULAR:
                number = self._layouts.programs[state].layout
                if number in seen:
                    continue
                if not any(slot.kind in (Kind.CONTAINER, Kind.ANY) for slot in self._layouts.all[number].slots):
                    seen.add(number)
            yield record

    def _fields(self, rows: Sequence[tuple[bytes, int]]) -> dict[str, int]:
        """Bytes of the rows by the column that has them: of a value its text, in its column; of the rest, in `_layout`.

        Quotes, keys and punctuation are the layout's; values that the contract does not name are `_extra`'s, and rows
        that are kept whole `_raw`'s.
        """
        found: Counter[str] = Counter()
        copies = {copy.path: copy.of for copy in self._layouts.registers.contract.copies}
        for record, state in rows:
            if state == IRREGULAR:
                found[RAW] += len(record)
                continue
            layout = self._layouts.all[self._layouts.programs[state].layout]
            values = 0
            for slot, size in zip(layout.slots, slot_bytes(record, layout), strict=True):
                found[_column_of(slot, copies)] += size
                values += size
            found[LAYOUT] += len(record) - values
        return dict(sorted(found.items()))


def slot_bytes(record: bytes, layout: Layout) -> list[int]:
    """The bytes of each slot's text in a record of a layout, an instant's label included.

    Args:
        record: its bytes.
        layout: that fits it.
    """
    sizes = []
    at = len(layout.literals[0])
    for slot, literal in zip(layout.slots, layout.literals[1:], strict=True):
        begin = at
        if slot.instant is not None:
            at += slot.instant.length
            sizes.append(at - begin + len(slot.instant.label))
        else:
            at = _text_end(record, at, slot.kind, literal)
            sizes.append(at - begin)
        at += len(literal)
    return sizes


def _text_end(record: bytes, at: int, kind: Kind, literal: bytes) -> int:
    """Where the text of a slot ends that begins here; the literal follows it."""
    if kind == Kind.STRING:
        found = _STRING_CONTENT.match(record, at)
        return found.end() if found is not None else at
    if kind in (Kind.CONTAINER, Kind.ANY):
        buffer = np.frombuffer(record + bytes(PADDING), dtype=np.uint8)
        return int(value_end(buffer, at, len(record), np.empty(MAX_DEPTH, dtype=np.uint8)))
    return record.index(literal, at)  # no number or word has what may follow it


def _column_of(slot: Slot, copies: dict[str, str]) -> str:
    return EXTRA if slot.role == "extra" else slot.name or copies[slot.path]


def _plain_parquet(records: Sequence[bytes], lines: bytes, shapes: Iterable[bytes]) -> int | None:
    """Bytes of the records as the Parquet that pyarrow makes of JSON: flat columns, its defaults, snappy.

    What the second half of the records adds to a file of the first half, twice, because a large file has dictionaries
    once a row group and not once a sample. Of two days of `sdk_log` that is 2 and 5 % less than the whole days take. A
    day whose texts repeat only over millions of rows would take less, and one of texts too many for a dictionary more.

    Args:
        records: the records.
        lines: the same, each with a newline behind it.
        shapes: those of them that have all keys.

    Returns:
        None if pyarrow cannot read them as one table, or if that has more than `_MOST_COLUMNS` columns.
    """
    if max(record.count(b"[") + record.count(b"{") for record in records) > _MOST_BRACKETS:
        return None
    try:
        if _has_more_paths(shapes, _MOST_COLUMNS):
            return None
        table = _flat(lines)
        all_bytes = _column_bytes(table)
        half = len(records) // 2
        if not half or table.num_rows != len(records):
            return all_bytes
        added = all_bytes - _column_bytes(table.slice(0, half))
        raw = len(lines) - sum(map(len, records[:half])) - half
        return round(added * len(lines) / raw) if added > 0 else all_bytes
    except Exception:  # of many kinds: a key has values of several types, for example, or values are too deep
        return None  # no slice is lost because it cannot be compared


def _has_more_paths(records: Iterable[bytes], most: int) -> bool:
    """Whether JSON documents have more paths of keys than this; elements of an array have one path.

    Raises:
        ValueError: if one is not a JSON document.
    """
    paths: set[str] = set()
    for record in records:
        open_values = [("", json.loads(record))]
        while open_values:
            path, value = open_values.pop()
            if isinstance(value, dict):
                open_values += [(f"{path}.{key}", inner) for key, inner in value.items()]
            elif isinstance(value, list):
                open_values += [(f"{path}[]", inner) for inner in value]
            paths.add(path)
            if len(paths) > most:
                return True
    return False


def _flat(lines: bytes) -> pa.Table:
    options = pa_json.ReadOptions(use_threads=False, block_size=max(len(lines), 1))
    table = pa_json.read_json(pa.py_buffer(lines), read_options=options)
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _column_bytes(table: pa.Table) -> int:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="snappy")
    footer = pq.read_metadata(pa.BufferReader(sink.getvalue()))
    groups = (footer.row_group(number) for number in range(footer.num_row_groups))
    return sum(group.column(number).total_compressed_size for group in groups for number in range(group.num_columns))
