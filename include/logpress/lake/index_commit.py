"""A commit to a table of the index, which says all its files in one manifest.

These tables are written anew at each publication. pyiceberg's overwrite keeps a manifest for each file that was ever
removed, and takes longer with each; this takes a third of the time, and always the same.
"""

from __future__ import annotations

import contextlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.avro.codecs import AvroCompressionCodec
    from pyiceberg.manifest import DataFile, ManifestEntry, ManifestFile
    from pyiceberg.table import Table

_CODEC: AvroCompressionCodec = "deflate"
_KEPT_SNAPSHOTS = 5
"""How many earlier snapshots a table has at most; days may be published by the hundred in an hour."""


def live_files(table: Table, partition: str) -> list[DataFile]:
    """The files that a table has now in a partition."""
    return [entry.data_file for entry in _live(table) if entry.data_file.partition[0] == partition]


def replace_partition(table: Table, partition: str, path: str | None, age: timedelta) -> None:
    """Make a file the only one of a partition, and forget old snapshots, in one commit.

    Args:
        table: partitioned by one text column; as it was loaded.
        partition: the value of that column.
        path: the file; None if the partition is to have none.
        age: how long ago a snapshot was replaced that is forgotten.

    Raises:
        pyiceberg.exceptions.CommitFailedException: if the table has changed since it was loaded.
    """
    # here, because it is slow to import, and only whoever commits needs it
    from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
    from pyiceberg.table.snapshots import Operation, Snapshot, Summary
    from pyiceberg.table.update import (
        AddSnapshotUpdate,
        AssertRefSnapshotId,
        RemoveSnapshotsUpdate,
        SetSnapshotRefUpdate,
        TableUpdate,
    )

    from logpress.lake.metrics import data_file

    before, live, metadata = table.current_snapshot(), _live(table), table.metadata
    parent = before.snapshot_id if before is not None else None
    added = data_file(table.io, metadata, path) if path is not None else None
    gone = [entry for entry in live if entry.data_file.partition[0] == partition]
    stay = [entry for entry in live if entry.data_file.partition[0] != partition]
    id_, sequence = metadata.new_snapshot_id(), metadata.next_sequence_number()
    name = f"{id_}-{uuid.uuid4()}"
    manifests = [_write_manifest(table, name, id_, stay, gone, added)] if stay or gone or added is not None else []
    files = [*(entry.data_file for entry in stay), *([added] if added is not None else [])]
    snapshot = Snapshot(
        snapshot_id=id_,
        parent_snapshot_id=parent,
        sequence_number=sequence,
        manifest_list=_write_list(table, name, id_, parent, sequence, manifests),
        schema_id=metadata.current_schema_id,
        summary=Summary(Operation.OVERWRITE, **_summary(files, len(gone), added)),
    )
    updates: list[TableUpdate] = [
        AddSnapshotUpdate(snapshot=snapshot),
        SetSnapshotRefUpdate(  # type: ignore[call-arg]  # the others are optional
            snapshot_id=id_, parent_snapshot_id=parent, ref_name=MAIN_BRANCH, type=SnapshotRefType.BRANCH
        ),
    ]
    due = due_snapshots(table, age)
    if due:
        updates.append(RemoveSnapshotsUpdate(snapshot_ids=due))
    unchanged = AssertRefSnapshotId(ref=MAIN_BRANCH, snapshot_id=parent)
    now = table.catalog.commit_table(table, (unchanged,), tuple(updates)).metadata
    dropped = {one.metadata_file for one in metadata.metadata_log} - {one.metadata_file for one in now.metadata_log}
    for file in dropped:
        with contextlib.suppress(OSError):  # it stays until the next time that somebody tidies up
            table.io.delete(file)


def due_snapshots(table: Table, age: timedelta) -> list[int]:
    """Ids of the snapshots that were replaced longer ago than this, and of those beyond the newest few."""
    current = table.current_snapshot()
    until = {one.parent_snapshot_id: one.timestamp_ms for one in table.snapshots()}
    before = (datetime.now(UTC) - age).timestamp() * 1000
    earlier = sorted(
        (one for one in table.snapshots() if current is None or one.snapshot_id != current.snapshot_id),
        key=lambda one: one.timestamp_ms,
    )
    many = max(0, len(earlier) - _KEPT_SNAPSHOTS)
    return [
        one.snapshot_id
        for number, one in enumerate(earlier)
        if number < many or until.get(one.snapshot_id, one.timestamp_ms) <= before
    ]


def _live(table: Table) -> list[ManifestEntry]:
    snapshot = table.current_snapshot()
    manifests = snapshot.manifests(table.io) if snapshot is not None else []
    return [entry for one in manifests for entry in one.fetch_manifest_entry(table.io, discard_deleted=True)]


def _write_manifest(
    table: Table,
    name: str,
    id_: int,
    stay: Sequence[ManifestEntry],
    gone: Sequence[ManifestEntry],
    added: DataFile | None,
) -> ManifestFile:
    from pyiceberg.manifest import ManifestEntry, ManifestEntryStatus, write_manifest

    output = table.io.new_output(table.location_provider().new_metadata_location(f"{name}-m0.avro"))
    with write_manifest(2, table.spec(), table.schema(), output, id_, _CODEC) as writer:
        for entry in stay:
            writer.existing(entry)
        for entry in gone:
            writer.delete(entry)
        if added is not None:
            new = ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED, snapshot_id=id_, sequence_number=None, file_sequence_number=None,
                data_file=added,
            )  # fmt: skip
            writer.add(new)
    return writer.to_manifest_file()


def _write_list(
    table: Table, name: str, id_: int, parent: int | None, sequence: int, manifests: list[ManifestFile]
) -> str:
    from pyiceberg.manifest import write_manifest_list

    path = table.location_provider().new_metadata_location(f"snap-{name}.avro")
    with write_manifest_list(2, table.io.new_output(path), id_, parent, sequence, _CODEC) as writer:
        writer.add_manifests(manifests)
    return path


def _summary(files: Sequence[DataFile], gone: int, added: DataFile | None) -> dict[str, Any]:
    """What engines read of a snapshot before its manifests (specification, "Optional Snapshot Summary Fields")."""
    totals = {
        "added-data-files": int(added is not None),
        "deleted-data-files": gone,
        "total-data-files": len(files),
        "total-delete-files": 0,
        "total-equality-deletes": 0,
        "total-files-size": sum(file.file_size_in_bytes for file in files),
        "total-position-deletes": 0,
        "total-records": sum(file.record_count for file in files),
    }
    return {key: str(value) for key, value in totals.items()}
