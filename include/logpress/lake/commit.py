"""One Iceberg snapshot that replaces the files of a day: readers see the old day or the new one."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from logpress.errors import ChangedError
from logpress.lake.catalog import LakeCatalog
from logpress.lake.conflicts import until_deadline
from logpress.lake.day_files import is_day, known_days, published_files
from logpress.lake.lake import Lake
from logpress.lake.locks import locked
from logpress.lake.storage import lake_errors

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table, Transaction


@dataclass(frozen=True)
class DayFiles:
    """What a day is to consist of.

    Attributes:
        day: the UTC day, which is the value of the column `day` in all of these files.
        paths: the part files, as the catalog is to know them. None: the day has no rows, and vanishes from the table.
        replaces: the files that the day must have until then, or `paths` already; any if None.
    """

    day: date
    paths: Sequence[str]
    replaces: Collection[str] | None = None


def replace_day(
    catalog: LakeCatalog,
    lake: Lake,
    table: str,
    day: date,
    paths: Sequence[str],
    descriptions: Mapping[str, str],
    retention: timedelta | None = None,
    replaces: Collection[str] | None = None,
) -> int | None:
    """Make these files the day's only ones, in one snapshot; see `replace_days`."""
    return replace_days(catalog, lake, table, [DayFiles(day, paths, replaces)], descriptions, retention)


def replace_days(
    catalog: LakeCatalog,
    lake: Lake,
    table: str,
    days: Sequence[DayFiles],
    descriptions: Mapping[str, str],
    retention: timedelta | None = None,
) -> int | None:
    """Make these files the only ones of their days, in one snapshot; files that stay are left alone.

    Whoever commits in between is waited for and seen: another day is kept, the same day is replaced whole. So no run
    fails because of others, unless they win again and again until the deadline.

    Args:
        catalog: the lake's.
        lake: the lake.
        table: the table; it is made if missing.
        days: what each day is to consist of.
        descriptions: what columns mean.
        retention: snapshots that are older are forgotten; None: none are.

    Returns:
        The snapshot that holds the days; None where the table has none.

    Raises:
        ChangedError: if a day has other files than its `replaces`.
        LakeError: if the catalog refuses, or others win until the deadline.
    """
    from logpress.lake.schema import iceberg_schema

    schemas = [_schema_of(path) for one in days for path in one.paths]
    said = days[0].day.isoformat() if len(days) == 1 else f"{len(days)} days"

    def attempt() -> int | None:
        with _one_at_a_time(lake, table):
            found = catalog.load(table)
            if found is None:
                if not schemas:
                    return None
                found = catalog.create(table, iceberg_schema(schemas, descriptions))
            with lake_errors(f"the catalog of {lake.uri}"):
                return _try(found, days, schemas, descriptions, retention)

    logging.getLogger("pyiceberg.table").addFilter(_is_not_of_a_retry)
    return until_deadline(attempt, f"the catalog of {lake.uri}", f"publish {table} {said}")


@contextlib.contextmanager
def _one_at_a_time(lake: Lake, table: str) -> Iterator[None]:
    """On one machine whoever commits waits for others, instead of doing it again because of them."""
    if not lake.is_local:
        yield
        return
    path = lake.lock_path(f"{table}-commit")
    lake.see_inside(path)
    with lake_errors(lake.uri), locked(path):
        yield


def _is_not_of_a_retry(record: logging.LogRecord) -> bool:
    """Whether a message of pyiceberg is no warning of its first few retries, which are nothing to worry about."""
    return not str(record.msg).startswith("Commit failed due to a concurrent update, retrying")


def _schema_of(path: str) -> pa.Schema:
    import fsspec

    with lake_errors(path):
        if "://" not in path:
            return pq.read_schema(path)
        with fsspec.open(path, "rb") as file:
            return pq.read_schema(file)


