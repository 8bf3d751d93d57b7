"""Draw the unusual records: rare layouts, damaged lines, blank lines."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from logpress.sample import rates


class Kind(IntEnum):
    """Kind of irregularity of a record."""

    REGULAR = 0
    NO_NICKNAME = 1
    NULL_REASON = 2
    TRACE_ID = 3
    RETRY = 4
    DEVICE = 5
    KEY_ORDER = 6
    SPACED = 7
    TRUE_LABEL = 8
    NO_MILLISECONDS = 9
    NO_CREATED = 10
    ESCAPED = 11
    CUT = 12
    NO_JSON = 13
    BAD_UTF8 = 14
    BLANK_AFTER = 15


RARE = tuple(Kind(number) for number in range(1, 12))
DAMAGED = (Kind.CUT, Kind.NO_JSON, Kind.BAD_UTF8)


def counts(records: int) -> tuple[int, int, int]:
    """Numbers of records that have a rare layout, are damaged, and are followed by a blank line."""
    if records < 1000:
        return 0, 0, 0
    rare = max(records // rates.RECORDS_PER_RARE, 2)
    damaged = max(records // rates.RECORDS_PER_DAMAGED, 2)
    return rare, damaged, max(records // rates.RECORDS_PER_BLANK, 1)


def draw_kinds(random: np.random.Generator, records: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Indices of the unusual records as drawn, ascending, and their kinds, each about equally frequent."""
    rare, damaged, blank = counts(records)
    order = random.permutation(RARE)
    kinds = np.concatenate([np.resize(order, rare), np.resize(DAMAGED, damaged), np.full(blank, Kind.BLANK_AFTER)])
    places = random.choice(records, size=len(kinds), replace=False)
    by_place = np.argsort(places)
    return places[by_place], kinds[by_place].astype(np.uint8)
