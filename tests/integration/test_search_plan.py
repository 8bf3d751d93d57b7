"""Plans of a day on real servers: all of it, or it is refused, or waited for, as the contract says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.nodes import Node
from tests.integration.proxy import Proxy, meanwhile, proxied
from tests.integration.pulling import DAY, DOCUMENT, FORBIDDEN, INDEX, is_published, make, run, sdk_log

from logpress.day.stages import plan
from logpress.errors import NotYetError, ProofError, RefusedError

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("undisturbed")]


@pytest.fixture
def index(node: Node) -> Iterator[Node]:
    """A server whose day has 20 documents."""
    make(node, INDEX, 20)
    yield node
    node.ask("DELETE", f"/{INDEX}*")


@pytest.fixture
def proxy(node: Node) -> Iterator[Proxy]:
    with proxied(node.port) as proxy:
        yield proxy


def records(contract, uri: str) -> int:
    return sum(sum(spec.expected) for spec in plan(contract, DAY, [uri]))


# -- what no search sees yet


def test_documents_that_are_not_searchable_yet_are_in_the_day(index, tmp_path):
    index.ask("PUT", f"/{INDEX}/_doc/unseen", DOCUMENT)
    assert run(sdk_log(), index.uri, tmp_path).total() == 21


def test_documents_that_come_behind_a_slice_and_are_not_searchable_yet_are_noticed(index, proxy, tmp_path):
    proxy.harms["close", 1] = meanwhile(lambda: index.ask("PUT", f"/{INDEX}/_doc/unseen", DOCUMENT))
    with pytest.raises(ProofError, match="had 20 records when the day was planned and has 21 now"):
        run(sdk_log(), proxy.uri, tmp_path)
    assert proxy.fired
    assert not is_published(tmp_path)


def test_a_user_who_may_not_refresh_is_told_once(index, proxy, tmp_path, caplog):
    index.ask("PUT", f"/{INDEX}/_doc/unseen", DOCUMENT)
    proxy.harms["refresh", 0] = FORBIDDEN
    assert run(sdk_log(), proxy.uri, tmp_path).total() == 20
    assert proxy.seen["refresh"] == 2
    (told,) = [entry.getMessage() for entry in caplog.records if "may not refresh" in entry.getMessage()]
    assert INDEX in told


def swap(node: Node) -> None:
    """One document goes and another comes: every count stays what it was."""
    node.ask("DELETE", f"/{INDEX}/_doc/7?refresh=true")
    node.put(INDEX, "7", DOCUMENT.replace(b"Some", b"Other"))


def test_a_document_that_goes_while_another_comes_is_noticed(index, proxy, tmp_path):
    proxy.harms["close", 2] = meanwhile(lambda: swap(index))
    with pytest.raises(ProofError, match=r"was written to .* still has 20 records"):
        run(sdk_log(), proxy.uri, tmp_path)
    assert proxy.fired
    assert not is_published(tmp_path)


def test_a_user_who_may_not_see_sequence_numbers_still_has_the_counts(index, proxy, tmp_path):
    proxy.harms["stats", 0] = FORBIDDEN
    proxy.harms["close", 2] = meanwhile(lambda: swap(index))
    assert run(sdk_log(), proxy.uri, tmp_path).total() == 20
    assert {kind for kind, _ in proxy.fired} == {"stats", "close"}


# -- closed indices


def test_a_closed_index_is_not_left_out_of_a_pattern(index):
    make(index, f"{INDEX}-more", 3)
    contract = sdk_log(index="pulled-log-{day}*")
    assert records(contract, index.uri) == 23
    index.ask("POST", f"/{INDEX}-more/_close")
    with pytest.raises(
        RefusedError, match=rf"leaves out {INDEX}-more, closed; open .*POST /{INDEX}-more/_open"
    ) as told:
        plan(contract, DAY, [index.uri])
    assert "\n" not in str(told.value)
    index.ask("POST", f"/{INDEX}/_close")
    with pytest.raises(RefusedError, match=rf"leaves out {INDEX}, {INDEX}-more, closed"):
        plan(contract, DAY, [index.uri])
    index.ask("GET", "/_cluster/health?wait_for_status=green")
    with pytest.raises(RefusedError, match="is closed; open it"):
        plan(sdk_log(), DAY, [index.uri])
    index.ask("POST", f"/{INDEX},{INDEX}-more/_open")
    index.ask("GET", "/_cluster/health?wait_for_status=green")
    assert records(contract, index.uri) == 23


# -- an index that grows while it is planned


def test_a_document_that_comes_while_it_is_planned_is_in_the_day(index, proxy, tmp_path):
    proxy.harms["count", 2] = meanwhile(lambda: index.put(INDEX, "new", DOCUMENT))
    assert run(sdk_log(), proxy.uri, tmp_path).total() == 21
    assert proxy.fired == [("count", 2)]


@pytest.mark.parametrize(("decision", "error"), [("wait", NotYetError), ("fail", RefusedError)])
def test_an_index_that_never_rests_while_it_is_planned_is_refused(index, proxy, decision, error):
    proxy.harms["count", 0] = meanwhile(lambda: index.put(INDEX, f"new-{proxy.seen['count']}", DOCUMENT))
    with pytest.raises(error, match=r"had \d+ documents, then \d+, .* still being written"):
        plan(sdk_log(growing_index=decision), DAY, [proxy.uri])
    assert records(sdk_log(growing_index="go_on"), proxy.uri) > 20
