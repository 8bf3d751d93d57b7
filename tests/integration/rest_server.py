"""Iceberg's own REST catalog for tests, over a catalog in SQLite, on a free port of this machine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from tests.integration.engines import SQLITE, class_path_of
from tests.integration.nodes import CannotStartError, find_java
from tests.integration.s3_server import S3Server, free_port

_ICEBERG = "1.10.0"  # the last whose REST catalog for tests can be had
_JARS = (
    ("org.apache.iceberg", "iceberg-core", _ICEBERG, "jar", ""),
    ("org.apache.iceberg", "iceberg-core", _ICEBERG, "jar", "tests"),
    ("org.apache.iceberg", "iceberg-open-api", _ICEBERG, "jar", "test-fixtures"),
    ("org.eclipse.jetty", "jetty-servlet", "11.0.25", "jar", ""),
    ("org.xerial", "sqlite-jdbc", SQLITE, "jar", ""),
    ("org.apache.hadoop", "hadoop-client-api", "3.4.1", "jar", ""),
    ("org.apache.hadoop", "hadoop-client-runtime", "3.4.1", "jar", ""),
    ("org.junit.jupiter", "junit-jupiter-api", "5.13.4", "jar", ""),
    ("org.assertj", "assertj-core", "3.27.3", "jar", ""),
)
_S3_JARS = tuple(("org.apache.iceberg", name, _ICEBERG, "jar", "") for name in ("iceberg-aws", "iceberg-aws-bundle"))
_START_SECONDS = 120


@contextmanager
def rest_server(properties: Mapping[str, str], log: Path, *, on_s3: bool = False) -> Iterator[str]:
    """Start a server; gives its URI, and ends it in the end.

    Args:
        properties: of the catalog that it stands in front of, as Iceberg's Java names them.
        log: what it says goes here.
        on_s3: whether its tables lie on S3.

    Raises:
        CannotStartError: if this machine lacks what it needs.
    """
    java, port = find_java(17), free_port()
    path = class_path_of((*_JARS, *(_S3_JARS if on_s3 else ())))
    command = [java, "-Xmx300m", "-XX:+UseSerialGC", "-cp", path, str(Path(__file__).with_name("RestCatalog.java"))]
    command += [str(port), *(f"{name}={value}" for name, value in properties.items())]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                urlopen(f"http://127.0.0.1:{port}/v1/config", timeout=10).close()
                break
            except OSError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise CannotStartError(f"the REST catalog does not start: {log.read_text()[-1000:]}") from error
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@contextmanager
def of_lake(lake: Path, log: Path) -> Iterator[str]:
    """A server in front of a local lake's own catalog."""
    properties = {
        "type": "jdbc", "uri": f"jdbc:sqlite:{lake}/catalog.sqlite", "jdbc.schema-version": "V1",
        "warehouse": str(lake), "io-impl": "org.apache.iceberg.hadoop.HadoopFileIO",
    }  # fmt: skip
    with rest_server(properties, log) as uri:
        yield uri


@contextmanager
def on_s3(s3: S3Server, bucket: str, folder: Path) -> Iterator[str]:
    """A server whose tables lie on S3, and whose catalog is a new SQLite file in a folder."""
    properties = {
        "type": "jdbc", "uri": f"jdbc:sqlite:{folder}/rest.sqlite", "jdbc.schema-version": "V1",
        "warehouse": f"s3://{bucket}", "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "s3.endpoint": s3.endpoint, "s3.path-style-access": "true", "client.region": "us-east-1",
        "s3.access-key-id": s3.key, "s3.secret-access-key": s3.secret,
    }  # fmt: skip
    with rest_server(properties, folder / "rest.log", on_s3=True) as uri:
        yield uri
