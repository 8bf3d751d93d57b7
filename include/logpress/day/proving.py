"""Prove staged slices, and heal those that fail: press them again with the records that are not restored kept whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from logpress.contract.model import Contract
from logpress.engine.press import press_slice
from logpress.engine.restore.lost import lost_rows
from logpress.errors import LogpressError, MismatchError, PartError, ProofError, SourceError
from logpress.lake import Lake
from logpress.lake.storage import lake_errors
from logpress.manifest import SliceManifest, SliceSpec
from logpress.progress import Progress, Summed
from logpress.quality.proof import prove_bytes, prove_files
from logpress.quality.readable import prove_readable

Failures = Mapping[str, LogpressError]
"""Errors of slices whose records are not all restored, by the slice's name."""


def write_staged(lake: Lake, manifest: SliceManifest, run: str) -> None:
    """Write a slice's manifest beside its staged files."""
    folder = lake.staging_folder(manifest.table, date.fromisoformat(manifest.day), run, manifest.slice)
    lake.write(f"{folder}/manifest.json", manifest.model_dump_json(indent=1).encode())


def staged_files(lake: Lake, day: date, manifests: Sequence[SliceManifest], run: str) -> tuple[list[str], list[str]]:
    """The parts and the rejects files of staged slices."""
    parts, rejects = [], []
    for manifest in manifests:
        folder = lake.staging_folder(manifest.table, day, run, manifest.slice)
        if manifest.part is not None:
            parts.append(f"{folder}/{manifest.part.path}")
        if manifest.rejects_part is not None:
            rejects.append(f"{folder}/{manifest.rejects_part.path}")
    return parts, rejects


def prove_staged(
    lake: Lake,
    day: date,
    manifest: SliceManifest,
    run: str,
    *,
    threads: int,
    progress: Progress | None = None,
    readable: Callable[[str], int] = prove_readable,
) -> MismatchError | PartError | None:
    """Prove that a staged slice has exactly the records that were read, and that fastparquet reads the same values.

    Args:
        lake: the lake.
        day: the UTC day.
        manifest: the slice's manifest.
        run: the run whose staging it is in.
        threads: threads that render records.
        progress: called with bytes and records done so far.
        readable: the check of a part file with fastparquet.

    Returns:
        The error if its records are not all restored, which `heal_all` may cure; else None.

    Raises:
        ProofError: if its files are not those that were written, or fastparquet reads other values.
    """
    parts, rejects = staged_files(lake, day, [manifest], run)
    prove_files([manifest], parts, rejects)
    failure: MismatchError | PartError | None = None
    with ThreadPoolExecutor(max_workers=1) as pool:
        jobs = [pool.submit(readable, path) for path in parts]
        try:
            prove_bytes([manifest], parts, rejects, threads=threads, progress=progress)
        except (MismatchError, PartError) as error:
            failure = error
        for job in jobs:
            job.result()
    return failure


def prove_all(
    lake: Lake,
    day: date,
    manifests: Sequence[SliceManifest],
    run: str,
    *,
    threads: int,
    summed: Summed,
    readable: Callable[[str], int] = prove_readable,
) -> Failures:
    """Prove staged slices, several at once; for the arguments see `prove_staged`.

    Raises:
        ProofError: as `prove_staged` does.
    """
    together = max(1, min(threads, len(manifests)))
    each = -(-threads // together)
    with ThreadPoolExecutor(max_workers=together) as pool:
        jobs = [
            pool.submit(
                prove_staged, lake, day, manifest, run,
                threads=each if each > 1 else 0, progress=summed.part(), readable=readable,
            )
            for manifest in manifests
        ]  # fmt: skip
        try:
            found = [job.result() for job in jobs]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return {manifest.slice: error for manifest, error in zip(manifests, found, strict=True) if error is not None}


def heal_all(
    contract: Contract,
    day: date,
    specs: Sequence[SliceSpec],
    manifests: Sequence[SliceManifest],
    failures: Failures,
    lake: Lake,
    run: str,
    *,
    threads: int,
    summed: Summed,
    readable: Callable[[str], int] = prove_readable,
) -> list[SliceManifest]:
    """Press slices again whose records are not all restored, one after the other, and prove them again.

    Each is read twice: once to find these records, by their hashes, and once to press it with them kept whole. The
    result has the same records; its manifest says how many of them are kept whole.

    Args:
        contract: the table.
        day: the UTC day.
        specs: the slices that were pressed; others are not healed.
        manifests: the manifests of the staged slices.
        failures: errors of the slices to heal.
        lake: the lake.
        run: the run whose staging it is.
        threads: threads that convert and render; 0: only the calling thread.
        summed: receives raw bytes and records read.
        readable: the check of a part file with fastparquet.

    Returns:
        The manifests, with those of healed slices replaced.

    Raises:
        ProofError: if a slice's records are still not all restored, or cannot be read again.
    """
    by_name = {spec.name: spec for spec in specs}
    found = []
    for manifest in manifests:
        failure = failures.get(manifest.slice)
        if failure is not None:
            spec = by_name.get(manifest.slice)
            if spec is None or manifest.part is None:
                raise failure
            manifest = _healed(contract, day, spec, manifest, failure, lake, run, threads, summed, readable)
        found.append(manifest)
    return found


def _healed(
    contract: Contract,
    day: date,
    spec: SliceSpec,
    manifest: SliceManifest,
    failure: LogpressError,
    lake: Lake,
    run: str,
    threads: int,
    summed: Summed,
    readable: Callable[[str], int],
) -> SliceManifest:
    folder = lake.staging_folder(contract.table, day, run, spec.name)
    (part,), _ = staged_files(lake, day, [manifest], run)
    with lake_errors(folder):
        lost = lost_rows(contract, day, spec, manifest, part, threads=threads, progress=summed.part())
        if len(lost) == 0:
            raise ProofError(
                f"slice {spec.name}: {failure}; but each of its rows is restored, so none can be kept whole; report it"
            ) from failure
        try:
            healed = press_slice(contract, day, spec, folder, threads=threads, progress=summed.part(), keep_whole=lost)
        except SourceError as error:
            raise ProofError(
                f"slice {spec.name}: {len(lost)} of its records are not restored, and cannot be kept whole, because "
                f"its source cannot be read again: {error}"
            ) from error
        write_staged(lake, healed, run)
    if _content(healed) != _content(manifest):
        raise ProofError(
            f"slice {spec.name}: {len(lost)} of its records are not restored; it was pressed again to keep them whole, "
            "but its source has changed meanwhile; press the day again"
        )
    again = prove_staged(lake, day, healed, run, threads=threads, progress=None, readable=readable)
    if again is not None:
        raise ProofError(
            f"slice {spec.name}: {len(lost)} of its records are not restored, not even with {healed.kept_whole} of "
            f"them kept whole: {again}; this is a defect of logpress, or of the machine's memory; report it"
        ) from again
    return healed


def _content(manifest: SliceManifest) -> tuple[object, ...]:
    """The fields of a manifest that stay the same when a slice is pressed again."""
    return manifest.records, manifest.rows, manifest.rejects, manifest.other_day, manifest.raw_bytes, manifest.digest
