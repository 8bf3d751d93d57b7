"""Deltas, narrow and in whole bytes, as a decoder reads them that shares no code with the writer."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from logpress.codecs.kernels_instant_columns import divide_exactly
from logpress.codecs.kernels_text import NULL
from logpress.parquet.kernels_numbers import count_block_sizes
from logpress.parquet.pages import Deltas, Pages, WholeDeltas
from logpress.parquet.schema import FileColumn
from logpress.parquet.values import Scratch
from logpress.parquet.writer import FileWriter
from logpress.quality.deltas import decode_deltas

ANY = st.integers(-(2**63), 2**63 - 1)
NEAR = st.integers(-(2**20), 2**20)
STEPS = st.sampled_from([2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**39, -(2**39) - 1, 2**55, -(2**63), 0, 1000])
int64s = st.one_of(
    [arrays.arrays(np.int64, st.integers(1, 400), elements=elements) for elements in (ANY, NEAR, STEPS, NEAR | STEPS)]
)


def decoded(pages: Pages) -> list[int]:
    found: list[int] = []
    while len(found) < pages.count:
        last, page = pages.page(len(found))
        found += decode_deltas(page).tolist()
        assert len(found) == last
    return found


@given(int64s)
@example(np.zeros(129, dtype=np.int64))
@example(np.cumsum(np.full(1000, 2**31 - 1)))
@example(np.cumsum(np.full(1000, 2**31)))
def test_deltas_of_both_kinds_come_back(values: np.ndarray) -> None:
    assert decoded(WholeDeltas(values, Scratch())) == values.tolist()
    assert decoded(Deltas(values, 300, Scratch())) == values.tolist()


def plain_sizes(values: list[int]) -> list[int]:
    """Whole bytes that hold the deltas of each block with their signs."""
    deltas = [(b - a + 2**63) % 2**64 - 2**63 for a, b in itertools.pairwise(values)]
    blocks = [deltas[first : first + 128] for first in range(0, len(deltas), 128)]
    return [next(n for n in range(4, 9) if all(-(2 ** (8 * n - 1)) <= d < 2 ** (8 * n - 1) for d in b)) for b in blocks]


@given(int64s)
def test_sizes_of_blocks_are_those_of_plain_python(values: np.ndarray) -> None:
    counts = np.zeros(9, dtype=np.int64)
    count_block_sizes(values, counts)
    assert counts.tolist() == [plain_sizes(values.tolist()).count(size) for size in range(9)]


def test_equal_deltas_are_equal_bytes_whatever_the_size_of_their_block() -> None:
    """Or no match would be found from a block of large deltas to one of small ones."""
    steps = np.full(128 * 20, 1_234_000)
    steps[[300, 700]] = 2**35, -(2**35)
    page = WholeDeltas(np.cumsum(steps), Scratch()).page(0)[1]
    low = (1_234_000 + 2**31).to_bytes(4, "little")
    assert page.count(low) == len(steps) - 3  # the first value has no delta


@given(st.binary(max_size=200))
def test_damaged_deltas_are_refused(data: bytes) -> None:
    try:
        found = decode_deltas(data)
    except ValueError:
        return
    assert found.dtype == np.int64


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000])
def test_instants_of_a_day_are_smaller_than_plain_ones_and_read_the_same(tmp_path, unit: int, nulls: bool) -> None:
    random = np.random.default_rng(unit)
    gaps = np.exp(random.normal(8.3, 1.2, 100_000)).astype(np.int64)
    users = random.random(100_000) < 0.015
    micros = 1_640_512_797_000_000 // unit * unit + np.cumsum(gaps) % 3_600_000 * 1000 // unit * unit
    micros += users * random.integers(0, 3600, 100_000) * 10**6
    mask = random.random(100_000) < 0.01 if nulls else None
    array = pa.array(micros, pa.timestamp("us", "UTC"), mask=mask)
    sizes = {}
    for encoding in ("plain", "delta"):
        path = tmp_path / f"{encoding}.parquet"
        with path.open("wb") as file:
            column = FileColumn("t", array.type, nullable=True, encoding=encoding, zstd=3, statistics=True)
            writer = FileWriter(file, [column])
            writer.write_table(pa.table({"t": array}))
            writer.close()
        assert pq.read_table(path)["t"].combine_chunks() == array
        sizes[encoding] = path.stat().st_size
    assert sizes["delta"] < sizes["plain"]


@given(int64s, st.sampled_from([1, 2, 3, 1_000, 1_000_000, 999, 2**40]))
def test_division_is_that_of_plain_python(values: np.ndarray, divisor: int) -> None:
    multiples = values // divisor * divisor
    multiples[multiples > values] = 0  # wrapped around
    multiples[multiples == NULL] = 0
    multiples[::7] = NULL
    expected = [value if value == NULL else value // divisor for value in multiples.tolist()]
    found = multiples.copy()
    assert divide_exactly(found, divisor)
    assert found.tolist() == expected
    rest = np.append(multiples, 5 * divisor + 1)
    assert divide_exactly(rest, divisor) == (divisor == 1)
