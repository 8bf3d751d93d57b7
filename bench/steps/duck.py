"""DuckDB: `COPY read_json TO parquet`, with defaults, and tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from bench.steps import step

if TYPE_CHECKING:
    import pandas as pd

ZSTD_LEVEL = 9
ROWS_A_GROUP = 1_000_000


def press(source: str, stored: str) -> None:
    """Every column that DuckDB finds, to zstd Parquet. Records that it cannot read are dropped."""
    duckdb.sql(
        f"COPY (SELECT * FROM read_json('{source}', format='newline_delimited', ignore_errors=true)) "
        f"TO '{stored}' (FORMAT parquet, COMPRESSION zstd)"
    )


def press_tuned(source: str, stored: str) -> None:
    """Flattened, without the copies in `fields` and `sort`, sorted by game, user and time, zstd 9."""
    duckdb.sql(
        "COPY (FROM (SELECT * EXCLUDE (_source, fields, sort), unnest(_source) "
        f"FROM read_json('{source}', format='newline_delimited', ignore_errors=true)) "
        "ORDER BY client_app_id, user_inDate, request_begin_timestamp) "
        f"TO '{stored}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {ZSTD_LEVEL}, "
        f"ROW_GROUP_SIZE {ROWS_A_GROUP})"
    )


def restore(stored: str, target: str) -> None:
    """NDJSON of every row."""
    duckdb.sql(f"COPY (FROM read_parquet('{stored}')) TO '{target}' (FORMAT json)")


def selected(columns: str, stored: str) -> pd.DataFrame:
    """Columns of a file."""
    relation = duckdb.sql(f"SELECT {columns} FROM read_parquet('{stored}')")
    assert relation is not None
    frame: pd.DataFrame = relation.df()
    return frame


def read(stored: str) -> pd.DataFrame:
    """Three fields of the nested struct, by DuckDB itself."""
    return selected("_source.client_app_id, _source.func_name, _source.response_elapsed_time", stored)


def read_pyarrow(stored: str) -> pd.DataFrame:
    """Three fields of the nested struct, by pyarrow."""
    from pyarrow import parquet

    columns = ["_source.client_app_id", "_source.func_name", "_source.response_elapsed_time"]
    frame: pd.DataFrame = parquet.read_table(stored, columns=columns).flatten().to_pandas()
    return frame


def read_tuned(stored: str) -> pd.DataFrame:
    """Three columns of the flat file, by DuckDB itself."""
    return selected("client_app_id, func_name, response_elapsed_time", stored)


if __name__ == "__main__":
    step.run(
        press=press,
        press_tuned=press_tuned,
        restore=restore,
        read=read,
        read_pyarrow=read_pyarrow,
        read_tuned=read_tuned,
    )
