"""One Iceberg snapshot that replaces the files of a day: readers see the old day or the new one."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from logpress.errors import ChangedError, LakeError
from logpress.lake.catalog import LakeCatalog
from logpress.lake.lake import Lake
from logpress.lake.storage import lake_errors

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table, Transaction

SNAPSHOT_AGE = timedelta(days=7)
"""How long snapshots are kept; of a day that was replaced, only its manifest is left after the grace period."""

TRIES = 10
_WAIT_SECONDS = 0.1


def published_files(table: Table, day: date) -> dict[str, DataFile]:
    """The files that the catalog has for a day, by path."""
    tasks = table.scan(row_filter=_is_day(day), selected_fields=("day",)).plan_files()
    return {task.file.file_path: task.file for task in tasks}


def _is_day(day: date) -> BooleanExpression:
    from pyiceberg.expressions import EqualTo

    equal_to: Any = EqualTo  # its annotations are not what its documentation has
    expression: BooleanExpression = equal_to("day", day.isoformat())
    return expression


def replace_day(
    catalog: LakeCatalog,
    lake: Lake,
    table: str,
    day: date,
    paths: Sequence[str],
    descriptions: Mapping[str, str],
    *,
    replaces: Collection[str] | None = None,
) -> int | None:
    """Make these files the day's only ones, in one snapshot; files that stay are left alone.

    Whoever commits in between is waited for and seen: another day is kept, the same day is replaced whole.

    Args:
        catalog: the lake's.
        lake: the lake.
        table: the table; it is made if missing.
        day: the UTC day, which is the value of the column `day` in all of these files.
        paths: part files, in the day's folder. None: the day has no rows, and vanishes from the table.
        descriptions: what columns mean.
        replaces: the files that the day must have until then, or `paths` already; any if None.

    Returns:
        The snapshot that holds the day; None where the table has none.

    Raises:
        ChangedError: if the day has other files than `replaces`.
        LakeError: if the catalog refuses, or others keep winning.
    """
    from pyiceberg.exceptions import CommitFailedException, ValidationException

    from logpress.lake.schema import iceberg_schema

    schemas = [_schema_of(path) for path in paths]
    for attempt in range(TRIES):
        found = catalog.load(table)
        if found is None:
            if not paths:
                return None
            found = catalog.create(table, iceberg_schema(schemas, descriptions))
        try:
            with lake_errors(f"the catalog of {lake.uri}"):
                return _try(found, day, paths, schemas, descriptions, replaces)
        except LakeError as error:
            if not isinstance(error.__cause__, CommitFailedException | ValidationException):
                raise
            if attempt == TRIES - 1:
                raise LakeError(
                    f"the catalog of {lake.uri}: others changed {table} at each of {TRIES} tries to publish {day}; "
                    "publish it again when fewer do"
                ) from error
            time.sleep(random.uniform(0.5, 1.5) * _WAIT_SECONDS * 2 ** min(attempt, 5))
    raise AssertionError("unreachable")


def _schema_of(path: str) -> pa.Schema:
    import fsspec

    with lake_errors(path):
        if "://" not in path:
            return pq.read_schema(path)
        with fsspec.open(path, "rb") as file:
            return pq.read_schema(file)


def _try(
    table: Table,
    day: date,
    paths: Sequence[str],
    schemas: Sequence[pa.Schema],
    descriptions: Mapping[str, str],
    replaces: Collection[str] | None,
) -> int | None:
    from pyiceberg.exceptions import CommitFailedException

    from logpress.lake.metrics import data_file
    from logpress.lake.schema import iceberg_schema

    old = published_files(table, day)
    if replaces is not None and old.keys() not in (set(replaces), set(paths)):
        raise ChangedError(
            f"{table.location()}: the catalog has other files for {day} than the manifest that was read, because "
            "another process publishes the day, or was interrupted while it did; let it end, or run it again"
        )
    added = [path for path in paths if path not in old]
    removed = [old[path] for path in old.keys() - set(paths)]
    if added or removed:
        with table.transaction() as transaction:
            if added:
                _evolve(transaction, iceberg_schema(schemas, descriptions))
            properties = {"logpress.day": day.isoformat()}
            with transaction.update_snapshot(snapshot_properties=properties).overwrite() as overwrite:
                overwrite.delete_by_predicate(_is_day(day))  # others' days are no conflict
                for file in removed:
                    overwrite.delete_data_file(file)
                for path in added:
                    overwrite.append_data_file(data_file(table.io, transaction.table_metadata, path))
        with contextlib.suppress(CommitFailedException):
            _expire(table)
    snapshot = table.current_snapshot()
    return snapshot.snapshot_id if snapshot is not None else None


def _expire(table: Table) -> None:
    """Forget old snapshots, so that the table's metadata do not grow for ever."""
    before = datetime.now(UTC) - SNAPSHOT_AGE
    if any(snapshot.timestamp_ms < before.timestamp() * 1000 for snapshot in table.snapshots()[:-1]):
        table.maintenance.expire_snapshots().older_than(before).commit()


def _evolve(transaction: Transaction, schema: Schema) -> None:
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
