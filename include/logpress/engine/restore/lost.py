"""Finds rows of a slice that its part does not restore, by hashes, while the slice is read once more.

Half of each hash is kept, on disk, so that memory is bounded. If two different records have the same half, either one
record too many is kept whole, or one is missed, which the next proof finds.
"""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date
from tempfile import TemporaryDirectory

import numpy as np

from logpress.contract.model import Contract
from logpress.engine.convert.block import Block
from logpress.engine.part.part_reader import PartReader
from logpress.engine.press.files import SliceFiles
from logpress.engine.press.pressed_day import PressedDay
from logpress.engine.press.reading import SliceReading
from logpress.engine.press.slice_press import read_slice
from logpress.engine.registers.programs import Layouts
from logpress.engine.registers.registers import Registers
from logpress.engine.restore.words_file import Words, WordsFile, pieces
from logpress.engine.row_group.kernels_row_group import choose_rows
from logpress.engine.row_group.row_group import SECONDS_A_DAY
from logpress.errors import PartError, ProofError, SourceError
from logpress.hashing import digest as digests
from logpress.limits import DEFAULT, Limits
from logpress.machine.memory import keep_freed_memory
from logpress.manifest import SliceManifest, SliceSpec
from logpress.progress import Progress


def lost_rows(
    contract: Contract,
    day: date,
    spec: SliceSpec,
    manifest: SliceManifest,
    part: str,
    *,
    threads: int = 0,
    progress: Progress | None = None,
    limits: Limits = DEFAULT,
) -> Words:
    """Find the rows that a part does not restore: the multiset of the slice's rows less that of the part's rows.

    Args:
        contract: the table.
        day: the UTC day.
        spec: the slice, which is read once more.
        manifest: manifest of the slice.
        part: its part file, a path or fsspec URI.
        threads: threads that convert; 0: the calling thread does all work.
        progress: called with raw bytes and records done so far.
        limits: those that the slice was pressed with.

    Returns:
        First words of their hashes, ascending, each once; 8 bytes of memory each.

    Raises:
        ProofError: if the slice cannot be read again, or has changed.
        UsageError: if TMPDIR has no room for hashes.
    """
    with (
        TemporaryDirectory(prefix="logpress-") as folder,
        closing(WordsFile(limits.lost_words)) as taken,
        closing(WordsFile(limits.lost_words)) as given,
    ):
        pressed = PressedDay.of(contract, day)

        def begun(some: SliceSpec) -> _Reading:
            keep_freed_memory()
            layouts = Layouts(contract, Registers(contract), limits)
            rows = _TakenHashes(layouts.registers, pressed, taken)
            files = SliceFiles(contract, folder, some.name)
            reading = SliceReading(
                some, layouts, pressed, rows, files, threads=threads, limits=limits, progress=progress
            )
            return _Reading(reading, rows, files)

        try:
            reading = read_slice(begun, spec, contract)
        except SourceError as error:
            raise ProofError(
                f"slice {spec.name}: some of its records are not restored, and cannot be identified, because its "
                f"source cannot be read again: {error}"
            ) from error
        _see_that_it_is_the_same(manifest, reading)
        _read_part(part, given, limits)
        return _difference(taken, given, limits.lost_words)


class _TakenHashes:
    """Receives the rows that pressing takes, and keeps their hashes only.

    Attributes:
        totals: int64[3]: rows taken, rows of other days, bytes taken.
        digest: uint64[2] (low, high): multiset digest of the rows taken.
    """

    def __init__(self, registers: Registers, day: PressedDay, taken: WordsFile) -> None:
        self.totals = np.zeros(3, dtype=np.int64)
        self.digest = np.zeros(2, dtype=np.uint64)
        self._register = registers[day.register]
        self._day = day
        self._taken = taken
        taken.clear()  # hashes read before the source broke off

    def append(self, block: Block, takes_unknown: bool) -> None:
        places = np.empty(block.rows, dtype=np.int64)
        _, count = choose_rows(
            0, block.rows, block.row_starts, block.row_ends, block.states, block.hashes, block.regs[self._register],
            self._day.units_per_second * SECONDS_A_DAY, self._day.number, takes_unknown, self.totals, self.digest,
            places,
        )  # fmt: skip
        self._taken.append(block.hashes[0, places[:count]])


@dataclass(frozen=True)
class _Reading:
    """Reads a slice as pressing does."""

    slice: SliceReading
    rows: _TakenHashes
    files: SliceFiles

    def read(self) -> None:
        try:
            self.slice.read()
        finally:
            self.files.discard()


def _see_that_it_is_the_same(manifest: SliceManifest, reading: _Reading) -> None:
    rejects, rows = reading.slice.rejects, reading.rows
    digest = digests.combine([digests.to_text(rows.digest), *rejects.digests])
    if digest != manifest.digest:
        raise ProofError(
            f"slice {manifest.slice}: some of its records are not restored, and cannot be identified, because its "
            f"source has changed since it was pressed: it had {manifest.rows + manifest.rejects} records of the day "
            f"with digest {manifest.digest}, and has {int(rows.totals[0]) + rejects.records} with digest {digest} now; "
            "press the day again"
        )


def _read_part(path: str, given: WordsFile, limits: Limits) -> None:
    """Record the hashes of the rows that a part restores; a damaged part restores fewer."""
    try:
        reader = PartReader(path, limits)
    except PartError:
        return
    for group in range(reader.row_groups):
        with suppress(PartError):
            given.add_group(reader, group)


def _difference(taken: WordsFile, given: WordsFile, at_a_time: int) -> Words:
    """Words that occur more often in the first file than in the second, each once."""
    return np.concatenate([words[counts > there] for words, counts, there in pieces(taken, given, at_a_time)])
