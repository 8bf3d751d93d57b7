"""A small server of users' last calls, as an example of a serving machine: FastAPI, one process, read-only."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Annotated, Any

import pyarrow as pa
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from logpress.errors import LogpressError, UsageError
from logpress.reading import open_lake
from logpress.reading.user_history import History
from logpress.version import __version__

ARROW = "application/vnd.apache.arrow.stream"
"""Media type of an Arrow IPC stream (IANA)."""

REFRESH_SECONDS = 60.0
"""How often it looks for days that were made since."""

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Upper bounds of the histogram of seconds."""


class Metrics:
    """Counts of requests, as Prometheus reads them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_status: dict[int, int] = {}
        self._seconds = [0] * (len(_BUCKETS) + 1)
        self._sum = 0.0

    def add(self, status: int, seconds: float) -> None:
        """Count a request."""
        with self._lock:
            self._by_status[status] = self._by_status.get(status, 0) + 1
            self._seconds[sum(seconds > bound for bound in _BUCKETS)] += 1
            self._sum += seconds

    def text(self) -> str:
        """The counts in Prometheus' text format, version 0.0.4."""
        with self._lock:
            lines = ["# TYPE logpress_requests_total counter"]
            lines += [f'logpress_requests_total{{status="{s}"}} {n}' for s, n in sorted(self._by_status.items())]
            lines.append("# TYPE logpress_request_seconds histogram")
            seen = 0
            for bound, count in zip([*map(str, _BUCKETS), "+Inf"], self._seconds, strict=True):
                seen += count
                lines.append(f'logpress_request_seconds_bucket{{le="{bound}"}} {seen}')
            lines += [f"logpress_request_seconds_sum {self._sum:.6f}", f"logpress_request_seconds_count {seen}"]
        return "\n".join(lines) + "\n"


class _Histories:
    """The histories of a lake's tables, each opened when it is first asked for, and refreshed now and then."""

    def __init__(self, lake_uri: str, days: int) -> None:
        self._lake_uri = lake_uri
        self._days = days
        self._lock = threading.Lock()
        self._found: dict[str, tuple[History, float]] = {}

    def __getitem__(self, table: str) -> History:
        now = time.monotonic()
        found = self._found.get(table)
        if found is not None and now < found[1] + REFRESH_SECONDS:
            return found[0]
        with self._lock:
            found = self._found.get(table)
            if found is None:
                history = open_lake(self._lake_uri).table(table).history(days=self._days)
                self._found[table] = history, now
                return history
            if now >= found[1] + REFRESH_SECONDS:
                self._found[table] = found[0], now  # also if it fails: what was read stays good
                found[0].refresh()
            return found[0]


def server_of(lake_uri: str, token: str, *, days: int = 7) -> FastAPI:
    """The application.

    Args:
        lake_uri: the lake.
        token: what clients must send, as `Authorization: Bearer TOKEN`.
        days: newest days that are looked at.

    Raises:
        UsageError: if the token is too short to be a secret.
    """
    if len(token) < 16:
        raise UsageError("the token has fewer than 16 characters; make one with `openssl rand -hex 24`")
    metrics, histories = Metrics(), _Histories(lake_uri, days)
    expected = f"Bearer {token}".encode()

    def see_token(authorization: Annotated[str, Header()] = "") -> None:
        if not hmac.compare_digest(authorization.encode(), expected):
            raise HTTPException(401, "send the token: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})

    app = FastAPI(title="logpress serve", version=__version__, docs_url="/docs", redoc_url=None)

    @app.middleware("http")
    async def counted(request: Request, call_next: Callable[[Request], Any]) -> Response:
        began = time.perf_counter()
        response: Response = await call_next(request)
        if request.url.path.startswith("/history"):
            metrics.add(response.status_code, time.perf_counter() - began)
        return response

    @app.exception_handler(LogpressError)
    def refused(request: Request, error: LogpressError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 400 if isinstance(error, UsageError) else 503)

    @app.get("/health", response_class=PlainTextResponse)
    def health() -> str:
        """Whether the server runs."""
        return "ok\n"

    @app.get("/metrics", response_class=PlainTextResponse, dependencies=[Depends(see_token)])
    def shown_metrics() -> str:
        """Counts and seconds of requests, for Prometheus."""
        return metrics.text()

    @app.get("/history/{table}", dependencies=[Depends(see_token)])
    def history(
        table: str,
        user: Annotated[list[str], Query(description="a value for each column of the contract's `entity`, in order")],
        calls: Annotated[int, Query(ge=1, le=10_000)] = 200,
        columns: Annotated[list[str] | None, Query()] = None,
        before: Annotated[str | None, Query(description="only earlier calls, ISO 8601")] = None,
        accept: Annotated[str, Header()] = "",
    ) -> Response:
        """The last calls of a user, the newest last: JSON, or an Arrow stream if the client accepts that."""
        found = histories[table].last(*user, calls=calls, columns=columns, before=before)
        if ARROW in accept:
            return Response(_stream(found), media_type=ARROW)
        return JSONResponse({"calls": list(_rows(found))})

    return app


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for row in table.to_pylist():
        yield {
            name: value.isoformat().replace("+00:00", "Z") if isinstance(value, date) else value
            for name, value in row.items()
        }
