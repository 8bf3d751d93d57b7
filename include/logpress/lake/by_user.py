"""Days sorted by user in a lake: their files, their manifests, and their table in the catalog."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Literal

from pydantic import Field, ValidationError

from logpress.errors import LakeError
from logpress.lake.catalog import open_catalog, see_not_lost
from logpress.lake.commit import replace_day
from logpress.lake.forget import forget_metadata
from logpress.lake.lake import Lake
from logpress.lake.layout import day_of_manifest
from logpress.lake.leftovers import day_lock
from logpress.lake.names import checked_name
from logpress.lake.retention import retention_of
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest
from logpress.results import Model

FIRST_KEYS = b"logpress.first_keys"
"""Key of a file's metadata: the users with which its row groups begin, as a JSON list of lists: of a user, a text or a
whole number for each column of `entity`, instants in microseconds since 1970 (UTC)."""


class ByUserFile(Model):
    """A file with the rows of some users."""

    path: str = Field(description="its name in the day's folder")
    bucket: int = Field(description="the users it has: those whose hash, modulo the number of files, is this")
    rows: int
    row_groups: int
    stored_bytes: int
    sha256: str
    newest: int | None = Field(description="the latest `time` of its rows, microseconds since 1970 (UTC)")


class ByUserDay(Model):
    """A day that is sorted by user."""

    format: Literal[1] = 1
    table: str
    day: str
    made_at: datetime = Field(description="UTC")
    made_from: str = Field(description="digest of the publication, the columns and the order that it was made from")
    entity: tuple[str, ...]
    time: str
    columns: tuple[str, ...]
    rows: int
    without_user: int = Field(description="rows that are left out, because a column of `entity` is null")
    buckets: int
    files: tuple[ByUserFile, ...]


def by_user_table(table: str) -> str:
    """What the catalog calls a table's days sorted by user."""
    return f"{table}_history"


def made_from(manifest: DayManifest, entity: Sequence[str], time: str, columns: Sequence[str]) -> str:
    """The digest of what a day sorted by user is made from; as long as it is the same, nothing is made anew."""
    parts = sorted(part.sha256 for part in manifest.parts)
    return hashlib.sha256("\n".join([*parts, "", *entity, time, *columns]).encode()).hexdigest()


def read_by_user(lake: Lake, table: str, day: date) -> ByUserDay | None:
    """The manifest of a day; None if the day is not sorted by user.

    Raises:
        LakeError: if it cannot be read, or is damaged.
    """
    path = lake.by_user_manifest(table, day)
    with lake_errors(path):
        data = lake.storage.read(path)
    if data is None:
        return None
    try:
        found = ByUserDay.model_validate_json(data)
    except ValidationError as error:
        raise LakeError(f"{path}: is damaged, or of a newer logpress: {error.errors()[0]['msg']}") from error
    for file in found.files:
        checked_name(file.path, path)
    return found


def days_by_user(lake: Lake, table: str) -> list[date]:
    """The days of a table that are sorted by user, in order.

    Raises:
        LakeError: if the lake cannot be read.
    """
    root = lake.by_user_manifests(table)
    with lake_errors(root):
        items = lake.storage.list(root)
    return sorted(day for item in items if (day := day_of_manifest(item.name)) is not None)


def write_by_user(lake: Lake, table: str, day: date, name: str, data: bytes) -> None:
    """Write a file of a day, which nobody knows until the day is published.

    Raises:
        LakeError: if it cannot be written.
    """
    path = f"{lake.by_user_folder(table, day)}/{name}"
    with lake_errors(path):
        lake.write(path, data)


def publish_by_user(lake: Lake, made: ByUserDay, descriptions: Mapping[str, str]) -> None:
    """Make files that are written the day's rows sorted by user: in the catalog in one commit, then in its manifest.

    Readers see the day as it was or as it is. Files that it had before stay until the next publication, because readers
    may have them open.

    Args:
        lake: the lake.
        made: what the day is to be.
        descriptions: what columns mean.

    Raises:
        LakeError: if the lake or its catalog refuses.
    """
    table, day = made.table, date.fromisoformat(made.day)
    folder = lake.by_user_folder(table, day)
    see_not_lost(lake, table)
    with day_lock(lake, by_user_table(table), day), lake_errors(folder):
        before = read_by_user(lake, table, day)
        stay = {file.path for known in (before, made) if known is not None for file in known.files}
        with open_catalog(lake) as catalog:
            paths = [f"{folder}/{file.path}" for file in made.files]
            replace_day(catalog, lake, by_user_table(table), day, paths, descriptions, retention_of(lake))
        lake.write(lake.by_user_manifest(table, day), made.model_dump_json(indent=1).encode())
        for item in lake.storage.list(folder):  # of the publication before the last, or of a run that was killed
            if item.name not in stay:
                lake.remove(f"{folder}/{item.name}")


def drop_by_user(lake: Lake, table: str, days: Iterable[date], *, is_forgotten: bool = False) -> None:
    """Remove days that are sorted by user, from the catalog first.

    Args:
        lake: the lake.
        table: the table.
        days: those that are not there are left alone.
        is_forgotten: whether old snapshots must not tell of them either: after an erasure.

    Raises:
        LakeError: if the lake or its catalog refuses.
    """
    dropped = False
    for day in days:
        folder = lake.by_user_folder(table, day)
        with day_lock(lake, by_user_table(table), day), lake_errors(folder):
            names = [item.name for item in lake.storage.list(folder)]
            if not names and lake.storage.size(lake.by_user_manifest(table, day)) is None:
                continue
            with open_catalog(lake) as catalog:
                replace_day(catalog, lake, by_user_table(table), day, [], {}, retention_of(lake))
            lake.remove(lake.by_user_manifest(table, day))
            lake.remove(folder)
            dropped = True
    if dropped and is_forgotten:
        forget_metadata(lake, by_user_table(table))


def drop_erased(lake: Lake, table: str, days: Iterable[date]) -> None:
    """Remove days sorted by user that were made from what an erasure has replaced; nothing of it is left, nor known.

    Raises:
        LakeError: if the lake or its catalog refuses.
    """
    outdated = []
    for day in days:
        made, manifest = read_by_user(lake, table, day), lake.read_day(table, day)
        if made is not None and (
            manifest is None or made.made_from != made_from(manifest, made.entity, made.time, made.columns)
        ):
            outdated.append(day)
    drop_by_user(lake, table, outdated, is_forgotten=True)
