"""What can be done with a published day: give its records back, and prove it again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from logpress.contract.model import Contract
from logpress.day.budget import Budget, default_memory
from logpress.day.stages import default_threads, plan
from logpress.engine.press import press_slice
from logpress.engine.restore.digest_parts import digest_files
from logpress.engine.restore.in_order import restore as restore_files
from logpress.errors import ProofError, UsageError
from logpress.hashing.digest import combine, to_text
from logpress.kernel.ahead import compile_ahead
from logpress.lake import Lake
from logpress.lake.publish import catalog_files
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest, SliceManifest
from logpress.outputs import refuse_output
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

    What is written is hashed, and at the end compared with the digest of what was read once; but with `where`, as no
    digest says what a part of the day should be.

    Args:
        contract: the table.
        day: the UTC day.
        lake_uri: the lake.
        output: gets the records.
        threads: threads that decode and render; as many as cores if None.
        progress: called with bytes and records written so far.
        spill_folder: where what does not fit into memory goes for a while.
        bulk: whether a `_bulk` body is written; rejects are left out of it.
        where: conditions as text, all of which must hold; only rows for which they do are written, and no rejects.
            Row groups that hold none, as far as statistics and the columns of the conditions tell, are not read.
        memory: bytes that this process may take; what does not fit goes to disk for a while. Half of what there is if
            None.

    Returns:
        How many there are.

    Raises:
        LakeError: if the day is not published.
        ProofError: if other records come back than were pressed; they are written by then.
    """
    lake = Lake.open(lake_uri)
    manifest = lake.need_day(contract.table, day)
    parts, rejects = lake.files(manifest)
    prove_files(manifest.slices, parts, rejects)
    compile_ahead("bulk" if bulk else "restore")
    write: Callable[[memoryview], object] = output.write
    expected, left_out = manifest.rows + manifest.rejects, list[str]()
    if bulk:  # no cluster would take a reject
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
        raise ProofError(f"{contract.table} {day}: {written} records came back, {expected} were pressed")
    if digest is not None:
        found = combine([to_text(digest), digest_files([], left_out, threads=0)[2]])
        read = combine(entry.digest for entry in manifest.slices)
        if found != read:
            raise ProofError(
                f"{contract.table} {day}: {written} records came back, as many as were pressed, but they are not the "
                f"same: their digest is {found}, that of what was read {read}; `logpress verify` tells whether the "
                "files are to blame"
            )
    return written


class _Places:
    """Where the rows are for which conditions hold, part by part.

    Attributes:
        rows: how many were found so far.
    """

    def __init__(self, lake_uri: str, table: str, day: date, where: Sequence[str]) -> None:
        from logpress.reading import open_lake  # brings pandas, which takes longer than some days do
        from logpress.reading.conditions import parse_conditions

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
    """Restore a day to a file, which is there only when it is complete; for the arguments see `restore_day`.

    Raises:
        UsageError: if the file cannot be written.
    """
    path = path.resolve()  # a link stays a link
    manifest = Lake.open(lake_uri).need_day(contract.table, day)
    refuse_output(path, (origin.uri for entry in manifest.slices for origin in entry.origins))
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file")
    if path.exists() and not path.is_file():  # a pipe or device is written to, never replaced
        with path.open("wb") as output:
            return restore_day(
                contract, day, lake_uri, output,
                threads=threads, progress=progress, bulk=bulk, where=where, memory=memory,
            )  # fmt: skip
    temporary = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with temporary.open("wb") as output:
            written = restore_day(
                contract, day, lake_uri, output,
                threads=threads, progress=progress, spill_folder=str(path.parent), bulk=bulk, where=where,
                memory=memory,
            )  # fmt: skip
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
        return written
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True)
class Verified:
    """What was proven once more.

    Attributes:
        manifest: of the day.
        damage: inputs that could be read in part only, when the day was pressed or now, and why.
    """

    manifest: DayManifest
    damage: dict[str, str]


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
        threads: threads that render, and press; as many as cores if None, and no more than `memory` has room for.
        progress: hears of the stages.
        memory: bytes that this process may take; half of what there is if None.

    Raises:
        ProofError: if they differ.
        LakeError: if the day is not published.
    """
    heard = progress or Silent()
    threads = Budget.of(memory).threads(contract, threads or default_threads())
    threads = threads if threads > 1 else 0
    lake = Lake.open(lake_uri)
    manifest = lake.need_day(contract.table, day)
    prove_accounts(manifest.slices)
    parts, rejects = lake.files(manifest)
    prove_files(manifest.slices, parts, rejects)
    if catalog_files(lake, contract.table, day) not in (None, sorted(parts)):
        raise ProofError(
            f"{contract.table} {day}: the catalog has other files than the manifest, as after a publish that was "
            "killed; press the day again"
        )
    compile_ahead("press")
    tell = heard.begin("verify", manifest.raw_bytes)
    prove_bytes(manifest.slices, parts, rejects, threads=threads, progress=tell)
    heard.end("verify")
    again = _compare_with_raw(contract, day, lake, manifest, inputs, threads, heard) if inputs else []
    damage = {uri: text for entry in [*manifest.slices, *again] for uri, text in entry.damage.items()}
    return Verified(manifest, damage)


def _compare_with_raw(
    contract: Contract,
    day: date,
    lake: Lake,
    manifest: DayManifest,
    inputs: Sequence[str],
    threads: int,
    heard: StageProgress,
) -> list[SliceManifest]:
    """Press the raw input once more, into a folder that is thrown away, and compare counts and digests."""
    specs = plan(contract, day, inputs)
    tell = heard.begin("read raw", sum(spec.raw_bytes or 0 for spec in specs))
    again = []
    for spec in specs:
        with TemporaryDirectory(prefix="logpress-") as folder, lake_errors(folder):
            again.append(press_slice(contract, day, spec, folder, threads=threads, progress=tell))
    heard.end("read raw")
    counts = [
        (sum(m.rows + m.rejects for m in some), combine(m.digest for m in some)) for some in (again, manifest.slices)
    ]
    if counts[0] != counts[1]:
        raise ProofError(
            f"{contract.table} {day}: the raw input has {counts[0][0]} records with digest {counts[0][1]}, "
            f"published are {counts[1][0]} with digest {counts[1][1]}"
        )
    return again
