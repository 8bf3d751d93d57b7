"""Publish a day with the lookups of its parts, which are read from their metadata, and with the catalog's view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from logpress.contract.columns import Lookup
from logpress.contract.model import Contract
from logpress.day.kept_views import contract_of_part, kept_view
from logpress.lake import Lake, publish_day
from logpress.lake.lookups import Rows, keep_lookups, parts_with_lookups, replace_lookups
from logpress.lake.publish import Verified
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest, Erasure, SliceManifest
from logpress.results import Verification
from logpress.views.lookups import lookups_of


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
    verification: Verification | None = None,
    run_id: str | None = None,
) -> DayManifest:
    """Replace a day by what a run has staged, after the lookups of its parts: no reader sees a part without them.

    For the arguments see `publish_day`.

    Raises:
        LogpressError: as `publish_day`; the published day is then unchanged.
    """
    rows = staged_lookups(lake, contract, day, manifests, run)
    if rows is not None:
        keep_lookups(lake, contract.table, day, rows)

    def pressed_with() -> Contract | None:
        paths = list(_staged(lake, contract.table, day, manifests, run).values())
        return contract_of_part(paths[0]) if paths else None

    with kept_view(lake, contract.table, day, pressed_with):
        return publish_day(
            lake, contract.table, day, manifests, run,
            descriptions=contract.descriptions, grace=grace, replaces=replaces, erasures=erasures,
            verified=Verified(verification, run_id),
        )  # fmt: skip


def staged_lookups(
    lake: Lake, contract: Contract, day: date, manifests: Sequence[SliceManifest], run: str
) -> dict[str, Rows] | None:
    """The lookups of what a run has staged, for `keep_lookups`; None if the contract has none.

    Raises:
        PartError: if a part is gone or damaged.
        LakeError: if the lake cannot be read.
    """
    if not any(isinstance(column, Lookup) for column in contract.columns):
        return None
    return _read(_staged(lake, contract.table, day, manifests, run), day)


def _staged(lake: Lake, table: str, day: date, manifests: Sequence[SliceManifest], run: str) -> dict[str, str]:
    """Where the parts of a run are, by name: a run that is called again has moved some."""
    folder, parts = lake.parts_folder(table, day), {}
    for manifest in manifests:
        if manifest.part is not None:
            name = manifest.part.path
            staged = f"{lake.staging_folder(table, day, run, manifest.slice)}/{name}"
            with lake_errors(staged):
                parts[name] = staged if lake.storage.size(staged) is not None else f"{folder}/{name}"
    return parts


def forget_lookups(lake: Lake, table: str, day: date) -> None:
    """Leave only the lookups of the parts that are published now: nothing of those that an erasure has replaced.

    Raises:
        PartError: if a part is gone or damaged.
        LakeError: if the lake or its catalog refuses.
    """
    manifest = lake.read_day(table, day)
    if manifest is not None and parts_with_lookups(lake, table, day):
        replace_lookups(lake, table, day, _read(_published(lake, manifest), day))


def keep_all_lookups(lake: Lake, table: str) -> None:
    """See that there are lookups of all published parts of a table, whatever logpress published them.

    Raises:
        PartError, LakeError: as `keep_lookups`.
    """
    for day in lake.days(table):
        manifest = lake.read_day(table, day)
        if manifest is not None:
            known = parts_with_lookups(lake, table, day)
            parts = {name: path for name, path in _published(lake, manifest).items() if name not in known}
            keep_lookups(lake, table, day, _read(parts, day))


def _published(lake: Lake, manifest: DayManifest) -> dict[str, str]:
    """The parts of a day by name."""
    return {path.rsplit("/", 1)[-1]: path for path in lake.files(manifest)[0]}


def _read(parts: Mapping[str, str], day: date) -> dict[str, Rows]:
    return {name: lookups_of(path, name, day) for name, path in parts.items()}
