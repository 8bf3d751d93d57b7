"""The proof that a day can be restored: counts add up, files are as written, and the digests of records are equal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import fsspec

from logpress.engine.restore.digest_parts import digest_files
from logpress.errors import MismatchError, ProofError
from logpress.hashing.digest import combine
from logpress.manifest import PartStats, SliceManifest


def prove_accounts(manifests: Sequence[SliceManifest]) -> None:
    """Check that no record was lost or counted twice.

    Raises:
        ProofError: if the counts do not add up.
    """
    names = [manifest.slice for manifest in manifests]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ProofError(f"slice {twice[0]} was pressed twice, and its records would be published twice; plan it again")
    origins = [origin.uri for manifest in manifests for origin in manifest.origins]
    if len(set(origins)) != len(origins):
        twice = sorted({uri for uri in origins if origins.count(uri) > 1})
        raise ProofError(f"{twice[0]} was read by two slices, and would be published twice; plan the day again")
    for manifest in manifests:
        counted = manifest.rows + manifest.rejects + manifest.other_day + manifest.erased
        if manifest.records != counted:
            erased = f", of other days ({manifest.other_day}) or erased ({manifest.erased})"
            raise ProofError(
                f"slice {manifest.slice} read {manifest.records} records, but {counted} are rows ({manifest.rows}), "
                f"rejects ({manifest.rejects})"
                + (erased if manifest.erased else f" or of other days ({manifest.other_day})")
            )
        if manifest.records != sum(origin.records for origin in manifest.origins):
            raise ProofError(f"slice {manifest.slice}: the counts of its origins do not add up to {manifest.records}")
        rows = manifest.part.rows if manifest.part else 0
        rejects = manifest.rejects_part.rows if manifest.rejects_part else 0
        if (rows, rejects) != (manifest.rows, manifest.rejects):
            raise ProofError(
                f"slice {manifest.slice} has {manifest.rows} rows and {manifest.rejects} rejects, but its files have "
                f"{rows} and {rejects}"
            )


def prove_file(path: str, stats: PartStats) -> None:
    """Check a file's size and SHA-256 against the manifest.

    Raises:
        ProofError: if it is missing, or its size or content differ.
    """
    sha256 = hashlib.sha256()
    size = 0
    try:
        with fsspec.open(path, "rb") as file:
            while chunk := file.read(8 << 20):
                sha256.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise ProofError(f"{path}: cannot be read: {error}") from error
    if size != stats.stored_bytes or sha256.hexdigest() != stats.sha256:
        what = "its size" if size != stats.stored_bytes else "its content"
        raise ProofError(
            f"{path}: {what} has changed since it was written ({size:,} bytes, SHA-256 {sha256.hexdigest()[:12]}; "
            f"written were {stats.stored_bytes:,} bytes, SHA-256 {stats.sha256[:12]}); see whether the disk is sound, "
            "and press the day again"
        )


def prove_files(manifests: Sequence[SliceManifest], parts: Sequence[str], rejects: Sequence[str]) -> None:
    """Check the sizes and SHA-256 of some slices' files against their manifests.

    Args:
        manifests: the slices.
        parts: paths of their parts, in the order of `manifests`.
        rejects: paths of their rejects files, in the order of `manifests`.

    Raises:
        ProofError: if one is missing, or its size or content differ.
    """
    stats = [manifest.part for manifest in manifests] + [manifest.rejects_part for manifest in manifests]
    for path, part in zip([*parts, *rejects], filter(None, stats), strict=True):
        prove_file(path, part)


def prove_bytes(
    manifests: Sequence[SliceManifest],
    parts: Sequence[str],
    rejects: Sequence[str],
    *,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Check that the records in the files are exactly those that were read; returns their digest.

    Raises:
        MismatchError: if they are not.
        PartError: if a file is damaged.
    """
    found = digest_files(parts, rejects, threads=threads, progress=progress)
    compare(manifests, [found])
    return found[2]


def compare(manifests: Sequence[SliceManifest], found: Sequence[tuple[int, int, str]]) -> None:
    """Compare the records of some files, as (records, bytes, digest) of pieces, with those that were read.

    Raises:
        MismatchError: if they differ.
    """
    records, size = sum(piece[0] for piece in found), sum(piece[1] for piece in found)
    digest = combine(piece[2] for piece in found)
    expected_records = sum(manifest.rows + manifest.rejects for manifest in manifests)
    expected_bytes = sum(manifest.raw_bytes for manifest in manifests)
    expected = combine(manifest.digest for manifest in manifests)
    if (records, size, digest) != (expected_records, expected_bytes, expected):
        raise MismatchError(
            f"the files have {records} records of {size} bytes with digest {digest}, but "
            f"{expected_records} of {expected_bytes} bytes with digest {expected} were read"
        )
