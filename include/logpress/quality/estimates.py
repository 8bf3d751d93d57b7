"""What a day takes as raw JSON, column by column, and in other formats: estimated from the samples of its slices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from logpress.manifest import SliceManifest, SliceSample

REJECTS = "(rejects)"
"""What is told of rejects, beside columns."""


@dataclass(frozen=True)
class Estimates:
    """Figures of a day that its files do not have.

    Attributes:
        rows: rows that were sampled.
        sampled_bytes: bytes of these rows.
        raw_bytes: the day's raw bytes by column, `REJECTS` included; their sum is that of the manifests, to the byte.
        gzip_bytes: what the day takes with gzip, level 6.
        zstd_bytes: with zstd, level 3.
        parquet_bytes: as plain Parquet; None if pyarrow could read none of the samples.
    """

    rows: int
    sampled_bytes: int
    raw_bytes: dict[str, int]
    gzip_bytes: int
    zstd_bytes: int
    parquet_bytes: int | None


def estimate(slices: Iterable[SliceManifest]) -> Estimates | None:
    """Scale the samples of slices to all of their bytes; a slice without one is taken to be like the others.

    Returns:
        None if no slice has a sample.
    """
    slices = list(slices)
    samples = [entry.sample for entry in slices if entry.sample is not None]
    if not samples:
        return None
    fields: Counter[str] = Counter()
    for sample in samples:
        fields.update(sample.field_bytes)
    raw: Counter[str] = Counter()
    for entry in slices:
        rejects = _reject_bytes(entry)
        raw[REJECTS] += rejects
        weights = fields if entry.sample is None else entry.sample.field_bytes
        raw.update(shared(entry.raw_bytes - rejects, weights))
    parquet = [sample for sample in samples if sample.parquet_bytes is not None]
    total = sum(entry.raw_bytes for entry in slices)
    return Estimates(
        rows=sum(sample.rows for sample in samples),
        sampled_bytes=sum(sample.raw_bytes for sample in samples),
        raw_bytes=dict(raw),
        gzip_bytes=_scaled(slices, samples, "gzip_bytes"),
        zstd_bytes=_scaled(slices, samples, "zstd_bytes"),
        parquet_bytes=_scaled(slices, parquet, "parquet_bytes") if parquet and total else None,
    )


def shared(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Share a number out by weights, so that the shares are whole and add up to it (largest remainder).

    Args:
        total: what is shared out.
        weights: at least one is not 0, if the total is not.
    """
    whole = sum(weights.values())
    if not whole:
        return {}
    shares = {name: total * weight // whole for name, weight in weights.items()}
    left = total - sum(shares.values())
    for name in sorted(weights, key=lambda name: (-(total * weights[name] % whole), name))[:left]:
        shares[name] += 1
    return shares


def _reject_bytes(entry: SliceManifest) -> int:
    """Bytes of a slice's rejects; erased ones are not among them, nor are they all if the slice has no rows."""
    if not entry.rows:
        return entry.raw_bytes
    if entry.sample is None:
        return entry.raw_bytes * entry.rejects // (entry.rows + entry.rejects)
    return min(entry.sample.reject_bytes, entry.raw_bytes) if entry.rejects else 0


def _scaled(slices: list[SliceManifest], samples: list[SliceSample], kind: str) -> int:
    """The bytes of all slices in a format, by those of their samples; of a slice without, by those of all samples."""
    raw = sum(sample.raw_bytes for sample in samples)
    stored = sum(getattr(sample, kind) for sample in samples)
    total = 0.0
    for entry in slices:
        size = None if entry.sample is None else getattr(entry.sample, kind)
        ratio = stored / raw if size is None or entry.sample is None else size / entry.sample.raw_bytes
        total += entry.raw_bytes * ratio
    return round(total)
