"""Some rows of a part as records: their bytes, or only their digest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.engine.part.part_reader import PartReader
from logpress.engine.registers.rows import Slice
from logpress.engine.render.renderer import Sheet
from logpress.hashing import digest as digests
from logpress.machine.memory import give_back_after

Rows = NDArray[np.int64]
"""int64[n]: rows of a row group, ascending."""


def records_of(reader: PartReader, group: int, rows: Rows) -> Iterator[tuple[Rows, list[bytes]]]:
    """The records of some rows of a row group, some at a time: (rows, their bytes).

    Raises:
        PartError: if the part is damaged.
    """
    for sheet, some, order in _chosen(reader, group, rows):
        lengths = np.zeros(len(order), dtype=np.int64)
        counts = np.zeros(2, dtype=np.int64)
        found: list[bytes] = []
        for chunk in sheet.chunks(some.regs, order, counts, lengths=lengths):
            data, at = chunk.tobytes(), 0
            for length in lengths[len(found) : int(counts[0])].tolist():
                found.append(data[at : at + length - 1])  # behind each is a newline
                at += length
        yield order.astype(np.int64) + some.first, found


def digest_rows(reader: PartReader, chosen: Mapping[int, Rows]) -> tuple[int, int, str]:
    """What some rows give back: (records, their bytes, multiset digest).

    Args:
        reader: of the part.
        chosen: by row group.

    Raises:
        PartError: if the part is damaged.
    """
    digest, counts = np.zeros(2, dtype=np.uint64), np.zeros(2, dtype=np.int64)
    for group, rows in chosen.items():
        for sheet, some, order in _chosen(reader, group, rows):
            for _ in sheet.chunks(some.regs, order, counts, digest=digest):
                pass
        give_back_after(reader.text_bytes[group])
    return int(counts[0]), int(counts[1]), digests.to_text(digest)


def _chosen(reader: PartReader, group: int, rows: Rows) -> Iterator[tuple[Sheet, Slice, NDArray[Any]]]:
    if len(rows) == 0:
        return
    for sheet, some in reader.sheets(group, int(rows[0]), int(rows[-1]) + 1):
        first, last = np.searchsorted(rows, [some.first, some.first + some.count])
        if first < last:
            yield sheet, some, (rows[first:last] - some.first).astype(np.int32)
