"""Whose a record is: the columns that say it, as integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.conditions.names import no_column
from logpress.contract.load import contract_names, load_contract
from logpress.errors import UsageError

Keys = list[NDArray[np.int64]]
"""int64[n] for each column of an entity; equal where the column is."""


def entity_of(
    table: str, types: pa.Schema, entity: Sequence[str] | None, time: str | None
) -> tuple[tuple[str, ...], str]:
    """The columns that say whose a record is, and the one that orders them.

    Args:
        table: the table.
        types: of its columns.
        entity: the columns; those of the table's contract if None.
        time: the column; that of the contract if None.

    Raises:
        UsageError: if nothing says it, or a column is not there or of another kind.
    """
    if isinstance(entity, str):
        raise UsageError(f"`entity` is {entity!r}; give a list of columns")
    if (entity is None or time is None) and table in contract_names():
        contract = load_contract(table)
        entity, time = contract.entity if entity is None else entity, contract.time if time is None else time
    if not entity or time is None:
        raise UsageError(
            f"nothing says whose a record of {table} is, and what orders them; give entity=[...] and time=..., or put "
            "the keys `entity` and `time` into its contract"
        )
    for name in (*entity, time):
        if name not in types.names:
            raise no_column(name, types.names)
    if not pa.types.is_timestamp(types.field(time).type):
        raise UsageError(f"`time` is {time!r}, which is {types.field(time).type}; name an instant")
    for name in entity:
        type_ = types.field(name).type
        if not (pa.types.is_string(type_) or pa.types.is_timestamp(type_) or pa.types.is_integer(type_)):
            raise UsageError(f"`entity` names {name!r}, which is {type_}; name texts, instants and integers")
    return tuple(entity), time


@dataclass
class KeyColumns:
    """Turns columns of entities into integers, and back.

    Attributes:
        types: of the columns.
    """

    types: Sequence[pa.DataType]
    _ids: list[dict[str, int]] = field(default_factory=list)

    def keys(self, arrays: Sequence[pa.Array]) -> Keys:
        """The integers of rows without missing values; the same text has the same number in all calls."""
        if not self._ids:
            self._ids = [{} for _ in self.types]
        return [self._numbers(array, ids) for array, ids in zip(arrays, self._ids, strict=True)]

    def arrays(self, keys: Keys) -> list[pa.Array]:
        """The columns of some keys."""
        return [
            pa.array(list(ids), pa.string()).take(pa.array(column)) if pa.types.is_string(type_)
            else pa.array(column).cast(type_)
            for column, type_, ids in zip(keys, self.types, self._ids, strict=True)
        ]  # fmt: skip

    def _numbers(self, array: pa.Array, ids: dict[str, int]) -> NDArray[np.int64]:
        if not pa.types.is_string(array.type) and not pa.types.is_dictionary(array.type):
            return instants(array)
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        texts = array.dictionary.to_pylist()
        indices = array.indices.to_numpy()
        used = np.zeros(len(texts), dtype=np.bool_)
        used[indices] = True
        numbers = [ids.setdefault(text, len(ids)) if is_used else 0 for text, is_used in zip(texts, used, strict=True)]
        found: NDArray[np.int64] = np.array(numbers, dtype=np.int64)[indices]
        return found


def instants(array: pa.Array) -> NDArray[np.int64]:
    """int64[n]: instants in microseconds, or integers as they are; without missing values."""
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("us", array.type.tz))
    found: NDArray[np.int64] = array.cast(pa.int64()).to_numpy()
    return found


def mixed(keys: Keys) -> NDArray[np.uint64]:
    """uint64[n]: a hash of each key (the finaliser of SplitMix64), the same everywhere."""
    found = np.zeros(len(keys[0]), dtype=np.uint64)
    for column in keys:
        found = (found + column.view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        found ^= found >> np.uint64(30)
        found *= np.uint64(0xBF58476D1CE4E5B9)
        found ^= found >> np.uint64(27)
    return found


def ranked(keys: Keys) -> NDArray[np.int64]:
    """int64[n]: a number for each key, equal for equal keys, in the order of keys."""
    found = np.zeros(len(keys[0]), dtype=np.int64)
    for column in keys:
        values, places = np.unique(column, return_inverse=True)
        pairs: Any = found * len(values) + places
        found = np.unique(pairs, return_inverse=True)[1]
    return found


def distinct(keys: Keys) -> Keys:
    """Each key once, in their order."""
    if not len(keys[0]):
        return keys
    firsts = np.unique(ranked(keys), return_index=True)[1]
    return [column[firsts] for column in keys]
