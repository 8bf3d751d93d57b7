"""The kernels that match records with layouts, against a walk through the same tree in plain Python."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.conftest import padded
from tests.twins import quote_at

from logpress.layout.kernels_json import MAX_DEPTH, value_end
from logpress.layout.kernels_match import match_record, slot_end
from logpress.layout.kernels_tree import (
    NODE_CHILD,
    NODE_KIND,
    NODE_LAYOUT,
    NODE_LENGTH,
    NODE_LITERAL_AT,
    NODE_LITERAL_LENGTH,
    NODE_SEPARATOR,
    NODE_SIBLING,
)
from logpress.layout.model import InstantFormat, Kind, Layout, Slot
from logpress.layout.trie import Trie, build_trie

STACK = np.empty(MAX_DEPTH, dtype=np.uint8)
BEHIND = st.sampled_from([b"", b"5", b'"', b'"}', b"}", b"true}", b"T15:11:04Z}", b"2021-12-26T15:11:04Z}", b"\\"])
SLOT_KINDS = [kind for kind in Kind if kind is not Kind.END]


def plain_end(data: bytes, start: int, kind: int, length: int) -> int:
    """Where a slot's text ends, or -1: each kind is told by its first byte."""
    if kind == Kind.STRING:
        stop = quote_at(data, start, len(data))
        return stop if stop < len(data) else -1
    first = data[start : start + 1]
    bare = re.compile(rb"[^,}\] \r\t\n]*").match(data, start)
    assert bare is not None
    if kind == Kind.FIXED:
        return start + length if first and start + length < len(data) else -1
    if kind in (Kind.NUMBER, Kind.BOOLEAN):
        return bare.end() if first and first in (b"-0123456789" if kind == Kind.NUMBER else b"tf") else -1
    if not first or (first not in b"{[" if kind == Kind.CONTAINER else first == b"n"):
        return -1
    return int(value_end(padded(data), start, len(data), STACK))


TEXTS = {
    Kind.STRING: [b"", b"a", b'\\"', b"x" * 31, b"y" * 32 + b"\\\\", b"z" * 40],
    Kind.NUMBER: [b"0", b"-1", b"9e5", b"5"],
    Kind.BOOLEAN: [b"true", b"false", b"t"],
    Kind.FIXED: [b"2021-12-26T15:11:04", b"2021-12-26 15:11:04", b"2021-12-26T15:11:04.884"],
    Kind.CONTAINER: [b"{}", b"[1]", b'{"a":"}"}'],
    Kind.ANY: [b"1", b'"a"', b"{}", b"true"],
}
OTHERS = [b"null", b"/", b":", b"+1", b"x", b"", b"[", b"{]"]
SIGNS = st.sampled_from(
    [b"{", b"}", b"[", b"]", b'"', b"\\", b",", b"t", b"f", b"n", b"null", b"-", b"0", b"9", b"/", b":", b" "]
)


@given(st.sampled_from(SLOT_KINDS), st.integers(0, 3), st.lists(SIGNS, max_size=6).map(b"".join), BEHIND)
@example(Kind.NUMBER, 0, b"", b"5")
@example(Kind.BOOLEAN, 0, b"", b"t")
@example(Kind.ANY, 0, b"", b"1")
@example(Kind.STRING, 0, b"", b'"')
@example(Kind.FIXED, 2, b"ab", b"c")
@example(Kind.FIXED, 1, b"ab", b"c")
@example(Kind.FIXED, 0, b"", b"c")
def test_slot_end(kind: Kind, length: int, text: bytes, behind: bytes) -> None:
    data = b'"' + text
    found = int(slot_end(padded(data, behind), 1, len(data), int(kind), length, STACK))
    assert found == plain_end(data, 1, kind, length)


@pytest.mark.parametrize("kind", SLOT_KINDS)
def test_slot_end_of_each_first_byte(kind: Kind) -> None:
    for byte in range(256):
        for rest in (b"", b"1", b"}", b"]", b'":1}', b"rue}", b"rue", b"alse,", b'{}],"', b"ull}"):
            data = b'"' + bytes([byte]) + rest
            for length in (1, 3) if kind is Kind.FIXED else (0,):
                found = int(slot_end(padded(data, b'5"}'), 1, len(data), int(kind), length, STACK))
                assert found == plain_end(data, 1, kind, length), (kind, data)


