"""The parts of pulling that need no server: addresses, envelopes, framing, ids, plans, waits, `_bulk`."""

from __future__ import annotations

import gzip
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import SEED, compact, padded

from logpress.contract import load_contract
from logpress.day.plan import paced
from logpress.errors import BrokenOffError, NotYetError, PartError, ProofError, RefusedError, UsageError
from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import MAX_DEPTH
from logpress.layout.kernels_scan import braces_end
from logpress.manifest import OriginStats, SliceManifest, SliceSpec
from logpress.quality.completeness import prove_complete
from logpress.records.bulk_writer import BulkWriter
from logpress.records.ids import FILE_NAME, Ids, distinct_in
from logpress.records.kernels_hits import BROKEN, TOO_MANY, frame_hits, hash_ids
from logpress.sources import restart
from logpress.sources.search import scroll
from logpress.sources.search.address import Address, Hours, is_cluster
from logpress.sources.search.cluster import Cluster, EndlessError, _credentials
from logpress.sources.search.envelope import Envelope, hits_begin
from logpress.sources.search.plan import _merged, _Range, _slices, plan_cluster
from logpress.sources.search.scroll import page_hits

DAY = date(2021, 12, 26)
SOURCE = load_contract("sdk_log").source
STACK = np.empty(MAX_DEPTH, dtype=np.uint8)


# -- addresses


@pytest.mark.parametrize(
    "text",
    [
        "opensearch+http://localhost:9200",
        "elasticsearch+https://search.example.com:443/sdk-log-2021-12-26",
        "opensearch+http://[::1]:9200/logs-*,other",
        "opensearch+http://h:9200/i?hours=2021-12-26T10..2021-12-26T12&shard=3",
        "opensearch+http://h:9200/i?rest=2021-12-26T00..2021-12-27T00&shard=0",
    ],
)
def test_an_address_reads_what_it_writes(text):
    assert is_cluster(text)
    assert str(Address.parse(text)) == text


def test_ports_and_patterns():
    assert Address.parse("opensearch+https://search.example.com").port == 443
    assert Address.parse("opensearch+http://localhost").port == 9200
    assert Address.parse("opensearch+http://localhost/sdk-log-{day}").index == "sdk-log-{day}"
    assert not is_cluster("s3://opensearch+http/x")


