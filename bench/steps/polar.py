"""Polars: `scan_ndjson` to zstd Parquet, streamed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from bench.steps import step

if TYPE_CHECKING:
    import pandas as pd

ZSTD_LEVEL = 9

_DEVICE = pl.Struct({"model": pl.String, "os": pl.String, "screen": pl.List(pl.Int64), "rooted": pl.Boolean})
_TEXTS = (
    "client_app_id", "func_name", "nickName", "request_begin_timestamp", "request_end_timestamp", "request_url",
    "response_reason", "sdk_version", "timestamp", "user_inDate", "trace_id",
)  # fmt: skip
_NUMBERS = ("response_elapsed_time", "response_status_code", "retry")
_COPIES = ("request_begin_timestamp", "user_inDate", "request_end_timestamp", "timestamp")
SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "_index": pl.String,
    "_type": pl.String,
    "_id": pl.String,
    "_version": pl.Int64,
    "_score": pl.Float64,
    "_source": pl.Struct({**dict.fromkeys(_TEXTS, pl.String), **dict.fromkeys(_NUMBERS, pl.Int64), "device": _DEVICE}),
    "fields": pl.Struct(dict.fromkeys(_COPIES, pl.List(pl.String))),
    "sort": pl.List(pl.Int64),
}
"""All fields of the records; instants are texts, so that their labels are kept."""


def press(source: str, stored: str) -> None:
    """All objects, streamed."""
    paths = sorted(path for path in Path(source).rglob("*") if path.is_file())
    pl.scan_ndjson(paths, schema=SCHEMA).sink_parquet(stored, compression="zstd", compression_level=ZSTD_LEVEL)


def restore(stored: str, target: str) -> None:
    """NDJSON of every row, streamed."""
    pl.scan_parquet(stored).sink_ndjson(target)


def read(stored: str) -> pd.DataFrame:
    """Three fields of the nested struct."""
    fields = pl.col("_source").struct
    wanted = [fields.field(name) for name in ("client_app_id", "func_name", "response_elapsed_time")]
    return pl.scan_parquet(stored).select(wanted).collect().to_pandas()


if __name__ == "__main__":
    step.run(press=press, restore=restore, read=read)
