"""Escapes of a column's strings in the raw JSON, so that readers get plain text and restoring gets the escapes.

A dictionary's texts are kept as they are between the quotes. A file holds their values. One style for each column and
row group says how values are escaped; the few texts that are spelt otherwise are listed in the file's metadata.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Style = str

_DECODER = json.JSONDecoder()
_PLAIN, _ASCII = json.JSONEncoder(ensure_ascii=False), json.JSONEncoder()


def _plain(value: str) -> bytes:
    return _PLAIN.encode(value)[1:-1].encode()


def _ascii(value: str) -> bytes:
    return _ASCII.encode(value)[1:-1].encode()


STYLES: dict[Style, Callable[[str], bytes]] = {
    "plain": _plain,
    "ascii": _ascii,
    "plain_slashes": lambda value: _plain(value).replace(b"/", b"\\/"),
    "ascii_slashes": lambda value: _ascii(value).replace(b"/", b"\\/"),
}
"""Escaping functions by style: of quotes, backslashes and control characters; also of non-ASCII; also of slashes."""


_ESCAPED_BY_ALL = re.compile(r'["\\\x00-\x1f]')


def unescape(text: bytes) -> str:
    """The value of a string from the text between its quotes."""
    if b"\\" not in text:
        return text.decode()
    value: str = _DECODER.decode(f'"{text.decode()}"')
    return value


@dataclass(frozen=True)
class Spelling:
    """Escapes of the texts of one dictionary.

    Attributes:
        style: one of STYLES.
        odd: texts by value, for texts that differ from the style.
    """

    style: Style = "plain"
    odd: dict[str, bytes] = field(default_factory=dict)

    def text(self, value: str) -> bytes:
        """The text between the quotes for a value."""
        found = self.odd.get(value)
        if found is not None:
            return found
        if self.style == "plain" and _ESCAPED_BY_ALL.search(value) is None:
            return value.encode()  # nearly all values
        return STYLES[self.style](value)

    def to_json(self) -> dict[str, object]:
        """The form in the file's metadata."""
        return {"style": self.style, "odd": {value: text.decode() for value, text in sorted(self.odd.items())}}

    @classmethod
    def from_json(cls, data: dict[str, object]) -> Spelling:
        """The reverse of `to_json`.

        Raises:
            ValueError, LookupError, AttributeError, TypeError: if the data are not a spelling.
        """
        odd, style = data["odd"], data["style"]
        if not isinstance(odd, dict) or style not in STYLES:
            raise ValueError(f"{style!r} is not a style of spelling, or its exceptions are not an object")
        return cls(str(style), {value: text.encode() for value, text in odd.items()})


def spell(
    numbers: Iterable[int], text: Callable[[int], bytes], style: Style
) -> tuple[dict[int, str], list[int], list[int]]:
    """Compare texts with a style.

    Args:
        numbers: of distinct texts. For style `plain`, omit texts without a backslash, unless they equal another text's
            value.
        text: gives the text of a number, as it is between quotes.
        style: the style that `best_style` chose.

    Returns:
        (values of the texts with a backslash, by number, because others are their own values; numbers of texts that
        differ from the style; numbers of texts whose value another text has too, so that the value does not determine
        the text).
    """
    values: dict[int, str] = {}
    first: dict[str, int] = {}
    rivals: dict[str, list[int]] = {}
    for number in numbers:
        found = text(number)
        value = unescape(found)
        if b"\\" in found:
            values[number] = value
        other = first.setdefault(value, number)
        if other != number:
            rivals.setdefault(value, [other]).append(number)
    odd: list[int] = []
    ambiguous: list[int] = []
    for value, number in first.items():
        spelt = STYLES[style](value)
        if value in rivals:
            # of several spellings of a value the style's own is chosen, else the smallest, never the first one,
            # because that depends on the scheduling of threads
            number = min((text(rival) != spelt, text(rival), rival) for rival in rivals[value])[2]
            ambiguous += [rival for rival in rivals[value] if rival != number]
        if text(number) != spelt:
            odd.append(number)
    return values, odd, ambiguous


def best_style(escaped: Iterable[tuple[bytes, str]], slashes: int, wide: int, both: int) -> Style:
    """The style that spells most texts of a column as they are.

    Args:
        escaped: the texts with a backslash, and their values.
        slashes: number of other texts with a slash.
        wide: number of other texts that are not ASCII.
        both: number of other texts that have a slash or are not ASCII.
    """
    wrong = {"plain": 0, "ascii": wide, "plain_slashes": slashes, "ascii_slashes": both}
    for text, value in escaped:
        for name, escape in STYLES.items():
            wrong[name] += escape(value) != text
    return min(STYLES, key=lambda name: wrong[name])
