"""What the page asks Airflow: who looks, what they may do, and the runs of days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AssetDetails, DagAccessEntity, DagDetails
from airflow.configuration import conf
from airflow.models.asset import AssetModel
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from sqlalchemy import select

from logpress.day.run_day import day_of_run
from logpress.errors import UsageError
from logpress_page.states import Run

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from sqlalchemy.orm import Session

PATH = "/logpress"
"""Where Airflow mounts the page."""
ROUTE = "pressed-days"
"""What Airflow's UI calls the page: /plugin/pressed-days."""

_DAILY = "_daily"
_RUNS = 3_000
"""Runs of a DAG that are read, the newest."""


def prefix() -> str:
    """The path below which Airflow is served, without a slash at its end; empty for most."""
    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


def dag_of(table: str) -> str:
    """The DAG of a table."""
    return f"{table}{_DAILY}"


def table_of(dag_id: str) -> str | None:
    """The table of a DAG; None if it is no daily DAG."""
    return dag_id.removesuffix(_DAILY) if dag_id.endswith(_DAILY) else None


def may_read(user: BaseUser, table: str, session: Session) -> bool:
    """Whether a user may see the days of a table: its asset and its DAG."""
    manager: Any = get_auth_manager()
    asset = session.scalar(select(AssetModel.id).where(AssetModel.name == table))
    if asset is not None and not manager.is_authorized_asset(
        method="GET", details=AssetDetails(id=str(asset)), user=user
    ):
        return False
    return bool(manager.is_authorized_dag(method="GET", details=_details(table), user=user))


def may_see_runs(user: BaseUser, table: str) -> bool:
    """Whether a user may see the runs of a table's DAG."""
    return _may(user, table, "GET")


def may_trigger(user: BaseUser, table: str) -> bool:
    """Whether a user may press days of a table."""
    return _may(user, table, "POST")


def _may(user: BaseUser, table: str, method: Any) -> bool:
    return bool(
        get_auth_manager().is_authorized_dag(
            method=method, access_entity=DagAccessEntity.RUN, details=_details(table), user=user
        )
    )


def _details(table: str) -> DagDetails:
    return DagDetails(id=dag_of(table), team_name=DagModel.get_team_name(dag_of(table)))


def runs_of(table: str, lake: str | None, session: Session) -> list[Run]:
    """The newest runs of a table's DAG that have a day and publish into the page's lake."""
    columns = (
        DagRun.run_id, DagRun.partition_key, DagRun.conf, DagRun.logical_date, DagRun.state, DagRun.run_after,
        DagRun.start_date, DagRun.end_date,
    )  # fmt: skip
    query = select(*columns).where(DagRun.dag_id == dag_of(table)).order_by(DagRun.id.desc()).limit(_RUNS)
    found = []
    for row in session.execute(query):
        form = row.conf if isinstance(row.conf, dict) else {}
        if form.get("lake") not in (None, "", lake):
            continue
        day = _day(row.partition_key, form.get("day"), row.logical_date)
        if day is not None:
            began_at = row.start_date or row.run_after
            found.append(Run(dag_of(table), row.run_id, day, str(row.state), began_at, row.end_date))
    return found


def day_of_dag_run(dag_id: str, run_id: str, session: Session) -> date | None:
    """The day of a run; None if there is no such run, or it has no day."""
    query = select(DagRun.partition_key, DagRun.conf, DagRun.logical_date)
    row = session.execute(query.where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one_or_none()
    if row is None:
        return None
    form = row.conf if isinstance(row.conf, dict) else {}
    return _day(row.partition_key, form.get("day"), row.logical_date)


def _day(key: str | None, form_day: Any, logical_date: Any) -> date | None:
    try:
        return day_of_run(key, form_day if isinstance(form_day, str) else None, logical_date)
    except UsageError:
        return None


def run_link(dag_id: str, run_id: str) -> str:
    """The address of a run in Airflow's UI."""
    return f"{prefix()}/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}"


def dag_link(table: str) -> str:
    """The address of a table's DAG in Airflow's UI."""
    return f"{prefix()}/dags/{quote(dag_of(table))}"


def page_link(path: Sequence[str] = ()) -> str:
    """The address of the page, or of one below it, within Airflow's UI."""
    return f"{prefix()}/plugin/{ROUTE}{PATH}/{'/'.join(quote(part) for part in path)}"
