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
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from logpress.errors import LogpressError
from logpress.lake.catalog import LakeCatalog, open_catalog
from logpress.lake.choice import is_configured, is_missing
from logpress.lake.commit import evolve
from logpress.lake.conflicts import until_deadline
from logpress.lake.index import kept, merged, read_days, stale_days, stamps_of, to_bytes
from logpress.lake.index_commit import due_snapshots, live_files, replace_partition
from logpress.lake.index_rows import CHECKS, DAYS, DESCRIPTIONS, SCHEMAS, SIZES
from logpress.lake.lake import Lake
from logpress.lake.locks import locked
from logpress.lake.snapshots import data_files, metadata_files
from logpress.lake.storage import TEMPORARY_PREFIX, lake_errors

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


def follow(lake: Lake, table: str, catalog: LakeCatalog | None = None) -> None:
    """Make the index say what the lake has of a log table.

    Args:
        lake: the lake; nothing is done where its layout, or the lack of a catalog, allows no publication.
        table: the log table.
        catalog: the lake's, if it is open.

    Raises:
        LakeError: if the lake or its catalog refuses, or others win until the deadline.
    """
    if lake.folders == "together" or (catalog is None and not _has_catalog(lake)):
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(_alone(lake))
        opened = catalog or stack.enter_context(open_catalog(lake))
        until_deadline(
            lambda: _follow(opened, lake, table), f"the catalog of {lake.uri}", f"index {table}", _DEADLINE_SECONDS
        )


def _has_catalog(lake: Lake) -> bool:
    """Whether the lake's catalog can be written to; a lost one is made by `register` alone, so that it is missed."""
    return is_configured(lake) and not (is_missing(lake) and lake.tables())


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


def _follow(catalog: LakeCatalog, lake: Lake, table: str) -> None:
    # first, so that whoever commits after the stamps were read is a conflict
    loaded = {name: _loaded(catalog, name) for name in TABLES}
    stamps = stamps_of(lake, table)
    found = {name: kept(lake, name, table) for name in TABLES}
    stale = {name: stale_days(found[name], stamps) for name in TABLES}
    rows = read_days(lake, table, set[date]().union(*stale.values()), stamps)
    for name in TABLES:
        path = lake.index_path(name, table)
        if not stamps:
            _commit(lake, loaded[name], name, table, None)
            with lake_errors(path):
                lake.remove(path)
            continue
        of_name = {day: rows[day] for day in stale[name] & stamps.keys()}
        now = merged(name, found[name], stale[name], of_name)
        data = to_bytes(now, stamps)
        _commit(lake, loaded[name], name, table, data if now.num_rows else None)
        if stale[name]:
            with lake_errors(path):
                lake.write(path, data)


def _loaded(catalog: LakeCatalog, name: str) -> Table:
    """A table of the index, with today's columns; made if it is missing."""
    from pyiceberg.table import TableProperties

    found = catalog.load(name)
    if (
        found is not None
        and TableProperties.DEFAULT_NAME_MAPPING in found.properties  # else whoever made it was killed
        and found.schema().column_names == SCHEMAS[name].names
    ):
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
    with lake_errors(f"the catalog of {lake.uri}"):
        before = [file.file_path for file in live_files(loaded, table)]
        path = None
        if data is not None:
            begin = _begin(lake, name, table, data)
            if len(before) == 1 and before[0].startswith(begin):
                return
            path = f"{begin}{uuid.uuid4().hex[:8]}.parquet"  # of one writer alone, so that others may remove theirs
            lake.write(path, data)
        elif not before:
            return
        replace_partition(loaded, table, path, KEPT)
        old = datetime.now(UTC) - KEPT
        items = lake.storage.list(lake.index_files(name))
        if sum(item.modified is not None and item.modified < old for item in items) > _MOST_OLD_FILES:
            _remove(lake, name, _needless(lake, loaded.refresh(), name, (), KEPT))


def _begin(lake: Lake, name: str, table: str, data: bytes) -> str:
    """How the path of a file with these bytes begins."""
    return f"{lake.index_files(name)}/{table}-{hashlib.sha256(data).hexdigest()[:12]}-"


