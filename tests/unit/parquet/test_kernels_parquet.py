"""Kernels that write Parquet, each against plain Python that follows the format's text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.twins import joined

from logpress.parquet import kernels_indices, kernels_levels, kernels_numbers, kernels_texts
from logpress.parquet.zstd import kernels_fse
from logpress.parquet.zstd.kernels_fse import SYMBOLS

INT64S = st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1))
SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.lists(
    st.one_of(st.just(0), st.integers(1, 5), st.integers(1, 2**20)), min_size=1, max_size=53
).filter(lambda counts: sum(count > 0 for count in counts) > 1)  # fmt: skip


# -------------------------------------------------------------------------------- tables of codes (RFC 8878, 4.1)


def log_for(counts: list[int], more: int) -> int:
    """An accuracy with more cells than codes, 5 to 9."""
    return min(max(5, sum(count > 0 for count in counts).bit_length()) + more, 9)


def shares_of(counts: list[int], log: int) -> NDArray[np.int32]:
    padded = np.zeros(SYMBOLS, dtype=np.int64)
    padded[: len(counts)] = counts
    shares = np.full(SYMBOLS, -5, dtype=np.int32)
    kernels_fse.share_cells(padded, sum(counts), log, shares)
    return shares


def plain_shares(counts: list[int], log: int) -> list[int]:
    """Rounded shares; then cells are given where they gain the most, or taken where they cost the least."""
    total = sum(counts)
    counts = counts + [0] * (SYMBOLS - len(counts))
    shares = [max(((count << log) + total // 2) // total, 1) if count else 0 for count in counts]
    while (left := 2**log - sum(shares)) > 0:
        some = [code for code in range(SYMBOLS) if shares[code]]
        shares[max(some, key=lambda code: (counts[code] / shares[code], -code))] += left // abs(left)
    while sum(shares) > 2**log:
        some = [code for code in range(SYMBOLS) if shares[code] > 1]
        shares[min(some, key=lambda code: (counts[code] / (shares[code] - 1), code))] -= 1
    return shares


@given(COUNTS, st.integers(0, 4))
@example([1, 1, 1], 0)
@example([10**6] + [1] * 30, 0)
@example([1] * 30 + [10**6], 1)
@example([3] * 21, 0)
def test_share_cells(counts: list[int], more: int) -> None:
    log = log_for(counts, more)
    shares = shares_of(counts, log).tolist()
    assert sum(shares) == 2**log
    assert [share > 0 for share in shares] == [count > 0 for count in counts] + [False] * (SYMBOLS - len(counts))
    assert shares == plain_shares(counts, log)


def described(data: bytes) -> tuple[int, list[int], int]:
    """(accuracy, shares, bytes read) of a table's description, read as RFC 8878, 4.1.1 has it."""
    bits = int.from_bytes(data, "little")
    log = bits % 16 + 5
    at, left, shares = 4, 2**log, []
    while left > 0:
        width = (left + 1).bit_length()  # values from 0 to left + 1
        few = 2**width - 1 - (left + 1)  # so many values are written with one bit less
        low = bits >> at & (2 ** (width - 1) - 1)
        if low < few:
            value = low
            at += width - 1
        else:
            value = bits >> at & (2**width - 1)
            if value >= 2 ** (width - 1):
                value -= few
            at += width
        share = value - 1
        assert share >= 0, "shares below one cell are not used"
        shares.append(share)
        left -= share
        if share == 0:
            while True:
                zeros = bits >> at & 3
                at += 2
                shares += [0] * zeros
                if zeros < 3:
                    break
    return log, shares, (at + 7) // 8


@given(COUNTS, st.integers(0, 4))
@example([1] + [0] * 20 + [1] + [0] * 3 + [1, 0, 1] + [0] * 6 + [1], 0)
@example([1, 0, 0, 1, 0, 0, 0, 0, 7], 4)
def test_describe_cells(counts: list[int], more: int) -> None:
    log = log_for(counts, more)
    shares = shares_of(counts, log)
    out = np.full(120, 0xEE, dtype=np.uint8)
    end = kernels_fse.describe_cells(shares, log, out, 3)
    assert out[:3].tolist() == [0xEE] * 3
    found_log, found, size = described(out[3:].tobytes())
    assert (found_log, size) == (log, end - 3)
    assert found == shares.tolist()[: len(found)]
    assert not shares[len(found) :].any()


