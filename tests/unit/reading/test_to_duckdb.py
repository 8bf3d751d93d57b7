"""DuckDB asks scans for columns and rows: whatever it pushes down, answers are those of the same rows in a table."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pyarrow.compute as pc
import pytest
from tests.unit.reading.test_reading import DAYS, Sample, calls, sample  # noqa: F401 (fixtures)

from logpress.reading import Scan
from logpress.reading.part import Part

CONDITIONS = [
    "client_app_id = 'game-01'",
    "client_app_id <> 'game-01' AND func_name IN ('Login', 'none')",
    "client_app_id >= 'game-02' OR nickname IS NULL",
    "nickname IS NOT NULL AND nickname LIKE 'a%'",
    "nickname = '호랑이4'",
    "response_status_code >= 400 AND response_elapsed_ms BETWEEN 3 AND 900",
    "response_status_code IS NULL",
    "response_status_code NOT IN (200, 404)",
    "response_status_code IN (200, NULL)",
    "response_elapsed_ms < 1e3 / 7",
    "response_elapsed_ms = 99999999999",
    "request_begin_at > '2021-12-26T12:00:00Z' AND request_begin_at <= '2021-12-27T01:00:00+00'",
    "ingested_at >= '2021-12-26T12:00:00Z' AND client_app_id = 'game-01'",
    "request_end_at IS NULL OR request_end_at - request_begin_at > INTERVAL 300 MILLISECONDS",
    "request_url IS NOT NULL AND request_url > 'https://b'",
    "_id IS NULL",
    "day = DATE '2021-12-27'",
    "_raw IS NOT NULL",
    "_extra IS NULL AND _layout = 1",
    "true",
    "false",
]


def wide(sample: Sample, where: pc.Expression | None = None) -> Scan:  # noqa: F811
    names = [column.name for column in sample.table.columns]
    return sample.table.scan(*DAYS, columns=names, where=where)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("where", [None, (pc.field("response_elapsed_ms") > 100) & pc.field("request_url").is_valid()])
def test_conditions_select_the_same_rows(calls: Sample, condition: str, where: pc.Expression | None) -> None:  # noqa: F811
    connection = duckdb.connect()
    scan = wide(calls, where)
    pushed, plain = scan.to_duckdb(connection), scan.to_arrow()  # noqa: F841 (named in the queries)
    query = f"FROM {{}} WHERE {condition} ORDER BY ALL"
    answer = connection.sql(query.format("pushed")).fetchall()
    assert answer == connection.sql(query.format("plain")).fetchall()
    count = f"SELECT count(*) FROM pushed WHERE {condition}"
    assert connection.sql(count).fetchall() == [(len(answer),)]


def test_columns_and_groups_are_the_same(sample: Sample) -> None:  # noqa: F811
    connection = duckdb.connect()
    scan = wide(sample)
    pushed, plain = scan.to_duckdb(connection), scan.to_arrow()  # noqa: F841 (named in the queries)
    for name in scan.schema.names:
        query = f'SELECT "{name}", count(*), count("{name}"), min(day) FROM {{}} GROUP BY 1 ORDER BY ALL'
        assert connection.sql(query.format("pushed")).fetchall() == connection.sql(query.format("plain")).fetchall()
    assert connection.sql("SELECT count(*) FROM pushed").fetchall() == [(scan.rows,)]
    assert len(connection.sql("FROM pushed LIMIT 3").fetchall()) == 3
    assert connection.sql("SELECT max(day) FROM pushed").fetchall() == [(date(2021, 12, 27),)]


def test_row_groups_that_cannot_match_are_not_read_for_duckdb(
    calls: Sample,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[str, tuple[str, ...]]] = []
    rows = Part.rows

    def watched(part: Part, group: int, request: Any) -> Any:
        seen.append((part.path, request.names))
        return rows(part, group, request)

    monkeypatch.setattr(Part, "rows", watched)
    relation = wide(calls).to_duckdb(duckdb.connect())
    relation.filter(f"day = DATE '{DAYS[1]}'").aggregate("count(response_elapsed_ms)").fetchall()
    assert {path for path, _ in seen} == set(calls.table.files(DAYS[1]))
    assert {name for _, names in seen for name in names} <= {"day", "response_elapsed_ms"}
