"""Layouts: how records are read into leaves and mined, and that the matching kernel finds again what was mined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import READING, SEED, compact, padded

from logpress.codecs.kernels_text import NULL
from logpress.contract import Contract
from logpress.engine.convert import block as block_module
from logpress.engine.convert import settle as settle_module
from logpress.engine.convert.block import Block, convert, convert_lines
from logpress.engine.convert.block_arrays import Space, Spaces
from logpress.engine.convert.settle import FEWEST_AHEAD, Settler
from logpress.engine.registers.programs import Layouts
from logpress.engine.registers.registers import Registers
from logpress.layout import kernels_tree
from logpress.layout.kernels_json import MAX_DEPTH
from logpress.layout.kernels_match import match_record
from logpress.layout.mine import Miner
from logpress.layout.model import InstantFormat, Kind, Layout, Slot
from logpress.layout.tokens import NotAnObjectError, path_of, read_leaves
from logpress.layout.trie import Trie, build_trie
from logpress.records.raw_blocks import RawBlock

Spans = list[tuple[int, int]]


def match(trie: Trie, record: bytes, before: bytes = b"", behind: bytes = b"") -> tuple[int, Spans]:
    """The kernel's result: a layout's number, and the spans it cut."""
    spans = np.full(2 * trie.depth + 2, -1, dtype=np.int64)
    trail = np.empty(2 * trie.depth + 2, dtype=np.int64)
    start = len(before)
    number = int(
        match_record(
            padded(before + record, behind), start, start + len(record), trie.nodes, trie.literals, spans, trail,
            np.empty(MAX_DEPTH, dtype=np.uint8),
        )
    )  # fmt: skip
    return number, [(int(a) - start, int(b) - start) for a, b in spans[: 2 * trie.depth].reshape(-1, 2)]


def spans_of(layout: Layout, record: bytes, texts: list[bytes]) -> Spans:
    """Spans of these texts in a record of alternating literals and texts."""
    spans, at = [], 0
    for literal, text in zip(layout.literals, [*texts, None], strict=True):
        assert record[at : at + len(literal)] == literal
        at += len(literal)
        if text is not None:
            spans.append((at, at + len(text)))
            at += len(text)
    assert at == len(record)
    return spans


def test_kinds_have_the_numbers_that_the_specification_gives_them() -> None:
    """Files hold these numbers: renumbering the names and the kernels together would pass every round trip."""
    text = (Path(__file__).parents[3] / "docs" / "format.md").read_text()
    table = text.split("| kind | its text |\n| --- | --- |\n")[1].split("\n\n")[0]
    kinds = {int(row.split("|")[1]): row.split("|")[2].strip() for row in table.split("\n")}
    assert kinds == {
        Kind.STRING: "the text between the quotes of a string; the quotes are in the literals",
        Kind.NUMBER: "a number",
        Kind.BOOLEAN: "`true` or `false`",
        Kind.FIXED: "an instant up to the end of its fraction, between quotes; its label and the quotes are in the "
        "literals",
        Kind.CONTAINER: "an object or array",
        Kind.ANY: "any value but null, a string with its quotes",
    }
    assert set(Kind) - set(kinds) == {Kind.END}
    assert {name: getattr(kernels_tree, f"KIND_{name}") for name in Kind.__members__} == dict(Kind.__members__)


def test_the_columns_of_a_node_leave_no_gap() -> None:
    numbers = {name: value for name, value in vars(kernels_tree).items() if name.startswith("NODE_")}
    assert sorted(numbers.values()) == list(range(numbers["NODE_FIELDS"] + 1))


@pytest.mark.parametrize("separator", ["T", " "])
def test_the_separator_stands_behind_the_date(separator: str) -> None:
    written = InstantFormat(separator, 0, "Z")
    trie = build_trie([(3, Layout((b'{"a":"', b'Z"}'), (Slot(Kind.FIXED, "column", "a", "a", written),)))])
    for other in ("T", " ", "t"):
        number, _ = match(trie, b'{"a":"2021-12-26%b00:00:00Z"}' % other.encode())
        assert number == (3 if other == separator else -1)


def everything(path: str) -> bool:
    return True


def nothing(path: str) -> bool:
    return False


# --------------------------------------------------------------------------------------------------------------- leaves


def leaves(record: bytes, descend: Any = everything) -> list[tuple[str, str, bytes]]:
    return [(leaf.path, leaf.kind, record[leaf.start : leaf.end]) for leaf in read_leaves(record, descend)]


def test_leaves_are_the_values_in_their_order() -> None:
    record = b'\xef\xbb\xbf { "a" : 1 , "b":{"c":[true,null,{"d":"x\\"y"}]} ,"e.f":"","":-0.5e+3,"a":[]}\r'
    assert leaves(record) == [
        ("a", "number", b"1"),
        ("b.c[0]", "boolean", b"true"),
        ("b.c[1]", "null", b"null"),
        ("b.c[2].d", "string", b'"x\\"y"'),
        ('["e.f"]', "string", b'""'),
        ('[""]', "number", b"-0.5e+3"),
    ]


def test_a_container_that_is_not_opened_is_one_leaf() -> None:
    record = b'{"a":{"b":[1,{"c":"}"}]},"d":[],"e":{}}'
    assert leaves(record, nothing) == [
        ("a", "container", b'{"b":[1,{"c":"}"}]}'),
        ("d", "container", b"[]"),
        ("e", "container", b"{}"),
    ]
    assert leaves(record, lambda path: path == "a") == [
        ("a.b", "container", b'[1,{"c":"}"}]'),
        ("d", "container", b"[]"),
        ("e", "container", b"{}"),
    ]


@pytest.mark.parametrize(
    ("parent", "key", "path"),
    [
        ("", "a", "a"),
        ("a", "b", "a.b"),
        ("a[0]", "b c", "a[0].b c"),
        ("a", "", 'a[""]'),
        ("", "x.y", '["x.y"]'),
        ("a", "[0]", 'a["[0]"]'),
        ("a", 'q"', 'a["q\\""]'),
        ("", "값", "값"),
        ("", "\ud800", '["\\ud800"]'),
        ("", "값\udfff", '["\\uac12\\udfff"]'),
    ],
)
def test_paths(parent: str, key: str, path: str) -> None:
    assert path_of(parent, key) == path
    assert path_of(parent, key).encode()


@given(st.lists(st.text(max_size=4) | st.text('a.[]"0\\', max_size=4), unique=True, min_size=2, max_size=2))
def test_different_keys_have_different_paths(keys: list[str]) -> None:
    assert path_of("p", keys[0]) != path_of("p", keys[1])


@pytest.mark.parametrize(
    ("record", "reason", "message"),
    [
        (b"", "truncated", "ends at byte 0 where an object should be"),
        (b"  ", "truncated", "ends at byte 2 where an object should be"),
        (b"[1]", "not_an_object", "begins with b'[', not with an object"),
        (b"hello", "not_json", "byte 0 is b'h' where an object should be"),
        (b'{"a":1', "truncated", "ends at byte 6 where a comma or the end of the object should be"),
        (b'{"a', "truncated", "ends at byte 3 where a key in quotes should be"),
        (b'{"a":"b', "truncated", "ends at byte 7 where a value should be"),
        (b'{"a"', "truncated", "ends at byte 4 where a colon should be"),
        (b'{"a":[1 2]}', "not_json", "byte 8 is b'2' where a comma or the end of the array should be"),
        (b'{"a":nul}', "not_json", "byte 5 is b'n' where a value should be"),
        (b"{a:1}", "not_json", "byte 1 is b'a' where a key in quotes should be"),
        (b"{} {}", "not_json", "more text follows the object, from byte 3"),
        (b'{"a":"\xc3"}', "invalid_utf8", "byte 6 is not UTF-8: invalid continuation byte"),
    ],
)
def test_what_is_said_of_text_that_is_no_object(record: bytes, reason: str, message: str) -> None:
    with pytest.raises(NotAnObjectError) as caught:
        read_leaves(record, everything)
    assert (caught.value.reason, str(caught.value)) == (reason, message)


_objects = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=5,
)


@given(_objects, st.sampled_from([None, 0, 2]), st.booleans())
def test_leaves_are_what_python_reads(document: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    record = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    expected: list[Any] = []

    def walk(value: Any) -> None:
        for inner in value.values() if isinstance(value, dict) else value:
            if isinstance(inner, (dict, list)):
                walk(inner)
            else:
                expected.append(inner)

    walk(document)
    assert [json.loads(text) for _, _, text in leaves(record)] == expected
    assert [json.loads(text) for _, _, text in leaves(record, nothing)] == list(document.values())


@given(st.binary(max_size=40) | _objects.map(lambda document: compact(document)[:-1]))
@example(b'{"a":1}x')
def test_what_python_refuses_is_refused(record: bytes) -> None:
    try:
        text = record.removeprefix(b"\xef\xbb\xbf").decode()
        is_object = not text.startswith("\ufeff") and isinstance(json.loads(text), dict)
    except ValueError:
        is_object = False
    if is_object:
        read_leaves(record, everything)
    else:
        with pytest.raises(NotAnObjectError):
            read_leaves(record, everything)


# --------------------------------------------------------------------------------------------------------------- mining


def test_the_layout_of_the_real_record(sdk_log: Contract, seed: bytes) -> None:
    mined = Miner(sdk_log).mine(seed)
    assert mined.matchable
    names = [slot.name or slot.path for slot in mined.layout.slots]
    assert names == [
        "_id", "client_app_id", "func_name", "nickname", "request_begin_at", "request_end_at", "request_url",
        "response_elapsed_ms", "response_reason", "response_status_code", "sdk_version", "ingested_at",
        "user_created_at",
        "fields.request_begin_timestamp[0]", "fields.user_inDate[0]", "fields.request_end_timestamp[0]",
        "fields.timestamp[0]",
        "sort[0]",
    ]  # fmt: skip
    begin = mined.layout.slots[4]
    assert begin == Slot(
        Kind.FIXED, "column", "request_begin_at", "_source.request_begin_timestamp", InstantFormat("T", 3, "+09:00")
    )
    assert mined.layout.literals[0] == b'{"_index":"sdk-log-2021-12-26","_type":"_doc","_id":"'
    assert mined.layout.literals[5] == b'+09:00","request_end_timestamp":"'
    assert mined.layout.literals[-1] == b"]}"


@pytest.mark.parametrize(
    ("label", "offset_min"),
    [("", 0), ("Z", 0), ("+09:00", 540), ("-0330", -210), ("-03:30", -210), ("+00:00", 0), ("+14:00", 840)],
)
def test_labels(label: str, offset_min: int) -> None:
    assert InstantFormat("T", 0, label).offset_min == offset_min


def test_lengths_of_instants() -> None:
    assert [InstantFormat("T", digits, "Z").length for digits in (0, 1, 3, 9)] == [19, 21, 23, 29]


@pytest.mark.parametrize(
    ("record", "roles"),
    [
        (b'{"func_name":"a","func_name":"b"}', [("extra", ""), ("column", "func_name")]),
        (b'{"func_name":"a","_source":{"func_name":"b"}}', [("extra", ""), ("column", "func_name")]),
        (b'{"_source":{"func_name":null},"func_name":"a"}', [("column", "func_name")]),
        (b'{"func_name":1}', [("extra", "")]),
        (b'{"func_name":null}', []),
        (b'{"response_elapsed_time":"81"}', [("extra", "")]),
        (b'{"_version":{"a":1},"sort":[5,6]}', [("copy", ""), ("extra", "")]),
        (b'{"sort":["5"]}', [("extra", "")]),
        (b'{"other":{"deep":1}}', [("extra", "")]),
    ],
)
def test_which_value_fills_a_column(sdk_log: Contract, record: bytes, roles: list[tuple[str, str]]) -> None:
    assert [(slot.role, slot.name) for slot in Miner(sdk_log).mine(record).layout.slots] == roles


@pytest.mark.parametrize(
    ("text", "matchable"),
    [
        ("2021-12-26T15:11:04Z", True),
        ("2021-12-26 15:11:04.123456789", True),
        ("2021-99-99T99:99:99Z", True),  # of the right form; the codec will refuse it
        ("2021-12-26", False),
        ("", False),
        ("2021-12-26T15:11:04.1234567890Z", False),
        ("2021-12-26T15:11:04z", False),
    ],
)
def test_a_layout_whose_instant_is_of_no_form_is_not_matched(sdk_log: Contract, text: str, matchable: bool) -> None:
    mined = Miner(sdk_log).mine(compact({"timestamp": text}))
    assert mined.matchable is matchable
    assert mined.layout.slots[0].role == ("column" if matchable else "extra")


def test_json_columns_are_one_slot_whatever_stands_there(other_log: Contract) -> None:
    for text in (b"1", b'"x"', b"[1,{}]", b"{}", b"true"):
        slots = Miner(other_log).mine(b'{"notes":%s}' % text).layout.slots
        assert [(slot.kind, slot.role, slot.name) for slot in slots] == [(Kind.ANY, "column", "notes")]
    assert Miner(other_log).mine(b'{"notes":null}').layout == Layout((b'{"notes":null}',), ())


def test_mining_is_pure(contract: Contract, model_record: dict[str, Any]) -> None:
    miner = Miner(contract)
    record = compact(model_record)
    first = miner.mine(record)
    miner.mine(b'{"a":1}')
    assert miner.mine(record) == first == Miner(contract).mine(record)


def test_slots_whose_codecs_fail_become_extra_with_their_label(sdk_log: Contract) -> None:
    layout = Miner(sdk_log).mine(b'{"timestamp":"2021-12-26T15:11:04+09:00","response_elapsed_time":81}').layout
    other = layout.without_codecs(frozenset({0}))
    assert other.literals == (b'{"timestamp":"', b'","response_elapsed_time":', b"}")
    assert other.slots[0] == Slot(Kind.STRING, "extra", "", "timestamp")
    assert other.slots[1] == layout.slots[1]
    assert layout.without_codecs(frozenset()) == layout


@given(_objects)
def test_layouts_survive_json(contract: Contract, document: dict[str, Any]) -> None:
    model = SEED if contract.table == "sdk_log" else READING
    layout = Miner(contract).mine(compact(model | document)).layout
    text = json.dumps(layout.to_json(), ensure_ascii=False).encode()
    assert Layout.from_json(json.loads(text)) == layout


# ------------------------------------------------------------------------------------------------------------- matching


@given(st.lists(_objects, min_size=1, max_size=6), st.sampled_from([b"", b"}", b'"' * 9]))
def test_the_kernel_finds_what_was_mined(contract: Contract, documents: list[dict[str, Any]], behind: bytes) -> None:
    model = SEED if contract.table == "sdk_log" else READING
    records = [compact(model), *(compact(d) for d in documents), *(compact(model | d) for d in documents)]
    miner = Miner(contract)
    layouts: list[Layout] = []
    for record in records:
        mined = miner.mine(record)
        if mined.matchable and mined.layout not in layouts:
            layouts.append(mined.layout)
    trie = build_trie(list(enumerate(layouts)))
    for record in records:
        mined = miner.mine(record)
        if not mined.matchable:
            continue
        number, spans = match(trie, record, b"x" * 3, behind)
        found = layouts[number]
        texts = [record[a:b] for a, b in spans[: len(found.slots)]]
        assert found == mined.layout
        assert spans[: len(found.slots)] == spans_of(found, record, texts)


def _plain(literals: list[bytes], slots: list[Slot]) -> Layout:
    return Layout(tuple(literals), tuple(slots))


_STRING = Slot(Kind.STRING, "extra", "", "s")
_NUMBER = Slot(Kind.NUMBER, "extra", "", "n")


def _fixed(digits: int, label: str = "Z") -> Slot:
    return Slot(Kind.FIXED, "column", "t", "t", InstantFormat("T", digits, label))


def test_the_matcher_goes_back_to_another_fixed_length() -> None:
    layouts = [_plain([b'{"t":"', b'Z","n":', b"}"], [_fixed(digits), _NUMBER]) for digits in (3, 0, 6)]
    layouts.append(_plain([b'{"t":"', b'Z","n":', b',"m":', b"}"], [_fixed(0), _NUMBER, _NUMBER]))
    trie = build_trie(list(enumerate(layouts)))
    for number, text in (
        (0, b"2021-12-26T15:11:04.123Z"),
        (1, b"2021-12-26T15:11:04Z"),
        (2, b"2021-12-26T15:11:04.123456Z"),
    ):
        record = b'{"t":"' + text + b'","n":5}'
        assert match(trie, record) == (
            number,
            [(6, 5 + len(text)), (len(record) - 2, len(record) - 1), *[(-1, -1)] * 1][:3],
        )
    record = b'{"t":"2021-12-26T15:11:04Z","n":5,"m":77}'
    assert match(trie, record) == (3, [(6, 25), (32, 33), (38, 40)])


def test_the_matcher_goes_back_over_several_slots() -> None:
    layouts = [
        _plain([b'{"a":"', b'","t":"', b'Z","b":"', b'","end":1}'], [_STRING, _fixed(0), _STRING]),
        _plain([b'{"a":"', b'","t":"', b'Z","b":"', b'","end":2}'], [_STRING, _fixed(3), _STRING]),
        _plain([b'{"a":"', b'","t":"', b'Z","b":', b"}"], [_STRING, _fixed(3), _NUMBER]),
        _plain([b'{"a":', b"}"], [_NUMBER]),
    ]
    trie = build_trie(list(enumerate(layouts)))
    middle = b'{"a":"x","t":"2021-12-26T15:11:04%sZ","b":%s}'
    assert match(trie, middle % (b"", b'"y","end":1'))[0] == 0
    assert match(trie, middle % (b".123", b'"y","end":2'))[0] == 1
    assert match(trie, middle % (b".123", b"-1.5"))[0] == 2
    assert match(trie, b'{"a":7}')[0] == 3
    assert match(trie, middle % (b"", b'"y","end":2'))[0] == -1
    assert match(trie, middle % (b".123", b"-1.5") + b" ")[0] == -1


def test_layouts_share_their_beginnings() -> None:
    one = _plain([b'{"a":', b',"b":', b"}"], [_NUMBER, _NUMBER])
    two = _plain([b'{"a":', b',"b":"', b'"}'], [_NUMBER, _STRING])
    trie = build_trie([(5, one), (9, two)])
    assert len(trie.nodes) == 5
    assert match(trie, b'{"a":1,"b":2}')[0] == 5
    assert match(trie, b'{"a":1,"b":"2"}')[0] == 9


def test_no_layouts_match_nothing() -> None:
    assert match(build_trie([]), b"{}") == (-1, [])


@given(st.data())
def test_a_cut_or_lengthened_record_does_not_match(contract: Contract, data: st.DataObject) -> None:
    record = compact(SEED if contract.table == "sdk_log" else READING)
    trie = build_trie([(0, Miner(contract).mine(record).layout)])
    cut = data.draw(st.integers(0, len(record) - 1))
    assert match(trie, record[:cut], behind=record[cut:])[0] == -1
    assert match(trie, record + b"}")[0] == -1
    assert match(trie, record)[0] == 0


@given(st.data())
def test_whatever_matches_is_literals_and_texts_in_turn(contract: Contract, data: st.DataObject) -> None:
    record = bytearray(compact(SEED if contract.table == "sdk_log" else READING))
    layout = Miner(contract).mine(bytes(record)).layout
    trie = build_trie([(0, layout)])
    for _ in range(data.draw(st.integers(1, 4))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.sampled_from([*b'"\\,}0', 0, 255]))
    number, spans = match(trie, bytes(record))
    if number == 0:
        assert spans == spans_of(layout, bytes(record), [bytes(record[a:b]) for a, b in spans])


def test_rows_are_not_tried_anew_for_each_layout_that_comes(monkeypatch, contract: Contract) -> None:
    records = [b'{"k%d":%d,"v":"x"}' % (number % 400, number) for number in range(8_000)]
    registers = Registers(contract)
    layouts = Layouts(contract, registers)
    ends = np.cumsum([len(record) for record in records])
    starts = np.concatenate([[0], ends[:-1]])
    tried = []
    convert_rows = block_module.convert_rows

    def counted(block: Block, rows: Any, *more: Any) -> None:
        tried.append(len(rows))
        convert_rows(block, rows, *more)

    for module in (block_module, settle_module):
        monkeypatch.setattr(module, "convert_rows", counted)
    block = convert(padded(b"".join(records)), starts, ends, registers, layouts.known, Spaces(registers))
    Settler(registers, layouts).settle(block)
    assert len(layouts.all) == 400
    assert (block.states >= 0).all()
    assert sum(tried) < 3 * len(records) + 2 * FEWEST_AHEAD * len(layouts.all)


@given(
    st.lists(
        st.integers(0, 40).map(lambda n: b'{"k":%d,"v":"%s"}' % (n, b"x" * n))
        | st.sampled_from([b"", b"\r", b"{", b"[]"]),
        max_size=400,
    ),
    st.booleans(),
    st.booleans(),
    st.integers(0, 30),
)
def test_lines_that_are_found_as_they_are_converted_are_those_framed_before(
    contract: Contract, lines: list[bytes], crlf: bool, has_last_newline: bool, times: int
) -> None:
    separator = b"\r\n" if crlf else b"\n"
    text = separator.join(lines * times) + (separator if has_last_newline else b"")
    buffer = padded(text)
    registers = Registers(contract)
    layouts, spaces = Layouts(contract, registers), Spaces(registers)
    expected, states = [], []
    for start, end in zip(*RawBlock(buffer, len(text), crlf).frame(), strict=True):
        expected.append(text[start:end])
    found = []
    at = 0
    while at < len(text):
        block, at = convert_lines(buffer, at, len(text), crlf, registers, layouts.known, spaces)
        found += [block.record(row) for row in range(block.rows)]
        Settler(registers, layouts).settle(block)
        states += block.states.tolist()
        spaces.give_back(block.space)
    assert found == expected
    assert [state >= 0 for state in states] == [record.startswith(b'{"') for record in expected]


def test_many_short_lines_come_in_blocks_of_so_many(contract: Contract) -> None:
    text = b"x" * 100_000 + b"\n" + b"{}\n" * 40_000  # the long one says that there are few
    buffer = padded(text)
    registers = Registers(contract)
    known, spaces = Layouts(contract, registers).known, Spaces(registers)
    sizes = []
    at = 0
    while at < len(text):
        block, at = convert_lines(buffer, at, len(text), False, registers, known, spaces)
        sizes.append(block.rows)
        spaces.give_back(block.space)
    assert sum(sizes) == 40_001
    assert max(sizes) <= spaces.most_rows


class _Poisoned(Spaces):
    """Spaces in which everything is what another block might have left there."""

    def __init__(self, registers: Registers, left: int) -> None:
        super().__init__(registers)
        self.left = left

    def take(self, rows: int) -> Space:
        space = super().take(rows)
        for array in (space.regs, space.masks, space.hashes, space.entries.starts, space.entries.ends):
            array.fill(self.left)
        return space


_odd_values = [
    b"2021-13-26",
    b"2021-02-30",
    b"T25:00:00",
    b".1234",
    b"+09:30",
    b"null",
    b'"x"',
    b"81.0",
    b"[]",
    b"9" * 30,
]


@given(st.data())
def test_nothing_is_left_of_what_an_array_held_before(contract: Contract, data: st.DataObject) -> None:
    record = bytearray(compact(SEED if contract.table == "sdk_log" else READING))
    lines = []
    for _ in range(data.draw(st.integers(1, 6))):
        odd = bytes(record)
        for _ in range(data.draw(st.integers(0, 3))):
            value = data.draw(st.sampled_from(_odd_values))
            at = data.draw(st.integers(0, len(odd) - len(value)))
            odd = odd[:at] + value + odd[at + len(value) :]
        lines.append(odd)
    text = b"\n".join(lines)
    found = []
    for left in (0, 12_345):
        registers = Registers(contract)
        layouts = Layouts(contract, registers)
        block, _ = convert_lines(
            padded(text), 0, len(text), False, registers, layouts.known, _Poisoned(registers, left)
        )
        Settler(registers, layouts).settle(block)
        taken = block.states >= 0
        found.append((block.states.tolist(), block.regs[1:, : block.rows][:, taken].tolist()))
    assert found[0] == found[1]


def test_an_instant_that_is_none_leaves_no_shift(sdk_log: Contract) -> None:
    line = b'{"request_begin_timestamp":"2021-%b-26T19:00:00.000+09:00","timestamp":"2021-12-26T10:00:00.000Z"}'
    text = line % b"12" + b"\n" + line % b"13"
    registers = Registers(sdk_log)
    layouts = Layouts(sdk_log, registers)
    block, _ = convert_lines(padded(text), 0, len(text), False, registers, layouts.known, _Poisoned(registers, 12_345))
    Settler(registers, layouts).settle(block)
    assert (block.states >= 0).all()
    assert block.regs[registers["request_begin_at#shift_min"], :2].tolist() == [0, NULL]
