"""Airflow's notifiers of a table: a day that failed, has warnings, is good again, or is late."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseNotifier, Variable
from airflow.sdk.configuration import conf

from logpress.day.run_day import day_of_run
from logpress.errors import LogpressError, UsageError
from logpress_dags import channels
from logpress_dags.messages import Message, to_do_after
from logpress_dags.settings import lake, storage_access

if TYPE_CHECKING:
    from datetime import date

    from airflow.sdk import Context

log = logging.getLogger(__name__)

_MOST_WARNINGS = 5
"""Warnings that a message has; the log has all."""


class FailureNotifier(BaseNotifier):
    """Tells that a task has failed for good: an `on_failure_callback` of tasks.

    Of mapped tasks that fail in one run, the first is told.
    """

    def __init__(self, table: str) -> None:
        super().__init__()
        self.table = table

    def notify(self, context: Context) -> None:
        """Tell."""
        task = context["ti"]
        if getattr(task, "map_index", -1) >= 0 and _has_failed_before(task):
            log.info("nobody is told, because another slice of this run failed before")
            return
        day = _day_text(context)
        sentence = _sentence(context.get("exception"))
        message = Message(
            kind="failure",
            table=self.table,
            day=day,
            sentence=sentence,
            to_do=to_do_after(task.task_id, sentence),
            task=task.task_id,
            run=task.run_id,
            log_url=_log_url(task),
            page_url=page_url(self.table, day),
        )
        if channels.tell(message):
            _keep_alarm(self.table, "failure", day)


class LateNotifier(BaseNotifier):
    """Tells that a day was not published in time: the callback of a DeadlineAlert, which an executor runs."""

    def __init__(self, table: str, due_seconds: float, context: Context | None = None) -> None:
        super().__init__(context)
        self.table = table
        self.due = timedelta(seconds=due_seconds)

    def notify(self, context: Context) -> None:
        """Tell, unless the run has succeeded or another one has published the day meanwhile."""
        run: Any = context["dag_run"]  # as the API shows it: Airflow gives these callbacks no other context
        form_day = (run.get("conf") or {}).get("day")
        day = day_of_run(run.get("partition_key"), form_day, None)
        if run["state"] == "success" or _is_published(self.table, day):
            log.info("nobody is told, because %s %s is published", self.table, day)
            return
        url = f"{_base_url()}/dags/{quote(run['dag_id'])}/runs/{quote(run['dag_run_id'])}"
        message = Message(
            kind="late",
            table=self.table,
            day=day.isoformat(),
            sentence=f"{self.table} {day} is not published {self.due} after the end of the day (`alerts.due`); "
            f"its run is {run['state']}.",
            to_do="See in the run which task waits, is retried, or has failed; readers do not see the day yet.",
            task=None,
            run=run["dag_run_id"],
            log_url=url,
            page_url=page_url(self.table, day.isoformat()),
        )
        channels.tell(message)


def published(context: Context, table: str, day: str, warnings: Sequence[str]) -> None:
    """Tell that a day was published with warnings; or that it is the first good one after a failure or warnings.

    Args:
        context: of the task that published it.
        table: of the day.
        day: YYYY-MM-DD.
        warnings: the messages of the checks of level `warn` that are broken.
    """
    task = context["ti"]
    common = {"table": table, "day": day, "task": task.task_id, "run": task.run_id}
    links = {"log_url": _log_url(task), "page_url": page_url(table, day)}
    if warnings:
        more = f"; and {len(warnings) - _MOST_WARNINGS} more" if len(warnings) > _MOST_WARNINGS else ""
        message = Message(
            kind="warning",
            sentence=f"{'; '.join(warnings[:_MOST_WARNINGS])}{more}.",
            to_do="The day is published, and readers see it. See whether the input is as it should be; the log of "
            "`verify` has all checks.",
            **common,
            **links,
        )
        if channels.tell(message):
            _keep_alarm(table, "warning", day)
        return
    alarm = _alarm(table)
    if alarm is None:
        return
    what, other = alarm
    before = "" if other == day else f", the first good day after the {what} of {other}"
    message = Message(
        kind="recovery",
        sentence=f"{table} {day} is published without warnings{before}.",
        to_do=f"{other} may still have to be pressed again." if what == "failure" and other != day else "Nothing.",
        **common,
        **links,
    )
    channels.tell(message)
    _forget_alarm(table)


def page_url(table: str, day: str | None) -> str:
    """The day's page; without a day, the page of all days."""
    return f"{_base_url()}/logpress/{f'{quote(table)}/{day}' if day else ''}"


def _base_url() -> str:
    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")


def _log_url(task: Any) -> str:
    """The log of a task's try; the run, where Airflow says of a task no more than that it was killed."""
    found = getattr(task, "log_url", None)
    return str(found or f"{_base_url()}/dags/{quote(task.dag_id)}/runs/{quote(task.run_id)}")


def _day_text(context: Context) -> str | None:
    run = context["dag_run"]
    try:
        return day_of_run(run.partition_key, (run.conf or {}).get("day"), run.logical_date).isoformat()
    except UsageError:
        return None


def _sentence(error: object) -> str:
    """What the log says last; of an exception that is not ours its kind, as its text may hold anything."""
    sentence = getattr(error, "sentence", None)
    if sentence is not None:
        return str(sentence)
    if isinstance(error, BaseException):
        return f"{type(error).__name__}, which logpress does not expect; the log of the task has more."
    return "The task was killed, perhaps because it took too much memory; its log may end early."


def _has_failed_before(task: Any) -> bool:
    """Whether another of the run's mapped tasks of the same name has failed."""
    try:
        states = task.get_task_states(dag_id=task.dag_id, task_ids=[task.task_id], run_ids=[task.run_id])
    except Exception:  # told twice is better than not at all
        return False
    own = f"{task.task_id}_{task.map_index}"
    return any(state == "failed" and name != own for name, state in states.get(task.run_id, {}).items())


def _is_published(table: str, day: date) -> bool:
    from logpress.lake import Lake

    try:
        uri = lake()
        with storage_access(uri):
            return Lake.open(uri).read_day(table, day) is not None
    except LogpressError:
        return False


# The last failure or warning that somebody was told of, so that the first good day after it is told, too.


def _key(table: str) -> str:
    return f"logpress_alarm_{table}"


def _keep_alarm(table: str, what: str, day: str | None) -> None:
    try:
        Variable.set(_key(table), json.dumps({"what": what, "day": day}), description="what people were told last")
    except Exception as error:
        log.warning("the next good day will not be told as such: %s", type(error).__name__)


def _alarm(table: str) -> tuple[str, str] | None:
    try:
        text = Variable.get(_key(table), default=None)
        found = json.loads(text) if text else None
        return (str(found["what"]), str(found["day"] or "a run without a day")) if found else None
    except Exception as error:
        log.warning("whether the day before was good is not known: %s", type(error).__name__)
        return None


def _forget_alarm(table: str) -> None:
    try:
        Variable.delete(_key(table))
    except Exception as error:
        log.warning("this will be told again: %s", type(error).__name__)
