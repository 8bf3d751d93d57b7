"""One connection to a cluster: requests whose answers stay bytes, and errors that are one sentence.

opensearch-py makes the connection (TLS, passwords, AWS signatures). Its transport is left out on purpose: it sends a
request again after 502, 503 and 504, and a scroll that is continued twice skips a page.
"""

from __future__ import annotations

import json
import os
import re
import ssl
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import urllib3
from numpy.typing import NDArray
from opensearchpy import Urllib3AWSV4SignerAuth, Urllib3HttpConnection
from urllib3.exceptions import (
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    SSLError,
    TimeoutError,
)
from urllib3.response import BaseHTTPResponse

from logpress.contract.source import ClusterSource
from logpress.errors import AbsentError, BrokenOffError, RefusedError, SourceError, UsageError
from logpress.sources.search.address import Address

BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""Answers of a cluster, or of what stands before it, that is overloaded, restarting or in trouble."""

_NEVER = urllib3.Retry(False)

_PIECE_BYTES = 512 << 10
"""What is read of an answer at a time: it is still in the cache when it is put where it belongs."""

_MOST_AHEAD = 64 << 20
"""What room is made for because an answer says that it is so long; a longer one has to come first."""

_MOST_SAID = 16 << 20
"""What is read of an error."""

Room = Callable[[int], NDArray[np.uint8]]
Answer = TypeVar("Answer")


class MissingIndexError(AbsentError):
    """There is no such index."""


class ForbiddenError(RefusedError):
    """The user lacks a permission, or the index a right."""


class BusyError(BrokenOffError):
    """The cluster answers that it has too much to do, or is in trouble."""


class EndlessError(BrokenOffError):
    """An answer is longer than was to be read of it.

    Attributes:
        begin: what was read of it.
    """

    def __init__(self, message: str, begin: bytes) -> None:
        super().__init__(message)
        self.begin = begin


class ExpiredError(BrokenOffError):
    """The cluster does not know a scroll any more."""


class Cluster:
    """A cluster. May be used by several threads at once."""

    def __init__(self, address: Address, source: ClusterSource) -> None:
        self.address = address.whole
        self._timeout = source.timeout_seconds
        self._connection = Urllib3HttpConnection(
            host=address.host,
            port=address.port,
            use_ssl=address.is_tls,
            verify_certs=True,
            ca_certs=_authorities(),
            http_auth=_credentials(address, source),
            pool_maxsize=source.scrolls_at_a_time + 1,
            timeout=source.timeout_seconds,
        )
        self._headers = {"content-type": "application/json"}
        if source.compressed:
            self._headers["accept-encoding"] = "gzip"

    def close(self) -> None:
        """Let go of the connections."""
        self._connection.close()

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request once; its answer, read as JSON. For what is raised see `fetch`."""
        data = self.fetch(method, path, body)[0]
        try:
            return cast(dict[str, Any], json.loads(data))
        except ValueError as error:
            raise BrokenOffError(f"{self.address}: answers with something that is no JSON: {data[:80]!r}") from error

    def fetch(
        self, method: str, path: str, body: dict[str, Any] | None = None, most_bytes: int | None = None
    ) -> tuple[bytes, int]:
        """Send a request once, and never again.

        Args:
            method: of HTTP.
            path: with parameters.
            body: sent as JSON.
            most_bytes: how much is read of an answer, decompressed; None: all.

        Returns:
            The bytes of the answer, decompressed; and how many came over the network.

        Raises:
            BrokenOffError: if the cluster does not answer, or breaks off; BusyError if it has too much to do.
            RefusedError: if it refuses (password, permission, certificate, a request that it does not understand).
            EndlessError: if the answer is longer than `most_bytes`.
            ForbiddenError: if the user lacks a permission.
            MissingIndexError: if there is no such index.
        """

        def read(response: BaseHTTPResponse) -> tuple[bytes, int]:
            return self._read(response, most_bytes), response.tell()

        return self._send(method, path, body, read)

    def fetch_into(
        self, room: Room, method: str, path: str, body: dict[str, Any], most_bytes: int | None = None
    ) -> tuple[NDArray[np.uint8], int, int]:
        """Send a request once, and put the answer where there is room for it. For what is raised see `fetch`.

        Args:
            room: gives a buffer of at least so many bytes.
            method: of HTTP.
            path: with parameters.
            body: sent as JSON.
            most_bytes: how much is read of an answer, decompressed; None: all.

        Returns:
            The buffer; how many bytes of it the answer takes, decompressed; and how many came over the network.
        """

        def read(response: BaseHTTPResponse) -> tuple[NDArray[np.uint8], int, int]:
            length = getattr(response, "length_remaining", None)
            if not length or "content-encoding" in response.headers or length > (most_bytes or _MOST_AHEAD):
                data = self._read(response, most_bytes)
                buffer = room(len(data))
                buffer[: len(data)] = np.frombuffer(data, dtype=np.uint8)
                return buffer, len(data), response.tell()
            buffer, done = room(length), 0
            while done < length:
                piece = response.read(min(_PIECE_BYTES, length - done), decode_content=False)
                if not piece:
                    raise ProtocolError(f"{length - done:,} bytes of the answer are missing")
                buffer[done : done + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
                done += len(piece)
            return buffer, length, length

        return self._send(method, path, body, read)

    def _read(self, response: BaseHTTPResponse, most_bytes: int | None) -> bytes:
        data = response.read(None if most_bytes is None else most_bytes + 1, decode_content=True)
        if most_bytes is not None and len(data) > most_bytes:
            raise EndlessError(f"{self.address}: an answer is longer than {most_bytes:,} bytes", data)
        return data

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, read: Callable[[BaseHTTPResponse], Answer]
    ) -> Answer:
        connection = self._connection
        text = None if body is None else json.dumps(body).encode()
        headers = {**connection.headers, **self._headers}
        if callable(connection.http_auth):
            headers.update(connection.http_auth(method, connection.host + path, text))
        try:
            if connection.pool is None:  # closed, while a thread waited for an answer that no one wants any more
                raise BrokenOffError(f"{self.address}: the connection was closed")
            response = connection.pool.urlopen(
                method, path, text, headers=headers, retries=_NEVER, timeout=self._timeout, preload_content=False
            )
            try:
                if response.status >= 300:
                    raise self._refusal(response.status, response.read(_MOST_SAID, decode_content=True))
                return read(response)
            except BaseException:
                response.close()  # what is not read of it would be taken for the next answer
                raise
            finally:
                response.release_conn()
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> SourceError:
        reason: BaseException = error
        while (inner := getattr(reason, "reason", None)) is not None and isinstance(inner, BaseException):
            reason = inner
        untrusted = re.search(r"certificate verify failed: (.*?)(?: \(_ssl|$)", str(reason))
        if untrusted:
            return RefusedError(
                f"{self.address}: its certificate is not trusted ({_plain(untrusted[1])}); set OPENSEARCH_CA_CERTS to "
                "the file of the authority that signed it"
            )
        if isinstance(error, SSLError) or isinstance(reason, ssl.SSLError):
            what = "does not speak TLS" if "WRONG_VERSION" in str(reason) else f"TLS fails: {_plain(reason)}"
            return RefusedError(f"{self.address}: {what}; see whether the scheme is right")
        if isinstance(error, LocationParseError):
            return RefusedError(f"{self.address}: {_plain(error)}")
        if isinstance(reason, NameResolutionError):
            return BrokenOffError(f"{self.address}: no host of that name is known")
        if isinstance(reason, NewConnectionError):
            return BrokenOffError(f"{self.address}: cannot be reached: {_plain(reason.__cause__ or reason)}")
        if isinstance(reason, TimeoutError):
            return BrokenOffError(f"{self.address}: no answer came within {self._timeout:g} seconds")
        return BrokenOffError(f"{self.address}: the connection broke off: {_plain(reason)}")

    def _refusal(self, status: int, data: bytes) -> SourceError:
        kind, reason = _said(data)
        told = f"{self.address}: the cluster answers {status}: {reason}"
        if status == 401:
            return RefusedError(
                f"{self.address}: the cluster wants a user and password, or does not know those given; see "
                "OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD, or the Airflow connection opensearch_default"
            )
        if status == 403:
            return ForbiddenError(f"{self.address}: {_forbidden(reason)}")
        if status == 404 and kind == "index_not_found_exception":
            return MissingIndexError(f"{self.address}: there is no such index")
        if kind == "index_closed_exception":
            return RefusedError(
                f"{self.address}: the index, or one that the name means, is closed; open it (POST .../_open)"
            )
        if kind == "search_context_missing_exception" or (status == 404 and "search context" in reason):
            return ExpiredError(
                f"{self.address}: a scroll is not known any more: a node restarted, or `source.keep_alive` is too short"
            )
        if status in BUSY or kind == "circuit_breaking_exception":
            return BusyError(told)
        return RefusedError(told)


