"""Kernels between registers and stored columns, against plain Python.

Each test bears the name of its kernel, because `tests/mutants/run.py` runs the test of a broken kernel first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.twins import joined, wrapped

from logpress.codecs import (
    kernels_instant_columns,
    kernels_kinesis_columns,
    kernels_lookup_columns,
    kernels_registers,
    kernels_text,
    nulls,
)
from logpress.engine.part import kernels_columns as kernels
from logpress.engine.registers import kernels_rows, kernels_texts
from logpress.engine.restore import kernels_buckets

NULL, NARROW_NULL = int(kernels_text.NULL), int(nulls.NARROW_NULL)

NUMBERS = st.one_of(
    st.just(NULL), st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1), st.sampled_from([NULL + 1, 2**63 - 1])
)
NARROW = st.one_of(st.integers(-3, 3), st.integers(-(2**31), 2**31 - 1))
COUNTS = st.one_of(st.integers(0, 5), st.sampled_from([16, 17, 63, 64, 65, 128, 130]))
SEEDS = st.integers(0, 2**32 - 1)
SHORT = [
    b"",
    b"a",
    b"/",
    b"x/y",
    "\u00e9".encode(),
    "/\uac12".encode(),
    b"\x7f",
    b"\x80",
    b"no slash, no letters of others",
]


def int64s(values: list[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def int32s(values: list[int]) -> NDArray[np.int32]:
    return np.array(values, dtype=np.int32)


def drawn(seed: int, shape: tuple[int, ...], dtype: type = np.int64) -> NDArray[np.int64]:
    """Numbers of all sizes; one in five is NULL, as registers of that width say it."""
    random = np.random.default_rng(seed)
    kind = np.iinfo(dtype)
    values = random.integers(kind.min, kind.max, shape, dtype=dtype, endpoint=True)
    values >>= random.integers(0, kind.bits, shape).astype(dtype)
    values[random.random(shape) < 0.2] = NULL if dtype is np.int64 else NARROW_NULL
    return values


# ------------------------------------------------------------------------------------------------ rows and columns


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
@given(COUNTS, st.integers(1, 4), SEEDS)
def test_gather_and_take_rows(dtype: type, count: int, width: int, seed: int) -> None:
    rows = drawn(seed, (count + 3, width), dtype)
    order = np.random.default_rng(seed).integers(0, count + 3, count).astype(np.int32)
    columns: np.ndarray = np.zeros((width, count), dtype=dtype)
    taken: np.ndarray = np.zeros((count, width), dtype=dtype)
    kernels_rows.gather(rows, order, columns)
    kernels_rows.take_rows(rows, order, taken)
    expected = [rows.tolist()[row] for row in order]
    assert taken.tolist() == expected
    assert columns.T.tolist() == expected


@given(st.lists(st.tuples(*[st.integers(-(2**31), 50)] * 3), max_size=8), st.data())
def test_shift_codes(rows: list[tuple[int, ...]], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(rows)))
    last = data.draw(st.integers(first, len(rows)))
    bases = {2: data.draw(st.integers(0, 9)), 0: data.draw(st.integers(0, 9))}
    found = np.array([*rows, (0, 0, 0)], dtype=np.int32)
    kernels_rows.shift_codes(found, first, last, int64s(list(bases)), int64s(list(bases.values())))
    expected = [
        [code + bases.get(k, 0) if code >= 0 and first <= i < last else code for k, code in enumerate(row)]
        for i, row in enumerate([*rows, (0, 0, 0)])
    ]
    assert found.tolist() == expected


@given(st.lists(NUMBERS, max_size=20), st.one_of(st.integers(1, 12), st.sampled_from([1000, 2**40, 3 * 2**30])))
@example([2**63 - 1], 2)
@example([NULL + 1, 2**63 - 1, 3], 3)
def test_divide_exactly_refuses_any_rest(values: list[int], divisor: int) -> None:
    found = int64s(values)
    is_exact = all(value == NULL or value % divisor == 0 for value in values)
    assert kernels_instant_columns.divide_exactly(found, divisor) == is_exact
    if is_exact:
        assert found.tolist() == [value if value == NULL else value // divisor for value in values]


@pytest.mark.parametrize("divisor", [1, 2, 3, 7, 12, 999, 1000, 10**6, 10**9, 3 * 2**30, 2**40, 2**62, 2**63 - 1])
def test_divide_exactly_of_multiples_and_their_neighbours(divisor: int) -> None:
    most = (2**63 - 1) // divisor
    quotients = [q for q in (0, 1, 2, 5, most // 3, most // 2 + 1, most - 1, most) if q <= most]
    for quotient in [*quotients, *(-q for q in quotients)]:
        value = quotient * divisor
        found = int64s([value, NULL])
        assert kernels_instant_columns.divide_exactly(found, divisor)
        assert found.tolist() == [quotient, NULL]
        for other in (value - 1, value + 1, value + divisor // 2, value ^ 1 << 62):
            if -(2**63) < other < 2**63:
                assert kernels_instant_columns.divide_exactly(int64s([other]), divisor) == (other % divisor == 0)


@given(COUNTS, st.lists(st.booleans(), min_size=1, max_size=4), SEEDS, st.integers(0, 3))
def test_pack_rows_and_unpack_rows(count: int, is_narrow: list[bool], seed: int, at: int) -> None:
    columns = drawn(seed, (len(is_narrow), count + 2))
    for register, narrow in enumerate(is_narrow):
        if narrow:
            few = drawn(seed + register, (count + 2,), np.int32)
            columns[register] = np.where(few == NARROW_NULL, NULL, few)
    places = [is_narrow[:register].count(narrow) for register, narrow in enumerate(is_narrow)]
    wide = np.full((count + 5, is_narrow.count(False)), 77, dtype=np.int64)
    thin = np.full((count + 5, is_narrow.count(True)), 77, dtype=np.int32)
    kernels_rows.pack_rows(columns, count, np.array(is_narrow), int64s(places), wide, thin, at)
    for register, narrow in enumerate(is_narrow):
        stored = (thin if narrow else wide)[:, places[register]].tolist()
        said = [NARROW_NULL if narrow and value == NULL else value for value in columns[register, :count].tolist()]
        assert stored == [77] * at + said + [77] * (5 - at)
    order = np.random.default_rng(seed).permutation(count).astype(np.int32)
    back = np.full((len(is_narrow), count + 1), 5, dtype=np.int64)
    kernels_rows.unpack_rows(wide, thin, order + np.int32(at), np.array(is_narrow), int64s(places), back)
    assert back.tolist() == [[*columns[k, order].tolist(), 5] for k in range(len(is_narrow))]


@given(st.lists(st.tuples(*[st.integers(-2, 2)] * 3), max_size=20), st.lists(st.tuples(*[st.integers(-2, 2)] * 3)))
def test_choose_buckets(keys: list[tuple[int, ...]], splitters: list[tuple[int, ...]]) -> None:
    splitters = sorted(splitters)
    buckets = np.full(len(keys), -7, dtype=np.int32)
    kernels_buckets.choose_buckets(
        np.array(keys, dtype=np.int64).reshape(-1, 3).T.copy(),
        np.array(splitters, dtype=np.int64).reshape(-1, 3).T.copy(),
        buckets,
    )
    assert buckets.tolist() == [bisect_right(splitters, key) for key in keys]


# --------------------------------------------------------------------------------------------------------- numbers

LONGEST_US = 3 * 10**17


@given(st.lists(st.tuples(NUMBERS, st.integers(-(2**61), 2**61)), max_size=20), st.sampled_from([1, 2, 1000, 10**6]))
@example([(LONGEST_US - 1, 5), (LONGEST_US, 5), (-LONGEST_US, 5), (1 - LONGEST_US, 5)], 1)
@example([(LONGEST_US // 1000 - 1, 5), (LONGEST_US // 1000, 5), (-LONGEST_US // 1000, 5)], 1000)
def test_add_scaled(pairs: list[tuple[int, int]], factor: int) -> None:
    total = int64s([total for _, total in pairs])
    kernels_instant_columns.add_scaled(total, int64s([value for value, _ in pairs]), factor)
    limit = LONGEST_US // factor
    assert total.tolist() == [old + (value * factor if abs(value) < limit else 0) for value, old in pairs]


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20),
    st.sampled_from([1, 2, 1000, 10**6]), st.sampled_from([1, -1]), st.booleans(),
)  # fmt: skip
@example([(NULL, 5), (7, -5)], 2, 1, False)
@example([(NULL, 5), (7, -5)], 1, -1, True)
def test_less_predicted(pairs: list[tuple[int, int]], divisor: int, sign: int, is_own: bool) -> None:
    values = int64s([value for value, _ in pairs])
    predicted = int64s([value for _, value in pairs])
    out = values if is_own else np.full(len(pairs), 99, dtype=np.int64)
    kernels_instant_columns.less_predicted(values, predicted, divisor, sign, out)
    expected = [NULL if v == NULL else wrapped(v - sign * wrapped(p // divisor)) for v, p in pairs]
    assert out.tolist() == expected
    if not is_own:
        assert values.tolist() == [value for value, _ in pairs]


@given(st.lists(NUMBERS, max_size=40), st.integers(0, 12), st.sampled_from([32, 64]))
@example([5, 5, NULL, 5], 1, 32)
@example([5, 6], 1, 32)
@example([6, NULL, 5, 6], 2, 32)
@example(list(range(12)) * 2, 12, 32)
def test_number_few(values: list[int], most: int, size: int) -> None:
    table = np.full(size, -1, dtype=np.int32)
    distinct, count = np.zeros(most, dtype=np.int64), int64s([9])
    numbers = np.full(len(values), -9, dtype=np.int32)
    met = list(dict.fromkeys(value for value in values if value != NULL))
    are_few = kernels_kinesis_columns.number_few(int64s(values), table, distinct, count, numbers)
    assert are_few == (len(met) <= most)
    if are_few:
        assert count[0] == len(met)
        assert distinct[: len(met)].tolist() == met
        assert numbers.tolist() == [-1 if value == NULL else met.index(value) for value in values]


@given(st.lists(NUMBERS, max_size=20), st.integers(-(2**63), 2**63 - 1))
@example([255, 256, -1, -256, -257, NULL], 3)
def test_take_lowest_byte_and_put_above_lowest_byte(values: list[int], anything: int) -> None:
    high, low = int64s(values), np.zeros(len(values), dtype=np.int32)
    kernels_kinesis_columns.take_lowest_byte(high, low)
    assert low.tolist() == [NARROW_NULL if value == NULL else value % 256 for value in values]
    assert high.tolist() == [NULL if value == NULL else value // 256 for value in values]
    back = np.where(low == NARROW_NULL, NULL, low.astype(np.int64))
    kernels_kinesis_columns.put_above_lowest_byte(back, np.where(low == NARROW_NULL, anything, high))
    assert back.tolist() == values


@given(st.lists(NUMBERS, max_size=9), st.data())
def test_put_above_lowest_byte_of_any_numbers(low: list[int], data: st.DataObject) -> None:
    high = data.draw(st.lists(NUMBERS, min_size=len(low), max_size=len(low)))
    values = int64s(low)
    kernels_kinesis_columns.put_above_lowest_byte(values, int64s(high))
    expected = [
        NULL if part == NULL else wrapped(part + wrapped(256 * above)) for part, above in zip(low, high, strict=True)
    ]
    assert values.tolist() == expected


# -------------------------------------------------------------------------------------- numbers that files may forge


@given(st.lists(st.one_of(st.integers(0, 3), NUMBERS), max_size=12), st.lists(NUMBERS, min_size=3, max_size=4))
@example([0, NULL, 2], [7, 8, 9])
@example([3], [7, 8, 9])
@example([-1], [7, 8, 9])
def test_name_shards(shards: list[int], keys: list[int]) -> None:
    found, places = int64s(shards), np.full(len(shards), -5, dtype=np.int32)
    are_there = all(place == NULL or 0 <= place < len(keys) for place in shards)
    assert kernels_kinesis_columns.name_shards(found, int64s(keys), places) == are_there
    if are_there:
        assert found.tolist() == [NULL if place == NULL else keys[place] for place in shards]
        assert places.tolist() == [-1 if place == NULL else place for place in shards]


LIMITS = (2**56, 2**36, 2**63, 2**63)
"""Of creation second and shard, of arrival second, of the counter, and of the sub-sequence number."""

SEQUENCES = st.tuples(*(st.sampled_from([0, 1, limit - 1]) | st.integers(0, limit - 1) for limit in LIMITS))


@given(st.lists(SEQUENCES, max_size=9), st.lists(st.tuples(*[NUMBERS] * 4), max_size=2))
@example([], [(NULL, -1, -1, -1)])
def test_are_sequences(sound: list[tuple[int, ...]], more: list[tuple[int, ...]]) -> None:
    """As docs/format.md has it: numbers that are not negative, and have as many bits as the format has places."""
    rows = [*sound, *more]
    columns = [int64s([row[k] for row in rows]) for k in range(4)]
    expected = all(
        row[0] == NULL or all(0 <= part < limit for part, limit in zip(row, LIMITS, strict=True)) for row in rows
    )
    assert kernels_kinesis_columns.are_sequences(*columns) == expected


@pytest.mark.parametrize("place", range(4))
def test_are_sequences_at_the_limits_of_each_part(place: int) -> None:
    for part in (-1, 0, LIMITS[place] - 1, LIMITS[place]):
        row = [5, 6, 7, 8]
        row[place] = min(part, 2**63 - 1)
        found = kernels_kinesis_columns.are_sequences(*(int64s([1, number, 1]) for number in row))
        assert found == (0 <= row[place] < LIMITS[place])


USUALLY_NULL = st.one_of(st.just(NULL), st.just(NULL), NUMBERS)


@given(
    st.lists(st.tuples(USUALLY_NULL, *[st.one_of(st.integers(0, 3), NUMBERS)] * 2), max_size=8),
    st.lists(st.booleans(), min_size=3, max_size=4),
    st.lists(NUMBERS, min_size=2, max_size=3),
)  # fmt: skip
@example([(NULL, 1, 0), (NULL, 0, 1), (4, 1, 1), (NULL, NULL, 1), (NULL, 1, NULL)], [False, True], [8, 9])
@example([(NULL, 2, 1)], [False, True], [8, 9])
@example([(NULL, -1, 1)], [False, True], [8, 9])
@example([(NULL, 1, 2)], [False, True], [8, 9])
@example([(NULL, 1, -1)], [False, True], [8, 9])
@example([(3, 99, 99)], [False, True], [8, 9])
def test_follow_lookup(rows: list[tuple[int, int, int]], has_slot: list[bool], predicted: list[int]) -> None:
    codes, keys, layouts = (int64s([row[k] for row in rows]) for k in range(3))
    waiting = [code == NULL and key != NULL and layout != NULL for code, key, layout in rows]
    are_there = all(
        0 <= key < len(predicted) and 0 <= layout < len(has_slot)
        for waits, (_, key, layout) in zip(waiting, rows, strict=True) if waits
    )  # fmt: skip
    assert (
        kernels_lookup_columns.follow_lookup(codes, keys, layouts, np.array(has_slot), int64s(predicted)) == are_there
    )
    if are_there:
        expected = [
            predicted[key] if waits and has_slot[layout] else code
            for waits, (code, key, layout) in zip(waiting, rows, strict=True)
        ]
        assert codes.tolist() == expected


TIMES = st.one_of(st.integers(90, 140), NUMBERS)


@given(
    st.lists(st.tuples(st.integers(-2, 4), TIMES, NUMBERS), max_size=12),
    st.integers(0, 5),
    st.integers(1, 4),
    st.sampled_from([1, -1]),
)
@example([(0, 100, 5), (0, 103, 4), (1, 104, 3), (1, 107, 9), (-1, 0, 3)], 2, 2, 1)
@example([(2, 107, 5)], 2, 2, 1)
@example([(3, 100, 5)], 2, 2, 1)
@example([(0, 99, 5)], 2, 2, 1)
@example([(0, 108, 5)], 2, 2, 1)
@example([(1, 99, 5)], 2, 2, 1)
@example([(1, 108, 5)], 2, 2, 1)
def test_subtract_counters(rows: list[tuple[int, int, int]], shift: int, windows: int, sign: int) -> None:
    smallest = [10 * k - 3 for k in range(3 * windows)]
    shards = int32s([row[0] for row in rows])
    arrivals, counters = int64s([row[1] for row in rows]), int64s([row[2] for row in rows])
    expected: list[int] | None = []
    for shard, arrival, counter in rows:
        window = wrapped(arrival - 100) >> shift
        if shard >= 0 and not (0 <= window < windows and shard * windows + window < len(smallest)):
            expected = None
            break
        less = sign * smallest[shard * windows + window] if shard >= 0 else 0
        expected.append(wrapped(counter - less))
    found = kernels_kinesis_columns.subtract_counters(
        shards, arrivals, counters, 100, shift, windows, int64s(smallest), sign
    )
    assert found == (expected is not None)
    if expected is not None:
        assert counters.tolist() == expected


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 31), NUMBERS), max_size=30), st.integers(0, 5))
@example([(0, 0, 5), (0, 7, 4), (0, 8, 3), (2, 31, -9), (-1, 0, -8)], 3)
def test_smallest_counters(rows: list[tuple[int, int, int]], shift: int) -> None:
    windows = (31 >> shift) + 1
    expected = [2**63 - 1] * (3 * windows)
    for shard, second, counter in rows:
        if shard >= 0:
            place = shard * windows + (second >> shift)
            expected[place] = min(expected[place], counter)
    smallest = np.full(3 * windows, 2**63 - 1, dtype=np.int64)
    arrivals = int64s([1000 + row[1] for row in rows])
    counters = int64s([row[2] for row in rows])
    kernels_kinesis_columns.smallest_counters(
        int32s([row[0] for row in rows]), arrivals, counters, 1000, shift, windows, smallest
    )
    assert smallest.tolist() == expected


# ------------------------------------------------------------------------------------------------- codes of texts

CODES = st.lists(st.one_of(st.integers(-1, 5), st.just(NARROW_NULL)), max_size=20)


@given(CODES, st.lists(NARROW, min_size=6, max_size=6), st.booleans())
def test_map_codes(codes: list[int], numbers: list[int], is_own: bool) -> None:
    given_codes = int32s(codes)
    out = given_codes if is_own else np.full(len(codes), 99, dtype=np.int32)
    kernels.map_codes(given_codes, int32s([77, *numbers, 77])[1:-1], out)
    assert out.tolist() == [numbers[code] if code >= 0 else -1 for code in codes]


@given(CODES)
def test_count_codes(codes: list[int]) -> None:
    counts = np.full(7, 10, dtype=np.int64)
    kernels.count_codes(int32s(codes), counts)
    met = Counter(max(code, -1) for code in codes)
    assert counts.tolist() == [10 + met[code] for code in range(-1, 6)]


@given(CODES, st.lists(st.booleans(), min_size=6, max_size=6))
def test_find_rows(codes: list[int], marked: list[bool]) -> None:
    rows = np.zeros(len(codes), dtype=np.int64)
    count = kernels.find_rows(int32s(codes), np.array([True, *marked, True])[1:-1], rows)
    assert rows[:count].tolist() == [row for row, code in enumerate(codes) if code >= 0 and marked[code]]


@given(CODES, st.lists(st.booleans(), min_size=6, max_size=6))
def test_mark_used(codes: list[int], before: list[bool]) -> None:
    used = np.array([False, *before, False])
    kernels_texts.mark_used(int32s(codes), used[1:-1])
    assert used.tolist() == [False, *(was or code in codes for code, was in enumerate(before)), False]


@given(st.lists(NUMBERS, max_size=9))
def test_any_null(values: list[int]) -> None:
    assert kernels_registers.any_null(int64s(values), NULL) == (NULL in values)


@given(st.lists(NUMBERS, max_size=9), NUMBERS, NUMBERS)
@example([-3, 5, NULL], -3, 5)
@example([-4], -3, 5)
@example([6], -3, 5)
@example([NULL], -3, 5)
@example([0, 6, 0], -3, 5)
def test_all_within(values: list[int], first: int, last: int) -> None:
    expected = all(value == NULL or first <= value <= last for value in values)
    assert kernels_registers.all_within(int64s(values), first, last) == expected


@given(CODES, CODES, st.sampled_from([-1, NARROW_NULL]))
def test_renumber(one: list[int], other: list[int], null: int) -> None:
    """Rows of two batches: the second goes on where the first has stopped."""
    numbers, used = np.full(6, -1, dtype=np.int64), np.full(6, -9, dtype=np.int64)
    met: list[int] = []
    count = 0
    for codes in (one, other):
        found = int32s(codes)
        count = kernels_texts.renumber(found, numbers, used, count, null)
        met += [code for code in dict.fromkeys(codes) if code >= 0 and code not in met]
        assert found.tolist() == [met.index(code) if code >= 0 else null for code in codes]
        assert count == len(met)
        assert used[:count].tolist() == met
    assert numbers.tolist() == [met.index(code) if code in met else -1 for code in range(6)]


@given(st.lists(st.sampled_from(SHORT), min_size=1, max_size=8), st.data())
def test_count_unusual(texts: list[bytes], data: st.DataObject) -> None:
    used = data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=8))
    slashes = [b"/" in texts[k] for k in used]
    wide = [not texts[k].isascii() for k in used]
    expected = sum(slashes), sum(wide), sum(a or b for a, b in zip(slashes, wide, strict=True))
    assert kernels.count_unusual(*joined(texts), int64s(used)) == expected


@given(st.lists(st.sampled_from(SHORT), min_size=1, max_size=8), st.data())
def test_collect_texts(texts: list[bytes], data: st.DataObject) -> None:
    used = data.draw(st.lists(st.integers(-2, len(texts) - 1), max_size=8))
    wanted = [texts[k] if k >= 0 else b"" for k in used]
    out = np.full(sum(map(len, wanted)) + 3, 0xEE, dtype=np.uint8)
    offsets = np.full(len(used) + 1, -1, dtype=np.int64)
    assert kernels_texts.collect_texts(*joined(texts), int64s(used), out, offsets) == len(out) - 3
    assert out.tobytes() == b"".join(wanted) + b"\xee" * 3
    assert offsets.tolist() == np.cumsum([0, *map(len, wanted)]).tolist()


@given(st.lists(st.tuples(st.integers(-2, 3), st.integers(-2, 4)), max_size=30))
def test_count_pairs(pairs: list[tuple[int, int]]) -> None:
    counts = np.zeros(50, dtype=np.int64)
    kernels_lookup_columns.count_pairs(
        int32s([key for key, _ in pairs]), int32s([value for _, value in pairs]), 5, counts[15:-15]
    )
    met = Counter(15 + 5 * key + value for key, value in pairs if key >= 0 and value >= 0)
    assert counts.tolist() == [met[place] for place in range(50)]
