"""A proxy that stands before a search server and does harm on purpose."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Harm = Callable[["Exchange"], None]


@dataclass
class Exchange:
    """One request and its answer, which a harm may change or withhold.

    Attributes:
        number: of the request among those of its kind, from 1.
        kind: `search` (the first page), `scroll` (a following page), `close` or `other`.
    """

    number: int
    kind: str
    forward: Callable[[], tuple[int, bytes]]
    status: int = 200
    data: bytes = b""
    cut_at: int | None = None
    dropped: bool = False


def answer(status: int, text: bytes = b"busy") -> Harm:
    """An answer that the server never gave."""

    def harm(exchange: Exchange) -> None:
        exchange.status, exchange.data = status, text

    return harm


def drop(exchange: Exchange) -> None:
    """The server gives the page, and the connection breaks before a byte of it comes."""
    exchange.forward()
    exchange.dropped = True


def cut(exchange: Exchange) -> None:
    """The connection breaks in the middle of the page."""
    exchange.status, exchange.data = exchange.forward()
    exchange.cut_at = len(exchange.data) // 2


def late(seconds: float) -> Harm:
    """The server gives the page, and it comes when no one waits for it any more."""

    def harm(exchange: Exchange) -> None:
        exchange.status, exchange.data = exchange.forward()
        time.sleep(seconds)

    return harm


def meanwhile(do: Callable[[], object]) -> Harm:
    """Something happens to the server, and then the request goes on."""

    def harm(exchange: Exchange) -> None:
        do()
        exchange.status, exchange.data = exchange.forward()

    return harm


def changed(change: Callable[[bytes], bytes]) -> Harm:
    """The page is not what the server gave."""

    def harm(exchange: Exchange) -> None:
        exchange.status, data = exchange.forward()
        exchange.data = change(data)

    return harm


@dataclass
class Proxy:
    """A running proxy.

    Attributes:
        port: where it listens, on 127.0.0.1.
        harms: what is done to the n-th request of a kind, or (number 0) to each of them.
        seen: how many requests of each kind there were.
    """

    target: int
    port: int = 0
    harms: dict[tuple[str, int], Harm] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def uri(self) -> str:
        return f"opensearch+http://127.0.0.1:{self.port}"

    def exchange(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Exchange:
        """Pass a request on, or do harm."""
        kind = "other"
        if "/_search/scroll" in path:
            kind = "close" if method == "DELETE" else "scroll"
        elif "scroll=" in path:
            kind = "search"

        def forward() -> tuple[int, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=60)
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                return response.status, response.read()
            except OSError as error:
                return 502, str(error).encode()
            finally:
                connection.close()

        with self.lock:
            self.seen[kind] = self.seen.get(kind, 0) + 1
            made = Exchange(self.seen[kind], kind, forward)
        harm = self.harms.get((kind, made.number)) or self.harms.get((kind, 0))
        if harm is not None:
            harm(made)
        else:
            made.status, made.data = forward()
        return made


def self_signed(folder: Path) -> ssl.SSLContext:
    """TLS with a certificate that no authority has signed: `cert` in the folder, for `localhost`."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key", "-out", folder / "cert",
         "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    return context


@contextmanager
def proxied(target: int, certificate_folder: Path | None = None) -> Iterator[Proxy]:
    """A proxy before the server at a port; with a folder, it speaks TLS, and its certificate lies there."""
    proxy = Proxy(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
            done = proxy.exchange(self.command, self.path, headers, body)
            if done.dropped:
                self.close_connection = True
                return
            try:
                self.send_response(done.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(done.data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(done.data[: done.cut_at])
                self.close_connection = done.cut_at is not None
            except OSError:  # no one waits for it any more
                self.close_connection = True

        do_GET = do_HEAD = do_POST = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate_folder is not None:
        context = self_signed(certificate_folder)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *args: None  # type: ignore[method-assign]  # of clients that do not trust it
    proxy.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
