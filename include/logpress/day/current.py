"""Whether a published day is current: pressing it again would publish the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from logpress.contract.model import Contract
from logpress.day.plan import changed_objects
from logpress.errors import LakeError, UsageError
from logpress.lake import Lake
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest, SliceManifest, SliceSpec
from logpress.sources.search.address import is_cluster
from logpress.version import __version__


def outdated_by(
    contract: Contract, day: date, specs: Sequence[SliceSpec], lake_uri: str, inputs: Sequence[str] = ()
) -> str | None:
    """What makes a published day outdated, as part of a sentence; None if it is current.

    A day is current if the same version of logpress pressed it with the same contract from the same slices, if no raw
    object or index has changed since then, and if its files are there in their sizes. Their content is not read again:
    `logpress verify` does that.

    Args:
        contract: the table.
        day: the UTC day.
        specs: the slices of the day, as planned now.
        lake_uri: the lake.
        inputs: what the slices were planned from; those of the contract if empty.

    Raises:
        SourceError: if an input cannot be listed.
        LakeError: if the lake cannot be read.
    """
    try:
        lake = Lake.open(lake_uri)
    except UsageError:
        return "the lake does not exist yet"
    try:
        published = lake.read_day(contract.table, day)
    except LakeError as error:
        return f"its manifest cannot be used ({error})"
    if published is None:
        return "it is not published"
    return (
        _by_how(contract, published)
        or _by_what(specs, published)
        or _by_objects(contract, day, inputs, published)
        or _by_files(lake, published)
    )


def _by_how(contract: Contract, published: DayManifest) -> str | None:
    if any(slice_.contract_sha256 != contract.sha256 for slice_ in published.slices):
        return "its contract has changed"
    versions = {slice_.written_by for slice_ in published.slices} - {__version__}
    return f"logpress {versions.pop()} pressed it, and this is {__version__}" if versions else None


def _by_what(specs: Sequence[SliceSpec], published: DayManifest) -> str | None:
    before = {slice_.slice: slice_ for slice_ in published.slices}
    if set(before) != {spec.name for spec in specs}:
        return "it is cut into other slices now"
    for spec in specs:
        reason = _by_input(spec, before[spec.name])
        if reason is not None:
            return reason
    return None


def _by_input(spec: SliceSpec, before: SliceManifest) -> str | None:
    if spec.inputs != tuple(origin.uri for origin in before.origins):
        return f"slice {spec.name} has other inputs now"
    if not any(map(is_cluster, spec.inputs)):
        return None
    if spec.source_written is None:
        return f"{spec.source or spec.inputs[0]} does not say whether it was written to since"
    if (spec.source, spec.source_written, spec.source_records) != (
        before.source,
        before.source_written,
        before.source_records,
    ):
        return f"{spec.source} was written to since"
    return None


def _by_objects(contract: Contract, day: date, inputs: Sequence[str], published: DayManifest) -> str | None:
    changes = changed_objects(contract, day, inputs, published)
    return str(changes) if changes is not None and changes.any else None


def _by_files(lake: Lake, published: DayManifest) -> str | None:
    parts, rejects = lake.files(published)
    with lake_errors(lake.uri):
        for path, part in zip((*parts, *rejects), (*published.parts, *published.rejects_parts), strict=True):
            if lake.storage.size(path) != part.stored_bytes:
                return f"{path} is missing or has another size"
    return None
