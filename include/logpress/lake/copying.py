"""A lake copied to another place: each day staged there file by file, compared by SHA-256, and published."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import IO, Any

from logpress.errors import LakeError, UsageError
from logpress.lake import vocabularies
from logpress.lake.catalog import see_catalog
from logpress.lake.history import sizes_differ
from logpress.lake.index_tables import follow_or_warn
from logpress.lake.lake import Lake
from logpress.lake.publish import Verified, publish_day, same_slices
from logpress.lake.storage import lake_errors, normal_uri
from logpress.manifest import DayManifest, PartStats

_ENTRY = "copy_of"
_PIECE_BYTES = 8 << 20
_AT_ONCE = 4


@dataclass(frozen=True)
class CopiedDay:
    """A day that is in the copy now.

    Attributes:
        table: the table.
        day: the UTC day.
        copied_bytes: bytes of the files that were copied now; 0 if it was there already.
    """

    table: str
    day: date
    copied_bytes: int


def copy_lake(
    source: Lake,
    uri: str,
    tables: Sequence[str] = (),
    *,
    descriptions: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[CopiedDay]:
    """Copy the published days of a lake, rejects included, into a new lake, or into an earlier copy of the same lake.

    The copy is a lake of its own: it has its own catalog, which knows its files, and days can be pressed into it. Files
    are compared with the manifests by SHA-256 when they are read and when they are written. If it is stopped, call it
    again; days that are in the copy already are not copied again. Earlier publications are not copied, and days that
    the source no longer has stay in the copy. Vocabularies are copied, so that codes are the same. The copy's index
    follows after the last day of a table.

    Args:
        source: the lake.
        uri: where the copy is to be.
        tables: only these; all by default.
        descriptions: what columns mean, by table.

    Yields:
        Each day, once it is published in the copy.

    Raises:
        UsageError: if there is another lake or something else, or nothing names a catalog for the copy.
        LakeError: if a file is missing or damaged, a vocabulary of the copy has other codes, or a lake or catalog
            refuses.
    """
    _see_apart(source.uri, normal_uri(uri))
    copy = Lake.create(uri)
    _see_copy(source, copy)
    names = list(tables or source.tables())
    for table in names:
        see_catalog(copy, table)
    copy.mark({_ENTRY: source.uri})
    run = f"copy-{hashlib.sha256(source.uri.encode()).hexdigest()[:12]}"
    for table in names:
        for day in source.days(table):
            manifest = source.need_day(table, day)
            copied = _stage(source, copy, manifest, run) if not _is_there(copy, manifest) else 0
            publish_day(
                copy, table, day, manifest.slices, run, descriptions=(descriptions or {}).get(table),
                erasures=manifest.erasures, despite_erasures=_has_erasures(copy, manifest),
                verified=Verified(manifest.verification, manifest.run_id), is_indexed=False,
            )  # fmt: skip
            yield CopiedDay(table, day, copied)
        follow_or_warn(copy, table)
        vocabularies.copy(source, copy, table)


def _see_apart(source: str, copy: str) -> None:
    if f"{copy}/".startswith(f"{source}/") or source.startswith(f"{copy}/"):
        raise UsageError(f"{copy}: a lake cannot be copied onto or into itself; give another place")


def _see_copy(source: Lake, copy: Lake) -> None:
    said = copy.marker().get(_ENTRY)
    if said != source.uri and copy.tables():
        what = f"a copy of {said}" if said is not None else "a lake of its own"
        raise UsageError(f"{copy.uri}: is {what}, and not a copy of {source.uri}; give a new place")


def _is_there(copy: Lake, manifest: DayManifest) -> bool:
    """Whether the copy has the same day, with files of the right sizes."""
    try:
        found = copy.read_day(manifest.table, date.fromisoformat(manifest.day))
    except LakeError:
        return False
    is_same = found is not None and same_slices(found, manifest.slices) and found.erasures == manifest.erasures
    return found is not None and is_same and not list(sizes_differ(copy, found))


def _has_erasures(copy: Lake, manifest: DayManifest) -> bool:
    """Whether what was erased from the copy's day was erased from the source's, too."""
    try:
        found = copy.read_day(manifest.table, date.fromisoformat(manifest.day))
    except LakeError:
        return False
    return found is not None and set(found.erasures) <= set(manifest.erasures)


def _stage(source: Lake, copy: Lake, manifest: DayManifest, run: str) -> int:
    """Copy a day's files into the copy's staging; those that a stopped run has left there are used. Says the bytes."""
    table, day = manifest.table, date.fromisoformat(manifest.day)
    jobs = []
    for entry in manifest.slices:
        for part in (entry.part, entry.rejects_part):
            if part is not None:
                staged = f"{copy.staging_folder(table, day, run, entry.slice)}/{part.path}"
                jobs.append((source.file_path(table, day, part.path), staged, part))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sum(pool.map(lambda job: _copy(copy, *job), jobs))


def _copy(copy: Lake, path: str, staged: str, part: PartStats) -> int:
    with lake_errors(staged):
        if copy.storage.size(staged) == part.stored_bytes and copy.storage.sha256(staged) == part.sha256:
            return 0
    digest, size = hashlib.sha256(), 0
    with lake_errors(path), _opened(path, "rb") as read, _opened(staged, "wb") as written:
        while piece := read.read(_PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
            written.write(piece)
    if (size, digest.hexdigest()) != (part.stored_bytes, part.sha256):
        raise LakeError(
            f"{path}: is damaged: it has {size:,} bytes with another SHA-256 than its manifest says; press the day "
            "again, or restore the file, and copy again"
        )
    with lake_errors(staged):
        if copy.storage.sha256(staged) != part.sha256:
            raise LakeError(f"{staged}: reads otherwise than it was written; see to the disk or store, and copy again")
        copy.storage.sync(staged)
    return size


@contextmanager
def _opened(path: str, mode: str) -> Iterator[IO[bytes]]:
    import fsspec

    if "://" not in path and mode == "wb":
        os.makedirs(os.path.dirname(path), exist_ok=True)
    file: Any = fsspec.open(path, mode)
    with file as opened:
        yield opened
