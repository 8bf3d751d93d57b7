"""The faults that matter most, on every kind of server, with one slice and with several pressed side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from tests.integration.nodes import Node, sample_documents
from tests.integration.proxy import Proxy, answer, drop, late, meanwhile, proxied
from tests.integration.pulling import DAY, INDEX, is_published, open_scrolls, run, sdk_log

from logpress.day.stages import plan
from logpress.errors import ProofError, RefusedError

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("undisturbed")]


RECORDS = 3_000
SHARDS = 3
NEW = b'{"timestamp":"2021-12-26T10:00:00Z"}'
WAYS = {"one slice": {}, "several slices": {"slice_documents": 500, "scrolls_at_a_time": 1}}


@pytest.fixture(scope="module")
def served(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node.load(INDEX, sample_documents(tmp_path_factory.mktemp("sample"), RECORDS), SHARDS)
    yield node
    node.ask("DELETE", f"/{INDEX}")


@pytest.fixture(scope="module")
def hits(served: Node) -> Counter[bytes]:
    return Counter(served.hits(INDEX))


@pytest.fixture
def proxy(served: Node) -> Iterator[Proxy]:
    with proxied(served.port) as proxy:
        yield proxy


@pytest.fixture(params=WAYS)
def contract(request: pytest.FixtureRequest, served: Node):
    found = sdk_log(timeout_seconds=2, **WAYS[request.param])
    slices = len(plan(found, DAY, [served.uri]))
    assert slices == 1 if request.param == "one slice" else slices > SHARDS
    return found


@pytest.mark.parametrize("harm", [drop, late(3.0)], ids=["dropped", "late"])
@pytest.mark.parametrize("place", [("search", 2), ("scroll", 7)], ids=["first", "later"])
def test_a_page_that_is_lost_is_in_the_day(served, proxy, hits, tmp_path, contract, harm, place):
    proxy.harms[place] = harm
    before = open_scrolls(served)
    assert run(contract, proxy.uri, tmp_path, threads=2) == hits
    assert proxy.fired == [place]
    # where the first page was lost, so was the name of its scroll: the server forgets it by itself
    assert open_scrolls(served) <= before + (place[0] == "search")


def test_an_index_that_grows_is_refused(served, proxy, tmp_path, contract):
    proxy.harms["scroll", 9] = meanwhile(lambda: served.put(INDEX, "new", NEW))
    before = open_scrolls(served)
    try:
        with pytest.raises(ProofError, match=r"had \d+ records when the day was planned|than the \d+ planned"):
            run(contract, proxy.uri, tmp_path, threads=2)
        assert proxy.fired
        assert not is_published(tmp_path)
        assert open_scrolls(served) == before
    finally:
        served.ask("DELETE", f"/{INDEX}/_doc/new?refresh=true")


def test_slices_beside_one_that_fails_leave_no_scroll_open(served, proxy, tmp_path):
    contract = sdk_log(**WAYS["several slices"], documents_per_second=400)  # so that the other is in the middle
    proxy.harms["scroll", 3] = answer(403, b'{"error":{"type":"security_exception","reason":"no"}}')
    before = open_scrolls(served)
    with pytest.raises(RefusedError, match="lacks a permission"):
        run(contract, proxy.uri, tmp_path, threads=2)
    assert proxy.most_open == 2
    assert open_scrolls(served) == before
    assert not is_published(tmp_path)
