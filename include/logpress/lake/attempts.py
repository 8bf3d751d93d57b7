"""Attempts: what a run leaves whose day was refused, as long as superseded files stay."""

from __future__ import annotations

import contextlib
import logging
import os
from datetime import UTC, date, datetime

from pydantic import ValidationError

from logpress.errors import LakeError
from logpress.lake.lake import Lake
from logpress.lake.layout import day_of_folder
from logpress.lake.names import checked_name
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest
from logpress.results import Attempt

log = logging.getLogger(__name__)

_SUFFIX = ".json"


def attempt_path(lake: Lake, table: str, day: date, run: str) -> str:
    """Where the attempt of a run is."""
    folder = lake.attempts_folder(table, day)
    return f"{folder}/{checked_name(run, folder)}{_SUFFIX}"


def write_attempt(lake: Lake, attempt: Attempt) -> str:
    """Keep an attempt; one of an earlier try of the run is replaced. Gives its path.

    Raises:
        LakeError: if it cannot be written.
    """
    path = attempt_path(lake, attempt.table, date.fromisoformat(attempt.day), attempt.run)
    with lake_errors(path):
        lake.write(path, attempt.model_dump_json(indent=1).encode())
    return path


def read_attempt(lake: Lake, table: str, day: date, run: str) -> Attempt | None:
    """The attempt of a run; None if there is none.

    Raises:
        LakeError: if it is damaged, or a newer logpress wrote it.
    """
    path = attempt_path(lake, table, day, run)
    with lake_errors(path):
        data = lake.storage.read(path)
    if data is None:
        return None
    try:
        found = Attempt.model_validate_json(data)
    except ValidationError as error:
        raise LakeError(f"{path}: is damaged, or of a newer logpress: {error.errors()[0]['msg']}") from error
    if (found.table, found.day, found.run) != (table, day.isoformat(), run):
        raise LakeError(f"{path}: is the attempt of {found.run} at {found.table} {found.day}; remove it")
    return found


def attempt_runs(lake: Lake, table: str) -> dict[date, dict[str, str]]:
    """The runs that have left attempts, by day; of each what tells whether its file has changed.

    Raises:
        LakeError: if the lake cannot be read.
    """
    root = lake.attempts_root(table)
    found = {}
    with lake_errors(root):
        for folder in lake.storage.list(root):
            day = day_of_folder(folder.name)
            if day is not None:
                items = lake.storage.list(f"{root}/{folder.name}")
                found[day] = {item.name.removesuffix(_SUFFIX): item.stamp for item in items if _is_attempt(item.name)}
    return found


def attempts_of(lake: Lake, table: str, day: date) -> list[Attempt]:
    """The attempts of a day, the newest last; one that is damaged is left out, with a warning.

    Raises:
        LakeError: if the lake cannot be read.
    """
    folder = lake.attempts_folder(table, day)
    with lake_errors(folder):
        names = [item.name for item in lake.storage.list(folder) if _is_attempt(item.name)]
    found = []
    for name in names:
        try:
            one = read_attempt(lake, table, day, name.removesuffix(_SUFFIX))
        except LakeError as error:
            log.warning("%s", error)
            continue
        if one is not None:
            found.append(one)
    return sorted(found, key=lambda attempt: attempt.refused_at)


def is_superseded(attempt: Attempt, manifest: DayManifest | None) -> bool:
    """Whether the day was published, or proven again and found unchanged, since a run was refused."""
    if manifest is None:
        return False
    proven_at = manifest.verification.proven_at if manifest.verification is not None else manifest.published_at
    return attempt.refused_at <= max(manifest.published_at, proven_at)


def due_attempts(lake: Lake, table: str, before: datetime) -> list[str]:
    """Paths of the attempts that were made before a moment.

    Raises:
        LakeError: if the lake cannot be read.
    """
    root = lake.attempts_root(table)
    found = []
    with lake_errors(root):
        for folder in lake.storage.list(root):
            if day_of_folder(folder.name) is None:
                continue
            for item in lake.storage.list(f"{root}/{folder.name}"):
                if _is_attempt(item.name) and (item.modified or datetime.now(UTC)) <= before:
                    found.append(f"{root}/{folder.name}/{item.name}")
    return found


def remove_attempts(lake: Lake, table: str, before: datetime) -> int:
    """Remove the attempts that were made before a moment; says how many.

    Raises:
        LakeError: if one cannot be removed.
    """
    due = due_attempts(lake, table, before)
    with lake_errors(lake.attempts_root(table)):
        for path in due:
            lake.remove(path)
        _remove_empty(lake, table)
    return len(due)


def remove_attempts_of(lake: Lake, table: str, day: date) -> None:
    """Remove all attempts of a day: their examples may be what was erased from it.

    Raises:
        LakeError: if they cannot be removed.
    """
    with lake_errors(lake.attempts_root(table)):
        lake.remove(lake.attempts_folder(table, day))
        _remove_empty(lake, table)


def _remove_empty(lake: Lake, table: str) -> None:
    """Remove folders with nothing in them; an object store has none."""
    if not lake.is_local:
        return
    root = lake.attempts_root(table)
    lake.see_inside(f"{root}/any")
    for item in lake.storage.list(root):
        lake.see_inside(f"{root}/{item.name}/any")
        with contextlib.suppress(OSError):
            os.rmdir(f"{root}/{item.name}")
    with contextlib.suppress(OSError):
        os.rmdir(root)


def _is_attempt(name: str) -> bool:
    return name.endswith(_SUFFIX)
