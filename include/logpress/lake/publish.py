"""Publish a verified day: its files move into place, one commit makes them the day, the manifest says so."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from logpress.errors import ChangedError, LakeError, LogpressError, UsageError
from logpress.lake.attempts import attempt_path
from logpress.lake.catalog import open_catalog, see_not_lost
from logpress.lake.forget import forget_due_unless_busy
from logpress.lake.history import keep, kept
from logpress.lake.index_tables import follow_or_warn
from logpress.lake.lake import Lake
from logpress.lake.leftovers import day_lock, note_superseded, remove_leftovers
from logpress.lake.links import link_day
from logpress.lake.moves import note_moves, take_back
from logpress.lake.retention import retention_of
from logpress.lake.standing import make_day
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest, Erasure, PartStats, SliceManifest
from logpress.results import Verification

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verified:
    """What is kept with a publication.

    Attributes:
        verification: what verify found; None if nothing is known.
        run_id: Airflow's run; None if it is none.
    """

    verification: Verification | None = None
    run_id: str | None = None


NOT_VERIFIED = Verified()


def publish_day(
    lake: Lake,
    table: str,
    day: date,
    manifests: Sequence[SliceManifest],
    run: str,
    *,
    descriptions: Mapping[str, str] | None = None,
    grace: timedelta | None = None,
    replaces: DayManifest | None = None,
    erasures: Sequence[Erasure] = (),
    despite_erasures: bool = False,
    verified: Verified = NOT_VERIFIED,
    is_indexed: bool = True,
) -> DayManifest:
    """Replace a day by what a run has staged.

    It may be killed at any moment and called again: until the commit, readers of the catalog see the old day, from then
    on the new one. Readers of folders, in a linked lake, see it when the day's folder is exchanged. The same files as
    are published already are not published again, but what a newer verification found is kept with them. If the day is
    refused, what was moved goes back into staging. The index follows the day; that it cannot is a warning.

    Args:
        lake: the lake.
        table: the table.
        day: the UTC day.
        manifests: what was staged, slice by slice.
        run: whose staging it is; it is removed.
        descriptions: what columns mean, for the catalog.
        grace: how long files and snapshots that were published before stay; the lake's retention if None.
        replaces: the publication that the files were made from; any if None.
        erasures: what was erased from the day, which is kept with it.
        despite_erasures: whether a day is replaced from which records were erased since it was pressed; those that
            its input still had are published again.
        verified: what verify found, and in which run; if it found nothing, and the same is published, what it found
            then stays.
        is_indexed: whether the index follows; not if the caller sees to it, after several days.

    Raises:
        ChangedError: if the day is not as `replaces` says any more.
        LakeError: if the lake or its catalog refuses, a staged file is missing, or another run has published the same
            day later and its files stand.
        UsageError: if the lake must be migrated first; if records were erased from the day, unless `despite_erasures`
            or `replaces` is given.
    """
    lake.see_layout()
    grace = retention_of(lake) if grace is None else grace
    files = [
        (slice_.slice, part) for slice_ in manifests for part in (slice_.part, slice_.rejects_part) if part is not None
    ]
    for place in (
        *lake.file_folders(table, day), lake.day_folder(table, day),
        lake.manifests_root(table), lake.metadata_folder(table), lake.superseded_root(table),
        lake.history_folder(table, day),
    ):  # fmt: skip
        lake.see_inside(f"{place}/any")
    see_not_lost(lake, table)
    with day_lock(lake, table, day), open_catalog(lake) as catalog:
        catalog.see_known(table)
        if replaces is not None:
            _see_unchanged(lake, table, day, replaces)
        elif not despite_erasures:
            see_erasures(lake, table, day)
        # a local lake has its lock; elsewhere the commit decides who was first
        expected = None if replaces is None or lake.is_local else lake.files(replaces)[0]
        note_moves(lake, table, day, run, {part.path: slice_ for slice_, part in files})
        try:
            for slice_, part in files:
                staged = f"{lake.staging_folder(table, day, run, slice_)}/{part.path}"
                _move(lake, staged, lake.file_path(table, day, part.path), part)
            wanted = _publication(lake, table, day, manifests, run, erasures, verified)
            manifest = make_day(catalog, lake, wanted, descriptions or {}, grace, expected)
        except BaseException:
            with contextlib.suppress(LogpressError):  # what stays now is noted, and goes back later
                take_back(lake, table, day, run)
            raise
        link_day(lake, manifest)
        note_superseded(lake, table, day, {part.path for _, part in files})
        with lake_errors(lake.uri):
            lake.remove(lake.staging_folder(table, day, run))
            lake.remove(attempt_path(lake, table, day, run))  # of an earlier try
    remove_leftovers(lake, table, grace=grace)
    forget_due_unless_busy(lake, table)
    if is_indexed:
        follow_or_warn(lake, table)
    return manifest


def see_erasures(lake: Lake, table: str, day: date) -> None:
    """See that no records were erased from a day since it was pressed, because pressing it again brings them back.

    Raises:
        UsageError: if some were.
    """
    try:
        before = lake.read_day(table, day)
    except LakeError:
        return  # damaged; pressing mends it
    if before is None or not before.erasures:
        return
    last = before.erasures[-1]
    raise UsageError(
        f"{lake.uri}: {before.erased:,} records of {table} {day} were erased, the last on "
        f"{last.erased_at:%Y-%m-%d %H:%M} UTC; pressing the day again brings back those that its input still has: take "
        "them out of the input, then press with --despite-erasures, or press so and erase them again"
    )


def _see_unchanged(lake: Lake, table: str, day: date, expected: DayManifest) -> None:
    """See that a day is as it was when its manifest was read."""
    now = lake.read_day(table, day)
    if now is None or not same_slices(now, expected.slices):
        raise ChangedError(f"{lake.uri}: another process published {table} {day} meanwhile")


def _move(lake: Lake, staged: str, target: str, part: PartStats) -> None:
    """Move a staged file into the day's folder; one of the same name stays, if it has the content that was proven."""
    with lake_errors(target):
        if lake.storage.size(target) is not None:
            if lake.storage.sha256(target) == part.sha256:
                return
            log.warning("%s: was damaged since it was published; the file that was proven now takes its place", target)
        if lake.storage.size(staged) is None:
            raise LakeError(f"{staged}: the staged file is gone; press the slice again")
        lake.move(staged, target)
        lake.storage.sync(target)


