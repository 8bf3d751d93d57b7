"""Kernels of a row group, against plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.twins import joined

from logpress.codecs import kernels_text, nulls
from logpress.engine.order import kernels_sort
from logpress.engine.registers import kernels_rows, kernels_texts
from logpress.engine.registers.kernels_codes import DROPPED, FAILED, IRREGULAR, MISSED
from logpress.engine.row_group import kernels_dictionary
from logpress.engine.row_group import kernels_row_group as kernels
from logpress.hashing import kernels_multiset, kernels_tables
from logpress.hashing.kernels_hash import hash64

NULL, NARROW_NULL = int(kernels_text.NULL), int(nulls.NARROW_NULL)
WORDS = st.integers(0, 2**64 - 1)
TEXTS = st.lists(st.one_of(st.sampled_from([b"", b"a", b"b", b"same", b"sane"]), st.binary(max_size=40)), max_size=14)
SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.one_of(st.integers(0, 5), st.sampled_from([63, 64, 65, 128, 130]))


@given(WORDS, WORDS, st.lists(st.tuples(WORDS, WORDS), max_size=5))
@example(2**64 - 1, 2**64 - 1, [(1, 0)])
@example(5, 0, [(2**64 - 1, 0), (0, 3)])
def test_add_hash(low: int, high: int, hashes: list[tuple[int, int]]) -> None:
    totals = np.array([low, high], dtype=np.uint64)
    for one, two in hashes:
        kernels_multiset.add_hash(totals, np.uint64(one), np.uint64(two))
    total = low + (high << 64) + sum(one + (two << 64) for one, two in hashes)
    assert int(totals[0]) + (int(totals[1]) << 64) == total % 2**128


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=4))
def test_sizes_of_entries(lengths: list[list[int]]) -> None:
    starts = np.full((len(lengths), 5), 100, dtype=np.int64)
    ends = np.full((len(lengths), 5), 900, dtype=np.int64)
    for number, those in enumerate(lengths):
        starts[number, : len(those)] = [7 * k for k in range(len(those))]
        ends[number, : len(those)] = [7 * k + length for k, length in enumerate(those)]
    sizes = np.full(len(lengths), -1, dtype=np.int64)
    kernels_dictionary.sizes_of_entries(
        starts, ends, np.array([len(those) for those in lengths], dtype=np.int64), sizes
    )
    assert sizes.tolist() == [sum(those) for those in lengths]


@given(TEXTS.filter(bool), st.data())
def test_size_of_texts(texts: list[bytes], data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(-2, len(texts) - 1)))
    size = kernels_texts.size_of_texts(np.array(codes, dtype=np.int64), joined(texts)[1])
    assert size == sum(len(texts[code]) for code in codes if code >= 0)


class Dictionary:
    """A row group's dictionary: the arrays of the kernel, and what they should hold."""

    def __init__(self, size: int) -> None:
        self.table = np.full(size, -1, dtype=np.int32)
        self.data = np.zeros(4096, dtype=np.uint8)
        self.offsets = np.zeros(size + 1, dtype=np.int64)
        self.hashes = np.zeros(size, dtype=np.uint64)
        self.kinds = np.zeros(size, dtype=np.uint8)
        self.texts: list[bytes] = []

    def merge(self, block: list[bytes], hashes: list[int], kinds: list[int]) -> list[int]:
        buffer, offsets = joined([b"before", *block])
        numbers = np.full(len(block) + 1, -7, dtype=np.int64)
        known = kernels_dictionary.merge_entries(
            buffer, offsets[1:-1], offsets[2:], np.array(hashes, dtype=np.uint64), np.array(kinds, dtype=np.uint8),
            len(block), self.table, self.data, self.offsets, self.hashes, self.kinds, len(self.texts), numbers,
        )  # fmt: skip
        self.texts += [text for text in dict.fromkeys(block) if text not in self.texts]
        assert known == len(self.texts)
        assert numbers[-1] == -7
        return numbers[:-1].tolist()

    def held(self) -> list[bytes]:
        ends = self.offsets.tolist()
        return [self.data[ends[k] : ends[k + 1]].tobytes() for k in range(len(self.texts))]


