"""The Iceberg catalog of a lake: SQLite in the lake's folder, or what LOGPRESS_CATALOG_* in the environment names."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from logpress.errors import LakeError, UsageError
from logpress.lake.lake import Lake
from logpress.lake.locks import locked
from logpress.lake.storage import lake_errors

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

CATALOG_FILE = "catalog.sqlite"
PREFIX = "LOGPRESS_CATALOG_"
BUSY_SECONDS = 60

TABLE_PROPERTIES = {
    "format-version": "2",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}


def settings(environment: dict[str, str] | None = None) -> dict[str, str]:
    """What the environment says of the catalog, as pyiceberg's properties.

    `LOGPRESS_CATALOG_TYPE=glue` gives `type`, `LOGPRESS_CATALOG_GLUE__REGION=...` gives `glue.region`: two underscores
    are a point, one is a hyphen. `LOGPRESS_CATALOG_NAME` and `LOGPRESS_CATALOG_NAMESPACE` are logpress's own.
    """
    found = {}
    for name, value in (os.environ if environment is None else environment).items():
        if name.startswith(PREFIX) and value:
            found[name[len(PREFIX) :].lower().replace("__", ".").replace("_", "-")] = value
    return found


def is_configured(lake: Lake) -> bool:
    """Whether it is known which catalog is the lake's."""
    return lake.is_local or bool(settings().keys() - {"name", "namespace"})


def is_missing(lake: Lake) -> bool:
    """Whether the lake's own catalog was never made, or is lost."""
    return (
        lake.is_local
        and not settings().keys() - {"name", "namespace"}
        and not _has_tables(f"{lake.uri}/{CATALOG_FILE}")
    )


def check_configured(lake: Lake) -> None:
    """See that there is a catalog for a lake, before hours of work are put into it.

    Raises:
        UsageError: if the lake lies in an object store and nothing names a catalog.
    """
    if not is_configured(lake):
        raise UsageError(
            f"{lake.uri}: an object store has no catalog of its own; "
            f"set {PREFIX}TYPE=glue, or {PREFIX}URI to that of a REST or SQL catalog"
        )


def see_catalog(lake: Lake, table: str) -> None:
    """See that a lake's catalog answers and has the table in this lake, before hours of work are put into it.

    Raises:
        LakeError: if it does not.
        UsageError: if nothing names the catalog.
    """
    check_configured(lake)
    if not is_missing(lake):
        with open_catalog(lake) as catalog:
            catalog.load(table)


class LakeCatalog:
    """A lake's catalog, open."""

    def __init__(self, lake: Lake, catalog: Catalog, namespace: str) -> None:
        self._lake = lake
        self._namespace = namespace
        self.catalog = catalog

    def load(self, table: str) -> Table | None:
        """A table; None if it was never published.

        Raises:
            LakeError: if the catalog has it in another place: the lake was copied or moved.
        """
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        with lake_errors(f"the catalog of {self._lake.uri}"):
            try:
                found = self.catalog.load_table((self._namespace, table))
            except (NoSuchTableError, NoSuchNamespaceError):
                return None
            if found.location().rstrip("/") != self._lake.table_folder(table):
                raise LakeError(
                    f"{self._lake.uri}: its catalog says that {table} lies in {found.location()}; a lake cannot be "
                    "copied or moved with its catalog, so use it where it was, or press into a new one"
                )
            self._see_own(found, table)
            return found

    def _see_own(self, found: Table, table: str) -> None:
        """See that the metadata files that a commit removes lie in the table's folder.

        Raises:
            LakeError: if one does not.
        """
        if not self._lake.is_local:  # another catalog may keep them elsewhere, and says so
            return
        folder = f"{self._lake.table_folder(table)}/metadata"
        for entry in found.metadata.metadata_log:
            place = entry.metadata_file.removeprefix("file://")
            if os.path.dirname(place) != folder or os.path.basename(place) in ("", ".", ".."):
                raise LakeError(
                    f"{found.metadata_location}: names {place!r} as earlier metadata, which lies outside of {folder}; "
                    "it was changed by something else than logpress, which removes nothing there"
                )

    def create(self, table: str, schema: Schema) -> Table:
        """Make a table, partitioned by its column `day`, unless another process just has."""
        from pyiceberg.exceptions import TableAlreadyExistsError
        from pyiceberg.partitioning import PartitionField, PartitionSpec
        from pyiceberg.transforms import IdentityTransform

        day = PartitionField(schema.find_field("day").field_id, 1000, IdentityTransform(), "day")
        with lake_errors(f"the catalog of {self._lake.uri}"):
            self._create_namespace()
            with contextlib.suppress(TableAlreadyExistsError):
                return self.catalog.create_table(
                    (self._namespace, table),
                    schema=schema,
                    location=self._lake.table_folder(table),
                    partition_spec=PartitionSpec(day),
                    properties=TABLE_PROPERTIES,
                )
        found = self.load(table)
        assert found is not None
        return found

    def _create_namespace(self) -> None:
        """Make the namespace, unless another process just has."""
        try:
            self.catalog.create_namespace_if_not_exists(self._namespace)
        except Exception:  # SQL catalogs raise their driver's own error for a namespace that another process made first
            if not self.catalog.namespace_exists(self._namespace):
                raise


@contextlib.contextmanager
def open_catalog(lake: Lake) -> Iterator[LakeCatalog]:
    """Open the catalog of a lake.

    Raises:
        LakeError: if it cannot be opened.
        UsageError: if there is none.
    """
    check_configured(lake)
    named = settings()
    name = named.pop("name", "logpress")
    namespace = named.pop("namespace", "logpress")
    with lake_errors(f"the catalog of {lake.uri}"):
        catalog = _configured(lake, name, named) if named else _embedded(lake, name)
    try:
        yield LakeCatalog(lake, catalog, namespace)
    finally:
        with contextlib.suppress(Exception):
            catalog.close()


def _configured(lake: Lake, name: str, named: dict[str, str]) -> Catalog:
    from pyiceberg.catalog import load_catalog

    return load_catalog(name, **{"warehouse": lake.uri, **_s3_properties(lake), **named})


def _s3_properties(lake: Lake) -> dict[str, str]:
    """What pyarrow's S3 does not take from the environment by itself."""
    if not lake.uri.startswith(("s3://", "s3a://")):
        return {}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    found = {"s3.endpoint": endpoint, "s3.region": region}
    return {key: value for key, value in found.items() if value}


def _embedded(lake: Lake, name: str) -> Catalog:
    from pyiceberg.catalog.sql import SqlCatalog
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    path = f"{lake.uri}/{CATALOG_FILE}"
    uri = f"sqlite:///{path}"
    properties: dict[str, Any] = {"uri": uri, "warehouse": lake.uri}
    if not _has_tables(path):  # two processes that make them at once would trip over each other
        lake.see_inside(f"{lake.uri}/_locks/catalog")
        with locked(f"{lake.uri}/_locks/catalog"):
            SqlCatalog(name, **properties).close()
    catalog = SqlCatalog(name, init_catalog_tables="false", **properties)
    # No connection outlives its use, so none is carried into a forked process; and whoever finds it busy waits.
    catalog.engine.dispose()
    catalog.engine = create_engine(uri, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})
    return catalog


def _has_tables(path: str) -> bool:
    if not os.path.exists(path):
        return False
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {"iceberg_tables", "iceberg_namespace_properties"} <= names
