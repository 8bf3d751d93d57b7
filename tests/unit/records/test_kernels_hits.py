"""The kernels of pulling against plain Python: whole hits and broken ones, whatever stands behind them."""

from __future__ import annotations

import numpy as np
import pytest
import xxhash
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import padded
from tests.twins import blanks_end, braces_end, quote_at, sound_value_end

from logpress.hashing.kernels_hash import hash64
from logpress.layout import kernels_scan
from logpress.layout.kernels_json import MAX_DEPTH
from logpress.records.kernels_hits import BROKEN, TOO_MANY, frame_hits, hash_ids

STACK = np.empty(MAX_DEPTH, dtype=np.uint8)
WORD = 2**64 - 1
SPREAD = 0x9E3779B97F4A7C15
BEHIND = st.sampled_from([b"", b'"}]}', b"}" * 70, b"]", b"\\", b'"' * 9, b","])

SIGNS = st.sampled_from([b"{", b"}", b'"', b"\\", b"a", b"\\\\", b'\\"', b"{}", b"[", b"bcdefgh", b"x" * 29, b'"' * 2])
TANGLES = st.lists(SIGNS, max_size=30).map(b"".join)


@given(TANGLES, st.integers(0, 3), BEHIND)
@example(b"x" * 62 + b"\\" + b'"}', 0, b"")
@example(b'"' + b"x" * 62 + b"\\" + b'"}"}', 0, b"")
@example(b'"' + b"\\" * 62 + b'"}', 1, b"")
@example(b'"' + b"\\" * 61 + b'"}"}', 1, b"")
@example(b"x" * 62 + b"}", 0, b"}")
@example(b"x" * 63 + b"}", 0, b"}")
def test_braces_end(rest: bytes, before: int, behind: bytes) -> None:
    text = b"{" * before + b"{" + rest
    assert kernels_scan.braces_end(padded(text, behind), before, len(text)) == braces_end(text, before, len(text))


@pytest.mark.parametrize("place", range(130))
def test_braces_end_with_a_sign_in_each_place_of_two_words(place: int) -> None:
    for sign in (b"}", b'"', b"\\", b'\\"', b"{", b'"\\'):
        for filler in (b"x", b"\\"):
            text = b"{" + filler * place + sign + b'x}"}}'
            assert kernels_scan.braces_end(padded(text, b"}"), 0, len(text)) == braces_end(text, 0, len(text))


# ------------------------------------------------------------------------------------------------------------- arrays


def plain_hits(data: bytes, begin: int, most: int) -> tuple[int, int, list[tuple[int, int]]]:
    """What `frame_hits` gives, and the spans."""
    spans: list[tuple[int, int]] = []
    end = len(data)
    i = blanks_end(data, begin, end)
    if data[i : i + 1] == b"]":
        return 0, i + 1, []
    while i < end:
        stop = braces_end(data, i, end) if data[i] == 0x7B and len(spans) < most else -1
        if stop < 0:
            return TOO_MANY if data[i] == 0x7B and len(spans) == most else BROKEN, i, spans
        spans.append((i, stop))
        i = blanks_end(data, stop, end)
        if data[i : i + 1] == b"]":
            return len(spans), i + 1, spans
        if i < end and data[i] != 0x2C:
            return BROKEN, i, spans
        i = blanks_end(data, i + 1, end) if i < end else end
    return BROKEN, end, spans


OTHER_BYTES = [b"", b"{", b"}", b"]", b",", b'"', b" ", b"x", b",,", b",x", b"{}", b"\\"]
PIECES = st.sampled_from(
    [b"{}", b'{"a":1}', b'{"]":"}"}', b",", b",", b",", b"]", b" ", b"\n", b"\r", b"\t", b"x", b"{"]
)


@given(
    st.lists(PIECES, max_size=12).map(b"".join)
    | st.lists(st.sampled_from([b"{}", b'{"a":"}]"}']), max_size=5).map(lambda hits: b" , ".join(hits) + b" ]"),
    st.integers(0, 2),
    st.integers(0, 5),
    BEHIND,
)
@example(b"", 0, 1, b"]")
@example(b"{}", 0, 1, b"]")
@example(b"{},", 0, 1, b"{}]")
def test_frame_hits(text: bytes, before: int, most: int, behind: bytes) -> None:
    data = b"[" * before + text
    starts, ends = np.full(most, -5, dtype=np.int64), np.full(most, -5, dtype=np.int64)
    rows, stop = frame_hits(padded(data, behind), before, len(data), starts, ends)
    expected, plain_stop, spans = plain_hits(data, before, most)
    assert (rows, stop) == (expected, plain_stop)
    filled = [*spans, *[(-5, -5)] * (most - len(spans))]
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == filled


def test_frame_hits_with_another_byte_in_each_place() -> None:
    for text in (b'{"a":"]"},{},{"b":{}}]', b" {} , {} \n,\t{}\r]", b"[]", b" ]"):
        others = [text[:place] + other + text[place + 1 :] for place in range(len(text)) for other in OTHER_BYTES]
        for other in [text, *others, *(text[:place] for place in range(len(text)))]:
            starts, ends = np.full((2, 4), -5, dtype=np.int64)
            rows, stop = frame_hits(padded(other, b"]"), 0, len(other), starts, ends)
            expected, plain_stop, spans = plain_hits(other, 0, 4)
            assert (rows, stop) == (expected, plain_stop)
            assert [(a, b) for a, b in zip(starts.tolist(), ends.tolist(), strict=True) if a >= 0] == spans


