"""An Airflow of its own for the tests: a fresh AIRFLOW_HOME and database, the DAGs of this checkout, small raw logs.

The environment is set when pytest loads this file, before anything imports airflow, because Airflow reads it then.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HOME = Path(tempfile.mkdtemp(prefix="logpress-airflow-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

RECORDS = 2_000


def _airflow_environment() -> dict[str, str]:
    """The environment of scripts/with-airflow, with the tests' own folders before it."""
    own = {
        "AIRFLOW_HOME": str(HOME),
        "LOGPRESS_LAKE": str(HOME / "lake"),
        "LOGPRESS_INPUT": str(HOME / "raw" / "{day}"),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "LOGPRESS_"))}
    kept = {name: value for name, value in os.environ.items() if name in ("LOGPRESS_CACHE_DIR", "LOGPRESS_THREADS")}
    output = subprocess.run(
        [ROOT / "scripts/with-airflow", "env", "-0"],
        env=inherited | kept | own,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return dict(line.split("=", 1) for line in output.split("\0") if line)


os.environ.update(_airflow_environment())


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """AIRFLOW_HOME with a migrated database."""
    with (HOME / "migrate.log").open("wb") as log:
        subprocess.run(["airflow", "db", "migrate"], stdout=log, stderr=log, check=True)
    return HOME


@pytest.fixture
def dags(airflow_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The DAGs of this checkout by id, loaded as Airflow loads them; anew for each test, as a task's process does.

    The smallest hour is a slice, so that runs have two.
    """
    from airflow.dag_processing.dagbag import DagBag

    text = (ROOT / "include/logpress/contract/tables/sdk_log.yaml").read_text()
    assert "\nfiles:\n" in text
    (tmp_path / "sdk_log.yaml").write_text(text.replace("\nfiles:\n", "\nfiles:\n  merge_bytes: 0\n"))
    monkeypatch.setenv("LOGPRESS_CONTRACTS", str(tmp_path))
    bag = DagBag(ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder")
    assert bag.import_errors == {}
    return bag.dags


@pytest.fixture(scope="session")
def raw() -> Callable[..., Path]:
    """Makes two hours of raw logs of a day, once: `raw(day)` gives their folder."""
    from logpress.sample import parse_hours, write_sample

    def make(day: date, records: int = RECORDS) -> Path:
        folder = HOME / "raw" / day.isoformat()
        if not folder.exists():
            write_sample(folder, day, records, hours=parse_hours("10-11"))
        return folder

    return make
