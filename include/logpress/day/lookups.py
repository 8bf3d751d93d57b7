"""The lookups of parts, kept beside them in files and in a table of the catalog, for the views of SQL engines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from logpress.contract.columns import Lookup
from logpress.contract.model import Contract
from logpress.errors import LakeError
from logpress.lake import Lake, publish_day
from logpress.lake.catalog import open_catalog, see_not_lost
from logpress.lake.commit import replace_day
from logpress.lake.forget import forget_metadata
from logpress.lake.leftovers import STAGING_AGE, day_lock
from logpress.lake.retention import retention_of
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest, Erasure, SliceManifest
from logpress.views.lookups import DESCRIPTIONS, lookups_of
from logpress.views.make import lookups_table


def publish_with_lookups(
    lake: Lake,
    contract: Contract,
    day: date,
    manifests: Sequence[SliceManifest],
    run: str,
    *,
    grace: timedelta | None = None,
    replaces: DayManifest | None = None,
    erasures: Sequence[Erasure] = (),
    despite_erasures: bool = False,
) -> DayManifest:
    """Replace a day by what a run has staged, after the lookups of its parts: no reader sees a part without them.

    For the arguments see `publish_day`.

    Raises:
        LogpressError: as `publish_day`; the published day is then unchanged.
    """
    if any(isinstance(column, Lookup) for column in contract.columns):
        lake.see_layout()
        see_not_lost(lake, contract.table)
        folder, parts = lake.parts_folder(contract.table, day), {}
        for manifest in manifests:
            if manifest.part is not None:
                name = manifest.part.path
                staged = f"{lake.staging_folder(contract.table, day, run, manifest.slice)}/{name}"
                with lake_errors(staged):  # a run that is called again has moved some
                    parts[name] = staged if lake.storage.size(staged) is not None else f"{folder}/{name}"
        keep_lookups(lake, contract.table, day, parts)
    return publish_day(
        lake, contract.table, day, manifests, run, descriptions=contract.descriptions, grace=grace,
        replaces=replaces, erasures=erasures, despite_erasures=despite_erasures,
    )  # fmt: skip


def keep_lookups(lake: Lake, table: str, day: date, parts: Mapping[str, str]) -> None:
    """See that the folder and the catalog have the lookups of some parts of a day.

    Those of other parts stay, because readers may be reading these, or a run may be about to publish them. Files of
    lookups are removed when they are a day old and none of their parts lies in the day's folder.

    Args:
        lake: the lake.
        table: the table.
        day: the UTC day.
        parts: by name as published, where each lies now: published or staged.

    Raises:
        PartError: if a part is gone or damaged.
        LakeError: if the lake or its catalog refuses, or others keep changing the lookups.
    """
    folder = lake.lookups_folder(table, day)
    with day_lock(lake, lookups_table(table), day), lake_errors(folder):
        known = set().union(*(_parts_of(f"{folder}/{name}") for name in _names(lake, folder)))
        found = [lookups_of(path, name, day) for name, path in sorted(parts.items()) if name not in known]
        if any(rows.num_rows for rows in found):
            name, data = _file(pa.concat_tables(found))
            lake.write(f"{folder}/{name}", data)
        abandoned = _abandoned(lake, table, day, parts.keys())
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


_TRIES = 8
"""How often a day's lookups are committed again, because another run has added some meanwhile."""


def forget_lookups(lake: Lake, table: str, day: date) -> None:
    """Leave only the lookups of the parts that are published now: nothing of those that an erasure has replaced.

    Raises:
        PartError: if a part is gone or damaged.
        LakeError: if the lake or its catalog refuses.
    """
    folder = lake.lookups_folder(table, day)
    manifest = lake.read_day(table, day)
    with day_lock(lake, lookups_table(table), day), lake_errors(folder):
        before = _names(lake, folder)
        if not before or manifest is None:
            return
        found = [lookups_of(path, path.rsplit("/", 1)[-1], day) for path in sorted(lake.files(manifest)[0])]
        names = set()
        if any(rows.num_rows for rows in found):
            name, data = _file(pa.concat_tables(found))
            names.add(name)
            lake.write(f"{folder}/{name}", data)
        with open_catalog(lake) as catalog:
            paths = [f"{folder}/{name}" for name in names]
            replace_day(catalog, lake, lookups_table(table), day, paths, DESCRIPTIONS)
        for name in before - names:
            lake.remove(f"{folder}/{name}")
        forget_metadata(lake, lookups_table(table))


def keep_all_lookups(lake: Lake, table: str) -> None:
    """See that there are lookups of all published parts of a table, whatever logpress published them.

    Raises:
        PartError, LakeError: as `keep_lookups`.
    """
    for day in lake.days(table):
        manifest = lake.read_day(table, day)
        if manifest is not None:
            paths = lake.files(manifest)[0]
            keep_lookups(lake, table, day, {path.rsplit("/", 1)[-1]: path for path in paths})


def _names(lake: Lake, folder: str) -> set[str]:
    return {item.name for item in lake.storage.list(folder) if item.name.endswith(".parquet")}


def _abandoned(lake: Lake, table: str, day: date, published: Iterable[str]) -> set[str]:
    """Old files of lookups none of whose parts is there, or about to be."""
    folder, before = lake.lookups_folder(table, day), datetime.now(UTC) - STAGING_AGE
    present = {item.name for item in lake.storage.list(lake.parts_folder(table, day))}.union(published)
    return {
        item.name
        for item in lake.storage.list(folder)
        if item.modified is not None
        and item.modified < before
        and not present.intersection(_parts_of(f"{folder}/{item.name}"))
    }


def _file(rows: pa.Table) -> tuple[str, bytes]:
    """A file of lookups, and its name, which follows from its content."""
    sink = pa.BufferOutputStream()
    # without Arrow's own schema, which knows types that other readers do not
    pq.write_table(rows, sink, compression="zstd", store_schema=False, write_page_checksum=True)
    data = sink.getvalue().to_pybytes()
    return f"lookups-{hashlib.sha256(data).hexdigest()[:12]}.parquet", data


def _parts_of(path: str) -> set[str]:
    """The parts of which a file of lookups tells."""
    import fsspec

    with fsspec.open(path, "rb") as handle:
        return set(pq.read_table(handle, columns=["file"]).column("file").unique().to_pylist())
