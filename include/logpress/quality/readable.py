"""The check that fastparquet, which shares no code with the writer, reads the same values from a part file."""

from __future__ import annotations

import json
import zlib
from contextlib import nullcontext
from typing import IO, TYPE_CHECKING, Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logpress.codecs.arrow_arrays import values_of
from logpress.contract.base import Encoding
from logpress.errors import ProofError
from logpress.quality.deltas import lent_to_fastparquet
from logpress.quality.readers import gaps_of

if TYPE_CHECKING:
    import pandas as pd


MOST_BYTES = 32 << 20

_OBJECTS_AT_A_TIME = 1 << 14


def prove_readable(path: str) -> int:
    """Read one row group with fastparquet and with pyarrow, and compare every value.

    A hash of the file's name selects the row group, so it is the same each time. If the contract's `files.readers`
    omit fastparquet, `quality.deltas` decodes int64 deltas in its place, and columns in other encodings that it does
    not read are skipped. Columns with more than MOST_BYTES in a row group are skipped too, because fastparquet's
    objects take six times as much memory.

    Returns:
        The number of values compared.

    Raises:
        ProofError: if fastparquet cannot read the file, or reads other values than pyarrow.
    """
    try:
        with fsspec.open(path, "rb") as handle:
            return _compare_group(path, handle)
    except (OSError, pa.ArrowException) as error:
        raise ProofError(f"{path}: cannot be read: {error}") from error


def _compare_group(path: str, handle: IO[bytes]) -> int:
    import fastparquet  # here, because it is slow to import

    plain = pq.ParquetFile(handle, read_dictionary=None)
    group = zlib.crc32(path.rsplit("/", 1)[-1].encode()) % plain.num_row_groups
    texts = [
        field.name
        for field in plain.schema_arrow
        if pa.types.is_string(field.type) and _is_dictionary(plain, group, field.name)
    ]
    file = pq.ParquetFile(handle, read_dictionary=texts)
    where = f"{path}: row group {group}"
    try:
        other = fastparquet.ParquetFile(path, open_with=_open)[group]
    except Exception as error:  # any exception of another reader is a finding about the file
        raise ProofError(f"{where}: fastparquet cannot read it: {error}") from error
    compared = 0
    unread, mended = _unread(plain, group)
    left_out = unread | _too_large(plain, group)
    for name in plain.schema_arrow.names:  # one at a time, to bound memory
        if name in left_out:
            continue
        array = _array(file.read_row_group(group, columns=[name], use_threads=False), name)
        entries = {name: len(array.dictionary)} if name in texts else []
        try:
            with lent_to_fastparquet() if name in mended else nullcontext():
                series = other.to_pandas([name], categories=entries)[name]
        except Exception as error:
            raise ProofError(f"{where}, {name}: fastparquet cannot read it: {error}") from error
        compared += _compare(where, name, array, series)
    return compared


_ENCODINGS: dict[str, Encoding] = {
    "BYTE_STREAM_SPLIT": "byte_stream_split",
    "DELTA_BINARY_PACKED": "delta",
    "DELTA_LENGTH_BYTE_ARRAY": "delta",
}


def _unread(file: pq.ParquetFile, group: int) -> tuple[set[str], set[str]]:
    """Columns that fastparquet cannot read (and by the contract need not), and those it can with our decoder."""
    # Only this key of the part's metadata is read here, because the engine, which reads the rest, is slow to import.
    text = (file.metadata.metadata or {}).get(b"logpress", b"{}")
    readers = json.loads(text).get("readers", ())
    unread: set[str] = set()
    mended: set[str] = set()
    if not readers or "fastparquet" in readers:
        return unread, mended
    for number, field in enumerate(file.schema_arrow):
        column = file.metadata.row_group(group).column(number)
        gaps = [name for name in column.encodings if name in _ENCODINGS]
        if any(gaps_of(field.type, _ENCODINGS[name], ["fastparquet"]) for name in gaps):
            is_mended = gaps == ["DELTA_BINARY_PACKED"] and column.physical_type == "INT64"
            (mended if is_mended else unread).add(field.name)
    return unread, mended


def _too_large(file: pq.ParquetFile, group: int) -> set[str]:
    columns = file.metadata.row_group(group)
    return {
        name
        for number, name in enumerate(file.schema_arrow.names)
        if columns.column(number).total_uncompressed_size > MOST_BYTES
    }


def _open(name: str, mode: str = "rb") -> Any:
    return fsspec.open(name, mode).open()


