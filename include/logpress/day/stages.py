"""The stages of a day, one function a task of the DAG; the command line calls the same functions.

Each function depends only on (table, day, slice, run) and the lake, so it can be killed and run again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from logpress.contract.model import Contract
from logpress.day.budget import Budget, default_threads
from logpress.day.lookups import publish_with_lookups
from logpress.day.past import past_of
from logpress.day.plan import Changes, changed_objects, plan_day
from logpress.day.proving import heal_all, prove_all, staged_files, write_staged
from logpress.day.reports import report_day
from logpress.engine.convert.duplicates import count_across, run_paths, seen_path
from logpress.engine.press import press_slice
from logpress.engine.registers.stored_columns import stored_columns
from logpress.errors import CheckError, LakeError, UsageError
from logpress.hashing.digest import combine
from logpress.kernel.ahead import compile_ahead
from logpress.lake import Lake
from logpress.lake.catalog import check_configured
from logpress.lake.forget import forget_due_unless_busy
from logpress.lake.leftovers import remove_leftovers, remove_run
from logpress.lake.publish import see_erasures
from logpress.lake.staged import read_verified, write_verified
from logpress.lake.storage import lake_errors
from logpress.lake.types import see_table
from logpress.manifest import DayManifest, SliceManifest, SliceSpec
from logpress.progress import Progress, Summed
from logpress.quality.checks.run import input_warnings, kept_whole, raise_if_failed, run_checks, see_checks
from logpress.quality.completeness import prove_complete, prove_distinct, prove_unchanged
from logpress.quality.prices import Prices
from logpress.quality.proof import prove_accounts
from logpress.quality.size_report import DayReport
from logpress.results import CheckResult, Verification
from logpress.sources.restart import waited_for


def plan(
    contract: Contract, day: date, inputs: Sequence[str] = (), *, wait: timedelta | None = None
) -> list[SliceSpec]:
    """Cut a day's raw input into slices: hours, with small ones joined and large ones cut.

    Args:
        contract: the table; its `source.inputs` are used if `inputs` is empty.
        day: the UTC day.
        inputs: files, folders, globs or URIs.
        wait: how long to wait for an index that is missing, red or still being written, if the contract allows it; None
            to raise at once.

    Raises:
        UsageError: if no inputs are named.
        ContractError: if a check's condition or pattern cannot be used.
        AbsentError: if they have nothing of the day.
        NotYetError: if an index is not ready after `wait`.
        SourceError: if an input cannot be read.
    """
    see_checks(contract)
    named = list(inputs or contract.source.inputs)
    if not named:
        raise UsageError(
            f"no raw input of {contract.table} is named; give --input, or set `source.inputs` in its contract"
        )
    if wait is None:
        return plan_day(contract, day, named)
    return waited_for(lambda: plan_day(contract, day, named), wait, f"{contract.table} {day}")


def see_lake(contract: Contract, lake_uri: str) -> None:
    """See that days of a contract can be published in a lake, if there is one, before hours are spent on a day.

    Raises:
        LakeError: if the catalog does not answer, or has the table elsewhere.
        UsageError: if nothing names the catalog, or the lake must be migrated first.
        ContractError: if a column has a type now that cannot be reconciled with that of published days.
    """
    try:
        lake = Lake.open(lake_uri)
    except UsageError:  # the first press makes it
        return
    lake.see_layout()
    see_table(lake, contract.table, stored_schema(contract))


def stored_schema(contract: Contract) -> pa.Schema:
    """The columns of a contract's part files."""
    return pa.schema([pa.field(column.name, column.type) for column in stored_columns(contract)])


def changes(contract: Contract, day: date, lake_uri: str, inputs: Sequence[str] = ()) -> Changes | None:
    """Compare a day's raw objects with those it was published from; None if it was not published from objects.

    Raises:
        SourceError: if an input is missing, or cannot be read.
        LakeError: if the lake cannot be read.
    """
    try:
        published = Lake.open(lake_uri).read_day(contract.table, day)
    except UsageError:  # the lake does not exist yet
        return None
    except LakeError:  # the manifest is damaged; pressing replaces it
        return None
    if published is None:
        return None
    return changed_objects(contract, day, inputs, published)


def open_staging(contract: Contract, day: date, lake_uri: str, run: str) -> None:
    """Make the lake if it is missing, and see that it takes files of a run, before any work is done.

    Raises:
        UsageError: if there is something else in the lake's place, or no catalog is named for it.
        LakeError: if it cannot be written.
        LogpressError: as `see_lake` does.
    """
    see_lake(contract, lake_uri)
    lake = Lake.create(lake_uri)
    check_configured(lake)
    probe = f"{lake.staging_folder(contract.table, day, run)}/{_PROBE}"
    with lake_errors(probe):
        lake.write(probe, bytes(_PROBE_BYTES))
        lake.remove(probe)


_PROBE = "_probe"
_PROBE_BYTES = 1 << 20
"""What a lake must have room for at least; a full disk refuses so much at once."""


