"""Search servers that tests share, each started once and ended when its tests are done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.nodes import KINDS, Node, node_or_skip


@pytest.fixture(scope="session", params=list(KINDS))
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    """Each server in turn."""
    yield from node_or_skip(request.param)


@pytest.fixture(scope="session")
def opensearch() -> Iterator[Node]:
    """OpenSearch 2."""
    yield from node_or_skip("opensearch-2")
