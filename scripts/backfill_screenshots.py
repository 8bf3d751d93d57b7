"""Make the screenshots of a backfill in docs/operations.md anew: ten days, of which one is missing and one is refused.

An operator's steps are done in a real Airflow by Chromium: start the backfill, look at what failed, mend both days,
backfill them, and backfill all days again. Run it by `make screenshots`; docs/images/backfill-*.png are replaced.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.dags.airflow_api import Api, wait_for  # noqa: E402
from tests.dags.page.browser import browser, frame_of, log_in, picture  # noqa: E402
from tests.dags.running import started  # noqa: E402

from logpress.sample import write_sample  # noqa: E402

IMAGES = ROOT / "docs" / "images"
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
DAYS = [YESTERDAY - timedelta(days=10 - number) for number in range(10)]
MISSING, REFUSED = DAYS[4], DAYS[7]
"""Days of which there is no raw input, and of which each line is the error page of a proxy."""

RECORDS = 10_000
DAG = "/dags/sdk_log_daily"
GRID = f"{DAG}/backfills?run_type=backfill"
"""The grid of the last ten runs that a backfill has started, and the list of backfills."""

ENDED = {"success", "failed"}
SECONDS = 1_800
"""Upper limit of a backfill."""

GRID_EDGE, WIDER_EDGE = 331, 552
"""Where the grid's edge is, and where it is dragged to, so that ten runs fit: pixels from the left."""


class Operator:
    """Who does the steps: a browser that is logged in, and Airflow's API to see when it may go on."""

    def __init__(self, page: Any, api: Api) -> None:
        self.page, self.api = page, api

    def open(self, path: str, height: int, width: int = 1360) -> None:
        """Open a page of Airflow in a window of a size, and wait until it is complete."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.goto(self.api.base + path)
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(1_500)

    def take(self, name: str, clip: tuple[int, int, int, int] | None = None) -> None:
        """Take a picture; of a part of the window (left, top, width, height) if one is given."""
        self.page.mouse.move(900, 40)
        self.page.wait_for_timeout(500)
        print(picture(self.page, IMAGES / f"backfill-{name}.png", clip).relative_to(ROOT))

    def widen_grid(self) -> None:
        """Drag the edge of the grid; the browser remembers it."""
        self.open(GRID, 640)
        mouse = self.page.mouse
        mouse.move(GRID_EDGE, 600)
        mouse.down()
        for x in (GRID_EDGE + 20, WIDER_EDGE - 20, WIDER_EDGE):
            mouse.move(x, 600, steps=4)
        mouse.up()
        self.page.wait_for_timeout(1_000)

    def fill_in(self, behavior: str) -> Any:
        """Open the form of a backfill, and fill it in; its button."""
        self.open(DAG, 900)
        self.page.get_by_role("button", name="Trigger").first.click()
        form = self.page.locator(".chakra-dialog__content[data-state=open]")
        form.get_by_text("Backfill", exact=True).first.click()
        for day in (DAYS[0], DAYS[-1]):
            form.get_by_text("Select date and time").first.click()
            calendar = self.page.locator(".chakra-popover__content[data-state=open]")
            calendar.get_by_placeholder("YYYY/MM/DD").fill(f"{day:%Y/%m/%d}")
            calendar.get_by_placeholder("HH:mm").fill("00:00")
            form.get_by_text("Date Range").click()
            calendar.wait_for(state="hidden")
        form.get_by_text(behavior, exact=True).click()
        form.locator("input[name=max_active_runs]").fill("4")
        form.get_by_text("will be triggered").wait_for()
        return form.get_by_role("button", name="Run Backfill")

    def runs(self) -> dict[str, dict[str, Any]]:
        """The runs by day."""
        return {run["partition_key"]: run for run in self.api.runs("sdk_log_daily")}

    def wait(self, what: str, check: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
        """Wait until the runs are as `check` wants them."""
        wait_for(what, lambda: check(self.runs()), lambda: {d: r["state"] for d, r in self.runs().items()}, SECONDS)

    def wait_for_backfill(self, number: int) -> None:
        """Wait until this many backfills have been completed, and nothing runs any more."""

        def done() -> bool:
            found = self.api("GET", "/api/v2/backfills?dag_id=sdk_log_daily")["backfills"]
            states = {run["state"] for run in self.runs().values()}
            return (
                len(found) == number and all(one["completed_at"] for one in found) and states <= {"success", "failed"}
            )

        wait_for(f"backfill {number}", done, lambda: self.runs(), SECONDS)

    def log(self, day: date, task: str) -> str:
        """The path of the log of a day's task."""
        run = self.runs()[day.isoformat()]["dag_run_id"].replace("+", "%2B")
        return f"{DAG}/runs/{run}/tasks/{task}?run_type=backfill"


