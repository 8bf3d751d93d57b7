"""Rows of a filled row group that are kept whole, because their spelling does not follow from their values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.nulls import NARROW_NULL
from logpress.codecs.texts import Texts, texts_of
from logpress.engine.registers.registers import EXTRA, LAYOUT, RAW
from logpress.engine.render.renderer import Renderer
from logpress.engine.row_group.row_group import RowGroup

_ROWS_AT_A_TIME = 1 << 15


def keep_whole(group: RowGroup, rows: NDArray[np.int64], renderer: Renderer) -> None:
    """Keep the bytes of these rows in `_raw`, unless they are there already.

    Args:
        group: the filled row group; changed.
        rows: int64[n], ascending.
        renderer: a renderer of the rows' layouts.
    """
    rows = rows[group.register(LAYOUT)[rows] >= 0]
    for first in range(0, len(rows), _ROWS_AT_A_TIME):
        some = rows[first : first + _ROWS_AT_A_TIME]
        _put_whole(group, some, renderer.records(group.matrix(some), _texts_of(group)))


def _put_whole(group: RowGroup, rows: NDArray[np.int64], records: list[bytes]) -> None:
    raw = group.dictionaries[group.registers.dictionaries[RAW]]
    texts = texts_of(records)
    raw.append(texts.data, texts.offsets)
    group.register(RAW)[rows] = np.arange(raw.known - len(texts), raw.known)
    group.register(EXTRA)[rows] = NARROW_NULL
    group.register(LAYOUT)[rows] = NARROW_NULL


def _texts_of(group: RowGroup) -> dict[str, Texts]:
    """A row group's dictionaries, for rendering rows that have a layout."""
    texts = {}
    for name, number in group.registers.dictionaries.items():
        if name == RAW:  # grows meanwhile; rows with a layout have no text of it
            continue
        dictionary = group.dictionaries[number]
        texts[name] = Texts(dictionary.texts, dictionary.offsets[: dictionary.known + 1])
    return texts
