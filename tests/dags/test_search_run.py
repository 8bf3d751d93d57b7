"""A day from real search servers through the DAG: planned, pulled, proven, published and given back."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.integration.nodes import KINDS, Node, node_or_skip, sample_documents
from tests.integration.pulling import DAY, ODD, records_in

from logpress import contract
from logpress.contract import load_contract
from logpress.day import published
from logpress.lake import Lake

pytestmark = pytest.mark.long

RECORDS = 200_000 if os.environ.get("LOGPRESS_FULL") == "1" else 20_000
INDEX = f"sdk-log-{DAY}"
DATE = datetime(2021, 12, 26, tzinfo=UTC)


@pytest.fixture(scope="module", params=list(KINDS))
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    for node in node_or_skip(request.param):
        node.load(INDEX, sample_documents(tmp_path_factory.mktemp("sample"), RECORDS))
        for name, source in ODD.items():
            node.put(INDEX, name, source)
        yield node


@pytest.fixture
def opensearch(node: Node) -> Node:
    """One server, for what is the same with all."""
    if node.kind.name != "opensearch-2":
        pytest.skip("tried with OpenSearch 2")
    return node


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LOGPRESS_LAKE", str(tmp_path / "lake"))
    return str(tmp_path / "lake")


def contract_file(folder: Path, table: str, *source: str) -> None:
    """A contract like sdk_log, with some settings of its source."""
    packaged = (Path(contract.__file__).parent / "tables" / "sdk_log.yaml").read_text()
    text = packaged.replace("table: sdk_log\n", f"table: {table}\n")
    text = text.replace("source:\n  inputs: []\n", "source:\n" + "".join(f"  {line}\n" for line in source), 1)
    folder.mkdir(exist_ok=True)
    (folder / f"{table}.yaml").write_text(text)


def load_dags(**options: Any) -> Any:
    from airflow.dag_processing.dagbag import DagBag
    from tests.dags.conftest import ROOT

    bag = DagBag(ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder", **options)
    assert bag.import_errors == {}
    return bag


def test_a_day_from_a_cluster(dags, node: Node, lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGPRESS_INPUT", node.uri)
    run = dags["sdk_log_daily"].test(logical_date=DATE)
    assert run.state == "success"
    (press,) = (task for task in run.get_task_instances() if task.task_id == "press")
    assert press.rendered_map_index == "index-all"
    plain = Counter(node.hits(INDEX))
    assert plain.total() > 0.99 * RECORDS
    manifest = Lake.open(lake).need_day("sdk_log", DAY)
    assert (manifest.rows + manifest.rejects, manifest.slices[0].source_records) == (plain.total(), plain.total())
    published.restore_to_file(load_contract("sdk_log"), DAY, lake, tmp_path / "day")
    assert records_in(tmp_path / "day") == plain


def test_a_wrong_request_is_not_tried_again(dags, opensearch: Node, lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGPRESS_INPUT", opensearch.uri.replace("http:", "https:"))
    run = dags["sdk_log_daily"].test(logical_date=DATE)
    assert run.state == "failed"
    assert [task.try_number for task in run.get_task_instances() if task.task_id == "plan"] == [1]


def test_a_contract_bounds_what_airflow_pulls_at_a_time(
    airflow_home, opensearch: Node, lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract_file(
        tmp_path / "contracts", "bounded_log", "inputs: []", "pool: search", "slices_at_a_time: 3",
        f"slice_documents: {RECORDS // 4}", "documents_per_second: 900000",
    )  # fmt: skip
    monkeypatch.setenv("LOGPRESS_CONTRACTS", str(tmp_path / "contracts"))
    monkeypatch.setenv("LOGPRESS_INPUT", opensearch.uri)
    bag = load_dags(known_pools={"default_pool"})
    task = bag.dags["bounded_log_daily"].get_task("press")
    assert (task.partial_kwargs["pool"], task.partial_kwargs["max_active_tis_per_dagrun"]) == ("search", 3)
    assert [warning.message for warning in bag.dag_warnings] == [
        "Dag 'bounded_log_daily' references non-existent pools: ['search']"
    ]
    run = bag.dags["bounded_log_daily"].test(logical_date=DATE)
    assert run.state == "success"
    pressed = [task for task in run.get_task_instances() if task.task_id == "press"]
    assert len(pressed) > 3
    assert {task.pool for task in pressed} == {"search"}
    specs = run.get_task_instance("plan").xcom_pull(task_ids="plan")
    assert {spec["documents_per_second"] for spec in specs} == {300_000.0}


def test_the_archive_is_taken_where_the_index_is_gone(
    airflow_home, opensearch: Node, lake: str, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = raw(DAY).parent / "{day}"
    told: list[str] = []

    class Hearing(logging.Handler):  # pytest's own is taken away when Airflow sets its logging up
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    monkeypatch.setattr(logging.getLogger("logpress.day.plan"), "handlers", [Hearing()])
    monkeypatch.setenv("LOGPRESS_CONTRACTS", str(tmp_path / "contracts"))
    monkeypatch.delenv("LOGPRESS_INPUT")
    for table, index in (("both_log", "sdk-log-{day}"), ("old_log", "gone-{day}")):
        uri = f"{opensearch.uri}/{index}"
        contract_file(tmp_path / "contracts", table, f'inputs: ["{uri}", "{archive}"]', "use: first")
        dag = load_dags().dags[f"{table}_daily"]
        assert dag.test(logical_date=DATE).state == "success"
        taken = Lake.open(lake).need_day(table, DAY).taken_from
        assert taken == ((uri,) if table == "both_log" else (str(archive),))
    assert f"is read from {archive}, the first of 2 inputs that has the day; skipped: " in told[-1]


def test_an_index_that_comes_late_is_waited_for(
    airflow_home, opensearch: Node, lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from logpress.sources import restart

    monkeypatch.setattr(restart, "FIRST_PAUSE_SECONDS", 0.5)
    contract_file(tmp_path / "contracts", "late_log", "inputs: []", "wait: PT1M")
    monkeypatch.setenv("LOGPRESS_CONTRACTS", str(tmp_path / "contracts"))
    monkeypatch.setenv("LOGPRESS_INPUT", f"{opensearch.uri}/late-{{day}}")
    appears = threading.Timer(6.0, lambda: opensearch.put(f"late-{DAY}", "1", ODD["korean"]))
    appears.start()
    try:
        run = load_dags().dags["late_log_daily"].test(logical_date=DATE)
        assert run.state == "success"
        assert [task.try_number for task in run.get_task_instances() if task.task_id == "plan"] == [1]
        assert Lake.open(lake).need_day("late_log", DAY).rows == 1
    finally:
        appears.join()
        opensearch.ask("DELETE", f"/late-{DAY}")
