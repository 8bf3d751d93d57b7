"""Conditions in text form, such as `response_status_code >= 500` on the command line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from logpress.conditions.filters import Condition
from logpress.conditions.names import no_column
from logpress.errors import UsageError

_CONDITION = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(==|!=|<>|<=|>=|=|<|>|(?:not\s+)?in\b)\s*(.*?)\s*", re.DOTALL)

_SQL_STRING = re.compile(r"'(?:[^']|'')*'")


def parse_conditions(texts: Sequence[str], types: Mapping[str, pa.DataType]) -> list[Condition]:
    """Parse conditions that must all hold.

    A value is written without quotes, as a JSON string, or as SQL does: in single quotes, of which two stand for one.
    `null` means a missing value. `in` and `not in` are followed by values separated by commas. Nothing is evaluated as
    code.

    Args:
        texts: one condition each, such as `func_name = Login` or `response_status_code in 500, 503`.
        types: the columns' types, as readers see them.

    Raises:
        UsageError: if one cannot be parsed, names an unknown column, or has a value that is not of the column's type.
    """
    return [_parse(text, types) for text in texts]


def _parse(text: str, types: Mapping[str, pa.DataType]) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise UsageError(
            f"the condition {text!r} cannot be parsed: write column, operator and value, such as 'func_name = Login'; "
            "operators are =, !=, <, <=, >, >=, in and not in"
        )
    name, operator, rest = found.groups()
    if name not in types:
        raise no_column(name, types)
    operator = " ".join(operator.split())
    if operator.endswith("in"):
        try:
            items = next(csv.reader([rest], skipinitialspace=True), [])
        except csv.Error as error:
            raise UsageError(f"the condition {text!r} cannot be parsed: {error}") from error
        items = [item.strip() for item in items]
        if any(item.startswith("'") and not _SQL_STRING.fullmatch(item) for item in items):
            raise UsageError(f"the condition {text!r} cannot be parsed: write a value with a comma in double quotes")
        return name, operator, [_value(text, types[name], item) for item in items]
    return name, operator, _value(text, types[name], rest)


def _value(text: str, type_: pa.DataType, written: str) -> Any:
    if written == "null":
        return None
    if written.startswith('"'):
        try:
            value = json.loads(written)
        except ValueError as error:
            raise UsageError(f"the condition {text!r} cannot be parsed: {written} is not a JSON string") from error
        written = value if isinstance(value, str) else written
    elif _SQL_STRING.fullmatch(written):
        written = written[1:-1].replace("''", "'")
    try:
        if pa.types.is_boolean(type_):
            return {"true": True, "false": False}[written]
        if pa.types.is_integer(type_):
            return int(written)
        if pa.types.is_floating(type_):
            return float(written)
    except (ValueError, KeyError) as error:
        raise UsageError(f"the condition {text!r} compares with {written!r}, which is not of type {type_}") from error
    return written
