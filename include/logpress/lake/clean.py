"""What a lake no longer needs: found, shown, and removed when that is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from logpress.lake.attempts import due_attempts
from logpress.lake.catalog import open_catalog, see_not_lost
from logpress.lake.check import unnamed_files
from logpress.lake.commit import due_snapshots, expire
from logpress.lake.day_files import known_days
from logpress.lake.history import due_kept, kept_path
from logpress.lake.index_tables import KEPT, follow, tidy_index
from logpress.lake.lake import Lake
from logpress.lake.leftovers import (
    STAGING_AGE,
    day_lock,
    due_links,
    due_staging,
    due_superseded,
    note_earlier,
    remove_empty_staging,
    remove_leftovers,
)
from logpress.lake.links import link_differences, link_files
from logpress.lake.needless import Needless, clean_lookups, needless_metadata
from logpress.lake.retention import refused_stay, retention_of
from logpress.lake.snapshots import data_files, kept_snapshots, snapshot_files
from logpress.lake.storage import TEMPORARY_PREFIX, lake_errors


@dataclass(frozen=True)
class Cleaning:
    """What `clean_table` found.

    Attributes:
        table: the table.
        snapshots: snapshots that are older than the retention, those of the lookups included.
        needless: files and folders.
    """

    table: str
    snapshots: int
    needless: tuple[Needless, ...]


def clean_table(
    lake: Lake, table: str, *, remove: bool, retention: timedelta | None = None, age: timedelta = STAGING_AGE
) -> Cleaning:
    """Find what nobody needs of a table, and remove it.

    Snapshots and the files that they hold go together, so every snapshot that is left can be read.

    Args:
        lake: the lake.
        table: the table.
        remove: whether it is removed, and old snapshots are forgotten.
        retention: how long superseded files and snapshots stay; the lake's if None.
        age: how old what nothing names, temporary files and staging are before they count as abandoned.

    Raises:
        LakeError: if the lake or its catalog cannot be read, or something cannot be removed.
    """
    retention = retention_of(lake) if retention is None else retention
    now = datetime.now(UTC)
    found: list[Needless] = []
    see_not_lost(lake, table)
    with open_catalog(lake) as catalog, lake_errors(lake.uri):
        catalog.see_known(table)
        loaded = catalog.load(table)
        due, held, expired, known = set[int](), set[str](), set[str](), set[date]()
        if loaded is not None:
            known = set(known_days(loaded))
            due, held = due_snapshots(loaded, retention), data_files(loaded, kept_snapshots(loaded, retention))
            expired = snapshot_files(loaded, (one for one in loaded.snapshots() if one.snapshot_id in due))
        for folder in due_staging(lake, table, now - age, now - refused_stay(retention)):
            found.append(Needless(folder, 0, "staging of a run that has ended"))
        refused = due_attempts(lake, table, now - refused_stay(retention))
        found += [_file(lake, path, "of a run that was refused") for path in refused]
        for day, names in due_superseded(lake, table, now - retention).items():
            found += _superseded(lake, table, day, names, held)
        for folder, _ in due_links(lake, table, now - retention):
            found.append(Needless(folder, 0, "links of an earlier publication"))
        rest = _temporary(lake, table, now - age)
        if remove:
            for day in lake.days_with_files(table):
                note_earlier(lake, table, day)
            if loaded is not None:
                expire(loaded, retention)
                loaded = catalog.load(table)
            remove_leftovers(lake, table, grace=retention, staging_age=age)
        for day in sorted({*lake.days_with_files(table), *lake.days_with_history(table)}):
            found += _of_day(lake, table, day, held, now - retention, age, remove=remove)
            found += _links(lake, table, day, remove=remove, is_known=day in known)
        if loaded is not None:
            rest += needless_metadata(lake, table, loaded, retention, expired, now - age)
        if remove:
            for one in rest:
                lake.remove(one.path)
            remove_empty_staging(lake, table)
            follow(lake, table, catalog)
    of_lookups, forgotten = clean_lookups(lake, table, remove=remove, retention=retention, age=age)
    return Cleaning(table, len(due) + forgotten, (*found, *rest, *of_lookups))


def clean_index(lake: Lake, *, remove: bool, age: timedelta = STAGING_AGE) -> Cleaning:
    """Find what is left of earlier states of the index, and remove it.

    Args:
        lake: the lake.
        remove: whether it is removed.
        age: how old it is; an hour at most, because nobody reads earlier states for longer.

    Raises:
        LakeError: if the lake or its catalog cannot be read, or something cannot be removed.
    """
    age = min(age, KEPT)
    due = tidy_index(lake, age, remove=False)
    found = [_file(lake, path, "an earlier state of the index") for path in due.paths]
    if remove:
        tidy_index(lake, age)
    return Cleaning("index", due.snapshots, tuple(found))


def _of_day(
    lake: Lake, table: str, day: date, held: set[str], before: datetime, age: timedelta, *, remove: bool
) -> list[Needless]:
    """What of a day is named by nothing; removed while nobody can publish it on this machine."""
    with day_lock(lake, table, day):
        paths = unnamed_files(lake, table, day, lake.read_day(table, day), held, age)
        found = [_file(lake, path, "named by nothing") for path in paths]
        kept = [kept_path(lake, manifest) for manifest in due_kept(lake, table, day, before)]
        found += [_file(lake, path, "manifest of a publication that is gone") for path in kept]
        if remove:
            for one in found:
                lake.remove(one.path)
    return found


def _links(lake: Lake, table: str, day: date, *, remove: bool, is_known: bool) -> list[Needless]:
    """What readers of folders find of a day besides its parts; the folder of a day that lost its manifest stays."""
    with day_lock(lake, table, day):
        manifest = lake.read_day(table, day)
        if manifest is None and is_known:
            return []
        parts = lake.files(manifest)[0] if manifest is not None else []
        missing, others = link_differences(lake, table, day, parts)
        if remove and (missing or others):
            link_files(lake, table, day, parts)
    return [Needless(path, 0, "a link that the manifest does not name") for path in others]


def _file(lake: Lake, path: str, why: str) -> Needless:
    return Needless(path, lake.storage.size(path) or 0, why)


def _superseded(lake: Lake, table: str, day: date, names: set[str], held: set[str]) -> list[Needless]:
    """Superseded files that are due, and that neither a kept snapshot nor the day itself needs."""
    manifest = lake.read_day(table, day)
    needed = held | ({path for paths in lake.files(manifest) for path in paths} if manifest is not None else set())
    paths = (lake.file_path(table, day, name) for name in sorted(names))
    return [_file(lake, path, "superseded") for path in paths if path not in needed]


def _temporary(lake: Lake, table: str, before: datetime) -> list[Needless]:
    """Files of writes of a table, or of the lake itself, that were killed; an object store has none."""
    if not lake.is_local:
        return []
    found = []
    beside = [item.name for item in lake.storage.list(lake.uri) if not item.is_folder]
    folders = [(folder, names) for folder, _, names in os.walk(lake.table_folder(table))]
    for folder, names in [(lake.uri, beside), *folders]:
        for name in names:
            path = f"{folder}/{name}"
            if name.startswith(TEMPORARY_PREFIX) and not path.startswith(f"{lake.staging_root(table)}/"):
                status = os.lstat(path)
                if datetime.fromtimestamp(status.st_mtime, UTC) < before:
                    found.append(Needless(path, status.st_size, "temporary file of a write that was killed"))
    return found