def decoding_table(shares: list[int], log: int) -> list[tuple[int, int, int]]:
    """(code, bits, base) of each state, as RFC 8878, 4.1.1 has them."""
    size = 2**log
    codes = [0] * size
    at = 0
    for code, share in enumerate(shares):
        for _ in range(share):
            codes[at] = code
            at = (at + (size >> 1) + (size >> 3) + 3) % size
    following = list(shares)
    table = []
    for code in codes:
        bits = log - (following[code].bit_length() - 1)
        table.append((code, bits, (following[code] << bits) - size))
        following[code] += 1
    return table


@given(COUNTS, st.integers(0, 4))
@example([1, 31], 0)
@example([1, 1], 4)
def test_build_table_and_state_before(counts: list[int], more: int) -> None:
    """From each state, each code leads to a state from which the decoder comes back."""
    log = log_for(counts, more)
    shares = shares_of(counts, log)
    size = 2**log
    weights, places = np.zeros(SYMBOLS, dtype=np.int32), np.zeros(SYMBOLS, dtype=np.int32)
    cells, scratch = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.int32)
    kernels_fse.build_table(shares, log, scratch, weights, places, cells)
    table = decoding_table(shares.tolist(), log)
    for code in np.flatnonzero(shares).tolist():
        for state in range(size, 2 * size):
            bits = (state + int(weights[code])) >> 16
            following = int(cells[(state >> bits) + places[code]]) - size
            assert table[following] == (code, bits, (state >> bits << bits) - size)
        first = int(kernels_fse.state_before(np.int32(code), weights, places, cells)) - size
        assert table[first][0] == code


def plain_accuracy(counts: list[int], found: int, most: int) -> int:
    highest = max(code for code, count in enumerate(counts) if count)
    enough = min(int(math.log2(found)) + 1, (int(math.log2(highest)) if highest else 0) + 2)
    return max(min(int(math.log2(found - 1)) - 2, most), enough, 5)


@given(COUNTS, st.integers(2, 10**6) | st.integers(2, 130), st.integers(5, 9))
@example([1, 1], 2, 9)
@example([1] * 53, 1025, 9)
@example([1] * 53, 1024, 9)
@example([1] * 53, 53, 9)
@example([1] * 20, 32, 9)
@example([1] * 20, 63, 9)
def test_accuracy(counts: list[int], found: int, most: int) -> None:
    padded = np.zeros(SYMBOLS, dtype=np.int64)
    padded[: len(counts)] = counts
    assert kernels_fse.accuracy(padded, np.int64(found), np.int64(most)) == plain_accuracy(counts, found, most)


# ---------------------------------------------------------------------------------------------------------- numbers


@given(st.lists(INT64S, min_size=1, max_size=20))
def test_bounds_of_integers(values: list[int]) -> None:
    for edge in (-(2**63), 2**63 - 1):  # what stands before and behind the values is none of them
        array = np.array([edge, *values, edge], dtype=np.int64)[1:-1]
        assert kernels_numbers.bounds_of_integers(array) == (min(values), max(values))


@given(st.lists(st.floats(), max_size=20))
@example([math.nan, 1.0, math.nan, -1.0])
@example([math.nan])
@example([2.0, 1.0])
def test_bounds_of_doubles(values: list[float]) -> None:
    some = [value for value in values if not math.isnan(value)]
    for edge in (-math.inf, math.inf):
        array = np.array([edge, *values, edge], dtype=np.float64)[1:-1]
        found = kernels_numbers.bounds_of_doubles(array)
        assert found == (min(some, default=math.inf), max(some, default=-math.inf))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(0, 2**31 - 40), st.booleans())
