"""The proof that a day can be given back: accounts that add up, files that are whole, and the byte proof itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import fastparquet
import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from logpress.engine.digest import combine
from logpress.engine.restore import digest_files
from logpress.errors import ProofError
from logpress.manifest import PartStats, SliceManifest

_SAMPLED_ROW_GROUPS = 2


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
                f"slice {manifest.slice} read {manifest.records} records, but {told} became rows ({manifest.rows}), rejects "
                f"({manifest.rejects}) or belong to another day ({manifest.other_day})"
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
    """Read a sample of row groups with fastparquet, which shares no code with the writer, and compare every value.

    Returns:
        How many values were compared.

    Raises:
        ProofError: if fastparquet cannot read the file, or reads other values than pyarrow.
    """
    compared = 0
    with fsspec.open(path, "rb") as handle:
        written = pq.ParquetFile(handle)
        try:
            other = fastparquet.ParquetFile(path, open_with=lambda name, mode="rb": fsspec.open(name, mode).open())
        except Exception as error:  # whatever a foreign reader raises is a finding about the file
            raise ProofError(f"{path}: fastparquet cannot open it: {error}") from error
        groups = sorted({0, written.num_row_groups - 1})[:_SAMPLED_ROW_GROUPS]
        for group in groups:
            try:
                frame = other[group].to_pandas()
            except Exception as error:
                raise ProofError(f"{path}: fastparquet cannot read row group {group}: {error}") from error
            for name in written.schema_arrow.names:
                column = written.read_row_group(group, columns=[name]).column(0)
                compared += _compare(path, group, name, column, frame[name])
    return compared


def _compare(path: str, group: int, name: str, column: pa.ChunkedArray, series: pd.Series[Any]) -> int:
    if len(column) != len(series):
        raise ProofError(f"{path}: row group {group}, {name}: pyarrow reads {len(column)} values, fastparquet {len(series)}")
    mine, theirs = _comparable(column), _comparable_series(series, column.type)
    different = np.flatnonzero(mine != theirs)
    if len(different):
        row = int(different[0])
        raise ProofError(
            f"{path}: row group {group}, {name}, row {row}: pyarrow reads {column[row].as_py()!r}, "
            f"fastparquet {series.iloc[row]!r}"
        )
    return len(column)


def _comparable(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    type_ = column.type
    if pa.types.is_timestamp(type_):
        column = column.cast(pa.timestamp("us", type_.tz)).cast(pa.int64()).fill_null(np.iinfo(np.int64).min)
        return column.to_numpy()
    if pa.types.is_date(type_):
        return column.cast(pa.int32()).to_numpy()
    if pa.types.is_floating(type_):
        return np.nan_to_num(column.to_numpy(), nan=-1e308)
    if pa.types.is_boolean(type_) or pa.types.is_integer(type_):
        # nulls compare as the smallest value, which none of these types' codecs gives
        return column.cast(pa.int64()).fill_null(np.iinfo(np.int64).min).to_numpy()
    if column.null_count == len(column):
        return np.full(len(column), None)
    return column.to_pandas().astype(object).where(column.is_valid().to_pandas(), None).to_numpy()


def _comparable_series(series: pd.Series[Any], type_: pa.DataType) -> np.ndarray[Any, Any]:
    missing = series.isna().to_numpy()
    smallest = np.iinfo(np.int64).min
    if pa.types.is_timestamp(type_):
        values = series.astype("datetime64[us, UTC]").to_numpy(dtype="datetime64[us]").astype(np.int64)
        values[missing] = smallest
        return values
    if pa.types.is_date(type_):
        return series.to_numpy().astype("datetime64[D]").astype(np.int32)
    if pa.types.is_floating(type_):
        return np.nan_to_num(series.to_numpy(dtype=float), nan=-1e308)
    if pa.types.is_boolean(type_) or pa.types.is_integer(type_):
        found = np.full(len(series), smallest, dtype=np.int64)
        found[~missing] = series[~missing].astype(np.int64).to_numpy()
        return found
    return series.astype(object).where(~missing, None).to_numpy()
