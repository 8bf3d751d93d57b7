"""Days of runs, for Airflow's scheduler and API server: runs by hand show their day, and runs know when they are late.

A plugin, because these parts of Airflow do not import the folder of DAGs.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.definitions.deadline import BaseDeadlineReference

from logpress.day.run_day import day_of_run
from logpress.errors import UsageError

if TYPE_CHECKING:
    from airflow.models import DagRun
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

TAG = "logpress"


def day_of(run: DagRun) -> date | None:
    """The day of a run; None if it has none, or two, which its first task refuses with a sentence."""
    conf = run.conf if isinstance(run.conf, dict) else {}
    try:
        form_day = conf.get("day")
        return day_of_run(run.partition_key, form_day if isinstance(form_day, str) else None, run.logical_date)
    except UsageError:
        return None


@hookimpl
def on_dag_run_running(dag_run: DagRun, msg: str) -> None:
    """Give a run that names its day in the form, or by a logical date, the partition key that scheduled runs have.

    So the UI shows its day, clearing by key finds it, and a backfill of missing days counts it. The scheduler stores it
    with the run's state.
    """
    dag = dag_run.dag
    if dag_run.partition_key is not None or dag is None or TAG not in dag.tags or not dag.timetable.partitioned:
        return
    day = day_of(dag_run)
    if day is not None:
        dag_run.partition_key = day.isoformat()
        dag_run.partition_date = _midnight(day)


@dataclass(eq=False)
class DayIsDue(BaseDeadlineReference):
    """When the day of a run is due: some time after its end.

    None for runs without a day, and for those that begin after that time (backfills, days pressed again): nobody needs
    to be told that a day of last year is late.

    Attributes:
        due_seconds: how long after the day's end.
    """

    due_seconds: float = 0.0
    required_kwargs: ClassVar[set[str]] = {"dag_id", "run_id"}

    def serialize_reference(self) -> dict[str, Any]:
        """As Airflow stores it."""
        return {**super().serialize_reference(), "due_seconds": self.due_seconds}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> DayIsDue:
        """The reverse of `serialize_reference`."""
        return cls(reference_data["due_seconds"])

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime | None:
        from airflow.models import DagRun
        from sqlalchemy import select

        run = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one_or_none()
        day = None if run is None else day_of(run)
        if day is None:
            return None
        due = _midnight(day + timedelta(days=1)) + timedelta(seconds=self.due_seconds)
        return due if due > datetime.now(UTC) else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


class RunDays(AirflowPlugin):
    """Adds both to Airflow."""

    name = "logpress_run_days"
    listeners: ClassVar[list[Any]] = [sys.modules[__name__]]
    deadline_references: ClassVar[list[Any]] = [DayIsDue]
