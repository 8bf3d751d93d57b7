"""zstd frames of numbers: what their headers say, and how small they are."""

from __future__ import annotations

import numpy as np
import pytest
import zstandard

from logpress.parquet.frames import compress_numbers

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
    assert len(compress_numbers(page, 8, len(LEVELS))) <= len(zstandard.ZstdCompressor(level=7).compress(page))


def test_constant_page_is_tiny() -> None:
    assert len(compress_numbers(np.full(COUNT, 2**60, "<i8").tobytes(), 8, 0)) < 60


def test_noise_grows_by_headers_only() -> None:
    page = np.random.default_rng(1).bytes(300_000)
    assert len(compress_numbers(page, 8, 0)) == len(page) + 9 + 3 * 3


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_791, 65_792, 8 << 20])
def test_single_segment_says_its_size(size: int) -> None:
    header = zstandard.get_frame_parameters(compress_numbers(bytes(size), 8, 0))
    assert header.content_size == size
    assert header.dict_id == 0
    assert not header.has_checksum
    assert header.window_size == size


def test_larger_frame_has_a_small_window() -> None:
    size = (8 << 20) + 1
    header = zstandard.get_frame_parameters(compress_numbers(bytes(size), 8, 0))
    assert header.content_size == size
    assert header.window_size == 1 << 20


def test_takes_arrays_and_leaves_them_alone() -> None:
    page = np.frombuffer(realistic_instants(), np.uint8).copy()
    assert compress_numbers(page, 8, 0) == compress_numbers(page.tobytes(), 8, 0)
    assert page.flags.writeable
    assert page.tobytes() == realistic_instants()


@pytest.mark.parametrize(("stride", "prefix"), [(0, 0), (-8, 0), (1 << 17, 0), (8, -1), (8, 11)])
def test_impossible_pages(stride: int, prefix: int) -> None:
    with pytest.raises(ValueError, match="no page of 10 bytes"):
        compress_numbers(bytes(10), stride, prefix)
