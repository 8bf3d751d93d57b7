"""Every kernel of the codecs against a twin in plain Python: what is read is written back the same, or is BAD."""

from __future__ import annotations

import itertools
import math
import random
import re
import struct
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import SEED, compact, padded
from tests.twins import read_instant

from logpress.codecs import kernels_instants, kernels_kinesis, kernels_text, kernels_typed, kernels_uuid
from logpress.codecs.arrow_arrays import missing_of, values_of
from logpress.codecs.instant import corrected_shift_min
from logpress.codecs.kernels_dispatch import UUID as UUID_CODE
from logpress.codecs.kernels_dispatch import write_own_texts
from logpress.codecs.kernels_text import BAD, NULL
from logpress.codecs.lenient import LenientReader
from logpress.contract import Contract
from logpress.hashing import kernels_hash
from logpress.hashing.digest import combine, digest_records
from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.words import PADDING

UNITS = (1, 1_000, 1_000_000)
POISON = (b"", b"0000000000", b"9.9e9", b"-", b'"', b"\xff" * PADDING)


def _room() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full(256, 0xAA, dtype=np.uint8)


# -------------------------------------------------------------------------------------------------------- instants


def kernel_read_instant(text: bytes, separator: int, digits: int, units: int, behind: bytes = b"") -> int | None:
    dates = np.array([-1, struct.unpack("<H", b"26")[0], 18_987], dtype=np.int64)
    value = int(kernels_instants.read_instant(padded(text, behind), 0, separator, digits, units, dates))
    return None if value == BAD else value


def kernel_write_instant(value: int, separator: int, digits: int, units: int) -> bytes:
    out = _room()
    end = kernels_instants.write_instant(out, 3, value, separator, digits, units, np.full(4, NULL, dtype=np.int64))
    assert (out[:3] == 0xAA).all()
    return out[3:end].tobytes()


@st.composite
def instant_texts(draw: st.DrawFn, digits: int) -> bytes:
    year, month, day = draw(st.integers(0, 9999)), draw(st.integers(0, 13)), draw(st.integers(0, 32))
    hour, minute, second = draw(st.integers(0, 25)), draw(st.integers(0, 61)), draw(st.integers(0, 61))
    fraction = draw(st.integers(0, 10**digits - 1)) // 10 ** draw(st.integers(0, digits)) if digits else 0
    text = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}" + (
        f".{fraction:0{digits}}" if digits else ""
    )
    mutated = bytearray(text.encode())
    if draw(st.integers(0, 3)) == 0:
        mutated[draw(st.integers(0, len(mutated) - 1))] = draw(st.integers(0, 255))
    return bytes(mutated)


@given(st.data(), st.integers(0, 9), st.sampled_from(UNITS), st.sampled_from(POISON))
def test_instants_are_read_as_the_calendar_says(data: st.DataObject, digits: int, units: int, behind: bytes) -> None:
    text = data.draw(instant_texts(digits))
    value = kernel_read_instant(text, ord("T"), digits, units, behind)
    assert value == read_instant(text, ord("T"), digits, units)
    if value is not None:
        assert kernel_write_instant(value, ord("T"), digits, units) == text


@given(st.integers(0, 9), st.sampled_from(UNITS), st.data())
def test_arbitrary_bytes_are_an_instant_only_if_the_twin_says_so(digits: int, units: int, data: st.DataObject) -> None:
    length = 19 + (digits + 1 if digits else 0)
    text = data.draw(st.binary(min_size=length, max_size=length))
    assert kernel_read_instant(text, ord("T"), digits, units) == read_instant(text, ord("T"), digits, units)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00", 0),
        ("0001-01-01T00:00:00", -62_135_596_800),
        ("9999-12-31T23:59:59", 253_402_300_799),
        ("2000-02-29T12:00:00", 951_825_600),
        ("2024-02-29T00:00:00", 1_709_164_800),
        ("1900-02-29T00:00:00", None),
        ("2021-02-29T00:00:00", None),
        ("2021-04-31T00:00:00", None),
        ("0000-12-31T00:00:00", None),
        ("2021-00-01T00:00:00", None),
        ("2021-01-00T00:00:00", None),
        ("2021-12-26T24:00:00", None),
        ("2021-12-26T23:60:00", None),
        ("2021-12-26T23:59:60", None),
        ("2021-12-26t15:11:04", None),
        ("2021-12-26T15.11:04", None),
        ("2021/12/26T15:11:04", None),
        ("+021-12-26T15:11:04", None),
    ],
)
def test_edges_of_the_calendar(text: str, seconds: int | None) -> None:
    assert kernel_read_instant(text.encode(), ord("T"), 0, 1) == seconds
    if seconds is not None:
        assert kernel_write_instant(seconds, ord("T"), 0, 1) == text.encode()


