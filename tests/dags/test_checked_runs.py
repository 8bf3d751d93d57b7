"""Checks of each sort in real runs: a day that breaks one is not published, and what was published still reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.dags.test_runs import DAY, files, lake, midnight, staged, states

from logpress import open_lake

ROOT = Path(__file__).parents[2]
__all__ = ["lake"]

BROKEN = {
    "{kind: max_rows, max: 500}": "rows; at most 500 are expected",
    "{kind: hours, min: 3}": "2 of 24 hours have rows; at least 3 are expected; no rows between 00:00 and 10:00, 12:00",
    "{kind: filled, column: nickname, min_share: 1}": "values of nickname are there",
    "{kind: not_null, column: nickname}": "values of nickname are null",
    "{kind: range, column: response_elapsed_ms, max: 1}": "values of response_elapsed_ms are outside any to 1",
    "{kind: values, column: sdk_version, values: ['9'], where: func_name != null}": "are not among 9",
    "{kind: pattern, column: request_url, pattern: 'ftp:.*'}": "values of request_url do not match ftp:.*",
    "{kind: unique, columns: [func_name, sdk_version]}": "rows repeat func_name, sdk_version of another row",
    "{kind: compare, columns: [func_name, request_url], operator: =}": "rows break func_name = request_url",
    "{kind: order, columns: [ingested_at, user_created_at]}": "rows have ingested_at, user_created_at in another order",
    "{kind: where, conditions: response_status_code >= 200}": "rows have response_status_code >= 200",
    "{kind: lateness, column: ingested_at, since: user_created_at, max: PT1H}": "after user_created_at",
}
"""Checks that the sample breaks, and a part of what is said then."""


@pytest.fixture
def daily(dags, raw, lake):
    raw(DAY)
    return dags["sdk_log_daily"]


def with_checks(folder: Path, level: str):
    """The DAG, after the checks were added to its contract."""
    from airflow.dag_processing.dagbag import DagBag

    path = folder / "sdk_log.yaml"
    text = path.read_text()
    added = "".join(f"  - {check[:-1]}, level: {level}}}\n" for check in BROKEN)
    assert text.count("\nchecks:\n") == 1
    path.write_text(text.replace("\nchecks:\n", f"\nchecks:\n{added}"))
    bag = DagBag(ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder")
    assert bag.import_errors == {}
    return bag.dags["sdk_log_daily"]


def test_a_day_that_breaks_checks_is_refused_and_the_old_one_still_reads(daily, lake, tmp_path, caplog):
    assert daily.test(logical_date=midnight(DAY)).state == "success"
    before, scan = files(lake), open_lake(str(lake)).table("sdk_log").scan(str(DAY), columns=["func_name"])
    rows = scan.to_arrow().num_rows
    assert rows > 500

    strict = with_checks(tmp_path, "fail")
    with caplog.at_level("INFO"):
        refused = strict.test(logical_date=midnight(DAY), run_conf={"force": True})
    assert refused.state == "failed"
    found = states(refused)
    assert (found["press"], found["verify"], found["publish"]) == ({"success"}, {"failed"}, {"upstream_failed"})
    said = "\n".join(caplog.messages)
    for sentence in BROKEN.values():
        assert sentence in said, sentence
    assert files(lake).items() >= before.items()
    assert open_lake(str(lake)).table("sdk_log").scan(str(DAY), columns=["func_name"]).to_arrow().num_rows == rows
    assert refused.get_task_instance("verify").try_number == 1


def test_a_day_that_breaks_warnings_only_is_published(daily, lake, tmp_path, caplog):
    lenient = with_checks(tmp_path, "warn")
    with caplog.at_level("INFO"):
        assert lenient.test(logical_date=midnight(DAY)).state == "success"
    said = "\n".join(caplog.messages)
    for sentence in BROKEN.values():
        assert sentence in said, sentence
    assert staged(lake) == []
    assert open_lake(str(lake)).table("sdk_log").scan(str(DAY), columns=["func_name"]).to_arrow().num_rows > 500
