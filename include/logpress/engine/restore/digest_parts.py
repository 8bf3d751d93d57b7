"""The digest of the records in part files and rejects files."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from threading import Lock

import numpy as np

from logpress.engine.part.part_reader import PartReader
from logpress.engine.part.rejects import read_rejects
from logpress.engine.registers.rows import Slice
from logpress.engine.render.renderer import Sheet
from logpress.hashing import digest as digests
from logpress.limits import DEFAULT, Limits
from logpress.machine.inline import executor
from logpress.machine.memory import give_back_after, keep_freed_memory
from logpress.progress import Progress


def digest_files(
    parts: Sequence[str],
    rejects: Sequence[str],
    *,
    threads: int = 2,
    progress: Progress | None = None,
    groups: range | None = None,
    share: tuple[int, int] = (0, 1),
    limits: Limits = DEFAULT,
) -> tuple[int, int, str]:
    """(records, their bytes, multiset digest) of all records that these files restore.

    Every record is rendered and hashed; nothing is taken from statistics. Virtual columns that are stored, too, are
    compared with what readers derive: restoring does not need them, and so would not notice a wrong value.

    Args:
        parts: part files, paths or fsspec URIs.
        rejects: rejects files.
        threads: number of row groups at a time; 0: the calling thread does all work.
        progress: called with bytes and records done so far.
        groups: numbers of the row groups; all if None.
        share: (k, n): only the k-th of n shares of the rows of each row group.
        limits: number of rows decoded at a time.

    Raises:
        PartError: if a file is damaged, or a stored virtual column has another value than is derived.
    """
    keep_freed_memory()
    totals = np.zeros(2, dtype=np.int64)
    found: list[str] = []
    lock = Lock()

    def add(records: int, size: int, digest: str) -> None:
        with lock:
            totals[0] += records
            totals[1] += size
            found.append(digest)
            if progress is not None:
                progress(int(totals[1]), int(totals[0]))

    def hash_rows(sheet: Sheet, rows: Slice) -> None:
        digest = np.zeros(2, dtype=np.uint64)
        counts = np.zeros(2, dtype=np.int64)
        for _ in sheet.twin().rendered(rows, counts, digest=digest):
            pass
        add(int(counts[0]), int(counts[1]), digests.to_text(digest))

    with executor(threads, "render") as pool:
        waiting: deque[Future[None]] = deque()
        for sheet, rows in _sheets(parts, groups, share, limits):
            waiting.append(pool.submit(hash_rows, sheet, rows))
            del sheet, rows  # frees its texts before the next row group is read
            while len(waiting) > 2 * threads:
                waiting.popleft().result()
        for path in rejects:
            for records in read_rejects(path):
                data = [record.data for record in records]
                add(len(data), sum(map(len, data)), digests.digest_records(data))
        while waiting:
            waiting.popleft().result()
    return int(totals[0]), int(totals[1]), digests.combine(found)


def _sheets(
    parts: Sequence[str], groups: range | None, share: tuple[int, int], limits: Limits
) -> Iterator[tuple[Sheet, Slice]]:
    """The rows for `digest_files`, with their sheets."""
    for reader in (PartReader(path, limits, compares=True) for path in parts):
        for group in range(reader.row_groups) if groups is None else groups:
            first, last = (reader.rows_by_group[group] * (share[0] + k) // share[1] for k in (0, 1))
            yield from reader.sheets(group, first, last)
            give_back_after(reader.text_bytes[group])
