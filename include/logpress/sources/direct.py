"""Ranges of S3 objects straight into a buffer: requests are made and signed by the S3 client, and sent from here.

The client's own way, through an event loop and chunks that are copied twice, takes two to three times the processor
time: measured, 1.2 s a GB against 0.5 s. Whatever is not an ordinary answer is left to the client: its errors,
redirects and settings stay what they are.
"""

from __future__ import annotations

import http.client
import os
import ssl
import threading
import time
import urllib.request
from collections import defaultdict
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

IDLE_SECONDS = 4.0
"""A connection that has waited longer is not used again: servers close theirs after 5 seconds and more."""

TIMEOUT_SECONDS = 60.0

SIGNATURE_SECONDS = 300.0
"""How long a signature is used; S3 takes it for 15 minutes."""

_Key = tuple[str, str, int | None]
_captures: ContextVar[bool] = ContextVar("captures", default=False)


class _Prepared(BaseException):
    """Carries a signed request past the client's own sending and its retries."""

    def __init__(self, request: Any) -> None:
        super().__init__()
        self.request = request


def _capture(request: Any, **_: Any) -> None:
    """A handler of the client's event `before-send`."""
    if _captures.get():
        raise _Prepared(request)


class _Connections:
    """Connections that wait for another request; shared by threads, not by processes."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin with none, as in a process that was forked: its parent goes on with them."""
        self._lock = threading.Lock()
        self._idle: dict[_Key, list[tuple[float, http.client.HTTPConnection]]] = defaultdict(list)

    def take(self, key: _Key) -> http.client.HTTPConnection | None:
        """One that is not too old; None if there is none."""
        now = time.monotonic()
        with self._lock:
            while self._idle[key]:
                since, connection = self._idle[key].pop()
                if now - since < IDLE_SECONDS:
                    return connection
                connection.close()
        return None

    def give_back(self, key: _Key, connection: http.client.HTTPConnection) -> None:
        """Keep one for the next request."""
        with self._lock:
            self._idle[key].append((time.monotonic(), connection))


_connections = _Connections()
os.register_at_fork(after_in_child=_connections.forget)


class Answer:
    """A part of an object on its way.

    Attributes:
        etag: of the object.
        content_range: which part it is, and how long the object.
    """

    def __init__(self, key: _Key, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._key = key
        self._connection = connection
        self._response = response
        self.status = response.status
        self.etag = response.getheader("ETag")
        self.content_range = response.getheader("Content-Range", "")

    def readinto(self, view: memoryview) -> int:
        """Fill a part of a buffer; 0 at the end, or where the connection broke."""
        return self._response.readinto(view)

    def close(self) -> None:
        """Let go of it; its connection is kept if all of it was read."""
        is_free = self._response.isclosed() and not self._response.will_close
        self._response.close()
        if is_free:
            _connections.give_back(self._key, self._connection)
        else:
            self._connection.close()


class Direct:
    """Sends requests for one object.

    The client signs one for the whole object. Which range is wanted, and of which version, is said in headers that need
    no signature (RFC 9110; SigV4 asks for `host` and `x-amz-*`).

    Args:
        filesystem: s3fs's.
        parameters: of `get_object`.
    """

    def __init__(self, filesystem: Any, parameters: dict[str, str]) -> None:
        self._filesystem = filesystem
        self._parameters = parameters
        self._context: ssl.SSLContext | None = None
        self._request: Any = None
        self._signed_at = -SIGNATURE_SECONDS

    def get(self, wanted: str, etag: str | None) -> Answer | None:
        """Send a request for a range.

        Args:
            wanted: the range, as `bytes=0-99`.
            etag: of the version; None for any.

        Returns:
            What was answered; None if it is left to the client: it was refused, no connection could be made, or the
            client has settings that only it knows.

        Raises:
            OSError: if the server is busy or ill.
        """
        from fsspec.asyn import sync

        now = time.monotonic()
        if now - self._signed_at >= SIGNATURE_SECONDS:
            self._request, self._signed_at = sync(self._filesystem.loop, self._signed), now
        if self._request is None:
            return None
        url = urlsplit(self._request.url)
        target = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
        headers = {str(name): _text(value) for name, value in self._request.headers.items()} | {"Range": wanted}
        if etag is not None:
            headers["If-Match"] = etag
        try:
            answer = self._send((url.scheme, url.hostname or "", url.port), target, headers)
        except (OSError, http.client.HTTPException):
            return None
        begin = wanted.partition("-")[0].replace("=", " ")
        if answer.status == http.HTTPStatus.PARTIAL_CONTENT and answer.content_range.startswith(f"{begin}-"):
            return answer
        answer.close()
        self._signed_at = -SIGNATURE_SECONDS
        if answer.status >= 500 or answer.status == http.HTTPStatus.TOO_MANY_REQUESTS:
            raise OSError(f"the server answers {answer.status} {http.client.responses.get(answer.status, '')}".rstrip())
        return None

    def _send(self, key: _Key, target: str, headers: dict[str, str]) -> Answer:
        while True:
            kept = _connections.take(key)
            connection = kept or self._connect(key)
            try:
                connection.request("GET", target, headers=headers)
                return Answer(key, connection, connection.getresponse())
            except (OSError, http.client.HTTPException):
                connection.close()
                if kept is None:  # else the server has closed it meanwhile
                    raise

    def _connect(self, key: _Key) -> http.client.HTTPConnection:
        scheme, host, port = key
        if scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=self._context)
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)

    async def _signed(self) -> Any:
        """The request that the client would send; None if only the client can."""
        await self._filesystem.set_session()
        client = await self._filesystem.get_s3(self._parameters["Bucket"])
        if not self._is_plain():
            return None
        client.meta.events.register("before-send.s3.GetObject", _capture, unique_id="logpress-capture")
        token = _captures.set(True)
        try:
            response = await self._filesystem._call_s3("get_object", **self._parameters)
        except _Prepared as prepared:
            request = prepared.request
        else:  # a client that has no such event
            response["Body"].close()
            return None
        finally:
            _captures.reset(token)
        url = urlsplit(request.url)
        if url.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(url.hostname or ""):
            return None
        if url.scheme == "https" and self._context is None:
            from botocore.httpsession import get_cert_path

            bundle = self._filesystem.session.get_config_variable("ca_bundle")
            self._context = ssl.create_default_context(cafile=bundle or get_cert_path(True))
        return request

    def _is_plain(self) -> bool:
        """Whether the file system says nothing of how connections are made."""
        clients = {"verify", "use_ssl"} & set(self._filesystem.client_kwargs)
        configured = {"proxies", "proxies_config", "client_cert"} & set(self._filesystem.config_kwargs)
        return not clients and not configured


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