def test_every_day_of_the_calendar_is_read_and_written() -> None:
    dates, written = np.full(3, -1, dtype=np.int64), np.full(4, NULL, dtype=np.int64)
    out = _room()
    first = date(1, 1, 1).toordinal()
    for ordinal in (*range(first, first + 800), *range(date(1599, 1, 1).toordinal(), date(2101, 1, 1).toordinal(), 3)):
        day = date.fromordinal(ordinal)
        text = f"{day.isoformat()} 01:02:03".encode()
        value = kernels_instants.read_instant(padded(text), 0, ord(" "), 0, 1, dates)
        assert value == (ordinal - date(1970, 1, 1).toordinal()) * 86_400 + 3_723
        assert out[: kernels_instants.write_instant(out, 0, value, ord(" "), 0, 1, written)].tobytes() == text


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("digits", range(10))
def test_read_instant_and_instant_value_with_a_byte_next_to_the_digits_in_each_place(digits: int, units: int) -> None:
    """As many digits as there may be, zeros and others, and `/` and `:`, the neighbours of digits, in each place."""
    fraction = "." + "847000000"[:digits] if digits else ""
    for tail in (fraction, re.sub("[0-9]", "0", fraction)):
        sound = f"2021-12-26T15:10:59{tail}".encode()
        dates = np.full(3, -1, dtype=np.int64)
        for place, byte in [(0, sound[0]), *itertools.product(range(len(sound)), b"/:0-.T")]:
            text = sound[:place] + bytes([byte]) + sound[place + 1 :]
            assert kernel_read_instant(text, ord("T"), digits, units) == read_instant(text, ord("T"), digits, units)
            exact = read_instant(text, ord("T"), digits, 10**9)
            value = int(kernels_typed.instant_value(padded(text), 0, ord("T"), digits, units, dates))
            assert (None if value == BAD else value) == (None if exact is None else exact // (10**9 // units))


def test_finer_digits_than_the_unit_must_be_zeros() -> None:
    assert kernel_read_instant(b"1970-01-01T00:00:01.884000000", ord("T"), 9, 1_000) == 1_884
    assert kernel_read_instant(b"1970-01-01T00:00:01.884000001", ord("T"), 9, 1_000) is None


def test_bytes_that_look_like_no_date_yet_are_not_taken_from_the_memory_of_the_last_date() -> None:
    assert kernel_read_instant(b"\xff" * 8 + b"26T15:10:59", ord("T"), 0, 1) is None


# --------------------------------------------------------------------------------------------------------- numbers


def twin_read_integer(text: bytes) -> int | None:
    value = int(text) if re.fullmatch(rb"0|-?[1-9][0-9]*", text) else None
    return value if value is not None and abs(value) < 2**63 else None


def kernel_read_integer(text: bytes, behind: bytes) -> int | None:
    value = int(kernels_text.read_integer(padded(b"7" + text, behind), 1, 1 + len(text)))
    return None if value == BAD else value


def kernel_write_integer(value: int) -> bytes:
    out = _room()
    return out[: kernels_text.write_integer(out, 0, value)].tobytes()


_number_like = st.one_of(
    st.integers(-(10**20), 10**20).map(lambda value: str(value).encode()),
    st.text("0123456789-+.eE", max_size=21).map(str.encode),
    st.binary(max_size=24),
)


@given(_number_like, st.sampled_from(POISON))
@example(b"", b"5")
@example(b"-", b"5")
@example(b"-0", b"")
@example(b"999999999999999999", b"9")
@example(b"-999999999999999999", b"9")
@example(b"1000000000000000000", b"")
@example(b"9223372036854775807", b"9")
@example(b"-9223372036854775807", b"9")
@example(b"9223372036854775808", b"")
@example(b"-9223372036854775808", b"")
@example(b"9999999999999999999", b"9")
@example(b"922337203685477580:", b"9")
@example(b"10000000000000000000", b"")
def test_integers_are_read_and_written_back(text: bytes, behind: bytes) -> None:
    value = kernel_read_integer(text, behind)
    assert value == twin_read_integer(text)
    if value is not None:
        assert kernel_write_integer(value) == text


@pytest.mark.parametrize("sign", [b"", b"-"])
def test_read_integer_with_a_byte_next_to_the_digits_in_each_place(sign: bytes) -> None:
    for length in range(1, 21):
        for place, byte in itertools.product(range(length), b"/:09"):
            text = bytearray(sign + b"1234567890123456789"[:length].ljust(length, b"0"))
            text[len(sign) + place] = byte
            assert kernel_read_integer(bytes(text), b"") == twin_read_integer(bytes(text))


@given(st.integers(1 - 2**63, 2**63 - 1))
@example(2**63 - 1)
@example(1 - 2**63)
def test_any_stored_integer_is_written_as_python_writes_it(value: int) -> None:
    assert kernel_write_integer(value) == str(value).encode()


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 18))
@example(-(2**63), 0)
@example(0x7FF0000000000000, 0)
@example(-1, 3)
def test_numbers_that_only_a_damaged_file_holds_stay_within_their_room(bits: int, scale: int) -> None:
    out = np.zeros(128, dtype=np.uint8)
    assert 0 < kernels_text.write_integer(out, 0, bits) <= 20
    assert 0 < kernels_text.write_decimal(out, 0, bits, scale) <= 42
    assert not out[64:].any()