def _publication(
    lake: Lake,
    table: str,
    day: date,
    manifests: Sequence[SliceManifest],
    run: str,
    erasures: Sequence[Erasure],
    verified: Verified,
) -> DayManifest:
    """What the day is to be: the publication that it is, or that the run has begun, if that has the same slices."""
    try:
        before = lake.read_day(table, day)
    except LakeError:
        before = None  # damaged; this mends it
    slices = tuple(manifests)
    erased = tuple(erasures)
    if before is not None:
        if same_slices(before, slices) and before.erasures == erased:
            if verified.verification is None or verified.verification == before.verification:
                return before
            again = before.model_copy(update={"verification": verified.verification})
            keep(lake, again)
            return again
        keep(lake, before)
    for last in kept(lake, table, day)[-1:]:
        if last.run == run and same_slices(last, slices) and last.erasures == erased:  # it was killed, and goes on
            found = verified.verification or last.verification
            return last.model_copy(update={"snapshot_id": None, "verification": found})
    return DayManifest(
        table=table, day=day.isoformat(), published_at=datetime.now(UTC), run=run, slices=slices, erasures=erased,
        run_id=verified.run_id, verification=verified.verification,
    )  # fmt: skip


def same_slices(manifest: DayManifest, slices: Sequence[SliceManifest]) -> bool:
    """Whether a publication has the same records and files, whatever was measured while they were pressed."""
    return _without_measures(manifest.slices) == _without_measures(slices)


def _without_measures(slices: Sequence[SliceManifest]) -> list[SliceManifest]:
    return [slice_.model_copy(update={"seconds": 0.0, "sample": None}) for slice_ in slices]
