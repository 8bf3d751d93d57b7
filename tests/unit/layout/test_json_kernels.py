"""The kernels that read JSON text, with Python's own reader as oracle, at every alignment and before every poison."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.conftest import padded
from tests.twins import sound_value_end

from logpress.hashing.kernels_hash import same_bytes
from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import (
    BROKEN,
    ESCAPED,
    MAX_DEPTH,
    PLAIN,
    SURROGATE,
    TOO_DEEP,
    hex4,
    is_bare,
    string_kind,
    value_end,
)
from logpress.layout.kernels_match import slot_end
from logpress.layout.kernels_scan import (
    bare_end,
    blanks_end,
    braces_end,
    brackets_end,
    escaped_bytes,
    inside_quotes,
    is_mark,
    quote_at,
)
from logpress.layout.model import Kind

POISON = (bytes(8), b'"' * 8, b'\\"' * 4, b"0" * 8, b"}]}]}]}]", b"\xbf" * 8, b"e+9,1234", b"\xff" * PADDING)
STACK = np.empty(MAX_DEPTH, dtype=np.uint8)


class NotJsonError(ValueError):
    """What the oracle says of text that is no JSON."""


def _refuse(text: str) -> None:
    raise NotJsonError(text)


def oracle(text: bytes) -> Any:
    """The value of strict JSON text in strict UTF-8; a tuple, so that `null` is something."""
    try:
        decoded = text.decode()
        if decoded != decoded.strip(" \t\r\n") or decoded.startswith("\ufeff"):
            raise NotJsonError("blanks around the value")
        return (json.loads(decoded, parse_constant=_refuse, parse_int=str, parse_float=str),)
    except (ValueError, RecursionError):
        return None


def has_surrogate(value: Any) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def json_texts(draw: st.DrawFn) -> bytes:
    spaced = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :\n"), (",\r\n", ":")]))
    indent = draw(st.sampled_from([None, None, 1]))
    text = json.dumps(draw(json_values), ensure_ascii=draw(st.booleans()), separators=spaced, indent=indent)
    return text.encode(errors="surrogatepass")


@st.composite
def mutated(draw: st.DrawFn, texts: st.SearchStrategy[bytes]) -> bytes:
    text = bytearray(draw(texts))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        what = draw(st.integers(0, 2))
        if what == 0:
            text[at:at] = draw(
                st.sampled_from([b'"', b"\\", b",", b"{", b"]", b"0", b"-", b"\n", b"\x1f", b"\xed\xa0\x80", b"\xc0"])
            )
        elif what == 1:
            del text[at : at + draw(st.integers(1, 4))]
        elif at < len(text):
            text[at] = draw(st.integers(0, 255))
    return bytes(text)


any_text = st.one_of(json_texts(), mutated(json_texts()), st.binary(max_size=40))
json_alphabet = st.lists(
    st.sampled_from([*b'{}[],:"\\ \t\n0123456789-+.eEtruefalsn/bu', 0x1F, 0x20, 0x7F, 0x80, 0xC3, 0xA9, 0xED, 0xFF]),
    max_size=24,
).map(bytes)


@given(st.one_of(any_text, json_alphabet), st.integers(0, 8), st.sampled_from(POISON))
@example(b"", 0, b"1")
@example(b"tru", 0, b"e")
@example(b"nul", 0, b"l")
@example(b'"', 0, b'"')
@example(b'"a\\', 0, b'""')
@example(b'"\\u00', 0, b'41"')
@example(b'"\xc3', 0, b'\xa9"')
@example(b"[1,]", 0, b"")
@example(b'{"a":1,}', 0, b"")
@example(b"{]", 0, b"")
@example(b"[}", 0, b"")
@example(b'{"a"}', 0, b"")
@example(b"01", 0, b"")
@example(b"NaN", 0, b"")
@example(b"-Infinity", 0, b"")
@example(b'"\x7f"', 0, b"")
@example(b'{"a":[{"b":[]},{}]}', 3, b"")
def test_a_whole_value_is_what_python_reads(text: bytes, before: int, behind: bytes) -> None:
    """`value_end` reaches the end exactly where Python reads the text as one value."""
    buffer = padded(b"[" * before + text, behind)
    end = int(value_end(buffer, before, before + len(text), STACK))
    assert (end == before + len(text)) == (oracle(text) is not None and text != b"")


@given(json_texts(), st.sampled_from([b",", b"]", b"}", b" ", b",1", b"]]"]), st.binary(max_size=12))
def test_a_value_ends_where_the_next_thing_begins(text: bytes, separator: bytes, rest: bytes) -> None:
    assume(oracle(text) is not None)
    behind = separator + rest
    assert int(value_end(padded(text + behind), 0, len(text + behind), STACK)) == len(text)


@given(json_texts())
def test_a_cut_value_is_no_value(text: bytes) -> None:
    if text[:1] in b'"[{':
        for end in range(len(text)):
            assert int(value_end(padded(text), 0, end, STACK)) == -1


OTHER_BYTES = [bytes([byte]) for byte in b'"\\{}[],: \n\t019-+.eEuntfl/\x1f\x7f\x80\xc3\xff'] + [
    b"",
    b"{}",
    b'""',
    b"1 ",
]
WHOLE = [
    b'[{"a":-1.5e+7,"b":[true,false,null,"\\u00e9\\n","\xc3\xa9"]},[],{}, 0 , 12,"x"]',
    b' {"a" : {"b":[ ] , "c" :1E-2},\r\n"d":[[{}],10.25]}',
    b'"ab\\"c\\u0041"',
    b"-120.5e10",
    b"true",
    b"false",
    b"null",
]


@pytest.mark.parametrize("text", WHOLE)
def test_value_end_with_another_byte_in_each_place(text: bytes) -> None:
    start = len(text) - len(text.lstrip())
    others = [text[:k] + other + text[k + 1 :] for k in range(start, len(text)) for other in OTHER_BYTES]
    for other in [text, *others, *(text[:k] for k in range(start + 1, len(text)))]:
        if other[start : start + 1] in (b"", b" ", b"\n", b"\t"):
            continue  # no value begins with a blank
        for behind in (b"", b'"}]1e5,', text[len(other) :]):  # the last one is what was cut off
            # a colon before the array: where a key is no string, the place before the first byte must not be looked at
            found = int(value_end(padded(b":" + other, behind)[1:], start, len(other), STACK))
            expected = sound_value_end(other, start)
            assert found == (-1 if expected is None else expected), other


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_has_an_end(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    for depth, found in ((MAX_DEPTH, None), (MAX_DEPTH + 1, TOO_DEEP)):
        text = opening * depth + b"1" + closing * depth
        guarded = np.full(MAX_DEPTH + 16, 0xAA, dtype=np.uint8)
        end = int(value_end(padded(text), 0, len(text), guarded[:MAX_DEPTH]))
        assert end == (len(text) if found is None else found)
        assert (guarded[MAX_DEPTH:] == 0xAA).all()


# --------------------------------------------------------------------------------------------------------- strings


def twin_string_kind(text: bytes) -> int:
    value = oracle(b'"' + text + b'"')
    if value is None or re.search(rb'(?<!\\)(?:\\\\)*"', text):
        return BROKEN
    if has_surrogate(value[0]):
        return SURROGATE
    return ESCAPED if b"\\" in text else PLAIN


string_texts = st.one_of(
    st.binary(max_size=30),
    st.text(max_size=20).map(lambda text: json.dumps(text)[1:-1].encode()),
    st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass")),
    mutated(st.text(max_size=20).map(lambda text: json.dumps(text, ensure_ascii=False)[1:-1].encode(errors="replace"))),
    st.lists(
        st.sampled_from(["\\ud83d", "\\uDE00", "\\u0041", "\\n", "\\", "a", "é", "\\u12", '"', "\\x"]), max_size=8
    ).map(lambda parts: "".join(parts).encode()),
)


@given(string_texts, st.integers(0, 8), st.sampled_from(POISON))
@example(b"\\ud83d\\ude00", 0, b"")
@example(b"\\ude00\\ud83d", 0, b"")
@example(b"\\ud83d", 0, b"\\ude00")
@example(b"\\ud83d\\u0041", 0, b"")
@example(b"\\", 0, b'"')
@example(b"\\u004", 0, b"1")
@example(b"\xf4\x8f\xbf\xbf", 0, b"")
@example(b"\xf4\x90\x80\x80", 0, b"")
@example(b"\xed\xa0\x80", 0, b"")
@example(b"\xe0\x9f\xbf", 0, b"")
@example(b"\xc1\xbf", 0, b"")
@example(b"aaaaaaa\x1f", 0, b"")
@example(b"aaaaaaa\x00", 0, b"")
@example(b"\x20\x1f" * 4, 0, b"")
def test_what_the_text_of_a_string_is(text: bytes, before: int, behind: bytes) -> None:
    assert string_kind(padded(b"x" * before + text, behind), before, before + len(text)) == twin_string_kind(text)


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_at_every_place_of_a_word(byte: int) -> None:
    for place in range(17):
        text = b"a" * place + bytes([byte]) + b"b" * (17 - place)
        assert string_kind(padded(text), 0, len(text)) == twin_string_kind(text)


@pytest.mark.parametrize("lead", range(0xC0, 0x100))
def test_utf8_is_what_python_decodes(lead: int) -> None:
    edges = (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF)
    for second in edges:
        for rest in (b"", b"\x80", b"\xbf\x80", b"\x80\xc0", b"\x7f"):
            text = bytes([lead, second]) + rest
            expected = twin_string_kind(text)
            assert string_kind(padded(text), 0, len(text)) == expected, text


def twin_escaped(text: bytes, carried: bool) -> tuple[list[bool], bool]:
    """Which bytes a backslash before them escapes, and whether the one behind them is."""
    escaped = []
    for byte in text:
        escaped.append(carried)
        carried = byte == 0x5C and not carried
    return escaped, carried


@pytest.mark.parametrize("place", range(4))
def test_four_hexadecimal_digits(place: int) -> None:
    text = bytearray(b"09aF")
    for byte in range(256):
        text[place] = byte
        is_number = all(chr(found) in "0123456789abcdefABCDEF" for found in text)
        assert hex4(padded(bytes(text)), 0) == (int(text, 16) if is_number else -1)


@pytest.mark.parametrize("size", [32, 64])
@given(st.lists(st.sampled_from(b"\\\\a"), min_size=64, max_size=64).map(bytes), st.booleans())
@example(b"\\" * 64, True)
@example(b"\\" * 64, False)
@example(b"a" * 63 + b"\\", False)
@example(b"a" * 31 + b"\\" * 2 + b"a" * 31, False)
def test_bytes_that_are_escaped(size: int, text: bytes, carried: bool) -> None:
    text = text[:size]
    slashes = sum((byte == 0x5C) << k for k, byte in enumerate(text))
    bits, behind = escaped_bytes(np.uint64(slashes), carried, np.uint64(size - 1))
    expected, carried_on = twin_escaped(text, carried)
    assert (int(bits), bool(behind)) == (sum(flag << k for k, flag in enumerate(expected)), carried_on)


@given(st.integers(0, 2**64 - 1))
@example(0b10010)
@example(2**64 - 1)
@example(1 << 63)
def test_bytes_from_a_quote_to_the_next(quotes: int) -> None:
    found = int(inside_quotes(np.uint64(quotes)))
    assert found == sum(((quotes & (2 << k) - 1).bit_count() & 1) << k for k in range(64))


@given(json_texts(), st.binary(max_size=PADDING))
@example(b'{"a":[{"b":"]}\\""}]}', b"]}")
def test_brackets_end_where_the_value_does(text: bytes, behind: bytes) -> None:
    assume(text[:1] in (b"{", b"["))
    assert brackets_end(padded(text, behind), 0, len(text)) == len(text)
    assert brackets_end(padded(text[:-1], text[-1:] + behind[:-1]), 0, len(text) - 1) == -1
    if text[:1] == b"{":
        assert braces_end(padded(text, behind), 0, len(text)) == len(text)


@given(st.lists(st.sampled_from(b" \t\r\n\x0b\x0c\xa0{")).map(bytes), st.binary(max_size=9))
def test_blanks_are_those_of_json(text: bytes, behind: bytes) -> None:
    assert blanks_end(padded(text, behind), 0, len(text)) == len(text) - len(text.lstrip(b" \t\r\n"))


@pytest.mark.parametrize("size", range(5))
def test_a_byte_order_mark_is_whole(size: int) -> None:
    mark = b"\xef\xbb\xbf{"
    assert bool(is_mark(padded(mark[:size], mark[size:]), 0, size)) == (size >= 3)
    for place in range(3):
        for byte in (0, mark[place] - 1, mark[place] + 1, mark[place] ^ 0x80):
            assert not is_mark(padded(mark[:place] + bytes([byte % 256]) + mark[place + 1 :]), 0, 3)


def twin_quote_at(text: bytes) -> int:
    at = 0
    while at < len(text):
        if text[at] == 0x22:
            return at
        at += 2 if text[at] == 0x5C else 1
    return len(text)


quoted = st.lists(st.sampled_from([b'"', b"\\", b"a", b"bcdefgh", b"\xa2", b"\x23"]), max_size=20).map(b"".join)


@given(
    quoted | st.binary(max_size=40),
    st.integers(0, 9),
    st.sampled_from([b"", b"\\", b"\\\\\\"]),
    st.sampled_from(POISON),
)
def test_the_first_quote_that_is_not_escaped(text: bytes, before: int, escape: bytes, behind: bytes) -> None:
    start = before + len(escape)  # a backslash before the start escapes nothing
    buffer = padded(b"x" * before + escape + text, behind)
    expected = twin_quote_at(text)
    assert int(quote_at(buffer, start, start + len(text))) - start == expected
    slot = int(slot_end(buffer, start, start + len(text), Kind.STRING, 0, STACK))
    if not escape:
        assert slot == (-1 if expected == len(text) else start + expected)


@pytest.mark.parametrize("before", [b"", b"\\", b"\\\\", b"x" * 29 + b"\\\\\\"])
def test_quote_at_of_every_short_text(before: bytes) -> None:
    """Of up to five backslashes, quotes and others; those before the start escape nothing."""
    for length in range(6):
        for signs in itertools.product(b'\\"a', repeat=length):
            text = bytes(signs)
            buffer = padded(before + text, b'"')
            assert quote_at(buffer, len(before), len(before + text)) == len(before) + twin_quote_at(text), text


# --------------------------------------------------------------------------------------------------- bare values


_BARE = re.compile(rb"true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
bare_like = st.one_of(
    st.integers().map(lambda value: str(value).encode()),
    st.floats().map(lambda value: repr(value).encode()),
    st.lists(st.sampled_from([*b"0123456789-+.eE"]), max_size=10).map(bytes),
    st.sampled_from(
        [b"true", b"false", b"null", b"True", b"tru", b"truee", b"falsey", b"-", b"-0", b"0.", b"1e", b"1e+"]
    ),
    st.binary(max_size=8),
)


@given(bare_like, st.integers(0, 8), st.sampled_from(POISON))
@example(b"1e", 0, b"5")
@example(b"-", 0, b"5")
@example(b"1.", 0, b"5")
@example(b"tru", 0, b"e")
def test_numbers_and_booleans(text: bytes, before: int, behind: bytes) -> None:
    span = (before, before + len(text))
    assert bool(is_bare(padded(b"1" * before + text, behind), *span)) == (_BARE.fullmatch(text) is not None)


@given(
    st.binary(max_size=30) | st.lists(st.sampled_from([*b"12,}] \r\t\n:"]), max_size=12).map(bytes),
    st.sampled_from(POISON),
)
def test_a_bare_value_ends_at_a_comma_bracket_or_blank(text: bytes, behind: bytes) -> None:
    match = re.search(rb"[,}\] \r\n\t]", text)
    assert int(bare_end(padded(text, behind), 0, len(text))) == (match.start() if match else len(text))


@given(st.binary(max_size=70), st.integers(0, 8), st.integers(0, 8), st.data())
def test_same_bytes_compares_nothing_behind_the_end(text: bytes, left: int, right: int, data: st.DataObject) -> None:
    one, two = padded(b"l" * left + text, b"\x01" * 8), padded(b"r" * right + text, b"\x02" * 8)
    assert same_bytes(one, left, two, right, len(text))
    if text:
        at = data.draw(st.integers(0, len(text) - 1))
        other = bytearray(text)
        other[at] ^= 1 << data.draw(st.integers(0, 7))
        assert not same_bytes(one, left, padded(b"r" * right + bytes(other)), right, len(text))


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 63, 64, 65, 96, 97, 130])
def test_same_bytes_with_another_byte_in_each_place(length: int) -> None:
    text = bytes(range(1, length + 1))
    one = padded(b"l" * 3 + text, b"\x01" * 8)
    assert same_bytes(one, 3, padded(b"r" * 5 + text, b"\x02" * 8), 5, length)
    for place in range(length):
        other = text[:place] + bytes([text[place] ^ 0x80]) + text[place + 1 :]
        assert not same_bytes(one, 3, padded(b"r" * 5 + other), 5, length)


# ------------------------------------------------------------------------------------------------------------ slots


@given(any_text | json_alphabet, st.sampled_from(Kind), st.integers(1, 30), st.sampled_from(POISON))
def test_a_slot_never_reaches_behind_the_record(text: bytes, kind: Kind, length: int, behind: bytes) -> None:
    assume(kind is not Kind.END)
    ends = {
        int(slot_end(padded(text, poison), 0, len(text), kind, length, STACK)) for poison in (behind, b"", b'"' * 8)
    }
    assert len(ends) == 1
    end = ends.pop()
    assert end < 0 or end <= len(text)


@given(json_texts(), st.sampled_from([b",", b"}", b" "]))
def test_slots_end_where_their_value_ends(text: bytes, separator: bytes) -> None:
    assume(oracle(text) is not None)
    first = text[:1]
    kinds = {
        b'"': Kind.STRING, b"{": Kind.CONTAINER, b"[": Kind.CONTAINER, b"t": Kind.BOOLEAN, b"f": Kind.BOOLEAN,
    }  # fmt: skip
    buffer, size = padded(text + separator), len(text) + 1
    if first == b"n":
        assert all(
            slot_end(buffer, 0, size, kind, 0, STACK) == -1
            for kind in (Kind.NUMBER, Kind.BOOLEAN, Kind.CONTAINER, Kind.ANY)
        )
        return
    kind = kinds.get(first, Kind.NUMBER)
    start = 1 if kind is Kind.STRING else 0
    assert int(slot_end(buffer, start, size, kind, 0, STACK)) == len(text) - start
    assert int(slot_end(buffer, 0, size, Kind.ANY, 0, STACK)) == len(text)