# ---------------------------------------------------------------------------------------------------------------- ids


def hashed(text: bytes) -> int:
    return int(hash64(padded(text), 0, len(text)))


def plain_ids(hit: bytes) -> tuple[int, int] | None:
    """The words of what names a hit, or None: its members up to `_source` are looked at, by the bytes of their keys."""
    end = len(hit)
    i = blanks_end(hit, 1, end)
    index, words = 0, None
    while hit[i : i + 1] == b'"':
        quote = quote_at(hit, i + 1, end)
        key = hit[i + 1 : quote]
        if key == b"_source":
            break
        i = blanks_end(hit, quote + 1, end)
        if hit[i : i + 1] != b":":
            return None
        i = blanks_end(hit, i + 1, end)
        if i >= end:
            return None
        stop = quote_at(hit, i + 1, end) + 1 if hit[i] == 0x22 else sound_value_end(hit, i)
        if stop is None or stop > end:
            return None
        value = hit[i:stop]
        if key == b"_id":
            number = xxhash.xxh3_128_intdigest(value)
            words = number & WORD, number >> 64
        elif key == b"_index":
            index ^= hashed(value)
        elif key == b"_routing":
            index ^= hashed(value) * SPREAD & WORD
        i = blanks_end(hit, stop, end)
        if hit[i : i + 1] == b",":
            i = blanks_end(hit, i + 1, end)
    return None if words is None else (words[0] ^ index, words[1] ^ (index * SPREAD & WORD))


NAMES = st.sampled_from([b"_id", b"_id", b"_index", b"_routing", b"_source"])
NEAR = st.sampled_from(
    b"_type fields a ab xid _xd _ix _idd _i xindex _xndex _ixdex _indexx _inde xrouting _xouting _routin _routingg "
    b'xsource _xource _sxurce _sourcee _sourc iindex \\"_id'.split()
)
KEYS = st.one_of(NAMES, NAMES, NEAR, st.just(b""))
"""Those that count, and others next to them, each in a byte or a length by which the kernel tells them."""

TEXTS = st.sampled_from([b'"a"', b'"b"', b'"\\""', b'""', b'"' + b"long" * 9 + b'"'])
SCALARS = st.sampled_from([b"1", b"-2.5", b"null", b"true", b'{"_id":"x"}', b'["_id",{}]', b"[ ]"])
ANY = TEXTS | TEXTS | SCALARS
BLANKS = st.sampled_from([b"", b"", b"", b" ", b"\n", b"\r\t"])
MEMBERS = st.tuples(BLANKS, KEYS, BLANKS, BLANKS, ANY, BLANKS).map(
    lambda m: m[0] + b'"' + m[1] + b'"' + m[2] + b":" + m[3] + m[4] + m[5]
)
HITS = st.lists(MEMBERS, min_size=1, max_size=6).map(lambda members: b"{" + b",".join(members) + b"}")


@st.composite
def broken_hits(draw: st.DrawFn) -> bytes:
    """A hit whose bytes are cut off, or one of which is missing or another one."""
    hit = bytearray(draw(HITS))
    place = draw(st.integers(1, len(hit) - 1))
    what = draw(st.integers(0, 2))
    if what == 0:
        del hit[place:]
    elif what == 1:
        del hit[place]
    else:
        hit[place] = draw(st.sampled_from(b'":,{} x\\'))
    return bytes(hit)


@given(st.lists(HITS, max_size=4), st.one_of(st.none(), broken_hits()), st.lists(HITS, max_size=1), BEHIND)
@example([b'{"_id":"a"}'], b'{"_id"', [], b':"a"}')
@example([b'{"_id":"a"}'], b'{"_id":', [], b'"a"}')
@example([b'{"_id":"a"}'], b'{"_id":"a', [], b'"}')
@example([b'{"_id":"a"}'], b'{"_id":12', [], b"3}")
@example([b'{"_id":"a","_index":"b"}', b'{"_index":"b"  "_id":"a"}'], None, [], b"")
def test_hash_ids(hits: list[bytes], broken: bytes | None, more: list[bytes], behind: bytes) -> None:
    texts = [*hits, *([] if broken is None else [broken]), *more]
    offsets = np.cumsum([2, *map(len, texts)], dtype=np.int64)
    hashes = np.full((2, len(texts)), 77, dtype=np.uint64)
    buffer = padded(b"[ " + b"".join(texts), behind)
    row = hash_ids(buffer, offsets[:-1].copy(), offsets[1:].copy(), len(texts), hashes, STACK)
    expected = [plain_ids(text) for text in texts]
    if None in expected:
        assert row == expected.index(None)
        expected = expected[:row]
    else:
        assert row == -1
    assert hashes[:, : len(expected)].T.tolist() == [list(words) for words in expected if words]


def test_hash_ids_with_another_byte_in_each_place() -> None:
    hit = b'{ "_index" : "a", "_id":"x" ,"_routing": 1,"_type":"t","_source":{"_id":"y"},"_id":"z"}'
    others = [hit[:place] + bytes([byte]) + hit[place + 1 :] for place in range(1, len(hit)) for byte in b'":,{}x \\\0']
    for other in others:
        hashes = np.zeros((2, 1), dtype=np.uint64)
        row = hash_ids(padded(other, b'"}'), np.array([0]), np.array([len(other)]), 1, hashes, STACK)
        expected = plain_ids(other)
        assert row == (0 if expected is None else -1)
        assert expected is None or tuple(hashes[:, 0].tolist()) == expected
