"""The proof that a day can be given back: accounts that add up, files that are whole, and the byte proof itself."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logpress.engine.digest import combine
from logpress.engine.restore import digest_files
from logpress.errors import ProofError
from logpress.manifest import PartStats, SliceManifest

if TYPE_CHECKING:
    import pandas as pd


def prove_accounts(manifests: Sequence[SliceManifest]) -> None:
    """Check that no record was lost or counted twice.

    Raises:
        ProofError: if the counts do not add up.
    """
    names = [manifest.slice for manifest in manifests]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ProofError(f"slice {twice[0]} is there twice; its records would be published twice")
    origins = [origin.uri for manifest in manifests for origin in manifest.origins]
    if len(set(origins)) != len(origins):
        twice = sorted({uri for uri in origins if origins.count(uri) > 1})
        raise ProofError(f"{twice[0]} was read by two slices; its records would be published twice")
    for manifest in manifests:
        told = manifest.rows + manifest.rejects + manifest.other_day
        if manifest.records != told:
            raise ProofError(
                f"slice {manifest.slice} read {manifest.records} records, but {told} became rows ({manifest.rows}), "
                f"rejects ({manifest.rejects}) or belong to another day ({manifest.other_day})"
            )
        if manifest.records != sum(origin.records for origin in manifest.origins):
            raise ProofError(f"slice {manifest.slice}: the records of its origins do not add up to {manifest.records}")
        rows = manifest.part.rows if manifest.part else 0
        rejects = manifest.rejects_part.rows if manifest.rejects_part else 0
        if (rows, rejects) != (manifest.rows, manifest.rejects):
            raise ProofError(
                f"slice {manifest.slice} has {manifest.rows} rows and {manifest.rejects} rejects, but its files hold "
                f"{rows} and {rejects}"
            )


def prove_file(path: str, stats: PartStats) -> None:
    """Check that a file is the one the manifest tells of.

    Raises:
        ProofError: if it is missing, or its size or content differ.
    """
    sha256 = hashlib.sha256()
    size = 0
    try:
        with fsspec.open(path, "rb") as file:
            while chunk := file.read(8 << 20):
                sha256.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise ProofError(f"{path}: cannot be read: {error}") from error
    if size != stats.stored_bytes or sha256.hexdigest() != stats.sha256:
        raise ProofError(f"{path}: is not the file its manifest tells of ({size} bytes, {stats.stored_bytes} expected)")


def prove_bytes(
    manifests: Sequence[SliceManifest],
    parts: Sequence[str],
    rejects: Sequence[str],
    *,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Check that the files give back exactly the records that were read; returns their digest.

    Raises:
        ProofError: if they do not.
    """
    records, size, digest = digest_files(parts, rejects, threads=threads, progress=progress)
    expected_records = sum(manifest.rows + manifest.rejects for manifest in manifests)
    expected_bytes = sum(manifest.raw_bytes for manifest in manifests)
    expected = combine(manifest.digest for manifest in manifests)
    if (records, size, digest) != (expected_records, expected_bytes, expected):
        raise ProofError(
            f"the files give back {records} records of {size} bytes with digest {digest}; "
            f"read were {expected_records} of {expected_bytes} bytes with digest {expected}"
        )
    return digest


def prove_readable(path: str) -> int:
    """Read a row group with fastparquet, which shares no code with the writer, and compare every value.

    Which row group is told by the file's name, and so is the same each time.

    Returns:
        How many values were compared.

    Raises:
        ProofError: if fastparquet cannot read the file, or reads other values than pyarrow.
    """
    import fastparquet  # slow to import, and needed here only

    compared = 0
    with fsspec.open(path, "rb") as handle:
        written = pq.ParquetFile(handle, read_dictionary=None)
        group = zlib.crc32(path.rsplit("/", 1)[-1].encode()) % written.num_row_groups
        schema = written.schema_arrow
        texts = [
            field.name
            for field in schema
            if pa.types.is_string(field.type) and _is_dictionary(written, group, field.name)
        ]
        table = pq.ParquetFile(handle, read_dictionary=texts).read_row_group(group, use_threads=False).combine_chunks()
        try:
            other = fastparquet.ParquetFile(path, open_with=lambda name, mode="rb": fsspec.open(name, mode).open())
            categories = {name: len(_array(table, name).dictionary) for name in texts}
            frame = other[group].to_pandas(categories=categories)
        except Exception as error:  # whatever a foreign reader raises is a finding about the file
            raise ProofError(f"{path}: fastparquet cannot read row group {group}: {error}") from error
        for name in schema.names:
            compared += _compare(f"{path}: row group {group}", name, _array(table, name), frame[name])
    return compared


