"""Presses one slice: connects reading, row groups and files."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from logpress.contract.model import Contract
from logpress.engine.part.metadata import Identity
from logpress.engine.press.files import SliceFiles
from logpress.engine.press.pressed_day import PressedDay
from logpress.engine.press.reading import SliceReading, Source
from logpress.engine.press.row_groups import RowGroups
from logpress.engine.registers.programs import Layouts
from logpress.engine.registers.registers import Registers
from logpress.errors import BrokenOffError
from logpress.hashing import digest as digests
from logpress.limits import DEFAULT, Limits
from logpress.machine.memory import keep_freed_memory
from logpress.manifest import SliceManifest, SliceSample, SliceSpec
from logpress.progress import Progress
from logpress.records.raw_blocks import Buffers
from logpress.records.slice_input import Undated
from logpress.sources.restart import begun_again
from logpress.version import __version__

MOST_UNKNOWN_PATHS = 200
"""Most unknown paths in a manifest, the most frequent ones, because manifests travel through XCom."""


def press_slice(
    contract: Contract,
    day: date,
    spec: SliceSpec,
    folder: str,
    *,
    threads: int = 2,
    progress: Progress | None = None,
    keep_whole: NDArray[np.uint64] | None = None,
    limits: Limits = DEFAULT,
) -> SliceManifest:
    """Press one slice into a part file, and a rejects file if there are rejects.

    The same inputs and limits give the same files, byte for byte, with any number of threads. Files of an earlier try
    of the slice are replaced. If a cluster breaks off, the slice begins again.

    Args:
        contract: the table.
        day: the UTC day whose records are taken; others are counted.
        spec: the slice.
        folder: folder for the files, a path or fsspec URI; made if missing.
        threads: threads that convert; 0: the calling thread does all work, which is best for one core.
        progress: called with raw bytes and records done so far.
        keep_whole: uint64[n], ascending: first words of the hashes of records to keep whole although a layout fits,
            because the layout does not restore them.
        limits: of memory; some change the files.

    Returns:
        The manifest of the slice.

    Raises:
        SourceError: if an input is missing or cannot be read.
    """

    def begun(some: SliceSpec) -> SlicePress:
        return SlicePress(
            contract, day, some, folder, threads=threads, progress=progress, keep_whole=keep_whole, limits=limits
        )

    return read_slice(begun, spec, contract).finish()


class SlicePress:
    """Presses one slice: call `read`, then `finish`. If one fails, it removes what it has written."""

    def __init__(
        self,
        contract: Contract,
        day: date,
        spec: SliceSpec,
        folder: str,
        *,
        threads: int,
        progress: Progress | None = None,
        keep_whole: NDArray[np.uint64] | None = None,
        limits: Limits = DEFAULT,
        source: Callable[[Buffers], Source] | None = None,
        undated: Sequence[Undated] | None = None,
    ) -> None:
        """Prepare; see `press_slice` and `SliceReading`."""
        keep_freed_memory()
        self._began = time.monotonic()
        self._contract = contract
        self._day = day
        self._spec = spec
        pressed = PressedDay.of(contract, day)
        self._layouts = Layouts(contract, Registers(contract), limits)
        self._files = SliceFiles(contract, folder, spec.name)
        self._groups = RowGroups(self._layouts, pressed, self._files, threads, limits)
        self._reading = SliceReading(
            spec, self._layouts, pressed, self._groups, self._files, threads=threads, limits=limits, progress=progress,
            keep_whole=keep_whole, source=source, undated=undated,
        )  # fmt: skip

    def read(self) -> None:
        """Read and convert all input; the last row group may still be being written when this returns.

        Raises:
            SourceError: if an input is missing or cannot be read.
        """
        try:
            self._reading.read()
            self._groups.end()
        except BaseException:
            self._discard()
            raise

    def finish(self) -> SliceManifest:
        """Complete and name the files; returns the manifest."""
        try:
            reading = self._reading
            # meanwhile the last row group is written
            sample = reading.sample.measured(reading.rejects.record_bytes) if reading.sample is not None else None
            self._groups.wait()
            return self._close(sample)
        except BaseException:
            self._discard()
            raise
        finally:
            self._groups.stop()

    def _discard(self) -> None:
        self._groups.stop()
        self._files.discard()

    def _close(self, sample: SliceSample | None) -> SliceManifest:
        groups, reading, files = self._groups, self._reading, self._files
        contract, spec, layouts = self._contract, self._spec, tuple(self._layouts.all)
        day, (rows, other_day, row_bytes) = self._day.isoformat(), groups.totals.tolist()
        files.write_rejects(reading.rejects)
        reading.write_seen()
        identity = Identity(contract.table, day, spec.name, rows, digests.combine(groups.digests))
        part, rejects_part = files.close(identity, layouts)
        distinct_ids = reading.ids.write(files.filesystem, files.folder) if reading.ids is not None else None
        origins = tuple(
            origin.model_copy(update={"records": records})
            for origin, records in zip(reading.origins, reading.numbers, strict=True)
        )
        irregular_rows, unknown = self._irregular()
        return SliceManifest(
            table=contract.table,
            day=day,
            slice=spec.name,
            origins=origins,
            records=sum(reading.numbers),
            rows=rows,
            irregular_rows=irregular_rows,
            rejects=reading.rejects.records,
            other_day=other_day + reading.others,
            raw_bytes=row_bytes + reading.rejects.record_bytes,
            digest=digests.combine([*groups.digests, *reading.rejects.digests]),
            part=part,
            rejects_part=rejects_part,
            unknown_paths=_most_frequent(unknown),
            reject_reasons=dict(sorted(reading.rejects.reasons.items())),
            layouts=len(layouts),
            source=spec.source,
            source_records=spec.source_records,
            source_written=spec.source_written,
            taken_from=spec.taken_from,
            distinct_ids=distinct_ids,
            kept_whole=reading.kept_whole,
            kept_whole_first=tuple(reading.kept_places),
            contract_sha256=contract.sha256,
            written_by=__version__,
            seconds=round(time.monotonic() - self._began, 3),
            sample=sample,
        )

    def _irregular(self) -> tuple[int, Counter[str]]:
        """(rows that are kept whole or have refused slots, rows by path that no contract names)."""
        irregular = 0
        unknown: Counter[str] = Counter()
        named = self._layouts.miner.named
        for number, count in self._groups.layout_rows.items():
            if number < 0:
                irregular += count
                continue
            paths = {slot.path for slot in self._layouts.all[number].slots if slot.role == "extra"}
            irregular += count if paths & named else 0
            unknown.update(dict.fromkeys(paths - named, count))
        return irregular, unknown


def _most_frequent(counts: Counter[str]) -> dict[str, int]:
    """The most frequent unknown paths by name; of equally frequent ones the first by name, whatever was seen first."""
    return dict(sorted(sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:MOST_UNKNOWN_PATHS]))


class _Reads(Protocol):
    def read(self) -> None: ...


R = TypeVar("R", bound=_Reads)


def read_slice(make: Callable[[SliceSpec], R], spec: SliceSpec, contract: Contract) -> R:
    """Read a slice with an object that `make` makes; with a new one each time a cluster breaks off.

    Raises:
        SourceError: if an input is not there or cannot be read.
    """

    def read() -> R:
        nonlocal spec
        reading = make(spec)
        try:
            reading.read()
        except BrokenOffError as error:
            spec = spec.after(error)
            raise
        return reading

    return begun_again(read, contract.source.restarts, f"slice {spec.name}")