def twin_read_decimal(text: bytes) -> tuple[float, int] | None:
    match = re.fullmatch(rb"(-?)((?:0|[1-9][0-9]*))(?:\.([0-9]+))?", text)
    if match is None or len(match[2]) + len(match[3] or b"") > 15 or (match[1] and float(text) == 0):
        return None
    return float(text), len(match[3] or b"")


def kernel_read_decimal(text: bytes, behind: bytes) -> tuple[int, int] | None:
    bits, scale = kernels_text.read_decimal(padded(b"7" + text, behind), 1, 1 + len(text))
    return None if bits == BAD else (int(bits), int(scale))


_decimals = st.builds(
    lambda sign, whole, part: f"{sign}{whole}{'.' if part else ''}{part}".encode(),
    st.sampled_from(["", "-"]), st.integers(0, 10**15), st.text("0123456789", max_size=15),
)  # fmt: skip


@given(st.one_of(_decimals, _number_like), st.sampled_from(POISON))
@example(b"-0.0", b"")
@example(b"-0", b"")
@example(b"0.00000000000001", b"")
@example(b"999999999999.999", b"9")
@example(b"1.", b"5")
@example(b".5", b"")
@example(b"00.5", b"")
@example(b"", b"1")
def test_decimals_are_read_as_python_reads_doubles(text: bytes, behind: bytes) -> None:
    found, expected = kernel_read_decimal(text, behind), twin_read_decimal(text)
    if expected is None:
        assert found is None
        return
    assert found is not None
    bits, scale = found
    assert (struct.unpack("<d", struct.pack("<q", bits))[0], scale) == expected
    assert bits not in (NULL, BAD)
    out = _room()
    assert out[: kernels_text.write_decimal(out, 0, bits, scale)].tobytes() == text


# ----------------------------------------------------------------------------------------------------------- UUIDs

_HEX = rb"[0-9a-fA-F]"
_UUID = re.compile(rb"%b{8}-%b{4}-%b{4}-%b{4}-%b{12}" % ((_HEX,) * 5))


def twin_read_uuid(text: bytes, is_upper: bool) -> tuple[bool, UUID | None]:
    if _UUID.fullmatch(text) is None or UUID(text.decode()).int >> 64 == 1 << 63:
        return False, None
    return text == (text.upper() if is_upper else text.lower()), UUID(text.decode())


def words_of(uuid: UUID) -> tuple[int, int]:
    high, low = struct.unpack(">qq", uuid.bytes)
    return high, low


def kernel_read_uuid(text: bytes, is_upper: bool, behind: bytes = b"") -> tuple[bool, UUID | None]:
    fits, high, low = kernels_uuid.read_uuid(padded(b"7" + text, behind), 1, 1 + len(text), int(is_upper))
    if high == NULL:
        assert (fits, low) == (False, NULL)
        return False, None
    return bool(fits), UUID(bytes=struct.pack(">qq", high, low))


@st.composite
def uuid_texts(draw: st.DrawFn) -> bytes:
    text = bytearray(str(UUID(int=draw(st.integers(0, 2**128 - 1)))).encode())
    how = draw(st.sampled_from(["lower", "upper", "mixed", "one byte", "cut"]))
    if how == "upper":
        text = text.upper()
    elif how == "mixed":
        place = draw(st.integers(0, 36))
        text[place:] = text[place:].upper()
    elif how == "one byte":
        text[draw(st.integers(0, 35))] = draw(st.integers(0, 255))
    elif how == "cut":
        del text[draw(st.integers(0, 35))]
    return bytes(text)


@given(uuid_texts() | st.binary(min_size=34, max_size=38), st.booleans(), st.sampled_from([*POISON, b"a", b"0-"]))
@example(b"00000000-0000-0000-0000-000000000000", False, b"")
@example(b"ffffffff-ffff-ffff-ffff-ffffffffffff", True, b"")
@example(b"80000000-0000-0000-0000-000000000000", False, b"")
@example(b"80000000-0000-0000-ffff-ffffffffffff", False, b"")
@example(b"00000000-0000-0000-8000-000000000000", False, b"")
@example(b"00000000-0000-0000-0000-00000000000", False, b"0")
@example(b"", False, b"00000000-0000-0000-0000-000000000000")
def test_uuids_are_read_as_python_reads_them_and_written_back(text: bytes, is_upper: bool, behind: bytes) -> None:
    fits, found = kernel_read_uuid(text, is_upper, behind)
    assert (fits, found) == twin_read_uuid(text, is_upper)
    if found is not None:
        out = _room()
        end = int(kernels_uuid.write_uuid(out, 3, *words_of(found), int(is_upper)))
        written = out[3:end].tobytes()
        assert written == (str(found).upper() if is_upper else str(found)).encode()
        assert fits == (written == text)
        assert (out[:3] == 0xAA).all()
        assert (out[end:] == 0xAA).all()


@pytest.mark.parametrize("place", range(36))
def test_every_byte_at_every_place_of_a_uuid(place: int) -> None:
    for is_upper in (False, True):
        text = bytearray(b"0123f567-89ab-4def-A0B1-c2d3E4F50617")
        for byte in range(256):
            text[place] = byte
            assert kernel_read_uuid(bytes(text), is_upper) == twin_read_uuid(bytes(text), is_upper)


