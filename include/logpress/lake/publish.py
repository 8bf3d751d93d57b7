"""Publish a verified day: its files move into place, one commit makes them the day, the manifest says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from logpress.errors import ChangedError, LakeError, UsageError
from logpress.lake.catalog import LakeCatalog, is_configured, is_missing, open_catalog
from logpress.lake.commit import published_files, replace_day
from logpress.lake.forget import forget_due_unless_busy
from logpress.lake.lake import Lake
from logpress.lake.leftovers import GRACE, day_lock, note_superseded, remove_leftovers
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest, Erasure, PartStats, SliceManifest

log = logging.getLogger(__name__)


def publish_day(
    lake: Lake,
    table: str,
    day: date,
    manifests: Sequence[SliceManifest],
    run: str,
    *,
    descriptions: Mapping[str, str] | None = None,
    grace: timedelta = GRACE,
    progress: Callable[[int, int], None] | None = None,
    replaces: DayManifest | None = None,
    erasures: Sequence[Erasure] = (),
    despite_erasures: bool = False,
) -> DayManifest:
    """Replace a day by what a run has staged.

    It may be killed at any moment and called again: until the commit, readers of the catalog see the old day, from then
    on the new one. The same files as are published already are not published again.

    Args:
        lake: the lake.
        table: the table.
        day: the UTC day.
        manifests: what was staged, slice by slice.
        run: whose staging it is; it is removed.
        descriptions: what columns mean, for the catalog.
        grace: how long files that were published before stay.
        progress: called with files moved so far, and in all.
        replaces: the publication that the files were made from; any if None.
        erasures: what was erased from the day, which is kept with it.
        despite_erasures: whether a day is replaced from which records were erased since it was pressed; those that
            its input still had are published again.

    Raises:
        ChangedError: if the day is not as `replaces` says any more.
        UsageError: if records were erased from the day, unless `despite_erasures` or `replaces` is given.
        LakeError: if the lake or its catalog refuses, or a staged file is missing.
    """
    files = [
        (slice_.slice, part) for slice_ in manifests for part in (slice_.part, slice_.rejects_part) if part is not None
    ]
    folder = lake.day_folder(table, day)
    for place in (folder, f"{lake.table_folder(table)}/metadata", lake.superseded_root(table)):
        lake.see_inside(f"{place}/any")
    with day_lock(lake, table, day), open_catalog(lake) as catalog:
        if replaces is not None:
            _see_unchanged(lake, table, day, replaces)
        elif not despite_erasures:
            see_erasures(lake, table, day)
        for done, (slice_, part) in enumerate(files):
            _move(lake, f"{lake.staging_folder(table, day, run, slice_)}/{part.path}", f"{folder}/{part.path}", part)
            if progress is not None:
                progress(done + 1, len(files))
        paths = [f"{folder}/{slice_.part.path}" for slice_ in manifests if slice_.part is not None]
        # a local lake has its lock, and its catalog may be lost; elsewhere the commit decides who was first
        expected = None if replaces is None or lake.is_local else lake.files(replaces)[0]
        snapshot_id = replace_day(catalog, lake, table, day, paths, descriptions or {}, replaces=expected)
        if not lake.is_local:
            _see_that_it_stands(lake, catalog, table, day, paths)
        manifest = _write_manifest(lake, table, day, manifests, snapshot_id, erasures)
        note_superseded(lake, table, day, {part.path for _, part in files})
        with lake_errors(lake.uri):
            lake.remove(lake.staging_folder(table, day, run))
    remove_leftovers(lake, table, grace=grace)
    forget_due_unless_busy(lake, table)
    return manifest


def catalog_files(lake: Lake, table: str, day: date) -> list[str] | None:
    """The files that the catalog has for a day, in order; None where nothing says which catalog that is.

    Raises:
        LakeError: if the catalog cannot be read.
    """
    if not is_configured(lake):
        return None
    if is_missing(lake):
        return []
    with open_catalog(lake) as catalog:
        found = catalog.load(table)
        with lake_errors(f"the catalog of {lake.uri}"):
            return sorted(published_files(found, day)) if found is not None else []


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
    if now is None or _without_times(now.slices) != _without_times(expected.slices):
        raise ChangedError(f"{lake.uri}: another process published {table} {day} meanwhile")


def _see_that_it_stands(lake: Lake, catalog: LakeCatalog, table: str, day: date, paths: Sequence[str]) -> None:
    """In an object store there is no lock: whoever commits last writes the manifest, and nobody else."""
    found = catalog.load(table)
    with lake_errors(f"the catalog of {lake.uri}"):
        standing = set(published_files(found, day)) if found is not None else set()
    if standing != set(paths):
        raise LakeError(
            f"{lake.uri}: another process published {table} {day} at the same time, and what it published stands"
        )


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


def _write_manifest(
    lake: Lake,
    table: str,
    day: date,
    manifests: Sequence[SliceManifest],
    snapshot_id: int | None,
    erasures: Sequence[Erasure],
) -> DayManifest:
    """Write what the day consists of now, unless that is written already."""
    try:
        before = lake.read_day(table, day)
    except LakeError:
        before = None  # damaged; this mends it
    slices = tuple(manifests)
    erased = tuple(erasures)
    if before is not None and (_without_times(before.slices), before.erasures) == (_without_times(slices), erased):
        return before
    now = datetime.now(UTC)
    manifest = DayManifest(
        table=table, day=day.isoformat(), published_at=now, snapshot_id=snapshot_id, slices=slices, erasures=erased
    )
    with lake_errors(lake.uri):
        lake.write(lake.manifest_path(table, day), manifest.to_bytes())
    return manifest


def _without_times(slices: Sequence[SliceManifest]) -> list[SliceManifest]:
    return [slice_.model_copy(update={"seconds": 0.0}) for slice_ in slices]
