"""Kernels that write a page's levels, indices and deltas, against plain Python from the specification.

Source: apache/parquet-format, Encodings.md: "Run Length Encoding / Bit-Packing Hybrid", "Delta Encoding".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.twins import varint, wrapped

from logpress.parquet import kernels_indices, kernels_levels, kernels_numbers

SEEDS = st.integers(0, 2**32 - 1)
INT64S = st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1), st.sampled_from([2**31, -(2**31), 2**39]))


# ------------------------------------------------------------------------------------------------------------ hybrid


def packed(values: list[int], width: int) -> bytes:
    """A bit-packed run: groups of eight, the last one filled up with zeros."""
    groups = (len(values) + 7) // 8
    bits = sum(value << width * k for k, value in enumerate(values))
    return varint(groups << 1 | 1) + bits.to_bytes(groups * width, "little")


def plain_hybrid(values: list[int], width: int, is_last_run: bool) -> bytes:
    """Eight equal values or more are a run, from a group's begin on; so is what is left, if `is_last_run`."""

    def run(value: int, count: int) -> bytes:
        return varint(count << 1) + value.to_bytes((width + 7) // 8, "little")

    out, waiting, at = b"", [], 0
    while at + 8 <= len(values):
        end = at
        while end < len(values) and values[end] == values[at]:
            end += 1
        if end - at < 8:
            waiting += values[at : at + 8]
            at += 8
            continue
        out += (packed(waiting, width) if waiting else b"") + run(values[at], end - at)
        waiting, at = [], end
    rest = values[at:]
    if rest and not waiting and is_last_run and len(set(rest)) == 1:
        return out + run(rest[0], len(rest))
    return out + (packed(waiting + rest, width) if waiting + rest else b"")


def runs_of(seed: int, count: int, values: list[int]) -> list[int]:
    random = np.random.default_rng(seed)
    found: list[int] = []
    while len(found) < count:
        found += [values[int(random.integers(0, len(values)))]] * int(random.choice([1, 1, 2, 7, 8, 9, 20, 64, 130]))
    return found[:count]


@given(SEEDS, st.integers(0, 60) | st.integers(0, 300), st.integers(1, 31), st.integers(1, 3), st.integers(0, 3))
@example(0, 8, 9, 1, 0)
@example(0, 9, 8, 1, 3)
@example(0, 7, 8, 1, 3)
def test_hybrid(seed: int, count: int, width: int, kinds: int, first: int) -> None:
    some = [(2**width - 1) >> 7 * k for k in range(kinds)]
    values = runs_of(seed, count + first + 2, some)
    wanted = values[first : first + count]
    expected = plain_hybrid(wanted, width, True)
    out = np.full(len(expected) + 80, 0xEE, dtype=np.uint8)
    end = kernels_indices.hybrid(np.array(values, dtype=np.int32), first, first + count, width, out, 2)
    assert out[:end].tobytes() == b"\xee\xee" + expected


@pytest.mark.parametrize("place", range(16))
def test_hybrid_with_another_value_in_each_place(place: int) -> None:
    for width, other in ((1, 1), (9, 256), (31, 2**30)):
        values = [0] * 16
        values[place] = other
        out = np.zeros(200, dtype=np.uint8)
        end = kernels_indices.hybrid(np.array(values, dtype=np.int32), 0, 16, width, out, 0)
        assert out[:end].tobytes() == plain_hybrid(values, width, True)


# ------------------------------------------------------------------------------------------------------------- nulls


def bitmap_of(bits: list[int], offset: int) -> np.ndarray:
    """Arrow's bitmap, with ones before and behind."""
    every = [1] * offset + bits + [1] * (-(offset + len(bits)) % 8)
    return np.packbits(np.array(every, dtype=np.uint8), bitorder="little")


@given(SEEDS, st.integers(0, 40) | st.integers(0, 300), st.integers(0, 17), st.integers(0, 9), st.integers(0, 3))
@example(0, 1, 0, 0, 0)
@example(1, 64, 7, 8, 0)
def test_definition_levels(seed: int, count: int, offset: int, first: int, more: int) -> None:
    bits = runs_of(seed, first + count + 1 + more, [0, 1])
    wanted = bits[first : first + count + 1]
    expected = plain_hybrid(wanted, 1, False)
    out = np.full(len(expected) + 20, 0xEE, dtype=np.uint8)
    end = kernels_levels.definition_levels(bitmap_of(bits, offset), offset, first, first + count + 1, out, 3)
    assert out.tobytes() == (b"\xee" * 3 + expected).ljust(len(out), b"\xee")
    assert end == 3 + len(expected)


@given(SEEDS, st.integers(0, 200), st.integers(0, 17), st.data())
def test_row_after(seed: int, rows: int, offset: int, data: st.DataObject) -> None:
    bits = runs_of(seed, rows, [0, 1])
    row = data.draw(st.integers(0, rows))
    count = data.draw(st.integers(1, 20) | st.integers(1, rows + 1))
    there = [place + 1 for place in range(row, rows) if bits[place]]
    expected = there[count - 1] if len(there) >= count else rows
    assert kernels_levels.row_after(bitmap_of(bits, offset), offset, row, rows, count) == expected


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.float64])
@given(seed=SEEDS, rows=st.integers(0, 40) | st.integers(0, 200), offset=st.integers(0, 17))
def test_drop_nulls(dtype: Any, seed: int, rows: int, offset: int) -> None:
    bits = runs_of(seed, rows, [0, 1, 1])
    values = np.arange(5, 5 + rows).astype(dtype)
    out = np.full(rows + 2, 99, dtype=dtype)
    count = kernels_levels.drop_nulls(values, bitmap_of(bits, offset), offset, out[:rows])
    expected = [5 + place for place in range(rows) if bits[place]]
    assert out[:count].tolist() == expected
    assert out[rows:].tolist() == [99, 99]


