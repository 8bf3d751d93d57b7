"""Remove what still holds erased records: superseded files and links, kept manifests, staging, snapshots."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from logpress.lake.attempts import remove_attempts_of
from logpress.lake.catalog import open_catalog
from logpress.lake.choice import is_configured, is_missing
from logpress.lake.conflicts import until_deadline
from logpress.lake.erasures import ErasureEntry, entries, write
from logpress.lake.index_tables import follow, tidy_index
from logpress.lake.lake import Lake
from logpress.lake.leftovers import PUBLISHING_AGE, note_earlier, remove_staging, remove_superseded
from logpress.lake.locks import if_free, locked
from logpress.lake.snapshots import snapshot_files
from logpress.lake.storage import lake_errors

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.table import Table

GRACE = timedelta(hours=1)
"""How long files and snapshots that have erased records stay, for readers that have begun with them."""


@contextlib.contextmanager
def erase_lock(lake: Lake, table: str, *, wait_seconds: float = 600.0) -> Iterator[None]:
    """Let one process at a time erase from a table of a local lake; in an object store several may.

    Raises:
        LakeError: if another process holds it for longer.
    """
    if not lake.is_local:
        yield
        return
    path = lake.lock_path(f"{table}-erase")
    lake.see_inside(path)
    with locked(path, wait_seconds=wait_seconds):
        yield


def forget_due(lake: Lake, table: str, *, at_once: bool = False) -> list[ErasureEntry]:
    """Remove what is left of erasures whose grace period has passed; the lock of erasures is held, if there is one.

    It may be killed at any moment and called again.

    Args:
        lake: the lake.
        table: the table.
        at_once: whether grace periods do not count.

    Returns:
        The erasures of which something is left: they are not due yet, or a day is being published.

    Raises:
        LakeError: if something cannot be removed.
    """
    now = datetime.now(UTC)
    waiting = []
    for entry in entries(lake, table, only_open=True):
        if at_once or entry.remove_after is None or entry.remove_after <= now:
            grace = timedelta(0) if at_once else (entry.remove_after or now) - (entry.done_at or entry.begun_at)
            if forget(lake, table, {count.day for count in entry.days}, grace=grace):
                write(lake, entry.model_copy(update={"removed_at": datetime.now(UTC)}))
                continue
        waiting.append(entry)
    return waiting


def forget_due_unless_busy(lake: Lake, table: str) -> None:
    """The same as `forget_due`, after a publication; an erasure that runs now sees to it itself.

    Raises:
        LakeError: if something cannot be removed.
    """
    if not entries(lake, table, only_open=True):
        return
    with if_free(erase_lock(lake, table, wait_seconds=0)) as is_free:
        if is_free:
            forget_due(lake, table)


def forget(lake: Lake, table: str, days: Iterable[date], *, grace: timedelta) -> bool:
    """Remove whatever may hold earlier contents of some days, if it is older than a grace period.

    Args:
        lake: the lake.
        table: the table.
        days: days from which records were erased.
        grace: how long files that are no longer published stay.

    Returns:
        Whether all of it is removed; not if a run of a day has staged something lately, or publishes it now.

    Raises:
        LakeError: if something cannot be removed.
    """
    # in an object store nothing says whether another run has ended
    age = grace if lake.is_local else max(grace, PUBLISHING_AGE)
    has_catalog = is_configured(lake) and not is_missing(lake)
    if has_catalog:  # first, so that no snapshot refers to a file that is gone
        _forget_snapshots(lake, table)
    done = []
    for day in sorted(days):
        note_earlier(lake, table, day)  # an erasure may have been killed before it did
        done.append(remove_superseded(lake, table, day, grace=grace))
        done.append(remove_staging(lake, table, day, age=age))
        remove_attempts_of(lake, table, day)
    if has_catalog:
        done.append(_remove_metadata(lake, table))
        follow(lake, table)
        tidy_index(lake, age)
    return all(done)


def forget_metadata(lake: Lake, table: str) -> None:
    """Leave only the current snapshot of a table, and no metadata that names files that are gone.

    Raises:
        LakeError: if the catalog refuses.
    """
    _forget_snapshots(lake, table)
    _remove_metadata(lake, table)


def _forget_snapshots(lake: Lake, table: str) -> None:
    """Leave only the current snapshot, without entries of files that were removed."""
    with open_catalog(lake) as catalog:

        def attempt() -> None:
            found = catalog.load(table)
            if found is not None and found.current_snapshot() is not None:
                with lake_errors(f"the catalog of {lake.uri}"):
                    _expire(found)

        until_deadline(attempt, f"the catalog of {lake.uri}", f"forget the snapshots of {table}")


def _expire(table: Table) -> None:
    snapshot = table.current_snapshot()
    assert snapshot is not None
    manifests = snapshot.manifests(table.io)
    if any(not (manifest.has_added_files() or manifest.has_existing_files()) for manifest in manifests):
        # an append leaves out manifests that only say which files were removed: they have the bounds of their columns
        with table.transaction() as transaction, transaction.update_snapshot().fast_append():
            pass
    kept = {reference.snapshot_id for reference in table.metadata.refs.values()}
    old = [one.snapshot_id for one in table.snapshots() if one.snapshot_id not in kept]
    if old:
        table.maintenance.expire_snapshots().by_ids(old).commit()


def _remove_metadata(lake: Lake, table: str) -> bool:
    """Remove metadata that no snapshot refers to: what is old, or names files that are not there any more.

    What another process writes for a commit that is under way is young, and names files that are there.

    Returns:
        False if a young file cannot be read: it is still being written, or its writer was killed.
    """
    with open_catalog(lake) as catalog, lake_errors(f"the metadata of {table} in {lake.uri}"):
        found = catalog.load(table)
        if found is None:
            return True
        used = snapshot_files(found, found.snapshots())
        folder = os.path.dirname(_plain(found.metadata_location))
        before = datetime.now(UTC) - PUBLISHING_AGE
        is_done = True
        for item in lake.storage.list(folder):
            path = f"{folder}/{item.name}"
            if not item.name.endswith(".avro") or path in used:
                continue
            if item.modified is not None and item.modified < before:
                found.io.delete(path)
            elif not item.name.startswith("snap-"):  # lists of manifests have no values of columns
                files = _files_of(found.io, path)
                if files is None:
                    is_done = False
                elif any(lake.storage.size(file) is None for file in files):
                    found.io.delete(path)
        return is_done


def _files_of(io: FileIO, path: str) -> list[str] | None:
    """The data files that a manifest names; None if it is not whole."""
    from pyiceberg.avro.file import AvroFile
    from pyiceberg.manifest import (
        DEFAULT_READ_VERSION,
        MANIFEST_ENTRY_SCHEMAS,
        DataFile,
        DataFileContent,
        FileFormat,
        ManifestEntry,
        ManifestEntryStatus,
    )

    try:
        with AvroFile[ManifestEntry](
            io.new_input(path),
            MANIFEST_ENTRY_SCHEMAS[DEFAULT_READ_VERSION],
            read_types={-1: ManifestEntry, 2: DataFile},
            read_enums={0: ManifestEntryStatus, 101: FileFormat, 134: DataFileContent},
        ) as reader:
            return [_plain(entry.data_file.file_path) for entry in reader]
    except FileNotFoundError:
        return []
    except Exception:  # whatever Avro's reader makes of the rest of a file
        return None


def _plain(path: str) -> str:
    return path.removeprefix("file://")
