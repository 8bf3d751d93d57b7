"""Rows read through the reading API are what other readers, and the raw records themselves, say."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import fastparquet
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import logpress
from logpress import stages
from logpress.contract import load_contract
from logpress.errors import UsageError
from logpress.reading import TableReader
from logpress.sample import write_sample

DAY = date(2021, 12, 26)
DOCS = Path(__file__).parents[2] / "docs" / "reading.md"
RECORDS = 6_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sample and a lake in which its day is published."""
    folder = tmp_path_factory.mktemp("reading")
    write_sample(folder / "sample", DAY, RECORDS, hours=(10, 11))
    stages.run_day(load_contract("sdk_log"), DAY, [str(folder / "sample")], str(folder / "lake"))
    return folder


@pytest.fixture(scope="module")
def table(folder: Path) -> TableReader:
    """The published table."""
    return logpress.open_lake(str(folder / "lake")).table("sdk_log")


@pytest.fixture(scope="module")
def raw(folder: Path) -> dict[str, dict[str, Any]]:
    """The raw records that are plain hits, by _id."""
    found = {}
    for path in (folder / "sample").rglob("*.gz"):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            found[record["_id"]] = record["_source"]
    return found


def test_columns_hold_what_the_records_say(table: TableReader, raw: dict[str, dict[str, Any]]) -> None:
    columns = ["_id", "client_app_id", "func_name", "nickname", "request_url", "ingested_at", "response_elapsed_ms"]
    rows = table.scan(DAY, columns=[*columns, "request_begin_at", "request_end_at"]).to_arrow().to_pylist()
    assert len(rows) == len(raw)
    wall = "%Y-%m-%dT%H:%M:%S.%f"
    for row in rows:
        source = raw[row["_id"]]
        assert row["client_app_id"] == source["client_app_id"]
        assert row["func_name"] == source["func_name"]
        assert row["nickname"] == source.get("nickName")
        assert row["request_url"] == source["request_url"]
        assert row["response_elapsed_ms"] == source["response_elapsed_time"]
        assert row["ingested_at"] == datetime.fromisoformat(source["timestamp"])
        for name, key in (("request_begin_at", "request_begin_timestamp"), ("request_end_at", "request_end_timestamp")):
            text = re.sub(r"(Z|[+-]\d\d:\d\d)$", "", source[key])
            expected = datetime.strptime(text if "." in text else text + ".0", wall).replace(tzinfo=UTC)
            assert row[name] == expected, source


def test_every_reader_reads_the_same(table: TableReader) -> None:
    (first, *others) = table.files(DAY, DAY)
    stored = [info.name for info in table.columns if not info.virtual]
    for path in (first, *others):
        expected = pq.read_table(path, columns=stored)
        frame = expected.to_pandas()
        pd.testing.assert_frame_equal(pd.read_parquet(path, columns=stored), frame)
        assert pl.read_parquet(path, columns=stored).to_arrow().cast(expected.schema).equals(expected)
        quoted = ", ".join(f'"{name}"' for name in stored)
        found = duckdb.connect().execute(f"SELECT {quoted} FROM read_parquet('{path}')").to_arrow_table()
        for name in stored:
            assert found[name].cast(expected[name].type).to_pylist() == expected[name].to_pylist(), name
        other = fastparquet.ParquetFile(path).to_pandas(columns=stored)
        for name in stored:
            mine = [None if pd.isna(value) else value for value in frame[name]]
            theirs = [None if pd.isna(value) else value for value in other[name]]
            if pa.types.is_timestamp(expected.schema.field(name).type):
                theirs = [value if value is None or value.tzinfo else value.tz_localize("UTC") for value in theirs]
            assert mine == theirs, name


def test_the_api_reads_what_plain_readers_read(table: TableReader) -> None:
    stored = [info.name for info in table.columns if not info.virtual]
    expected = pa.concat_tables([pq.read_table(path, columns=stored) for path in table.files(DAY, DAY)])
    scan = table.scan(DAY, columns=stored)
    assert scan.to_arrow().equals(expected)
    assert scan.to_polars().height == scan.count() == expected.num_rows
    assert scan.to_duckdb().shape == (expected.num_rows, len(stored))
    pd.testing.assert_frame_equal(scan.to_pandas(), expected.to_pandas())
    assert scan.to_pandas(categories=True).astype(str).equals(scan.to_pandas().astype(str))
    assert sum(batch.num_rows for batch in scan.to_batches()) == expected.num_rows


@pytest.mark.parametrize(
    "where",
    [
        [("response_status_code", ">=", 400)],
        [("func_name", "in", ["Backend.GameData.Get", "Backend.GameData.Insert"]), ("response_elapsed_ms", "<", 60)],
        [[("response_status_code", "==", 404)], [("response_elapsed_ms", ">", 500)]],
        [("ingested_at", "<", datetime(2021, 12, 26, 10, 30, tzinfo=UTC)), ("sdk_version", "!=", "5.4.5")],
        [
            [("request_url", "==", "https://nowhere")],
            [("ingested_at", ">", datetime(2021, 12, 26, 11, 50, tzinfo=UTC))],
        ],
        pc.field("response_elapsed_ms") > 100,
        pc.field("request_end_at") > pc.scalar(datetime(2021, 12, 26, 11, 30, tzinfo=UTC)),
    ],
)
def test_where_keeps_what_a_plain_filter_keeps(table: TableReader, where: Any) -> None:
    everything = table.scan(DAY).to_arrow()
    expression = where if isinstance(where, pc.Expression) else pq.filters_to_expression(where)
    expected = everything.filter(expression)
    found = table.scan(DAY, where=where)
    assert found.to_arrow().equals(expected)
    assert found.count() == expected.num_rows
    narrow = table.scan(DAY, columns=["func_name"], where=where).to_arrow()
    assert narrow["func_name"].to_pylist() == expected["func_name"].to_pylist()


def test_nothing_of_restoration_is_read_unless_it_is_named(table: TableReader) -> None:
    assert not [name for name in table.scan(DAY).to_arrow().column_names if name.startswith("_")]
    assert table.scan(DAY, columns=["_layout", "day"]).to_arrow()["day"].unique().to_pylist() == [DAY]


def test_mistakes_are_told_in_a_sentence(table: TableReader, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean nickname"):
        table.scan(DAY, columns=["nicknam"])
    with pytest.raises(UsageError, match="no column 'nope'"):
        table.scan(DAY, where=[("nope", "==", 1)])
    with pytest.raises(UsageError, match="is no day"):
        table.scan("2021-13-26")
    with pytest.raises(UsageError, match="published are 2021-12-26"):
        table.scan("2022-01-01", "2022-01-03")
    with pytest.raises(UsageError, match="is no lake"):
        logpress.open_lake(str(tmp_path))


def _examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(_examples())))
def test_examples_of_the_docs_run(
    number: int, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    exec(compile(_examples()[number], f"{DOCS.name}, example {number + 1}", "exec"), {})
    assert capsys.readouterr().out.strip()
