"""Files that nobody needs any more: superseded parts after the retention, and staging of runs that were killed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta

from logpress.errors import LakeError, UsageError
from logpress.lake.attempts import remove_attempts
from logpress.lake.history import publications, remove_kept
from logpress.lake.item import Item
from logpress.lake.lake import Lake
from logpress.lake.layout import day_name, day_of_folder, is_file_name
from logpress.lake.links import link_day, replaced_folders
from logpress.lake.locks import if_free, locked
from logpress.lake.moves import NOTE, current_files, noted_at, take_back
from logpress.lake.names import checked_name
from logpress.lake.retention import refused_stay, retention_of
from logpress.lake.snapshots import held_files
from logpress.lake.staged import kept_since
from logpress.lake.storage import TEMPORARY_PREFIX, lake_errors

STAGING_AGE = timedelta(days=1)
"""Staging that nothing was written to for longer belongs to a run that was killed."""

PUBLISHING_AGE = timedelta(hours=1)
"""A run that began to publish longer ago was killed; it is only needed in an object store, where no lock says so."""

_TEMPORARY_AGE = timedelta(hours=1)
"""Temporary files that a process is writing are younger, whatever the retention."""


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
    """Note which files in a day's folders are not published, so that they are removed after the retention.

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
        items = [item for folder in lake.file_folders(table, day) for item in lake.storage.list(folder)]
        left = {item.name: since.get(item.name, now) for item in items if _is_part(item) and item.name not in published}
        if left:
            lake.write(path, json.dumps(left, indent=1).encode())
        elif since:
            lake.remove(path)


def superseded_names(lake: Lake, table: str, day: date) -> set[str]:
    """Names of a day's files that are noted as superseded."""
    with lake_errors(lake.uri):
        return set(_read(lake, lake.superseded_path(table, day)))


def note_earlier(lake: Lake, table: str, day: date) -> None:
    """Note what earlier publications have left, as a publication does that is not killed before it has.

    Nothing is done while a process publishes the day, which will see to it.

    Raises:
        LakeError: if the lake cannot be read or written.
    """
    with lake_errors(lake.uri), _lock_if_free(lake, table, day) as is_free:
        if not is_free:
            return
        manifest = lake.read_day(table, day)
        current = {part.path for part in (*manifest.parts, *manifest.rejects_parts)} if manifest is not None else set()
        kept = {part.path for one in publications(lake, table, day) for part in (*one.parts, *one.rejects_parts)}
        if kept - current - superseded_names(lake, table, day):
            note_superseded(lake, table, day, current)


def remove_run(lake: Lake, table: str, day: date, run: str) -> None:
    """Remove the staging of a run that has ended, and what it has moved into place without publishing it.

    Staging that is kept to be looked into stays for a time.

    Raises:
        LakeError: if something cannot be removed.
    """
    folder = lake.staging_folder(table, day, run)
    with lake_errors(folder):
        is_kept = kept_since(lake, folder) is not None
        if noted_at(lake, table, day, run) is not None:
            with day_lock(lake, table, day):
                is_taken_back = take_back(lake, table, day, run)
            if not is_taken_back:  # the note stays, for a later press
                for item in [] if is_kept else lake.storage.list(folder):
                    if item.name != NOTE:
                        lake.remove(f"{folder}/{item.name}")
                return
        if not is_kept:
            lake.remove(folder)