def see_nothing_erased(contract: Contract, day: date, lake_uri: str) -> None:
    """See that no records were erased from a day that is to be pressed again, because pressing brings them back.

    Raises:
        UsageError: if some were.
        LakeError: if the lake cannot be read.
    """
    try:
        lake = Lake.open(lake_uri)
    except UsageError:  # the lake does not exist yet
        return
    see_erasures(lake, contract.table, day)


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
        lake_uri: the lake; created if missing.
        run: the run whose staging it goes to.
        threads: threads that convert; if None, the number of cores, or fewer if `memory` does not allow as many.
        progress: called with raw bytes and records done so far.
        memory: bytes that this process may take; half of the available memory if None.

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
    """Prove that a run's staged slices have exactly the records that were read; for `memory` see `press`.

    If some records of a slice are not restored, it is pressed again with them kept whole, and proven again.

    Args:
        contract: the table.
        day: the UTC day.
        manifests: the manifests of the staged slices.
        lake_uri: the lake.
        run: the run whose staging it is.
        specs: the slices that were pressed; only these can be pressed again.
        threads: threads that render and press; the number of cores if None.
        progress: called with bytes and records done so far.
        memory: bytes that this process may take.

    Returns:
        The manifests to check and publish, with those of slices that were pressed again replaced.

    Raises:
        ProofError: if slices have other records than were read.
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
) -> Verification:
    """Prove a run's staged slices, and run the contract's checks; for the arguments see `prove`.

    Raises:
        ProofError: if slices have other records than were read; none is pressed again.
        CheckError: if a check of level `fail` fails.
    """
    began = time.monotonic()
    prove(contract, day, manifests, lake_uri, run, threads=threads, progress=progress, memory=memory)
    lake, seconds = Lake.open(lake_uri), time.monotonic() - began
    return note_verified(lake, contract, day, run, check(contract, day, manifests, lake, run, prove_seconds=seconds))


def prove_counts(contract: Contract, day: date, manifests: Sequence[SliceManifest], lake: Lake, run: str) -> None:
    """Prove that counts add up, within logpress and, if the source can count, with the source.

    Raises:
        ProofError: if they do not.
        SourceError: if the source cannot be read any more.
    """
    prove_accounts(manifests)
    prove_complete(manifests, contract.source)
    prove_unchanged(manifests, contract.source)
    prove_distinct(lake, day, manifests, run)


def check(
    contract: Contract,
    day: date,
    manifests: Sequence[SliceManifest],
    lake: Lake,
    run: str,
    *,
    prove_seconds: float = 0.0,
) -> Verification:
    """Run the contract's checks over staged slices that were proven just now.

    Returns:
        What verify found.

    Raises:
        CheckError: if a check of level `fail` fails; it has all that was found.
    """
    proven_at, began = datetime.now(UTC), time.monotonic()
    parts, rejects = staged_files(lake, day, manifests, run)
    findings = run_checks(contract, manifests, parts, past_of(lake, contract, day))
    results = [*findings.checks, *input_warnings(manifests), *kept_whole(manifests)]
    if contract.source.duplicates == "reject":
        results += _repeats_across(lake, day, manifests, run)
    found = Verification(
        proven_at=proven_at,
        records=sum(manifest.rows + manifest.rejects for manifest in manifests),
        raw_bytes=sum(manifest.raw_bytes for manifest in manifests),
        files=len(parts) + len(rejects),
        digest=combine(manifest.digest for manifest in manifests),
        prove_seconds=prove_seconds,
        check_seconds=time.monotonic() - began,
        checks=tuple(results),
        profile=findings.profile,
    )
    try:
        raise_if_failed(results)
    except CheckError as error:
        error.verification = found
        raise
    return found


def note_verified(lake: Lake, contract: Contract, day: date, run: str, verification: Verification) -> Verification:
    """Note what verify found in the run's staging, for `publish`; gives it back.

    Raises:
        LakeError: if staging cannot be written.
    """
    write_verified(lake, contract.table, day, run, verification)
    return verification


def _repeats_across(lake: Lake, day: date, manifests: Sequence[SliceManifest], run: str) -> list[CheckResult]:
    """Warn about rows that equal a row of another slice, or of another run of the same; these rows are kept."""
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
    where = "another slice" + (", or one millions of rows earlier" if len(paths) > len(manifests) else "")
    message = f"{count:,} rows equal a row of {where}; they are kept. Was a delivery repeated?"
    return [CheckResult(check="duplicates across slices", level="warn", ok=count == 0, message=message)]


def publish(
    contract: Contract,
    day: date,
    manifests: Sequence[SliceManifest],
    lake_uri: str,
    run: str,
    *,
    grace: timedelta | None = None,
    run_id: str | None = None,
) -> DayManifest:
    """Publish a verified run as the day's content, in one commit, with what verify found.

    Args:
        contract: the table.
        day: the UTC day.
        manifests: the manifests of the staged slices.
        lake_uri: the lake.
        run: the run whose staging it is.
        grace: how long superseded files and snapshots are kept; the lake's retention if None.
        run_id: Airflow's run, if it is one.

    Raises:
        UsageError: if records were erased from the published day.
        LakeError: if the lake refuses; the published day is then unchanged.
    """
    lake = Lake.open(lake_uri)
    verification = read_verified(lake, contract.table, day, run)
    return publish_with_lookups(
        lake, contract, day, manifests, run, grace=grace, verification=verification, run_id=run_id
    )


def report(contract: Contract, day: date, lake_uri: str) -> DayReport:
    """The report of a published day, with the median of the days before it.

    Raises:
        UsageError: if the lake does not exist, or a price in the environment is no number.
        LakeError: if the day is not published.
    """
    return report_day(Lake.open(lake_uri), contract, day, Prices.of_environment())


def clean(contract: Contract, day: date, lake_uri: str, run: str) -> None:
    """Remove the staged files of a run, and what earlier runs and erasures left behind; does nothing without a lake.

    Raises:
        LakeError: if they cannot be removed.
    """
    try:
        lake = Lake.open(lake_uri)
    except UsageError:
        return
    remove_run(lake, contract.table, day, run)
    remove_leftovers(lake, contract.table)
    forget_due_unless_busy(lake, contract.table)
