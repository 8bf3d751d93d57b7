"""Bytes and numbers in a file's metadata come back, and damaged ones are told."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from logpress.engine.metadata_text import (
    base85_decode,
    base85_encode,
    bytes_from_text,
    bytes_to_text,
    numbers_from_text,
    numbers_to_text,
)


@given(st.binary(max_size=200))
def test_base85_is_that_of_the_library(data: bytes) -> None:
    assert base85_encode(data) == base64.b85encode(data).decode()
    assert base85_decode(base85_encode(data)) == data


@given(st.text(max_size=40))
def test_a_text_that_is_no_base85_is_an_error_as_it_is_for_the_library(text: str) -> None:
    try:
        expected = base64.b85decode(text)
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            base85_decode(text)
    else:
        assert base85_decode(text) == expected


@given(arrays.arrays(np.int64, st.integers(0, 100)))
def test_numbers_come_back(numbers: np.ndarray) -> None:
    assert numbers_from_text(numbers_to_text(numbers)).tolist() == numbers.tolist()


@pytest.mark.parametrize("text", ["", "0", "not zstd", bytes_to_text(b"1234567")[:-3]])
def test_damaged_numbers_are_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        numbers_from_text(text)


def test_bytes_that_are_no_planes_are_an_error() -> None:
    assert bytes_from_text(bytes_to_text(b"1234567")) == b"1234567"
    with pytest.raises(ValueError, match="reshape"):
        numbers_from_text(bytes_to_text(b"1234567"))
