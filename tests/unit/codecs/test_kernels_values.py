"""Kernels of instants and sequence numbers, one after the other with the same memory, and a change in each place."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import padded
from tests.twins import read_instant

from logpress.codecs import kernels_instants, kernels_kinesis, kernels_typed
from logpress.codecs.kernels_text import BAD, NULL

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIGITS = b"0123459/:;-.T\xff\x80"
OTHERS = [b"", b"0", b"9", b".", b"/", b":", b"-", b"\xb1"]
"""Digits, the neighbours of digits, and bytes with the bits of digits."""

# --------------------------------------------------------------------------------------------------------- instants


def written(wall: int, separator: str, digits: int, units: int) -> bytes:
    """A wall clock with so many digits of its fraction: zeros behind those of the unit, or the first of them."""
    moment = EPOCH + timedelta(seconds=wall // units)
    fraction = f"{wall % units * (10**9 // units):09}"[:digits]
    return f"{moment:%Y-%m-%d}{separator}{moment:%H:%M:%S}{'.' * (digits > 0)}{fraction}".encode().rjust(
        19 + digits + (digits > 0), b"0"
    )


UNITS = st.sampled_from([1, 1_000, 1_000_000])
NEAR = st.one_of(
    st.integers(0, 200), st.integers(-90_000, 90_000), st.integers(0, 3_000).map(lambda day: day * 86_400),
    st.sampled_from([-62_135_596_800, 253_402_300_799, 951_782_400, 1_709_164_799]),
)  # fmt: skip
WRITINGS = st.lists(
    st.tuples(NEAR, st.integers(0, 999_999), UNITS, st.sampled_from("T -"), st.integers(0, 9)), min_size=1, max_size=8
)


@given(WRITINGS)
@example([(5, 0, 1, "T", 0), (7, 884_123, 1_000, " ", 3), (9, 884_123, 1_000_000, "T", 6), (60, 1, 1, "T", 0)])
@example([(3_599, 0, 1, "T", 2), (3_600, 0, 1, "T", 0), (86_399, 999_000, 1_000, "T", 3), (86_400, 0, 1_000, " ", 3)])
def test_read_instant_and_write_instant_with_the_memory_of_others(
    some: list[tuple[int, int, int, str, int]],
) -> None:
    """What was read or written before, in whatever unit, separator and digits, decides nothing."""
    met, dates = np.full(3, NULL, dtype=np.int64), np.full(3, -1, dtype=np.int64)
    for second, micros, units, separator, digits in some:
        wall = second * units + micros * units // 1_000_000
        text = written(wall, separator, digits, units)
        out = np.full(64, 0xEE, dtype=np.uint8)
        end = kernels_instants.write_instant(out, 3, wall, ord(separator), digits, units, met)
        assert out[:end].tobytes() == b"\xee" * 3 + text
        value = int(kernels_instants.read_instant(padded(b"7" + text, b"5"), 1, ord(separator), digits, units, dates))
        assert (None if value == BAD else value) == read_instant(text, ord(separator), digits, units)


DATES = [b"2021-12-26", b"2021-11-26", b"2021-12-27", b"2020-12-26", b"2021-02-29", b"2020-02-29", b"2021-02-28"]


@pytest.mark.parametrize("first", DATES)
def test_read_instant_takes_a_date_for_the_last_one_only_if_all_of_its_bytes_are(first: bytes) -> None:
    for second in DATES:
        dates = np.full(3, -1, dtype=np.int64)
        for day in (first, second, first):
            value = int(kernels_instants.read_instant(padded(day + b"T00:00:01"), 0, ord("T"), 0, 1, dates))
            assert (None if value == BAD else value) == read_instant(day + b"T00:00:01", ord("T"), 0, 1)


@pytest.mark.parametrize("digits", [0, 2, 3, 6, 9])
@pytest.mark.parametrize("units", [1, 1_000, 1_000_000])
def test_read_instant_with_another_byte_in_each_place(digits: int, units: int) -> None:
    sound = b"2019-10-29T19:29:59" + b".120000000"[: digits + (digits > 0)]
    zeros = sound[:19] + sound[19:20] + b"0" * digits
    for text in (sound, zeros):
        others = [
            text[:k] + bytes([byte]) + text[k + 1 :] for k in range(len(text)) for byte in b"0123459/:;-.T\xff\x80"
        ]
        for other in [text, *others]:
            for separator in "T:":
                dates = np.full(3, -1, dtype=np.int64)
                value = int(kernels_instants.read_instant(padded(other, b"0"), 0, ord(separator), digits, units, dates))
                assert (None if value == BAD else value) == read_instant(other, ord(separator), digits, units)
                dates[:] = -1
                value = int(kernels_typed.instant_value(padded(other, b"0"), 0, ord(separator), digits, units, dates))
                exact = read_instant(other, ord(separator), digits, 10**9)
                assert (None if value == BAD else value) == (None if exact is None else exact // (10**9 // units))


def test_read_date_and_civil_from_days_of_the_ends_of_months() -> None:
    for year in (1, 4, 100, 400, 1600, 1700, 1900, 1999, 2000, 2023, 2024, 2100, 9999):
        for month in range(14):
            for day in (0, 1, 2, 27, 28, 29, 30, 31, 32):
                text = f"{year:04}-{month:02}-{day:02}".encode()
                expected = read_instant(text + b"T00:00:00", ord("T"), 0, 1)
                days = int(kernels_instants.read_date(padded(text), 0))
                assert days == (BAD if expected is None else expected // 86_400)
                if expected is not None:
                    assert kernels_instants.civil_from_days(np.int64(days)) == (year, month, day)


@given(st.integers(-(10**10), 10**10), st.integers(-1439, 1439), st.integers(-(10**5), 10**5))
@example(0, 540, 900)
@example(0, 540, -1)
@example(900, 60, 0)
@example(901, 60, 0)
@example(0, -60, -4500)
@example(0, -60, -4499)
def test_shift_of_label(wall: int, offset: int, away: int) -> None:
    """The later reading, of the label's and UTC, that is at most 900 seconds after the reference."""
    reference = wall + away
    readings = {shift: wall - 60 * (offset - shift) for shift in (0, offset)}
    allowed = {shift: moment for shift, moment in readings.items() if moment <= reference + 900}
    expected = max(allowed, key=lambda shift: (allowed[shift], shift == 0)) if allowed else 0
    assert kernels_instants.shift_of_label(np.int64(wall), np.int64(offset), np.int64(reference)) == expected


