"""Files that nobody needs any more: superseded parts after a grace period, and staging of runs that were killed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from logpress.errors import LakeError
from logpress.lake.lake import Lake, day_of_folder
from logpress.lake.locks import locked
from logpress.lake.names import checked_name
from logpress.lake.storage import Item, lake_errors

GRACE = timedelta(hours=1)
"""How long files that are no longer published stay, for readers that have begun with them."""

STAGING_AGE = timedelta(days=1)
"""Staging that nothing was written to for longer belongs to a run that was killed."""


@contextlib.contextmanager
def day_lock(lake: Lake, table: str, day: date, *, wait_seconds: float = 600.0) -> Iterator[None]:
    """Let one process at a time change a day of a local lake; in an object store the catalog alone decides.

    Raises:
        LakeError: if another process holds it for longer.
    """
    if not lake.is_local:
        yield
        return
    path = f"{lake.uri}/_locks/{table}-{day.isoformat()}"
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


def remove_leftovers(lake: Lake, table: str, *, grace: timedelta = GRACE, staging_age: timedelta = STAGING_AGE) -> None:
    """Remove what has been superseded for longer than the grace period, and abandoned staging.

    Raises:
        LakeError: if something cannot be removed.
    """
    now = datetime.now(UTC)
    with lake_errors(lake.table_folder(table)):
        for item in lake.storage.list(lake.superseded_root(table)):
            with contextlib.suppress(ValueError):
                _remove_superseded(lake, table, date.fromisoformat(item.name.removesuffix(".json")), now - grace)
        for day_item in lake.storage.list(lake.staging_root(table)):
            day = day_of_folder(day_item.name)
            if day is None:
                continue
            folder = f"{lake.staging_root(table)}/{day_item.name}"
            runs = lake.storage.list(folder)
            for run in runs:
                if _newest(lake, f"{folder}/{run.name}", run) < now - staging_age:
                    lake.remove(f"{folder}/{run.name}")
        remove_empty_staging(lake, table)


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


def remove_superseded(lake: Lake, table: str, day: date, *, grace: timedelta) -> bool:
    """Remove a day's files that have been superseded for longer than a grace period; whether that could be done now.

    Raises:
        LakeError: if one cannot be removed.
    """
    with lake_errors(lake.table_folder(table)):
        return _remove_superseded(lake, table, day, datetime.now(UTC) - grace)


def remove_staging(lake: Lake, table: str, day: date, *, age: timedelta) -> bool:
    """Remove staging of a day's runs that nothing was written to for some time; whether none is left.

    Raises:
        LakeError: if it cannot be removed.
    """
    before = datetime.now(UTC) - age
    is_done = True
    with lake_errors(lake.table_folder(table)):
        for day_item in lake.storage.list(lake.staging_root(table)):
            if day_of_folder(day_item.name) != day:
                continue
            folder = f"{lake.staging_root(table)}/{day_item.name}"
            for run in lake.storage.list(folder):
                if _newest(lake, f"{folder}/{run.name}", run) <= before:
                    lake.remove(f"{folder}/{run.name}")
                elif _has_files(lake, f"{folder}/{run.name}"):  # some object stores list folders without any
                    is_done = False
        remove_empty_staging(lake, table)
    return is_done


def _remove_superseded(lake: Lake, table: str, day: date, before: datetime) -> bool:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(day_lock(lake, table, day, wait_seconds=0))
        except LakeError:
            return False  # someone is publishing the day, and will see to it
        path = lake.superseded_path(table, day)
        since = _read(lake, path)
        try:
            manifest = lake.read_day(table, day)
        except LakeError:
            return False  # damaged: what is needed is not known until the day is pressed again
        folder = lake.day_folder(table, day)
        needed = {name.rsplit("/", 1)[-1] for names in lake.files(manifest) for name in names} if manifest else set()
        left = dict(since)
        for name, time in since.items():
            if name in needed:
                del left[name]  # published again
            elif datetime.fromisoformat(time) <= before:
                lake.remove(f"{folder}/{name}")
                del left[name]
        if left:
            lake.write(path, json.dumps(left, indent=1).encode())
        else:
            lake.remove(path)
    return True


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


def _has_files(lake: Lake, folder: str) -> bool:
    items = lake.storage.list(folder)
    return any(not item.is_folder or _has_files(lake, f"{folder}/{item.name}") for item in items)


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
