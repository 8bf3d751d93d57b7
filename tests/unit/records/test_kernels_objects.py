"""The kernels that find records which are not lines, against plain Python, however the bytes come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import padded
from tests.twins import object_end as plain_object_end
from tests.twins import objects_of

from logpress.records.kernels_objects import (
    ALIKE,
    DAMAGED,
    INSIDE,
    LAST,
    MORE,
    STATE_WORDS,
    TOO_LONG,
    TRIES,
    UNFINISHED,
    USED,
    frame_objects,
    object_end,
)

BEHIND = st.sampled_from([b"", b'"}' * 40, b"}" * 70, b"]", b",{", b"\\", b"\xbb\xbf{", b"\n{}"])
FRAGMENTS = st.sampled_from([
    b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b" ", b"\r\n", b"\t", b"1", b"null", b'"a"', b'"a":1',
    b'{"a":1}', b"}{", b"\n{", b'{"a":"', b'"}', b"\xef\xbb\xbf", b"\xef\xbb", b"\xef", b"{}", b'{"bb":[{"c":2},{}]}',
    b'"x' + b"y" * 29, b'\\"', b'{"aaaa":1},', b'{"aaaa":1', b'{"aaaab":', b"z" * 40, b" " * 33, b"\x00", b"!", b"#",
])  # fmt: skip
RUBBLE = st.lists(FRAGMENTS, max_size=24).map(b"".join)


def check_object_end(data: bytes, start: int, behind: bytes = b"") -> None:
    stop, place = (int(number) for number in object_end(padded(data, behind), start, len(data)))
    kind, where = plain_object_end(data, start)
    if kind == "end":
        assert stop == where
    else:
        assert (stop, place) == ({"unfinished": UNFINISHED, "damaged": DAMAGED}[kind], where)


@given(st.sampled_from([b"", b"{", b":", b'"', b"\\"]), st.sampled_from([b"{", b"["]), RUBBLE, BEHIND)
@example(b"", b"{", b'"a":"' + b"x" * 25 + b'"', b"}")
@example(b"", b"{", b'"a":"' + b"x" * 25 + b'"x}', b"")
@example(b"", b"{", b'"a":"' + b"x" * 25 + b"\n" + b'"}', b"")
@example(b"", b"{", b'"a":"' + b"x" * 25 + b"\\" + b'"}"}', b"")
@example(b"", b"{", b'"a":"' + b"x" * 25, b'"}')
def test_object_end(before: bytes, opening: bytes, rest: bytes, behind: bytes) -> None:
    check_object_end(before + opening + rest, len(before), behind)


@pytest.mark.parametrize(
    "sign", [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b" ", b"x", b'"x', b'":{', b"\x1f"]
)
def test_object_end_with_a_sign_in_each_place_of_two_words(sign: bytes) -> None:
    for filler in (b'"a":"' + b"x" * 70, b" " * 70, b'"a":' + b" " * 70, b'"a":[' + b" " * 70, b'"a"' + b" " * 70):
        for place in range(6, 70):
            check_object_end(b"{" + filler[:place] + sign + filler[place + 1 :] + b'"}]}', 0)


def test_object_end_with_brackets_deeper_than_there_are_bits() -> None:
    """As deep as their kinds are known, brackets must fit; deeper, they are only counted."""
    for depth in (62, 63, 64, 65, 66):
        for closing in (b"]" * depth, b"]" * (depth - 1) + b"}", b"}" * depth):
            check_object_end(b"[" * depth + closing, 0)
            check_object_end(b'{"a":' + b"[" * depth + b"{}" + closing + b"}", 0)


# ------------------------------------------------------------------------------------------------------------ records


def framed(data: bytes, is_array: bool, size: int, behind: bytes) -> list[bytes]:
    """Records of bytes that come `size` at a time, as a reader of blocks asks for them."""
    state = np.zeros(STATE_WORDS, dtype=np.int64)
    found: list[bytes] = []
    begin = end = 0
    while True:
        end = min(end + size, len(data))
        what_follows = LAST if end == len(data) else MORE
        piece = data[begin:end]
        starts, ends = np.full((2, len(piece) + 1), -5, dtype=np.int64)
        rows = int(
            frame_objects(padded(piece, data[end:] + behind), len(piece), what_follows, is_array, state, starts, ends)
        )
        found += [piece[a:b] for a, b in zip(starts[:rows].tolist(), ends[:rows].tolist(), strict=True)]
        assert (starts[rows:] == -5).all()
        begin += int(state[USED])
        if what_follows == LAST:
            assert begin == len(data)
            return found


@given(RUBBLE, st.booleans(), st.sampled_from([1, 3, 8, 40, 10_000]), BEHIND)
@example(b'{"a":1,{"b":2}', False, 3, b"")
@example(b'["}{', True, 1, b"")
@example(b'[{"aaaa":1},{"aaaa":1 {"aaaa":2},{"aaaa":3}]', True, 5, b"")
@example(b'[{"aaaa":1,\n,{"aaaa":2}]', True, 5, b"")
@example(b'[1 , 2\n,"a",{"a":1} ,"b" ]', True, 1, b"")
@example(b"\xef\xbb\xbf[{}]\xef\xbb\xbf{}\xef\xbb\xbf", True, 1, b"{}")
@example(b"\xef\xbb\xbf{}\xef\xbb\xbf[]\xef\xbb", False, 2, b"\xbf{}")
def test_frame_objects(rubble: bytes, is_array: bool, size: int, behind: bytes) -> None:
    assert framed(rubble, is_array, size, behind) == objects_of(rubble, is_array)


@pytest.mark.parametrize("is_array", [False, True])
def test_frame_objects_with_a_sign_in_each_place(is_array: bool) -> None:
    sound = b'[{"aaaa":[1,{"b":"}"}]} , {"aaaa":2},\n "x" , 17 ,{"aaaa":{"c":"\\""}}]' if is_array else (
        b'{"aaaa":[1,{"b":"}"}]} {"aaaa":2}\n\n{"aaaa":{"c":"\\""}}\xef\xbb\xbf{}'
    )  # fmt: skip
    for place in range(len(sound)):
        for sign in (b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b" ", b"x"):
            data = sound[:place] + sign + sound[place + 1 :]
            assert framed(data, is_array, 10_000, b"") == objects_of(data, is_array)


@pytest.mark.parametrize("tries", [62, 63, 64, 65, 66])
def test_frame_objects_looks_behind_the_damage_after_many_tries(tries: int) -> None:
    """Each of many objects leads to the same damage, and behind it stands a sound one."""
    data = b'{"a":\n' * tries + b'x\x00 "y" z\n{"b":1}\n{"c":2}'
    assert framed(data, False, 10_000, b"") == objects_of(data, False)


@pytest.mark.parametrize("distance", range(60))
def test_frame_objects_looks_for_the_next_one_in_each_place_of_two_words(distance: int) -> None:
    for between in (b"\n", b"}", b"} ", b"},", b"} , ", b"x", b","):
        data = b'[{"aaaa":1},{"aaaa"1' + b"y" * distance + between + b'{"aaaa":2}]'
        for is_array in (False, True):
            assert framed(data[1 - is_array :], is_array, 10_000, b"") == objects_of(data[1 - is_array :], is_array)


def test_frame_objects_of_what_is_too_long_or_not_all_there() -> None:
    """What is given up is a record as far as the next one seems to begin; what may go on waits for more."""

    def run(
        piece: bytes, what_follows: int, is_array: bool, state: list[int], rows: int = 9, behind: bytes = b'":1}'
    ) -> tuple[int, list[int], list[tuple[int, int]]]:
        told = np.array(state, dtype=np.int64)
        starts, ends = np.full((2, rows), -5, dtype=np.int64)
        found = int(frame_objects(padded(piece, behind), len(piece), what_follows, is_array, told, starts, ends))
        return found, told.tolist(), [(a, b) for a, b in zip(starts.tolist(), ends.tolist(), strict=True) if a >= 0]

    alike = int.from_bytes(b'{"aaaa":', "little")
    first = int.from_bytes(b'{"a":"bb', "little")
    assert [USED, INSIDE, TRIES, ALIKE] == [0, 1, 2, 3]
    assert run(b'{"a":"bb', MORE, False, [0] * 4) == (0, [0, 0, 0, 0], [])
    assert run(b'{"a":"bb', TOO_LONG, False, [0] * 4) == (0, [0, 0, 0, 0], [])
    assert run(b'{"a":"bb', LAST, False, [0] * 4) == (1, [8, 0, 1, 0], [(0, 8)])
    assert run(b'{"a":"bb\n{}', TOO_LONG, False, [0] * 4) == (2, [11, 0, 0, 0], [(0, 8), (9, 11)])
    assert run(b'{"a":"bb"} {"c', MORE, False, [0] * 4) == (1, [11, 0, 0, first], [(0, 10)])
    assert run(b"abc", MORE, False, [0] * 4) == (0, [0, 0, 0, 0], [])
    assert run(b"abc\n", MORE, False, [0] * 4, behind=b"{}") == (0, [0, 0, 0, 0], [])
    assert run(b"abc\n{}", MORE, False, [0] * 4) == (2, [6, 0, 0, 0], [(0, 3), (4, 6)])
    assert run(b'[{"aaaa"x},{"aaa', MORE, True, [0, 0, 0, alike]) == (0, [1, 1, 0, alike], [])
    assert run(b'[{"aaaa"x},{"aaaa"', MORE, True, [0, 0, 0, alike]) == (0, [1, 1, 0, alike], [])
    assert run(b'[{"aaaa"x},{"aaaa":', MORE, True, [0, 0, 0, alike]) == (1, [11, 1, 1, alike], [(1, 10)])
    assert run(b'[{"aaaa"x},{"aaaa"', TOO_LONG, True, [0, 0, 0, alike]) == (0, [1, 1, 0, alike], [])
    assert run(b'[{"x"y', MORE, True, [0] * 4) == (0, [1, 1, 0, 0], [])
    assert run(b'["a" ', MORE, True, [0] * 4) == (0, [1, 1, 0, 0], [])
    assert run(b'["a" ,', MORE, True, [0] * 4) == (1, [6, 1, 1, 0], [(1, 4)])
    assert run(b"[1 ]", MORE, True, [0] * 4) == (1, [4, 0, 1, 0], [(1, 2)])
    assert run(b"\xef\xbb\xbf", MORE, False, [0] * 4) == (0, [0, 0, 0, 0], [])
    assert run(b"\xef\xbb\xbf", LAST, False, [0] * 4) == (1, [3, 0, 1, 0], [(0, 3)])
    assert run(b"\xef\xbb\xbf{}", MORE, False, [0] * 4) == (1, [5, 0, 0, 0], [(0, 5)])
    assert run(b"{}{}{}", LAST, False, [0] * 4, 2)[0] == -1
    assert run(b"{}{}{}", LAST, False, [0] * 4, 3) == (3, [6, 0, 0, 0], [(0, 2), (2, 4), (4, 6)])
