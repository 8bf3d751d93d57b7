"""Spellings of the strings of a row group, and the rows that must be kept whole because of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from logpress.codecs.spelling import Spelling, Style, best_style, spell, unescape
from logpress.codecs.texts import Ints
from logpress.engine.part.kernels_columns import (
    count_unusual,
    find_rows,
)
from logpress.engine.registers.kernels_texts import mark_used
from logpress.engine.row_group.dictionary import Dictionary
from logpress.engine.row_group.row_group import RowGroup
from logpress.layout.kernels_json import ESCAPED, SURROGATE


class Allowance:
    """The bytes left for a row group's metadata."""

    def __init__(self, size: int) -> None:
        self._left = size

    def is_below(self, size: int) -> bool:
        """Whether data of at least this size do not fit, so that they need not be made."""
        return self._left < size

    def takes(self, data: Any) -> bool:
        """Whether data fit as JSON; if so, their size is taken off."""
        return self.takes_bytes(len(json.dumps(data, ensure_ascii=False).encode()))

    def takes_bytes(self, size: int) -> bool:
        """Whether so many bytes fit; if so, they are taken off."""
        if size > self._left:
            return False
        self._left -= size
        return True


@dataclass(frozen=True)
class Spelled:
    """Spellings of the strings of a row group.

    Attributes:
        spellings: of the columns with escapes.
        values: for these columns, the values that differ from their texts, by number of the text.
        untold_rows: int64[n], ascending: rows to keep whole before the row group is encoded, because the spelling of
            one of their texts does not follow from its value, or is odd and does not fit into the metadata.
        allowance: the rest of the allowance.
    """

    spellings: dict[str, Spelling]
    values: dict[str, dict[int, str]]
    untold_rows: Ints
    allowance: Allowance


def choose_spellings(group: RowGroup, allowance: Allowance) -> Spelled:
    """Choose the spellings of the strings of a filled row group.

    Args:
        group: the row group; not changed.
        allowance: pays for odd spellings.
    """
    spellings: dict[str, Spelling] = {}
    values: dict[str, dict[int, str]] = {}
    untold: list[Ints] = [np.empty(0, dtype=np.int64)]
    for name, number in group.registers.dictionaries.items():
        dictionary = group.dictionaries[number]
        if name not in group.registers.strings or not (dictionary.kinds[: dictionary.known] == ESCAPED).any():
            continue
        register = group.register(name)
        # only texts in use, because a dictionary also holds texts of records that are not JSON
        is_used = np.zeros(dictionary.known, dtype=np.bool_)
        mark_used(register, is_used)
        is_used &= dictionary.kinds[: dictionary.known] != SURROGATE  # only rows that are kept whole have such texts
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
            untold.append(rows[: find_rows(register, is_ambiguous, rows)])
    return Spelled(spellings, values, np.unique(np.concatenate(untold)), allowance)


def _told_by(dictionary: Dictionary, used: Ints) -> tuple[Ints, Style]:
    """Choose a column's style; returns (numbers of the texts that must be compared with it, style).

    For style `plain`, which nearly all columns have, these are the texts with a backslash and those equal to the value
    of one of them. Every other text is its own spelling.
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


def _listed(dictionary: Dictionary, odd: list[int], style: Style, allowance: Allowance) -> Spelling | None:
    """A spelling that lists the texts which its style would spell differently; None if the list does not fit."""
    if allowance.is_below(sum(len(dictionary.text(number)) for number in odd)):
        return None
    texts = [dictionary.text(number) for number in odd]
    spelling = Spelling(style, {unescape(text): text for text in texts})
    return spelling if allowance.takes(spelling.to_json()) else None
