"""How a column's strings were escaped in the raw JSON, so that readers get plain text and restore gets the escapes.

A dictionary's texts are kept as they stood between the quotes. A file holds their values. One style a column and row
group says how values are escaped; the few texts that are spelt otherwise are listed in the file's metadata.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Style = str


def _plain(value: str) -> bytes:
    return json.dumps(value, ensure_ascii=False)[1:-1].encode()


def _ascii(value: str) -> bytes:
    return json.dumps(value)[1:-1].encode()


STYLES: dict[Style, Callable[[str], bytes]] = {
    "plain": _plain,
    "ascii": _ascii,
    "plain_slashes": lambda value: _plain(value).replace(b"/", b"\\/"),
    "ascii_slashes": lambda value: _ascii(value).replace(b"/", b"\\/"),
}
"""What each style escapes: quotes, backslashes and control characters; what is not ASCII; slashes."""


_ESCAPED_BY_ALL = re.compile(r'["\\\x00-\x1f]')


def unescape(text: bytes) -> str:
    """The value of a string from the text between its quotes."""
    if b"\\" not in text:
        return text.decode()
    value: str = json.loads(b'"' + text + b'"')
    return value


@dataclass(frozen=True)
class Spelling:
    """How the texts of one dictionary were spelt.

    Attributes:
        style: one of STYLES.
        odd: texts by value, for those that the style would spell otherwise.
    """

    style: Style = "plain"
    odd: dict[str, bytes] = field(default_factory=dict)

    def text(self, value: str) -> bytes:
        """The text between the quotes of a value."""
        found = self.odd.get(value)
        if found is not None:
            return found
        if self.style == "plain" and _ESCAPED_BY_ALL.search(value) is None:
            return value.encode()  # as nearly all are
        return STYLES[self.style](value)

    def to_json(self) -> dict[str, object]:
        """A form for the file's metadata."""
        return {"style": self.style, "odd": {value: text.decode() for value, text in sorted(self.odd.items())}}

    @classmethod
    def from_json(cls, data: dict[str, object]) -> Spelling:
        """The reverse of `to_json`."""
        odd = data["odd"]
        assert isinstance(odd, dict)
        return cls(str(data["style"]), {value: text.encode() for value, text in odd.items()})


def spell(texts: Sequence[bytes], style: Style) -> tuple[Spelling, dict[int, str], list[int]]:
    """Find how texts are spelt.

    Args:
        texts: distinct texts between quotes. Where the style is `plain`, those without a backslash may be left out that
            are no other one's value.
        style: the one that `best_style` chose.

    Returns:
        The spelling; the values of the texts with a backslash, by their places (the others are their own values); and
        the places of texts whose value another text has too: they cannot be told from it by their value.
    """
    values = {place: unescape(text) for place, text in enumerate(texts) if b"\\" in text}
    escape = STYLES[style]
    # A text without a backslash is its own value, which escaped ones may have too.
    bare = {text: place for place, text in enumerate(texts) if place not in values} if values else {}
    rivals: dict[str, list[int]] = {}
    for place, value in values.items():
        rivals.setdefault(value, []).append(place)
    odd: dict[str, bytes] = {}
    ambiguous: list[int] = []
    for value, places in rivals.items():
        if value.encode() in bare:
            places.append(bare[value.encode()])
        spelt = escape(value)
        # of several spellings of a value the style's own is chosen, else the smallest: never the one that came first,
        # which would depend on how threads were scheduled
        chosen = min(places, key=lambda at: (spelt != texts[at], texts[at]))
        ambiguous += [place for place in places if place != chosen]
        if texts[chosen] != spelt:
            odd[value] = texts[chosen]
    if style != "plain":  # which is the only one that never escapes what JSON lets stand
        odd |= {v: text for text in bare if (v := text.decode()) not in rivals and escape(v) != text}
    return Spelling(style, odd), values, sorted(ambiguous)


def best_style(escaped: Mapping[bytes, str], slashes: int, wide: int, both: int) -> Style:
    """The style that spells most texts of a column as they are.

    Args:
        escaped: the texts with a backslash, and their values.
        slashes: how many others have a slash.
        wide: how many others are not ASCII.
        both: how many others have a slash or are not ASCII.
    """
    wrong = {"plain": 0, "ascii": wide, "plain_slashes": slashes, "ascii_slashes": both}
    for name, escape in STYLES.items():
        wrong[name] += sum(escape(value) != text for text, value in escaped.items())
    return min(STYLES, key=lambda name: wrong[name])
