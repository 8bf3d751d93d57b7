"""Properties of every DAG of this repository; Airflow can load, store and parse it fast."""

import subprocess
import sys
from datetime import date, timedelta
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
from tests.dags.airflow_api import DAG_IDS

from logpress.contract import contract_names, load_contract
from logpress.errors import CheckError, ContractError, LakeError, ProofError, SourceError, UsageError
from logpress_dags.task_log import TaskEnded, TaskEndedForGood

DAGS = Path(__file__).parents[2] / "dags"


OTHERS = DAG_IDS - {"sdk_log_daily"}


def test_there_is_a_daily_dag_for_each_contract_and_one_for_the_lake_and_the_example(dags):
    assert set(dags) == {f"{name}_daily" for name in contract_names()} | OTHERS


def test_every_dag_tells_an_operator_what_it_is(dags):
    for dag in dags.values():
        assert dag.description
        assert dag.doc_md.startswith(f"### {dag.dag_id}")
        assert "{" not in dag.doc_md
        assert "logpress" in dag.tags
        assert not dag.catchup
        assert dag.start_date.date() <= date(2010, 1, 1)
        for task in dag.tasks:
            assert task.owner == "data-platform"
            assert task.retries >= 1


def test_the_daily_dag_is_a_chain_from_waiting_to_the_report(dags):
    dag = dags["sdk_log_daily"]
    order = ["wait_until_complete", "open_staging", "plan", "press", "verify", "publish", "report"]
    for before, after in pairwise(order):
        assert after in dag.get_task(before).downstream_task_ids
    assert dag.get_task("press").is_mapped
    assert dag.get_task("clean").is_teardown
    assert [task.task_id for task in dag.tasks if task.is_setup] == ["open_staging", "press", "verify"]
    assert dag.get_task("publish").downstream_task_ids == {"report", "clean"}
    assert [outlet.name for outlet in dag.get_task("publish").outlets] == ["sdk_log"]


def test_a_scheduled_run_is_the_day_that_has_just_ended(dags):
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    timetable = coerce_to_core_timetable(dags["sdk_log_daily"].timetable)
    run = timetable.next_dagrun_info_v2(
        last_dagrun_info=None,
        restriction=TimeRestriction(earliest=dags["sdk_log_daily"].start_date, latest=None, catchup=False),
    )
    assert (run.run_after.hour, run.run_after.minute) == (0, 0)
    assert run.partition_key == (run.run_after.date() - timedelta(days=1)).isoformat()


def test_dags_survive_being_stored(dags):
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in dags.values():
        stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
        assert stored.task_ids == dag.task_ids


@pytest.mark.parametrize("error", [UsageError, ContractError, ProofError, CheckError, TaskEndedForGood])
def test_what_cannot_mend_fails_at_once(dags, error):
    for task in dags["sdk_log_daily"].tasks:
        assert task.retry_policy.evaluate(error("as it is"), try_number=1, max_tries=3).action.value == "fail"


@pytest.mark.parametrize("error", [SourceError, LakeError, OSError, MemoryError, TaskEnded])
def test_what_may_mend_is_tried_again(dags, error):
    for task in dags["sdk_log_daily"].tasks:
        assert task.retry_policy.evaluate(error("for now"), try_number=1, max_tries=3).action.value == "default"
        assert task.retry_exponential_backoff


def test_no_task_can_hang_for_ever(dags):
    for task in dags["sdk_log_daily"].tasks:
        assert timedelta(0) < task.execution_timeout <= timedelta(hours=12)


def test_parsing_imports_nothing_heavy():
    code = f"""
import sys, airflow.sdk
sys.path.insert(0, {str(DAGS)!r})
before = set(sys.modules)
import daily, lake_clean, sdk_log_training_example
heavy = {{"numba", "numpy", "pandas", "pyarrow", "pyiceberg", "boto3", "logpress.engine", "logpress.day.stages"}}
sys.exit(", ".join(sorted(heavy & (set(sys.modules) - before))) or None)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("path", sorted(DAGS.glob("*.py")), ids=lambda path: path.name)
def test_a_dag_file_has_a_docstring_and_is_short(path):
    text = path.read_text()
    assert text.startswith('"""')
    assert len(text.splitlines()) <= 60


def test_helpers_are_no_dag_files():
    assert "logpress_dags/" in (DAGS / ".airflowignore").read_text()
    assert import_module("logpress_dags").__doc__


def test_a_broken_contract_takes_down_its_own_dag_only(airflow_home, tmp_path, monkeypatch):
    from airflow.dag_processing.dagbag import DagBag

    good = (Path(load_contract.__code__.co_filename).parent / "tables/sdk_log.yaml").read_text()
    (tmp_path / "other.yaml").write_text(good.replace("table: sdk_log", "table: other"))
    (tmp_path / "broken.yaml").write_text("table: broken\nday: {at\n")
    (tmp_path / "misnamed.yaml").write_text(good)
    (tmp_path / "wrong.yaml").write_text(good.replace("table: sdk_log", "table: wrong\nunknown_key: 1"))
    monkeypatch.setenv("LOGPRESS_CONTRACTS", str(tmp_path))
    bag = DagBag(DAGS, bundle_path=DAGS, bundle_name="dags-folder")
    assert bag.import_errors == {}
    expected = {"sdk_log_daily", "other_daily", "broken_daily", "misnamed_daily", "wrong_daily"}
    assert set(bag.dags) == expected | OTHERS | {"other_history"}
    assert bag.dags["other_daily"].has_task("press")
    for name, reason in {
        "broken": "broken.yaml:3: is not YAML",
        "misnamed": "misnamed.yaml: is the contract of 'sdk_log'",
        "wrong": "wrong.yaml:",
    }.items():
        dag = bag.dags[f"{name}_daily"]
        assert reason in (dag.doc_md or "")
        with pytest.raises(TaskEndedForGood):
            dag.get_task("read_contract").python_callable()
