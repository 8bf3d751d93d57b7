"""Real runs of the DAGs in this process: days, twice the same day, refusals, and what a failure leaves behind."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from logpress.contract import load_contract
from logpress.errors import ProofError, SourceError

DAY, NEXT_DAY = date(2021, 12, 26), date(2021, 12, 27)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def states(run) -> dict[str, set[str]]:
    """The states of a run's tasks, mapped ones together."""
    found: dict[str, set[str]] = {}
    for task in run.get_task_instances():
        found.setdefault(task.task_id, set()).add(str(task.state))
    return found


def files(lake: Path) -> dict[str, str]:
    """The Parquet files of a lake's table, with a digest of their bytes."""
    paths = (lake / "sdk_log").rglob("*.parquet")
    return {str(path.relative_to(lake)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def staged(lake: Path) -> list[Path]:
    return [path for path in lake.glob("*/_staging/**/*") if path.is_file()]


@pytest.fixture
def lake(airflow_home, tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LOGPRESS_LAKE", str(tmp_path / "lake"))
    return tmp_path / "lake"


@pytest.fixture
def dags(dags):
    """The DAGs, trying again without long waits."""
    for task in (task for dag in dags.values() for task in dag.tasks):
        task.retry_delay = timedelta(seconds=1)
    return dags


@pytest.fixture
def daily(dags, raw, lake):
    raw(DAY)
    raw(NEXT_DAY)
    return dags["sdk_log_daily"]


def test_two_days_and_one_of_them_again(daily, lake):
    for day in (DAY, NEXT_DAY):
        assert daily.test(logical_date=midnight(day)).state == "success"
    first = files(lake)
    assert {name.split("/")[2] for name in first} == {"dt=2021-12-26", "dt=2021-12-27"}

    again = daily.test(logical_date=midnight(DAY), run_conf={"force": True})
    assert again.state == "success"
    assert set(states(again)) == {task.task_id for task in daily.tasks}
    assert files(lake) == first
    assert staged(lake) == []


def test_the_asset_event_carries_the_day_and_its_figures(daily, lake):
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    run = daily.test(logical_date=midnight(DAY))
    with create_session() as session:
        event = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run.run_id)).one()
        assert event.partition_key == DAY.isoformat()
        assert event.extra["lake"] == str(lake)
        assert event.extra["rows"] > 0
        assert event.extra["raw_bytes"] > event.extra["stored_bytes"] > 0
        assert event.extra["ratio"] == round(event.extra["raw_bytes"] / event.extra["stored_bytes"], 1)


def test_the_mapped_tasks_are_named_after_their_slices(daily):
    run = daily.test(logical_date=midnight(DAY))
    planned = {spec["name"] for spec in run.get_task_instance("plan").xcom_pull(task_ids="plan")}
    pressed = {task.rendered_map_index for task in run.get_task_instances() if task.task_id == "press"}
    assert pressed == planned == {"2021-12-26T10", "2021-12-26T11"}


def test_the_form_can_name_the_day_and_the_lake(daily, tmp_path):
    other = tmp_path / "other"
    run = daily.test(logical_date=None, run_conf={"day": DAY.isoformat(), "lake": str(other)})
    assert run.state == "success"
    assert {name.split("/")[2] for name in files(other)} == {"dt=2021-12-26"}


@pytest.mark.parametrize(
    ("logical_date", "form"),
    [(None, {}), (midnight(NEXT_DAY), {"day": DAY.isoformat()})],
    ids=["no day", "two days"],
)
def test_a_run_of_no_day_or_of_two_is_refused_at_once(daily, lake, logical_date, form):
    run = daily.test(logical_date=logical_date, run_conf=form)
    assert run.state == "failed"
    found = states(run)
    assert found.pop("wait_until_complete") == {"failed"}
    assert found.pop("clean") <= {"upstream_failed", "skipped"}
    assert set().union(*found.values()) == {"upstream_failed"}
    assert not lake.exists()


def test_a_secret_in_an_input_reaches_neither_xcom_nor_logs(daily, lake, airflow_home, monkeypatch, capfd, caplog):
    secret = "wJalrXUtnFEMI"
    monkeypatch.setenv("LOGPRESS_INPUT", f"s3://AKIAKEY:{secret}/K7@bucket/raw")
    run = daily.test(logical_date=midnight(DAY))
    assert run.state == "failed"
    assert states(run)["open_staging"] == {"failed"}
    out, err = capfd.readouterr()
    told = out + err + caplog.text
    assert "must not stand in a URI" in told
    assert secret not in told
    for path in (path for path in airflow_home.rglob("*") if path.is_file()):
        assert secret.encode() not in path.read_bytes(), path


def test_what_verify_found_and_the_run_are_kept_with_the_day(daily, lake):
    from logpress.lake import Lake
    from logpress.lake.index import read_index

    run = daily.test(logical_date=midnight(DAY))
    manifest = Lake.open(str(lake)).need_day("sdk_log", DAY)
    assert manifest.run_id == run.run_id
    assert manifest.verification is not None
    assert manifest.verification.records == manifest.rows + manifest.rejects
    assert len(manifest.verification.checks) >= len(load_contract("sdk_log").checks)
    index = read_index(Lake.open(str(lake)))
    assert [(row.state, row.run_id) for row in index.days] == [("published", run.run_id)]


def test_a_day_that_is_not_proven_is_not_published_and_stays_to_be_looked_into(daily, lake, monkeypatch, caplog):
    from logpress.day import stages
    from logpress.lake import Lake
    from logpress.lake.attempts import attempts_of

    def not_the_same(*args: object, **options: object) -> None:
        assert staged(lake)
        raise ProofError("slice a gives back 1 record less than was read")

    assert daily.test(logical_date=midnight(DAY)).state == "success"
    before = files(lake)
    monkeypatch.setattr(stages, "prove", not_the_same)
    run = daily.test(logical_date=midnight(DAY), run_conf={"force": True})
    assert run.state == "failed"
    assert states(run)["verify"] == {"failed"}
    assert states(run)["publish"] == {"upstream_failed"}
    assert states(run)["clean"] == {"success"}
    assert [task.try_number for task in run.get_task_instances() if task.task_id == "verify"] == [1]
    published = {name: digest for name, digest in files(lake).items() if "/_staging/" not in name}
    assert published == before
    (attempt,) = attempts_of(Lake.open(str(lake)), "sdk_log", DAY)
    assert (attempt.run_id, attempt.stage, attempt.rows > 0) == (run.run_id, "verify", True)
    folders = {path.relative_to(lake / "sdk_log/_staging").parts[1] for path in staged(lake)}
    assert folders == {attempt.run}
    assert f"its files stay in {lake}/sdk_log/_staging/dt={DAY}/{attempt.run} for 7 days" in caplog.text


def test_a_slice_that_does_not_come_back_is_healed_and_published(daily, lake, monkeypatch, caplog):
    from logpress.day.published import verify_published
    from logpress.engine.part.decode import GroupDecoder
    from logpress.lake import Lake

    fill, null = GroupDecoder.fill, -(2**63)

    def wrong(self, regs, table, first):
        fill(self, regs, table, first)
        if {"response_status_code", "_layout"} <= regs.keys() and first == 0:
            has_layout = np.flatnonzero((regs["_layout"] != null) & (regs["response_status_code"] == 204))
            regs["response_status_code"][has_layout] = 205

    monkeypatch.setattr(GroupDecoder, "fill", wrong)
    run = daily.test(logical_date=midnight(DAY))
    assert run.state == "success"
    healed = run.get_task_instance("verify").xcom_pull(task_ids="verify")
    assert healed
    slices = Lake.open(str(lake)).need_day("sdk_log", DAY).slices
    assert {entry.slice: entry.kept_whole for entry in slices if entry.kept_whole} == {
        manifest["slice"]: manifest["kept_whole"] for manifest in healed
    }
    assert "kept whole, because their layout did not restore them" in caplog.text
    verify_published(load_contract("sdk_log"), DAY, str(lake))


def test_a_source_that_fails_for_a_while_is_read_in_the_end(daily, lake, monkeypatch):
    from logpress.day import stages

    press, tries = stages.press, []

    def away_at_first(*args: Any, **options: Any) -> object:
        tries.append(1)
        if len(tries) <= 2:
            raise SourceError("the bucket does not answer")
        return press(*args, **options)

    monkeypatch.setattr(stages, "press", away_at_first)
    assert daily.test(logical_date=midnight(DAY)).state == "success"
    assert len(tries) == 4
    assert files(lake)


def test_the_training_example_loads_the_day(dags, daily, lake):
    assert daily.test(logical_date=midnight(DAY)).state == "success"
    run = dags["sdk_log_training_example"].test(logical_date=None, run_conf={"day": DAY.isoformat()})
    assert run.state == "success"
    (task,) = run.get_task_instances()
    rows, columns = task.xcom_pull(task_ids="load_day")
    assert rows > 0
    assert columns == 6


def test_a_published_day_is_sorted_by_user(dags, daily, lake):
    from logpress import open_lake

    assert daily.test(logical_date=midnight(DAY)).state == "success"
    run = dags["sdk_log_history"].test(logical_date=None, run_conf={"day": DAY.isoformat()})
    assert run.state == "success"
    (task,) = run.get_task_instances()
    figures = task.xcom_pull(task_ids="sort_by_user")
    assert figures["is_made"]
    assert figures["rows"] > 0
    assert open_lake(lake).table("sdk_log").history().days == [DAY]
    again = dags["sdk_log_history"].test(logical_date=None, run_conf={"day": DAY.isoformat()})
    assert not again.get_task_instances()[0].xcom_pull(task_ids="sort_by_user")["is_made"]


def test_a_day_that_is_current_is_skipped_unless_it_is_forced(daily, lake):
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    def events(run) -> int:
        with create_session() as session:
            return len(session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run.run_id)).all())

    def run(**form):
        return daily.test(logical_date=midnight(DAY), run_conf=form)

    first = run()
    assert events(first) == 1
    before = {path: path.stat().st_mtime_ns for path in lake.rglob("*") if path.is_file()}
    skipped = run()
    assert skipped.state == "success"
    found = states(skipped)
    assert {state for task in ("plan", "press", "verify", "publish", "report") for state in found[task]} == {"skipped"}
    assert events(skipped) == 0
    assert {path: path.stat().st_mtime_ns for path in lake.rglob("*") if path.is_file()} == before
    forced = run(force=True)
    assert states(forced)["publish"] == {"success"}
    assert events(forced) == 1
    assert events(run(lake=str(lake.parent / "other"))) == 0  # what is published elsewhere is nobody else's business


