"""Kernels that write literals and sequences of zstd, against plain Python that writes the bits as a decoder reads them.

Which lengths Huffman's codes have, and how many cells a code of a table, is asked of the kernels that choose them,
which `test_find_lengths` and `test_kernels_parquet.py` test. Bits are one large number here, whose first ones are read
first (RFC 8878, 4.1 and 4.2).
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from logpress.parquet.zstd import kernels_fse, kernels_huffman, kernels_sequences
from logpress.parquet.zstd.frames import scratch_arrays
from logpress.parquet.zstd.kernels_fse import SYMBOLS
from logpress.parquet.zstd.kernels_sequences import REFUSED

SEEDS = st.integers(0, 2**32 - 1)
*_, CODES, SEQUENCE_SYMBOLS, CELLS, BYTES, ITEMS, IS_LEAF = scratch_arrays()


def read_first(parts: list[tuple[int, int]]) -> bytes:
    """A stream of (value, bits), in the order in which a decoder reads them: from the end, behind a bit that is set."""
    number = 1
    for value, bits in parts:
        assert 0 <= value < 1 << bits
        number = number << bits | value
    return number.to_bytes((number.bit_length() + 7) // 8, "little")


class PlainTable:
    """A table of codes as a decoder has it, and its description."""

    def __init__(self, codes: list[int], most: int) -> None:
        counts = np.bincount(codes, minlength=SYMBOLS).astype(np.int32)
        self.log = int(kernels_fse.accuracy(counts, len(codes), most))
        shares = np.zeros(SYMBOLS, dtype=np.int32)
        kernels_fse.share_cells(counts, len(codes), self.log, shares)
        out = np.zeros(200, dtype=np.uint8)
        self.description = out[: kernels_fse.describe_cells(shares, self.log, out, 0)].tobytes()
        size, at = 1 << self.log, 0
        code_of = [0] * size
        for code, share in enumerate(shares.tolist()):
            for _ in range(share):
                code_of[at] = code
                at = (at + (size >> 1) + (size >> 3) + 3) % size
        self.cells_of: dict[int, list[tuple[int, int, int]]] = {}
        following = shares.tolist()
        for cell, code in enumerate(code_of):
            bits = self.log - (following[code].bit_length() - 1)
            self.cells_of.setdefault(code, []).append((cell, bits, (following[code] << bits) - size))
            following[code] += 1
        self.shares = shares.tolist()

    def states(self, codes: list[int]) -> list[tuple[int, tuple[int, int]]]:
        """Of each code its state, and the bits by which the decoder comes to the next one."""
        share = self.shares[codes[-1]]
        most = self.log - ((share - 1).bit_length() - 1 if share > 1 else 0)
        bits = ((most << 16) - (share << most) + (1 << 15)) >> 16  # rounded, as libzstd's FSE_initCState2 has it
        place = ((bits - most << 16) + (share << most) >> bits) - share
        found = [(self.cells_of[codes[-1]][place][0], (0, 0))]
        for code in reversed(codes[:-1]):
            state = found[-1][0]
            for cell, bits, base in self.cells_of[code]:
                if base <= state < base + (1 << bits):
                    found.append((cell, (state - base, bits)))
                    break
        assert len(found) == len(codes)
        return found[::-1]


# --------------------------------------------------------------------------------------------------------- sequences

LITERAL_BITS = [0] * 16 + [1] * 4 + [2, 2, 3, 3, 4, *range(6, 17)]
MATCH_BITS = [0] * 32 + [1] * 4 + [2, 2, 3, 3, 4, 4, 5, *range(7, 17)]


def code_of(length: int, bits: list[int], first: int) -> tuple[int, int, int]:
    """The code of a length, and its extra bits (3.1.1.3.2.1.1)."""
    code = 0
    while length >= first + (1 << bits[code]):
        first += 1 << bits[code]
        code += 1
    return code, length - first, bits[code]


def plain_sequences(sequences: list[tuple[int, int, int]]) -> tuple[bytes, bool]:
    """The section of sequences, and whether old decoders refuse it."""
    count = len(sequences)
    if count < 128:
        head = bytes([count])
    elif count < 0x7F00:
        head = bytes([(count >> 8) + 128, count & 255])
    else:
        head = b"\xff" + (count - 0x7F00).to_bytes(2, "little")
    if count == 0:
        return head, False
    of_literals = [code_of(literals, LITERAL_BITS, 0) for literals, _, _ in sequences]
    of_matches = [code_of(match, MATCH_BITS, 3) for _, match, _ in sequences]
    of_offsets = [
        (bits, offset - (1 << bits), bits) for offset, bits in ((o, o.bit_length() - 1) for _, _, o in sequences)
    ]
    modes, descriptions = [], b""
    logs, states = [], []
    for extras, most in ((of_literals, 9), (of_offsets, 8), (of_matches, 9)):
        codes = [code for code, _, _ in extras]
        if len(set(codes)) == 1:
            modes.append(1)
            descriptions += bytes([codes[0]])
            logs.append(0)
            states.append([(0, (0, 0))] * count)
        else:
            table = PlainTable(codes, most)
            modes.append(2)
            descriptions += table.description
            logs.append(table.log)
            states.append(table.states(codes))
    literals, offsets, matches = states
    parts = [(kind[0][0], log) for kind, log in zip(states, logs, strict=True)]
    for k in range(count):
        parts += [some[k][1:] for some in (of_offsets, of_matches, of_literals)]
        parts += [kind[k][1] for kind in (literals, matches, offsets)]
    body = bytes([modes[0] << 6 | modes[1] << 4 | modes[2] << 2]) + descriptions + read_first(parts)
    return head + body, 2 in modes and len(body) < 8


LITERALS = st.one_of(st.integers(0, 20), st.sampled_from([63, 64, 65, 127, 128, 2**16 - 1, 2**16, 2**17 - 1]))
MATCHES = st.one_of(
    st.integers(3, 40), st.sampled_from([66, 67, 129, 130, 131, 132, 258, 259, 2**16 + 2, 2**16 + 3, 2**17])
)
OFFSETS = st.one_of(st.integers(1, 9), st.integers(1, 2**20 + 3), st.sampled_from([2**20, 2**20 - 1, 2**23 + 3]))


def run_sequences(sequences: list[tuple[int, int, int]], offset: int) -> tuple[bytes, bool]:
    lengths = np.array([*sequences, (-1, -1, -1)], dtype=np.int32).T.copy()
    if offset:
        lengths[2] = -7
    out = np.full(10 * len(sequences) + 400, 0xEE, dtype=np.uint8)
    CODES[:], SEQUENCE_SYMBOLS[:], CELLS[:] = 99, -7, -7
    end = int(
        kernels_sequences.write_sequences(len(sequences), offset, lengths, CODES, SEQUENCE_SYMBOLS, CELLS, out, 2)
    )
    assert out[:2].tobytes() == b"\xee\xee"
    return out[2 : end & REFUSED - 1].tobytes(), end >= REFUSED


@given(
    st.lists(st.tuples(LITERALS, MATCHES, OFFSETS), min_size=1, max_size=9), st.integers(0, 300), SEEDS,
    st.sampled_from([0, 0, 1, 7, 2**20]), st.sampled_from(["any", "literals", "matches", "offsets"]),
)  # fmt: skip
@example([(1, 3, 4)], 0, 0, 0, "any")
@example([(1, 3, 4), (2, 3, 4)], 2, 0, 4, "any")
@example([(1, 4, 4), (1, 3, 4)], 2, 0, 1, "any")
@example([(20, 3, 1), (1, 3, 1)], 2, 0, 1, "any")
def test_write_sequences(some: list[tuple[int, int, int]], count: int, seed: int, offset: int, alike: str) -> None:
    """Few kinds of sequences in any order: with a table for each kind of code, or a single code."""
    chosen = np.random.default_rng(seed).integers(0, len(some), count).tolist()
    sequences = [some[k] for k in chosen]
    first = some[0]
    if alike != "any":
        place = ["literals", "matches", "offsets"].index(alike)
        sequences = [(*one[:place], first[place], *one[place + 1 :]) for one in sequences]
    if offset:
        sequences = [(literals, match, offset) for literals, match, _ in sequences]
    assert run_sequences(sequences, offset) == plain_sequences(sequences)


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 0x7EFF, 0x7F00, 0x7F01])
def test_write_sequences_says_how_many_there_are(count: int) -> None:
    sequences = [((k * k) % 3, 3 + k % 5, 4 + k % 2) for k in range(count)]
    assert run_sequences(sequences, 0) == plain_sequences(sequences)


@pytest.mark.parametrize("count", range(1, 24))
def test_write_sequences_of_less_than_four_bytes_must_not_be_used(count: int) -> None:
    for ends in ((0, 0), (1, 0), (0, 1)):
        sequences = [(0, 3, 1)] * (count - 1) + [(ends[0], 3 + ends[1], 1)]
        assert run_sequences(sequences, 1) == plain_sequences(sequences)


# ---------------------------------------------------------------------------------------------------------- literals


@given(st.lists(st.integers(0, 9) | st.integers(0, 2**17 // 256), min_size=2, max_size=256))
@example([int(1.618**k) for k in range(24)])
@example([1] * 256)
@example([2, 1, 1, 2, 4, 4, 8])
def test_find_lengths(counts: list[int]) -> None:
    found = sorted((byte for byte in range(len(counts)) if counts[byte]), key=lambda byte: counts[byte])
    if len(found) < 2:
        return
    order = np.array(found + [0] * (256 - len(found)), np.int32)
    lengths = np.full(256, 99, np.int32)
    padded = np.array(counts + [0] * (256 - len(counts)), np.int32)
    ITEMS[:], IS_LEAF[:] = 77, 7
    kernels_huffman.find_lengths(padded, order, len(found), ITEMS, IS_LEAF, lengths)
    bits = plain_lengths([counts[byte] for byte in found], 11)
    assert {byte: int(length) for byte, length in enumerate(lengths) if length} == dict(zip(found, bits, strict=True))
    assert 1 <= min(bits) <= max(bits) <= 11
    assert sum(2.0**-length for length in bits) == 1


def plain_lengths(counts: list[int], longest: int) -> list[int]:
    """Bits of the best codes of at most `longest` bits: coins of package-merge, as sets, those of one byte first."""
    coins = [(count, [place]) for place, count in enumerate(counts)]
    level = sorted(coins, key=lambda coin: coin[0])
    for _ in range(longest - 1):
        pairs = [(one[0] + two[0], one[1] + two[1]) for one, two in zip(level[::2], level[1::2], strict=False)]
        level = sorted([*coins, *pairs], key=lambda coin: coin[0])
    chosen = Counter(place for _, places in level[: 2 * len(counts) - 2] for place in places)
    return [chosen[place] for place in range(len(counts))]


def saved_bits(literals: bytes, step: int) -> float:
    """What codes save by the second of Renyi's entropies, of each `step`th word of eight and what is left."""
    whole = len(literals) & ~7
    some = b"".join(literals[at : at + 8] for at in range(0, whole, 8 * step)) + literals[whole:]
    squares = sum(some.count(byte) ** 2 for byte in set(some))
    return len(literals) * (8 - math.log2(len(some) ** 2 / squares))


