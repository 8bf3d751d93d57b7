"""Whether a lake's catalog, manifests and files agree, and its vocabularies can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from logpress.errors import LakeError
from logpress.lake.catalog import open_catalog, see_not_lost
from logpress.lake.choice import is_missing
from logpress.lake.day_files import known_days
from logpress.lake.history import publications, sizes_differ
from logpress.lake.lake import Lake
from logpress.lake.leftovers import superseded_names
from logpress.lake.links import link_differences
from logpress.lake.snapshots import data_files
from logpress.lake.storage import lake_errors
from logpress.lake.vocabularies import faults
from logpress.manifest import DayManifest

_YOUNG = timedelta(hours=1)
"""A file that nothing names yet may be one that is being published."""


@dataclass(frozen=True)
class Finding:
    """Something that does not agree.

    Attributes:
        table: the table.
        day: the UTC day; None if it is of the whole table.
        text: what is wrong, and what to do.
    """

    table: str
    day: date | None
    text: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.table}{f' {self.day}' if self.day else ''}: {self.text}"


def check_lake(lake: Lake, tables: list[str], *, hash_files: bool = False) -> Iterator[Finding]:
    """Compare catalog, manifests and files; nothing is changed.

    Args:
        lake: the lake.
        tables: which tables.
        hash_files: whether the SHA-256 of all published files is compared too.

    Raises:
        LakeError: if the lake cannot be read.
    """
    for table in tables:
        known, held, is_lost = dict[date, set[str]](), set[str](), True
        try:
            see_not_lost(lake, table)
            if not is_missing(lake):
                known, held = _known(lake, table)
                is_lost = False
        except LakeError as error:
            yield Finding(table, None, f"{error}")
        for fault in faults(lake, table):
            yield Finding(table, None, fault)
        for day in sorted({*known, *lake.days(table), *lake.days_with_files(table)}):
            yield from _check_day(lake, table, day, None if is_lost else known.get(day, set()), held, hash_files)


def _known(lake: Lake, table: str) -> tuple[dict[date, set[str]], set[str]]:
    """Paths of the files that the catalog has, by day, and of those that its snapshots refer to.

    Raises:
        LakeError: if it does not know what is published.
    """
    with open_catalog(lake) as catalog:
        catalog.see_not_empty(table)
        found = catalog.load(table)
        if found is None:
            return {}, set()
        with lake_errors(f"the catalog of {lake.uri}"):
            return {day: set(files) for day, files in known_days(found).items()}, data_files(found)


def _check_day(
    lake: Lake, table: str, day: date, known: set[str] | None, held: set[str], hash_files: bool
) -> Iterator[Finding]:
    """Compare what is known of a day; `known` is None if the catalog is lost, which has been said."""
    try:
        manifest = lake.read_day(table, day)
    except LakeError as error:
        yield Finding(table, day, f"{error}")
        return
    if manifest is None and known:
        yield Finding(
            table,
            day,
            f"the catalog has {len(known)} files of it, and there is no manifest; press the day again, roll it "
            "back (`logpress lake rollback`), or take it out of the catalog with `logpress lake register`",
        )
    parts = lake.files(manifest)[0] if manifest is not None else []
    if manifest is not None:
        if known is not None:
            yield from _check_catalog(table, day, known, set(parts))
        yield from _check_files(lake, table, day, manifest, hash_files)
    if manifest is not None or not known:
        yield from _check_links(lake, table, day, parts)
    for path in unnamed_files(lake, table, day, manifest, held, _YOUNG) if known is not None else ():
        yield Finding(table, day, f"{path} is named by nothing; `logpress lake clean` removes it")


def _check_files(lake: Lake, table: str, day: date, manifest: DayManifest, hash_files: bool) -> Iterator[Finding]:
    parts, rejects = lake.files(manifest)
    damaged = set()
    for path, expected, size in sizes_differ(lake, manifest):
        damaged.add(path)
        found = "is missing" if size is None else f"has {size:,} bytes, and not {expected:,}"
        yield Finding(table, day, f"{path} {found}; restore the file from a copy, or press the day again")
    if hash_files:
        for path, part in zip([*parts, *rejects], [*manifest.parts, *manifest.rejects_parts], strict=True):
            with lake_errors(path):
                if path not in damaged and lake.storage.sha256(path) != part.sha256:
                    text = f"{path} has another SHA-256 than its manifest says; restore the file from a copy, or press "
                    yield Finding(table, day, f"{text}the day again")


def _check_links(lake: Lake, table: str, day: date, parts: Sequence[str]) -> Iterator[Finding]:
    """Compare what readers of folders find with the manifest."""
    missing, others = link_differences(lake, table, day, parts)
    for path in missing:
        yield Finding(
            table, day, f"{path} is missing, or is not the part that the manifest names; `logpress lake clean --yes` "
            "makes the day's folder anew",
        )  # fmt: skip
    for path in others:
        yield Finding(
            table, day, f"{path} is found by readers of folders, and the manifest does not name it; `logpress lake "
            "clean --yes` makes the day's folder anew",
        )  # fmt: skip


def _check_catalog(table: str, day: date, known: set[str], own: set[str]) -> Iterator[Finding]:
    again = "press the day again, or make the catalog say what the manifest says with `logpress lake register`"
    for path in sorted(own - known):
        yield Finding(table, day, f"the catalog does not have {path}; {again}")
    for path in sorted(known - own):
        yield Finding(table, day, f"the catalog has {path}, which the manifest does not name; {again}")


def unnamed_files(
    lake: Lake, table: str, day: date, manifest: DayManifest | None, held: set[str], age: timedelta
) -> list[str]:
    """Files of a day that no manifest, snapshot or note of superseded files names, and that are older than `age`.

    Args:
        lake: the lake.
        table: the table.
        day: the day.
        manifest: what is published.
        held: paths that snapshots refer to.
        age: younger ones may be those of a run that is publishing them.
    """
    named = set(held)
    for one in [*publications(lake, table, day), *([manifest] if manifest else [])]:
        named.update(path for paths in lake.files(one) for path in paths)
    named.update(lake.file_path(table, day, name) for name in superseded_names(lake, table, day))
    before = datetime.now(UTC) - age
    found = []
    with lake_errors(lake.uri):
        for folder in lake.file_folders(table, day):
            for item in lake.storage.list(folder):
                path = f"{folder}/{item.name}"
                is_old = item.modified is None or item.modified < before
                if not item.is_folder and item.name.endswith(".parquet") and path not in named and is_old:
                    found.append(path)
    return found
