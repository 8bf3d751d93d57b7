"""The page in Chromium, within a real Airflow: logged out, viewer, operator; by keyboard, in both themes, narrow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.dags.airflow_api import wait_for
from tests.dags.page.browser import NARROW, WIDE, axe, browser, frame_of, log_in, need_chromium
from tests.dags.page.made_lake import make_lake
from tests.dags.running import Started, started

pytestmark = pytest.mark.long

USERS = "admin:admin,viewer:viewer,operator:user"
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
UI = "/plugin/pressed-days"
PRESSED = 47
"""Days back: the day that is pressed."""


def back(days: int) -> date:
    return YESTERDAY - timedelta(days=days)


@pytest.fixture(scope="module")
def airflow(tmp_path_factory, raw) -> Iterator[Started]:
    """Airflow with a lake of 60 days; DAGs are paused, so that nothing happens but what a test begins."""
    need_chromium()
    home = tmp_path_factory.mktemp("airflow")
    make_lake(home / "lake", YESTERDAY)
    raw(back(PRESSED))
    with started(
        home, AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=USERS, AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="True"
    ) as found:
        wait_for("the DAG", lambda: found.api.status("GET", "/api/v2/dags/sdk_log_daily") == 200)
        yield found


@pytest.fixture(scope="module")
def passwords(airflow: Started) -> dict[str, str]:
    path = Path(airflow.environment["AIRFLOW_HOME"]) / "simple_auth_manager_passwords.json.generated"
    found: dict[str, str] = json.loads(path.read_text())
    return found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def sessions(airflow, passwords, chromium) -> dict[str, Any]:
    """What a browser keeps of each user that has logged in."""
    found = {}
    for user, password in passwords.items():
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{airflow.api.base}/auth/login")
        log_in(page, airflow.api.base, user, password)
        found[user] = context.storage_state()
        context.close()
    return found


@pytest.fixture
def visit(airflow, sessions, chromium) -> Iterator[Any]:
    """`visit(user, path)`: a page, opened and logged in; errors of its scripts fail the test."""
    contexts, errors = [], []

    def visit(user: str | None, path: str, theme: str = "light", size: Any = WIDE) -> Any:
        context = chromium.new_context(viewport=size, storage_state=sessions.get(user))
        context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security" in said.text else None)
        own = (airflow.api.base, "data:", "blob:")
        page.on("request", lambda asked: None if asked.url.startswith(own) else errors.append(asked.url))
        page.goto(airflow.api.base + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert errors == []


def test_who_is_logged_out_comes_to_the_login_and_then_to_the_day(airflow, visit, passwords):
    path = f"/logpress/sdk_log/{YESTERDAY}"
    page = visit(None, path)
    page.wait_for_url(re.compile("/auth/"))
    log_in(page, airflow.api.base, "viewer", passwords["viewer"])
    page.wait_for_url(f"**{path}")
    assert page.locator("h1").inner_text() == f"{YESTERDAY:%a} {YESTERDAY}"


def test_whose_session_ended_within_airflow_comes_to_the_login_of_the_whole_page(visit):
    page = visit("viewer", UI)
    frame = frame_of(page)
    page.context.clear_cookies()
    frame.locator("a.cell").first.click()
    page.wait_for_url(re.compile("/auth/"))
    assert page.locator("input[name=username]").count() == 1


def test_a_viewer_goes_from_the_calendar_to_a_day_and_may_not_press_it(visit):
    page = visit("viewer", UI)
    frame = frame_of(page)
    frame.locator(f"a.cell[href$='{back(5)}']").click()
    frame.locator("h1", has_text=str(back(5))).wait_for()
    assert "was refused by verify" in frame.locator(".sentence").inner_text()
    assert "max_reject_share" in frame.locator("table.checks").inner_text()
    assert frame.locator("details.press").count() == 0
    assert "for those who may press days" in frame.locator("table.examples").inner_text()
    page.wait_for_url(f"**{UI}/logpress/sdk_log/{back(5)}")  # so it can be sent to others


def test_the_calendar_is_one_stop_of_the_tab_key_and_arrows_move_in_it(visit):
    page = visit("viewer", "/logpress/")
    assert page.locator("table.calendar a[tabindex='0']").count() == 1
    page.locator("table.calendar a[tabindex='0']").focus()
    start = date.fromisoformat(page.evaluate("document.activeElement.href").rsplit("/", 1)[1])
    for key, days in (("ArrowLeft", -7), ("ArrowUp", -1), ("ArrowDown", 1), ("ArrowRight", 7), ("ArrowLeft", -7)):
        page.keyboard.press(key)
        start += timedelta(days=days)
        assert page.evaluate("document.activeElement.href").endswith(str(start)), key
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/logpress/sdk_log/{start}")


def test_the_lines_are_drawn_and_lead_to_their_days(visit):
    page = visit("viewer", "/logpress/")
    plots = page.locator(".plot canvas")
    assert plots.count() == 4
    over = page.locator(".u-over").first
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 20)
    readout = page.locator(".readout").first
    assert re.match(rf"({YESTERDAY}|{back(-1)}): ", readout.inner_text())
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    day = readout.inner_text()[:10]
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url(f"**/logpress/sdk_log/{day}")


LOOKS = {"light, wide": ("light", WIDE), "dark, narrow": ("dark", NARROW), "dark, wide": ("dark", WIDE)}


@pytest.mark.parametrize("days", [None, 0, 5, 9, 13, 19, 40])
@pytest.mark.parametrize(("theme", "size"), LOOKS.values(), ids=LOOKS.keys())
def test_axe_finds_nothing(visit, theme, size, days):
    path = "/logpress/" if days is None else f"/logpress/sdk_log/{back(days)}"
    page = visit("operator", path, theme, size)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert axe(page) == []
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, f"scrolls sideways by {wider} px"


def test_the_page_follows_airflows_theme_at_once(visit):
    page = visit("viewer", UI, "dark")
    frame = frame_of(page)
    root = frame.locator("html")
    assert root.get_attribute("data-theme") == "dark"
    page.evaluate("document.documentElement.className = 'light'")
    frame.locator("html[data-theme=light]").wait_for()
    outer, inner = (
        "window.getComputedStyle(document.body).backgroundColor",
        "getComputedStyle(document.body).backgroundColor",
    )
    assert root.evaluate(inner) == "rgb(255, 255, 255)"
    assert page.evaluate(outer)


def test_the_list_is_filtered_and_saved_as_csv_within_the_frame(visit):
    page = visit("viewer", UI)
    frame = frame_of(page)
    frame.locator("select[name=state]").select_option("missing")
    frame.locator("button", has_text="Show").click()
    frame.locator(".filter a", has_text="All days").wait_for()
    assert frame.locator("tr.s-missing").count() == 4
    assert frame.locator("tr.s-published").count() == 0
    with page.expect_download() as saved:
        frame.locator("a", has_text="CSV").click()
    assert len(saved.value.path().read_text().splitlines()) == 5


def test_code_is_copied(visit, chromium):
    page = visit("viewer", f"/logpress/sdk_log/{YESTERDAY}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("button[data-copy=load]").click()
    page.locator("button", has_text="Copied").wait_for()
    assert "open_lake(" in page.evaluate("navigator.clipboard.readText()")


def test_an_operator_presses_a_missing_day_and_sees_it_published(airflow, visit):
    """The last of this file: from here on DAGs run, and publish into a lake without made days, which has a catalog."""
    other = {"key": "logpress_lake", "value": str(airflow.lake.parent / "pressed")}
    airflow.api("POST", "/api/v2/variables", other)
    page = visit("operator", f"{UI}/logpress/sdk_log/{back(PRESSED)}")
    frame = frame_of(page)
    frame.locator("summary", has_text="Press").click()
    frame.locator("button[data-press]").click()
    frame.locator(".told a", has_text="See the run").wait_for()
    page.reload()
    frame = frame_of(page)
    assert "is queued since" in frame.locator(".sentence").inner_text()
    airflow.api("PATCH", "/api/v2/dags/sdk_log_daily", {"is_paused": False})

    def pressed() -> Any:
        return [run for run in airflow.api.runs("sdk_log_daily") if run["state"] in ("success", "failed")]

    def states() -> Any:
        return {
            run["dag_run_id"]: {
                task["task_id"]: task["state"]
                for task in airflow.api(
                    "GET", f"/api/v2/dags/sdk_log_daily/dagRuns/{quote(run['dag_run_id'])}/taskInstances"
                )["task_instances"]
            }
            for run in airflow.api.runs("sdk_log_daily")
        }

    run = wait_for("the run", pressed, states)[0]
    assert (run["state"], run["partition_key"]) == ("success", str(back(PRESSED)))
    page.reload()
    frame = frame_of(page)
    assert " rows" in frame.locator(".sentence").inner_text()
    assert "func_name" in frame.locator("table.columns").inner_text()
    frame.get_by_role("link", name="Log", exact=True).click()
    page.wait_for_url(re.compile("/dags/sdk_log_daily/runs/"))
    assert visit("operator", "/logpress/").locator(".plot canvas").count() == 4  # of one published day
    page.goto(f"{airflow.api.base}/dags/sdk_log_daily/runs/{run['dag_run_id']}/plugin/pressed-day")
    frame = frame_of(page)
    assert frame.locator("h1").inner_text() == f"{back(PRESSED):%a} {back(PRESSED)}"
    for task in ("publish", "report"):
        links = airflow.api(
            "GET", f"/api/v2/dags/sdk_log_daily/dagRuns/{run['dag_run_id']}/taskInstances/{task}/links"
        )["extra_links"]
        assert links == {"Pressed day": f"{airflow.api.base}{UI}/logpress/sdk_log/{back(PRESSED)}"}
    page.goto(links["Pressed day"])
    assert frame_of(page).locator("h1").inner_text() == f"{back(PRESSED):%a} {back(PRESSED)}"
