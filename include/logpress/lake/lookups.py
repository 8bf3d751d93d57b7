"""The lookups of parts, in files beside these and in a table of the catalog, for the views of SQL engines.

This needs no engine: what a part's metadata say is read by `views.lookups`, and given here as rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from logpress.errors import LakeError
from logpress.lake.catalog import open_catalog, see_not_lost
from logpress.lake.commit import replace_day
from logpress.lake.forget import forget_metadata
from logpress.lake.lake import Lake
from logpress.lake.leftovers import STAGING_AGE, day_lock
from logpress.lake.retention import retention_of
from logpress.lake.storage import lake_errors

Rows = Sequence[Mapping[str, Any]]
"""Rows of SCHEMA."""

SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("column_name", pa.string(), nullable=False),
        pa.field("layout", pa.int32()),
        pa.field("has_value", pa.bool_()),
        pa.field("key", pa.string()),
        pa.field("value", pa.string()),
        pa.field("first_row", pa.int64()),
        pa.field("end_row", pa.int64()),
        pa.field("is_whole", pa.bool_()),
    ]
)

DESCRIPTIONS = {
    "day": "UTC day of the part",
    "file": "Name of the part file, without folders",
    "column_name": "The virtual column",
    "layout": "A layout of the part, in rows that say whether it has a place for the column; else null",
    "has_value": "Whether it has",
    "key": "A value of the column's key, in rows that say what it means; else null",
    "value": "What the key means where _NAME_other is null and the layout has a place for the column",
    "first_row": "The first row of the file for which this holds, from 0",
    "end_row": "The first row behind them",
    "is_whole": "Whether it holds for all rows of the file",
}

_TRIES = 8
"""How often a day's lookups are committed again, because another run has added some meanwhile."""


def lookups_table(table: str) -> str:
    """What the catalog calls the lookups of a table, whose name may be quoted."""
    quote = table[-1:] if table[-1:] in ('"', "`") else ""
    return f"{table.removesuffix(quote)}_lookups{quote}"


def parts_with_lookups(lake: Lake, table: str, day: date) -> set[str]:
    """Names of the parts of a day whose lookups are kept.

    Raises:
        LakeError: if the lake cannot be read.
    """
    folder = lake.lookups_folder(table, day)
    with lake_errors(folder):
        return set().union(*_parts_by_file(lake, folder).values())


def keep_lookups(lake: Lake, table: str, day: date, rows: Mapping[str, Rows]) -> None:
    """See that the folder and the catalog have the lookups of some parts of a day.

    Those of other parts stay, because readers may be reading these, or a run may be about to publish them. Files of
    lookups are removed when they are a day old and none of their parts lies in the day's folder.

    Args:
        lake: the lake.
        table: the table.
        day: the UTC day.
        rows: by name of a part as published.

    Raises:
        LakeError: if the lake or its catalog refuses, or others keep changing the lookups.
        UsageError: if the lake must be migrated first.
    """
    lake.see_layout()
    see_not_lost(lake, table)
    folder = lake.lookups_folder(table, day)
    with day_lock(lake, lookups_table(table), day), lake_errors(folder):
        parts_by_file = _parts_by_file(lake, folder)
        known = set().union(*parts_by_file.values())
        _write(lake, folder, [found for name, found in sorted(rows.items()) if name not in known])
        abandoned = _abandoned(lake, table, day, parts_by_file, STAGING_AGE, rows.keys())
        for _ in range(_TRIES):
            names = _names(lake, folder) - abandoned  # with those of runs that were killed before they committed
            with open_catalog(lake) as catalog:
                paths = [f"{folder}/{name}" for name in sorted(names)]
                replace_day(catalog, lake, lookups_table(table), day, paths, DESCRIPTIONS, retention_of(lake))
            if names == _names(lake, folder) - abandoned:  # nobody else's were taken out of the catalog
                break
        else:
            raise LakeError(f"{folder}: others changed it at each of {_TRIES} tries; publish the day again")
        for name in abandoned:
            lake.remove(f"{folder}/{name}")


def replace_lookups(lake: Lake, table: str, day: date, rows: Mapping[str, Rows]) -> None:
    """Leave only these lookups of a day, and nothing of others: after an erasure.

    Args:
        lake: the lake.
        table: the table.
        day: the UTC day.
        rows: by name of a part as published: all parts of the day.

    Raises:
        LakeError: if the lake or its catalog refuses.
    """
    folder = lake.lookups_folder(table, day)
    with day_lock(lake, lookups_table(table), day), lake_errors(folder):
        before = _names(lake, folder)
        if not before:
            return
        names = _write(lake, folder, [found for _, found in sorted(rows.items())])
        with open_catalog(lake) as catalog:
            paths = [f"{folder}/{name}" for name in names]
            replace_day(catalog, lake, lookups_table(table), day, paths, DESCRIPTIONS)
        for name in before - names:
            lake.remove(f"{folder}/{name}")
        forget_metadata(lake, lookups_table(table))


def _write(lake: Lake, folder: str, rows: Iterable[Rows]) -> set[str]:
    """Write a file with these rows, if there are any; its name, which follows from its content."""
    table = pa.Table.from_pylist([row for some in rows for row in some], SCHEMA)
    if not table.num_rows:
        return set()
    sink = pa.BufferOutputStream()
    # without Arrow's own schema, which knows types that other readers do not
    pq.write_table(table, sink, compression="zstd", store_schema=False, write_page_checksum=True)
    data = sink.getvalue().to_pybytes()
    name = f"lookups-{hashlib.sha256(data).hexdigest()[:12]}.parquet"
    lake.write(f"{folder}/{name}", data)
    return {name}


def _names(lake: Lake, folder: str) -> set[str]:
    return {item.name for item in lake.storage.list(folder) if item.name.endswith(".parquet")}


def _parts_by_file(lake: Lake, folder: str) -> dict[str, set[str]]:
    """The files of lookups, and the parts that each of them tells of."""
    return {name: _parts_of(f"{folder}/{name}") for name in _names(lake, folder)}


def _parts_of(path: str) -> set[str]:
    with fsspec.open(path, "rb") as handle:
        return set(pq.read_table(handle, columns=["file"]).column("file").unique().to_pylist())


def abandoned_lookups(lake: Lake, table: str, day: date, age: timedelta) -> set[str]:
    """Names of the files of a day's lookups none of whose parts lies in the day's folder, published or superseded.

    Args:
        lake: the lake.
        table: the table whose lookups they are.
        day: the UTC day; the lock of its lookups is held.
        age: younger ones may be those of a part that is about to be published.

    Raises:
        LakeError: if the lake cannot be read.
    """
    folder = lake.lookups_folder(table, day)
    with lake_errors(folder):
        return _abandoned(lake, table, day, _parts_by_file(lake, folder), age)


def _abandoned(
    lake: Lake,
    table: str,
    day: date,
    parts_by_file: Mapping[str, set[str]],
    age: timedelta,
    published: Iterable[str] = (),
) -> set[str]:
    """Old files of lookups none of whose parts is there, or about to be."""
    before = datetime.now(UTC) - age
    present = {item.name for item in lake.storage.list(lake.parts_folder(table, day))}.union(published)
    return {
        item.name
        for item in lake.storage.list(lake.lookups_folder(table, day))
        if item.modified is not None
        and item.modified < before
        and not present.intersection(parts_by_file.get(item.name, present))
    }
