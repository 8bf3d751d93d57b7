"""Inputs and lake of a run, and its access to S3."""

import os
from datetime import date, datetime
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
    monkeypatch.setattr("logpress_dags.settings.Variable.get", lambda key, default=None: variables.get(key, default))
    monkeypatch.setattr(settings, "variables", variables, raising=False)
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
    with pytest.raises(UsageError, match="no raw input of sdk_log"):
        settings.run_of(context(lake="/lake"), contract())
    with pytest.raises(UsageError, match="no lake is named"):
        settings.run_of(context(input=["/raw"]), contract())


@pytest.mark.parametrize("way", ["form", "variable", "environment", "contract", "the form's lake", "variable lake"])
def test_a_secret_in_a_uri_is_refused_whatever_way_it_comes_in(settings, monkeypatch, way):
    uri = "s3://AKIAKEY:wJalrXUtnFEMI@bucket/x"
    form: dict[str, str | list[str]] = {"lake": "/lake"}
    named = contract("/raw")
    if way == "form":
        form["input"] = ["/raw", uri]
    elif way == "variable":
        settings.variables["sdk_log_input"] = f"/raw,{uri}"
    elif way == "environment":
        monkeypatch.setenv("LOGPRESS_INPUT", uri)
    elif way == "contract":
        named = contract(uri)
    elif way == "the form's lake":
        form["lake"] = uri
    else:
        settings.variables["logpress_lake"] = uri
        form = {}
    with pytest.raises(UsageError, match="must not stand in a URI") as error:
        settings.run_of(context(**form), named)
    assert "wJalr" not in str(error.value)
    assert "AKIAKEY" not in str(error.value)


def test_what_a_task_may_take_is_a_variable_or_in_the_environment(settings, monkeypatch):
    monkeypatch.delenv("LOGPRESS_MEMORY", raising=False)
    assert settings.memory() is None
    monkeypatch.setenv("LOGPRESS_MEMORY", "2G")
    assert settings.memory() == 2_000_000_000
    settings.variables["logpress_memory"] = "800M"
    assert settings.memory() == 800_000_000
    settings.variables["logpress_memory"] = "much"
    with pytest.raises(UsageError, match="is not a size"):
        settings.memory()


def test_a_run_keeps_its_staging_name_and_its_day(settings):
    def run(run_id):
        return settings.run_of(context(run_id, lake="/lake", input=["/raw"]), contract())

    first = run("backfill__2021-12-26T00:00:00+00:00")
    again = run("backfill__2021-12-26T00:00:00+00:00")  # as after it was cleared
    assert {**first, "began": again["began"]} == again
    assert datetime.fromisoformat(first["began"]) < datetime.fromisoformat(again["began"])
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


def test_the_connection_to_a_cluster_is_lent_only_for_as_long(settings, monkeypatch):
    names = ("OPENSEARCH_USERNAME", "OPENSEARCH_PASSWORD", "OPENSEARCH_CA_CERTS", "OPENSEARCH_AUTH")
    for name in (*names, "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(
        "AIRFLOW_CONN_OPENSEARCH_DEFAULT",
        '{"conn_type": "opensearch", "login": "me", "password": "a-secret", "extra": {"ca_certs": "/etc/ca.pem"}}',
    )
    with settings.storage_access("/local/lake", "s3://raw/logs"):
        assert "OPENSEARCH_PASSWORD" not in os.environ
    with settings.storage_access("/local/lake", "opensearch+https://search:9200"):
        assert [os.environ.get(name) for name in names] == ["me", "a-secret", "/etc/ca.pem", None]
        assert "AWS_ACCESS_KEY_ID" not in os.environ
    assert not any(name in os.environ for name in names)


