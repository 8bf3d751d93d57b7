"""Types that all models of a contract share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^_?[a-z][a-z0-9_]*$", max_length=100)]


Path = Annotated[str, Field(min_length=1, description="JSON path, as `_source.func_name` or `sort[0]`")]


Encoding = Literal["plain", "dictionary", "delta", "byte_stream_split"]


Reader = Literal[
    "pyarrow", "pandas", "fastparquet", "polars", "duckdb", "spark", "trino", "athena", "clickhouse", "iceberg"
]


Unit = Literal["s", "ms", "us"]


Level = Literal["fail", "warn"]


UNITS_PER_SECOND: dict[Unit, int] = {"s": 1, "ms": 1_000, "us": 1_000_000}


class Model(BaseModel):
    """Frozen. An unknown key is an error, because it may be a misspelt one whose default would apply silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