@pytest.mark.parametrize("place", [place for place in range(36) if place not in (8, 13, 18, 23)])
def test_one_letter_of_the_other_case_anywhere_in_a_uuid(place: int) -> None:
    for is_upper in (False, True):
        text = bytearray(b"aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa".upper() if is_upper else b"a" * 36)
        text[8] = text[13] = text[18] = text[23] = ord("-")
        assert kernel_read_uuid(bytes(text), is_upper)[0]
        text[place] ^= 0x20
        assert kernel_read_uuid(bytes(text), is_upper) == twin_read_uuid(bytes(text), is_upper)
        assert not kernel_read_uuid(bytes(text), is_upper)[0]


@given(st.lists(st.none() | st.uuids(), max_size=9))
@example([UUID(int=0), None, UUID(int=2**128 - 1)])
def test_texts_of_uuids_for_readers(uuids: list[UUID | None]) -> None:
    words = np.array([(NULL, 7) if uuid is None else words_of(uuid) for uuid in uuids], dtype=np.int64).reshape(-1, 2)
    out, offsets = np.full(36 * len(uuids) + 1, 0xAA, dtype=np.uint8), np.empty(len(uuids) + 1, dtype=np.int32)
    used = int(write_own_texts(UUID_CODE, words[:, 0].copy(), words[:, 1].copy(), 0, out, offsets))
    assert used == offsets[-1]
    texts = [out[start:end].tobytes().decode() for start, end in itertools.pairwise(offsets)]
    assert texts == ["" if uuid is None else str(uuid) for uuid in uuids]
    assert (out[used:] == 0xAA).all()


# ------------------------------------------------------------------------------------- values without their spelling

_SPELLING = re.compile(rb"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")


def twin_number(text: bytes) -> Fraction | None:
    """The number that a text says, exactly; None if it is none, or its exponent is out of all bounds."""
    match = _SPELLING.fullmatch(text)
    if match is None:
        return None
    whole, part, exponent = match[2], match[3] or b"", int(match[4] or b"0")
    value = Fraction(int(whole + part)) * Fraction(10) ** (exponent - len(part)) if abs(exponent) < 2_000 else None
    return None if value is None else -value if match[1] else value


def twin_integer_value(text: bytes) -> int | None:
    value = twin_number(text)
    return int(value) if value is not None and value.denominator == 1 and abs(value) < 2**63 else None


def kernel_integer_value(text: bytes, behind: bytes = b"") -> int | None:
    value = int(kernels_typed.integer_value(padded(b"7" + text, behind), 1, 1 + len(text)))
    return None if value == NULL else value


def kernel_decimal_value(text: bytes, behind: bytes = b"") -> float | None:
    bits = int(kernels_typed.decimal_value(padded(b"7" + text, behind), 1, 1 + len(text)))
    return None if bits == NULL else struct.unpack("<d", struct.pack("<q", bits))[0]


_spelt = st.builds(
    lambda sign, zeros, whole, part, exponent: f"{sign}{'0' * zeros}{whole}{part}{exponent}".encode(),
    st.sampled_from(["", "-"]), st.integers(0, 2), st.integers(0, 10**25),
    st.sampled_from(["", ".0", ".000000000000000000000"]) | st.text("0123456789", min_size=1).map(lambda t: f".{t}"),
    st.just("") | st.integers(-360, 330).map(lambda k: f"e{k}") | st.integers(0, 30).map(lambda k: f"E+{k:03}"),
)  # fmt: skip
_doubles = st.floats(allow_nan=False, allow_infinity=False).map(lambda value: repr(value).encode())


@given(_spelt | _number_like | _doubles, st.sampled_from(POISON))
@example(b"-0", b"")
@example(b"7.0", b"5")
@example(b"1e3", b"")
@example(b"007", b"")
@example(b"92233720368547758070e-1", b"")
@example(b"92233720368547758080e-1", b"")
@example(b"-9223372036854775807", b"9")
@example(b"10000000000000000000000e-10", b"")
@example(b"1e18", b"9")
@example(b"1e19", b"")
@example(b"0e999999999999999999999", b"")
@example(b"1e-999999999999999999999", b"")
@example(b".5", b"")
@example(b"1.", b"5")
@example(b"1e", b"5")
def test_whole_numbers_are_read_in_any_spelling(text: bytes, behind: bytes) -> None:
    expected = twin_integer_value(text)
    if expected is not None or twin_number(text) is not None or _SPELLING.fullmatch(text) is None:
        assert kernel_integer_value(text, behind) == expected
    else:  # an exponent that the twin does not work out
        assert kernel_integer_value(text, behind) in (None, 0)


