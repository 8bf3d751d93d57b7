"""Make the screenshots of docs/operations.md anew: Airflow, a made lake of 60 days with faults, and Chromium.

Run it by `make screenshots`; docs/images/page-*.png are replaced.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.dags.airflow_api import wait_for  # noqa: E402
from tests.dags.page.browser import NARROW, WIDE, browser, frame_of, log_in, picture  # noqa: E402
from tests.dags.page.made_lake import make_lake  # noqa: E402
from tests.dags.running import started  # noqa: E402

IMAGES = ROOT / "docs" / "images"
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
UI = "/plugin/pressed-days"
DAY = f"{UI}/logpress/sdk_log"

SHOTS: dict[str, tuple[str, str, dict[str, int], str | None]] = {
    "page-table": (UI, "light", WIDE, None),
    "page-table-dark": (UI, "dark", WIDE, None),
    "page-days": (UI, "light", WIDE, "#list"),
    "page-day": (f"{DAY}/{YESTERDAY - timedelta(days=9)}", "light", {"width": 1360, "height": 1250}, None),
    "page-outage": (f"{DAY}/{YESTERDAY - timedelta(days=13)}", "dark", WIDE, "#h-hours"),
    "page-columns": (f"{DAY}/{YESTERDAY - timedelta(days=9)}", "light", WIDE, "#h-columns"),
    "page-refused": (f"{DAY}/{YESTERDAY - timedelta(days=5)}", "light", WIDE, None),
    "page-missing": (f"{DAY}/{YESTERDAY - timedelta(days=19)}", "light", {"width": 1360, "height": 420}, None),
    "page-narrow": ("/logpress/", "dark", NARROW, None),
}
"""(Address, theme, size, what is scrolled to) of each picture."""


def main() -> None:
    """Start all, and take each picture."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="logpress-screenshots-") as folder:
        home = Path(folder) / "airflow"
        lake = Path(folder) / "lake"
        make_lake(lake, YESTERDAY)
        settings = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True", "LOGPRESS_LAKE": str(lake)}
        settings["LOGPRESS_INPUT"] = f"{folder}/raw/{{day}}"
        home.mkdir()
        with started(home, **settings) as airflow, browser() as chromium:
            api = airflow.api
            wait_for("the DAG", lambda: api.status("GET", "/api/v2/dags/sdk_log_daily") == 200)
            day = YESTERDAY - timedelta(days=20)
            api.trigger(f"manual__{day}", {"partition_key": day.isoformat()})
            password = json.loads((home / "simple_auth_manager_passwords.json.generated").read_text())["admin"]
            context = chromium.new_context(device_scale_factor=1)
            page = context.new_page()
            page.goto(f"{api.base}/auth/login")
            log_in(page, api.base, "admin", password)
            for name, shot in SHOTS.items():
                _take(page, api.base, name, *shot)


def _take(page: Any, base: str, name: str, path: str, theme: str, size: Any, place: str | None) -> None:
    page.set_viewport_size(size)
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    page.goto(base + path)
    page.wait_for_load_state("networkidle")
    inner = frame_of(page) if path.startswith("/plugin") else page
    if place is not None:
        inner.locator(place).evaluate("element => element.scrollIntoView()")
    if name == "page-missing":
        inner.locator("summary").click()
    page.wait_for_timeout(800)
    picture(page, IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png")


if __name__ == "__main__":
    main()
