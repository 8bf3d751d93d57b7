"""Readers of Parquet that are given a folder of a lake, as their users would: the values of one column.

Each of them takes the folder of a table's data, or that of a day, and the name of a column of strings or integers.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import pytest

Read = Callable[[str, str, str], Sequence[Any]]


def by_pandas(folder: str, glob: str, column: str) -> Sequence[Any]:
    import pandas as pd

    return list(pd.read_parquet(folder, columns=[column])[column])


def by_dataset(folder: str, glob: str, column: str) -> Sequence[Any]:
    import pyarrow.dataset as ds

    found: list[Any] = ds.dataset(folder, partitioning="hive").to_table(columns=[column])[column].to_pylist()
    return found


def by_arrow_table(folder: str, glob: str, column: str) -> Sequence[Any]:
    import pyarrow.parquet as pq

    found: list[Any] = pq.read_table(folder, columns=[column])[column].to_pylist()
    return found


def by_polars(folder: str, glob: str, column: str) -> Sequence[Any]:
    import polars as pl

    return pl.scan_parquet(folder).select(column).collect()[column].to_list()


def by_duckdb(folder: str, glob: str, column: str) -> Sequence[Any]:
    import duckdb

    with duckdb.connect() as connection:
        return [value for (value,) in connection.execute(f"SELECT {column} FROM read_parquet('{glob}')").fetchall()]


def by_fastparquet(folder: str, glob: str, column: str) -> Sequence[Any]:
    import pandas as pd

    return list(pd.read_parquet(folder, engine="fastparquet", columns=[column])[column])


def by_clickhouse(folder: str, glob: str, column: str) -> Sequence[Any]:
    import pyarrow as pa

    chdb = needed("chdb")
    stream = chdb.query(f"SELECT {column} FROM file('{glob}', Parquet)", "ArrowStream").bytes()
    found: list[Any] = pa.ipc.open_stream(stream).read_all()[column].to_pylist()
    return [value.decode() if isinstance(value, bytes) else value for value in found]


def by_datafusion(folder: str, glob: str, column: str) -> Sequence[Any]:
    import pyarrow as pa

    context = needed("datafusion").SessionContext()
    context.register_parquet("data", folder)
    batches = context.sql(f'SELECT "{column}" FROM data').collect()
    return [value for batch in batches for value in pa.table(batch)[column].to_pylist()]


def needed(name: str) -> Any:
    """A reader that is no requirement of the tests, where it is installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        pytest.skip(f"{name} is not installed")


def found_here(reader: str) -> bool:
    """Whether a reader of `NOT_REQUIRED` is installed."""
    return importlib.util.find_spec(NOT_REQUIRED[reader]) is not None


NOT_REQUIRED = {"clickhouse": "chdb", "datafusion": "datafusion"}
"""Modules of readers that no requirements of the tests name."""

READERS: dict[str, Read] = {
    "pandas": by_pandas, "pyarrow.dataset": by_dataset, "pyarrow.parquet": by_arrow_table, "polars": by_polars,
    "duckdb": by_duckdb, "fastparquet": by_fastparquet, "clickhouse": by_clickhouse, "datafusion": by_datafusion,
}  # fmt: skip
