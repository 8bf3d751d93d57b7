"""Where lakes lie while they are disturbed: a small disk of their own, or a bucket with a catalog in PostgreSQL.

A place is filled once, and then reset to that before each run. It can be harmed for real: the disk is full, the catalog
takes no writes, the object store does not answer.
"""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from tests.integration.postgres_server import postgres_server
from tests.integration.s3_server import Proxy, s3_server, stop

DISK_BYTES = 64 << 20
_SPARE_BYTES = 8 << 10
_BLOCK_BYTES = 64 << 10


class Place(Protocol):
    """Where a lake lies."""

    lake: str
    other: str
    """A second lake, into which the first is copied."""

    environment: Mapping[str, str]
    harms: tuple[str, ...]

    def save(self, name: str) -> None:
        """Keep what lies here now under a name."""

    def reset(self, name: str | None) -> None:
        """Let only what was saved under a name lie here; nothing if None."""

    def lose_catalog(self) -> None:
        """Take all tables out of the catalog."""

    def harm(self, kind: str) -> None:
        """Do harm; it stays until `heal`."""

    def heal(self) -> None:
        """Undo all harm."""


class Disk:
    """A file system in memory, so that it can be full."""

    harms: tuple[str, ...] = ("kill", "full disk", "read-only catalog")
    environment: Mapping[str, str] = {}

    def __init__(self, home: Path) -> None:
        self._root, self._saved = home / "disk", home / "saved"
        self._root.mkdir()
        self._saved.mkdir()
        _run("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(self._root))
        self.lake, self.other = str(self._root / "lake"), str(self._root / "other")

    def close(self) -> None:
        """Take the file system away."""
        self.heal()
        _run("umount", str(self._root))

    def save(self, name: str) -> None:
        """Keep what lies here now under a name; hard links stay such."""
        _run("cp", "-a", f"{self._root}/.", str(self._saved / name))

    def reset(self, name: str | None) -> None:
        """Let only what was saved under a name lie here."""
        for path in self._root.iterdir():
            shutil.rmtree(path)
        if name is not None:
            _run("cp", "-a", f"{self._saved / name}/.", str(self._root))

    def lose_catalog(self) -> None:
        """Remove the lake's own catalog."""
        os.remove(self._catalog)

    def harm(self, kind: str) -> None:
        """Do harm; it stays until `heal`."""
        if kind == "full disk":
            block, full = bytes(_BLOCK_BYTES), self._root / "full"
            with suppress(OSError), full.open("wb", buffering=0) as file:
                while file.write(block):
                    pass
            os.truncate(full, max(0, full.stat().st_size - _SPARE_BYTES))
        elif kind == "read-only catalog" and os.path.exists(self._catalog):
            _run("mount", "--bind", self._catalog, self._catalog)
            _run("mount", "-o", "remount,ro,bind", self._catalog)

    def heal(self) -> None:
        """Undo all harm."""
        (self._root / "full").unlink(missing_ok=True)
        if os.path.ismount(self._catalog) or self._catalog in Path("/proc/self/mounts").read_text():
            _run("umount", self._catalog)

    @property
    def _catalog(self) -> str:
        return f"{self.lake}/catalog.sqlite"


class Bucket:
    """A bucket of a real S3 server behind a proxy, and a catalog in a real PostgreSQL."""

    harms: tuple[str, ...] = ("kill", "lost S3", "read-only catalog")
    environment: Mapping[str, str]

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self._home = home
        server, self._uri = stack.enter_context(s3_server(home / "s3")), stack.enter_context(postgres_server())
        self._proxy, port = stack.enter_context(_proxy(server.port))
        self.lake, self.other = "s3://disturbed/lake", "s3://disturbed/other"
        self.environment = {
            **server.environment,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_MAX_ATTEMPTS": "2",
            "LOGPRESS_CATALOG_URI": self._uri,
            "LOGPRESS_CATALOG_S3__CONNECT_TIMEOUT": "2",
        }
        self._client.create_bucket(Bucket="disturbed")

    @property
    def _client(self) -> Any:
        import boto3

        said = self.environment
        return boto3.client(
            "s3", endpoint_url=said["AWS_ENDPOINT_URL"], aws_access_key_id=said["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=said["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1",
        )  # fmt: skip

    def save(self, name: str) -> None:
        """Keep all objects and the catalog's rows under a name."""
        client = self._client
        objects = {key: client.get_object(Bucket="disturbed", Key=key)["Body"].read() for key in _keys(client)}
        (self._home / name).write_bytes(pickle.dumps((objects, self._sql("SELECT * FROM iceberg_tables"))))

    def reset(self, name: str | None) -> None:
        """Let only what was saved under a name lie here."""
        client = self._client
        for key in _keys(client):
            client.delete_object(Bucket="disturbed", Key=key)
        client.delete_bucket(Bucket="disturbed")  # with the empty folders that this server lists
        client.create_bucket(Bucket="disturbed")
        with suppress(Exception):  # before anything was published, there are no tables
            self.lose_catalog()
        if name is None:
            return
        objects, rows = pickle.loads((self._home / name).read_bytes())
        for key, data in objects.items():
            client.put_object(Bucket="disturbed", Key=key, Body=data)
        for row in rows:
            self._sql(f"INSERT INTO iceberg_tables VALUES ({', '.join(['%s'] * len(row))})", tuple(row))

    def lose_catalog(self) -> None:
        """Take all tables out of the catalog."""
        self._sql("DELETE FROM iceberg_tables")

    def harm(self, kind: str) -> None:
        """Do harm; it stays until `heal`."""
        if kind == "lost S3":
            os.kill(self._proxy, signal.SIGUSR1)
            time.sleep(0.05)
        elif kind == "read-only catalog":
            self._read_only("on")

    def heal(self) -> None:
        """Undo all harm."""
        os.kill(self._proxy, signal.SIGUSR2)
        self._read_only("off")
        time.sleep(0.05)

    def _read_only(self, said: str) -> None:
        self._sql(f"ALTER SYSTEM SET default_transaction_read_only = {said}")
        self._sql("SELECT pg_reload_conf()")

    def _sql(self, text: str, values: tuple[Any, ...] | None = None) -> list[Any]:
        import psycopg2  # type: ignore[import-untyped]

        connection = psycopg2.connect(self._uri.replace("+psycopg2", ""))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


def _keys(client: Any) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="disturbed")
    return [item["Key"] for page in pages for item in page.get("Contents", ())]


@contextmanager
def _proxy(port: int) -> Iterator[tuple[int, int]]:
    """A proxy before a server, in a process of its own: its id and port. SIGUSR1 cuts it off, SIGUSR2 ends that."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        own = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.disturbed.places", str(port), str(own)]
    process = subprocess.Popen(command)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", own)).close()
                break
            time.sleep(0.1)
        yield process.pid, own
    finally:
        stop(process)


def _serve_proxy(port: int, own: int) -> None:
    proxy = Proxy(port, own)

    def cut(*_: object) -> None:
        proxy.is_lost = True
        proxy.drop()

    def heal(*_: object) -> None:
        proxy.is_lost = False

    signal.signal(signal.SIGUSR1, cut)
    signal.signal(signal.SIGUSR2, heal)
    while True:
        signal.pause()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    _serve_proxy(*map(int, sys.argv[1:]))
