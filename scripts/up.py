"""Start Airflow with its UI on this machine, print address and password, and stop it all on Ctrl-C.

`airflow standalone` does nearly the same, but its log servers listen on all addresses.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

COMPONENTS = {
    "api-server": ("airflow", "api-server"),
    "scheduler": ("airflow", "scheduler", "--skip-serve-logs"),
    "dag-processor": ("airflow", "dag-processor"),
    "triggerer": ("airflow", "triggerer", "--skip-serve-logs"),
}
START_SECONDS = 180
SAMPLE = Path(__file__).parents[1] / "sample"


def main() -> None:
    """Start all components, and stop them on Ctrl-C, or when one of them ends."""
    home = Path(os.environ["AIRFLOW_HOME"])
    _see_port_is_free(int(os.environ["AIRFLOW__API__PORT"]))
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)  # passwords and logs are in it; the lake's files are as readable as the user's umask says
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, _interrupt)
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        print(f"preparing the database in {home} ...", flush=True)
        with (logs / "migrate.log").open("wb") as log:
            subprocess.run(["airflow", "db", "migrate"], stdout=log, stderr=log, check=True)
        _sample_of_yesterday()
        print(f"starting {', '.join(COMPONENTS)} (their logs: {logs}) ...", flush=True)
        for component, command in COMPONENTS.items():
            with (logs / f"{component}.log").open("wb") as log:
                # In a process group of its own, so that Ctrl-C reaches only this process, which stops them in order.
                running[component] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            if component == "api-server":  # the others ask it, and tasks that start before it answers fail once
                _wait_until_healthy(running, ("metadatabase",))
        _wait_until_healthy(running, ("metadatabase", "scheduler", "dag_processor"))
        print(_greeting(home), flush=True)
        while True:
            _check(running)
            time.sleep(1)
    except KeyboardInterrupt:
        print("\nstopping ...", flush=True)
    finally:
        _stop(running)


def _sample_of_yesterday() -> None:
    """Make raw logs of yesterday, which is the first scheduled day, unless another input was named."""
    day = datetime.now(UTC).date() - timedelta(days=1)
    if Path(os.environ["LOGPRESS_INPUT"]) != SAMPLE or (SAMPLE / f"{day:%Y/%m/%d}").exists():
        return
    print(f"making a sample of yesterday in {SAMPLE} ...", flush=True)
    options = ("--records", "100000", "--hours", "10-11", "--day", str(day), "--output", str(SAMPLE), "--quiet")
    subprocess.run(["logpress", "sample", *options], check=True)


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _check(running: dict[str, subprocess.Popen[bytes]]) -> None:
    for component, process in running.items():
        if process.poll() is not None:
            sys.exit(f"the {component} ended with code {process.returncode}; see its log in the folder named above")


def _see_port_is_free(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            sys.exit(
                f"another program listens on port {port} already; stop it, or choose another: "
                f"AIRFLOW__API__PORT={port + 1} make up"
            )


def _wait_until_healthy(running: dict[str, subprocess.Popen[bytes]], parts: Sequence[str]) -> None:
    url = f"{os.environ['AIRFLOW__API__BASE_URL']}/api/v2/monitor/health"
    for _ in range(START_SECONDS):
        _check(running)
        try:
            with urlopen(url, timeout=5) as answer:
                health = json.load(answer)
            if all(health[name]["status"] == "healthy" for name in parts):
                return
        except (URLError, OSError, ValueError):
            pass
        time.sleep(1)
    sys.exit(f"Airflow was not healthy after {START_SECONDS} s; see the logs in the folder named above")


def _greeting(home: Path) -> str:
    passwords = json.loads((home / "simple_auth_manager_passwords.json.generated").read_text())
    lines = [f"\nAirflow is ready: {os.environ['AIRFLOW__API__BASE_URL']}"]
    lines += [f"  user {user}, password {password}" for user, password in passwords.items()]
    return "\n".join([*lines, "Ctrl-C stops it."])


def _stop(running: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in running.values():
        if process.poll() is None:
            process.terminate()
    for component, process in running.items():
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            print(f"the {component} does not stop; killing it", flush=True)
            os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
