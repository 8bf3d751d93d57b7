"""Formulas that are exact in a range only: every value of the range, or its borders, against plain arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.twins import varint

from logpress.codecs import kernels_instants, kernels_kinesis, kernels_text, kernels_typed
from logpress.engine.convert import kernels_duplicates
from logpress.kernel.places import GOLDEN, first_place
from logpress.parquet import kernels_levels, kernels_numbers
from logpress.parquet.kernels_varints import put_varint
from logpress.parquet.zstd import kernels_deltas, kernels_huffman, kernels_matches, kernels_sequences


@pytest.mark.parametrize(
    ("factor", "shift", "end", "divisor", "needed"),
    [
        (kernels_text.HUNDREDTH, kernels_text.HUNDREDTH_SHIFT, kernels_text.HUNDREDTH_END, 100, 10_000),
        (kernels_text.TENTH, kernels_text.TENTH_SHIFT, kernels_text.TENTH_END, 10, 100),
    ],
)
def test_a_division_by_multiplying_is_exact_below_its_end(
    factor: Any, shift: Any, end: int, divisor: int, needed: int
) -> None:
    wrong = [x for x in range(2 * end) if x * int(factor) >> int(shift) != x // divisor]
    assert wrong[0] == end > needed


def test_eight_digits_are_written_whatever_their_halves() -> None:
    out = np.zeros(8 + 64, dtype=np.uint8)
    for half in range(10_000):
        for value in (half, half * 10_000, half * 10_001, 99_990_000 + half, half * 10_000 + 9_999):
            kernels_text.write_eight(out, 0, np.uint64(value))
            assert out[:8].tobytes() == b"%08d" % value
    assert not out[8:].any()


def plain_digits(text: bytes) -> int:
    return int(text) if all(0x30 <= byte <= 0x39 for byte in text) else -1


@pytest.mark.parametrize("place", range(7))
def test_eight_digits_are_read_whatever_two_bytes_beside_each_other_are(place: int) -> None:
    text = bytearray(b"90817263" + bytes(64))
    buffer = np.frombuffer(text, dtype=np.uint8)
    for one in range(256):
        for other in (0x2F, 0x30, 0x39, 0x3A, 0x7F, 0x80, 0xB0, 0xFF, one):
            text[place], text[place + 1] = one, other
            assert kernels_text.eight_digits(buffer, 0) == plain_digits(bytes(text[:8]))


@pytest.mark.parametrize("pattern", [b"0000-00-", b"00:00:00", b"00000000", b".000"])
def test_a_word_is_like_its_pattern_only_if_every_byte_is(pattern: bytes) -> None:
    text = bytearray(pattern)
    high = int.from_bytes(b"\x80" * len(pattern), "little")
    taken, raised = int.from_bytes(pattern, "little"), int(kernels_text.to_high(pattern))
    for place in range(len(pattern)):
        for byte in range(256):
            for behind in (0x2F, 0x30, 0x39, 0x3A, 0xFF):
                text[:] = pattern
                if place + 1 < len(pattern):
                    text[place + 1] = behind
                text[place] = byte
                word = int.from_bytes(text, "little") ^ taken
                is_like = ((word + raised) | word) & high == 0
                assert is_like == all(
                    0x30 <= found <= 0x39 if wanted == 0x30 else found == wanted
                    for found, wanted in zip(text, pattern, strict=True)
                )


def floor_log2_of_ten_to(power: int) -> int:
    number = 10 ** abs(power)
    return number.bit_length() - 1 if power >= 0 else -(number - 1).bit_length()


def test_the_binary_exponent_of_a_power_of_ten() -> None:
    powers = range(kernels_typed.SMALLEST_POWER, kernels_typed.LARGEST_POWER + 1)
    assert all(kernels_typed.LOG2_10 * power >> 16 == floor_log2_of_ten_to(power) for power in powers)
    assert kernels_typed.LOG2_10 * 3 >> 16 == 9


def plain_kinesis(shard_key: int, arrival: int, counter: int) -> bytes:
    creation, shard = divmod(shard_key, 1 << 20)
    return b"%d" % int(f"2{creation:09x}{shard & 15:x}{counter:016x}00{arrival:09x}{shard:08x}2", 16)


EDGES = (0, 1, 10**8 - 1, 10**8, 687 * 10**8, 2**35, 2**36 - 1)


@pytest.mark.parametrize("shard_key", [0, 1, 2**20 - 1, 2**20, 2**56 - 1])
@pytest.mark.parametrize("arrival", EDGES)
def test_sums_of_eight_digits_never_wrap(shard_key: int, arrival: int) -> None:
    """A number whose creation second is 0 has 56 digits too, because its version stands above."""
    shards = np.full((kernels_kinesis.SHARDS_MET, kernels_kinesis.SHARD_WORDS), kernels_text.NULL, dtype=np.int64)
    out = np.zeros(76 + 64, dtype=np.uint8)
    for counter in (*EDGES, 10**16 - 1, 10**16, 92_233 * 10**14, 2**62, 2**63 - 1):
        end = kernels_kinesis.write_kinesis(out, 0, shard_key, arrival, counter, 7, shards)
        assert out[:end].tobytes() == plain_kinesis(shard_key, arrival, counter) + b".7"


def test_ones_of_eight_bits() -> None:
    assert [int(kernels_levels.ones_of(bits)) for bits in range(256)] == [bits.bit_count() for bits in range(256)]


@given(st.integers(-(2**63), 2**63 - 1))
@example(0)
@example(-1)
@example(2**63 - 1)
@example(-(2**63))
def test_zigzag(number: int) -> None:
    assert int(kernels_numbers.zigzag(number)) == (2 * number if number >= 0 else -2 * number - 1)


@given(st.integers(0, 2**64 - 1))
@example(0)
@example(127)
@example(128)
@example(300)
@example(2**63 - 1)
@example(2**63)
@example(2**64 - 1)
def test_varints(number: int) -> None:
    out = np.full(16, 0xEE, dtype=np.uint8)
    end = put_varint(np.uint64(number), out, 2)
    assert out.tobytes() == b"\xee\xee" + varint(number) + b"\xee" * (16 - end)


def packed(words: list[int], width: int) -> bytes:
    total = sum(word << k * width for k, word in enumerate(words))
    return total.to_bytes(len(words) * width // 8, "little")


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@given(data=st.data())
def test_blocks_of_deltas(dtype: Any, data: st.DataObject) -> None:
    """Deltas of the smallest and the largest number are as far apart as they can be: a word has all the type's bits."""
    info = np.iinfo(dtype)
    numbers = st.sampled_from([info.min, info.max, 0, -1, info.min + 1]) | st.integers(int(info.min), int(info.max))
    values = data.draw(st.lists(numbers, min_size=2, max_size=300))
    bits = info.bits
    out = np.zeros(len(values) * 10 + 4 * kernels_numbers.MOST_BLOCK_BYTES, dtype=np.uint8)
    words = np.zeros(kernels_numbers.BLOCK, dtype=np.uint64)
    stop, end = kernels_numbers.delta_blocks(
        np.array(values, dtype=dtype), 0, len(values), dtype == np.int32, 1 << 20, words, out, 0
    )
    expected = b""
    for first in range(1, len(values), kernels_numbers.BLOCK):
        block = range(first, min(first + kernels_numbers.BLOCK, len(values)))
        deltas = [(values[i] - values[i - 1] + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1) for i in block]
        least = min(deltas)
        rests = [delta - least for delta in deltas] + [0] * (kernels_numbers.BLOCK - len(deltas))
        assert max(rests) < 2**bits
        size = kernels_numbers.MINIBLOCK
        minis = [rests[k : k + size] for k in range(0, kernels_numbers.BLOCK, size)]
        widths = [max(mini).bit_length() for mini in minis]
        expected += varint(2 * least if least >= 0 else -2 * least - 1) + bytes(widths)
        expected += b"".join(packed(mini, width) for mini, width in zip(minis, widths, strict=True))
    assert (int(stop), out[:end].tobytes()) == (len(values), expected)


