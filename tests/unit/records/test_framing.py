"""How records are found in raw objects of every form, wherever the borders of blocks fall."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.conftest import SEED, compact
from tests.twins import form_of, lines_of, object_end, objects_of, records_of, sound_object_end

from logpress.kernel.words import PADDING
from logpress.limits import Limits
from logpress.records import kernels_objects as kernels_frame
from logpress.records import raw_blocks as blocks
from logpress.records.form import Form, Head, find_form
from logpress.records.raw_blocks import Buffers, read_blocks
from logpress.sources import open_raw


class Pieces:
    """A reader that gives a few bytes at a time."""

    def __init__(self, data: bytes, most: int = 1 << 30) -> None:
        self._data = io.BytesIO(data)
        self._most = most

    def readinto(self, view: memoryview, /) -> int:
        given = self._data.read(min(len(view), self._most))
        view[: len(given)] = given
        return len(given)


def framed(data: bytes, most: int = 1 << 30, **limits: int) -> list[bytes]:
    return list(_framed(Pieces(data, most), **limits))


def _framed(reader, **limits: int) -> Iterator[bytes]:
    piece = b""
    for block in read_blocks(reader, Buffers(Limits(**limits))):
        if block.piece:
            piece += block.buffer[: block.end].tobytes()
            if not block.continued:
                yield piece
                piece = b""
            continue
        starts, ends = block.frame()
        assert len(block.buffer) >= block.end + PADDING
        assert not block.buffer.flags.owndata or not block.buffer[block.end : block.end + PADDING].any()
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            yield block.buffer[start:end].tobytes()
    assert piece == b""


def form(data: bytes) -> str:
    return find_form(Head(Pieces(data))).value


def pretty(document: object, indent: int | str = 2) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=indent).encode()


TRICKY: list[dict[str, object]] = [
    {"a": "}{"},
    {"a": 'quote " and } and {', "b": ["{", "}", "]["]},
    {"a": "\\", "b": '\\"', "c": "\\\\"},
    {"a": "line\nbreak", "b": "tab\tand \x01"},
    {"": {"": [{}, [], [[{"x": None}]]]}},
    {"nested": [{"a": 1}, {"a": 2}], "t": True, "n": -1.5e3},
    {},
    {"호": "랑이 😀"},
    {"a": "x" * 31 + '"' + "y" * 32 + "\\" * 33},
]


# ------------------------------------------------------------------------------------------------------------- the form


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "lines"),
        (b"\n \n", "lines"),
        (b"{}", "lines"),
        (b'{"a":1}\n{"a":2}\n', "lines"),
        (b'{"a":1} \r\n{"a":2}', "lines"),
        (b'\n\n {"a":1}\n{"a":2}{"a":3}\n', "lines"),
        (b'\xef\xbb\xbf{"a":1}\n', "lines"),
        (b'{"a":1\n{"a":2}\n{"a":3}\n', "lines"),
        (b'{"a":"1\n{"a":2}\n{"a":3}\n', "lines"),
        (b'{"a":\n', "lines"),
        (b'{"a":1},\n{"a":2},\n', "lines"),
        (b"no json\n{}{}", "lines"),
        (b"1\n2\n", "lines"),
        (b"[]\n{}\n", "lines"),
        (b"[1,2]\n", "lines"),
        (b"[", "lines"),
        (b"{}{}", "documents"),
        (b"{} {}", "documents"),
        (b'{"a":"}{"}', "lines"),
        (b'{"a":"}{"}{"b":1}', "documents"),
        (b'{\n"a":1}', "documents"),
        (b'{"a":1\n}{"a":2}', "documents"),
        (b'\xef\xbb\xbf{\n"a":1}', "documents"),
        (b'{"a" 1}\n{\n  "a": 1\n}\n', "documents"),
        (b"[{}]", "array"),
        (b' [\n  {"a":1},\n  {"a":2}\n]\n', "array"),
        (b"\xef\xbb\xbf[{}]", "array"),
        (b"[ ]\n", "array"),
        (b'[{"a":1', "array"),
    ],
)
def test_the_form_is_told_from_the_beginning(data: bytes, expected: str) -> None:
    assert form(data) == form_of(data) == expected


def test_a_first_record_longer_than_what_is_looked_at_tells_the_form() -> None:
    def form(data: bytes) -> str:
        return find_form(Head(Pieces(data)), Limits(**looked_at)).value

    looked_at = {"form_bytes": 16, "longest_form_bytes": 256}
    long = {"a": "x" * 300, "b": [1, 2]}
    assert form(compact(long) + b"\n{}\n") == "documents"  # which reads lines as well
    assert framed(compact(long) + b"\n{}\n", **looked_at) == [compact(long), b"{}"]
    assert form(pretty({"b": [1], **long}) + b"\n{}\n") == "documents"
    assert form(b'{"a":"' + b"x" * 100 + b"\n" + b"{}\n" * 200) == "lines"
    assert form(b'{"a":"' + b"x" * 300 + b"\n" + b"{}\n" * 200) == "documents"
    assert (
        framed(b'{"a":"' + b"x" * 300 + b"\n" + b"{}\n" * 200, **looked_at) == [b'{"a":"' + b"x" * 300] + [b"{}"] * 200
    )
    assert form(compact({"a": "x" * 100}) + b" \n{}") == "lines"
    assert form(compact({"a": "x" * 100}) + b" {}") == "documents"


# -------------------------------------------------------------------------------------------------------- sound objects

SEPARATORS = {
    "newline": (b"", b"\n", b"\n"),
    "crlf": (b"", b"\r\n", b"\r\n"),
    "nothing": (b"", b"", b""),
    "blanks": (b"\n ", b" \t\n\n", b" "),
    "array": (b"[", b",", b"]"),
    "spread array": (b"\n[\n", b"\n  ,\n", b"\n]\n"),
}


@pytest.mark.parametrize("spelling", ["compact", "pretty", "tabs"])
@pytest.mark.parametrize("between", SEPARATORS)
def test_every_form_gives_its_records(between: str, spelling: str) -> None:
    write = {"compact": compact, "pretty": pretty, "tabs": lambda d: pretty(d, "\t")}[spelling]
    before, separator, behind = SEPARATORS[between]
    records = [write(document) for document in [SEED, *TRICKY, SEED["_source"], *TRICKY[::-1]]]
    data = before + separator.join(records) + behind
    assert form(data) == (
        "array" if "array" in between
        else "lines" if spelling == "compact" and between != "nothing" and between != "blanks"
        else "lines" if spelling == "compact" and between == "blanks"
        else "documents"
    )  # fmt: skip
    for size in (1, 5, 64, 1_000, 4 << 20):
        for most in (1, 7, 1 << 30):
            assert [record.strip(b" \t") for record in framed(data, most, block_bytes=size)] == records


@pytest.mark.parametrize("before", ["", " ", "[", "\ufeff"])
def test_blocks_end_at_every_byte_of_a_record(before: str) -> None:
    records = [compact(document) for document in TRICKY] + [pretty(document) for document in TRICKY]
    separator = b"," if before == "[" else b""
    data = before.encode() + separator.join(records) + (b"]" if separator else b"")
    if before == "\ufeff":
        records[0] = before.encode() + records[0]
    for size in range(1, len(data) + 2):
        assert framed(data, block_bytes=size) == records


_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_documents = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        _scalars | st.sampled_from(["}{", '"', "\\", '\\"', "\n{", "[", "]", '","', "{\n"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=5,
)


@given(
    documents=st.lists(
        st.tuples(_documents, st.sampled_from([None, 0, 1, "\t"]), st.booleans()), min_size=2, max_size=6
    ),
    gaps=st.lists(st.sampled_from([b"", b"\n", b" ", b"\r\n", b"\t\n\n"]), min_size=7, max_size=7),
    in_array=st.booleans(),
    size=st.integers(1, 200),
)
def test_documents_of_any_content_come_as_they_are(documents, gaps, in_array, size) -> None:
    records = [json.dumps(d, ensure_ascii=a, indent=i).encode(errors="surrogatepass") for d, i, a in documents]
    data = gaps[0] + (b"[" if in_array else b"")
    for number, record in enumerate(records):
        data += record + gaps[number + 1] + (b"," if in_array and number + 1 < len(records) else b"")
    data += b"]" if in_array else b""
    found = framed(data, block_bytes=size)
    if form(data) == "lines":  # the first stands alone on its line
        assert b"".join(found).translate(None, b" \t\r\n") == data.translate(None, b" \t\r\n")
        return
    decoded = []
    at = 0
    while (at := data.find(b"{", at)) >= 0:  # what Python's own reader finds, one object after the other
        end = sound_object_end(data, at)
        assert end is not None
        decoded.append(data[at:end])
        at = end
    assert found == records == decoded


@given(
    lines=st.lists(st.binary(max_size=90).map(lambda line: line.replace(b"\n", b" ")), max_size=60),
    ending=st.sampled_from([b"\n", b"\r\n"]),
    is_ended=st.booleans(),
    size=st.integers(1, 400),
    head=st.integers(1, 300),
)
def test_lines_of_a_file_come_as_those_of_pieces(
    tmp_path_factory, lines: list[bytes], ending: bytes, is_ended: bool, size: int, head: int
) -> None:
    data = b"{}" + ending + ending.join(lines) + (ending if is_ended else b"")
    path = tmp_path_factory.mktemp("file") / "raw.ndjson"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "find_form", lambda head, limits: Form.lines)
        in_pieces = framed(data, block_bytes=size, form_bytes=head)
        with open_raw(str(path)) as reader:
            assert list(_framed(reader, block_bytes=size, form_bytes=head)) == in_pieces
            assert reader.raw_bytes == len(data)
    assert path.read_bytes() == data


def test_a_line_longer_than_a_block_between_short_ones(tmp_path: Path) -> None:
    lines = [b'{"a":%d}' % n for n in range(30_000)]
    lines[20_000] = b'{"b":"' + b"x" * 500_000 + b'"}'
    path = tmp_path / "raw.ndjson"
    path.write_bytes(b"\n".join(lines))
    with open_raw(str(path)) as reader:
        assert list(_framed(reader, block_bytes=50_000)) == lines


# ---------------------------------------------------------------------------------------------------- anything at all

_fragments = st.sampled_from([
    b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b" ", b"\r\n", b"1", b"null", b'"a"', b'"a":1', b'{"a":1}',
    b"}{", b"\n{", b'{"a":"', b'"}',
    b"\xef\xbb\xbf", b"{}", b'{"bb":[{"c":2},{"c":3}]}', b'"x' + b"y" * 29, b"\x00", b'\\"',
])  # fmt: skip
_rubble = st.lists(_fragments, max_size=40).map(b"".join)


@given(rubble=_rubble, size=st.integers(1, 60))
@example(rubble=b'{"a":1,{"b":2}', size=3)
@example(rubble=b'["}{', size=1)  # a string that does not end, and yet something that looks like an object
@settings(max_examples=300)
def test_rubble_is_framed_as_the_twin_does(rubble: bytes, size: int) -> None:
    assert form(rubble) == form_of(rubble)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "find_form", lambda head, limits: Form.documents)
        assert framed(rubble, block_bytes=size) == objects_of(rubble, False)
        patch.setattr(blocks, "find_form", lambda head, limits: Form.array)
        found = framed(rubble, block_bytes=size)
    assert found == objects_of(rubble, True)
    # no byte but separators and byte order marks is lost, and none comes twice
    assert _without_separators(b"".join(found)) == _without_separators(rubble)


def _without_separators(data: bytes) -> bytes:
    return data.translate(None, b" \t\r\n[],\xef\xbb\xbf")


@given(rubble=_rubble.map(lambda data: b"{" + data))
@settings(max_examples=300)
def test_the_end_of_an_object_is_where_the_twin_finds_it(rubble: bytes) -> None:
    buffer = np.frombuffer(rubble + b'"}' * (PADDING // 2), dtype=np.uint8)
    end, place = (int(value) for value in kernels_frame.object_end(buffer, 0, len(rubble)))
    kind, expected = object_end(rubble, 0)
    assert {kernels_frame.UNFINISHED: "unfinished", kernels_frame.DAMAGED: "damaged"}.get(end, "end") == kind
    assert (end if kind == "end" else place) == expected
    sound = sound_object_end(rubble, 0)
    assert sound is None or end == sound


def test_brackets_deeper_than_there_are_bits() -> None:
    for depth in (63, 64, 65, 66, 200, 10_000):
        record = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
        assert framed(record * 3) == [record] * 3


# --------------------------------------------------------------------------------------------------------------- damage


def damaged(record: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(1, len(record) - 1)
    what = chance.randrange(3)
    if what == 0:
        return record[:at]
    if what == 1:
        return record[:at] + record[at + chance.randrange(1, 20) :]
    return record[:at] + chance.choice([b'"', b"}", b"{", b"\\", b"]"]) + record[at:]


@pytest.mark.parametrize("between", ["nothing", "newline", "array", "spread array"])
@pytest.mark.parametrize("spelling", ["compact", "pretty"])
def test_damage_costs_only_the_records_it_touches(between: str, spelling: str) -> None:
    chance = random.Random(5)
    write = compact if spelling == "compact" else pretty
    before, separator, behind = SEPARATORS[between]
    for _ in range(150):
        records = [write({**SEED, "_version": number}) for number in range(9)]
        broken = list(records)
        broken[4] = damaged(records[4], chance)
        data = before + separator.join(broken) + behind
        found = framed(data)
        assert found == records_of(data)
        assert found[:4] == records[:4]
        # what is cut off at its end may take the one behind it along, as its last value
        assert found[-3:] == records[-3:]
        assert len(found) <= 13


def test_much_damage_takes_no_longer() -> None:
    """Each candidate leads to the same damage far behind: looked at again and again, a megabyte would take minutes."""
    data = b"{}{}" + b'\n{"a":' * 150_000 + b"x\x00"
    found = framed(data)
    assert b"".join(found).replace(b"\n", b"") == data.replace(b"\n", b"")


@pytest.mark.parametrize("size", [3, 64, 2_048])
def test_a_document_that_is_too_long_comes_in_pieces(size: int) -> None:
    sound = pretty({"a": 1})
    for length in (2_000, 2_040, 2_048, 5_000):
        long = b'{\n"pad":"' + b"x" * length + b'"}'
        assert framed(sound + b"\n" + long + b"\n" + sound, block_bytes=size, longest_record_bytes=2_048) in (
            [sound, long, sound],
            [sound, long + b"\n", sound],
        )


# ---------------------------------------------------------------------------------------------------------- compression


@pytest.mark.parametrize("between", SEPARATORS)
def test_members_of_gzip_may_end_anywhere_in_a_record(tmp_path, between: str) -> None:
    before, separator, behind = SEPARATORS[between]
    records = [pretty(document) for document in TRICKY]
    data = before + separator.join(records) + behind
    path = tmp_path / "raw"
    path.write_bytes(b"".join(gzip.compress(data[at : at + 13]) for at in range(0, len(data), 13)))
    with open_raw(str(path)) as reader:
        found = [
            block.buffer[start:end].tobytes()
            for block in read_blocks(reader, Buffers())
            for start, end in zip(*block.frame(), strict=True)
        ]
    assert found == records


def test_lines_are_framed_as_ever() -> None:
    lines = b"".join(compact(document) + b"\n" for document in TRICKY)
    assert framed(lines) == lines_of(lines)