def test_the_log_says_what_was_pressed_proven_and_published(daily, lake, caplog):
    with caplog.at_level("INFO"):
        assert daily.test(logical_date=midnight(DAY)).state == "success"
    said = "\n".join(caplog.messages)
    for sentence in (
        "sdk_log 2021-12-26: from ",
        "sdk_log 2021-12-26 is pressed: it is not published",
        "slice 2021-12-26T10: 1 input,",
        "proven: ",
        "fastparquet reads the same values",
        "check min_rows: ",
        f"sdk_log 2021-12-26 is published in {lake}: ",
        "times smaller",
        "plain Parquet",
        "_id_counter_high",  # of the size report, its smallest columns too
        "the first ones of 2 slices",
    ):
        assert sentence in said, sentence


def test_what_can_never_come_is_not_tried_again(daily, lake, caplog):
    missing = date(2021, 12, 22)
    run = daily.test(logical_date=midnight(missing))
    assert run.state == "failed"
    assert states(run)["plan"] == {"failed"}
    assert run.get_task_instance("plan").try_number == 1
    assert any("this is not tried again, because the day ended long ago" in message for message in caplog.messages)


def test_a_lake_that_takes_no_files_is_told_before_any_work(daily, tmp_path):
    place = tmp_path / "file"
    place.write_text("no folder")
    run = daily.test(logical_date=None, run_conf={"day": DAY.isoformat(), "lake": str(place)})
    assert run.state == "failed"
    assert states(run)["open_staging"] == {"failed"}


def test_a_day_pressed_again_with_nothing_changed_says_so(daily, lake):
    def changed(run) -> bool:
        return run.get_task_instance("publish").xcom_pull(task_ids="publish")["changed"]

    assert changed(daily.test(logical_date=midnight(DAY)))
    assert not changed(daily.test(logical_date=midnight(DAY), run_conf={"force": True}))