def _try(
    table: Table,
    days: Sequence[DayFiles],
    schemas: Sequence[pa.Schema],
    descriptions: Mapping[str, str],
    retention: timedelta | None,
) -> int | None:
    from pyiceberg.exceptions import CommitFailedException
    from pyiceberg.expressions import AlwaysFalse, Or

    from logpress.lake.metrics import data_file
    from logpress.lake.schema import iceberg_schema

    known = known_days(table) if len(days) > 1 else {days[0].day: published_files(table, days[0].day)}
    added, removed, changed = list[str](), list["DataFile"](), list[date]()
    for one in days:
        old = known.get(one.day, {})
        if one.replaces is not None and old.keys() not in (set(one.replaces), set(one.paths)):
            raise ChangedError(
                f"{table.location()}: the catalog has other files for {one.day} than the manifest that was read, "
                "because another process publishes the day, or was stopped while it did; let it end, or run it again"
            )
        new = [path for path in one.paths if path not in old]
        gone = [old[path] for path in old.keys() - set(one.paths)]
        if new or gone:
            changed.append(one.day)
        added += new
        removed += gone
    if changed:
        with table.transaction() as transaction:
            if added:
                evolve(transaction, iceberg_schema(schemas, descriptions))
            properties = {"logpress.day": ",".join(day.isoformat() for day in changed[:_NAMED_DAYS])}
            with transaction.update_snapshot(snapshot_properties=properties).overwrite() as overwrite:
                replaced: BooleanExpression = AlwaysFalse()
                for day in changed:
                    replaced = Or(replaced, is_day(day))
                overwrite.delete_by_predicate(replaced)  # others' days are no conflict
                for file in removed:
                    overwrite.delete_data_file(file)
                for path in added:
                    overwrite.append_data_file(data_file(table.io, transaction.table_metadata, path))
        snapshot = table.current_snapshot()
        assert snapshot is not None
        if retention is not None:
            with contextlib.suppress(CommitFailedException):
                expire(table, retention)
        return snapshot.snapshot_id
    snapshot = table.current_snapshot()
    return snapshot.snapshot_id if snapshot is not None else None


def move_files(catalog: LakeCatalog, lake: Lake, table: str, moved: Callable[[str], str | None]) -> None:
    """Tell the catalog, in one snapshot, that data files of a table lie elsewhere now.

    Args:
        catalog: the lake's.
        lake: the lake.
        table: the table.
        moved: gives the new path of a file, which is there; None if the file stays where it is.

    Raises:
        LakeError: if the catalog refuses, or others win until the deadline.
    """

    def attempt() -> None:
        with _one_at_a_time(lake, table):
            found = catalog.load(table)
            if found is None:
                return
            with lake_errors(f"the catalog of {lake.uri}"):
                files = {task.file.file_path: task.file for task in found.scan().plan_files()}
                new = {path: there for path in files if (there := moved(path)) is not None}
                if new:
                    with found.transaction() as transaction, transaction.update_snapshot().overwrite() as overwrite:
                        for path, there in new.items():
                            overwrite.delete_data_file(files[path])
                            if there not in files:
                                overwrite.append_data_file(_elsewhere(files[path], there))

    until_deadline(attempt, f"the catalog of {lake.uri}", f"give the files of {table} their new paths")


def _elsewhere(file: DataFile, path: str) -> DataFile:
    """The same data file under another path."""
    from pyiceberg.manifest import DataFile

    names = (
        "content", "file_format", "partition", "record_count", "file_size_in_bytes", "column_sizes", "value_counts",
        "null_value_counts", "nan_value_counts", "lower_bounds", "upper_bounds", "key_metadata", "split_offsets",
        "equality_ids", "sort_order_id",
    )  # fmt: skip
    found = DataFile.from_args(file_path=path, **{name: getattr(file, name) for name in names})
    found.spec_id = file.spec_id
    return found


_NAMED_DAYS = 100


def due_snapshots(table: Table, retention: timedelta) -> set[int]:
    """Ids of snapshots that are older, except the current one and those that branches and tags hold."""
    before = datetime.now(UTC) - retention
    held = {ref.snapshot_id for ref in table.metadata.refs.values()} | {table.metadata.current_snapshot_id}
    old = {one.snapshot_id for one in table.snapshots() if one.timestamp_ms < before.timestamp() * 1000}
    return old - held


def expire(table: Table, retention: timedelta) -> int:
    """Forget the snapshots that are due; says how many. Their files stay until `logpress lake clean`."""
    due = due_snapshots(table, retention)
    if due:
        table.maintenance.expire_snapshots().by_ids(sorted(due)).commit()
    return len(due)


def evolve(transaction: Transaction, schema: Schema) -> None:
    """Make the table's schema hold all columns of the files, and let readers find them by name."""
    from pyiceberg.table import TableProperties

    metadata = transaction.table_metadata
    known = metadata.schema()
    # What only restoration reads has no statistics; to ask for them would warn of each column.
    wanted = {
        f"{TableProperties.METRICS_MODE_COLUMN_CONF_PREFIX}.{field.name}": "none"
        for field in schema.fields
        if field.name.startswith("_")
    }
    if wanted.items() - metadata.properties.items():
        transaction.set_properties(wanted)
    if any(field.name not in known.column_names for field in schema.fields) or _widened(known, schema):
        with transaction.update_schema() as update:
            update.union_by_name(schema)
    mapping = transaction.table_metadata.schema().name_mapping.model_dump_json()
    if transaction.table_metadata.properties.get(TableProperties.DEFAULT_NAME_MAPPING) != mapping:
        transaction.set_properties({TableProperties.DEFAULT_NAME_MAPPING: mapping})


def _widened(known: Schema, schema: Schema) -> bool:
    return any(
        field.field_type != known.find_field(field.name).field_type
        for field in schema.fields
        if field.name in known.column_names
    )