@pytest.mark.parametrize(
    "text",
    [
        "opensearch://h:9200/i",
        "opensearch+ftp://h/i",
        "opensearch+http:///i",
        "opensearch+http://h:port/i",
        "opensearch+http://h:99999/i",
        "opensearch+http://h:9200/i/_search",
        "opensearch+http://h:9200/i?size=3",
        "opensearch+http://h:9200/i?shard=x",
        "opensearch+http://h:9200/i?hours=yesterday",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError):
        Address.parse(text)


@pytest.mark.parametrize(
    "text", ["opensearch+http://me:s3cret@h/i", "opensearch+https://me:s3/cret@h:9200", "elasticsearch+http://s3cret@h"]
)
def test_a_password_in_an_address_is_refused_and_not_repeated(text):
    with pytest.raises(UsageError, match="OPENSEARCH_PASSWORD") as refusal:
        Address.parse(text)
    assert "s3" not in str(refusal.value)
    assert "cret" not in str(refusal.value)


def test_what_a_part_of_an_index_asks_for():
    hours = Hours.of_day(DAY)
    inside = {
        "range": {
            "t": {"gte": "2021-12-26T00:00:00Z", "lt": "2021-12-27T00:00:00Z", "format": "strict_date_optional_time"}
        }
    }
    whole = Address("opensearch+http", "h", 9200, "i")
    assert whole.query("t") == {"constant_score": {"filter": {"match_all": {}}}}
    assert Address("opensearch+http", "h", 9200, "i", hours=hours).query("t") == {"constant_score": {"filter": inside}}
    rest = Address("opensearch+http", "h", 9200, "i", rest=hours).query("t")
    assert rest == {"constant_score": {"filter": {"bool": {"must_not": [inside]}}}}


def test_credentials_come_from_the_environment(monkeypatch):
    address = Address.parse("opensearch+https://x.ap-northeast-2.es.amazonaws.com")
    for name in ("OPENSEARCH_USERNAME", "OPENSEARCH_PASSWORD", "OPENSEARCH_AUTH"):
        monkeypatch.delenv(name, raising=False)
    assert _credentials(address, SOURCE) is None
    monkeypatch.setenv("OPENSEARCH_USERNAME", "me")
    with pytest.raises(UsageError, match="both"):
        _credentials(address, SOURCE)
    monkeypatch.setenv("OPENSEARCH_PASSWORD", "s3cret")
    assert _credentials(address, SOURCE) == ("me", "s3cret")


def test_requests_are_signed_for_aws(monkeypatch):
    address = Address.parse("opensearch+https://x.ap-northeast-2.es.amazonaws.com")
    monkeypatch.setenv("OPENSEARCH_AUTH", "aws")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    sign = _credentials(address, SOURCE)
    headers = sign("GET", "https://x.ap-northeast-2.es.amazonaws.com/i/_search?size=1", b"{}")
    assert "Credential=an-id/" in headers["Authorization"]
    assert "/ap-northeast-2/es/aws4_request" in headers["Authorization"]
    with pytest.raises(RefusedError, match="region"):
        _credentials(Address.parse("opensearch+https://search.example.com"), SOURCE)


# -- envelopes and framing

TEXTS = st.text(max_size=12) | st.sampled_from(['"hits":[', "\\", '\\"', "]}}", "{", "}"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
BLANKS = st.sampled_from(["", "", " ", "\n", "\t ", "\r\n  "])


@st.composite
def objects(draw, indent=True):
    document = {"_index": "i", "_id": draw(st.text(min_size=1, max_size=70)), "_source": draw(VALUES)}
    text = json.dumps(
        document, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, None, 1])) if indent else None
    )
    return text.encode("utf-8", "surrogatepass")


@st.composite
def responses(draw):
    """A response with odd blanks, and the hits in it."""
    hits = draw(st.lists(objects(), max_size=6))
    head = {"_scroll_id": draw(st.sampled_from(["abc==", '"hits":{"hits":[{', "\\"])), "took": 3, "timed_out": False,
            "_shards": {"total": 1, "failed": 0, "x": draw(VALUES)}}  # fmt: skip
    blank = [draw(BLANKS).encode() for _ in range(8)]
    total = {"total": {"value": len(hits), "relation": "eq"}, "max_score": 1.0}
    before = json.dumps(head).encode()[:-1] + b"," + blank[0] + b'"hits"' + blank[1] + b":" + blank[2]
    before += json.dumps(total).encode()[:-1] + b',"hits":' + blank[3] + b"["
    inside = blank[4] + (blank[5] + b"," + blank[6]).join(hits) + blank[7]
    return before, inside, b"]}" + blank[0] + b"}", hits


@given(responses(), st.binary(max_size=PADDING))
def test_hits_are_framed_as_the_server_sent_them(response, behind):
    before, inside, after, hits = response
    data = before + inside + after
    begin = hits_begin(data)
    assert begin == len(before)
    buffer = padded(data, behind)
    starts, ends = np.empty(len(hits), dtype=np.int64), np.empty(len(hits), dtype=np.int64)
    rows, end = frame_hits(buffer, begin, len(data), starts, ends)
    assert rows == len(hits)
    assert [data[a:b] for a, b in zip(starts, ends, strict=True)] == hits
    assert end == len(before) + len(inside) + 1
    envelope = Envelope.parse(data[:begin] + b"]" + data[end:])
    assert (envelope.total, envelope.problem()) == (len(hits), None)
    hashes = np.empty((2, len(hits)), dtype=np.uint64)
    assert hash_ids(buffer, starts, ends, rows, hashes, STACK) == -1
    names = [json.loads(hit)["_id"] for hit in hits]
    spelt = [json.dumps(name).encode() in hit for name, hit in zip(names, hits, strict=True)]
    if all(spelt):  # the same spelling of an id is the same hash, another id another one
        assert len(set(map(tuple, hashes.T.tolist()))) == len(set(names))


