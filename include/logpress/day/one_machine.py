"""A whole day on one machine, for the command line: the DAG's stages, on all cores.

One process a core presses and proves slices. A day with one slice, or one that dominates, is pressed and proved by the
threads of one process instead.
"""

from __future__ import annotations

import contextlib
import sys
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from logpress.contract.model import Contract
from logpress.contract.source import ClusterSource
from logpress.day.budget import Budget, default_threads
from logpress.day.kept_views import kept_view
from logpress.day.lookups import staged_lookups
from logpress.day.plan import paced, scrolls_of, see_apart, shards_of
from logpress.day.proving import Failures, heal_all, prove_all, staged_files
from logpress.day.refusals import keep_refusal
from logpress.day.stages import check, clean, plan, press, prove_counts, stored_schema
from logpress.engine.restore.digest_parts import digest_files
from logpress.errors import CheckError, LogpressError, MismatchError, PartError
from logpress.kernel.ahead import compile_ahead
from logpress.kernel.compile import load_cached
from logpress.lake import Lake
from logpress.lake.catalog import check_configured
from logpress.lake.index_tables import follow_or_warn
from logpress.lake.lookups import keep_lookups
from logpress.lake.publish import Verified, publish_day, see_erasures
from logpress.lake.storage import lake_errors
from logpress.lake.types import see_table
from logpress.machine.companion import Companion
from logpress.machine.memory import give_back_once
from logpress.machine.workers import Job, Workers
from logpress.manifest import DayManifest, SliceManifest, SliceSpec
from logpress.progress import Progress, Silent, StageProgress, Summed
from logpress.quality.prices import Prices
from logpress.quality.proof import compare, prove_files
from logpress.quality.readable import prove_readable
from logpress.quality.size_report import DayReport
from logpress.results import CheckResult, Verification

_MOSTLY = 0.7
"""Share of a day's bytes above which one slice would keep one process busy while the others wait."""


def run_day(
    contract: Contract,
    day: date,
    inputs: Sequence[str],
    lake_uri: str,
    *,
    threads: int | None = None,
    grace: timedelta | None = None,
    progress: StageProgress | None = None,
    companion: Companion | None = None,
    memory: int | None = None,
    despite_erasures: bool = False,
) -> tuple[DayReport, list[CheckResult]]:
    """Plan, press, verify, publish and report a day, as the DAG does, on this machine.

    Args:
        contract: the table.
        day: the UTC day.
        inputs: files, folders, globs or URIs of raw records; those of the contract if empty.
        lake_uri: the lake; created if missing.
        threads: processes, or threads of one process; the number of cores if None.
        grace: how long superseded files and snapshots are kept; the lake's retention if None.
        progress: receives the progress of the stages.
        companion: a companion process that was started earlier; it is closed here.
        memory: bytes that all processes together may take; limits the number of processes, of which there is at least
            one. If None, half of the machine's free memory, or of the cgroup's limit.
        despite_erasures: whether a day is replaced from which records were erased; those that the input still has come
            back.

    Raises:
        UsageError: if records were erased from the day, unless `despite_erasures`; if a price in the environment is no
            number.
        LogpressError: from any stage; the published day is then unchanged. If the day was pressed already, what is
            known of it is kept in the lake as an attempt.
    """
    with contextlib.closing(companion or Companion()) as beside:
        prices = Prices.of_environment()
        see_apart(inputs or contract.source.inputs, lake_uri)
        specs = plan(contract, day, inputs, wait=contract.source.wait)
        lake = Lake.create(lake_uri)
        check_configured(lake)
        if not despite_erasures:
            see_erasures(lake, contract.table, day)
        threads, budget = threads or default_threads(), Budget.of(memory)
        most = min(threads, len(specs), budget.processes(contract), *_bounds(specs, contract.source))
        processes = 1 if _is_mostly_one(specs) else most
        specs = paced(specs, contract.source, processes)
        work = _Work(contract, day, specs, lake, f"local-{uuid.uuid4().hex[:12]}", beside, progress or Silent())
        compile_ahead("press")
        try:
            if processes > 1:
                failures, checking = _with_processes(work, processes)
            else:
                failures, checking = _with_threads(work, budget.threads(contract, threads))
            work.stages.end("verify")
            verification = _verified(work, failures, checking, budget.threads(contract, threads))
            published = _publish(work, verification, grace, despite_erasures)
        except LogpressError as error:
            if work.stage != "press":
                keep_refusal(
                    lake.uri, contract.table, day, work.run, work.stage, work.in_order, error,
                    verification=work.verification, follow=lambda *of: work.companion.call(follow_or_warn, *of),
                )  # fmt: skip
            raise
        finally:
            clean(contract, day, lake_uri, work.run)
    return DayReport.of(published, contract, prices=prices), list(verification.checks)


