"""The folders of a lake and what lies in them.

<lake>/_logpress.json                              says that this is a lake
<lake>/catalog.sqlite                              the embedded catalog of a local lake
<lake>/<table>/dt=D/part-*.parquet                 published parts
<lake>/<table>/dt=D/_rejects-*.parquet             published rejects, hidden from Parquet readers by their name
<lake>/<table>/dt=D/_manifest.json                 what is published
<lake>/<table>/_staging/dt=D/<run>/<slice>/        what a run has pressed so far
<lake>/<table>/dt=D/_superseded.json               files to be removed once their grace period is over
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import fsspec

from logpress.errors import LakeError, UsageError
from logpress.manifest import DayManifest, SliceManifest

MARKER = "_logpress.json"
_MARKER_TEXT = json.dumps({"format": 1, "what": "a logpress lake"}) + "\n"


@dataclass(frozen=True)
class Lake:
    """One lake, on a local disk or an object store.

    Attributes:
        uri: as the user named it; an absolute path for a local lake.
        filesystem: fsspec's.
        root: the lake's folder as `filesystem` names it.
    """

    uri: str
    filesystem: Any
    root: str

    @property
    def is_local(self) -> bool:
        """Whether the lake is on a local disk."""
        return "://" not in self.uri

    def table(self, table: str) -> str:
        """The folder of a table."""
        return f"{self.root}/{table}"

    def day(self, table: str, day: date) -> str:
        """The folder of a table's day."""
        return f"{self.root}/{table}/dt={day:%Y-%m-%d}"

    def staging(self, table: str, day: date, run: str, slice_name: str = "") -> str:
        """The staging folder of a run, or of one of its slices."""
        folder = f"{self.root}/{table}/_staging/dt={day:%Y-%m-%d}/{run}"
        return f"{folder}/{slice_name}" if slice_name else folder

    def uri_of(self, path: str) -> str:
        """The URI (a path, for a local lake) of a path of `filesystem`."""
        return path if self.is_local else str(self.filesystem.unstrip_protocol(path))

    def tables(self) -> list[str]:
        """Tables that have a published day."""
        manifests = self.filesystem.glob(f"{self.root}/*/dt=*/_manifest.json")
        return sorted({path.split("/")[-3] for path in manifests})

    def days(self, table: str) -> list[date]:
        """Published days of a table, in order."""
        manifests = self.filesystem.glob(f"{self.table(table)}/dt=*/_manifest.json")
        return sorted(date.fromisoformat(path.split("/")[-2].removeprefix("dt=")) for path in manifests)

    def manifest(self, table: str, day: date) -> DayManifest | None:
        """What is published of a day, or None.

        Raises:
            LakeError: if the manifest is there but cannot be read.
        """
        path = f"{self.day(table, day)}/_manifest.json"
        try:
            return DayManifest.model_validate_json(self.filesystem.cat_file(path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise LakeError(f"{self.uri_of(path)}: cannot be read: {error}") from error

    def need_manifest(self, table: str, day: date) -> DayManifest:
        """What is published of a day.

        Raises:
            LakeError: if nothing is.
        """
        manifest = self.manifest(table, day)
        if manifest is None:
            days = ", ".join(map(str, self.days(table)[-5:])) or "no day at all"
            raise LakeError(f"{self.uri}: {table} has no published {day}; published are {days}")
        return manifest

    def published_files(self, manifest: DayManifest) -> tuple[list[str], list[str]]:
        """(parts, rejects files) of a published day, as URIs."""
        folder = self.uri_of(self.day(manifest.table, date.fromisoformat(manifest.day)))
        parts = [f"{folder}/{entry.part.path}" for entry in manifest.slices if entry.part]
        rejects = [f"{folder}/{entry.rejects_part.path}" for entry in manifest.slices if entry.rejects_part]
        return parts, rejects

    def write_atomically(self, path: str, text: str) -> None:
        """Write a small file so that readers see the old one or the new one."""
        if not self.is_local:
            self.filesystem.pipe_file(path, text.encode())
            return
        temporary = f"{path}.{os.getpid()}.tmp"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)

    @contextmanager
    def lock(self, table: str, day: date) -> Iterator[None]:
        """Let only one process at a time publish a day; on an object store, nothing is locked."""
        if not self.is_local:
            yield
            return
        folder = f"{self.table(table)}/_locks"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/dt={day:%Y-%m-%d}", "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def write_staged(self, manifest: SliceManifest, run: str) -> None:
        """Keep a slice's manifest with its staged files."""
        folder = self.staging(manifest.table, date.fromisoformat(manifest.day), run, manifest.slice)
        self.write_atomically(f"{folder}/manifest.json", manifest.model_dump_json(indent=1) + "\n")


def _resolve(uri: str) -> tuple[str, Any, str]:
    try:
        filesystem, root = fsspec.core.url_to_fs(uri)
    except (ValueError, ImportError, OSError) as error:
        raise UsageError(f"{uri}: is no lake: {error}") from error
    if "://" not in uri or uri.startswith("file://"):
        root = os.path.abspath(root)
        return root, filesystem, root
    return uri.rstrip("/"), filesystem, root.rstrip("/")


def open_lake_folder(uri: str) -> Lake:
    """Open a lake that exists.

    Raises:
        UsageError: if it is no lake.
    """
    name, filesystem, root = _resolve(uri)
    try:
        found = filesystem.exists(f"{root}/{MARKER}")
    except OSError as error:
        raise LakeError(f"{uri}: cannot be reached: {error}") from error
    if not found:
        raise UsageError(
            f"{uri}: is no lake (it has no {MARKER}); `logpress press --lake` makes one in an empty folder"
        )
    return Lake(name, filesystem, root)


def open_or_make_lake(uri: str) -> Lake:
    """Open a lake, or make one in a folder that is empty or not there.

    Raises:
        UsageError: if the folder is something else.
        LakeError: if it cannot be made.
    """
    name, filesystem, root = _resolve(uri)
    try:
        if not filesystem.exists(f"{root}/{MARKER}"):
            if filesystem.exists(root) and (filesystem.isfile(root) or filesystem.ls(root)):
                raise UsageError(f"{uri}: is no lake and is not empty; name an empty or new folder, or a lake")
            filesystem.makedirs(root, exist_ok=True)
            lake = Lake(name, filesystem, root)
            lake.write_atomically(f"{root}/{MARKER}", _MARKER_TEXT)
    except OSError as error:
        raise LakeError(f"{uri}: cannot be made a lake: {error}") from error
    return Lake(name, filesystem, root)
