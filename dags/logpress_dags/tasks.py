"""What the tasks of a table's DAG do: the stages of a day, with their log."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from logpress.errors import AbsentError, CheckError
from logpress.manifest import SliceManifest, SliceSpec
from logpress_dags import lineage, metrics, notifiers
from logpress_dags.day import complete_at
from logpress_dags.settings import Run, is_other_lake, memory, run_of, storage_access
from logpress_dags.task_log import LoggedProgress, compiling_logged, end, rate, show_name

if TYPE_CHECKING:
    from logpress.contract.model import Contract
    from logpress.results import CheckResult

log = logging.getLogger(__name__)

STILL_COMING = timedelta(days=2)
"""How long after a day is complete its missing raw input is still tried again."""

_SHOWN_INPUTS = 5
"""Number of inputs that the log of a slice names."""

_LOG_WIDTH = 120
"""Characters of a line of the report."""


def open_staging(contract: Contract) -> Run:
    """The settings of all the run's tasks; the lake is tried, so that no work is done for one that takes no files.

    Raises:
        UsageError: if day, lake or inputs are not set.
        LakeError: if the lake takes no files.
    """
    from logpress.day import stages

    run = run_of(get_current_context(), contract)
    log.info("%s %s: from %s to %s", contract.table, run["day"], ", ".join(run["inputs"]), run["lake"])
    with storage_access(run["lake"]):
        stages.open_staging(contract, date.fromisoformat(run["day"]), run["lake"], run["name"])
    return run


def plan(contract: Contract, run: Run) -> list[dict[str, Any]]:
    """The day's slices; the run is skipped if the day is current, unless the form says `force`.

    Raises:
        AirflowSkipException: if the day is current.
        TaskEndedForGood: if there is no raw input of a day that has ended long ago.
    """
    from logpress.day import current, stages
    from logpress.day.plan import paced, see_apart

    day = date.fromisoformat(run["day"])
    see_apart(run["inputs"], run["lake"])
    with _access(contract, run, run["inputs"]):
        try:
            specs = stages.plan(contract, day, run["inputs"], wait=contract.source.wait)
        except AbsentError as error:
            if datetime.now(UTC) < complete_at(day, contract.source.lateness) + STILL_COMING:
                raise
            end(error, for_good=True, because="; this is not tried again, because the day ended long ago")
        outdated_by = current.outdated_by(contract, day, specs, run["lake"], run["inputs"])
    if outdated_by is None and not get_current_context()["params"]["force"]:
        raise AirflowSkipException(
            f"{contract.table} {day} is current in {run['lake']}: same raw input, contract and version of logpress; "
            "trigger it with `Press again` to press it all the same"
        )
    with _access(contract, run, ()):
        stages.see_nothing_erased(contract, day, run["lake"])
    log.info("%s %s is pressed: %s", contract.table, day, outdated_by or "`Press again` was chosen")
    inputs, stored = sum(len(spec.inputs) for spec in specs), sum(spec.raw_bytes or 0 for spec in specs)
    log.info("%s of %s, %.1f MB as stored", _counted(len(specs), "slice"), _counted(inputs, "input"), stored / 1e6)
    return [spec.model_dump(mode="json") for spec in paced(specs, contract.source, contract.source.slices_at_a_time)]


def press(contract: Contract, run: Run, spec: dict[str, Any]) -> dict[str, Any]:
    """Press one slice into staging; its manifest."""
    from logpress.day import stages

    slice_ = SliceSpec.model_validate(spec)
    show_name(slice_.name, "slice_name")
    shown = [*slice_.inputs[:_SHOWN_INPUTS], *["..."] * (len(slice_.inputs) > _SHOWN_INPUTS)]
    log.info(
        "slice %s: %s, %.1f MB as stored: %s",
        slice_.name, _counted(len(slice_.inputs), "input"), (slice_.raw_bytes or 0) / 1e6, ", ".join(shown),
    )  # fmt: skip
    with _access(contract, run, slice_.inputs), compiling_logged():
        manifest = stages.press(
            contract, date.fromisoformat(run["day"]), slice_, run["lake"], run["name"], memory=memory(),
            progress=LoggedProgress(f"slice {slice_.name}"),
        )  # fmt: skip
    log.info("slice %s: %s", slice_.name, _pressed(manifest))
    return manifest.model_dump(mode="json")


def verify(
    contract: Contract, run: Run, specs: Sequence[dict[str, Any]], pressed: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Prove and check the staged day; the manifests of slices that were pressed again.

    Raises:
        ProofError: if the files do not give back what was read.
        CheckError: if a check of level `fail` failed; all results are in the log.
    """
    from logpress.day import stages
    from logpress.day.refusals import refusals_kept
    from logpress.lake import Lake

    day, manifests = date.fromisoformat(run["day"]), manifests_of(pressed)
    slices = [SliceSpec.model_validate(spec) for spec in specs]
    keeping = refusals_kept(
        run["lake"], contract.table, day, run["name"], "verify", manifests, run_id=_run_id(),
    )  # fmt: skip
    with _access(contract, run, run["inputs"]), compiling_logged(), keeping:
        began = time.monotonic()
        proven = stages.prove(
            contract, day, manifests, run["lake"], run["name"], specs=slices, memory=memory(),
            progress=LoggedProgress("proof"),
        )  # fmt: skip
        seconds, lake_ = time.monotonic() - began, Lake.open(run["lake"])
        for manifest in proven:
            log.info("slice %s: %s", manifest.slice, _proven(manifest))
        try:
            verification = stages.check(contract, day, proven, lake_, run["name"], prove_seconds=seconds)
        except CheckError as error:
            _tell_checks(contract, run, error.results)
            if not is_other_lake(run["lake"]):
                metrics.day_refused(contract.table, day, error.results, Lake.open(run["lake"]).days(contract.table))
            raise
        stages.note_verified(lake_, contract, day, run["name"], verification)
    _tell_checks(contract, run, verification.checks)
    return [manifest.model_dump(mode="json") for manifest in proven if manifest not in manifests]


