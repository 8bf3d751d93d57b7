"""Erase the records that match conditions from published days of a table, one day after the other."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from logpress.contract.model import Contract
from logpress.day.budget import Budget, default_threads
from logpress.day.erasing.matches import Matcher, Matches
from logpress.day.erasing.rewrite import SliceFiles, rewrite_slice
from logpress.day.erasing.verified import without_erased
from logpress.day.erasing.words import forget_words
from logpress.day.lookups import forget_lookups, publish_with_lookups
from logpress.errors import ChangedError, UsageError
from logpress.kernel.ahead import compile_ahead
from logpress.lake import Lake, erasures
from logpress.lake.by_user import drop_erased
from logpress.lake.catalog import check_configured
from logpress.lake.erasures import ErasedCount, ErasureEntry
from logpress.lake.forget import GRACE, erase_lock, forget_due
from logpress.lake.leftovers import remove_empty_staging, remove_run
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest, Erasure
from logpress.progress import Silent, StageProgress, Summed
from logpress.reading.places import Finder

TRIES = 5
"""How often a day is looked through again because another process published it meanwhile."""


@dataclass(frozen=True)
class ErasedDay:
    """What was erased from a day, or would be.

    Attributes:
        day: the UTC day.
        rows: records that were rows.
        rejects: records that were rejects.
        broken: those of the rejects that are no JSON objects, and were searched for the values.
    """

    day: date
    rows: int
    rejects: int
    broken: int


@dataclass(frozen=True)
class Erased:
    """The result of erasing.

    Attributes:
        days: the days that had matching records.
        looked_at: the number of days that were looked through.
        waiting: erasures of the table of which old files are left for readers that have begun with them.
    """

    days: tuple[ErasedDay, ...]
    looked_at: int
    waiting: tuple[ErasureEntry, ...]

    @property
    def records(self) -> int:
        """All records that were erased, or would be."""
        return sum(day.rows + day.rejects for day in self.days)


def erase(
    contract: Contract,
    lake_uri: str,
    where: Sequence[str],
    *,
    period: tuple[date, date] = (date.min, date.max),
    dry_run: bool = False,
    at_once: bool = False,
    grace: timedelta = GRACE,
    note: str = "",
    threads: int | None = None,
    memory: int | None = None,
    progress: StageProgress | None = None,
    tell: Callable[[ErasedDay], None] | None = None,
) -> Erased:
    """Erase the records for which all conditions hold.

    Each day is published without them in one commit, after the proof that all its other records are there. It may be
    killed at any moment and run again.

    Args:
        contract: the table, as it is now.
        lake_uri: the lake.
        where: conditions as text.
        period: the first and the last UTC day that are searched.
        dry_run: whether only to count.
        at_once: whether old files and snapshots are removed at once, also those of earlier erasures.
        grace: how long they are kept else, for readers that have begun with them.
        note: for the log.
        threads: threads that render and press, if `memory` allows as many; the number of cores if None.
        memory: bytes that this process may take; half of the available memory if None.
        progress: receives the progress of the stages.
        tell: called after each day that had matching records.

    Raises:
        UsageError: if no condition is given, or one is not valid.
        LakeError: if the lake or its catalog refuses, or another process erases from the table.
        PartError: if a file is damaged.
        ProofError: if the records that are left are not exactly the others; the day is then unchanged.
    """
    if not where:
        raise UsageError("no condition is given; say which records to erase, as --where 'nickname = \"x\"'")
    lake = Lake.open(lake_uri)
    finder = Finder.of(contract, where)
    threads = Budget.of(memory).threads(contract, threads or default_threads())
    first, last = period
    days = [day for day in lake.days(contract.table) if first <= day <= last]
    if not days:
        raise UsageError(f"{lake.uri}: {contract.table} has no published day from {first} to {last}")
    compile_ahead("press")
    stages = progress or Silent()
    work = _Work(contract, lake, finder, threads if threads > 1 else 0, stages)
    if dry_run:
        found = [work.count(day) for day in days]
        return Erased(tuple(day for day in found if day.rows + day.rejects), len(days), ())
    check_configured(lake)
    if note and any(str(value) in note for _, _, value in finder.conditions):
        raise UsageError("--note has a value of the condition in it, which would stay in the log; leave it out")
    with erase_lock(lake, contract.table):
        done = _erase_days(work, days, grace, note, tell)
        stages.begin("remove", None)
        _forget_derived(lake, contract.table)
        _forget_words(lake, contract.table)
        waiting = forget_due(lake, contract.table, at_once=at_once)
        stages.end("remove")
    return Erased(tuple(done), len(days), tuple(waiting))


def finish(contract: Contract, lake_uri: str, *, at_once: bool = False) -> list[ErasureEntry]:
    """Remove what is left of erasures whose grace period has passed.

    Args:
        contract: the table.
        lake_uri: the lake.
        at_once: whether grace periods do not count.

    Returns:
        The erasures of which something is left.

    Raises:
        LakeError: if something cannot be removed, or another process erases from the table.
    """
    lake = Lake.open(lake_uri)
    with erase_lock(lake, contract.table):
        _forget_derived(lake, contract.table)
        _forget_words(lake, contract.table)
        return forget_due(lake, contract.table, at_once=at_once)


def _has_published(lake: Lake, entry: ErasureEntry) -> bool:
    """Whether a day was published by an erasure that ended with an error: its old files are still to be removed."""
    kept = [one for one in erasures.entries(lake, entry.table, only_open=True) if one.id == entry.id]
    manifests = (lake.read_day(entry.table, count.day) for one in kept for count in one.days)
    return any(erasure.id == entry.id for manifest in manifests if manifest for erasure in manifest.erasures)


def _forget_derived(lake: Lake, table: str) -> None:
    """Remove what was made of parts that erasures have replaced; at once, because it can be made anew."""
    days = sorted({count.day for entry in erasures.entries(lake, table, only_open=True) for count in entry.days})
    for day in days:
        forget_lookups(lake, table, day)
    drop_erased(lake, table, days)


def _forget_words(lake: Lake, table: str) -> None:
    """Take words out of the vocabularies that no record has any more, as long as an erasure is not done with."""
    if erasures.entries(lake, table, only_open=True):
        forget_words(lake, table, default_threads())


def _erase_days(
    work: _Work, days: Sequence[date], grace: timedelta, note: str, tell: Callable[[ErasedDay], None] | None
) -> list[ErasedDay]:
    """Erase from one day after the other, and keep the log: a day is in it before it is published."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    columns = tuple(dict.fromkeys(condition[0] for condition in work.finder.conditions))
    entry = erasures.begin(work.lake, work.contract.table, name, columns, note, grace)
    done = []
    try:
        for day in days:
            found, entry = work.erase(day, entry)
            if found.rows + found.rejects:
                done.append(found)
                if tell is not None:
                    tell(found)
    finally:
        if not entry.days and not _has_published(work.lake, entry):
            erasures.discard(work.lake, entry)
    if done:
        now = datetime.now(UTC)
        erasures.write(work.lake, entry.model_copy(update={"done_at": now, "remove_after": now + grace}))
    return done


