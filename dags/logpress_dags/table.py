"""The daily DAG of a table: one run presses and publishes one UTC day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import (
    DAG,
    Asset,
    AsyncCallback,
    CronPartitionTimetable,
    DeadlineAlert,
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

from logpress.errors import ContractError
from logpress_dags import tasks
from logpress_dags.day import is_complete
from logpress_dags.docs import BROKEN, DAILY
from logpress_dags.links import DayLink
from logpress_dags.metrics import timed
from logpress_dags.notifiers import FailureNotifier
from logpress_dags.settings import Run, day_of, is_other_lake
from logpress_dags.task_log import FINAL, TaskEndedForGood, explained

if TYPE_CHECKING:
    from logpress.contract.model import Contract

OWNER = "data-platform"

SCHEDULE = CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d")
"""The day of a run is its partition key; the run at midnight presses the day that has just ended."""

START = datetime(2000, 1, 1, tzinfo=UTC)
"""Before any log, because Airflow marks runs with an earlier logical date as successful without running any task."""

SHORT, LONG = timedelta(hours=1), timedelta(hours=12)
"""Longest that a task may run, for tasks that move no raw data, and that do; a slice takes minutes."""

NO_RETRY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[TaskEndedForGood, *FINAL],
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
        "force": Param(
            False,
            type="boolean",
            title="Press again",
            description="Press the day even if it is current: same raw input, contract and version of logpress",
        ),
    }


def table_dag(contract: Contract) -> DAG:
    """The DAG `<table>_daily` of a contract."""
    asset = asset_of(contract.table)

    @dag(
        dag_id=f"{contract.table}_daily",
        description=f"Presses a day of {contract.table}: {contract.description}",
        doc_md=DAILY.format(table=contract.table, lateness=contract.source.lateness),
        schedule=SCHEDULE,
        start_date=START,
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
            "execution_timeout": SHORT,
            "on_failure_callback": FailureNotifier(contract.table),
        },
        deadline=_deadline(contract),
    )
    def daily() -> None:
        @task.sensor(mode="reschedule", poke_interval=300, timeout=timedelta(days=3).total_seconds())
        @explained
        def wait_until_complete() -> bool:
            """Wait until the day has ended, and the lateness of its records has passed."""
            return is_complete(day_of(get_current_context()), contract.source.lateness, datetime.now(UTC))

        @setup
        @explained
        def open_staging() -> Run:
            """Determine the settings of all the run's tasks: day, lake, inputs and staging; try the lake."""
            return tasks.open_staging(contract)

        @task(show_return_value_in_logs=False, execution_timeout=contract.source.wait + SHORT)
        @explained
        def plan(run: Run) -> list[dict[str, Any]]:
            """Cut the day's raw input into slices; skip the run if the day is current."""
            with timed(contract.table, "plan"):
                return tasks.plan(contract, run)

        # Setups, because they create the staging that `clean` removes. So Airflow presses and verifies again whenever
        # a later task is cleared, and never publishes files that this try has not proven.
        @setup
        @task(
            map_index_template="{{ slice_name }}",
            show_return_value_in_logs=False,
            pool=contract.source.pool,
            max_active_tis_per_dagrun=contract.source.slices_at_a_time,
            execution_timeout=LONG,
        )
        @explained
        def press(run: Run, spec: dict[str, Any]) -> dict[str, Any]:
            """Press one slice into staging."""
            return tasks.press(contract, run, spec)

        @setup
        @task(show_return_value_in_logs=False, execution_timeout=LONG)
        @explained
        def verify(
            run: Run, specs: Sequence[dict[str, Any]], pressed: Sequence[dict[str, Any]]
        ) -> list[dict[str, Any]]:
            """Prove counts, prove that every record can be restored, and run the contract's checks.

            A slice whose records are not all restored is pressed again. Returns the manifests of such slices.
            """
            with timed(contract.table, "verify"):
                return tasks.verify(contract, run, specs, pressed)

        @task(outlets=[asset])
        @explained
        def publish(
            run: Run, pressed: Sequence[dict[str, Any]], healed: Sequence[dict[str, Any]], *, outlet_events: Any
        ) -> dict[str, Any]:
            """Replace the day in the lake, in one commit, and update the asset so that dependent DAGs start."""
            again = {manifest.slice: manifest for manifest in tasks.manifests_of(healed)}
            manifests = [again.get(manifest.slice, manifest) for manifest in tasks.manifests_of(pressed)]
            with timed(contract.table, "publish"):
                figures = tasks.publish(contract, run, manifests)
            context = get_current_context()
            if is_other_lake(run["lake"]):
                context["task"].outlets = []  # of this try only; Airflow updates what the task has when it ends
                return figures
            outlet_events[asset].extra = figures
            if context["dag_run"].partition_key is None:
                outlet_events[asset].add_partitions(run["day"])
            return figures

        @task
        @explained
        def report(run: Run) -> None:
            """Log the day's size, column by column."""
            with timed(contract.table, "report"):
                tasks.report(contract, run)

        @teardown
        @explained
        def clean(run: Run) -> None:
            """Remove the run's staging, even if the run failed."""
            tasks.clean(contract, run)

        run = open_staging()
        wait_until_complete() >> run
        specs = plan(run)
        pressed = press.partial(run=run).expand(spec=specs)
        verified = verify(run, specs, pressed)
        published = publish(run, pressed, verified)
        reported = report(run)
        published >> reported
        _link_to_page(contract, published, reported)
        [run, pressed, verified, published] >> clean(run)

    return daily()


def _link_to_page(contract: Contract, *tasks_: Any) -> None:
    """Give tasks a link to the page of their day."""
    for one in tasks_:
        one.operator.operator_extra_links = (DayLink(contract.table),)


def _deadline(contract: Contract) -> DeadlineAlert | None:
    """The deadline of a contract's `alerts.due`; None if it has none.

    Raises:
        ContractError: if Airflow lacks the plugin that knows when the day of a run is due.
    """
    due = contract.alerts.due
    if due is None:
        return None
    try:
        from run_days import DayIsDue, tell_late  # plugins/run_days.py: Airflow's folder of plugins is on the path
    except ImportError as error:
        raise ContractError(
            "`alerts.due` needs the plugin run_days.py in Airflow's folder of plugins; copy plugins/ there, or remove "
            "the key"
        ) from error
    told = AsyncCallback(tell_late, {"table": contract.table, "due_seconds": due.total_seconds()})
    return DeadlineAlert(reference=DayIsDue(due.total_seconds()), interval=timedelta(0), callback=told, name="due")


def broken_dag(name: str, reason: str) -> DAG:
    """The DAG `<name>_daily` of a contract that is not valid: each run fails with the reason.

    Args:
        name: the table, which is the name of the contract's file.
        reason: file, line and correction.
    """

    @dag(
        dag_id=f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}_daily",
        description="Its contract is not valid; each run fails and says why",
        doc_md=BROKEN.format(table=name, reason=reason.replace("\n", "\n    ")),
        schedule=SCHEDULE,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        params=form(),
        tags=["logpress", "broken contract"],
        default_args={
            "owner": OWNER,
            "retries": 1,
            "retry_policy": NO_RETRY,
            "on_failure_callback": FailureNotifier(name),
        },
    )
    def broken() -> None:
        @task
        @explained
        def read_contract() -> None:
            """Fail with what is wrong with the contract."""
            raise ContractError(reason)

        read_contract()

    return broken()
