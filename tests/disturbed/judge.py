"""What a lake is after a command was disturbed and run again, and what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from tests.disturbed.scenarios import NAME, TABLE
from tests.lake_bytes import holding

from logpress.lake import Lake
from logpress.lake.catalog import LakeCatalog, open_catalog
from logpress.lake.check import check_lake
from logpress.lake.choice import EMBEDDED, catalog_path, is_missing
from logpress.lake.clean import clean_index, clean_table
from logpress.lake.day_files import known_days
from logpress.lake.erasures import entries
from logpress.lake.history import is_whole, kept_path, publications
from logpress.lake.index_tables import TABLES
from logpress.lake.lookups import lookups_table
from logpress.lake.snapshots import data_files, metadata_files

State = dict[str, Any]
NOTHING = timedelta(0)


def state_of(uri: str) -> State:
    """What readers find: of each day the files by manifest, by catalog and by folder, with rows; and the lookups."""
    lake = Lake.open(uri)
    found: State = {}
    known, counts, lookups = _catalog_state(lake)
    for day in sorted({*known, *lake.days(TABLE)}):
        manifest = lake.read_day(TABLE, day)
        parts, rejects = lake.files(manifest) if manifest is not None else ([], [])
        names = [os.path.basename(path) for path in parts]
        found[str(day)] = {
            "manifest": [*names, *map(os.path.basename, rejects)],
            "erased": [one.records for one in manifest.erasures] if manifest is not None else [],
            "catalog": sorted(map(os.path.basename, known.get(day, ()))),
            "rows": counts.get(day, 0),
            "folder": sorted(item.name for item in lake.storage.list(lake.day_folder(TABLE, day))),
            "lookups": sorted({f"{one['column_name']} of {one['file']}" for one in lookups if one["file"] in names}),
        }
    return found


def _catalog_state(lake: Lake) -> tuple[dict[date, Iterable[str]], dict[date, int], list[dict[str, Any]]]:
    """Files and rows of each day, and lookups, as the catalog has them; nothing of a lost one, which stays lost."""
    if is_missing(lake):
        return {}, {}, []
    with open_catalog(lake) as catalog:
        table, told = catalog.load(TABLE), catalog.load(lookups_table(TABLE))
        counts = {}
        if table is not None:
            rows = table.scan(selected_fields=("day",)).to_arrow().group_by("day").aggregate([("day", "count")])
            counts = {one["day"]: one["day_count"] for one in rows.to_pylist()}
        lookups = told.scan(selected_fields=("file", "column_name")).to_arrow().to_pylist() if told else []
        return dict(known_days(table)) if table is not None else {}, counts, lookups


def readers_see(uri: str, before: State, after: State, *, is_shared: bool) -> Iterator[str]:
    """Say where a day that readers find between is neither what it was nor what it is to be."""
    try:
        now = state_of(uri)
    except Exception as error:
        yield f"cannot be read: {error!r}"
        return
    for day in now.keys() | before.keys() | after.keys():
        allowed = [state.get(day) for state in (before, after)]
        for kind in ("manifest", "catalog", *(() if is_shared else ("folder",))):
            seen = now.get(day, {}).get(kind, [])
            if seen not in [(one or {}).get(kind, []) for one in allowed]:
                yield f"{kind} of {day} is neither: {seen}"


def complaints(uri: str, wanted: State, *, is_erased: bool) -> Iterator[str]:
    """Say what is wrong with a lake after a command has ended, and clean it."""
    lake = Lake.open(uri)
    now = state_of(uri)
    if not lake.is_local:  # what an earlier publication has left is there until it is cleaned
        now = {day: {**said, "folder": wanted.get(day, {}).get("folder")} for day, said in now.items()}
    if now != wanted:
        yield f"ends otherwise: {_different(now, wanted)}"
    for one in check_lake(lake, lake.tables(), hash_files=True):
        if "does not say what manifests" not in str(one):  # the index may lag behind a command whose disk was full
            yield f"check: {one}"
    clean_table(lake, TABLE, remove=True, retention=NOTHING, age=NOTHING)
    clean_index(lake, remove=True, age=NOTHING)
    again = clean_table(lake, TABLE, remove=False, retention=NOTHING, age=NOTHING)
    yield from (f"is not removed: {one.path} ({one.why})" for one in again.needless)
    yield from (f"orphan: {path}" for path in orphans(lake))
    cleaned = state_of(uri)
    for day, said in wanted.items():
        same = {**said, "folder": [n for n in said["manifest"] if n.startswith("part-")]}
        if cleaned.get(day) != same:
            yield f"is otherwise after clean: {_different(cleaned.get(day, {}), same)}"
    yield from (f"check after clean: {one}" for one in check_lake(lake, lake.tables(), hash_files=True))
    if is_erased and lake.is_local:
        from pathlib import Path

        yield from (f"has what was erased: {path}" for path in holding(Path(uri), [NAME]))
        yield from (f"an erasure has not ended: {one.id}" for one in entries(lake, TABLE, only_open=True))


def _different(one: State, other: State) -> str:
    keys = [key for key in one.keys() | other.keys() if one.get(key) != other.get(key)]
    return "; ".join(f"{key}: {one.get(key)} and not {other.get(key)}" for key in sorted(keys))


def orphans(lake: Lake) -> list[str]:
    """Files of a lake that nothing names."""
    named = {f"{lake.uri}/_logpress.json"}
    with open_catalog(lake) as catalog:
        if catalog.choice.kind == EMBEDDED:
            named.add(catalog_path(lake))
        for table in lake.tables():
            named.update(_named(lake, catalog, table))
            named.update(_attempts(lake, table))
            named.update(lake.index_path(name, table) for name in TABLES)
        for name in TABLES:
            found = catalog.load(name)
            if found is not None:
                named.update(data_files(found) | metadata_files(found, found.snapshots()))
    return sorted(path for path in _all_files(lake) if path not in named and "/_erasures/" not in path)


def _attempts(lake: Lake, table: str) -> Iterator[str]:
    """What refused runs have left, which stays for a week."""
    root = f"{lake.table_folder(table)}/attempts/"
    yield from (path for path in _all_files(lake) if path.startswith(root))


def _named(lake: Lake, catalog: LakeCatalog, table: str) -> Iterator[str]:
    for day in lake.days(table):
        manifest = lake.need_day(table, day)
        parts, rejects = lake.files(manifest)
        yield from (lake.manifest_path(table, day), kept_path(lake, manifest), *parts, *rejects)
        yield from (kept_path(lake, one) for one in publications(lake, table, day) if is_whole(lake, one))
        yield from (f"{lake.day_folder(table, day)}/{os.path.basename(path)}" for path in parts)
    for name in (table, lookups_table(table)):
        found = catalog.load(name)
        if found is not None:
            yield from metadata_files(found, found.snapshots())
            if name != table:
                yield from (path for files in known_days(found).values() for path in files)


def _all_files(lake: Lake) -> Iterator[str]:
    if lake.is_local:
        for root, _, names in os.walk(lake.uri):
            yield from (f"{root}/{name}" for name in names)
    else:
        import fsspec

        filesystem, path = fsspec.core.url_to_fs(lake.uri)
        filesystem.invalidate_cache()
        # an empty object named like a folder is what Arrow's client leaves, by which pyiceberg removes metadata
        yield from (f"s3://{name}" for name in filesystem.find(path) if not name.endswith("/"))
