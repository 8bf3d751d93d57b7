"""Run the DAG for one sample day, print the report, restore the day, and compare it with the raw records.

Airflow runs inside this one process (`dag.test`): no service is started, its database is a file in AIRFLOW_HOME.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

DAY = date(2021, 12, 26)
HOURS = "10-11"
RECORDS = os.environ.get("RECORDS", "500000")
TABLE = "sdk_log"
TASK_ENDED = re.compile(r"\[DAG TEST\] end task task_id=(\w+) map_index=(-?\d+)")
ERROR = re.compile(r"[\w.]*(?:Error|Exception): .*")
PIPED: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}


def main() -> None:
    """Run all steps; each prints one line."""
    home, lake, raw = (Path(os.environ[name]) for name in ("AIRFLOW_HOME", "LOGPRESS_LAKE", "LOGPRESS_INPUT"))
    home.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    objects = raw / f"{DAY:%Y/%m/%d}"
    if not objects.exists():
        step(f"making a sample of {int(RECORDS):,} records in {raw}")
        run("logpress", "sample", "--records", RECORDS, "--day", str(DAY), "--hours", HOURS, "--output", str(raw))
    if not (home / "airflow.db").exists():
        step(f"making Airflow's database in {home}")
        run_logged(home / "migrate.log", "airflow", "db", "migrate")
    step(f"running the DAG {TABLE}_daily for {DAY} (log: {home}/run.log)")
    run_dag(home / "run.log", f"{TABLE}_daily", DAY)
    run("logpress", "report", TABLE, "--day", str(DAY), "--lake", str(lake))

    step("restoring the day from its Parquet files")
    restored = home / "restored.ndjson"
    run("logpress", "restore", TABLE, "--day", str(DAY), "--lake", str(lake), "--output", str(restored), "--quiet")
    compare(objects, restored)
    restored.unlink()
    step(f"done in {time.monotonic() - began:.0f} s; the lake is {lake}; next: make up")


def step(what: str) -> None:
    """Print the next step."""
    print(f"==> {what}", flush=True)


def run(*command: str) -> None:
    """Run a command; its failure ends this script."""
    done = subprocess.run(command, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def run_logged(log: Path, *command: str) -> None:
    """Run a command with long output; show the end of its log only if it fails."""
    with log.open("wb") as file:
        done = subprocess.run(command, stdout=file, stderr=file, check=False)
    if done.returncode:
        print("\n".join(log.read_text(errors="replace").splitlines()[-40:]))
        sys.exit(f"{' '.join(command)} failed; the whole log is {log}")


def run_dag(log: Path, dag_id: str, day: date) -> None:
    """Run a DAG for a day without a scheduler; print tasks as they end, and errors as they occur."""
    command = ("airflow", "dags", "test", dag_id, str(day))
    with log.open("w") as file, subprocess.Popen(command, **PIPED) as process:
        assert process.stdout is not None
        for line in process.stdout:
            file.write(line)
            if ended := TASK_ENDED.search(line):
                print(f"    {ended[1]}" + (f" {int(ended[2]) + 1}" if ended[2] != "-1" else ""), flush=True)
            elif error := ERROR.match(line):
                print(f"    {error[0]}", flush=True)
    if process.returncode:
        sys.exit(f"the run has failed; the whole log is {log}")


def compare(objects: Path, restored: Path) -> None:
    """Compare raw and restored records, sorted and without blank lines, with standard Unix tools."""
    read_raw = f"find '{objects}' -type f | sort | xargs gzip -dc"
    raw, back = (sorted_digest(source) for source in (read_raw, f"cat '{restored}'"))
    step(f"sha256 of the raw records, sorted:      {raw}")
    step(f"sha256 of the restored records, sorted: {back}")
    if raw != back:
        sys.exit("they differ: the restored records are not the raw records")
    step("they are the same: every record came back, byte for byte")


def sorted_digest(source: str) -> str:
    """The SHA-256 of the sorted lines that a shell command prints."""
    command = f"set -eu; ({source}) | LC_ALL=C grep -av '^[[:space:]]*$' | LC_ALL=C sort"
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        digest = hashlib.sha256()
        while block := process.stdout.read(1 << 20):
            digest.update(block)
    if process.returncode:
        sys.exit(f"cannot read back: {command}")
    return digest.hexdigest()


if __name__ == "__main__":
    main()