@dataclass
class _Work:
    """A day in work.

    Attributes:
        manifests: the manifests of the slices that are pressed, by name.
        stage: the stage it is in.
        began: when the proof began, by the monotonic clock.
        verification: what verify found, once it has.
    """

    contract: Contract
    day: date
    specs: Sequence[SliceSpec]
    lake: Lake
    run: str
    companion: Companion
    stages: StageProgress
    manifests: dict[str, SliceManifest] = field(default_factory=dict)
    stage: Literal["press", "verify", "publish"] = "press"
    began: float = 0.0
    verification: Verification | None = None

    @property
    def in_order(self) -> list[SliceManifest]:
        """The manifests, in the order of the plan."""
        return [self.manifests[spec.name] for spec in self.specs]

    def begin_press(self) -> Progress:
        return self.stages.begin("press", sum(spec.raw_bytes or 0 for spec in self.specs))

    def begin_verify(self) -> Progress:
        self.stages.end("press")
        self.stage, self.began = "verify", time.monotonic()
        prove_counts(self.contract, self.day, self.in_order, self.lake, self.run)
        return self.stages.begin("verify", sum(manifest.raw_bytes for manifest in self.in_order))

    def see_catalog(self) -> None:
        """Check that the catalog answers and can take the day, before hours are spent on it."""
        self.companion.call(see_table, self.lake, self.contract.table, stored_schema(self.contract))

    def prove_readable(self, path: str) -> int:
        with lake_errors(path):
            self.lake.storage.sync(path)  # now, so that publishing does not wait for the disk
        return self.companion.call(prove_readable, path)

    def heal(self, failures: Failures, threads: int) -> Verification:
        """Press slices again whose records are not all restored, and repeat the day's checks."""
        size = sum(self.manifests[name].raw_bytes for name in failures)
        summed = Summed(
            self.stages.begin("press again", 2 * size)
        )  # read twice: to find the records, and to keep them whole
        for manifest in heal_all(
            self.contract, self.day, self.specs, self.in_order, failures, self.lake, self.run,
            threads=threads if threads > 1 else 0, summed=summed, readable=self.prove_readable,
        ):  # fmt: skip
            self.manifests[manifest.slice] = manifest
        self.stages.end("press again")
        return self.check()

    def proven(self, found: Verification) -> Verification:
        """What verify found, now that the proof has ended."""
        self.verification = found.model_copy(
            update={"proven_at": datetime.now(UTC), "prove_seconds": time.monotonic() - self.began}
        )
        return self.verification

    def check(self) -> Verification:
        """Run the contract's checks, while the proof may still go on."""
        return check(self.contract, self.day, self.in_order, self.lake, self.run)


