"""The link from tasks to the page of their day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs
from airflow.configuration import conf
from airflow.sdk import BaseOperatorLink

from logpress.errors import UsageError
from logpress_dags.settings import day_of, is_other_lake

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

PAGE = "/plugin/pressed-days/logpress"
"""Where Airflow's UI shows the page; plugins/pressed_days.py puts it there."""


@attrs.define()
class DayLink(BaseOperatorLink):
    """Opens the page of the day that a task's run presses.

    Airflow asks for it when the task ends, and keeps it with the try.
    """

    table: str

    @property
    def name(self) -> str:
        """What the button says."""
        return "Pressed day"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The address; none if the run has no day, or publishes into another lake than the page shows."""
        context = ti_key.get_template_context()  # of the running task: Airflow gives more here than its types say
        try:
            day = day_of(context)
        except UsageError:
            return ""
        lake = context["params"].get("lake")
        if lake and is_other_lake(lake):
            return ""
        base = (conf.get("api", "base_url", fallback="") or "").rstrip("/")
        return f"{base}{PAGE}/{quote(self.table)}/{day}"
