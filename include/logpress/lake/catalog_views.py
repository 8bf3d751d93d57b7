"""Views that a catalog keeps beside the tables: Iceberg's own in REST catalogs, Athena's in Glue."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from logpress.errors import LakeError, UsageError
from logpress.lake.catalog import LakeCatalog, open_catalog
from logpress.lake.choice import choose, is_configured
from logpress.lake.lake import Lake
from logpress.lake.storage import lake_errors

if TYPE_CHECKING:
    from pyiceberg.catalog.rest import RestCatalog

NOTE = "logpress."
"""The properties of a view in which logpress notes what it has made begin with this."""

_KINDS = ("rest", "glue")

_PRESTO = {
    "int": "integer", "long": "bigint", "float": "real", "string": "varchar", "binary": "varbinary",
    "timestamptz": "timestamp(6)",
}  # fmt: skip
_HIVE = {"long": "bigint", "timestamptz": "timestamp", "uuid": "string"}
"""Names of Iceberg's types where they differ; Athena's views have instants without a time zone."""


@dataclass(frozen=True)
class KeptView:
    """A view.

    Attributes:
        name: its name, in the lake's namespace.
        columns: names and types, as Iceberg writes these.
        sql: the query, by dialect.
        notes: what logpress notes of it.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    sql: Mapping[str, str]
    notes: Mapping[str, str]


class CatalogViews(Protocol):
    """The views of a catalog. All methods raise LakeError if it refuses."""

    dialects: tuple[str, ...]
    """In which it keeps the query of a view."""

    def notes(self, name: str) -> dict[str, str] | None:
        """What logpress has noted of a view; None if there is none, nothing if another has made it."""

    def put(self, view: KeptView) -> None:
        """Make a view, or replace one of this name at once."""


def view_name(table: str) -> str:
    """What the view of a table is called, in a catalog as elsewhere."""
    return f"{table}_all"


def catalog_views(catalog: LakeCatalog) -> CatalogViews | None:
    """The views of a lake's catalog; None if it has none that logpress can keep."""
    if catalog.choice.kind == "glue":
        return _GlueViews(catalog)
    if catalog.choice.kind == "rest" and _has_views(catalog.catalog):
        return _RestViews(catalog)
    return None


def no_views(catalog: LakeCatalog) -> UsageError:
    """What is said where there are none."""
    return UsageError(
        f"{catalog.choice} keeps no views; REST catalogs and Glue do. `logpress view` prints the same views for "
        "engines to keep"
    )


def noted_view(lake: Lake, name: str) -> dict[str, str] | None:
    """What logpress has noted of a view of a lake's catalog; None if it keeps no such view.

    Raises:
        LakeError: if the catalog refuses.
    """
    if not is_configured(lake) or choose(lake).kind not in _KINDS:
        return None
    with open_catalog(lake) as catalog:
        views = catalog_views(catalog)
        return views.notes(name) or None if views is not None else None


def put_view(lake: Lake, view: KeptView) -> None:
    """Make or replace a view of a lake's catalog.

    Raises:
        UsageError: if the catalog keeps no views, or has one of this name that logpress did not make.
        LakeError: if it refuses.
    """
    with open_catalog(lake) as catalog:
        views = catalog_views(catalog)
        if views is None:
            raise no_views(catalog)
        if views.notes(view.name) == {}:
            raise UsageError(
                f"{catalog.choice} has a view or table {view.name!r} that logpress did not make; drop it or rename it"
            )
        views.put(view)