@given(responses(), st.data())
def test_a_response_that_is_cut_is_never_taken_for_whole(response, data):
    before, inside, after, hits = response
    text = (before + inside + after)[: data.draw(st.integers(0, len(before + inside + after) - 1))]
    try:
        begin = hits_begin(text)
    except ValueError:
        return
    starts, ends = np.empty(len(hits) + 1, dtype=np.int64), np.empty(len(hits) + 1, dtype=np.int64)
    rows, end = frame_hits(padded(text, b"]}}" * 21), begin, len(text), starts, ends)
    if rows != BROKEN:
        with pytest.raises(ValueError):  # noqa: PT011
            Envelope.parse(text[:begin] + b"]" + text[end:])


@given(objects(), st.binary(max_size=PADDING))
def test_the_end_of_an_object(text, behind):
    assert braces_end(padded(text, behind), 0, len(text)) == len(text)
    assert braces_end(padded(text[:-1], b"}" + behind[:-1]), 0, len(text) - 1) == -1


@pytest.mark.parametrize("slashes", range(70))
def test_backslashes_across_words(slashes):
    text = b'{"' + b"\\" * (2 * slashes) + b'":"' + b"x" * slashes + b'\\"}"}'
    assert braces_end(padded(text, b"}" * 9), 0, len(text)) == len(text)


@pytest.mark.parametrize(
    "text", [b'{"a":1}x', b'{"a":1} {"a":2}]', b'{"a":1},]', b"1]", b",]", b"", b'{"a":1}', b'{"a"', b"[]]"]
)
def test_what_is_no_array_of_objects_is_refused(text):
    starts, ends = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
    assert frame_hits(padded(text), 0, len(text), starts, ends)[0] == BROKEN


def test_more_hits_than_places():
    text = b"{},{}]"
    assert (
        frame_hits(padded(text), 0, len(text), np.empty(1, dtype=np.int64), np.empty(1, dtype=np.int64))[0] == TOO_MANY
    )


@pytest.mark.parametrize(
    "hit", [b"{}", b'{"_index":"i"}', b'{"_id"}', b'{"a":{"_id":"x"}}', b'{"_source":{"_id":"x"}}']
)
def test_a_hit_without_an_id_is_noticed(hit):
    starts, ends = np.zeros(1, dtype=np.int64), np.full(1, len(hit), dtype=np.int64)
    assert hash_ids(padded(hit), starts, ends, 1, np.empty((2, 1), dtype=np.uint64), STACK) == 0


def test_the_same_id_in_two_indices_is_two_ids():
    hits = [
        b'{"_index":"a","_id":"x"}',
        b'{"_index":"b","_id":"x"}',
        b'{"_index":"a","_type":"_doc","_id":"x","_score":1}',
    ]
    buffer = padded(b"".join(hits))
    ends = np.cumsum([len(hit) for hit in hits])
    hashes = np.empty((2, 3), dtype=np.uint64)
    assert hash_ids(buffer, ends - [len(hit) for hit in hits], ends, 3, hashes, STACK) == -1
    assert len(set(hashes[0].tolist())) == 2


def test_the_same_id_on_two_shards_is_two_ids():
    """With a routing of their own, documents of the same id may lie on several shards."""
    hits = [
        b'{"_index":"a","_id":"x","_score":1.0,"_routing":"%b","_source":{"_routing":"x"}}' % r for r in (b"1", b"2")
    ]
    buffer = padded(b"".join([*hits, hits[0]]))
    ends = np.cumsum([len(hit) for hit in (*hits, hits[0])])
    hashes = np.empty((2, 3), dtype=np.uint64)
    assert hash_ids(buffer, ends - len(hits[0]), ends, 3, hashes, STACK) == -1
    assert len(set(hashes[0].tolist())) == len(set(hashes[1].tolist())) == 2
    assert hashes[0, 0] == hashes[0, 2]


