"""Search servers that tests share, each started once and ended when its tests are done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.nodes import KINDS, Node, node_or_skip

from logpress.sources import restart


@pytest.fixture(scope="session", params=list(KINDS))
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    """Each server in turn."""
    yield from node_or_skip(request.param)


@pytest.fixture(scope="session")
def opensearch() -> Iterator[Node]:
    """OpenSearch 2."""
    yield from node_or_skip("opensearch-2")


@pytest.fixture
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for long, and no credentials come from outside."""
    monkeypatch.setattr(restart, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(restart, "FIRST_PAUSE_SECONDS", 0.2)
    for name in ("OPENSEARCH_USERNAME", "OPENSEARCH_PASSWORD", "OPENSEARCH_CA_CERTS", "OPENSEARCH_AUTH"):
        monkeypatch.delenv(name, raising=False)
