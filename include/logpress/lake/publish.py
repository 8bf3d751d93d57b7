"""Publish a verified day: its files move into place, one commit makes them the day, the manifest says so."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from logpress.errors import LakeError, LogpressError
from logpress.lake.catalog import LakeCatalog, open_catalog
from logpress.lake.commit import published_files, replace_day
from logpress.lake.lake import Lake
from logpress.lake.leftovers import GRACE, day_lock, note_superseded, remove_leftovers
from logpress.lake.links import link_day
from logpress.lake.moves import note_moves, take_back
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest, PartStats, SliceManifest

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
) -> DayManifest:
    """Replace a day by what a run has staged.

    It may be killed at any moment and called again: until the commit, readers of the catalog see the old day, from then
    on the new one. Readers of folders, in a linked lake, see it when the day's folder is exchanged. The same files as
    are published already are not published again. If the day is refused, what was moved goes back into staging.

    Args:
        lake: the lake.
        table: the table.
        day: the UTC day.
        manifests: what was staged, slice by slice.
        run: whose staging it is; it is removed.
        descriptions: what columns mean, for the catalog.
        grace: how long files that were published before stay.
        progress: called with files moved so far, and in all.

    Raises:
        LakeError: if the lake or its catalog refuses, or a staged file is missing.
        UsageError: if the lake must be migrated first.
    """
    lake.see_layout()
    files = [
        (slice_.slice, part) for slice_ in manifests for part in (slice_.part, slice_.rejects_part) if part is not None
    ]
    for place in (
        *lake.file_folders(table, day), lake.day_folder(table, day),
        lake.manifests_root(table), f"{lake.table_folder(table)}/metadata", lake.superseded_root(table),
    ):  # fmt: skip
        lake.see_inside(f"{place}/any")
    with day_lock(lake, table, day), open_catalog(lake) as catalog:
        note_moves(lake, table, day, run, {part.path: slice_ for slice_, part in files})
        try:
            for done, (slice_, part) in enumerate(files):
                staged = f"{lake.staging_folder(table, day, run, slice_)}/{part.path}"
                _move(lake, staged, lake.file_path(table, day, part.path), part)
                if progress is not None:
                    progress(done + 1, len(files))
            paths = [lake.file_path(table, day, slice_.part.path) for slice_ in manifests if slice_.part is not None]
            snapshot_id = replace_day(catalog, lake, table, day, paths, descriptions or {})
        except BaseException:
            with contextlib.suppress(LogpressError):  # what stays now is noted, and goes back later
                take_back(lake, table, day, run)
            raise
        if not lake.is_local:
            _see_that_it_stands(lake, catalog, table, day, paths)
        manifest = _write_manifest(lake, table, day, manifests, snapshot_id)
        link_day(lake, manifest)
        note_superseded(lake, table, day, {part.path for _, part in files})
        with lake_errors(lake.uri):
            lake.remove(lake.staging_folder(table, day, run))
    remove_leftovers(lake, table, grace=grace)
    return manifest


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
    lake: Lake, table: str, day: date, manifests: Sequence[SliceManifest], snapshot_id: int | None
) -> DayManifest:
    """Write what the day consists of now, unless that is written already."""
    try:
        before = lake.read_day(table, day)
    except LakeError:
        before = None  # damaged; this mends it
    slices = tuple(manifests)
    if before is not None and _without_times(before.slices) == _without_times(slices):
        return before
    now = datetime.now(UTC)
    manifest = DayManifest(table=table, day=day.isoformat(), published_at=now, snapshot_id=snapshot_id, slices=slices)
    with lake_errors(lake.uri):
        lake.write(lake.manifest_path(table, day), manifest.to_bytes())
    return manifest


def _without_times(slices: Sequence[SliceManifest]) -> list[SliceManifest]:
    return [slice_.model_copy(update={"seconds": 0.0}) for slice_ in slices]
