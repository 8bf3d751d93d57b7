"""A page in the Airflow UI (Browse, Pressed days): what is published in the lake, and what each day and column takes.

It reads the manifests with the rights of the api-server itself, and shows them to users who may see assets.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.api_fastapi.core_api.security import requires_access_asset
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import Variable
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

from logpress.contract import contract_names, parse_day
from logpress.manifest import DayManifest

SHOWN_DAYS = 60
PATH = "/logpress"

templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
templates.filters["bytes"] = lambda count: _bytes(count)


@dataclass(frozen=True)
class Column:
    """What one column of a day takes."""

    name: str
    stored_bytes: int
    encodings: str


def lake_uri() -> str | None:
    """The lake of this Airflow, as the DAGs take it."""
    found: str | None = Variable.get("logpress_lake", default=None) or os.environ.get("LOGPRESS_LAKE")
    return found


def published(uri: str, tables: list[str], limit: int = SHOWN_DAYS) -> Iterator[DayManifest]:
    """The newest days of each table, newest first."""
    import fsspec

    filesystem, root = fsspec.core.url_to_fs(uri)
    for table in tables:
        paths = sorted(filesystem.glob(f"{root}/{table}/dt=*/_manifest.json"), reverse=True)
        for path in paths[:limit]:
            yield DayManifest.model_validate_json(filesystem.cat_file(path))


def columns(day: DayManifest) -> list[Column]:
    """What the columns of a day take in all its parts, the largest first."""
    sizes: dict[str, int] = {}
    encodings: dict[str, set[str]] = {}
    for manifest in day.slices:
        for column in manifest.part.columns if manifest.part else ():
            sizes[column.name] = sizes.get(column.name, 0) + column.stored_bytes
            encodings.setdefault(column.name, set()).update(column.encodings)
    found = [Column(name, size, ", ".join(sorted(encodings[name]))) for name, size in sizes.items()]
    return sorted(found, key=lambda column: -column.stored_bytes)


app = FastAPI(title="logpress", openapi_url=None, dependencies=[Depends(requires_access_asset(method="GET"))])


@app.get("/", response_class=HTMLResponse)
def days_page() -> str:
    """All published days, newest first."""
    uri = lake_uri()
    days = list(published(uri, contract_names())) if uri else []
    return templates.get_template("days.html").render(lake=uri, days=days, path=PATH, limit=SHOWN_DAYS)


@app.get("/{table}/{day}", response_class=HTMLResponse)
def day_page(table: str, day: str) -> str:
    """The size report of one day."""
    uri = lake_uri()
    if not uri or table not in contract_names():
        raise HTTPException(404, "there is no such table")
    manifest = _read(uri, table, day)
    return templates.get_template("day.html").render(day=manifest, columns=columns(manifest), path=PATH)


def _read(uri: str, table: str, day: str) -> DayManifest:
    import fsspec

    try:
        path = f"{uri.rstrip('/')}/{table}/dt={parse_day(day)}/_manifest.json"
        with fsspec.open(path) as file:
            return DayManifest.model_validate_json(file.read())
    except (ValueError, FileNotFoundError) as error:
        raise HTTPException(404, f"{table} has no published day {day}") from error


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


class PressedDays(AirflowPlugin):
    """Adds the page to the UI's menu."""

    name = "logpress"
    fastapi_apps: list[Any] = [{"app": app, "url_prefix": PATH, "name": "logpress"}]  # noqa: RUF012 (Airflow's own form)
    external_views: list[Any] = [  # noqa: RUF012
        {
            "name": "Pressed days",
            "href": f"{PATH}/",
            "url_route": "pressed-days",
            "destination": "nav",
            "category": "browse",
        }
    ]
