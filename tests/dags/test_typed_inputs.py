"""A cluster as an operator types it into the form, its connection beside it or not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.integration.nodes import Node, node_or_skip, sample_documents

pytestmark = pytest.mark.long

DAY = date(2021, 12, 26)
INDEX = f"sdk-log-{DAY}"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    for node in node_or_skip("opensearch-2"):
        node.load(INDEX, sample_documents(tmp_path_factory.mktemp("sample"), 2_000))
        yield node


@pytest.fixture
def typed(dags: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the day with what the form says, and nothing configured."""
    monkeypatch.delenv("LOGPRESS_INPUT")

    def run(**form: Any) -> Any:
        conf = {"day": DAY.isoformat(), "lake": str(tmp_path / "lake"), **form}
        return dags["sdk_log_daily"].test(logical_date=None, run_conf=conf)

    return run


def restored(lake: Path) -> Counter[bytes]:
    from logpress.contract import load_contract
    from logpress.day import published

    output = lake.parent / "day"
    published.restore_to_file(load_contract("sdk_log"), DAY, str(lake), output)
    return Counter(output.read_bytes().split(b"\n")[:-1])


@pytest.mark.parametrize("index", ["", "/sdk-log-{day}"])
def test_a_cluster_typed_into_the_form(typed: Any, node: Node, tmp_path: Path, index: str) -> None:
    assert typed(input=[f"{node.uri}{index}"]).state == "success"
    assert restored(tmp_path / "lake") == Counter(node.hits(INDEX))


def test_a_cluster_whose_host_only_the_connection_has(
    typed: Any, node: Node, tmp_path: Path, airflow_home: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    where = urlsplit(node.http)
    connection = {
        "conn_type": "opensearch", "host": where.hostname, "port": where.port, "schema": "http", "login": "me",
        "password": "wJalrXUtnFEMI",
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_MY_SEARCH", json.dumps(connection))
    assert typed(input=["opensearch:///sdk-log-{day}"], connection="my_search").state == "success"
    assert restored(tmp_path / "lake") == Counter(node.hits(INDEX))
    out, err = capfd.readouterr()
    assert "wJalrXUtnFEMI" not in out + err
    for path in (path for path in [*airflow_home.rglob("*"), *tmp_path.rglob("*")] if path.is_file()):
        assert b"wJalrXUtnFEMI" not in path.read_bytes(), path