def _bounds(specs: Sequence[SliceSpec], source: ClusterSource) -> list[int]:
    """Upper bound of the slices that are read at once: together they open at most one scroll a shard of the index."""
    shards = shards_of(specs)
    return [max(1, shards // scrolls_of(specs, source))] if shards else []


def _is_mostly_one(specs: Sequence[SliceSpec]) -> bool:
    sizes = [spec.raw_bytes or 0 for spec in specs]
    return max(sizes) > _MOSTLY * sum(sizes)


def _verified(work: _Work, failures: Failures, checking: Future[Verification], threads: int) -> Verification:
    """What verify found, after slices that failed are healed."""
    try:
        return work.proven(work.heal(failures, threads) if failures else checking.result())
    except CheckError as error:
        error.verification = work.proven(error.verification)
        raise


def _publish(work: _Work, verification: Verification, grace: timedelta | None, despite_erasures: bool) -> DayManifest:
    work.stages.begin("publish", None)
    work.stage = "publish"
    contract, manifests = work.contract, work.in_order
    lookups = staged_lookups(work.lake, contract, work.day, manifests, work.run)  # here, where the engine is imported
    if lookups is not None:
        work.companion.call(keep_lookups, work.lake, contract.table, work.day, lookups)
    with kept_view(work.lake, contract.table, work.day, lambda: contract, work.companion.call):
        published = work.companion.call(
            publish_day, work.lake, contract.table, work.day, manifests, work.run,
            descriptions=contract.descriptions, grace=grace, despite_erasures=despite_erasures,
            verified=Verified(verification),
        )  # fmt: skip
    work.stages.end("publish")
    return published


# -- several slices: a process each


def _with_processes(work: _Work, processes: int) -> tuple[Failures, Future[Verification]]:
    """Press all slices, the largest first, then prove them; a free process takes the next job.

    The checks are made meanwhile, and are done.
    """
    failures: dict[str, LogpressError] = {}
    jobs = deque(
        Job(_press, (work.contract, work.day, spec, work.lake.uri, work.run))
        for spec in sorted(work.specs, key=lambda spec: -(spec.raw_bytes or 0))
    )
    pressing, proving = list(jobs), list[Job]()
    pieces: dict[str, list[Job]] = {}
    tell, running = work.begin_press(), pressing
    load_cached()
    with Workers(processes) as workers, ThreadPoolExecutor(max_workers=2) as meanwhile:
        seeing = meanwhile.submit(work.see_catalog)
        reading: list[Future[int]] = []
        checking: Future[Verification] | None = None
        try:
            while jobs or workers.is_busy:
                while jobs and workers.free:
                    workers.start(jobs.popleft())
                for job in workers.wait():
                    if job.function is not _press:
                        _compare_if_complete(pieces, job, failures)
                        continue
                    manifest: SliceManifest = job.result
                    work.manifests[manifest.slice] = manifest
                    is_last = len(work.manifests) == len(work.specs)
                    proofs = pieces[manifest.slice] = _proofs(work, manifest, processes, is_last)
                    proving += proofs
                    jobs += proofs
                    parts, _ = staged_files(work.lake, work.day, [manifest], work.run)
                    reading += [meanwhile.submit(work.prove_readable, path) for path in parts]
                    if is_last:
                        tell, running = work.begin_verify(), proving
                        checking = meanwhile.submit(work.check)
                tell(sum(job.done[0] for job in running), sum(job.done[1] for job in running))
                if seeing.done():
                    seeing.result()
            seeing.result()
            for future in reading:
                future.result()
            assert checking is not None
            return failures, checking
        except BaseException:
            meanwhile.shutdown(wait=False, cancel_futures=True)
            raise


def _press(
    contract: Contract, day: date, spec: SliceSpec, lake_uri: str, run: str, *, progress: Progress
) -> SliceManifest:
    return press(contract, day, spec, lake_uri, run, threads=0, progress=progress)


def _proofs(work: _Work, manifest: SliceManifest, processes: int, is_last: bool) -> list[Job]:
    """Jobs that prove a slice: each takes some row groups, and one takes the rejects and the files' SHA-256.

    Of the last slice, row groups that cannot be assigned evenly are split among all processes.
    """
    pieces: list[tuple[range | None, tuple[int, int]]] = []
    if manifest.part is not None:
        groups = manifest.part.row_groups
        shared = groups % processes if is_last else 0
        step = -(-groups // (2 * processes))
        whole = groups - shared
        pieces += [(range(first, min(first + step, whole)), (0, 1)) for first in range(0, whole, step)]
        pieces += [
            (range(group, group + 1), (k, processes)) for group in range(whole, groups) for k in range(processes)
        ]
    pieces.append((None, (0, 1)))
    return [Job(_prove, (manifest, work.lake.uri, work.day, work.run, *piece)) for piece in pieces]


def _prove(
    manifest: SliceManifest,
    lake_uri: str,
    day: date,
    run: str,
    groups: range | None,
    share: tuple[int, int],
    *,
    progress: Progress,
) -> tuple[int, int, str] | PartError:
    """Counts and digest of these row groups' records; without row groups: of the rejects, after checking the files."""
    give_back_once()  # what pressing took; the day's checks need memory meanwhile
    parts, rejects = staged_files(Lake.open(lake_uri), day, [manifest], run)
    if groups is not None:
        try:
            return digest_files(parts, [], threads=0, groups=groups, share=share, progress=progress)
        except PartError as error:
            return error
    prove_files([manifest], parts, rejects)
    return digest_files([], rejects, threads=0, progress=progress)


def _compare_if_complete(pieces: dict[str, list[Job]], job: Job, failures: dict[str, LogpressError]) -> None:
    """Compare a slice's restored records with those that were read, once all its jobs are done; notes a failure."""
    manifest: SliceManifest = job.arguments[0]
    found = [piece.result for piece in pieces[manifest.slice]]
    if any(result is None for result in found):
        return
    damaged = [result for result in found if isinstance(result, PartError)]
    if damaged:
        failures[manifest.slice] = damaged[0]
        return
    try:
        compare([manifest], found)
    except MismatchError as error:
        failures[manifest.slice] = error


# -- one slice: threads


def _with_threads(work: _Work, threads: int) -> tuple[Failures, Future[Verification]]:
    """Press one slice after the other, then prove them; the checks are made meanwhile, and are done."""
    with _short_turns(), ThreadPoolExecutor(max_workers=2) as meanwhile:
        seeing = meanwhile.submit(work.see_catalog)
        summed = Summed(work.begin_press())
        for spec in work.specs:
            work.manifests[spec.name] = press(
                work.contract, work.day, spec, work.lake.uri, work.run,
                threads=threads if threads > 1 else 0, progress=summed.part(),
            )  # fmt: skip
            if seeing.done():
                seeing.result()
        summed = Summed(work.begin_verify())
        checking = meanwhile.submit(work.check)
        with lake_errors(work.lake.uri):
            failures = prove_all(
                work.lake, work.day, work.in_order, work.run,
                threads=threads, summed=summed, readable=work.prove_readable,
            )  # fmt: skip
        seeing.result()
        return failures, checking


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    """Lower Python's switch interval to 0.5 ms in this context, because kernels return to Python often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
