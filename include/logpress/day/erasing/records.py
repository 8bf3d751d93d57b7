"""Tests of single records whose columns do not tell all: by the values at a path, and of broken ones by their bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from logpress.conditions.filters import Condition
from logpress.contract.columns import Instant
from logpress.contract.model import Contract
from logpress.layout.model import Layout

_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
MOST_ESCAPED = 3
"""How deep in strings JSON is searched for a value, where bytes are no JSON object."""

_LONGEST_NUMBER = 300
"""Digits up to which a number is compared exactly; Python refuses to parse some thousand."""


@dataclass(frozen=True)
class Literal:
    """A condition that names values: a record that has one of them at a path of its column meets it.

    Attributes:
        number: of the condition.
        column: its column.
        paths: of the column's values in a record.
        values: strings, numbers or booleans.
    """

    number: int
    column: str
    paths: tuple[str, ...]
    values: tuple[Any, ...]

    @classmethod
    def of(cls, number: int, condition: Condition, contract: Contract) -> Self | None:
        """The literal of a condition; None if it names no values, or its column is an instant."""
        name, operator, value = condition
        column = contract.by_name[name]
        values = {"=": [value], "==": [value], "in": value}.get(operator, [])
        named = tuple(item for item in values if isinstance(item, str | int | float))
        if not named or isinstance(column, Instant):
            return None
        return cls(number, name, column.path, named)

    def in_document(self, document: Any) -> bool:
        """Whether a parsed record (see `parsed`) has one of the values at one of the paths, in any of equal keys."""
        return any(self._equals(value) for path in self.paths for value in _values_at(document, _STEP.findall(path)))

    def _equals(self, value: Any) -> bool:
        for wanted in self.values:
            if isinstance(wanted, bool) or isinstance(value, bool):
                found = value is wanted or value == str(wanted).lower()
            elif isinstance(wanted, str):
                found = value == wanted
            else:
                found = value == wanted or (isinstance(value, str) and _number(value) == wanted)
            if found:
                return True
        return False

    def in_bytes(self, forms: Sequence[bytes]) -> bool:
        """Whether bytes that are no JSON object have one of the values.

        Strings stand in quotes, numbers between signs that no number has.

        Args:
            forms: the bytes, as `unescaped` gives them.
        """
        for value in self.values:
            if isinstance(value, str):
                quoted = b'"' + value.encode() + b'"'
                if any(quoted in form for form in forms):
                    return True
            else:
                text = json.dumps(value).encode()
                if re.search(rb"(?<![0-9A-Za-z.+-])" + re.escape(text) + rb"(?![0-9A-Za-z.+-])", forms[0]):
                    return True
        return False

    @property
    def longest(self) -> int:
        """Bytes of the longest text of a value, however it is escaped."""
        return (6 << MOST_ESCAPED) * (max(len(str(value)) for value in self.values) + 2)


def literals_of(conditions: Sequence[Condition], contract: Contract) -> list[Literal]:
    """The conditions that name values."""
    found = (Literal.of(number, condition, contract) for number, condition in enumerate(conditions))
    return [literal for literal in found if literal is not None]


def parsed(record: bytes) -> Any:
    """A record as lists of (key, value) in place of objects, because equal keys may repeat; None if it cannot be."""
    try:
        return json.loads(record, object_pairs_hook=_Pairs, parse_int=_number, parse_float=_number, strict=False)
    except (ValueError, RecursionError):
        return None


def unescaped(data: bytes) -> list[bytes]:
    """Bytes as they are, and with JSON's escapes undone once, twice and so on: a string may hold JSON."""
    forms = [data]
    while b"\\" in forms[-1] and len(forms) <= MOST_ESCAPED:
        forms.append(without_escapes(forms[-1]))
    return forms


def without_escapes(data: bytes) -> bytes:
    """Bytes with JSON's escapes replaced by what they stand for, wherever they are."""
    text = _ESCAPE.sub(_replacement, data.decode(errors="replace"))
    # two halves of a surrogate pair become one character
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def may_hide(layout: Layout, columns: dict[str, frozenset[str]]) -> bool:
    """Whether records of a layout may have a value of a column that the part's column does not have.

    So it is if a slot at the column's path, or above or below it, fills another column, a copy, or `_extra`.

    Args:
        layout: of the part.
        columns: paths of columns by name, in today's contract.
    """
    return any(
        not (slot.role == "column" and slot.name == name)
        and any(_is_within(slot.path, path) or _is_within(path, slot.path) for path in paths)
        for slot in layout.slots
        for name, paths in columns.items()
    )


class _Pairs(list[tuple[str, Any]]):
    """The members of an object."""


def _number(text: str) -> float | int | None:
    try:
        return int(text) if len(text) <= _LONGEST_NUMBER and re.fullmatch(r"-?\d+", text) else float(text)
    except ValueError:
        return None


def _values_at(value: Any, steps: list[str]) -> Iterator[Any]:
    if not steps:
        yield value
    elif steps[0].startswith("["):
        if isinstance(value, list) and not isinstance(value, _Pairs) and int(steps[0][1:-1]) < len(value):
            yield from _values_at(value[int(steps[0][1:-1])], steps[1:])
    elif isinstance(value, _Pairs):
        for key, inner in value:
            if key == steps[0]:
                yield from _values_at(inner, steps[1:])


def _replacement(match: re.Match[str]) -> str:
    digits, sign = match.groups()
    return chr(int(digits, 16)) if digits is not None else _SHORT.get(sign, sign)


def _is_within(path: str, other: str) -> bool:
    return path == other or path.startswith((f"{other}.", f"{other}["))