def plain_weights(weights: list[int]) -> bytes | None:
    """Weights as FSE with two states in turn, or four bits each where that is no longer (4.2.1)."""
    by_fse = None
    if len(weights) > 2 and len(set(weights)) > 1:
        table = PlainTable(weights, 6)
        chains = [table.states(weights[k::2]) for k in range(2)]
        parts = [(chain[0][0], table.log) for chain in chains]
        parts += [chains[k % 2][k // 2][1] for k in range(len(weights) - 2)]
        stream = table.description + read_first(parts)
        by_fse = bytes([len(stream) & 255]) + stream
    halves = [*weights, 0]
    direct = bytes([127 + len(weights) & 255]) + bytes(
        halves[k] << 4 | halves[k + 1] for k in range(0, len(weights), 2)
    )
    if len(weights) <= 128 and (by_fse is None or len(direct) <= len(by_fse)):
        return direct
    return by_fse if by_fse is not None and len(by_fse) <= 128 else None


def huffman(literals: bytes) -> bytes | None:
    """Literals in Huffman's code, in one stream or four (3.1.1.3.1), or None if they are not smaller so."""
    counts = np.bincount(np.frombuffer(literals, np.uint8), minlength=256).astype(np.int32)
    found = sorted((byte for byte in range(256) if counts[byte]), key=lambda byte: (counts[byte], -byte))
    order = np.array([*found, *[0] * (256 - len(found))], dtype=np.int32)
    lengths = np.zeros(256, dtype=np.int32)
    kernels_huffman.find_lengths(counts, order, len(found), ITEMS, IS_LEAF, lengths)
    longest = int(lengths.max())
    weights = [longest + 1 - int(length) if length else 0 for length in lengths[: max(found)]]
    described = plain_weights(weights)
    if described is None:
        return None
    codes, code = {}, 0
    for length in range(longest, 0, -1):
        for byte in range(256):
            if lengths[byte] == length:
                codes[byte] = (code, length)
                code += 1
        code >>= 1
    size = len(literals)
    quarter = (size + 3) // 4
    pieces = [literals] if size < 256 else [literals[k * quarter : (k + 1) * quarter] for k in range(4)]
    streams = [read_first([codes[byte] for byte in piece]) for piece in pieces]
    jumps = b"".join(len(stream).to_bytes(2, "little") for stream in streams[:-1])
    body = described + jumps + b"".join(streams)
    head_bytes = 3 if size < 1024 else 4 if size < 16_384 else 5
    bits = sum(int(counts[byte]) * int(lengths[byte]) for byte in found)
    if head_bytes + len(described) + len(jumps) + bits // 8 + len(streams) >= size + 3:
        return None
    form = 0 if len(streams) == 1 else head_bytes - 2
    width = (10, 14, 18)[head_bytes - 3]
    head = len(body) << 4 + width | size << 4 | form << 2 | 2
    return head.to_bytes(head_bytes, "little") + body


def plain_literals(literals: bytes) -> bytes:
    size, kind = len(literals), 0
    if size >= 64 and (size < 1 << 14 or saved_bits(literals, 8) >= 4800):
        if len(set(literals)) == 1:
            kind = 1
        elif (written := huffman(literals)) is not None:
            return written
    return (size << 4 | 3 << 2 | kind).to_bytes(3, "little") + (literals[:1] if kind else literals)


def run_literals(literals: bytes) -> bytes:
    out = np.full(len(literals) + 152, 0xEE, dtype=np.uint8)
    BYTES[:], ITEMS[:], IS_LEAF[:], CELLS[:], SEQUENCE_SYMBOLS[:] = 77, 77, 7, -7, -7
    symbols: NDArray[np.int32] = SEQUENCE_SYMBOLS[0]
    room = np.frombuffer(literals + b"\xff" * 8, dtype=np.uint8).copy()
    end = kernels_huffman.write_literals(room, len(literals), BYTES, ITEMS, IS_LEAF, symbols, CELLS, out, 2)
    assert out[:2].tobytes() == b"\xee\xee"
    return out[2:end].tobytes()


def drawn_literals(seed: int, size: int, bytes_: int, skew: float, place: str) -> bytes:
    """Literals of so many different bytes, some of which are more common."""
    random = np.random.default_rng(seed)
    numbers = np.minimum(random.geometric(skew, size) - 1, bytes_ - 1)
    alphabet = (
        np.arange(256) if place == "first" else 255 - np.arange(256) if place == "last" else random.permutation(256)
    )
    return alphabet[numbers].astype(np.uint8).tobytes()


SIZES = st.one_of(st.integers(0, 70), st.integers(250, 260), st.integers(1020, 1030), st.integers(64, 3000))


@given(
    SEEDS, SIZES, st.integers(1, 256), st.sampled_from([0.004, 0.02, 0.1, 0.3, 0.7, 0.95]),
    st.sampled_from(["first", "last", "any"]),
)  # fmt: skip
@example(1, 63, 2, 0.5, "first")
@example(1, 64, 2, 0.5, "first")
@example(1, 64, 1, 0.5, "last")
@example(1, 255, 9, 0.3, "any")
@example(1, 256, 9, 0.3, "any")
@example(1, 1023, 9, 0.3, "any")
@example(1, 1024, 9, 0.3, "any")
@example(3, 2000, 129, 0.02, "first")
@example(3, 2000, 130, 0.02, "first")
@example(3, 2000, 256, 0.01, "first")
def test_write_literals(seed: int, size: int, bytes_: int, skew: float, place: str) -> None:
    literals = drawn_literals(seed, size, bytes_, skew, place)
    assert run_literals(literals) == plain_literals(literals)


@pytest.mark.parametrize("size", [16_375, 16_383, 16_384, 16_385, 16_391, 131_072])
def test_write_literals_of_many_bytes(size: int) -> None:
    for bytes_, skew in ((256, 0.3), (200, 0.0001), (1, 0.5), (256, 0.02)):
        literals = drawn_literals(size, size, bytes_, skew, "any")
        assert run_literals(literals) == plain_literals(literals)
    noise = np.random.default_rng(size).bytes(size)
    assert run_literals(noise) == plain_literals(noise)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.02, 0.03, 0.035, 0.04, 0.05, 0.1])
