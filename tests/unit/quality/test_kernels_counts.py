"""Kernels that count values, codes, bins and hours, against plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logpress.quality.profile import kernels_counts as kernels
from logpress.quality.profile.bins import bin_bounds, quantile
from logpress.quality.profile.kernels_counts import HIGH, LAST_BIN, LEVEL, LOW, MOST, SLOTS, USED

LEAST, LARGEST = -(2**63), 2**63 - 1
WORD = 2**64
ANY = st.one_of(
    st.integers(-9, 9), st.sampled_from([LEAST, LEAST + 1, LARGEST, LARGEST - 1]), st.integers(LEAST, LARGEST)
)
HOUR = 3_600_000_000
NONE = np.empty(0, dtype=np.int64)
NO_FLAGS = np.empty(0, dtype=np.bool_)


# -- the table of values


def mixed(value: int) -> int:
    """The finalizer of MurmurHash3, from its description."""
    word = value % WORD
    for multiplier in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        word = (word ^ word >> 33) * multiplier % WORD
    return word ^ word >> 33


def zeros(word: int) -> int:
    """The zero bits that a hash ends in."""
    return 64 if word == 0 else (word & -word).bit_length() - 1


class Table:
    """A table as the kernels keep it."""

    def __init__(self) -> None:
        self.values = np.full(SLOTS, 7, dtype=np.int64)  # what stands in free places means nothing
        self.rows = np.zeros(SLOTS, dtype=np.int64)
        self.state = np.zeros(2, dtype=np.int64)
        self.spare = np.empty(MOST + 1, dtype=np.int64), np.empty(MOST + 1, dtype=np.int64)

    def add(self, new: Sequence[int], missing: Sequence[bool] = (), weights: Sequence[int] = ()) -> None:
        flags, numbers = np.array(missing, dtype=np.bool_), np.array(weights, dtype=np.int64)
        kernels.count_values(
            np.array(new, dtype=np.int64), flags, numbers, self.values, self.rows, self.state, *self.spare
        )

    def raise_level(self, level: int) -> None:
        kernels.raise_level(self.values, self.rows, self.state, level, *self.spare)

    @property
    def counted(self) -> dict[int, int]:
        used = self.rows != 0
        values = self.values[used].tolist()
        assert len(set(values)) == len(values) == self.state[USED]
        return dict(zip(values, self.rows[used].tolist(), strict=True))


def kept(counts: Counter[int], least: int = 0) -> tuple[int, dict[int, int]]:
    """The level of a table that has seen such values, and what it keeps: the lowest level at which MOST is enough."""
    level = least
    while True:
        found = {value: rows for value, rows in counts.items() if rows and zeros(mixed(value)) >= level}
        if len(found) <= MOST:
            return level, found
        level += 1


NEW = st.lists(st.tuples(ANY, st.booleans(), st.integers(0, 9)), max_size=40)


@given(st.lists(NEW, max_size=4), st.booleans(), st.booleans())
@example([[(0, False, 0), (0, False, 3)]], False, True)
@example([[(5, False, 1), (5, True, 1), (6, True, 1), (6, False, 1)]], True, False)
@example([[(LEAST, False, 1), (LARGEST, False, 1), (0, False, 1), (-1, False, 1)]], False, False)
def test_count_values(pieces: list[list[tuple[int, bool, int]]], has_missing: bool, has_weights: bool) -> None:
    table, counts = Table(), Counter[int]()
    for piece in pieces:
        table.add(
            [value for value, _, _ in piece],
            [missing for _, missing, _ in piece] if has_missing else (),
            [weight for _, _, weight in piece] if has_weights else (),
        )
        for value, missing, weight in piece:
            if not (has_missing and missing):
                counts[value] += weight if has_weights else 1
    assert table.counted == {value: rows for value, rows in counts.items() if rows}
    assert table.state[LEVEL] == 0


@given(
    st.integers(0, 2**32),
    st.integers(1, 5 * MOST),
    st.integers(1, 3),
    st.sampled_from(["in a row", "spread", "twice", "random"]),
)
def test_a_table_keeps_the_values_of_its_level_with_all_their_rows(seed: int, size: int, pieces: int, how: str) -> None:
    rng = np.random.default_rng(seed)
    if how == "in a row":
        values = np.arange(size, dtype=np.int64) - size // 2
    elif how == "spread":
        values = (np.arange(size, dtype=np.int64) * 86_400_000_000) % LARGEST
    elif how == "twice":
        values = np.repeat(rng.integers(LEAST, LARGEST, -(-size // 2)), 2)
    else:
        values = rng.zipf(1.3, size) % LARGEST
    missing, weights = rng.random(len(values)) < 0.1, rng.integers(0, 4, len(values))
    table, counts = Table(), Counter[int]()
    for flags, piece, rows in zip(*(np.array_split(part, pieces) for part in (missing, values, weights)), strict=True):
        table.add(piece, flags, rows)
        for value, is_missing, weight in zip(piece.tolist(), flags.tolist(), rows.tolist(), strict=True):
            if not is_missing and weight:
                counts[value] += weight
    assert (table.state[LEVEL], table.counted) == kept(counts)


@given(st.sets(ANY, max_size=60), st.lists(st.integers(0, 64 - 2), max_size=4))
@example({0}, [62])
def test_raise_level(values: set[int], levels: list[int]) -> None:
    table, counts = Table(), Counter({value: abs(value) % 5 + 1 for value in values})
    table.add(list(counts), (), list(counts.values()))
    reached = 0
    for level in levels:
        table.raise_level(level)
        reached = max(reached, level)
        assert (table.state[LEVEL], table.counted) == kept(counts, reached)


@pytest.mark.parametrize("level", [0, 1])
def test_a_full_table_rises_by_as_many_levels_as_it_takes(level: int) -> None:
    """The values that all share a level leave together."""
    found = [value for value in range(40 * MOST) if zeros(mixed(value)) >= 2][: MOST + 1]
    table = Table()
    table.raise_level(level)
    table.add(found)
    assert (table.state[LEVEL], table.counted) == kept(Counter(found))
    assert table.state[LEVEL] == 3


@given(
    st.lists(st.tuples(st.sampled_from([-(2**31), -1, 0, 1, 2, 3, 2**31 - 1]), st.booleans()), max_size=40),
    st.integers(0, 3), st.booleans(),
)  # fmt: skip
@example([(0, False)], 0, False)
def test_count_codes(codes: list[tuple[int, bool]], known: int, has_missing: bool) -> None:
    rows = np.full(known + 2, 5, dtype=np.int64)
    flags = np.array([missing for _, missing in codes], dtype=np.bool_) if has_missing else NO_FLAGS
    bad = kernels.count_codes(np.array([code for code, _ in codes], dtype=np.int32), flags, rows[1 : known + 1])
    there = [code for code, missing in codes if not (has_missing and missing)]
    assert bad == sum(not 0 <= code < known for code in there)
    assert rows.tolist() == [5, *(5 + there.count(code) for code in range(known)), 5]


# -- bins


def bin_of(value: int) -> int:
    """From the definition: 4 bins in each power of 2, and smaller numbers by themselves."""
    magnitude = abs(value)
    if magnitude < 4:
        found = magnitude
    else:
        power = magnitude.bit_length() - 1
        found = min(4 * (power - 1) + int(4 * Fraction(magnitude, 2**power)) - 4, LAST_BIN)
    return -found if value < 0 else found


BORDERS = sorted(
    {
        sign * (2**power * quarter // 4 + away)
        for power in range(63) for quarter in (4, 5, 6, 7) for away in (-1, 0, 1) for sign in (1, -1)
    } | {LEAST, LEAST + 1, LARGEST, LARGEST - 1}
)  # fmt: skip


def binned(numbers: Sequence[int], subtract_from: Sequence[int] = ()) -> dict[int, int]:
    bins, found = np.zeros(2 * LAST_BIN + 1, dtype=np.int64), np.array([LARGEST, LEAST], dtype=np.int64)
    kernels.bin_numbers(
        np.array(numbers, dtype=np.int64), NO_FLAGS, np.array(subtract_from, dtype=np.int64), bins, found
    )
    return {place - LAST_BIN: int(bins[place]) for place in np.flatnonzero(bins).tolist()}


def test_bins_at_their_borders() -> None:
    assert {number: binned([number]) for number in BORDERS} == {number: {bin_of(number): 1} for number in BORDERS}


@given(ANY)
def test_bounds_are_the_reverse_of_bins(number: int) -> None:
    (found,) = binned([number])
    low, high = bin_bounds(found)
    assert bin_bounds(-found) == ((-low, -high) if found else (low, high))
    if abs(number) < 2**53:  # bounds are doubles
        assert abs(low) <= abs(number) < abs(high)
    assert abs(low) <= abs(number) <= abs(high)
    assert abs(high - low) <= max(1.0, abs(low) / 4)


def test_bins_follow_each_other_without_gaps() -> None:
    for number in range(LAST_BIN):
        assert bin_bounds(number)[1] == bin_bounds(number + 1)[0]
        assert bin_bounds(-number - 1)[0] == -bin_bounds(number + 1)[0]
    assert bin_bounds(LAST_BIN)[1] == 2.0**63


@given(st.lists(st.tuples(ANY, st.booleans(), ANY), max_size=20), st.booleans(), st.booleans(), ANY, ANY)
@example([(LEAST, False, LARGEST)], False, True, LARGEST, LEAST)
@example([(LARGEST, False, LEAST)], False, True, LARGEST, LEAST)
@example([(1, False, LEAST + 1)], False, True, LARGEST, LEAST)
def test_bin_numbers(rows: list[tuple[int, bool, int]], has_missing: bool, is_lag: bool, low: int, high: int) -> None:
    bins, found = np.full(2 * LAST_BIN + 1, 3, dtype=np.int64), np.array([low, high], dtype=np.int64)
    kernels.bin_numbers(
        np.array([number for number, _, _ in rows], dtype=np.int64),
        np.array([missing for _, missing, _ in rows], dtype=np.bool_) if has_missing else NO_FLAGS,
        np.array([behind for _, _, behind in rows], dtype=np.int64) if is_lag else NONE,
        bins,
        found,
    )
    there = [(number, behind) for number, missing, behind in rows if not (has_missing and missing)]
    counted = Counter[int]()
    for number, behind in there:
        if not is_lag:
            counted[bin_of(number)] += 1
        elif behind != LEAST:
            counted[bin_of((behind - number + 2**63) % WORD - 2**63)] += 1  # modulo 2^64
    assert {place - LAST_BIN: int(n) - 3 for place, n in enumerate(bins) if n != 3} == counted
    assert found[LOW] == min([low, *(number for number, _ in there)])
    assert found[HIGH] == max([high, *(number for number, _ in there)])


@given(st.lists(st.tuples(ANY, st.booleans()), max_size=20), st.booleans())
@example([(at, False) for at in (LEAST, LARGEST, -1, 0, HOUR - 1, HOUR, -HOUR, -HOUR - 1, 24 * HOUR)], False)
def test_count_hours(instants: list[tuple[int, bool]], has_missing: bool) -> None:
    hours = np.full(24, 2, dtype=np.int64)
    flags = np.array([missing for _, missing in instants], dtype=np.bool_) if has_missing else NO_FLAGS
    kernels.count_hours(np.array([at for at, _ in instants], dtype=np.int64), flags, hours)
    there = Counter(at // HOUR % 24 for at, missing in instants if not (has_missing and missing))
    assert hours.tolist() == [2 + there[hour] for hour in range(24)]


# -- quantiles of bins


@given(
    st.one_of(
        st.lists(ANY, min_size=1, max_size=200),
        st.lists(st.integers(-3_000, 3_000), min_size=1, max_size=200),
        st.lists(st.sampled_from([-2_000, 1_024, 1_279, 1_280, 5]), min_size=1, max_size=200),
    ),
    st.one_of(st.sampled_from([0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0]), st.floats(0, 1)),
)
@example([1_024] * 9 + [5_000], 0.9)
@example([-1_279] * 9, 0.5)
@example([LEAST, LARGEST], 1.0)
def test_quantiles_are_within_an_eighth_of_the_number(numbers: list[int], share: float) -> None:
    ordered = sorted(numbers)
    wanted = share * len(ordered)
    true = next(number for place, number in enumerate(ordered, 1) if place >= wanted)
    found = quantile(binned(numbers), share)
    assert abs(found - true) <= 0.125 * abs(true)
