"""zstd frames of numbers: whatever the page, three copies of libzstd give it back."""

from __future__ import annotations

import random

import cramjam
import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from logpress.parquet.frames import MOST_STRIDE, compress_numbers, room_bytes
from logpress.parquet.kernels_frames import MOST, MOST_LOG, SYMBOLS, write_frame

KB = 1 << 10
HEADERS = 14 + 3
"""The longest frame header, and that of a block."""


def assert_comes_back(page: bytes, stride: int, prefix: int) -> bytes:
    frame = compress_numbers(page, stride, prefix)
    assert len(frame) <= len(page) + HEADERS + 3 * (len(page) // (128 * KB))
    assert zstandard.get_frame_parameters(frame).content_size == len(page)
    assert zstandard.ZstdDecompressor().decompress(frame) == page
    assert zstandard.ZstdDecompressor().decompressobj().decompress(frame) == page
    assert pa.Codec("zstd").decompress(frame, decompressed_size=len(page)).to_pybytes() == page
    assert bytes(cramjam.zstd.decompress(frame)) == page
    return frame


def instants(random_: np.random.Generator, count: int) -> np.ndarray:
    """Milliseconds that ascend for a while, then jump."""
    steps = random_.integers(0, 3000, count)
    jumps = random_.random(count) < 0.01
    return 1_640_512_797_800 + np.cumsum(steps) % 86_400_000 + jumps * random_.integers(-(10**9), 10**9, count)


def values(kind: str, random_: np.random.Generator, count: int) -> np.ndarray:
    """int64 numbers of a kind."""
    match kind:
        case "instants":
            return instants(random_, count)
        case "constant":
            return np.full(count, random_.integers(-(2**63), 2**63 - 1))
        case "random":
            return random_.integers(-(2**63), 2**63 - 1, count)
        case "ascending":
            return np.arange(count) + random_.integers(-(2**62), 2**62)
        case "runs":
            return np.repeat(instants(random_, count), random_.integers(1, 30, count))[:count]
        case "high bytes":
            return random_.integers(0, 256, count) << 56
        case "mixed sizes":
            return random_.integers(0, 2**62, count) >> random_.integers(0, 62, count)
        case "long runs":
            return np.resize(np.repeat(instants(random_, 40), random_.integers(1, 3000, 40)), count)
        case "noise between":
            noise = random_.integers(0, 2**62, count)
            return np.where(random_.random() < np.linspace(-1, 1, count), noise, instants(random_, count))
    raise AssertionError(kind)


KINDS = (
    "instants", "constant", "random", "ascending", "runs", "high bytes", "mixed sizes", "long runs", "noise between",
)  # fmt: skip


def page_of(kind: str, random_: np.random.Generator, size: int, stride: int, prefix: int) -> bytes:
    """A page of this size: a prefix, then numbers of a kind, the last one cut."""
    numbers = values(kind, random_, max(size - prefix, 0) // stride + 1)
    narrow = numbers.astype("<i8").view(np.uint8).reshape(-1, 8)
    wide = np.zeros((len(numbers), max(stride, 8)), np.uint8)
    wide[:, :8] = narrow
    return (random_.bytes(prefix) + wide[:, :stride].tobytes())[:size]


@given(st.binary(max_size=400), st.integers(1, 20), st.integers(0, 400))
@settings(max_examples=300, deadline=None)
def test_any_bytes(page: bytes, stride: int, prefix: int) -> None:
    assert_comes_back(page, stride, min(prefix, len(page)))


words_ = st.sampled_from([b"\0\0\0\0", b"\0\0\0\1", b"\1\0\0\0", b"\1\2\0\0", b"\1\2\3\0", b"\1\2\3\4"])


@given(st.lists(words_, max_size=200), st.integers(1, 20), st.integers(0, 9), st.integers(0, 4))
@settings(max_examples=300, deadline=None)
def test_bytes_that_repeat(words: list[bytes], stride: int, prefix: int, cut: int) -> None:
    page = b"".join(words)
    page = page[: len(page) - cut]
    assert_comes_back(page, stride, min(prefix, len(page)))


@given(
    st.sampled_from(KINDS),
    st.integers(0, 2**32),
    st.integers(0, 300 * KB),
    st.sampled_from([4, 8]) | st.integers(1, 16),
    st.integers(0, 2000) | st.integers(0, 300 * KB),
)
@settings(max_examples=150, deadline=None)
def test_numbers_of_every_kind(kind: str, seed: int, size: int, stride: int, prefix: int) -> None:
    prefix = min(prefix, size)
    assert_comes_back(page_of(kind, np.random.default_rng(seed), size, stride, prefix), stride, prefix)


@pytest.mark.parametrize("border", [0, 16, 256, 64 * KB + 256, 128 * KB, 256 * KB])
@pytest.mark.parametrize("stride", [2, 3, 4, 8, 12])
def test_sizes_around_borders(border: int, stride: int) -> None:
    random_ = np.random.default_rng(border + stride)
    for kind in KINDS:
        for size in [*range(max(border - 9, 0), border + 10), border + 24]:
            prefix = min(int(random_.integers(0, 10)), size)
            assert_comes_back(page_of(kind, random_, size, stride, prefix), stride, prefix)


@pytest.mark.parametrize("prefix", [128 * KB - 9, 128 * KB - 8, 128 * KB - 1, 128 * KB, 128 * KB + 1, 256 * KB])
@pytest.mark.parametrize("stride", [4, 7, 8, 100, MOST_STRIDE])
def test_long_prefixes_and_strides(prefix: int, stride: int) -> None:
    random_ = np.random.default_rng(prefix)
    for kind in KINDS:
        for extra in (0, 1, 2 * stride - 1, 2 * stride, 2 * stride + 1, 200 * KB):
            assert_comes_back(page_of(kind, random_, prefix + extra, stride, prefix), stride, prefix)


@pytest.mark.parametrize("size", [(8 << 20) - 1, 8 << 20, (8 << 20) + 1, 9_000_001])
@pytest.mark.parametrize("kind", ["instants", "random", "constant"])
def test_many_megabytes(size: int, kind: str) -> None:
    assert_comes_back(page_of(kind, np.random.default_rng(size), size, 8, 5), 8, 5)


def test_lengths_of_every_code() -> None:
    """Runs of literals and of matches of all lengths that begin a code, and those around them."""
    random_ = np.random.default_rng(2)
    lengths = [*range(1, 70), *(2**k + d for k in range(6, 17) for d in (-1, 0, 1, 2, 3))]
    for kind in ("literals", "matches", "both"):
        for stride in (4, 8):
            for length in lengths:
                noise = random_.bytes(length * stride if kind != "matches" else stride)
                run = noise[-stride:] * (length if kind != "literals" else 3)
                page = (noise + run) * 2
                assert_comes_back(page, stride, 0)


def test_thousands_of_pages() -> None:
    choose = random.Random(20260923)
    random_ = np.random.default_rng(20260923)
    for _ in range(3000):
        size = choose.choice([choose.randrange(100), choose.randrange(5000), choose.randrange(5000)])
        stride = choose.choice([4, 8, 8, choose.randrange(1, 17)])
        prefix = choose.choice([0, min(size, 7), choose.randint(0, size)])
        assert_comes_back(page_of(choose.choice(KINDS), random_, size, stride, prefix), stride, prefix)


class Fenced:
    """An array between bytes that nobody may write."""

    FENCE = 4096

    def __init__(self, shape: tuple[int, ...], kind: type) -> None:
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        self.whole = np.full(size + 2 * self.FENCE, 0xA5, np.uint8)
        self.array = self.whole[self.FENCE : self.FENCE + size].view(kind).reshape(shape)

    def assert_whole(self) -> None:
        assert (self.whole[: self.FENCE] == 0xA5).all()
        assert (self.whole[-self.FENCE :] == 0xA5).all()


@pytest.mark.parametrize("stride", [1, 3, 4, 8, MOST_STRIDE])
def test_writes_inside_its_arrays(stride: int) -> None:
    random_ = np.random.default_rng(stride)
    scratch = [
        Fenced((2, MOST), np.int32), Fenced((2, MOST), np.uint8), Fenced((2, 4, SYMBOLS), np.int32),
        Fenced((3, 1 << MOST_LOG), np.int32),
    ]  # fmt: skip
    pages = [page_of(kind, random_, size, stride, 5) for kind in KINDS for size in (5, 99, 5000, 128 * KB, 300 * KB)]
    tight = np.zeros((128 * KB, 4), np.uint8)  # one literal and the shortest match, again and again
    tight[:, 0] = random_.integers(0, 256, len(tight))
    for content in [*pages, tight.tobytes()]:
        page = np.frombuffer(content, np.uint8)
        out = Fenced((room_bytes(len(page)),), np.uint8)
        size = write_frame(page, stride, 5, out.array, *(fenced.array for fenced in scratch))
        assert zstandard.ZstdDecompressor().decompress(out.array[:size].tobytes()) == content
        for fenced in (out, *scratch):
            fenced.assert_whole()