@pytest.mark.parametrize("text", [b"-0120.50e+3", b"7.0E-01", b"0.00", b"98765432109876543210.10e2", b"12e-1", b"5e17"])
def test_integer_value_and_decimal_value_with_another_byte_in_each_place(text: bytes) -> None:
    others = [b"", b"0", b"1", b"9", b".", b"e", b"E", b"-", b"+", b"/", b":", b"00", b".0", b"e1", b"-0", b"\xff"]
    changed = [text[:k] + other + text[k + 1 :] for k in range(len(text)) for other in others]
    for one in [text, *changed, *(text[:k] for k in range(len(text)))]:
        for behind in (b"", b"0", b".5", b"e9"):
            assert kernel_integer_value(one, behind) == twin_integer_value(one), one
            found = kernel_decimal_value(one, behind)
            if _SPELLING.fullmatch(one) is None:
                assert found is None
            elif found is not None or len(re.sub(rb"[eE].*|[.-]", b"", one).strip(b"0")) <= 19:
                assert found == (None if math.isinf(float(one)) else float(one)), one


@given(_spelt | _number_like | _doubles, st.sampled_from(POISON))
@example(b"0.30000000000000004", b"")
@example(b"21.333333333333332", b"9")
@example(b"1640512800.123456", b"")
@example(b"1e-05", b"")
@example(b"-0.0", b"")
@example(b"9007199254740993", b"")
@example(b"9007199254740995", b"")
@example(b"4.9e-324", b"")
@example(b"2.4703282292062327e-324", b"")
@example(b"2.4703282292062328e-324", b"")
@example(b"2.2250738585072011e-308", b"")
@example(b"1.7976931348623157e308", b"")
@example(b"1.7976931348623159e308", b"")
@example(b"1E400", b"")
@example(b"0.10000000000000000555", b"")
@example(b"1e99999999999999999999", b"")
def test_decimals_in_any_spelling_are_the_nearest_double(text: bytes, behind: bytes) -> None:
    found = kernel_decimal_value(text, behind)
    if _SPELLING.fullmatch(text) is None:
        assert found is None
        return
    expected = float(text)
    digits = re.sub(rb"[eE].*|[.-]", b"", text).strip(b"0")
    if found is None:
        assert math.isinf(expected) or len(digits) > 19
    else:
        assert found == expected
        assert math.copysign(1, found) == math.copysign(1, expected) or found == 0
    if len(digits) <= 19 and not math.isinf(expected):
        assert found is not None


@given(st.integers(1, 10**19 - 1), st.integers(1, 3), st.text("0123456789", min_size=1, max_size=3), st.booleans())
def test_integer_value_and_decimal_value_of_more_digits_than_a_word_holds(
    digits: int, point: int, more: str, is_signed: bool
) -> None:
    """Digits beyond the 19th decide whether a number is whole, and may decide which double is nearer."""
    whole = str(digits).ljust(19, "0")
    for text in (
        f"{whole[:point]}.{whole[point:]}{more}",
        f"{whole}{more}e-{len(more)}",
        f"{whole[0]}.{'0' * 18}{more}",
    ):
        signed = f"{'-' * is_signed}{text}".encode()
        assert kernel_integer_value(signed) == (twin_integer_value(signed) if not more.strip("0") else None)
        found = kernel_decimal_value(signed)
        assert found in (None, float(signed)), signed
        assert found is not None or more.strip("0")


