"""Kernels that split pages into sequences of zstd, each against plain Python, and against what a decoder makes of them.

Each test bears the name of its kernel, because `tests/mutants/run.py` runs the test of a broken kernel first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.twins import varint

from logpress.parquet.zstd import kernels_deltas, kernels_frames
from logpress.parquet.zstd import kernels_matches as kernels
from logpress.parquet.zstd.frames import MATCHINGS, Matching, room_bytes, scratch_arrays
from logpress.parquet.zstd.kernels_huffman import write_literals
from logpress.parquet.zstd.kernels_sequences import REFUSED, write_sequences

SEEDS = st.integers(0, 2**32 - 1)
MIXING = 0x9E3779B97F4A7C15
MEGABYTE = 1 << 20
FULL = 128
"""Deltas of a block."""

Sequences = list[tuple[int, int, int]]
"""Literals before a match, its length, and its distance."""


def words(page: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(page[at : at + size], "little")


def array(page: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(page, dtype=np.uint8)


def room(page: bytes) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Where literals and lengths of sequences go."""
    return np.full(len(page) + 16, 0xEE, dtype=np.uint8), np.full((3, len(page) + 1), -5, dtype=np.int32)


def decoded(before: bytes, literals: bytes, sequences: Sequences) -> bytes:
    """What a decoder makes of sequences; a distance is one in bytes here."""
    out, at = bytearray(before), 0
    for count, length, distance in sequences:
        out += literals[at : at + count]
        at += count
        for _ in range(length):
            out.append(out[-distance])
    return bytes(out) + literals[at:]


def listed(lengths: NDArray[np.int32], found: int, distance: int | None = None) -> Sequences:
    """The first sequences; of those that do not say a distance it is this one."""
    kept = lengths[:, :found].tolist()
    return list(zip(kept[0], kept[1], kept[2] if distance is None else [distance] * found, strict=True))


# ------------------------------------------------------------------------------------------------------ runs of bytes


def plain_runs(page: bytes, at: int, end: int, pending: int) -> tuple[Sequences, int, bytes]:
    """Runs of twelve bytes or more that hold a word like the one that begins a byte before it, looked for by words."""
    sequences: Sequences = []
    literals, copied = b"", at
    least = at + (pending == 0)
    while at + 8 <= end:
        if page[at : at + 8] != page[at - 1 : at + 7]:
            at += 8
            continue
        first = max(at, least)
        while first > least and page[first - 1] == page[first - 2]:
            first -= 1
        while at < end and page[at] == page[at - 1]:
            at += 1
        if at - first >= 12:
            literals += page[copied:first]
            sequences.append((pending + first - copied, at - first, 1))
            pending, copied, least = 0, at, at
    return sequences, copied, literals


@given(
    st.lists(st.tuples(st.sampled_from(b"ab"), st.integers(1, 3) | st.integers(7, 30)), min_size=1, max_size=12),
    st.data(),
)
@example([(97, 13)], None)
@example([(98, 1), (97, 12), (98, 9)], None)
def test_split_runs(runs: list[tuple[int, int]], data: st.DataObject | None) -> None:
    page = b"".join(bytes([byte]) * count for byte, count in runs)
    at = 1 if data is None else data.draw(st.integers(1, len(page)))
    end = len(page) if data is None else data.draw(st.integers(at, len(page)))
    pending = 0 if data is None else min(at, data.draw(st.sampled_from([0, 0, 1, 5])))
    out, lengths = room(page)
    found, copied, to = kernels._split_runs(array(page), at, end, out, 2, lengths, pending)
    expected, plain_copied, literals = plain_runs(page, at, end, pending)
    assert (listed(lengths, found, 1), copied) == (expected, plain_copied)
    assert out[:to].tobytes() == b"\xee\xee" + literals
    assert out[to:].tolist() == [0xEE] * (len(out) - to)
    assert decoded(page[: at - pending], page[at - pending : at] + literals, expected) == page[:copied]


# ----------------------------------------------------------------------------------------------------------- numbers


