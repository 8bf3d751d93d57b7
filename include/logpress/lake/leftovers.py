"""Files that nobody needs any more: superseded parts after a grace period, and staging of runs that were killed."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from logpress.errors import LakeError, UsageError
from logpress.lake.history import remove_kept
from logpress.lake.lake import Lake, day_of_folder
from logpress.lake.locks import locked
from logpress.lake.names import checked_name
from logpress.lake.snapshots import held_files
from logpress.lake.storage import Item, lake_errors

RETENTION = "LOGPRESS_RETENTION"
"""The environment's setting: how long files and snapshots of earlier publications stay, as `7d`, `12h` or `0`."""

LOCAL_RETENTION = timedelta(days=7)
REMOTE_RETENTION = timedelta(hours=1)
"""In an object store superseded files stay in the folder that readers of folders take, so they stay less long."""

STAGING_AGE = timedelta(days=1)
"""Staging that nothing was written to for longer belongs to a run that was killed."""


def retention_of(lake: Lake) -> timedelta:
    """How long superseded files, and the snapshots that refer to them, stay.

    Raises:
        UsageError: if the environment says no time.
    """
    text = os.environ.get(RETENTION, "")
    if not text:
        return LOCAL_RETENTION if lake.is_local else REMOTE_RETENTION
    return parse_retention(text, RETENTION)


def parse_retention(text: str, what: str) -> timedelta:
    """A time such as 7d, 12h, 30m or 0.

    Raises:
        UsageError: if it is none; the message names `what`.
    """
    found = re.fullmatch(r"(\d{1,6})([dhm])|0", text)
    if found is None:
        raise UsageError(f"{what} is {text!r}; it should be a time such as 7d, 12h or 30m, or 0")
    if found[1] is None:
        return timedelta(0)
    return int(found[1]) * {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}[found[2]]


@contextlib.contextmanager
def day_lock(lake: Lake, table: str, day: date, *, wait_seconds: float = 600.0) -> Iterator[None]:
    """Let one process at a time change a day of a local lake; in an object store the catalog alone decides.

    Raises:
        LakeError: if another process holds it for longer.
    """
    if not lake.is_local:
        yield
        return
    path = lake.lock_path(f"{table}-{day.isoformat()}")
    lake.see_inside(path)
    with lake_errors(lake.uri), locked(path, wait_seconds=wait_seconds):
        yield


def note_superseded(lake: Lake, table: str, day: date, published: set[str]) -> None:
    """Note which files in a day's folder are not published, so that they are removed after the grace period.

    Args:
        lake: the lake.
        table: the table.
        day: the day; its lock is held.
        published: names of the files that are.
    """
    path = lake.superseded_path(table, day)
    with lake_errors(path):
        since = _read(lake, path)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        items = lake.storage.list(lake.day_folder(table, day))
        left = {item.name: since.get(item.name, now) for item in items if _is_part(item) and item.name not in published}
        if left:
            lake.write(path, json.dumps(left, indent=1).encode())
        elif since:
            lake.remove(path)


def superseded_names(lake: Lake, table: str, day: date) -> set[str]:
    """Names of a day's files that are noted as superseded."""
    with lake_errors(lake.uri):
        return set(_read(lake, lake.superseded_path(table, day)))


def remove_leftovers(
    lake: Lake, table: str, *, grace: timedelta | None = None, staging_age: timedelta = STAGING_AGE
) -> None:
    """Remove what has been superseded for longer than the retention, and abandoned staging.

    A file that a snapshot of the catalog refers to stays until that snapshot is forgotten.

    Raises:
        LakeError: if something cannot be removed.
    """
    now = datetime.now(UTC)
    grace = retention_of(lake) if grace is None else grace
    with lake_errors(lake.table_folder(table)):
        due = due_superseded(lake, table, now - grace)
        held = held_files(lake, table, grace) if any(due.values()) else set()
        for day, names in due.items():
            _remove_superseded(lake, table, day, names, held)
            remove_kept(lake, table, day, now - grace)
        for folder in due_staging(lake, table, now - staging_age):
            lake.remove(folder)
        remove_empty_staging(lake, table)


