"""What happens to a day, one function per task of the DAG; the command line calls the same functions.

Every function depends only on (table, day, slice, run) and what lies in the lake, so each can be killed and run again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, timedelta

from logpress.contract.model import Contract
from logpress.day.budget import Budget
from logpress.day.plan import Changes, changes_since, list_objects, plan_day
from logpress.day.proving import heal_all, prove_all, staged_files, write_staged
from logpress.engine.convert.duplicates import count_across, run_paths, seen_path
from logpress.engine.press import press_slice
from logpress.errors import LakeError, UsageError
from logpress.kernel.ahead import compile_ahead
from logpress.lake import Lake, publish_day
from logpress.lake.catalog import check_configured
from logpress.lake.leftovers import GRACE, remove_leftovers
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest, SliceManifest, SliceSpec
from logpress.progress import Progress, Summed
from logpress.quality.checks import CheckResult, kept_whole, raise_if_failed, run_checks
from logpress.quality.completeness import prove_complete, prove_distinct, prove_unchanged
from logpress.quality.proof import prove_accounts
from logpress.quality.size_report import DayReport
from logpress.sources.restart import waited_for
from logpress.sources.search.address import is_cluster


def default_threads() -> int:
    """As many threads as this process may use cores."""
    return max(1, len(os.sched_getaffinity(0)))


def plan(
    contract: Contract, day: date, inputs: Sequence[str] = (), *, wait: timedelta | None = None
) -> list[SliceSpec]:
    """Cut a day's raw input into slices (hours, small ones together, large ones cut), and say where it is taken from.

    Args:
        contract: the table; its `source.inputs` are taken where `inputs` is empty.
        day: the UTC day.
        inputs: files, folders, globs or URIs.
        wait: how long to wait for an index that is missing, red or still being written, where the contract wants that;
            None where no one would ever wait.

    Raises:
        UsageError: if no inputs are named.
        AbsentError: if they hold nothing of the day.
        NotYetError: if an index is not as it must be, and it is not to be waited for.
        SourceError: if an input cannot be read.
    """
    named = list(inputs or contract.source.inputs)
    if not named:
        raise UsageError(
            f"nothing says where the raw records of {contract.table} lie: give --input, or name `source.inputs` in its "
            "contract"
        )
    if wait is None:
        return plan_day(contract, day, named)
    return waited_for(lambda: plan_day(contract, day, named), wait, f"{contract.table} {day}")


def changes(contract: Contract, day: date, lake_uri: str, inputs: Sequence[str] = ()) -> Changes | None:
    """How the raw objects of a day differ from those it was published from; None if it was not published from any.

    Raises:
        SourceError: if an input is not there, or cannot be read.
        LakeError: if the lake cannot be read.
    """
    try:
        published = Lake.open(lake_uri).read_day(contract.table, day)
    except UsageError:  # there is no lake yet
        return None
    except LakeError:  # a damaged manifest, which pressing mends
        return None
    if published is None:
        return None
    named = [uri for uri in inputs or contract.source.inputs if not is_cluster(uri)]
    if contract.source.use == "first":  # the others were not read
        named = [uri for uri in named if uri in published.taken_from]
    return changes_since(list_objects(contract, day, named), published) if named else None


def press(
    contract: Contract,
    day: date,
    spec: SliceSpec,
    lake_uri: str,
    run: str,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    memory: int | None = None,
) -> SliceManifest:
    """Press one slice into the run's staging.

    Args:
        contract: the table.
        day: the UTC day.
        spec: the slice.
        lake_uri: the lake, made if missing.
        run: whose staging it goes to.
        threads: threads that convert; as many as cores, and as `memory` has room for, if None.
        progress: called with raw bytes and records done so far.
        memory: bytes that this process may take; half of what there is if None.

    Raises:
        SourceError: if an input cannot be read.
        LakeError: if staging cannot be written.
    """
    lake = Lake.create(lake_uri)
    check_configured(lake)
    folder = lake.staging_folder(contract.table, day, run, spec.name)
    if threads is None:
        threads = Budget.of(memory).threads(contract, default_threads())
        threads = threads if threads > 1 else 0
    compile_ahead("press")
    with lake_errors(folder):
        manifest = press_slice(contract, day, spec, folder, threads=threads, progress=progress)
        write_staged(lake, manifest, run)
    return manifest


def prove(
    contract: Contract,
    day: date,
    manifests: Sequence[SliceManifest],
    lake_uri: str,
    run: str,
    *,
    specs: Sequence[SliceSpec] = (),
    threads: int | None = None,
    progress: Progress | None = None,
    memory: int | None = None,
) -> list[SliceManifest]:
    """Prove that a run's staged slices hold exactly what was read; for `memory` see `press`.

    A slice whose records do not all come back is pressed once more, with these kept whole, and proven again.

    Args:
        contract: the table.
        day: the UTC day.
        manifests: what was staged.
        lake_uri: the lake.
        run: whose staging it is.
        specs: what was pressed; only these slices can be pressed once more.
        threads: threads that render, and press; as many as cores if None.
        progress: called with bytes and records done so far.
        memory: bytes that this process may take.

    Returns:
        What is staged now: to be checked and published. It is what was given, but for slices pressed once more.

    Raises:
        ProofError: if slices do not hold what was read.
    """
    lake = Lake.open(lake_uri)
    prove_counts(contract, day, manifests, lake, run)
    compile_ahead("press")
    threads = threads or Budget.of(memory).threads(contract, default_threads())
    failures = prove_all(lake, day, manifests, run, threads=threads, summed=Summed(progress))
    return heal_all(
        contract, day, specs, manifests, failures, lake, run,
        threads=threads if threads > 1 else 0, summed=Summed(None),
    )  # fmt: skip


def verify(
    contract: Contract,
    day: date,
    manifests: Sequence[SliceManifest],
    lake_uri: str,
    run: str,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    memory: int | None = None,
) -> list[CheckResult]:
    """Prove that a run's staged slices hold exactly what was read, and check them; for the arguments see `prove`.

    Raises:
        ProofError: if they do not; nothing is pressed once more.
        CheckError: if a check of level `fail` is broken.
    """
    prove(contract, day, manifests, lake_uri, run, threads=threads, progress=progress, memory=memory)
    return check(contract, day, manifests, Lake.open(lake_uri), run)


def prove_counts(contract: Contract, day: date, manifests: Sequence[SliceManifest], lake: Lake, run: str) -> None:
    """Prove that counts add up, within logpress and, where the source can count, against the source.

    Raises:
        ProofError: if they do not.
        SourceError: if the source cannot be asked any more.
    """
    prove_accounts(manifests)
    prove_complete(manifests, contract.source)
    prove_unchanged(manifests, contract.source)
    prove_distinct(lake, day, manifests, run)


def check(contract: Contract, day: date, manifests: Sequence[SliceManifest], lake: Lake, run: str) -> list[CheckResult]:
    """Run the contract's checks over staged slices.

    Raises:
        CheckError: if a check of level `fail` is broken.
    """
    parts, _ = staged_files(lake, day, manifests, run)
    results = [*run_checks(contract, manifests, parts), *input_warnings(manifests), *kept_whole(manifests)]
    if contract.source.duplicates == "reject":
        results += _repeats_across(lake, day, manifests, run)
    raise_if_failed(results)
    return results


_SHOWN_DAMAGE = 5
"""Damaged inputs that a warning names; the manifests name them all."""


def input_warnings(manifests: Sequence[SliceManifest]) -> list[CheckResult]:
    """Warn of records whose day nothing tells, and of inputs that could be read in part only; nothing where none is."""
    found = []
    count = sum(manifest.without_day for manifest in manifests)
    if count:
        message = (
            f"{count:,} records name no day that can be read, and their input may be of any day: they are rejects "
            "(no_day) of each day that is pressed from it. Name the input after its day, with {day} or a folder of the "
            "day, or let the contract's `day` be a column that can be read"
        )
        found.append(CheckResult(check="records without a day", level="warn", ok=False, message=message))
    damage = {uri: text for manifest in manifests for uri, text in manifest.damage.items()}
    if damage:
        named = [f"{uri}: {text}" for uri, text in list(damage.items())[:_SHOWN_DAMAGE]]
        if len(damage) > len(named):
            named.append(f"and {len(damage) - len(named):,} more")
        message = f"of {len(damage):,} damaged input{'s' * (len(damage) > 1)} only what can be read is pressed: "
        message += "; ".join(named)
        found.append(CheckResult(check="damaged inputs", level="warn", ok=False, message=message))
    return found


def _repeats_across(lake: Lake, day: date, manifests: Sequence[SliceManifest], run: str) -> list[CheckResult]:
    """Count the rows that are equal to a row of another slice, or run of one; they are kept, and warned of."""
    folders = [lake.staging_folder(manifest.table, day, run, manifest.slice) for manifest in manifests]
    with lake_errors(lake.uri):
        paths = [
            path
            for folder, manifest in zip(folders, manifests, strict=True)
            for path in run_paths(seen_path(folder, manifest.slice))
        ]
        if len(paths) < 2:
            return []
        count = count_across(paths)
    where = "another slice" + (", or of one millions of rows before" if len(paths) > len(manifests) else "")
    message = f"{count:,} rows are equal to a row of {where}, as after a delivery that was repeated; they are kept"
    return [CheckResult(check="duplicates across slices", level="warn", ok=count == 0, message=message)]


def publish(
    contract: Contract,
    day: date,
    manifests: Sequence[SliceManifest],
    lake_uri: str,
    run: str,
    *,
    grace: timedelta = GRACE,
) -> DayManifest:
    """Make a verified run the day's published content, in one commit.

    Raises:
        LakeError: if the lake refuses; the day is then as it was.
    """
    return publish_day(
        Lake.open(lake_uri), contract.table, day, manifests, run, descriptions=contract.descriptions, grace=grace
    )


def report(contract: Contract, day: date, lake_uri: str) -> DayReport:
    """What the published day saved.

    Raises:
        UsageError: if there is no such lake.
        LakeError: if the day is not published.
    """
    return DayReport.of(Lake.open(lake_uri).need_day(contract.table, day))


def clean(contract: Contract, day: date, lake_uri: str, run: str) -> None:
    """Remove what a run has staged, and what earlier runs have left behind; does nothing where there is no lake.

    Raises:
        LakeError: if it cannot be removed.
    """
    try:
        lake = Lake.open(lake_uri)
    except UsageError:
        return
    with lake_errors(lake.uri):
        lake.storage.remove(lake.staging_folder(contract.table, day, run))
    remove_leftovers(lake, contract.table)
