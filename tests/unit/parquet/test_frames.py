"""zstd frames of numbers: what their headers say, and how small they are."""

from __future__ import annotations

import numpy as np
import pytest
import zstandard

from logpress.parquet.zstd.frames import MATCHINGS, compress_numbers

COUNT = 12_000
LEVELS = "\2\0\0\0\x80\xbb\1".encode("latin-1")
"""Definition levels of 12,000 values, none null: their length, and a run."""


def realistic_instants() -> bytes:
    """int64 milliseconds, in order by user and time."""
    random_ = np.random.default_rng(1)
    steps = random_.exponential(20_000, COUNT).astype(np.int64)
    users = random_.random(COUNT) < 0.05
    moments = np.cumsum(steps) * ~users + random_.integers(0, 86_400_000, COUNT) * users
    return (1_640_512_797_800 + moments % 86_400_000).astype("<i8").tobytes()


def test_no_larger_than_libzstd_at_level_7() -> None:
    page = LEVELS + realistic_instants()
    assert len(compress_numbers(page, (8, 8), len(LEVELS))) <= len(zstandard.ZstdCompressor(level=7).compress(page))


@pytest.mark.parametrize("stride", [4, 8])
def test_rare_large_numbers_cost_little_more_than_their_entropy(stride: int) -> None:
    """As of elapsed times: one in seventy is above 255."""
    random_ = np.random.default_rng(2)
    numbers = np.minimum(np.exp(random_.normal(np.log(80), 0.55, 1 << 15)).astype(np.int64), 900)
    assert 0.01 < (numbers > 255).mean() < 0.025
    shares = np.unique(numbers, return_counts=True)[1] / len(numbers)
    entropy = -(shares * np.log2(shares)).sum() / 8
    page = numbers.astype(f"<i{stride}").tobytes()
    assert len(compress_numbers(page, (stride, 8 * stride), 0)) / len(numbers) < 1.07 * entropy


def test_constant_page_is_tiny() -> None:
    assert len(compress_numbers(np.full(COUNT, 2**60, "<i8").tobytes(), (8, 8), 0)) < 60


def test_noise_grows_by_headers_only() -> None:
    page = np.random.default_rng(1).bytes(300_000)
    assert len(compress_numbers(page, (8, 8), 0)) == len(page) + 9 + 3 * 3


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_791, 65_792, 8 << 20])
def test_single_segment_says_its_size(size: int) -> None:
    header = zstandard.get_frame_parameters(compress_numbers(bytes(size), (8, 8), 0))
    assert header.content_size == size
    assert header.dict_id == 0
    assert not header.has_checksum
    assert header.window_size == size


def test_larger_frame_has_a_small_window() -> None:
    size = (8 << 20) + 1
    header = zstandard.get_frame_parameters(compress_numbers(bytes(size), (8, 8), 0))
    assert header.content_size == size
    assert header.window_size == 1 << 20


def test_takes_arrays_and_leaves_them_alone() -> None:
    page = np.frombuffer(realistic_instants(), np.uint8).copy()
    assert compress_numbers(page, (8, 8), 0) == compress_numbers(page.tobytes(), (8, 8), 0)
    assert page.flags.writeable
    assert page.tobytes() == realistic_instants()


@pytest.mark.parametrize(("stride", "prefix"), [(0, 0), (2, 0), (-8, 0), (8, -1), (8, 11)])
def test_impossible_pages(stride: int, prefix: int) -> None:
    with pytest.raises(ValueError, match="a page of 10 bytes cannot have"):
        compress_numbers(bytes(10), (stride, stride), prefix)


def test_small_numbers_take_about_their_entropy() -> None:
    """One in a hundred is above 255."""
    ranks = np.minimum(np.random.default_rng(1).geometric(0.018, 32_000) - 1, 700)
    _, counts = np.unique(ranks, return_counts=True)
    entropy_bytes = -(counts * np.log2(counts / len(ranks))).sum() / 8
    assert 1 < len(compress_numbers(ranks.astype("<u4").tobytes(), (4, 32))) / entropy_bytes < 1.1


def test_bytes_take_about_their_entropy_and_runs_next_to_nothing() -> None:
    random_ = np.random.default_rng(1)
    codes = np.minimum(random_.geometric(0.2, 50_000) - 1, 30).astype(np.uint8)
    _, counts = np.unique(codes, return_counts=True)
    entropy_bytes = -(counts * np.log2(counts / len(codes))).sum() / 8
    assert 1 < len(compress_numbers(codes.tobytes(), (1, 1))) / entropy_bytes < 1.03
    runs = np.repeat(codes[:200], 500)
    assert len(compress_numbers(runs.tobytes(), (1, 1))) < 200 * 5


def test_a_long_prefix_has_a_code_of_its_own() -> None:
    random_ = np.random.default_rng(1)
    levels = np.where(random_.random(20_000) < 0.95, 255, 254).astype(np.uint8).tobytes()
    codes = random_.integers(0, 64, 100_000).astype(np.uint8).tobytes()
    assert (
        len(compress_numbers(levels + codes, (1, 1), len(levels)))
        < len(compress_numbers(levels + codes, (1, 1))) - 1_500
    )


def test_one_byte_again_and_again() -> None:
    for matching in MATCHINGS:
        for prefix in (0, 600):
            assert len(compress_numbers(bytes(100_000), matching, prefix)) < 150
