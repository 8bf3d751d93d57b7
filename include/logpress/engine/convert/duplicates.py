"""Exact duplicates: found within a slice while it is pressed, and counted across slices from their hashes.

Memory is bounded: if the table of a slice is full, its hashes are written to a file, a run, and the slice begins again
with an empty table. A run is counted like a slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fsspec
import numpy as np
from numpy.typing import NDArray

from logpress.engine.convert.block import Block
from logpress.engine.convert.kernels_duplicates import find_repeats, refill, sorted_hashes
from logpress.limits import DEFAULT, Limits
from logpress.records.hashes_on_disk import sorted_pieces, write_sorted

FEWEST_PLACES = 1 << 14
"""[memory] Places of the first table."""

FULL = 0.75
"""[memory] Share of places in use above which the table grows."""

MARGIN = 1.0625
"""[memory] Room in the first table, as a multiple of the records that the slice is estimated to have."""

_PLACE_BYTES = 12
"""Bytes of a place: three words of 32 bits."""


def table_bytes(limits: Limits) -> int:
    """Peak size of the table, in bytes: during its last enlargement."""
    return 2 * _PLACE_BYTES * limits.duplicate_places


class Seen:
    """The hashes of the rows that a slice has taken, or has taken since its last run.

    Memory: 12 bytes a place, of which 0.7 are in use after the last row. If the size of a slice does not tell its
    number of rows, as of compressed objects, the table doubles: 0.375 to 0.75 of its places are in use, and it takes
    1.5 times its size while it grows.
    """

    def __init__(self, filesystem: Any, path: str, raw_bytes: int = 0, limits: Limits = DEFAULT) -> None:
        """Prepare.

        Args:
            filesystem: fsspec's.
            path: file of the first run; see `run_paths`.
            raw_bytes: stored size of the slice; decompressed it may be larger.
            limits: largest size of the table, which is also the size of a run.
        """
        self._most_places = limits.duplicate_places
        self._most_rows = int(FULL * limits.duplicate_places)
        self._filesystem = filesystem
        self._path = path
        self._runs = 0
        self._raw_bytes = raw_bytes
        self._table: NDArray[np.uint32] = np.zeros((FEWEST_PLACES, 3), dtype=np.uint32)
        self._known = np.zeros(1, dtype=np.int64)

    def repeats(
        self, block: Block, days: NDArray[np.int64], units_per_day: int, day: int, take_unknown: bool
    ) -> NDArray[np.int64]:
        """Take repeated rows out of a settled block; returns them, int64[...]. Arguments as of `find_repeats`."""
        if int(self._known[0]) + block.rows > self._most_rows:
            self.write()
        self._make_room(block)
        repeats = np.empty(block.rows, dtype=np.int64)
        count, _ = find_repeats(
            block.states, block.hashes, days, units_per_day, day, take_unknown, self._table, self._known, repeats
        )
        return repeats[: int(count)]

    def _make_room(self, block: Block) -> None:
        need = int(self._known[0]) + block.rows
        places = len(self._table)
        if block.rows and self._raw_bytes:  # estimated by the length of the first rows
            expected = int(MARGIN * self._raw_bytes * block.rows / max(1, int(block.row_ends[-1])))
            need = max(need, min(expected, self._most_rows))
            self._raw_bytes = places = 0
        if need > FULL * places:
            table = np.zeros((max(min(2 * places, self._most_places), int(need / FULL) + 1), 3), dtype=np.uint32)
            refill(self._table, table)
            self._table = table

    def write(self) -> None:
        """Write the first halves of the rows' hashes, sorted, for `count_across`; then begin again."""
        if not self._runs:
            for path in run_paths(self._path, self._filesystem):  # those of an earlier try
                self._filesystem.rm(path)
        hashes = np.empty(int(self._known[0]), dtype=np.uint64)
        sorted_hashes(self._table, hashes)
        write_sorted(self._filesystem, _run_path(self._path, self._runs), hashes[np.newaxis])
        self._runs += 1
        self._table.fill(0)
        self._known.fill(0)


def seen_path(folder: str, slice_name: str) -> str:
    """Path of the hashes of a slice in its staging folder: the file of its first run."""
    return f"{folder}/_seen-{slice_name}"


def _run_path(path: str, run: int) -> str:
    return f"{path}.{run}" if run else path


def run_paths(path: str, filesystem: Any = None) -> list[str]:
    """The files of all runs of a slice; none if duplicates are kept."""
    filesystem = filesystem or fsspec.core.url_to_fs(path)[0]
    found: list[str] = []
    while filesystem.exists(_run_path(path, len(found))):
        found.append(_run_path(path, len(found)))
    return found


def count_across(paths: Sequence[str], limits: Limits = DEFAULT) -> int:
    """Count rows that are equal to a row of an earlier file, by 64 bits of their hashes, in bounded memory.

    Args:
        paths: files of all runs of all slices.
        limits: largest number of bytes of hashes in memory.
    """
    if len(paths) < 2:
        return 0
    found = 0
    for (words,) in sorted_pieces(paths, 1, limits.counted_hash_bytes // 8):
        hashes = np.sort(words, kind="stable")  # which merges what is in order already
        found += int((hashes[1:] == hashes[:-1]).sum())
    return found
