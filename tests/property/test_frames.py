"""zstd frames of numbers: three copies of libzstd give any page back; `test_zstd_decoders.py` has another decoder."""

from __future__ import annotations

import random
from collections.abc import Iterator

import cramjam
import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logpress.parquet.pages import WholeDeltas
from logpress.parquet.values import Scratch
from logpress.parquet.zstd.frames import MATCHINGS, Matching, compress_numbers, room_bytes, scratch_arrays
from logpress.parquet.zstd.kernels_frames import write_frame
from logpress.parquet.zstd.kernels_huffman import BYTES_ROWS, write_literals
from logpress.parquet.zstd.kernels_matches import BLOCK_BYTES
from logpress.parquet.zstd.kernels_sequences import write_sequences

KB = 1 << 10
HEADERS = 14 + 3
"""The longest frame header, and that of a block."""


def assert_comes_back(page: bytes, matching: Matching, prefix: int) -> bytes:
    frame = compress_numbers(page, matching, prefix)
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


def rarely_large(random_: np.random.Generator, count: int) -> np.ndarray:
    """int64 numbers below 256, and some above."""
    large = random_.random(count) < random_.choice([0.001, 0.02, 0.5])
    high = random_.choice(random_.integers(1, 2 ** random_.choice([8, 20, 50]), random_.integers(1, 400)), count)
    return random_.integers(0, 200, count) + (high << 8) * large


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
        case "ranks":
            return np.minimum(random_.geometric(1 / random_.integers(2, 300), count) - 1, 2**31)
        case "small":
            return random_.integers(0, random_.choice([1, 2, 3, 17, 128, 129, 200, 256]), count)
    raise AssertionError(kind)


KINDS = (
    "instants", "constant", "random", "ascending", "runs", "high bytes", "mixed sizes", "long runs", "noise between",
    "ranks", "rarely large", "small",
)  # fmt: skip


def deltas_of(numbers: np.ndarray) -> bytes:
    """int64 numbers as pages of deltas in whole bytes, one behind the other."""
    pages = WholeDeltas(numbers.astype(np.int64), Scratch())
    found, first = b"", 0
    while first < len(numbers):
        first, page = pages.page(first)
        found += page
    return found


def page_of(kind: str, random_: np.random.Generator, size: int, stride: int, prefix: int) -> bytes:
    """A page of this size: a prefix, then numbers of a kind, the first one cut."""
    count = max(size - prefix, 0) // (stride or 4) + 1
    numbers = rarely_large(random_, count) if kind == "rarely large" else values(kind, random_, count)
    if stride == 0:
        return (random_.bytes(prefix) + deltas_of(numbers))[: max(size, 0)]
    narrow = numbers.astype("<i8").view(np.uint8).reshape(-1, 8)
    wide = np.zeros((len(numbers), max(stride, 8)), np.uint8)
    wide[:, :8] = narrow
    content = wide[:, :stride].tobytes()
    return random_.bytes(prefix) + content[len(content) - size + prefix :]


@given(st.binary(max_size=400), st.sampled_from(MATCHINGS), st.integers(0, 400))
@settings(max_examples=300, deadline=None)
def test_any_bytes(page: bytes, matching: Matching, prefix: int) -> None:
    assert_comes_back(page, matching, min(prefix, len(page)))


words_ = st.sampled_from([b"\0\0\0\0", b"\0\0\0\1", b"\1\0\0\0", b"\1\2\0\0", b"\1\2\3\0", b"\1\2\3\4"])


@given(st.lists(words_, max_size=200), st.sampled_from(MATCHINGS), st.integers(0, 9), st.integers(0, 4))
@settings(max_examples=300, deadline=None)
def test_bytes_that_repeat(words: list[bytes], matching: Matching, prefix: int, cut: int) -> None:
    page = b"".join(words)
    page = page[: len(page) - cut]
    assert_comes_back(page, matching, min(prefix, len(page)))


@given(
    st.sampled_from(KINDS),
    st.integers(0, 2**32),
    st.integers(0, 300 * KB),
    st.sampled_from(MATCHINGS),
    st.integers(0, 2000) | st.integers(0, 300 * KB),
)
@settings(max_examples=150, deadline=None)
def test_numbers_of_every_kind(kind: str, seed: int, size: int, matching: Matching, prefix: int) -> None:
    prefix = min(prefix, size)
    assert_comes_back(page_of(kind, np.random.default_rng(seed), size, matching[0], prefix), matching, prefix)


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 150 * KB)), max_size=6),
    st.integers(0, 2**32),
    st.sampled_from(MATCHINGS),
)
@example([("rarely large", 128 * KB), ("random", 256 * KB), ("rarely large", 128 * KB)], 1, (4, 32))
@example([("rarely large", 128 * KB), ("random", 256 * KB), ("rarely large", 128 * KB)], 1, (8, 64))
@example([("rarely large", 1200 * KB), ("random", 1200 * KB), ("rarely large", 9000 * KB)], 1, (8, 64))
@settings(max_examples=150, deadline=None)
def test_numbers_of_several_kinds(parts: list[tuple[str, int]], seed: int, matching: Matching) -> None:
    """Repeated offsets of one block are used by the next one, unless the block is given up."""
    random_ = np.random.default_rng(seed)
    assert_comes_back(b"".join(page_of(kind, random_, size, matching[0], 0) for kind, size in parts), matching, 0)


