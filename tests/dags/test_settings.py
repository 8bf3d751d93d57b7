"""Where a run reads and writes, and how it gets at S3."""

import os
from datetime import date
from types import SimpleNamespace

import pytest

from logpress.contract import load_contract
from logpress.errors import UsageError


@pytest.fixture
def settings(airflow_home, monkeypatch):
    """The settings module with neither Variables nor environment set."""
    from logpress_dags import settings

    monkeypatch.delenv("LOGPRESS_LAKE")
    monkeypatch.delenv("LOGPRESS_INPUT")
    variables: dict[str, str] = {}
    monkeypatch.setattr(settings.Variable, "get", lambda key, default=None: variables.get(key, default))
    settings.variables = variables
    return settings


def context(run_id="manual__1", **form):
    run = SimpleNamespace(partition_key="2021-12-26", logical_date=None, run_id=run_id)
    return {"dag_run": run, "params": form}


def contract(*inputs):
    found = load_contract("sdk_log")
    return found.model_copy(update={"source": found.source.model_copy(update={"inputs": inputs})})


def test_the_form_goes_before_variables_before_the_environment_before_the_contract(settings, monkeypatch):
    def where(**form):
        run = settings.run_of(context(**form), contract("/contract"))
        return run["lake"], run["inputs"]

    monkeypatch.setenv("LOGPRESS_LAKE", "/environment/lake")
    assert where() == ("/environment/lake", ["/contract"])
    monkeypatch.setenv("LOGPRESS_INPUT", "/environment/a, /environment/b")
    assert where() == ("/environment/lake", ["/environment/a", "/environment/b"])
    settings.variables.update({"logpress_lake": "s3://variable/lake", "sdk_log_input": "/variable"})
    assert where() == ("s3://variable/lake", ["/variable"])
    assert where(lake="/form/lake", input=["/form, with comma"]) == ("/form/lake", ["/form, with comma"])


def test_no_lake_and_no_input_are_refused(settings, monkeypatch):
    with pytest.raises(UsageError, match="raw records of sdk_log"):
        settings.run_of(context(lake="/lake"), contract())
    with pytest.raises(UsageError, match="where the lake is"):
        settings.run_of(context(input=["/raw"]), contract())


def test_a_run_keeps_its_staging_name_and_its_day(settings):
    def run(run_id):
        return settings.run_of(context(run_id, lake="/lake", input=["/raw"]), contract())

    first = run("backfill__2021-12-26T00:00:00+00:00")
    assert first == run("backfill__2021-12-26T00:00:00+00:00")
    assert first["name"] != run("backfill__2021-12-26T00:00:00-00:00")["name"]
    assert date.fromisoformat(first["day"]) == date(2021, 12, 26)


def test_the_aws_connection_is_lent_for_s3_only_and_only_for_as_long(settings, monkeypatch):
    monkeypatch.setenv(
        "AIRFLOW_CONN_AWS_DEFAULT",
        '{"conn_type": "aws", "login": "an-id", "password": "a-secret",'
        ' "extra": {"region_name": "ap-northeast-2", "endpoint_url": "http://127.0.0.1:1"}}',
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from before")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with settings.storage_access("/local/lake"):
        assert os.environ["AWS_ACCESS_KEY_ID"] == "from before"
    with settings.storage_access("/local/lake", "s3://raw/logs"):
        assert os.environ["AWS_ACCESS_KEY_ID"] == "an-id"
        assert os.environ["AWS_SECRET_ACCESS_KEY"] == "a-secret"
        assert os.environ["AWS_DEFAULT_REGION"] == "ap-northeast-2"
        assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "from before"
    assert "AWS_ENDPOINT_URL" not in os.environ


def test_without_a_connection_the_machines_own_rights_hold(settings, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the machine's")
    with settings.storage_access("s3://raw/logs"):
        assert os.environ["AWS_ACCESS_KEY_ID"] == "the machine's"
