"""The kernels of comparing against plain Python, which hashes what a document means as they do, number by number."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
import xxhash
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import padded
from tests.twins import blanks_end, braces_end, quote_at

from logpress.comparing import kernels_values as kernels
from logpress.comparing.kernels_documents import BY_BYTES, HIT, REPEATED_KEY, find_documents
from logpress.comparing.kernels_multisets import match_prints
from logpress.comparing.kernels_values import LARGEST_VALUE_BYTES, MOST_DEPTH, SMALLEST_TABLE, hash_documents
from logpress.hashing import kernels_hash
from logpress.kernel.words import PADDING
from logpress.layout.kernels_unescape import unescape_text

WORD = 2**64 - 1
Words = tuple[int, int]
S0, S1, S2, S3 = (int(getattr(kernels_hash, f"SECRET_{k}")) for k in range(4))
OBJECT, ARRAY, STRING, NUMBER, BARE = (
    int(getattr(kernels, f"_SEED_{name}")) for name in ("OBJECT", "ARRAY", "STRING", "NUMBER", "WORD")
)
BEHIND = st.sampled_from([b"", b'"}', b"}]", b"\\", b"0", b":1}", b"e5", b"dc00", b'"' * 40])


class FailedError(ValueError):
    """The text is no JSON, as far as the kernel looks."""


class RepeatedError(ValueError):
    """An object names a key twice."""


def fold(a: int, b: int) -> int:
    product = (a & WORD) * (b & WORD)
    return product & WORD ^ product >> 64


def xxh3(text: bytes) -> Words:
    number = xxhash.xxh3_128_intdigest(text)
    return number & WORD, number >> 64


# ------------------------------------------------------------------------------------------------------------ strings

SIMPLE = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b'"': b'"', b"\\": b"\\", b"/": b"/"}
HEX = re.compile(rb"[0-9A-Fa-f]{4}")


def meant(text: bytes) -> bytes | None:
    """What the text between a string's quotes means, as UTF-8, or None if an escape is none."""
    out, i = b"", 0

    def code_at(i: int) -> int | None:
        return int(text[i + 2 : i + 6], 16) if text[i : i + 2] == b"\\u" and HEX.fullmatch(text, i + 2, i + 6) else None

    while i < len(text):
        if text[i] != 0x5C:
            out += text[i : i + 1]
            i += 1
        elif text[i + 1 : i + 2] == b"u":
            code, second = code_at(i), code_at(i + 6)
            if code is None:
                return None
            i += 6
            if 0xD800 <= code <= 0xDBFF and second is not None and 0xDC00 <= second <= 0xDFFF:
                code = 0x10000 + (code - 0xD800) * 0x400 + second - 0xDC00
                i += 6
            out += chr(code).encode(errors="surrogatepass")
        elif text[i + 1 : i + 2] in SIMPLE:
            out += SIMPLE[text[i + 1 : i + 2]]
            i += 2
        else:
            return None
    return out


ESCAPES = st.sampled_from(
    rb"\b \f \n \r \t \" \\ \/ \u0000 \u007f \u0080 \u07ff \u0800 \uffff \ud7ff \ud800 \udbff \udc00 \udfff \ue000 "
    rb"\uD83D\uDE00 \ud800\udc00 \udbff\udfff \ud83d\u0041 \ud83d\ue000 \udbff\udbff \uABCD \uabcd \u09aF".split()
)
BROKEN_ESCAPES = st.sampled_from(
    rb"\ \u \u0 \u004 \u004g \u00:0 \u/000 \u00G0 \u@000 \u000` \x \a \v \0 \U0041 \ud83d\u \ud83d\ud".split()
)
SOUND = st.lists(st.one_of(ESCAPES, st.sampled_from([b"a", "é".encode(), b"x" * 31])), max_size=6).map(b"".join)
STRINGS = st.one_of(
    SOUND,
    st.tuples(SOUND, BROKEN_ESCAPES, SOUND).map(b"".join),
    st.binary(max_size=12).map(lambda t: t.replace(b'"', b"")),
)