@pytest.mark.parametrize("border", [0, 16, 256, 64 * KB + 256, 128 * KB, 256 * KB])
@pytest.mark.parametrize("matching", MATCHINGS)
def test_sizes_around_borders(border: int, matching: Matching) -> None:
    random_ = np.random.default_rng(border)
    for kind in KINDS:
        for size in [*range(max(border - 9, 0), border + 10), border + 24]:
            prefix = min(int(random_.integers(0, 10)), size)
            assert_comes_back(page_of(kind, random_, size, matching[0], prefix), matching, prefix)


@pytest.mark.parametrize("prefix", [128 * KB - 9, 128 * KB - 8, 128 * KB - 1, 128 * KB, 128 * KB + 1, 256 * KB])
@pytest.mark.parametrize("matching", MATCHINGS)
def test_long_prefixes(prefix: int, matching: Matching) -> None:
    random_ = np.random.default_rng(prefix)
    for kind in KINDS:
        for extra in (0, 1, *range(15, 18), *range(63, 66), 200 * KB):
            assert_comes_back(page_of(kind, random_, prefix + extra, matching[0], prefix), matching, prefix)


@pytest.mark.parametrize("size", [(8 << 20) - 1, 8 << 20, (8 << 20) + 1, 9_000_001])
@pytest.mark.parametrize("kind", ["instants", "random", "constant", "ranks"])
@pytest.mark.parametrize("matching", MATCHINGS)
def test_many_megabytes(size: int, kind: str, matching: Matching) -> None:
    assert_comes_back(page_of(kind, np.random.default_rng(size), size, matching[0], 5), matching, 5)


def pages_of_every_length() -> Iterator[tuple[bytes, Matching]]:
    """Runs of literals and of matches of all lengths that begin a code, and those around them."""
    random_ = np.random.default_rng(2)
    lengths = [*range(1, 70), *(2**k + d for k in range(6, 17) for d in (-1, 0, 1, 2, 3))]
    for kind in ("literals", "matches", "both"):
        for matching in MATCHINGS:
            stride = matching[0] or 5
            for length in lengths:
                noise = random_.bytes(length * stride if kind != "matches" else stride)
                run = noise[-stride:] * (length if kind != "literals" else 3)
                yield (noise + run) * 2, matching


def test_lengths_of_every_code() -> None:
    for page, matching in pages_of_every_length():
        assert_comes_back(page, matching, 0)


def test_thousands_of_pages() -> None:
    choose = random.Random(20260923)
    random_ = np.random.default_rng(20260923)
    for _ in range(3000):
        size = choose.choice([choose.randrange(100), choose.randrange(5000), choose.randrange(5000)])
        matching = choose.choice(MATCHINGS)
        prefix = choose.choice([0, min(size, 7), choose.randint(0, size)])
        assert_comes_back(page_of(choose.choice(KINDS), random_, size, matching[0], prefix), matching, prefix)