@given(TEXTS, TEXTS, st.sampled_from([1, 2, 2**64]))
def test_merge_entries(one: list[bytes], other: list[bytes], hashes: int) -> None:
    """With one or two hashes for all texts, only their bytes tell them apart."""
    dictionary = Dictionary(64)
    for block in (list(dict.fromkeys(one)), list(dict.fromkeys(other))):
        words = [int.from_bytes(text[:8], "big") * 0x9E3779B97F4A7C15 % hashes for text in block]
        numbers = dictionary.merge(block, words, [len(text) % 7 for text in block])
        assert numbers == [dictionary.texts.index(text) for text in block]
        assert dictionary.held() == dictionary.texts
        assert dictionary.kinds[: len(dictionary.texts)].tolist() == [len(text) % 7 for text in dictionary.texts]


@given(TEXTS, st.binary(max_size=40))
def test_find_number_and_rebuild_table(texts: list[bytes], other: bytes) -> None:
    texts = list(dict.fromkeys(texts))
    dictionary = Dictionary(32)
    words = [int(hash64(*whole(text))) for text in texts]
    dictionary.merge(texts, words, [0] * len(texts))
    larger = np.full(64, -1, dtype=np.int32)
    kernels_tables.rebuild_table(larger, dictionary.hashes, len(texts))
    for table in (dictionary.table, larger):
        assert sorted(table[table >= 0].tolist()) == list(range(len(texts)))
        for text in [*texts, other, b"a", b"absent"]:
            buffer, _, length = whole(text)
            found = kernels_dictionary.find_number(
                buffer, length, table, dictionary.data, dictionary.offsets, dictionary.hashes
            )  # fmt: skip
            assert found == (texts.index(text) if text in texts else -1)


def whole(text: bytes) -> tuple[NDArray[np.uint8], int, int]:
    return joined([text])[0], 0, len(text)


@given(st.lists(st.integers(0, 40), max_size=16))
@example([15, 15, 15, 0])
@example([14, 15, 14, 31, 0])
def test_rebuild_table_takes_the_next_free_place(hashes: list[int]) -> None:
    table = np.full(32, -1, dtype=np.int32)
    kernels_tables.rebuild_table(table, np.array([*hashes, 3], dtype=np.uint64), len(hashes))
    expected = [-1] * 32
    for number, word in enumerate(hashes):
        expected[next(at % 32 for at in range(word, word + 32) if expected[at % 32] < 0)] = number
    assert table.tolist() == expected


@given(st.lists(st.lists(st.integers(0, 2**63), max_size=8), max_size=4))
@example([[15, 15, 15], [0], [14, 15, 15, 0]])
def test_empty_tables(hashes: list[list[int]]) -> None:
    tables = np.full((len(hashes), 16), -1, dtype=np.int32)
    words = np.zeros((len(hashes), 8), dtype=np.uint64)
    counts = np.array([len(those) for those in hashes], dtype=np.int64)
    for number, those in enumerate(hashes):
        words[number, : len(those)] = those
        kernels_tables.rebuild_table(tables[number], words[number], len(those))
    kernels_tables.empty_tables(tables, words, counts)
    assert (tables == -1).all()
    assert (counts == 0).all()


ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 3, IRREGULAR, MISSED, FAILED, DROPPED]),
        st.one_of(st.integers(-100, 300), st.just(NULL), st.sampled_from([0, -1, 99, 100, 199, 200])),
        st.integers(0, 5), WORDS, WORDS,
    ),
    max_size=12,
)  # fmt: skip


