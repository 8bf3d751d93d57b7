"""The proof that every record of an index was read exactly once, by the index's own counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from logpress.contract.source import ClusterSource
from logpress.errors import ProofError
from logpress.lake import Lake
from logpress.manifest import SliceManifest
from logpress.records.ids import FILE_NAME, distinct_in


def prove_complete(manifests: Sequence[SliceManifest], source: ClusterSource) -> None:
    """Check that slices read the records that were planned, and that these were all records of the source.

    Raises:
        ProofError: naming the slice and the number of records missing or in excess.
    """
    may_grow = source.growing_index == "go_on"
    planned: dict[str, int] = {}
    known: dict[str, int] = {}
    for manifest in manifests:
        for origin in manifest.origins:
            if origin.expected is None:
                continue
            less = origin.expected - origin.records
            if less > 0 or (less < 0 and not may_grow):
                raise ProofError(
                    f"slice {manifest.slice}: {origin.uri} returned {origin.records} records, {abs(less)} "
                    f"{'fewer' if less > 0 else 'more'} than the {origin.expected} planned; press the day again"
                )
        if manifest.distinct_ids is not None and manifest.distinct_ids != manifest.records:
            raise ProofError(
                f"slice {manifest.slice}: {manifest.records} records have only {manifest.distinct_ids} distinct ids, "
                f"so {manifest.records - manifest.distinct_ids} were read twice; press the day again"
            )
        if manifest.source is not None and manifest.source_records is not None:
            expected = sum(origin.expected or 0 for origin in manifest.origins)
            planned[manifest.source] = planned.get(manifest.source, 0) + expected
            known[manifest.source] = manifest.source_records
    for uri, records in known.items():
        if planned[uri] != records:
            raise ProofError(
                f"{uri} had {records} records, but the pressed slices cover {planned[uri]}, "
                f"{abs(records - planned[uri])} too {'few' if planned[uri] < records else 'many'}; press the day again"
            )


def prove_unchanged(manifests: Sequence[SliceManifest], source: ClusterSource) -> None:
    """Check that no source was written to since the slices were planned.

    Raises:
        ProofError: if its records are others, unless the contract lets it grow.
        SourceError: if a source cannot be read.
    """
    planned = {manifest.source: manifest for manifest in manifests if manifest.source is not None}
    if not planned:
        return
    from logpress.sources.search.index import look_again

    for uri, manifest in planned.items():
        before, now = manifest.source_records, look_again(uri, source)
        if before is not None and (
            now.documents < before or (now.documents > before and source.growing_index != "go_on")
        ):
            raise ProofError(
                f"{uri} had {before} records when the day was planned and has {now.documents} now: it is still being "
                "written; press the day again once nothing writes to it any more"
            )
        if None not in (manifest.source_written, now.written) and manifest.source_written != now.written:
            raise ProofError(
                f"{uri} was written to since the day was planned: it still has {now.documents} records, but other "
                "sequence numbers; press the day again once nothing writes to it any more"
            )


def prove_distinct(lake: Lake, day: date, manifests: Sequence[SliceManifest], run: str) -> None:
    """Check that no id is in two staged slices of a run.

    Raises:
        ProofError: if one is, or if a slice's staged ids cannot be read.
    """
    with_ids = [manifest for manifest in manifests if manifest.distinct_ids is not None]
    if len(with_ids) < 2:  # within one slice, ids have been compared already
        return
    paths = [f"{lake.staging_folder(entry.table, day, run, entry.slice)}/{FILE_NAME}" for entry in with_ids]
    records = sum(manifest.records for manifest in with_ids)
    try:
        distinct = distinct_in(paths)
    except (OSError, ValueError) as error:
        raise ProofError(f"the ids of the slices cannot be compared: {error}") from error
    if distinct != records:
        raise ProofError(
            f"{records - distinct} of {records} records were read by more than one of {len(with_ids)} slices "
            f"({distinct} distinct ids), because the index changed while it was read; press the day again"
        )