# ------------------------------------------------------------------------------------------------- sequence numbers


def plain_parts(text: bytes) -> tuple[int, int, int, int] | None:
    """A sequence number's shard, arrival, counter and sub-sequence number, by its hexadecimal digits."""
    match = re.fullmatch(rb"([1-9][0-9]{55})\.(0|[1-9][0-9]{0,8})", text)
    digits = f"{int(match[1]):x}" if match else ""
    if match is None or len(digits) != 47 or digits[0] != "2" or digits[-1] != "2" or digits[27:29] != "00":
        return None
    creation, digit, counter, arrival, shard = (
        int(digits[a:b], 16) for a, b in ((1, 10), (10, 11), (11, 27), (29, 38), (38, 46))
    )
    if digit != shard % 16 or shard >= 2**20 or counter >= 2**63:
        return None
    return creation << 20 | shard, arrival, counter, int(match[2])


def read(text: bytes, behind: bytes = b"") -> tuple[int, ...] | None:
    parts = np.full(4, -7, dtype=np.int64)
    found = kernels_kinesis.read_kinesis(padded(b"1" + text, behind), 1, 1 + len(text), parts)
    return tuple(parts.tolist()) if found else None


SOUND = [
    int(f"2{creation:09x}{shard & 15:x}{counter:016x}00{arrival:09x}{shard:08x}2", 16)
    for creation, shard, counter, arrival in [
        (0x6188E0AA, 2, 13_493_763_523, 0x61C8859F),
        (2**36 - 1, 2**20 - 1, 2**63 - 1, 2**36 - 1),
        (0, 0, 0, 0),
        (1 << 35, 1 << 19, 1 << 62, 1 << 35),
        (1_627_542_844, 3, 4_036_886_892_736_675_840, 0),  # sixteen zeros behind the first eight digits
        (1_646_912_422, 11, 3_378_304_850_438_846_184, 49_312_038_912),  # and sixteen behind the first twenty-four
    ]
]


@pytest.mark.parametrize("number", SOUND)
def test_read_kinesis_with_another_byte_in_each_place_and_another_bit(number: int) -> None:
    for sub in (b"0", b"7", b"123456789"):
        text = b"%d." % number + sub
        others = [
            text[:k] + other + text[k + 1 :]
            for k in range(len(text))
            for other in (b"", b"0", b"9", b".", b"/", b":", b"-", b"\xb1")
        ]
        for other in [text, *others, text + b"0", text + b"x", *(text[:k] for k in range(50, len(text)))]:
            assert read(other, b"5.5") == plain_parts(other)
    for bit in range(187):
        text = b"%d.5" % (number ^ 1 << bit)
        assert read(text) == plain_parts(text)


SHARDS = st.builds(lambda creation, shard: creation << 20 | shard, st.integers(0, 2**36 - 1), st.integers(0, 2**20 - 1))
PARTS = st.tuples(
    st.one_of(SHARDS, st.sampled_from([5 << 20 | 3, 6 << 20 | 3, 5 << 20 | 67, 5 << 20 | 2])),
    st.integers(0, 2**36 - 1), st.integers(0, 2**63 - 1), st.integers(0, 999_999_999),
)  # fmt: skip


@given(st.lists(PARTS, max_size=6))
@example(
    [(0x6102553C << 20 | 3, 2**36 - 1, 2**63 - 1, 0)]
)  # a carry from the second group of eight digits to the first
@example([(5 << 20 | 3, 1, 2, 3), (5 << 20 | 67, 1, 2, 3), (5 << 20 | 3, 1, 2, 3), (6 << 20 | 3, 1, 2, 3)])
def test_write_kinesis_with_the_memory_of_other_shards(some: list[tuple[int, int, int, int]]) -> None:
    shards = np.full((kernels_kinesis.SHARDS_MET, kernels_kinesis.SHARD_WORDS), NULL, dtype=np.int64)
    for key, arrival, counter, sub in some:
        shard, creation = key % 2**20, key >> 20
        number = int(f"2{creation:09x}{shard & 15:x}{counter:016x}00{arrival:09x}{shard:08x}2", 16)
        out = np.full(160, 0xEE, dtype=np.uint8)
        end = kernels_kinesis.write_kinesis(out, 2, key, arrival, counter, sub, shards)
        assert out[:end].tobytes() == b"\xee\xee%d.%d" % (number, sub)