def publish(contract: Contract, run: Run, manifests: Sequence[SliceManifest]) -> dict[str, Any]:
    """Replace the day in the lake, in one commit; figures of the day, as the asset's event has them."""
    from logpress.day import stages
    from logpress.day.changed import Publisher, is_changed, published_before
    from logpress.day.refusals import refusals_kept
    from logpress.lake import Lake

    day = date.fromisoformat(run["day"])
    keeping = refusals_kept(run["lake"], contract.table, day, run["name"], "publish", manifests, run_id=_run_id())
    began = run.get("began")  # not where an older logpress opened staging
    publisher = Publisher(run["name"], datetime.fromisoformat(began) if began else datetime.now(UTC))
    with storage_access(run["lake"]), keeping:
        before = published_before(run["lake"], contract.table, day, publisher)
        manifest = stages.publish(contract, day, manifests, run["lake"], run["name"], run_id=_run_id())
        days = Lake.open(run["lake"]).days(contract.table)
    changed = is_changed(before, manifest, publisher)
    ratio = round(manifest.raw_bytes / manifest.stored_bytes, 1) if manifest.stored_bytes else None
    log.info(
        "%s %s is %s in %s: %s rows, %.1f MB raw, %.1f MB stored, ratio %s, snapshot %s",
        contract.table, day, "published" if changed else "unchanged", run["lake"], f"{manifest.rows:,}",
        manifest.raw_bytes / 1e6, manifest.stored_bytes / 1e6, ratio, manifest.snapshot_id,
    )  # fmt: skip
    checks = list(manifest.verification.checks) if manifest.verification is not None else []
    if is_other_lake(run["lake"]):
        log.info("the asset %s is not updated, because %s is not the lake of this Airflow", contract.table, run["lake"])
    else:
        metrics.day_published(manifest, checks, days)
        warnings = [check.message for check in checks if not check.ok]
        notifiers.published(get_current_context(), contract.table, run["day"], warnings)
    lineage.day_published(manifest, run["lake"], run["inputs"])
    return {
        "lake": run["lake"],
        "rows": manifest.rows,
        "raw_bytes": manifest.raw_bytes,
        "stored_bytes": manifest.stored_bytes,
        "ratio": ratio,
        "changed": changed,
    }


def report(contract: Contract, run: Run) -> None:
    """Log the day's size report, column by column."""
    from rich.console import Console

    from logpress.day import stages
    from logpress.reports.text import render_report

    with storage_access(run["lake"]):
        found = stages.report(contract, date.fromisoformat(run["day"]), run["lake"])
    console = Console(width=_LOG_WIDTH, color_system=None)
    with console.capture() as shown:
        console.print(render_report(found, _LOG_WIDTH))
    for line in shown.get().splitlines():
        if line.strip():
            log.info("%s", line.rstrip())


def clean(contract: Contract, run: Run) -> None:
    """Remove the run's staging."""
    from logpress.day import stages

    with storage_access(run["lake"]):
        stages.clean(contract, date.fromisoformat(run["day"]), run["lake"], run["name"])


def manifests_of(pressed: Sequence[dict[str, Any]]) -> list[SliceManifest]:
    """The manifests that mapped tasks have returned."""
    # `[:]` fetches the mapped tasks' results in one request; iterating over them takes one request each.
    return [SliceManifest.model_validate(manifest) for manifest in pressed[:]]


def _run_id() -> str:
    return str(get_current_context()["dag_run"].run_id)


def _access(contract: Contract, run: Run, inputs: Sequence[str]) -> contextlib.AbstractContextManager[None]:
    return storage_access(run["lake"], *inputs, connection=run["connection"], aws=contract.source.aws)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _pressed(manifest: SliceManifest) -> str:
    parts = [part for part in (manifest.part, manifest.rejects_part) if part is not None]
    stored = sum(part.stored_bytes for part in parts)
    return (
        f"{rate(manifest.raw_bytes, manifest.records, manifest.seconds)}; {manifest.rows:,} rows "
        f"({manifest.irregular_rows:,} irregular), {manifest.rejects:,} rejects, {manifest.other_day:,} of other days; "
        f"{stored:,} bytes in {', '.join(part.path for part in parts) or 'no file'}"
    )


def _proven(manifest: SliceManifest) -> str:
    files = _counted((manifest.part is not None) + (manifest.rejects_part is not None), "file")
    return (
        f"proven: {manifest.rows + manifest.rejects:,} records, {manifest.raw_bytes:,} bytes, are restored from "
        f"{files} with digest {manifest.digest}, as they were read; fastparquet reads the same values"
    )


def _tell_checks(contract: Contract, run: Run, checks: Sequence[CheckResult]) -> None:
    for check in checks:
        level = logging.INFO if check.ok else logging.ERROR if check.level == "fail" else logging.WARNING
        log.log(level, "check %s: %s", check.check, check.message)
    lineage.day_checked(contract.table, run["lake"], checks)
