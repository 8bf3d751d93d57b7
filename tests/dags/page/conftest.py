"""The page as Airflow serves it, without a network: the whole app of the api-server, and users of each role."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

PLUGINS = Path(__file__).parents[3] / "plugins"
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)

Ask = Callable[..., Any]
"""`ask(path, role)`: an answer of the page, as a browser of a user with that role gets it."""


@pytest.fixture(scope="session")
def plugins_on_path() -> Iterator[None]:
    """Airflow puts the folder of plugins on the path."""
    sys.path.append(str(PLUGINS))
    yield
    sys.path.remove(str(PLUGINS))


@pytest.fixture(scope="session")
def app(airflow_home: Path, plugins_on_path: None) -> Any:
    """The api-server's app, with all plugins."""
    from airflow.api_fastapi.app import create_app

    return create_app(apps="core")


@pytest.fixture(scope="module")
def nothing_ran(airflow_home: Path) -> None:
    """Airflow's database has no runs and no assets, whichever tests ran before in this process."""
    from airflow.models.asset import AssetModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(DagRun))
        session.execute(delete(AssetModel))


@pytest.fixture
def ask(app: Any, nothing_ran: None, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """The page at noon, because at night yesterday may not be due yet."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    noon = datetime.combine(YESTERDAY + timedelta(days=1), time(12), UTC)
    monkeypatch.setattr(sys.modules["logpress_page.app"], "_now", lambda: noon)
    client = TestClient(app, raise_server_exceptions=True)

    def answer(path: str, role: str | None = "ADMIN", accept: str = "text/html") -> Any:
        headers = {"Accept": accept}
        if role is not None:
            user = SimpleAuthManagerUser(username=role.lower(), role=role)
            headers["Authorization"] = f"Bearer {get_auth_manager().generate_jwt(user)}"
        return client.get(f"/logpress{path}", headers=headers)

    return answer


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the lake that the page shows; nothing is in it."""
    monkeypatch.setenv("LOGPRESS_LAKE", str(tmp_path / "lake"))
    return tmp_path / "lake"


@pytest.fixture
def runs(airflow_home: Path) -> Iterator[Callable[..., str]]:
    """Makes runs of the table's DAG: `runs(day, state)` gives the run's id."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from sqlalchemy import delete

    made: list[str] = []

    def make(day: date, state: str, dag_id: str = "sdk_log_daily", **parts: Any) -> str:
        run_id = f"made_{len(made)}_{day}"
        with create_session() as session:
            run = DagRun(
                dag_id=dag_id, run_id=run_id, run_type="manual", state=DagRunState(state), run_after=datetime.now(UTC),
                partition_key=day.isoformat(), start_date=datetime.now(UTC), **parts,
            )  # fmt: skip
            run.end_date = datetime.now(UTC) if state in ("failed", "success") else None
            session.add(run)
        made.append(run_id)
        return run_id

    yield make
    with create_session() as session:
        session.execute(delete(DagRun).where(DagRun.run_id.in_(made)))
