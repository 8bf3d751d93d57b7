"""Operations on a published day: restore its records, and prove it again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from logpress.contract.model import Contract
from logpress.day.budget import Budget, default_memory, default_threads
from logpress.engine.press import press_slice
from logpress.engine.restore.digest_parts import digest_files
from logpress.engine.restore.in_order import restore as restore_files
from logpress.engine.restore.words_file import WordsFile, common
from logpress.errors import ProofError
from logpress.hashing.digest import combine, to_text
from logpress.kernel.ahead import compile_ahead
from logpress.lake import Lake
from logpress.lake.links import is_linked
from logpress.lake.snapshots import catalog_files
from logpress.lake.storage import lake_errors
from logpress.limits import DEFAULT
from logpress.manifest import DayManifest, SliceManifest
from logpress.outputs import is_regular, refuse_output, written
from logpress.progress import Progress, Silent, StageProgress
from logpress.quality.proof import prove_accounts, prove_bytes, prove_files
from logpress.records.bulk_writer import BulkWriter


def restore_day(
    contract: Contract,
    day: date,
    lake_uri: str,
    output: BinaryIO,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    spill_folder: str | None = None,
    bulk: bool = False,
    where: Sequence[str] = (),
    memory: int | None = None,
) -> int:
    """Write a published day's records, rejects included, one a line; or, with `bulk`, its rows as a `_bulk` body.

    The digest of the written records is compared with that of the records that were pressed. With `where` this is not
    possible, because there is no digest of a part of a day.

    Args:
        contract: the table.
        day: the UTC day.
        lake_uri: the lake.
        output: receives the records.
        threads: threads that decode and render; the number of cores if None.
        progress: called with bytes and records written so far.
        spill_folder: folder for temporary data that do not fit into memory.
        bulk: whether to write a `_bulk` body, without rejects.
        where: conditions as text, all of which must hold; only rows that match are written, and no rejects. Row groups
            without matching rows, by their statistics and the columns of the conditions, are not read.
        memory: bytes that this process may take; further data go to `spill_folder`. Half of the available memory if
            None.

    Returns:
        The number of records written.

    Raises:
        LakeError: if the day is not published.
        ProofError: if the records are not those that were pressed; they have been written by then.
    """
    lake = Lake.open(lake_uri)
    manifest = lake.need_day(contract.table, day)
    parts, rejects = lake.files(manifest)
    prove_files(manifest.slices, parts, rejects)
    compile_ahead("bulk" if bulk else "restore")
    write: Callable[[memoryview], object] = output.write
    expected, left_out = manifest.rows + manifest.rejects, list[str]()
    if bulk:  # because a cluster would not accept rejects
        write, rejects, left_out, expected = BulkWriter(write).write, [], rejects, manifest.rows
    places = _Places(lake_uri, contract.table, day, where) if where else None
    if places is not None:
        parts, rejects = list(places.scan.files), []
    digest = None if places is not None else np.zeros(2, dtype=np.uint64)
    written = restore_files(
        parts, rejects, write,
        threads=threads or default_threads(), progress=progress, spill_folder=spill_folder, places=places,
        memory=default_memory() if memory is None else memory, digest=digest,
    )  # fmt: skip
    if places is not None:
        expected = places.rows
    if written != expected:
        raise ProofError(f"{contract.table} {day}: {written} records were restored, but {expected} were pressed")
    if digest is not None:
        found = combine([to_text(digest), digest_files([], left_out, threads=0)[2]])
        read = combine(entry.digest for entry in manifest.slices)
        if found != read:
            raise ProofError(
                f"{contract.table} {day}: the restored records are not those that were pressed: the digests of both "
                f"{written} records are {found} and {read}; do not use the output, and run `logpress verify` to see "
                "whether the files are damaged"
            )
    return written


class _Places:
    """Positions of the rows for which conditions hold, part by part.

    Attributes:
        rows: the number of rows found so far.
    """

    def __init__(self, lake_uri: str, table: str, day: date, where: Sequence[str]) -> None:
        from logpress.conditions.parse import parse_conditions
        from logpress.reading import (
            open_lake,
        )  # here, because it imports pandas, which takes longer than restoring a small day

        reader = open_lake(lake_uri).table(table)
        conditions = parse_conditions(where, {column.name: column.type for column in reader.columns})
        self.scan = reader.scan(day, day, where=conditions)
        self.rows = 0

    def __call__(self, path: str) -> Iterator[tuple[int, NDArray[np.int64]]]:
        for group, rows in self.scan.places(path):
            self.rows += len(rows)
            yield group, rows


def restore_to_file(
    contract: Contract,
    day: date,
    lake_uri: str,
    path: Path,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    bulk: bool = False,
    where: Sequence[str] = (),
    memory: int | None = None,
) -> int:
    """Restore a day to a file, which appears only when it is complete; for the arguments see `restore_day`.

    Raises:
        UsageError: if the file cannot be written, lies in a lake, or is one that the day was or may be pressed from.
    """
    manifest = Lake.open(lake_uri).need_day(contract.table, day)
    origins = (origin.uri for entry in manifest.slices for origin in entry.origins)
    refuse_output(path, [*contract.source.inputs, *origins])
    spill_folder = os.path.dirname(os.path.realpath(path)) if is_regular(path) else None
    with written(path) as output:
        return restore_day(
            contract, day, lake_uri, output,
            threads=threads, progress=progress, spill_folder=spill_folder, bulk=bulk, where=where, memory=memory,
        )  # fmt: skip


@dataclass(frozen=True)
class Verified:
    """The result of proving a published day again.

    Attributes:
        manifest: the day's manifest.
        damage: inputs that could only be read in part, now or when the day was pressed, with the reason.
        erased_in_raw: records that were erased from the day, and that the raw input still has.
    """

    manifest: DayManifest
    damage: dict[str, str]
    erased_in_raw: int = 0


def verify_published(
    contract: Contract,
    day: date,
    lake_uri: str,
    inputs: Sequence[str] = (),
    *,
    threads: int | None = None,
    progress: StageProgress | None = None,
    memory: int | None = None,
) -> Verified:
    """Prove a published day again: its files against its manifests and, if given, against the raw input.

    Args:
        contract: the table.
        day: the UTC day.
        lake_uri: the lake.
        inputs: the raw input.
        threads: threads that render and press, if `memory` allows as many; the number of cores if None.
        progress: receives the progress of the stages.
        memory: bytes that this process may take; half of the available memory if None.

    Raises:
        ProofError: if they differ.
        LakeError: if the day is not published.
    """
    stages = progress or Silent()
    threads = Budget.of(memory).threads(contract, threads or default_threads())
    threads = threads if threads > 1 else 0
    lake = Lake.open(lake_uri)
    manifest = lake.need_day(contract.table, day)
    prove_accounts(manifest.slices)
    parts, rejects = lake.files(manifest)
    prove_files(manifest.slices, parts, rejects)
    if catalog_files(lake, contract.table, day) not in (None, sorted(parts)):
        raise ProofError(
            f"{contract.table} {day}: the catalog has other files than the manifest, perhaps because publishing was "
            "interrupted; press the day again, or, if the catalog was lost, run "
            f"`logpress lake register --lake {lake.uri}`"
        )
    if not is_linked(lake, manifest):
        raise ProofError(
            f"{contract.table} {day}: {lake.day_folder(contract.table, day)}, which readers of folders read, has other "
            "files than the manifest, perhaps because publishing was interrupted; press the day again"
        )
    compile_ahead("press")
    tell = stages.begin("verify", manifest.raw_bytes)
    prove_bytes(manifest.slices, parts, rejects, threads=threads, progress=tell)
    stages.end("verify")
    again: list[SliceManifest] = []
    erased = 0
    if inputs:
        again, erased = _compare_with_raw(contract, day, lake, manifest, inputs, threads, stages)
    damage = {uri: text for entry in [*manifest.slices, *again] for uri, text in entry.damage.items()}
    return Verified(manifest, damage, erased)


def _compare_with_raw(
    contract: Contract,
    day: date,
    lake: Lake,
    manifest: DayManifest,
    inputs: Sequence[str],
    threads: int,
    stages: StageProgress,
) -> tuple[list[SliceManifest], int]:
    """Press the raw input again into a temporary folder, and compare counts and digests.

    If records were erased from the day, the input may have exactly these in addition: their number is returned, too.
    """
    from logpress.day.stages import plan  # what it imports takes longer than many a day is restored in

    specs = plan(contract, day, inputs)
    tell = stages.begin("read raw", sum(spec.raw_bytes or 0 for spec in specs))
    again = []
    with (
        closing(WordsFile(DEFAULT.lost_words)) as raw_words,
        closing(WordsFile(DEFAULT.lost_words)) as published,
    ):
        raw = raw_words if manifest.erased else None
        for spec in specs:
            with TemporaryDirectory(prefix="logpress-") as folder, lake_errors(folder):
                found = press_slice(contract, day, spec, folder, threads=threads, progress=tell)
                again.append(found)
                if raw is not None:
                    files = (found.part, found.rejects_part)
                    part, rejects = (None if file is None else f"{folder}/{file.path}" for file in files)
                    raw.add_files(part, rejects)
        stages.end("read raw")
        if raw is not None:
            for kind, paths in enumerate(lake.files(manifest)):
                for path in paths:
                    published.add_files(*((path, None) if kind == 0 else (None, path)))
            more = len(raw) - len(published)
            if more == manifest.erased and common(raw, published, DEFAULT.lost_words) == len(published):
                return again, more
    counts = [
        (sum(m.rows + m.rejects for m in some), combine(m.digest for m in some)) for some in (again, manifest.slices)
    ]
    if counts[0] != counts[1]:
        raise ProofError(
            f"{contract.table} {day}: the raw input has {counts[0][0]} records with digest {counts[0][1]}, "
            f"but {counts[1][0]} with digest {counts[1][1]} are published"
            + (f", after {manifest.erased} were erased" if manifest.erased else "")
            + "; if the input changed, press the day again"
        )
    return again, 0
