"""The check of kind `unique`: which rows of a day repeat what another row has in some columns.

Each row becomes a hash of its values, row group by row group, and `repeats.py` counts the hashes. The values of the
examples are read from the parts once more, because hashes do not tell them. 128 bits tell values apart: of 10^9 rows,
two different ones are taken for equal with a probability of 10^-21.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import missing_of, values_of
from logpress.codecs.base import ColumnCodec
from logpress.codecs.kernels_text import NULL
from logpress.codecs.registry import codecs_of
from logpress.codecs.texts import Ints
from logpress.contract.columns import Instant
from logpress.contract.model import Contract
from logpress.errors import PartError
from logpress.kernel.words import PADDING
from logpress.quality.kernels_repeats import hash_texts
from logpress.quality.repeats import Hashes, Repeats
from logpress.quality.values import column_values, register_values

SHOWN_VALUES = 3
"""Repeated values that a check names."""

SHOWN_CHARACTERS = 60
"""Characters of a text that are named; some have megabytes."""

PIECE_ROWS = 1 << 16
"""[memory] Rows, and texts, that are hashed at a time: 8 bytes each and word."""


def repeated_rows(contract: Contract, names: Sequence[str], parts: Sequence[str]) -> tuple[int, list[str]]:
    """Count rows whose values another row has too; the first row of each value is not counted, nor are nulls.

    Memory: a row group of the columns, and what `repeats.py` bounds. Beyond 2 million rows, 16 bytes a row are on disk.

    Args:
        contract: the table.
        names: the columns; a row in which one is null is not counted.
        parts: part files, paths or fsspec URIs.

    Returns:
        How many rows there are, and some of the repeated values as they read. Both depend on the day's rows alone, and
        not on how they are cut into slices.

    Raises:
        PartError: if a file is damaged.
        UsageError: if there is no room for hashes on disk.
    """
    with closing(Repeats(SHOWN_VALUES)) as repeats:
        for group in _groups(contract, names, parts):
            for piece in group.pieces():
                repeats.add(piece.hashes)
        count, repeated = repeats.found()
    return count, _shown(contract, names, parts, repeated) if count else []


def _shown(contract: Contract, names: Sequence[str], parts: Sequence[str], repeated: Hashes) -> list[str]:
    """The values with these hashes, in their order; reads no further than it has to."""
    found: dict[int, str] = {}
    for group in _groups(contract, names, parts):
        for piece in group.pieces():
            for number, wanted in enumerate(repeated):
                rows = piece.rows[(piece.hashes == wanted).all(axis=1)]
                if number not in found and len(rows):
                    found[number] = group.text(int(rows[0]))
        if len(found) == len(repeated):
            break
    return [found[number] for number in sorted(found)]


class _Values:
    """A column of a row group.

    Attributes:
        words: words that stand for a value: two rows have the same ones if, and only if, their values are equal.
        missing: bool[rows], where there is no value; None if all are there.
    """

    words: int
    missing: NDArray[np.bool_] | None

    def fill(self, first: int, last: int, out: NDArray[np.uint64]) -> None:
        """Fill uint64[last - first, words] with what stands for the values of these rows, anything where they miss."""
        raise NotImplementedError

    def text(self, row: int) -> str:
        """A value as it reads."""
        raise NotImplementedError


class _Numbers(_Values):
    """Numbers, booleans or instants: a word is the value."""

    words = 1

    def __init__(self, array: pa.Array, unit: str | None) -> None:
        """Prepare.

        Args:
            array: the values.
            unit: in which an instant is shown, because it may be stored in a finer one.
        """
        self.missing = missing_of(array)
        self._array = array
        self._unit = unit
        values = values_of(array)
        self._values = values if values.dtype == np.float64 else values.astype(np.int64, copy=False)

    def fill(self, first: int, last: int, out: NDArray[np.uint64]) -> None:
        out[:, 0] = self._values[first:last].view(np.uint64)

    def text(self, row: int) -> str:
        if self._unit is not None:
            instant = np.datetime64(int(self._values[row]), self._array.type.unit)
            return f"{instant.astype(f'datetime64[{self._unit}]')}Z"
        return str(self._array[row].as_py())


class _Texts(_Values):
    """Texts: two words are the hash of the text."""

    words = 2

    def __init__(self, array: pa.Array) -> None:
        self.missing = missing_of(array)
        self._array = array
        self._codes: NDArray[np.integer] | None = None
        if pa.types.is_dictionary(array.type):
            self._codes = values_of(array.indices)
            array = array.dictionary
        self._hashes = hashes_of(array)

    def fill(self, first: int, last: int, out: NDArray[np.uint64]) -> None:
        if self._codes is None:
            out[:] = self._hashes[first:last]
            return
        there = slice(None) if self.missing is None else ~self.missing[first:last]
        out[there] = self._hashes[self._codes[first:last][there]]

    def text(self, row: int) -> str:
        text = self._array[row].as_py()
        return repr(text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}...")


class _Opaque(_Values):
    """Values of a codec whose values are not compared, as sequence numbers: words are its registers."""

    def __init__(self, codec: ColumnCodec[Any], regs: Mapping[str, Ints]) -> None:
        self.words = len(codec.registers)
        self.missing = regs[codec.registers[0].name] == NULL
        self._codec = codec
        self._regs = regs

    def fill(self, first: int, last: int, out: NDArray[np.uint64]) -> None:
        for word, register in enumerate(self._codec.registers):
            out[:, word] = self._regs[register.name][first:last].view(np.uint64)

    def text(self, row: int) -> str:
        one = {name: register[row : row + 1] for name, register in self._regs.items()}
        return repr(self._codec.derive({})(one)[0].as_py())


@dataclass(frozen=True)
class _Piece:
    """Rows of a row group that have no nulls.

    Attributes:
        rows: int64[n], which they are.
        hashes: of their values.
    """

    rows: NDArray[np.int64]
    hashes: Hashes


class _Group:
    """Some columns of a row group."""

    def __init__(self, columns: Sequence[_Values], rows: int) -> None:
        self._columns = columns
        self._rows = rows

    def pieces(self) -> Iterator[_Piece]:
        """The rows, some at a time."""
        words = sum(column.words for column in self._columns)
        for first in range(0, self._rows, PIECE_ROWS):
            last = min(first + PIECE_ROWS, self._rows)
            count = last - first
            buffer = np.zeros(8 * words * count + PADDING, dtype=np.uint8)
            matrix = buffer[: 8 * words * count].view(np.uint64).reshape(count, words)
            is_there = np.ones(count, dtype=np.bool_)
            at = 0
            for column in self._columns:
                column.fill(first, last, matrix[:, at : at + column.words])
                at += column.words
                if column.missing is not None:
                    is_there &= ~column.missing[first:last]
            hashes = np.empty((count, 2), dtype=np.uint64)
            hash_texts(buffer, np.arange(count + 1, dtype=np.int64) * (8 * words), hashes)
            yield _Piece(first + np.flatnonzero(is_there), hashes[is_there])

    def text(self, row: int) -> str:
        """A row's values as they read."""
        texts = [column.text(row) for column in self._columns]
        return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _groups(contract: Contract, names: Sequence[str], parts: Sequence[str]) -> Iterator[_Group]:
    for path in parts:
        for columns in zip(*(_column(contract, name, path) for name in names), strict=True):
            yield _Group([values for values, _ in columns], columns[0][1])


