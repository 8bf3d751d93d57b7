"""The documents of a published day, rendered from its files."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from logpress.comparing.documents import Documents, hash_records
from logpress.engine.convert.block import Reject
from logpress.engine.part.part_reader import PartReader
from logpress.engine.part.rejects import DUPLICATE, NO_DAY, open_rejects
from logpress.kernel.words import PADDING


def part_documents(path: str) -> Generator[Documents]:
    """The documents of a part file, in the order they lie there; all are of the day.

    Raises:
        PartError: if the file is damaged.
    """
    reader = PartReader(path)
    before = 0
    for group in range(reader.row_groups):
        for sheet, rows in reader.sheets(group):
            counts, lengths = np.zeros(2, dtype=np.int64), np.empty(rows.count, dtype=np.int64)
            done = 0
            for chunk in sheet.rendered(rows, counts, lengths=lengths):
                sizes = lengths[done : int(counts[0])]
                done = int(counts[0])
                buffer = np.zeros(len(chunk) + PADDING, dtype=np.uint8)
                buffer[: len(chunk)] = chunk
                ends = np.cumsum(sizes) - 1
                starts = ends + 1 - sizes
                hashed = hash_records(buffer, starts, ends)
                yield Documents(path, before, buffer, starts, ends, *hashed, np.arange(len(sizes)))
                before += len(sizes)
            del sheet, rows  # the next row group would come before its texts go


def rejects_documents(path: str) -> Generator[Documents]:
    """The documents of a rejects file: duplicates, and what names no day, are records like others.

    What is no JSON object is damaged.

    Raises:
        PartError: if the file is damaged.
    """
    before = 0
    with open_rejects(path) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=["reason", "message", "record"])
            for batch in table.to_batches(max_chunksize=1024):
                columns = batch.to_pydict()
                yield _rejects(path, before, columns["record"], columns["reason"], columns["message"])
                before += batch.num_rows


def _rejects(
    path: str, before: int, records: Sequence[bytes], reasons: Sequence[str], messages: Sequence[str]
) -> Documents:
    buffer = np.frombuffer(b"".join(records) + bytes(PADDING), dtype=np.uint8)
    sizes = np.array([len(record) for record in records], dtype=np.int64)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    sound = np.array([reason in (DUPLICATE, NO_DAY) for reason in reasons], dtype=bool)
    hashed = hash_records(buffer, starts, ends)
    damaged = [Reject(row, reasons[row], messages[row]) for row in np.flatnonzero(~sound).tolist()]
    return Documents(path, before, buffer, starts, ends, *hashed, np.flatnonzero(sound), damaged=damaged)
