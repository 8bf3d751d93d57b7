"""A page in the Airflow UI (Browse, Pressed days; a tab of each DAG run): what there is of each day, and how it is.

It reads the lake's index and manifests with the api-server's own rights, or those of the connection aws_default, and
shows them to users who may see the table's asset and DAG.
"""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from logpress_page.airflow_side import PATH, ROUTE, prefix
from logpress_page.app import app


class PressedDays(AirflowPlugin):
    """Adds the page to the UI's menu, and the page of a run's day to the run."""

    name = "logpress"
    fastapi_apps: ClassVar[list[Any]] = [{"app": app, "url_prefix": PATH, "name": "logpress"}]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Pressed days",
            "href": f"{prefix()}{PATH}/",
            "url_route": ROUTE,
            "destination": "nav",
            "category": "browse",
        },
        {
            "name": "Pressed day",
            "href": f"{prefix()}{PATH}/-/run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
            "url_route": "pressed-day",
            "destination": "dag_run",
        },
    ]
