"""Kernels that rows and texts are put in order by, against plain Python."""

from __future__ import annotations

from itertools import groupby
from random import Random

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from tests.twins import joined

from logpress.codecs import kernels_text, nulls
from logpress.codecs.kernels_codes import AS_IT_IS, HEAD, LAST_IF_NULL, TEXT, UNSIGNED, UNSIGNED_LAST_IF_NULL
from logpress.engine.order import kernels_keys as kernels

NULL, NARROW_NULL = int(kernels_text.NULL), int(nulls.NARROW_NULL)
ALIKE = st.sampled_from(
    [b"", b"\0", b"a", b"a\0", b"abcdefgh", b"abcdefgh\0", b"abcdefgi", b"abcdefghz", b"abcdefghzz\xff"]
)
TEXTS = st.lists(st.one_of(ALIKE, st.binary(max_size=30)), max_size=20)
THIN = st.one_of(st.just(NARROW_NULL), st.integers(-5, 5))
WIDE = st.one_of(st.just(NULL), st.integers(0, 20), st.integers(0, 2**60), st.integers(-(2**63), 2**63 - 1))


def word_of(text: bytes, k: int) -> int:
    """A word that compares as the bytes do, as int64 has it."""
    return int.from_bytes(text[8 * k : 8 * k + 8].ljust(8, b"\0"), "big") - 2**63


@given(TEXTS, st.integers(1, 3))
def test_write_text_words(texts: list[bytes], count: int) -> None:
    words = np.full((len(texts), count), 5, dtype=np.int64)
    kernels.write_text_words(*joined(texts), words)
    assert words.tolist() == [[word_of(text, k) for k in range(count)] for text in texts]


def head_of(value: int) -> int:
    """The creation second of a shard and the low digit of its number."""
    return (value >> 20) * 16 + value % 16


@given(
    st.lists(st.tuples(WIDE, THIN, st.integers(-2, 4)), min_size=1, max_size=9),
    st.sampled_from([1, 9, 64, 65, 130]), st.integers(0, 3),
)  # fmt: skip
@example([(NULL, NARROW_NULL, NARROW_NULL)], 1, 0)
@example([(NULL, NARROW_NULL, 2), (1, 1, 1)], 1, 1)
@example([(NULL, NARROW_NULL, 3)], 1, 0)
@example([((7 << 20) | 31, 2, 0)], 1, 0)
def test_write_keys(registers: list[tuple[int, int, int]], count: int, base: int) -> None:
    """The text of the third register: texts begin at `base`, with the words of no text."""
    wide = np.array([[99, row[0]] for row in registers], dtype=np.int64)
    narrow = np.array([[row[2], row[1]] for row in registers], dtype=np.int32)
    rows = np.resize(np.arange(len(registers), dtype=np.int32)[::-1], count)
    words = np.arange(2 * (base + 4), dtype=np.int64).reshape(-1, 2) * 7 - 30
    said = [  # whether it is narrow, its column, operation, word of the text
        (False, 1, AS_IT_IS, 0), (False, 1, LAST_IF_NULL, 0), (False, 1, HEAD, 0), (True, 1, AS_IT_IS, 0),
        (True, 1, LAST_IF_NULL, 0), (True, 1, HEAD, 0), (True, 0, TEXT, 0), (True, 0, TEXT, 1),
        (False, 1, UNSIGNED, 0), (False, 1, UNSIGNED_LAST_IF_NULL, 0),
    ]  # fmt: skip
    is_narrow, places, operations, text_word = (np.array(column) for column in zip(*said, strict=True))
    keys = np.full((len(said), count), 5, dtype=np.int64)
    bases = np.full(len(said), base, dtype=np.int64)
    are_there = kernels.write_keys(wide, narrow, rows, is_narrow, places, operations, words, bases, text_word, keys)
    assert are_there == all(registers[row][2] < 3 for row in rows)
    if are_there:
        for place, row in enumerate(rows):
            large, small, code = registers[row]
            small = NULL if small == NARROW_NULL else small
            last = 2**63 - 1
            assert keys[:, place].tolist() == [
                large,
                last if large == NULL else large,
                last if large == NULL else head_of(large),
                small,
                last if small == NULL else small,
                last if small == NULL else head_of(small),
                *words[base + max(code, -1) + 1].tolist(),
                large % 2**64 - 2**63,
                last if large == NULL else large % 2**64 - 2**63,
            ]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=12), st.randoms())
@example([(0, 0), (0, 0), (1, 1), (2, 2), (2, 2)], None)
@example([(0, 0), (0, 1), (0, 1), (1, 1)], None)
def test_find_ties(keys: list[tuple[int, int]], chance: Random | None) -> None:
    rows = list(range(len(keys)))
    if chance is not None:
        chance.shuffle(rows)
    order = sorted(rows, key=keys.__getitem__)
    places, runs = np.full(len(keys), -1, dtype=np.int32), np.full(len(keys), -1, dtype=np.int32)
    words = np.array(keys, dtype=np.int64).reshape(-1, 2).T.copy()
    count = kernels.find_ties(words, np.array(order, dtype=np.int32), places, runs)
    expected: list[tuple[int, int]] = []
    run = 0
    for _, equal in groupby(range(len(order)), lambda place: keys[order[place]]):
        those = list(equal)
        if len(those) > 1:
            expected += [(place, run) for place in those]
            run += 1
    assert list(zip(places[:count].tolist(), runs[:count].tolist(), strict=True)) == expected


@given(TEXTS)
@example([b"abcdefgh" + bytes([k % 7]) for k in range(37)])
@example([bytes([255 - k]) for k in range(33)])
def test_order_texts(texts: list[bytes]) -> None:
    words = np.zeros(len(texts), dtype=np.uint64)
    order, spare = np.zeros(len(texts), dtype=np.int32), np.zeros(len(texts), dtype=np.int32)
    kernels.order_texts(*joined(texts), words, order, spare)
    assert order.tolist() == sorted(range(len(texts)), key=texts.__getitem__)
    assert words.tolist() == [word_of(text, 0) + 2**63 for text in texts]