def plain_words(
    page: bytes, at: int, end: int, stride: int, only_one: bool, pending: int
) -> tuple[Sequences, int, bytes]:
    """The bytes of each number up to the highest that differs from the one before are literals."""
    sequences: Sequences = []
    literals = b""
    while at + stride <= end:
        here, before = words(page, at, stride), words(page, at - stride, stride)
        size = ((here ^ before).bit_length() + 7) // 8
        at += stride
        if size == 0 and pending == 0 and sequences:
            count, length, _ = sequences[-1]
            sequences[-1] = (count, length + stride, stride)
            continue
        size = max(size, pending == 0)
        if stride - size < 3:
            size = stride
        literals += page[at - stride : at - stride + size]
        pending += size
        if size < stride:
            sequences.append((pending, stride - size, stride))
            pending = 0
            if only_one:
                break
    return sequences, at, literals


def numbers_alike(seed: int, count: int, stride: int) -> bytes:
    """Numbers that differ in their lowest bytes, many of them equal."""
    random = np.random.default_rng(seed)
    base = int(random.integers(0, 2 ** (8 * stride - 1)))
    flips = [int(random.integers(0, 256)) << 8 * int(random.integers(0, stride)) for _ in range(3)]
    return b"".join(
        (base ^ flips[k] * on).to_bytes(stride, "little") for k, on in random.integers(0, [3, 2], (count, 2)).tolist()
    )


@given(SEEDS, st.integers(2, 20), st.sampled_from([4, 8]), st.booleans(), st.integers(0, 3), st.data())
def test_split_words(seed: int, count: int, stride: int, only_one: bool, cut: int, data: st.DataObject) -> None:
    page = numbers_alike(seed, count, stride)
    at = stride * data.draw(st.integers(1, count))
    end = max(at, len(page) - stride * data.draw(st.integers(0, 2)) - cut)
    pending = min(at, data.draw(st.sampled_from([0, 0, 1, 4])))
    out, lengths = room(page)
    found, after, to = kernels._split_words(array(page), at, end, stride, only_one, out, 2, lengths, pending)
    expected, plain_after, literals = plain_words(page, at, end, stride, only_one, pending)
    assert (listed(lengths, found, stride), after) == (expected, plain_after)
    assert out[:to].tobytes() == b"\xee\xee" + literals
    assert decoded(page[: at - pending], page[at - pending : at] + literals, expected) == page[:after]


class Recent:
    """The distances used last, and where a number of some high bytes came last."""

    def __init__(self, recent: Sequence[int], places: Sequence[int]) -> None:
        self.recent, self.places = list(recent), list(places)

    def offset_of(self, page: bytes, at: int, stride: int, nearest: int) -> int:
        high = words(page, at, stride) >> 8

        def fits(back: int, most: int) -> bool:
            return nearest <= back <= min(at, most) and words(page, at - back, stride) >> 8 == high

        for k in (1, 2):
            if fits(self.recent[k], at):
                self.recent.insert(0, self.recent.pop(k))
                return k + 1
        place = (high * MIXING & (1 << 64) - 1) >> 56
        last, self.places[place] = self.places[place], at
        back = nearest if words(page, at - nearest, stride) >> 8 == high else at - last
        if not fits(back, MEGABYTE):
            return 0
        self.recent = [back, *self.recent[:2]]
        return back + 3

    def split_small(
        self, page: bytes, at: int, end: int, stride: int, nearest: int, pending: int
    ) -> tuple[Sequences, Sequences, int, bytes]:
        """Sequences as the kernel says them, the same with distances in bytes, where they end, and literals."""
        said: Sequences = []
        meant: Sequences = []
        literals = b""
        while at + stride <= end:
            here, back = words(page, at, stride), self.recent[0]
            may = nearest <= back <= at
            differing = here ^ words(page, at - back, stride) if may else -1
            offset = 1 if may and differing < 256 else self.offset_of(page, at, stride, nearest)
            size = 1
            if offset == 0:
                size = 2 if may and differing < 65_536 and stride - 2 >= 3 else stride
                offset = 1
            literals += page[at : at + size]
            pending += size
            at += stride
            if size < stride:
                said.append((pending, stride - size, offset))
                meant.append((pending, stride - size, self.recent[0]))
                pending = 0
        return said, meant, at, literals


