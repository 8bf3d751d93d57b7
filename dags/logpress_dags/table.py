"""The daily DAG of a table: one run presses and publishes one UTC day."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import (
    DAG,
    Asset,
    CronPartitionTimetable,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    dag,
    get_current_context,
    setup,
    task,
    teardown,
)

from logpress.errors import CheckError, ContractError, ProofError, RefusedError, UsageError
from logpress.manifest import SliceManifest, SliceSpec
from logpress_dags.day import is_complete
from logpress_dags.docs import DAILY
from logpress_dags.settings import Run, day_of, memory, run_of, storage_access

if TYPE_CHECKING:
    from logpress.contract.model import Contract

log = logging.getLogger(__name__)

OWNER = "data-platform"

NO_RETRY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[UsageError, ContractError, ProofError, CheckError, RefusedError],
            action=RetryAction.FAIL,
            reason="a retry would fail in the same way; the error says what to do",
        )
    ]
)
"""Errors that a retry cannot cure fail their task at once; all others are retried."""


def asset_of(table: str) -> Asset:
    """The asset that is updated, with the day as partition key, whenever a day of a table is published."""
    return Asset(name=table, group="logpress")


def form() -> dict[str, Param]:
    """The form of a manual run. Each DAG needs its own, because Airflow writes a run's values into the Params."""
    return {
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="UTC day to press, if the run has neither partition key nor logical date",
        ),
        "input": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="Input",
            description="Paths, folders, globs or URIs of raw records, one a line; left empty: as configured",
        ),
        "connection": Param(
            None,
            type=["null", "string"],
            title="Connection",
            description="Airflow connection of the cluster to pull from; left empty: as the contract says",
        ),
        "lake": Param(
            None,
            type=["null", "string"],
            title="Lake",
            description="Folder or URI of the lake to publish to; left empty: as configured",
        ),
    }