def between_two_doubles() -> st.SearchStrategy[tuple[int, int]]:
    """Digits and a power of ten that stand just between two doubles: an odd number of 54 bits, doubled or halved."""

    def of_power(power: int) -> st.SearchStrategy[tuple[int, int]]:
        if power < 0:
            most = (10**19 - 1) // 5**-power
            odd = st.integers(2**52, (min(2**53, most // 2)) - 1).map(lambda k: 2 * k + 1)
            return odd.map(lambda number: (number * 5**-power, power))
        odd = st.integers(-(-(2**53) // 5**power) // 2, (2**54 - 1) // 5**power // 2 - 1).map(lambda k: 2 * k + 1)
        shift = st.integers(0, 9) if power == 0 else st.just(0)
        return st.tuples(odd, shift).map(lambda drawn: (drawn[0] << drawn[1], power))

    return st.integers(-4, 22).flatmap(of_power)


@given(between_two_doubles(), st.integers(-3, 3))
@example((2**63 + 1024, 0), -2)
@example((1, 23), 0)
def test_nearest_double_next_to_where_two_are_as_near(tie: tuple[int, int], away: int) -> None:
    digits, power = tie
    text = f"{digits + away}e{power}".encode()
    bits = int(kernels_typed._nearest_double(np.uint64(digits + away), np.int64(power)))
    assert struct.unpack("<d", struct.pack("<q", bits))[0] == float(text)
    written = str(digits + away)
    for more in ("0", "1") if len(written) == 19 else ():
        longer = f"{written}{more}e{power - 1}".encode()
        needs_more = more == "1" and away == 0 and float(longer) != float(text)
        assert kernel_decimal_value(longer) in ((None,) if needs_more else (None, float(longer)))


@given(st.sampled_from([b"true", b"false"]) | st.binary(max_size=6), st.sampled_from(POISON))
def test_boolean_value_is_that_of_two_words(text: bytes, behind: bytes) -> None:
    value = int(kernels_typed.boolean_value(padded(b"7" + text, behind), 1, 1 + len(text)))
    assert value == {b"true": 1, b"false": 0}.get(text, NULL)


@given(st.data(), st.integers(0, 9), st.sampled_from(UNITS), st.sampled_from(POISON))
def test_instants_are_cut_to_their_unit_only_where_all_digits_are_some(
    data: st.DataObject, digits: int, units: int, behind: bytes
) -> None:
    text = data.draw(instant_texts(digits))
    exact = read_instant(text, ord("T"), digits, 1_000_000_000)
    dates = np.full(4, -1, dtype=np.int64)
    value = int(kernels_typed.instant_value(padded(text, behind), 0, ord("T"), digits, units, dates))
    assert (None if value == BAD else value) == (None if exact is None else exact // (1_000_000_000 // units))


@given(st.binary(min_size=16, max_size=16) | st.text("0123456789", min_size=16, max_size=16).map(str.encode))
@example(b"12345678/0000000")
@example(b"0000000:00000000")
def test_digits_eight_and_sixteen_at_a_time(text: bytes) -> None:
    for count, kernel in ((8, kernels_text.eight_digits), (16, kernels_text.sixteen_digits)):
        head = text[:count]
        value = int(kernel(padded(text), 0))
        assert (value if value >= 0 else None) == (int(head) if re.fullmatch(rb"[0-9]+", head) else None)


# --------------------------------------------------------------------------------------------------------- Kinesis


def twin_kinesis_number(
    creation: int, shard: int, counter: int, arrival: int, *, version: int = 2, zeros: int = 0
) -> int:
    """The number from its hex digits, as the design gives them."""
    return int(
        f"{version:x}{creation:09x}{shard & 15:x}{counter:016x}{zeros:02x}{arrival:09x}{shard:08x}{version:x}", 16
    )


def kernel_read_kinesis(text: bytes, behind: bytes = b"") -> tuple[int, ...] | None:
    parts = np.full(4, -7, dtype=np.int64)
    return tuple(parts.tolist()) if kernels_kinesis.read_kinesis(padded(text, behind), 0, len(text), parts) else None


def kernel_write_kinesis(parts: tuple[int, ...]) -> bytes:
    out, shards = _room(), np.full((kernels_kinesis.SHARDS_MET, kernels_kinesis.SHARD_WORDS), NULL, dtype=np.int64)
    return out[: kernels_kinesis.write_kinesis(out, 0, *parts, shards)].tobytes()


def test_the_sequence_number_of_the_real_record() -> None:
    text = str(SEED["_id"]).encode()
    found = kernel_read_kinesis(text)
    assert found is not None
    key, arrival, counter, sub = found
    assert datetime.fromtimestamp(key >> 20, UTC) == datetime(2021, 11, 8, 13, 0, 26, tzinfo=UTC)
    assert key & 0xFFFFF == 2
    assert counter == 13_493_763_523
    assert datetime.fromtimestamp(arrival, UTC) == datetime(2021, 12, 26, 15, 11, 3, tzinfo=UTC)
    assert sub == 0
    assert kernel_write_kinesis(found) == text


@given(
    st.integers(0, 2**36 - 1), st.integers(0, 2**20 - 1), st.integers(0, 2**63 - 1), st.integers(0, 2**36 - 1),
    st.integers(0, 999_999_999), st.sampled_from(POISON),
)  # fmt: skip
@example(0, 0, 0, 0, 0, b"")
@example(2**36 - 1, 2**20 - 1, 2**63 - 1, 2**36 - 1, 999_999_999, b"9")
def test_sequence_numbers_are_taken_apart_and_put_together(
    creation: int, shard: int, counter: int, arrival: int, sub: int, behind: bytes
) -> None:
    text = f"{twin_kinesis_number(creation, shard, counter, arrival)}.{sub}".encode()
    parts = (creation << 20 | shard, arrival, counter, sub)
    assert kernel_read_kinesis(text, behind) == parts
    assert kernel_write_kinesis(parts) == text


@given(st.integers(0, 10**56 - 1), st.text("0123456789.-", max_size=10))
def test_any_other_number_is_refused_or_given_back(number: int, sub: str) -> None:
    text = f"{number:056}.{sub}".encode()
    parts = kernel_read_kinesis(text)
    assert parts is None or kernel_write_kinesis(parts) == text


@pytest.mark.parametrize(
    "number",
    [
        twin_kinesis_number(1, 2, 2**63, 4),
        twin_kinesis_number(1, 2**20, 3, 4),
        twin_kinesis_number(1, 2, 3, 4, zeros=1),
        twin_kinesis_number(1, 2, 3, 4, version=1),
        twin_kinesis_number(1, 2, 3, 4) ^ (1 << 145),
    ],
)
def test_numbers_of_another_make_are_refused(number: int) -> None:
    assert kernel_read_kinesis(f"{number}.0".encode()) is None


@pytest.mark.parametrize("sub", ["", "00", "-1", "0x", "1000000000", "1.0", " 0"])
def test_sub_sequence_numbers_that_would_be_written_otherwise_are_refused(sub: str) -> None:
    assert kernel_read_kinesis(f"{twin_kinesis_number(1, 2, 3, 4)}.{sub}".encode()) is None


@given(st.binary(max_size=70))
def test_arbitrary_bytes_are_hardly_a_sequence_number(text: bytes) -> None:
    assert kernel_read_kinesis(text) is None


# ---------------------------------------------------------------------------------------------------------- hashes

_MASK = (1 << 64) - 1
_S = (0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3, 0x589965CC75374CC3, 0x1D8E4E27C47D124F)


def _fold(a: int, b: int) -> int:
    product = a * b
    return (product & _MASK) ^ (product >> 64)


def _words(text: bytes) -> tuple[list[tuple[int, int]], int, int]:
    pairs, at = [], 0
    while at + 16 < len(text):
        pairs.append((int.from_bytes(text[at : at + 8], "little"), int.from_bytes(text[at + 8 : at + 16], "little")))
        at += 16
    return pairs, int.from_bytes(text[at : at + 8], "little"), int.from_bytes(text[at + 8 : at + 16], "little")


def twin_hash64(text: bytes) -> int:
    pairs, a, b = _words(text)
    state = _S[0] ^ len(text)
    for left, right in pairs:
        state = _fold(left ^ _S[1], right ^ state)
    return _fold(_S[1] ^ len(text), _fold(a ^ _S[2], b ^ state))


def halves(number: int) -> tuple[int, int]:
    """(low, high) of a 128-bit number."""
    return number & _MASK, number >> 64


@given(st.binary(max_size=100), st.integers(0, 9), st.sampled_from(POISON))
@example(b"", 0, b"\xff" * PADDING)
@example(b"x" * 16, 0, b"y")
@example(b"x" * 17, 3, b"y")
def test_hashes_depend_on_the_text_alone(text: bytes, before: int, behind: bytes) -> None:
    buffer = padded(b"\x5a" * before + text, behind)
    span = (before, before + len(text))
    assert int(kernels_hash.hash64(buffer, *span)) == twin_hash64(text)
    assert tuple(map(int, hash128(buffer, *span))) == halves(xxhash.xxh3_128_intdigest(text))


@pytest.mark.parametrize("behind", POISON)
def test_the_hash_of_a_record_is_xxh3_128(behind: bytes) -> None:
    some = random.Random(7).randbytes(70_000)
    for length in (*range(600), *range(1_020, 1_100), *range(2_040, 2_120), 4_096, len(some)):
        buffer = padded(b"\x5a" * 3 + some[:length], behind)
        assert tuple(map(int, hash128(buffer, 3, 3 + length))) == halves(xxhash.xxh3_128_intdigest(some[:length]))


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(0, 12), st.randoms())
def test_the_digest_is_that_of_a_multiset(records: list[bytes], cut: int, shuffler: Any) -> None:
    expected = f"{sum(map(xxhash.xxh3_128_intdigest, records)) % (1 << 128):032x}"
    shuffled = list(records)
    shuffler.shuffle(shuffled)
    assert digest_records(shuffled) == expected
    assert combine([digest_records(records[:cut]), digest_records(records[cut:])]) == expected


def test_the_digest_counts_repetitions() -> None:
    assert len({digest_records([b"{}"] * count) for count in range(5)}) == 5


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"", b"a", b"a\0", b"b"]), max_size=60))
def test_equal_texts_get_equal_numbers_in_the_order_they_come(texts: list[bytes]) -> None:
    buffer = padded(b"".join(texts))
    ends = np.cumsum([0, *map(len, texts)])
    table = np.full(128, -1, dtype=np.int32)
    starts_of, ends_of = np.empty(64, dtype=np.int64), np.empty(64, dtype=np.int64)
    hashes, count = np.empty(64, dtype=np.uint64), np.zeros(1, dtype=np.int64)
    numbers = []
    for begin, end in itertools.pairwise(ends):
        number = int(kernels_hash.find_or_add(buffer, begin, end, table, buffer, starts_of, ends_of, hashes, count))
        if number == count[0]:
            starts_of[number], ends_of[number] = begin, end
            count[0] += 1
        numbers.append(number)
    order = list(dict.fromkeys(texts))
    assert numbers == [order.index(text) for text in texts]


@given(st.lists(st.tuples(st.sampled_from([b"", b"a", b"ab", b"abc", b"b"]), st.integers(0, 2)), max_size=14))
def test_find_text_where_different_texts_have_the_same_hash(texts: list[tuple[bytes, int]]) -> None:
    """Neither a hash alone nor a length alone makes texts equal, and places wrap around at the table's end."""
    table = np.full(32, -1, dtype=np.int32)
    known: list[tuple[bytes, int]] = []
    places: list[int] = []
    for text, hashed in texts:
        words = np.array([(31, 31 + 32, 5)[h] for _, h in known] + [0], dtype=np.uint64)
        word = (31, 31 + 32, 5)[hashed]
        source = padded(b"".join(text for text, _ in known))
        offsets = np.cumsum([0, *(len(text) for text, _ in known)], dtype=np.int64)
        at = int(
            kernels_hash.find_text(
                padded(b"#" + text),
                1,
                len(text),
                np.uint64(word),
                table,
                source,
                offsets[:-1].copy(),
                offsets[1:].copy(),
                words,
            )
        )
        if (text, hashed) in known:
            assert at == places[known.index((text, hashed))]
            continue
        expected = word & 31
        while expected in places:
            expected = (expected + 1) & 31
        assert at == expected
        table[at] = len(known)
        known.append((text, hashed))
        places.append(at)


# --------------------------------------------------------------------------------------------------- lenient reader


@pytest.mark.parametrize(
    ("wall", "offset", "reference", "shift"),
    [
        ("15:10:59", 540, "15:11:04", 540),  # as labelled nine hours before the arrival; as UTC five seconds before
        ("23:10:59", 540, "14:11:04", 0),  # as UTC it would be nine hours after the arrival
        ("15:26:04", 540, "15:11:04", 540),  # a clock that is a quarter of an hour fast
        ("15:26:05", 540, "15:11:04", 0),
        ("15:10:59", -300, "15:11:04", -300),  # as labelled five hours after the arrival
        ("10:10:59", -300, "15:11:04", 0),
        ("15:10:59", 0, "15:11:04", 0),
        ("15:10:59", 540, None, 0),
    ],
)
def test_a_label_is_corrected_where_the_reference_contradicts_it(
    wall: str, offset: int, reference: str | None, shift: int
) -> None:
    def seconds(text: str) -> int:
        return int(datetime.fromisoformat(f"2021-12-26T{text}Z").timestamp())

    assert corrected_shift_min(seconds(wall), offset, None if reference is None else seconds(reference)) == shift


def test_the_lenient_reader_gives_what_the_kernels_give(sdk_log: Contract) -> None:
    record = compact(SEED)
    found = dict(LenientReader(sdk_log).registers(record))
    begin = datetime(2021, 12, 26, 15, 10, 59, 884_000, tzinfo=UTC)
    assert found["request_begin_at"] == round(begin.timestamp() * 1000)
    assert found["request_begin_at#shift_min"] == 540
    assert found["ingested_at"] == 1_640_531_464
    assert found["_id#counter"] == 13_493_763_523
    span = found["func_name"]
    assert isinstance(span, tuple)
    assert record[slice(*span)] == b"Backend.GameData.TransactionWrite"


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from(["--5", "- 5", "٣", "1e5", "2021-12-26T15:10:59.884+09:00"])
    | st.just("0001-01-01T00:00:00+23:59"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=6,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(SEED["_source"])), _anything), _anything)
