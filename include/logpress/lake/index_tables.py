"""The index follows: its tables in the lake's catalog, each with one file a log table, say what the lake has now.

Whoever changes a day calls `follow` afterwards, and it does the same whatever was changed: it compares what the index
tells of with what lies in the lake. So whoever calls it next mends what a killed process has left, and two at once end
with the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import uuid
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from logpress.errors import LogpressError
from logpress.lake.catalog import LakeCatalog, open_catalog
from logpress.lake.choice import is_configured, is_missing
from logpress.lake.commit import evolve
from logpress.lake.conflicts import until_deadline
from logpress.lake.index import kept, merged, stale_days, stamps_of, to_bytes
from logpress.lake.index_build import rows_of_day
from logpress.lake.index_commit import due_snapshots, live_files, replace_partition
from logpress.lake.index_rows import CHECKS, DAYS, DESCRIPTIONS, SCHEMAS, SIZES
from logpress.lake.lake import Lake
from logpress.lake.locks import locked
from logpress.lake.snapshots import data_files, metadata_files
from logpress.lake.storage import lake_errors

if TYPE_CHECKING:
    from pyiceberg.table import Table

log = logging.getLogger(__name__)

TABLES = (SIZES, CHECKS, DAYS)
"""The tables of the index, in the order in which they follow: pages begin with the last one."""

KEPT = timedelta(hours=1)
"""How long earlier snapshots and files stay, for readers that have begun with them."""

_DEADLINE_SECONDS = 60.0
_MOST_OLD_FILES = 20
"""Files that nothing needs, beyond which they are removed: to look for them takes longer than a commit."""


def follow_or_warn(lake: Lake, table: str) -> None:
    """The same as `follow`, for whoever has done something that stands whatever becomes of the index."""
    try:
        follow(lake, table)
    except LogpressError as error:
        log.warning(
            "%s: the index does not follow %s: %s; the days are right, and the next publication, or "
            "`logpress lake clean --yes`, mends the index", lake.uri, table, error,
        )  # fmt: skip


def follow(lake: Lake, table: str, catalog: LakeCatalog | None = None, *, anew: bool = False) -> None:
    """Make the index say what the lake has of a log table.

    Args:
        lake: the lake; nothing is done where its layout, or the lack of a catalog, allows no publication.
        table: the log table.
        catalog: the lake's, if it is open.
        anew: whether the catalog is looked at even if the files are right, as where it was lost.

    Raises:
        LakeError: if the lake or its catalog refuses, or others win until the deadline.
    """
    if lake.folders == "together" or (catalog is None and (not is_configured(lake) or is_missing(lake))):
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(_alone(lake))
        if not anew and _is_right(lake, table):
            return
        opened = catalog or stack.enter_context(open_catalog(lake))
        until_deadline(
            lambda: _follow(opened, lake, table), f"the catalog of {lake.uri}", f"index {table}", _DEADLINE_SECONDS
        )


@contextlib.contextmanager
def _alone(lake: Lake) -> Iterator[None]:
    """On one machine one process at a time writes the index, instead of doing it again because of others."""
    if not lake.is_local:
        yield
        return
    path = lake.lock_path("index")
    lake.see_inside(path)
    with lake_errors(lake.uri), locked(path, wait_seconds=_DEADLINE_SECONDS):
        yield


def _is_right(lake: Lake, table: str) -> bool:
    stamps = stamps_of(lake, table)
    return not any(stale_days(kept(lake, name, table), stamps) for name in TABLES)


def _follow(catalog: LakeCatalog, lake: Lake, table: str) -> None:
    # first, so that whoever commits after the stamps were read is a conflict
    loaded = {name: _loaded(catalog, name) for name in TABLES}
    stamps = stamps_of(lake, table)
    found = {name: kept(lake, name, table) for name in TABLES}
    stale = {name: stale_days(found[name], stamps) for name in TABLES}
    rows = {day: rows_of_day(lake, table, day) for day in set[date]().union(*stale.values()) & stamps.keys()}
    for name in TABLES:
        path = lake.index_path(name, table)
        if not stamps:
            _commit(lake, loaded[name], name, table, None)
            with lake_errors(path):
                lake.remove(path)
            continue
        of_name = {day: rows[day] for day in stale[name] & stamps.keys()}
        data = to_bytes(merged(name, found[name], stale[name], of_name), stamps)
        _commit(lake, loaded[name], name, table, data)
        if stale[name]:
            with lake_errors(path):
                lake.write(path, data)


def _loaded(catalog: LakeCatalog, name: str) -> Table:
    """A table of the index, with today's columns; made if it is missing."""
    found = catalog.load(name)
    if found is not None and found.schema().column_names == SCHEMAS[name].names:
        return found
    from logpress.lake.schema import iceberg_schema

    schema = iceberg_schema([SCHEMAS[name]], DESCRIPTIONS[name])
    found = found or catalog.create(name, schema, "log_table", _PROPERTIES)
    with found.transaction() as transaction:
        evolve(transaction, schema)
    return found