def _column(contract: Contract, name: str, path: str) -> Iterator[tuple[_Values, int]]:
    """A column of a part, and its rows, a row group at a time."""
    codec = codecs_of(contract)[name]
    if not codec.is_comparable:
        for rows in register_values(contract, name, path):
            yield _Opaque(codec, rows.regs), rows.count
        return
    unit = codec.column.unit if isinstance(codec.column, Instant) else None
    for array in column_values(contract, name, path):
        yield (_Texts(array) if _is_text(array.type) else _Numbers(array, unit)), len(array)


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(type_) or pa.types.is_string(type_))


def hashes_of(texts: pa.Array) -> Hashes:
    """The hash of each text."""
    _, offsets_buffer, data_buffer = texts.buffers()
    hashes = np.empty((len(texts), 2), dtype=np.uint64)
    if not len(texts):
        return hashes
    width = np.int64 if pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type) else np.int32
    offsets = np.frombuffer(offsets_buffer, dtype=width)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    data = np.frombuffer(data_buffer or b"", dtype=np.uint8)
    if offsets[0] < 0 or offsets[-1] > len(data) or (np.diff(offsets) < 0).any():
        raise PartError("is damaged: its texts do not follow each other")
    for first in range(0, len(texts), PIECE_ROWS):
        places = offsets[first : first + PIECE_ROWS + 1]
        piece = np.zeros(int(places[-1] - places[0]) + PADDING, dtype=np.uint8)
        piece[: len(piece) - PADDING] = data[places[0] : places[-1]]
        hash_texts(piece, places - places[0], hashes[first : first + PIECE_ROWS])
    return hashes