@given(SEEDS, st.integers(4, 60), st.sampled_from([4, 8]), st.integers(1, 3), st.integers(1, 6), st.data())
def test_split_small(seed: int, count: int, stride: int, away: int, kinds: int, data: st.DataObject) -> None:
    random = np.random.default_rng(seed)
    highs = [int(high) << 8 for high in random.integers(0, 2 ** (8 * stride - 9), kinds)]
    highs += [highs[0] ^ 0x100, highs[0] ^ 0xFF00, highs[0] ^ 0x1_0000]
    page = b"".join(
        (highs[int(k)] | int(low)).to_bytes(stride, "little")
        for k, low in zip(random.integers(0, len(highs), count), random.integers(0, 256, count), strict=True)
    )
    nearest = away * stride
    at = min(len(page), nearest + stride * data.draw(st.integers(0, 3)))
    end = max(at, len(page) - data.draw(st.integers(0, 12)))
    pending = min(at, data.draw(st.sampled_from([0, 1, 5])))
    first = data.draw(
        st.lists(st.integers(1, 9).map(lambda k: k * stride) | st.integers(1, 80), min_size=3, max_size=3)
    )
    recent = np.array([*first, -5, -5, -5], dtype=np.int64)
    places = np.full(kernels.PLACES, -1, dtype=np.int32)
    plain = Recent(first, [-1] * kernels.PLACES)
    out, lengths = room(page)
    found, after, to = kernels._split_small(
        array(page), at, end, stride, nearest, recent, places, out, 2, lengths, pending
    )
    said, meant, plain_after, literals = plain.split_small(page, at, end, stride, nearest, pending)
    assert (listed(lengths, found), after) == (said, plain_after)
    assert recent.tolist() == [*plain.recent, -5, -5, -5]
    assert places.tolist() == plain.places
    assert out[:to].tobytes() == b"\xee\xee" + literals
    assert decoded(page[: at - pending], page[at - pending : at] + literals, meant) == page[:after]


@pytest.mark.parametrize("back", [MEGABYTE - 8, MEGABYTE, MEGABYTE + 8])
def test_offset_of_goes_back_a_megabyte_at_most(back: int) -> None:
    page = np.zeros(2 * MEGABYTE, dtype=np.uint8)
    at = MEGABYTE + 800
    for place in (at, at - back):
        page[place : place + 8] = 7
    recent, places = np.array([1, 4, 8], dtype=np.int64), np.full(kernels.PLACES, at - back, dtype=np.int32)
    found = kernels._offset_of(page, at, 8, 8, recent, places)
    assert (found, recent.tolist()) == ((back + 3, [back, 1, 4]) if back <= MEGABYTE else (0, [1, 4, 8]))


# ------------------------------------------------------------------------------------------------------------ deltas


def plain_delta_block(page: bytes, at: int) -> tuple[int, int]:
    """Where the deltas of a block begin, and the bytes of each, or -1."""
    widths = plain_after_varint(page, at)
    if widths + 4 > len(page):
        return len(page), -1
    some = page[widths : widths + 4]
    return widths + 4, some[0] // 8 if len(set(some)) == 1 and some[0] in (32, 40, 48, 56, 64) else -1


def plain_after_varint(page: bytes, at: int) -> int:
    while at < len(page) and page[at] > 127:
        at += 1
    return min(at + 1, len(page))


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=3), st.integers(0, 3), st.integers(0, 9))
def test_after_varint(numbers: list[int], before: int, cut: int) -> None:
    page = bytes(before) + b"".join(map(varint, numbers))
    page = page[: len(page) - cut]
    at = before
    for number in numbers:
        at = min(at + len(varint(number)), len(page))
        before = int(kernels_deltas._after_varint(array(page), before))
        assert before == at


WIDTHS = st.sampled_from([24, 31, 32, 33, 40, 48, 56, 64, 65, 72])


@given(
    st.integers(0, 2**20), st.one_of(WIDTHS.map(lambda w: [w] * 4), st.lists(WIDTHS, min_size=4, max_size=4)), st.data()
)
@example(5, [32] * 4, None)
@example(300, [64] * 4, None)
@example(5, [32, 40, 32, 32], None)
@example(5, [32, 32, 40, 32], None)
@example(5, [32, 32, 32, 40], None)
def test_delta_block(least: int, widths: list[int], data: st.DataObject | None) -> None:
    page = b"\x80" + varint(least) + bytes(widths) + b"x"
    page = page[: None if data is None else data.draw(st.integers(1, len(page)))]
    assert kernels_deltas._delta_block(array(page), 1) == plain_delta_block(page, 1)