def test_number_near(dtype: type, near: list[int], base: int, is_low: bool) -> None:
    low = int(np.iinfo(dtype).min) + base if is_low else int(np.iinfo(dtype).max) - 30 - base
    values = [low + value - min(near) for value in near]
    met = list(dict.fromkeys(values))
    table = np.full(max(values) - low + 1, -1, dtype=np.int32)
    distinct: np.ndarray = np.zeros(len(met), dtype=dtype)
    codes = np.full(len(values), -5, dtype=np.int32)
    known = kernels_numbers.number_near(np.array(values, dtype=dtype), low, table, distinct, codes)
    assert known == len(met)
    assert distinct.tolist() == met
    assert codes.tolist() == [met.index(value) for value in values]


PAIRS = st.tuples(st.sampled_from([0, 1, -1, 2**63 - 1]), INT64S) | st.tuples(INT64S, st.sampled_from([0, 1, -(2**63)]))


@given(
    st.lists(INT64S, max_size=60) | st.lists(PAIRS, max_size=60), st.sampled_from([2, 8, 32, 128]), st.integers(0, 3)
)
@example([5, 6, 5, 7, 6], 2, 0)
@example(list(range(40)) * 2, 8, 2)
@example([(1, 2), (2, 1), (1, 1), (1, 2), (2, 1)], 2, 1)
@example([(0, number) for number in range(40)] * 2, 8, 0)
def test_number_some_and_place_again(values: list[Any], size: int, first: int) -> None:
    """A table that is half full is made anew, twice as large, until all values, or pairs of them, are numbered."""
    number_some, place_again = kernels_numbers.number_some, kernels_numbers.place_again
    if values and isinstance(values[0], tuple):
        number_some, place_again = kernels_numbers.number_some_pairs, kernels_numbers.place_pairs_again
    first = min(first, len(values))
    array = np.array(values, dtype=np.int64)
    distinct = np.zeros((len(values) + 1, *array.shape[1:]), dtype=np.int64)
    codes = np.full(len(values), -5, dtype=np.int32)
    table = np.full(size, -1, dtype=np.int32)
    met: list[Any] = []
    at, known = first, 0
    while True:
        after = at
        while after < len(values) and (values[after] in met or len(met) < size // 2):
            if values[after] not in met:
                met.append(values[after])
            after += 1
        at, known = number_some(array, at, table, distinct, known, codes)
        assert (at, known) == (after, len(met))
        assert distinct[:known].tolist() == np.array(met, dtype=np.int64).tolist()
        assert sorted(table[table >= 0].tolist()) == list(range(known))
        if at == len(values):
            break
        size *= 2
        table = np.full(size, -1, dtype=np.int32)
        place_again(distinct, known, table)
    assert codes.tolist() == [-5] * first + [met.index(value) for value in values[first:]]


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), max_size=9), st.data())
def test_split_bytes(values: list[tuple[int, ...]], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(values)))
    last = data.draw(st.integers(first, len(values)))
    out = np.full(3 * len(values) + 4, 0xEE, dtype=np.uint8)
    flat = np.array(values, dtype=np.uint8).reshape(-1)
    end = kernels_numbers.split_bytes(flat, 3, first, last, out, 2)
    expected = [value[k] for k in range(3) for value in values[first:last]]
    assert end == 2 + len(expected)
    assert out.tolist() == [0xEE] * 2 + expected + [0xEE] * (len(out) - end)


# ------------------------------------------------------------------------------------------------ codes and levels


@given(st.lists(st.one_of(st.integers(0, 4), st.integers(-1, 5)), max_size=12))
@example([0, 5])
@example([0, -1])
@example([4, 0])
def test_mark_entries(codes: list[int]) -> None:
    used = np.zeros(5, dtype=np.bool_)
    are_there = kernels_indices.mark_entries(np.array(codes, dtype=np.int32), used)
    assert are_there == all(0 <= code < 5 for code in codes)
    if are_there:
        assert used.tolist() == [code in codes for code in range(5)]