def _array(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _is_dictionary(file: pq.ParquetFile, group: int, name: str) -> bool:
    """Whether all pages of a column's texts are numbers of dictionary entries."""
    column = file.metadata.row_group(group).column(file.schema_arrow.get_field_index(name))
    return bool(column.has_dictionary_page) and "PLAIN" not in _data_encodings(column)


def _data_encodings(column: pq.ColumnChunkMetaData) -> set[str]:
    """Encodings of a column's values; the first PLAIN is the dictionary page's own."""
    encodings = list(column.encodings)
    if column.has_dictionary_page and "PLAIN" in encodings:
        encodings.remove("PLAIN")
    return set(encodings)


def _compare(where: str, name: str, array: pa.Array, series: pd.Series[Any]) -> int:
    if len(array) != len(series):
        raise ProofError(f"{where}, {name}: pyarrow reads {len(array)} values, fastparquet {len(series)}")
    if pa.types.is_dictionary(array.type) and isinstance(series.dtype, _categorical()):
        ours, theirs = _places(array, series)
    else:
        ours, theirs = _values(array), _values_of_series(series, array)
    different = np.flatnonzero(ours != theirs)
    if len(different):
        row = int(different[0])
        raise ProofError(
            f"{where}, {name}, row {row}: pyarrow reads {array[row].as_py()!r}, fastparquet {series.iloc[row]!r}"
        )
    return len(array)


_NONE = np.iinfo(np.int64).min
"""Stands for null on both sides; none of the codecs gives it as a value."""


def _categorical() -> type:
    """The type of pandas's categories."""
    import pandas as pd  # as slow as fastparquet

    return pd.CategoricalDtype


def _places(array: pa.Array, series: pd.Series[Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Each row's place among the texts that fastparquet found: as pyarrow has it, and as fastparquet does."""
    places = {text: place for place, text in enumerate(series.cat.categories.tolist())}
    of_entry = np.array([places.get(text, -2) for text in array.dictionary.to_pylist()] + [-1], dtype=np.int64)
    return of_entry[array.indices.fill_null(-1).to_numpy()], series.cat.codes.to_numpy()


def _values(array: pa.Array) -> np.ndarray[Any, Any]:
    """What pyarrow read, as integers, doubles' bits or objects; nulls as _NONE or None."""
    type_ = array.type
    if pa.types.is_timestamp(type_):
        array = array.cast(pa.timestamp("us", type_.tz)).view(pa.int64())
    elif pa.types.is_date(type_):
        array = array.view(pa.int32())
    elif pa.types.is_floating(type_):
        array = array.view(pa.int64())
    elif pa.types.is_boolean(type_):
        array = array.cast(pa.int8())
    elif not pa.types.is_integer(type_):
        present = array.is_valid().to_numpy(zero_copy_only=False)
        return _objects(present, lambda places: array.take(pa.array(places)).to_pylist())
    array = array.cast(pa.int64())
    return np.asarray((array.fill_null(_NONE) if array.null_count else array).to_numpy(zero_copy_only=False))


def _objects(
    present: np.ndarray[Any, Any], values_at: Callable[[np.ndarray[Any, Any]], Sequence[Any]]
) -> np.ndarray[Any, Any]:
    """Objects by row, None where there is none; most rows have none."""
    found = np.full(len(present), None, dtype=object)
    places = np.flatnonzero(present)
    if len(places):
        found[places] = values_at(places)
    return found


def _values_of_series(series: pd.Series[Any], array: pa.Array) -> np.ndarray[Any, Any]:
    """What fastparquet read, in the same form."""
    type_ = array.type
    if pa.types.is_timestamp(type_):
        naive = series.dt.tz_convert("UTC").dt.tz_localize(None) if series.dt.tz is not None else series
        # not a time is the smallest number, as _NONE
        return np.asarray(naive.to_numpy(dtype="datetime64[us]").view(np.int64))
    if pa.types.is_date(type_):
        return np.where(series.isna(), _NONE, series.to_numpy().astype("datetime64[D]").astype(np.int64))
    if pa.types.is_floating(type_):
        return np.where(series.isna(), _NONE, series.to_numpy(dtype=np.float64).view(np.int64))
    if pa.types.is_boolean(type_) or pa.types.is_integer(type_):
        missing = series.isna().to_numpy()
        if not missing.any():
            return series.to_numpy(dtype=np.int64)
        found = np.full(len(series), _NONE, dtype=np.int64)
        found[~missing] = series[~missing].astype(np.int64).to_numpy()
        return found
    return _objects(~series.isna().to_numpy(), lambda present: series.to_numpy()[present])
