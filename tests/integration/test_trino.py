"""Trino reads what logpress published: the same values, and the same answers to filters."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.integration.encodings import NAMESPACE, Encoded
from tests.integration.engines import Answer, Trino, TrinoError
from tests.integration.lakes import DAYS, EMPTY_DAY, EPOCH, ROWS, Lake, Table

pytestmark = pytest.mark.long

Ask = Callable[[str], Answer]


@pytest.fixture(params=["sdk_log", "every_type"])
def table(request: pytest.FixtureRequest, lake: Lake) -> Table:
    return lake.tables[request.param]


@pytest.fixture
def ask(trino: Trino, table: Table) -> Ask:
    """Runs SQL in which {t} is the table."""
    return lambda sql: trino.query(sql.format(t=f"lake.logpress.{table.name}"))


def value_of(value: Any, name: str, table: Table) -> Any:
    """A value of Trino's JSON, as `Table.rows` has it."""
    if value is None:
        return None
    if name in table.instants:
        assert value.endswith(" UTC")
        return (datetime.fromisoformat(value.replace(" UTC", "+00:00")) - EPOCH) // timedelta(microseconds=1)
    if name == "day":
        return (date.fromisoformat(value) - EPOCH.date()).days
    return base64.b64decode(value) if table.rows[name].type == pa.binary() else value


def test_all_values_are_those_that_logpress_reads(ask: Ask, table: Table) -> None:
    names = table.rows.column_names
    found = ask("SELECT * FROM {t}").rows
    assert len(found) == len(DAYS) * ROWS == table.rows.num_rows
    assert Counter(tuple(map(value_of, row, names, [table] * len(row))) for row in found) == table.values


@pytest.mark.parametrize("dialect", ["trino", "athena"])
@pytest.mark.parametrize("name", ["sdk_log", "sdk_log_us", "every_type", "moved"])
def test_a_view_has_the_values_of_virtual_columns(trino: Trino, lake: Lake, name: str, dialect: str) -> None:
    table = lake.tables[name]
    query = table.view(dialect, f"lake.logpress.{name}")
    names = table.shown.column_names
    if name == "moved":  # Trino does not know where in its file a row is
        with pytest.raises(TrinoError, match="that hold for all rows"):
            trino.query(query)
        names = [found for found in names if found != "place"]
        query = table.view(
            dialect, f"lake.logpress.{name}", [found for found in names if found in table.contract.by_name]
        )
    table.see_all_shown_by_trino(trino.query(query).rows, names)


def test_filters_on_instants_lose_and_add_no_row(ask: Ask, table: Table) -> None:
    for name in table.instants:
        conditions = table.conditions(name)
        queries = (f"SELECT {i}, count(*) FROM {{t}} WHERE {sql}" for i, (sql, _) in enumerate(conditions))
        counts = dict(ask(" UNION ALL ".join(queries)).rows)
        assert {sql: counts[i] for i, (sql, _) in enumerate(conditions)} == dict(conditions)


def test_filters_on_uuids(trino: Trino, lake: Lake) -> None:
    table = lake.tables["every_type"]
    for sql, rows in table.uuid_conditions():
        sql = re.sub("'([^']*)'", r"UUID '\1'", sql)
        assert trino.query(f"SELECT count(*) FROM lake.logpress.every_type WHERE {sql}").rows == [[rows]], sql


def test_filters_on_days(ask: Ask, table: Table) -> None:
    assert ask("SELECT count(*) FROM {t}").rows == [[len(DAYS) * ROWS]]
    for day in (*DAYS, EMPTY_DAY):
        found = ask(f"SELECT count(*) FROM {{t}} WHERE day = DATE '{day}'")
        assert found.rows == [[ROWS if day in DAYS else 0]]


def test_least_and_greatest_values(ask: Ask, table: Table) -> None:
    names = [name for name in table.rows.column_names if table.rows[name].type not in (pa.binary(), pa.bool_())]
    [found] = ask(f"SELECT {', '.join(f'min({n}), max({n}), count({n})' for n in names)} FROM {{t}}").rows
    for place, name in enumerate(names):
        low, high, count = found[3 * place : 3 * place + 3]
        values = table.rows[name].drop_null()
        bounds = pc.min_max(values).as_py() if len(values) else {"min": None, "max": None}
        expected = bounds["min"], bounds["max"], len(values)
        assert (value_of(low, name, table), value_of(high, name, table), count) == expected, name


def test_groups_by_hour_and_category(ask: Ask, table: Table) -> None:
    instant, category = table.grouped_by
    found = ask(f"SELECT {category}, hour({instant}), count(*) FROM {{t}} GROUP BY 1, 2").rows
    assert {(kind, hour): count for kind, hour, count in found} == table.hours(instant, category)


def test_files_that_cannot_match_are_not_read(ask: Ask, table: Table) -> None:
    """Trino passes over files by their bounds in the manifests; of instants it does not look at those of row groups."""
    for name in table.instants:
        pruned = table.pruned(name)
        found = ask(f"SELECT {name} FROM {{t}} WHERE {pruned.sql}")
        assert len(found.rows) == pruned.rows
        assert pruned.rows <= found.read <= pruned.in_files < len(DAYS) * ROWS


def test_row_groups_that_cannot_match_are_not_read(ask: Ask, table: Table) -> None:
    pruned = table.pruned_greatest()
    found = ask(f"SELECT day FROM {{t}} WHERE {pruned.sql}")
    assert len(found.rows) == pruned.rows
    assert pruned.rows <= found.read <= pruned.in_groups < pruned.in_files


def test_encodings_that_trino_reads(trino: Trino, lake: Lake) -> None:
    for file in lake.encoded:
        file.check("trino", partial(_read, trino, file))


def _read(trino: Trino, file: Encoded) -> pa.Table:
    names = file.rows.column_names
    shown = [f"to_unixtime({name}) * 1e6" if name.startswith("instant") else name for name in names]
    rows = trino.query(f"SELECT {', '.join(shown)} FROM lake.{NAMESPACE}.{file.name}").rows
    columns = zip(*rows, strict=True)
    return pa.table({n: _typed(values, file.rows[n].type) for n, values in zip(names, columns, strict=True)})


def _typed(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(type_):
        return pa.array([None if value is None else round(value) for value in values], pa.int64()).view(type_)
    if pa.types.is_binary(type_):
        return pa.array([None if value is None else base64.b64decode(value) for value in values], type_)
    return pa.array([value and UUID(value) for value in values] if type_ == pa.uuid() else values, type_)


def test_the_index_says_what_was_published(trino: Trino, lake: Lake) -> None:
    """Its snapshots are logpress's own (`lake/index_commit.py`)."""
    found = trino.query(
        "SELECT d.log_table, d.day, d.state, d.rows, d.stored_bytes, sum(s.stored_bytes) "
        "FROM lake.logpress.logpress_days d JOIN lake.logpress.logpress_sizes s "
        "ON s.log_table = d.log_table AND s.day = d.day WHERE d.rows > 0 GROUP BY 1, 2, 3, 4, 5"
    ).rows
    assert {(name, day): tuple(told) for name, day, *told, _, _ in found} == {
        (name, str(day)): ("published", ROWS) for name, table in lake.tables.items() for day in table.days
    }
    assert all(row[4] == row[5] for row in found)
