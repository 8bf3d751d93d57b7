"""Conditions as text: what they mean, and how they are refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logpress.conditions.parse import parse_conditions
from logpress.errors import UsageError

TYPES = {
    "code": pa.int32(),
    "name": pa.string(),
    "ok": pa.bool_(),
    "at": pa.timestamp("ms", "UTC"),
    "share": pa.float64(),
}


@pytest.mark.parametrize(
    ("text", "operator", "value"),
    [
        ("code>=500", ">=", 500),
        ("  code   =  -5 ", "=", -5),
        ("name = two words", "=", "two words"),
        ('name = "a, \\"b\\""', "=", 'a, "b"'),
        ("name = a=b", "=", "a=b"),
        ("name = 'two words'", "=", "two words"),
        ("name = 'o''hara'", "=", "o'hara"),
        ("name = ''", "=", ""),
        ("name = 'null'", "=", "null"),
        ("name = 'tis", "=", "'tis"),
        ("name in 'a', b, 'c'", "in", ["a", "b", "c"]),
        ("code = '5'", "=", 5),
        ("name =", "=", ""),
        ("name != null", "!=", None),
        ('name = "null"', "=", "null"),
        ('name in a,b , "c, d"', "in", ["a", "b", "c, d"]),
        ("code not  in 1, 2", "not in", [1, 2]),
        ("name in", "in", []),
        ("at >= 2021-12-26T10:00:00Z", ">=", "2021-12-26T10:00:00Z"),
        ("ok = true", "=", True),
        ("share < 1e-3", "<", 0.001),
    ],
)
def test_what_a_condition_means(text: str, operator: str, value: Any) -> None:
    assert [found[1:] for found in parse_conditions([text], TYPES)] == [(operator, value)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("code", "operators are"),
        ("", "operators are"),
        ("code ~ 5", "operators are"),
        ("cod = 5", "did you mean 'code'"),
        ("code = five", "'five', which is not of type int32"),
        ("code in 1,,2", "'', which is not of type int32"),
        ("ok = yes", "'yes', which is not of type bool"),
        ('name = "a', "not a JSON string"),
        ("name in 'a, b'", "value with a comma"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_conditions([text], TYPES)


@given(st.text())
@example("a\rb")
@example('"')
def test_any_text_is_a_condition_or_a_clear_error(text: str) -> None:
    for condition in (text, f"name = {text}", f"name in {text}", f"code in {text}"):
        with suppress(UsageError):
            parse_conditions([condition], TYPES)
