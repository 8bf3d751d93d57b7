"""The kernels of `_bulk` bodies against plain Python: lines that are actions, pairs, and records made to pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import padded
from tests.twins import blanks_end, braces_end, quote_at, sound_value_end

from logpress.layout.kernels_json import MAX_DEPTH
from logpress.records.kernels_bulk import ACTION_BYTES, is_action, pair_lines, spans_of_objects, write_pairs

STACK = np.empty(MAX_DEPTH, dtype=np.uint8)
NAMES = tuple(
    np.frombuffer(name, dtype=np.uint8).copy() for name in (b"_index", b"_id", b"_routing", b"_source", b'{"index":{')
)
BLANKS = st.sampled_from([b"", b"", b"", b" ", b"\t", b"\r", b"\n"])
BEHIND = st.sampled_from([b"", b'"}}}', b"}", b":{}}", b'ndex":{}}', b"\n\n"])
OTHER = {b"index": 1, b"create": 1, b"update": 1, b"delete": 2}
NAMES_OF_ACTIONS = st.sampled_from(
    b"index index create update delete xndex ixdex indey inde indexx xreate cxeate creaxe creat createe xpdate uxdate "
    b"updaxe updat updatee xelete dxlete delexe delet deletee cpdate urdate depate indexe".split()
)
"""Names of actions, and others next to them, each in a byte or a length by which the kernel tells them."""

INSIDE = st.sampled_from([b"", b'"_id":"}"', b'"a":{"b":{}}', b'"a":"\\"}"', b"{"])


def plain_action(line: bytes) -> int:
    """What a line is to `_bulk`: an object with one key, whose value is an object; 0 for any other."""
    end = len(line)
    i = blanks_end(line, 0, end)
    if line[i : i + 1] != b"{":
        return 0
    i = blanks_end(line, i + 1, end)
    if line[i : i + 1] != b'"':
        return 0
    quote = quote_at(line, i + 1, end)
    found = OTHER.get(line[i + 1 : quote], 0)
    i = blanks_end(line, quote + 1, end)
    if line[i : i + 1] != b":":
        return 0
    i = blanks_end(line, i + 1, end)
    stop = braces_end(line, i, end) if line[i : i + 1] == b"{" else -1
    if stop < 0:
        return 0
    i = blanks_end(line, stop, end)
    return found if line[i : i + 1] == b"}" and not line[i + 1 :].strip(b" \t\r\n") else 0


@st.composite
def action_lines(draw: st.DrawFn) -> bytes:
    """A line like an action: whole, cut off, or with a byte that is missing or another one."""
    blanks = [draw(BLANKS) for _ in range(7)]
    parts = [b"", b"{", b'"' + draw(NAMES_OF_ACTIONS) + b'"', b":", b"{" + draw(INSIDE) + b"}", b"}", b""]
    line = bytearray(b"".join(part + blank for part, blank in zip(parts, blanks, strict=True)))
    what, place = draw(st.integers(0, 5)), draw(st.integers(0, len(line) - 1))
    signs = [place for place, byte in enumerate(line) if byte in b'{}":']
    place = draw(st.sampled_from(signs)) if draw(st.booleans()) else place
    if what == 0:
        del line[place:]
    elif what == 1:
        del line[place]
    elif what == 2:
        line[place] = draw(st.sampled_from(b'":,{}[ x\\'))
    return bytes(line)


@given(action_lines(), st.integers(0, 2), BEHIND)
@example(b'{"index":{}}', 1, b"}")
@example(b'{"index":{}', 0, b"}")
@example(b'{"index":', 0, b"{}}")
@example(b'{"index"', 0, b":{}}")
@example(b'{"index', 0, b'":{}}')
@example(b'{"', 0, b'index":{}}')
@example(b"{", 0, b'"index":{}}')
@example(b"", 0, b'{"index":{}}')
@example(b'{"index":"a"}', 0, b"")
@example(b'{"index":{}},', 0, b"")
def test_is_action(line: bytes, before: int, behind: bytes) -> None:
    buffer = padded(b"{" * before + line, behind)
    assert is_action(buffer, before, before + len(line)) == plain_action(line)


SIGNS = b'":,{}[]x \\\0'


def test_is_action_with_another_byte_in_each_place() -> None:
    for line in (b'{"index":{}}', b'{"create":{"a":"}"}} ', b' {"update" : {} }', b'{"delete":{}}'):
        for place in range(len(line)):
            for byte in SIGNS:
                other = line[:place] + bytes([byte]) + line[place + 1 :]
                assert is_action(padded(other, b"}}"), 0, len(other)) == plain_action(other)


@pytest.mark.parametrize("key", ["debits", "demote", "crests", "uplets", "inkyx", "devote"])
def test_is_action_of_a_word_like_one(key: str) -> None:
    line = f'{{"{key}":{{}}}}'.encode()
    assert is_action(padded(line), 0, len(line)) == 0


LINES = st.lists(
    st.sampled_from([b'{"index":{}}', b'{"create":{"a":1}}', b'{"delete":{}}', b'{"a":1}', b"x"]), max_size=8
)


@given(LINES, st.integers(0, 2))
def test_pair_lines(lines: list[bytes], more: int) -> None:
    ends = np.cumsum([1 + len(line) for line in [b"", *lines]], dtype=np.int64)
    starts, ends = ends[:-1].copy(), ends[1:] - 1
    pair_starts, pair_ends = np.full((2, len(lines) + more), -5, dtype=np.int64)
    found, left = pair_lines(padded(b"\n" + b"\n".join(lines)), starts, ends, len(lines), pair_starts, pair_ends)
    pairs, row = [], 0
    while row < len(lines):
        last = row + (plain_action(lines[row]) == 1)
        if last == len(lines):
            break
        pairs.append((int(starts[row]), int(ends[last])))
        row = last + 1
    assert (found, left) == (len(pairs), row if row < len(lines) else -1)
    assert list(zip(pair_starts.tolist(), pair_ends.tolist(), strict=True)) == [
        *pairs, *[(-5, -5)] * (len(lines) + more - len(pairs)),
    ]  # fmt: skip


OBJECTS = st.lists(
    st.sampled_from(
        [b"{}", b'{"a":"}\\""}', b"{", b" ", b"\n", b"\r", b"\t", b"\xef\xbb\xbf", b"\xef\xbb", b"x"]
    ),
    max_size=8,
)  # fmt: skip


@given(OBJECTS | st.lists(st.sampled_from([b"{}\n", b'{"a":{}}\n', b"\xef\xbb\xbf{}\n"]), max_size=4), BEHIND)
@example([b"{}\n", b"\xef\xbb"], b"\xbf")
@example([b"\xef\xbb\xbf"], b"{}")
def test_spans_of_objects(pieces: list[bytes], behind: bytes) -> None:
    data = b"".join(pieces)
    places = len(data) // 3 + 1
    spans: list[tuple[int, int]] | None = []
    i = 0
    while spans is not None:
        i = blanks_end(data, i, len(data))
        if data[i : i + 3] == b"\xef\xbb\xbf":
            i += 3
            continue
        if i == len(data):
            break
        stop = braces_end(data, i, len(data)) if data[i] == 0x7B and len(spans) < places else -1
        spans = [*spans, (i, stop)] if stop > 0 else None
        i = stop
    starts, ends = np.full((2, places), -5, dtype=np.int64)
    rows = spans_of_objects(padded(data, behind), len(data), starts, ends)
    if spans is None:
        assert rows < 0
        return
    assert rows == len(spans)
    filled = [*spans, *[(-5, -5)] * (places - rows)]
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == filled


# -------------------------------------------------------------------------------------------------------------- pairs

KEYS = st.sampled_from([b"_index", b"_id", b"_routing", b"_source"])
NEAR_KEYS = st.sampled_from(
    b"_type a xid _xd _ix _idd xindex _xndex _ixdex _inxex _indxx _indey _indexx xrouting _xouting _rxuting _roxting "
    b"_rouxing _routxng _routixg _routinx _routin xsource _xource _sxurce _soxrce _souxce _sourxe _sourcx _sourcee "
    b'\\"_id'.split()
)
VALUES = st.sampled_from(
    [b'"a"', b'"b\\""', b'""', b"1", b"null", b"[1,\n2]", b'{"_id":"}"}', b"{}", b'{"x":\r\n1}', b'["_source",{}]']
)
OBJECTS_OR_TEXTS = (st.sampled_from([b'"a"', b'"b\\""']), st.sampled_from([b"{}", b'{"x":\r\n1}']))
GAPS = st.sampled_from([b"", b"", b"", b" ", b"\n", b"\r\n", b"\t"])


@st.composite
def documents(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A JSON object, and the lines that it becomes; in some the scan ends at a value that is none."""
    text = b"{"
    parts: dict[bytes, bytes] = {}
    is_broken = False
    for number in range(draw(st.integers(0, 6))):
        key = draw(KEYS if draw(st.integers(0, 3)) else NEAR_KEYS)
        value = draw(OBJECTS_OR_TEXTS[key == b"_source"] if draw(st.booleans()) else VALUES)
        if draw(st.integers(0, 25)) == 0 and not is_broken:
            is_broken, value = True, draw(st.sampled_from([b"nul", b"-", b"tru"]))
        text += (
            b"," * (number > 0) + draw(GAPS) + b'"' + key + b'"' + draw(GAPS) + b":" + draw(GAPS) + value + draw(GAPS)
        )
        if not is_broken and value[:1] == (b"{" if key == b"_source" else b'"'):
            parts[key] = value
    text += b"}"
    named = [b'"' + key + b'":' + parts[key] for key in (b"_index", b"_id", b"_routing") if key in parts]
    is_hit = b"_source" in parts
    action = b'{"index":{' + (b",".join(named) if is_hit else b"") + b"}}\n"
    document = parts[b"_source"] if is_hit else text
    return text, action + document.translate(bytes.maketrans(b"\r\n", b"  ")) + b"\n"


