"""ClickHouse, embedded (chdb): a MergeTree table with types, codecs and an order chosen by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chdb import session

from bench.steps import step

if TYPE_CHECKING:
    import pandas as pd

TABLE = """
CREATE TABLE log.calls (
    _index LowCardinality(String) CODEC(ZSTD(9)),
    _type LowCardinality(String) CODEC(ZSTD(9)),
    _version UInt8 CODEC(ZSTD(9)),
    _id UInt256 CODEC(ZSTD(9)),
    client_app_id LowCardinality(String) CODEC(ZSTD(9)),
    user_inDate DateTime64(3, 'UTC') CODEC(Delta, ZSTD(9)),
    nickName LowCardinality(String) CODEC(ZSTD(9)),
    func_name LowCardinality(String) CODEC(ZSTD(9)),
    request_begin_timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD(9)),
    request_end_timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD(9)),
    request_url LowCardinality(String) CODEC(ZSTD(9)),
    response_elapsed_time UInt32 CODEC(T64, ZSTD(9)),
    response_reason LowCardinality(String) CODEC(ZSTD(9)),
    response_status_code UInt16 CODEC(T64, ZSTD(9)),
    sdk_version LowCardinality(String) CODEC(ZSTD(9)),
    timestamp DateTime('UTC') CODEC(Delta, ZSTD(9))
) ENGINE = MergeTree ORDER BY (client_app_id, user_inDate, request_begin_timestamp)
"""
SHAPE = """
    _index String, _type String, _id String, _version UInt8,
    _source Tuple(client_app_id String, func_name String, nickName String, request_begin_timestamp String,
        request_end_timestamp String, request_url String, response_elapsed_time UInt32, response_reason String,
        response_status_code UInt16, sdk_version String, timestamp String, user_inDate String)
"""
INSERT = """
INSERT INTO log.calls SELECT
    _index, _type, _version, toUInt256(substring(_id, 1, 56)),
    s.client_app_id, parseDateTime64BestEffortOrZero(s.user_inDate, 3, 'UTC'), s.nickName, s.func_name,
    parseDateTime64BestEffort(s.request_begin_timestamp, 3, 'UTC'),
    parseDateTime64BestEffort(s.request_end_timestamp, 3, 'UTC'),
    s.request_url, s.response_elapsed_time, s.response_reason, s.response_status_code, s.sdk_version,
    parseDateTimeBestEffort(s.timestamp, 'UTC')
FROM (SELECT *, _source AS s FROM file('{files}', JSONEachRow, '{shape}'))
SETTINGS input_format_skip_unknown_fields = 1
"""


def press(source: str, stored: str) -> None:
    """Insert all objects, merge them to one part, and write the size of the active parts to a file."""
    Path(stored).mkdir()
    database = session.Session(f"{stored}/db")
    database.query("CREATE DATABASE log")
    database.query(TABLE)
    database.query(INSERT.format(files=f"{source}/*/*/*/*/*", shape=" ".join(SHAPE.split())))
    database.query("OPTIMIZE TABLE log.calls FINAL")
    size = database.query("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'log'", "CSV")
    Path(stored, "stored_bytes").write_text(str(size))
    database.close()


def read(stored: str) -> pd.DataFrame:
    """Three columns."""
    database = session.Session(f"{stored}/db")
    frame: pd.DataFrame = database.query(
        "SELECT client_app_id, func_name, response_elapsed_time FROM log.calls", "DataFrame"
    )
    return frame


if __name__ == "__main__":
    step.run(press=press, read=read)
