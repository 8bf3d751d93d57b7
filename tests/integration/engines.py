"""Spark and Trino as users run them on what outgrew one machine: Iceberg tables on S3, found through a SQL catalog."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.request import Request, urlopen
from xml.sax.saxutils import escape

import pytest
from tests.integration.nodes import NOT_TESTED, CannotStartError, built_class_path, find_java
from tests.integration.s3_server import S3Server, free_port

ICEBERG, SPARK, TRINO, SQLITE = "1.12.0", "4.1", "476", "3.54.1.0"

SPARK_JARS = (
    ("org.apache.iceberg", f"iceberg-spark-runtime-{SPARK}_2.13", ICEBERG, "jar"),
    ("org.apache.iceberg", "iceberg-aws-bundle", ICEBERG, "jar"),
    ("org.xerial", "sqlite-jdbc", SQLITE, "jar"),
)
TRINO_SERVER = ("io.trino", "trino-server-core", TRINO, "tar.gz")
TRINO_ICEBERG = ("io.trino", "trino-iceberg", TRINO, "zip")
SQLITE_DRIVER = ("org.xerial", "sqlite-jdbc", SQLITE, "jar")

CATALOG = "logpress"
"""Default of LOGPRESS_CATALOG_NAME; a JDBC catalog stores tables under the name of their catalog."""

_START_SECONDS = 120
_ANSWER_SECONDS = 120

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>logpress</groupId><artifactId>engine</artifactId><version>1</version><dependencies>{}</dependencies></project>"""
_DEPENDENCY = """<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version><type>{}</type>
<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>"""

_DEEP_DEPENDENCY = """<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version><type>{}</type>
<classifier>{}</classifier></dependency>"""


def skip_loudly(engine: str, error: CannotStartError) -> NoReturn:
    """Skip a test with a warning if this machine cannot start an engine; fail in CI."""
    if os.environ.get("CI") or os.environ.get("LOGPRESS_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{engine} is required here: {error}")
    NOT_TESTED.append(f"NOT TESTED against {engine}: {error}")
    warnings.warn(NOT_TESTED[-1], stacklevel=1)
    pytest.skip(f"{engine}: {error}")


@functools.cache
def _class_path(dependencies: str, named: str) -> str:
    """What Maven makes of dependencies, as its pom.xml has them: paths, as Java takes them.

    Raises:
        CannotStartError: if there is no Maven, or it finds one of them nowhere; `named` tells which they are.
    """
    return built_class_path(_POM.format(dependencies), named)


def fetched(artifacts: Sequence[tuple[str, str, str, str]]) -> list[Path]:
    """Files of Maven Central, without what they depend on; Maven keeps them in its own folder.

    Raises:
        CannotStartError: if there is no Maven, or it finds one of them nowhere.
    """
    wanted = "".join(_DEPENDENCY.format(*map(escape, artifact)) for artifact in artifacts)
    found = _class_path(wanted, ", ".join(artifact[1] for artifact in artifacts))
    return [Path(path) for path in found.split(os.pathsep)]


def class_path_of(artifacts: Sequence[tuple[str, str, str, str, str]]) -> str:
    """Jars of Maven Central (group, name, version, type, classifier) with all that they depend on, as Java takes them.

    Raises:
        CannotStartError: if there is no Maven, or it finds one of them nowhere.
    """
    wanted = "".join(_DEEP_DEPENDENCY.format(*map(escape, artifact)) for artifact in artifacts)
    return _class_path(wanted, artifacts[0][1])


# ------------------------------------------------------------------------------------------------------------ Spark


