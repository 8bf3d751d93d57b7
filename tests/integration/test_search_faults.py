"""Faults on purpose between logpress and a real server: every time the complete day, or a clear failure."""

from __future__ import annotations

import json
import shutil
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path

import pytest
from tests.integration.nodes import Node, sample_documents
from tests.integration.proxy import Proxy, answer, changed, cut, drop, late, meanwhile, proxied, self_signed
from tests.integration.pulling import DAY, INDEX, is_published, open_scrolls, run, sdk_log

from logpress.comparing import Named, compare_day
from logpress.day.stages import plan
from logpress.errors import BrokenOffError, LogpressError, ProofError, RefusedError, SourceError, UsageError
from logpress.lake import Lake
from logpress.sources import restart

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("undisturbed")]


RECORDS = 3_000


@pytest.fixture(scope="module")
def served(opensearch: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    opensearch.load(INDEX, sample_documents(tmp_path_factory.mktemp("sample"), RECORDS), 2)
    yield opensearch
    opensearch.ask("DELETE", f"/{INDEX}")


@pytest.fixture(scope="module")
def hits(served: Node) -> Counter[bytes]:
    return Counter(served.hits(INDEX))


@pytest.fixture
def proxy(served: Node) -> Iterator[Proxy]:
    with proxied(served.port) as proxy:
        yield proxy


HARMS = {
    "dropped": drop,
    "cut": cut,
    "429": answer(429),
    "502": answer(502),
    "503": answer(503),
    "504": answer(504),
    "circuit breaker": answer(
        500, b'{"error":{"type":"circuit_breaking_exception","reason":"[parent] Data too large"},"status":500}'
    ),
    "not whole": changed(lambda data: data.replace(b'"failed":0', b'"failed":1', 1)),
    "timed out": changed(lambda data: data.replace(b'"timed_out":false', b'"timed_out":true', 1)),
    "no JSON": changed(lambda data: data[: len(data) // 2]),
    "no JSON after the hits": changed(lambda data: data[:-1]),
    "an HTML page": answer(200, b"<html>maintenance</html>"),
    "a hit too few": changed(lambda data: data[: data.rindex(b',{"_index"')] + b"]}}"),
    "a hit too many": changed(
        lambda data: data[: data.rindex(b',{"_index"')] + data[data.rindex(b',{"_index"') : -3] * 2 + b"]}}"
    ),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
@pytest.mark.parametrize("place", [("search", 1), ("scroll", 7)], ids=["first", "later"])
def test_one_fault_restarts_the_slice_and_the_day_is_complete(served, proxy, hits, tmp_path, harm, place):
    proxy.harms[place] = harm
    before = open_scrolls(served)
    assert run(sdk_log(), proxy.uri, tmp_path) == hits
    assert proxy.seen["search"] >= 3  # two shards, and one of them again at least
    # where the first page was lost, so was the name of its scroll: the server forgets it by itself
    assert open_scrolls(served) <= before + (place[0] == "search")


@pytest.mark.parametrize("name", ["dropped", "cut", "429", "503", "not whole", "no JSON", "a hit too few"])
def test_a_fault_that_stays_is_a_clear_failure(proxy, tmp_path, name):
    proxy.harms["scroll", 0] = HARMS[name]
    with pytest.raises(SourceError, match=r"127\.0\.0\.1") as failure:
        run(sdk_log(), proxy.uri, tmp_path)
    assert "\n" not in str(failure.value)
    assert not is_published(tmp_path)
    assert proxy.seen["search"] >= 3  # it was tried three times


def test_no_request_of_a_scroll_is_sent_twice(proxy, tmp_path):
    proxy.harms["scroll", 0] = answer(503)
    with pytest.raises(BrokenOffError):
        run(sdk_log(restarts=0, scrolls_at_a_time=1), proxy.uri, tmp_path)
    assert proxy.seen["search"] == 1
    assert proxy.seen["scroll"] == 1
    assert proxy.seen["close"] == 1


def test_a_page_that_comes_too_late_is_not_skipped(proxy, hits, tmp_path):
    proxy.harms["scroll", 3] = late(2.5)
    assert run(sdk_log(timeout_seconds=1), proxy.uri, tmp_path) == hits
    assert proxy.fired == [("scroll", 3)]
    assert proxy.seen["search"] > 2


def test_a_scroll_that_expires_begins_again(served, proxy, hits, tmp_path):
    proxy.harms["scroll", 5] = meanwhile(lambda: served.ask("DELETE", "/_search/scroll/_all"))
    assert run(sdk_log(), proxy.uri, tmp_path) == hits
    assert proxy.fired == [("scroll", 5)]
    assert proxy.seen["search"] > 2


def test_a_scroll_that_always_expires_says_so(served, proxy, tmp_path):
    proxy.harms["scroll", 0] = meanwhile(lambda: served.ask("DELETE", "/_search/scroll/_all"))
    with pytest.raises(BrokenOffError, match="keep_alive"):
        run(sdk_log(), proxy.uri, tmp_path)


def test_an_index_that_grows_before_a_slice_is_pulled_is_refused(served, proxy, tmp_path):
    proxy.harms["search", 1] = meanwhile(lambda: served.put(INDEX, "new", b'{"timestamp":"2021-12-26T10:00:00Z"}'))
    try:
        with pytest.raises(ProofError, match=r"still being\s+written|than the \d+ planned"):
            run(sdk_log(scrolls_at_a_time=1), proxy.uri, tmp_path)
        assert not is_published(tmp_path)
    finally:
        served.ask("DELETE", f"/{INDEX}/_doc/new?refresh=true")


def test_an_index_that_grows_behind_a_slice_is_refused(served, proxy, tmp_path):
    proxy.harms["scroll", 9] = meanwhile(lambda: served.put(INDEX, "new", b'{"timestamp":"2021-12-26T10:00:00Z"}'))
    try:
        with pytest.raises(ProofError, match=r"had \d+ records when the day was planned|than the \d+ planned"):
            run(sdk_log(), proxy.uri, tmp_path)
        assert not is_published(tmp_path)
    finally:
        served.ask("DELETE", f"/{INDEX}/_doc/new?refresh=true")


def test_an_index_that_may_grow_gives_what_was_there(served, proxy, hits, tmp_path):
    proxy.harms["scroll", 9] = meanwhile(lambda: served.put(INDEX, "new", b'{"timestamp":"2021-12-26T10:00:00Z"}'))
    try:
        restored = run(sdk_log(growing_index="go_on"), proxy.uri, tmp_path)
        assert not hits - restored
        assert restored.total() - hits.total() in (0, 1)
    finally:
        served.ask("DELETE", f"/{INDEX}/_doc/new?refresh=true")


def test_a_page_served_twice_in_the_place_of_another_is_found_out(proxy, tmp_path):
    kept: list[bytes] = []

    def keep(data: bytes) -> bytes:
        kept.append(data)
        return data

    proxy.harms["scroll", 1] = changed(keep)
    proxy.harms["scroll", 2] = changed(lambda data: kept[0])
    with pytest.raises(ProofError, match=r"distinct ids, so \d+ were read twice"):
        run(sdk_log(scrolls_at_a_time=1), proxy.uri, tmp_path)
    assert not is_published(tmp_path)


def test_the_same_document_in_two_slices_is_found_out(served, tmp_path):
    from logpress.day import stages

    contract = sdk_log(slice_documents=1_000)
    specs = plan(contract, DAY, [served.uri])
    manifests = [stages.press(contract, DAY, spec, str(tmp_path / "lake"), "run") for spec in specs]
    lake = Lake.open(str(tmp_path / "lake"))
    stages.prove_counts(contract, DAY, manifests, lake, "run")
    one, two = (Path(lake.staging_folder(contract.table, DAY, "run", m.slice)) for m in manifests[:2])
    shutil.copy(one / "_ids", two / "_ids")
    with pytest.raises(ProofError, match=r"were read by more than one"):
        stages.prove_counts(contract, DAY, manifests, lake, "run")
    with pytest.raises(ProofError, match="too few"):
        stages.prove_counts(contract, DAY, manifests[:-1], lake, "run")


def test_pages_that_turn_out_too_large_are_asked_for_anew(served, proxy, tmp_path):
    from logpress.engine.press import press_slice

    contract = sdk_log(scrolls_at_a_time=1)
    (spec,) = plan(contract, DAY, [proxy.uri])
    wrong = spec.model_copy(update={"raw_bytes": 10 * sum(spec.expected)})  # as if hits had 10 bytes
    before = open_scrolls(served)
    manifest = press_slice(contract, DAY, wrong, str(tmp_path / "out"))
    assert manifest.records == spec.source_records
    assert (proxy.seen["search"], proxy.seen["close"]) == (4, 4)
    assert max(origin.raw_bytes for origin in manifest.origins) > 4 * contract.source.page_bytes
    assert open_scrolls(served) == before


def test_large_documents_behind_small_ones_do_not_make_large_pages(served, proxy, tmp_path, caplog):
    small = [(f"small-{n}", b'{"func_name":"f%d","timestamp":"2021-12-26T10:00:00Z"}' % n) for n in range(500)]
    text = b"x" * 1_000_000
    large = [(f"large-{n}", b'{"func_name":"%d%b","timestamp":"2021-12-26T10:00:00Z"}' % (n, text)) for n in range(15)]
    served.load("large-2021-12-26", [*small, *large], shards=1)
    try:
        before = open_scrolls(served)
        contract = sdk_log(index="large-{day}", page_bytes=500_000, timeout_seconds=30)
        sizes: list[int] = []

        def weigh(data: bytes) -> bytes:
            sizes.append(len(data))
            return data

        proxy.harms = {("search", 0): changed(weigh), ("scroll", 0): changed(weigh)}
        expected = Counter(served.hits("large-2021-12-26"))
        assert run(contract, proxy.uri, tmp_path) == expected
        # the first page held all; the next try came upon large ones behind small ones; the last one took them singly
        assert [size > 4_000_000 for size in sizes].count(True) == 2
        assert "hits are asked for in smaller pages" in caplog.text
        assert max(sizes[-500:]) <= 4_000_000
        assert open_scrolls(served) == before
        sizes.clear()
        found = compare_day(contract, DAY, Named((str(tmp_path / "day"),)), Named((proxy.uri,)))
        assert found.is_same
        assert [size > 4_000_000 for size in sizes].count(True) == 2
    finally:
        served.ask("DELETE", "/large-2021-12-26")


def test_a_page_has_no_more_hits_than_the_index_allows(served, proxy, hits, tmp_path):
    served.ask("PUT", f"/{INDEX}/_settings", {"index.max_result_window": 60})
    try:
        assert run(sdk_log(page_bytes=4_000_000), proxy.uri, tmp_path) == hits
        assert proxy.seen["scroll"] >= hits.total() // 60 - 2
    finally:
        served.ask("PUT", f"/{INDEX}/_settings", {"index.max_result_window": None})


def asked_at(proxy: Proxy) -> list[float]:
    return [request.at for request in proxy.requests if request.kind in ("search", "scroll")]


def test_documents_a_second_are_bounded(proxy, hits, tmp_path):
    assert run(sdk_log(documents_per_second=1_000, scrolls_at_a_time=1), proxy.uri, tmp_path) == hits
    sizes = {json.loads(request.body)["size"] for request in proxy.requests if request.kind == "search"}
    (size,) = sizes
    gaps = sorted(later - before for before, later in pairwise(asked_at(proxy)))
    assert gaps[len(gaps) // 2] > 0.9 * size / 1_000
    assert asked_at(proxy)[-1] - asked_at(proxy)[0] > 0.9 * (hits.total() - 2 * size) / 1_000


def test_slices_share_the_documents_a_second(proxy, hits, tmp_path):
    contract = sdk_log(documents_per_second=600, scrolls_at_a_time=1, slice_documents=1_000)
    assert run(contract, proxy.uri, tmp_path, threads=2) == hits
    assert proxy.most_open == 2
    assert asked_at(proxy)[-1] - asked_at(proxy)[0] > 0.8 * hits.total() / 600


@pytest.mark.parametrize("scrolls", [1, 2])
def test_no_more_scrolls_are_open_than_the_index_has_shards(proxy, hits, tmp_path, scrolls):
    contract = sdk_log(slice_documents=1_000, scrolls_at_a_time=scrolls)
    assert len(plan(contract, DAY, [proxy.uri])) > 3
    assert run(contract, proxy.uri, tmp_path, threads=4) == hits
    assert proxy.most_open == 2


def test_every_search_wants_all_shards_and_an_exact_count(proxy, hits, tmp_path):
    assert run(sdk_log(slice_documents=1_000), proxy.uri, tmp_path) == hits
    searches = [request for request in proxy.requests if "/_search?" in request.path]
    assert {request.kind for request in searches} == {"count", "search", "other"}
    assert all("allow_partial_search_results=false" in request.path for request in searches)
    assert all("ignore_unavailable=false&allow_no_indices=false" in request.path for request in searches)
    assert all(json.loads(request.body)["track_total_hits"] is True for request in searches if request.kind != "other")


@pytest.mark.parametrize(
    ("uri", "error", "message"),
    [
        ("opensearch+http://127.0.0.1:1", SourceError, "127.0.0.1:1.*cannot be reached: Connection refused"),
        ("opensearch+http://no-such-host.invalid:9200", SourceError, "no host of that name"),
        ("{uri}/no-such-index", SourceError, "no-such-index: there is no such index"),
        ("{uri}/no-such-*", SourceError, "there is no such index"),
        ("opensearch+https://127.0.0.1:{port}", RefusedError, "does not speak TLS|TLS fails"),
    ],
)
def test_what_cannot_be_planned_is_one_line(served, uri, error, message):
    with pytest.raises(error, match=message) as failure:
        plan(sdk_log(), DAY, [uri.format(uri=served.uri, port=served.port)])
    assert "\n" not in str(failure.value)
    assert "0x" not in str(failure.value)


def test_faults_while_an_index_is_compared(served, proxy, hits, tmp_path):
    """A slice that breaks off is forgotten in both readings: nothing is counted, or written, twice."""
    lines = sorted(hits.elements())
    (tmp_path / "a").write_bytes(b"\n".join([*lines[50:], b'{"new":1}']))
    proxy.harms = {("scroll", 7): drop, ("scroll", 60): cut, ("search", 2): answer(503)}
    before = open_scrolls(served)
    contract = sdk_log(restarts=5)
    found = compare_day(contract, DAY, Named((str(tmp_path / "a"),)), Named((proxy.uri,)), output=tmp_path / "out")
    assert proxy.seen["search"] >= 2 * 2 + 2
    assert (found.equal_bytes, found.equal_value) == (len(lines) - 50, 0)
    assert (found.a.only, found.b.only, found.b.documents) == (1, 50, len(lines))
    assert Counter((tmp_path / "out" / "only-b.ndjson").read_bytes().splitlines()) == Counter(lines[:50])
    assert open_scrolls(served) <= before + 1  # the first page of one was lost


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, b"Unauthorized", "OPENSEARCH_PASSWORD"),
        (
            403,
            b'{"error":{"type":"security_exception","reason":"no permissions for [indices:data/read]"}}',
            "permission",
        ),
        (
            403,
            b'{"message":"The security token included in the request is expired"}',
            "refused: .*expired; get new ones",
        ),
        (403, b'{"message":"The security token included in the request is invalid."}', "invalid; get new ones"),
        (
            403,
            b'{"message":"The request signature we calculated does not match the signature you provided. Check"}',
            "AWS credentials are refused",
        ),
        (
            403,
            b'{"message":"Signature expired: 20211226T000000Z is now earlier than 20211226T010000Z"}',
            "clock is right",
        ),
        (
            403,
            b'{"Message":"User: arn:aws:iam::1:user/x is not authorized to perform: es:ESHttpPost"}',
            "lacks a permission: User: arn:aws:iam::1:user/x is not authorized",
        ),
        (400, b'{"error":{"root_cause":[{"type":"x","reason":"Batch size is too large"}]}}', "Batch size is too large"),
    ],
)
def test_a_refusal_is_one_line_and_ends_at_once(proxy, tmp_path, status, body, message, monkeypatch):
    monkeypatch.setenv("OPENSEARCH_USERNAME", "me")
    monkeypatch.setenv("OPENSEARCH_PASSWORD", "a-secret")
    proxy.harms["search", 0] = answer(status, body)
    with pytest.raises(RefusedError, match=message) as failure:
        run(sdk_log(scrolls_at_a_time=1), proxy.uri, tmp_path)
    assert "a-secret" not in str(failure.value)
    assert proxy.seen["search"] == 1


def test_a_missing_or_empty_index_is_what_the_contract_says(served, tmp_path):
    served.ask("PUT", "/bare-2021-12-26", {"settings": {"number_of_replicas": 0}})
    try:
        for index in ("gone-{day}", "bare-{day}"):
            with pytest.raises(SourceError) as waiting:
                plan(sdk_log(index=index), DAY, [served.uri])
            assert not isinstance(waiting.value, RefusedError)
            with pytest.raises(RefusedError):
                plan(sdk_log(index=index, missing_index="fail"), DAY, [served.uri])
        contract = sdk_log(index="gone-{day}", missing_index="empty")
        contract = contract.model_copy(update={"checks": ()})
        assert run(contract, served.uri, tmp_path) == Counter()
    finally:
        served.ask("DELETE", "/bare-2021-12-26")


def test_a_red_index_is_waited_for_or_refused(served):
    settings = {"number_of_replicas": 0, "index.routing.allocation.require._name": "no-such-node"}
    served.ask("PUT", "/red-2021-12-26?wait_for_active_shards=0&timeout=1s", {"settings": settings})
    try:
        with pytest.raises(SourceError, match="red"):
            plan(sdk_log(index="red-{day}"), DAY, [served.uri])
        with pytest.raises(RefusedError, match="red"):
            plan(sdk_log(index="red-{day}", red_index="fail"), DAY, [served.uri])
    finally:
        served.ask("DELETE", "/red-2021-12-26")


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[int, Path, list[str | None]]]:
    """A TLS server that lets no one in, with a certificate of its own: its port, the certificate, who came."""
    came: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.headers["Authorization"])
            self.send_error(401)

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = self_signed(tmp_path).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], tmp_path / "cert", came
    server.shutdown()
    server.server_close()