@given(st.binary(max_size=3), st.lists(st.integers(0, 2**30), min_size=4, max_size=4))
def test_open_deltas(prefix: bytes, numbers: list[int]) -> None:
    head = prefix + b"".join(map(varint, numbers))
    cursor = np.full(4, -5, dtype=np.int64)
    kernels_deltas.open_deltas(array(head + b"\x05"), len(prefix), cursor)
    assert cursor.tolist() == [8, FULL, len(head), 0]


class Deltas:
    """Where the blocks of deltas are, and where a delta of some low bytes came last."""

    def __init__(self, cursor: list[int]) -> None:
        self.cursor = cursor
        self.places: dict[int, int] = {}

    def split(self, page: bytes, at: int, end: int, pending: int) -> tuple[Sequences, int, bytes]:
        """Headers that are those before, and deltas whose three low bytes are those of one before, are matches."""
        sequences: Sequences = []
        literals, matched_to, distance = b"", -1, 0
        most_back = len(page) if len(page) <= 8 * MEGABYTE else MEGABYTE
        while at < end and self.cursor[0] != -1:
            if self.cursor[1] == FULL:
                begin, size = plain_delta_block(page, at)
                if size == -1:
                    self.cursor[0] = -1
                    break
                if begin > end:
                    break
                before, length = self.cursor[2:]
                if length == begin - at and page[at:begin] == page[before : before + length]:
                    sequences.append((pending, length, at - before))
                    pending, matched_to = 0, -1
                else:
                    literals += page[at:begin]
                    pending += begin - at
                self.cursor = [size, 0, at, begin - at]
                at = begin
                continue
            size = self.cursor[0]
            if at + size > end:
                break
            place = (words(page, at, 3) * MIXING & (1 << 64) - 1) >> 47
            last = self.places.get(place, -1)
            self.places[place] = at
            self.cursor[1] += 1
            equal = 0
            if last >= 0 and at - last <= most_back:
                while equal < size and page[at + equal] == page[last + equal]:
                    equal += 1
            if equal >= 3:
                if matched_to == at and distance == at - last:
                    count, length, _ = sequences[-1]
                    sequences[-1] = (count, length + equal, distance)
                else:
                    distance = at - last
                    sequences.append((pending, equal, distance))
                    pending = 0
                matched_to = at + equal
            else:
                equal = 0
            literals += page[at + equal : at + size]
            pending += size - equal
            at += size
        return sequences, at, literals


def page_of_deltas(seed: int, blocks: int, prefix: int, fault: int) -> bytes:
    """Blocks of few different deltas, in whole bytes of some size, some of which have the header of the one before."""
    random = np.random.default_rng(seed)
    page = bytes(prefix) + b"".join(map(varint, (128, 4, 40_000, 12)))
    size, least = int(random.integers(4, 9)), 7
    for block in range(blocks):
        if random.random() < 0.5:
            size, least = int(random.integers(4, 9)), int(random.integers(0, 300))
        page += varint(least) + bytes([8 * size if block != fault else 20] * 4)
        some = [random.bytes(size) for _ in range(int(random.integers(1, 5)))]
        some += [
            some[0][:3] + random.bytes(size - 3),
            some[0][:2] + random.bytes(size - 2),
            some[-1][:4] + bytes(size - 4),
        ]
        runs = [some[int(k)] * int(times) for k, times in random.integers(0, [len(some), 6], (FULL, 2))]
        page += b"".join(runs)[: FULL * size].ljust(FULL * size, b"\1")
    return page