def start_spark(catalog_uri: str, s3: S3Server) -> Any:
    """A Spark session in this process, whose catalog `logpress` is the lake's.

    Args:
        catalog_uri: of the SQL catalog, as JDBC has it.
        s3: where the files lie.

    Raises:
        CannotStartError: if this machine lacks what it needs.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise CannotStartError(f"pyspark is not installed ({error}); `make setup` installs it") from error
    java = find_java(17, exact=True)
    jars = fetched(SPARK_JARS)
    os.environ["JAVA_HOME"] = str(Path(java).parents[1])  # what PySpark starts Java with
    catalog = f"spark.sql.catalog.{CATALOG}"
    settings = {
        "spark.driver.memory": "1g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.jars": ",".join(map(str, jars)),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "false",  # so that a plan tells its figures
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "jdbc",
        f"{catalog}.uri": catalog_uri,
        f"{catalog}.jdbc.schema-version": "V1",
        f"{catalog}.warehouse": "s3://lakes/lake",
        f"{catalog}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        f"{catalog}.client.region": "us-east-1",
        f"{catalog}.s3.endpoint": s3.endpoint,
        f"{catalog}.s3.path-style-access": "true",
        f"{catalog}.s3.access-key-id": s3.key,
        f"{catalog}.s3.secret-access-key": s3.secret,
    }
    builder = SparkSession.builder.master("local[2]").appName("logpress")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


def end_spark(session: Any) -> None:
    """Stop a session and its Java process, and let another one start in this process."""
    from pyspark import SparkContext

    gateway = session.sparkContext._gateway
    session.stop()
    gateway.shutdown()
    if gateway.proc.stdin is not None:
        gateway.proc.stdin.close()  # which its Java waits for
    gateway.proc.wait(60)
    SparkContext._gateway = SparkContext._jvm = None


@contextmanager
def spark_session(catalog_uri: str, s3: S3Server) -> Iterator[Any]:
    """A Spark session, whose Java process ends with it."""
    before = os.environ.get("JAVA_HOME")
    session = start_spark(catalog_uri, s3)
    try:
        yield session
    finally:
        end_spark(session)
        if before is None:
            os.environ.pop("JAVA_HOME", None)
        else:
            os.environ["JAVA_HOME"] = before


# ------------------------------------------------------------------------------------------------------------ Trino


class TrinoError(Exception):
    """Trino refused a query."""


@dataclass(frozen=True)
class Answer:
    """The result of a query.

    Attributes:
        rows: its rows.
        read: how many rows it read to give them.
    """

    rows: list[list[Any]]
    read: int


@dataclass(frozen=True)
class Trino:
    """A running server.

    Attributes:
        port: of its HTTP interface, on 127.0.0.1.
    """

    port: int

    def query(self, sql: str) -> Answer:
        """Run a query; instants come with microseconds, in UTC.

        A server answers some seconds before it knows that it is a node for a catalog: that is waited for.

        Raises:
            TrinoError: if it is refused.
        """
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                return self._query(sql)
            except TrinoError as error:
                if "No nodes available" not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.5)

    def _query(self, sql: str) -> Answer:
        headers = {
            "X-Trino-User": "logpress",
            "X-Trino-Time-Zone": "UTC",
            "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
        }
        url: str | None = f"http://127.0.0.1:{self.port}/v1/statement"
        body: bytes | None = sql.encode()
        rows: list[list[Any]] = []
        while url is not None:
            with urlopen(Request(url, data=body, headers=headers), timeout=_ANSWER_SECONDS) as response:
                found = json.load(response)
            if "error" in found:
                raise TrinoError(found["error"]["message"])
            rows += found.get("data", [])
            url, body = found.get("nextUri"), None
        return Answer(rows, found["stats"]["processedRows"])


def _unpacked() -> Path:
    """Trino's server, and the only connector it needs, in a folder that is kept for the next time.

    Raises:
        CannotStartError: if they cannot be had.
    """
    server, plugin, driver = fetched([TRINO_SERVER, TRINO_ICEBERG, SQLITE_DRIVER])
    cache = Path(os.environ.get("LOGPRESS_TEST_CACHE_DIR") or Path.home() / ".cache" / "logpress-tests")
    home = cache / f"trino-{TRINO}-sqlite-{SQLITE}"
    if not home.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            with tarfile.open(server) as archive:
                archive.extractall(folder, filter="tar")
            with zipfile.ZipFile(plugin) as archive_:
                archive_.extractall(folder)
            whole = Path(folder, "whole")
            Path(folder, f"trino-server-core-{TRINO}").rename(whole)
            shutil.rmtree(whole / "plugin")
            (whole / "plugin").mkdir()
            Path(folder, f"trino-iceberg-{TRINO}").rename(whole / "plugin" / "iceberg")
            shutil.copy(driver, whole / "plugin" / "iceberg")
            try:
                whole.rename(home)
            except OSError:
                if not home.exists():  # and nobody else was first
                    raise
    return home


@contextmanager
def trino_server(folder: Path, catalog_uri: str, s3: S3Server) -> Iterator[Trino]:
    """A server whose catalog `lake` is the lake's; it is stopped in the end.

    Args:
        folder: its own, new.
        catalog_uri: of the REST catalog, or of the SQL catalog as JDBC has it.
        s3: where the files lie.

    Raises:
        CannotStartError: if this machine lacks what it needs.
    """
    java = find_java(24)
    home = _unpacked()
    port = free_port()
    _write(folder / "config.properties", {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "node.environment": "test",
        "node.id": "test",
        "node.internal-address": "127.0.0.1",
        "node.bind-ip": "127.0.0.1",
        "http-server.http.port": str(port),
        "discovery.uri": f"http://127.0.0.1:{port}",
        "plugin.dir": str(home / "plugin"),
        "catalog.config-dir": str(folder / "catalog"),
        "query.max-memory": "300MB",
        "query.max-memory-per-node": "300MB",
        "memory.heap-headroom-per-node": "200MB",
    })  # fmt: skip
    of_catalog = {"iceberg.catalog.type": "rest", "iceberg.rest-catalog.uri": catalog_uri}
    if catalog_uri.startswith("jdbc:"):
        of_catalog = {
            "iceberg.catalog.type": "jdbc",
            "iceberg.jdbc-catalog.driver-class": "org.sqlite.JDBC",
            "iceberg.jdbc-catalog.connection-url": catalog_uri,
            "iceberg.jdbc-catalog.catalog-name": CATALOG,
            "iceberg.jdbc-catalog.default-warehouse-dir": "s3://lakes/lake",
        }
    _write(folder / "catalog" / "lake.properties", {
        "connector.name": "iceberg",
        **of_catalog,
        "fs.native-s3.enabled": "true",
        "s3.endpoint": s3.endpoint,
        "s3.region": "us-east-1",
        "s3.path-style-access": "true",
        "s3.aws-access-key": s3.key,
        "s3.aws-secret-key": s3.secret,
    })  # fmt: skip
    command = [
        java, "-Xmx1200m", "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow", "--add-modules=jdk.incubator.vector",
        "-Djdk.attach.allowAttachSelf=true", f"-Dconfig={folder / 'config.properties'}",
        "-cp", f"{home}/lib/*", "io.trino.server.TrinoServer",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        found = Trino(port)
        _wait(found, process, folder / "log")
        yield found
    finally:
        process.kill()
        process.wait()


def _write(path: Path, properties: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))


def _wait(server: Trino, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, TrinoError):  # it refuses queries while it starts
            server.query("SELECT 1")
            return
        time.sleep(0.3)
    raise CannotStartError(f"Trino does not start:\n{log.read_text(errors='replace')[-2000:]}")