@given(STRINGS, st.integers(0, 3), BEHIND)
@example(b"\\", 0, b"n")
@example(b"\\u004", 0, b"1")
@example(b"\\ud83d\\ude0", 0, b"0")
@example(b"\\ud83d\\", 0, b"ude00")
def test_unescape_text(text: bytes, before: int, behind: bytes) -> None:
    out = np.full(len(text) + 1, 0xEE, dtype=np.uint8)
    length = unescape_text(padded(b"\\" * before + text, behind), before, before + len(text), out)
    expected = meant(text)
    assert (out[:length].tobytes() if length >= 0 else None) == expected
    assert out[-1] == 0xEE


def test_unescape_every_code_of_every_length() -> None:
    for code in (
        *range(0x100),
        0x7FF,
        0x800,
        0xFFF,
        0x1000,
        0xD7FF,
        0xE000,
        0xFFFF,
        0x10000,
        0x103FF,
        0x10400,
        0x10FFFF,
    ):
        wide = code - 0x10000
        text = f"\\u{code:04x}" if wide < 0 else f"\\u{0xD800 + (wide >> 10):04X}\\u{0xDC00 + (wide & 1023):04x}"
        out = np.zeros(len(text), dtype=np.uint8)
        assert out[: unescape_text(padded(text.encode()), 0, len(text), out)].tobytes() == chr(code).encode()


# ------------------------------------------------------------------------------------------------------------- values


def string_hash(text: bytes) -> Words:
    meaning = meant(text)
    if meaning is None:
        raise FailedError
    return xxh3(meaning)


def number_hash(text: bytes) -> Words:
    """Of the digits without zeros at both ends, 18 at a time; then of the rest, the sign, the power and their count."""
    match = re.fullmatch(rb"(-?)([0-9.]+)(?:[eE]([+-]?)([0-9]*))?", text)
    if match is None:
        raise FailedError
    whole, _, part = match[2].partition(b".")
    digits = (whole + part.replace(b".", b"")).lstrip(b"0")
    kept = digits.rstrip(b"0")
    power = int(match[4] or b"0")
    if not kept:
        return NUMBER, S2
    if power >= 10**15:
        raise FailedError
    power = (-power if match[3] == b"-" else power) + len(digits) - len(kept) - len(part.replace(b".", b""))
    one, two = NUMBER, S2
    rest = len(kept) - len(kept) % 18
    for at in range(0, rest, 18):
        chunk = int(kept[at : at + 18])
        one, two = fold(one ^ chunk, S1), fold(two ^ chunk, S3)
    last = int(kept[rest:] or b"0") ^ (S0 if match[1] else S1)
    one, two = fold(one ^ last, power & WORD ^ S3), fold(two ^ last, power & WORD ^ NUMBER)
    return one ^ len(kept), two + len(kept) & WORD


class Reader:
    """Reads a document, as strictly as the kernel does, and hashes its value."""

    def __init__(self, data: bytes, most_depth: int) -> None:
        self.data, self.end, self.most_depth = data, len(data), most_depth

    def skip(self, i: int) -> int:
        i = blanks_end(self.data, i, self.end)
        if i == self.end:
            raise FailedError
        return i

    def string(self, i: int) -> tuple[int, Words]:
        quote = quote_at(self.data, i + 1, self.end)
        if quote == self.end:
            raise FailedError
        return quote + 1, string_hash(self.data[i + 1 : quote])

    def members(self, i: int, depth: int, is_object: bool) -> tuple[int, Words]:
        """Behind an opening bracket, whose values the sums of their hashes stand for, or in an array their order."""
        one = two = 0
        keys: set[Words] = set()
        closing = 0x7D if is_object else 0x5D
        i = self.skip(i)
        is_done = self.data[i] == closing
        while not is_done:
            key = (0, 0)
            if is_object:
                i = self.skip(i)
                if self.data[i] != 0x22:
                    raise FailedError
                i, key = self.string(i)
                if key in keys:
                    raise RepeatedError
                keys.add(key)
                i = self.skip(i)
                if self.data[i] != 0x3A:
                    raise FailedError
                i += 1
            i, (a, b) = self.value(i, depth)
            if is_object:
                one += fold(key[0] ^ S1, a ^ S2)
                two += fold(key[1] ^ S3, b ^ S0)
            else:
                one = fold(one ^ S1, a ^ S3) + 1
                two = fold(two ^ S2, b ^ S0) + 1
            i = self.skip(i)
            is_done = self.data[i] == closing
            if not is_done and self.data[i] != 0x2C:
                raise FailedError
            i += not is_done
        kind = OBJECT if is_object else ARRAY
        return i + 1, (fold(one & WORD ^ kind, S2), fold(two & WORD ^ kind, S0))

    def value(self, i: int, depth: int = 0) -> tuple[int, Words]:
        i = self.skip(i)
        c = self.data[i : i + 1]
        if c in b"{[":
            if depth == self.most_depth:
                raise FailedError
            return self.members(i + 1, depth + 1, c == b"{")
        if c == b'"':
            i, (one, two) = self.string(i)
            return i, (fold(one ^ STRING, S1), fold(two ^ STRING, S3))
        match = re.compile(rb"[^,}\] \r\t\n]*").match(self.data, i)
        assert match is not None
        if c in b"tfn":
            return match.end(), (fold(c[0] ^ BARE, S1), fold(c[0] ^ BARE, S3))
        return match.end(), number_hash(match[0])


