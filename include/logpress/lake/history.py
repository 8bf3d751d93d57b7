"""Publications of a day: the manifest of each is kept as long as its files are."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime

from logpress.errors import LakeError, UsageError
from logpress.lake.lake import Lake
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest

log = logging.getLogger(__name__)


def keep(lake: Lake, manifest: DayManifest) -> None:
    """Keep a manifest among those of its day's publications; one that is kept already is written over.

    Raises:
        LakeError: if it cannot be written.
    """
    path = kept_path(lake, manifest)
    with lake_errors(path):
        data = manifest.to_bytes()
        if lake.storage.read(path) != data:
            lake.write(path, data)


def kept_path(lake: Lake, manifest: DayManifest) -> str:
    """Where a publication's manifest is kept: named by its time and its files, whatever its snapshot."""
    folder = lake.history_folder(manifest.table, date.fromisoformat(manifest.day))
    files = [part.sha256 for part in (*manifest.parts, *manifest.rejects_parts)]
    told = hashlib.sha256("\n".join(files).encode()).hexdigest()[:8]
    return f"{folder}/{manifest.published_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{told}.json"


def publications(lake: Lake, table: str, day: date) -> list[DayManifest]:
    """The kept publications of a day and the current one, the oldest first.

    One that never became the day, because its run was killed or lost, has no snapshot.

    Raises:
        LakeError: if the lake cannot be read.
    """
    found = {kept_path(lake, manifest): manifest for manifest in kept(lake, table, day)}
    current = lake.read_day(table, day)
    if current is not None:
        found[kept_path(lake, current)] = current
    return sorted(found.values(), key=lambda manifest: manifest.published_at)


def kept(lake: Lake, table: str, day: date) -> list[DayManifest]:
    """The kept publications of a day, the oldest first; of those that are damaged it is told.

    Raises:
        LakeError: if the lake cannot be read.
    """
    found = []
    folder = lake.history_folder(table, day)
    with lake_errors(folder):
        for item in lake.storage.list(folder):
            if item.is_folder or not item.name.endswith(".json"):
                continue
            try:
                manifest = lake.read_manifest(f"{folder}/{item.name}", table, day)
            except LakeError as error:
                log.warning("%s", error)
                continue
            if manifest is not None:
                found.append(manifest)
    return sorted(found, key=lambda manifest: manifest.published_at)


def is_whole(lake: Lake, manifest: DayManifest) -> bool:
    """Whether all files of a publication are there, with the sizes that its manifest says."""
    return next(sizes_differ(lake, manifest), None) is None


def sizes_differ(lake: Lake, manifest: DayManifest) -> Iterator[tuple[str, int, int | None]]:
    """Files of a publication with other sizes than its manifest says: path, bytes expected, bytes found or None."""
    parts, rejects = lake.files(manifest)
    stats = [*manifest.parts, *manifest.rejects_parts]
    for path, part in zip([*parts, *rejects], stats, strict=True):
        with lake_errors(path):
            size = lake.storage.size(path)
        if size != part.stored_bytes:
            yield path, part.stored_bytes, size


def standing(lake: Lake, table: str, day: date, paths: set[str]) -> DayManifest | None:
    """The publication whose parts are these; the newest of several."""
    found = [one for one in publications(lake, table, day) if set(lake.files(one)[0]) == paths]
    return found[-1] if found else None


def earlier(lake: Lake, table: str, day: date, to: str) -> DayManifest:
    """The publication of a day that `to` names: the id of its snapshot, or `previous`.

    Raises:
        UsageError: if there is none, or it is the current one.
    """
    current = lake.read_day(table, day)
    known = [one for one in publications(lake, table, day) if one.snapshot_id is not None or one == current]
    others = [one for one in known if current is None or _files(one) != _files(current)]
    ids = ", ".join(str(one.snapshot_id) for one in others) or "none"
    if to == "previous":
        before = [one for one in others if current is None or one.published_at < current.published_at]
        if not before:
            raise UsageError(f"{lake.uri}: {table} {day} has no earlier publication that is kept; kept are: {ids}")
        return before[-1]
    if current is not None and is_publication(lake, current, to):
        raise UsageError(f"{lake.uri}: {table} {day} is the publication of snapshot {to} already")
    found = [one for one in others if str(one.snapshot_id) == to]
    if not found:
        raise UsageError(f"{lake.uri}: {table} {day} has no kept publication of snapshot {to}; kept are: {ids}")
    return found[-1]


def is_publication(lake: Lake, manifest: DayManifest, to: str) -> bool:
    """Whether a manifest has the files of the publication whose snapshot has the id `to`."""
    known = publications(lake, manifest.table, date.fromisoformat(manifest.day))
    return any(str(one.snapshot_id) == to and _files(one) == _files(manifest) for one in known)


def _files(manifest: DayManifest) -> list[str]:
    return [part.sha256 for part in (*manifest.parts, *manifest.rejects_parts)]


def remove_kept(lake: Lake, table: str, day: date, before: datetime) -> int:
    """Remove kept manifests whose files are gone, and those that never became the day; returns how many.

    Args:
        lake: the lake.
        table: the table.
        day: the day; its lock is held.
        before: newer ones stay.
    """
    due = due_kept(lake, table, day, before)
    with lake_errors(lake.uri):
        for manifest in due:
            lake.remove(kept_path(lake, manifest))
    return len(due)


def due_kept(lake: Lake, table: str, day: date, before: datetime) -> list[DayManifest]:
    """The kept manifests that `remove_kept` removes."""
    current = lake.read_day(table, day)
    return [
        manifest
        for manifest in publications(lake, table, day)
        if manifest != current
        and manifest.published_at <= before
        and (manifest.snapshot_id is None or not is_whole(lake, manifest))
    ]
