"""A proxy that stands before a search server and does harm on purpose."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import threading
import time
from base64 import b64encode
from collections import Counter
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
        kind: see `kind_of`.
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


@dataclass(frozen=True)
class Request:
    """A request that came, and when (by the monotonic clock, in seconds)."""

    kind: str
    at: float
    path: str
    body: bytes


def kind_of(method: str, path: str, body: bytes) -> str:
    """The purpose of a request."""
    if "/_search/scroll" in path:
        return "close" if method == "DELETE" else "scroll"
    if "/_search?" in path:
        return "search" if "scroll=" in path else "count" if b'"size": 0' in body else "other"
    names = {"/_refresh": "refresh", "/_stats": "stats", "/_search_shards": "shards", "/_cluster/health": "health"}
    return next((kind for name, kind in names.items() if name in path), "other")


@dataclass
class Proxy:
    """A running proxy.

    Attributes:
        port: where it listens, on 127.0.0.1.
        harms: what is done to the n-th request of a kind, or (number 0) to each of them.
        fired: kinds and numbers of the requests that were harmed.
        requests: all that came.
        most_open: scrolls that were open at once, at the most.
        password: user and password that each request must bring; None lets everyone in.
    """

    target: int
    is_tls: bool = False
    port: int = 0
    harms: dict[tuple[str, int], Harm] = field(default_factory=dict)
    fired: list[tuple[str, int]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    most_open: int = 0
    password: tuple[str, str] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    _open: int = 0

    @property
    def uri(self) -> str:
        """How logpress is told of it."""
        return (
            f"opensearch+https://localhost:{self.port}" if self.is_tls else f"opensearch+http://127.0.0.1:{self.port}"
        )

    @property
    def seen(self) -> Counter[str]:
        """How many requests of each kind there were."""
        return Counter(request.kind for request in self.requests)

    def exchange(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Exchange:
        """Pass a request on, or do harm."""
        kind = kind_of(method, path, body or b"")

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
            self.requests.append(Request(kind, time.monotonic(), path, body or b""))
            made = Exchange(self.seen[kind], kind, forward)
            self._open += kind == "search"
            self.most_open = max(self.most_open, self._open)
            harm = self.harms.get((kind, made.number)) or self.harms.get((kind, 0))
            if harm is not None:
                self.fired.append((kind, made.number))
        if harm is not None:
            harm(made)
        else:
            made.status, made.data = forward()
        if kind == "close" or (kind == "search" and made.status >= 300):
            with self.lock:
                self._open -= 1
        return made

    def lets_in(self, authorization: str | None) -> bool:
        """Whether a request may pass."""
        if self.password is None:
            return True
        return authorization == "Basic " + b64encode(":".join(self.password).encode()).decode()


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


def certified(folder: Path) -> ssl.SSLContext:
    """TLS with a certificate for `localhost` that an authority has signed: `authority` in the folder."""

    def openssl(*arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    folder.mkdir(exist_ok=True)
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "authority-key",
            "-out", folder / "authority", "-days", "1", "-subj", "/CN=An authority of our own")  # fmt: skip
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key", "-out", folder / "request",
            "-subj", "/CN=localhost")  # fmt: skip
    openssl("x509", "-req", "-in", folder / "request", "-CA", folder / "authority", "-CAkey", folder / "authority-key",
            "-CAcreateserial", "-out", folder / "cert", "-days", "1", "-extfile", folder / "names")  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    return context


@contextmanager
def proxied(
    target: int, certificate_folder: Path | None = None, context: ssl.SSLContext | None = None
) -> Iterator[Proxy]:
    """A proxy before the server at a port.

    With a folder, it speaks TLS with a certificate that no authority has signed, which lies there; or with one given.
    """
    if certificate_folder is not None:
        context = self_signed(certificate_folder)
    proxy = Proxy(target, is_tls=context is not None)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            if not proxy.lets_in(self.headers["Authorization"]):
                self.send_error(401)
                return
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
    if context is not None:
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