NUMBERS = {
    "in a row": range(1 << 12),
    "far apart": range(-(2**62), 2**62, 2**51),
    "doubles that are whole": np.arange(1.0, 4097.0).view(np.int64).tolist(),
    "powers of two": (2.0 ** np.arange(-1000, 1000)).view(np.int64).tolist(),
    "milliseconds in microseconds": range(1_640_000_000_000_000, 1_640_000_000_000_000 + 4_096_000, 1_000),
}


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("bits", [1, 12, 13, 20])
def test_numbers_of_every_kind_spread_over_a_table(numbers: str, bits: int) -> None:
    """Places are the upper bits of products; few numbers share one, whichever bits distinguish the numbers."""
    table = np.empty(1 << bits, dtype=np.int8)
    places = [int(first_place(np.int64(number), table)) for number in NUMBERS[numbers]]
    assert places == [number * int(GOLDEN) % 2**64 >> 64 - bits for number in NUMBERS[numbers]]
    if bits > 1:
        assert len(set(places)) > len(places) // 3


def test_the_multiplier_is_odd_and_next_to_the_golden_section() -> None:
    assert int(GOLDEN) % 2 == 1
    assert abs(int(GOLDEN) - 2**64 * (5**0.5 - 1) / 2) < 2**12  # as exact as a double
    assert 1 << kernels_matches.PLACE_BITS == kernels_matches.PLACES
    assert 1 << kernels_deltas.DELTA_BITS == kernels_deltas.DELTA_PLACES


