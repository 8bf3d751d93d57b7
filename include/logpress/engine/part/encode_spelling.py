"""How the strings of a row group are spelt, and which records are kept whole for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from logpress.codecs.nulls import NARROW_NULL
from logpress.codecs.spelling import Spelling, Style, best_style, spell, unescape
from logpress.codecs.texts import Ints, texts_of
from logpress.engine.part.kernels_columns import (
    count_unusual,
    find_rows,
)
from logpress.engine.registers.kernels_texts import mark_used
from logpress.engine.registers.stored_columns import (
    EXTRA,
    LAYOUT,
    RAW,
)
from logpress.engine.row_group.dictionary import Dictionary
from logpress.engine.row_group.row_group import RowGroup
from logpress.layout.kernels_json import ESCAPED, SURROGATE

_RENDERED_ROWS = 1 << 15


class _Allowance:
    """What a row group may say besides its columns."""

    def __init__(self, size: int) -> None:
        self._left = size

    def is_below(self, size: int) -> bool:
        """Whether something of at least this size has no room, so that it need not be made."""
        return self._left < size

    def takes(self, data: Any) -> bool:
        """Whether there is room for this, as JSON; it is then taken."""
        return self.takes_bytes(len(json.dumps(data, ensure_ascii=False).encode()))

    def takes_bytes(self, size: int) -> bool:
        """Whether there is room for so many bytes; it is then taken."""
        if size > self._left:
            return False
        self._left -= size
        return True


def _spell(
    group: RowGroup, render: Callable[[RowGroup, Ints], list[bytes]], allowance: _Allowance
) -> tuple[dict[str, Spelling], dict[str, dict[int, str]]]:
    """Spellings of the columns with escapes, and the values that differ from their texts, by dictionary number.

    Rows whose spelling cannot be told from the value are kept whole, and so are those with odd spellings where these
    would be too many for the metadata.
    """
    spellings: dict[str, Spelling] = {}
    values: dict[str, dict[int, str]] = {}
    for name, number in group.registers.dictionaries.items():
        dictionary = group.dictionaries[number]
        if name not in group.registers.strings or not (dictionary.kinds[: dictionary.known] == ESCAPED).any():
            continue
        register = group.register(name)
        # only what rows use: a dictionary also holds texts of records that turned out to be no JSON
        is_used = np.zeros(dictionary.known, dtype=np.bool_)
        mark_used(register, is_used)
        is_used &= dictionary.kinds[: dictionary.known] != SURROGATE  # which only rows have that are kept whole
        used, style = _told_by(dictionary, np.flatnonzero(is_used))
        values[name], odd, ambiguous = spell(used.tolist(), dictionary.text, style)
        spelling = _listed(dictionary, odd, style, allowance)
        if spelling is None:
            spelling, ambiguous = Spelling(style), [*ambiguous, *odd]
        spellings[name] = spelling
        if ambiguous:
            is_ambiguous = np.zeros(dictionary.known, dtype=np.bool_)
            is_ambiguous[ambiguous] = True
            rows = np.empty(group.used, dtype=np.int64)
            _keep_whole(group, rows[: find_rows(register, is_ambiguous, rows)], render)
    return spellings, values


def _told_by(dictionary: Dictionary, used: Ints) -> tuple[Ints, Style]:
    """The texts in use that tell how a column is spelt, of these, and its style.

    If that is `plain`, as it nearly always is, no texts without escapes count but those that are the value of one.
    """
    is_escaped = dictionary.kinds[used] == ESCAPED
    escaped, others = used[is_escaped], used[~is_escaped]
    twins: set[int] = set()

    def texts_and_values() -> Iterator[tuple[bytes, str]]:
        for number in escaped.tolist():
            text = dictionary.text(number)
            value = unescape(text)
            twins.add(dictionary.number_of(value.encode()))
            yield text, value

    style = best_style(texts_and_values(), *count_unusual(dictionary.texts, dictionary.offsets, others))
    if style != "plain":
        return used, style
    return np.union1d(escaped, np.intersect1d(others, np.array(sorted(twins), dtype=np.int64))), style


def _listed(dictionary: Dictionary, odd: list[int], style: Style, allowance: _Allowance) -> Spelling | None:
    """A spelling that lists the texts which its style would spell otherwise; None if there is no room for it."""
    if allowance.is_below(sum(len(dictionary.text(number)) for number in odd)):
        return None
    texts = [dictionary.text(number) for number in odd]
    spelling = Spelling(style, {unescape(text): text for text in texts})
    return spelling if allowance.takes(spelling.to_json()) else None


def _keep_whole(group: RowGroup, rows: Ints, render: Callable[[RowGroup, Ints], list[bytes]]) -> None:
    """Keep the bytes of these rows in `_raw`, unless they are kept already."""
    rows = rows[group.register(LAYOUT)[rows] >= 0]
    for first in range(0, len(rows), _RENDERED_ROWS):
        some = rows[first : first + _RENDERED_ROWS]
        _put_whole(group, some, render(group, some))


def _put_whole(group: RowGroup, rows: Ints, records: list[bytes]) -> None:
    registers = group.registers
    raw = group.dictionaries[registers.dictionaries[RAW]]
    texts = texts_of(records)
    raw.append(texts.data, texts.offsets)
    group.register(RAW)[rows] = np.arange(raw.known - len(texts), raw.known)
    group.register(EXTRA)[rows] = NARROW_NULL
    group.register(LAYOUT)[rows] = NARROW_NULL
