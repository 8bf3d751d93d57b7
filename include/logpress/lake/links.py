"""The folder of a day in a linked lake: hard links to the parts that are published, exchanged as a whole.

A reader of folders finds one publication of a day, because its folder is built beside and changes places with the old
one in one step of the file system (`renameat2` with RENAME_EXCHANGE, Linux). Where this is missing, two renames follow
each other, and whoever lists the day between them finds no folder.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime

from logpress.lake.lake import Lake
from logpress.lake.layout import day_name, day_of_folder
from logpress.lake.storage import lake_errors, sync_folder
from logpress.manifest import DayManifest

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NO_EXCHANGE = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV, errno.EPERM})
_TIME = "%Y%m%dT%H%M%S"


def is_linked(lake: Lake, manifest: DayManifest) -> bool:
    """Whether readers of folders find the day that a manifest describes; always so if its parts lie in that folder.

    Raises:
        LakeError: if the lake cannot be read.
    """
    if lake.folders != "linked" or not lake.is_local:
        return True
    parts, _ = lake.files(manifest)
    folder = lake.day_folder(manifest.table, date.fromisoformat(manifest.day))
    with lake_errors(folder):
        return _is_linked(folder, parts)


def link_differences(lake: Lake, table: str, day: date, parts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Compare what readers of folders find of a day with its parts; nothing differs in a lake without links.

    Args:
        lake: the lake.
        table: the table.
        day: the day.
        parts: paths of the parts that its manifest names.

    Returns:
        Paths in the day's folder that are missing, or lead to another file than the part; and those that no part has.

    Raises:
        LakeError: if the lake cannot be read.
    """
    if lake.folders != "linked" or not lake.is_local:
        return [], []
    folder = lake.day_folder(table, day)
    with lake_errors(folder):
        try:
            found = {entry.name: entry.inode() for entry in os.scandir(folder)}
        except FileNotFoundError:
            found = {}
        expected = {os.path.basename(path): os.stat(path).st_ino for path in parts if os.path.exists(path)}
    wrong = [f"{folder}/{name}" for name, inode in sorted(expected.items()) if found.get(name) != inode]
    return wrong, [f"{folder}/{name}" for name in sorted(found) if name not in {os.path.basename(one) for one in parts}]


def link_day(lake: Lake, manifest: DayManifest) -> None:
    """Make the folder of a day hold the parts that a manifest names; for the rest see `link_files`."""
    link_files(lake, manifest.table, date.fromisoformat(manifest.day), lake.files(manifest)[0])


def link_files(lake: Lake, table: str, day: date, parts: Sequence[str]) -> None:
    """Make the folder of a day hold these parts; does nothing if it does, or the lake has no links.

    The folder that it replaces is kept for the retention, so that whoever is listing it finds all of it.

    Args:
        lake: the lake.
        table: the table.
        day: the day; its lock is held.
        parts: paths in the day's `parts_folder`; without any the day has no folder.

    Raises:
        LakeError: if the file system refuses, or a part is missing.
    """
    if lake.folders != "linked" or not lake.is_local:
        return
    folder = lake.day_folder(table, day)
    built = f"{lake.superseded_root(table)}/{day_name(day)}.{datetime.now(UTC):{_TIME}}.{uuid.uuid4().hex}"
    for path in (folder, built):
        lake.see_inside(f"{path}/any")
    with lake_errors(folder):
        if _is_linked(folder, parts):
            return
        for place in (lake.superseded_root(table), lake.data_root(table)):
            os.makedirs(place, exist_ok=True)
        if parts:
            os.mkdir(built)
            for path in parts:
                os.link(path, f"{built}/{os.path.basename(path)}")
            sync_folder(built)
            _put(built, folder)
        else:  # a day without rows has no folder
            os.rename(folder, built)
        sync_folder(lake.data_root(table))


def replaced_folders(lake: Lake, table: str) -> list[tuple[str, date, datetime]]:
    """Folders of days that are no longer what readers see, and since when, UTC."""
    found = []
    for item in lake.storage.list(lake.superseded_root(table)) if lake.folders == "linked" else []:
        name, _, rest = item.name.partition(".")
        day = day_of_folder(name)
        try:
            since = datetime.strptime(rest.partition(".")[0], _TIME).replace(tzinfo=UTC)
        except ValueError:
            continue
        if item.is_folder and day is not None:
            found.append((f"{lake.superseded_root(table)}/{item.name}", day, since))
    return found


def _is_linked(folder: str, parts: Sequence[str]) -> bool:
    try:
        found = {entry.name: entry.inode() for entry in os.scandir(folder)}
    except FileNotFoundError:
        return not parts
    return bool(parts) and found == {os.path.basename(path): os.stat(path).st_ino for path in parts}


def _put(built: str, folder: str) -> None:
    """Put a folder in another's place, which takes its name, or just there."""
    if not os.path.lexists(folder):
        os.rename(built, folder)
    elif not _exchange(built, folder):
        aside = f"{built}.old"
        os.rename(folder, aside)
        os.rename(built, folder)


def _exchange(one: str, other: str) -> bool:
    """Let two folders change places at once; whether that can be done here."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if function is None:
        return False
    if function(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), other)