def remove_leftovers(
    lake: Lake, table: str, *, grace: timedelta | None = None, staging_age: timedelta = STAGING_AGE
) -> None:
    """Remove what has been superseded for longer than the retention, and what refused and killed runs have left.

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
        for folder, day in due_links(lake, table, now - grace):
            with _lock_if_free(lake, table, day) as is_free:
                if is_free:
                    lake.remove(folder)
        for day, run in _staged_runs(lake, table):
            _mend_killed(lake, table, day, run.name, now - PUBLISHING_AGE)
        for folder in due_staging(lake, table, now - staging_age, now - refused_stay(grace)):
            lake.remove(folder)
        remove_attempts(lake, table, now - refused_stay(grace))
        remove_empty_staging(lake, table)
        _remove_temporary(lake, table, now - _TEMPORARY_AGE)


def _mend_killed(lake: Lake, table: str, day: date, run: str, before: datetime) -> None:
    """Take back what a run that was killed while it published has moved, and show its day as the manifest has it.

    Where there are locks, a run whose day nobody has locked is not publishing. Elsewhere it is given time.
    """
    try:
        noted = noted_at(lake, table, day, run)
    except (LakeError, UsageError):
        return  # a folder that no run has made, or a link
    if noted is None or (not lake.is_local and noted > before):
        return
    with _lock_if_free(lake, table, day) as is_free:
        if not is_free:
            return
        take_back(lake, table, day, run)
        with contextlib.suppress(LakeError):  # a damaged manifest is mended when the day is pressed again
            manifest = lake.read_day(table, day)
            if manifest is not None:
                link_day(lake, manifest)


def _lock_if_free(lake: Lake, table: str, day: date) -> AbstractContextManager[bool]:
    """Lock a day unless somebody is publishing it; whether it is locked."""
    return if_free(day_lock(lake, table, day, wait_seconds=0))


def _remove_temporary(lake: Lake, table: str, before: datetime) -> None:
    """Remove files that a killed process was writing; an object store has none."""
    for folder in (lake.uri, lake.manifests_root(table), lake.superseded_root(table)) if lake.is_local else ():
        for item in lake.storage.list(folder):
            is_old = item.modified is not None and item.modified < before
            if item.name.startswith(TEMPORARY_PREFIX) and not item.is_folder and is_old:
                lake.remove(f"{folder}/{item.name}")


def due_superseded(lake: Lake, table: str, before: datetime) -> dict[date, set[str]]:
    """Names of files that were superseded before a moment, by day; a day without any has been looked at in vain."""
    found = {}
    for item in lake.storage.list(lake.superseded_root(table)):
        with contextlib.suppress(ValueError):
            day = date.fromisoformat(item.name.removesuffix(".json"))
            since = _read(lake, lake.superseded_path(table, day))
            found[day] = {name for name, time in since.items() if datetime.fromisoformat(time) <= before}
    return found


def due_links(lake: Lake, table: str, before: datetime) -> list[tuple[str, date]]:
    """Folders of links that other ones took the place of before a moment, with their days."""
    return [(folder, day) for folder, day, since in replaced_folders(lake, table) if since <= before]


def due_staging(lake: Lake, table: str, before: datetime, kept_before: datetime) -> list[str]:
    """Staging folders of runs that have written nothing since a moment; of those that are kept, since another one."""
    found = []
    for day, run in _staged_runs(lake, table):
        folder = f"{lake.staging_root(table)}/{day_name(day)}/{run.name}"
        is_kept = kept_since(lake, folder) is not None
        is_due = _newest(lake, folder, run) < (min(before, kept_before) if is_kept else before)
        # a store that lists empty folders has nothing to remove there
        if is_due and (lake.is_local or _has_files(lake, folder)):
            found.append(folder)
    return found


def _staged_runs(lake: Lake, table: str) -> list[tuple[date, Item]]:
    """The runs that have staging, by day."""
    root = lake.staging_root(table)
    days = [day for item in lake.storage.list(root) if (day := day_of_folder(item.name)) is not None]
    return [(day, run) for day in days for run in lake.storage.list(f"{root}/{day_name(day)}")]


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
    """Remove whatever earlier publications of a day have left, whoever may still read it.

    Args:
        lake: the lake.
        table: the table.
        day: the day.
        grace: what was superseded later stays.

    Returns:
        Whether that could be done now.

    Raises:
        LakeError: if something cannot be removed.
    """
    before = datetime.now(UTC) - grace
    with lake_errors(lake.table_folder(table)):
        due = due_superseded(lake, table, before)
        is_done = day not in due or _remove_superseded(lake, table, day, due[day], set())
        for folder, replaced in due_links(lake, table, before):
            if replaced == day:
                lake.remove(folder)
        remove_kept(lake, table, day, before)
    return is_done


def remove_staging(lake: Lake, table: str, day: date, *, age: timedelta) -> bool:
    """Remove staging of a day's runs that nothing was written to for some time; whether none is left.

    Raises:
        LakeError: if it cannot be removed.
    """
    is_done = True
    with lake_errors(lake.table_folder(table)):
        for staged_day, run in _staged_runs(lake, table):
            if staged_day != day:
                continue
            folder = f"{lake.staging_root(table)}/{day_name(day)}/{run.name}"
            newest = _newest(lake, folder, run)
            if newest <= datetime.now(UTC) - age:
                _mend_killed(lake, table, day, run.name, datetime.now(UTC) - age)
                lake.remove(folder)
            elif _has_files(lake, folder):  # some object stores list folders without any
                is_done = False
        remove_empty_staging(lake, table)
    return is_done


def _remove_superseded(lake: Lake, table: str, day: date, due: set[str], held: set[str]) -> bool:
    """Remove files that are due and that no snapshot holds; whether that could be done now."""
    with _lock_if_free(lake, table, day) as is_free:
        if not is_free:
            return False  # someone is publishing the day, and will see to it
        path = lake.superseded_path(table, day)
        since = _read(lake, path)
        due = {name for name in due & since.keys() if lake.file_path(table, day, name) not in held}
        if not due and since:
            return True
        needed = current_files(lake, table, day) if due else set()
        if needed is None:
            return False  # the manifest is damaged, or the catalog away: what is needed is not known now
        for name in due - needed:
            lake.remove(lake.file_path(table, day, name))
        left = {name: time for name, time in since.items() if name not in due}
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
        return {checked_name(name, path): time for name, time in times.items() if is_file_name(name)}
    except (ValueError, AttributeError, TypeError, LakeError):
        return {}


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _is_part(item: Item) -> bool:
    return not item.is_folder and is_file_name(item.name)


def _has_files(lake: Lake, folder: str) -> bool:
    items = lake.storage.list(folder)
    return any(not item.is_folder or _has_files(lake, f"{folder}/{item.name}") for item in items)


def _newest(lake: Lake, path: str, item: Item) -> datetime:
    """When anything in a folder was last written; of a link, when it was made: what it leads to is not the lake's.

    An empty folder that a store lists says no time, and keeps no other waiting.
    """
    if lake.is_local and os.path.islink(path):
        return datetime.fromtimestamp(os.lstat(path).st_mtime, UTC)
    times = [item.modified] if item.modified is not None and not item.is_folder else []
    if item.is_folder:
        if lake.is_local and item.modified is not None:
            times.append(item.modified)
        times += [_newest(lake, f"{path}/{inner.name}", inner) for inner in lake.storage.list(path)]
    return max(times, default=datetime.min.replace(tzinfo=UTC))
