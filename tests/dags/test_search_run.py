"""A day from a real search server through the DAG: planned, pulled, proven, published and given back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.integration.nodes import Node, node_or_skip, sample_documents

DAY = date(2021, 12, 26)
INDEX = f"sdk-log-{DAY}"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    for node in node_or_skip("opensearch-2"):
        node.load(INDEX, sample_documents(tmp_path_factory.mktemp("sample"), 3_000))
        yield node


def test_a_day_from_a_cluster(dags, node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from logpress import published
    from logpress.contract import load_contract

    monkeypatch.setenv("LOGPRESS_INPUT", node.uri)
    monkeypatch.setenv("LOGPRESS_LAKE", str(tmp_path / "lake"))
    run = dags["sdk_log_daily"].test(logical_date=datetime(2021, 12, 26, tzinfo=UTC))
    assert run.state == "success"
    (press,) = (task for task in run.get_task_instances() if task.task_id == "press")
    assert press.rendered_map_index == "index-all"
    assert press.pool == "default_pool"
    published.restore_to_file(load_contract("sdk_log"), DAY, str(tmp_path / "lake"), tmp_path / "day")
    assert Counter((tmp_path / "day").read_bytes().split(b"\n")[:-1]) == Counter(node.hits(INDEX))


def test_a_wrong_request_is_not_tried_again(dags, node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGPRESS_INPUT", node.uri.replace("http:", "https:"))
    monkeypatch.setenv("LOGPRESS_LAKE", str(tmp_path / "lake"))
    run = dags["sdk_log_daily"].test(logical_date=datetime(2021, 12, 26, tzinfo=UTC))
    assert run.state == "failed"
    assert [task.try_number for task in run.get_task_instances() if task.task_id == "plan"] == [1]
