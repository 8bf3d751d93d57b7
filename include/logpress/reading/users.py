"""Who a user is: the values of the contract's `entity`, in which bucket they lie, and in which order they come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import missing_of, values_of
from logpress.errors import UsageError
from logpress.quality.unique import hashes_of

Key = tuple[str | int, ...]
"""A user: a text, or a whole number (of an instant, microseconds since 1970 in UTC), for each column of `entity`."""

_FIRST = np.uint64(0x9E3779B97F4A7C15)
"""Multiplier of Fibonacci hashing: 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4)."""

_SHIFT = np.uint64(29)


def hashes_of_users(columns: Sequence[pa.Array]) -> NDArray[np.uint64]:
    """uint64[rows]: a hash of each row's user; of rows without a user it is any.

    Args:
        columns: those of `entity`; strings as dictionaries or plain, others as numbers or instants.
    """
    found = np.zeros(len(columns[0]), dtype=np.uint64)
    for array in columns:
        if pa.types.is_dictionary(array.type):
            words = np.append(hashes_of(array.dictionary)[:, 0], np.uint64(0))
            missing = missing_of(array)
            codes = values_of(array.indices)
            values = words[codes if missing is None else np.where(missing, len(words) - 1, codes)]
        elif pa.types.is_string(array.type):
            values = hashes_of(array)[:, 0]
        else:
            values = values_of(array).astype(np.int64, copy=False).view(np.uint64)
        found = (found ^ values) * _FIRST
        found ^= found >> _SHIFT
    return found


def bucket_of(key: Key, buckets: int) -> int:
    """The bucket of a user, of so many."""
    columns = [pa.array([value], pa.string() if isinstance(value, str) else pa.int64()) for value in key]
    return int(hashes_of_users(columns)[0] % np.uint64(buckets))


def order_keys(columns: Sequence[pa.Array]) -> list[NDArray[np.int64]]:
    """For each column int64[rows] that order rows as their values do: texts by their bytes."""
    keys = []
    for array in columns:
        if pa.types.is_dictionary(array.type):
            words = array.dictionary.to_pylist()
            rank = np.empty(len(words) + 1, dtype=np.int64)
            rank[sorted(range(len(words)), key=lambda place: words[place].encode())] = np.arange(len(words))
            rank[-1] = -1
            missing = missing_of(array)
            codes = values_of(array.indices)
            keys.append(rank[codes if missing is None else np.where(missing, len(words), codes)])
        else:
            values = values_of(array).astype(np.int64, copy=False)
            missing = missing_of(array)
            keys.append(values if missing is None else np.where(missing, np.iinfo(np.int64).min, values))
    return keys


def key_of(values: Sequence[Any], types: Sequence[pa.DataType], names: Sequence[str]) -> Key:
    """A user as the index has it.

    Args:
        values: as a caller gives them: texts, numbers, or instants: `datetime` (UTC if it has no time zone), ISO 8601
            text, or microseconds since 1970.
        types: of the columns of `entity`.
        names: of these columns.

    Raises:
        UsageError: if there are too few or too many, or one is not of its column's type.
    """
    if len(values) != len(names):
        raise UsageError(f"a user is named by {', '.join(names)}; {len(values)} values are given")
    return tuple(_value(value, type_, name) for value, type_, name in zip(values, types, names, strict=True))


def _value(value: Any, type_: pa.DataType, name: str) -> str | int:
    try:
        if pa.types.is_string(type_) or pa.types.is_dictionary(type_):
            if not isinstance(value, str):
                raise ValueError("it is not a text")
            return str(value)
        if pa.types.is_timestamp(type_):
            return _micros(value)
        if isinstance(value, bool):
            raise ValueError("it is not a whole number")
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{name} of a user cannot be {value!r}: {error}") from error


def _micros(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, np.datetime64):
        return int(value.astype("datetime64[us]").view(np.int64))
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        raise ValueError("it is no instant; give a datetime, text such as 2021-11-24T15:01:24.052Z, or microseconds")
    value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    seconds = (value.replace(microsecond=0) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    return int(seconds) * 1_000_000 + int(value.microsecond)
