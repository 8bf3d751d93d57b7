"""The codec `lookup`: a string that mostly follows from another column; only exceptions are stored.

Kernels: see `strings`; between register and column, kernels_lookup_columns.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import array_of, texts_array
from logpress.codecs.base import LAYOUT, Derive, Example, RowsToStore, StoredAs, StoredRows
from logpress.codecs.kernels_lookup_columns import count_pairs, follow_lookup
from logpress.codecs.kernels_text import NULL
from logpress.codecs.nulls import NARROW_NULL
from logpress.codecs.spelling import unescape
from logpress.codecs.strings import StringCodec
from logpress.codecs.texts import Ints, Texts, texts_of
from logpress.contract.columns import Column, Lookup
from logpress.errors import PartError

_MOST_LOOKUPS = 1 << 16


class LookupCodec(StringCodec[Lookup]):
    """Strings that mostly follow from a key: the row group's metadata has the usual text for each text of the key."""

    repeats = True
    needs = (LAYOUT,)
    encoding = "dictionary"
    example = Example({"key": "kind"}, (b'"a"', b'"b"'), refused=(b"1",))

    def __init__(self, column: Lookup, columns: Mapping[str, Column]) -> None:
        super().__init__(column, columns)
        self._stored = column.helper("other")

    def stored(self) -> list[StoredAs]:
        """The exceptions."""
        meaning = f"The text of {self.name} if its key does not determine it; else null"
        return [StoredAs(self._stored, pa.string(), "dictionary", meaning)]

    def prepare(self, rows: RowsToStore) -> None:
        """Find the usual text of each key; rows that have it, and a layout, lose their own."""
        key, name = self.column.key, self.name
        keys, codes, key_texts, texts = rows.regs[key], rows.regs[name], rows.dictionaries[key], rows.dictionaries[name]
        pairs, counts = _count_pairs(keys, codes, key_texts.known, texts.known)
        best: dict[int, tuple[int, int]] = {}
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            number, code = pair >> 32, pair & 0xFFFFFFFF
            most, other = best.get(number, (0, code))
            # of equally frequent texts the smaller, because numbers depend on the scheduling of threads, texts do not
            if count > most or (count == most and texts.text(code) < texts.text(other)):
                best[number] = (count, code)
        predicted = np.full(key_texts.known + 1, NARROW_NULL, dtype=np.int32)
        for number, (_, code) in best.items():
            predicted[number] = code
        pairs_of_texts = {key_texts.text(n).decode(): texts.text(code).decode() for n, (_, code) in best.items()}
        rows.lookups[name] = {}
        if rows.allowance.takes(pairs_of_texts):
            agrees = (codes == predicted[np.maximum(keys, -1)]) & (rows.regs[LAYOUT] >= 0)
            codes[agrees] = NARROW_NULL
            rows.lookups[name] = dict(sorted(pairs_of_texts.items()))

    def encode(self, rows: RowsToStore) -> None:
        """The values of the exceptions."""
        rows.store_texts(self._stored, self.name)

    def decode(self, rows: StoredRows) -> None:
        """The exceptions, and the usual texts of keys for the other rows."""
        if self._stored not in rows.names or not {self.column.key, LAYOUT} <= set(rows.registers):
            return
        name, key = self.name, self.column.key
        others_step = rows.text_step(name, self._stored)
        others, keys = rows.texts[name], rows.texts[key]
        lookup, has_slot = rows.lookups.get(name, {}), rows.layouts_with(name)
        texts = [others[number] for number in range(len(others))]
        predicted = np.full(len(keys), NULL, dtype=np.int64)
        places: dict[str, int] = {}
        for number in range(len(keys)):
            value = lookup.get(keys[number].decode())
            if value is not None:
                predicted[number] = places.setdefault(value, len(texts) + len(places))
        rows.texts[name] = texts_of(texts + [value.encode() for value in places])

        def step(table: pa.Table, regs: Mapping[str, Ints], first: int) -> None:
            others_step(table, regs, first)
            if not follow_lookup(regs[name], regs[key], regs[LAYOUT], has_slot, predicted):
                raise PartError(f"a row has a layout or a {key} that the file does not hold")

        rows.add(step, name)

    def derive(self, texts: Mapping[str, Texts]) -> Derive:
        """Dictionaries of distinct strings."""
        entries, places = _values(texts[self.name])
        return lambda regs: _strings(regs[self.name], entries, places)


def _count_pairs(
    keys: NDArray[np.int32], codes: NDArray[np.int32], key_count: int, code_count: int
) -> tuple[Ints, Ints]:
    """(pairs, key * 2^32 + code, that occur, in ascending order; number of each)."""
    if key_count > _MOST_LOOKUPS:  # for so many keys, metadata cost more than they save
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if key_count * code_count <= 1 << 20:
        dense = np.zeros(key_count * code_count, dtype=np.int64)
        count_pairs(keys, codes, code_count, dense)
        places = np.flatnonzero(dense)
        return (places // code_count << 32) + places % code_count, dense[places]
    present = (keys >= 0) & (codes >= 0)
    return np.unique(keys[present].astype(np.int64) * (1 << 32) + codes[present], return_counts=True)


def _values(texts: Texts) -> tuple[pa.Array, NDArray[np.int32]]:
    """The distinct values of texts, and the index of each text's value, behind a first one, -1, that stands for null.

    Texts are escaped as between JSON quotes. Two texts may have the same value: with different escapes, or as an
    exception of one key and the usual text of another. Arrow requires distinct dictionary entries.
    """
    places: dict[str, int] = {}
    found = [places.setdefault(unescape(texts[number]), len(places)) for number in range(len(texts))]
    return texts_array([value.encode() for value in places], pa.string()), np.array([-1, *found], dtype=np.int32)


def _strings(codes: Ints, entries: pa.Array, places: NDArray[np.int32]) -> pa.Array:
    indices = places.take(codes + 1, mode="clip")  # NULL, the only negative number, becomes place 0
    return pa.DictionaryArray.from_arrays(array_of(indices, pa.int32(), indices < 0), entries)