@given(SEEDS, st.integers(1, 4), st.integers(0, 5), st.sampled_from([9, 9, 9, 1, 0]), st.integers(0, 60), st.data())
def test_split_deltas(seed: int, blocks: int, prefix: int, fault: int, cut: int, data: st.DataObject) -> None:
    """From the page's first block on, in one piece or in two, as blocks of zstd cut it."""
    page = page_of_deltas(seed, blocks, prefix, fault)
    page = page[: len(page) - cut]
    cursor = np.zeros(4, dtype=np.int64)
    kernels_deltas.open_deltas(array(page), prefix, cursor)
    plain = Deltas(cursor.tolist())
    places = np.full(kernels_deltas.DELTA_PLACES, -1, dtype=np.int32)
    at = int(cursor[2])
    ends = [data.draw(st.integers(at, len(page))), len(page)] if data.draw(st.booleans()) else [len(page)]
    for end in ends:
        pending = data.draw(st.sampled_from([0, 3]))
        out, lengths = room(page)
        found, after, to = kernels_deltas.split_deltas(array(page), at, end, cursor, places, out, 2, lengths, pending)
        expected, plain_after, literals = plain.split(page, at, end, pending)
        assert listed(lengths, found) == [(count, length, distance + 3) for count, length, distance in expected]
        assert (after, cursor.tolist()) == (plain_after, plain.cursor)
        assert out[:to].tobytes() == b"\xee\xee" + literals
        assert np.flatnonzero(places >= 0).tolist() == sorted(plain.places)
        assert decoded(page[: at - pending], page[at - pending : at] + literals, expected) == page[:after]
        at = after


@pytest.mark.parametrize("back", [MEGABYTE - 4, MEGABYTE, MEGABYTE + 4, 3 * MEGABYTE])
@pytest.mark.parametrize("size", [8 * MEGABYTE, 8 * MEGABYTE + 1])
def test_split_deltas_goes_back_as_far_as_the_window_of_the_frame(size: int, back: int) -> None:
    page = np.zeros(size, dtype=np.uint8)
    at = 3 * MEGABYTE
    page[at : at + 4] = page[at - back : at - back + 4] = (1, 2, 3, 4)
    place = (0x030201 * MIXING & (1 << 64) - 1) >> 47
    places, cursor = np.full(kernels_deltas.DELTA_PLACES, -1, dtype=np.int32), np.array([4, 0, 0, 9])
    places[place] = at - back
    out, lengths = room(b"")
    found, after, to = kernels_deltas.split_deltas(page, at, at + 4, cursor, places, out, 0, lengths, 0)
    is_near = back <= MEGABYTE or size == 8 * MEGABYTE
    assert (found, after, to) == ((1, at + 4, 0) if is_near else (0, at + 4, 4))
    assert lengths[:, 0].tolist() == ([0, 4, back + 3] if is_near else [-5] * 3)


# ----------------------------------------------------------------------------------------------------------- headers


@pytest.mark.parametrize(
    "size",
    [0, 1, 255, 256, 65_791, 65_792, 8 * MEGABYTE, 8 * MEGABYTE + 1, 2**32 - 1, 2**32, 2**40],
)
def test_write_header(size: int) -> None:
    """The content's size in the shortest field; above eight megabytes a window of one (RFC 8878, 3.1.1.1)."""
    out = np.full(24, 0xEE, dtype=np.uint8)
    end = kernels_frames._write_header(size, out)
    if size > 8 * MEGABYTE:
        is_wide = size >= 2**32
        rest = bytes([0xC0 if is_wide else 0x80, 10 << 3]) + size.to_bytes(8 if is_wide else 4, "little")
    elif size < 256:
        rest = b"\x20" + size.to_bytes(1, "little")
    elif size < 65_792:
        rest = b"\x60" + (size - 256).to_bytes(2, "little")
    else:
        rest = b"\xa0" + size.to_bytes(4, "little")
    assert out[:end].tobytes() == (0xFD2FB528).to_bytes(4, "little") + rest


@given(st.integers(0, 2**24 - 1))
def test_put24(number: int) -> None:
    out = np.full(6, 0xEE, dtype=np.uint8)
    kernels_frames._put24(out, 1, number)
    assert out.tobytes() == b"\xee" + number.to_bytes(3, "little") + b"\xee\xee"


@given(st.binary(max_size=20), st.data())
def test_write_raw(page: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(page)))
    end = data.draw(st.integers(start, len(page)))
    out = np.full(32, 0xEE, dtype=np.uint8)
    to = kernels_frames._write_raw(array(page), start, end, out, 2)
    head = ((end - start) << 3 | (end == len(page))).to_bytes(3, "little")
    assert out.tobytes() == (b"\xee\xee" + head + page[start:end]).ljust(32, b"\xee")
    assert to == 5 + end - start


# ------------------------------------------------------------------------------------------------------------ frames

BLOCK = 128 << 10


