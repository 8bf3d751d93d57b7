"""A whole day in one process, as the command line presses it: the DAG's stages, overlapping.

While a slice is read, the one before it is written and the one before that is proved, so that no core waits.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, timedelta

from logpress.contract.model import Contract
from logpress.engine.group import Stores
from logpress.engine.press import SlicePress, read_slice
from logpress.lake import Lake
from logpress.lake.catalog import see_catalog
from logpress.lake.leftovers import GRACE
from logpress.lake.storage import lake_errors
from logpress.manifest import SliceManifest, SliceSpec
from logpress.progress import Progress, Silent, StageProgress, Summed
from logpress.quality.checks import CheckResult
from logpress.quality.other_reader import OtherReader
from logpress.quality.size_report import DayReport
from logpress.stages import (
    check,
    clean,
    default_threads,
    plan,
    prove_all,
    prove_counts,
    prove_staged,
    publish,
    write_staged,
)


def run_day(
    contract: Contract,
    day: date,
    inputs: Sequence[str],
    lake_uri: str,
    *,
    threads: int | None = None,
    grace: timedelta = GRACE,
    progress: StageProgress | None = None,
    other_reader: OtherReader | None = None,
) -> tuple[DayReport, list[CheckResult]]:
    """Plan, press, verify, publish and report a day, as the DAG does, in this process.

    Args:
        contract: the table.
        day: the UTC day.
        inputs: files, folders, globs or URIs of raw records; the contract's own where there are none.
        lake_uri: the lake, made if missing.
        threads: threads that convert records, and that prove them; as many as cores if None.
        grace: how long superseded files stay.
        progress: hears of the stages.
        other_reader: a process that was started already; it is ended.

    Raises:
        LogpressError: of any stage; the day is then as it was.
    """
    with contextlib.closing(other_reader or OtherReader()) as other, _short_turns():
        specs = plan(contract, day, inputs)
        lake = Lake.create(lake_uri)
        see_catalog(lake, contract.table)
        run = f"local-{uuid.uuid4().hex[:12]}"
        proving = _Proving(lake, day, run, other)
        heard = progress or Silent()
        threads = threads or default_threads()
        try:
            tell = heard.begin("press", sum(spec.raw_bytes or 0 for spec in specs))
            manifests = _press_all(contract, day, specs, lake, run, threads, tell, proving)
            heard.end("press")
            tell = heard.begin("verify", sum(manifest.raw_bytes for manifest in manifests))
            prove_counts(contract, day, manifests, lake, run)
            with ThreadPoolExecutor(max_workers=2, thread_name_prefix="meanwhile") as meanwhile:
                importing = meanwhile.submit(_import_for_publishing)
                checking = meanwhile.submit(check, contract, day, manifests, lake, run)
                proving.finish(threads, tell)
                checks = checking.result()
                importing.result()
            heard.end("verify")
            heard.begin("publish", None)
            published = publish(contract, day, manifests, lake_uri, run, grace=grace)
            heard.end("publish")
        finally:
            proving.stop()
            clean(contract, day, lake_uri, run)
    return DayReport.of(published), checks


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    """Let threads wait no longer than half a millisecond for another one's Python: kernels come back to it often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _import_for_publishing() -> None:
    """Import what publishing needs while kernels prove: while they press, they come back to Python too often."""
    for name in ("pyiceberg.io.pyarrow", "pyiceberg.catalog.sql"):
        importlib.import_module(name)


class _Proving:
    """Proves slices while others are pressed, one at a time; what is left in the end, several at a time."""

    def __init__(self, lake: Lake, day: date, run: str, other: OtherReader) -> None:
        self._lake, self._day, self._run = lake, day, run
        self._summed = Summed(None)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prove")
        self._other = other
        self._jobs: list[tuple[SliceManifest, Future[None]]] = []
        self._last: list[SliceManifest] = []

    def add(self, manifest: SliceManifest, is_last: bool) -> None:
        """A slice is pressed: prove it when the one before is proved; the last one in the end, with all threads."""
        if is_last:
            self._last.append(manifest)
            return
        job = self._worker.submit(
            prove_staged, self._lake, self._day, manifest, self._run,
            threads=1, progress=self._summed.part(), readable=self._other.prove_readable,
        )  # fmt: skip
        self._jobs.append((manifest, job))

    def raise_if_failed(self) -> None:
        """Say what has gone wrong so far."""
        for _, job in self._jobs:
            if job.done() and not job.cancelled():
                job.result()

    def finish(self, threads: int, tell: Progress) -> None:
        """Prove what is not yet proved; returns when all is."""
        self._summed.tell = tell
        waiting = [manifest for manifest, job in self._jobs if job.cancel()] + self._last
        prove_all(
            self._lake, self._day, waiting, self._run,
            threads=threads, summed=self._summed, readable=self._other.prove_readable,
        )  # fmt: skip
        self._worker.shutdown()
        self.raise_if_failed()

    def stop(self) -> None:
        """Begin no more, and wait for what is being proved."""
        self._worker.shutdown(cancel_futures=True)


def _press_all(
    contract: Contract,
    day: date,
    specs: Sequence[SliceSpec],
    lake: Lake,
    run: str,
    threads: int,
    tell: Progress,
    proving: _Proving,
) -> list[SliceManifest]:
    """Press slices one after the other; while one is being finished, the next is read."""
    manifests: list[SliceManifest] = []
    waiting: SlicePress | None = None
    summed = Summed(tell)
    stores = Stores()

    def finish(pressed: SlicePress) -> None:
        manifest = pressed.finish()
        write_staged(lake, manifest, run)
        manifests.append(manifest)
        proving.add(manifest, is_last=len(manifests) == len(specs))

    with lake_errors(lake.uri):
        for spec in specs:
            folder = lake.staging_folder(contract.table, day, run, spec.name)
            try:
                following = read_slice(contract, day, spec, folder, threads, summed.part(), stores)
            finally:
                if waiting is not None:
                    finish(waiting)
            waiting = following
            proving.raise_if_failed()
        if waiting is not None:
            finish(waiting)
    return manifests
