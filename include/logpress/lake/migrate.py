"""A lake of format 1, where all files of a day lie in one folder, laid out as lakes are today.

Every step can be killed and done again. Until the marker is written the lake is read as it was: files get second names,
or copies, beside the old ones; one commit a table tells the catalog. Then the old names go.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial

from logpress.errors import LakeError
from logpress.lake.catalog import check_configured, open_catalog
from logpress.lake.choice import is_missing
from logpress.lake.commit import move_files
from logpress.lake.index_tables import follow_or_warn
from logpress.lake.lake import Lake
from logpress.lake.layout import Folders, day_of_folder, is_file_name
from logpress.lake.leftovers import day_lock
from logpress.lake.links import link_day
from logpress.lake.locks import locked
from logpress.lake.marker import FORMAT
from logpress.lake.moves import current_files
from logpress.lake.storage import TEMPORARY_PREFIX, lake_errors

log = logging.getLogger(__name__)

_COPIES_AT_A_TIME = 8


@dataclass(frozen=True)
class Migrated:
    """What was done.

    Attributes:
        days: days that have other folders now.
        left: folders of the old layout that hold files which are not logpress's, and stay.
    """

    days: int
    left: tuple[str, ...]


def migrate(uri: str, progress: Callable[[str, date], None] | None = None) -> Migrated:
    """Lay a lake out as lakes are today; one that is, is only cleared of what a killed migration has left.

    Nobody may press into it meanwhile with an older logpress. A reader that has begun with the old paths may find that
    they are gone.

    Args:
        uri: the lake.
        progress: called with each table and day that begins.

    Raises:
        UsageError: if there is no lake, or nothing names the catalog of one in an object store.
        LakeError: if the lake or its catalog refuses; the lake can then be read as it was.
    """
    with _alone(Lake.open(uri)):
        lake = Lake.open(uri)  # another process may just have done it
        days = 0
        with lake_errors(lake.uri):
            if lake.folders == "together":
                check_configured(lake)
                days = _migrate(lake, progress)
            left = _clear(Lake(lake.uri, "together"))
        now = Lake.open(uri)
        for table in now.tables():
            follow_or_warn(now, table)
    return Migrated(days, tuple(left))


@contextlib.contextmanager
def _alone(lake: Lake) -> Iterator[None]:
    if not lake.is_local:  # whatever two do here at once, both end with the same
        yield
        return
    path = lake.lock_path("migrate")
    lake.see_inside(path)
    with lake_errors(lake.uri), locked(path):
        yield


def _migrate(old: Lake, progress: Callable[[str, date], None] | None) -> int:
    new = Lake(old.uri, _decided(old))
    count = 0
    for table in old.tables():
        days = [day for item in old.storage.list(old.table_folder(table)) if (day := day_of_folder(item.name))]
        for day in days:
            if progress is not None:
                progress(table, day)
            with day_lock(old, table, day):
                _second_names(old, new, table, day)
        if not is_missing(old):
            with open_catalog(old) as catalog:
                move_files(catalog, old, table, partial(_new_path, old, new, table))
        for day in days:
            with day_lock(old, table, day):
                count += _show(old, new, table, day)
        for item in old.storage.list(old.superseded_root(table)):
            old.remove(f"{old.superseded_root(table)}/{item.name}")  # notes of files that go with the old folders
    old.mark({"format": FORMAT, "folders": new.folders})
    return count


def _decided(old: Lake) -> Folders:
    """How the folders will be laid out: decided once, and written down, as a killed migration goes on with it."""
    if "folders" not in old.marker():
        old.mark({"folders": "linked" if old.storage.can_link(old.uri) else "shared"})
    found: Folders = "linked" if old.marker()["folders"] == "linked" else "shared"
    return found


def _second_names(old: Lake, new: Lake, table: str, day: date) -> None:
    """Give each file of a day that somebody needs its new name beside the old one."""
    names = {item.name: item.size for item in old.storage.list(old.day_folder(table, day)) if is_file_name(item.name)}
    needed = current_files(old, table, day)  # None where its manifest is damaged: all that there is may be needed
    if needed is not None:
        names = {name: size for name, size in names.items() if name in needed}
    folders = new.file_folders(table, day)
    found = {f"{folder}/{item.name}": item.size for folder in folders for item in new.storage.list(folder)}
    for path in found:
        if path.rpartition("/")[2].startswith(TEMPORARY_PREFIX):
            new.remove(path)  # of a migration that was killed

    def copy(name: str) -> None:
        target = new.file_path(table, day, name)
        new.see_inside(target)
        new.storage.copy(old.file_path(table, day, name), target)

    missing = [name for name, size in names.items() if found.get(new.file_path(table, day, name)) != size]
    with ThreadPoolExecutor(1 if old.is_local else _COPIES_AT_A_TIME) as pool:
        list(pool.map(copy, missing))


def _new_path(old: Lake, new: Lake, table: str, path: str) -> str | None:
    """Where a file of the catalog lies now; None if it is none of the old layout."""
    folder, _, name = path.rpartition("/")
    root, _, last = folder.rpartition("/")
    day = day_of_folder(last)
    if root != old.table_folder(table) or day is None or not is_file_name(name):
        return None
    return new.file_path(table, day, name)


def _show(old: Lake, new: Lake, table: str, day: date) -> int:
    """Write a day's manifest to its new place, and show its parts to readers of folders; how many days that were."""
    data = old.storage.read(old.manifest_path(table, day))
    if data is None:
        return 0  # never published
    new.write(new.manifest_path(table, day), data)
    try:
        manifest = new.read_day(table, day)
        if manifest is not None:
            link_day(new, manifest)
    except LakeError as error:  # it was damaged before
        log.warning("%s; readers of folders do not find %s %s until then", error, table, day)
    return 1


def _clear(old: Lake) -> list[str]:
    """Remove the folders of the old layout; gives back those that hold something else, and stay."""
    left = []
    for table in old.tables():
        for item in old.storage.list(old.table_folder(table)):
            day = day_of_folder(item.name)
            if day is None:
                continue
            folder = old.day_folder(table, day)
            inside = [file.name for file in old.storage.list(folder)]
            own = [name for name in inside if is_file_name(name) or name.startswith((TEMPORARY_PREFIX, "_manifest."))]
            if len(own) == len(inside):
                old.remove(folder)
                continue
            for name in own:
                old.remove(f"{folder}/{name}")
            left.append(folder)
    return left
