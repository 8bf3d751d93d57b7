"""The Iceberg catalog of a lake, open: its tables, and whether they are this lake's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from logpress.errors import LakeError
from logpress.lake.choice import (
    BUSY_SECONDS,
    EMBEDDED,
    PREFIX,
    CatalogChoice,
    catalog_path,
    choose,
    has_catalog_tables,
    is_missing,
    record,
    recorded,
    recorded_place,
)
from logpress.lake.day_files import known_days
from logpress.lake.lake import Lake
from logpress.lake.locks import locked
from logpress.lake.storage import lake_errors

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

TABLE_PROPERTIES = {
    "format-version": "2",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}


def check_configured(lake: Lake) -> None:
    """See that there is a catalog for a lake, before hours of work are put into it.

    Raises:
        UsageError: if the lake lies in an object store and nothing names a catalog.
        LakeError: if the environment names another catalog than the lake's.
    """
    choose(lake)


def see_catalog(lake: Lake, table: str) -> None:
    """See that a lake's catalog answers and knows what is published, before hours of work are put into it.

    Raises:
        LakeError: if it does not, or has the table elsewhere, or is lost.
        UsageError: if nothing names the catalog.
    """
    see_not_lost(lake, table)
    if not is_missing(lake):
        with open_catalog(lake) as catalog:
            catalog.see_known(table)


def see_not_lost(lake: Lake, table: str) -> None:
    """See that a lake's own catalog is there if anything is published; opening it would make an empty one.

    Raises:
        LakeError: if it is lost, or the environment names another one.
        UsageError: if nothing names the catalog.
    """
    if is_missing(lake) and _has_rows(lake, table):
        raise _lost(lake, table)


class LakeCatalog:
    """A lake's catalog, open."""

    def __init__(self, lake: Lake, catalog: Catalog, choice: CatalogChoice) -> None:
        self._lake = lake
        self._namespace = choice.namespace
        self.choice = choice
        self.catalog = catalog

    def load(self, table: str) -> Table | None:
        """A table; None if the catalog does not know it.

        Raises:
            LakeError: if the catalog has it in another place: the lake was copied or moved, or it is another lake's.
        """
        found = self.find(table)
        if found is None:
            return None
        if found.location().rstrip("/") != self._lake.table_folder(table):
            raise self._elsewhere(found, table)
        self._see_own(found, table)
        return found

    def find(self, table: str) -> Table | None:
        """A table, wherever it lies; None if the catalog does not know it."""
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        with lake_errors(f"the catalog of {self._lake.uri}"):
            try:
                return self.catalog.load_table(self.identifier(table))
            except (NoSuchTableError, NoSuchNamespaceError):
                return None

    def identifier(self, table: str) -> tuple[str, ...]:
        """The name of a table in the catalog."""
        return (*self._namespace.split("."), table)

    def _elsewhere(self, found: Table, table: str) -> LakeError:
        place, uri = found.location().rstrip("/"), self._lake.uri
        other = place.removesuffix(f"/{table}")
        if self.choice.kind == EMBEDDED or recorded_place(self._lake) not in (None, uri):
            return LakeError(
                f"{uri}: was copied or moved: its catalog, {self.choice}, has {table} in {place}; "
                f"`logpress lake register --lake {uri}` makes a catalog for it where it is now"
                + ("" if self.choice.kind == EMBEDDED else f", in a namespace of its own if {other} stays in use")
            )
        return LakeError(
            f"{uri}: the namespace {self._namespace!r} of {self.choice} is taken: there {table} is the table of the "
            f"lake {other}; set {PREFIX}NAMESPACE to a name that is this lake's alone"
        )

    def see_known(self, table: str) -> None:
        """See that the catalog knows what the lake has published, and record that it is the lake's, once.

        Raises:
            LakeError: if the lake has days that the catalog does not know.
        """
        found = self.see_not_empty(table)
        if recorded(self._lake) is not None:
            return
        if found is not None:
            days = set(self._lake.days(table)) - known_days(found).keys()
            unknown = sorted(day for day in days if _rows(self._lake, table, day))
            if unknown:
                raise LakeError(
                    f"{self._lake.uri}: {self.choice} does not know {len(unknown)} published days of {table}, "
                    f"{unknown[0]} for one, which were perhaps published with another catalog; name that one with "
                    f"{PREFIX}*, or tell this one of them with `logpress lake register {self._lake.uri}`"
                )
        record(self._lake, self.choice)

    def see_not_empty(self, table: str) -> Table | None:
        """Give a table, once it is clear that the catalog knows some of it if anything is published.

        Raises:
            LakeError: if it does not.
        """
        found = self.load(table)
        if _is_empty(found) and _has_rows(self._lake, table):
            found = self.load(table)  # others may have published the table's first day since
            if _is_empty(found):
                raise _lost(self._lake, table, self.choice)
        return found

    def _see_own(self, found: Table, table: str) -> None:
        """See that the metadata files that a commit removes lie in the table's folder.

        Raises:
            LakeError: if one does not.
        """
        if not self._lake.is_local:  # another catalog may keep them elsewhere, and says so
            return
        folder = self._lake.metadata_folder(table)
        for entry in found.metadata.metadata_log:
            place = entry.metadata_file.removeprefix("file://")
            if os.path.dirname(place) != folder or os.path.basename(place) in ("", ".", ".."):
                raise LakeError(
                    f"{found.metadata_location}: names {place!r} as earlier metadata, which lies outside of {folder}; "
                    "it was changed by something else than logpress, which removes nothing there"
                )

    def create(
        self, table: str, schema: Schema, partition: str = "day", properties: Mapping[str, str] | None = None
    ) -> Table:
        """Make a table, partitioned by one of its columns, unless another process just has."""
        from pyiceberg.exceptions import TableAlreadyExistsError
        from pyiceberg.partitioning import PartitionField, PartitionSpec
        from pyiceberg.transforms import IdentityTransform

        by = PartitionField(schema.find_field(partition).field_id, 1000, IdentityTransform(), partition)
        with lake_errors(f"the catalog of {self._lake.uri}"):
            self._create_namespace()
            with contextlib.suppress(TableAlreadyExistsError):
                return self.catalog.create_table(
                    self.identifier(table),
                    schema=schema,
                    location=self._lake.table_folder(table),
                    partition_spec=PartitionSpec(by),
                    properties={**TABLE_PROPERTIES, **(properties or {})},
                )
        found = self.load(table)
        assert found is not None
        return found

    def forget(self, table: str) -> None:
        """Take a table out of the catalog; its files stay."""
        from pyiceberg.exceptions import NoSuchTableError

        with lake_errors(f"the catalog of {self._lake.uri}"), contextlib.suppress(NoSuchTableError):
            self.catalog.drop_table(self.identifier(table))

    def make_namespace(self) -> bool:
        """Make the namespace, unless it is there; whether it was made.

        Raises:
            LakeError: if the catalog refuses.
        """
        with lake_errors(f"the catalog of {self._lake.uri}"):
            if self.catalog.namespace_exists(self._namespace):
                return False
            self._create_namespace()
            return True

    def _create_namespace(self) -> None:
        """Make the namespace, unless another process just has."""
        try:
            self.catalog.create_namespace_if_not_exists(self._namespace)
        except Exception:  # SQL catalogs raise their driver's own error for a namespace that another process made first
            if not self.catalog.namespace_exists(self._namespace):
                raise