def test_only_whole_keys_name_a_hit():
    """Keys that begin like `_routing`, are as long, or hold a NUL behind `_id`, are others."""
    others = [b'"_rank_it":1', b'"_routings":"1"', b'"_id\0":"y"', b'"_ib":"y"', b'"_inbox":"y"', b'"_sort_x":"1"']
    hits = [b'{"_index":"a",%b"_id":"x","_source":{}}' % (other and other + b",") for other in (b"", *others)]
    ends = np.cumsum([len(hit) for hit in hits])
    hashes = np.empty((2, len(hits)), dtype=np.uint64)
    starts = ends - [len(hit) for hit in hits]
    assert hash_ids(padded(b"".join(hits)), starts, ends, len(hits), hashes, STACK) == -1
    assert len(set(map(tuple, hashes.T.tolist()))) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            b'{"timed_out":false,"_shards":{"failed":0},"hits":{"total":{"value":3,"relation":"gte"},"hits":[]}}',
            "bound",
        ),
        (b'{"_shards":{"failed":0},"hits":{"total":3,"hits":[]}}', "timed_out"),
        (b'{"timed_out":false,"_shards":{"failed":0},"hits":{"hits":[]}}', "total"),
        (b"[]", "lacks"),
        (b"{", "Expecting"),
    ],
)
def test_an_envelope_that_lacks_something(text, message):
    with pytest.raises(ValueError, match=message):
        Envelope.parse(text)


@pytest.mark.parametrize(
    "text",
    [b"", b"<html>", b"{}", b'{"a":1}', b'{"hits":[]}', b'{"hits":{"hits":{}}}', b'{"hits":{"total":1}}', b'{"a" 1}'],
)
def test_what_is_no_search_response(text):
    with pytest.raises(ValueError):  # noqa: PT011
        hits_begin(text)


def test_pages_are_about_as_large_as_wanted():
    assert page_hits(SOURCE, None) == 500
    assert page_hits(SOURCE, 1600.0) == 5_000
    assert page_hits(SOURCE, 10.0) == 10_000
    assert page_hits(SOURCE, 9e9) == 1


PLAIN = random.Random(5).randbytes(3_000_001)