def make_raw(folder: Path) -> None:
    """The ten days, and yesterday, which Airflow's schedule presses."""
    for day in (*DAYS, YESTERDAY):
        if day not in (MISSING, REFUSED):
            write_sample(folder / day.isoformat(), day, RECORDS)
    (folder / REFUSED.isoformat()).mkdir()
    (folder / REFUSED.isoformat() / "sdk.log").write_bytes(b"502 Bad Gateway\n" * 200)


def mend_raw(folder: Path) -> None:
    """What the operator gets from those who own the logs: the missing day, and the refused one as it should be."""
    (folder / REFUSED.isoformat() / "sdk.log").unlink()
    for day in (MISSING, REFUSED):
        write_sample(folder / day.isoformat(), day, RECORDS)


def steps(operator: Operator, raw: Path) -> None:
    """All steps, each with its picture."""
    form = (225, 55, 910, 685)
    button = operator.fill_in("Missing Runs")
    operator.take("form", form)
    button.click()
    operator.wait("the missing day to fail", lambda runs: runs.get(MISSING.isoformat(), {}).get("state") == "failed")
    operator.open(GRID, 620)
    operator.take("running")
    operator.wait_for_backfill(1)
    operator.open(GRID, 620)
    operator.take("ended")
    for name, day, task in (("missing-log", MISSING, "plan"), ("refused-log", REFUSED, "verify")):
        operator.open(operator.log(day, task), 760)
        operator.take(name)
    take_page(operator, "table", "/plugin/pressed-days", 760)
    take_page(operator, "refused", f"/plugin/pressed-days/logpress/sdk_log/{REFUSED}", 860)

    mend_raw(raw)
    operator.fill_in("Missing and Errored Runs").click()
    operator.wait_for_backfill(2)
    operator.fill_in("All Runs").click()
    operator.wait_for_backfill(3)
    operator.open(GRID, 680)
    operator.take("again")


def take_page(operator: Operator, name: str, path: str, height: int) -> None:
    """Take a picture of one of logpress's pages in Airflow."""
    operator.open(path, height)
    frame_of(operator.page)
    operator.take(name)


def main() -> None:
    """Start Airflow, log in, and do the steps."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="logpress-backfill-") as folder:
        home, raw = Path(folder) / "airflow", Path(folder) / "raw"
        home.mkdir()
        make_raw(raw)
        settings = {"LOGPRESS_LAKE": str(Path(folder) / "lake"), "LOGPRESS_INPUT": f"{raw}/{{day}}"}
        with started(home, **settings) as airflow, browser() as chromium:
            airflow.api.wait_for_dags()
            for dag in ("sdk_log_history", "sdk_log_training_example"):  # what follows each day takes half of the time
                airflow.api("PATCH", f"/api/v2/dags/{dag}?update_mask=is_paused", {"is_paused": True})
            password = json.loads((home / "simple_auth_manager_passwords.json.generated").read_text())["admin"]
            page = chromium.new_context(device_scale_factor=1).new_page()
            page.goto(f"{airflow.api.base}/auth/login")
            log_in(page, airflow.api.base, "admin", password)
            page.evaluate("localStorage.setItem('log_wrap', 'true')")
            operator = Operator(page, airflow.api)
            operator.widen_grid()
            steps(operator, raw)


if __name__ == "__main__":
    main()