def _is_empty(table: Table | None) -> bool:
    return table is None or table.current_snapshot() is None


def _has_rows(lake: Lake, table: str) -> bool:
    """Whether a published day of a table has rows."""
    return any(_rows(lake, table, day) for day in reversed(lake.days(table)))


def _rows(lake: Lake, table: str, day: Any) -> int:
    """Rows of a published day; 0 if its manifest is damaged, as pressing mends that."""
    with contextlib.suppress(LakeError):
        manifest = lake.read_day(table, day)
        return manifest.rows if manifest is not None else 0
    return 0


def _lost(lake: Lake, table: str, choice: CatalogChoice | None = None) -> LakeError:
    days = len(lake.days(table))
    wrong = f"if that is the wrong catalog, name the lake's with {PREFIX}*; if it is the lake's, "
    if choice is None or choice.kind == EMBEDDED:
        wrong = ""
    which = f"its own catalog, {catalog_path(lake)}, is lost: it" if choice is None else str(choice)
    return LakeError(
        f"{lake.uri}: {which} does not know {table}, of which {days} day{'s are' if days != 1 else ' is'} published; "
        f"{wrong}`logpress lake register --lake {lake.uri}` makes the catalog anew from the manifests"
    )


@contextlib.contextmanager
def open_catalog(lake: Lake, choice: CatalogChoice | None = None) -> Iterator[LakeCatalog]:
    """Open the catalog of a lake.

    Args:
        lake: the lake.
        choice: another catalog than the lake's.

    Raises:
        LakeError: if it cannot be opened, or the environment names another one than the lake's.
        UsageError: if there is none.
    """
    choice = choice or choose(lake)
    with lake_errors(f"the catalog of {lake.uri}"):
        catalog = _embedded(lake, choice.name) if choice.kind == EMBEDDED else _configured(lake, choice)
    try:
        yield LakeCatalog(lake, catalog, choice)
    finally:
        with contextlib.suppress(Exception):
            catalog.close()


def _configured(lake: Lake, choice: CatalogChoice) -> Catalog:
    from pyiceberg.catalog import load_catalog

    return load_catalog(choice.name, **{"warehouse": lake.uri, **_s3_properties(lake), **choice.properties})


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

    path = catalog_path(lake)
    uri = f"sqlite:///{path}"
    properties: dict[str, Any] = {"uri": uri, "warehouse": lake.uri}
    if not has_catalog_tables(path):  # two processes that make them at once would trip over each other
        lake.see_inside(lake.lock_path("catalog"))
        with locked(lake.lock_path("catalog")):
            SqlCatalog(name, **properties).close()
    catalog = SqlCatalog(name, init_catalog_tables="false", **properties)
    # No connection outlives its use, so none is carried into a forked process; and whoever finds it busy waits.
    catalog.engine.dispose()
    catalog.engine = create_engine(uri, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})
    return catalog