def plain_run(values: list[int], width: int) -> bytes:
    """Groups of eight values, the last one filled up with zeros, after a varint of their number, doubled, and 1."""
    groups = (len(values) + 7) // 8
    number, header = groups << 1 | 1, bytearray()
    while number > 127:
        header.append(number & 127 | 128)
        number >>= 7
    bits = sum(value << width * k for k, value in enumerate(values))
    return bytes([*header, number]) + bits.to_bytes(groups * width, "little")


@given(st.integers(1, 31), st.one_of(st.integers(1, 40), st.sampled_from([496, 497, 504, 505, 512, 513])), SEEDS)
@example(3, 504, 0)
@example(8, 505, 0)
@example(16, 9, 0)
def test_pack_run(width: int, count: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 1 << width, count + 3).astype(np.int32)
    expected = plain_run(values[2 : 2 + count].tolist(), width)
    out = np.full(len(expected) + 72, 0xEE, dtype=np.uint8)
    end = kernels_indices.pack_run(values, 2, 2 + count, width, out, 1)
    assert out[:end].tobytes() == b"\xee" + expected


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=30), st.integers(0, 9))
def test_spans_of_texts(texts: list[tuple[int, bool]], offset: int) -> None:
    offsets = np.cumsum([3, *(length for length, _ in texts)], dtype=np.int32)
    bitmap = np.packbits([True] * offset + [is_there for _, is_there in texts] + [True], bitorder="little")
    starts, lengths = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.int64)
    count = kernels_levels.spans_of_texts(offsets, bitmap, offset, starts, lengths)
    expected = [(int(offsets[k]), length) for k, (length, is_there) in enumerate(texts) if is_there]
    assert list(zip(starts[:count].tolist(), lengths[:count].tolist(), strict=True)) == expected


# ------------------------------------------------------------------------------------------------------------ texts

ALIKE = st.sampled_from(
    [b"", b"a", b"abcdefgh", b"abcdefgi", b"abcdefghi", b"abcdefgh\xff", b"abcdefghabcdefgh", b"\xff", b"\0"]
)
WORDS = st.lists(st.sampled_from([b"aaaaaaaa", b"bbbbbbbb", b"c"]), max_size=4).map(b"".join)
"""Texts of words that others of them have in other places."""

TEXTS = st.lists(st.one_of(ALIKE, WORDS, st.binary(max_size=40)), min_size=1, max_size=9)


@given(TEXTS, st.data())
def test_plain_texts_and_join_texts(texts: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(texts)))
    last = data.draw(st.integers(first, len(texts)))
    source, offsets = joined(texts)
    starts, lengths = offsets[:-1].copy(), np.diff(offsets)
    some = texts[first:last]
    for kernel, expected in (
        (kernels_texts.plain_texts, b"".join(len(text).to_bytes(4, "little") + text for text in some)),
        (kernels_texts.join_texts, b"".join(some)),
    ):
        out = np.full(len(expected) + 12, 0xEE, dtype=np.uint8)
        assert kernel(source, starts, lengths, first, last, out, 2) == 2 + len(expected)
        assert out.tobytes() == b"\xee" * 2 + expected + b"\xee" * 10


@given(TEXTS, st.data())
@example([b"abcdefgh", b"abcdefgi", b"abcdefghi"], None)
@example([b"aaaaaaaabbbbbbbb", b"bbbbbbbb", b"aaaaaaaacccccccc", b"bbbbbbbb", b"aaaaaaaabbbbbbbb"], None)
def test_bounds_of_texts(texts: list[bytes], data: st.DataObject | None) -> None:
    those = st.lists(st.integers(0, len(texts) - 1), min_size=1)
    places = list(range(len(texts))) if data is None else data.draw(those)
    source, offsets = joined(texts)
    low, high = kernels_texts.bounds_of_texts(source, offsets[:-1].copy(), np.diff(offsets), np.array(places))
    some = [texts[place] for place in places]
    assert (texts[low], texts[high]) == (min(some), max(some))
    assert {low, high} <= set(places)