def test_a_certificate_must_be_trusted(tls, monkeypatch):
    port, certificate, came = tls
    with pytest.raises(RefusedError, match=r"not trusted.*OPENSEARCH_CA_CERTS"):
        plan(sdk_log(), DAY, [f"opensearch+https://localhost:{port}"])
    monkeypatch.setenv("OPENSEARCH_CA_CERTS", str(certificate))
    with pytest.raises(RefusedError, match="user and password"):
        plan(sdk_log(), DAY, [f"opensearch+https://localhost:{port}"])
    monkeypatch.setenv("OPENSEARCH_USERNAME", "me")
    monkeypatch.setenv("OPENSEARCH_PASSWORD", "a-secret")
    with pytest.raises(RefusedError, match="user and password") as refusal:
        plan(sdk_log(), DAY, [f"opensearch+https://localhost:{port}"])
    assert "a-secret" not in str(refusal.value)
    assert came == [None, "Basic " + b64encode(b"me:a-secret").decode()]
    monkeypatch.setenv("OPENSEARCH_CA_CERTS", "/no/such/file")
    with pytest.raises(UsageError, match="is no file"):
        plan(sdk_log(), DAY, [f"opensearch+https://localhost:{port}"])


def test_a_node_restarted_in_the_middle(served, proxy, hits, tmp_path, monkeypatch):
    monkeypatch.setattr(restart, "FIRST_WAIT_SECONDS", 2.0)  # the node needs some time

    def again() -> None:
        served.stop()
        served.start()

    proxy.harms["scroll", 6] = meanwhile(again)
    try:
        assert run(sdk_log(timeout_seconds=60, restarts=12), proxy.uri, tmp_path) == hits
    except LogpressError as error:
        pytest.fail(f"the day is not complete: {error}")
    assert proxy.fired == [("scroll", 6)]
    assert proxy.seen["search"] > 2
