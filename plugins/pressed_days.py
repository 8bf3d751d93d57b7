"""A page in the Airflow UI (Browse, Pressed days): the published days of the lake, with the size of each column.

It reads the manifests with the api-server's own rights, and shows them to users who may see assets.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.api_fastapi.core_api.security import requires_access_asset
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import Variable
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

from logpress.contract import contract_names, load_contract, parse_day
from logpress.errors import LogpressError, UsageError

if TYPE_CHECKING:
    from datetime import date

    from logpress.lake import Lake
    from logpress.quality.size_report import DayReport

SHOWN_DAYS = 60
PATH = "/logpress"

templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)


def lake_uri() -> str | None:
    """The lake of this Airflow; the setting is that of the DAGs."""
    found: str | None = Variable.get("logpress_lake", default=None) or os.environ.get("LOGPRESS_LAKE")
    return found


def newest_days(uri: str, limit: int = SHOWN_DAYS) -> list[DayReport]:
    """The newest published days of each table, newest first."""
    from logpress.lake import Lake

    lake = Lake.open(uri)
    days = [(table, day) for table in contract_names() for day in sorted(lake.days(table), reverse=True)[:limit]]
    return [report(lake, table, day) for table, day in days]


def report(lake: Lake, table: str, day: date) -> DayReport:
    """The report of a published day."""
    from logpress.quality.size_report import DayReport

    return DayReport.of(lake.need_day(table, day))


def render(template: str, **values: Any) -> str:
    """A page."""
    from logpress.quality.size_report import human_bytes

    return templates.get_template(template).render(path=PATH, human_bytes=human_bytes, **values)


app = FastAPI(title="logpress", openapi_url=None, dependencies=[Depends(requires_access_asset(method="GET"))])


@app.get("/", response_class=HTMLResponse)
def days_page() -> str:
    """All published days, newest first."""
    uri = lake_uri()
    try:
        days = newest_days(uri) if uri else []
    except UsageError:  # the lake is created when its first day is pressed
        days = []
    return render("days.html", lake=uri, days=days, limit=SHOWN_DAYS)


@app.get("/{table}/{day}", response_class=HTMLResponse)
def day_page(table: str, day: str) -> str:
    """The size report of one day."""
    from logpress.lake import Lake

    try:
        found = report(Lake.open(lake_uri() or ""), load_contract(table).table, parse_day(day))
    except (LogpressError, ValueError) as error:
        raise HTTPException(404, str(error)) from error
    return render("day.html", day=found)


class PressedDays(AirflowPlugin):
    """Adds the page to the UI's menu."""

    name = "logpress"
    fastapi_apps: ClassVar[list[Any]] = [{"app": app, "url_prefix": PATH, "name": "logpress"}]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Pressed days",
            "href": f"{PATH}/",
            "url_route": "pressed-days",
            "destination": "nav",
            "category": "browse",
        }
    ]
