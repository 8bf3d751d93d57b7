"""What a storage's errors mean, in one line each, with what to do: S3's answers, and connections that are not made."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from logpress.errors import RefusedError, SourceError
from logpress.sources.stored import is_local, sentence

_KEYS = "see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile, or the Airflow connection aws_default"
_REGION = "the bucket lies in another region, or at another server; see AWS_DEFAULT_REGION and AWS_ENDPOINT_URL"
_PERMISSION = "see that the credentials are right, and may list the bucket and get its objects (and decrypt them)"

_ADVICE = {
    "InvalidAccessKeyId": f"the credentials are not known there; {_KEYS}",
    "SignatureDoesNotMatch": f"the credentials are wrong; {_KEYS}",
    "AccessDenied": _PERMISSION,
    "AllAccessDisabled": _PERMISSION,
    "Forbidden": _PERMISSION,
    "403": _PERMISSION,
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it",
    "InvalidToken": f"AWS_SESSION_TOKEN does not belong to the other credentials; {_KEYS}",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "301": _REGION,
}
"""What to do about answers that stay the same however often one asks.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired")
_EXPIRED_ADVICE = "the credentials were for a while only, which is over: get new ones"
_MISSING_KEYS = ("NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError", "SSOTokenLoadError")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or getattr(error, "os_error", None) or error.__context__


def answer_of(error: BaseException) -> dict[str, Any]:
    """What S3 answered, if an error comes from an answer."""
    for found in _chain(error):
        response = getattr(found, "response", None)
        if isinstance(response, dict):
            return response
    return {}


def error_code(error: BaseException) -> str:
    """The code of S3's answer, as `NoSuchBucket`; empty if the error comes from elsewhere."""
    return str(answer_of(error).get("Error", {}).get("Code", ""))


def source_error(uri: str, done: str, error: BaseException) -> SourceError:
    """An error of a storage's own client as one line that says what, where, and what to do.

    Args:
        uri: what could not be got at.
        done: what was to be done to it: `read` or `listed`.
        error: what was raised.

    Returns:
        RefusedError where asking again would end the same way.
    """
    code = error_code(error)
    told = f"{uri}: cannot be {done}: "
    if code in _EXPIRED:
        return SourceError(f"{told}{_said(error)}; {_EXPIRED_ADVICE}")
    if code in _ADVICE:
        return RefusedError(f"{told}{_said(error)}; {_ADVICE[code]}")
    for found in _chain(error):
        if isinstance(found, ssl.SSLCertVerificationError):
            untrusted = re.search(r"certificate verify failed: (.*?)(?: \(_ssl|$)", str(found))
            why = f"the server's certificate is not trusted ({untrusted[1] if untrusted else sentence(found)})"
            return RefusedError(f"{told}{why}; set AWS_CA_BUNDLE to the file of the authority that signed it")
        if isinstance(found, ssl.SSLError):
            return RefusedError(f"{told}the server does not speak TLS; see AWS_ENDPOINT_URL")
        if isinstance(found, socket.gaierror):
            return SourceError(f"{told}cannot connect: no host of that name is known; see AWS_ENDPOINT_URL")
        if isinstance(found, ConnectionRefusedError):
            return SourceError(f"{told}cannot connect: connection refused; see AWS_ENDPOINT_URL, and the network")
        if type(found).__name__ in _MISSING_KEYS:  # of a client that may not be installed
            return RefusedError(f"{told}no credentials were found; {_KEYS}")
    if isinstance(error, PermissionError) and not is_local(uri):
        return RefusedError(f"{told}{sentence(error)}; {_PERMISSION}")
    return SourceError(f"{told}{sentence(error)}")


def _said(error: BaseException) -> str:
    """S3's own message, without its full stop."""
    message = str(answer_of(error).get("Error", {}).get("Message", "")) or sentence(error)
    return re.sub(r"\s+", " ", message).strip().rstrip(".")[:300]