@pytest.mark.parametrize("places", ["counted", "not counted", "any"])
def test_write_literals_of_which_an_eighth_tells_whether_they_are_noise(share: float, places: str) -> None:
    """Where only the words that are counted have a common byte, or only those that are not."""
    random = np.random.default_rng(5)
    numbers = np.frombuffer(random.bytes(1 << 14), np.uint8).copy()
    is_counted = np.arange(len(numbers)) // 8 % 8 == 0
    where = {"counted": is_counted, "not counted": ~is_counted, "any": is_counted | True}[places]
    numbers[where & (random.random(len(numbers)) < share)] = 7
    literals = numbers.tobytes()
    assert run_literals(literals) == plain_literals(literals)


@pytest.mark.parametrize("symbols", [2, 3, 4, 5, 8, 16, 64, 128, 129, 130, 200, 256])
@pytest.mark.parametrize("kind", ["even", "Fibonacci", "one is most"])
def test_write_literals_of_every_number_of_bytes(symbols: int, kind: str) -> None:
    counts = {
        "even": [8] * symbols,
        "Fibonacci": [max(1, int(1.618 ** (k - symbols + 18))) for k in range(symbols)],
        "one is most": [3000] + [1] * (symbols - 1),
    }[kind]
    random = np.random.default_rng(symbols)
    for alphabet in (np.arange(symbols), 255 - np.arange(symbols), np.sort(random.permutation(256)[:symbols])):
        literals = random.permutation(np.repeat(alphabet, counts)).astype(np.uint8).tobytes()
        assert run_literals(literals) == plain_literals(literals)
