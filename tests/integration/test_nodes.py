"""Servers that tests may do without, and the machines where they may."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from tests.integration import nodes
from tests.integration.nodes import CannotStartError, NoJavaError, node_or_skip


@pytest.mark.parametrize(
    ("name", "error", "environment", "outcome"),
    [
        ("opensearch-2", CannotStartError("no Maven"), "", pytest.skip.Exception),
        ("opensearch-2", CannotStartError("no Maven"), "CI", pytest.fail.Exception),
        ("opensearch-2", NoJavaError("no Java 17"), "CI", pytest.fail.Exception),
        ("opensearch-3", CannotStartError("no Maven"), "CI", pytest.fail.Exception),
        ("opensearch-3", NoJavaError("no Java 21"), "CI", pytest.skip.Exception),
        ("opensearch-3", NoJavaError("no Java 21"), "LOGPRESS_REQUIRE_SERVERS", pytest.fail.Exception),
    ],
)
def test_a_server_that_cannot_be_started(monkeypatch, name, error, environment, outcome):
    def fail(name: str) -> None:
        raise error

    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("LOGPRESS_REQUIRE_SERVERS", raising=False)
    if environment:
        monkeypatch.setenv(environment, "1")
    monkeypatch.setattr(nodes, "start_node", fail)
    monkeypatch.setattr(nodes, "NOT_TESTED", [])
    is_skip = outcome is pytest.skip.Exception
    told = pytest.warns(UserWarning, match=f"NOT TESTED against {name}") if is_skip else nullcontext()
    with told, pytest.raises(outcome):
        next(node_or_skip(name))
    assert len(nodes.NOT_TESTED) == is_skip