def test_the_lenient_reader_never_raises(sdk_log: Contract, source: dict[str, Any], ident: Any) -> None:
    record = compact({"_source": source, "_id": ident})
    for name, value in LenientReader(sdk_log).registers(record):
        if isinstance(value, tuple):
            assert 0 <= value[0] <= value[1] <= len(record)
        else:
            assert -(2**63) <= value < 2**63, name


@given(st.datetimes(), st.integers(-1439, 1439))
def test_the_lenient_reader_reads_instants_of_any_offset(sdk_log: Contract, moment: datetime, offset_min: int) -> None:
    labelled = moment.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    found = dict(LenientReader(sdk_log).registers(compact({"_source": {"user_inDate": labelled.isoformat()}})))
    wall = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert found["user_created_at"] == wall // timedelta(milliseconds=1) - offset_min * 60_000


@given(st.dates())
def test_civil_from_days_and_read_date(day: date) -> None:
    days = (day - date(1970, 1, 1)).days
    assert kernels_instants.civil_from_days(np.int64(days)) == (day.year, day.month, day.day)
    assert kernels_instants.read_date(padded(b"x" + day.isoformat().encode()), 1) == days


@given(st.tuples(st.integers(0, 9999), st.integers(0, 14), st.integers(0, 33)), st.integers(0, 9), st.integers(0, 255))
@example((2100, 2, 29), 4, ord("-"))
@example((2000, 2, 29), 4, ord("-"))
@example((2024, 4, 31), 7, ord("-"))
@example((0, 1, 1), 4, ord("-"))
@example((1, 1, 1), 4, ord("-"))
def test_read_date_refuses_what_is_no_date(parts: tuple[int, int, int], place: int, byte: int) -> None:
    """Days and months that there are not, and any byte in any place."""
    text = bytearray(b"%04d-%02d-%02d" % parts)
    for _ in range(2):
        try:
            expected = (date.fromisoformat(text.decode("latin-1")) - date(1970, 1, 1)).days
        except ValueError:
            expected = int(BAD)
        assert kernels_instants.read_date(padded(bytes(text)), 0) == expected
        text[place] = byte


@given(st.lists(st.none() | st.booleans(), max_size=100), st.integers(0, 100), st.integers(0, 100))
def test_bits_of_a_slice_are_those_of_its_rows(values: list[bool | None], first: int, count: int) -> None:
    array = pa.array(values, pa.bool_()).slice(min(first, len(values)), count)
    missing = missing_of(array)
    assert (missing.tolist() if missing is not None else [False] * len(array)) == [not v.is_valid for v in array]
    present = [v.as_py() for v in array if v.is_valid]
    known = np.array([v.is_valid for v in array], dtype=np.bool_)
    assert values_of(array)[known].tolist() == present