class _RestViews:
    """Those of an Iceberg REST catalog, with a query for each dialect."""

    dialects: tuple[str, ...] = ("spark", "trino")

    def __init__(self, catalog: LakeCatalog) -> None:
        self._catalog: RestCatalog = catalog.catalog  # type: ignore[assignment]
        self._named = catalog.identifier
        self._place = f"{catalog.choice}"

    def notes(self, name: str) -> dict[str, str] | None:
        """Properties of the view."""
        found = self._load(name)
        return None if found is None else _notes_in(found.properties)

    def put(self, view: KeptView) -> None:
        """One request each: to make it, or to give it another version."""
        from pyiceberg.schema import Schema
        from pyiceberg.types import NestedField
        from pyiceberg.view.metadata import SQLViewRepresentation, ViewRepresentation, ViewVersion

        fields = [
            NestedField(number, name, type_, required=False)  # it reads the type's name
            for number, (name, type_) in enumerate(view.columns, 1)
        ]
        representations = [
            ViewRepresentation(SQLViewRepresentation(type="sql", sql=sql, dialect=dialect))
            for dialect, sql in view.sql.items()
        ]
        identifier = self._named(view.name)
        schema, properties = Schema(*fields), {f"{NOTE}{key}": value for key, value in view.notes.items()}
        found = self._load(view.name)
        with lake_errors(self._place):
            if found is None:
                version = ViewVersion(
                    version_id=1, schema_id=0, representations=representations, default_namespace=identifier[:-1]
                )
                self._catalog.create_view(identifier, schema, version, properties=properties)
                return
            known = (one.schema_id for one in found.schemas().values() if one.fields == schema.fields)
            schema_id = next(known, None)  # one that the view has already cannot be added
            version = ViewVersion(
                version_id=1 + max(one.version_id for one in found.versions),
                schema_id=_LAST if schema_id is None else schema_id,
                representations=representations, default_namespace=identifier[:-1],
                summary={"changed-at": datetime.now(UTC).isoformat()},  # nor can a version that it has
            )  # fmt: skip
            updates = [
                {"action": "add-view-version", "view-version": _as_json(version)},
                {"action": "set-current-view-version", "view-version-id": _LAST},
                {"action": "set-properties", "updates": properties},
            ]
            if schema_id is None:
                updates.insert(0, {"action": "add-schema", "schema": _as_json(schema)})
            self._replace(identifier, str(found.uuid()), updates)

    def _load(self, name: str) -> Any:
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchViewError

        with lake_errors(self._place):
            try:
                return self._catalog.load_view(self._named(name))
            except (NoSuchViewError, NoSuchNamespaceError):
                return None

    def _replace(self, identifier: tuple[str, ...], uuid: str, updates: list[dict[str, Any]]) -> None:
        """What pyiceberg has no method for: REST's "replace a view" (specification, `CommitViewRequest`)."""
        from pyiceberg.catalog.rest import Endpoints, IdentifierKind

        path = self._catalog._split_identifier_for_path(identifier, IdentifierKind.VIEW)
        url = self._catalog.url(Endpoints.load_view, prefixed=True, **path)
        body = {"requirements": [{"type": "assert-view-uuid", "uuid": uuid}], "updates": updates}
        answer = self._catalog._session.post(url, json=body)
        if not answer.ok:
            raise LakeError(f"{self._place}: refuses to replace {identifier[-1]}: {answer.text[:300]}")


def _as_json(model: Any) -> Any:
    return json.loads(model.model_dump_json())


_LAST = -1
"""In REST's updates, the schema or version that was added last."""


def _has_views(catalog: Any) -> bool:
    """Whether a REST server says that it has views (`LOGPRESS_CATALOG_VIEW_ENDPOINTS_SUPPORTED` says so for others)."""
    from pyiceberg.catalog.rest import Capability

    return Capability.V1_LOAD_VIEW in catalog._supported_endpoints


class _GlueViews:
    """Those of Athena and of Trino on Glue: tables of the type VIRTUAL_VIEW, with the query in base64."""

    dialects: tuple[str, ...] = ("athena",)

    def __init__(self, catalog: LakeCatalog) -> None:
        self._glue: Any = catalog.catalog.glue  # type: ignore[attr-defined]
        self._database = ".".join(catalog.identifier("")[:-1])
        self._place = f"{catalog.choice}"

    def notes(self, name: str) -> dict[str, str] | None:
        """Parameters of the table."""
        with lake_errors(self._place):
            try:
                found = self._glue.get_table(DatabaseName=self._database, Name=name)["Table"]
            except self._glue.exceptions.EntityNotFoundException:
                return None
        return _notes_in(found.get("Parameters", {})) if found.get("TableType") == "VIRTUAL_VIEW" else {}

    def put(self, view: KeptView) -> None:
        """As Athena writes it."""
        text = {
            "originalSql": view.sql["athena"],
            "catalog": "awsdatacatalog",
            "schema": self._database,
            "columns": [{"name": name, "type": _PRESTO.get(type_, type_)} for name, type_ in view.columns],
        }
        columns = [{"Name": name, "Type": _HIVE.get(type_, type_)} for name, type_ in view.columns]
        given = {
            "Name": view.name,
            "TableType": "VIRTUAL_VIEW",
            "PartitionKeys": [],
            "Parameters": {
                "presto_view": "true",
                "comment": "Presto View",
                **{f"{NOTE}{key}": value for key, value in view.notes.items()},
            },
            "StorageDescriptor": {"Columns": columns, "Location": "", "SerdeInfo": {}},
            "ViewOriginalText": f"/* Presto View: {base64.b64encode(json.dumps(text).encode()).decode()} */",
            "ViewExpandedText": "/* Presto View */",
        }
        with lake_errors(self._place):
            try:
                self._glue.create_table(DatabaseName=self._database, TableInput=given)
            except self._glue.exceptions.AlreadyExistsException:
                self._glue.update_table(DatabaseName=self._database, TableInput=given)


def _notes_in(properties: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix(NOTE): value for key, value in properties.items() if key.startswith(NOTE)}