ACTIONS = st.sampled_from([b'{"create":{"_id":"x"}}', b'{"delete":{}}', b' {"index":{}} ', b'{"index":\n{}}'])


@given(st.lists(documents() | ACTIONS, max_size=6))
@example([b'{"delete":{}}', (b"{}", b'{"index":{}}\n{}\n'), b'{"index":{}}', b'{"index":{}}', b'{"delete":{}}'])
def test_write_pairs(records: list[tuple[bytes, bytes] | bytes]) -> None:
    texts, expected, alone = [], b"", False
    for record in records:
        text = record if isinstance(record, bytes) else record[0]
        texts.append(text)
        as_it_is = text.translate(bytes.maketrans(b"\r\n", b"  ")) + b"\n"
        kind = 0 if alone else plain_action(text)
        expected += as_it_is if alone or kind or isinstance(record, bytes) else record[1]
        alone = kind == 1
    offsets = np.cumsum([1, *map(len, texts)], dtype=np.int64)
    out = np.full(int(offsets[-1]) + (ACTION_BYTES + 8) * len(texts), 0xEE, dtype=np.uint8)
    values = np.full((4, 2), 5, dtype=np.int64)
    buffer = padded(b'"' + b"".join(texts), b'":"')
    used = write_pairs(buffer, offsets[:-1].copy(), offsets[1:].copy(), len(texts), NAMES, out, values, STACK)
    assert out[:used].tobytes() == expected
    assert not (out[used:] != 0xEE).any()


