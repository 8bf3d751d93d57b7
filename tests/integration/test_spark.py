"""Spark reads what logpress published: the same values, and the same answers to filters, vectorised or not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.integration import engines, lakes
from tests.integration.encodings import NAMESPACE
from tests.integration.lakes import DAYS, EMPTY_DAY, ROWS, Lake, Table, plain, values_of
from tests.integration.nodes import CannotStartError

from logpress.contract import Contract

Ask = Callable[[str], pa.Table]

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]  # PySpark's own


@pytest.fixture(scope="module")
def spark(lake: Lake) -> Iterator[Any]:
    try:
        with engines.spark_session(lake.jdbc, lake.s3) as session:
            yield session
    except CannotStartError as error:
        engines.skip_loudly("Spark", error)


@pytest.fixture(params=["sdk_log", "every_type"])
def table(request: pytest.FixtureRequest, lake: Lake) -> Table:
    return lake.tables[request.param]


@pytest.fixture(params=["vectorised", "row by row"])
def ask(request: pytest.FixtureRequest, spark: Any, table: Table) -> Ask:
    """Runs SQL in which {t} is the table."""
    return asking(spark, f"{engines.CATALOG}.logpress.{table.name}", request.param == "vectorised")


def asking(spark: Any, name: str, is_vectorised: bool) -> Ask:
    frame = spark.read.option("vectorization-enabled", str(is_vectorised).lower()).table(name)
    frame.createOrReplaceTempView("asked")
    return lambda sql: spark.sql(sql.format(t="asked")).toArrow()


def test_all_values_are_those_that_logpress_reads(ask: Ask, table: Table) -> None:
    found = ask("SELECT * FROM {t}")
    assert found.column_names == table.rows.column_names
    assert found.num_rows == len(DAYS) * ROWS == table.rows.num_rows
    assert values_of(plain(found)) == table.values


@pytest.mark.parametrize("name", ["sdk_log", "sdk_log_us", "every_type", "moved"])
def test_a_view_has_the_values_of_virtual_columns(spark: Any, lake: Lake, name: str) -> None:
    table = lake.tables[name]
    found = spark.sql(table.view("spark", f"{engines.CATALOG}.logpress.{name}"))
    table.see_all_shown(found.toArrow())
    found.createOrReplaceTempView("shown")
    instant = "ingested_at" if name.startswith("sdk_log") else "ended_at"
    values = table.shown[instant].drop_null()
    border = pc.quantile(values, interpolation="lower")[0].as_py()
    asked = spark.sql(f"SELECT count(*) AS n FROM shown WHERE {instant} >= {lakes.moment(border)}").toArrow()
    assert asked["n"].to_pylist() == [pc.sum(pc.greater_equal(values, border)).as_py()]


def test_filters_on_instants_lose_and_add_no_row(ask: Ask, table: Table) -> None:
    for name in table.instants:
        conditions = table.conditions(name)
        queries = (f"SELECT {i} AS i, count(*) AS n FROM {{t}} WHERE {sql}" for i, (sql, _) in enumerate(conditions))
        found = ask(" UNION ALL ".join(queries))
        counts = dict(zip(found["i"].to_pylist(), found["n"].to_pylist(), strict=True))
        assert {sql: counts[i] for i, (sql, _) in enumerate(conditions)} == dict(conditions)


def test_filters_on_uuids(spark: Any, lake: Lake) -> None:
    table = lake.tables["every_type"]
    for vectorised in (True, False):
        ask = asking(spark, f"{engines.CATALOG}.logpress.every_type", vectorised)
        for sql, rows in table.uuid_conditions():
            assert ask(f"SELECT count(*) AS n FROM {{t}} WHERE {sql}")["n"].to_pylist() == [rows], sql


def test_filters_on_days(ask: Ask, table: Table) -> None:
    assert ask("SELECT count(*) AS n FROM {t}")["n"].to_pylist() == [len(DAYS) * ROWS]
    for day in (*DAYS, EMPTY_DAY):
        found = ask(f"SELECT count(*) AS n FROM {{t}} WHERE day = DATE '{day}'")
        assert found["n"].to_pylist() == [ROWS if day in DAYS else 0]


@pytest.mark.parametrize("from_manifests", ["true", "false"])
def test_least_and_greatest_values(spark: Any, ask: Ask, table: Table, from_manifests: str) -> None:
    names = [name for name in table.rows.column_names if table.rows[name].type != pa.binary()]
    spark.conf.set("spark.sql.iceberg.aggregate-push-down.enabled", from_manifests)
    for name in names:
        found = plain(ask(f"SELECT min({name}) AS l, max({name}) AS h, count({name}) AS n FROM {{t}}"))
        values = table.rows[name].drop_null()
        bounds = pc.min_max(values).as_py() if len(values) else {"min": None, "max": None}
        assert found.to_pylist() == [{"l": bounds["min"], "h": bounds["max"], "n": len(values)}], name


def test_groups_by_hour_and_category(ask: Ask, table: Table) -> None:
    instant, category = table.grouped_by
    found = ask(f"SELECT {category} AS c, hour({instant}) AS h, count(*) AS n FROM {{t}} GROUP BY 1, 2")
    assert found.num_rows > 20
    counts = zip(*(found[name].to_pylist() for name in "chn"), strict=True)
    assert {(kind, hour): count for kind, hour, count in counts} == table.hours(instant, category)


def test_row_groups_that_cannot_match_are_not_read(spark: Any, ask: Ask, table: Table) -> None:
    """Spark counts what its scan gives: all rows of the row groups that are left, before it filters them."""
    for pruned in (*map(table.pruned, table.instants), table.pruned_greatest()):
        frame = spark.sql(f"SELECT * FROM asked WHERE {pruned.sql}")
        assert frame._jdf.collectAsList().size() == pruned.rows  # in Java: Python refuses the first day of year 1
        scan = frame._jdf.queryExecution().executedPlan().collectLeaves().head()
        read = scan.metrics().get("numOutputRows").get().value()
        assert pruned.rows <= read <= pruned.in_groups < len(DAYS) * ROWS


@pytest.mark.parametrize("is_vectorised", [True, False])
def test_encodings_that_spark_and_iceberg_read(spark: Any, lake: Lake, is_vectorised: bool) -> None:
    """Spark's own reader and Iceberg's; not vectorised, both read everything but UUIDs, which Iceberg reads."""
    vectorised = str(is_vectorised).lower()
    spark.conf.set("spark.sql.parquet.enableVectorizedReader", vectorised)
    for file in lake.encoded:
        is_uuid = file.kind == "uuid"
        file.check("spark" if is_vectorised or is_uuid else "pyarrow", partial(_read, spark, file.path))
        if is_uuid:
            found = spark.read.schema("near binary, row int").parquet(str(file.path)).toArrow()
            assert found["near"].to_pylist() == [value.bytes for value in file.rows["near"].to_pylist()]
        name = f"{engines.CATALOG}.{NAMESPACE}.{file.name}"
        iceberg = spark.read.option("vectorization-enabled", vectorised).table(name)
        file.check("pyarrow", iceberg.toArrow)  # this version of it; the table of readers has older ones in mind


def _read(spark: Any, path: Path) -> pa.Table:
    return spark.read.parquet(str(path)).toArrow()


def test_a_local_lake_is_read_by_its_own_catalog(spark: Any, sdk_log: Contract, tmp_path: Path) -> None:
    home = tmp_path / "lake"
    lakes.press(sdk_log, DAYS[0], lakes.records_of(sdk_log, DAYS[0])[:500], str(home), tmp_path)
    expected = lakes.read(str(home), sdk_log)
    own = spark.newSession()
    for name, value in {
        "uri": f"jdbc:sqlite:{home}/catalog.sqlite",
        "warehouse": str(home),
        "io-impl": "org.apache.iceberg.hadoop.HadoopFileIO",
    }.items():
        own.conf.set(f"spark.sql.catalog.{engines.CATALOG}.{name}", value)
    ask = asking(own, f"{engines.CATALOG}.logpress.sdk_log", True)
    assert values_of(plain(ask("SELECT * FROM {t}"))) == expected.values


def test_the_index_says_what_was_published(spark: Any, lake: Lake) -> None:
    """Its snapshots are logpress's own (`lake/index_commit.py`)."""
    found = spark.sql(
        f"SELECT d.log_table, d.day, d.state, d.rows, d.stored_bytes, sum(s.stored_bytes) AS in_columns FROM "
        f"{engines.CATALOG}.logpress.logpress_days d JOIN {engines.CATALOG}.logpress.logpress_sizes s "
        "ON s.log_table = d.log_table AND s.day = d.day WHERE d.rows > 0 GROUP BY ALL"
    ).toArrow()
    expected = {(name, day): ("published", ROWS) for name, table in lake.tables.items() for day in table.days}
    assert {(row["log_table"], row["day"]): (row["state"], row["rows"]) for row in found.to_pylist()} == expected
    assert found["in_columns"].to_pylist() == found["stored_bytes"].to_pylist()
    text = Path(__file__, "../../../docs/lake.md").resolve().read_text()
    (query,) = re.findall(r"```sql\n(-- Spark .*?);\n```", text, re.DOTALL)
    shown = spark.sql(query.replace("logpress.logpress.", f"{engines.CATALOG}.logpress.")).toArrow()
    assert {row["month"].date() for row in shown.to_pylist()} == {DAYS[0].replace(day=1)}
