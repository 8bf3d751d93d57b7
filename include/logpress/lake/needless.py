"""Iceberg's files that no snapshot needs any more, and lookups of parts that are gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from logpress.lake.catalog import open_catalog
from logpress.lake.commit import due_snapshots, expire, replace_day
from logpress.lake.day_files import known_days
from logpress.lake.lake import Lake
from logpress.lake.leftovers import day_lock
from logpress.lake.lookups import DESCRIPTIONS, abandoned_lookups, lookups_table
from logpress.lake.snapshots import data_files, kept_snapshots, metadata_files, snapshot_files
from logpress.lake.storage import TEMPORARY_PREFIX, lake_errors

if TYPE_CHECKING:
    from pyiceberg.table import Table


@dataclass(frozen=True)
class Needless:
    """Something that can go.

    Attributes:
        path: the file or folder.
        size: bytes of a file; 0 if they are not known.
        why: what it is.
    """

    path: str
    size: int
    why: str


def needless_metadata(
    lake: Lake, table: str, loaded: Table, retention: timedelta, expired: set[str], before: datetime
) -> list[Needless]:
    """Iceberg's files that no kept snapshot needs: those of forgotten ones, and what killed commits have left.

    Args:
        lake: the lake.
        table: the table, as the catalog has it.
        loaded: what the catalog knows of it.
        retention: how long snapshots are kept.
        expired: paths of the files of snapshots that are forgotten.
        before: younger ones that nothing refers to may be those of a commit that is under way.
    """
    needed = metadata_files(loaded, kept_snapshots(loaded, retention))
    folder = lake.metadata_folder(table)
    found = []
    for item in lake.storage.list(folder):
        path = f"{folder}/{item.name}"
        if item.is_folder or path in needed or item.name.startswith(TEMPORARY_PREFIX):
            continue
        if path in expired:
            found.append(Needless(path, item.size, "of a snapshot that is forgotten"))
        elif item.modified is not None and item.modified < before:
            found.append(Needless(path, item.size, "metadata that nothing refers to"))
    return found


def clean_lookups(
    lake: Lake, table: str, *, remove: bool, retention: timedelta, age: timedelta
) -> tuple[list[Needless], int]:
    """Find lookups none of whose parts is there, and old metadata of the table that has them, and remove them.

    The catalog forgets such lookups first; their files go once no kept snapshot has them.

    Args:
        lake: the lake.
        table: the table whose lookups they are.
        remove: whether they are removed, and old snapshots are forgotten.
        retention: how long snapshots stay.
        age: younger lookups may be those of a part that is about to be published.

    Returns:
        What can go, and how many snapshots are older than the retention.

    Raises:
        LakeError: if the lake or its catalog cannot be read, or something cannot be removed.
    """
    name, now = lookups_table(table), datetime.now(UTC)
    abandoned = _abandoned(lake, table, age, remove=remove)
    with open_catalog(lake) as catalog, lake_errors(lake.uri):
        loaded = catalog.load(name)
        due, held, expired = set[int](), set[str](), set[str]()
        if loaded is not None:
            due = due_snapshots(loaded, retention)
            kept = kept_snapshots(loaded, retention)
            held = data_files(loaded, kept)
            if not remove and not retention:  # what `remove` takes out of the current one
                held -= abandoned
            expired = snapshot_files(loaded, (one for one in loaded.snapshots() if one.snapshot_id in due))
            if remove:
                expire(loaded, retention)
                loaded = catalog.load(name)
        found = [
            Needless(path, lake.storage.size(path) or 0, "lookups of parts that are gone")
            for path in sorted(abandoned - held)
        ]
        if loaded is not None:
            found += needless_metadata(lake, name, loaded, retention, expired, now - age)
        if remove:
            for one in found:
                lake.remove(one.path)
    return found, len(due)


def _abandoned(lake: Lake, table: str, age: timedelta, *, remove: bool) -> set[str]:
    """Paths of lookups of parts that are gone, which the catalog has forgotten if `remove`."""
    found = set()
    for day in lake.days_with_lookups(table):
        folder = lake.lookups_folder(table, day)
        with day_lock(lake, lookups_table(table), day):
            paths = {f"{folder}/{file}" for file in abandoned_lookups(lake, table, day, age)}
            if remove and paths:
                _take_out(lake, table, day, paths)
        found |= paths
    return found


def _take_out(lake: Lake, table: str, day: date, paths: set[str]) -> None:
    """Take some files of lookups out of the catalog, in one commit."""
    with open_catalog(lake) as catalog:
        loaded = catalog.load(lookups_table(table))
        with lake_errors(f"the catalog of {lake.uri}"):
            known = set(known_days(loaded).get(day, {})) if loaded is not None else set()
        if known & paths:
            replace_day(catalog, lake, lookups_table(table), day, sorted(known - paths), DESCRIPTIONS)