_SIGNING = re.compile(r"security token|signature|access key|credential", re.IGNORECASE)
_TIMES = re.compile(r"signature (not yet current|expired)|signed.*time", re.IGNORECASE)


def _forbidden(reason: str) -> str:
    """What an answer 403 means: Amazon gives it to wrong signatures too."""
    if _TIMES.search(reason):
        return f"the request's signature is of another time: {reason}; see that this machine's clock is right"
    if _SIGNING.search(reason):
        return (
            f"the AWS credentials are refused: {reason}; get new ones (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
            "AWS_SESSION_TOKEN, the profile, or the Airflow connection aws_default)"
        )
    return f"the user given lacks a permission: {reason}"


def _authorities() -> str | None:
    path = os.environ.get("OPENSEARCH_CA_CERTS") or None
    if path is not None and not os.path.isfile(path):
        raise UsageError(f"OPENSEARCH_CA_CERTS: {path} is no file")
    return path


def _credentials(address: Address, source: ClusterSource) -> Any:
    """What opensearch-py takes as `http_auth`."""
    if source.aws or os.environ.get("OPENSEARCH_AUTH", "") == "aws":
        from botocore.session import get_session

        session = get_session()
        credentials = session.get_credentials()
        named = re.search(r"\.([a-z0-9-]+)\.(es|aoss)\.amazonaws\.com", address.host)
        region = session.get_config_variable("region") or (named[1] if named else None)
        if credentials is None or not region:
            what = "credentials" if credentials is None else "region (set AWS_DEFAULT_REGION)"
            raise RefusedError(f"{address.whole}: requests are to be signed for AWS, but no {what} can be found")
        return Urllib3AWSV4SignerAuth(credentials, region, named[2] if named else "es")
    user, password = os.environ.get("OPENSEARCH_USERNAME"), os.environ.get("OPENSEARCH_PASSWORD")
    if not user and not password:
        return None
    if not user or password is None:
        raise UsageError("OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD are set both, or neither")
    return (user, password)


def _said(data: bytes) -> tuple[str, str]:
    """Kind and reason of an error, as the cluster gives them; the root cause, where there is one."""
    try:
        answer = json.loads(data)
        message = answer.get("message") or answer.get("Message")  # what stands before Amazon's service
        if "error" not in answer and message:
            return "", _plain(str(message)).rstrip(".")
        error = answer["error"]
        if isinstance(error, str):
            return "", error
        causes = [
            *(failure.get("reason", {}) for failure in error.get("failed_shards", ())),
            *error.get("root_cause", ()),
        ]
        cause = causes[0] if causes else error
        return str(cause.get("type", "")), _plain(str(cause.get("reason") or error.get("reason") or cause.get("type")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", _plain(data[:200].decode(errors="replace")) or "nothing more"


def _plain(error: object) -> str:
    """One line, without the client's own objects."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = re.sub(r"<[^<>]* object at 0x[0-9a-f]+>:?|<[a-z/!][^<>]*>", "", text)
    return " ".join(text.split())[:300] or type(error).__name__
