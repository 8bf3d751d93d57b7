"""pyarrow: `pyarrow.json`, flattened, to zstd Parquet, one raw object at a time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import json as reader
from pyarrow import parquet

from bench.steps import step

if TYPE_CHECKING:
    import pandas as pd

ZSTD_LEVEL = 9
BLOCK_BYTES = 4 << 20
ROWS_A_GROUP = 1_000_000

_TEXTS = (
    "client_app_id", "func_name", "nickName", "request_begin_timestamp", "request_end_timestamp", "request_url",
    "response_reason", "sdk_version", "timestamp", "user_inDate", "trace_id",
)  # fmt: skip
_NUMBERS = ("response_elapsed_time", "response_status_code", "retry")
_DEVICE = pa.struct(
    [("model", pa.string()), ("os", pa.string()), ("screen", pa.list_(pa.int64())), ("rooted", pa.bool_())]
)
_COPIES = ("request_begin_timestamp", "user_inDate", "request_end_timestamp", "timestamp")
SCHEMA = pa.schema(
    [
        ("_index", pa.string()),
        ("_type", pa.string()),
        ("_id", pa.string()),
        ("_version", pa.int64()),
        ("_score", pa.float64()),
        (
            "_source",
            pa.struct(
                [
                    *((name, pa.string()) for name in _TEXTS),
                    *((name, pa.int64()) for name in _NUMBERS),
                    ("device", _DEVICE),
                ]
            ),
        ),
        ("fields", pa.struct([(name, pa.list_(pa.string())) for name in _COPIES])),
        ("sort", pa.list_(pa.int64())),
    ]
)
"""All fields of the records; instants are texts, so that their labels are kept."""


def press(source: str, stored: str) -> None:
    """Parse each object on all cores, flatten it, and write when there are enough rows for a row group."""
    parsing = reader.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="error")
    reading = reader.ReadOptions(block_size=BLOCK_BYTES)
    paths = sorted(path for path in Path(source).rglob("*") if path.is_file())
    writer = None
    waiting: list[pa.Table] = []
    for path in paths:
        waiting.append(reader.read_json(path, read_options=reading, parse_options=parsing).flatten().flatten())
        if path is not paths[-1] and sum(table.num_rows for table in waiting) < ROWS_A_GROUP:
            continue
        table = pa.concat_tables(waiting)
        waiting.clear()
        if writer is None:
            writer = parquet.ParquetWriter(stored, table.schema, compression="zstd", compression_level=ZSTD_LEVEL)
        writer.write_table(table, row_group_size=table.num_rows)
    if writer is None:
        sys.exit(f"{source} holds no files")
    writer.close()


def read(stored: str) -> pd.DataFrame:
    """Three columns."""
    columns = ["_source.client_app_id", "_source.func_name", "_source.response_elapsed_time"]
    frame: pd.DataFrame = parquet.read_table(stored, columns=columns).to_pandas()
    return frame


if __name__ == "__main__":
    step.run(press=press, read=read)
