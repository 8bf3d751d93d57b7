"""Example of a DAG that depends on a table: it starts for each published day of sdk_log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, PartitionedAssetTimetable, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from logpress_dags.docs import TRAINING_EXAMPLE
from logpress_dags.settings import day_of, lake, storage_access
from logpress_dags.table import OWNER, asset_of

TABLE = asset_of("sdk_log")
COLUMNS = [
    "client_app_id",
    "user_created_at",
    "func_name",
    "request_begin_at",
    "response_elapsed_ms",
    "response_status_code",
]


@dag(
    description="Loads each published day of sdk_log, as a training DAG would begin",
    doc_md=TRAINING_EXAMPLE,
    schedule=PartitionedAssetTimetable(assets=TABLE),
    start_date=datetime(2000, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={"day": Param(None, type=["null", "string"], format="date", title="Day")},
    tags=["logpress", "example", "sdk_log"],
    default_args={"owner": OWNER, "retries": 2, "retry_delay": timedelta(minutes=1)},
)
def sdk_log_training_example() -> None:
    """Load each day as soon as it is published."""

    @task
    def load_day() -> list[int]:
        """Load a few columns of the day into pandas, and print their size; skip it if nothing has changed."""
        from logpress import open_lake

        context = get_current_context()
        day = day_of(context)
        events = context["triggering_asset_events"].get(TABLE, [])
        if events and not any(event.extra.get("changed", True) for event in events):
            raise AirflowSkipException(f"{day} was published again with the same files")
        uri = next((event.extra["lake"] for event in reversed(events) if "lake" in event.extra), None) or lake()
        with storage_access(uri):
            frame = open_lake(uri).table("sdk_log").scan(day, day, columns=COLUMNS).to_pandas()
        print(f"{day}: {len(frame):,} calls of {frame['client_app_id'].nunique():,} games")
        return list(frame.shape)

    load_day()


sdk_log_training_example()
