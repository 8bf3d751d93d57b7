"""Snapshots of a table: which files they hold, and the files that Iceberg keeps of them."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from logpress.errors import LogpressError
from logpress.lake.catalog import open_catalog
from logpress.lake.choice import is_configured, is_missing
from logpress.lake.commit import expire
from logpress.lake.lake import Lake
from logpress.lake.storage import lake_errors

if TYPE_CHECKING:
    from pyiceberg.table import Table

log = logging.getLogger(__name__)


def held_files(lake: Lake, table: str, retention: timedelta) -> set[str]:
    """Paths of all data files that a snapshot refers to, after those older than the retention were forgotten.

    Raises:
        LakeError: if the catalog cannot be read.
    """
    if not is_configured(lake) or is_missing(lake):
        return set()
    with open_catalog(lake) as catalog:
        found = catalog.load(table)
        if found is None:
            return set()
        try:
            with lake_errors(f"the catalog of {lake.uri}"):
                expire(found, retention)
        except LogpressError as error:  # others change it; what the old snapshots hold stays until the next time
            log.info("%s", error)
        with lake_errors(f"the catalog of {lake.uri}"):
            return data_files(found)


def data_files(table: Table) -> set[str]:
    """Paths of all data files that a snapshot refers to."""
    manifests = {
        manifest.manifest_path: manifest for one in table.snapshots() for manifest in one.manifests(io=table.io)
    }
    return {
        entry.data_file.file_path
        for manifest in manifests.values()
        for entry in manifest.fetch_manifest_entry(io=table.io, discard_deleted=True)
    }


def metadata_files(table: Table) -> set[str]:
    """Paths of all files that Iceberg needs to read a table's snapshots, and of earlier metadata that it lists."""
    found = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
    for one in table.snapshots():
        found.add(one.manifest_list)
        found.update(manifest.manifest_path for manifest in one.manifests(io=table.io))
    found.update(statistics.statistics_path for statistics in table.metadata.statistics)
    return {path.removeprefix("file://") for path in found}
