"""To make a verified day visible, all of it at once, and to clear away what it supersedes.

The order makes it safe to be killed anywhere: files get their final names (which hold a digest of their content, so
that doing it again changes nothing), then one commit in the catalog switches the day, then the manifest, and only then
is anything removed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from logpress.errors import LakeError
from logpress.lake.catalog import replace_day
from logpress.lake.folder import Lake
from logpress.manifest import DayManifest, SliceManifest

DEFAULT_GRACE = timedelta(hours=1)
_SUPERSEDED = "_superseded.json"
_STALE_STAGING = timedelta(days=2)


def publish_day(
    lake: Lake,
    table: str,
    day: date,
    manifests: Sequence[SliceManifest],
    run: str,
    schema: pa.Schema,
    *,
    grace: timedelta = DEFAULT_GRACE,
    now: datetime | None = None,
) -> DayManifest:
    """Replace a day by what a run has staged.

    Args:
        lake: the lake.
        table: the table.
        day: the UTC day.
        manifests: the run's slices, verified.
        run: the run whose staging holds the files.
        schema: the parts' schema.
        grace: how long superseded files stay for readers that have begun.
        now: the time (UTC); the clock's if None.

    Returns:
        What is published now.

    Raises:
        LakeError: if files or the catalog refuse; the day is then as it was.
    """
    now = now or datetime.now(UTC)
    folder = lake.day(table, day)
    with lake.lock(table, day):
        before = lake.manifest(table, day)
        try:
            lake.filesystem.makedirs(folder, exist_ok=True)
            for manifest in manifests:
                for part in (manifest.part, manifest.rejects_part):
                    if part is not None:
                        _move(lake, f"{lake.staging(table, day, run, manifest.slice)}/{part.path}", f"{folder}/{part.path}")
        except OSError as error:
            raise LakeError(f"{lake.uri}: the files of {table} {day} cannot be put in place: {error}") from error
        parts = [lake.uri_of(f"{folder}/{manifest.part.path}") for manifest in manifests if manifest.part]
        rows = sum(manifest.rows for manifest in manifests)
        summary = {"logpress.day": day.isoformat(), "logpress.rows": str(rows)}
        snapshot = replace_day(lake, table, day, parts, schema, summary)
        published = DayManifest(
            table=table, day=day.isoformat(), published_at=now.replace(microsecond=0), snapshot_id=snapshot, slices=tuple(manifests)
        )
        if before is not None and _same_content(before, published):
            published = published.model_copy(update={"published_at": before.published_at})
        lake.write_atomically(f"{folder}/_manifest.json", published.model_dump_json(indent=1) + "\n")
        _supersede(lake, folder, published, now, grace)
    clear(lake, table, now)
    return published


def _same_content(one: DayManifest, other: DayManifest) -> bool:
    def content(manifest: DayManifest) -> list[tuple[str, str]]:
        parts = [part for entry in manifest.slices for part in (entry.part, entry.rejects_part) if part is not None]
        return [(part.path, part.sha256) for part in parts]

    return content(one) == content(other)


def _move(lake: Lake, source: str, target: str) -> None:
    """Give a staged file its place; it is there already if an earlier try got this far."""
    if lake.filesystem.exists(source):
        lake.filesystem.mv(source, target)
    elif not lake.filesystem.exists(target):
        raise LakeError(f"{lake.uri_of(source)}: the staged file is gone; press the slice again")


def _read_superseded(lake: Lake, folder: str) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(lake.filesystem.cat_file(f"{folder}/{_SUPERSEDED}"))
        return found
    except (FileNotFoundError, ValueError):
        return {}


def _supersede(lake: Lake, folder: str, published: DayManifest, now: datetime, grace: timedelta) -> None:
    """Note which files of the day's folder are not published any more, and when they may go."""
    current = _file_names(published)
    noted = _read_superseded(lake, folder)
    found = {path.rsplit("/", 1)[-1] for path in lake.filesystem.glob(f"{folder}/*.parquet")}
    until = {name: noted.get(name, (now + grace).isoformat()) for name in sorted(found - current)}
    if until != noted:
        lake.write_atomically(f"{folder}/{_SUPERSEDED}", json.dumps(until, indent=1) + "\n")


def _file_names(published: DayManifest) -> set[str]:
    parts = [part for entry in published.slices for part in (entry.part, entry.rejects_part) if part is not None]
    return {part.path for part in parts}


def clear(lake: Lake, table: str, now: datetime | None = None) -> list[str]:
    """Remove superseded files whose grace period is over, and staging that a killed run left days ago.

    Returns:
        The removed files.
    """
    now = now or datetime.now(UTC)
    removed = []
    for noted_path in lake.filesystem.glob(f"{lake.table(table)}/dt=*/{_SUPERSEDED}"):
        folder = noted_path.rsplit("/", 1)[0]
        noted = _read_superseded(lake, folder)
        published = lake.manifest(table, date.fromisoformat(folder.rsplit("/", 1)[-1].removeprefix("dt=")))
        current = _file_names(published) if published is not None else set()
        left = dict(noted)
        for name, until in noted.items():
            if datetime.fromisoformat(until) <= now:
                if name not in current and lake.filesystem.exists(f"{folder}/{name}"):
                    lake.filesystem.rm(f"{folder}/{name}")
                    removed.append(f"{folder}/{name}")
                del left[name]
        if not left:
            lake.filesystem.rm(noted_path)
        elif left != noted:
            lake.write_atomically(noted_path, json.dumps(left, indent=1) + "\n")
    _clear_stale_staging(lake, table, now)
    return removed


def _clear_stale_staging(lake: Lake, table: str, now: datetime) -> None:
    for path in lake.filesystem.glob(f"{lake.table(table)}/_staging/dt=*/*"):
        try:
            changed = lake.filesystem.modified(path)
        except (OSError, NotImplementedError, KeyError):
            continue
        if changed.tzinfo is None:
            changed = changed.replace(tzinfo=UTC)
        if now - changed > _STALE_STAGING:
            lake.filesystem.rm(path, recursive=True)


def clean_run(lake: Lake, table: str, day: date, run: str) -> None:
    """Remove the staging of a run, and the folders that this leaves empty."""
    folder = lake.staging(table, day, run)
    if lake.filesystem.exists(folder):
        lake.filesystem.rm(folder, recursive=True)
    if not lake.is_local:
        return
    for parent in (folder.rsplit("/", 1)[0], folder.rsplit("/", 2)[0]):
        if lake.filesystem.exists(parent) and not lake.filesystem.ls(parent):
            lake.filesystem.rmdir(parent)
