"""Airflow's API, as the tests use it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SECONDS = 300

DAG_IDS = {"sdk_log_daily", "sdk_log_history", "logpress_lake_clean", "sdk_log_training_example"}
"""All that dags/ makes of the contracts of this checkout."""


@dataclass
class Api:
    """Airflow's API, logged in."""

    base: str
    token: str = ""

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.base + path, data, headers, method=method), timeout=SECONDS) as answer:
            text = answer.read().decode()
        return json.loads(text) if text.startswith(("{", "[")) else text

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            self("GET", "/api/v2/monitor/health")
        except OSError:
            return False
        return True

    def begin(self, path: str, body: dict[str, Any]) -> None:
        """Start something; again where Airflow's requests have locked each other out of SQLite."""
        for _ in range(5):
            try:
                self("POST", path, body)
                return
            except HTTPError as error:
                if error.code == 409:  # it is there, whatever the first answer was
                    return
                if error.code != 500:
                    raise
                time.sleep(2)
        raise AssertionError(f"{path} cannot be started: {body}")

    def trigger(self, run_id: str, body: dict[str, Any]) -> str:
        """Start a run of the day's DAG."""
        self.begin("/api/v2/dags/sdk_log_daily/dagRuns", {"dag_run_id": run_id, "logical_date": None, **body})
        return run_id

    def status(self, method: str, path: str, body: Any = None) -> int:
        """The HTTP status alone."""
        try:
            self(method, path, body)
        except HTTPError as error:
            return error.code
        return 200

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """All runs of a DAG but those that its schedule has started."""
        runs = self("GET", f"/api/v2/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
        return [run for run in runs if run["run_type"] != "scheduled"]

    def wait_for_dags(self) -> None:
        """Wait until Airflow has read all DAGs."""
        known: set[str] = set()

        def are_known() -> bool:
            nonlocal known
            known = {dag["dag_id"] for dag in self("GET", "/api/v2/dags")["dags"]}
            return known == DAG_IDS

        wait_for("the DAGs", are_known, lambda: f"it knows {sorted(known)}")


def wait_for(what: str, check: Any, seen: Any = lambda: "", seconds: float = SECONDS) -> Any:
    """What `check` gives once it gives something; `seen` tells a failure how far it came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(2)
    raise AssertionError(f"after {seconds} s still waiting for {what}: {seen()}")
