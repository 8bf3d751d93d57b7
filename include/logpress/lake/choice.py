"""Which Iceberg catalog is a lake's: the one that its marker records, or the one that the environment names."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from logpress.errors import LakeError, UsageError
from logpress.lake.lake import Lake
from logpress.uris import without_secret

CATALOG_FILE = "catalog.sqlite"
PREFIX = "LOGPRESS_CATALOG_"
EMBEDDED = "embedded"
BUSY_SECONDS = 60

_OWN = ("name", "namespace", "deadline")
"""Settings that are logpress's, and no properties of pyiceberg."""
_NAME = _NAMESPACE = "logpress"
_ENTRY = "catalog"
_KINDS = {"http": "rest", "https": "rest", "thrift": "hive"}


@dataclass(frozen=True)
class CatalogChoice:
    """A catalog, as far as it may be written down.

    Attributes:
        kind: `embedded` (SQLite in the lake's folder), `sql`, `rest`, `glue`, or another type of pyiceberg's.
        uri: where it is, without user, password and other secrets; None if its kind needs none.
        warehouse: pyiceberg's property, if it was given.
        namespace: where in the catalog the lake's tables are.
        name: the name under which pyiceberg knows the catalog; SQL catalogs keep it beside each table.
        properties: what the environment says more, secrets included; never written down, and not compared.
    """

    kind: str
    uri: str | None = None
    warehouse: str | None = None
    namespace: str = _NAMESPACE
    name: str = _NAME
    properties: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __str__(self) -> str:
        """What a person is told."""
        place = "its own catalog" if self.kind == EMBEDDED else f"the {self.kind} catalog"
        named = f" {self.name!r}" if self.name != _NAME else ""
        where = f" at {self.uri}" if self.uri is not None else ""
        warehouse = f" (warehouse {self.warehouse})" if self.warehouse is not None else ""
        return f"{place}{named}{where}{warehouse}, namespace {self.namespace!r}"

    @property
    def entry(self) -> dict[str, str]:
        """What the marker has of it."""
        found = {"kind": self.kind, "uri": self.uri, "warehouse": self.warehouse}
        return {key: value for key, value in found.items() if value is not None} | {
            "namespace": self.namespace,
            "name": self.name,
        }


def settings(environment: dict[str, str] | None = None) -> dict[str, str]:
    """What the environment says of the catalog, as pyiceberg's properties.

    `LOGPRESS_CATALOG_TYPE=glue` gives `type`, `LOGPRESS_CATALOG_GLUE__REGION=...` gives `glue.region`: two underscores
    are a point, one is a hyphen. `LOGPRESS_CATALOG_NAME`, `LOGPRESS_CATALOG_NAMESPACE` and `LOGPRESS_CATALOG_DEADLINE`
    are logpress's own.
    """
    found = {}
    for name, value in (os.environ if environment is None else environment).items():
        if name.startswith(PREFIX) and value:
            found[name[len(PREFIX) :].lower().replace("__", ".").replace("_", "-")] = value
    return found


def configured() -> CatalogChoice | None:
    """The catalog that the environment names; None if it names none."""
    said = settings()
    if not {"type", "uri", "py-catalog-impl"} & said.keys():
        return None
    properties = {key: value for key, value in said.items() if key not in _OWN}
    uri = said.get("uri")
    return CatalogChoice(
        kind=said.get("type", "").lower() or _kind_of(uri),
        uri=None if uri is None else without_secret(uri),
        warehouse=said.get("warehouse"),
        namespace=said.get("namespace", _NAMESPACE),
        name=said.get("name", _NAME),
        properties=properties,
    )


def _kind_of(uri: str | None) -> str:
    if uri is None:
        return "other"
    return _KINDS.get(uri.partition(":")[0].lower(), "sql")


def embedded(lake: Lake) -> CatalogChoice:
    """The catalog in a local lake's own folder; namespace and name are the environment's only where it names no other.

    Raises:
        UsageError: if the lake lies in an object store.
    """
    if not lake.is_local:
        raise _none(lake)
    said = {} if configured() is not None else settings()
    return CatalogChoice(EMBEDDED, namespace=said.get("namespace", _NAMESPACE), name=said.get("name", _NAME))


