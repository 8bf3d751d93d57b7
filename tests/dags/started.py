"""Airflow as `make up` starts it, for tests of what only its scheduler does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.dags.airflow_api import Api

ROOT = Path(__file__).parents[2]


@dataclass
class Started:
    """A running `scripts/up.py`."""

    api: Api
    process: subprocess.Popen[str]
    lake: Path


@contextmanager
def started(home: Path, **environment: str) -> Iterator[Started]:
    """Start it in a folder, logged in as admin, and stop all of it in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRFLOW") or name == "AIRFLOW__CORE__DAGS_FOLDER"
    }
    own = {"AIRFLOW_HOME": str(home), "AIRFLOW__API__PORT": str(port), "LOGPRESS_LAKE": str(home / "lake")}
    command: list[str | Path] = [ROOT / "scripts/with-airflow", sys.executable, ROOT / "scripts/up.py"]
    process = subprocess.Popen(command, env=inherited | own | environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        assert any("Airflow is ready: http://127.0.0.1:" in line for line in said), said
        api = Api(f"http://127.0.0.1:{port}")
        password = json.loads((home / "simple_auth_manager_passwords.json.generated").read_text())["admin"]
        assert any(password in line for line in said)
        api.token = api("POST", "/auth/token", {"username": "admin", "password": password})["access_token"]
        yield Started(api, process, home / "lake")
    finally:
        family = [process, *psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        try:
            process.wait(60)
        finally:
            for member in family:
                if member.pid != process.pid and member.is_running():
                    member.kill()
