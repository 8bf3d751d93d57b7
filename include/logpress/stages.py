"""What happens to a day, one function per task of the DAG; the command line calls the same functions.

Every function depends only on (table, day, slice, run) and what lies in the lake, so each can be killed and run again.
"""

from __future__ import annotations

import importlib
import os
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Protocol

from logpress.contract.model import Contract
from logpress.engine.press import SlicePress, press_slice
from logpress.engine.restore import restore as restore_files
from logpress.errors import ProofError, UsageError
from logpress.lake import Lake, publish_day
from logpress.lake.catalog import check_configured, see_catalog
from logpress.lake.leftovers import GRACE, remove_leftovers
from logpress.lake.publish import catalog_files
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest, SliceManifest, SliceSpec
from logpress.quality.checks import CheckResult, raise_if_failed, run_checks
from logpress.quality.proof import prove_accounts, prove_bytes, prove_file, prove_readable
from logpress.quality.size_report import DayReport
from logpress.sources import RawObject, hour_of_path, list_inputs

Progress = Callable[[int, int], None]


class StageProgress(Protocol):
    """Hears of a day's progress."""

    def begin(self, stage: str, total_bytes: int | None) -> Progress:
        """A stage begins; returns what is called with the bytes and records done so far in it."""

    def end(self, stage: str) -> None:
        """A stage has ended."""


class _Silent:
    def begin(self, stage: str, total_bytes: int | None) -> Progress:
        return lambda done_bytes, records: None

    def end(self, stage: str) -> None:
        pass


def default_threads() -> int:
    """As many threads as this process may use cores."""
    return max(1, len(os.sched_getaffinity(0)))


def plan(contract: Contract, day: date, inputs: Sequence[str] = ()) -> list[SliceSpec]:
    """Cut a day's raw objects into slices: one for each hour folder; one for the rest; large ones cut further.

    Args:
        contract: the table; its `source.inputs` are taken where `inputs` is empty.
        day: the UTC day.
        inputs: files, folders, globs or URIs.

    Raises:
        UsageError: if no inputs are named, or they hold nothing of the day.
        SourceError: if an input is not there, or cannot be read.
    """
    named = list(inputs or contract.source.inputs)
    if not named:
        raise UsageError(
            f"nothing says where the raw records of {contract.table} lie: give --input, or name `source.inputs` in its "
            "contract"
        )
    objects = list_inputs(named, day, lateness=contract.source.lateness)
    if not objects:
        raise UsageError(f"there is no raw input for {day} at {', '.join(named)}")
    by_hour: dict[str, list[RawObject]] = {}
    for entry in objects:
        hour = hour_of_path(entry.uri)
        by_hour.setdefault(f"{hour:%Y-%m-%dT%H}" if hour else "all", []).append(entry)
    slices = []
    for name, entries in sorted(by_hour.items()):
        cuts = list(_cuts(entries, contract.files.slice_bytes))
        for number, cut in enumerate(cuts):
            slices.append(
                SliceSpec(
                    name=name if len(cuts) == 1 else f"{name}-{number + 1:0{len(str(len(cuts)))}d}",
                    inputs=tuple(entry.uri for entry in cut),
                    raw_bytes=sum(entry.size for entry in cut),
                )
            )
    return slices


def _cuts(entries: Sequence[RawObject], most_bytes: int) -> list[list[RawObject]]:
    cuts: list[list[RawObject]] = [[]]
    size = 0
    for entry in entries:
        if cuts[-1] and size + entry.size > most_bytes:
            cuts.append([])
            size = 0
        cuts[-1].append(entry)
        size += entry.size
    return cuts