@given(ROWS, st.integers(0, 3), st.integers(0, 12), st.booleans(), st.integers(-1, 2))
@example(
    [(0, 100, 5, 1, 2), (0, 199, 4, 3, 4), (0, 200, 3, 5, 6), (-1, 100, 1, 1, 1), (0, NULL, 2, 7, 8)], 0, 2, True, 1
)
def test_choose_rows(rows: list[tuple[int, ...]], first: int, room: int, take_unknown: bool, day: int) -> None:
    first = min(first, len(rows))
    states, days, lengths, ones, twos = (
        np.array([row[k] for row in rows], dtype=np.int64 if k < 3 else np.uint64) for k in range(5)
    )
    starts = np.arange(len(rows), dtype=np.int64) * 10
    totals, digest = np.array([5, 6, 7], dtype=np.int64), np.array([2**64 - 1, 1], dtype=np.uint64)
    places = np.full(len(rows), -1, dtype=np.int64)
    found = kernels.choose_rows(
        first, room, starts, starts + lengths, states, np.stack([ones, twos]), days, 100, day, take_unknown, totals,
        digest, places,
    )  # fmt: skip
    taken: list[int] = []
    others = 0
    row = first
    while row < len(rows):
        state, instant = rows[row][:2]
        if state >= 0:
            if not (take_unknown if instant == NULL else instant // 100 == day):
                others += 1
            elif len(taken) == room:
                break
            else:
                taken.append(row)
        row += 1
    assert found == (row, len(taken))
    assert places[: len(taken)].tolist() == taken
    assert totals.tolist() == [5 + len(taken), 6 + others, 7 + sum(rows[k][2] for k in taken)]
    total = 2**64 - 1 + (1 << 64) + sum(rows[k][3] + (rows[k][4] << 64) for k in taken)
    assert int(digest[0]) + (int(digest[1]) << 64) == total % 2**128


@given(COUNTS, SEEDS, st.integers(0, 3))
@example(130, 1, 2)
def test_append_rows(count: int, seed: int, at: int) -> None:
    """Registers: 0 the layout, 1 and 4 texts of two dictionaries, 2 narrow, 3 and 5 wide."""
    random = np.random.default_rng(seed)
    rows = count + 4
    regs = random.integers(-(2**31) + 1, 2**31, (6, rows))
    regs[[3, 5]] = random.integers(-(2**63), 2**63 - 1, (2, rows))
    regs[[1, 4]] = random.integers(0, 5, (2, rows))
    regs[random.random((6, rows)) < 0.2] = NULL
    states = random.choice([0, 1, 2, IRREGULAR], rows)
    layout_of = random.integers(0, 2**20, 3)
    numbers = random.integers(0, 2**31 - 1, (2, 5))
    dictionary_of = np.array([-1, 1, -1, -1, 0, -1])
    is_narrow = np.array([True, True, True, False, True, False])
    place_of = np.array([0, 1, 2, 0, 3, 1])
    places = random.choice(rows, count, replace=False)
    wide = np.full((count + 5, 2), 77, dtype=np.int64)
    narrow = np.full((count + 5, 4), 77, dtype=np.int32)
    kernels_rows.append_rows(
        regs, states, layout_of, places, count, numbers, dictionary_of, is_narrow, place_of, wide, narrow, at
    )
    for k, row in enumerate(places):
        one, two, value, three = (int(regs[register, row]) for register in (1, 2, 2, 4))
        assert narrow[at + k].tolist() == [
            NARROW_NULL if states[row] == IRREGULAR else layout_of[states[row]],
            NARROW_NULL if one == NULL else numbers[1, one],
            NARROW_NULL if two == NULL else value,
            NARROW_NULL if three == NULL else numbers[0, three],
        ]
        assert wide[at + k].tolist() == [regs[3, row], regs[5, row]]
    for rest in (wide, narrow):
        assert (rest[:at] == 77).all()
        assert (rest[at + count :] == 77).all()


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
@given(
    st.one_of(st.integers(0, 4), st.sampled_from([31, 32, 33, 70, 300])), SEEDS,
    st.sampled_from([1, 2, 11, 12, 13, 22, 23, 31, 33, 44, 45, 63, 64]),
)  # fmt: skip
@example(300, 7, 64)
@example(0, 7, 64)
def test_radix_order(dtype: type, count: int, seed: int, bits: int) -> None:
    random = np.random.default_rng(seed)
    bits = min(bits, np.iinfo(dtype).bits)
    keys = random.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, count, dtype=dtype, endpoint=True)
    keys[random.random(count) < 0.3] = keys[0] if count else 0
    order = random.permutation(count).astype(np.int32)
    expected = sorted(order.tolist(), key=keys.tolist().__getitem__)
    counts = np.full(1 << kernels_sort.DIGIT_BITS, 5, dtype=np.int64)
    kernels_sort.radix_order(keys, order, np.full(count, -1, dtype=np.int32), counts)
    assert order.tolist() == expected