# ------------------------------------------------------------------------------------------------------------ deltas


def zigzag(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def blocks_of(values: list[int], first: int, last: int, limit: int, write: Any) -> tuple[int, bytes]:
    """Blocks of 128 deltas until there are so many bytes."""
    out, at = b"", first + 1
    while at < last and len(out) < limit:
        end = min(at + 128, last)
        out += write([wrapped(values[i] - values[i - 1]) for i in range(at, end)])
        at = end
    return at, out


def narrow_block(deltas: list[int]) -> bytes:
    least = min(deltas)
    rests = [wrapped(delta - least) % 2**64 for delta in deltas] + [0] * (128 - len(deltas))
    minis = [rests[k : k + 32] for k in range(0, 128, 32)]
    widths = [max(mini).bit_length() for mini in minis]
    bits = [sum(rest << width * k for k, rest in enumerate(mini)) for mini, width in zip(minis, widths, strict=True)]
    written = [number.to_bytes(4 * width, "little") for number, width in zip(bits, widths, strict=True)]
    return varint(zigzag(least)) + bytes(widths) + b"".join(written)


def whole_block(deltas: list[int], size: int) -> bytes:
    """Deltas in whole bytes, less the smallest that they hold; in wider ones their low bytes are those of others."""
    wide = next(n for n in range(size, 9) if all(-(2 ** (8 * n - 1)) <= delta < 2 ** (8 * n - 1) for delta in deltas))
    lift = 2 ** (8 * wide - 1) + (2 ** (8 * size - 1) if wide > size else 0)
    minis = -(-len(deltas) // 32)
    rests = [(delta + lift) % 2**64 % 2 ** (8 * wide) for delta in deltas] + [0] * (32 * minis - len(deltas))
    widths = [8 * wide] * minis + [0] * (4 - minis)
    head = varint(zigzag(wrapped(-lift))) + bytes(widths)
    return head + b"".join(rest.to_bytes(wide, "little") for rest in rests)


def steps_of(seed: int, count: int, sizes: list[int]) -> list[int]:
    """Numbers whose steps have so many bytes, at most, a block in one size."""
    random = np.random.default_rng(seed)
    values = [int(random.integers(-(2**62), 2**62))]
    while len(values) < count:
        most = 2 ** (8 * int(random.choice(sizes)) - 1)
        for _ in range(int(random.choice([1, 31, 64, 128]))):
            step = int(random.choice([most - 1, -most, 0, 1])) if random.random() < 0.2 else int(random.integers(-9, 9))
            values.append(wrapped(values[-1] + step))
    return values[:count]


RANGES = st.tuples(SEEDS, st.integers(1, 420), st.integers(0, 3), st.integers(0, 3))
LIMITS = st.sampled_from([1, 200, 700, 10**6])


@given(RANGES, LIMITS, st.sampled_from([[1], [1, 4], [1, 8], [2, 3, 5, 7]]))
def test_delta_blocks(bounds: tuple[int, int, int, int], limit: int, sizes: list[int]) -> None:
    seed, count, first, more = bounds
    values = steps_of(seed, first + count + more, sizes)
    last = first + count
    at, expected = blocks_of(values, first, last, limit, narrow_block)
    out = np.full(len(expected) + kernels_numbers.MOST_BLOCK_BYTES + 80, 0xEE, dtype=np.uint8)
    words = np.full(kernels_numbers.BLOCK, 7, dtype=np.uint64)
    stop, end = kernels_numbers.delta_blocks(np.array(values, dtype=np.int64), first, last, False, limit, words, out, 2)
    assert (stop, out[:end].tobytes()) == (at, b"\xee\xee" + expected)


@given(RANGES, LIMITS, st.integers(4, 8), st.sampled_from([[1], [1, 4], [4, 5], [5, 6, 7], [1, 8], [3, 8]]))
@example((1, 129, 0, 0), 10**6, 4, [1])
@example((1, 33, 0, 0), 10**6, 4, [1])
@example((1, 34, 0, 0), 10**6, 5, [1])
def test_whole_deltas(bounds: tuple[int, int, int, int], limit: int, size: int, sizes: list[int]) -> None:
    seed, count, first, more = bounds
    values = steps_of(seed, first + count + more, sizes)
    last = first + count
    at, expected = blocks_of(values, first, last, limit, lambda deltas: whole_block(deltas, size))
    out = np.full(len(expected) + kernels_numbers.MOST_BLOCK_BYTES + 80, 0xEE, dtype=np.uint8)
    stop, end = kernels_numbers.whole_deltas(np.array(values, dtype=np.int64), first, last, size, limit, out, 2)
    assert (stop, out[:end].tobytes()) == (at, b"\xee\xee" + expected)