def value_hash(data: bytes, most_depth: int = MOST_DEPTH) -> Words:
    reader = Reader(data, most_depth)
    i, words = reader.value(0)
    if blanks_end(data, i, len(data)) != len(data):
        raise FailedError
    return words


def hashed(documents: list[bytes], flags: list[int], behind: bytes = b"", depth: int = MOST_DEPTH) -> list[list[int]]:
    """Of each document the four words of `hash_documents`, and its flags."""
    offsets = np.cumsum([1, *map(len, documents)], dtype=np.int64)
    longest = max([len(document) for document in documents if len(document) <= LARGEST_VALUE_BYTES], default=0)
    told = np.array(flags, dtype=np.uint8)
    prints = np.full((4, len(documents)), 77, dtype=np.uint64)
    stack = np.full((depth, 6), 5, dtype=np.uint64)
    places = SMALLEST_TABLE
    while places < longest // 3:
        places *= 2
    table = np.full(places, 5, dtype=np.uint64)
    out = np.zeros(longest + PADDING, dtype=np.uint8)
    buffer = padded(b"{" + b"".join(documents), behind)
    hash_documents(
        buffer, offsets[:-1].copy(), offsets[1:].copy(), len(documents), prints, told, stack, table, out
    )  # fmt: skip
    return np.vstack([prints, told.astype(np.uint64)]).T.tolist()


def plain_hashed(document: bytes, flags: int, most_depth: int = MOST_DEPTH) -> list[int]:
    by_bytes = xxh3(document)
    words = by_bytes
    try:
        if not flags & REPEATED_KEY:
            words = value_hash(document, most_depth)
    except FailedError:
        flags |= BY_BYTES
    except RepeatedError:
        flags |= REPEATED_KEY
    return [*words, *by_bytes, flags]


BLANKS = st.sampled_from([b"", b"", b"", b" ", b"\n", b"\r", b"\t"])
DIGITS = st.text("0123456789", min_size=1, max_size=40) | st.sampled_from(["0", "00", "1" + "0" * 18, "0" * 17 + "1"])
EDGES = [f"e{sign}{10**15 - less}" for sign in ("", "-") for less in (0, 1)]
NUMBERS = st.builds(
    lambda sign, whole, part, e: f"{sign}{whole}{part}{e}".encode(),
    st.sampled_from(["", "-"]), DIGITS, st.just("") | DIGITS.map(lambda part: f".{part}"),
    st.sampled_from(["", "", "e5", "E+12", "e-7", "e00", *EDGES]),
)  # fmt: skip
QUOTED = st.one_of(SOUND, st.sampled_from([b"", b"a", b"\\u0061", b"b"])).map(lambda text: b'"' + text + b'"')
SCALARS = st.one_of(NUMBERS, QUOTED, st.sampled_from([b"true", b"false", b"null"]))