class Answering(BaseHTTPRequestHandler):
    """Answers with 50 MB, compressed; with 3 MB as they are, or one byte less than was said; or with a few bytes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        bodies = {"/large": gzip.compress(b'{"_scroll_id":"x"' + bytes(50_000_000), 1), "/plain": PLAIN, "/cut": PLAIN}
        body = bodies.get(self.path, b"{}")
        self.send_response(200)
        if self.path == "/large":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body) + (self.path == "/cut")))
        self.end_headers()
        self.close_connection = self.path == "/cut"
        with suppress(OSError):  # the client has gone
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def answering(monkeypatch) -> Iterator[Cluster]:
    for name in ("OPENSEARCH_USERNAME", "OPENSEARCH_PASSWORD", "OPENSEARCH_CA_CERTS", "OPENSEARCH_AUTH"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = Address.parse(f"opensearch+http://127.0.0.1:{server.server_address[1]}/i")
    try:
        with closing(Cluster(address, SOURCE)) as cluster:
            yield cluster
    finally:
        server.shutdown()
        server.server_close()


def test_no_more_is_read_of_an_answer_than_was_wanted(answering):
    for _ in range(3):
        with pytest.raises(EndlessError) as error:
            answering.fetch("GET", "/large", most_bytes=1_000_000)
        assert len(error.value.begin) == 1_000_001
        assert error.value.begin.startswith(b'{"_scroll_id":"x"')
        assert answering.fetch("GET", "/small", most_bytes=2) == (b"{}", 2)  # and not the rest of the other
    assert len(answering.fetch("GET", "/large", most_bytes=50_000_017)[0]) == 50_000_017


def test_an_answer_goes_where_there_is_room_whole_or_not_at_all(answering):
    asked: list[int] = []

    def room(size: int) -> np.ndarray:
        asked.append(size)
        return np.full(size + 9, 7, dtype=np.uint8)

    for _ in range(2):
        buffer, size, received = answering.fetch_into(room, "GET", "/plain", {}, most_bytes=len(PLAIN))
        assert buffer[:size].tobytes() == PLAIN
        assert (received, set(buffer[size:].tolist())) == (len(PLAIN), {7})
        with pytest.raises(EndlessError):
            answering.fetch_into(room, "GET", "/plain", {}, most_bytes=len(PLAIN) - 1)
        with pytest.raises(BrokenOffError):
            answering.fetch_into(room, "GET", "/cut", {})
        buffer, size, received = answering.fetch_into(room, "GET", "/large", {})
        assert (size, buffer[:17].tobytes()) == (50_000_017, b'{"_scroll_id":"x"')
        assert received < size / 100
        buffer, size, _ = answering.fetch_into(room, "GET", "/small", {})  # and not the rest of another
        assert buffer[:size].tobytes() == b"{}"
    assert asked == [len(PLAIN), len(PLAIN) + 1, 50_000_017, 2] * 2


# -- plans


def ranges(*counts: int) -> list[_Range]:
    begin = datetime(2021, 12, 26, tzinfo=UTC)
    found = []
    for number, count in enumerate(counts):
        hours = Hours(begin + timedelta(hours=number), begin + timedelta(hours=number + 1))
        found.append(_Range(f"{hours.begin:%Y-%m-%dT%H}", hours, False, {0: count, 1: count // 2}))
    return [*found, _Range("rest", Hours.of_day(DAY), True, {0: 1, 1: 0})]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=24), st.integers(1, 200))
def test_slices_hold_every_document_once(counts, most):
    address = Address("opensearch+http", "h", 9200, "i")
    found = list(_slices(address, ranges(*counts), most))
    expected = sum(entry.documents for entry in ranges(*counts))
    cells = [cell for _, cells in found for cell in cells]
    assert sum(count for _, count in cells) == expected
    assert len({str(cell) for cell, _ in cells}) == len(cells)
    assert len({name for name, _ in found}) == len(found)
    assert all(count > 0 for _, count in cells)
    assert all(sum(count for _, count in cells) <= most or len(cells) == 1 for _, cells in found)


def test_small_hours_are_merged_and_large_ones_cut():
    merged = list(_merged(ranges(10, 10, 0, 100, 5), 40))
    assert [entry.name for entry in merged] == ["2021-12-26T00-02", "2021-12-26T03", "2021-12-26T04", "rest"]
    names = [name for name, _ in _slices(Address("opensearch+http", "h", 9200, "i"), ranges(10, 10, 0, 100, 5), 40)]
    assert names == [
        "2021-12-26T00-02", "2021-12-26T03-shard-0", "2021-12-26T03-shard-1", "2021-12-26T04", "rest",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("uri", "source", "message"),
    [
        ("opensearch+http://127.0.0.1:1", {"index": ""}, "names no index"),
        ("opensearch+http://127.0.0.1:1/all-logs", {"time_field": ""}, "time_field"),
        ("opensearch+http://127.0.0.1:1/i-{day}?shard=0", {}, "part of an index"),
        ("opensearch+http://127.0.0.1:1/i?rest=2021-12-26T00..2021-12-27T00", {}, "part of an index"),
    ],
)
def test_what_cannot_be_planned_at_all(uri, source, message):
    with pytest.raises(UsageError, match=message):
        plan_cluster(uri, DAY, SOURCE.model_copy(update=source))


# -- completeness


def manifest(name="a", records=10, expected=10, distinct=10, source_records=10) -> SliceManifest:
    origin = OriginStats(
        uri=f"opensearch+http://h:9200/i?shard={name}", stored_bytes=1, raw_bytes=1, compression="none",
        records=records, expected=expected,
    )  # fmt: skip
    return SliceManifest(
        table="t", day="2021-12-26", slice=name, origins=(origin,), records=records, rows=records, irregular_rows=0,
        rejects=0, other_day=0, raw_bytes=1, digest="0" * 32, part=None, source="opensearch+http://h:9200/i",
        source_records=source_records, distinct_ids=distinct,
    )  # fmt: skip


def test_a_source_that_gave_all_is_complete():
    prove_complete([manifest()], SOURCE)
    prove_complete([manifest("a", source_records=20), manifest("b", source_records=20)], SOURCE)
    grown = manifest(records=11, distinct=11)
    prove_complete([grown], SOURCE.model_copy(update={"growing_index": "go_on"}))
    prove_complete([grown.model_copy(update={"source": None, "origins": ()})], SOURCE)


@pytest.mark.parametrize(
    ("manifests", "message"),
    [
        ([manifest(records=9, distinct=9)], "slice a: .* returned 9 records, 1 fewer than the 10"),
        ([manifest(records=11, distinct=11)], "1 more than the 10"),
        ([manifest(distinct=8)], "10 records have only 8 distinct ids, so 2 were read twice"),
        ([manifest(source_records=20)], "had 20 records, but the pressed slices cover 10, 10 too few"),
        ([manifest("a"), manifest("b")], "had 10 records, .* cover 20, 10 too many"),
    ],
)
def test_a_source_that_did_not_is_told_by_how_much_and_where(manifests, message):
    with pytest.raises(ProofError, match=message):
        prove_complete(manifests, SOURCE)


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=30), min_size=1, max_size=4), st.integers(1, 60))
def test_ids_of_several_slices_are_counted(tmp_path_factory, slices, at_a_time):
    from logpress.records import ids as module

    folder = tmp_path_factory.mktemp("ids")
    paths = []
    for number, words in enumerate(slices):
        hashes = np.array([words, [word // 3 for word in words]], dtype=np.uint64).reshape(2, -1)
        ids = Ids()
        ids.add(hashes[:, : len(words) // 2])
        ids.add(hashes[:, len(words) // 2 :])
        (folder / str(number)).mkdir()
        assert ids.write(fsspec.filesystem("file"), str(folder / str(number))) == len(set(words))
        paths.append(str(folder / str(number) / FILE_NAME))
    before, module._AT_A_TIME = module._AT_A_TIME, at_a_time
    try:
        assert distinct_in(paths) == len({word for words in slices for word in words})
    finally:
        module._AT_A_TIME = before


# -- waits


def test_work_begins_again_while_it_breaks_off(monkeypatch, caplog):
    monkeypatch.setattr(restart, "FIRST_WAIT_SECONDS", 0.001)
    tries = []

    def work() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise BrokenOffError("gone")
        return "done"

    assert restart.begun_again(work, 2, "slice a") == "done"
    assert "slice a begins again" in caplog.text
    tries.clear()
    with pytest.raises(BrokenOffError, match="gone"):
        restart.begun_again(work, 1, "a")
    with pytest.raises(RefusedError):
        restart.begun_again(lambda: (_ for _ in ()).throw(RefusedError("no")), 9, "a")


def bounds(first: float, longest: float, count: int) -> list[float]:
    return [min(longest, first * 2**number) for number in range(count)]


def test_waits_before_work_begins_again_vary_below_a_bound_that_doubles(monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    rounds = []
    for _ in range(100):
        waits.clear()
        with pytest.raises(BrokenOffError):
            restart.begun_again(lambda: (_ for _ in ()).throw(BrokenOffError("gone")), 7, "a")
        rounds.append(tuple(waits))
    for found, bound in zip(zip(*rounds, strict=True), bounds(2.0, 60.0, 7), strict=True):
        assert len(set(found)) > 90
        assert 0.8 * bound < max(found) <= bound
        assert min(found) < 0.2 * bound


class Clock:
    """A clock that moves when someone sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Never(threading.Event):
    """An event that never comes, on such a clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self._clock.sleep(timeout)
        return False


def test_waits_for_what_is_not_there_yet_grow_and_vary_and_end_in_time(monkeypatch):
    def never() -> None:
        raise NotYetError("not there")

    rounds = []
    for _ in range(50):
        clock = Clock()
        monkeypatch.setattr(restart, "time", clock)
        with pytest.raises(RefusedError, match=r"not there; it was waited for in vain, 1:00:00"):
            restart.waited_for(never, timedelta(hours=1), "a")
        assert sum(clock.waits) == pytest.approx(3_600)
        rounds.append(clock.waits[:7])
    for found, bound in zip(zip(*rounds, strict=True), bounds(10.0, 300.0, 7), strict=True):
        assert len(set(found)) > 45
        assert bound / 2 <= min(found) <= max(found) <= bound


def test_a_pace_holds_requests_back_and_saves_nothing_up(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(scroll, "time", clock)
    pace, never = scroll.Pace(100.0), Never(clock)
    times = []
    for documents in (50, 50, 25, 200, 10):
        pace.wait(documents, never)
        times.append(clock.now - 1_000)
    assert times == [0.0, 0.5, 1.0, 1.25, 3.25]
    clock.now += 60  # in which nothing was asked for
    pace.wait(500, never)
    pace.wait(1, never)
    assert clock.now == 1_000 + 63.25 + 5
    scroll.Pace(None).wait(10**9, never)
    assert clock.now == 1_000 + 63.25 + 5


# -- load


def specs_of(count: int, shards: int, inputs: int) -> list[SliceSpec]:
    uris = [f"opensearch+http://h:9200/i?shard={shard}" for shard in range(shards)]
    return [
        SliceSpec(name=f"s{number}", inputs=tuple(uris[(number + n) % shards] for n in range(inputs)))
        for number in range(count)
    ]


def test_slices_share_what_a_run_may_ask_for(caplog):
    source = SOURCE.model_copy(update={"documents_per_second": 1_200.0})
    assert {spec.documents_per_second for spec in paced(specs_of(9, 5, 2), source, 4)} == {300.0}
    assert {spec.documents_per_second for spec in paced(specs_of(2, 5, 2), source, 4)} == {600.0}
    assert {spec.documents_per_second for spec in paced(specs_of(9, 5, 2), SOURCE, 4)} == {None}
    assert not caplog.records
    paced(specs_of(9, 2, 2), source, 4)
    assert "4 slices will be read at once from an index of 2 shards" in caplog.text


# -- _bulk


def bulk(*records: bytes) -> list[bytes]:
    chunks: list[bytes] = []
    BulkWriter(lambda chunk: chunks.append(bytes(chunk))).write(
        memoryview(b"".join(record + b"\n" for record in records))
    )
    text = b"".join(chunks)
    assert text.endswith(b"\n")
    return text.split(b"\n")[:-1]


def test_a_hit_becomes_an_action_and_its_source():
    action, source = bulk(compact(SEED))
    assert json.loads(action) == {"index": {"_index": SEED["_index"], "_id": SEED["_id"]}}
    assert source == compact(SEED["_source"])
    routed = b'{"_index":"i","_id":"a","_routing":"r","_score":null,"_source":{ "a" :\n[1]\r\n}}'
    assert bulk(routed) == [b'{"index":{"_index":"i","_id":"a","_routing":"r"}}', b'{ "a" : [1]  }']


def test_a_bare_document_is_its_own_source():
    assert bulk(b'{"_source":1,"_id":"x"}', b"{}") == [
        b'{"index":{}}',
        b'{"_source":1,"_id":"x"}',
        b'{"index":{}}',
        b"{}",
    ]


def test_what_is_no_object_is_refused():
    with pytest.raises(PartError):
        bulk(b"{} 7")


@given(st.lists(objects(), min_size=1, max_size=5))
def test_bulk_bodies_hold_the_same_values(records):
    lines = bulk(*records)
    assert len(lines) == 2 * len(records)
    for action, source, record in zip(lines[::2], lines[1::2], records, strict=True):
        document = json.loads(record)
        if isinstance(document["_source"], dict):
            assert json.loads(action) == {"index": {"_index": "i", "_id": document["_id"]}}
            assert Counter(json.loads(source)) == Counter(document["_source"])
        else:
            assert action == b'{"index":{}}'
            assert json.loads(source) == document
