"""Rewrite days of an older format in today's: press their own records, compare, and publish in one commit."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, timedelta

from logpress.contract.model import Contract
from logpress.day.budget import Budget, default_threads
from logpress.day.lookups import publish_with_lookups
from logpress.engine.part.metadata import is_older
from logpress.engine.part.part_reader import PartReader
from logpress.engine.restore.digest_parts import digest_files
from logpress.engine.restore.part_input import press_part
from logpress.errors import LogpressError, ProofError
from logpress.lake import Lake
from logpress.lake.leftovers import remove_run
from logpress.lake.storage import lake_errors
from logpress.manifest import SliceManifest
from logpress.progress import Silent, StageProgress, Summed
from logpress.quality.proof import prove_file
from logpress.quality.readable import prove_readable


@dataclass(frozen=True)
class Upgraded:
    """The result of upgrading a day.

    Attributes:
        day: the UTC day.
        parts: the number of parts rewritten; 0 if all had today's format.
        versions: the formats that they had.
        before: bytes of all files of the day before.
        after: bytes of all files of the day now.
    """

    day: date
    parts: int
    versions: tuple[str, ...]
    before: int
    after: int


def upgrade_day(
    contract: Contract,
    day: date,
    lake_uri: str,
    *,
    threads: int | None = None,
    progress: StageProgress | None = None,
    grace: timedelta | None = None,
    memory: int | None = None,
) -> Upgraded:
    """Rewrite the parts of a published day that have an older format; other parts and rejects stay unchanged.

    The records of each new part are compared with those of the old part before the day is published, in one commit.
    Superseded files are kept for the grace period. The function may be killed at any moment and run again.

    Args:
        contract: the table, as it is now.
        day: the UTC day.
        lake_uri: the lake.
        threads: threads that render and press, if `memory` allows as many; the number of cores if None.
        progress: receives the progress of the stages.
        grace: how long superseded files and snapshots are kept; the lake's retention if None.
        memory: bytes that this process may take; half of the available memory if None.

    Raises:
        LakeError: if the day is not published, or the lake refuses.
        UsageError: if the lake must be migrated first.
        PartError: if a file is damaged.
        ProofError: if a new part has other records than the old one; the published day is then unchanged.
    """
    lake = Lake.open(lake_uri)
    lake.see_layout()
    manifest = lake.need_day(contract.table, day)
    versions = {
        entry.slice: PartReader(lake.file_path(contract.table, day, entry.part.path)).metadata.version
        for entry in manifest.slices
        if entry.part is not None
    }
    older = {name: version for name, version in versions.items() if is_older(version)}
    if not older:
        return Upgraded(day, 0, (), manifest.stored_bytes, manifest.stored_bytes)
    threads = Budget.of(memory).threads(contract, threads or default_threads())
    stages = progress or Silent()
    run = f"upgrade-{uuid.uuid4().hex[:12]}"
    size = sum(entry.raw_bytes for entry in manifest.slices if entry.slice in older)
    summed = Summed(stages.begin("upgrade", 3 * size))  # each record is pressed once and rendered twice
    try:
        slices = [
            _upgraded(contract, day, lake, run, entry, threads if threads > 1 else 0, summed)
            if entry.slice in older
            else entry
            for entry in manifest.slices
        ]
        stages.end("upgrade")
        stages.begin("publish", None)
        published = publish_with_lookups(
            lake, contract, day, slices, run,
            grace=grace, replaces=manifest, erasures=manifest.erasures, verification=manifest.verification,
        )  # fmt: skip
        stages.end("publish")
    finally:
        remove_run(lake, contract.table, day, run)
    return Upgraded(day, len(older), tuple(sorted(set(older.values()))), manifest.stored_bytes, published.stored_bytes)


def _upgraded(
    contract: Contract, day: date, lake: Lake, run: str, entry: SliceManifest, threads: int, summed: Summed
) -> SliceManifest:
    """Press a slice's part again into the run's staging, and prove that it has the same records."""
    assert entry.part is not None
    old = lake.file_path(contract.table, day, entry.part.path)
    prove_file(old, entry.part)
    staged = lake.staging_folder(contract.table, day, run, entry.slice)
    # `keep`, because each row must stay a row: equal rows in the old part were kept on purpose
    source = contract.source.model_copy(update={"duplicates": "keep"})
    keeping = contract.model_copy(update={"source": source})
    with lake_errors(staged):
        found = press_part(keeping, day, entry.slice, old, staged, threads=threads, progress=summed.part())
    if found.part is None:
        raise ProofError(
            f"{old}: by today's rules none of its records is of {day}; press the day again from its raw input"
        )
    new = f"{staged}/{found.part.path}"
    before, after = (digest_files([path], [], threads=threads or 1, progress=summed.part()) for path in (old, new))
    if before != after:
        raise ProofError(
            f"{old}: has {before[0]} records with digest {before[2]}, but {after[0]} with digest {after[2]} after "
            "pressing them again; the published day is unchanged; keep the file, and report this defect of logpress"
        )
    prove_file(new, found.part)
    prove_readable(new)
    changed = {"part": found.part, "irregular_rows": found.irregular_rows, "layouts": found.layouts}
    return entry.model_copy(update={**changed, "unknown_paths": found.unknown_paths})


def days_between(lake_uri: str, table: str, first: date, last: date) -> list[date]:
    """The published days of a table from `first` to `last`.

    Raises:
        LogpressError: if there is no lake, or no day is published in this range.
    """
    lake = Lake.open(lake_uri)
    found = [day for day in lake.days(table) if first <= day <= last]
    if not found:
        raise LogpressError(f"{lake.uri}: {table} has no published day from {first} to {last}")
    return found