@dataclass(frozen=True)
class _Work:
    """An erasure in work."""

    contract: Contract
    lake: Lake
    finder: Finder
    threads: int
    stages: StageProgress

    def count(self, day: date) -> ErasedDay:
        """The records of a day that match."""
        manifest = self.lake.need_day(self.contract.table, day)
        return _counted(day, self._find(day, manifest, None))

    def erase(self, day: date, entry: ErasureEntry) -> tuple[ErasedDay, ErasureEntry]:
        """Publish a day without the records that match; again from the start if another process published it."""
        for attempt in range(TRIES):
            try:
                return self._erase(day, entry)
            except ChangedError:
                if attempt == TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def _erase(self, day: date, entry: ErasureEntry) -> tuple[ErasedDay, ErasureEntry]:
        lake, table = self.lake, self.contract.table
        manifest = lake.need_day(table, day)
        run = f"erase-{uuid.uuid4().hex[:12]}"
        folder = lake.staging_folder(table, day, run)
        try:
            matches = self._find(day, manifest, folder)
            found = _counted(day, matches)
            if not found.rows + found.rejects:
                return found, entry
            entry = entry.with_day(ErasedCount(day=day, rows=found.rows, rejects=found.rejects))
            erasures.write(lake, entry)
            self._publish(day, manifest, matches, run, entry)
        finally:
            with lake_errors(lake.uri):
                remove_run(lake, table, day, run)
                remove_empty_staging(lake, table)
        return found, entry

    def _publish(
        self, day: date, manifest: DayManifest, matches: Sequence[Matches], run: str, entry: ErasureEntry
    ) -> None:
        lake, _table = self.lake, self.contract.table
        affected = [slice_ for slice_, found in zip(manifest.slices, matches, strict=True) if found.count]
        summed = Summed(self.stages.begin("erase", 2 * sum(slice_.raw_bytes for slice_ in affected)))
        slices = [
            rewrite_slice(lake, day, run, slice_, files, found, threads=self.threads, summed=summed)
            if found.count
            else slice_
            for slice_, files, found in zip(manifest.slices, _files(lake, manifest), matches, strict=True)
        ]
        self.stages.end("erase")
        now = datetime.now(UTC)
        erased = Erasure(id=entry.id, erased_at=now, records=sum(found.count for found in matches))
        self.stages.begin("publish", None)
        publish_with_lookups(
            lake, self.contract, day, slices, run, replaces=manifest, erasures=[*manifest.erasures, erased],
            verification=without_erased(manifest.verification, manifest.erased + erased.records),
        )  # fmt: skip
        self.stages.end("publish")

    def _find(self, day: date, manifest: DayManifest, folder: str | None) -> list[Matches]:
        """The matching records of each slice."""
        tell = self.stages.begin(f"search {day}", None)
        rows = 0

        def count(some: int) -> None:
            nonlocal rows
            rows += some
            tell(0, rows)

        matcher = Matcher(self.finder, day, folder if self.lake.is_local else None, count)
        found = [matcher.find(files.part, files.rejects) for files in _files(self.lake, manifest)]
        self.stages.end(f"search {day}")
        return found


def _files(lake: Lake, manifest: DayManifest) -> list[SliceFiles]:
    """The published files of each slice."""
    parts, rejects = (iter(paths) for paths in lake.files(manifest))
    return [
        SliceFiles(None if slice_.part is None else next(parts), None if slice_.rejects_part is None else next(rejects))
        for slice_ in manifest.slices
    ]


def _counted(day: date, matches: Sequence[Matches]) -> ErasedDay:
    rows = sum(len(rows) for found in matches for rows in found.rows.values())
    rejects = sum(found.count for found in matches) - rows
    return ErasedDay(day, rows, rejects, sum(found.broken for found in matches))
