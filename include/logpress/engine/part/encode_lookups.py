"""Lookups: what each text of a key mostly means, taken off the column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_lookup_columns import count_pairs
from logpress.codecs.nulls import NARROW_NULL
from logpress.codecs.texts import Ints
from logpress.engine.part.encode_spelling import _Allowance
from logpress.engine.part.sorted_registers import _Sorted
from logpress.engine.registers.stored_columns import (
    LAYOUT,
)
from logpress.engine.row_group.dictionary import Dictionary

_MOST_LOOKUPS = 1 << 16


def _take_off_lookup(
    regs: _Sorted, texts: dict[str, Dictionary], name: str, key: str, allowance: _Allowance
) -> dict[str, str]:
    """What each key's value mostly is; rows that agree and have a layout lose theirs."""
    keys, codes = regs[key], regs[name]
    pairs, counts = _count_pairs(keys, codes, texts[key].known, texts[name].known)
    best: dict[int, tuple[int, int]] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        number, code = pair >> 32, pair & 0xFFFFFFFF
        most, other = best.get(number, (0, code))
        # of values equally common, the smaller: numbers depend on how threads were scheduled, texts do not
        if count > most or (count == most and texts[name].text(code) < texts[name].text(other)):
            best[number] = (count, code)
    predicted = np.full(texts[key].known + 1, NARROW_NULL, dtype=np.int32)
    for number, (_, code) in best.items():
        predicted[number] = code
    pairs_of_texts = {texts[key].text(n).decode(): texts[name].text(code).decode() for n, (_, code) in best.items()}
    if not allowance.takes(pairs_of_texts):
        return {}
    agrees = (codes == predicted[np.maximum(keys, -1)]) & (regs[LAYOUT] >= 0)
    codes[agrees] = NARROW_NULL
    return dict(sorted(pairs_of_texts.items()))


def _count_pairs(
    keys: NDArray[np.int32], codes: NDArray[np.int32], key_count: int, code_count: int
) -> tuple[Ints, Ints]:
    """The pairs (key * 2^32 + code) that occur, ascending, and how often each does."""
    if key_count > _MOST_LOOKUPS:  # so many keys would cost more in the metadata than they save
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if key_count * code_count <= 1 << 20:
        dense = np.zeros(key_count * code_count, dtype=np.int64)
        count_pairs(keys, codes, code_count, dense)
        places = np.flatnonzero(dense)
        return (places // code_count << 32) + places % code_count, dense[places]
    present = (keys >= 0) & (codes >= 0)
    return np.unique(keys[present].astype(np.int64) * (1 << 32) + codes[present], return_counts=True)
