"""Kernels of codecs by code: whatever registers hold, a text stays within its bounds, and what fits comes back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import padded
from tests.unit.codecs.test_codec_rooms import contract_of

from logpress.codecs import kernels_dispatch
from logpress.codecs.kernels_codes import FIRST_OWN, LONGEST_SLOT
from logpress.codecs.kernels_dispatch import read_own, write_own
from logpress.codecs.kernels_text import NULL
from logpress.codecs.own_kernels import OwnKernelsCodec
from logpress.codecs.registry import CODECS, codecs_of
from logpress.contract.columns import ColumnBase

OWN = {name: codec for name, codec in CODECS.items() if issubclass(codec, OwnKernelsCodec)}
_WORDS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([NULL, -1, 0, 2**32, -(2**32), 10**9, 2**63 - 1])


def column_of(name: str) -> OwnKernelsCodec[ColumnBase]:
    codec = codecs_of(contract_of(name))["v"]
    assert isinstance(codec, OwnKernelsCodec)
    return codec


def written(code: int, words: tuple[int, int], option: int) -> bytes:
    out = np.full(LONGEST_SLOT + 40, 0xAA, dtype=np.uint8)
    end = int(write_own(code, out, 5, *words, option))
    assert 5 <= end <= 5 + LONGEST_SLOT
    assert (out[:5] == 0xAA).all()
    assert (out[end:] == 0xAA).all()
    return out[5:end].tobytes()


def test_each_code_belongs_to_a_codec_and_no_two_are_the_same() -> None:
    codes = {value for name, value in vars(kernels_dispatch).items() if name.isupper() and name != "FIRST_OWN"} - {NULL}
    assert codes == set(range(FIRST_OWN, FIRST_OWN + len(OWN))) == {codec.code for codec in map(column_of, OWN)}


@pytest.mark.parametrize("name", OWN)
@given(words=st.tuples(_WORDS, _WORDS), option=st.integers(0, 1))
@example(words=(0, 0), option=0)
def test_what_is_written_stays_within_its_bounds_whatever_registers_hold(
    name: str, words: tuple[int, int], option: int
) -> None:
    written(OWN[name].code, words, option)


@pytest.mark.parametrize("name", OWN)
@given(cut=st.binary(max_size=LONGEST_SLOT), behind=st.binary(max_size=9))
def test_any_text_is_read_alone_and_comes_back_if_it_fits(name: str, cut: bytes, behind: bytes) -> None:
    codec = column_of(name)
    contents = [text for text in map(json.loads, codec.example.texts) if isinstance(text, str)]
    for text in (cut, *(content.encode() for content in contents), *(content.encode()[:-1] for content in contents)):
        found = read_own(codec.code, padded(b"7" + text, behind), 1, 1 + len(text), codec.option)
        assert found == read_own(codec.code, padded(text), 0, len(text), codec.option)
        fits, first, second = found
        assert not fits or written(codec.code, (first, second), codec.option) == text
        assert not fits or first != NULL


@pytest.mark.parametrize("name", OWN)
def test_the_texts_of_its_example_fit_or_have_a_value_or_have_none(name: str) -> None:
    codec = column_of(name)

    def found(texts: tuple[bytes, ...]) -> list[tuple[bool, bool]]:
        strings = [text[1:-1] for text in texts if text.startswith(b'"')]
        values = [read_own(codec.code, padded(text), 0, len(text), codec.option) for text in strings]
        return [(bool(fits), first != NULL) for fits, first, _ in values]

    example = codec.example
    assert set(found(example.fits)) == {(True, True)}
    assert set(found(example.has_value)) <= {(False, True)}
    assert set(found(example.refused)) == {(False, False)}


def test_a_code_of_no_codec_reads_and_writes_nothing() -> None:
    none = FIRST_OWN + len(OWN)
    assert read_own(none, padded(b"x"), 0, 1, 0) == (False, NULL, NULL)
    assert written(none, (1, 2), 0) == b""
