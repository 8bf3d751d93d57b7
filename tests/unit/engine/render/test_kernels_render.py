"""The kernel that renders records, against a plain model: layouts of a few steps each, rows that may be damaged.

How values are spelled is tested in `test_codecs.py`; here, which step takes which registers, what is refused, and what
is counted.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import xxhash
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.twins import joined

from logpress.codecs import kernels_text
from logpress.codecs.kernels_codes import (
    BOOLEAN,
    COPY_EPOCH,
    COPY_INSTANT,
    CUT_EXTRA,
    DECIMAL,
    INSTANT,
    INTEGER,
    KINESIS,
    STRING,
    VALUE,
)
from logpress.codecs.kernels_kinesis import SHARD_WORDS, SHARDS_MET
from logpress.engine.render.kernels_render import DAMAGED, DATE_WORDS, DATES_MET, copy_bytes, hash_lines, render_rows
from logpress.layout.kernels_json import MAX_DEPTH

NULL = int(kernels_text.NULL)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BOUND = 400
"""Larger than any record of these layouts."""

DICTIONARIES = (
    [b"name", b"", "\uac12".encode() * 20, b"x" * 70],
    [
        b'"left", 17]', b'"left"', b'"left", [1, {"a": 2}]]', b"", b'"unclosed', b'"", -5]', b'"left", ',
        b'"%b", {"k": ["%b"]}]' % (b"l" * 40, b"r" * 40),
    ],
    [b"kept whole", b"", b"{not json" * 9],
)  # fmt: skip
CUTS = {
    (5, 0): b'{"cut":"left","n":17}',
    (5, 5): b'{"cut":"","n":-5}',
    (6, 2): b'{"cut":"left","v":[1, {"a": 2}]}',
    (6, 7): b'{"cut":"%b","v":{"k": ["%b"]}}' % (b"l" * 40, b"r" * 40),
}
"""The extra texts of layouts 5 and 6 for the texts of the second dictionary; all others do not fit."""

LAYOUT, NAME, NUMBER, SCALE, SHIFT, TIME, EXTRA, RAW, SHARD, ARRIVAL, COUNTER, SUB = range(12)


def step(literal: bytes, code: int, *operands: int) -> tuple[bytes, list[int]]:
    """A literal and an operation; operands are columns 4 to 11."""
    return literal, [0, code, *operands, *[0] * (8 - len(operands))]


END = step(b"}", -1)
LAYOUTS = [
    [step(b'{"name":"', STRING, NAME, 0, 0), step(b'","raw":', VALUE, NAME, 0, 0), END],
    [step(b'{"number":', INTEGER, NUMBER), step(b',"is":', BOOLEAN, NUMBER), END],
    [step(b'{"price":', DECIMAL, TIME, SCALE), END],
    [
        step(b'{"at":"', INSTANT, TIME, SHIFT, ord("T"), 3, 1000, 0, 540),
        step(b'","utc":"', COPY_INSTANT, TIME, -1, ord(" "), 0, 1, 0, -60), step(b'"}', -1),
    ],
    [step(b'{"s":', COPY_EPOCH, TIME, 0, 1000, 1), step(b',"us":', COPY_EPOCH, TIME, 0, 1, 1000), END],
    # a string that is cut out of the extra text, then a number behind two bytes
    [step(b'{"cut":"', CUT_EXTRA, 0, 0, 0, 0), step(b'","n":', CUT_EXTRA, 0, 0, 2, 1), END],
    [step(b'{"cut":"', CUT_EXTRA, 0, 0, 0, 0), step(b'","v":', CUT_EXTRA, 0, 0, 2, 4), END],
    [step(b'{"id":"', KINESIS, SHARD, 0, ARRIVAL, COUNTER, SUB), step(b'"}', -1)],
    [step(b"{}" * 30, -1)],
]  # fmt: skip


@dataclass(frozen=True)
class Row:
    """The registers of a row, in their order."""

    layout: int
    name: int = 0
    number: int = 0
    scale: int = 0
    shift: int = 0
    time: int = 0
    extra: int = NULL
    raw: int = 0
    shard: int = 5 << 20
    arrival: int = 7
    counter: int = 9
    sub: int = 1


def text_of(dictionary: int, number: int) -> bytes | None:
    texts = DICTIONARIES[dictionary]
    return texts[number] if 0 <= number < len(texts) else None


def instant(wall: int, units: int, separator: str, digits: int) -> str:
    moment = EPOCH + timedelta(seconds=wall // units)
    fraction = f".{wall % units * 1000 // units:03}" if digits else ""
    return f"{moment:%Y-%m-%d}{separator}{moment:%H:%M:%S}{fraction}"


def plain(row: Row) -> bytes | None:
    """A row's record; None if it is damaged."""
    if row.layout == NULL:
        return text_of(2, row.raw)
    if not 0 <= row.layout < len(LAYOUTS) or (row.extra != NULL and text_of(1, row.extra) is None):
        return None
    name = text_of(0, row.name)
    if row.layout == 0:
        return None if name is None else b'{"name":"%b","raw":%b}' % (name, name)
    if row.layout == 1:
        said = b"true" if row.number == 1 else b"false"
        return None if row.number == NULL else b'{"number":%d,"is":%b}' % (row.number, said)
    if row.layout == 7:
        key, digit = row.shard, row.shard % 16
        if key == NULL:
            return None
        number = f"2{key >> 20:09x}{digit:x}{row.counter:016x}00{row.arrival:09x}{key % 2**20:08x}2"
        return f'{{"id":"{int(number, 16)}.{row.sub}"}}'.encode()
    if row.layout == 8:
        return b"{}" * 30
    if row.layout in (5, 6):
        return CUTS.get((row.layout, row.extra))
    if row.time == NULL:
        return None
    if row.layout == 2:
        value = float(np.array(row.time).view(np.float64))
        is_there = 0 <= row.scale <= 18 and abs(value) < 10.0 ** (18 - row.scale)
        return b'{"price":%b}' % f"{value:.{row.scale}f}".encode() if is_there else None
    if row.layout == 3:
        wall = instant(row.time + (540 - row.shift) * 60_000, 1000, "T", 3)
        return f'{{"at":"{wall}","utc":"{instant(row.time - 3600, 1, " ", 0)}"}}'.encode()
    return b'{"s":%d,"us":%d}' % (row.time // 1000, row.time * 1000)


def arena() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The texts of all dictionaries; each dictionary has one offset more than texts."""
    texts, _ = joined([text for texts in DICTIONARIES for text in texts])
    offsets: list[int] = []
    bases: list[int] = []
    at = 0
    for some in DICTIONARIES:
        bases.append(len(offsets))
        ends = np.cumsum([at, *map(len, some)])
        offsets += ends.tolist()
        at = int(ends[-1])
    return texts, np.array(offsets), np.array(bases), np.array([len(some) for some in DICTIONARIES])


def program() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    literals = b""
    steps: list[list[int]] = [[0] * 12] * 16  # no layout's: a step's number may be any
    programs: list[list[int]] = []
    for layout in LAYOUTS:
        programs.append([len(steps), len(steps) + len(layout), BOUND])
        for literal, operation in layout:
            steps.append([len(literals), len(literal), *operation])
            literals += literal
    return joined([literals])[0], np.array(steps), np.array(programs)


def render(rows: list[Row], order: list[int], first: int, room: int, hashing: bool, sized: bool):
    texts, offsets, bases, sizes = arena()
    out = np.full(room + 64, 0xEE, dtype=np.uint8)
    registers = [list(astuple(row)) for row in rows]
    regs = np.array(registers, dtype=np.int64).reshape(-1, 12).T.copy()
    digest, counts = np.array([2**64 - 1, 0], dtype=np.uint64), np.array([3, 4])
    lengths = np.full(len(order) if sized else 0, -1, dtype=np.int64)
    here, at = render_rows(
        np.array(order, dtype=np.int32), first, out, *program(), regs, texts, offsets, bases, sizes,
        np.array([[NAME, 0], [EXTRA, 1]]), EXTRA, 1, RAW, 2, hashing, digest, lengths, counts,
        np.zeros(MAX_DEPTH, dtype=np.uint8), np.full((DATES_MET, DATE_WORDS), NULL),
        np.full((SHARDS_MET, SHARD_WORDS), NULL),
    )  # fmt: skip
    return here, out[:at].tobytes(), digest.tolist(), lengths.tolist(), counts.tolist()


HALF = int(np.array(2.5).view(np.int64))
LARGE, SMALL = (int(np.array(value).view(np.int64)) for value in (1e16, -1e16))
ODD = st.one_of(st.sampled_from([NULL, -1, 2**63 - 1]), st.integers(-1, 9))
NEAR = st.integers(-(10**10), 10**10)
ROWS = st.one_of(
    st.builds(Row, st.just(NULL), raw=st.integers(0, 2)),
    st.builds(Row, st.just(NULL), raw=ODD),
    st.builds(Row, st.just(0), name=st.integers(0, 3)),
    st.builds(Row, st.just(0), name=ODD),
    st.builds(Row, st.just(1), number=st.one_of(ODD, st.integers(-(2**62), 2**62))),
    st.builds(
        Row,
        st.just(2),
        time=st.sampled_from([0, NULL, *np.array([-0.5, 12.25, 1e6]).view(np.int64).tolist()]),
        scale=ODD,
    ),
    st.builds(Row, st.just(3), shift=st.sampled_from([0, 540, -90]), time=NEAR),
    st.builds(Row, st.just(4), time=st.one_of(NEAR, st.just(NULL))),
    st.builds(Row, st.sampled_from([5, 6]), extra=ODD),
    st.builds(Row, st.just(7), shard=st.sampled_from([(5 << 20) | 17, 5 << 20, NULL]), counter=st.integers(0, 2**62)),
    st.builds(Row, st.sampled_from([8, 9, -1, 2**63 - 1])),
    st.builds(Row, st.just(8), extra=ODD),
    *(st.builds(Row, st.just(layout)) for layout in (0, 1, 3, 8)),
)


@settings(max_examples=300)
@given(
    st.lists(ROWS, min_size=1, max_size=6),
    st.integers(0, 30),
    st.integers(0, 2),
    st.integers(300, 2500),
    st.booleans(),
    st.booleans(),
)
@example([Row(8), Row(NULL)], 3, 0, BOUND + 1, True, True)
@example([Row(8), Row(NULL)], 3, 0, BOUND, True, True)
@example([Row(8), Row(NULL, raw=2)], 3, 1, 82, True, True)
@example([Row(8), Row(NULL, raw=2)], 3, 1, 81, True, True)
@example(
    [Row(layout, extra=extra) for layout in (5, 6) for extra in (0, 2, 5, 7) if (layout, extra) in CUTS],
    4,
    0,
    2500,
    True,
    True,
)
@example([Row(2, scale=scale, time=HALF) for scale in (0, 1, 18, 19)], 4, 0, 2500, True, True)
@example([Row(2, scale=scale, time=HALF) for scale in (-1, 0)], 2, 0, 2500, True, True)
@example([Row(2, scale=2, time=LARGE), Row(2, scale=1, time=LARGE)], 2, 0, 2500, True, True)
@example([Row(2, scale=2, time=SMALL), Row(2, scale=1, time=SMALL)], 2, 0, 2500, True, True)
@example([Row(8, extra=len(DICTIONARIES[1]))], 1, 0, 500, True, True)
@example([Row(8, extra=-1)], 1, 0, 500, True, True)
@example([Row(8)], 1, 0, 500, True, True)
@example([Row(layout, time=-1) for layout in (1, 3, 4, 7)], 4, 0, 2500, True, False)
def test_render_rows(rows: list[Row], count: int, first: int, room: int, hashing: bool, sized: bool) -> None:
    order = [k * 7 % len(rows) for k in range(count)]
    first = min(first, count)
    here, out, digest, lengths, counts = render(rows, order, first, room, hashing, sized)
    expected, total, place = [], 0, first
    while place < count:
        row = rows[order[place]]
        record = plain(row)
        is_whole = row.layout == NULL
        bound = len(record or b"") if is_whole else BOUND
        is_layout = 0 <= row.layout < len(LAYOUTS)
        if record is None and (is_whole or not is_layout):
            place = DAMAGED - place
            break
        if total + bound + 1 > room:
            break
        if record is None:
            place = DAMAGED - place
            break
        expected.append(record)
        total += len(record) + 1
        place += 1
    assert here == place
    assert out == b"".join(record + b"\n" for record in expected)
    assert counts == [3 + len(expected), 4 + total - len(expected)]
    sizes = [len(record) + 1 for record in expected]
    assert lengths == ([-1] * first + sizes + [-1] * (count - first - len(sizes)) if sized else [])
    hashes = [xxhash.xxh3_128_intdigest(record) for record in expected] if hashing else []
    assert digest[0] + (digest[1] << 64) == (2**64 - 1 + sum(hashes)) % 2**128


@pytest.mark.parametrize(
    "row", [Row(5, extra=k) for k in (1, 2, 3, 4, 6)] + [Row(6, extra=k) for k in (0, 1, 3, 4, 5, 6)]
)
def test_render_rows_refuses_extra_texts_that_do_not_fit(row: Row) -> None:
    assert render([Row(8), row], [0, 1], 0, 2500, False, False)[0] == DAMAGED - 1


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_hash_lines(records: list[bytes]) -> None:
    buffer, _ = joined([record + b"\n" for record in records])
    hashes = np.full(len(records) + 1, 5, dtype=np.uint64)
    hash_lines(buffer, np.array([len(record) + 1 for record in records], dtype=np.int64), len(records), hashes)
    assert hashes.tolist() == [xxhash.xxh3_128_intdigest(record) % 2**64 for record in records] + [5]


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 64, 100])
def test_copy_bytes(length: int) -> None:
    source = np.arange(200, dtype=np.uint8)
    out = np.full(200, 0xEE, dtype=np.uint8)
    copy_bytes(source, 3, out, 5, length)
    assert out[:5].tolist() == [0xEE] * 5
    assert out[5 : 5 + length].tolist() == list(range(3, 3 + length))
    assert (out[5 + length + 31 :] == 0xEE).all()