def recorded(lake: Lake) -> CatalogChoice | None:
    """The catalog that a lake's marker names; None if it names none, as those of older lakes.

    Raises:
        LakeError: if the marker is damaged.
    """
    entry: Any = lake.marker().get(_ENTRY)
    if entry is None:
        return None
    try:
        uri, warehouse = (entry.get(key) for key in ("uri", "warehouse"))
        return CatalogChoice(str(entry["kind"]), uri, warehouse, str(entry["namespace"]), str(entry["name"]))
    except (AttributeError, KeyError, TypeError) as error:
        raise LakeError(
            f"{lake.uri}: what its marker says of the catalog is damaged; take its entry `catalog` out, and run "
            f"`logpress lake register --lake {lake.uri}`"
        ) from error


def record(lake: Lake, choice: CatalogChoice) -> None:
    """Write down that a catalog is the lake's, without its secrets.

    Raises:
        LakeError: if the marker cannot be written.
    """
    lake.mark({_ENTRY: {**choice.entry, "lake": lake.uri}})


def recorded_place(lake: Lake) -> str | None:
    """Where the lake lay when its catalog was recorded; None if the marker does not say."""
    entry: Any = lake.marker().get(_ENTRY)
    return entry.get("lake") if isinstance(entry, dict) else None


def choose(lake: Lake) -> CatalogChoice:
    """The lake's catalog: the recorded one, or of a lake without a record the one that it would begin with.

    A local lake with a catalog of its own keeps it, whatever the environment names for others.

    Raises:
        UsageError: if nothing names a catalog and the lake can have none of its own.
        LakeError: if the environment names another one than is recorded.
    """
    known, said = recorded(lake), configured()
    if known is None:
        if lake.is_local and has_rows(lake):
            return embedded(lake)
        return said or embedded(lake)
    if known.kind == EMBEDDED:
        return known
    if said is None:
        if "namespace" in settings() and settings()["namespace"] != known.namespace:
            said = _with_namespace(known, settings()["namespace"])
            raise _mismatch(lake, known, said)
        plain = {"type": known.kind, "uri": known.uri, "warehouse": known.warehouse}
        properties = {key: value for key, value in settings().items() if key not in _OWN}
        named = {key: value for key, value in plain.items() if value is not None and value != "other"}
        return CatalogChoice(known.kind, known.uri, known.warehouse, known.namespace, known.name, named | properties)
    if said != known:
        raise _mismatch(lake, known, said)
    return said


def _with_namespace(choice: CatalogChoice, namespace: str) -> CatalogChoice:
    return CatalogChoice(choice.kind, choice.uri, choice.warehouse, namespace, choice.name)


def _mismatch(lake: Lake, known: CatalogChoice, said: CatalogChoice) -> LakeError:
    return LakeError(
        f"{lake.uri}: the environment names {said}, but the lake's catalog is {known}, as its marker says; set "
        f"{PREFIX}* back, or move the lake to the other catalog with `logpress lake register --lake {lake.uri} --move`"
    )


def _none(lake: Lake) -> UsageError:
    return UsageError(
        f"{lake.uri}: an object store has no catalog of its own; "
        f"set {PREFIX}TYPE=glue, or {PREFIX}URI to that of a REST or SQL catalog"
    )


def is_configured(lake: Lake) -> bool:
    """Whether it is known which catalog is the lake's."""
    return lake.is_local or configured() is not None or recorded(lake) is not None


def catalog_path(lake: Lake) -> str:
    """The file of a local lake's own catalog."""
    return f"{lake.uri}/{CATALOG_FILE}"


def is_missing(lake: Lake) -> bool:
    """Whether the lake's catalog is its own, and was never made, or is lost.

    Raises:
        LakeError: if it is damaged, or the environment names another one.
    """
    if not lake.is_local or choose(lake).kind != EMBEDDED:
        return False
    path = catalog_path(lake)
    try:
        return not has_catalog_tables(path)
    except sqlite3.DatabaseError as error:
        raise LakeError(
            f"{path}: is damaged ({error}); move it away, and make it anew with "
            f"`logpress lake register --lake {lake.uri}`"
        ) from error


def has_catalog_tables(path: str) -> bool:
    """Whether a SQLite file is there that pyiceberg has made its tables in."""
    if not os.path.exists(path):
        return False
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {"iceberg_tables", "iceberg_namespace_properties"} <= names


def has_rows(lake: Lake) -> bool:
    """Whether a local lake's own catalog knows any table."""
    path = catalog_path(lake)
    with contextlib.suppress(sqlite3.DatabaseError):  # what is no database is named when it is opened
        if has_catalog_tables(path):
            with contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
                return connection.execute("SELECT 1 FROM iceberg_tables LIMIT 1").fetchone() is not None
        return False
    return True
