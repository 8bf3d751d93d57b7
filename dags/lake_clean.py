"""The DAG that removes what nobody needs any more of the lake, once a day."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from logpress_dags import cleaning
from logpress_dags.docs import LAKE_CLEAN
from logpress_dags.table import LONG, NO_RETRY, OWNER, START
from logpress_dags.task_log import explained


@dag(
    dag_id="logpress_lake_clean",
    description="Removes what nobody needs any more of the lake, as `logpress lake clean` does",
    doc_md=LAKE_CLEAN,
    schedule="0 5 * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    params=cleaning.form(),
    tags=["logpress", "lake"],
    default_args={
        "owner": OWNER,
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "retry_policy": NO_RETRY,
        "execution_timeout": LONG,
    },
)
def lake_clean() -> None:
    """Clean each table by itself, so that one that cannot be cleaned stops no other."""

    @task
    @explained
    def tables() -> list[str]:
        """The tables of the lake."""
        return cleaning.tables()

    @task(map_index_template="{{ table_name }}", max_active_tis_per_dagrun=1)
    @explained
    def clean(table: str) -> None:
        """Remove what nobody needs of a table, and log each file."""
        cleaning.clean(table)

    clean.expand(table=tables())


lake_clean()
