"""A day in two sources: what only one has, what is spelt differently, and what cannot be compared."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import DAY, SEED, compact, padded

from logpress.comparing import Comparison, Named, compare_day
from logpress.comparing import compare as compare_module
from logpress.comparing.document_hashes import Prints
from logpress.comparing.documents import hash_records
from logpress.comparing.kernels_documents import BY_BYTES, HIT, REPEATED_KEY
from logpress.comparing.matching import match_sides
from logpress.contract import Contract
from logpress.day import one_machine as whole_day
from logpress.errors import SourceError, UsageError
from logpress.layout.kernels_unescape import unescape_text
from logpress.limits import Limits
from logpress.records.hashes_on_disk import BINS

SOURCE = SEED["_source"]


def bare(**changes: Any) -> dict[str, Any]:
    return {**SOURCE, **changes}


def hit(document: bytes, **changes: Any) -> bytes:
    """A search hit with these very bytes as its `_source`."""
    envelope = {"_index": "sdk-log", "_id": "1", "_score": 1.0, "_source": 0, **changes}
    return compact(envelope).replace(b'"_source":0', b'"_source":' + document)


class Compare:
    """Compares records, each written as a line."""

    def __init__(self, contract: Contract, folder: Path) -> None:
        self.contract, self.folder = contract, folder

    def write(self, name: str, records: list[bytes]) -> Path:
        path = self.folder / f"{name}.ndjson"
        path.write_bytes(b"".join(record + b"\n" for record in records))
        return path

    def __call__(self, a: list[bytes], b: list[bytes], **options: Any) -> Comparison:
        sides = [Named((str(self.write(name, records)),)) for name, records in (("a", a), ("b", b))]
        return compare_day(self.contract, DAY, *sides, **options)


@pytest.fixture
def compare(sdk_log: Contract, tmp_path: Path) -> Compare:
    return Compare(sdk_log, tmp_path)


def figures(found: Comparison) -> tuple[int, int, int, int]:
    return found.equal_bytes, found.equal_value, found.a.only, found.b.only


# -- what is equal


def test_a_document_equals_the_source_of_a_hit_byte_for_byte(compare: Compare) -> None:
    documents = [compact(bare(response_elapsed_time=number)) for number in range(50)]
    found = compare(documents, [hit(document, _id=str(n)) for n, document in enumerate(reversed(documents))])
    assert figures(found) == (50, 0, 0, 0)
    assert found.is_same
    assert found.is_same_by_value
    assert (found.a.hits, found.b.hits) == (0, 50)
    assert found.differences == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":1,"b":{"c":2,"d":[1,{"e":3,"f":4}]}}', b'{"b":{"d":[1,{"f":4,"e":3}],"c":2},"a":1}'),
        (b'{"a":1}', b'{ "a" :\t1 \r}'),
        (b'{"a":1}', b'{"a":1.0}'),
        (b'{"a":-120.50}', b'{"a":-1.205e+2}'),
        (b'{"a":100000000000000000000000000000001}', b'{"a":1000000000000000000000000000000010e-1}'),
        (b'{"a":0}', b'{"a":-0.00E99999999999999999999}'),
        ('{"a":"é/😀\\u007f"}'.encode(), b'{"\\u0061":"\\u00E9\\/\\ud83D\\ude00\x7f"}'),
        (b'{"a":"\\b\\f\\n\\r\\t\\"\\\\"}', b'{"a":"\\u0008\\u000c\\u000a\\u000d\\u0009\\u0022\\u005c"}'),
        (b'{"a":"\\ud800","b":[]}', b'{"b":[ ],"a":"\\uD800"}'),
        (b'{"a":[true,false,null,{}]}', b'{"a":[true, false, null, { }]}'),
    ],
)
def test_what_is_equal_by_value_only(compare: Compare, one: bytes, other: bytes) -> None:
    found = compare([one], [hit(other)])
    assert figures(found) == (0, 1, 0, 0)
    assert found.is_same_by_value
    assert not found.is_same
    assert [(d.side, d.kind, d.record_number) for d in found.differences] == [
        ("a", "spelling", 1),
        ("b", "spelling", 1),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":1}', b'{"a":"1"}'),
        (b'{"a":1}', b'{"a":true}'),
        (b'{"a":null}', b"{}"),
        (b'{"a":[]}', b'{"a":{}}'),
        (b'{"a":[1,2]}', b'{"a":[2,1]}'),
        (b'{"a":[[1],2]}', b'{"a":[[1,2]]}'),
        (b'{"a":1}', b'{"a":-1}'),
        (b'{"a":9007199254740993}', b'{"a":9007199254740992}'),
        (b'{"a":0.1}', b'{"a":0.10000000000000001}'),
        (b'{"a":1e400}', b'{"a":1e401}'),
        (b'{"a":1000000000000000001}', b'{"a":10000000000000000001}'),
        (b'{"a":"x"}', b'{"A":"x"}'),
        (b'{"a":"\\u00e9"}', b'{"a":"e\\u0301"}'),
        (b'{"a":"b","c":"d"}', b'{"a":"d","c":"b"}'),
        (b'{"a":{"x":1},"b":{"y":2}}', b'{"a":{"y":2},"b":{"x":1}}'),
    ],
)
def test_what_is_not_equal(compare: Compare, one: bytes, other: bytes) -> None:
    assert figures(compare([one], [other])) == (0, 0, 1, 1)


def test_where_a_document_stands(compare: Compare) -> None:
    document = b'{"x":"\\"_source\\":{\\"y\\":1}","z":{"_source":{"y":2}},"n":"}{"}'
    others = [
        hit(document),
        hit(b'{"_source":' + document + b"}"),  # the outer one is the envelope
        compact({"_index": "}", "fields": {"a": ["{]"]}, "sort": [[1, ["]"]]]})[:-1] + b',"_source":' + document + b"}",
        b'\xef\xbb\xbf \t{"\\u005fsourc\\u0065" : ' + document + b" } ",
        b" " + document + b"\t\r",
    ]
    found = compare([document] * 4 + [b'{"_source":' + document + b"}"], others)
    assert found.equal_bytes == 4  # a hit's document that is a hit itself, is compared to what the bare hit holds
    assert found.a.hits == 1
    assert found.b.hits == 4
    assert [json.loads(d.record)["_source"].keys() for d in found.differences if d.side == "b"] == [{"_source"}]


@pytest.mark.parametrize(
    "record", [b'{"_source":"x"}', b'{"_source":null}', b'{"_source":[{"a":1}]}', b'{"x":{"_source":{}}}']
)
def test_a_record_without_an_object_as_its_source_is_compared_whole(compare: Compare, record: bytes) -> None:
    found = compare([record], [record])
    assert figures(found) == (1, 0, 0, 0)
    assert found.a.hits == 0


def test_a_body_of_bulk_is_compared_by_its_documents(compare: Compare) -> None:
    documents = [compact(bare(response_elapsed_time=number)) for number in range(3)]
    body = [line for n, document in enumerate(documents) for line in (b'{"index":{"_id":"%d"}}' % n, document)]
    assert figures(compare(body, documents)) == (3, 0, 0, 0)


# -- what differs


def test_records_are_counted_as_often_as_they_are_there(compare: Compare) -> None:
    one, two = compact(bare()), compact(bare(func_name="Other"))
    spaced = one.replace(b":81", b": 81")
    found = compare([one] * 5 + [two] + [spaced], [hit(one)] * 3 + [spaced.replace(b"81", b"81.0")] * 2 + [two] * 2)
    assert figures(found) == (4, 2, 1, 1)
    assert (found.a.more_copies, found.b.more_copies) == (1, 1)
    kinds = Counter((d.side, d.kind) for d in found.differences)
    assert kinds == {("a", "only"): 1, ("b", "only"): 1, ("a", "spelling"): 2, ("b", "spelling"): 2}
    (only_b,) = (d for d in found.differences if (d.side, d.kind) == ("b", "only"))
    assert only_b.record_number == 7  # of two equal ones, the first is the one that A has too


def test_differences_tell_where_they_are(compare: Compare, tmp_path: Path) -> None:
    documents = [compact(bare(response_elapsed_time=number)) for number in range(20)]
    found = compare(documents, [*documents[:7], *documents[8:19], hit(b'{"new":1}')], shown=1)
    assert figures(found) == (18, 0, 2, 1)
    a, b = found.differences
    assert (a.side, a.origin, a.record_number) == ("a", str(tmp_path / "a.ndjson"), 8)
    assert a.record.encode() == documents[7]
    assert (b.side, b.record_number, b.record.encode()) == ("b", 19, hit(b'{"new":1}'))


def test_other_days_and_damage_are_counted_and_left_out(compare: Compare, tmp_path: Path) -> None:
    good = compact(bare())
    late = compact(bare(timestamp="2021-12-27T00:00:00Z"))
    found = compare([good, late, late, b"no json", b'{"cut":', b'{"a":"\xff"}'], [good, hit(late)])
    assert figures(found) == (1, 0, 0, 0)
    assert (found.a.records, found.a.documents, found.a.other_day, found.a.damaged) == (6, 1, 2, 3)
    assert found.a.damaged_reasons == {"invalid_utf8": 1, "not_json": 1, "truncated": 1}
    assert (found.b.other_day, found.b.damaged) == (1, 0)
    cut = gzip.compress(good + b"\n" + b'{"x":1}\n' * 5_000)[:-40]
    (tmp_path / "cut.gz").write_bytes(cut)
    other = compare_day(compare.contract, DAY, Named((str(tmp_path / "cut.gz"),)), Named((str(tmp_path / "b.ndjson"),)))
    assert list(other.a.damaged_origins) == [str(tmp_path / "cut.gz")]
    assert other.equal_bytes == 1


def test_a_record_without_a_day_belongs_to_its_folder(sdk_log: Contract, tmp_path: Path) -> None:
    for folder in ("2021/12/26/10", "2021/12/27/00"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x").write_bytes(b'{"a":1}\nbroken\n')
    (tmp_path / "b").write_bytes(b'{"a":1}\n')
    found = compare_day(sdk_log, DAY, Named((str(tmp_path),)), Named((str(tmp_path / "b"),)))
    assert found.a.inputs == 3
    assert figures(found) == (1, 0, 1, 0)  # `b` lies in that folder too
    assert (found.a.other_day, found.a.damaged) == (2, 1)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'{"a":1,"a":1}', "repeated_key"),
        (b'{"x":[{"a":1,"b":2,"\\u0061":1}]}', "repeated_key"),
        (b'{"_source":{"a":2},"_source":{"a":1}}', "repeated_key"),
        (b'{"a":' + b"[" * 600 + b"]" * 600 + b"}", "too_large"),
        (b'{"a":1e1000000000000000}', "too_large"),
    ],
)
def test_what_has_no_value_is_compared_by_its_bytes(compare: Compare, record: bytes, reason: str) -> None:
    found = compare([record, record], [record])
    assert figures(found) == (1, 0, 1, 0)
    assert found.a.by_bytes_reasons == {reason: 2}
    assert found.a.by_bytes_only == 2


def test_the_same_key_in_different_objects_is_no_repetition(compare: Compare) -> None:
    record = b'{"a":{"a":{"a":[{"a":1},{"a":1}]}},"b":{"a":1}}'
    assert compare([record], [record]).a.by_bytes_only == 0


def test_long_and_hostile_records(compare: Compare) -> None:
    many = compact({f"key{number}": [number] for number in range(100_000)})
    text = compact({"text": '\\"\n' * 500_000})
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    found = compare([many, text, deep], [compact(json.loads(many)), text.replace(b"\\n", b"\\u000a"), deep])
    assert figures(found) == (2, 1, 0, 0)
    assert found.a.by_bytes_only == 1


def test_empty_inputs_are_equal_and_missing_ones_an_error(compare: Compare, tmp_path: Path) -> None:
    assert compare([], []).is_same
    assert figures(compare([], [b'{"a":1}'])) == (0, 0, 0, 1)
    with pytest.raises(SourceError, match="no-such"):
        compare_day(compare.contract, DAY, Named((str(tmp_path / "no-such"),)), Named((str(tmp_path / "a.ndjson"),)))
    with pytest.raises(UsageError, match="no raw input of"):
        compare_day(compare.contract, DAY, Named(), Named((str(tmp_path / "a.ndjson"),)))


class NoIndex(BaseHTTPRequestHandler):
    """Stands in for a cluster that has no index of the day."""

    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b'{"error":{"type":"index_not_found_exception","reason":"no such index"},"status":404}')

    def log_message(self, *arguments: object) -> None:
        pass


def test_a_cluster_without_the_day_is_a_side_of_no_records(sdk_log: Contract, compare: Compare) -> None:
    source = sdk_log.source.model_copy(update={"missing_index": "empty"})
    contract = sdk_log.model_copy(update={"source": source})
    with ThreadingHTTPServer(("127.0.0.1", 0), NoIndex) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        empty = Named((f"opensearch+http://127.0.0.1:{server.server_port}/sdk-log-{{day}}",))
        path = Named((str(compare.write("a", [compact(bare(n=n)) for n in range(2)])),))
        found = compare_day(contract, DAY, path, empty)
        assert compare_day(contract, DAY, empty, empty).is_same
        server.shutdown()
    assert figures(found) == (0, 0, 2, 0)


def test_the_same_input_named_twice_is_read_once(compare: Compare, tmp_path: Path) -> None:
    path = str(compare.write("a", [b'{"a":1}']))
    found = compare_day(compare.contract, DAY, Named((path, path)), Named((path,)))
    assert figures(found) == (1, 0, 0, 0)


# -- the day of a lake


def test_a_published_day_is_a_side(sdk_log: Contract, tmp_path: Path) -> None:
    reject = sdk_log.model_copy(update={"source": sdk_log.source.model_copy(update={"duplicates": "reject"})})
    documents = [compact(bare(response_elapsed_time=number)) for number in range(200)]
    pretty = json.dumps(bare(nickName="p"), indent=1).encode()
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a").write_bytes(b"\n".join([*documents, documents[0], b"damaged"]))
    (tmp_path / "raw" / "b").write_bytes(pretty)
    lake = str(tmp_path / "lake")
    whole_day.run_day(reject, DAY, [str(tmp_path / "raw")], lake, threads=1)
    found = compare_day(reject, DAY, Named((str(tmp_path / "raw"),)), Named(lake=lake))
    assert figures(found) == (202, 0, 0, 0)
    assert found.b.damaged_reasons == {"not_json": 1}
    (tmp_path / "other").write_bytes(b"\n".join(hit(document) for document in documents[5:]))
    found = compare_day(reject, DAY, Named((str(tmp_path / "other"),)), Named(lake=lake), output=tmp_path / "out")
    assert figures(found) == (195, 0, 0, 7)
    assert found.b.more_copies == 0
    written = (tmp_path / "out" / "only-b.ndjson").read_bytes()
    assert written.count(pretty + b"\n") == 1
    assert Counter(written.replace(pretty + b"\n", b"").splitlines()) == Counter([*documents[:5], documents[0]])


# -- output


def test_output_holds_all_records_that_differ(compare: Compare, tmp_path: Path) -> None:
    documents = [compact(bare(response_elapsed_time=number)) for number in range(100)]
    spaced = [hit(document.replace(b'":', b'": ')) for document in documents[:30]]
    found = compare([*documents, b"broken"], [*spaced, *documents[40:], hit(b'{"b":1}')], output=tmp_path / "out")
    assert figures(found) == (60, 30, 10, 1)
    files = {path.name: path.read_bytes().splitlines() for path in (tmp_path / "out").iterdir()}
    assert files == {
        "only-a.ndjson": documents[30:40],
        "only-b.ndjson": [hit(b'{"b":1}')],
        "spelling-a.ndjson": documents[:30],
        "spelling-b.ndjson": spaced,
    }
    compare(documents, documents, output=tmp_path / "out")
    assert {path.read_bytes() for path in (tmp_path / "out").iterdir()} == {b""}


def test_an_output_that_cannot_be_written(compare: Compare, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match=r"file: cannot be written"):
        compare([b"{}"], [b"{}"], output=tmp_path / "file")


def test_nothing_is_left_of_an_output_when_it_fails(compare: Compare, tmp_path: Path, monkeypatch: Any) -> None:
    def fail(*args: object) -> None:
        raise SourceError("gone")

    monkeypatch.setattr(compare_module, "match_sides", fail)
    with pytest.raises(SourceError):
        compare([b"{}"], [b'{"a":1}'], output=tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_side_that_changes_between_the_two_readings(compare: Compare, tmp_path: Path, monkeypatch: Any) -> None:
    def change(*args: Any) -> Any:
        compare.write("a", [b'{"a":3}'])
        return match_sides(*args)

    monkeypatch.setattr(compare_module, "match_sides", change)
    with pytest.raises(SourceError, match="side A has changed while it was compared: 2 of its records"):
        compare([b'{"a":1}', b'{"a":2}'], [b'{"b":1}'])


# -- bounded memory


def test_many_small_runs_and_rounds_give_the_same(compare: Compare, tmp_path: Path) -> None:
    chance = random.Random(5)
    documents = [compact({"n": chance.randrange(3_000)}) for _ in range(5_000)]
    others = [hit(record.replace(b":", b": ")) if chance.random() < 0.3 else record for record in documents[500:]]
    chance.shuffle(others)
    expected = compare(documents, others, output=tmp_path / "one")
    limits = Limits(counted_documents=100, matched_documents=300)
    found = compare(documents, others, output=tmp_path / "two", limits=limits)
    assert figures(found) == figures(expected)
    assert found.a.more_copies == expected.a.more_copies
    for name in ("only-a", "only-b", "spelling-a", "spelling-b"):
        one, two = ((tmp_path / folder / f"{name}.ndjson").read_bytes() for folder in ("one", "two"))
        assert Counter(one.splitlines()) == Counter(two.splitlines())
    assert figures(expected)[1] > 0


def test_prints_are_forgotten_back_to_a_mark() -> None:
    chance = np.random.default_rng(1)
    some = chance.integers(0, 2**63, (4, 500)).astype(np.uint64)
    prints = Prints(most_rows=64)
    for first in range(0, 300, 50):
        prints.add(some[:, first : first + 50])
    mark = prints.mark()
    prints.add(some[:, 300:])
    prints.add(some[:, :100])
    prints.back_to(mark)
    prints.add(some[:, 100:110])
    rows = prints.rows(0, BINS)
    assert len(rows) == 300
    assert rows[:, 4].sum() == 310
    assert prints.sizes().sum() >= 300
    expected = np.sort(some[0, :300])
    assert (rows[:, 0] == expected).all()
    prints.close()


def test_no_room_for_hashes_is_said(monkeypatch: Any, tmp_path: Path) -> None:
    full = Path("/dev/full").open("wb+", buffering=0)  # noqa: SIM115 - Prints closes it
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full)
    prints = Prints(most_rows=4)
    with pytest.raises(UsageError, match="TMPDIR"):
        prints.add(np.ones((4, 100), dtype=np.uint64))
    prints.close()


# -- against plain Python


class RepeatedKeyError(ValueError):
    pass


def value_of(text: str) -> Any:
    """The value of a document, as an object that can be compared."""

    def pairs(found: list[tuple[str, Any]]) -> Any:
        if len({key for key, _ in found}) < len(found):
            raise RepeatedKeyError
        return "object", frozenset(found)

    def number(text: str) -> Any:
        mantissa, _, power = text.lower().partition("e")
        whole, _, fraction = mantissa.lstrip("-").partition(".")
        digits = (whole + fraction).lstrip("0")
        if not digits:
            return "number", 0
        kept = digits.rstrip("0")
        return "number", text.startswith("-"), kept, int(power or 0) - len(fraction) + len(digits) - len(kept)

    def frozen(value: Any) -> Any:
        if isinstance(value, list):
            return "array", tuple(map(frozen, value))
        if isinstance(value, tuple) and value[0] == "object":
            return "object", frozenset((key, frozen(inner)) for key, inner in value[1])
        return value if isinstance(value, tuple) else (type(value).__name__, value)

    class Pairs(list[Any]):
        __hash__ = None

    def kept(found: list[tuple[str, Any]]) -> Any:
        return pairs([(key, frozen(value)) for key, value in found])

    return frozen(json.loads(text, object_pairs_hook=kept, parse_int=number, parse_float=number))


NUMBERS = st.one_of(
    st.integers().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,12})?", fullmatch=True),
)
KEYS = st.one_of(st.sampled_from(["a", "b", "_source", "é", "\\", '"', "\ud800", "😀"]), st.text(max_size=5))


class Number(str):
    """A number as it is written."""


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS.map(Number), st.text(max_size=40), KEYS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=12,
)


def spelt(value: Any, chance: random.Random) -> str:
    """A value, written in one of many ways."""
    blank = chance.choice(["", "", " ", "\t", " \r "])
    if isinstance(value, Number):
        text = str(value)
        if "." not in text and "e" not in text.lower() and chance.random() < 0.5:
            text += chance.choice([".0", ".00", "e0", "E+00", "0e-1"]) if text.strip("-") != "0" else ".0"
    elif isinstance(value, str):
        text = "".join(spelt_character(c, chance) for c in value)
        text = f'"{text}"'
    elif isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        text = (
            "{" + ",".join(blank + spelt(key, chance) + blank + ":" + spelt(value[key], chance) for key in keys) + "}"
        )
    elif isinstance(value, list):
        text = "[" + ",".join(spelt(inner, chance) for inner in value) + "]"
    else:
        text = json.dumps(value)
    return blank + text + blank


def spelt_character(c: str, chance: random.Random) -> str:
    if c in '"\\' or c < " " or "\ud800" <= c <= "\udfff" or chance.random() < 0.2:
        return json.dumps(c)[1:-1] if chance.random() < 0.5 or c > "\uffff" else f"\\u{ord(c):04x}"
    return c


def print_of(document: bytes) -> tuple[tuple[int, int], int]:
    found, flags = hash_records(padded(document), np.zeros(1, np.int64), np.full(1, len(document), np.int64))
    return (int(found[0, 0]), int(found[1, 0])), int(flags[0])


@given(st.dictionaries(KEYS, VALUES, max_size=6), st.dictionaries(KEYS, VALUES, max_size=6), st.randoms())
def test_hashes_of_values_agree_with_plain_python(one: Any, other: Any, chance: Any) -> None:
    texts = [spelt(value, chance).strip() for value in (one, one, other)]
    wrapped = [f'{{"_source":{text}}}' if chance.random() < 0.5 else f'{{"_source":{text},"x":[1]}}' for text in texts]
    found = [print_of(text.encode()) for text in wrapped]
    values = [value_of(text) for text in texts]
    assert values[0] == values[1]
    assert found[0] == found[1]
    assert (found[0] == found[2]) == (values[0] == values[2])
    assert found[0][1] == HIT


@given(st.text(max_size=60), st.randoms())
def test_unescaping_agrees_with_plain_python(text: str, chance: Any) -> None:
    written = "".join(spelt_character(c, chance) for c in text).encode()
    out = np.zeros(len(written) + 1, dtype=np.uint8)
    length = unescape_text(padded(written), 0, len(written), out)
    expected: str = json.loads(b'"' + written + b'"')
    assert out[:length].tobytes() == expected.encode(errors="surrogatepass")


@given(st.binary(max_size=80) | st.text('{}[]",:\\_source1eE.-+tfnu d8', max_size=80).map(str.encode))
def test_bytes_that_are_no_json_are_hashed_by_their_bytes(text: bytes) -> None:
    (_, flags) = print_of(text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict) and not flags & (REPEATED_KEY | BY_BYTES):
        assert print_of(b" " + text) == print_of(text)


RECORDS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30)


@given(RECORDS, RECORDS)
def test_multisets_agree_with_plain_python(sdk_log: Contract, a: Any, b: Any) -> None:
    def record(value: int, spelling: int) -> bytes:
        return [b'{"v":%d,"w":1}', b'{"w":1,"v":%d}', b'{"v":%d.0,"w":1}', b'{"v": %d,"w":1}'][spelling] % value

    with tempfile.TemporaryDirectory() as folder:
        found = Compare(sdk_log, Path(folder))([record(*r) for r in a], [hit(record(*r)) for r in b], threads=1)
    ours, theirs = Counter(a), Counter(b)
    equal = (ours & theirs).total()
    common = (Counter(value for value, _ in a) & Counter(value for value, _ in b)).total()
    assert figures(found) == (equal, common - equal, len(a) - common, len(b) - common)
    shown = Counter((d.side, d.kind) for d in found.differences)
    assert shown[("a", "only")] == min(5, found.a.only)
    assert shown[("b", "spelling")] == min(5, found.equal_value)


# -- killed


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_kill_leaves_no_scratch_files(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "a").write_bytes(b"".join(b'{"n":%d}\n' % n for n in range(300_000)))
    code = (
        "import time; from datetime import date; import logpress.comparing as c\n"
        "from logpress.comparing import compare\n"
        "from logpress.contract import load_contract; from logpress.limits import Limits\n"
        "compare.match_sides = lambda *a: (print('here', flush=True), time.sleep(60))\n"
        f"side = c.Named(({str(tmp_path / 'a')!r},))\n"
        "small = Limits(counted_documents=1000)\n"
        "c.compare_day(load_contract('sdk_log'), date(2021, 12, 26), side, side, limits=small)"
    )
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        open_files = [os.readlink(link) for link in Path(f"/proc/{process.pid}/fd").iterdir()]
        assert any(str(scratch) in name and "deleted" in name for name in open_files)
        process.send_signal(signal.SIGKILL)
    time.sleep(0.1)
    assert list(scratch.iterdir()) == []
