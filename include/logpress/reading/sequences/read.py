"""Reads the records of entities into buckets, with texts as codes where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from logpress.reading.batches.columns import CodesOf
from logpress.reading.scan import Scan
from logpress.reading.sequences.entity import KeyColumns, Keys, instants

if TYPE_CHECKING:
    from logpress.reading.vocabulary import Vocabulary

_AT_ONCE = 1 << 18
"""[memory] Rows of a batch."""


def records(
    scan: Scan,
    key_columns: KeyColumns,
    entity: tuple[str, ...],
    time: str,
    names: tuple[str, ...],
    codes: Mapping[str, Vocabulary],
) -> Iterator[tuple[Keys, NDArray[np.int64], pa.Table]]:
    """Keys, times and columns of a scan's rows, some at a time; rows without a key or a time are left out.

    Args:
        scan: of the columns of the entity, the time, and others.
        key_columns: turn keys into integers.
        entity: the columns that say whose a record is.
        time: the column that orders them.
        names: the columns that are wanted.
        codes: vocabularies of those that become codes, int32.

    Raises:
        PartError: if a file is gone or damaged.
    """
    coded = CodesOf()
    for batch in scan.to_batches(batch_rows=_AT_ONCE, categories=True):
        has_all = [batch.column(name).is_valid() for name in (*entity, time) if batch.column(name).null_count]
        for mask in has_all[1:]:
            has_all[0] = pc.and_(has_all[0], mask)
        if has_all:
            batch = batch.filter(has_all[0])
        arrays = [_column(batch.column(name), codes.get(name), coded) for name in names]
        keys = key_columns.keys([batch.column(name) for name in entity])
        yield keys, instants(batch.column(time)), pa.Table.from_arrays(arrays, list(names))


def _column(array: pa.Array, words: Vocabulary | None, coded: CodesOf) -> pa.Array:
    if words is not None:
        texts = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
        found: Any = pa.array(coded.of(texts, words))
        return found
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