def _array(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return array.storage if isinstance(array, pa.ExtensionArray) else array  # of UUIDs, fastparquet reads the bytes


def _is_dictionary(file: pq.ParquetFile, group: int, name: str) -> bool:
    """Whether all pages of a string column are encoded with the dictionary."""
    column = file.metadata.row_group(group).column(file.schema_arrow.get_field_index(name))
    return bool(column.has_dictionary_page) and "PLAIN" not in _data_encodings(column)


def _data_encodings(column: pq.ColumnChunkMetaData) -> set[str]:
    """Encodings of a column's values, without the first PLAIN, which is that of the dictionary page."""
    encodings = list(column.encodings)
    if column.has_dictionary_page and "PLAIN" in encodings:
        encodings.remove("PLAIN")
    return set(encodings)


def _compare(where: str, name: str, array: pa.Array, series: pd.Series[Any]) -> int:
    if len(array) != len(series):
        raise ProofError(f"{where}, {name}: pyarrow reads {len(array)} values, fastparquet {len(series)}")
    if pa.types.is_fixed_size_binary(array.type):  # of which fastparquet drops zeros at the end
        series = series.map(lambda value: value.ljust(array.type.byte_width, b"\0"), na_action="ignore")
    if pa.types.is_dictionary(array.type) and isinstance(series.dtype, _categorical()):
        different = _differing(*_places(array, series))
    elif _is_number(array.type):
        different = _differing(_values(array), _values_of_series(series, array))
    else:
        different = _differing_objects(array, series)
    if len(different):
        row = int(different[0])
        raise ProofError(
            f"{where}, {name}, row {row}: pyarrow reads {array[row].as_py()!r}, fastparquet {series.iloc[row]!r}"
        )
    return len(array)


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_primitive(type_))  # of fixed width: numbers, instants, dates, booleans


def _differing(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.flatnonzero(ours != theirs)


def _differing_objects(array: pa.Array, series: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Rows whose strings differ; objects are compared one by one."""
    present = values_of(array.is_valid())
    different = _differing(present, series.notna().to_numpy())
    if len(different):
        return different
    places = np.flatnonzero(present)
    for first in range(0, len(places), _OBJECTS_AT_A_TIME):  # in pieces, to bound memory
        some = places[first : first + _OBJECTS_AT_A_TIME]
        theirs = series.iloc[some].to_numpy()
        differ = [one != other for one, other in zip(array.take(pa.array(some)).to_pylist(), theirs, strict=True)]
        if any(differ):
            return some[differ]
    return places[:0]


_NONE = np.iinfo(np.int64).min
"""Represents null on both sides; no codec produces it as a value."""


def _categorical() -> type:
    """The type of pandas categoricals."""
    import pandas as pd  # here, because it is slow to import

    return pd.CategoricalDtype


def _places(array: pa.Array, series: pd.Series[Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """For each row, the index of its string among those that fastparquet found: by pyarrow, and by fastparquet."""
    places = {text: place for place, text in enumerate(series.cat.categories.tolist())}
    of_entry = np.array([places.get(text, -2) for text in array.dictionary.to_pylist()] + [-1], dtype=np.int64)
    return of_entry[array.indices.fill_null(-1).to_numpy()], series.cat.codes.to_numpy()


def _values(array: pa.Array) -> np.ndarray[Any, Any]:
    """The values that pyarrow read, as integers (doubles as their bits); nulls as _NONE."""
    type_ = array.type
    if pa.types.is_timestamp(type_):
        array = array.cast(pa.timestamp("us", type_.tz)).view(pa.int64())
    elif pa.types.is_date(type_):
        array = array.view(pa.int32())
    elif pa.types.is_floating(type_):
        array = array.view(pa.int64())
    elif pa.types.is_boolean(type_):
        array = array.cast(pa.int8())
    array = array.cast(pa.int64())
    return np.asarray((array.fill_null(_NONE) if array.null_count else array).to_numpy(zero_copy_only=False))


def _values_of_series(series: pd.Series[Any], array: pa.Array) -> np.ndarray[Any, Any]:
    """The values that fastparquet read, in the same form."""
    type_ = array.type
    if pa.types.is_timestamp(type_):
        naive = series.dt.tz_convert("UTC").dt.tz_localize(None) if series.dt.tz is not None else series
        # NaT is stored as the smallest int64, which is _NONE.
        return np.asarray(naive.to_numpy(dtype="datetime64[us]").view(np.int64))
    if pa.types.is_date(type_):
        return np.where(series.isna(), _NONE, series.to_numpy().astype("datetime64[D]").astype(np.int64))
    if pa.types.is_floating(type_):
        # pandas has NaN for null as well as for NaN.
        missing = series.isna().to_numpy() & ~values_of(array.is_valid())
        return np.where(missing, _NONE, series.to_numpy(dtype=np.float64).view(np.int64))
    missing = series.isna().to_numpy()
    if not missing.any():
        return series.to_numpy(dtype=np.int64)
    found = np.full(len(series), _NONE, dtype=np.int64)
    found[~missing] = series[~missing].astype(np.int64).to_numpy()
    return found
