"""The pages through the api-server's own app: each state, each error, and who may see what."""

from __future__ import annotations

import csv
import io
import re
import time
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from tests.dags.page.conftest import YESTERDAY
from tests.dags.page.made_lake import attempt_of, broken_check, hours_of, make_lake, manifest_of, write_manifest

from logpress.lake import Lake
from logpress.lake.attempts import write_attempt

TABLE = "sdk_log"


def back(days: int) -> date:
    return YESTERDAY - timedelta(days=days)


@pytest.fixture(scope="module")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sixty") / "lake"
    make_lake(folder, YESTERDAY)
    return folder


@pytest.fixture
def shown(sixty, monkeypatch) -> Path:
    """A lake of 60 days with faults, which the page shows."""
    monkeypatch.setenv("LOGPRESS_LAKE", str(sixty))
    return sixty


def text_of(page: str) -> str:
    """A page without tags and scripts."""
    page = re.sub(r"<(script|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


# -- what is shown


def test_the_table_says_how_the_newest_day_is_and_lists_every_day(shown, ask):
    page = ask("/").text
    assert f"{YESTERDAY:%A} {YESTERDAY} is complete, exact, small and clean, with " in text_of(page)
    for days in range(60):
        assert page.count(f'href="/logpress/{TABLE}/{back(days)}"') >= 2  # in the calendar and in the list
    assert page.count("<h1") == 1


@pytest.mark.parametrize(
    ("days", "state"),
    [(0, "published"), (5, "refused"), (9, "warned"), (13, "warned"), (19, "missing"), (40, "damaged")],
)
def test_the_calendar_has_the_state_of_each_day_as_text_and_shape(shown, ask, days, state):
    cell = re.search(rf'<a class="cell" href="/logpress/{TABLE}/{back(days)}".*?</a>', ask("/").text).group()
    assert f": {state}" in cell
    assert f'href="#s-{state}"' in cell
    assert "title=" in cell


def test_a_day_says_what_changed_and_where_its_bytes_are(shown, ask):
    page = text_of(ask(f"/{TABLE}/{back(26)}").text)
    assert "a record takes +" in page
    assert "bytes a row, +5" in page
    assert "The function called string from _source.func_name or func_name" in page
    assert "records from s3://raw-logs/sdk , 24 inputs" in page
    assert f"logpress restore {TABLE} --day {back(26)} --lake {shown} --output" in page
    assert f"open_lake('{shown}').table('{TABLE}')" in page.replace("&#39;", "'")


def test_a_day_shows_its_empty_hours_and_broken_checks(shown, ask):
    page = ask(f"/{TABLE}/{back(13)}").text
    assert "Empty: 14:00, 15:00." in text_of(page)
    assert page.count('class="back empty"') == 2
    assert "22 of 24 hours have rows, 24 are expected" in page
    warned = text_of(ask(f"/{TABLE}/{back(9)}").text)
    assert "_source.device.battery in 700,121 rows" in warned
    assert "such as 6.0.0" in warned


def test_a_refused_day_shows_why_with_examples_and_what_was_found(shown, ask):
    page = ask(f"/{TABLE}/{back(5)}").text
    assert "was refused by verify" in text_of(page)
    assert "79.2 % of the records are rejects (not_json), at most 1 % may be; correct the raw objects" in text_of(page)
    assert "/04/part-0.gz" in page
    assert "record 17" in text_of(page)
    assert "&lt;html&gt;&lt;head&gt;" in page
    assert "<head><title>503" not in page
    assert "1,562,041 not_json" in text_of(page)


def test_rejects_of_a_published_day_are_shown_to_those_who_may_press_it(shown, ask):
    page = ask(f"/{TABLE}/{YESTERDAY}").text
    assert page.count("/12/part-0.gz</code> record 1") == 3
    assert page.count("&#34;client_app_id&#34;") == 3
    assert "client_app_id&#34;" not in ask(f"/{TABLE}/{YESTERDAY}", role="VIEWER").text


def test_a_missing_rejects_file_is_said_and_all_else_is_shown(lake, ask):
    manifest = manifest_of(YESTERDAY)
    write_manifest(lake, manifest)
    Path(Lake.open(str(lake)).files(manifest)[1][0]).unlink()
    page = ask(f"/{TABLE}/{YESTERDAY}").text
    assert "_rejects-" in page.split('role="alert"')[1].split("</div>")[0]
    assert "Rows by hour" in page


def test_a_day_that_is_not_there_says_when_it_was_due_and_can_be_pressed(shown, ask):
    page = ask(f"/{TABLE}/{back(19)}").text
    assert f"is missing: it was due at {back(18)} 01:00 UTC, " in text_of(page)
    assert f'data-press="{TABLE}_daily" data-day="{back(19)}"' in page


def test_a_late_newest_day_is_told_above_the_newest_that_can_be_read(lake, ask):
    write_manifest(lake, manifest_of(back(1), slices=1))
    page = text_of(ask("/").text)
    assert f"{YESTERDAY:%A} {YESTERDAY} is late" in page
    assert f"{back(1):%A} {back(1)} is complete" in page


@pytest.mark.parametrize(("state", "says"), [("running", "is being pressed since"), ("queued", "is queued since")])
def test_a_run_at_work_is_shown(shown, ask, runs, state, says):
    run_id = runs(back(19), state)
    page = ask(f"/{TABLE}/{back(19)}").text
    assert says in text_of(page)
    assert f'href="/dags/{TABLE}_daily/runs/{run_id}"' in page


def test_a_failed_run_is_shown_and_one_into_another_lake_is_not(shown, ask, runs):
    runs(back(19), "failed")
    runs(back(20), "failed", conf={"lake": "/elsewhere"})
    assert "because its run failed" in text_of(ask(f"/{TABLE}/{back(19)}").text)
    assert "is missing" in text_of(ask(f"/{TABLE}/{back(20)}").text)


def test_the_tab_of_a_run_shows_its_day(shown, ask, runs):
    run_id = runs(back(9), "success")
    page = ask(f"/-/run?dag_id={TABLE}_daily&run_id={run_id}").text
    assert f"{back(9):%A} {back(9)} is complete, exact and small" in text_of(page)
    for dag_id, other in (("sdk_log_daily", "no_such_run"), ("another_dag", run_id)):
        assert "has no day that logpress presses" in text_of(ask(f"/-/run?dag_id={dag_id}&run_id={other}").text)


def test_the_list_is_filtered_and_paged(shown, ask, lake, monkeypatch):
    monkeypatch.setenv("LOGPRESS_LAKE", str(shown))

    def listed(query: str) -> list[str]:
        return re.findall(r'<th scope="row"><a href="/logpress/sdk_log/([0-9-]+)"', ask(f"/{TABLE}?{query}").text)

    assert listed("") == [back(days).isoformat() for days in range(60)]
    assert listed("state=problems") == [back(days).isoformat() for days in (5, 9, 13, 19, 20, 33, 40, 47)]
    assert listed("state=warned") == [back(9).isoformat(), back(13).isoformat()]
    assert listed(f"first={back(3)}&last={back(2)}") == [back(2).isoformat(), back(3).isoformat()]
    assert listed("page=2") == listed("")  # there is one page
    assert ask(f"/{TABLE}?state=nice").status_code == 422
    assert ask(f"/{TABLE}?first=yesterday").status_code == 422


def test_the_csv_has_the_days_that_are_chosen(shown, ask):
    answer = ask(f"/{TABLE}/days.csv?state=problems")
    assert answer.headers["content-disposition"] == 'attachment; filename="sdk_log-days.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["day"] for row in rows] == [back(days).isoformat() for days in (5, 9, 13, 19, 20, 33, 40, 47)]
    assert {row["state"] for row in rows} == {"refused", "warned", "missing", "damaged"}
    assert int(rows[1]["rows"]) == sum(hours_of(back(9)))
    assert rows[3]["rows"] == ""


def test_a_cell_of_the_csv_is_no_formula(lake, ask):
    attempt = attempt_of(YESTERDAY).model_copy(update={"run_id": "=HYPERLINK(1)"})
    write_attempt(Lake.create(str(lake)), attempt)
    rows = list(csv.DictReader(io.StringIO(ask(f"/{TABLE}/days.csv").text)))
    assert rows[0]["run_id"] == "'=HYPERLINK(1)"


# -- errors in their place


def test_a_damaged_manifest_is_one_red_row(shown, ask):
    page = ask("/").text
    row = re.search(rf'<tr class="s-damaged">.*?{back(40)}.*?</tr>', page, re.DOTALL).group()
    assert "is damaged" in row
    assert page.count('<tr class="s-damaged">') == 1
    assert page.count('<tr class="s-published">') > 40
    assert "press the day again" in text_of(ask(f"/{TABLE}/{back(40)}").text)


def test_no_lake_is_said(ask, monkeypatch):
    monkeypatch.delenv("LOGPRESS_LAKE")
    assert "no lake is named; set the Variable logpress_lake" in text_of(ask("/").text)


def test_a_lake_that_the_first_day_will_make_is_no_error(lake, ask):
    page = text_of(ask("/").text)
    assert "Nothing is published yet" in page
    assert "cannot be shown" not in page


def test_a_folder_that_is_no_lake_is_said(lake, ask):
    lake.mkdir()
    (lake / "photo.jpg").write_bytes(b"")
    answer = ask("/")
    assert answer.status_code == 200
    assert f"The lake cannot be shown. {lake}: is not empty and no lake; set the Variable" in text_of(answer.text)
    assert ask(f"/{TABLE}/{YESTERDAY}").status_code == 200


def test_a_lake_on_s3_that_does_not_answer_is_said(ask, monkeypatch):
    monkeypatch.setenv("LOGPRESS_LAKE", "s3://nobody/lake")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    answer = ask("/")
    assert answer.status_code == 200
    assert "The lake cannot be shown. s3://nobody/lake: " in text_of(answer.text)


def test_a_broken_contract_is_told_and_its_days_are_shown(shown, ask, monkeypatch, tmp_path):
    monkeypatch.setenv("LOGPRESS_CONTRACTS", str(tmp_path))
    (tmp_path / f"{TABLE}.yaml").write_text("table: sdk_log\ncolumns: 5\n")
    page = text_of(ask("/").text)
    assert f"{tmp_path}/{TABLE}.yaml" in page
    assert f"{YESTERDAY} is complete, exact, small and clean" in page


def test_an_older_manifest_has_no_proof_and_no_hours(lake, ask):
    write_manifest(lake, manifest_of(YESTERDAY, verified=False))
    page = text_of(ask(f"/{TABLE}/{YESTERDAY}").text)
    assert "not recorded" in page
    assert "Rows by hour" not in page


@pytest.mark.parametrize(
    "path", ["/nothing", f"/nothing/{YESTERDAY}", f"/{TABLE}/soon", "/..%2f..%2fetc", "/nothing/days.csv"]
)
def test_what_is_not_there_is_not_found(shown, ask, path):
    assert ask(path).status_code == 404


def test_what_is_shown_is_text_not_html(lake, ask):
    evil = "<img src=x onerror=alert(1)>\"'</script>"
    check = broken_check().model_copy(update={"message": evil, "examples": (evil,)})
    write_manifest(lake, manifest_of(YESTERDAY, unknown={evil: 3}, broken=(check,)))
    Lake.open(str(lake))
    write_attempt(Lake.open(str(lake)), attempt_of(back(1)).model_copy(update={"error": evil, "run_id": evil}))
    for path in ("/", f"/{TABLE}/{YESTERDAY}", f"/{TABLE}/{back(1)}"):
        page = ask(path).text
        assert "<img" not in page
        assert "onerror=alert(1)&gt;" in page or "onerror" not in page


# -- who may see what, and with which headers


def test_who_is_logged_out_is_sent_to_the_login(shown, ask):
    for path in ("/", f"/{TABLE}", f"/{TABLE}/{YESTERDAY}", f"/{TABLE}/days.csv", "/-/run?dag_id=a&run_id=b"):
        answer = ask(path, role=None)
        assert answer.status_code == 401
        assert 'href="/api/v2/auth/login"' in answer.text
        assert YESTERDAY.isoformat() not in answer.text
    assert ask("/", role=None, accept="application/json").json() == {"detail": "Not authenticated"}


def test_a_viewer_sees_days_and_may_not_press_them_nor_read_rejects(shown, ask):
    page = ask(f"/{TABLE}/{back(5)}", role="VIEWER").text
    assert "data-press" not in page
    assert "To press it takes the right to trigger sdk_log_daily" in text_of(page)
    assert "503 Service Unavailable" not in page
    assert "record 17" in text_of(page)
    assert "data-press" in ask(f"/{TABLE}/{back(5)}", role="USER").text


@pytest.mark.parametrize("right", ["is_authorized_dag", "is_authorized_asset"])
def test_a_table_whose_dag_or_asset_a_user_may_not_see_is_not_there(shown, ask, monkeypatch, right):
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    manager = get_auth_manager()
    real = getattr(manager, right)

    def none_of_its_own(*, details=None, **rest):
        return getattr(details, "id", None) is None and real(details=details, **rest)

    monkeypatch.setattr(manager, right, none_of_its_own)
    with create_session() as session:
        session.add(AssetModel(name=TABLE, uri=TABLE, group="logpress"))
    try:
        assert YESTERDAY.isoformat() not in ask("/").text
        for path in (f"/{TABLE}", f"/{TABLE}/{YESTERDAY}", f"/{TABLE}/days.csv"):
            assert ask(path).status_code == 404
    finally:
        with create_session() as session:
            session.execute(delete(AssetModel).where(AssetModel.name == TABLE))


@pytest.mark.parametrize("path", ["/", f"/{TABLE}/{YESTERDAY}", "/nothing", "/-/static/page.js", f"/{TABLE}/days.csv"])
def test_every_answer_forbids_what_comes_from_outside(shown, ask, path):
    headers = ask(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_pages_have_no_script_or_style_of_their_own(shown, ask):
    for path in ("/", f"/{TABLE}/{back(9)}", f"/{TABLE}/{back(5)}"):
        page = ask(path).text
        assert not re.search(r"\s(on\w+|style)\s*=", re.sub(r">[^<]*<", "><", page))
        assert all('src="' in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", page))
        assert not re.search(r'(src|href)="(https?:)?//', page)
        assert '<meta name="viewport"' in page
        assert "<main>" in page
        levels = [int(level) for level in re.findall(r"<h(\d)", page)]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_static_files_are_the_pinned_library_with_its_licence():
    from logpress_page.app import STATIC

    folder = STATIC / "uplot-1.6.32"
    assert "(v1.6.32)" in (folder / "uPlot.iife.min.js").read_text()[:80]
    assert "Leon Sorokin" in (folder / "LICENSE").read_text()


# -- many days


def test_a_thousand_days_take_less_than_half_a_second(lake, ask):
    make_lake(lake, YESTERDAY, 1_000, slices=1)
    ask("/")
    taken = []
    for _ in range(3):
        began = time.process_time()
        page = ask(f"/{TABLE}").text
        taken.append(time.process_time() - began)
    assert "read from their manifests" not in page
    assert "Page 1 of 17, 1,000 days" in text_of(page)
    assert min(taken) < 0.5, taken