@pytest.mark.parametrize("places", [1, 3, 1 << 14, 12_345_678, (1 << 23) + 1, (1 << 32) - 1])
def test_hashes_have_homes_in_their_order(places: int) -> None:
    """A table of that many places is a view of one: no kernel reads it here."""
    table = np.lib.stride_tricks.as_strided(np.zeros((1, 3), dtype=np.uint32), (places, 3), (0, 4))
    hashes = [0, 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 2**32, 2**64 - 1]
    homes = [int(kernels_duplicates._home(table, np.uint64(one))) for one in hashes]
    assert homes == [(one >> 32) * places >> 32 for one in hashes]
    assert homes == sorted(homes)
    assert homes[0] == 0
    assert homes[-1] == places - 1
    assert homes[5] == places // 2


@pytest.mark.parametrize("size", [1 << 14, 1 << 15, 1 << 17])
def test_noise_seems_to_save_less_than_what_is_worth_a_look(size: int) -> None:
    chance = np.random.default_rng(size)
    counts = np.zeros((kernels_huffman.BYTES_ROWS, 256), dtype=np.int32)
    saved = []
    for _ in range(50):
        noise = np.concatenate([chance.integers(0, 256, size, dtype=np.uint8), np.zeros(64, dtype=np.uint8)])
        saved.append(kernels_huffman._count(noise, size, kernels_huffman._EIGHTH, counts))
    expected = 8 * 255 / np.log(2)
    assert abs(np.mean(saved) - expected) < 0.06 * expected
    assert max(saved) < kernels_huffman._LEAST_SAVING_BITS


def test_codes_of_lengths_are_those_of_the_specification() -> None:
    """RFC 8878, tables 16 and 17: from the first length that no table holds, a code has as many bits as its length."""
    literals, matches = kernels_sequences._LITERAL_START, kernels_sequences._MATCH_START
    assert (len(literals), literals[16], literals[24], literals[25], literals[35]) == (36, 16, 48, 64, 65536)
    assert (len(matches), matches[32], matches[42], matches[43], matches[52]) == (53, 35, 99, 131, 65539)
    for length in range(64, 1 << 17):
        code = length.bit_length() - 1 + kernels_sequences._LITERAL_LOG
        assert literals[code] <= length < literals[code] + (1 << int(kernels_sequences._LITERAL_BITS[code]))
    for length in range(131, 1 << 17):
        code = (length - 3).bit_length() - 1 + kernels_sequences._MATCH_LOG
        assert matches[code] <= length < matches[code] + (1 << int(kernels_sequences._MATCH_BITS[code]))


def test_the_latest_second_is_that_of_the_specification() -> None:
    text = (Path(__file__).parents[3] / "docs" / "format.md").read_text()
    assert f"at most {kernels_instants.LATEST_S} seconds after the column that `label_checked_by` names" in text


@pytest.mark.parametrize("offset_min", [540, -540, 0, 1, -1])
def test_a_label_lies_just_beyond_the_latest_second(offset_min: int) -> None:
    latest = kernels_instants.LATEST_S
    for wall in (latest - 1, latest, latest + 1, latest + 60 * offset_min, latest + 60 * offset_min + 1):
        readings = [wall - 60 * offset_min, wall]  # as labelled, as UTC
        true = [reading for reading in readings if reading <= latest]
        expected = offset_min if true and max(true) == wall and wall != readings[0] else 0
        assert kernels_instants.shift_of_label(wall, offset_min, 0) == expected