def test_a_cluster_that_wants_signatures_gets_the_aws_connection_too(settings, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_OPENSEARCH_DEFAULT", '{"conn_type": "opensearch", "extra": {"auth": "aws"}}')
    monkeypatch.setenv(
        "AIRFLOW_CONN_AWS_DEFAULT", '{"conn_type": "aws", "login": "an-id", "password": "a-secret", "extra": {}}'
    )
    with settings.storage_access("opensearch+https://x.ap-northeast-2.es.amazonaws.com"):
        assert os.environ["OPENSEARCH_AUTH"] == "aws"
        assert os.environ["AWS_ACCESS_KEY_ID"] == "an-id"


@pytest.mark.parametrize("way", ["contract", "environment"])
def test_signatures_that_the_contract_or_the_environment_asks_for_get_it_too(settings, monkeypatch, way):
    for name in ("OPENSEARCH_AUTH", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(
        "AIRFLOW_CONN_AWS_DEFAULT", '{"conn_type": "aws", "login": "an-id", "password": "a-secret", "extra": {}}'
    )
    uri = "opensearch+https://x.ap-northeast-2.es.amazonaws.com"
    with settings.storage_access(uri):
        assert "AWS_ACCESS_KEY_ID" not in os.environ
    if way == "environment":
        monkeypatch.setenv("OPENSEARCH_AUTH", "aws")
    with settings.storage_access(uri, aws=way == "contract"):
        assert os.environ["AWS_ACCESS_KEY_ID"] == "an-id"
        assert os.environ["AWS_SECRET_ACCESS_KEY"] == "a-secret"
    with settings.storage_access("/local", aws=True):
        assert "AWS_ACCESS_KEY_ID" not in os.environ


def of_connection(name):
    found = contract("opensearch:///sdk-log-{day}")
    return found.model_copy(update={"source": found.source.model_copy(update={"connection": name})})


@pytest.mark.parametrize(
    ("connection", "uri"),
    [
        ('{"conn_type": "opensearch", "host": "search", "port": 9201, "schema": "http"}', "http://search:9201/"),
        ('{"conn_type": "opensearch", "host": "search", "port": 9201, "schema": "https"}', "https://search:9201/"),
        ('{"conn_type": "opensearch", "host": "https://search"}', "https://search/"),
        ('{"conn_type": "opensearch", "host": "search"}', "https://search/"),
        ('{"conn_type": "opensearch", "host": "search", "extra": {"use_ssl": false}}', "http://search/"),
        ("opensearch://me:pass@search:9201/http", "http://search:9201/"),
    ],
)
def test_a_host_that_is_left_out_is_the_connections(settings, monkeypatch, connection, uri):
    monkeypatch.setenv("AIRFLOW_CONN_MY_SEARCH", connection)
    run = settings.run_of(context(lake="/lake"), of_connection("my_search"))
    assert run["inputs"] == [f"opensearch+{uri}sdk-log-{{day}}"]
    assert run["connection"] == "my_search"
    run = settings.run_of(context(lake="/lake", input=["elasticsearch://", "/raw"], connection="my_search"), contract())
    assert run["inputs"] == [f"elasticsearch+{uri}", "/raw"]
    assert not any("pass" in value for value in map(str, run.values()))


def test_a_connection_without_a_host_is_told(settings, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_OPENSEARCH_DEFAULT", raising=False)
    with pytest.raises(UsageError, match=r"the Airflow connection my_search.* does not exist"):
        settings.run_of(context(lake="/lake"), of_connection("my_search"))
    with pytest.raises(UsageError, match="neither has the Airflow connection opensearch_default"):
        settings.run_of(context(lake="/lake"), contract("opensearch:///sdk-log-{day}"))
    monkeypatch.setenv("AIRFLOW_CONN_MY_SEARCH", '{"conn_type": "opensearch", "host": "search", "schema": "x"}')
    with pytest.raises(UsageError, match="the schema 'x'"):
        settings.run_of(context(lake="/lake"), of_connection("my_search"))
    monkeypatch.setenv("AIRFLOW_CONN_MY_SEARCH", '{"conn_type": "opensearch", "host": "https://me:pass@search"}')
    with pytest.raises(UsageError, match="must not stand in a URI"):
        settings.run_of(context(lake="/lake"), of_connection("my_search"))


def test_two_clusters_have_two_users(settings, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_A", '{"conn_type": "opensearch", "login": "a", "password": "one"}')
    monkeypatch.setenv("AIRFLOW_CONN_B", '{"conn_type": "opensearch", "login": "b", "password": "two"}')
    for name, password in (("a", "one"), ("b", "two")):
        with settings.storage_access("opensearch+https://search:9200", connection=name):
            assert (os.environ["OPENSEARCH_USERNAME"], os.environ["OPENSEARCH_PASSWORD"]) == (name, password)
    with (
        pytest.raises(UsageError, match="the Airflow connection c,"),
        settings.storage_access("opensearch+https://search:9200", connection="c"),
    ):
        pass


def test_a_cluster_without_a_connection_is_asked_as_the_environment_says(settings, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_OPENSEARCH_DEFAULT", raising=False)
    monkeypatch.setenv("OPENSEARCH_USERNAME", "the machine")
    with settings.storage_access("elasticsearch+http://search:9200"):
        assert os.environ["OPENSEARCH_USERNAME"] == "the machine"
