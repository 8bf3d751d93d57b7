"""Engines that run SQL in the process that asks: DuckDB, ClickHouse, DataFusion, Spark."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.matrix import sql
from tests.integration.matrix.questions import Asked, Question, Row

Ask = Callable[[Question], list[Row]]


def _duckdb(connection: Any, table: str) -> Ask:
    connection.execute("SET TimeZone = 'UTC'")
    run = lambda text: connection.execute(text).fetchall()  # noqa: E731
    return lambda question: sql.ask(question, sql.DUCKDB, table, run)


def _listed(paths: tuple[str, ...]) -> str:
    return "[{}]".format(", ".join(f"'{path}'" for path in paths))


def duckdb_parquet(asked: Asked) -> Ask:
    import duckdb

    return _duckdb(duckdb.connect(), f"read_parquet({_listed(asked.files)})")


def duckdb_iceberg(asked: Asked) -> Ask:
    """With the extension that lies in a package, which is not downloaded."""
    import duckdb
    import duckdb_ext

    connection = duckdb.connect()
    for name in ("avro", "iceberg"):
        [path] = glob.glob(f"{next(iter(duckdb_ext.__path__))}/**/{name}.duckdb_extension", recursive=True)
        connection.execute(f"LOAD '{path}'")
    return _duckdb(connection, f"iceberg_scan('{asked.metadata}')")


def _clickhouse(table: str) -> Ask:
    import chdb

    settings = "SETTINGS output_format_json_quote_64bit_integers = 0, session_timezone = 'UTC'"

    def run(text: str) -> list[tuple[Any, ...]]:
        found = str(chdb.query(f"{text} {settings}", "JSONCompactEachRow"))
        return [tuple(json.loads(line)) for line in found.splitlines()]

    return lambda question: sql.ask(question, sql.CLICKHOUSE, table, run)


def clickhouse_file(asked: Asked) -> Ask:
    os.chdir(Path(asked.lake).parent)  # it reads nothing outside of the folder that it runs in
    paths = ",".join(os.path.relpath(path) for path in asked.files)
    return _clickhouse(f"file('{{{paths}}}', 'Parquet')")


def clickhouse_iceberg(asked: Asked) -> Ask:
    os.chdir(Path(asked.lake).parent)
    return _clickhouse(f"icebergLocal('{os.path.relpath(asked.lake)}/{asked.table}')")


def datafusion(asked: Asked) -> Ask:
    from datafusion import SessionContext

    context = SessionContext()
    context.register_parquet("asked", asked.folder)

    def run(text: str) -> list[tuple[Any, ...]]:
        columns = context.sql(text).to_arrow_table().columns
        return list(zip(*(column.to_pylist() for column in columns), strict=True)) if columns else []

    return lambda question: sql.ask(question, sql.DATAFUSION, "asked", run)


# ------------------------------------------------------------------------------------------------------------ Spark


@dataclass(frozen=True)
class SparkAsk:
    """A view of a Spark session."""

    session: Any
    view: str

    def together(self, questions: Sequence[Question]) -> list[list[Row]]:
        """Ask questions of one kind."""
        return sql.ask_together(questions, sql.SPARK, self.view, self._collected)

    def _collected(self, text: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.session.sql(text).collect()]


def spark(asked: Asked, source: str, is_vectorised: bool) -> SparkAsk:
    """A table of the session's catalog `logpress`, `rest` or `hadoop` by Iceberg's reader; `files`: by Spark's own."""
    session = spark_session(asked)
    vectorised = str(is_vectorised).lower()
    if source == "files":
        session.conf.set("spark.sql.parquet.enableVectorizedReader", vectorised)
        frame = session.read.parquet(*asked.files)
    else:
        reader = session.read.format("iceberg").option("vectorization-enabled", vectorised)
        frame = reader.load(f"{source}.logpress.{asked.table}")
    view = f"{source}_{asked.table}"
    frame.createOrReplaceTempView(view)
    return SparkAsk(session, view)


def spark_session(asked: Asked) -> Any:
    """The process's session. LOGPRESS_JARS has what it needs, LOGPRESS_REST where the REST catalog answers, if any."""
    from pyspark.sql import SparkSession

    iceberg = "org.apache.iceberg.spark.SparkCatalog"
    settings = {
        "spark.driver.memory": "1g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.jars": os.environ["LOGPRESS_JARS"],
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",  # or 3.5 refuses to read what is before 1900
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.catalog.logpress": iceberg,
        "spark.sql.catalog.logpress.type": "jdbc",
        "spark.sql.catalog.logpress.uri": f"jdbc:sqlite:{asked.catalog}",
        "spark.sql.catalog.logpress.jdbc.schema-version": "V1",
        "spark.sql.catalog.logpress.warehouse": asked.lake,
        "spark.sql.catalog.rest": iceberg,
        "spark.sql.catalog.rest.type": "rest",
        "spark.sql.catalog.rest.uri": os.environ.get("LOGPRESS_REST", ""),
        "spark.sql.catalog.hadoop": iceberg,
        "spark.sql.catalog.hadoop.type": "hadoop",
        "spark.sql.catalog.hadoop.warehouse": asked.hadoop,
    }
    builder = SparkSession.builder.master("local[2]").appName("logpress")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session
