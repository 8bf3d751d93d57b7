"""Which rows of a slice its part does not give back: told by hashes, from reading the slice once more.

Half of each hash is kept, on disk, so that memory is bounded. That two different records have the same half would keep
one more of them whole than need be, or leave one that the proof then finds again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from logpress.contract.model import Contract
from logpress.engine.convert.block import Block
from logpress.engine.part.part_reader import PartReader
from logpress.engine.press import SlicePress, read_slice
from logpress.engine.row_group.kernels_row_group import choose_rows
from logpress.engine.row_group.row_group import SECONDS_A_DAY
from logpress.errors import PartError, ProofError, SourceError
from logpress.hashing import digest as digests
from logpress.machine.memory import give_back_after
from logpress.manifest import SliceManifest, SliceSpec

Words = NDArray[np.uint64]
"""uint64[n]: the first words of records' hashes."""

_WORDS_AT_A_TIME = 1 << 22


def lost_rows(
    contract: Contract,
    day: date,
    spec: SliceSpec,
    manifest: SliceManifest,
    part: str,
    *,
    threads: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Words:
    """Find the rows that a part does not give back: those of its slice less those that it gives, as multisets.

    Args:
        contract: the table.
        day: the UTC day.
        spec: the slice, which is read once more.
        manifest: what was pressed of it.
        part: its part file, a path or fsspec URI.
        threads: threads that convert; 0: all is done in the calling thread.
        progress: called with raw bytes and records done so far.

    Returns:
        Ascending, each once; memory: 8 bytes each.

    Raises:
        ProofError: if the slice cannot be read again, or is not what it was.
    """
    with TemporaryDirectory(prefix="logpress-") as folder:
        taken, given = _File(f"{folder}/taken"), _File(f"{folder}/given")
        try:
            reading = read_slice(
                lambda some: _Reading(contract, day, some, folder, threads, progress, taken), spec, contract
            )
        except SourceError as error:
            raise ProofError(
                f"slice {spec.name}: some of its records do not come back, and they cannot be told, as its source "
                f"cannot be read again: {error}"
            ) from error
        reading.discard()
        _see_that_it_is_the_same(manifest, reading)
        _read_part(part, given)
        return _difference(taken, given)


class _File:
    """Words on disk."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self.clear()

    def __len__(self) -> int:
        return self._path.stat().st_size // 8

    def clear(self) -> None:
        self._path.write_bytes(b"")

    def add(self, words: Words) -> None:
        with self._path.open("ab") as file:
            file.write(np.ascontiguousarray(words).data)

    def between(self, first: int, last: int) -> Words:
        """Those from `first` to `last`, both included, ascending."""
        found = [np.empty(0, dtype=np.uint64)]
        with self._path.open("rb") as file:
            while data := file.read(8 * _WORDS_AT_A_TIME):
                words = np.frombuffer(data, dtype=np.uint64)
                found.append(words[(words >= np.uint64(first)) & (words <= np.uint64(last))])
        return np.sort(np.concatenate(found))


class _Reading(SlicePress):
    """Reads a slice as pressing does, and keeps hashes of the rows that it takes, not the rows."""

    def __init__(
        self,
        contract: Contract,
        day: date,
        spec: SliceSpec,
        folder: str,
        threads: int,
        progress: Callable[[int, int], None] | None,
        taken: _File,
    ) -> None:
        super().__init__(contract, day, spec, folder, threads, progress)
        self.digest = np.zeros(2, dtype=np.uint64)
        self._taken = taken
        taken.clear()  # of what was read before the source broke off

    def _append(self, block: Block, takes_unknown: bool) -> None:
        places = np.empty(block.rows, dtype=np.int64)
        _, count = choose_rows(
            0, block.rows, block.row_starts, block.row_ends, block.states, block.hashes,
            block.regs[self.registers[self.contract.day]], self.units_per_second * SECONDS_A_DAY, self.days,
            takes_unknown, self.totals[:3], self.digest, places,
        )  # fmt: skip
        self._taken.add(block.hashes[0, places[:count]])


def _see_that_it_is_the_same(manifest: SliceManifest, reading: _Reading) -> None:
    digest = digests.combine([digests.to_text(reading.digest), *reading.rejects.digests])
    if digest != manifest.digest:
        raise ProofError(
            f"slice {manifest.slice}: some of its records do not come back, and they cannot be told, as its source has "
            f"changed since it was pressed: it had {manifest.rows + manifest.rejects} records of the day with digest "
            f"{manifest.digest}, and has {int(reading.totals[0]) + reading.rejects.records} with digest {digest} now; "
            "press the day again"
        )


def _read_part(path: str, given: _File) -> None:
    """Note the rows that a part gives back; where it is damaged, it gives fewer."""
    try:
        reader = PartReader(path)
    except PartError:
        return
    for group in range(reader.row_groups):
        try:
            for sheet, rows in reader.sheets(group):
                for words in sheet.hashes(rows):
                    given.add(words)
        except PartError:
            continue
        finally:
            give_back_after(reader.text_bytes[group])


def _difference(taken: _File, given: _File) -> Words:
    """Words of which there are more in the first, each once."""
    pieces = 1 + max(len(taken), len(given)) // _WORDS_AT_A_TIME
    bounds = [(k << 64) // pieces for k in range(pieces + 1)]
    lost = []
    for first, following in pairwise(bounds):
        words, counts = np.unique(taken.between(first, following - 1), return_counts=True)
        others = given.between(first, following - 1)
        there = np.searchsorted(others, words, side="right") - np.searchsorted(others, words, side="left")
        lost.append(words[counts > there])
    return np.concatenate(lost)
