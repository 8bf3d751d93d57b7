"""From a publication to the day: the commit, whether it stands, and a manifest that says what the catalog does."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import date, timedelta

from logpress.errors import LakeError
from logpress.lake.catalog import LakeCatalog
from logpress.lake.choice import EMBEDDED
from logpress.lake.commit import replace_day
from logpress.lake.conflicts import LostCommitError, until_deadline
from logpress.lake.day_files import published_files
from logpress.lake.history import keep, standing
from logpress.lake.lake import Lake
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest

log = logging.getLogger(__name__)

_LOOKS = 10


def make_day(
    catalog: LakeCatalog,
    lake: Lake,
    wanted: DayManifest,
    descriptions: Mapping[str, str],
    retention: timedelta,
    replaces: Collection[str] | None = None,
) -> DayManifest:
    """Make a publication the day: its files are in place, one commit, then the manifest.

    The manifest is kept before the commit, so that whoever finds in the catalog what it tells of can make it the day's,
    even if this process is killed, or another publishes the same day without a common lock.

    Args:
        catalog: the lake's.
        lake: the lake; the day's lock is held, if it has one.
        wanted: the publication; without a snapshot if it is new.
        descriptions: what columns mean, for the catalog.
        retention: how long snapshots stay.
        replaces: the parts that the day must have until then; any if None.

    Raises:
        ChangedError: if the day has other parts than `replaces`.
        LakeError: if the catalog refuses, or another run has published the day later.
    """
    table, day = wanted.table, date.fromisoformat(wanted.day)
    paths = lake.files(wanted)[0]
    is_new = wanted.run is not None and wanted.snapshot_id is None
    if is_new:
        keep(lake, wanted)

    def attempt() -> DayManifest:
        snapshot_id = replace_day(catalog, lake, table, day, paths, descriptions, retention, replaces)
        made = wanted
        if is_new:
            made = wanted.model_copy(update={"snapshot_id": snapshot_id})
            keep(lake, made)
        if catalog.choice.kind == EMBEDDED:  # the day's lock lets nobody else publish it
            _write(lake, made)
            return made
        return _follow(catalog, lake, made, snapshot_id)

    return until_deadline(attempt, f"the catalog of {lake.uri}", f"publish {table} {day}")


def _see_accepted(catalog: LakeCatalog, lake: Lake, wanted: DayManifest, snapshot_id: int | None) -> None:
    """See that the catalog still knows a commit that it accepted, where the day is not what was committed.

    Raises:
        LakeError: from LostCommitError, if the snapshot is gone: the catalog does not compare versions, as moto's Glue
            does not.
    """
    found = catalog.load(wanted.table)
    if snapshot_id is not None and (found is None or found.snapshot_by_id(snapshot_id) is None):
        raise LakeError(
            f"the catalog of {lake.uri}: accepted snapshot {snapshot_id} of {wanted.table} {wanted.day}, and forgot it "
            "when another commit came: it does not see to commits at the same time; publish one day at a time"
        ) from LostCommitError()


def _follow(catalog: LakeCatalog, lake: Lake, wanted: DayManifest, snapshot_id: int | None) -> DayManifest:
    """Make the manifest say what the catalog says; where no lock is, others may have committed, and do the same.

    Raises:
        LakeError: if another run's files stand, or the catalog has forgotten the commit.
    """
    table, day = wanted.table, date.fromisoformat(wanted.day)
    own = set(lake.files(wanted)[0])
    for _ in range(_LOOKS):
        paths = _paths(catalog, lake, table, day)
        current = wanted if paths == own else standing(lake, table, day, paths)
        if current is None:
            _see_accepted(catalog, lake, wanted, snapshot_id)
            break
        _write(lake, current)
        if _paths(catalog, lake, table, day) != paths:
            continue  # another was first between the look and the manifest
        if current is wanted:
            return wanted
        raise LakeError(
            f"{lake.uri}: the run {current.run} published {table} {day} too, at "
            f"{current.published_at:%Y-%m-%d %H:%M:%S} UTC, after this run ({wanted.run}), and its {current.rows:,} "
            "rows are the day now; press the day again if this run's records should be"
        )
    raise LakeError(
        f"{lake.uri}: {table} {day} has files in the catalog that no publication of logpress names, or changes all the "
        "time; see `logpress lake check`, and press the day again"
    )


def _paths(catalog: LakeCatalog, lake: Lake, table: str, day: date) -> set[str]:
    found = catalog.load(table)
    with lake_errors(f"the catalog of {lake.uri}"):
        return set(published_files(found, day)) if found is not None else set()


def _write(lake: Lake, manifest: DayManifest) -> None:
    path = lake.manifest_path(manifest.table, date.fromisoformat(manifest.day))
    with lake_errors(path):
        data = manifest.to_bytes()
        if lake.storage.read(path) != data:
            lake.write(path, data)