def plain_match(trie: Trie, data: bytes, start: int) -> tuple[int, list[tuple[int, int]]]:
    """The first layout in the tree's order whose literals and slots are those of a record, and the slots' spans."""
    literals = trie.literals.tobytes()

    def walk(node: int, at: int) -> tuple[int, list[tuple[int, int]]]:
        while node >= 0:
            entry = trie.nodes[node].tolist()
            after = at + entry[NODE_LITERAL_LENGTH]
            literal = literals[entry[NODE_LITERAL_AT] :][: entry[NODE_LITERAL_LENGTH]]
            if data[at:after] == literal and after <= len(data):
                if entry[NODE_KIND] == Kind.END:
                    if after == len(data):
                        return entry[NODE_LAYOUT], []
                else:
                    stop = plain_end(data, after, entry[NODE_KIND], entry[NODE_LENGTH])
                    separator = data[after + 10 : after + 11]
                    if entry[NODE_KIND] == Kind.FIXED and separator != bytes([entry[NODE_SEPARATOR]]):
                        stop = -1
                    found, spans = walk(entry[NODE_CHILD], stop) if stop >= 0 else (-1, [])
                    if found >= 0:
                        return found, [(after, stop), *spans]
            node = entry[NODE_SIBLING]
        return -1, []

    return walk(0 if len(trie.nodes) else -1, start)