_PROPERTIES = {
    # texts of messages do not belong in metadata, and nobody looks for numbers here by their bounds
    "write.metadata.metrics.default": "none",
    "write.metadata.metrics.column.log_table": "full",
    "write.metadata.metrics.column.day": "full",
    "write.metadata.previous-versions-max": "5",
}


def _commit(lake: Lake, loaded: Table, name: str, table: str, data: bytes | None) -> None:
    """Make a file with these bytes the only one of a log table; none if there are none."""
    begin = f"{lake.index_files(name)}/{table}-"
    if data is not None:
        begin += f"{hashlib.sha256(data).hexdigest()[:12]}-"
    with lake_errors(f"the catalog of {lake.uri}"):
        before = live_files(loaded, table)
        if [file.file_path.startswith(begin) for file in before] == [True] * (data is not None):
            return
        path = None
        if data is not None:
            path = f"{begin}{uuid.uuid4().hex[:8]}.parquet"  # of one writer alone, so that others may remove theirs
            lake.write(path, data)
        replace_partition(loaded, table, path, KEPT)
        old = datetime.now(UTC) - KEPT
        items = lake.storage.list(lake.index_files(name))
        if sum(item.modified is not None and item.modified < old for item in items) > _MOST_OLD_FILES:
            _remove(lake, name, needless(lake, loaded.refresh(), name, KEPT))


# -- what nobody needs


def needless(lake: Lake, loaded: Table, name: str, age: timedelta) -> list[str]:
    """Files of a table of the index that no snapshot needs, and that are older than this.

    Raises:
        LakeError: if the lake cannot be read.
    """
    with lake_errors(f"the metadata of {name} in {lake.uri}"):
        needed = data_files(loaded) | metadata_files(loaded, loaded.snapshots())
        before = datetime.now(UTC) - age
        return [
            f"{folder}/{item.name}"
            for folder in (lake.index_files(name), lake.metadata_folder(name))
            for item in lake.storage.list(folder)
            if not item.is_folder
            and f"{folder}/{item.name}" not in needed
            and (item.modified is None or item.modified <= before)
        ]


def _remove(lake: Lake, name: str, paths: Collection[str]) -> None:
    with lake_errors(lake.table_folder(name)):
        for path in paths:
            lake.remove(path)


def forget_index(lake: Lake, age: timedelta) -> None:
    """Leave nothing of what the index said longer ago than this: after an erasure, and to tidy up.

    Raises:
        LakeError: if the lake or its catalog refuses.
    """
    if lake.folders == "together" or not is_configured(lake) or is_missing(lake):
        return
    with _alone(lake), open_catalog(lake) as catalog:
        for name in TABLES:
            until_deadline(
                partial(_forget, catalog, lake, name, age), f"the catalog of {lake.uri}", f"forget snapshots of {name}"
            )


def _forget(catalog: LakeCatalog, lake: Lake, name: str, age: timedelta) -> None:
    loaded = catalog.load(name)
    if loaded is None:
        return
    with lake_errors(f"the catalog of {lake.uri}"):
        due = due_snapshots(loaded, age)
        if due:
            loaded.maintenance.expire_snapshots().by_ids(due).commit()
            loaded.refresh()
    _remove(lake, name, needless(lake, loaded, name, age))