COUNTS = {
    "even": lambda k: [40] * k,
    "falling": lambda k: [max(1, 3000 >> min(place // 3, 12)) for place in range(k)],
    "Fibonacci": lambda k: [max(1, int(1.618 ** (place - k + 22))) for place in range(k)],
    "one is most": lambda k: [60_000] + [1] * (k - 1),
    "one is most, the last": lambda k: [1] * (k - 1) + [60_000],
}


ALPHABETS = [1, 2, 3, 4, 5, 16, 127, 128, 129, 130, 255, 256]
"""Numbers of distinct symbols."""


def numbers_of_alphabets(kind: str, symbols: int) -> Iterator[np.ndarray]:
    """Numbers below 256, of so many values: the first ones, the last ones, and any."""
    random_ = np.random.default_rng(symbols)
    for alphabet in (np.arange(symbols), 255 - np.arange(symbols), np.sort(random_.permutation(256)[:symbols])):
        yield random_.permutation(np.repeat(alphabet, COUNTS[kind](symbols)))


@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("symbols", ALPHABETS)
def test_literals_of_every_alphabet(kind: str, matching: Matching, symbols: int) -> None:
    """With bytes side by side or far apart, the first or the last ones: weights are said directly, or in FSE."""
    for numbers in numbers_of_alphabets(kind, symbols):
        frame = assert_comes_back(numbers.astype(f"<u{matching[0] or 1}").tobytes(), matching, 0)
        if kind == "one is most" and len(numbers) > 50_000:
            assert len(frame) < len(numbers) / 6 + 3_000


@pytest.mark.parametrize(
    "size", [*range(60, 70), 255, 256, 257, 1023, 1024, 1025, 16_383, 16_384, 128 * KB, 128 * KB + 1]
)
def test_numbers_of_literals_around_borders(size: int) -> None:
    random_ = np.random.default_rng(size)
    for symbols in (1, 2, 3, 30, 256):
        skewed = np.minimum(random_.geometric(0.3, size) - 1, symbols - 1).astype(np.uint8)
        frame = assert_comes_back(skewed.tobytes(), (1, 1), 0)
        if size >= 256:
            assert len(frame) < size * 0.6


class Fenced:
    """An array between bytes that nobody may write."""

    FENCE = 4096

    def __init__(self, shape: tuple[int, ...], kind: np.dtype | type) -> None:
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        self.whole = np.full(size + 2 * self.FENCE, 0xA5, np.uint8)
        self.array = self.whole[self.FENCE : self.FENCE + size].view(kind).reshape(shape)

    def assert_whole(self) -> None:
        assert (self.whole[: self.FENCE] == 0xA5).all()
        assert (self.whole[-self.FENCE :] == 0xA5).all()


@pytest.mark.parametrize("matching", MATCHINGS)
def test_writes_inside_its_arrays(matching: Matching) -> None:
    random_ = np.random.default_rng(matching[1])
    scratch = [Fenced(array.shape, array.dtype) for array in scratch_arrays()]
    pages = [
        page_of(kind, random_, size, matching[0], 5) for kind in KINDS for size in (5, 99, 5000, 128 * KB, 300 * KB)
    ]
    tight = np.zeros((128 * KB, 4), np.uint8)  # one literal and the shortest match, again and again
    tight[:, 0] = random_.integers(0, 256, len(tight))
    widths = b"\x80\x01\x04\x80\x10\x00" + b"\x00\x20\x20\x20\x20"  # deltas of four bytes of which three come again
    for content in [*pages, tight.tobytes(), b"\0" * 5 + widths + tight.tobytes()]:
        page = np.frombuffer(content, np.uint8)
        out = Fenced((room_bytes(len(page)),), np.uint8)
        size = write_frame(page, *matching, 5, out.array, *(fenced.array for fenced in scratch))
        assert zstandard.ZstdDecompressor().decompress(out.array[:size].tobytes()) == content
        for fenced in (out, *scratch):
            fenced.assert_whole()


@pytest.mark.parametrize("size", [0, 1, 63, 64, 300, 5000, 128 * KB])
def test_literals_take_no_more_room_than_they_say(size: int) -> None:
    *_, symbols, cells, bytes_, items, is_leaf = scratch_arrays()
    assert bytes_.shape[0] == BYTES_ROWS
    for kind in ("random", "small", "ranks", "constant"):
        literals = np.frombuffer(page_of(kind, np.random.default_rng(size), size, 1, 0) + bytes(8), np.uint8).copy()
        out = Fenced((size + 150,), np.uint8)
        assert write_literals(literals, size, bytes_, items, is_leaf, symbols[0], cells, out.array, 0) <= size + 3
        out.assert_whole()


@pytest.mark.parametrize("seed", range(40))
def test_sequences_of_any_lengths_and_distances(seed: int) -> None:
    """Each has as many extra bits as the format allows, one behind the other, with codes that are rare and common."""
    random_ = np.random.default_rng(seed)
    before = random_.bytes(8 * BLOCK_BYTES)
    content, literals = bytearray(before), bytearray()
    found: list[tuple[int, int, int]] = []
    wanted = [(1, 8, 4000)] * 3000  # common, so that each code of the others has few cells
    for _ in range(2):  # what is read last is written first
        rare, many = (int(2 ** random_.uniform(3, 8)) for _ in range(2))
        wanted += [
            (rare, many, int(2 ** random_.uniform(3, 11))),
            (25_000, 17_000, int(2 ** random_.uniform(19.5, 20))),
        ]
    wanted += [(1, 8, 4000)] * int(random_.integers(0, 3))
    for literal, match, distance in wanted:
        found.append((literal, match, distance))
        new = random_.bytes(literal)
        literals += new
        content += new
        for _ in range(match):
            content.append(content[-distance])
    lengths = np.zeros((3, len(found)), np.int32)
    lengths[:, :] = np.array(found).T
    lengths[2] += 3
    *_, codes, symbols, cells, _, _, _ = scratch_arrays()
    out = np.zeros(4 * BLOCK_BYTES, np.uint8)
    end = int(write_sequences(len(found), 0, lengths, codes, symbols, cells, out, 0))
    head = (len(literals) << 4 | 3 << 2).to_bytes(3, "little")
    blocks = [
        (BLOCK_BYTES << 3).to_bytes(3, "little") + before[at : at + BLOCK_BYTES]
        for at in range(0, len(before), BLOCK_BYTES)
    ]
    last = head + literals + out[:end].tobytes()
    assert len(last) < BLOCK_BYTES
    frame = b"\x28\xb5\x2f\xfd\xa0" + len(content).to_bytes(4, "little") + b"".join(blocks)
    frame += (len(last) << 3 | 2 << 1 | 1).to_bytes(3, "little") + last
    assert zstandard.ZstdDecompressor().decompress(frame) == bytes(content)