def plain_pair(text: bytes) -> bytes:
    """The lines of an object that may be broken: its members are taken up to the first value that is none."""
    parts: dict[bytes, bytes] = {}
    i, end = 1, len(text)
    while i < end:
        while i < end and text[i] not in b'"}':
            i += 1
        if i >= end or text[i] == 0x7D:
            break
        quote = quote_at(text, i + 1, end)
        key, i = text[i + 1 : quote], quote + 1
        while i < end and text[i] in b": \t\n\v\f\r":
            i += 1
        if i >= end:
            break
        if text[i] == 0x22:
            stop: int | None = quote_at(text, i + 1, end) + 1
        else:
            stop = braces_end(text, i, end) if text[i] == 0x7B else sound_value_end(text, i)
        if stop is None or not 0 <= stop <= end:
            break
        if text[i : i + 1] == (b"{" if key == b"_source" else b'"'):
            parts[key] = text[i:stop]
        i = stop
    named = [b'"' + key + b'":' + parts[key] for key in (b"_index", b"_id", b"_routing") if key in parts]
    action = b'{"index":{' + (b",".join(named) if b"_source" in parts else b"") + b"}}"
    as_it_is = bytes.maketrans(b"\r\n", b"  ")
    return b"".join(line.translate(as_it_is) + b"\n" for line in (action, parts.get(b"_source", text)))


def test_write_pairs_with_another_byte_in_each_place() -> None:
    text = b'{ "_index":"a", "_id" : "x\\"","n":[1,-2.5],"_routing":"r" ,"_source" :{"_id":"y"},"t":true,"_id":"z"}'
    others = [b"", b"{}", b'""', *(bytes([byte]) for byte in b'"\\{}],: \t\n\v\rx1_')]
    for one in [text, *(text[:k] + other + text[k + 1 :] for k in range(1, len(text) - 1) for other in others)]:
        if plain_action(one):
            continue
        out = np.full(len(one) + ACTION_BYTES + 8, 0xEE, dtype=np.uint8)
        buffer = padded(one, b'":"}}]')
        used = write_pairs(
            buffer, np.array([0]), np.array([len(one)]), 1, NAMES, out, np.zeros((4, 2), np.int64), STACK
        )
        assert out[:used].tobytes() == plain_pair(one), one


@pytest.mark.parametrize(
    "text",
    [b'{"_source":{', b'{"_source"', b'{"_source":', b'{"_id":"a', b'{"a":[1', b'{"a', b"{", b"{ ", b'{"_id":"b" '],
)
def test_write_pairs_of_what_is_cut_off(text: bytes) -> None:
    """What is no whole object, which no caller gives, is written as a document; nothing behind it is read."""
    for behind in (b'{"x":1}":1]}"', b""):
        out = np.full(len(text) + ACTION_BYTES + 8, 0xEE, dtype=np.uint8)
        bounds = np.array([0]), np.array([len(text)])
        used = write_pairs(padded(text, behind), *bounds, 1, NAMES, out, np.zeros((4, 2), dtype=np.int64), STACK)
        assert out[:used].tobytes() == b'{"index":{}}\n' + text + b"\n"
