"""Snapshots of a table: which files they hold, and the files that Iceberg keeps of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, TypeVar

from logpress.errors import LogpressError
from logpress.lake.catalog import open_catalog
from logpress.lake.choice import is_configured, is_missing
from logpress.lake.commit import due_snapshots, expire
from logpress.lake.day_files import published_files
from logpress.lake.lake import Lake
from logpress.lake.storage import lake_errors

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

log = logging.getLogger(__name__)
T = TypeVar("T")


def held_files(lake: Lake, table: str, retention: timedelta) -> set[str]:
    """Paths of all data files that a snapshot refers to, after those older than the retention were forgotten.

    Raises:
        LakeError: if the catalog cannot be read.
    """

    def held(found: Table) -> set[str]:
        try:
            with lake_errors(f"the catalog of {lake.uri}"):
                expire(found, retention)
        except LogpressError as error:  # others change it; what the old snapshots hold stays until the next time
            log.info("%s", error)
        return data_files(found)

    return _read(lake, table, held, set()) or set()


def catalog_files(lake: Lake, table: str, day: date) -> list[str] | None:
    """The files that the catalog has for a day, in order; None where nothing says which catalog that is.

    Raises:
        LakeError: if the catalog cannot be read.
    """
    return _read(lake, table, lambda found: sorted(published_files(found, day)), list[str]())


def snapshot_data_files(lake: Lake, table: str) -> set[str] | None:
    """Paths of all data files that a snapshot refers to; None where nothing says which catalog is the lake's.

    Raises:
        LakeError: if the catalog cannot be read.
    """
    return _read(lake, table, data_files, set[str]())


def _read(lake: Lake, table: str, wanted: Callable[[Table], T], nothing: T) -> T | None:
    """What is wanted of a table; `nothing` of one that the catalog lacks; None where nothing says which catalog."""
    if not is_configured(lake):
        return None
    if is_missing(lake):
        return nothing
    with open_catalog(lake) as catalog:
        found = catalog.load(table)
        with lake_errors(f"the catalog of {lake.uri}"):
            return wanted(found) if found is not None else nothing


def kept_snapshots(table: Table, retention: timedelta) -> list[Snapshot]:
    """The snapshots that are not due to be forgotten: newer ones, the current one, and those of branches and tags."""
    due = due_snapshots(table, retention)
    return [one for one in table.snapshots() if one.snapshot_id not in due]


def data_files(table: Table, snapshots: Iterable[Snapshot] | None = None) -> set[str]:
    """Paths of all data files that some snapshots refer to; all snapshots if None."""
    manifests = {
        manifest.manifest_path: manifest
        for one in (table.snapshots() if snapshots is None else snapshots)
        for manifest in one.manifests(io=table.io)
    }
    return {
        entry.data_file.file_path
        for manifest in manifests.values()
        for entry in manifest.fetch_manifest_entry(io=table.io, discard_deleted=True)
    }


def metadata_files(table: Table, snapshots: Iterable[Snapshot]) -> set[str]:
    """Paths of the files that Iceberg needs to read some snapshots, and of the metadata that it lists."""
    found = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
    found.update(statistics.statistics_path for statistics in table.metadata.statistics)
    found.update(snapshot_files(table, snapshots))
    return {path.removeprefix("file://") for path in found}


def snapshot_files(table: Table, snapshots: Iterable[Snapshot]) -> set[str]:
    """Paths of the lists and manifests of some snapshots."""
    found = set()
    for one in snapshots:
        found.add(one.manifest_list)
        found.update(manifest.manifest_path for manifest in one.manifests(io=table.io))
    return {path.removeprefix("file://") for path in found}
