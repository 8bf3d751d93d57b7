"""The plugin that gives runs their day, and knows when it is due."""

from __future__ import annotations

import importlib
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def plugin(airflow_home, monkeypatch) -> Any:
    """The plugin's module, as Airflow finds it."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    yield importlib.import_module("run_days")
    sys.modules.pop("run_days")


def dag(*tags: str, partitioned: bool = True) -> SimpleNamespace:
    return SimpleNamespace(tags=set(tags), timetable=SimpleNamespace(partitioned=partitioned))


def run(dag_: object = None, **parts: Any) -> SimpleNamespace:
    found = {"partition_key": None, "partition_date": None, "conf": {}, "logical_date": None}
    return SimpleNamespace(dag=dag_ or dag("logpress"), **{**found, **parts})


@pytest.mark.parametrize(
    "parts",
    [{"conf": {"day": "2021-12-26"}}, {"logical_date": datetime(2021, 12, 26, 5, tzinfo=UTC)}],
    ids=["form", "logical date"],
)
def test_a_run_by_hand_gets_the_key_of_its_day(plugin, parts):
    begun = run(**parts)
    plugin.on_dag_run_running(begun, "started")
    assert begun.partition_key == "2021-12-26"
    assert begun.partition_date == datetime(2021, 12, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    "begun",
    [
        run(),
        run(conf=None),
        run(conf={"day": "26 December"}),
        run(conf={"day": 20211226}),
        run(conf={"day": "2021-12-26"}, logical_date=datetime(2021, 12, 27, tzinfo=UTC)),
        run(dag("other"), conf={"day": "2021-12-26"}),
        run(dag("logpress", partitioned=False), conf={"day": "2021-12-26"}),
    ],
)
def test_runs_without_a_day_and_of_other_dags_are_left_alone(plugin, begun):
    plugin.on_dag_run_running(begun, "started")
    assert begun.partition_key is None
    assert begun.partition_date is None


def test_a_key_that_is_there_stays(plugin):
    begun = run(partition_key="2021-12-25", conf={"day": "2021-12-26"})
    plugin.on_dag_run_running(begun, "started")
    assert begun.partition_key == "2021-12-25"


@pytest.mark.parametrize(
    ("parts", "day"),
    [
        ({"partition_key": YESTERDAY.isoformat()}, YESTERDAY),
        ({"conf": {"day": TODAY.isoformat()}}, TODAY),
        ({"partition_key": "2021-12-26"}, None),
        ({}, None),
    ],
    ids=["scheduled", "form", "a day of long ago", "no day"],
)
def test_a_day_is_due_some_time_after_its_end_unless_that_has_passed(plugin, parts, day):
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType

    reference = plugin.DayIsDue.deserialize_reference(
        plugin.DayIsDue(timedelta(hours=30).total_seconds()).serialize_reference()
    )
    with create_session() as session:
        stored = DagRun("sdk_log_daily", "a_run", run_type=DagRunType.MANUAL, **parts)
        session.add(stored)
        session.flush()
        due = reference._evaluate_with(session=session, dag_id=stored.dag_id, run_id=stored.run_id)
        session.rollback()
    assert due == (None if day is None else midnight(day) + timedelta(hours=54))


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def contract_with_due(folder: Path) -> None:
    from logpress import contract

    text = (Path(contract.__file__).parent / "tables/sdk_log.yaml").read_text()
    (folder / "sdk_log.yaml").write_text(f"{text}\nalerts: {{due: PT3H}}\n")


def test_alerts_due_becomes_a_deadline_that_can_be_stored(plugin, tmp_path, monkeypatch):
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    contract_with_due(tmp_path)
    monkeypatch.setenv("LOGPRESS_CONTRACTS", str(tmp_path))
    bag = DagBag(PLUGINS.parent / "dags", bundle_path=PLUGINS.parent / "dags", bundle_name="dags-folder")
    dag = bag.dags["sdk_log_daily"]
    (alert,) = dag.deadline
    assert alert.reference.due_seconds == timedelta(hours=3).total_seconds()
    assert alert.callback.path == "logpress_dags.notifiers.LateNotifier"
    assert DagSerialization.serialize_dag(dag)


def test_a_deadline_needs_the_plugin_and_says_so(airflow_home, tmp_path, monkeypatch):
    from logpress.contract import load_contract
    from logpress.errors import ContractError
    from logpress_dags.table import table_dag

    contract_with_due(tmp_path)
    monkeypatch.setenv("LOGPRESS_CONTRACTS", str(tmp_path))
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(PLUGINS)])
    monkeypatch.setitem(sys.modules, "run_days", None)
    with pytest.raises(ContractError, match=r"`alerts.due` needs the plugin run_days.py"):
        table_dag(load_contract("sdk_log"))