class Splitter:
    """Content of blocks to sequences, as `find_sequences` does, with all that is known from block to block."""

    def __init__(self, stride: int, distance: int) -> None:
        self.stride, self.distance = stride, distance
        self.recent = Recent([1, 4, 8], [-1] * kernels.PLACES)
        self.deltas = Deltas([0, 0, 0, 0])

    def find(self, page: bytes, start: int, at: int, end: int, only_one: bool) -> tuple[Sequences, int, bytes]:
        """Sequences as the kernel says them, where the content ends, and its literals."""
        pending = at - start
        if self.stride == 1:
            found, after, literals = plain_runs(page, at, end, pending)
            said = [(count, length, 0) for count, length, _ in found]
        elif self.stride == 0:
            found, after, literals = self.deltas.split(page, at, end, pending)
            said = [(count, length, back + 3) for count, length, back in found]
        elif self.distance > self.stride:
            said, _, after, literals = self.recent.split_small(page, at, end, self.stride, self.distance, pending)
        else:
            found, after, literals = plain_words(page, at, end, self.stride, only_one, pending)
            said = [(count, length, 0) for count, length, _ in found]
        literals = page[start:at] + literals
        is_cut = self.stride == 0 and self.deltas.cursor[0] != -1 and after < end < len(page)
        if is_cut or (only_one and said):
            return said, after, literals
        return said, end, literals + page[after:end]


@pytest.mark.parametrize("stride", [0, 1, 4, 8])
@given(SEEDS, st.integers(1, 3), st.booleans(), st.integers(0, 40), st.integers(0, 9))
def test_find_sequences(stride: int, seed: int, times: int, only_one: bool, before: int, cut: int) -> None:
    """Literals before the first number, those behind the last whole one, and where the content ends before its end."""
    random = np.random.default_rng(seed)
    distance = (1, 1, 4, 8)[(0, 1, 4, 8).index(stride)] if times < 3 or stride < 4 else 8 * stride
    page = page_of_deltas(seed, 2, before, 9) if stride == 0 else numbers_alike(seed, 90, stride)
    splitter = Splitter(stride, distance)
    cursor = np.zeros(4, dtype=np.int64)
    kernels_deltas.open_deltas(array(page), before, cursor)
    if stride:
        cursor[:] = 0
    splitter.deltas.cursor = cursor.tolist()
    at = int(cursor[2]) if stride == 0 else distance + stride * int(random.integers(0, 3))
    start = at - min(at, before)
    end = max(at, len(page) - cut)
    recent, places = np.array([1, 4, 8, 0, 0, 0]), np.full(kernels_deltas.DELTA_PLACES, -1, dtype=np.int32)
    out, lengths = room(page)
    found, after, count = kernels.find_sequences(
        array(page), start, at, end, stride, distance, only_one, recent, cursor, places, out, lengths
    )
    said, plain_after, literals = splitter.find(page, start, at, end, only_one)
    assert listed(lengths, found, None if stride == 0 or distance > stride else 0) == said
    assert (after, out[:count].tobytes()) == (plain_after, literals)


def written(size: int, write: Callable[[NDArray[np.uint8]], int]) -> bytes:
    out = np.zeros(size, dtype=np.uint8)
    return out[: write(out)].tobytes()