# -- what nobody needs


@dataclass(frozen=True)
class Outdated:
    """What is left of what the index said earlier.

    Attributes:
        snapshots: number of the snapshots that no reader can have begun with lately.
        paths: files that no other snapshot needs.
    """

    snapshots: int = 0
    paths: tuple[str, ...] = ()


def tidy_index(lake: Lake, age: timedelta = KEPT, *, remove: bool = True) -> Outdated:
    """Find what is left of what the index said longer ago than this, and remove it.

    Raises:
        LakeError: if the lake or its catalog refuses.
    """
    if lake.folders == "together" or not is_configured(lake) or is_missing(lake):
        return Outdated()
    with _alone(lake), open_catalog(lake) as catalog:
        found = [
            until_deadline(
                partial(_tidy, catalog, lake, name, age, remove), f"the catalog of {lake.uri}", f"tidy up {name}"
            )
            for name in TABLES
        ]
    return Outdated(sum(one.snapshots for one in found), tuple(path for one in found for path in one.paths))


def _tidy(catalog: LakeCatalog, lake: Lake, name: str, age: timedelta, remove: bool) -> Outdated:
    loaded = catalog.load(name)
    if loaded is None:
        return Outdated()
    due = due_snapshots(loaded, age)
    needless = _needless(lake, loaded, name, due, age)
    if remove:
        if due:
            with lake_errors(f"the catalog of {lake.uri}"):
                loaded.maintenance.expire_snapshots().by_ids(due).commit()
        _remove(lake, name, needless)
    return Outdated(len(due), tuple(needless))


def _needless(lake: Lake, loaded: Table, name: str, due: Collection[int], age: timedelta) -> list[str]:
    """Files that no snapshot but those that are due needs, or that a killed run was writing, older than this."""
    with lake_errors(f"the metadata of {name} in {lake.uri}"):
        snapshots = [one for one in loaded.snapshots() if one.snapshot_id not in due]
        needed = data_files(loaded, snapshots) | metadata_files(loaded, snapshots)
        before = datetime.now(UTC) - age
        return [
            f"{folder}/{item.name}"
            for folder in (lake.index_files(name), lake.metadata_folder(name), lake.table_folder(name))
            for item in lake.storage.list(folder)
            if not item.is_folder
            and f"{folder}/{item.name}" not in needed
            and (folder != lake.table_folder(name) or item.name.startswith(TEMPORARY_PREFIX))
            and (item.modified is None or item.modified <= before)
        ]


def _remove(lake: Lake, name: str, paths: Collection[str]) -> None:
    with lake_errors(lake.table_folder(name)):
        for path in paths:
            lake.remove(path)


# -- whether it is right


def disagreements(catalog: LakeCatalog, lake: Lake, table: str, known_wrong: Collection[date]) -> list[str]:
    """What the index says of a log table and should not, a sentence each; nothing of days that are wrong themselves.

    Raises:
        LakeError: if the lake or its catalog cannot be read.
    """
    if lake.folders == "together":
        return []
    stamps, again = stamps_of(lake, table), "`logpress lake clean --yes` or the next publication puts it right"
    found = []
    for name in TABLES:
        path, has = lake.index_path(name, table), kept(lake, name, table)
        if has.problem and stamps:
            found.append(f"{path} {has.problem}; {again}")
            continue
        stale = sorted(stale_days(has, stamps) - set(known_wrong))
        if stale:
            what = f"{len(stale):,} days, {stale[0]} for one"
            found.append(f"{path} does not say what manifests and attempts say of {what}; {again}")
            continue
        loaded = catalog.load(name)
        with lake_errors(f"the catalog of {lake.uri}"):
            known = [file.file_path for file in live_files(loaded, table)] if loaded is not None else []
            data = lake.storage.read(path)
        expected = (
            [_begin(lake, name, table, data)] if data is not None and has.rows is not None and has.rows.num_rows else []
        )
        if len(known) != len(expected) or not all(map(str.startswith, known, expected)):
            found.append(f"the catalog has another file of {name} than {path}; `logpress lake clean --yes` mends that")
    return found
