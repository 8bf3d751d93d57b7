"""What lies where in a lake; docs/architecture.md shows it, adr/0018 has the reasons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from logpress.lake.names import PART, REJECTS

Folders = Literal["linked", "shared", "together"]
"""How the files of a day lie.

linked: parts in files/, where the catalog finds them; data/ has hard links to the current ones.
shared: parts in data/, once, for the catalog and for readers of folders.
together: parts, rejects and the manifest in one folder, as in lakes of format 1, which are read and not pressed into.
"""

_MANIFEST = re.compile(r"(dt=.+)\.json")


@dataclass(frozen=True)
class Layout:
    """The paths of a lake.

    Attributes:
        uri: absolute local path, or URI.
        folders: how the files of a day lie.
    """

    uri: str
    folders: Folders = "shared"

    def table_folder(self, table: str) -> str:
        """All of a table."""
        return f"{self.uri}/{table}"

    def metadata_folder(self, table: str) -> str:
        """Where Iceberg keeps what it knows of a table."""
        return f"{self.uri}/{table}/metadata"

    def lock_path(self, name: str) -> str:
        """The lock of a local lake for what has this name."""
        return f"{self.uri}/_locks/{name}"

    def data_root(self, table: str) -> str:
        """The published parts of a table, for readers of folders."""
        return self.table_folder(table) if self.folders == "together" else f"{self.uri}/{table}/data"

    def day_folder(self, table: str, day: date) -> str:
        """The published parts of a day, for readers of folders."""
        return f"{self.data_root(table)}/{day_name(day)}"

    def parts_glob(self, table: str) -> str:
        """The published parts of all days, for readers of folders."""
        return f"{self.data_root(table)}/dt=*/{PART}-*.parquet"

    def lookups_folder(self, table: str, day: date) -> str:
        """The lookups of a day's parts, as rows."""
        return f"{self.uri}/{table}/lookups/{day_name(day)}"

    def lookups_glob(self, table: str) -> str:
        """The lookups of all days."""
        return f"{self.uri}/{table}/lookups/dt=*/*.parquet"

    def parts_root(self, table: str) -> str:
        """The parts of a table, published and superseded, where the catalog finds them."""
        return f"{self.uri}/{table}/files" if self.folders == "linked" else self.data_root(table)

    def parts_folder(self, table: str, day: date) -> str:
        """The parts of a day, published and superseded, where the catalog finds them."""
        return f"{self.parts_root(table)}/{day_name(day)}"

    def rejects_root(self, table: str) -> str:
        """The rejects files of a table."""
        return self.table_folder(table) if self.folders == "together" else f"{self.uri}/{table}/rejects"

    def rejects_folder(self, table: str, day: date) -> str:
        """The rejects files of a day."""
        return f"{self.rejects_root(table)}/{day_name(day)}"

    def file_roots(self, table: str) -> list[str]:
        """Where the folders of days lie that hold parts, links or rejects files."""
        return sorted({self.data_root(table), self.parts_root(table), self.rejects_root(table)})

    def file_folders(self, table: str, day: date) -> list[str]:
        """The folders in which parts and rejects files of a day lie, published or superseded."""
        return sorted({self.parts_folder(table, day), self.rejects_folder(table, day)})

    def file_path(self, table: str, day: date, name: str) -> str:
        """A part or a rejects file of a day, by its name."""
        folder = self.rejects_folder if name.startswith(f"{REJECTS}-") else self.parts_folder
        return f"{folder(table, day)}/{name}"

    def manifests_root(self, table: str) -> str:
        """The manifests of a table; of a lake of format 1, the folders of its days."""
        return self.table_folder(table) if self.folders == "together" else f"{self.uri}/{table}/manifests"

    def manifest_path(self, table: str, day: date) -> str:
        """What a published day consists of."""
        if self.folders == "together":
            return f"{self.day_folder(table, day)}/_manifest.json"
        return f"{self.manifests_root(table)}/{day_name(day)}.json"

    def history_root(self, table: str) -> str:
        """Manifests of the publications of a table's days."""
        return f"{self.uri}/{table}/history"

    def history_folder(self, table: str, day: date) -> str:
        """Manifests of a day's publications, the current one included."""
        return f"{self.history_root(table)}/{day_name(day)}"

    def erasures_root(self, table: str) -> str:
        """The log of a table's erasures."""
        return f"{self.uri}/{table}/_erasures"

    def vocabularies_root(self, table: str) -> str:
        """The vocabularies of a table's columns."""
        return f"{self.uri}/{table}/vocabularies"

    def vocabulary_folder(self, table: str, column: str) -> str:
        """A vocabulary: a file for each time that it grew, of which the last counts."""
        return f"{self.vocabularies_root(table)}/{column}"

    def staging_root(self, table: str) -> str:
        """Staging of all days and runs of a table."""
        return f"{self.uri}/{table}/_staging"

    def superseded_root(self, table: str) -> str:
        """What of a table is due to be removed: notes of files, and folders of links that readers may still list."""
        return f"{self.uri}/{table}/_superseded"

    def superseded_path(self, table: str, day: date) -> str:
        """Which files of a day are no longer published, and since when."""
        return f"{self.superseded_root(table)}/{day.isoformat()}.json"


def day_name(day: date) -> str:
    """The name of a day's folder."""
    return f"dt={day.isoformat()}"


def day_of_folder(name: str) -> date | None:
    """The day of a folder named dt=YYYY-MM-DD; None for any other name."""
    if not re.fullmatch(r"dt=\d{4}-\d{2}-\d{2}", name):
        return None
    try:
        return date.fromisoformat(name[3:])
    except ValueError:
        return None


def day_of_manifest(name: str) -> date | None:
    """The day of a manifest named dt=YYYY-MM-DD.json; None for any other name."""
    found = _MANIFEST.fullmatch(name)
    return day_of_folder(found[1]) if found else None


def is_file_name(name: str) -> bool:
    """Whether a part or a rejects file may have this name."""
    return name.endswith(".parquet") and name.startswith((f"{PART}-", f"{REJECTS}-"))