def nested(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    item = st.tuples(BLANKS, inner, BLANKS).map(b"".join)
    member = st.tuples(BLANKS, QUOTED, BLANKS, item).map(lambda m: m[0] + m[1] + m[2] + b":" + m[3])
    blank = BLANKS.map(lambda blank: [blank])
    return st.one_of(
        (st.lists(item, min_size=1, max_size=4) | blank).map(lambda items: b"[" + b",".join(items) + b"]"),
        (st.lists(member, min_size=1, max_size=4) | blank).map(lambda members: b"{" + b",".join(members) + b"}"),
    )


VALUES = st.recursive(SCALARS, nested, max_leaves=8)
DOCUMENTS = nested(VALUES)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A document that is cut off, or of which a byte is missing or another one, most often a sign."""
    text = bytearray(draw(DOCUMENTS))
    signs = [place for place, byte in enumerate(text) if byte in b'{}[]":,\\']
    place = draw(st.sampled_from(signs) | st.integers(0, len(text) - 1))
    what = draw(st.integers(0, 3))
    if what == 0:
        del text[place:]
    elif what == 1:
        del text[place]
    elif what == 2:
        text[place] = draw(st.sampled_from(b'{}[]":,x1 \\-.e'))
    else:
        text[place:place] = draw(st.sampled_from([b"{", b"}", b"[", b"]", b'"', b",", b":", b"1", b" "]))
    return bytes(text)


@given(
    st.lists(st.tuples(DOCUMENTS | DOCUMENTS | damaged(), st.sampled_from([0, 0, 0, HIT, REPEATED_KEY])), max_size=5),
    BEHIND,
)
@example(
    [(b'{"a":1,"b":2}', 0), (b'{"a":1,"\\u0061":2}', 0), (b'{"b":2,"a":1}', 0), (b'{"a":{"a":[{"a":1},{"a":1}]}}', 0)],
    b"",
)
@example(
    [(b'{"a":1', 0), (b'{"a":', 0), (b'{"a"', 0), (b'{"a', 0), (b"{", 0), (b"[", 0), (b"[1", 0), (b"[1,", 0)], b"1}"
)
@example([(b"[1,]", 0), (b'{"a":1,}', 0), (b"[}", 0), (b"{]", 0), (b"[1}", 0), (b'{"a":1]', 0), (b"{}1", 0)], b"")
@example(
    [(b'{"a":"\\x"}', 0), (b'{"\\x":1}', 0), (b'{"a":.}', 0), (b'{"a":-}', 0), (b'{"a":+1}', 0), (b'{"a":1e+}', 0)], b""
)
@example([(b'{"a":1x}', 0), (b'{"a":1e5x}', 0), (b'{"a":1e-5.0}', 0), (b'{"a":/}', 0), (b'{"a"::1}', 0)], b"")
@example([(b"[0e1000000000000000]", 0), (b"[1e1000000000000000]", 0), (b"[1e999999999999999]", 0)], b"")
@example([(b"[" + b"9" * 17 + b",1" + b"0" * 17 + b"1,12345678901234567.8e-3," + b"7" * 36 + b"]", 0)], b"")
def test_hash_documents(documents: list[tuple[bytes, int]], behind: bytes) -> None:
    found = hashed([document for document, _ in documents], [flags for _, flags in documents], behind)
    assert found == [plain_hashed(*document) for document in documents]


def others(text: bytes) -> list[bytes]:
    """A text with another byte in each place."""
    return [text[:k] + bytes([byte]) + text[k + 1 :] for k in range(len(text)) for byte in b'{}[]":,x1e-. \\\0']


def test_hash_documents_with_another_byte_in_each_place() -> None:
    text = b'{"a":[1,-2.50e+7, true ,"\\n"] , "b" : {"c":null,"d":{}},"\\u00e9":"x","e":[ ]}'
    documents = [text, *others(text), *(text[:k] for k in range(len(text)))]
    flags = [0] * len(documents)
    assert hashed(documents, flags, b'"}') == [plain_hashed(document, 0) for document in documents]


@given(st.integers(1, 300))
@example(22)
@example(64)
def test_hash_documents_of_many_keys(count: int) -> None:
    """A table for each document, as large as its keys need, forgets those of the one before."""
    keys = [f'"{number:x}":0' for number in range(count)]
    documents = [f"{{{','.join(keys)}}}".encode(), b'{"0":1}', f"{{{','.join([*keys, keys[0]])}}}".encode()]
    assert hashed(documents, [0] * 3) == [plain_hashed(document, 0) for document in documents]


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_hash_documents_as_deep_as_there_is_room(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    documents = [opening * depth + b"1" + closing * depth for depth in (7, 8, 9)]
    found = hashed(documents, [0] * 3, depth=8)
    assert found == [plain_hashed(document, 0, 8) for document in documents]
    assert [row[4] for row in found] == [0, 0, BY_BYTES]


def test_hash_documents_of_the_largest_bytes() -> None:
    documents = [b"{" + b" " * (LARGEST_VALUE_BYTES - 2 + more) + b"}" for more in (0, 1)]
    found = hashed(documents, [0, 0])
    assert [row[:2] == [*value_hash(b"{}")] for row in found] == [True, False]
    assert [row[4] for row in found] == [0, BY_BYTES]


@given(st.integers(0, WORD), st.integers(0, WORD))
def test_fold(a: int, b: int) -> None:
    assert int(kernels_hash.fold(np.uint64(a), np.uint64(b))) == fold(a, b)


# ---------------------------------------------------------------------------------------------------------- documents


def nest_end(data: bytes, i: int) -> int:
    """Where an array ends by its brackets and quotes alone, or -1."""
    depth = 0
    while i < len(data):
        if data[i] == 0x22:
            i = quote_at(data, i + 1, len(data))
        elif data[i] in b"{[":
            depth += 1
        elif data[i] in b"}]":
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return -1


def value_stop(data: bytes, i: int) -> int:
    if data[i] == 0x22:
        return quote_at(data, i + 1, len(data)) + 1
    if data[i] == 0x7B:
        return braces_end(data, i, len(data))
    if data[i] == 0x5B:
        return nest_end(data, i)
    match = re.compile(rb"[^,}\] \r\t\n]*").match(data, i)
    assert match is not None
    return match.end()


def plain_document(record: bytes) -> tuple[int, int, int]:
    """Where the document of a record stands, and its flags."""
    end = len(record)
    start = blanks_end(record, 3 if record.startswith(b"\xef\xbb\xbf") else 0, end)
    if record[start : start + 1] != b"{":
        return 0, end, 0
    sources, source, stop, i = 0, (0, 0), -1, start + 1
    while (i := blanks_end(record, i, end)) < end:
        if record[i] == 0x7D:
            stop = i + 1
            break
        if record[i] == 0x2C:
            i += 1
            continue
        quote = quote_at(record, i + 1, end)
        colon = blanks_end(record, quote + 1, end)
        begin = blanks_end(record, colon + 1, end)
        if record[i] != 0x22 or record[colon : colon + 1] != b":" or begin >= end:
            break
        key, i = record[i + 1 : quote], value_stop(record, begin)
        if i < 0:
            break
        if meant(key) == b"_source":
            sources += 1
            source = (begin, i) if record[begin] == 0x7B else source
    if stop < 0:
        return 0, end, 0
    if source[1]:
        return *source, HIT | (REPEATED_KEY if sources > 1 else 0)
    begin = blanks_end(record, stop, end)
    document_end = braces_end(record, begin, end) if record[begin : begin + 1] == b"{" else -1
    return (begin, document_end, 0) if document_end > 0 else (start, stop, 0)


ESCAPED_SOURCE = "".join(f"\\u{ord(c):04x}" for c in "_source").encode()
SOURCE = st.sampled_from([b"_source", b"_source", ESCAPED_SOURCE, b"\\u005fsource", b"_sourc\\u0065"])
OTHERS = st.sampled_from(
    rb"a _id \\ xsource _xource _sxurce _soxrce _souxce _sourxe _sourcx _sourc _sourcee \u005esource \x5fsource".split()
)
KEYS = st.one_of(SOURCE, OTHERS, st.just(b""))
INNER = st.sampled_from(
    [b"1", b'"a"', b'"}"', b"{}", b'{"_source":{"x":1}}', b"[1]", b'[{"a":"]"},[]]', b"null", b'"\\"}"', b"true"]
)
MEMBERS = st.tuples(BLANKS, KEYS, BLANKS, BLANKS, INNER | st.sampled_from([b"{}", b'{"a":1}']), BLANKS).map(
    lambda m: m[0] + b'"' + m[1] + b'"' + m[2] + b":" + m[3] + m[4] + m[5]
)
RECORDS = st.tuples(
    st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf", b" ", b"\xef\xbb\xbf\n", b"\xef\xbb", b"\xbb\xbf", b"x"]),
    st.lists(MEMBERS, max_size=4).map(lambda members: b"{" + b",".join(members) + b"}"),
    st.sampled_from([b"", b"", b"\n{}", b'\n{"b":"}"} ', b" ", b"\n{", b"x", b"\n[]"]),
).map(b"".join)


@st.composite
def damaged_records(draw: st.DrawFn) -> bytes:
    record = bytearray(draw(RECORDS))
    place = draw(st.integers(0, len(record) - 1))
    if draw(st.booleans()):
        del record[place : draw(st.sampled_from([place + 1, len(record)]))]
    else:
        record[place] = draw(st.sampled_from(b'{}[]":,x \\'))
    return bytes(record)


@given(st.lists(RECORDS | damaged_records(), max_size=4), BEHIND)
@example(
    [b'{"_source":{}', b'{"_source":', b'{"_source"', b'{"_source', b'{"a":[1', b'{"a":"1', b'{"a":1', b"{", b""], b"}"
)
@example([b'{"_source":1,"_source":{}}', b'{"_source":{},"_source":1}', b'{"_source":{},"_source":{"a":1}}'], b"")
@example([b'{"' + b"\\u005f" * 7 + b'":{}}', b'{"' + b"\\u005f" * 9 + b'x":{}}', b'{"' + b"\\n" * 60 + b'":{}}'], b"")
@example([b"\xef\xbb\xbf", b"\xef\xbb", b" ", b"{}{}", b"{}\n{}x", b"{} "], b"\xbf{}")
def test_find_documents(records: list[bytes], behind: bytes) -> None:
    check_documents(records, behind)


def check_documents(records: list[bytes], behind: bytes) -> None:
    offsets = np.cumsum([1, *map(len, records)], dtype=np.int64)
    starts, ends = np.full((2, len(records)), -5, dtype=np.int64)
    flags, out = np.full(len(records), 99, dtype=np.uint8), np.full(242, 0xEE, dtype=np.uint8)
    buffer = padded(b"{" + b"".join(records), behind)
    find_documents(buffer, offsets[:-1].copy(), offsets[1:].copy(), len(records), starts, ends, flags, out[:42])
    assert (out[42:] == 0xEE).all()
    found = zip((starts - offsets[:-1]).tolist(), (ends - offsets[:-1]).tolist(), flags.tolist(), strict=True)
    assert list(found) == [plain_document(record) for record in records]


def test_find_documents_with_another_byte_in_each_place() -> None:
    text = b'\xef\xbb\xbf {"a" : "}", "b":[{"x":"]"}],"_source" :{"y":1},"c":1 }\n{"d":2}'
    records = [text, *others(text), *others(text.replace(b"_source", b"_sauce")), *(text[:k] for k in range(len(text)))]
    for record in records:
        check_documents([record], b'"}')


# ---------------------------------------------------------------------------------------------------------- multisets

PRINTS = st.dictionaries(st.tuples(*[st.integers(0, 1)] * 4), st.integers(1, 4), max_size=8)


@given(PRINTS, PRINTS)
def test_match_prints(a: dict[tuple[int, ...], int], b: dict[tuple[int, ...], int]) -> None:
    """Records of one value: first those of the same bytes are matched, then, in order, as many as both sides have."""
    sides = [dict(sorted(side.items())) for side in (a, b)]
    rows = [
        np.array([(*key, count) for key, count in side.items()], dtype=np.uint64).reshape(-1, 5) for side in sides
    ]  # fmt: skip
    told = [np.full((len(side), 3), -1, dtype=np.int64) for side in sides]
    more = match_prints(*rows, *told)
    left = [
        {key: count - min(count, other.get(key, 0)) for key, count in side.items()} for side, other in ((a, b), (b, a))
    ]
    sums = [Counter[tuple[int, ...]](), Counter[tuple[int, ...]]()]
    for total, rest in zip(sums, left, strict=True):
        for key, count in rest.items():
            total[key[:2]] += count
    values = [{key[:2] for key in side} for side in sides]
    for k, side in enumerate(sides):
        common = {value: min(sums[0][value], sums[1][value]) for value in values[k]}
        expected = []
        for key, count in side.items():
            given_away = min(left[k][key], common[key[:2]])
            common[key[:2]] -= given_away
            expected.append([count - left[k][key], given_away, left[k][key] - given_away])
        assert told[k].tolist() == expected
        both = values[0] & values[1]
        assert more[k] == sum(sums[k][value] - min(sums[0][value], sums[1][value]) for value in both)
