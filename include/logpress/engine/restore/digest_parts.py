"""The digest of what part files and rejects files give back."""

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
    """What restoration would give from these files: (records, their bytes, multiset digest).

    Every record is rendered and hashed; nothing is taken from statistics.

    Args:
        parts: part files, paths or fsspec URIs.
        rejects: rejects files.
        threads: row groups done at a time; 0: all is done in the calling thread.
        progress: called with bytes and records done so far.
        groups: which row groups of the parts; all if None.
        share: (k, n): only the rows of each row group that are the k-th of n shares of it.
        limits: how many rows are decoded at a time.

    Raises:
        PartError: if a file is damaged.
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
            del sheet, rows  # the next row group would come before its texts go
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
    """The rows that `digest_files` looks at."""
    for reader in (PartReader(path, limits) for path in parts):
        for group in range(reader.row_groups) if groups is None else groups:
            first, last = (reader.rows_by_group[group] * (share[0] + k) // share[1] for k in (0, 1))
            yield from reader.sheets(group, first, last)
            give_back_after(reader.text_bytes[group])
