"""The kernels of duplicates, against tables in plain Python: every place of a table, not only what is found in it."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from logpress.codecs.kernels_text import NULL
from logpress.engine.convert.kernels_duplicates import AT_A_TIME, find_repeats, refill, sorted_hashes
from logpress.engine.registers.kernels_codes import DROPPED

Entry = tuple[int, int, int]
FREE: Entry = (0, 0, 0)
PLACES = 48

HALVES = st.sampled_from([0, 1, 2, 2**31, 2**32 - 1])
FIRST_WORDS = st.one_of(st.builds(lambda high, low: high << 32 | low, HALVES, HALVES), st.integers(0, 2**64 - 1))
SECOND_WORDS = st.sampled_from([0, 1, 2, 2**32 - 1, 2**32, 2**33, 2**32 | 1])


def put(table: list[Entry], entry: Entry) -> bool:
    """Put an entry where its upper half belongs, or the next free place behind that; whether it was there."""
    at = entry[0] * len(table) >> 32
    while table[at] not in (FREE, entry):
        at = (at + 1) % len(table)
    found = table[at] == entry
    table[at] = entry
    return found


def entry_of(one: int, two: int) -> Entry:
    return one >> 32, one & 0xFFFFFFFF, two & 0xFFFFFFFF


def as_array(table: list[Entry]) -> np.ndarray:
    return np.array(table, dtype=np.uint32).reshape(-1, 3)


ROWS = st.tuples(
    st.tuples(FIRST_WORDS, SECOND_WORDS),
    st.sampled_from([0, 1, 1 << 40, DROPPED, -1]),
    st.sampled_from([int(NULL), -86_401, -86_400, -1, 0, 86_399, 86_400, 172_799, 172_800]),
)


@given(st.lists(ROWS, max_size=40), st.integers(-1, 1), st.booleans())
@example([((number << 56, 1), 0, 0) for number in (*range(AT_A_TIME + 1), 0, AT_A_TIME)], 0, False)
@example([((0, 0), 0, 0), ((0, 1), 0, 0), ((0, 2), 0, 0), ((0, 2), 0, 0)], 0, False)
@example([((2**64 - 1, number), 0, 0) for number in (1, 2, 3, 1, 2, 3)], 0, False)
def test_find_repeats(rows: list[tuple[tuple[int, int], int, int]], day: int, take_unknown: bool) -> None:
    words = np.array([words for words, _, _ in rows], dtype=np.uint64).reshape(-1, 2).T.copy()
    states = np.array([state for _, state, _ in rows], dtype=np.int64)
    days = np.array([instant for _, _, instant in rows], dtype=np.int64)
    table, known, repeats = as_array([FREE] * PLACES), np.array([7]), np.full(len(rows), -5)
    count, _ = find_repeats(states, words, days, 86_400, day, take_unknown, table, known, repeats)
    plain, taken, left = [FREE] * PLACES, [], 0
    for row, ((one, two), state, instant) in enumerate(rows):
        if state >= 0 and (take_unknown if instant == NULL else instant // 86_400 == day):
            entry = entry_of(one, two)
            if one == 0 and entry[2] == 0:
                entry = (0, 0, 1)
            if put(plain, entry):
                taken.append(row)
            else:
                left += 1
    assert repeats.tolist() == taken + [-5] * (len(rows) - len(taken))
    assert count == len(taken)
    assert states.tolist() == [DROPPED if row in taken else state for row, (_, state, _) in enumerate(rows)]
    assert (list(map(tuple, table.tolist())), known[0]) == (plain, 7 + left)


ENTRIES = st.lists(st.builds(entry_of, FIRST_WORDS, SECOND_WORDS).filter(FREE.__ne__), max_size=30, unique=True)


@given(ENTRIES, st.integers(1, 9), st.integers(1, 40))
@example([(0, 0, 1), (0, 1, 0), (1, 0, 0), (2**32 - 1, 0, 0), (2**32 - 1, 0, 1)], 1, 1)
def test_refill(entries: list[Entry], spare: int, more: int) -> None:
    old = [FREE] * (len(entries) + spare)
    for entry in entries:
        put(old, entry)
    plain = [FREE] * (len(entries) + more)
    for entry in old:
        if entry != FREE:
            put(plain, entry)
    table = as_array([FREE] * len(plain))
    refill(as_array(old), table)
    assert list(map(tuple, table.tolist())) == plain


@given(ENTRIES, st.integers(1, 9))
@example([(2**32 - 1, low, 0) for low in (5, 3, 4)], 1)
@example([(2**32 - 1, 0, third) for third in (5, 3, 4)] + [(0, 0, 9), (0, 1, 0)], 1)
def test_sorted_hashes(entries: list[Entry], spare: int) -> None:
    """Places of the table's end are wrapped around, and equal first halves are as many as they are."""
    table = [FREE] * (len(entries) + spare)
    for entry in entries:
        put(table, entry)
    out = np.full(len(entries) + 2, 77, dtype=np.uint64)
    count = sorted_hashes(as_array(table), out)
    assert (count, out.tolist()) == (len(entries), [*sorted(one << 32 | two for one, two, _ in entries), 77, 77])