def slot_of(kind: Kind, choice: int) -> Slot:
    instant = InstantFormat("T "[choice % 2], 3 * (choice // 2), "Z") if kind is Kind.FIXED else None
    return Slot(kind, "column", "", "", instant)


LITERALS = st.sampled_from([b'{"a":', b'{"b":', b',"c":', b'"', b'","', b"}", b"Z", b"", b"x" * 31, b"x" * 33])
SLOTS = st.builds(slot_of, st.sampled_from(SLOT_KINDS), st.integers(0, 3))
LAYOUTS = st.lists(SLOTS, max_size=3).flatmap(
    lambda slots: st.lists(LITERALS, min_size=len(slots) + 1, max_size=len(slots) + 1).map(
        lambda literals: Layout(tuple(literals), tuple(slots))
    )
)


@st.composite
def matchings(draw: st.DrawFn) -> tuple[list[Layout], list[bytes]]:
    """Layouts that share beginnings, and records of theirs, of others, and with a byte that is wrong."""
    layouts = draw(st.lists(LAYOUTS, max_size=4))
    for layout in layouts[:]:  # one that begins as another does, and goes on otherwise
        other = draw(LAYOUTS)
        cut = draw(st.integers(0, len(layout.slots)))
        layouts.append(Layout(layout.literals[: cut + 1] + other.literals[1:], layout.slots[:cut] + other.slots))
        layouts[-1] = Layout(layouts[-1].literals[: len(layouts[-1].slots) + 1], layouts[-1].slots)
    layouts = [layout for layout in layouts if len(layout.literals) == len(layout.slots) + 1]
    records = []
    for layout in layouts:
        record = layout.literals[0]
        for slot, literal in zip(layout.slots, layout.literals[1:], strict=True):
            record += draw(st.sampled_from(TEXTS[slot.kind] if draw(st.integers(0, 5)) else OTHERS)) + literal
        cut = draw(st.integers(0, len(record)))
        records += [
            record,
            draw(st.sampled_from([record[:cut], record + b"}", record[:cut] + b"x" + record[cut + 1 :]])),
        ]
    return layouts, records


def run_match(trie: Trie, record: bytes, before: bytes, behind: bytes) -> tuple[int, NDArray[np.int64]]:
    spans = np.full(2 * trie.depth + 2, -5, dtype=np.int64)
    trail = np.zeros(2 * trie.depth + 2, dtype=np.int64)
    buffer, start = padded(before + record, behind), len(before)
    found = match_record(buffer, start, start + len(record), trie.nodes, trie.literals, spans, trail, STACK)
    return int(found), spans


INTEGER = Slot(Kind.NUMBER, "column", "", "")


@given(matchings(), st.sampled_from([b"", b"\\", b'"']), BEHIND)
@example(([Layout((b"x", b""), (INTEGER,))], [b"x", b"x5"]), b"", b"5")
@example(([Layout((b"", b""), (slot_of(Kind.STRING, 0),))], [b""]), b"", b'"')
@example(([Layout((b"", b'"'), (slot_of(Kind.STRING, 0),))], [b'"', b'a"', b'\\""', b"x" * 31 + b'"']), b"\\", b'"')
def test_match_record(matching: tuple[list[Layout], list[bytes]], before: bytes, behind: bytes) -> None:
    layouts, records = matching
    trie = build_trie([(10 + number, layout) for number, layout in enumerate(layouts)])
    for record in records:
        number, spans = run_match(trie, record, before, behind)
        expected, plain = plain_match(trie, before + record, len(before))
        assert number == expected
        if number >= 0:
            flat = [place for span in plain for place in span]
            assert spans[: len(flat)].tolist() == flat
            assert (spans[2 * trie.depth :] == -5).all()


def test_match_record_where_no_layout_is_known() -> None:
    assert run_match(build_trie([]), b"{}", b"", b"")[0] == -1


TEXT, ANY, BOX, TRUTH = (Slot(kind, "column", "", "") for kind in (Kind.STRING, Kind.ANY, Kind.CONTAINER, Kind.BOOLEAN))
DATE, MOMENT = slot_of(Kind.FIXED, 0), slot_of(Kind.FIXED, 3)
FAMILY = [
    Layout((b'{"a":', b',"b":"', b'","c":', b"}"), (INTEGER, TEXT, BOX)),
    Layout((b'{"a":', b',"b":"', b'","c":', b'},"d"'), (INTEGER, TEXT, TRUTH)),
    Layout((b'{"a":', b',"b":"', b'","d":"', b'Z"}'), (INTEGER, TEXT, DATE)),
    Layout((b'{"a":', b',"b":"', b'","d":"', b'Z"}'), (INTEGER, TEXT, MOMENT)),
    Layout((b'{"a":', b',"b":', b"}"), (INTEGER, ANY)),
    Layout((b'{"a":', b',"b":"', b'"}'), (ANY, TEXT)),
    Layout((b'{"a":', b',"b":', b"}"), (ANY, ANY)),
    Layout((b'{"a":', b"}"), (ANY,)),
    Layout((b'{"a":"', b'","b":', b',"e":' + b"x" * 40 + b'"', b'"}'), (TEXT, BOX, TEXT)),
    Layout((b'{"a":true}',), ()),
    Layout((b'{"a":', b"", b"}"), (TRUTH, BOX)),
]
"""Layouts that begin alike: where a later slot does not fit, the walk goes back, by one slot or by several."""


def of_family() -> list[bytes]:
    moments = [b"2021-12-26T15:11:04", b"2021-12-26 15:11:04.884"]
    texts = {
        Kind.NUMBER: b"-17",
        Kind.STRING: b'x\\"',
        Kind.CONTAINER: b'{"}":[1]}',
        Kind.ANY: b'"y"',
        Kind.BOOLEAN: b"true",
    }
    records = []
    for layout in FAMILY:
        record = layout.literals[0]
        for slot, literal in zip(layout.slots, layout.literals[1:], strict=True):
            record += (moments[slot is MOMENT] if slot.kind is Kind.FIXED else texts[slot.kind]) + literal
        records.append(record)
    return [*records, b'{"a":12,"b":"z","c":[1],"d":2}', b'{"a":"q","b":"z"}', b'{"a":null,"b":1}', b"{}"]


@pytest.mark.parametrize("order", [1, -1])
def test_match_record_with_another_byte_in_each_place(order: int) -> None:
    trie = build_trie([(10 + number, layout) for number, layout in list(enumerate(FAMILY))[::order]])
    for record in of_family():
        changed = [
            record[:k] + other + record[k + 1 :]
            for k in range(len(record))
            for other in (b"", b'"', b"\\", b"}", b"]", b",", b":", b" ", b"1", b"n", b"{}", b"T")
        ]
        for text in [record, *changed, *(record[:k] for k in range(len(record)))]:
            number, spans = run_match(trie, text, b"\\", b'"}')
            expected, plain = plain_match(trie, b"\\" + text, 1)
            assert number == expected, text
            flat = [place for span in plain for place in span]
            assert number < 0 or spans[: len(flat)].tolist() == flat
