"""The columns of a batch as arrays of numbers: codes of texts, numbers, instants; missing values beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.conditions.names import no_such
from logpress.engine.registers.stored_columns import DAY
from logpress.errors import UsageError

if TYPE_CHECKING:
    from logpress.reading.vocabulary import Vocabulary

MISSING = "_missing"
"""Ends the name of the array that says where a column has no value."""


@dataclass(frozen=True)
class Numbers:
    """A column as numbers.

    Attributes:
        name: of the column.
        dtype: of its array.
        words: its vocabulary, if its texts become codes.
        fill: stands for missing values.
        has_mask: whether a bool array of its own says which are missing.
    """

    name: str
    dtype: np.dtype[Any]
    words: Vocabulary | None
    fill: Any
    has_mask: bool

    @property
    def arrays(self) -> list[tuple[str, np.dtype[Any]]]:
        """Names and dtypes of its arrays."""
        mask = [(f"{self.name}{MISSING}", np.dtype(np.bool_))] if self.has_mask else []
        return [(self.name, self.dtype), *mask]

    def field(self) -> pa.DataType | None:
        """The Arrow type that it is read as; None for its own."""
        return pa.dictionary(pa.int32(), pa.string()) if self.words is not None else None

    def convert(self, array: pa.Array, codes: CodesOf) -> list[NDArray[Any]]:
        """The values of its arrays."""
        if self.words is not None:
            return [codes.of(array, self.words)]
        if pa.types.is_timestamp(array.type):
            array = array.cast(pa.timestamp("us", array.type.tz)).cast(pa.int64())
        elif pa.types.is_date32(array.type):
            array = array.cast(pa.int32())
        mask = [array.is_null().to_numpy(zero_copy_only=False)] if self.has_mask else []
        values = array.fill_null(self.fill) if array.null_count else array
        return [values.to_numpy(zero_copy_only=False), *mask]


class CodesOf:
    """Codes of dictionaries; the dictionary of a row group is looked up once, not once a batch."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[pa.Array, NDArray[np.int32]]] = {}

    def of(self, array: pa.DictionaryArray, words: Vocabulary) -> NDArray[np.int32]:
        """int32[n]: the codes of texts."""
        known = self._last.get(id(words))
        if known is None or not known[0].equals(array.dictionary):
            known = (array.dictionary, words.encode(array.dictionary))
            self._last[id(words)] = known
        indices = array.indices
        codes = known[1] if len(known[1]) else np.zeros(1, dtype=np.int32)
        found: NDArray[np.int32] = codes.take(indices.fill_null(0).to_numpy())
        if indices.null_count:
            found[indices.is_null().to_numpy(zero_copy_only=False)] = 0
        return found


def numbers_of(
    schema: pa.Schema, codes: Mapping[str, Vocabulary], fill: Mapping[str, Any] | None = None
) -> tuple[Numbers, ...]:
    """The columns of a scan as numbers.

    Args:
        schema: of the scan.
        codes: the vocabulary of each column that becomes codes.
        fill: what stands for missing values, by column; without, 0 and an array of their places, of decimals NaN.

    Raises:
        UsageError: if a column is of texts and has no vocabulary, or `fill` does not fit.
    """
    fill = fill or {}
    for what, names in (("column in `codes`", codes), ("column in `fill`", fill)):
        for name in names:
            if name not in schema.names:
                raise no_such(what, name, schema.names)
    return tuple(_numbers(field, codes.get(field.name), fill) for field in schema)


def _numbers(field: pa.Field, words: Vocabulary | None, fill: Mapping[str, Any]) -> Numbers:
    name, type_ = field.name, field.type
    dtype: np.dtype[Any]
    if words is not None:
        if not pa.types.is_string(type_):
            raise UsageError(f"`codes` names {name!r}, which is {type_} and not text; take it out of `codes`")
        if name in fill:
            raise UsageError(f"`fill` names {name!r}, whose codes have 0 for missing values; take it out of `fill`")
        return Numbers(name, np.dtype(np.int32), words, 0, False)
    if pa.types.is_timestamp(type_):
        dtype = np.dtype(np.int64)
    elif pa.types.is_date32(type_):
        dtype = np.dtype(np.int32)
    elif pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_):
        dtype = np.dtype(type_.to_pandas_dtype())
    else:
        raise UsageError(f"column {name!r} is {type_}, which a batch cannot hold; name it in `codes`, or leave it out")
    is_float = dtype.kind == "f"
    value = fill.get(name, float("nan") if is_float else 0)
    if not _fits(value, dtype):
        raise UsageError(f"`fill` has {value!r} for {name!r}, which holds {dtype}; give a value of that type")
    return Numbers(
        name, dtype, None, bool(value) if dtype.kind == "b" else value, not is_float and name not in (*fill, DAY)
    )


def _fits(value: Any, dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "f":
        return isinstance(value, int | float | np.number)
    if dtype.kind == "b":
        return value in (0, 1)
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return is_whole and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max
