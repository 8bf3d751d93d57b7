"""A lake: the folder that holds tables, and what lies where in it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from logpress.errors import LakeError, UsageError
from logpress.lake.names import checked_name
from logpress.lake.storage import TEMPORARY_PREFIX, Storage, lake_errors, normal_uri, storage_of
from logpress.manifest import DayManifest, PartStats, file_name
from logpress.outputs import LAKE_MARKER

MANIFEST = "_manifest.json"
FORMAT = 1

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


@dataclass(frozen=True)
class Lake:
    """A lake that exists. Make one with `Lake.open` or `Lake.create`.

    Attributes:
        uri: absolute local path, or URI.
    """

    uri: str

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
        lake._check_format(marker)
        return lake

    @classmethod
    def create(cls, uri: str) -> Lake:
        """Open a lake, or make one where there is nothing yet or an empty folder.

        Raises:
            UsageError: if the folder holds something else.
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
                marker = json.dumps({"format": FORMAT}).encode()
                lake.storage.write(f"{lake.uri}/{LAKE_MARKER}", marker + b"\n")
        lake._check_format(marker)
        return lake

    def _check_format(self, marker: bytes) -> None:
        try:
            found = json.loads(marker)["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise LakeError(
                f"{self.uri}/{LAKE_MARKER}: is damaged; it should say {json.dumps({'format': FORMAT})}"
            ) from error
        if found != FORMAT:
            raise LakeError(f"{self.uri}: is a lake of format {found}; this logpress reads format {FORMAT}")

    # -- what lies where

    def table_folder(self, table: str) -> str:
        """All of a table."""
        return f"{self.uri}/{table}"

    def day_folder(self, table: str, day: date) -> str:
        """A published day."""
        return f"{self.uri}/{table}/dt={day.isoformat()}"

    def manifest_path(self, table: str, day: date) -> str:
        """What a published day consists of."""
        return f"{self.day_folder(table, day)}/{MANIFEST}"

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
        folder = "/".join([self.uri, table, "_staging", f"dt={day.isoformat()}", *names])
        self.see_inside(f"{folder}/any")
        return folder

    def staging_root(self, table: str) -> str:
        """Staging of all days and runs of a table."""
        return f"{self.uri}/{table}/_staging"

    def superseded_path(self, table: str, day: date) -> str:
        """Which files of a day are no longer published, and since when."""
        return f"{self.superseded_root(table)}/{day.isoformat()}.json"

    def superseded_root(self, table: str) -> str:
        """What of a table is due to be removed."""
        return f"{self.uri}/{table}/_superseded"

    def erasures_root(self, table: str) -> str:
        """The log of a table's erasures."""
        return f"{self.uri}/{table}/_erasures"

    def erasure_path(self, table: str, id_: str) -> str:
        """One erasure in it."""
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
        path = self.manifest_path(table, day)
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
            for prefix, part in (("part", slice_.part), ("_rejects", slice_.rejects_part)):
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
        found = []
        with lake_errors(self.table_folder(table)):
            for item in self.storage.list(self.table_folder(table)):
                day = day_of_folder(item.name)
                if day is not None and self.storage.size(self.manifest_path(table, day)) is not None:
                    found.append(day)
        return found

    def files(self, manifest: DayManifest) -> tuple[list[str], list[str]]:
        """Paths of a published day's parts, and of its rejects files, in the order of the slices."""
        folder = self.day_folder(manifest.table, date.fromisoformat(manifest.day))

        def paths(parts: Sequence[PartStats]) -> list[str]:
            return [f"{folder}/{part.path}" for part in parts]

        return paths(manifest.parts), paths(manifest.rejects_parts)


def day_of_folder(name: str) -> date | None:
    """The day of a folder named dt=YYYY-MM-DD; None for any other name."""
    if not re.fullmatch(r"dt=\d{4}-\d{2}-\d{2}", name):
        return None
    try:
        return date.fromisoformat(name[3:])
    except ValueError:
        return None
