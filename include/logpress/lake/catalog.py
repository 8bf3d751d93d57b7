"""The Iceberg table behind each logpress table, through pyiceberg: an embedded SQLite catalog, or one that is configured.

`LOGPRESS_CATALOG` may hold pyiceberg's catalog properties as `key=value` pairs separated by commas (for Glue:
`type=glue`); they may also stand in pyiceberg's own configuration under the name `logpress`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import CommitFailedException, NamespaceAlreadyExistsError, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.expressions import EqualTo
from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import assign_fresh_schema_ids
from pyiceberg.table import Table
from pyiceberg.transforms import IdentityTransform

from logpress.errors import LakeError
from logpress.lake.folder import Lake

NAMESPACE = "logpress"
DAY_COLUMN = "day"
_TRIES = 10


def open_catalog(lake: Lake) -> Catalog:
    """The lake's catalog.

    Raises:
        LakeError: if it cannot be opened.
    """
    configured = os.environ.get("LOGPRESS_CATALOG", "")
    properties: dict[str, str] = {}
    if configured:
        for pair in configured.split(","):
            key, _, value = pair.partition("=")
            properties[key.strip()] = value.strip()
    elif lake.is_local:
        properties = {"type": "sql", "uri": f"sqlite:///{lake.root}/catalog.sqlite?timeout=60"}
    else:
        raise LakeError(
            f"{lake.uri}: a lake on an object store needs a catalog; set LOGPRESS_CATALOG, as in LOGPRESS_CATALOG=type=glue"
        )
    properties.setdefault("warehouse", lake.root if lake.is_local else lake.uri)
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        properties.setdefault("s3.endpoint", endpoint)  # pyarrow's S3 does not read it from the environment
    try:
        return load_catalog(NAMESPACE, **properties)
    except Exception as error:  # pyiceberg raises whatever its backends raise
        raise LakeError(f"{lake.uri}: its catalog cannot be opened: {error}") from error


def open_table(lake: Lake, table: str) -> Table | None:
    """The Iceberg table, or None before its first day."""
    try:
        return open_catalog(lake).load_table((NAMESPACE, table))
    except NoSuchTableError:
        return None


def _make_table(catalog: Catalog, lake: Lake, table: str, schema: pa.Schema) -> Table:
    try:
        catalog.create_namespace(NAMESPACE)
    except NamespaceAlreadyExistsError:
        pass
    fresh = assign_fresh_schema_ids(_pyarrow_to_schema_without_ids(schema))
    spec = PartitionSpec(
        PartitionField(
            source_id=fresh.find_field(DAY_COLUMN).field_id, field_id=1000, transform=IdentityTransform(), name=DAY_COLUMN
        )
    )
    try:
        return catalog.create_table(
            (NAMESPACE, table),
            schema=fresh,
            location=lake.uri_of(lake.table(table)),
            partition_spec=spec,
            properties={
                "write.metadata.delete-after-commit.enabled": "true",
                "write.metadata.previous-versions-max": "20",
                **_without_metrics(schema),
            },
        )
    except TableAlreadyExistsError:
        return catalog.load_table((NAMESPACE, table))


def _without_metrics(schema: pa.Schema) -> dict[str, str]:
    """Properties that say that the columns of restoration have no statistics."""
    return {f"write.metadata.metrics.column.{name}": "none" for name in schema.names if name.startswith("_")}


def replace_day(lake: Lake, table: str, day: date, files: Sequence[str], schema: pa.Schema, summary: dict[str, str]) -> int | None:
    """Make these files the day's only ones, in one commit.

    Args:
        lake: the lake.
        table: its table; made if it is not there.
        day: the day, the value of the partition column in all the files.
        files: URIs of part files.
        schema: their schema; columns that the table lacks are added to it.
        summary: kept with the snapshot.

    Returns:
        The table's current snapshot, None if it has none.

    Raises:
        LakeError: if the commit is refused, or lost too many races.
    """
    catalog = open_catalog(lake)
    wanted = {_file_uri(lake, path) for path in files}
    for _ in range(_TRIES):
        try:
            found = _make_table(catalog, lake, table, schema) if not _exists(catalog, table) else catalog.load_table((NAMESPACE, table))
            present = _files_of_day(found, day)
            if present == wanted:
                return _snapshot_id(found)
            with found.transaction() as transaction:
                if set(schema.names) - {field.name for field in found.schema().fields}:
                    with transaction.update_schema() as update:
                        update.union_by_name(schema)
                    transaction.set_properties(_without_metrics(schema))
                if present:
                    transaction.delete(EqualTo(DAY_COLUMN, day.isoformat()), snapshot_properties=summary)
                if wanted:
                    transaction.add_files(sorted(wanted), snapshot_properties=summary, check_duplicate_files=False)
            return _snapshot_id(catalog.load_table((NAMESPACE, table)))
        except CommitFailedException:
            continue
        except (OSError, ValueError) as error:
            raise LakeError(f"{lake.uri}: {table} {day} cannot be committed: {error}") from error
        except Exception as error:
            if _is_busy(error):
                continue
            raise
    raise LakeError(f"{lake.uri}: {table} {day} lost {_TRIES} races against other commits; try again")


def _is_busy(error: Exception) -> bool:
    return "database is locked" in str(error)


def _exists(catalog: Catalog, table: str) -> bool:
    return bool(catalog.table_exists((NAMESPACE, table)))


def _snapshot_id(table: Table) -> int | None:
    snapshot = table.current_snapshot()
    return None if snapshot is None else snapshot.snapshot_id


def _file_uri(lake: Lake, path: str) -> str:
    return path if not lake.is_local else path.removeprefix("file://")


def _files_of_day(table: Table, day: date) -> set[str]:
    tasks: Any = table.scan(row_filter=EqualTo(DAY_COLUMN, day.isoformat())).plan_files()
    return {task.file.file_path for task in tasks}