def press(
    contract: Contract,
    day: date,
    spec: SliceSpec,
    lake_uri: str,
    run: str,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> SliceManifest:
    """Press one slice into the run's staging.

    Raises:
        SourceError: if an input cannot be read.
        LakeError: if staging cannot be written.
    """
    lake = Lake.create(lake_uri)
    check_configured(lake)
    folder = lake.staging_folder(contract.table, day, run, spec.name)
    with lake_errors(folder):
        manifest = press_slice(contract, day, spec, folder, threads=threads or default_threads(), progress=progress)
        _write_staged(lake, manifest, run)
    return manifest


def _write_staged(lake: Lake, manifest: SliceManifest, run: str) -> None:
    """Keep a slice's manifest with its staged files."""
    folder = lake.staging_folder(manifest.table, date.fromisoformat(manifest.day), run, manifest.slice)
    lake.storage.write(f"{folder}/manifest.json", manifest.model_dump_json(indent=1).encode())


def _staged(lake: Lake, day: date, manifests: Sequence[SliceManifest], run: str) -> tuple[list[str], list[str]]:
    parts, rejects = [], []
    for manifest in manifests:
        folder = lake.staging_folder(manifest.table, day, run, manifest.slice)
        if manifest.part is not None:
            parts.append(f"{folder}/{manifest.part.path}")
        if manifest.rejects_part is not None:
            rejects.append(f"{folder}/{manifest.rejects_part.path}")
    return parts, rejects


def verify(
    contract: Contract,
    day: date,
    manifests: Sequence[SliceManifest],
    lake_uri: str,
    run: str,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[CheckResult]:
    """Prove that a run's staged slices hold exactly what was read, and check them.

    Raises:
        ProofError: if they do not.
        CheckError: if a check of level `fail` is broken.
    """
    lake = Lake.open(lake_uri)
    prove_accounts(manifests)
    parts, rejects = _staged(lake, day, manifests, run)
    stats = [part for manifest in manifests for part in (manifest.part,) if part is not None]
    for path, part in zip(parts, stats, strict=True):
        prove_file(path, part)
    stats = [part for manifest in manifests for part in (manifest.rejects_part,) if part is not None]
    for path, part in zip(rejects, stats, strict=True):
        prove_file(path, part)
    with ThreadPoolExecutor(max_workers=1) as pool:
        readable = [pool.submit(prove_readable, path) for path in parts]
        prove_bytes(manifests, parts, rejects, threads=threads or default_threads(), progress=progress)
        for job in readable:
            job.result()
    results = run_checks(contract, manifests, parts)
    raise_if_failed(results)
    return results


def publish(
    contract: Contract,
    day: date,
    manifests: Sequence[SliceManifest],
    lake_uri: str,
    run: str,
    *,
    grace: timedelta = GRACE,
) -> DayManifest:
    """Make a verified run the day's published content, in one commit.

    Raises:
        LakeError: if the lake refuses; the day is then as it was.
    """
    descriptions = {column.name: column.description for column in contract.columns if column.description}
    return publish_day(Lake.open(lake_uri), contract.table, day, manifests, run, descriptions=descriptions, grace=grace)


def report(contract: Contract, day: date, lake_uri: str) -> DayReport:
    """What the published day saved.

    Raises:
        UsageError: if there is no such lake.
        LakeError: if the day is not published.
    """
    return DayReport.of(Lake.open(lake_uri).need_day(contract.table, day))


def clean(contract: Contract, day: date, lake_uri: str, run: str) -> None:
    """Remove what a run has staged, and what earlier runs have left behind; does nothing where there is no lake.

    Raises:
        LakeError: if it cannot be removed.
    """
    try:
        lake = Lake.open(lake_uri)
    except UsageError:
        return
    with lake_errors(lake.uri):
        lake.storage.remove(lake.staging_folder(contract.table, day, run))
    remove_leftovers(lake, contract.table)


def run_day(
    contract: Contract,
    day: date,
    inputs: Sequence[str],
    lake_uri: str,
    *,
    threads: int | None = None,
    grace: timedelta = GRACE,
    progress: StageProgress | None = None,
) -> tuple[DayReport, list[CheckResult]]:
    """Plan, press, verify, publish and report a day, as the DAG does, in this process.

    Raises:
        LogpressError: of any stage; the day is then as it was.
    """
    heard = progress or _Silent()
    specs = plan(contract, day, inputs)
    run = f"local-{uuid.uuid4().hex[:12]}"
    see_catalog(Lake.create(lake_uri), contract.table)
    ahead = threading.Thread(target=_import_ahead)  # two threads must not import one package at once
    ahead.start()
    try:
        tell = heard.begin("press", sum(spec.raw_bytes or 0 for spec in specs))
        manifests = _press_all(contract, day, specs, lake_uri, run, threads or default_threads(), tell)
        heard.end("press")
        ahead.join()
        tell = heard.begin("verify", sum(manifest.raw_bytes for manifest in manifests))
        checks = verify(contract, day, manifests, lake_uri, run, threads=threads, progress=tell)
        heard.end("verify")
        heard.begin("publish", None)
        published = publish(contract, day, manifests, lake_uri, run, grace=grace)
        heard.end("publish")
    finally:
        ahead.join()
        clean(contract, day, lake_uri, run)
    return DayReport.of(published), checks


def _import_ahead() -> None:
    """Import what the later stages need while the first one works."""
    for name in ("fastparquet", "pyiceberg.io.pyarrow"):
        importlib.import_module(name)


def _press_all(
    contract: Contract, day: date, specs: Sequence[SliceSpec], lake_uri: str, run: str, threads: int, tell: Progress
) -> list[SliceManifest]:
    """Press slices one after the other; while one is being finished, the next is read."""
    lake = Lake.open(lake_uri)
    manifests: list[SliceManifest] = []
    waiting: SlicePress | None = None
    done = [0, 0]

    def finish(pressed: SlicePress) -> None:
        manifest = pressed.finish()
        _write_staged(lake, manifest, run)
        manifests.append(manifest)

    with lake_errors(lake.uri):
        for spec in specs:
            folder = lake.staging_folder(contract.table, day, run, spec.name)
            before = tuple(done)

            def progress(size: int, records: int, before: tuple[int, ...] = before) -> None:
                done[0], done[1] = before[0] + size, before[1] + records
                tell(done[0], done[1])

            following = SlicePress(contract, day, spec, folder, threads, progress)
            try:
                following.read()
            finally:
                if waiting is not None:
                    finish(waiting)
            waiting = following
        if waiting is not None:
            finish(waiting)
    return manifests


def restore_day(
    contract: Contract,
    day: date,
    lake_uri: str,
    output: BinaryIO,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    spill_folder: str | None = None,
) -> int:
    """Write a published day's records, rejects included, one a line.

    Returns:
        How many there are.

    Raises:
        LakeError: if the day is not published.
        ProofError: if fewer or more records come back than the manifests tell of.
    """
    lake = Lake.open(lake_uri)
    manifest = lake.need_day(contract.table, day)
    parts, rejects = lake.files(manifest)
    written = restore_files(
        parts, rejects, output.write, threads=threads or default_threads(), progress=progress, spill_folder=spill_folder
    )
    if written != manifest.rows + manifest.rejects:
        raise ProofError(
            f"{contract.table} {day}: {written} records came back, {manifest.rows + manifest.rejects} were pressed"
        )
    return written


def restore_to_file(
    contract: Contract,
    day: date,
    lake_uri: str,
    path: Path,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Restore a day to a file, which is there only when it is complete.

    Raises:
        UsageError: if the file cannot be written.
    """
    path = path.resolve()  # a link stays a link
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file")
    if path.exists() and not path.is_file():  # a pipe or device is written to, never replaced
        with path.open("wb") as output:
            return restore_day(contract, day, lake_uri, output, threads=threads, progress=progress)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with temporary.open("wb") as output:
            written = restore_day(
                contract, day, lake_uri, output, threads=threads, progress=progress, spill_folder=str(path.parent)
            )
        temporary.replace(path)
        return written
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def verify_published(
    contract: Contract,
    day: date,
    lake_uri: str,
    inputs: Sequence[str] = (),
    *,
    threads: int | None = None,
    progress: StageProgress | None = None,
) -> DayManifest:
    """Prove a published day again: its files against its manifests and, if given, against the raw input.

    Raises:
        ProofError: if they differ.
        LakeError: if the day is not published.
    """
    heard = progress or _Silent()
    lake = Lake.open(lake_uri)
    manifest = lake.need_day(contract.table, day)
    prove_accounts(manifest.slices)
    parts, rejects = lake.files(manifest)
    stats = [entry.part for entry in manifest.slices if entry.part] + [
        entry.rejects_part for entry in manifest.slices if entry.rejects_part
    ]
    for path, part in zip([*parts, *rejects], stats, strict=True):
        prove_file(path, part)
    if catalog_files(lake, contract.table, day) not in (None, sorted(parts)):
        raise ProofError(
            f"{contract.table} {day}: the catalog has other files than the manifest, as after a publish that was "
            "killed; press the day again"
        )
    tell = heard.begin("verify", manifest.raw_bytes)
    prove_bytes(manifest.slices, parts, rejects, threads=threads or default_threads(), progress=tell)
    heard.end("verify")
    if inputs:
        _compare_with_raw(contract, day, lake, manifest, inputs, threads, heard)
    return manifest


def _compare_with_raw(
    contract: Contract,
    day: date,
    lake: Lake,
    manifest: DayManifest,
    inputs: Sequence[str],
    threads: int | None,
    heard: StageProgress,
) -> None:
    """Press the raw input once more, into a folder that is thrown away, and compare counts and digests."""
    from logpress.engine.digest import combine

    specs = plan(contract, day, inputs)
    tell = heard.begin("read raw", sum(spec.raw_bytes or 0 for spec in specs))
    again = []
    for spec in specs:
        with TemporaryDirectory(prefix="logpress-") as folder:
            again.append(press_slice(contract, day, spec, folder, threads=threads or default_threads(), progress=tell))
    heard.end("read raw")
    counts = [
        (sum(m.rows + m.rejects for m in some), combine(m.digest for m in some)) for some in (again, manifest.slices)
    ]
    if counts[0] != counts[1]:
        raise ProofError(
            f"{contract.table} {day}: the raw input has {counts[0][0]} records with digest {counts[0][1]}, "
            f"published are {counts[1][0]} with digest {counts[1][1]}"
        )
