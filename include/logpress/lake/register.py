"""A lake's catalog made from its manifests: a lost one anew, or another one that the lake moves to."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from logpress.errors import LakeError, UsageError
from logpress.lake.catalog import LakeCatalog, open_catalog
from logpress.lake.choice import EMBEDDED, CatalogChoice, choose, configured, embedded, record, recorded
from logpress.lake.commit import DayFiles, replace_days
from logpress.lake.day_files import known_days
from logpress.lake.history import sizes_differ
from logpress.lake.index_tables import follow
from logpress.lake.lake import Lake
from logpress.lake.leftovers import day_lock
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest
from logpress.results import INDEX_TABLES

log = logging.getLogger(__name__)

DAYS_A_COMMIT = 50


@dataclass(frozen=True)
class Registered:
    """What was done for a table.

    Attributes:
        table: its name.
        days: published days with rows, all of which the catalog knows now.
        added: those that it did not know, or knew with other files.
        removed: days that it knew, and the lake does not have.
    """

    table: str
    days: int
    added: tuple[date, ...]
    removed: tuple[date, ...]


def target(lake: Lake, *, move: bool) -> CatalogChoice:
    """The catalog that `register` fills: the lake's, or with `move` the one that the environment names.

    Raises:
        UsageError: if there is none.
        LakeError: if the environment names another one than the lake's, and `move` is not asked for.
    """
    if move:
        return configured() or embedded(lake)
    known = recorded(lake)
    return embedded(lake) if known is not None and known.kind == EMBEDDED else choose(lake)


def register(
    lake: Lake,
    tables: Sequence[str] = (),
    *,
    move: bool = False,
    verify: bool = False,
    descriptions: Mapping[str, Mapping[str, str]] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Registered]:
    """Make the catalog know the days that the manifests tell of, and no others; and the index say the same.

    It may be killed and called again, and does nothing where the catalog is right already. The catalog is recorded as
    the lake's once it knows all of the lake's tables.

    Args:
        lake: the lake; nobody publishes meanwhile if it lies in an object store.
        tables: only these; all that have days if empty.
        move: whether the catalog is the one that the environment names, whatever the lake's was.
        verify: whether the SHA-256 of all files is compared with the manifests; their sizes are in any case.
        descriptions: what columns mean, by table.
        progress: called with a table, its days done, and all of its days.

    Raises:
        UsageError: if a table has no day, or nothing names a catalog.
        LakeError: if a file is missing or is not the one that its manifest names, or the catalog refuses.
    """
    every = lake.tables()
    for table in tables:
        if table not in every:
            raise UsageError(f"{lake.uri}: has no table {table}; it has {', '.join(every) or 'none'}")
    choice = target(lake, move=move)
    done = []
    with open_catalog(lake, choice) as catalog:
        for table in (*INDEX_TABLES, *(tables or every)):
            _make_own(catalog, lake, table)
        for table in tables or every:
            done.append(_register(catalog, lake, table, verify, (descriptions or {}).get(table, {}), progress))
            follow(lake, table, catalog)
        if all(_is_known(catalog, lake, table) for table in every if table not in {one.table for one in done}):
            record(lake, choice)
        else:
            log.warning("%s: other tables are not registered yet, so its marker is left as it is", lake.uri)
    return done


def _make_own(catalog: LakeCatalog, lake: Lake, table: str) -> None:
    """Take an entry out of the catalog that leads to where the lake was before, or to metadata that is gone.

    Raises:
        LakeError: if it is the table of another lake, which is in use.
    """
    try:
        found = catalog.find(table)
    except LakeError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        log.warning("%s: %s has lost the metadata of %s; its entry is made anew", lake.uri, catalog.choice, table)
        catalog.forget(table)
        return
    if found is None or found.location().rstrip("/") == lake.table_folder(table):
        return
    if catalog.choice.kind != EMBEDDED:
        other = found.location().rstrip("/").removesuffix(f"/{table}")
        with contextlib.suppress(UsageError):
            Lake.open(other)
            catalog.load(table)  # says what is wrong
    catalog.forget(table)


def _is_known(catalog: LakeCatalog, lake: Lake, table: str) -> bool:
    manifests = {day: lake.need_day(table, day) for day in lake.days(table)}
    found = catalog.load(table)
    with lake_errors(f"the catalog of {lake.uri}"):
        return not _different(lake, manifests, known_days(found) if found is not None else {})


def _register(
    catalog: LakeCatalog,
    lake: Lake,
    table: str,
    verify: bool,
    descriptions: Mapping[str, str],
    progress: Callable[[str, int, int], None] | None,
) -> Registered:
    found = catalog.load(table)
    with lake_errors(f"the catalog of {lake.uri}"):
        known = known_days(found) if found is not None else {}
    manifests = {day: lake.need_day(table, day) for day in lake.days(table)}
    if verify:
        for manifest in manifests.values():
            see_files(lake, manifest, verify=True)
    with_rows = {day for day, manifest in manifests.items() if manifest.rows}
    removed = sorted(known.keys() - with_rows)
    added = [day for day in _different(lake, manifests, known) if day not in removed]
    due = [*added, *removed]
    for first in range(0, len(due), DAYS_A_COMMIT):
        batch = due[first : first + DAYS_A_COMMIT]
        with contextlib.ExitStack() as locks:
            for day in batch:
                locks.enter_context(day_lock(lake, table, day))
            wanted = []
            for day in batch:
                now = lake.read_day(table, day)
                if now is not None:
                    see_files(lake, now, verify=False)
                wanted.append(DayFiles(day, lake.files(now)[0] if now is not None else ()))
            replace_days(catalog, lake, table, wanted, descriptions)
        if progress is not None:
            progress(table, first + len(batch), len(due))
    return Registered(table, len(with_rows), tuple(added), tuple(removed))


def _different(
    lake: Lake, manifests: Mapping[date, DayManifest], known: Mapping[date, Mapping[str, object]]
) -> list[date]:
    """The published days that the catalog does not know, or knows with other files."""
    return [day for day, manifest in manifests.items() if known.get(day, {}).keys() != set(lake.files(manifest)[0])]


def see_files(lake: Lake, manifest: DayManifest, *, verify: bool) -> None:
    """See that a day's files are there, as its manifest says.

    Raises:
        LakeError: if one is missing or has another size, or with `verify` another SHA-256.
    """
    what = f"{manifest.table} {manifest.day}"
    for path, expected, size in sizes_differ(lake, manifest):
        found = "is missing" if size is None else f"has {size:,} bytes, and not {expected:,}"
        raise LakeError(f"{path}: {found}, as the manifest of {what} says; press the day again, or restore the file")
    if not verify:
        return
    parts, rejects = lake.files(manifest)
    for path, part in zip([*parts, *rejects], [*manifest.parts, *manifest.rejects_parts], strict=True):
        with lake_errors(path):
            if lake.storage.sha256(path) != part.sha256:
                raise LakeError(
                    f"{path}: is damaged: its SHA-256 is not the one in the manifest of {what}; press the day again, "
                    "or restore the file"
                )
