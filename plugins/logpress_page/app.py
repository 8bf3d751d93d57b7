"""The pages, as a FastAPI app that Airflow mounts; who may see what, headers, and errors in their place."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_asset
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException as AnyHTTPException

from logpress.contract import parse_day
from logpress_page import airflow_side, listing, views, words
from logpress_page.states import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HERE = Path(__file__).parent
STATIC = HERE / "static"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
"""Of every answer: nothing from outside, no script or style but our own files, frames of this Airflow only."""


def _version() -> str:
    """Changes with any of the files that browsers keep."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
templates.filters.update(words.FILTERS)
templates.globals.update(counted=words.counted, change=words.change, meanings=MEANINGS, version=_version())


def page(request: Request, template: str, code: int = 200, **values: Any) -> HTMLResponse:
    """A page."""
    root = request.scope.get("root_path", "").rstrip("/")
    text = templates.get_template(template).render(
        path=root, airflow=airflow_side.prefix(), ui=airflow_side.page_link(), **values
    )
    return HTMLResponse(text, code, {"Cache-Control": "no-store"})


app = FastAPI(title="logpress", openapi_url=None)
app.mount("/-/static", StaticFiles(directory=STATIC), name="static")

MayLook = Depends(requires_access_asset(method="GET"))


@app.middleware("http")
async def with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Set the headers of every answer."""
    answer = await call_next(request)
    answer.headers.update(HEADERS)
    return answer


@app.exception_handler(AnyHTTPException)
async def said(request: Request, error: AnyHTTPException) -> Response:
    """An error as a page: who is not logged in is sent to the login, and comes back. As JSON for programs."""
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
    is_logged_out = error.status_code == 401 or (error.status_code, error.detail) == (403, "Invalid JWT token")
    template = "login.html" if is_logged_out else "error.html"
    return page(request, template, error.status_code, status=error.status_code, detail=error.detail)


def _now() -> datetime:
    return datetime.now(UTC)


@app.get("/", response_class=HTMLResponse, dependencies=[MayLook])
def all_tables(request: Request, user: GetUserDep, session: SessionDep) -> HTMLResponse:
    """Each table: the newest day that is due in a sentence and four tiles, and a calendar."""
    found = views.overview(user, session, _now())
    if len(found.tables) == 1 and found.problem is None:
        return _table_page(request, found.tables[0], listing.Filter())
    return page(request, "tables.html", view=found)


@app.get("/-/run", response_class=HTMLResponse, dependencies=[MayLook])
def run_page(request: Request, dag_id: str, run_id: str, user: GetUserDep, session: SessionDep) -> HTMLResponse:
    """The day of a DAG run."""
    table = airflow_side.table_of(dag_id)
    day = None
    if table is not None and airflow_side.may_see_runs(user, table):
        day = airflow_side.day_of_dag_run(dag_id, run_id, session)
    if table is None or day is None:
        return page(request, "no_day.html", dag_id=dag_id)
    return _day_page(request, table, day, user, session, is_tab=True)


Chosen = Annotated[listing.Filter, Depends(listing.Filter.of)]


@app.get("/{table}", response_class=HTMLResponse, dependencies=[MayLook])
def table_page(request: Request, table: str, user: GetUserDep, session: SessionDep, chosen: Chosen) -> HTMLResponse:
    """A table: the answer, the calendar, the trends, and a list of its days."""
    found = views.overview(user, session, _now(), table)
    if not found.tables:
        raise HTTPException(404, found.problem or f"there is no table {table}, or you may not see it")
    return _table_page(request, found.tables[0], chosen)


def _table_page(request: Request, table: views.TableView, chosen: listing.Filter) -> HTMLResponse:
    return page(request, "table.html", view=table, list=listing.listed(table.days, chosen))


@app.get("/{table}/days.csv", dependencies=[MayLook])
def days_csv(table: str, user: GetUserDep, session: SessionDep, chosen: Chosen) -> Response:
    """The days of a table that a filter chooses, as CSV."""
    found = views.overview(user, session, _now(), table)
    if not found.tables:
        raise HTTPException(404, found.problem or f"there is no table {table}, or you may not see it")
    text = listing.csv_of(listing.chosen(found.tables[0].days, chosen))
    name = {"Content-Disposition": f'attachment; filename="{table}-days.csv"'}
    return Response(text, media_type="text/csv", headers=name)


@app.get("/{table}/{day}", response_class=HTMLResponse, dependencies=[MayLook])
def day_page(request: Request, table: str, day: str, user: GetUserDep, session: SessionDep) -> HTMLResponse:
    """A day."""
    try:
        found = parse_day(day)
    except ValueError as error:
        raise HTTPException(404, str(error)) from error
    return _day_page(request, table, found, user, session, is_tab=False)


def _day_page(
    request: Request, table: str, day: date, user: GetUserDep, session: SessionDep, *, is_tab: bool
) -> HTMLResponse:
    found = views.overview(user, session, _now(), table)
    if not found.tables:
        raise HTTPException(404, found.problem or f"there is no table {table}, or you may not see it")
    return page(request, "day.html", view=views.day_view(found.tables[0], day, user), is_tab=is_tab)
