"""The DAG of a table's history: days sorted by user, for machines that serve."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, PartitionedAssetTimetable, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from logpress_dags.docs import HISTORY
from logpress_dags.settings import day_of, lake, storage_access
from logpress_dags.table import LONG, NO_RETRY, OWNER, asset_of
from logpress_dags.task_log import LoggedProgress, compiling_logged, explained

if TYPE_CHECKING:
    from logpress.contract.model import Contract

log = logging.getLogger(__name__)


def history_dag(contract: Contract) -> DAG:
    """The DAG `<table>_history` of a contract with `by_user`: it starts for each day that is published."""
    asset = asset_of(contract.table)

    @dag(
        dag_id=f"{contract.table}_history",
        description=f"Sorts each published day of {contract.table} by user, for quick lookups of a user's calls",
        doc_md=HISTORY.format(table=contract.table, keep=contract.by_user.keep if contract.by_user else 0),
        schedule=PartitionedAssetTimetable(assets=asset),
        start_date=datetime(2000, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=2,
        params={"day": Param(None, type=["null", "string"], format="date", title="Day", description="UTC day")},
        tags=["logpress", contract.table],
        default_args={
            "owner": OWNER, "retries": 2, "retry_delay": timedelta(minutes=1), "retry_policy": NO_RETRY,
            "execution_timeout": LONG,
        },
    )  # fmt: skip
    def history() -> None:
        @task
        @explained
        def sort_by_user() -> dict[str, Any]:
            """Sort the day by user, unless it is kept no longer; drop days that are kept no longer."""
            context = get_current_context()
            events = context["triggering_asset_events"].get(asset, [])
            uri = next((event.extra["lake"] for event in reversed(events) if "lake" in event.extra), None) or lake()
            return build(contract, day_of(context), str(uri))

        sort_by_user()

    return history()


def build(contract: Contract, day: date, uri: str) -> dict[str, Any]:
    """Sort a day by user; figures of it.

    Raises:
        AirflowSkipException: if newer days are published, as many as are kept.
    """
    from logpress.lake import Lake
    from logpress.serving.build import build_by_user, kept_days

    with storage_access(uri), compiling_logged():
        if day not in kept_days(Lake.open(uri), contract):
            raise AirflowSkipException(f"{contract.table} {day} is not among the newest days, which are kept by user")
        made, is_made = build_by_user(contract, day, uri, progress=LoggedProgress(f"{contract.table} {day}"))
    stored = sum(file.stored_bytes for file in made.files)
    log.info(
        "%s %s %s sorted by user: %s rows, %.1f MB in %s files",
        contract.table, day, "is" if is_made else "was already", f"{made.rows:,}", stored / 1e6, len(made.files),
    )  # fmt: skip
    return {"rows": made.rows, "stored_bytes": stored, "is_made": is_made}