def table_dag(contract: Contract) -> DAG:
    """The DAG `<table>_daily` of a contract."""
    asset = asset_of(contract.table)

    @dag(
        dag_id=f"{contract.table}_daily",
        description=f"Presses a day of {contract.table}: {contract.description}",
        doc_md=DAILY.format(table=contract.table, lateness=contract.source.lateness),
        # The day of a run is its partition key; the run at midnight presses the day that has just ended.
        schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
        # Airflow marks runs with an earlier logical date as successful without running any task.
        start_date=datetime(2000, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=4,
        params=form(),
        tags=["logpress", contract.table],
        default_args={
            "owner": OWNER,
            "retries": 3,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=30),
            "retry_policy": NO_RETRY,
        },
    )
    def daily() -> None:
        @task.sensor(mode="reschedule", poke_interval=300, timeout=timedelta(days=3).total_seconds())
        def wait_until_complete() -> bool:
            """Wait until the day has ended, and the lateness of its records has passed."""
            return is_complete(day_of(get_current_context()), contract.source.lateness, datetime.now(UTC))

        @setup
        def open_staging() -> Run:
            """Determine the settings of all the run's tasks: day, lake, inputs and staging."""
            return run_of(get_current_context(), contract)

        @task(show_return_value_in_logs=False)
        def plan(run: Run) -> list[dict[str, Any]]:
            """Cut the day's raw input into slices."""
            from logpress.day import stages
            from logpress.day.plan import paced, see_apart

            day = date.fromisoformat(run["day"])
            see_apart(run["inputs"], run["lake"])
            with storage_access(run["lake"], *run["inputs"], connection=run["connection"], aws=contract.source.aws):
                stages.see_nothing_erased(contract, day, run["lake"])
                specs = stages.plan(contract, day, run["inputs"], wait=contract.source.wait)
                changes = stages.changes(contract, day, run["lake"], run["inputs"])
                print(changes or "the day was not published from raw objects before")
            specs = paced(specs, contract.source, contract.source.slices_at_a_time)
            return [spec.model_dump(mode="json") for spec in specs]

        # Setups, because they create the staging that `clean` removes. So Airflow presses and verifies again whenever
        # a later task is cleared, and never publishes files that this try has not proven.
        @setup
        @task(
            map_index_template="{{ slice_name }}",
            show_return_value_in_logs=False,
            pool=contract.source.pool,
            max_active_tis_per_dagrun=contract.source.slices_at_a_time,
        )
        def press(run: Run, spec: dict[str, Any]) -> dict[str, Any]:
            """Press one slice into staging."""
            from logpress.day import stages

            slice_ = SliceSpec.model_validate(spec)
            get_current_context()["slice_name"] = slice_.name
            with storage_access(run["lake"], *slice_.inputs, connection=run["connection"], aws=contract.source.aws):
                manifest = stages.press(
                    contract, date.fromisoformat(run["day"]), slice_, run["lake"], run["name"], memory=memory()
                )
            return manifest.model_dump(mode="json")

        @setup
        def verify(
            run: Run, specs: Sequence[dict[str, Any]], pressed: Sequence[dict[str, Any]]
        ) -> list[dict[str, Any]]:
            """Prove counts, prove that every record can be restored, and run the contract's checks.

            A slice whose records are not all restored is pressed again. Returns the manifests of such slices.
            """
            from logpress.day import stages
            from logpress.lake import Lake

            day, manifests = date.fromisoformat(run["day"]), _manifests(pressed)
            slices = [SliceSpec.model_validate(spec) for spec in specs]
            with storage_access(run["lake"], *run["inputs"], connection=run["connection"], aws=contract.source.aws):
                proven = stages.prove(contract, day, manifests, run["lake"], run["name"], specs=slices, memory=memory())
                checks = stages.check(contract, day, proven, Lake.open(run["lake"]), run["name"])
            for check in checks:
                log.log(logging.INFO if check.ok else logging.WARNING, "%s", check.message)
            return [manifest.model_dump(mode="json") for manifest in proven if manifest not in manifests]

        @task(outlets=[asset])
        def publish(
            run: Run, pressed: Sequence[dict[str, Any]], healed: Sequence[dict[str, Any]], *, outlet_events: Any
        ) -> dict[str, Any]:
            """Replace the day in the lake, in one commit, and update the asset so that dependent DAGs start."""
            from logpress.day import stages

            again = {manifest.slice: manifest for manifest in _manifests(healed)}
            day = date.fromisoformat(run["day"])
            manifests = [again.get(manifest.slice, manifest) for manifest in _manifests(pressed)]
            with storage_access(run["lake"]):
                manifest = stages.publish(contract, day, manifests, run["lake"], run["name"])
            figures = {
                "lake": run["lake"],
                "rows": manifest.rows,
                "raw_bytes": manifest.raw_bytes,
                "stored_bytes": manifest.stored_bytes,
                "ratio": round(manifest.raw_bytes / manifest.stored_bytes, 1) if manifest.stored_bytes else None,
            }
            outlet_events[asset].extra = figures
            if get_current_context()["dag_run"].partition_key is None:
                outlet_events[asset].add_partitions(run["day"])
            return figures

        @task
        def report(run: Run) -> None:
            """Print the day's size, column by column."""
            from rich.console import Console

            from logpress.day import stages
            from logpress.quality.size_report import render_report

            with storage_access(run["lake"]):
                found = stages.report(contract, date.fromisoformat(run["day"]), run["lake"])
            Console(width=100, color_system=None).print(render_report(found))

        @teardown
        def clean(run: Run) -> None:
            """Remove the run's staging, even if the run failed."""
            from logpress.day import stages

            with storage_access(run["lake"]):
                stages.clean(contract, date.fromisoformat(run["day"]), run["lake"], run["name"])

        run = open_staging()
        wait_until_complete() >> run
        specs = plan(run)
        pressed = press.partial(run=run).expand(spec=specs)
        verified = verify(run, specs, pressed)
        published = publish(run, pressed, verified)
        published >> report(run)
        [run, pressed, verified, published] >> clean(run)

    return daily()


def _manifests(pressed: Sequence[dict[str, Any]]) -> list[SliceManifest]:
    # `[:]` fetches the mapped tasks' results in one request; iterating over them takes one request each.
    return [SliceManifest.model_validate(manifest) for manifest in pressed[:]]
