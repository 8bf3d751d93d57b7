"""What a plan takes for a day on real servers: all of it, or it is refused, or waited for, as the contract says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import SEED, compact
from tests.integration.nodes import Node
from tests.integration.proxy import Proxy, answer, changed, meanwhile, proxied
from tests.integration.pulling import DAY, INDEX, is_published, run, sdk_log

from logpress import stages, whole_day
from logpress.errors import AbsentError, NotYetError, ProofError, RefusedError
from logpress.lake import Lake
from logpress.sources import restart
from logpress.stages import plan

DOCUMENT = b'{"func_name":"Backend.Some","timestamp":"2021-12-26T10:00:00Z"}'
FORBIDDEN = answer(403, b'{"error":{"type":"security_exception","reason":"no permissions for [indices:admin/x]"}}')


def make(node: Node, index: str, documents: int, **settings: object) -> None:
    own = {"number_of_shards": 2, "number_of_replicas": 0, "refresh_interval": "-1", **settings}
    mapping = {"dynamic": False, "properties": {"timestamp": {"type": "date"}}}
    node.ask("PUT", f"/{index}", {"settings": own, "mappings": mapping})
    for number in range(documents):
        node.put(index, str(number), DOCUMENT)


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


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(restart, "FIRST_PAUSE_SECONDS", 0.2, raising=False)
    for name in ("OPENSEARCH_USERNAME", "OPENSEARCH_PASSWORD", "OPENSEARCH_CA_CERTS", "OPENSEARCH_AUTH"):
        monkeypatch.delenv(name, raising=False)


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
    with pytest.raises(ProofError, match=r"as many records .*\(20\), but was written to"):
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
    contract = sdk_log(index="sdk-log-{day}*")
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


# -- waiting


def later(seconds: float, do) -> threading.Timer:
    timer = threading.Timer(seconds, do)
    timer.start()
    return timer


def test_an_index_that_appears_later_is_waited_for(node, tmp_path, caplog):
    contract = sdk_log(wait=timedelta(seconds=20))
    timer = later(1.0, lambda: make(node, INDEX, 4))
    try:
        assert run(contract, node.uri, tmp_path).total() == 4
    finally:
        timer.join()
        node.ask("DELETE", f"/{INDEX}")
    told = [entry.getMessage() for entry in caplog.records if "there is no such index" in entry.getMessage()]
    assert len(told) >= 2
    assert told[0].startswith("sdk_log 2021-12-26 waits 0 s, and 0:00:20 in all: ")


def test_an_index_that_turns_green_later_is_waited_for(index, proxy):
    proxy.harms["health", 1] = proxy.harms["health", 2] = changed(
        lambda data: data.replace(b'"status":"green"', b'"status":"red"')
    )
    specs = plan(sdk_log(), DAY, [proxy.uri], wait=timedelta(seconds=20))
    assert sum(sum(spec.expected) for spec in specs) == 20
    assert proxy.fired == [("health", 1), ("health", 2)]


def test_an_index_that_comes_to_rest_later_is_waited_for(index, proxy):
    for number in range(2, 20, 2):  # two rounds of three looks at two shards
        proxy.harms["count", number] = meanwhile(lambda: index.put(INDEX, f"new-{proxy.seen['count']}", DOCUMENT))
    specs = plan(sdk_log(), DAY, [proxy.uri], wait=timedelta(seconds=20))
    assert sum(sum(spec.expected) for spec in specs) == 20 + len(proxy.fired)
    assert len(proxy.fired) > 5


def test_what_does_not_come_in_time_is_refused_and_says_so(node):
    with pytest.raises(RefusedError, match=r"there is no such index; it was waited for in vain, 0:00:01"):
        plan(sdk_log(), DAY, [node.uri], wait=timedelta(seconds=1))
    with pytest.raises(NotYetError, match=r"there is no such index; to wait for that, let `source.wait` .*PT2H"):
        plan(sdk_log(), DAY, [node.uri])
    with pytest.raises(RefusedError, match=r"there is no such index$"):
        plan(sdk_log(missing_index="fail"), DAY, [node.uri], wait=timedelta(seconds=60))


# -- two places of one day


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """A folder with three of the day's documents, as they lie in an archive."""
    folder = tmp_path / "archive"
    folder.mkdir()
    lines = [compact({**SEED["_source"], "response_elapsed_time": number}) for number in range(3)]
    (folder / "2021-12-26.ndjson").write_bytes(b"\n".join(lines))
    return str(folder / "{day}.ndjson")


def pressed(contract, inputs: list[str], folder: Path):
    report, _ = whole_day.run_day(contract, DAY, inputs, str(folder / "lake"), grace=timedelta(0))
    return report, Lake.open(str(folder / "lake")).need_day("sdk_log", DAY)


def test_all_inputs_are_the_day_unless_the_contract_wants_the_first(index, archive, tmp_path):
    report, _ = pressed(sdk_log(), [index.uri, archive], tmp_path)
    assert (report.rows, report.taken_from) == (23, ())


def test_the_first_input_that_has_the_day_is_taken_alone(index, archive, tmp_path, caplog):
    contract = sdk_log(use="first")
    report, manifest = pressed(contract, [index.uri, archive], tmp_path)
    assert (report.rows, report.taken_from, manifest.taken_from) == (20, (index.uri,), (index.uri,))
    assert "passed over" not in caplog.text
    assert stages.changes(contract, DAY, str(tmp_path / "lake"), [index.uri, archive]) is None
    index.ask("DELETE", f"/{INDEX}")
    report, manifest = pressed(contract, [index.uri, archive], tmp_path)
    assert (report.rows, report.taken_from, manifest.taken_from) == (3, (archive,), (archive,))
    assert f"is taken from {archive}, the first of 2 inputs that has the day; passed over: opensearch" in caplog.text
    assert str(stages.changes(contract, DAY, str(tmp_path / "lake"), [index.uri, archive])).startswith(
        "no object is new"
    )
    make(index, INDEX, 0)  # an index without documents has nothing of the day either
    assert pressed(contract, [index.uri, archive], tmp_path)[0].rows == 3
    index.ask("DELETE", f"/{INDEX}")
    (tmp_path / "archive" / "2021-12-26.ndjson").unlink()
    with pytest.raises(NotYetError, match=r"no input has 2021-12-26: .*no such index; .*no such file") as told:
        pressed(contract, [index.uri, archive], tmp_path)
    assert "\n" not in str(told.value)
    with pytest.raises(AbsentError, match="no input has 2021-12-26"):
        pressed(contract, [archive, archive], tmp_path)
    make(index, INDEX, 0)


def test_an_input_that_is_there_but_refuses_is_not_passed_over(proxy, index, archive, tmp_path):
    proxy.harms["count", 0] = FORBIDDEN
    with pytest.raises(RefusedError, match="lacks a permission"):
        pressed(sdk_log(use="first"), [proxy.uri, archive], tmp_path)
    assert not is_published(tmp_path)


def test_an_input_that_comes_late_is_waited_for_only_where_none_has_the_day(node, archive, tmp_path):
    contract = sdk_log(use="first", wait=timedelta(seconds=20))
    assert pressed(contract, [node.uri, archive], tmp_path)[0].taken_from == (archive,)
    timer = later(1.0, lambda: make(node, INDEX, 4))
    try:
        assert pressed(contract, [f"{archive}.gone", node.uri], tmp_path)[0].taken_from == (node.uri,)
    finally:
        timer.join()
        node.ask("DELETE", f"/{INDEX}")
