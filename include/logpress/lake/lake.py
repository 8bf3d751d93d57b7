"""A lake: the folder that holds tables, and what lies where in it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from logpress.errors import LakeError, UsageError
from logpress.lake.layout import Layout, day_name, day_of_folder, day_of_manifest
from logpress.lake.locks import locked
from logpress.lake.marker import folders_of, marker_of, read_marker, with_entries
from logpress.lake.names import PART, REJECTS, checked_name
from logpress.lake.storage import TEMPORARY_PREFIX, Storage, lake_errors, normal_uri, storage_of
from logpress.manifest import DayManifest, PartStats, file_name
from logpress.outputs import LAKE_MARKER
from logpress.results import INDEX_TABLES

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


@dataclass(frozen=True)
class Lake(Layout):
    """A lake that exists. Make one with `Lake.open` or `Lake.create`."""

    @cached_property
    def storage(self) -> Storage:
        """The storage it lies in."""
        return storage_of(self.uri)

    @property
    def is_local(self) -> bool:
        """Whether it lies on a local disk."""
        return "://" not in self.uri

    @classmethod
    def open(cls, uri: str) -> Lake:
        """Open a lake.

        Raises:
            UsageError: if there is none.
            LakeError: if it cannot be read, or is of a later logpress.
        """
        lake = cls(normal_uri(uri))
        with lake_errors(lake.uri):
            marker = lake.storage.read(f"{lake.uri}/{LAKE_MARKER}")
            if marker is None:
                where = "there is no such folder" if not lake.storage.exists(lake.uri) else f"has no {LAKE_MARKER}"
                raise UsageError(f"{lake.uri}: is no lake: {where}; the first `logpress press` makes one")
        return cls(lake.uri, folders_of(read_marker(marker, lake.uri)))

    @classmethod
    def create(cls, uri: str) -> Lake:
        """Open a lake to press into, or make one where there is nothing yet or an empty folder.

        Raises:
            UsageError: if the folder holds something else, or the lake must be migrated first.
            LakeError: if it cannot be read or written, or is of a later logpress.
        """
        lake = cls(normal_uri(uri))
        with lake_errors(lake.uri):
            try:
                marker = lake.storage.read(f"{lake.uri}/{LAKE_MARKER}")
                others = [] if marker else [item.name for item in lake.storage.list(lake.uri)]
            except NotADirectoryError as error:
                raise UsageError(f"{lake.uri}: is a file, not a folder; give the lake another place") from error
            if marker is None:
                others = [name for name in others if not name.startswith(TEMPORARY_PREFIX)]
                if others:
                    raise UsageError(
                        f"{lake.uri}: is no lake, and not empty (it holds {others[0]!r}); give an empty or a new folder"
                    )
                marker = marker_of("linked" if lake.storage.can_link(lake.uri) else "shared")
                lake.storage.write(f"{lake.uri}/{LAKE_MARKER}", marker)
        lake = cls(lake.uri, folders_of(read_marker(marker, lake.uri)))
        lake.see_layout()
        return lake

    def see_layout(self) -> None:
        """See that days can be published in this lake.

        Raises:
            UsageError: if its folders are laid out as an older logpress did, or as they cannot be in this storage.
        """
        if self.folders == "linked" and not self.is_local:
            raise UsageError(
                f"{self.uri}: was copied from a disk file by file, and can be read only, because no object has two "
                "names; press into a new lake"
            )
        if self.folders == "together":
            raise UsageError(
                f"{self.uri}: was made by an older logpress, with rejects and manifests among the parts; run `logpress "
                f"lake migrate --lake {self.uri}` once, which keeps all days; they can be read before, too"
            )

    # -- what the marker says

    def marker(self) -> dict[str, Any]:
        """What the lake's marker says: its format, its folders, and what `mark` has added.

        Raises:
            LakeError: if it cannot be read, is missing or damaged, or is of a later logpress.
        """
        path = f"{self.uri}/{LAKE_MARKER}"
        with lake_errors(path):
            return read_marker(self.storage.read(path) or b"", self.uri)

    def mark(self, entries: Mapping[str, Any]) -> None:
        """Add entries to the lake's marker, or replace those of the same names.

        Raises:
            LakeError: if it cannot be read or written.
        """
        with contextlib.ExitStack() as stack:
            if self.is_local:
                self.see_inside(self.lock_path("marker"))
                stack.enter_context(locked(self.lock_path("marker")))
            said = self.marker()
            if said != {**said, **entries}:
                with lake_errors(self.uri):
                    self.write(f"{self.uri}/{LAKE_MARKER}", with_entries(said, entries))

    # -- what lies where

    def staging_folder(self, table: str, day: date, run: str, slice_: str | None = None) -> str:
        """Where a run, or one slice of it, puts its files before they are published.

        Raises:
            UsageError: if a name cannot be that of a folder.
            LakeError: if a link on the way leads out of the lake.
        """
        names = [run] if slice_ is None else [run, slice_]
        for name in names:
            if not _SAFE.fullmatch(name):
                raise UsageError(f"{name!r} cannot be the name of a run or slice; use letters, digits, point, - and _")
        folder = "/".join([self.staging_root(table), day_name(day), *names])
        self.see_inside(f"{folder}/any")
        return folder

    def erasure_path(self, table: str, id_: str) -> str:
        """An erasure in the log of a table's erasures."""
        return f"{self.erasures_root(table)}/{checked_name(id_, self.erasures_root(table))}.json"

    # -- what is changed

    def see_inside(self, path: str) -> None:
        """See that no symbolic link on the way to a path leads out of the lake; the last name may be one.

        Raises:
            LakeError: if one does.
        """
        if not self.is_local:
            return
        root, folder = os.path.realpath(self.uri), os.path.realpath(os.path.dirname(path))
        if os.path.commonpath([root, folder]) != root:
            raise LakeError(
                f"{path}: a symbolic link leads out of the lake, to {folder}, where logpress writes and removes "
                "nothing; put a folder in the link's place, or the whole lake there"
            )

    def write(self, path: str, data: bytes) -> None:
        """Write a small file of the lake: readers see the old one or the new one, whole.

        Raises:
            LakeError: if a link on the way leads out of the lake; else what the storage's client raises.
        """
        self.see_inside(path)
        self.storage.write(path, data)

    def move(self, source: str, target: str) -> None:
        """Move a file within the lake; readers see no target, or a whole one.

        Raises:
            LakeError: if a link on either way leads out of the lake; else what the storage's client raises.
        """
        self.see_inside(source)
        self.see_inside(target)
        self.storage.move(source, target)

    def remove(self, path: str) -> None:
        """Remove a file or folder of the lake, if it is there; of a symbolic link only the link.

        Raises:
            LakeError: if it lies outside of the lake, or a link on the way leads out; else what the storage's client
                raises.
        """
        names = path.removeprefix(f"{self.uri}/").split("/")
        if not path.startswith(f"{self.uri}/") or any(name in ("", ".", "..") for name in names):
            raise LakeError(f"{path}: does not lie in the lake {self.uri}, and is not removed")
        self.see_inside(path)
        self.storage.remove(path)

    # -- published days

    def read_day(self, table: str, day: date) -> DayManifest | None:
        """The manifest of a published day; None where the day is not published.

        Raises:
            LakeError: if it cannot be read.
        """
        return self.read_manifest(self.manifest_path(table, day), table, day)

    def read_manifest(self, path: str, table: str, day: date) -> DayManifest | None:
        """A manifest of a day, wherever it is kept; None if there is none.

        Raises:
            LakeError: if it cannot be read, or is not this day's.
        """
        with lake_errors(path):
            data = self.storage.read(path)
            if data is None:
                return None
            try:
                manifest = DayManifest.from_bytes(data)
            except ValueError as error:
                raise LakeError(f"{path}: {error}; press the day again") from error
            self._check(manifest, table, day, path)
            return manifest

    def _check(self, manifest: DayManifest, table: str, day: date, path: str) -> None:
        """Look whether a manifest is this day's, and names files that can only be its own."""
        said = {(manifest.table, manifest.day), *((slice_.table, slice_.day) for slice_ in manifest.slices)}
        for other, moment in sorted(said - {(table, day.isoformat())}):
            raise LakeError(f"{path}: is the manifest of {other} {moment}, not of {table} {day}; press the day again")
        for slice_ in manifest.slices:
            for prefix, part in ((PART, slice_.part), (REJECTS, slice_.rejects_part)):
                if part is not None and checked_name(part.path, path) != file_name(prefix, slice_.slice, part.sha256):
                    raise LakeError(
                        f"{path}: names {part.path!r} as a file of slice {slice_.slice}, which is called otherwise; "
                        "press the day again"
                    )

    def need_day(self, table: str, day: date) -> DayManifest:
        """The manifest of a published day.

        Raises:
            UsageError: if it is not published.
        """
        manifest = self.read_day(table, day)
        if manifest is None:
            days = self.days(table)
            known = (
                f"published are {days[0]} to {days[-1]}, {len(days)} in all" if days else "no day of it is published"
            )
            raise UsageError(f"{self.uri}: {table} has no day {day.isoformat()}; {known}")
        return manifest

    def days(self, table: str) -> list[date]:
        """The published days of a table, in order."""
        with lake_errors(self.table_folder(table)):
            items = self.storage.list(self.manifests_root(table))
            if self.folders != "together":
                return [day for item in items if (day := day_of_manifest(item.name)) is not None]
            days = [day for item in items if (day := day_of_folder(item.name)) is not None]
            return [day for day in days if self.storage.size(self.manifest_path(table, day)) is not None]

    def tables(self) -> list[str]:
        """The names of the tables that have days, or had some that can be theirs again, sorted."""
        with lake_errors(self.uri):
            folders = [item.name for item in self.storage.list(self.uri) if item.is_folder]
        others = [name for name in folders if not name.startswith(("_", ".")) and name not in INDEX_TABLES]
        return [name for name in others if self.is_table(name)]

    def is_table(self, name: str) -> bool:
        """Whether a table of this name has days, or had some that can be the table's again."""
        if not name or "/" in name:
            return False
        of_day = day_of_folder if self.folders == "together" else day_of_manifest
        with lake_errors(self.uri):
            has_days = any(of_day(item.name) is not None for item in self.storage.list(self.manifests_root(name)))
        return has_days or bool(self.days_with_history(name))

    def days_with_files(self, table: str) -> list[date]:
        """Days of which there are folders with files or links, published or not, in order."""
        return sorted({day for root in self.file_roots(table) for day in self._days_of_folders(root)})

    def days_with_history(self, table: str) -> list[date]:
        """Days of which manifests of publications are kept, in order."""
        return self._days_of_folders(self.history_root(table))

    def days_with_lookups(self, table: str) -> list[date]:
        """Days of which there is a folder of lookups, in order."""
        return self._days_of_folders(self.lookups_root(table))

    def _days_of_folders(self, root: str) -> list[date]:
        with lake_errors(root):
            items = self.storage.list(root)
        return [day for item in items if item.is_folder and (day := day_of_folder(item.name)) is not None]

    def files(self, manifest: DayManifest) -> tuple[list[str], list[str]]:
        """Paths of a published day's parts, and of its rejects files, in the order of the slices.

        They are those that the catalog has, which stay for the retention when the day is replaced.
        """
        day = date.fromisoformat(manifest.day)

        def paths(parts: Sequence[PartStats]) -> list[str]:
            return [self.file_path(manifest.table, day, part.path) for part in parts]

        return paths(manifest.parts), paths(manifest.rejects_parts)
