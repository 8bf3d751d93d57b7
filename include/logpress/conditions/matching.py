"""The rows for which a condition holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import acero

Array: TypeAlias = "pa.Array | pa.ChunkedArray"


def matching(columns: Mapping[str, Array], count: int, expression: pc.Expression) -> NDArray[np.int64]:
    """Indices of the rows for which an expression is true, ascending.

    Args:
        columns: at least those that the expression needs, by name, `count` rows each; strings plain or as dictionaries.
        count: the number of rows.
        expression: true, false or null for each row.
    """
    plain = [_plain(array) for array in columns.values()]
    table = pa.Table.from_arrays([*plain, pa.nulls(count, pa.bool_())], names=[*columns, ""])  # at least one column
    # On one thread, because Arrow does not promise to keep the order with several.
    answer = acero.Declaration.from_sequence(
        [
            acero.Declaration("table_source", acero.TableSourceNodeOptions(table)),
            acero.Declaration("project", acero.ProjectNodeOptions([expression], ["answer"])),
        ]
    ).to_table(use_threads=False)
    mask = answer.column("answer").fill_null(False).to_numpy()
    places: NDArray[np.int64] = np.flatnonzero(mask)
    return places


def matching_one(name: str, array: Array, expression: pc.Expression) -> NDArray[np.int64]:
    """Indices of the rows for which an expression of one column is true, ascending.

    Of a dictionary, the expression is computed once for each of its entries.

    Args:
        name: the column's.
        array: the column.
        expression: true, false or null for each row.
    """
    if not pa.types.is_dictionary(array.type):
        return matching({name: array}, len(array), expression)
    found, first = [np.empty(0, dtype=np.int64)], 0
    for chunk in array.chunks if isinstance(array, pa.ChunkedArray) else [array]:
        entries = pa.concat_arrays([chunk.dictionary, pa.nulls(1, chunk.type.value_type)])
        wanted = np.zeros(len(entries), dtype=np.bool_)
        wanted[matching({name: entries}, len(entries), expression)] = True
        codes = chunk.indices.fill_null(len(entries) - 1).to_numpy()
        found.append(first + np.flatnonzero(wanted[codes]))
        first += len(chunk)
    return np.concatenate(found)


def _plain(array: Array) -> Array:
    return array.cast(array.type.value_type) if pa.types.is_dictionary(array.type) else array
