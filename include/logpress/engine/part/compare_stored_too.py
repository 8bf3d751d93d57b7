"""The comparison of virtual columns that files have, too, with what readers derive from the other columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from logpress.codecs.arrow_arrays import missing_of, values_of
from logpress.codecs.registry import codecs_of
from logpress.contract.model import Contract
from logpress.engine.part.decode import GroupDecoder
from logpress.engine.part.encode_texts import plain_texts
from logpress.engine.registers.rows import Slice
from logpress.errors import PartError


class Comparison:
    """Compares columns of one row group.

    Args:
        contract: the table.
        names: columns of `stored_too`.
        decoder: of the row group's other columns.
        where: the file and the row group, for errors.
    """

    def __init__(self, contract: Contract, names: Sequence[str], decoder: GroupDecoder, where: str) -> None:
        codecs = codecs_of(contract)
        self._where = where
        try:
            self._derive = {name: codecs[name].derive(decoder.texts) for name in names}
        except ValueError as error:
            raise PartError(f"{where}: is damaged: a text is not valid inside a JSON string: {error}") from error

    def compare(self, rows: Slice, numbers: Mapping[str, int], table: pa.Table, texts: pa.Table) -> None:
        """Compare some rows.

        Args:
            rows: their registers.
            numbers: the numbers of registers, by name.
            table: columns of these rows.
            texts: columns of all rows of the row group; a column is in one of the tables.

        Raises:
            PartError: if a value, or the type of the values, differs.
        """
        regs = {name: rows.regs[number, : rows.count] for name, number in numbers.items()}
        for name, derive in self._derive.items():
            is_here = name in table.column_names
            column = table.column(name) if is_here else texts.column(name).slice(rows.first, rows.count)
            try:
                column.validate(full=True)  # that texts are UTF-8, and in the dictionary
            except pa.ArrowInvalid as error:
                raise PartError(f"{self._where}: is damaged: column {name}: {error}") from error
            stored = _plain(column.chunk(0) if column.num_chunks == 1 else column.combine_chunks())
            derived = _plain(derive(regs))
            if stored.type != derived.type:
                raise PartError(f"{self._where}: column {name} has type {stored.type}, not {derived.type}")
            row = _first_difference(stored, derived)
            if row is not None:
                raise PartError(
                    f"{self._where}, row {rows.first + row}: the stored value of the virtual column {name} is "
                    f"{_shown(stored, row)}, but {_shown(derived, row)} is derived from the other columns; "
                    "press the day again"
                )


def _plain(array: pa.Array) -> pa.Array:
    """Texts one a row; other values as they are."""
    if pa.types.is_dictionary(array.type):
        array = plain_texts(array)
    return array.cast(pa.string()) if pa.types.is_large_string(array.type) else array


def _first_difference(one: pa.Array, other: pa.Array) -> int | None:
    """The first row whose values differ; None if there is none. Both arrays have the same type and length."""
    if pa.types.is_string(one.type):
        if one.equals(other):
            return None
        return next((row for row in range(len(one)) if one[row].as_py() != other[row].as_py()), None)
    one, other = (array.view(pa.int64()) for array in (one, other))
    none = np.zeros(len(one), dtype=np.bool_)
    missing = [found if (found := missing_of(array)) is not None else none for array in (one, other)]
    differ = (missing[0] != missing[1]) | (~missing[0] & (values_of(one) != values_of(other)))
    return int(np.argmax(differ)) if differ.any() else None


def _shown(array: pa.Array, row: int) -> str:
    value = array[row].as_py()
    return repr(value) if isinstance(value, str) else str(value)