def plain_frame(page: bytes, stride: int, distance: int, prefix: int) -> bytes:
    """The frame of a page, block by block; literals and sequences are written by the kernels for these."""
    size = len(page)
    head = written(20, lambda out: kernels_frames._write_header(size, out))
    splitter = Splitter(stride, distance)
    varies = distance > stride
    known = stride == 1 or varies
    if stride == 0:
        cursor = np.zeros(4, dtype=np.int64)
        kernels_deltas.open_deltas(array(page), prefix, cursor)
        splitter.deltas.cursor = cursor.tolist()
    blocks, start = b"", 0
    *_, codes, symbols, cells, bytes_, items, is_leaf = scratch_arrays()
    while start < size:
        end = min(start + BLOCK, size)
        if stride == 0:
            first = min(max(start, splitter.deltas.cursor[2]), end)
        else:
            end -= (size - end) % stride
            first = max(start, distance)
            first = min(first + (size - first) % stride, end)
        if start == 0 and 512 <= prefix < end:
            end = first = prefix
        kept = list(splitter.recent.recent)
        sequences, end, literals = splitter.find(page, start, first, end, not known)
        lengths = np.array([*sequences, (0, 0, 0)], dtype=np.int32).T.copy()
        offset = 0 if varies or stride == 0 else 1 if known else distance + 3
        body = written(
            len(literals) + 150,
            lambda out, some=literals: write_literals(  # type: ignore[misc]
                np.frombuffer(some + bytes(8), np.uint8).copy(), len(some), bytes_, items, is_leaf, symbols[0], cells,
                out, 0,
            ),
        )  # fmt: skip
        room_ = np.zeros(10 * len(sequences) + 400, dtype=np.uint8)
        after = int(write_sequences(len(sequences), offset, lengths, codes, symbols, cells, room_, 0))
        body += room_[: after % REFUSED].tobytes()
        taken = len(body) + after // REFUSED * REFUSED
        says = bool(sequences) and not known
        if taken < end - start or (says and taken <= min(end - start + 16, BLOCK)):
            blocks += (taken << 3 | 4 | (end == size)).to_bytes(3, "little") + body
            known = known or says
        else:
            blocks += ((end - start) << 3 | (end == size)).to_bytes(3, "little") + page[start:end]
            splitter.recent.recent = kept
        start = end
    count = max(-(-size // BLOCK), 1)
    if size == 0 or len(blocks) > size + 3 * count:
        pieces = [page[at : at + BLOCK] for at in range(0, max(size, 1), BLOCK)]
        blocks = b"".join(
            (len(piece) << 3 | (k == count - 1)).to_bytes(3, "little") + piece for k, piece in enumerate(pieces)
        )
    return head + blocks


def run_frame(page: bytes, stride: int, distance: int, prefix: int) -> bytes:
    scratch = scratch_arrays()
    for scratch_array in scratch:
        scratch_array[...] = 5
    return written(
        room_bytes(len(page)),
        lambda out: kernels_frames.write_frame(array(page), stride, distance, prefix, out, *scratch),
    )


def page_like(seed: int, kind: str, size: int, stride: int) -> bytes:
    """Bytes that codes make smaller, or not; numbers of which some bytes are those before; deltas in whole bytes."""
    random = np.random.default_rng(seed)
    if kind == "noise":
        return random.bytes(size)
    if kind == "alike":
        return bytes([seed % 256]) * size
    if stride == 0:
        blocks = size // 600 + 1
        return page_of_deltas(seed, blocks, 0, 10**9 if kind == "numbers" else blocks // 2)[:size].ljust(size, b"\7")
    if kind == "rarely large":
        numbers = random.integers(0, 200, size // stride + 1) + (random.random(size // stride + 1) < 0.05) * 70_000
        return numbers.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :stride].tobytes()[:size]
    return numbers_alike(seed, size // stride + 1, stride)[:size]


FRAME_KINDS = ["noise", "alike", "numbers", "rarely large"]


@given(
    SEEDS, st.sampled_from(FRAME_KINDS), st.integers(0, 1500), st.sampled_from(MATCHINGS),
    st.sampled_from([0, 0, 7, 100, 511, 512, 600]),
)  # fmt: skip
@example(0, "noise", 0, (8, 8), 0)
@example(1, "numbers", 800, (8, 8), 512)
@example(1, "numbers", 512, (8, 8), 512)
@example(1, "numbers", 513, (8, 8), 512)
def test_write_frame(seed: int, kind: str, size: int, matching: Matching, prefix: int) -> None:
    page = page_like(seed, kind, size, matching[0])
    prefix = min(prefix, size)
    assert run_frame(page, *matching, prefix) == plain_frame(page, *matching, prefix)


@pytest.mark.parametrize("matching", MATCHINGS)
def test_write_frame_of_several_blocks(matching: Matching) -> None:
    """A block that is given up between others, sizes around a block's, and a prefix that is longer than one."""
    random = np.random.default_rng(matching[1])
    some = page_like(1, "rarely large" if matching[1] > 8 else "numbers", BLOCK, matching[0])
    noise = random.bytes(BLOCK)
    pages = [
        some + noise + some[: BLOCK // 2],
        noise + some,
        some[:-1],
        some + b"1",
        some + some[:7],
        noise,
        noise + b"1",
    ]
    for page, prefix in [*((page, 0) for page in pages), (noise + some, BLOCK), (noise + some, BLOCK - 5), (some, 700)]:
        assert run_frame(page, *matching, prefix) == plain_frame(page, *matching, prefix)