def due_superseded(lake: Lake, table: str, before: datetime) -> dict[date, set[str]]:
    """Names of files that were superseded before a moment, by day; a day without any has been looked at in vain."""
    found = {}
    for item in lake.storage.list(lake.superseded_root(table)):
        with contextlib.suppress(ValueError):
            day = date.fromisoformat(item.name.removesuffix(".json"))
            since = _read(lake, lake.superseded_path(table, day))
            found[day] = {name for name, time in since.items() if datetime.fromisoformat(time) <= before}
    return found


def due_staging(lake: Lake, table: str, before: datetime) -> list[str]:
    """Staging folders of runs that have written nothing since a moment."""
    found = []
    for day_item in lake.storage.list(lake.staging_root(table)):
        if day_of_folder(day_item.name) is None:
            continue
        folder = f"{lake.staging_root(table)}/{day_item.name}"
        for run in lake.storage.list(folder):
            if _newest(lake, f"{folder}/{run.name}", run) < before:
                found.append(f"{folder}/{run.name}")
    return found


def remove_empty_staging(lake: Lake, table: str) -> None:
    """Remove staging folders with nothing in them; an object store has none."""
    if not lake.is_local:
        return
    root = lake.staging_root(table)
    lake.see_inside(f"{root}/any")
    for item in lake.storage.list(root):
        lake.see_inside(f"{root}/{item.name}/any")
        with contextlib.suppress(OSError):
            os.rmdir(f"{root}/{item.name}")
    with contextlib.suppress(OSError):
        os.rmdir(root)


def _remove_superseded(lake: Lake, table: str, day: date, due: set[str], held: set[str]) -> None:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(day_lock(lake, table, day, wait_seconds=0))
        except LakeError:
            return  # someone is publishing the day, and will see to it
        path = lake.superseded_path(table, day)
        since = _read(lake, path)
        try:
            manifest = lake.read_day(table, day)
        except LakeError:
            return  # damaged: what is needed is not known until the day is pressed again
        folder = lake.day_folder(table, day)
        needed = {name.rsplit("/", 1)[-1] for names in lake.files(manifest) for name in names} if manifest else set()
        left = dict(since)
        for name in since:
            if name in needed:
                del left[name]  # published again
            elif name in due and f"{folder}/{name}" not in held:
                lake.remove(f"{folder}/{name}")
                del left[name]
        if left:
            lake.write(path, json.dumps(left, indent=1).encode())
        else:
            lake.remove(path)


def _read(lake: Lake, path: str) -> dict[str, str]:
    """Names and since when, UTC; a damaged note is made anew from what lies there.

    A name that no file of a day has is left out: what it names is not this lake's to remove.
    """
    data = lake.storage.read(path)
    try:
        found = json.loads(data) if data else {}
        times = {str(name): _utc(datetime.fromisoformat(time)).isoformat() for name, time in found.items()}
        return {checked_name(name, path): time for name, time in times.items() if _is_part_name(name)}
    except (ValueError, AttributeError, TypeError, LakeError):
        return {}


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _is_part(item: Item) -> bool:
    return not item.is_folder and _is_part_name(item.name)


def _is_part_name(name: str) -> bool:
    return name.endswith(".parquet") and name.startswith(("part-", "_rejects-"))


def _newest(lake: Lake, path: str, item: Item) -> datetime:
    """When anything in a folder was last written; of a link, when it was made: what it leads to is not the lake's."""
    if lake.is_local and os.path.islink(path):
        return datetime.fromtimestamp(os.lstat(path).st_mtime, UTC)
    times = [item.modified] if item.modified is not None and not item.is_folder else []
    if item.is_folder:
        if lake.is_local and item.modified is not None:
            times.append(item.modified)
        times += [_newest(lake, f"{path}/{inner.name}", inner) for inner in lake.storage.list(path)]
    return max(times, default=datetime.now(UTC))
