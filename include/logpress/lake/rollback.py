"""A published day goes back to an earlier publication, or goes altogether."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

from logpress.errors import LakeError, UsageError
from logpress.lake.attempts import remove_attempts_of
from logpress.lake.by_user import drop_by_user
from logpress.lake.catalog import open_catalog, see_not_lost
from logpress.lake.commit import replace_day
from logpress.lake.history import earlier, is_publication, keep, publications, sizes_differ
from logpress.lake.index_tables import follow_or_warn
from logpress.lake.lake import Lake
from logpress.lake.leftovers import day_lock, note_superseded, remove_leftovers
from logpress.lake.links import link_files
from logpress.lake.moves import noted_at
from logpress.lake.publish import Verified, publish_day
from logpress.lake.retention import retention_of
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest


def rollback_day(lake: Lake, table: str, day: date, to: str) -> tuple[DayManifest, DayManifest]:
    """Make an earlier publication of a day the day again: one commit, then the manifest.

    Its files are compared with its manifest by SHA-256 before. What was the day until now is kept like any replaced
    publication, so this can be undone. It may be killed and called again: what was stopped is then ended.

    Args:
        lake: the lake.
        table: the table.
        day: the UTC day, which may have been dropped.
        to: the id of the publication's snapshot, or `previous`.

    Returns:
        The publication that was asked for, and the day as it is now.

    Raises:
        UsageError: if there is no such publication, or records that were erased since would be back.
        LakeError: if its files are gone or damaged, or the catalog refuses.
    """
    stopped = _finished(lake, table, day)
    if stopped is not None and (to == "previous" or is_publication(lake, stopped, to)):
        return stopped, stopped
    wanted = earlier(lake, table, day, to)
    _see_whole(lake, wanted)
    _see_erased(lake, table, day, wanted)
    run = f"{_RUN}{uuid.uuid4().hex[:12]}"
    return wanted, publish_day(
        lake, table, day, wanted.slices, run,
        erasures=wanted.erasures, despite_erasures=True, verified=Verified(wanted.verification),
    )  # fmt: skip


_RUN = "rollback-"


def _finished(lake: Lake, table: str, day: date) -> DayManifest | None:
    """The day as a rollback has made it that was stopped before its end, and is ended now; None if there is none.

    Without this, going back to the previous publication once more would undo what was asked for.
    """
    now = lake.read_day(table, day)
    if now is None or now.run is None or not now.run.startswith(_RUN) or noted_at(lake, table, day, now.run) is None:
        return None
    return publish_day(lake, table, day, now.slices, now.run, erasures=now.erasures, despite_erasures=True)


def _see_erased(lake: Lake, table: str, day: date, wanted: DayManifest) -> None:
    known = {erasure.id for one in publications(lake, table, day) for erasure in one.erasures}
    if known - {erasure.id for erasure in wanted.erasures}:
        raise UsageError(
            f"{lake.uri}: records of {table} {day} were erased since the publication of "
            f"{wanted.published_at:%Y-%m-%d %H:%M:%S} UTC, which still has them; it cannot be the day again"
        )


def _see_whole(lake: Lake, manifest: DayManifest) -> None:
    what = f"the publication of {manifest.published_at:%Y-%m-%d %H:%M:%S} UTC cannot be the day again"
    for path, _, size in sizes_differ(lake, manifest):
        found = "is gone" if size is None else f"has {size:,} bytes"
        raise LakeError(f"{path}: {found}, so {what}; press the day again from its raw input")
    parts, rejects = lake.files(manifest)
    for path, part in zip([*parts, *rejects], [*manifest.parts, *manifest.rejects_parts], strict=True):
        with lake_errors(path):
            if lake.storage.sha256(path) != part.sha256:
                raise LakeError(f"{path}: is damaged, so {what}; press the day again from its raw input")


def drop_day(lake: Lake, table: str, day: date, *, grace: timedelta | None = None) -> DayManifest:
    """Take a day out of its table, in one commit; its files are superseded, and stay for the retention.

    It may be killed and called again.

    Args:
        lake: the lake.
        table: the table.
        day: the UTC day.
        grace: how long its files and snapshots stay; the lake's retention if None.

    Returns:
        What the day was; `rollback_day` can make it the day again.

    Raises:
        UsageError: if the day is not published, or the lake must be migrated first.
        LakeError: if the catalog refuses.
    """
    lake.see_layout()
    grace = retention_of(lake) if grace is None else grace
    see_not_lost(lake, table)
    with day_lock(lake, table, day), open_catalog(lake) as catalog:
        catalog.see_known(table)
        before = lake.need_day(table, day)
        keep(lake, before)
        replace_day(catalog, lake, table, day, (), {}, grace)
        link_files(lake, table, day, ())
        note_superseded(lake, table, day, set())
        with lake_errors(lake.uri):
            lake.remove(lake.manifest_path(table, day))
        remove_attempts_of(lake, table, day)
    drop_by_user(lake, table, [day])
    remove_leftovers(lake, table, grace=grace)
    follow_or_warn(lake, table)
    return before
